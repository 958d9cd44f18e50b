//! The files that left of records, as people and programs are told of them.

use comity_core::journal::Exported;
use comity_core::ledger::Obligations;
use comity_core::{PartDigest, RecordId};

use crate::api::{FileLine, TermsLine};
use crate::state::State;

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
