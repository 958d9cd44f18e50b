//! The ledger of a link direction: what was handed to a partner, by number, in a chain that both sides hold.

mod links;
mod ranges;

use std::collections::BTreeMap;

use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::digest::{Digest, domains};
use crate::identity::{EpochId, PartDigest, RecordId};
use crate::limits;
use crate::marking::Onward;

pub use links::{Broken, Links, Step};
pub use ranges::Ranges;

/// What the recipient takes on with a delivery. Nobody passes on wider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Obligations {
    /// Passing on.
    pub onward: Onward,
    /// Days after which bodies are erased. Absent: the recipient's own rule.
    pub retention_days: Option<u32>,
    /// The only purposes for which it may be used: at most [`limits::PURPOSES`], ascending, each once.
    /// Empty: any.
    pub purposes: Vec<String>,
}

/// One delivery as both sides' chains see it. Gates, clauses and times stay with the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The ledger's epoch.
    pub epoch: EpochId,
    /// Dense from 1, over all lanes and epochs.
    pub number: u64,
    /// The record.
    pub record: RecordId,
    /// The parts that went with it, ascending.
    pub parts: Vec<PartDigest>,
    /// What the recipient takes on.
    pub obligations: Obligations,
    /// Fresh random bytes, so that nobody who knows the record, but not the ledger, can tell from
    /// the entry's digest that it was delivered.
    pub salt: [u8; 16],
}

impl LedgerEntry {
    /// Deterministic CBOR: `[epoch, number, record, [parts], [onward, retention, [purposes]], salt]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .array(6)
            .bytes(self.epoch.as_bytes())
            .uint(self.number)
            .bytes(self.record.as_bytes());
        writer.array(self.parts.len());
        for part in &self.parts {
            writer.bytes(part.as_bytes());
        }
        self.obligations.write(&mut writer);
        writer.bytes(&self.salt);
        writer.into_bytes()
    }

    /// Reads one entry from `reader`.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let length = reader.array(6)?;
        if length != 6 {
            return Err(reader.fault(Problem::MissingField));
        }
        let entry = Self {
            epoch: EpochId(reader.array_of()?),
            number: reader.uint()?,
            record: RecordId(reader.array_of()?),
            parts: reader.list(limits::PARTS, |reader| reader.array_of().map(PartDigest))?,
            obligations: Obligations::read(reader)?,
            salt: reader.array_of()?,
        };
        reader.leave();
        if entry.parts.windows(2).any(|pair| matches!(pair, [one, next] if one >= next)) {
            return Err(reader.fault(Problem::UnsortedKeys));
        }
        Ok(entry)
    }

    /// What the chain binds.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(domains::LEDGER_ENTRY, &self.encode())
    }
}

impl Obligations {
    /// No obligation but the marking's own.
    #[must_use]
    pub const fn unbound() -> Self {
        Self { onward: Onward::WithinMarking, retention_days: None, purposes: Vec::new() }
    }

    /// The strictest of both: what is passed on carries what was received. `None` when both limit
    /// the purposes and have none in common: no list of purposes says "none at all".
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let purposes = self.common_purposes(other)?;
        Some(self.strictest(other, purposes))
    }

    /// What one partner's word and a later word of the same partner bind to: the strictest of both, but
    /// that purposes which share none with the earlier ones are not heard.
    #[must_use]
    pub fn and_later(&self, later: &Self) -> Self {
        let purposes = self.common_purposes(later).unwrap_or_else(|| self.purposes.clone());
        self.strictest(later, purposes)
    }

    fn common_purposes(&self, other: &Self) -> Option<Vec<String>> {
        match (self.purposes.as_slice(), other.purposes.as_slice()) {
            ([], purposes) | (purposes, []) => Some(purposes.to_vec()),
            (one, other) => {
                let both = one.iter().filter(|purpose| other.binary_search(purpose).is_ok());
                let common: Vec<_> = both.cloned().collect();
                (!common.is_empty()).then_some(common)
            }
        }
    }

    fn strictest(&self, other: &Self, purposes: Vec<String>) -> Self {
        Self {
            onward: self.onward.max(other.onward),
            retention_days: [self.retention_days, other.retention_days].into_iter().flatten().min(),
            purposes,
        }
    }

    /// Writes `[onward, retention (0 = none), [purposes]]`.
    pub fn write(&self, writer: &mut Writer) {
        writer.array(3).uint(self.onward.code());
        writer.uint(self.retention_days.map_or(0, u64::from));
        writer.array(self.purposes.len());
        for purpose in &self.purposes {
            writer.text(purpose);
        }
    }

    /// Reads what [`Obligations::write`] writes.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let length = reader.array(3)?;
        if length != 3 {
            return Err(reader.fault(Problem::MissingField));
        }
        let onward =
            Onward::from_code(reader.uint()?).ok_or_else(|| reader.fault(Problem::OutOfRange))?;
        let days =
            u32::try_from(reader.uint()?).map_err(|_too_many| reader.fault(Problem::OutOfRange))?;
        let purposes = reader
            .list(limits::PURPOSES, |reader| reader.text(limits::TEXT_BYTES).map(str::to_owned))?;
        if purposes.is_sorted_by(|one, next| one < next) {
            reader.leave();
        } else {
            return Err(reader.fault(Problem::UnsortedKeys));
        }
        Ok(Self { onward, retention_days: (days > 0).then_some(days), purposes })
    }
}

