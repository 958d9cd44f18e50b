//! New root keys: those to which the ones in force committed take their place in good order, or after a thief has
//! signed with the ones in force, who grants itself keys and has the owner's revoked.

use std::time::Duration;

use comity_core::keyring::{Grant, KeyringBuilder, Revocation, VerifiedKeyring};
use comity_core::record::{Draft, Header, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_core::{Kind, Marking, Onward, Section, Tlp};
use comity_node::engine::Engine;

use super::economy::Economy;
use super::event::Event;
use super::mutation::Mutation;
use super::watch::{Broken, broken};
use super::world::World;

/// What a thief of root keys may do in one run, at most.
const THEFTS: u64 = 6;

/// Root keys that somebody has copied.
#[derive(Clone, Debug, Default)]
pub struct Robbed {
    /// Whether the owner has not declared it yet.
    pub open: bool,
    /// The key that the thief granted itself, and signs with whatever happens to it.
    key: Option<SecretKey>,
}

impl Economy {
    /// The root keys that are in force after so many rotations, as genesis and each rotation commit to the next.
    #[must_use]
    pub fn root_after(&self, rotations: usize) -> SecretKey {
        match rotations {
            0 => self.root.clone(),
            1 => self.next_root.clone(),
            more => {
                let mut seed = *self.id.as_bytes();
                seed[0] = u8::try_from(more).expect("64 rotations at most");
                SecretKey::from_seed(&seed)
            }
        }
    }

    /// The root keys in force by this keyring.
    #[must_use]
    pub fn root_of(&self, keyring: &VerifiedKeyring) -> SecretKey {
        self.root_after(keyring.chain().rotations().len())
    }
}

impl World {
    /// Something about root keys.
    pub(super) fn turn_roots(&mut self, node: usize) -> Result<(), Broken> {
        if self.nodes[node].robbed.open {
            return self.declare_robbed(node);
        }
        match self.dice.below(10) {
            0..=2 => self.replace_root(node, false),
            3..=5 => self.rob(node),
            _ => {
                let robbed = |node: &usize| self.nodes[*node].robbed.key.is_some();
                let robbed: Vec<_> = (0..self.nodes.len()).filter(robbed).collect();
                match self.dice.choose(&robbed).copied() {
                    Some(victim) => self.sign_as_robbed(victim),
                    None => Ok(()),
                }
            }
        }
    }

    /// The keys to which the root committed take its place; of a stolen one without its word.
    fn replace_root(&mut self, node: usize, stolen: bool) -> Result<(), Broken> {
        let (us, now) = (self.nodes[node].economy.id, self.now);
        let recovering = |engine: &Engine| engine.state().recovery().is_some();
        let gone = self.nodes[node].engine.as_ref().is_none_or(recovering);
        if gone || self.nodes[node].hostile || self.is_turning(node) {
            return Ok(());
        }
        let Some(held) = self.held_keyring(node) else { return Ok(()) };
        let (economy, place) = (&self.nodes[node].economy, held.chain().rotations().len());
        let old = economy.root_after(place);
        let (new, next) = (economy.root_after(place + 1), economy.root_after(place + 2));
        let builder = KeyringBuilder::follow(held).rotate(TestEconomy::genesis(&new, &next));
        let keyring = if stolen { builder.sign(&[&new]) } else { builder.sign(&[&old, &new]) };
        let keyring = keyring.map_err(|error| broken(0, format!("a bad keyring: {error}")))?;
        self.note(|| {
            let how = if stolen { "without the old ones" } else { "in good order" };
            format!("node {node} has new root keys, {how}: its keyring is at {}", keyring.version())
        });
        self.report.rooted += 1;
        let body = keyring.encoded().to_vec();
        let record = control(Kind::Keyring, body, Tlp::Clear, &self.author(node), us, now);
        let record = record.map_err(|error| broken(0, format!("a bad control record: {error}")))?;
        self.watch.truth.note(&record, &[], true, None);
        self.enter_keyring(node, record, keyring, None)
    }

    /// Whoever's root keys were copied hears of it and puts the next in their place, unless it is not up to it now.
    pub(super) fn declare_robbed(&mut self, node: usize) -> Result<(), Broken> {
        let before = self.report.rooted;
        if self.nodes[node].robbed.open {
            self.replace_root(node, true)?;
            self.nodes[node].robbed.open = self.report.rooted == before;
        }
        Ok(())
    }

    /// A thief of root keys grants itself a key, and sometimes has those of the owner revoked.
    fn rob(&mut self, victim: usize) -> Result<(), Broken> {
        let thief = self.nodes.len() - 1;
        let free = self.nodes[thief].hostile && !self.nodes[victim].hostile;
        let Some(engine) = self.nodes[thief].engine.as_ref().filter(|_| free) else {
            return Ok(());
        };
        let economy = self.nodes[victim].economy.clone();
        let Some(held) = engine.state().keyring(&economy.id).cloned() else { return Ok(()) };
        // It copied what was in force once: of keys that took their place since it has none.
        let behind = self
            .held_keyring(victim)
            .is_none_or(|ours| ours.chain().rotations().len() != held.chain().rotations().len());
        if behind || self.report.robbed >= THEFTS || engine.state().is_frozen(&economy.id) {
            return Ok(());
        }
        let seed: [u8; 32] = self.dice.bytes(32).try_into().expect("as many as asked for");
        let key = SecretKey::from_seed(&seed);
        let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let all = Kind::ALL.iter().copied();
        let grant = Grant::author(economy.id, key.public(), all, Tlp::Red, from, until);
        let mut builder = KeyringBuilder::follow(&held).grant(grant);
        if self.dice.percent(50) {
            let ends = held.grants().filter(|grant| grant.kinds.contains(&Kind::Incident));
            let ends: Vec<_> = ends.map(|grant| grant.key).collect();
            builder = ends.into_iter().fold(builder, |builder, key| {
                builder.revoke(Revocation { key, at: from, compromised: true })
            });
        }
        let keyring = builder.sign(&[&economy.root_of(&held)]);
        let keyring = keyring.map_err(|error| broken(0, format!("a bad keyring: {error}")))?;
        self.report.robbed += 1;
        self.note(|| {
            format!("node {thief} signs keyring {} with node {victim}'s root", keyring.version())
        });
        let body = keyring.encoded().to_vec();
        let record = control(Kind::Keyring, body, Tlp::Clear, &key, economy.id, self.now);
        let record = record.map_err(|error| broken(0, format!("a bad control record: {error}")))?;
        self.watch.truth.note_stolen(&record, &[]);
        self.nodes[victim].robbed = Robbed { open: true, key: Some(key) };
        let delay = self.dice.millis(500..=12_000);
        self.later(delay, Event::Chore { node: victim });
        self.plant(thief, &record, Vec::new())?;
        self.sign_as_robbed(victim)
    }

    /// The thief signs with the key that it granted itself, whether or not anybody has declared it stolen.
    fn sign_as_robbed(&mut self, victim: usize) -> Result<(), Broken> {
        let thief = self.nodes.len() - 1;
        let Some(key) = self.nodes[victim].robbed.key.clone() else { return Ok(()) };
        let id = self.nodes[victim].economy.id;
        let mut draft = Draft::new(Kind::Advisory);
        let marking = Marking { onward: Onward::WithinMarking, ..Marking::new(Tlp::Clear) };
        let header =
            Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, self.dice.bytes(100)));
        let mut entropy = SeededEntropy::new(self.dice.number());
        let composed = draft.sign(&key, id, self.now, &mut entropy);
        let composed = composed.map_err(|error| broken(0, format!("a bad draft: {error}")))?;
        let (record, parts) = (composed.record, composed.parts);
        self.watch.truth.note_stolen(&record, &parts);
        self.note(|| {
            format!("node {thief} signs {} as node {victim}'s root let it", record.id().short())
        });
        self.plant(thief, &record, parts)
    }

    /// When faults have ended, whoever was robbed hears of it, of whatever keys, as soon as it is up to it.
    pub(super) fn robbed_hear(&mut self) {
        let all = if self.config.has_doors() { self.nodes.len() } else { 0 };
        for node in 0..all {
            for seconds in [15, 45, 75] {
                self.later(Duration::from_secs(seconds), Event::Chore { node });
            }
        }
    }

    /// Whether records of a mutant's thief are all that people do about keys.
    pub(super) fn is_about_roots(&mut self) -> bool {
        let mutant = self.config.mutation == Some(Mutation::BelieveRobber);
        self.config.roots && (mutant || self.dice.percent(60))
    }
}
