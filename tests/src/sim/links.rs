//! The key of a node's links takes another's place, in good order or because it was stolen: the node shows the new one
//! from then on, whoever hears of its keyring puts out whoever shows the old one, and a thief of it knocks.
//!
//! As in a real node the new keyring lies beside the keys before it is in the journal, and stays there: what was
//! interrupted is finished at the next start, and a journal that was put back gets it again.

use std::time::Duration;

use comity_core::journal::{JournalEntry, RecordEntered, Source, Standing};
use comity_core::keyring::{DatedHead, Grant, KeyringBuilder, Revocation, Role, VerifiedKeyring};
use comity_core::partners::PartnerSet;
use comity_core::record::{VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Digest, KeyId, Kind, Timestamp, Tlp};
use comity_node::engine::CommandError;
use comity_proto::ConnId;
use comity_store::Store as _;

use super::event::Event;
use super::mutation::Mutation;
use super::node::{Promise, new_entry};
use super::watch::{Broken, broken};
use super::world::World;

/// What somebody shows who connects.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key of its handshake.
    pub key: KeyId,
    /// What its certificate carries.
    pub evidence: Vec<u8>,
}

/// What lies beside a node's journal of its keys, where no restore reaches it.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// A change that is under way: its keyring, and the key of the links that it grants, if that is a new one.
    next: Option<(VerifiedKeyring, Option<SecretKey>)>,
    /// The last keyring that entered.
    last: Option<VerifiedKeyring>,
    /// What was shown before.
    former: Vec<Shown>,
}

impl World {
    /// Something about the keys of links.
    pub(super) fn turn_links(&mut self, node: usize) -> Result<(), Broken> {
        match self.dice.below(10) {
            0..=4 => {
                let stolen = self.dice.percent(30);
                self.renew_link(node, stolen)
            }
            5..=6 => self.mislead(node),
            _ => self.knock(node),
        }
    }

    /// A new key for the links; every other ends, now or as one that was stolen some time ago.
    fn renew_link(&mut self, node: usize, stolen: bool) -> Result<(), Broken> {
        let (us, now) = (self.nodes[node].economy.id, self.now);
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let held = engine.state().keyring(&us).cloned();
        let Some(held) = held.filter(|_| engine.state().recovery().is_none()) else {
            return Ok(());
        };
        if self.nodes[node].hostile || self.is_turning(node) {
            return Ok(());
        }
        let ago = self.dice.millis(1..=60_000);
        let at = if stolen { now.saturating_sub(ago) } else { now };
        let seed: [u8; 32] = self.dice.bytes(32).try_into().expect("as many as asked for");
        let link = SecretKey::from_seed(&seed);
        let ends = held.grants().filter(|grant| grant.role == Role::Link).map(|grant| grant.key);
        let ends = ends.filter(|key| held.revocation(*key).is_none_or(|one| one.at > at));
        let grant = Grant::link(us, link.public(), TestEconomy::FROM, TestEconomy::UNTIL);
        let builder = ends.fold(KeyringBuilder::follow(&held).grant(grant), |builder, key| {
            builder.revoke(Revocation { key, at, compromised: stolen })
        });
        let keyring = builder.sign(&[&self.nodes[node].economy.root_of(&held)]);
        let keyring = keyring.map_err(|error| broken(0, format!("a bad keyring: {error}")))?;
        self.note(|| {
            let how = if stolen { "was stolen" } else { "takes leave" };
            format!("node {node}'s link key {how}: its keyring is at {}", keyring.version())
        });
        self.report.relinked += 1;
        self.nodes[node].misled = false;
        let body = keyring.encoded().to_vec();
        let record = control(Kind::Keyring, body, Tlp::Clear, &self.author(node), us, now);
        let record = record.map_err(|error| broken(0, format!("a bad control record: {error}")))?;
        self.watch.truth.note(&record, &[], true, None);
        self.enter_keyring(node, record, keyring, Some(link))
    }

    /// The hostile node has the key of somebody's links, and says with it which keyring is that one's newest: one that
    /// nobody has ever seen.
    fn mislead(&mut self, victim: usize) -> Result<(), Broken> {
        let thief = self.nodes.len() - 1;
        if !self.nodes[thief].hostile || self.nodes[victim].hostile {
            return Ok(());
        }
        let (us, by) = (&self.nodes[victim].economy, self.nodes[thief].economy.id);
        let engine = self.nodes[thief].engine.as_ref();
        let Some(held) = engine.and_then(|engine| engine.state().keyring(&us.id)) else {
            return Ok(());
        };
        let mut head = DatedHead::of(held, self.now);
        head.place.version += self.dice.within(0..=2);
        head.digest = Digest(self.dice.bytes(32).try_into().expect("as many as asked for"));
        let signed = head.sign(&us.link).encode();
        self.note(|| format!("node {thief} says that node {victim} is at {}", head.place));
        self.report.misled += 1;
        self.nodes[victim].misled = true;
        let delay = self.dice.millis(5_000..=60_000);
        self.later(delay, Event::Chore { node: victim });
        let entry = JournalEntry::Headed { signed, from: by, at: self.now };
        self.insert_entry(thief, &entry, Vec::new())
    }

