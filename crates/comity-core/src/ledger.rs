//! The ledger of a link direction: what was handed to a partner, by number, in a chain that both sides hold.

use std::fmt;
use std::ops::RangeInclusive;

use crate::cbor::{Fault, Reader, Writer};
use crate::digest::{Digest, domains};
use crate::identity::{EpochId, PartDigest, RecordId};
use crate::limits;
use crate::marking::Onward;

/// What the recipient takes on with a delivery. Nobody passes on wider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obligations {
    /// Passing on.
    pub onward: Onward,
    /// Days after which bodies are erased. Absent: the recipient's own rule.
    pub retention_days: Option<u32>,
    /// The only purposes for which it may be used, ascending. Empty: any.
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
}

impl LedgerEntry {
    /// Deterministic CBOR: `[epoch, number, record, [parts], [onward, retention or null, [purposes]]]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .array(5)
            .bytes(self.epoch.as_bytes())
            .uint(self.number)
            .bytes(self.record.as_bytes());
        writer.array(self.parts.len());
        for part in &self.parts {
            writer.bytes(part.as_bytes());
        }
        self.obligations.write(&mut writer);
        writer.into_bytes()
    }

    /// Reads one entry from `reader`.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let length = reader.array(5)?;
        if length != 5 {
            return Err(reader.fault(crate::cbor::Problem::MissingField));
        }
        let entry = Self {
            epoch: EpochId(reader.array_of()?),
            number: reader.uint()?,
            record: RecordId(reader.array_of()?),
            parts: reader.list(limits::PARTS, |reader| reader.array_of().map(PartDigest))?,
            obligations: Obligations::read(reader)?,
        };
        reader.leave();
        if entry.parts.windows(2).any(|pair| matches!(pair, [one, next] if one >= next)) {
            return Err(reader.fault(crate::cbor::Problem::UnsortedKeys));
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
    /// The strictest of both: what is passed on carries what was received.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let purposes = match (self.purposes.is_empty(), other.purposes.is_empty()) {
            (true, _) => other.purposes.clone(),
            (_, true) => self.purposes.clone(),
            _ => self.purposes.iter().filter(|one| other.purposes.contains(one)).cloned().collect(),
        };
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
        use crate::cbor::Problem;
        let length = reader.array(3)?;
        if length != 3 {
            return Err(reader.fault(Problem::MissingField));
        }
        let onward =
            Onward::from_code(reader.uint()?).ok_or_else(|| reader.fault(Problem::OutOfRange))?;
        let days =
            u32::try_from(reader.uint()?).map_err(|_too_many| reader.fault(Problem::OutOfRange))?;
        let purposes = reader
            .list(limits::LIST, |reader| reader.text(limits::TEXT_BYTES).map(str::to_owned))?;
        reader.leave();
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

/// A set of numbers kept as ranges: what has arrived where streams overtake each other.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    /// Ascending, disjoint, never adjacent.
    ranges: Vec<(u64, u64)>,
}

impl Ranges {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one number; whether it was new.
    pub fn insert(&mut self, number: u64) -> bool {
        self.insert_range(number..=number)
    }

    /// Adds a range; whether any of it was new.
    pub fn insert_range(&mut self, range: RangeInclusive<u64>) -> bool {
        let (mut start, mut end) = range.into_inner();
        if start > end {
            return false;
        }
        let first = self.ranges.partition_point(|(_, last)| last.saturating_add(1) < start);
        let after = self.ranges.partition_point(|(begin, _)| *begin <= end.saturating_add(1));
        if let Some((begin, last)) = self.ranges.get(first).copied()
            && begin <= start
            && end <= last
        {
            return false;
        }
        for (begin, last) in self.ranges.get(first..after).unwrap_or_default() {
            start = start.min(*begin);
            end = end.max(*last);
        }
        self.ranges.splice(first..after.max(first), [(start, end)]);
        true
    }

    /// Whether the set has `number`.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|(begin, _)| *begin <= number);
        after
            .checked_sub(1)
            .and_then(|at| self.ranges.get(at))
            .is_some_and(|(_, last)| number <= *last)
    }

    /// The last number of the run that starts at 1; 0 when 1 is missing.
    #[must_use]
    pub fn contiguous(&self) -> u64 {
        match self.ranges.first() {
            Some((0 | 1, last)) => *last,
            _ => 0,
        }
    }

    /// The ranges, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.ranges
    }
}

impl fmt::Debug for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ranges.iter().map(|(start, end)| start..=end)).finish()
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(pairs: I) -> Self {
        let mut ranges = Self::new();
        for (start, end) in pairs {
            ranges.insert_range(start..=end);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_hold_what_a_set_holds(pairs in prop::collection::vec((1u64..40, 0u64..6), 0..30)) {
            let mut ranges = Ranges::new();
            let mut set = std::collections::BTreeSet::new();
            for (start, length) in pairs {
                let new = (start..=start + length).filter(|number| set.insert(*number)).count();
                prop_assert_eq!(ranges.insert_range(start..=start + length), new > 0);
            }
            for number in 0..50 {
                prop_assert_eq!(ranges.contains(number), set.contains(&number));
            }
            let contiguous = (1..).take_while(|number| set.contains(number)).last().unwrap_or(0);
            prop_assert_eq!(ranges.contiguous(), contiguous);
            for pair in ranges.as_slice().windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0);
            }
        }
    }

    #[test]
    fn an_entry_is_read_as_written() {
        let entry = LedgerEntry {
            epoch: EpochId([1; 16]),
            number: 7,
            record: RecordId([2; 32]),
            parts: vec![PartDigest([3; 32]), PartDigest([4; 32])],
            obligations: Obligations {
                onward: Onward::None,
                retention_days: Some(30),
                purposes: vec!["incident response".into()],
            },
        };
        let bytes = entry.encode();
        let mut reader = Reader::new(&bytes);
        assert_eq!(LedgerEntry::read(&mut reader), Ok(entry));
        assert_eq!(reader.finish(), Ok(()));
    }
}
