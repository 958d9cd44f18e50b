//! The end of an agreement and the day of its review, told of ahead.

use super::terms::{DAY, Terms};
use crate::time::Timestamp;

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeadlineKind {
    /// The agreement ends.
    End,
    /// Its review becomes overdue.
    Review,
}

/// How near it is: each step more pressing than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Its day is at most 90 days ahead.
    Ninety,
    /// At most 30.
    Thirty,
    /// At most 7.
    Seven,
    /// The agreement has ended, or the review is overdue.
    Passed,
}

/// An end or a review that is near enough to be told of, or has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    /// What comes.
    pub kind: DeadlineKind,
    /// The first instant after it: the end of its day, unless a termination says another.
    pub at: Timestamp,
    /// How near it is.
    pub step: Step,
}

impl Step {
    /// So many days ahead it begins.
    #[must_use]
    pub const fn days(self) -> u64 {
        match self {
            Self::Ninety => 90,
            Self::Thirty => 30,
            Self::Seven => 7,
            Self::Passed => 0,
        }
    }
}

impl Deadline {
    /// The end of what ends at `at`, if that is near enough to be told of.
    #[must_use]
    pub fn end(at: Timestamp, now: Timestamp) -> Option<Self> {
        Self::new(DeadlineKind::End, at, now)
    }

    fn new(kind: DeadlineKind, at: Timestamp, now: Timestamp) -> Option<Self> {
        let left = days_left(at, now);
        let step = if at <= now {
            Step::Passed
        } else {
            let begun = |step: &Step| left <= step.days();
            [Step::Seven, Step::Thirty, Step::Ninety].into_iter().find(begun)?
        };
        Some(Self { kind, at, step })
    }

    /// Days of the calendar, in UTC, until its day; 0 on that day and after it.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> u64 {
        days_left(self.at, now)
    }

    /// Its day in UTC, the last one before [`Deadline::at`], as the paper has it: `2026-12-19`.
    #[must_use]
    pub fn day(&self) -> String {
        last_day(self.at)
    }
}

/// The last day in UTC of what ends at `end`: an agreement that names a day runs to the end of it.
#[must_use]
pub fn last_day(end: Timestamp) -> String {
    let written = Timestamp::from_millis(end.as_millis().saturating_sub(1)).to_string();
    written.split_once('T').map_or(written.clone(), |(day, _)| day.to_owned())
}

/// In which steps an agreement is at `now` that ends at `until`. Of one that has ended, the end alone.
pub fn deadlines(
    terms: &Terms,
    until: Option<Timestamp>,
    now: Timestamp,
) -> impl Iterator<Item = Deadline> {
    let end = until.and_then(|at| Deadline::end(at, now));
    // What ends first needs no review any more.
    let review = terms.overdue_from().filter(|due| until.is_none_or(|until| *due < until));
    let ended = until.is_some_and(|until| until <= now);
    let review =
        review.filter(|_| !ended).and_then(|at| Deadline::new(DeadlineKind::Review, at, now));
    end.into_iter().chain(review)
}

