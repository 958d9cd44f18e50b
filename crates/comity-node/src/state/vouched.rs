//! Up to when the time that the journal tells is somebody's besides this machine's.
//!
//! Entries have the time of the clock, right or wrong. Where one is no more than a day after what is vouched
//! for, it is so itself. After a longer rest, or with a clock that was wrong at a start, a partner's receipt has to
//! agree: however many entries say what the clock said, it is the same clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::limits::CLOCK_TOLERANCE;
use comity_core::{EconomyId, Timestamp};

use super::State;
use crate::limits::{A_DAY, VOUCHED_BY_ONE};

/// What is vouched for.
#[derive(Clone, Debug)]
pub(super) struct Vouched {
    upto: Timestamp,
    newest: Timestamp,
    /// Of each partner that agrees with a time far ahead, its first receipt that did.
    far: BTreeMap<EconomyId, Timestamp>,
    /// Partners whose last receipt was of another time than ours.
    against: BTreeSet<EconomyId>,
}

impl Vouched {
    /// A node is founded by somebody who looks at it.
    pub(super) const fn begin(at: Timestamp) -> Self {
        Self { upto: at, newest: at, far: BTreeMap::new(), against: BTreeSet::new() }
    }

    /// Something was entered at this time.
    pub(super) fn entered(&mut self, at: Timestamp) {
        self.newest = self.newest.max(at);
        if at.since(self.upto) <= A_DAY {
            self.upto = self.upto.max(at);
        }
    }

    /// What is written down again after a restore is of its own time, and of no help.
    pub(super) fn entered_again(&mut self, at: Timestamp) {
        self.newest = self.newest.max(at);
    }

    /// A partner's receipt, signed at `theirs` by its clock, was entered at this time.
    ///
    /// Far ahead, more partners have to have agreed for a day than speak against it: one clock that is wrong
    /// neither makes a time nor keeps it from being believed.
    pub(super) fn signed(&mut self, from: EconomyId, theirs: Timestamp, at: Timestamp) {
        if theirs.since(at).max(at.since(theirs)) > CLOCK_TOLERANCE {
            self.far.remove(&from);
            self.against.insert(from);
            return;
        }
        self.against.remove(&from);
        if at.since(self.upto) <= VOUCHED_BY_ONE {
            self.upto = self.upto.max(at);
            self.far.clear();
            return;
        }
        let first = self.far.entry(from).or_insert(at);
        *first = (*first).min(at);
        let for_a_day = self.far.values().filter(|first| at.since(**first) >= A_DAY).count();
        if for_a_day > self.against.len() {
            self.upto = at;
            self.far.clear();
        }
    }
}

impl State {
    /// Up to when the journal's time is vouched for.
    #[must_use]
    pub fn vouched(&self) -> Timestamp {
        self.vouched.upto
    }

    /// Partners whose clocks speak against ours, by their last receipts.
    pub fn clocks_against(&self) -> impl Iterator<Item = &EconomyId> {
        self.vouched.against.iter()
    }

    /// The latest instant of any entry.
    #[must_use]
    pub fn newest(&self) -> Timestamp {
        self.vouched.newest
    }
}

/// Whether a partner's word is enough to believe a time that is so far ahead of what is vouched for.
pub(crate) fn one_is_enough(ahead: Duration) -> bool {
    ahead <= VOUCHED_BY_ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000).saturating_add(A_DAY * u32::try_from(number).unwrap())
    }

    #[test]
    fn entries_of_a_wrong_clock_do_not_vouch_for_it_however_many_they_are() {
        let mut vouched = Vouched::begin(day(0));
        (0..20).for_each(|number| vouched.entered(day(number)));
        assert_eq!(vouched.upto, day(19));
        (420..440).for_each(|number| vouched.entered(day(number)));
        assert_eq!((vouched.upto, vouched.newest), (day(19), day(439)));
        // It is set right.
        (20..22).for_each(|number| vouched.entered(day(number)));
        assert_eq!(vouched.upto, day(21));
        vouched.entered_again(day(22));
        assert_eq!(vouched.upto, day(21));
    }

    const ONE: EconomyId = EconomyId([1; 32]);
    const OTHER: EconomyId = EconomyId([2; 32]);
    const THIRD: EconomyId = EconomyId([3; 32]);

    #[test]
    fn a_partner_vouches_for_a_rest_and_for_a_long_one_only_if_it_says_so_for_a_day() {
        let mut vouched = Vouched::begin(day(0));
        vouched.entered(day(20));
        assert_eq!(vouched.upto, day(0));
        vouched.signed(ONE, day(21), day(20));
        assert_eq!(vouched.upto, day(0), "its clock says something else");
        vouched.signed(ONE, day(20), day(20));
        assert_eq!(vouched.upto, day(20));
        let hours = |hours: u32| day(400).saturating_add(A_DAY * hours / 24);
        vouched.signed(ONE, hours(0), hours(0));
        vouched.signed(ONE, hours(20), hours(20));
        assert_eq!(vouched.upto, day(20));
        vouched.signed(ONE, hours(0), hours(21));
        vouched.signed(ONE, hours(25), hours(25));
        assert_eq!(vouched.upto, day(20), "it has said something else meanwhile");
        vouched.signed(ONE, hours(49), hours(49));
        assert_eq!(vouched.upto, hours(49));
    }

    #[test]
    fn one_partner_with_a_wrong_clock_neither_makes_a_time_nor_keeps_it_away() {
        let mut vouched = Vouched::begin(day(0));
        let far = |after: u64| day(400 + after);
        vouched.signed(ONE, day(1), far(0));
        vouched.signed(OTHER, far(0), far(0));
        vouched.signed(ONE, day(1), far(1));
        vouched.signed(OTHER, far(1), far(1));
        assert_eq!(vouched.upto, day(0), "one says so, and one does not");
        vouched.signed(THIRD, far(1), far(1));
        vouched.signed(THIRD, far(2), far(2));
        assert_eq!(vouched.upto, far(2), "two say so, and one does not");
    }
}