    /// Whoever's key of links a thief has used hears of it, and ends it, if it is up to that now.
    pub(super) fn end_what_misleads(&mut self, node: usize) -> Result<(), Broken> {
        if self.nodes[node].misled { self.renew_link(node, true) } else { Ok(()) }
    }

    /// Whether a change of the keyring is under way: whoever signs the next is alone.
    pub(super) fn is_turning(&self, node: usize) -> bool {
        self.nodes[node].beside.next.is_some()
    }

    /// A keyring lies beside the keys before its entry is made.
    pub(super) fn enter_keyring(
        &mut self,
        node: usize,
        record: VerifiedRecord,
        keyring: VerifiedKeyring,
        link: Option<SecretKey>,
    ) -> Result<(), Broken> {
        if self.config.has_doors() {
            self.nodes[node].beside.next = Some((keyring, link));
        }
        let id = record.id();
        self.enter_as(node, record, Vec::new(), Promise::Keyring(id))
    }

    /// The keyring of a change is in the journal, or was refused. Of one that a broken store was handed nobody knows.
    pub(super) fn turned(&mut self, node: usize, refused: Option<&CommandError>) {
        if matches!(refused, Some(CommandError::Store(_))) {
            return;
        }
        let (now, of) = (self.now, &mut self.nodes[node]);
        let Some((keyring, link)) = of.beside.next.take() else { return };
        if refused.is_none() {
            of.go_by(keyring, link, now);
            let link = of.economy.link.clone();
            of.engine.iter_mut().for_each(|engine| engine.set_link_key(link.clone()));
        }
    }

    /// Before a start: what was interrupted is finished, and a journal that is older than the keys gets the keyring
    /// that grants them. Whether the node starts.
    pub(super) fn finish_links(&mut self, node: usize) -> Result<bool, Broken> {
        let beside = &self.nodes[node].beside;
        if beside.next.is_none() && beside.last.is_none() {
            return Ok(true);
        }
        let state = self.nodes[node].fold(None).map_err(|why| broken(2, why))?;
        let us = self.nodes[node].economy.id;
        let here = state.keyring(&us).cloned().ok_or_else(|| broken(2, "no keyring of its own"))?;
        let Beside { next, last, .. } = self.nodes[node].beside.clone();
        let kept = last.as_ref().is_some_and(|last| last.version() > here.version());
        let (next, link) = next.map_or((None, None), |(keyring, link)| (Some(keyring), link));
        let all = next.into_iter().chain(last).chain([here.clone()]);
        let newest = all.max_by_key(VerifiedKeyring::version).unwrap_or_else(|| here.clone());
        if newest.version() > here.version() {
            // What was kept the journal had once: it was put back, whether or not it knows.
            let restored = JournalEntry::Restored { at: self.now };
            let restored = (kept && state.recovery().is_none()).then_some(restored);
            let granted = |key: &&SecretKey| {
                newest.grants_of(key.id()).next().is_some() && newest.revocation(key.id()).is_none()
            };
            let economy = &self.nodes[node].economy;
            let author = economy.authors.iter().rev().find(granted).unwrap_or(&economy.author);
            let body = newest.encoded().to_vec();
            let record = control(Kind::Keyring, body, Tlp::AmberStrict, author, us, self.now);
            let record =
                record.map_err(|error| broken(0, format!("a bad control record: {error}")))?;
            self.watch.truth.note(&record, &[], true, None);
            let entered = JournalEntry::Record(RecordEntered {
                signed: record.signed().to_vec(),
                parts: Vec::new(),
                source: Source::Own,
                standing: Standing::Accepted,
                reference: format!("KEY-{}", self.now.as_millis()),
                title: String::new(),
                at: self.now,
            });
            self.nodes[node].wrote = self.now.max(self.nodes[node].wrote);
            let entries = restored.into_iter().chain([entered]);
            let entries = entries.map(|entry| new_entry(&entry, Vec::new())).collect();
            if self.nodes[node].store.append(entries).is_err() {
                let (store, _report) = self.nodes[node].store.crash(0);
                self.nodes[node].store = store;
                self.later(Duration::from_millis(200), Event::Restart { node });
                return Ok(false);
            }
            self.note(|| format!("node {node} enters its keyring {} again", newest.version()));
        }
        self.nodes[node].beside.next = None;
        self.nodes[node].go_by(newest, link, self.now);
        Ok(true)
    }

