//! Amendments: a text that takes the place of others, and what became of the texts before it.

use std::collections::BTreeSet;

use comity_core::agreement::{Terms, last_day};
use comity_core::control::AgreementBody;
use comity_core::limits::AMENDED_TEXTS;
use comity_core::policy::{Agreement, Place, Standstill, Tree, Trees};
use comity_core::{EconomyId, Kind, RecordId, Timestamp};

use super::Service;
use super::agreements::{acceptable, find, in_doubt, line, longest, notice, stands_already};
use crate::api::{AgreementLine, AgreementTexts, DiffAgainst, DiffRequest, DiffSide, Published};
use crate::contested::{self, Still};
use crate::engine::Engine;
use crate::error::ServiceError;
use crate::state::{Compact, State};

impl Service {
    /// Proposes a text that takes the place of an agreement's once the other party has accepted it: of all
    /// its last texts, where it is contested. The same text is signed `again` only where that is meant. Where
    /// `shown` names texts, it takes the place of these, or of none.
    pub async fn amend(
        &self,
        reference: &str,
        text: &str,
        again: bool,
        shown: &[String],
    ) -> Result<Published, ServiceError> {
        let terms = Terms::parse(text)
            .map_err(|error| ServiceError::data("agreement", error.to_string()))?;
        let (reference, words, now) = (reference.to_owned(), text.to_owned(), self.now());
        let shown = shown.to_vec();
        let (title, text) = (terms.title().to_owned(), text.to_owned());
        let (us, partner, amended) = self
            .look(move |state, engine, _| {
                let (id, compact) = find(state, &reference)?;
                let partner = compact.partner;
                let tree = state.agreements().tree(&id).ok_or_else(|| not_agreed(state, &id))?;
                as_shown(state, &tree, &shown)?;
                let understands = engine.takes_amendments(&partner);
                if let Some(against) = against(state, &tree, partner, &terms, understands, now) {
                    return Err(against);
                }
                if !again {
                    stands_already(state, &partner, &words, now)?;
                }
                Ok((state.us(), partner, tree.heads))
            })
            .await??;
        let body = AgreementBody::between(us, partner, text)
            .ok_or_else(|| ServiceError::usage("parties", "an agreement has two parties"))?;
        self.publish_control(Kind::Agreement, body.amending(amended).encode(), title).await
    }
}

/// What people were shown is what is amended.
fn as_shown(state: &State, tree: &Tree, shown: &[String]) -> Result<(), ServiceError> {
    let last: Vec<String> = tree.heads.iter().map(|head| state.called(head)).collect();
    if shown.is_empty() || shown == last {
        return Ok(());
    }
    let (last, shown) = (last.join(" and "), shown.join(" and "));
    let message = format!("what is last of the agreement is {last} by now, and not {shown}");
    let first = state.called(&tree.first);
    Err(ServiceError::data("amended-meanwhile", message)
        .next(format!("comity agreement show {first} --history, and amend what is there then")))
}

/// Why no amendment with these terms can be proposed to the partner now.
fn against(
    state: &State,
    tree: &Tree,
    partner: EconomyId,
    terms: &Terms,
    understands: bool,
    now: Timestamp,
) -> Option<ServiceError> {
    if let Some(obstacle) = obstacle(state, &tree.heads, partner, terms, now) {
        let Obstacle { code, message, next } = obstacle;
        let show = || format!("comity agreement show {} --history", state.called(&tree.first));
        let next = next.unwrap_or_else(show);
        return Some(ServiceError::data(code, message).next(next));
    }
    // Neither could be accepted any more once both are open.
    let theirs = state.agreements().amending(&tree.heads).find(|(id, one)| {
        one.proposer == partner
            && one.text.amends() == tree.heads
            && !state.agreements().is_doubted(id)
    });
    if let Some((open, _)) = theirs {
        let (open, name) = (state.called(open), state.name_of(&partner));
        let message = format!(
            "{name} has proposed {open} in the place of the same text, and it awaits our acceptance"
        );
        return Some(ServiceError::data("proposed-already", message).next(format!(
            "comity agreement accept {open}; or turn it down, and amend then: comity agreement terminate {open}"
        )));
    }
    (!understands).then(|| not_understood(&state.name_of(&partner)))
}

/// What is said of a notice that is shorter than that of another text of the agreement: the longest counts.
pub(super) fn shorter_notice(
    state: &State,
    partner: EconomyId,
    text: &RecordId,
    terms: &Terms,
) -> Option<String> {
    let trees = state.agreements().with(partner);
    let longest = longest(state, &trees, text, state.agreements().get(text)?)?;
    (terms.notice_days().unwrap_or_default() < longest.notice_days()?).then(|| {
        format!(
            "its notice has no effect: the longest that any text of the agreement says counts, {}; for a shorter one, end the agreement and propose anew",
            notice(longest).unwrap_or_default()
        )
    })
}

