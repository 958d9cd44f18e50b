//! Answers to those who ask for our consent, and taking back.

use std::collections::BTreeSet;

use comity_core::cbor::is_label;
use comity_core::consent::{ConsentAsk, ConsentBody, ConsentGrant, ConsentRefusal};
use comity_core::ledger::Obligations;
use comity_core::limits::{PURPOSES, TEXT_BYTES};
use comity_core::policy::Lifecycle;
use comity_core::{EconomyId, Onward, PartDigest, RecordId, Timestamp, Tlp};

use super::consent_lines as lines;
use super::consents::{Prepared, SOME_TIME, find_word, later};
use super::part_names;
use crate::api::{
    ConsentGrantRequest, ConsentOpens, ConsentRefuseRequest, ConsentWithdrawRequest, PartName,
};
use crate::error::ServiceError;
use crate::shell_word::word;
use crate::state::{Held, State, Word};

pub(super) fn prepare_grant(
    state: &State,
    asked: &ConsentGrantRequest,
    now: Timestamp,
) -> Result<Prepared, ServiceError> {
    let (ask, said, held) = asked_of_us(state, &asked.ask)?;
    let (reference, by) = (held.reference.clone(), said.by);
    if held.facts.lifecycle != Lifecycle::Live {
        let message = format!("{reference} was withdrawn or replaced: it goes nowhere any more");
        return Err(ServiceError::data("record-gone", message)
            .next(format!("comity consent refuse {} --reason TEXT", asked.ask)));
    }
    let parts = granted_parts(held, &said.says, &asked.parts, &asked.ask)?;
    let wanted = match asked.recipients.as_slice() {
        [] => said.says.recipients.clone(),
        names => {
            let named: BTreeSet<_> = names
                .iter()
                .map(|name| among(state, name, &said.says.recipients, &asked.ask))
                .collect::<Result<_, _>>()?;
            named.into_iter().collect()
        }
    };
    let until = match asked.until.as_deref() {
        None => said.says.until.filter(|until| *until > now),
        given => later(given, now)?,
    };
    if let Some((until, wanted)) = until.zip(said.says.until)
        && until > wanted
    {
        let message = format!(
            "it was asked for until {wanted}, and a grant gives no more than was asked for"
        );
        return Err(ServiceError::usage("not-asked-for", message)
            .next(format!("comity consent grant {} --until {wanted}", asked.ask)));
    }
    let until = until.ok_or_else(|| {
        let message = "nobody said until when it is to hold, or that is past";
        ServiceError::usage("until-missing", message).next(format!(
            "comity consent grant {} --until {}",
            asked.ask,
            now.saturating_add(SOME_TIME * 7)
        ))
    })?;
    let terms = terms(asked)?;
    let grant = |grantee: &EconomyId| {
        let (record, ask, parts, terms) = (held.facts.id, ask, parts.clone(), terms.clone());
        let grant = ConsentGrant { record, parts, asker: by, grantee: *grantee, ask, until, terms };
        ConsentBody::Grant(grant)
    };
    if !asked.again {
        granted_already(state, &ask, wanted.iter().map(&grant))?;
    }
    let shown = lines::parts(state, &held.facts.id, &parts);
    let opens = wanted.iter().flat_map(|to| {
        let recipient = state.name_of(to);
        shown.iter().map(move |part| ConsentOpens {
            recipient: recipient.clone(),
            part: part.clone(),
            goes: true,
            reason: None,
        })
    });
    Ok(Prepared {
        opens: opens.collect(),
        bodies: wanted.iter().map(grant).collect(),
        about: Some(ask),
        title: format!("Consent: {reference}"),
    })
}

/// What is given by two records stays given when one of them is taken back.
fn granted_already(
    state: &State,
    ask: &RecordId,
    mut wanted: impl Iterator<Item = ConsentBody>,
) -> Result<(), ServiceError> {
    let given: Vec<_> = state
        .answers_to(ask)
        .filter(|answer| state.says_still(answer))
        .filter_map(|answer| Some((answer, &state.consents().grant(&answer)?.says)))
        .collect();
    let before = wanted.find_map(|body| {
        let ConsentBody::Grant(grant) = body else { return None };
        given.iter().find(|(_, says)| **says == grant).copied()
    });
    let Some((answer, says)) = before else { return Ok(()) };
    let reference =
        state.record(&answer).map_or_else(|| answer.short(), |one| one.reference.clone());
    let to = state.name_of(&says.grantee);
    let message = format!("the same is granted to {to} already, by {reference}");
    Err(ServiceError::data("granted-already", message)
        .next(format!("comity consent show {reference}; to sign it once more: --again")))
}

/// Of what was asked for, what is to be given. What is RED goes to a desk that its author names, whoever
/// consents, and what is destined to one economy to that one.
fn granted_parts(
    held: &Held,
    ask: &ConsentAsk,
    names: &[PartName],
    reference: &str,
) -> Result<Vec<PartDigest>, ServiceError> {
    let numbered: Vec<_> = held.parts.iter().map(|part| part.digest).collect();
    let asked_for = |part: &PartDigest| ask.parts.contains(part);
    let can_go = |digest: &PartDigest| {
        let part = held.parts.iter().find(|part| part.digest == *digest);
        part.is_some_and(|part| part.marking.tlp != Tlp::Red && part.destination.is_none())
    };
    let mut parts = match names {
        [] => ask.parts.iter().filter(|part| can_go(part)).copied().collect(),
        names => part_names::named(held, names)?,
    };
    if let Some(other) = parts.iter().find(|part| !asked_for(part)) {
        let number = numbered.iter().position(|one| one == other).unwrap_or_default();
        let message = format!("part {} was not asked for", number.saturating_add(1));
        return Err(ServiceError::usage("not-asked-for", message)
            .next(format!("comity consent show {reference}")));
    }
    if parts.is_empty() || !parts.iter().all(can_go) {
        let message = "TLP:RED needs a named desk or person, and what is destined to one economy goes to that one: no consent opens either";
        return Err(ServiceError::data("not-by-consent", message)
            .next("publish a version that is addressed to them: comity publish FILE --dry-run"));
    }
    parts.sort_unstable();
    parts.dedup();
    Ok(parts)
}

