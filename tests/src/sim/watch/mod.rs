//! The invariants, watched after every step.
//!
//! 1. No part and no manifest is handed to a link whose decision at that moment was not Release.
//! 2. What was acknowledged survives; what was not is sent again; nothing enters the journal twice.
//! 3. Nothing is accepted whose author was not entitled.
//! 4. Every delivery has its ledger entry, durable before its first byte; both sides' chains agree
//!    after quiescence; no number is used twice, even after a restore.
//! 5. After faults end, every partner holds every part that the decision now releases to it, and none
//!    without a delivery entry that was decided Release.
//! 6. A withdrawn record never comes back as live.
//! 7. What was erased is not kept again, not handed over, and gone from the store; also after a restore.
//! 8. What is addressed to a group goes to its members, and nobody else, as long as it can be relied on; all who hold
//!    the same words about it come to the same.
//! 9. Nothing leaves before its time, whatever a clock says, but for what a node is said to follow its clock.
//! 10. Nothing leaves that waits for a second person, or that the guard's lists name; by broken glass one record goes to
//!     one partner, and is taken back from there unless somebody confirms it.
//! 11. Nobody is let in, or stays, with a key of links that has ended by the keyring that is here; and links come back
//!     with the new one.
//! 12. What a rule of the house keeps for a person, or a person put aside, goes nowhere and is nowhere shown the way out
//!     until a person lets it, and whoever brought it hears what it always hears; what a rule refuses is not kept.
//! 13. Nothing goes by its term before that is over, nor what is under a legal hold or asked about, nor in recovery, nor
//!     by a clock that nobody vouches for; what is to go does, and what was agreed of it travels with it.
//! 14. Nobody learns from what it is sent who else has a record, or how many: but for a relay, which learns whom it
//!     serves. Nor how far anybody is trusted.
//! 15. Nothing goes of an economy, or to one, by a keyring of which its own daily word says otherwise; nor of one that
//!     has been silent about it for too long.
//!
//! The watcher believes no engine: it reads what goes into the journal ([`Shadow`]) and what goes
//! over the wire ([`Said`]), and knows how every record was signed ([`Truth`]). Only the decision
//! itself is asked twice: of the node's own state, and of `gate`, a few rules written anew.

pub mod circle;
mod clocks;
mod discretion;
mod gate;
mod groups;
pub mod guarded;
mod heads;
mod intake;
mod keyrings;
mod rosters;
mod settle;
mod shadow;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use comity_core::journal::{ErasureCause, JournalEntry};
use comity_core::ledger::Ranges;
use comity_core::policy::{self, Lifecycle};
use comity_core::{Digest, EconomyId, EpochId, Onward, PartDigest, RecordId, Timestamp};
use comity_node::config::Retention;
use comity_node::engine::Engine;
use comity_node::state::State;
use comity_store::Store as _;

use super::node::{Node, Promise};
use super::truth::Truth;
use super::wire::{Line, Said};
pub use shadow::Shadow;
pub use terms::Doubt;

/// An invariant is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub invariant: u8,
    /// How.
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {} is broken: {}", self.invariant, self.how)
    }
}

pub(crate) fn broken(invariant: u8, how: impl Into<String>) -> Broken {
    Broken { invariant, how: how.into() }
}

/// Watches all nodes.
#[derive(Default)]
pub struct Watch {
    /// What is true.
    pub truth: Truth,
    /// Each node's journal.
    pub shadows: Vec<Shadow>,
    /// Every number that went over a wire: from, to, epoch, number.
    numbers: BTreeMap<(EconomyId, EconomyId, EpochId, u64), Digest>,
    /// Deliveries that went over a wire.
    pub delivered: u64,
    /// Those that only a consent let go.
    pub consented: u64,
    /// Deliveries of what nobody, or nobody else, might have before a time.
    pub timed: u64,
    /// Those that passed on what takes the place of something that its origin's embargo still held.
    pub lifted: u64,
    /// Those of what a person had to let in before.
    pub let_on: u64,
    /// Those that nothing but broken glass let go.
    pub by_glass: u64,
    /// The latest that whoever speaks may take the time to be, whatever its clock says.
    pub latest: Timestamp,
    /// For how long each node keeps what.
    pub keeps: BTreeMap<usize, Retention>,
    /// Nodes by whose clock nothing may be erased, for nobody vouches for it.
    pub doubts: BTreeMap<usize, Doubt>,
    /// Parts whose time was over, and that went by themselves.
    pub lapsed: u64,
    /// What is so in each house.
    pub houses: BTreeMap<EconomyId, guarded::House>,
    /// The groups.
    pub circles: groups::Circles,
    /// All economies that there are.
    pub economies: Vec<EconomyId>,
    /// What was handed over to whom, by whom, whatever journals still say of it.
    handed: BTreeMap<(EconomyId, EconomyId), BTreeSet<RecordId>>,
}