    /// These may connect from now on; whoever may no longer is put out, with the key by which it came.
    pub(super) fn set_partners(&mut self, node: usize, partners: PartnerSet) {
        let same = partners.economies().eq(self.nodes[node].partners.economies());
        if self.config.mutation == Some(Mutation::LeaveDoorOpen) && same {
            return;
        }
        self.nodes[node].partners = partners;
        if !self.config.has_doors() {
            return;
        }
        for (id, end) in self.doors(node) {
            let (partners, now) = (&self.nodes[node].partners, self.now);
            let Some(conn) = self.net.conn(id) else { continue };
            if conn.let_in[end].as_ref().is_none_or(|one| partners.still_admits(one, now)) {
                continue;
            }
            conn.put_out[end] = true;
            conn.carries = [false; 2];
            self.report.put_out += 1;
            self.note(|| format!("node {node} puts connection {} out", id.0));
            let delay = self.dice.millis(0..=3);
            self.later(delay, Event::Gone { conn: id, end });
            let delay = self.dice.millis(2..=200);
            self.later(delay, Event::Gone { conn: id, end: 1 - end });
        }
    }

    /// The connections that a node has not closed, and its end of each.
    fn doors(&self, node: usize) -> Vec<(ConnId, usize)> {
        let life = self.nodes[node].life;
        let held = self.net.all().filter_map(|(id, conn)| {
            let end = conn.end_of(node, life)?;
            (conn.open[end] && conn.told[end] && !conn.put_out[end]).then_some((id, end))
        });
        held.collect()
    }

    /// After every step: nobody is in whose key has ended, as far as the node's journal has it.
    pub(super) fn look_at_doors(&self, node: usize) -> Result<(), Broken> {
        if !self.config.has_doors() || self.nodes[node].hostile {
            return Ok(());
        }
        let ours = self.doors(node);
        let all = self.net.all().filter(|(id, _)| ours.iter().any(|(one, _)| one == id));
        for (id, conn) in all {
            let Some(end) = conn.end_of(node, self.nodes[node].life) else { continue };
            let Some(partner) = &conn.let_in[end] else { continue };
            let (economy, key) = (partner.economy(), partner.link_key());
            if self.watch.shadows[node].keyrings.has_ended(&economy, key, self.now) {
                let how = format!("connection {} stands, opened with a key that has ended", id.0);
                return Err(broken(11, how));
            }
        }
        Ok(())
    }

    /// Somebody shows a key that this node's links had before, wherever it is known.
    fn knock(&mut self, victim: usize) -> Result<(), Broken> {
        let economy = self.nodes[victim].economy.id;
        let former = self.nodes[victim].beside.former.clone();
        let Some(shown) = self.dice.choose(&former).cloned() else { return Ok(()) };
        for node in 0..self.nodes.len() {
            if self.nodes[node].engine.is_none() || self.nodes[node].hostile {
                continue;
            }
            let partners = &self.nodes[node].partners;
            let let_in = partners.authenticate(shown.key, &shown.evidence, self.now).is_ok();
            self.report.knocks += 1;
            let ended = self.watch.shadows[node].keyrings.has_ended(&economy, shown.key, self.now);
            if let_in && ended {
                let how = format!("node {node} lets somebody in with a key that has ended");
                return Err(broken(11, how));
            }
        }
        Ok(())
    }

    /// At the end: neighbours that are open to each other are connected, and each shows the key that it has now.
    pub(super) fn links_settled(&self) -> Result<(), Broken> {
        let open = |us: usize, them: usize| {
            let bond = self.watch.shadows[us].partners.get(&self.nodes[them].economy.id);
            bond.is_some_and(|bond| bond.open)
        };
        let honest = |node: usize| !self.nodes[node].hostile;
        for (one, other) in self.edges.iter().copied().filter(|_| self.config.has_doors()) {
            if !honest(one) || !honest(other) || !open(one, other) || !open(other, one) {
                continue;
            }
            let keys = [one, other].map(|node| self.nodes[node].economy.link.id());
            let stands = self.net.all().any(|(_, conn)| {
                let at = |node: usize| conn.end_of(node, self.nodes[node].life);
                let (Some(first), Some(second)) = (at(one), at(other)) else { return false };
                conn.told == [true; 2]
                    && conn.open == [true; 2]
                    && conn.put_out == [false; 2]
                    && [conn.shown[first].key, conn.shown[second].key] == keys
            });
            if !stands {
                let how =
                    format!("node {one} and node {other} have no link with their newest keys");
                return Err(broken(11, how));
            }
        }
        Ok(())
    }
}

impl super::node::Node {
    /// What it shows whoever it connects with from now on.
    #[must_use]
    pub fn shown(&self) -> Shown {
        Shown { key: self.economy.link.id(), evidence: self.economy.evidence.clone() }
    }

    /// From now on links show what this keyring says of their key.
    fn go_by(&mut self, keyring: VerifiedKeyring, link: Option<SecretKey>, now: Timestamp) {
        let link = link.unwrap_or_else(|| self.economy.link.clone());
        if let Some(evidence) = keyring.link_evidence(link.id(), now) {
            if link.id() != self.economy.link.id() {
                let before = self.shown();
                self.beside.former.push(before);
            }
            self.economy.link = link;
            self.economy.evidence = evidence.encode();
        }
        self.beside.last = Some(keyring);
    }
}
