//! The time that a node goes by, made of two clocks: a count that nobody can set, and the system's clock,
//! which anybody can who answers its questions for the time.
//!
//! The count advances the time; the system's clock corrects it within [`TOLERANCE`]. Beyond, the node
//! goes by its count alone until a person has looked, for what was released too early cannot be taken
//! back. Nothing makes the time go back, and nothing stops it: what waits for time would hang.

use std::time::Duration;

use comity_core::limits::CLOCK_TOLERANCE;

/// How far the system's clock may be ahead of the count and still be believed: as far as a partner's
/// clock may be ahead of ours.
pub const TOLERANCE: Duration = CLOCK_TOLERANCE;

/// What the system's clock gains within the tolerance is taken for the count's own error, and the count
/// is set anew by so little of each step: as much as the tolerance in a day, so that many small steps
/// do not come to more.
const GAIN: u32 = 144;

/// What is wrong with the system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It has run ahead by so much: it is not followed until a person confirms it.
    Ahead(Duration),
    /// It was set back, and the time here is ahead of it by so much: it goes at half its pace until then.
    Behind(Duration),
}

/// The time that a node goes by. Every duration but the count's is since 1970.
#[derive(Clone, Debug)]
pub struct Steady {
    /// What the count said last.
    count: Duration,
    /// What the system's clock said last.
    wall: Duration,
    /// What it should say by the count, since it was believed.
    due: Duration,
    /// The time.
    now: Duration,
}

impl Steady {
    /// Begins with the system's clock, or with the newest that was written down before, where that is
    /// hardly later.
    #[must_use]
    pub fn start(count: Duration, wall: Duration, written: Duration) -> Self {
        let hardly_later = written.saturating_sub(wall) <= TOLERANCE;
        Self { count, wall, due: wall, now: if hardly_later { wall.max(written) } else { wall } }
    }

    /// The time, by what both clocks say now.
    pub fn read(&mut self, count: Duration, wall: Duration) -> Duration {
        let step = count.saturating_sub(self.count);
        self.count = self.count.max(count);
        self.wall = wall;
        let counted = self.due.saturating_add(step);
        self.due = if wall > counted.saturating_add(TOLERANCE) {
            counted
        } else if wall > counted {
            wall.min(counted.saturating_add(step / GAIN))
        } else {
            wall.max(counted.saturating_sub(step / 2))
        };
        let onward = self.now.saturating_add(step);
        self.now = if self.is_held() || wall == onward {
            onward
        } else if wall > onward {
            wall
        } else {
            wall.max(onward.saturating_sub(step / 2))
        };
        self.now
    }

    /// A person says that the system's clock, as it was read last, is right.
    pub fn confirm(&mut self) {
        self.due = self.wall;
        self.now = self.now.max(self.wall);
    }