impl Watch {
    /// Entries were handed to a node's store.
    pub fn journaled(
        &mut self,
        node: usize,
        entries: &[comity_store::NewEntry],
    ) -> Result<(), Broken> {
        for entry in entries {
            let decoded = JournalEntry::decode(entry.kind, &entry.body)
                .map_err(|fault| broken(2, format!("an entry that cannot be read: {fault}")))?;
            if let JournalEntry::Erased(erasure) = &decoded {
                self.may_go(node, erasure)?;
                let by_term = erasure.cause == ErasureCause::Term;
                self.lapsed += if by_term { erasure.parts.len() as u64 } else { 0 };
            }
            let Self { truth, shadows, numbers, .. } = self;
            if let JournalEntry::Voided { to, number, digest, handed: false, .. } = &decoded {
                // Digests are salted: one that is the same is of the same delivery.
                let left = |((_, whom, _, sent), known): (&(_, _, _, u64), &Digest)| {
                    whom == to && sent == number && known == digest
                };
                if numbers.iter().any(left) {
                    let how = format!("number {number} left, and is void as if it had not");
                    return Err(broken(4, how));
                }
            }
            shadows[node].apply(&decoded, truth)?;
            self.circles.follow(&mut self.shadows[node], &self.truth);
        }
        self.shadows[node].desk_holds()
    }

    /// The bodies beside an entry are those that were sealed, and none that was erased. Hostile nodes keep what
    /// they like.
    pub fn bodies(&self, node: usize, entries: &[comity_store::NewEntry]) -> Result<(), Broken> {
        for entry in entries {
            if let Ok(decoded @ (JournalEntry::Record(_) | JournalEntry::Parts(_))) =
                JournalEntry::decode(entry.kind, &entry.body)
            {
                for digest in decoded.part_bodies() {
                    let kept = entry.blobs.iter().find(|(one, _)| *one == digest);
                    let sealed = self.truth.deeds().find_map(|deed| deed.parts.get(&digest));
                    if self.shadows[node].erased.contains_key(&digest) {
                        if kept.is_some() {
                            let how = format!("part {} was erased and comes back", digest.short());
                            return Err(broken(7, how));
                        }
                        continue;
                    }
                    if kept.map(|(_, bytes)| bytes) != sealed.map(|piece| &piece.bytes) {
                        let how = format!("part {} was kept with other bytes", digest.short());
                        return Err(broken(3, how));
                    }
                }
            }
        }
        Ok(())
    }

    /// A node's store is synced so far.
    pub fn synced(&mut self, node: usize, mark: comity_store::Watermark) {
        let shadow = &mut self.shadows[node];
        (shadow.durable, shadow.chain) = (mark.seq, Some(mark.chain));
    }

    /// Deliveries that were refused because nobody knew their origin, as far as journals still say so.
    #[must_use]
    pub fn unkept(&self) -> u64 {
        self.shadows.iter().map(|shadow| shadow.unkept).sum()
    }

    /// How often somebody holds what a thief signed, and does not believe it.
    #[must_use]
    pub fn doubted(&self) -> u64 {
        let doubted = |shadow: &Shadow| {
            let records = shadow.records.iter().filter(|(_, entered)| !entered.accepted);
            records.filter(|(id, _)| self.truth.deed(id).is_some_and(|deed| deed.stolen)).count()
        };
        self.shadows.iter().map(|shadow| doubted(shadow) as u64).sum()
    }

    /// How often somebody believed what a thief signed, and does so no more.
    #[must_use]
    pub fn undone(&self) -> u64 {
        let records = self.shadows.iter().flat_map(|shadow| &shadow.records);
        let undone = records.filter(|(_, entered)| entered.believed && !entered.accepted);
        undone.filter(|(id, _)| self.truth.deed(id).is_some_and(|deed| deed.stolen)).count() as u64
    }

    /// A node answered a command with yes.
    pub fn replied(&self, node: usize, promise: &Promise) -> Result<(), Broken> {
        let (Promise::Published(record) | Promise::Keyring(record)) = promise else {
            return Ok(());
        };
        let shadow = &self.shadows[node];
        let durable = |seq: u64| seq <= shadow.durable;
        match shadow.records.get(record) {
            Some(entered) if durable(entered.seq) => Ok(()),
            Some(_) | None => {
                let how = format!("publication of {} is told before its sync", record.short());
                Err(broken(2, how))
            }
        }
    }

