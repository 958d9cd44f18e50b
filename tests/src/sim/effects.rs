//! What an engine asks for is done: entries are appended and synced, parts loaded, records verified.

use std::time::Duration;

use comity_core::{Digest, Timestamp};
use comity_node::engine::{CommandError, Effect, Reply, Token};
use comity_store::{NewEntry, Seq, Store as _};

use super::event::Event;
use super::mutation::Mutation;
use super::node::Promise;
use super::watch::{Broken, broken};
use super::world::{World, at_node};

impl World {
    pub(super) fn effect(&mut self, node: usize, effect: Effect) -> Result<(), Broken> {
        let life = self.nodes[node].life;
        match effect {
            Effect::Append { token, first, entries } => self.append(node, token, first, entries)?,
            Effect::Load { token, seq, parts } => {
                let delay = self.dice.millis(0..=12);
                self.later(delay, Event::Loaded { node, life, token, seq, parts });
            }
            Effect::Verify { token, signed, parts } => {
                let delay = self.dice.millis(0..=25);
                self.later(delay, Event::Verified { node, life, token, signed, parts });
            }
            Effect::Keep { token, piece } => {
                let at = self.errand_at(node);
                self.at(at, Event::Keep { node, life, token, piece });
            }
            Effect::Discard { label, digest } => {
                let at = self.errand_at(node);
                self.at(at, Event::Discard { node, life, label, digest });
            }
            Effect::Examine { token, guard, parts, largest: _ } => {
                let delay = self.dice.millis(0..=25);
                self.later(delay, Event::Examine { node, life, token, guard, parts });
            }
            Effect::Remember { token, entries } => {
                self.nodes[node].remembered.extend(entries);
                let at = self.errand_at(node);
                self.at(at, Event::Remembered { node, life, token });
            }
            Effect::Erase { bodies } => {
                let at = self.errand_at(node);
                self.at(at, Event::Erase { node, life, bodies });
            }
            Effect::Transmit(transmit) => self.transmit(node, transmit)?,
            Effect::Close { conn, reason } => {
                self.note(|| format!("node {node} closes {}: {reason}", conn.0));
                self.close(node, conn);
            }
            Effect::Reply { token, reply } => self.replied(node, token, reply)?,
            Effect::Partners(partners) => self.set_partners(node, *partners),
            Effect::Pong { .. } => {}
            Effect::Alarm(alarm) => {
                self.report.unconfirmed += u64::from(alarm.code == "keyring-unconfirmed");
                self.report.split += u64::from(alarm.code == "partner-frozen");
                self.note(|| format!("node {node} alarm {}: {}", alarm.code, alarm.text));
            }
        }
        Ok(())
    }

    /// When a disk has done what it is asked to do with pieces: in order.
    fn errand_at(&mut self, node: usize) -> Timestamp {
        let delay = self.dice.millis(0..=20);
        let at = self.now.saturating_add(delay).max(self.nodes[node].errands_by);
        self.nodes[node].errands_by = at;
        at
    }

    fn append(
        &mut self,
        node: usize,
        token: Token,
        first: Seq,
        mut entries: Vec<NewEntry>,
    ) -> Result<(), Broken> {
        if let Some(mutation) = self.config.mutation {
            mutation.appended(&mut entries);
        }
        self.watch.latest = self.latest_of(node);
        self.nodes[node].wrote = self.time_of(node).max(self.nodes[node].wrote);
        let watched =
            self.watch.journaled(node, &entries).and_then(|()| self.watch.bodies(node, &entries));
        if !self.nodes[node].hostile {
            watched.map_err(|broken| at_node(node, broken))?;
        }
        let early = match self.config.mutation {
            Some(Mutation::ReplyBeforeSync) => true,
            Some(Mutation::HandOverBeforeSync) => {
                let kind = |entry: &NewEntry| {
                    comity_core::journal::JournalEntry::decode(entry.kind, &entry.body).ok()
                };
                entries
                    .iter()
                    .filter_map(kind)
                    .all(|entry| matches!(entry, comity_core::journal::JournalEntry::Delivery(_)))
            }
            _ => false,
        };
        // What a mutation adds or leaves out moves the places of what follows.
        let first = self.config.mutation.is_none().then_some(first);
        self.nodes[node].submit(token, first, entries);
        let life = self.nodes[node].life;
        if early {
            let result = Ok(Digest::ZERO);
            self.later(Duration::ZERO, Event::Appended { node, life, token, result });
        }
        if !self.nodes[node].syncing {
            self.nodes[node].syncing = true;
            let delay = self.dice.millis(0..=8);
            self.later(delay, Event::Sync { node, life });
        }
        Ok(())
    }

    pub(super) fn sync(&mut self, node: usize) {
        let life = self.nodes[node].life;
        let finished = self.nodes[node].sync();
        self.watch.synced(node, self.nodes[node].store.durable());
        for (token, result) in finished {
            let delay = self.dice.millis(0..=2);
            let at = self.now.saturating_add(delay).max(self.nodes[node].appended_by);
            self.nodes[node].appended_by = at;
            if result.is_err() {
                // The operator starts it again.
                self.later(Duration::from_millis(500), Event::Act);
                self.acts_left += 1;
            }
            self.at(at, Event::Appended { node, life, token, result });
        }
    }

    fn replied(
        &mut self,
        node: usize,
        token: Token,
        reply: Result<Reply, CommandError>,
    ) -> Result<(), Broken> {
        let promise = self.nodes[node].promises.remove(&token);
        if matches!(promise, Some(Promise::Keyring(_))) {
            self.turned(node, reply.as_ref().err());
        }
        match (promise, reply) {
            (Some(promise), Ok(_)) => {
                self.watch.replied(node, &promise).map_err(|broken| at_node(node, broken))
            }
            (Some(_), Err(why)) => {
                self.note(|| format!("node {node} refuses a command: {why}"));
                Ok(())
            }
            (None, _) => Err(broken(2, format!("node {node} answers a command twice"))),
        }
    }
}