/// Where a chain stands: the number of its last entry and the hash over all so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last number; 0 before the first.
    pub number: u64,
    /// The chain up to it.
    pub chain: Digest,
}

impl Head {
    /// Before the first entry.
    pub const START: Self = Self { number: 0, chain: Digest::ZERO };

    /// Writes `[number, chain]`.
    pub fn write(&self, writer: &mut Writer) {
        writer.array(2).uint(self.number).bytes(self.chain.as_bytes());
    }

    /// Reads what [`Head::write`] writes.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        if reader.array(2)? != 2 {
            return Err(reader.fault(Problem::MissingField));
        }
        let head = Self { number: reader.uint()?, chain: Digest(reader.array_of()?) };
        reader.leave();
        Ok(head)
    }

    /// The head after the next entry, whose digest is `entry`.
    #[must_use]
    pub fn after(self, entry: Digest) -> Self {
        Self {
            number: self.number.saturating_add(1),
            chain: Digest::of_all(
                domains::LEDGER_CHAIN,
                &[self.chain.as_bytes(), entry.as_bytes()],
            ),
        }
    }
}

/// A new epoch of a ledger, opened by the side that was restored from a backup.
///
/// Everything before `first` is settled: what the partner holds it gave back, and what it never
/// received is decided anew under new numbers. So no number is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The new epoch, drawn at random.
    pub epoch: EpochId,
    /// The epoch before it.
    pub previous: EpochId,
    /// The head up to which the partner's chain was whole.
    pub known: Head,
    /// The first number of the new epoch, after every number that the partner has met.
    pub first: u64,
}

impl Opening {
    /// The head with which the new epoch begins, at both sides.
    #[must_use]
    pub fn head(&self) -> Head {
        let pieces: [&[u8]; 3] =
            [self.known.chain.as_bytes(), self.previous.as_bytes(), self.epoch.as_bytes()];
        Head {
            number: self.first.saturating_sub(1),
            chain: Digest::of_all(domains::LEDGER_EPOCH, &pieces),
        }
    }

    /// Writes `[epoch, previous, [number, chain], first]`.
    pub fn write(&self, writer: &mut Writer) {
        writer.array(4).bytes(self.epoch.as_bytes()).bytes(self.previous.as_bytes());
        self.known.write(writer);
        writer.uint(self.first);
    }

    /// Reads what [`Opening::write`] writes.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        if reader.array(4)? != 4 {
            return Err(reader.fault(Problem::MissingField));
        }
        let opening = Self {
            epoch: EpochId(reader.array_of()?),
            previous: EpochId(reader.array_of()?),
            known: Head::read(reader)?,
            first: reader.uint()?,
        };
        reader.leave();
        if opening.first <= opening.known.number || opening.epoch == opening.previous {
            return Err(reader.fault(Problem::OutOfRange));
        }
        Ok(opening)
    }
}

/// The receiving side of a ledger: a chain that grows as soon as its next number has arrived.
///
/// Numbers overtake each other; those that wait for an earlier one are kept by their digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrivals {
    epoch: Option<EpochId>,
    head: Head,
    waiting: BTreeMap<u64, Digest>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self::new()
    }
}

impl Arrivals {
    /// Before the first delivery and before the partner named its epoch.
    #[must_use]
    pub const fn new() -> Self {
        Self { epoch: None, head: Head::START, waiting: BTreeMap::new() }
    }

    /// The epoch that the partner's numbers belong to, once it was told.
    #[must_use]
    pub fn epoch(&self) -> Option<EpochId> {
        self.epoch
    }

    /// Takes the epoch from the partner's first greeting; whether it is now the ledger's.
    pub fn begin(&mut self, epoch: EpochId) -> bool {
        *self.epoch.get_or_insert(epoch) == epoch
    }

