//! Up to when the time that the journal tells is somebody's besides this machine's.
//!
//! Entries have the time of the clock, right or wrong. Where one is no more than a day after what is vouched
//! for, it is so itself. After a longer rest, or with a clock that was wrong at a start, a partner's receipt has to
//! agree: however many entries say what the clock said, it is the same clock.

use std::time::Duration;

use comity_core::Timestamp;
use comity_core::limits::CLOCK_TOLERANCE;

use super::State;
use crate::limits::{A_DAY, VOUCHED_BY_ONE};

/// What is vouched for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vouched {
    upto: Timestamp,
    newest: Timestamp,
    /// The first receipt that agrees with a time far ahead, since when none has spoken against it.
    far: Option<Timestamp>,
}

impl Vouched {
    /// A node is founded by somebody who looks at it.
    pub(super) const fn begin(at: Timestamp) -> Self {
        Self { upto: at, newest: at, far: None }
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
    pub(super) fn signed(&mut self, theirs: Timestamp, at: Timestamp) {
        if theirs.since(at).max(at.since(theirs)) > CLOCK_TOLERANCE {
            self.far = None;
        } else if at.since(self.upto) <= VOUCHED_BY_ONE {
            self.upto = self.upto.max(at);
            self.far = None;
        } else if self.far.is_some_and(|first| at.since(first) >= A_DAY) {
            (self.upto, self.far) = (at, None);
        } else {
            self.far = Some(self.far.map_or(at, |first| first.min(at)));
        }
    }
}

impl State {
    /// Up to when the journal's time is vouched for.
    #[must_use]
    pub fn vouched(&self) -> Timestamp {
        self.vouched.upto
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

    #[test]
    fn a_partner_vouches_for_a_rest_and_for_a_long_one_only_if_it_says_so_for_a_day() {
        let mut vouched = Vouched::begin(day(0));
        vouched.entered(day(20));
        assert_eq!(vouched.upto, day(0));
        vouched.signed(day(21), day(20));
        assert_eq!(vouched.upto, day(0), "its clock says something else");
        vouched.signed(day(20), day(20));
        assert_eq!(vouched.upto, day(20));
        let hours = |hours: u32| day(400).saturating_add(A_DAY * hours / 24);
        vouched.signed(hours(0), hours(0));
        vouched.signed(hours(20), hours(20));
        assert_eq!(vouched.upto, day(20));
        vouched.signed(hours(0), hours(21));
        vouched.signed(hours(25), hours(25));
        assert_eq!(vouched.upto, day(20), "one has spoken against it meanwhile");
        vouched.signed(hours(49), hours(49));
        assert_eq!(vouched.upto, hours(49));
    }
}