/// The same of what is compared, where it is a text in the place of an agreement's; and why what is proposed could
/// not be accepted, where it alone is named.
pub(super) fn against_compared(
    state: &State,
    engine: &Engine,
    request: &DiffRequest,
    now: Timestamp,
) -> Option<DiffAgainst> {
    let told = |error: ServiceError| {
        let ServiceError { code, message, next, .. } = error;
        Some(DiffAgainst { code: code.to_owned(), message, next })
    };
    let (reference, text) = match (&request.before, &request.after) {
        (Some(DiffSide::Reference(reference)), DiffSide::Text(text)) => (reference, text),
        (None, DiffSide::Reference(proposed)) => {
            let (id, compact) = find(state, proposed).ok()?;
            let sound = compact.accepted.is_some() || compact.proposer == state.us();
            return acceptable(state, &id, now).err().filter(|_| !sound).and_then(told);
        }
        (
            Some(_) | None,
            DiffSide::Text(_) | DiffSide::Reference(_) | DiffSide::Level(_) | DiffSide::Resumed,
        ) => return None,
    };
    let (terms, (id, compact)) = (Terms::parse(text).ok()?, find(state, reference).ok()?);
    let (partner, tree) = (compact.partner, state.agreements().tree(&id)?);
    let understands = engine.takes_amendments(&partner);
    against(state, &tree, partner, &terms, understands, now).and_then(told)
}

fn not_agreed(state: &State, id: &RecordId) -> ServiceError {
    let reference = state.called(id);
    ServiceError::data("not-agreed", format!("{reference} is nothing that both have signed"))
        .next(format!("comity agreement show {reference}"))
}

fn not_understood(partner: &str) -> ServiceError {
    let message = format!(
        "the node of {partner} has not said that it understands amendments, and one that does not refuses them for good"
    );
    ServiceError::data("not-announced", message).next(format!(
        "it says so as the link comes up, if its version does: comity run, and comity partner show {partner}; without amendments: end the agreement, and propose anew"
    ))
}

/// Why a text cannot take the place of others, and what can be done.
pub(super) struct Obstacle {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) next: Option<String>,
}

/// What is against `terms` taking the place of these texts, if anything.
pub(super) fn obstacle(
    state: &State,
    amended: &[RecordId],
    partner: EconomyId,
    terms: &Terms,
    now: Timestamp,
) -> Option<Obstacle> {
    let against = |code, message, next| Some(Obstacle { code, message, next });
    let propose =
        || Some(format!("comity agreement propose FILE --to {}", state.name_of(&partner)));
    let trees = state.agreements().with(partner);
    let tree = amended.first().and_then(|one| trees.tree(one));
    if let Some(tree) = tree.filter(|_| amended.len() > AMENDED_TEXTS) {
        let first = state.called(&tree.first);
        let message = format!(
            "{first} is contested by {} texts, and one takes the place of {AMENDED_TEXTS} at most",
            amended.len()
        );
        let next = format!("end it, and propose anew: comity agreement terminate {first}");
        return against("too-many", message, Some(next));
    }
    if let (Some(tree), Some(head)) = (tree, tree.and_then(|tree| tree.heads.first())) {
        let reference = state.called(head);
        if let Some(end) = tree.ends {
            let ends = if end <= now { "ended" } else { "was terminated, and ends" };
            return against("has-ended", format!("{reference} {ends} at {end}"), propose());
        }
        if let Some(doubt) = in_doubt(state, &trees, head, now) {
            return against("in-doubt", doubt.why, Some(doubt.next));
        }
        let signed = trees.agreements().iter().find(|one| one.id() == *head);
        let end = signed.filter(|_| !tree.contested).and_then(Agreement::until);
        let begins = terms.starts().max(now);
        if let Some(end) = end.filter(|end| *end <= now) {
            return against("has-ended", format!("{reference} ended at {end}"), propose());
        }
        if let Some(end) = end.filter(|end| *end < begins) {
            let last = last_day(end);
            let message = format!(
                "it would begin at {begins}, and the last day of {reference} is {last}: nothing would be in force between the two"
            );
            let next = format!("let it start on the day after {last} at the latest");
            return against("gap", message, Some(next));
        }
    }
    if terms.ends().is_some_and(|end| end <= now) {
        return against("has-ended", "its last day is over".to_owned(), None);
    }
    let open = state.agreements().amending(amended).find(|(_, one)| one.proposer == state.us());
    if let Some((open, _)) = open {
        let open = state.called(open);
        let message = format!(
            "our own proposal {open} would take the place of the same text, and it is not answered"
        );
        let next = format!("comity agreement terminate {open}, which takes it back");
        return against("proposed-already", message, Some(next));
    }
    let refused = state.may_replace(amended, partner).err()?;
    against("not-in-force", refused, None)
}

