//! When: start, end, review, notice.

use std::time::Duration;

use super::super::terms::{DAY, Field, ReviewOverdue};
use super::{Flaw, Review};
use crate::time::Timestamp;

pub(super) fn look(review: &mut Review<'_>, today: Timestamp) {
    let (starts, ends) = (review.terms.starts(), review.terms.ends());
    if let Some(ends) = ends.filter(|ends| *ends <= today) {
        let last = day(ends.saturating_sub(DAY));
        let words = [
            format!("its last day was {last}"),
            "nothing goes under it any more, and nothing would if it were accepted now".to_owned(),
            "a last day that lies ahead; or leave `ends` out, and it runs until one party terminates it"
                .to_owned(),
        ];
        review.at(Flaw::Ended, Field::Ends, words);
    }
    look_at_review(review, today, starts, ends);
    let term = ends.map(|ends| ends.since(starts));
    let notice = review.terms.notice_days().map(|days| DAY.saturating_mul(days));
    if let (Some(term), Some(notice)) = (term, notice)
        && notice >= term
    {
        let words = [
            format!(
                "its notice of {} is as long as the whole agreement, {}",
                days(notice),
                days(term)
            ),
            "it ends by itself before any notice would be over: nobody can terminate it".to_owned(),
            "a notice that is shorter than the time from `starts` to `ends`".to_owned(),
        ];
        review.at(Flaw::DeadClause, Field::Notice, words);
    }
}

fn look_at_review(
    review: &mut Review<'_>,
    today: Timestamp,
    starts: Timestamp,
    ends: Option<Timestamp>,
) {
    let Some(due) = review.terms.review() else {
        let words = [
            "it names no day of review".to_owned(),
            "nobody is ever told to look at it again, while laws, people and tools change".to_owned(),
            "`review = 2027-06-30`, a day well before it ends; both sides are told 90, 30 and 7 days ahead"
                .to_owned(),
        ];
        return review.at(Flaw::NoReview, Field::Review, words);
    };
    if let Some(ends) = ends.filter(|ends| due >= *ends) {
        let words = [
            format!(
                "it is to be reviewed on {}, after its last day {}",
                day(due),
                day(ends.saturating_sub(DAY))
            ),
            "the review never falls due".to_owned(),
            "a day before `ends`, early enough to negotiate what follows".to_owned(),
        ];
        return review.at(Flaw::DeadClause, Field::Review, words);
    }
    let stops = review.terms.review_overdue() == ReviewOverdue::Stop;
    if due < starts {
        let follows = if stops {
            "it is overdue from its first day on, and with `review-overdue = \"stop\"` nothing ever goes"
        } else {
            "it is overdue from its first day on"
        };
        let words = [
            format!("it is to be reviewed on {}, before its first day {}", day(due), day(starts)),
            follows.to_owned(),
            "a day after `starts`".to_owned(),
        ];
        return review.at(Flaw::Contradiction, Field::Review, words);
    }
    if review.terms.overdue_from().is_some_and(|from| from <= today) {
        let follows = if stops {
            "nothing goes under it until it is reviewed: `review-overdue` is \"stop\""
        } else {
            "both sides are warned, and information goes on flowing"
        };
        let words = [
            format!("its review was due on {}", day(due)),
            follows.to_owned(),
            "the day of the next review, in an amendment that both sign".to_owned(),
        ];
        review.at(Flaw::ReviewOverdue, Field::Review, words);
    }
}

/// `2027-06-30`.
fn day(instant: Timestamp) -> String {
    instant.to_string().chars().take_while(|letter| *letter != 'T').collect()
}

/// `90 days`.
fn days(duration: Duration) -> String {
    format!("{} days", duration.as_secs() / DAY.as_secs())
}
