//! Agreements: proposing, accepting, looking, terminating.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::agreement::{Field, Terms, last_day};
use comity_core::control::{AcceptanceBody, AgreementBody, TerminationBody};
use comity_core::policy::{Standstill, Trees};
use comity_core::{EconomyId, Kind, RecordId, Timestamp};

use super::amending::{
    Obstacle, aside, beside, is_over, obstacle, open_amendments, texts_of, versions,
};
use super::{Service, find_partner, find_record, words};
use crate::api::{AgreementDoubt, AgreementLine, Published};
use crate::contested::{self, Doubt};
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

/// The terms with the longest notice of any text of its agreement: that one counts.
pub(super) fn longest<'a>(
    state: &'a State,
    trees: &Trees,
    id: &RecordId,
    compact: &'a Compact,
) -> Option<&'a Terms> {
    // What is proposed in the place of others would be one more of their texts.
    let amended = || compact.text.amends().first().and_then(|amended| trees.tree(amended));
    let tree = trees.tree(id).or_else(amended);
    let others = tree.into_iter().flat_map(|tree| tree.texts.iter().chain(&tree.astray));
    let others = others.filter_map(|other| state.agreements().get(other));
    let all = others.chain([compact]).filter_map(|one| one.terms());
    all.map(|terms| &**terms).max_by_key(|terms| terms.notice_days())
}

/// The earliest end that the notice allows. What nobody has accepted is taken back at once.
fn earliest(
    state: &State,
    trees: &Trees,
    id: &RecordId,
    compact: &Compact,
    now: Timestamp,
) -> Timestamp {
    let terms = longest(state, trees, id, compact).filter(|_| compact.text.agreed().is_some());
    terms.map_or(now, |terms| terms.earliest_end(now))
}

impl Service {
    /// Every agreement that we are a party to.
    pub async fn agreements(&self) -> Result<Vec<AgreementLine>, ServiceError> {
        let now = self.now();
        self.look(move |state, _, _| {
            let mut known = BTreeMap::new();
            let all = state.agreements().iter();
            all.map(|(id, one)| {
                let with = known.entry(one.partner);
                let trees = with.or_insert_with(|| state.agreements().with(one.partner));
                line(state, trees, (id, one), now, false)
            })
            .collect()
        })
        .await
    }

    /// One agreement with its exact text.
    pub async fn agreement(&self, reference: &str) -> Result<AgreementLine, ServiceError> {
        let (reference, now) = (reference.to_owned(), self.now());
        self.look(move |state, _, _| {
            let (id, compact) = find(state, &reference)?;
            let trees = state.agreements().with(compact.partner);
            let versions = versions(state, &trees, &id, now);
            Ok(AgreementLine { versions, ..line(state, &trees, (&id, compact), now, true) })
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
    /// without notice. `dry_run`: only says who would be told.
    pub async fn terminate(
        &self,
        reference: &str,
        end: End<'_>,
        dry_run: bool,
    ) -> Result<Published, ServiceError> {
        let (named, title) = self.found(reference).await?;
        let now = self.now();
        let ends = self.look(move |state, _, _| {
            let called = state.called(&named);
            let Some(compact) = state.agreements().get(&named) else {
                return Ok((named, now, called));
            };
            let trees = state.agreements().with(compact.partner);
            if is_over(&trees, &named, now) && !state.is_ended_here_alone(&named) {
                return Err(has_ended(state, &named));
            }
            // Whoever ends an agreement ends all of it, and says so: what was one's own offer a moment ago may be
            // agreed by now.
            if let Some(tree) = trees.tree(&named).filter(|tree| tree.first != named) {
                let (first, text) = (state.called(&tree.first), state.called(&named));
                let message = format!("{text} is agreed, and a text of {first}");
                return Err(ServiceError::data("part-of-agreement", message)
                    .next(format!("comity agreement terminate {first}, which ends all of it")));
            }
            Ok((named, earliest(state, &trees, &named, compact, now), called))
        });
        let (agreement, earliest, called) = ends.await??;
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
                        "comity agreement terminate {called}, which keeps to the notice; in breach of it: --immediately"
                    )));
                }
                at
            }
        };
        let body = TerminationBody { agreement, effective }.encode();
        let title = format!("Termination: {title}");
        self.control_or_try(Kind::Termination, body, title, dry_run).await
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
pub(super) fn acceptable(state: &State, id: &RecordId, now: Timestamp) -> Result<(), ServiceError> {
    let Some(compact) = state.agreements().get(id) else { return Ok(()) };
    let reference = state.record(id).map_or_else(|| id.short(), |held| held.reference.clone());
    let what = if compact.proposer == state.us() {
        let partner = state.name_of(&compact.partner);
        format!("{reference} is our own proposal: {partner} accepts it")
    } else if state.agreements().is_doubted(id) {
        let next = contested::doubt(state, id, &BTreeSet::new()).map(|doubt| doubt.next);
        let what = format!(
            "{reference} cannot be accepted: the key that proposed it is not believed any more"
        );
        let next = next.unwrap_or_else(|| format!("comity agreement show {reference}"));
        return Err(ServiceError::data("in-doubt", what).next(next));
    } else if compact.accepted.is_some() {
        format!("{reference} is accepted already")
    } else {
        let end = compact.terms().and_then(|terms| terms.ends());
        let Some(end) = end.filter(|end| *end <= now) else {
            return fits(state, &reference, compact, now);
        };
        let partner = state.name_of(&compact.partner);
        let what = format!("the last day of {reference} was {}", last_day(end));
        return Err(ServiceError::data("has-ended", what)
            .next(format!("ask {partner} to propose one that has not ended")));
    };
    Err(ServiceError::data("nothing-to-accept", what)
        .next(format!("comity agreement show {reference}")))
}