fn days_left(at: Timestamp, now: Timestamp) -> u64 {
    let day = DAY.as_secs().saturating_mul(1000);
    let last = at.as_millis().saturating_sub(1) / day;
    last.saturating_sub(now.as_millis() / day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::Tier;

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn terms(review: Option<&str>) -> Terms {
        let mut terms = Terms::preset(Tier::Nda, instant("2025-01-01T00:00:00Z"));
        terms.review = review.map(|day| instant(&format!("{day}T00:00:00Z")));
        terms
    }

    /// What is told of an agreement whose last day is 2026-12-19.
    #[track_caller]
    fn ends(now: &str, expected: Option<(Step, u64)>) {
        let (until, now) = (instant("2026-12-20T00:00:00Z"), instant(now));
        let told: Vec<_> = deadlines(&terms(None), Some(until), now).collect();
        let seen = told.iter().map(|one| (one.step, one.days_left(now))).next();
        assert_eq!((seen, told.len()), (expected, usize::from(expected.is_some())), "at {now}");
        assert!(told.iter().all(|one| one.kind == DeadlineKind::End && one.day() == "2026-12-19"));
    }

    #[test]
    fn each_step_to_the_end_begins_with_a_day() {
        use Step::{Ninety, Passed, Seven, Thirty};
        ends("2026-09-19T12:00:00Z", None);
        ends("2026-09-19T23:59:59.999Z", None);
        ends("2026-09-20T00:00:00Z", Some((Ninety, 90)));
        ends("2026-09-21T12:00:00Z", Some((Ninety, 89)));
        ends("2026-11-18T23:59:59.999Z", Some((Ninety, 31)));
        ends("2026-11-19T00:00:00Z", Some((Thirty, 30)));
        ends("2026-11-20T12:00:00Z", Some((Thirty, 29)));
        ends("2026-12-11T23:59:59.999Z", Some((Thirty, 8)));
        ends("2026-12-12T00:00:00Z", Some((Seven, 7)));
        ends("2026-12-13T12:00:00Z", Some((Seven, 6)));
        ends("2026-12-18T12:00:00Z", Some((Seven, 1)));
        ends("2026-12-19T23:59:59.999Z", Some((Seven, 0)));
        ends("2026-12-20T00:00:00Z", Some((Passed, 0)));
        ends("2027-12-20T00:00:00Z", Some((Passed, 0)));
    }

    #[test]
    fn a_review_is_told_of_likewise_and_is_overdue_from_the_day_after() {
        let terms = terms(Some("2026-12-19"));
        let check = |now: &str, expected: Option<Step>| {
            let told: Vec<_> = deadlines(&terms, None, instant(now)).collect();
            assert_eq!(told.first().map(|one| one.step), expected, "at {now}");
            let of = |one: &Deadline| one.kind == DeadlineKind::Review && one.day() == "2026-12-19";
            assert!(told.len() <= 1 && told.iter().all(of), "{told:?}");
        };
        check("2026-09-19T23:59:59.999Z", None);
        check("2026-09-20T00:00:00Z", Some(Step::Ninety));
        check("2026-11-18T23:59:59.999Z", Some(Step::Ninety));
        check("2026-11-19T00:00:00Z", Some(Step::Thirty));
        check("2026-12-11T23:59:59.999Z", Some(Step::Thirty));
        check("2026-12-12T00:00:00Z", Some(Step::Seven));
        check("2026-12-19T23:59:59.999Z", Some(Step::Seven));
        check("2026-12-20T00:00:00Z", Some(Step::Passed));
    }

    #[test]
    fn what_has_no_date_is_told_of_never_and_what_has_ended_wants_no_review() {
        let now = instant("2026-12-19T12:00:00Z");
        let kinds = |terms: &Terms, until: Option<&str>| {
            let told = deadlines(terms, until.map(instant), now);
            told.map(|one| (one.kind, one.step)).collect::<Vec<_>>()
        };
        assert!(kinds(&terms(None), None).is_empty());
        let (end, review) = (DeadlineKind::End, DeadlineKind::Review);
        let overdue = terms(Some("2026-12-18"));
        assert_eq!(
            kinds(&overdue, Some("2027-01-10T00:00:00Z")),
            [(end, Step::Thirty), (review, Step::Passed)]
        );
        assert_eq!(kinds(&overdue, Some("2026-12-19T12:00:00Z")), [(end, Step::Passed)]);
        // It was terminated, and ends before the review.
        let later = terms(Some("2026-12-24"));
        assert_eq!(kinds(&later, Some("2026-12-22T12:00:00Z")), [(end, Step::Seven)]);
    }

    #[test]
    fn a_termination_within_a_day_is_told_with_that_day() {
        let (until, now) = (instant("2026-12-19T15:30:00Z"), instant("2026-12-18T23:00:00Z"));
        let told = Deadline::new(DeadlineKind::End, until, now).unwrap();
        assert_eq!((told.day().as_str(), told.days_left(now)), ("2026-12-19", 1));
    }
}
