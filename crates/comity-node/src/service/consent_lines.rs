//! Consents as screens show them.

use std::collections::BTreeSet;

use comity_core::consent::{ConsentBody, ConsentGrant};
use comity_core::policy::Lifecycle;
use comity_core::{EconomyId, Onward, PartDigest, RecordId, Timestamp};

use super::words;
use crate::api::{ConsentLine, ConsentPart, GrantedLine};
use crate::state::{Held, State, Word};

/// Everything that was asked of us or by us, and what was given to us on somebody else's asking, as far as
/// anybody can believe that: what was said last comes first.
pub(super) fn all(state: &State, now: Timestamp) -> Vec<ConsentLine> {
    let asks = state.consents().asks().map(|(id, word)| (word.at, *id));
    let unasked = state
        .consents()
        .grants()
        .filter(|(_, word)| state.consents().ask(&word.says.ask).is_none())
        .filter(|(id, _)| state.record(id).is_some_and(Held::is_accepted));
    let grants = unasked.map(|(id, word)| (word.at, *id));
    let mut words: Vec<_> = asks.chain(grants).collect();
    words.sort_unstable_by(|one, other| other.cmp(one));
    words.into_iter().filter_map(|(_, id)| line(state, &id, now)).collect()
}

/// One line about an ask, or about a grant.
pub(super) fn line(state: &State, id: &RecordId, now: Timestamp) -> Option<ConsentLine> {
    asked(state, id, now).or_else(|| given(state, id, now))
}

fn asked(state: &State, id: &RecordId, now: Timestamp) -> Option<ConsentLine> {
    let word = state.consents().ask(id)?;
    let ask = &word.says;
    let answers: Vec<_> = state.answers_to(id).collect();
    let grants = answers.iter().filter_map(|answer| granted(state, answer, now));
    let mut grants: Vec<_> = grants.collect();
    grants.sort_by(|one, other| (&one.to, &one.reference).cmp(&(&other.to, &other.reference)));
    let mut refusals = answers.iter().filter_map(|answer| state.consents().refusal(answer));
    let refused = refusals.next().map(|word| word.says.reason.clone());
    let any = |wanted: &str| grants.iter().any(|grant| grant.state == wanted);
    let standing = match state.record(id) {
        Some(held) if !held.is_accepted() => "not believed",
        Some(held) if held.facts.lifecycle != Lifecycle::Live => "taken back",
        _ if any("in force") => "granted",
        _ if any("run out") => "run out",
        _ if any("taken back") => "taken back",
        _ if refused.is_some() => "refused",
        _ if ask.origin == state.us() => "awaits our answer",
        _ => "asked by us",
    };
    Some(ConsentLine {
        state: standing.to_owned(),
        asked_by: state.name_of(&word.by),
        origin: state.name_of(&ask.origin),
        recipients: names(state, &ask.recipients),
        parts: parts(state, &ask.record, &ask.parts),
        why: ask.why.clone(),
        wanted_until: ask.until.map(|until| until.to_string()),
        at: word.at.to_string(),
        grants,
        refused,
        ..about(state, id, &ask.record, now)
    })
}

fn given(state: &State, id: &RecordId, now: Timestamp) -> Option<ConsentLine> {
    let word = state.consents().grant(id)?;
    let ConsentGrant { record, asker, grantee, .. } = &word.says;
    let grant = granted(state, id, now)?;
    let standing =
        if grant.state == "in force" { "granted".to_owned() } else { grant.state.clone() };
    Some(ConsentLine {
        state: standing,
        asked_by: state.name_of(asker),
        origin: state.name_of(&word.by),
        recipients: names(state, &[*grantee]),
        parts: grant.parts.clone(),
        at: word.at.to_string(),
        grants: vec![grant],
        ..about(state, id, record, now)
    })
}