    /// A node's process ended and its journal was opened again. `replaced`: by a backup.
    pub fn reopened(&mut self, node: usize, of: &Node, replaced: bool) -> Result<(), Broken> {
        let entries = of.entries();
        let before = std::mem::take(&mut self.shadows[node]);
        let seq = before.durable;
        let place = usize::try_from(seq).expect("a place in memory");
        let here = place.checked_sub(1).map(|at| entries.get(at).map(|entry| entry.chain));
        if !replaced && here.is_some_and(|here| here != before.chain) {
            return Err(broken(2, format!("entry {seq} was acknowledged and is gone")));
        }
        let mut shadow = Shadow::default();
        for entry in &entries {
            let decoded = JournalEntry::decode(entry.kind, &entry.body)
                .map_err(|fault| broken(2, format!("an entry that cannot be read: {fault}")))?;
            let applied = shadow.apply(&decoded, &self.truth);
            if !of.hostile {
                applied?;
            }
            self.circles.follow(&mut shadow, &self.truth);
        }
        if !of.hostile {
            shadow.desk_holds()?;
        }
        let mark = of.store.durable();
        (shadow.durable, shadow.chain) = (mark.seq, Some(mark.chain));
        self.shadows[node] = shadow;
        Ok(())
    }

    /// What a node knows after a step.
    pub fn stepped(&self, node: usize, engine: &Engine) -> Result<(), Broken> {
        let live = |record: &&RecordId| {
            let held = engine.state().record(record);
            held.is_some_and(|held| held.facts.lifecycle == Lifecycle::Live)
        };
        match self.shadows[node].withdrawn.iter().find(live) {
            None => Ok(()),
            Some(record) => Err(broken(6, format!("withdrawn record {} is live", record.short()))),
        }
    }

    /// A node said something to another.
    pub fn said(
        &mut self,
        (node, state): (usize, &State),
        to: EconomyId,
        said: &Said,
        now: Timestamp,
    ) -> Result<(), Broken> {
        match said {
            Said::Hello { held, out, .. } => {
                self.named(node, to, out.number)?;
                self.acknowledged(node, to, held)
            }
            Said::Acked(held) => self.acknowledged(node, to, held),
            Said::Rejected(number) => {
                self.told_of_number(node, to, *number)?;
                self.acknowledged(node, to, &[(*number, *number)].into_iter().collect())
            }
            Said::Batch { returned: false, lines } => {
                lines.iter().try_for_each(|line| self.delivered((node, state), to, line, now))
            }
            Said::Batch { returned: true, lines } => {
                lines.iter().try_for_each(|line| self.given_back(node, to, line))
            }
            Said::Void { returned: false, number, digest } => {
                let voided = self.shadows[node].voided.get(&(to, *number));
                match voided {
                    Some((known, seq)) if known == digest && *seq <= self.shadows[node].durable => {
                        Ok(())
                    }
                    Some(_) | None => {
                        Err(broken(4, format!("number {number} is voided without an entry")))
                    }
                }
            }
            Said::Receipt(signed) => self.told_in_receipt(node, to, signed),
            Said::Void { returned: true, .. }
            | Said::Deferred { .. }
            | Said::Wants { .. }
            | Said::Known { .. }
            | Said::Head(_)
            | Said::Chunk { .. }
            | Said::Other(_) => Ok(()),
        }
    }

    /// Whatever a node says of its own ledger is synced.
    fn named(&self, node: usize, to: EconomyId, last: u64) -> Result<(), Broken> {
        let shadow = &self.shadows[node];
        let mut unsynced = shadow.out.iter().filter(|((partner, _, number), decided)| {
            *partner == to && *number <= last && decided.seq > shadow.durable
        });
        match unsynced.next() {
            None => Ok(()),
            Some(((_, _, number), _)) => {
                Err(broken(4, format!("number {number} is named in a greeting and not synced")))
            }
        }
    }

    /// Whatever a node says that it holds is synced.
    fn acknowledged(&self, node: usize, to: EconomyId, held: &Ranges) -> Result<(), Broken> {
        let shadow = &self.shadows[node];
        let opened = shadow.opened.get(&to).copied().unwrap_or(0);
        let numbers = held.as_slice().iter().flat_map(|(first, last)| *first..=*last);
        for number in numbers.filter(|number| *number >= opened) {
            let known = shadow.inbound.get(&(to, number));
            if known.is_none_or(|(_, seq)| *seq > shadow.durable) {
                let how = format!("number {number} is acknowledged and not synced");
                return Err(broken(2, how));
            }
        }
        Ok(())
    }

