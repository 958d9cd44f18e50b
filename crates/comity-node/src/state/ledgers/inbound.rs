//! What a partner handed to us.

use std::collections::BTreeMap;

use comity_core::ledger::{Head, LedgerEntry, Opening, Ranges};
use comity_core::receipt::{REJECTS, RejectReason};
use comity_core::{Digest, EpochId, RecordId};

use super::lines::Lines;
use crate::limits::{MOST_AHEAD, MOST_SKIPPED};

/// What a partner handed to us.
#[derive(Debug)]
pub struct InLedger {
    /// The run from 1 without gaps.
    head: Head,
    /// Digests of entries beyond the run.
    beyond: BTreeMap<u64, Digest>,
    /// Of the run: each entry's digest, to know a repetition from a contradiction, and the chain there.
    /// What an epoch passed over has no place in the chain, and none here.
    run: Lines<(Digest, Digest)>,
    /// Digests of what was here beyond a gap when an epoch passed over it.
    passed: BTreeMap<u64, Digest>,
    /// The head with which the epoch began.
    opened: Head,
    numbers: Ranges,
    /// How many they are.
    count: u64,
    /// The numbers whose entries are synced: all that we speak of to the partner.
    durable: Ranges,
    epoch: Option<EpochId>,
    /// Numbers that were rejected for good, or taken back, and why.
    rejects: BTreeMap<u64, RejectReason>,
    /// The entries themselves: what a restored partner gets back. Void numbers have none.
    entries: BTreeMap<u64, LedgerEntry>,
    /// How often records came again with nothing new.
    repeats: BTreeMap<RecordId, u64>,
}

impl Default for InLedger {
    fn default() -> Self {
        Self {
            head: Head::START,
            beyond: BTreeMap::new(),
            run: Lines::default(),
            passed: BTreeMap::new(),
            opened: Head::START,
            numbers: Ranges::new(),
            count: 0,
            durable: Ranges::new(),
            epoch: None,
            rejects: BTreeMap::new(),
            entries: BTreeMap::new(),
            repeats: BTreeMap::new(),
        }
    }
}

impl InLedger {
    /// Where the run without gaps stands, as far as it is durable.
    #[must_use]
    pub fn durable_head(&self) -> Head {
        let number = self.durable.contiguous();
        match self.run.get(number) {
            _ if number > 0 && number == self.opened.number => self.opened,
            Some((_, chain)) => Head { number, chain: *chain },
            None => Head::START,
        }
    }

    /// The heads that receipts are signed for, so that together they speak of every number after
    /// `before`: a full list of rejects says nothing of what came before the first of them.
    #[must_use]
    pub fn heads_to_sign(&self, before: Option<u64>) -> Vec<Head> {
        let upto = self.durable_head();
        let mut heads = Vec::new();
        let first = before.unwrap_or(upto.number).saturating_add(1);
        if first <= upto.number {
            let mut listed = 0;
            for number in self.rejects.range(first..=upto.number).map(|(number, _)| *number) {
                listed += 1;
                if listed == REJECTS {
                    let last = number.saturating_sub(1);
                    let within = self.run.get(last).filter(|_| last > self.opened.number);
                    heads.extend(within.map(|(_, chain)| Head { number: last, chain: *chain }));
                    listed = 1;
                }
            }
        }
        heads.push(upto);
        heads
    }

    /// The numbers that are durable.
    #[must_use]
    pub fn durable(&self) -> &Ranges {
        &self.durable
    }

    /// The entry of `number` is synced.
    pub fn settle(&mut self, number: u64) {
        self.durable.insert(number);
    }

    /// Everything here was read from the disk.
    pub fn settle_all(&mut self) {
        self.durable = self.numbers.clone();
    }

    /// The epoch of the last entry that arrived.
    #[must_use]
    pub fn epoch(&self) -> Option<EpochId> {
        self.epoch
    }

    /// Every number that is here.
    #[must_use]
    pub fn numbers(&self) -> &Ranges {
        &self.numbers
    }