/// Whether nothing of an agreement permits or binds any more, or somebody has ended it already.
pub(super) fn is_over(trees: &Trees, id: &RecordId, now: Timestamp) -> bool {
    let Some(tree) = trees.tree(id) else { return false };
    let texts = || trees.agreements().iter().filter(|one| belongs(tree, &one.id()));
    let over = |one: &Agreement| one.bound_until().is_some_and(|until| until <= now);
    tree.ends.is_some_and(|end| end <= now) || (texts().next().is_some() && texts().all(over))
}

fn belongs(tree: &Tree, id: &RecordId) -> bool {
    tree.texts.contains(id) || tree.astray.contains(id)
}

/// Every text of the agreement, from the first to the last, word for word. None, where there is only one.
pub(super) fn versions(
    state: &State,
    trees: &Trees,
    id: &RecordId,
    now: Timestamp,
) -> Vec<AgreementLine> {
    let all = trees.tree(id).into_iter().flat_map(|tree| tree.texts.iter().chain(&tree.astray));
    let all = all.filter_map(|id| Some((id, state.agreements().get(id)?)));
    let lines: Vec<_> = all.map(|one| line(state, trees, one, now, true)).collect();
    if lines.len() > 1 { lines } else { Vec::new() }
}

/// How the texts of an agreement stand together, where there are several.
pub(super) fn texts_of(
    state: &State,
    trees: &Trees,
    id: &RecordId,
    now: Timestamp,
) -> Option<AgreementTexts> {
    let tree = trees.tree(id).filter(|tree| tree.texts.len() + tree.astray.len() > 1)?;
    let partner = state.agreements().get(id)?.partner;
    let still = Still::of(partner, trees, tree, &BTreeSet::new(), now);
    let (why, next) = still.as_ref().map(|still| contested::why_still(state, still)).unzip();
    let texts = trees.agreements().iter().filter(|one| belongs(tree, &one.id()));
    let bound: Option<Vec<Timestamp>> = texts.map(Agreement::bound_until).collect();
    Some(AgreementTexts {
        first: state.called(&tree.first),
        last: tree.heads.iter().map(|head| state.called(head)).collect(),
        contested: still.is_some_and(|still| still.why() == Standstill::Contested),
        why,
        next,
        ends: tree.ends.map(|end| end.to_string()),
        bound_until: bound.and_then(|all| all.into_iter().max()).map(|until| until.to_string()),
    })
}

/// What people are told of a text that both signed, or could sign, and that applies no more or never did.
pub(super) fn aside(
    state: &State,
    trees: &Trees,
    (id, compact): (&RecordId, &Compact),
    now: Timestamp,
) -> Option<&'static str> {
    let ended = trees.tree(id).and_then(|tree| tree.ends).is_some_and(|end| end <= now);
    match trees.place(id) {
        Some(Place::Contested) => Some(if ended { "ended" } else { "contested" }),
        Some(Place::Astray) => Some("without effect"),
        Some(Place::Stands) => {
            let signed = trees.agreements().iter().find(|one| one.id() == *id);
            let replaced = signed.and_then(Agreement::replaced);
            replaced.filter(|replaced| replaced.at <= now).map(|_| "amended")
        }
        None if compact.terminated().is_some() || compact.text.amends().is_empty() => None,
        None => {
            let amends = compact.text.amends();
            let tree = amends.first().and_then(|one| trees.tree(one));
            let fits = tree.is_some_and(|tree| tree.heads == amends && tree.ends.is_none());
            (!fits).then_some("overtaken")
        }
    }
    .filter(|_| state.agreements().get(id).is_some())
}

/// Proposals of ours that wait for an answer, and would take the place of a text of the same agreement.
pub(super) fn open_amendments(state: &State, trees: &Trees, id: &RecordId) -> Vec<String> {
    let Some(tree) = trees.tree(id) else { return Vec::new() };
    let open = state.agreements().amending(&tree.texts);
    let ours = open.filter(|(_, one)| one.proposer == state.us());
    ours.map(|(id, _)| state.called(id)).collect()
}

/// The references of the texts that one amends, and of the one that takes its place.
pub(super) fn beside(
    state: &State,
    trees: &Trees,
    (id, compact): (&RecordId, &Compact),
) -> (Vec<String>, Option<String>) {
    let signed = trees.agreements().iter().find(|one| one.id() == *id);
    let replaced = signed.and_then(Agreement::replaced);
    let amends = compact.text.amends().iter().map(|amended| state.called(amended)).collect();
    (amends, replaced.map(|replaced| state.called(&replaced.by)))
}
