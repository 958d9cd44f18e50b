//! What we handed, or are about to hand, to a partner.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::ledger::{Head, LedgerEntry, Links, Opening, Ranges, Step};
use comity_core::receipt::RejectReason;
use comity_core::{Digest, EpochId, PartDigest, RecordId, Timestamp};

use super::lines::Lines;

/// What we handed, or are about to hand, to a partner.
#[derive(Debug)]
pub struct OutLedger {
    /// The epoch in which it began.
    first: EpochId,
    epoch: EpochId,
    /// How each epoch but the first began, and when, in order.
    openings: Vec<(Opening, Timestamp)>,
    head: Head,
    /// Epoch and head as far as their entries are synced: all that we speak of to the partner.
    durable: (EpochId, Head),
    /// What was given. Numbers that an epoch passed over, and that nobody holds, have no line.
    entries: Lines<OutEntry>,
    /// What the partner gave back from beyond a gap: a void number has no entry.
    beyond: BTreeMap<u64, (Digest, Option<LedgerEntry>)>,
    /// What the partner says it holds durably. Not in the journal: the partner says it again.
    acked: Ranges,
    /// Records that the partner refused because it did not know their origin, and asks for by now. Not in the
    /// journal: it asks again with each connection.
    wanted: BTreeSet<RecordId>,
    /// Records of which their origin has consented to more: the first number given since the last time.
    consented: BTreeMap<RecordId, u64>,
    /// For each record, the numbers under which any of it went.
    numbers: BTreeMap<RecordId, Vec<u64>>,
    /// Receipts of the partner: the number up to which each goes, the first of which it speaks, when it
    /// came, and its journal entry.
    receipts: BTreeMap<u64, (u64, Timestamp, u64)>,
}

/// One line of the outgoing ledger.
#[derive(Clone, Debug)]
pub struct OutEntry {
    /// What both chains hold. Of a void number learned after a restore only the digest is known.
    pub entry: Option<LedgerEntry>,
    /// The entry's digest.
    pub digest: Digest,
    /// The chain up to it; none where an epoch passed over it.
    pub chain: Option<Digest>,
    /// What became of it.
    pub fate: OutFate,
    /// When it was decided.
    pub at: Timestamp,
    /// The journal entry that decided it.
    pub seq: u64,
}

/// What became of a numbered delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutFate {
    /// On its way, or there.
    Live,
    /// Taken back. Where bytes of it may have left before a break, it still counts as possibly received.
    Void {
        /// Whether any byte may have left.
        handed: bool,
    },
    /// The partner will never take it.
    Refused(RejectReason),
}

impl OutFate {
    /// Whether the partner possibly holds what was numbered.
    fn is_possibly_held(&self) -> bool {
        *self != Self::Void { handed: false }
    }
}

impl OutLedger {
    /// A ledger that begins.
    #[must_use]
    pub fn new(epoch: EpochId) -> Self {
        Self {
            first: epoch,
            epoch,
            openings: Vec::new(),
            head: Head::START,
            durable: (epoch, Head::START),
            entries: Lines::default(),
            beyond: BTreeMap::new(),
            acked: Ranges::new(),
            wanted: BTreeSet::new(),
            consented: BTreeMap::new(),
            numbers: BTreeMap::new(),
            receipts: BTreeMap::new(),
        }
    }