    /// Numbers that were rejected for good, or of which only the digest is here: what a receipt does not
    /// sign for.
    #[must_use]
    pub fn rejects(&self) -> &BTreeMap<u64, RejectReason> {
        &self.rejects
    }

    /// The digest of a number that is here. A number that never came, and that an epoch passed over, is
    /// settled, and nothing is known of it.
    #[must_use]
    pub fn digest(&self, number: u64) -> Option<Digest> {
        let run = self.run.get(number).map(|(digest, _)| *digest);
        let apart = || self.beyond.get(&number).or_else(|| self.passed.get(&number)).copied();
        let settled = || (1..=self.head.number).contains(&number).then_some(Digest::ZERO);
        run.or_else(apart).or_else(settled)
    }

    /// Whether a number lies so far beyond those that are here, gaps and all, that it can only be meant
    /// to be far: numbers are dense.
    #[must_use]
    pub fn is_far(&self, number: u64) -> bool {
        number > self.last() && number.saturating_sub(self.count) > MOST_AHEAD
    }

    /// The entry of a number that is here; a void number has none.
    #[must_use]
    pub fn entry(&self, number: u64) -> Option<&LedgerEntry> {
        self.entries.get(&number)
    }

    /// The entry of a number that was taken in: its record and its parts came with it, and were what they
    /// claimed to be.
    #[must_use]
    pub fn taken(&self, number: u64) -> Option<&LedgerEntry> {
        self.entry(number).filter(|_| !self.rejects.contains_key(&number))
    }

    /// A number arrived. Whether it was new.
    pub fn push(&mut self, number: u64, digest: Digest, entry: Option<LedgerEntry>) -> bool {
        if number == 0 || !self.numbers.insert(number) {
            return false;
        }
        self.count = self.count.saturating_add(1);
        if let Some(entry) = entry {
            self.epoch.get_or_insert(entry.epoch);
            self.entries.insert(number, entry);
        } else {
            self.rejects.insert(number, RejectReason::Void);
        }
        self.beyond.insert(number, digest);
        while let Some(next) = self.beyond.remove(&self.head.number.saturating_add(1)) {
            self.head = self.head.after(next);
            self.run.put(self.head.number, (next, self.head.chain));
        }
        true
    }

    /// A record came again with nothing new.
    pub fn repeat(&mut self, record: RecordId) {
        let repeats = self.repeats.entry(record).or_default();
        *repeats = repeats.saturating_add(1);
    }

    /// How often a record came again with nothing new.
    #[must_use]
    pub fn repeats(&self, record: &RecordId) -> u64 {
        self.repeats.get(record).copied().unwrap_or(0)
    }

    /// A number was rejected for good.
    pub fn reject(&mut self, number: u64, reason: RejectReason) {
        self.rejects.insert(number, reason);
    }

    /// The last number that is here, gaps before it or not.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.numbers.as_slice().last().map_or(0, |(_, last)| *last)
    }

    /// Whether a new epoch of the partner follows from what is here.
    #[must_use]
    pub fn follows(&self, opening: &Opening) -> bool {
        self.epoch.is_none_or(|epoch| epoch == opening.previous)
            && opening.known == self.head
            && opening.first > self.last()
    }

    /// Whether it passes over no more numbers than it may. Asked where it comes in, and not of the
    /// journal, which is taken as it was written.
    #[must_use]
    pub fn is_within_reach(&self, opening: &Opening) -> bool {
        opening.first.saturating_sub(self.last()) <= MOST_SKIPPED
    }

    /// The partner was restored and goes on in a new epoch. Whether that follows from what is here;
    /// otherwise nothing changed.
    pub fn open(&mut self, opening: &Opening) -> bool {
        let follows = self.follows(opening);
        if follows {
            let head = opening.head();
            self.passed.append(&mut self.beyond);
            if head.number > 0 {
                self.numbers.insert_range(1..=head.number);
                self.durable.insert_range(1..=head.number);
            }
            self.count = head.number;
            (self.head, self.opened) = (head, head);
            self.epoch = Some(opening.epoch);
        }
        follows
    }
}