/// An amendment takes the place of what is agreed, and of nothing else.
fn fits(
    state: &State,
    reference: &str,
    compact: &Compact,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let (amended, Some(terms)) = (compact.text.amends(), compact.terms()) else { return Ok(()) };
    if amended.is_empty() || compact.text.agreed().is_some() {
        return Ok(());
    }
    let against = obstacle(state, amended, compact.partner, terms, now);
    let Some(Obstacle { code, message, next }) = against else { return Ok(()) };
    let next = next.unwrap_or_else(|| {
        let partner = state.name_of(&compact.partner);
        format!(
            "ask {partner} for one that fits; off the list: comity agreement terminate {reference}"
        )
    });
    Err(ServiceError::data(code, format!("{reference} cannot be accepted: {message}")).next(next))
}

fn has_ended(state: &State, id: &RecordId) -> ServiceError {
    let reference = state.record(id).map_or_else(|| id.short(), |held| held.reference.clone());
    ServiceError::data("has-ended", format!("{reference} has ended already"))
        .next(format!("comity agreement show {reference}"))
}

/// The same text, word for word, between the same two.
pub(super) fn stands_already(
    state: &State,
    partner: &EconomyId,
    text: &str,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let with = state.agreements().iter().filter(|(_, one)| one.partner == *partner);
    let trees = state.agreements().with(*partner);
    let same = with
        .filter(|(id, _)| words_of(state, id).as_deref() == Some(text))
        .map(|with| line(state, &trees, with, now, false))
        .find(|one| {
            let over = [
                "declined",
                "taken back",
                "ended",
                "in doubt",
                "unreadable",
                "amended",
                "overtaken",
                "without effect",
            ];
            !over.contains(&one.state.as_str())
        });
    let Some(AgreementLine { reference, state, partner, .. }) = same else { return Ok(()) };
    let message = format!("the same text with {partner} is here already: {reference}, {state}");
    Err(ServiceError::data("proposed-already", message)
        .next(format!("comity agreement show {reference}; to sign it once more: --again")))
}

/// Which signature is in doubt, so that nothing goes under an agreement of one text that binds.
pub(super) fn in_doubt(
    state: &State,
    trees: &Trees,
    id: &RecordId,
    now: Timestamp,
) -> Option<Doubt> {
    let still = match trees.tree(id) {
        Some(tree) => trees.standstill(tree, now) == Some(Standstill::InDoubt),
        // What nobody has answered, nobody can while its signer is not believed.
        None => state.agreements().get(id).is_some_and(Compact::is_open),
    };
    still.then(|| contested::doubt(state, id, &BTreeSet::new())).flatten()
}

/// `180 days (art. 12.3)`.
pub(super) fn notice(terms: &Terms) -> Option<String> {
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
    let trees = state.agreements().with(*partner);
    theirs.map(|with| line(state, &trees, with, now, false)).collect()
}

pub(super) fn line(
    state: &State,
    trees: &Trees,
    (id, compact): (&RecordId, &Compact),
    now: Timestamp,
    text: bool,
) -> AgreementLine {
    let signed = trees.agreements().iter().find(|one| one.id() == *id);
    let aside = aside(state, trees, (id, compact), now).filter(|_| compact.terms().is_some());
    let doubt = in_doubt(state, trees, id, now);
    let standing = aside.unwrap_or_else(|| match (signed, compact.terms().is_some()) {
        (None, _) if compact.declined().is_some() => "declined",
        (None, false) if compact.terminated().is_some() => "taken back",
        (_, false) => "unreadable",
        (_, true) if doubt.is_some() => "in doubt",
        (Some(agreement), true) if agreement.ended(now) => "ended",
        (Some(agreement), true) if agreement.in_force(now) => "in force",
        (Some(_), true) => "starts later",
        (None, true) if compact.terminated().is_some() => "taken back",
        (None, true) if compact.proposer == state.us() => "proposed by us",
        (None, true) => "awaits our acceptance",
    });
    let (amends, amended_by) = beside(state, trees, (id, compact));
    let longest = longest(state, trees, id, compact);
    let reference = state.record(id).map(|held| held.reference.clone());
    AgreementLine {
        agreement: id.to_string(),
        reference: reference.unwrap_or_else(|| id.short()),
        title: compact.title.clone(),
        tier: compact.terms().map_or_else(String::new, |terms| terms.tier().to_string()),
        partner: state.name_of(&compact.partner),
        proposed_by: state.name_of(&compact.proposer),
        state: standing.to_owned(),
        from: signed.map(|agreement| agreement.from().to_string()),
        // One in doubt is in force at no time; that is no end.
        until: signed
            .and_then(|one| match one.is_in_doubt(one.from()) {
                true => compact.terminated(),
                false => one.until(),
            })
            .map(|at| at.to_string()),
        bound_until: signed
            .filter(|signed| signed.bound_until() != signed.until())
            .and_then(comity_core::policy::Agreement::bound_until)
            .map(|at| at.to_string()),
        notice: longest.and_then(notice),
        notice_days: longest.and_then(Terms::notice_days),
        earliest_end: earliest(state, trees, id, compact, now).to_string(),
        text: text.then(|| words_of(state, id)).flatten(),
        amends,
        amended_by,
        open_amendments: open_amendments(state, trees, id),
        texts: texts_of(state, trees, id, now),
        doubt: doubt.map(|Doubt { why, next, ours }| AgreementDoubt { why, next, ours }),
        versions: Vec::new(),
    }
}
