//! Agreements: proposing, accepting, looking, terminating.

use comity_core::agreement::{Field, Terms, last_day};
use comity_core::control::{AcceptanceBody, AgreementBody, TerminationBody};
use comity_core::{EconomyId, Kind, RecordId, Timestamp};

use super::{Service, find_partner, find_record, words};
use crate::api::{AgreementLine, Published};
use crate::error::ServiceError;
use crate::state::{Compact, State};

/// When an agreement is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'a> {
    /// As soon as the notice allows that was agreed.
    ByNotice,
    /// Then, which the notice must allow.
    At(&'a str),
    /// Now, whatever notice was agreed.
    Immediately,
}

/// The earliest end that the notice allows. What nobody has accepted is taken back at once.
fn earliest(compact: &Compact, now: Timestamp) -> Timestamp {
    let terms = compact.terms.as_ref().filter(|_| compact.accepted.is_some());
    terms.map_or(now, |terms| terms.earliest_end(now))
}

impl Service {
    /// Every agreement that we are a party to.
    pub async fn agreements(&self) -> Result<Vec<AgreementLine>, ServiceError> {
        let now = self.now();
        self.look(move |state, _, _| {
            state.agreements().iter().map(|(id, one)| line(state, id, one, now, false)).collect()
        })
        .await
    }

    /// One agreement with its exact text.
    pub async fn agreement(&self, reference: &str) -> Result<AgreementLine, ServiceError> {
        let (reference, now) = (reference.to_owned(), self.now());
        self.look(move |state, _, _| {
            let (id, compact) = find(state, &reference)?;
            Ok(line(state, &id, compact, now, true))
        })
        .await?
    }

    /// Proposes an agreement, exactly as it is written, to a partner. What stands already is signed
    /// `again` only where that is meant.
    pub async fn propose(
        &self,
        text: &str,
        to: &str,
        again: bool,
    ) -> Result<Published, ServiceError> {
        let terms = Terms::parse(text)
            .map_err(|error| ServiceError::data("agreement", error.to_string()))?;
        let (text, to) = (text.to_owned(), to.to_owned());
        let (now, words) = (self.now(), text.clone());
        let (us, partner) = self
            .look(move |state, _, _| {
                let to = find_partner(state, &to)?;
                if !again {
                    stands_already(state, &to, &words, now)?;
                }
                Ok::<_, ServiceError>((state.us(), to))
            })
            .await??;
        let body = AgreementBody::between(us, partner, text)
            .ok_or_else(|| ServiceError::usage("parties", "an agreement has two parties"))?;
        self.publish_control(Kind::Agreement, body.encode(), terms.title().to_owned()).await
    }

    /// Accepts what a partner proposed. In force from its first day, or from now.
    pub async fn accept(&self, reference: &str) -> Result<Published, ServiceError> {
        let (agreement, title) = self.found(reference).await?;
        let now = self.now();
        self.look(move |state, _, _| acceptable(state, &agreement, now)).await??;
        let body = AcceptanceBody { agreement }.encode();
        self.publish_control(Kind::Acceptance, body, format!("Acceptance: {title}")).await
    }

    /// Ends an agreement: as soon as the notice allows that was agreed, or later; or at once, with or
    /// without notice.
    pub async fn terminate(
        &self,
        reference: &str,
        end: End<'_>,
    ) -> Result<Published, ServiceError> {
        let (agreement, title) = self.found(reference).await?;
        let now = self.now();
        let earliest = self.look(move |state, _, _| {
            let Some(compact) = state.agreements().get(&agreement) else { return Ok(now) };
            match state.policy().agreement(&agreement).filter(|signed| signed.ended(now)) {
                Some(_) => Err(has_ended(state, &agreement)),
                None => Ok(earliest(compact, now)),
            }
        });
        let earliest = earliest.await??;
        let effective = match end {
            End::ByNotice => earliest,
            End::Immediately => now,
            End::At(text) => {
                let at = words::instant(text)?;
                if at < earliest {
                    let message = format!(
                        "the notice that was agreed allows no end before {earliest}, and {at} is earlier"
                    );
                    return Err(ServiceError::usage("notice", message).next(format!(
                        "comity agreement terminate {reference}, which keeps to the notice; in breach of it: --immediately"
                    )));
                }
                at
            }
        };
        let body = TerminationBody { agreement, effective }.encode();
        self.publish_control(Kind::Termination, body, format!("Termination: {title}")).await
    }

    async fn found(&self, reference: &str) -> Result<(RecordId, String), ServiceError> {
        let reference = reference.to_owned();
        self.look(move |state, _, _| {
            let (id, compact) = find(state, &reference)?;
            Ok((id, compact.title.clone()))
        })
        .await?
    }
}

pub(super) fn find<'a>(
    state: &'a State,
    text: &str,
) -> Result<(RecordId, &'a Compact), ServiceError> {
    let missing = || {
        ServiceError::no_input("no-agreement", format!("`{text}` is not an agreement"))
            .next("comity agreement list")
    };
    let id = find_record(state, text).map_err(|_no_record| missing())?;
    state.agreements().get(&id).map(|compact| (id, compact)).ok_or_else(missing)
}

