//! What people do about keys, and a thief with them: one key takes another's place, one is declared
//! stolen, the root stands by what was signed before; and somebody signs with a key that was stolen.

use std::time::Duration;

use comity_core::keyring::{Grant, KeyringBuilder, Revocation, VerifiedKeyring};
use comity_core::record::{Draft, Header, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_core::{Kind, Marking, Onward, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::Engine;

use super::watch::{Broken, broken};
use super::world::World;

/// Records that one word of the root stands by.
const AFFIRMED: usize = 8;

impl World {
    /// The key with which a node signs: the newest of its author's that the keyring it holds grants.
    pub(super) fn author(&self, node: usize) -> SecretKey {
        let economy = &self.nodes[node].economy;
        let held = self.held_keyring(node);
        let counts = |key: &&SecretKey| {
            held.is_some_and(|keyring| {
                keyring.grants_of(key.id()).next().is_some()
                    && keyring.revocation(key.id()).is_none()
            })
        };
        economy.authors.iter().rev().find(counts).unwrap_or(&economy.author).clone()
    }

    pub(super) fn held_keyring(&self, node: usize) -> Option<&VerifiedKeyring> {
        let engine = self.nodes[node].engine.as_ref()?;
        engine.state().keyring(&self.nodes[node].economy.id)
    }

    /// Something about keys.
    pub(super) fn turn_keys(&mut self, node: usize) -> Result<(), Broken> {
        let recovering = |engine: &Engine| engine.state().recovery().is_some();
        if self.nodes[node].hostile || self.nodes[node].engine.as_ref().is_none_or(recovering) {
            return Ok(());
        }
        if self.is_about_roots() {
            return self.turn_roots(node);
        }
        if self.nodes[node].robbed.open {
            return self.declare_robbed(node);
        }
        match self.dice.below(10) {
            0..=3 => self.replace_key(node),
            4..=5 => self.declare_stolen(node),
            6 => self.stand_by(node),
            _ => self.steal(node),
        }
    }

    /// A new key for the author; the old one ends now, or goes on.
    fn replace_key(&mut self, node: usize) -> Result<(), Broken> {
        let old = self.author(node);
        let ends = self.dice.percent(70) && !self.is_ahead_of(node, &old);
        self.report.keys_ended += u64::from(ends);
        self.keyring_goes_on(node, true, |builder, now| match ends {
            true => builder.revoke(Revocation { key: old.id(), at: now, compromised: false }),
            false => builder,
        })
    }

    /// Whether a node has signed with a key, by a clock that was ahead, what is dated later than now: people wait then.
    fn is_ahead_of(&self, node: usize, key: &SecretKey) -> bool {
        let us = self.nodes[node].economy.id;
        let mut own = self.watch.truth.deeds().filter(|deed| {
            deed.origin == us && deed.author == key.id() && deed.honest && !deed.stolen
        });
        self.config.clocks && own.any(|deed| deed.signed_at >= self.now)
    }

    /// A key is declared stolen, since its owner last signed with it.
    fn declare_stolen(&mut self, node: usize) -> Result<(), Broken> {
        let us = self.nodes[node].economy.id;
        let Some(keyring) = self.held_keyring(node).cloned() else { return Ok(()) };
        let trusted = |key: &SecretKey| {
            keyring.grants_of(key.id()).next().is_some()
                && keyring.revocation(key.id()).is_none_or(|revocation| !revocation.compromised)
        };
        let keys = self.nodes[node].economy.authors.iter().filter(|key| trusted(key));
        let keys: Vec<_> = keys.cloned().collect();
        let used = |key: &&SecretKey| {
            self.watch.truth.deeds().any(|deed| deed.stolen && deed.author == key.id())
        };
        let Some(key) = keys.iter().find(used).or_else(|| keys.first()).cloned() else {
            return Ok(());
        };
        if self.is_ahead_of(node, &key) {
            return Ok(());
        }
        let owned = self.watch.truth.deeds().filter(|deed| {
            deed.origin == us && deed.author == key.id() && deed.honest && !deed.stolen
        });
        let last = owned.map(|deed| deed.signed_at).max().unwrap_or(TestEconomy::FROM);
        let at = last.saturating_add(Duration::from_millis(1)).min(self.now);
        let current = self.author(node).id() == key.id();
        self.report.keys_stolen += 1;
        self.note(|| format!("node {node} declares {} stolen since {at}", key.id()));
        // What took back others, they stand by: it may be on its way.
        let withdrawals = self.watch.truth.deeds().filter(|deed| {
            deed.origin == us
                && deed.author == key.id()
                && deed.kind == Kind::Withdrawal
                && deed.honest
                && !deed.stolen
        });
        let withdrawals: Vec<_> = withdrawals.map(|deed| deed.id).collect();
        self.keyring_goes_on(node, current, |builder, _| {
            let revocation = Revocation { key: key.id(), at, compromised: true };
            builder.revoke(revocation).affirm(withdrawals)
        })
    }

    /// The root stands by what was signed with keys that have ended.
    fn stand_by(&mut self, node: usize) -> Result<(), Broken> {
        let us = self.nodes[node].economy.id;
        let Some(keyring) = self.held_keyring(node).cloned() else { return Ok(()) };
        let own = self.watch.truth.deeds().filter(|deed| {
            deed.origin == us && !deed.stolen && keyring.revocation(deed.author).is_some()
        });
        let records: Vec<RecordId> = own.map(|deed| deed.id).take(AFFIRMED).collect();
        if records.is_empty() {
            return Ok(());
        }
        self.keyring_goes_on(node, false, |builder, _| builder.affirm(records))
    }

    /// The next version of the keyring that the node holds, signed by its root and published.
    pub(super) fn keyring_goes_on(
        &mut self,
        node: usize,
        new_author: bool,
        change: impl FnOnce(KeyringBuilder, Timestamp) -> KeyringBuilder,
    ) -> Result<(), Broken> {
        let (us, now) = (self.nodes[node].economy.id, self.now);
        if self.is_turning(node) {
            return Ok(());
        }
        let Some(held) = self.held_keyring(node) else { return Ok(()) };
        let root = self.nodes[node].economy.root_of(held);
        let mut builder = KeyringBuilder::follow(held);
        let mut signer = self.author(node);
        if new_author {
            let seed: [u8; 32] = self.dice.bytes(32).try_into().expect("as many as asked for");
            signer = SecretKey::from_seed(&seed);
            let all = Kind::ALL.iter().copied();
            let until = TestEconomy::UNTIL;
            builder = builder.grant(Grant::author(us, signer.public(), all, Tlp::Red, now, until));
            self.nodes[node].economy.authors.push(signer.clone());
        }
        let keyring = change(builder, now).sign(&[&root]);
        let keyring = keyring.map_err(|error| broken(0, format!("a bad keyring: {error}")))?;
        self.note(|| format!("node {node}'s keyring is at version {}", keyring.version()));
        let body = keyring.encoded().to_vec();
        let record = control(Kind::Keyring, body, Tlp::Clear, &signer, us, now);
        let record = record.map_err(|error| broken(0, format!("a bad control record: {error}")))?;
        self.watch.truth.note(&record, &[], true, None);
        self.enter_keyring(node, record, keyring, None)
    }

    /// The hostile node signs with a key of somebody's author, now or as if it were some time ago.
    fn steal(&mut self, victim: usize) -> Result<(), Broken> {
        let thief = self.nodes.len() - 1;
        if !self.nodes[thief].hostile || self.nodes[thief].engine.is_none() {
            return Ok(());
        }
        let economy = self.nodes[victim].economy.clone();
        let Some(key) = self.dice.choose(&economy.authors).cloned() else { return Ok(()) };
        let earlier =
            if self.dice.percent(50) { self.dice.millis(1..=60_000) } else { Duration::ZERO };
        let at = self.now.saturating_sub(earlier);
        let mut draft = Draft::new(Kind::Advisory);
        let marking = Marking { onward: Onward::WithinMarking, ..Marking::new(Tlp::Clear) };
        let header =
            Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, self.dice.bytes(100)));
        let mut entropy = SeededEntropy::new(self.dice.number());
        let composed = draft.sign(&key, economy.id, at, &mut entropy);
        let composed = composed.map_err(|error| broken(0, format!("a bad draft: {error}")))?;
        let (record, parts) = (composed.record, composed.parts);
        self.watch.truth.note_stolen(&record, &parts);
        self.note(|| format!("node {thief} signs {} as node {victim}", record.id().short()));
        self.plant(thief, &record, parts)
    }
}