/// What does not depend on who said it.
fn about(state: &State, id: &RecordId, record: &RecordId, now: Timestamp) -> ConsentLine {
    let held = state.record(record);
    let title = held.map(|held| words::record_line(state, record, held, now).title);
    ConsentLine {
        consent: id.to_string(),
        reference: reference(state, id),
        record: reference(state, record),
        title: title.unwrap_or_default(),
        state: String::new(),
        asked_by: String::new(),
        origin: String::new(),
        recipients: Vec::new(),
        parts: Vec::new(),
        why: String::new(),
        wanted_until: None,
        at: String::new(),
        grants: Vec::new(),
        refused: None,
    }
}

fn granted(state: &State, id: &RecordId, now: Timestamp) -> Option<GrantedLine> {
    let word = state.consents().grant(id)?;
    let ConsentGrant { record, parts: given, grantee, until, .. } = &word.says;
    Some(GrantedLine {
        consent: id.to_string(),
        reference: reference(state, id),
        to: state.name_of(grantee),
        parts: parts(state, record, given),
        until: until.to_string(),
        state: standing(state, id, word, now).to_owned(),
        conditions: conditions(&word.says),
    })
}

fn standing(
    state: &State,
    id: &RecordId,
    word: &Word<ConsentGrant>,
    now: Timestamp,
) -> &'static str {
    let held = state.record(id);
    if held.is_some_and(|held| held.facts.lifecycle != Lifecycle::Live) {
        "taken back"
    } else if held.is_none_or(|held| !held.is_accepted()) {
        "not believed"
    } else if word.says.until <= now {
        "run out"
    } else {
        "in force"
    }
}

/// What a grant asks of the recipient besides.
pub(super) fn conditions(grant: &ConsentGrant) -> Vec<String> {
    let terms = &grant.terms;
    let onward = (terms.onward == Onward::None).then(|| "never passed on".to_owned());
    let erased = terms.retention_days.map(|days| format!("erased after {days} days"));
    let purposes =
        (!terms.purposes.is_empty()).then(|| format!("for {}", terms.purposes.join(", ")));
    [onward, erased, purposes].into_iter().flatten().collect()
}

/// What a record about consent says.
pub(super) fn in_words(state: &State, body: &ConsentBody) -> String {
    let record = reference(state, &body.record());
    match body {
        ConsentBody::Ask(ask) => {
            let (to, parts) = (names(state, &ask.recipients).join(", "), ask.parts.len());
            let origin = state.name_of(&ask.origin);
            format!("asks {origin} that {to} may have {parts} parts of {record}: {}", ask.why)
        }
        ConsentBody::Grant(grant) => {
            let (to, parts) = (state.name_of(&grant.grantee), grant.parts.len());
            let (by, until) = (state.name_of(&grant.asker), grant.until);
            let conditions = conditions(grant).into_iter().map(|one| format!("; {one}"));
            let conditions: String = conditions.collect();
            format!("lets {to} have {parts} parts of {record} from {by}, until {until}{conditions}")
        }
        ConsentBody::Refusal(refusal) => {
            let by = state.name_of(&refusal.asker);
            format!("refuses what {by} asked about {record}: {}", refusal.reason)
        }
    }
}

/// Parts by the numbers that `comity explain` gives them; those that are not here come last.
pub(super) fn parts(state: &State, record: &RecordId, digests: &[PartDigest]) -> Vec<ConsentPart> {
    let mut absent: BTreeSet<_> = digests.iter().collect();
    let held = state.record(record);
    let numbered = held.into_iter().flat_map(|held| (1_u64..).zip(&held.parts));
    let here = numbered.filter(|(_, part)| absent.remove(&part.digest));
    let mut parts: Vec<_> = here
        .map(|(number, part)| ConsentPart {
            number: Some(number),
            part: part.digest.to_string(),
            section: Some(part.counts_as.to_string()),
            tlp: Some(part.marking.tlp.to_string()),
        })
        .collect();
    parts.extend(absent.into_iter().map(|part| ConsentPart {
        number: None,
        part: part.to_string(),
        section: None,
        tlp: None,
    }));
    parts
}

fn names(state: &State, economies: &[EconomyId]) -> Vec<String> {
    economies.iter().map(|economy| state.name_of(economy)).collect()
}

fn reference(state: &State, id: &RecordId) -> String {
    state.record(id).map_or_else(|| id.short(), |held| held.reference.clone())
}
