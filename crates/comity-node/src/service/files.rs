//! The files that left of records, as people and programs are told of them.

use std::sync::Arc;

use comity_core::exit::may_be_named;
use comity_core::journal::Exported;
use comity_core::ledger::Obligations;
use comity_core::{PartDigest, RecordId, Timestamp, Tlp};

use crate::api::{FileLine, TermsLine};
use crate::guard::Guard;
use crate::state::{Held, State};

/// All files that left of a record.
pub(super) fn lines(state: &State, record: &RecordId) -> Vec<FileLine> {
    state.files(record).iter().map(|exported| line(state, exported)).collect()
}

/// Those that have at least one of these parts.
pub(super) fn with_parts(state: &State, record: &RecordId, parts: &[PartDigest]) -> Vec<FileLine> {
    let has = |exported: &&Exported| exported.parts.iter().any(|part| parts.contains(part));
    state.files(record).iter().filter(has).map(|exported| line(state, exported)).collect()
}

fn line(state: &State, exported: &Exported) -> FileLine {
    let held = state.record(&exported.record);
    let section = |digest: &PartDigest| {
        let part = held?.parts.iter().find(|part| part.digest == *digest)?;
        Some(part.counts_as.to_string())
    };
    FileLine {
        reference: held.map_or_else(|| exported.record.to_string(), |held| held.reference.clone()),
        readers: exported.readers.to_string(),
        at: exported.at.to_string(),
        sections: exported.parts.iter().filter_map(section).collect(),
        parts: exported.parts.iter().map(ToString::to_string).collect(),
        terms: terms(&exported.obligations),
        by: exported.by.clone(),
    }
}

pub(super) fn terms(obligations: &Obligations) -> TermsLine {
    let Obligations { onward, retention_days, purposes } = obligations;
    let (onward, retention_days) = (onward.to_string(), *retention_days);
    TermsLine { onward, retention_days, purposes: purposes.clone() }
}

/// Whether what a record is called may stand in a file for others, of which nothing is to be marked above `most`: by
/// the decision, and where the egress guard holds nothing of the title. `at`: now, and where nobody vouches for the
/// clock, up to when time has certainly come.
pub(super) fn title_leaves(
    state: &State,
    held: &Held,
    most: Tlp,
    at: (Timestamp, Option<Timestamp>),
) -> bool {
    let held_back = || {
        let words = |guard: &Arc<Guard>| guard.words(held.title.as_bytes());
        state.guard().map(words).is_some_and(|found| !found.is_nothing())
    };
    let may = match held.facts.kind.is_control() {
        // It has no content, and its title names agreements, groups and people.
        true => most > Tlp::Clear,
        false => [Some(at.0), at.1]
            .into_iter()
            .flatten()
            .all(|at| may_be_named(state.policy(), &held.facts, &held.parts, most, at)),
    };
    may && held.is_accepted() && !held_back()
}