fn terms(asked: &ConsentGrantRequest) -> Result<Obligations, ServiceError> {
    let purposes: BTreeSet<_> = asked.purposes.iter().cloned().collect();
    if purposes.len() > PURPOSES || !purposes.iter().all(|purpose| is_purpose(purpose)) {
        let message = format!("a purpose is one line of text, and {PURPOSES} are the most");
        return Err(ServiceError::usage("purpose", message)
            .next("name it as agreements do: --condition purpose=defence"));
    }
    Ok(Obligations {
        onward: if asked.never_onward { Onward::None } else { Onward::Ask },
        retention_days: asked.retention_days.filter(|days| *days > 0),
        purposes: purposes.into_iter().collect(),
    })
}

fn is_purpose(purpose: &str) -> bool {
    !purpose.is_empty() && purpose.len() <= TEXT_BYTES && is_label(purpose)
}

pub(super) fn prepare_refusal(
    state: &State,
    asked: ConsentRefuseRequest,
) -> Result<Prepared, ServiceError> {
    let (ask, said, held) = asked_of_us(state, &asked.ask)?;
    let mut answers = state.answers_to(&ask);
    if let Some(answer) = answers.find(|answer| state.says_still(answer)) {
        let refused = state.consents().refusal(&answer).is_some();
        let what = if refused { "refused" } else { "granted" };
        let message = format!("{} is {what} already", asked.ask);
        return Err(ServiceError::data("answered-already", message)
            .next(format!("take a consent back: comity consent withdraw {}", asked.ask)));
    }
    let refusal =
        ConsentRefusal { record: held.facts.id, asker: said.by, ask, reason: asked.reason };
    let title = format!("Consent refused: {}", held.reference);
    let bodies = vec![ConsentBody::Refusal(refusal)];
    Ok(Prepared { bodies, opens: Vec::new(), about: Some(ask), title })
}

/// What is to be withdrawn, and what the screen shows after it.
pub(super) fn taken_back(
    state: &State,
    asked: &ConsentWithdrawRequest,
) -> Result<(Vec<String>, RecordId), ServiceError> {
    let id = find_word(state, &asked.consent)?;
    let live = |id: &RecordId| state.says_still(id);
    let to = |id: &RecordId| {
        let grant = state.consents().grant(id);
        grant.is_some_and(|word| {
            let names = &asked.recipients;
            names.is_empty() || names.iter().any(|name| is_called(state, name, &word.says.grantee))
        })
    };
    let targets: Vec<_> = if is_ours(state, &id) {
        [id].into_iter().filter(live).collect()
    } else {
        let given = state.answers_to(&id).filter(|answer| live(answer) && to(answer));
        given.filter(|answer| is_ours(state, answer)).collect()
    };
    if targets.is_empty() {
        let message =
            format!("nothing that we said about {} is left to be taken back", asked.consent);
        return Err(ServiceError::data("nothing-to-withdraw", message)
            .next(format!("comity consent show {}", word(&asked.consent))));
    }
    let about = state.consents().grant(&id).map(|word| word.says.ask);
    let about = about.filter(|ask| state.consents().ask(ask).is_some()).unwrap_or(id);
    Ok((targets.iter().map(ToString::to_string).collect(), about))
}

fn is_ours(state: &State, id: &RecordId) -> bool {
    state.record(id).is_some_and(|held| held.facts.origin == state.us())
}

/// An ask that is ours to answer, with the record that it is about.
fn asked_of_us<'a>(
    state: &'a State,
    text: &str,
) -> Result<(RecordId, &'a Word<ConsentAsk>, &'a Held), ServiceError> {
    let id = find_word(state, text)?;
    let next = "comity consent list";
    let said = state.consents().ask(&id).ok_or_else(|| {
        let message = format!("{text} is an answer, and asks for nothing");
        ServiceError::usage("not-an-ask", message).next(next)
    })?;
    if said.says.origin != state.us() {
        let message = format!("{text} is for {} to answer", state.name_of(&said.says.origin));
        return Err(ServiceError::data("not-ours-to-answer", message).next(next));
    }
    if !state.says_still(&id) {
        let message = format!("{text} was taken back, or its signature is not believed");
        return Err(ServiceError::data("ask-gone", message).next(next));
    }
    let held = state.record(&said.says.record);
    let held = held.ok_or_else(|| ServiceError::no_input("no-record", "no such record"))?;
    Ok((id, said, held))
}

/// One of those for whom it was asked: they need be no partners of ours.
fn among(
    state: &State,
    name: &str,
    asked_for: &[EconomyId],
    reference: &str,
) -> Result<EconomyId, ServiceError> {
    let called = |one: &&EconomyId| is_called(state, name, one);
    asked_for.iter().find(called).copied().ok_or_else(|| {
        let message = format!("it was not asked for `{name}`");
        ServiceError::usage("not-asked-for", message)
            .next(format!("comity consent show {reference}"))
    })
}

/// By its name here, or by the front of its id: it may be nobody's partner here.
fn is_called(state: &State, name: &str, economy: &EconomyId) -> bool {
    state.name_of(economy) == name || (name.len() >= 6 && economy.to_string().starts_with(name))
}