    /// The head of what arrived without a gap.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Whether `number` has arrived.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        (1..=self.head.number).contains(&number) || self.waiting.contains_key(&number)
    }

    /// What arrived after a gap.
    #[must_use]
    pub fn beyond(&self) -> Ranges {
        self.waiting.keys().map(|number| (*number, *number)).collect()
    }

    /// Adds an entry, delivered, rejected or voided, by its digest; whether the number was new.
    pub fn insert(&mut self, number: u64, entry: Digest) -> bool {
        if number == 0 || self.contains(number) {
            return false;
        }
        self.waiting.insert(number, entry);
        while let Some(next) = self.waiting.remove(&self.head.number.saturating_add(1)) {
            self.head = self.head.after(next);
        }
        true
    }

    /// Moves to a new epoch; refused, and nothing changed, unless it follows from what is here.
    pub fn open(&mut self, opening: &Opening) -> Result<(), NotOurs> {
        let last = self.waiting.keys().next_back().copied().unwrap_or(self.head.number);
        let follows = self.epoch.is_none_or(|epoch| epoch == opening.previous)
            && opening.known == self.head
            && opening.first > last;
        if !follows {
            return Err(NotOurs);
        }
        *self = Self { epoch: Some(opening.epoch), head: opening.head(), waiting: BTreeMap::new() };
        Ok(())
    }
}

/// A new epoch does not follow from the head at this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("new epoch does not follow from our head")]
pub struct NotOurs;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arrivals_in_any_order_give_one_chain(order in Just((1u64..20).collect::<Vec<_>>()).prop_shuffle()) {
            let entry = |number: u64| Digest::of(domains::LEDGER_ENTRY, &number.to_be_bytes());
            let mut arrivals = Arrivals::new();
            for number in &order {
                prop_assert!(arrivals.insert(*number, entry(*number)));
                prop_assert!(!arrivals.insert(*number, entry(*number)));
            }
            let head = (1..20).fold(Head::START, |head, number| head.after(entry(number)));
            prop_assert_eq!(arrivals.head(), head);
            prop_assert!(arrivals.beyond().is_empty());
        }
    }

    #[test]
    fn an_epoch_opens_only_where_both_heads_agree() {
        let (old, new) = (EpochId([1; 16]), EpochId([2; 16]));
        let mut arrivals = Arrivals::new();
        assert!(arrivals.begin(old));
        assert!(!arrivals.begin(new));
        arrivals.insert(1, Digest([1; 32]));
        arrivals.insert(3, Digest([3; 32]));
        let opening = Opening { epoch: new, previous: old, known: arrivals.head(), first: 4 };
        let before = arrivals.clone();
        assert_eq!(arrivals.open(&Opening { first: 3, ..opening }), Err(NotOurs));
        assert_eq!(arrivals.open(&Opening { known: Head::START, ..opening }), Err(NotOurs));
        assert_eq!(arrivals.open(&Opening { previous: new, ..opening }), Err(NotOurs));
        assert_eq!(arrivals, before);
        assert_eq!(arrivals.open(&opening), Ok(()));
        assert_eq!((arrivals.head(), arrivals.head().number), (opening.head(), 3));
        assert!(arrivals.contains(2));
    }

    fn example() -> LedgerEntry {
        LedgerEntry {
            epoch: EpochId([1; 16]),
            number: 7,
            record: RecordId([2; 32]),
            parts: vec![PartDigest([3; 32]), PartDigest([4; 32])],
            obligations: Obligations {
                onward: Onward::None,
                retention_days: Some(30),
                purposes: vec!["incident response".into()],
            },
            salt: [5; 16],
        }
    }

    #[test]
    fn purposes_are_few_and_in_order() {
        let read = |purposes: &[&str]| {
            let purposes = purposes.iter().map(|&purpose| purpose.to_owned()).collect();
            let obligations = Obligations { purposes, ..Obligations::unbound() };
            let mut writer = Writer::new();
            obligations.write(&mut writer);
            Obligations::read(&mut Reader::new(&writer.into_bytes()))
                .map(|read| read.purposes.len())
        };
        let names: Vec<_> = (0..=limits::PURPOSES).map(|one| format!("p{one:02}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(read(&names[1..]), Ok(limits::PURPOSES));
        for wrong in [&names[..], &["b", "a"], &["a", "a"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_entry_is_read_as_written() {
        let bytes = example().encode();
        let mut reader = Reader::new(&bytes);
        assert_eq!(LedgerEntry::read(&mut reader), Ok(example()));
        assert_eq!(reader.finish(), Ok(()));
    }

    /// Computed apart from this program, by the words of `docs/src/spec/link.md`.
    #[test]
    fn the_chain_is_as_specified() {
        let (bytes, digest) = (example().encode(), example().digest());
        let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            written,
            concat!(
                "865001010101010101010101010101010101075820020202020202020202020202",
                "02020202020202020202020202020202020202028258200303030303030303030303030303030303",
                "03030303030303030303030303030358200404040404040404040404040404040404040404040404",
                "0404040404040404048302181e8171696e636964656e7420726573706f6e73655005050505050505",
                "050505050505050505"
            )
        );
        assert_eq!(
            digest.to_string(),
            "a73d4d0e264231336936b92914c62b16f94c033875dac8c700e945dab69ea633"
        );
        let head = Head::START.after(digest);
        assert_eq!(
            (head.number, head.chain.to_string().as_str()),
            (1, "c9815512999a996bc27f783f322be6fce9640fb31722107c608533744fd3147f")
        );
    }
}