    /// The epoch that the next entry belongs to.
    #[must_use]
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }

    /// Where the chain stands.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Epoch and head as far as their entries are synced.
    #[must_use]
    pub fn durable(&self) -> (EpochId, Head) {
        self.durable
    }

    /// The entries up to here are synced.
    pub fn settle_head(&mut self, epoch: EpochId, head: Head) {
        self.durable = (epoch, head);
    }

    /// Everything here was read from the disk.
    pub fn settle_all(&mut self) {
        self.durable = (self.epoch, self.head);
    }

    /// The number that the next delivery gets.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.head.number.saturating_add(1)
    }

    /// Goes on in a new epoch. Numbers before its first that are not here were never given, or nobody
    /// holds them.
    pub fn open(&mut self, opening: &Opening, at: Timestamp, seq: u64) {
        let later = self.beyond.split_off(&opening.first);
        for (number, (digest, entry)) in std::mem::replace(&mut self.beyond, later) {
            if number <= self.head.number {
                continue;
            }
            let fate = match &entry {
                Some(entry) => {
                    self.numbers.entry(entry.record).or_default().push(number);
                    OutFate::Live
                }
                None => OutFate::Void { handed: true },
            };
            self.entries.put(number, OutEntry { entry, digest, chain: None, fate, at, seq });
        }
        self.head = opening.head();
        if self.head.number > 0 {
            self.acked.insert_range(1..=self.head.number);
        }
        self.epoch = opening.epoch;
        self.openings.push((*opening, at));
    }

    /// How the current epoch began, if it is not the first.
    #[must_use]
    pub fn opening(&self) -> Option<Opening> {
        self.openings.last().map(|(opening, _)| *opening)
    }

    /// How many epochs began after `since`.
    #[must_use]
    pub fn opened_since(&self, since: Timestamp) -> usize {
        self.openings.iter().rev().take_while(|(_, at)| *at > since).count()
    }

    /// Whether our ledger once stood where the partner says that it does, to where its own was put back.
    ///
    /// Of an epoch that our own restore lost we know nothing but that the next one followed from it: there
    /// the partner's word is taken.
    #[must_use]
    pub fn was_at(&self, epoch: Option<EpochId>, head: Head) -> bool {
        let mut openings = self.openings.iter().map(|(opening, _)| opening);
        let line = self.entry(head.number).and_then(|line| line.chain);
        head == Head::START
            || line == Some(head.chain)
            || openings.clone().any(|opening| opening.known == head || opening.head() == head)
            || openings
                .any(|opening| Some(opening.previous) == epoch && self.has_lost(opening.previous))
    }

    /// Whether an epoch was ours, and is not in the journal.
    fn has_lost(&self, epoch: EpochId) -> bool {
        epoch != self.first && self.openings.iter().all(|(opening, _)| opening.epoch != epoch)
    }

    /// Whether the partner's account of where our ledger stands agrees with it.
    #[must_use]
    pub fn agrees(&self, epoch: Option<EpochId>, head: Head) -> bool {
        match self.opening() {
            // It has not taken our new epoch in yet.
            Some(opening) if epoch == Some(opening.previous) || epoch.is_none() => {
                head == opening.known
            }
            Some(_) | None => self.chain_at(head.number) == Some(head.chain),
        }
    }

    /// An entry that the partner gave back after a gap: it counts as sent, and finds its place when
    /// the new epoch opens.
    pub fn push_beyond(&mut self, entry: LedgerEntry) {
        self.beyond.insert(entry.number, (entry.digest(), Some(entry)));
    }

    /// The same for a number of which the partner has only the digest.
    pub fn push_beyond_void(&mut self, number: u64, digest: Digest) {
        if number > self.head.number {
            self.beyond.insert(number, (digest, None));
        }
    }

    /// Whether a number was given, or was given back.
    #[must_use]
    pub fn has(&self, number: u64) -> bool {
        number <= self.head.number || self.beyond.contains_key(&number)
    }

    /// The first number that the partner has never met.
    #[must_use]
    pub fn first_unmet(&self) -> u64 {
        let last = self.beyond.keys().next_back().copied().unwrap_or(0);
        last.max(self.head.number).saturating_add(1)
    }

    /// Appends the next entry. Whether it was the next: a journal that skips a number is damaged.
    pub fn push(&mut self, entry: LedgerEntry, at: Timestamp, seq: u64) -> bool {
        let (number, record) = (entry.number, entry.record);
        let digest = entry.digest();
        let next = self.append(number, digest, Some(entry), OutFate::Live, (at, seq));
        if next {
            self.numbers.entry(record).or_default().push(number);
        }
        next
    }

    /// Appends a void number of which only the digest is known. Whether it was the next.
    pub fn push_void(&mut self, number: u64, digest: Digest, at: Timestamp, seq: u64) -> bool {
        self.append(number, digest, None, OutFate::Void { handed: false }, (at, seq))
    }

    fn append(
        &mut self,
        number: u64,
        digest: Digest,
        entry: Option<LedgerEntry>,
        fate: OutFate,
        (at, seq): (Timestamp, u64),
    ) -> bool {
        if number != self.next_number() {
            return false;
        }
        self.head = self.head.after(digest);
        let chain = Some(self.head.chain);
        self.entries.put(number, OutEntry { entry, digest, chain, fate, at, seq })
    }

    /// The entry with this number.
    #[must_use]
    pub fn entry(&self, number: u64) -> Option<&OutEntry> {
        self.entries.get(number)
    }

    /// The chain up to `number`; `None` beyond the head, and where an epoch passed over it.
    #[must_use]
    pub fn chain_at(&self, number: u64) -> Option<Digest> {
        let before =
            |(opening, _): &&(Opening, Timestamp)| opening.first.checked_sub(1) == Some(number);
        match self.openings.iter().rfind(before) {
            _ if number == 0 => Some(Digest::ZERO),
            Some((opening, _)) => Some(opening.head().chain),
            None => self.entry(number).and_then(|entry| entry.chain),
        }
    }

    /// The way from an entry to the head at a later number, in this or a later epoch. `None`: there is
    /// none, because either is not here, or an epoch has passed the entry over.
    #[must_use]
    pub fn links(&self, from: u64, epoch: EpochId, to: u64) -> Option<Links> {
        let before = self.chain_at(from.checked_sub(1)?)?;
        let mut current = self.entry(from)?.entry.as_ref()?.epoch;
        let (mut at, mut steps) = (from, Vec::new());
        let openings = self.openings.iter().map(|(opening, _)| opening);
        for opening in openings.filter(|opening| opening.first > from) {
            if current == epoch {
                break;
            }
            self.steps(at, opening.known.number, &mut steps)?;
            let Opening { epoch: next, previous, first, .. } = *opening;
            steps.push(Step::Epoch { epoch: next, previous, first });
            (current, at) = (next, first.saturating_sub(1));
        }
        self.steps(at, to, &mut steps).filter(|()| current == epoch)?;
        Some(Links { before, steps })
    }

    fn steps(&self, at: u64, to: u64, steps: &mut Vec<Step>) -> Option<()> {
        if at > to {
            return None;
        }
        for number in at.saturating_add(1)..=to {
            steps.push(Step::Entry(self.entry(number)?.digest));
        }
        Some(())
    }

    /// Marks a number as never handed over, or never taken. Its record, and whether the partner possibly
    /// holds it by this delivery now, where that has changed.
    pub fn settle(&mut self, number: u64, fate: OutFate) -> Option<(RecordId, bool)> {
        let line = self.entries.get_mut(number)?;
        let before = std::mem::replace(&mut line.fate, fate);
        let (before, held) = (before.is_possibly_held(), line.fate.is_possibly_held());
        let record = line.entry.as_ref().filter(|_| before != held)?.record;
        Some((record, held))
    }

    /// What the partner says it holds durably.
    #[must_use]
    pub fn acked(&self) -> &Ranges {
        &self.acked
    }

    /// The partner says that it holds these.
    pub fn acknowledge(&mut self, ranges: impl IntoIterator<Item = (u64, u64)>) {
        for (start, end) in ranges {
            let end = end.min(self.head.number);
            self.acked.insert_range(start..=end);
        }
    }

    /// The partner says anew what it holds: after a break it may be less than it was. What the current
    /// epoch passed over is settled, whether the partner has taken the epoch in or not.
    pub fn reset_acknowledged(&mut self, ranges: Ranges) {
        self.acked = Ranges::new();
        if let Some(settled) = self.opening().map(|opening| opening.head().number)
            && settled > 0
        {
            self.acked.insert_range(1..=settled);
        }
        self.acknowledge(ranges.as_slice().iter().copied());
    }

    /// The partner was put back to before the current epoch: of what that settled it holds this, and no
    /// more.
    pub fn put_back(&mut self, held: Ranges) {
        self.acked = Ranges::new();
        self.acknowledge(held.as_slice().iter().copied());
    }

    /// Numbers that the partner does not hold yet, ascending.
    pub fn outstanding(&self) -> impl Iterator<Item = u64> + '_ {
        let from = self.acked.contiguous().saturating_add(1);
        let lines = self.entries.from(from).map(|(number, _)| number);
        lines.filter(|number| !self.acked.contains(*number))
    }

    /// The parts of a record that were sent and not taken back; `None` when nothing of it was.
    ///
    /// A refused delivery counts, so that it is not offered again; unless the partner asks for it, or it was
    /// not addressed to the partner and has been consented to since.
    #[must_use]
    pub fn sent(&self, record: &RecordId) -> Option<BTreeSet<PartDigest>> {
        let wanted = self.wanted.contains(record);
        let consented = self.consented.get(record).copied().unwrap_or(0);
        self.parts(record, |number, fate| match fate {
            OutFate::Void { .. } => false,
            OutFate::Refused(RejectReason::UnknownOrigin) => !wanted,
            OutFate::Refused(RejectReason::NotAddressed) => number >= consented,
            OutFate::Refused(_) | OutFate::Live => true,
        })
    }

    /// Its origin lets the partner have something of a record: what the partner refused of it goes again.
    pub fn consented(&mut self, record: RecordId) {
        if self.numbers.contains_key(&record) {
            self.consented.insert(record, self.first_unmet());
        }
    }

    /// The partner asks for these, which it had refused. Whether there are any.
    pub fn want(&mut self, records: impl Iterator<Item = RecordId>) -> bool {
        let lacking: Vec<_> = records.filter(|record| self.lacks(record)).collect();
        let before = self.wanted.len();
        self.wanted.extend(lacking);
        self.wanted.len() > before
    }

    /// The partner has refused this anew: it does not ask for it any more.
    pub fn unwant(&mut self, record: &RecordId) {
        self.wanted.remove(record);
    }

    /// Whether something of a record that was refused for its origin is not on its way again. That it was
    /// given a number once more does not suffice: the number may be void since, or carry less.
    fn lacks(&self, record: &RecordId) -> bool {
        let again = OutFate::Refused(RejectReason::UnknownOrigin);
        let refused = self.parts(record, |_, fate| *fate == again);
        let live = self.parts(record, |_, fate| *fate == OutFate::Live);
        match (refused, live) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(refused), Some(live)) => !refused.is_subset(&live),
        }
    }

    /// The line of a number that is to go. What the partner refused and has forgotten since is asked anew,
    /// for a gap would hold back its receipts for all that follows.
    #[must_use]
    pub fn due(&self, number: u64) -> Option<&OutEntry> {
        let refused =
            |fate: &OutFate| matches!(fate, OutFate::Refused(_)) && !self.acked.contains(number);
        self.entry(number).filter(|line| line.fate == OutFate::Live || refused(&line.fate))
    }

    /// The parts of a record that the partner possibly holds: whatever a withdrawal must reach.
    #[must_use]
    pub fn possibly_held(&self, record: &RecordId) -> Option<BTreeSet<PartDigest>> {
        self.parts(record, |_, fate| fate.is_possibly_held())
    }

    /// Whether the partner says that it holds a delivery of this record before this number: what goes under
    /// the number comes late.
    #[must_use]
    pub fn is_held_before(&self, record: &RecordId, number: u64) -> bool {
        let numbers = self.numbers_of(record).iter().filter(|before| **before < number);
        numbers.copied().any(|before| {
            let live = self.entry(before).is_some_and(|line| line.fate == OutFate::Live);
            live && self.acked.contains(before)
        })
    }

    /// The numbers under which a record went, or is to go.
    pub(crate) fn numbers_of(&self, record: &RecordId) -> &[u64] {
        self.numbers.get(record).map_or(&[], Vec::as_slice)
    }

    /// Whether the partner says that it holds a delivery of this record.
    #[must_use]
    pub fn is_held(&self, record: &RecordId) -> bool {
        let mut numbers = self.numbers.get(record).into_iter().flatten();
        numbers.any(|number| {
            let live = self.entry(*number).is_some_and(|line| line.fate == OutFate::Live);
            live && self.acked.contains(*number)
        })
    }

    fn parts(
        &self,
        record: &RecordId,
        counts: impl Fn(u64, &OutFate) -> bool,
    ) -> Option<BTreeSet<PartDigest>> {
        let mut parts = None;
        for number in self.numbers.get(record)? {
            if let Some(OutEntry { entry: Some(entry), fate, .. }) = self.entry(*number)
                && counts(*number, fate)
            {
                parts.get_or_insert_with(BTreeSet::new).extend(entry.parts.iter().copied());
            }
        }
        parts
    }

    /// The entries from a number on, in order.
    pub(crate) fn entries_from(&self, number: u64) -> impl Iterator<Item = (u64, &OutEntry)> {
        self.entries.from(number)
    }

    /// Every entry, in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &OutEntry> {
        self.entries.iter()
    }

    /// A verified receipt of the partner speaks of the numbers from `first` to `last`.
    pub fn receipt(&mut self, (first, last): (u64, u64), at: Timestamp, seq: u64) {
        self.receipts.entry(last).or_insert((first, at, seq));
    }

    /// The first receipt that covers a number: when it came, and its journal entry.
    #[must_use]
    pub fn receipt_for(&self, number: u64) -> Option<(Timestamp, u64)> {
        let mut covering = self.receipts.range(number..).map(|(_, receipt)| *receipt);
        covering.find(|(first, ..)| *first <= number).map(|(_, at, seq)| (at, seq))
    }

    /// The highest number that a receipt covers.
    #[must_use]
    pub fn receipted(&self) -> u64 {
        self.receipts.last_key_value().map_or(0, |(number, _)| *number)
    }

    /// How many numbers the partner has not confirmed by any word of its own, its receipts included: those
    /// are in the journal, and what it acknowledges on a link is not.
    #[must_use]
    pub fn unconfirmed_count(&self) -> u64 {
        let mut confirmed = self.acked.clone();
        for (last, (first, ..)) in &self.receipts {
            confirmed.insert_range(*first..=*last);
        }
        let open = |number: &u64| {
            !confirmed.contains(*number)
                && self.entry(*number).is_some_and(|one| one.fate == OutFate::Live)
        };
        let from = confirmed.contiguous().saturating_add(1);
        (from..=self.head.number).filter(open).count() as u64
    }

    /// How many numbers the partner does not hold yet.
    #[must_use]
    pub fn outstanding_count(&self) -> u64 {
        let held: u64 = self
            .acked
            .as_slice()
            .iter()
            .map(|(start, end)| end.min(&self.head.number).saturating_sub(*start).saturating_add(1))
            .sum();
        self.head.number.saturating_sub(held)
    }
}