/// What was accepted is accepted, and nobody accepts what they proposed.
fn acceptable(state: &State, id: &RecordId, now: Timestamp) -> Result<(), ServiceError> {
    let Some(compact) = state.agreements().get(id) else { return Ok(()) };
    let reference = state.record(id).map_or_else(|| id.short(), |held| held.reference.clone());
    let what = if compact.proposer == state.us() {
        let partner = state.name_of(&compact.partner);
        format!("{reference} is our own proposal: {partner} accepts it")
    } else if compact.accepted.is_some() {
        format!("{reference} is accepted already")
    } else {
        let end = compact.terms.as_ref().and_then(|terms| terms.ends());
        let Some(end) = end.filter(|end| *end <= now) else { return Ok(()) };
        let partner = state.name_of(&compact.partner);
        let what = format!("the last day of {reference} was {}", last_day(end));
        return Err(ServiceError::data("has-ended", what)
            .next(format!("ask {partner} to propose one that has not ended")));
    };
    Err(ServiceError::data("nothing-to-accept", what)
        .next(format!("comity agreement show {reference}")))
}

fn has_ended(state: &State, id: &RecordId) -> ServiceError {
    let reference = state.record(id).map_or_else(|| id.short(), |held| held.reference.clone());
    ServiceError::data("has-ended", format!("{reference} has ended already"))
        .next(format!("comity agreement show {reference}"))
}

/// The same text, word for word, between the same two.
fn stands_already(
    state: &State,
    partner: &EconomyId,
    text: &str,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let with = state.agreements().iter().filter(|(_, one)| one.partner == *partner);
    let same = with
        .filter(|(id, _)| words_of(state, id).as_deref() == Some(text))
        .map(|(id, one)| line(state, id, one, now, false))
        .find(|one| !matches!(one.state.as_str(), "taken back" | "ended" | "unreadable"));
    let Some(AgreementLine { reference, state, partner, .. }) = same else { return Ok(()) };
    let message = format!("the same text with {partner} is here already: {reference}, {state}");
    Err(ServiceError::data("proposed-already", message)
        .next(format!("comity agreement show {reference}; to sign it once more: --again")))
}

/// `180 days (art. 12.3)`.
fn notice(terms: &Terms) -> Option<String> {
    let days = terms.notice_days()?;
    let article = terms.clause(Field::Notice).map(|clause| format!(" ({clause})"));
    Some(format!("{days} days{}", article.unwrap_or_default()))
}

/// The exact text. Of what was taken back before anybody accepted it, the journal alone has it.
fn words_of(state: &State, id: &RecordId) -> Option<String> {
    let body = state.record(id)?.body.as_deref()?;
    AgreementBody::decode(body).ok().map(|body| body.text)
}

/// Every agreement with a partner.
pub(super) fn with(state: &State, partner: &EconomyId, now: Timestamp) -> Vec<AgreementLine> {
    let theirs = state.agreements().iter().filter(|(_, compact)| compact.partner == *partner);
    theirs.map(|(id, compact)| line(state, id, compact, now, false)).collect()
}

fn line(
    state: &State,
    id: &RecordId,
    compact: &Compact,
    now: Timestamp,
    text: bool,
) -> AgreementLine {
    let signed = state.policy().agreement(id);
    let standing = match (signed, compact.terms.is_some()) {
        (None, false) if compact.terminated.is_some() => "taken back",
        (_, false) => "unreadable",
        (Some(agreement), true) if agreement.ended(now) => "ended",
        (Some(agreement), true) if agreement.in_force(now) => "in force",
        (Some(_), true) => "starts later",
        (None, true) if compact.terminated.is_some() => "taken back",
        (None, true) if compact.proposer == state.us() => "proposed by us",
        (None, true) => "awaits our acceptance",
    };
    let reference = state.record(id).map(|held| held.reference.clone());
    AgreementLine {
        agreement: id.to_string(),
        reference: reference.unwrap_or_else(|| id.short()),
        title: compact.title.clone(),
        tier: compact.terms.as_ref().map_or_else(String::new, |terms| terms.tier().to_string()),
        partner: state.name_of(&compact.partner),
        proposed_by: state.name_of(&compact.proposer),
        state: standing.to_owned(),
        from: signed.map(|agreement| agreement.from().to_string()),
        until: signed.and_then(comity_core::policy::Agreement::until).map(|at| at.to_string()),
        bound_until: signed
            .filter(|signed| signed.bound_until() != signed.until())
            .and_then(comity_core::policy::Agreement::bound_until)
            .map(|at| at.to_string()),
        notice: compact.terms.as_ref().and_then(|terms| notice(terms)),
        earliest_end: earliest(compact, now).to_string(),
        text: text.then(|| words_of(state, id)).flatten(),
    }
}
