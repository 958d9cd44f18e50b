//! Ends and reviews of charters: by its charter a group permits what it does, as an agreement does.

use comity_core::Timestamp;
use comity_core::agreement::{Deadline, DeadlineKind, ReviewOverdue, Step, deadlines};
use comity_core::group::Group;

use super::{bare, effect, what};
use crate::api::DeadlineLine;
use crate::shell_word::word;
use crate::state::State;

/// Those of groups of which we are a member.
pub(super) fn near(state: &State, now: Timestamp) -> impl Iterator<Item = (&Group, Deadline)> {
    let us = state.us();
    let ours = move |group: &&Group| group.head().members.contains_key(&us) && !group.is_closed();
    state.groups().iter().map(std::sync::Arc::as_ref).filter(ours).flat_map(move |group| {
        let terms = group.founding().charter().terms();
        deadlines(terms, terms.ends(), now).map(move |deadline| (group, deadline))
    })
}

/// From when on nothing goes by the charter any more, whatever is said of the roster.
pub(crate) fn stops(group: &Group) -> Option<Timestamp> {
    let terms = group.founding().charter().terms();
    let stops = terms.review_overdue() == ReviewOverdue::Stop;
    let review = terms.overdue_from().filter(|_| stops);
    terms.ends().into_iter().chain(review).min()
}

pub(super) fn line(
    state: &State,
    group: &Group,
    deadline: Deadline,
    now: Timestamp,
) -> DeadlineLine {
    let (charter, record) = (group.founding().charter(), group.founding().record());
    let reference = state.record(&record).map(|held| held.reference.clone());
    let reference = reference.unwrap_or_else(|| record.short());
    let title = format!("the charter {reference} of {}", word(charter.name()));
    let overdue = charter.terms().review_overdue();
    let ends = deadline.kind == DeadlineKind::End;
    // A charter is not amended: whoever was admitted has answered to this one.
    let what_for = match (ends, deadline.step) {
        (true, Step::Passed) => {
            "nothing goes by it any more; leave it (comity group leave), or found the group that follows"
        }
        (true, _) => "found the group that follows, and let members join it before",
        (false, _) => "found the group anew with what the review comes to, and let members join it",
    };
    DeadlineLine {
        agreement: record.to_string(),
        reference,
        group: Some(charter.name().to_owned()),
        deadline: if ends { "end" } else { "review" }.to_owned(),
        overdue: (!ends).then(|| effect(overdue).to_owned()),
        ..bare(
            deadline,
            now,
            what(&title, deadline, charter.terms(), now),
            format!("{what_for}: comity group found FILE"),
        )
    }
}
