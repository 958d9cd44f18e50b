//! What people, disks and networks do.

use std::time::Duration;

use comity_core::agreement::Tier;
use comity_core::control::WithdrawalBody;
use comity_core::journal::{JournalEntry, PartnerChange};
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::SeededEntropy;
use comity_core::{EconomyId, Kind, Marking, PartDigest, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::{Command, Engine, Erase};
use comity_node::limits;
use comity_store::{MemoryStore, Store as _};

use super::event::Event;
use super::mutation::Mutation;
use super::node::{Promise, new_entry};
use super::records::{Neighbourhood, draft};
use super::watch::{Broken, broken};
use super::world::World;

/// More records of one economy than anybody keeps that does not know it.
const MANY: u64 = limits::UNKNOWN_OF_ONE + 8;

impl World {
    /// Pairs all neighbours, as operators did before.
    pub(super) fn pair_all(&mut self) -> Result<(), Broken> {
        for (one, other) in self.edges.clone() {
            for (us, them) in [(one, other), (other, one)] {
                let (node, partner) = (&self.nodes[us], &self.nodes[them].economy);
                let change = node.pairing(partner, format!("N{them}"));
                let economy = partner.id;
                self.command(us, Command::Partner { economy, change }, Promise::Done)?;
                let level = self.dice.within(1..=4);
                self.level(us, economy, level)?;
            }
            let delay = self.dice.millis(1..=600);
            self.later(delay, Event::Dial { from: one, to: other });
            let delay = self.dice.millis(1..=600);
            self.later(delay, Event::Dial { from: other, to: one });
            if self.dice.percent(75) {
                self.propose(one, other)?;
            }
        }
        if !self.config.strangers {
            self.introduce_all()?;
        }
        let many = if self.config.strangers { MANY } else { 0 };
        for node in 0..self.nodes.len() {
            self.publish_keyring(node)?;
            for _ in 0..many {
                self.publish_clear(node)?;
            }
        }
        Ok(())
    }

    /// Everybody knows everybody else by a neighbour's introduction: a second hop is believed then.
    fn introduce_all(&mut self) -> Result<(), Broken> {
        for us in 0..self.nodes.len() {
            let neighbours: Vec<usize> = (0..self.nodes.len())
                .filter(|them| {
                    self.edges.contains(&(us, *them)) || self.edges.contains(&(*them, us))
                })
                .collect();
            let Some(by) = neighbours.first().map(|by| self.nodes[*by].economy.id) else {
                continue;
            };
            for them in (0..self.nodes.len()).filter(|them| *them != us) {
                if neighbours.contains(&them) {
                    continue;
                }
                let partner = &self.nodes[them].economy;
                let (economy, keyring) = (partner.id, partner.keyring.encoded().to_vec());
                let name = format!("N{them}");
                let change = PartnerChange::Introduced { name, keyring, by };
                self.command(us, Command::Partner { economy, change }, Promise::Done)?;
            }
        }
        Ok(())
    }

    /// The next thing that happens of itself.
    pub(super) fn act(&mut self) -> Result<(), Broken> {
        self.restart_failed();
        if self.acts_left == 0 {
            return Ok(());
        }
        self.acts_left -= 1;
        if self.config.mutation == Some(Mutation::SmuggleRecord) {
            self.smuggle()?;
        }
        let node = self.dice.below(self.nodes.len());
        if self.nodes[node].engine.is_some() && !self.does_its_own(node)? {
            match self.dice.below(100) {
                0..=44 => self.publish(node)?,
                45..=52 => self.withdraw(node)?,
                53..=60 => self.accept_all(node)?,
                61..=64 => self.change_level(node)?,
                65..=68 => self.suspend(node)?,
                69..=70 => self.terminate(node)?,
                71..=73 => self.propose_somewhere(node)?,
                74..=76 => self.back_up(node),
                77..=92 if self.config.everything => self.one_of_all(node)?,
                77..=81 if self.config.erasures => self.erase(node)?,
                77..=92 if self.config.amendments => self.amend(node)?,
                77..=90 if self.config.consents => self.deal(node)?,
                77..=88 if self.config.keys => self.turn_keys(node)?,
                77..=88 if self.config.terms => self.restore_somebody()?,
                _ => self.fault(node)?,
            }
        }
        let forges = !matches!(
            self.config.mutation,
            Some(Mutation::BelieveDoubted | Mutation::BelieveRobber)
        );
        if self.config.hostile > 0 && forges && self.dice.percent(8) {
            self.forge(self.nodes.len() - 1)?;
        }
        let delay =
            if self.acts_left == 0 { Duration::from_secs(5) } else { self.dice.millis(10..=500) };
        self.later(delay, Event::Act);
        Ok(())
    }

    fn restart_failed(&mut self) {
        for node in 0..self.nodes.len() {
            let failed = self.nodes[node].engine.as_ref().is_some_and(|one| one.failed().is_some());
            if failed {
                self.crash(node);
            }
        }
    }

    /// Before the end: everybody runs, recovery can end, agreements are answered.
    pub(super) fn reconcile(&mut self) -> Result<(), Broken> {
        self.restart_failed();
        // Or the next sync, of what people do now, would be lost, and nobody would do it again.
        for node in &self.nodes {
            node.store.forget_failure();
        }
        for node in 0..self.nodes.len() {
            if self.nodes[node].engine.is_none() {
                self.start(node)?;
            }
        }
        for node in 0..self.nodes.len() {
            let engine = self.nodes[node].engine.as_ref();
            let Some(state) = engine.map(Engine::state) else { continue };
            let recovering = state.recovery().is_some();
            let owing: Vec<_> = (0..self.nodes.len())
                .filter(|other| state.awaits_return(&self.nodes[*other].economy.id))
                .collect();
            if recovering {
                self.command(node, Command::ConfirmPolicy, Promise::Done)?;
            }
            // Whoever was suspended meanwhile still has to give back what it holds.
            for other in owing {
                self.bond(node, other, PartnerChange::Resumed)?;
                self.bond(other, node, PartnerChange::Resumed)?;
            }
        }
        if self.config.strangers {
            self.introduce_all()?;
        }
        Ok(())
    }

    fn fault(&mut self, node: usize) -> Result<(), Broken> {
        if !self.config.faults {
            return self.publish(node);
        }
        match self.dice.below(10) {
            0..=3 => {
                let conns: Vec<_> = self.net.all().map(|(id, _)| id).collect();
                if let Some(conn) = self.dice.choose(&conns).copied() {
                    self.sever(conn);
                }
            }
            4 => self.nodes[node].store.fail_next_sync(),
            5..=6 if self.config.restores => self.restore_somebody()?,
            _ => self.crash(node),
        }
        Ok(())
    }

    /// The process dies; what was not synced meets its fate.
    pub(super) fn crash(&mut self, node: usize) {
        self.note(|| format!("node {node} dies"));
        self.report.crashes += 1;
        self.kill(node);
        let seed = self.dice.number();
        let (store, _report) = self.nodes[node].store.crash(seed);
        self.nodes[node].store = store;
        if self.config.mutation == Some(Mutation::LoseAcknowledged)
            && let Some((backup, _)) = &self.nodes[node].backup
        {
            let harmless = new_entry(&JournalEntry::PolicyConfirmed { at: self.now }, Vec::new());
            self.nodes[node].store =
                MemoryStore::restore(backup, harmless).expect("an empty store");
        }
        if self.dice.percent(20) {
            // It dies again while it starts.
            let (store, _report) = self.nodes[node].store.crash(seed ^ 1);
            self.nodes[node].store = store;
        }
        let delay = self.dice.millis(50..=4000);
        self.later(delay, Event::Restart { node });
    }

    fn back_up(&mut self, node: usize) {
        let store = &self.nodes[node].store;
        self.nodes[node].backup = Some((store.backup(), store.durable().seq));
    }

    pub(super) fn restore_somebody(&mut self) -> Result<(), Broken> {
        let backed: Vec<_> =
            (0..self.nodes.len()).filter(|node| self.nodes[*node].backup.is_some()).collect();
        match self.dice.choose(&backed).copied() {
            Some(node) => self.restore(node),
            None => Ok(()),
        }
    }

    /// A node is put back to its backup; one at a time, with all its partners there.
    fn restore(&mut self, node: usize) -> Result<(), Broken> {
        let recovering = self.nodes.iter().any(|one| {
            one.engine.as_ref().is_some_and(|engine| engine.state().recovery().is_some())
        });
        let near_hostile = self.edges.iter().any(|(one, other)| {
            (*one == node && self.nodes[*other].hostile)
                || (*other == node && self.nodes[*one].hostile)
        });
        let Some((backup, _)) = self.nodes[node].backup.clone() else { return Ok(()) };
        let down = self.nodes.iter().any(|one| one.engine.is_none());
        if recovering || near_hostile || down || self.nodes[node].hostile {
            return Ok(());
        }
        self.note(|| format!("node {node} is put back to a backup"));
        self.report.restores += 1;
        self.kill(node);
        let marker = new_entry(&JournalEntry::Restored { at: self.now }, Vec::new());
        self.nodes[node].wrote = self.now.max(self.nodes[node].wrote);
        self.nodes[node].store = MemoryStore::restore(&backup, marker).expect("the backup opens");
        // As the command that restores does, before anybody looks.
        let settled = self.nodes[node].settle_erasures();
        settled.map_err(|why| broken(2, format!("node {node} does not come back: {why}")))?;
        self.watch.reopened(node, &self.nodes[node], true)?;
        let delay = self.dice.millis(50..=2000);
        self.later(delay, Event::Restart { node });
        let delay = self.dice.millis(2000..=20_000);
        self.later(delay, Event::Confirm { node });
        Ok(())
    }

    pub(super) fn neighbourhood(&self, node: usize) -> Neighbourhood {
        let of = |node: usize| {
            let ends = self.edges.iter().filter_map(move |(one, other)| match (one, other) {
                (one, other) if *one == node => Some(*other),
                (one, other) if *other == node => Some(*one),
                _ => None,
            });
            ends.collect::<Vec<_>>()
        };
        let id = |node: usize| self.nodes[node].economy.id;
        let partners = of(node);
        let beyond = partners.iter().flat_map(|through| {
            let ends = of(*through);
            ends.into_iter()
                .filter(|end| *end != node && !partners.contains(end))
                .map(|end| (id(end), id(*through)))
                .collect::<Vec<_>>()
        });
        Neighbourhood {
            large: self.config.large,
            beyond: beyond.collect(),
            partners: partners.iter().map(|p| id(*p)).collect(),
        }
    }

    fn publish(&mut self, node: usize) -> Result<(), Broken> {
        let around = self.neighbourhood(node);
        let mut draft = draft(&around, self.now, &mut self.dice);
        if self.dice.percent(10)
            && let Some(older) = self.own_content(node)
        {
            draft.supersedes.push(older);
        }
        let key = self.author(node);
        let origin = self.nodes[node].economy.id;
        let (record, parts) = self.sign(draft, &key, origin)?;
        self.watch.truth.note(&record, &parts, true, None);
        self.enter(node, record, parts)
    }

    /// A CLEAR advisory: what everybody may have.
    pub fn publish_clear(&mut self, node: usize) -> Result<RecordId, Broken> {
        let mut draft = Draft::new(Kind::Advisory);
        let mut marking = Marking::new(Tlp::Clear);
        marking.onward = comity_core::Onward::WithinMarking;
        let header =
            Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, b"Patch now".to_vec()));
        let key = self.author(node);
        let origin = self.nodes[node].economy.id;
        let (record, parts) = self.sign(draft, &key, origin)?;
        let id = record.id();
        self.watch.truth.note(&record, &parts, true, None);
        self.enter(node, record, parts)?;
        Ok(id)
    }

    pub(super) fn sign(
        &mut self,
        mut draft: Draft,
        key: &SecretKey,
        origin: EconomyId,
    ) -> Result<(VerifiedRecord, Vec<Part>), Broken> {
        if self.config.trust.is_some() {
            let markings = draft.parts.iter_mut().filter_map(|(header, _)| header.marking.as_mut());
            markings.for_each(|marking| marking.tlp = marking.tlp.min(Tlp::Green));
        }
        let mut entropy = SeededEntropy::new(self.dice.number());
        let now = self.node_of(&origin).map_or(self.now, |node| self.time_of(node));
        let composed = draft.sign(key, origin, now, &mut entropy);
        let composed = composed.map_err(|error| broken(0, format!("a bad draft: {error}")))?;
        Ok((composed.record, composed.parts))
    }

    pub(super) fn enter(
        &mut self,
        node: usize,
        record: VerifiedRecord,
        parts: Vec<Part>,
    ) -> Result<(), Broken> {
        let id = record.id();
        self.enter_as(node, record, parts, Promise::Published(id))
    }

    pub(super) fn enter_as(
        &mut self,
        node: usize,
        record: VerifiedRecord,
        parts: Vec<Part>,
        promise: Promise,
    ) -> Result<(), Broken> {
        let (id, kind) = (record.id(), record.manifest().kind);
        self.note(|| format!("node {node} publishes {kind} {}", id.short()));
        let command =
            Command::Publish { record: Box::new(record), parts, title: String::new(), draft: None };
        self.command(node, command, promise)
    }

    pub(super) fn speak(
        &mut self,
        node: usize,
        kind: Kind,
        body: Vec<u8>,
        pact: Option<(Tier, Timestamp)>,
    ) -> Result<RecordId, Broken> {
        let (author, us) = (self.author(node), self.nodes[node].economy.id);
        let now = self.time_of(node);
        let record = control(kind, body, Tlp::Clear, &author, us, now);
        let record = record.map_err(|error| broken(0, format!("a bad control record: {error}")))?;
        let id = record.id();
        self.watch.truth.note(&record, &[], true, pact);
        self.enter(node, record, Vec::new())?;
        Ok(id)
    }

    fn publish_keyring(&mut self, node: usize) -> Result<(), Broken> {
        let body = self.nodes[node].economy.keyring.encoded().to_vec();
        self.speak(node, Kind::Keyring, body, None).map(drop)
    }

    /// A record of content that this node signed and did not withdraw.
    pub(super) fn own_content(&mut self, node: usize) -> Option<RecordId> {
        let us = self.nodes[node].economy.id;
        let shadow = &self.watch.shadows[node];
        let own = self.watch.truth.deeds().filter(|deed| {
            deed.origin == us
                && deed.honest
                && !deed.kind.is_control()
                && shadow.records.contains_key(&deed.id)
                && !shadow.withdrawn.contains(&deed.id)
        });
        let own: Vec<_> = own.map(|deed| deed.id).collect();
        self.dice.choose(&own).copied()
    }

    fn withdraw(&mut self, node: usize) -> Result<(), Broken> {
        let Some(target) = self.own_content(node) else { return Ok(()) };
        let body = WithdrawalBody::of(vec![target]).expect("one record").encode();
        self.speak(node, Kind::Withdrawal, body, None).map(drop)
    }

    /// Somebody lets go of parts of a record, its own or another's.
    pub(super) fn erase(&mut self, node: usize) -> Result<(), Broken> {
        let Some(engine) = self.nodes[node].engine.as_ref() else { return Ok(()) };
        let parts = |held: &comity_node::state::Held| -> Vec<PartDigest> {
            let here = held.parts.iter().filter(|part| !part.erased);
            here.map(|part| part.digest).collect()
        };
        let content = engine.state().records().map(|(id, held)| (*id, parts(held)));
        let content: Vec<_> = content.filter(|(_, parts)| !parts.is_empty()).collect();
        let Some((record, mut parts)) = self.dice.choose(&content).cloned() else {
            return Ok(());
        };
        if self.dice.percent(50) {
            parts.truncate(1);
        }
        self.report.erasures += 1;
        let (reason, by) = ("no longer needed".to_owned(), String::new());
        let asked = Erase { record, parts, reason, by };
        self.command(node, Command::Erase(asked), Promise::Done)
    }

    fn level(&mut self, node: usize, economy: EconomyId, level: u64) -> Result<(), Broken> {
        let level = match (self.config.trust, self.node_of(&economy)) {
            (Some(trust), Some(other)) => {
                // Where one run changes a level, so does every other.
                let turn = trust.wrapping_mul((node * 5 + other * 7 + 1) as u64);
                2 + (level.wrapping_add(turn)) % 3
            }
            _ => level,
        };
        let change = PartnerChange::Level(level);
        self.command(node, Command::Partner { economy, change }, Promise::Done)
    }

    fn change_level(&mut self, node: usize) -> Result<(), Broken> {
        let around = self.neighbourhood(node).partners;
        let Some(partner) = self.dice.choose(&around).copied() else { return Ok(()) };
        let level = self.dice.within(0..=4);
        self.note(|| format!("node {node} sets a partner to level {level}"));
        self.level(node, partner, level)
    }

    pub(super) fn bond(
        &mut self,
        node: usize,
        other: usize,
        change: PartnerChange,
    ) -> Result<(), Broken> {
        if self.nodes[node].engine.is_none() {
            return Ok(());
        }
        let economy = self.nodes[other].economy.id;
        self.note(|| format!("node {node} about node {other}: {change:?}"));
        self.command(node, Command::Partner { economy, change }, Promise::Done)
    }

    fn suspend(&mut self, node: usize) -> Result<(), Broken> {
        let around = self.neighbourhood(node).partners;
        let Some(partner) = self.dice.choose(&around).copied() else { return Ok(()) };
        let Some(other) = self.node_of(&partner) else { return Ok(()) };
        let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
        let open = engine.state().partner(&partner).is_some_and(|partner| partner.is_open());
        let change = if open { PartnerChange::Suspended } else { PartnerChange::Resumed };
        self.bond(node, other, change)
    }
}