    /// What is wrong with the system's clock, as it was read last.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        let behind = self.now.saturating_sub(self.wall);
        if self.is_held() {
            Some(Trouble::Ahead(self.wall.saturating_sub(self.due)))
        } else if behind > TOLERANCE {
            Some(Trouble::Behind(behind))
        } else {
            None
        }
    }

    /// What the system's clock said last.
    #[must_use]
    pub fn wall(&self) -> Duration {
        self.wall
    }

    /// Whether the system's clock is too far ahead to be followed.
    fn is_held(&self) -> bool {
        self.wall > self.due.saturating_add(TOLERANCE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Duration = Duration::from_secs(1_795_298_489);
    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn begun() -> Steady {
        Steady::start(Duration::ZERO, START, Duration::ZERO)
    }

    #[test]
    fn a_clock_that_keeps_the_count_is_the_time() {
        let mut steady = begun();
        for at in 1..=1000 {
            let count = SECOND * at;
            assert_eq!(steady.read(count, START + count), START + count);
        }
        assert_eq!(steady.trouble(), None);
    }

    #[test]
    fn a_step_within_the_tolerance_is_followed() {
        let mut steady = begun();
        let wall = START + SECOND + TOLERANCE;
        assert_eq!(steady.read(SECOND, wall), wall);
        assert_eq!(steady.trouble(), None);
    }

    #[test]
    fn a_step_further_is_followed_when_a_person_has_confirmed_it_and_not_before() {
        let mut steady = begun();
        let ahead = HOUR * 3;
        for at in 1..=86_400 {
            let count = SECOND * at;
            assert_eq!(steady.read(count, START + count + ahead), START + count);
            assert_eq!(steady.trouble(), Some(Trouble::Ahead(ahead)));
        }
        steady.confirm();
        assert_eq!(steady.trouble(), None);
        assert_eq!(steady.read(DAY, START + DAY + ahead), START + DAY + ahead);
    }

    #[test]
    fn a_clock_that_comes_back_by_itself_is_followed_again() {
        let mut steady = begun();
        assert_eq!(steady.read(SECOND, START + DAY), START + SECOND);
        assert_eq!(steady.read(SECOND * 2, START + SECOND * 2), START + SECOND * 2);
        assert_eq!(steady.trouble(), None);
    }

    #[test]
    fn many_small_steps_are_not_followed_further_than_one() {
        let mut steady = begun();
        // A minute more with each minute: time at twice its pace.
        let read: Vec<_> = (1..=60_u32)
            .map(|minute| steady.read(SECOND * 60 * minute, START + SECOND * 120 * minute))
            .collect();
        assert!(read[59] <= START + HOUR + TOLERANCE + TOLERANCE / 24);
        assert!(matches!(steady.trouble(), Some(Trouble::Ahead(_))));
    }

    #[test]
    fn a_step_back_slows_the_time_until_the_clock_has_it_again() {
        let mut steady = begun();
        for at in 1..=7200 {
            let count = SECOND * at;
            assert_eq!(steady.read(count, START + count - HOUR), START + count / 2);
        }
        assert_eq!(steady.trouble(), None);
        let later = SECOND * 7300;
        assert_eq!(steady.read(later, START + later - HOUR), START + later - HOUR);
    }

    #[test]
    fn a_clock_that_was_set_back_far_is_told() {
        let mut steady = begun();
        steady.read(SECOND, START - HOUR);
        assert_eq!(steady.trouble(), Some(Trouble::Behind(HOUR + SECOND / 2)));
    }

    #[test]
    fn what_was_written_before_counts_where_it_is_hardly_later() {
        let start = |written| Steady::start(Duration::ZERO, START, written).now;
        assert_eq!(start(START + TOLERANCE), START + TOLERANCE);
        assert_eq!(start(START + TOLERANCE + SECOND), START);
        assert_eq!(start(START - DAY), START);
    }

    /// What happens to the clocks: so much is counted, the system's clock is moved against it by so
    /// many seconds, and a person may confirm it.
    type Turn = (u64, i64, bool);

    fn turns() -> impl Strategy<Value = Vec<Turn>> {
        let small = -1000_i64..1000;
        let moved = prop_oneof![4 => Just(0), 2 => small, 1 => -200_000_i64..200_000];
        let counted = prop_oneof![0_u64..5, 0_u64..5000];
        prop::collection::vec((counted, moved, prop::bool::weighted(0.05)), 1..200)
    }

    proptest! {
        #[test]
        fn the_time_never_goes_back_never_stops_and_never_outruns_what_was_confirmed(
            turns in turns(),
        ) {
            let (mut steady, mut count, mut moved) = (begun(), 0_u64, 0_i64);
            let mut now = START;
            // The latest that is confirmed: by the start or a person, counted on from there.
            let mut confirmed = START;
            for (counted, step, confirms) in turns {
                count += counted;
                moved = (moved + step).max(-1_000_000);
                let wall = START.as_secs().saturating_add(count).saturating_add_signed(moved);
                let wall = Duration::from_secs(wall);
                let counted = Duration::from_secs(counted);
                confirmed += counted + counted / GAIN;
                let next = steady.read(Duration::from_secs(count), wall);
                prop_assert!(next >= now + counted / 2, "it stopped, or went back");
                prop_assert!(next <= confirmed + TOLERANCE, "it outran what was confirmed");
                if let Some(Trouble::Ahead(_)) = steady.trouble() {
                    prop_assert_eq!(next, now + counted, "by the count alone");
                }
                now = next;
                if confirms {
                    steady.confirm();
                    confirmed = confirmed.max(wall);
                    now = now.max(wall);
                    prop_assert!(!matches!(steady.trouble(), Some(Trouble::Ahead(_))));
                }
            }
        }
    }
}
