//! Sets of numbers, kept as ranges.

use std::fmt;
use std::ops::RangeInclusive;

use crate::cbor::{Fault, Problem, Reader, Writer};

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

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The greatest number; 0 when there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.ranges.last().map_or(0, |(_, last)| *last)
    }

    /// Whether every number of `other` is in the set.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.ranges.iter().all(|(start, end)| {
            let after = self.ranges.partition_point(|(begin, _)| begin <= start);
            let holder = after.checked_sub(1).and_then(|at| self.ranges.get(at));
            holder.is_some_and(|(_, last)| end <= last)
        })
    }

    /// Adds every number of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (start, end) in &other.ranges {
            self.insert_range(*start..=*end);
        }
    }

    /// The numbers greater than `number`.
    #[must_use]
    pub fn above(&self, number: u64) -> Self {
        let from = number.saturating_add(1);
        self.ranges
            .iter()
            .filter(|(_, last)| *last > number)
            .map(|(start, last)| ((*start).max(from), *last))
            .collect()
    }

    /// Writes `[[first, last], ...]`.
    pub fn write(&self, writer: &mut Writer) {
        writer.array(self.ranges.len());
        for (start, end) in &self.ranges {
            writer.array(2).uint(*start).uint(*end);
        }
    }

    /// Reads what [`Ranges::write`] writes, of at most `limit` ranges.
    pub fn read(reader: &mut Reader<'_>, limit: usize) -> Result<Self, Fault> {
        let pairs = reader.list(limit, |reader| {
            if reader.array(2)? != 2 {
                return Err(reader.fault(Problem::MissingField));
            }
            let pair = (reader.uint()?, reader.uint()?);
            reader.leave();
            Ok(pair)
        })?;
        let ascending = pairs
            .windows(2)
            .all(|pair| matches!(pair, [(_, last), (next, _)] if last.saturating_add(1) < *next));
        if !ascending || pairs.iter().any(|(start, end)| start > end) {
            return Err(reader.fault(Problem::OutOfRange));
        }
        Ok(Self { ranges: pairs })
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

    proptest! {
        #[test]
        fn sets_compare_and_travel(
            one in prop::collection::vec((1u64..60, 0u64..6), 0..20),
            other in prop::collection::vec((1u64..60, 0u64..6), 0..6),
            bound in 0u64..70,
        ) {
            let set = |pairs: &[(u64, u64)]| -> Ranges {
                pairs.iter().map(|(start, length)| (*start, start + length)).collect()
            };
            let (one, other) = (set(&one), set(&other));
            let covered = (0..80).all(|number| !other.contains(number) || one.contains(number));
            prop_assert_eq!(one.covers(&other), covered);
            for number in 0..80 {
                let expected = number > bound && one.contains(number);
                prop_assert_eq!(one.above(bound).contains(number), expected);
            }
            let mut writer = Writer::new();
            one.write(&mut writer);
            let bytes = writer.into_bytes();
            prop_assert_eq!(Ranges::read(&mut Reader::new(&bytes), 100), Ok(one));
        }
    }
}
