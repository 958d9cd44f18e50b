//! Does it carry anything that this version cannot weigh yet? It is withheld until its gate is built.

use super::super::fact::{Fact, Unbuilt};
use super::super::facts::RecordFacts;
use super::{Finding, Question};
use crate::marking::Marking;

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    let (record, part) = (asked.record, asked.part);
    let unknown = part.unknown || !part.section.is_known() || !part.counts_as.is_known();
    let found = if unknown {
        Some(Unbuilt::Unknown)
    } else {
        in_record(record).or_else(|| in_marking(&part.marking))
    };
    found.map_or(Finding::pass(Fact::NothingUnbuilt), |what| Finding::deny(Fact::Unbuilt(what)))
}

/// For a control record: its floor is not asked, since labels do not apply to it.
pub(in crate::policy) fn judge_control(record: &RecordFacts) -> Finding {
    let found = in_record(record).or_else(|| record.floor.unknown.then_some(Unbuilt::Unknown));
    found.map_or(Finding::pass(Fact::NothingUnbuilt), |what| Finding::deny(Fact::Unbuilt(what)))
}

fn in_record(record: &RecordFacts) -> Option<Unbuilt> {
    let known = record.kind.is_known() && record.state.is_known() && record.urgency.is_known();
    (record.unknown || !known).then_some(Unbuilt::Unknown)
}

fn in_marking(marking: &Marking) -> Option<Unbuilt> {
    marking.unknown.then_some(Unbuilt::Unknown)
}
