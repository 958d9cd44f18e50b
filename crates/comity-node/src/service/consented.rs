//! Whom our consents let have a record: they have it from others, and no ledger of ours says so.

use comity_core::consent::ConsentGrant;
use comity_core::{PartDigest, RecordId, Timestamp};

use super::part_names;
use crate::api::AuditConsent;
use crate::state::{State, Word};

/// Our consents about a record, in the order in which we gave them.
pub(super) fn lines(state: &State, record: &RecordId, now: Timestamp) -> Vec<AuditConsent> {
    let mut given: Vec<_> = state.consents_by_us(record).collect();
    given.sort_by_key(|(_, word)| word.at);
    given.into_iter().map(|(id, word)| line(state, id, word, now)).collect()
}

/// The same, as far as they are about one of these parts.
pub(super) fn of_parts(
    state: &State,
    record: &RecordId,
    parts: &[PartDigest],
    now: Timestamp,
) -> Vec<AuditConsent> {
    let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
    let mut lines = lines(state, record, now);
    lines.retain(|line| line.parts.iter().any(|part| parts.contains(part)));
    lines
}

fn line(state: &State, id: &RecordId, word: &Word<ConsentGrant>, now: Timestamp) -> AuditConsent {
    let ConsentGrant { record, parts, asker, grantee, until, .. } = &word.says;
    let about = state.record(record);
    let section = |digest: &PartDigest| {
        let part = about?.parts.iter().find(|part| part.digest == *digest)?;
        Some(part.counts_as.to_string())
    };
    let standing = if !state.says_still(id) {
        "taken back"
    } else if *until <= now {
        "ended"
    } else {
        "in force"
    };
    AuditConsent {
        consent: state.record(id).map_or_else(|| id.short(), |held| held.reference.clone()),
        to: state.name_of(grantee),
        to_id: grantee.to_string(),
        from: state.name_of(asker),
        from_id: asker.to_string(),
        sections: parts.iter().filter_map(section).collect(),
        called: parts.iter().filter_map(|part| part_names::called(about?, part)).collect(),
        parts: parts.iter().map(ToString::to_string).collect(),
        at: word.at.to_string(),
        until: until.to_string(),
        state: standing.to_owned(),
    }
}