    fn delivered(
        &mut self,
        (node, state): (usize, &State),
        to: EconomyId,
        line: &Line,
        now: Timestamp,
    ) -> Result<(), Broken> {
        self.delivered += 1;
        let Line { entry, signed, bodies, apart: _, lane: _, bytes: _ } = line;
        let shadow = &self.shadows[node];
        let what = format!("number {} ({})", entry.number, entry.record.short());
        let decided = shadow.out.get(&(to, entry.epoch, entry.number));
        if decided.is_none_or(|decided| decided.entry != *entry || decided.seq > shadow.durable) {
            let how = format!("{what} is handed over and its entry is not synced");
            return Err(broken(4, how));
        }
        let key = (state.us(), to, entry.epoch, entry.number);
        if *self.numbers.entry(key).or_insert(entry.digest()) != entry.digest() {
            return Err(broken(4, format!("{what} is used twice")));
        }
        self.handed.entry((state.us(), to)).or_default().insert(entry.record);
        let deed = self.truth.deed(&entry.record).filter(|deed| deed.signed == *signed);
        let Some(deed) = deed.filter(|_| *bodies == entry.parts) else {
            return Err(broken(1, format!("{what} goes with other bytes than were decided")));
        };
        let held = state.record(&entry.record);
        let plan = held.map(|held| state.plan_of(held, &entry.parts, &to, now));
        if plan.as_ref().is_none_or(|plan| !plan.goes() || plan.releases() != entry.parts) {
            let parts = plan.iter().flat_map(|plan| plan.withheld()).map(|part| &part.decision);
            let decisions = plan.iter().filter_map(|plan| plan.control()).chain(parts);
            let kept: Vec<_> =
                decisions.filter_map(|one| policy::reason(state.policy(), one)).collect();
            return Err(broken(1, format!("{what} is handed over against the decision: {kept:?}")));
        }
        self.looked_at(node, deed)
            .map_err(|why| broken(12, format!("{what} is handed over though {why}")))?;
        let admitted = self
            .in_circles((node, state.us()), to, deed, &entry.parts, now)
            .map_err(|why| broken(8, format!("{what} is handed over though {why}")))?;
        let ends = (state.us(), to);
        let glass = self
            .out_of_house((node, to), deed, &entry.parts, now)
            .map_err(|why| broken(10, format!("{what} is handed over though {why}")))?;
        let timed = self
            .timely(ends, deed, &entry.parts, (&admitted, glass))
            .map_err(|why| broken(9, format!("{what} is handed over though {why}")))?;
        let days = entry.obligations.retention_days;
        let by = (&admitted, glass, days);
        if let Some(why) =
            self.lends_for_too_long((node, state.us(), to), deed, &entry.parts, by, now)
        {
            return Err(broken(13, format!("{what} is handed over, and {why}")));
        }
        let shadow = &self.shadows[node];
        if !deed.kind.is_control() {
            let (heads, keyrings) = (&shadow.heads, &shadow.keyrings);
            let foreign = deed.origin != state.us();
            let held = heads.hold_back(&deed.origin, keyrings, now).filter(|_| foreign);
            let doubted = || heads.doubt(&to, keyrings, now);
            if let Some(why) = held.or_else(doubted) {
                return Err(broken(15, format!("{what} is handed over though {why}")));
            }
        }
        let check = |glass| {
            let by = (&admitted, glass);
            gate::check(&self.truth, shadow, ends, deed, &entry.parts, by, now)
        };
        // Nothing else lets it go: it goes no further, and is not kept for long.
        let plain = check(false);
        let only = glass && plain.is_err();
        if only && entry.obligations.onward != Onward::None {
            return Err(broken(10, format!("{what} goes by broken glass, and may go on")));
        }
        let consented = if only { check(true) } else { plain };
        let consented =
            consented.map_err(|why| broken(1, format!("{what} is handed over though {why}")))?;
        self.timed += u64::from(timed);
        self.lifted += u64::from(state.us() != deed.origin && self.was_under_embargo(deed));
        self.let_on += u64::from(self.shadows[node].desk.has_released(&deed.id));
        self.by_glass += u64::from(only);
        self.consented += u64::from(consented);
        self.circles.delivered += u64::from(!admitted.is_empty());
        Ok(())
    }

    /// A partner gets back only what it had sent.
    fn given_back(&self, node: usize, to: EconomyId, line: &Line) -> Result<(), Broken> {
        let shadow = &self.shadows[node];
        let number = line.entry.number;
        match shadow.inbound.get(&(to, number)) {
            Some((digest, _)) if *digest == line.entry.digest() => {}
            Some(_) | None => {
                return Err(broken(1, format!("number {number} is given back and never came")));
            }
        }
        let none = PartDigest([0; 32]);
        let mut bodies = line.entry.parts.iter().zip(&line.bodies);
        let whole = line.entry.parts.len() == line.bodies.len();
        let as_it_is = |(part, body): (&PartDigest, &PartDigest)| {
            *body == if shadow.erased.contains_key(part) { none } else { *part }
        };
        if whole && bodies.all(as_it_is) {
            return Ok(());
        }
        Err(broken(7, format!("number {number} is given back with other than what is here of it")))
    }
}
