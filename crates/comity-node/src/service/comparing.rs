//! `agreement diff`: what two agreements differ in, and what that would do to what is here. The same for a
//! trust level before it is set.
//!
//! The same decision is asked under two policies, about every record, a handful between two steps of the
//! engine, so that a node with a million records goes on meanwhile. Nothing is changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity_core::agreement::{Field, Terms, differences};
use comity_core::policy::{
    Agreement, Comparison, PartFacts, Partner, PolicySnapshot, Recipient, Shift, Standing, Text,
    TrustLevel,
};
use comity_core::{EconomyId, PartDigest, RecordId, Timestamp};

use super::agreements::find;
use super::amending::{against_compared, shorter_notice};
use super::{Service, find_partner, words};
use crate::api::{
    AgreementDiff, DiffCount, DiffEffect, DiffExample, DiffLine, DiffRequest, DiffSide, DiffedSide,
    TermsDifference,
};
use crate::error::ServiceError;
use crate::limits::COMPARED_AT_ONCE;
use crate::state::{Held, State};

/// Agreements that are only written down yet.
const WRITTEN_BEFORE: RecordId = RecordId([0xfe; 32]);
const WRITTEN_AFTER: RecordId = RecordId([0xff; 32]);

/// A comparison on its way through the records.
pub struct Comparing {
    service: Service,
    /// `None`: it is done.
    work: Option<Work>,
}

struct Work {
    comparison: Comparison,
    partner: EconomyId,
    at: Timestamp,
    examples: usize,
    /// The place from which the next records are taken, the newest first.
    from: Option<u64>,
    done: u64,
    tallies: BTreeMap<EconomyId, Tally>,
    answer: AgreementDiff,
}

#[derive(Default)]
struct Tally {
    begins: DiffCount,
    stops: DiffCount,
}

impl Service {
    /// Begins to compare two agreements over everything that is here.
    pub async fn compare(&self, request: DiffRequest) -> Result<Comparing, ServiceError> {
        let now = self.now();
        let work = self.look(move |state, engine, _| {
            let mut work = Work::begin(state, &request, now)?;
            work.answer.against = against_compared(state, engine, &request, now);
            Ok::<_, ServiceError>(work)
        });
        let work = work.await??;
        Ok(Comparing { service: self.clone(), work: Some(work) })
    }
}

impl Comparing {
    /// The next line of the answer. `None`: it has been given.
    pub async fn next(&mut self) -> Result<Option<DiffLine>, ServiceError> {
        let Some(mut work) = self.work.take() else { return Ok(None) };
        let step = self.service.look(move |state, _, _| {
            let more = work.go_on(state);
            let total = u64::try_from(state.records().len()).unwrap_or(u64::MAX);
            if more {
                let done = work.done;
                (Some(work), DiffLine::Progress { done, total })
            } else {
                (None, DiffLine::Done(Box::new(work.finish(state))))
            }
        });
        let (work, line) = step.await?;
        self.work = work;
        Ok(Some(line))
    }
}

/// One of the two, as the decision reads it.
struct Side {
    agreement: Agreement,
    partner: Option<EconomyId>,
    /// What it is proposed in the place of.
    amends: Vec<RecordId>,
    named: DiffedSide,
}

impl Side {
    fn read(state: &State, side: &DiffSide, written: RecordId) -> Result<Self, ServiceError> {
        match side {
            DiffSide::Text(text) => {
                let terms = Terms::parse(text)
                    .map_err(|error| ServiceError::data("agreement", error.to_string()))?;
                let named = named(&terms, None);
                let agreement = Agreement::new(written, Arc::new(terms), Timestamp::EPOCH);
                Ok(Self { agreement, partner: None, amends: Vec::new(), named })
            }
            DiffSide::Level(_) | DiffSide::Resumed => Err(alone()),
            DiffSide::Reference(reference) => {
                let (id, _) = find(state, reference)?;
                Self::here(state, id).ok_or_else(|| {
                    let message = "this version cannot read its text";
                    ServiceError::data("agreement", format!("`{reference}`: {message}"))
                })
            }
        }
    }

    /// As it is signed, or as it would be if it were accepted.
    fn here(state: &State, id: RecordId) -> Option<Self> {
        let compact = state.agreements().get(&id)?;
        let terms = compact.terms()?.clone();
        let reference = state.record(&id).map(|held| held.reference.clone());
        let named = named(&terms, reference);
        let agreement = match state.policy().agreement(&id) {
            // It would be signed anew.
            Some(signed) if !signed.is_in_doubt(signed.from()) => signed.clone().alone(),
            Some(_) | None => Agreement::new(id, terms, Timestamp::EPOCH),
        };
        let amends = compact.text.amends().to_vec();
        Some(Self { agreement, partner: Some(compact.partner), amends, named })
    }
}

fn named(terms: &Terms, reference: Option<String>) -> DiffedSide {
    let (title, tier) = (terms.title().to_owned(), terms.tier().to_string());
    DiffedSide { reference, title, tier }
}

/// How a partner would stand is compared with how it does, and with nothing else.
fn alone() -> ServiceError {
    ServiceError::usage(
        "diff",
        "a level, or taking up again, is compared with how a partner stands",
    )
    .next("give `after` and `with` only")
}

impl Work {
    fn begin(state: &State, request: &DiffRequest, now: Timestamp) -> Result<Self, ServiceError> {
        match request.after {
            DiffSide::Level(level) => {
                let level = TrustLevel::from_number(level).ok_or_else(|| {
                    let message = format!("{level} is not a trust level");
                    ServiceError::usage("level", message).next("0 to 4")
                })?;
                let title = format!("level {}", level.number());
                return Self::as_partner(state, request, title, now, |one| one.at(level));
            }
            DiffSide::Resumed => {
                let resumed = |one: Partner| one.standing(Standing::Paired);
                return Self::as_partner(state, request, "resumed".to_owned(), now, resumed);
            }
            DiffSide::Text(_) | DiffSide::Reference(_) => {}
        }
        let after = Side::read(state, &request.after, WRITTEN_AFTER)?;
        let before = request.before.as_ref();
        let before = before.map(|side| Side::read(state, side, WRITTEN_BEFORE)).transpose()?;
        if request.besides && before.is_some() {
            let message = "what holds beside everything else replaces nothing";
            return Err(ServiceError::usage("diff", message).next("name one agreement only"));
        }
        let partner = partner(state, request, before.as_ref(), &after)?;
        let signed = state.policy().partner(&partner).cloned().unwrap_or_default();
        let at = now.max(after.agreement.from());
        let amended = amended(state, before.as_ref(), &after, now).filter(|_| !request.besides);
        let shorter = amended.as_ref().and_then(|(texts, _)| {
            shorter_notice(state, partner, texts.first()?, after.agreement.terms())
        });
        let (before, (old, new)) = if let Some((texts, held)) = amended {
            let policies = amending(state, partner, &signed, &texts, &after, now);
            (held.and_then(|held| Side::here(state, held)), policies)
        } else {
            let before = match before {
                None if !request.besides => replaced(state, &signed, &after, at)?,
                before => before,
            };
            let policies = policies(state.policy(), partner, &signed, before.as_ref(), &after);
            (before, policies)
        };
        let terms = before.as_ref().map_or_else(Vec::new, |before| {
            differences(before.agreement.terms(), after.agreement.terms())
        });
        let mut terms: Vec<_> = terms.into_iter().map(line).collect();
        let notice = Field::Notice.name();
        for one in terms.iter_mut().filter(|one| one.field == notice && shorter.is_some()) {
            "none".clone_into(&mut one.effect);
        }
        let answer = AgreementDiff {
            with: Some(state.name_of(&partner)),
            level: Some(signed.trust.to_string()),
            before: before.map(|before| before.named),
            after: after.named,
            at: Some(at.to_string()),
            terms,
            without_effect: shorter,
            ..AgreementDiff::default()
        };
        Ok(Self::over(Comparison::new(old, new), (partner, at), request.examples, answer))
    }

    /// What it would do if a partner stood otherwise, whatever is agreed.
    fn as_partner(
        state: &State,
        request: &DiffRequest,
        title: String,
        now: Timestamp,
        otherwise: impl FnOnce(Partner) -> Partner,
    ) -> Result<Self, ServiceError> {
        let (None, false, Some(with)) = (&request.before, request.besides, &request.with) else {
            return Err(alone());
        };
        let partner = find_partner(state, with)?;
        let policy = state.policy();
        let signed = policy.partner(&partner).cloned().unwrap_or_default();
        let answer = AgreementDiff {
            with: Some(state.name_of(&partner)),
            level: Some(signed.trust.to_string()),
            after: DiffedSide { title, ..DiffedSide::default() },
            at: Some(now.to_string()),
            ..AgreementDiff::default()
        };
        let new = policy.to_builder().partner(partner, otherwise(signed)).build();
        let comparison = Comparison::new(policy.clone(), new);
        Ok(Self::over(comparison, (partner, now), request.examples, answer))
    }

    fn over(
        comparison: Comparison,
        (partner, at): (EconomyId, Timestamp),
        examples: usize,
        answer: AgreementDiff,
    ) -> Self {
        let tallies = BTreeMap::new();
        Self { comparison, partner, at, examples, from: None, done: 0, tallies, answer }
    }

    /// Looks at some more; whether there are more still.
    fn go_on(&mut self, state: &State) -> bool {
        let mut weighed = 0_usize;
        for (place, id) in state.arrivals_before(self.from) {
            if weighed >= COMPARED_AT_ONCE {
                return true;
            }
            weighed = weighed.saturating_add(1);
            if let Some(held) = state.record(&id)
                && !held.facts.kind.is_control()
            {
                self.answer.records = self.answer.records.saturating_add(1);
                let recipients = self.weigh(state, &id, held);
                weighed = weighed.saturating_add(recipients.saturating_mul(held.parts.len()));
            }
            self.done = self.done.saturating_add(1);
            self.from = Some(place);
        }
        false
    }

    /// What is agreed with a partner decides what goes there, and what may become of what it gave. How
    /// many that may concern.
    fn weigh(&mut self, state: &State, id: &RecordId, held: &Held) -> usize {
        self.ask(state, id, held, self.partner);
        if !held.came_from(&self.partner) && !from(&held.parts, self.partner) {
            return 1;
        }
        let others = state.partners().filter(|(_, partner)| partner.is_paired());
        let others: Vec<EconomyId> = others.map(|(economy, _)| *economy).collect();
        let recipients = others.len().max(1);
        for other in others {
            if other != self.partner {
                self.ask(state, id, held, other);
            }
        }
        recipients
    }

    fn ask(&mut self, state: &State, id: &RecordId, held: &Held, to: EconomyId) {
        let recipient = Recipient::partner(to);
        // What was not looked at yet is looked at before it goes, whatever is agreed.
        let parts = state.as_if_clear(held);
        let shift = self.comparison.shift(&held.facts, &parts, &recipient, self.at);
        let Some(Shift { begins, stops }) = shift else { return };
        let sent = state.partner(&to).is_some_and(|one| one.out.possibly_held(id).is_some());
        let tally = self.tallies.entry(to).or_default();
        let title = || words::title(state, held, self.at);
        count(&mut tally.begins, (held, &title), &begins, sent, self.examples);
        count(&mut tally.stops, (held, &title), &stops, sent, self.examples);
    }

    fn finish(self, state: &State) -> AgreementDiff {
        let effects = self.tallies.into_iter().map(|(economy, tally)| DiffEffect {
            partner: state.name_of(&economy),
            begins: tally.begins,
            stops: tally.stops,
        });
        AgreementDiff { effects: effects.collect(), ..self.answer }
    }
}

/// With whom. Two agreements with two partners cannot replace each other.
fn partner(
    state: &State,
    request: &DiffRequest,
    before: Option<&Side>,
    after: &Side,
) -> Result<EconomyId, ServiceError> {
    let named = request.with.as_deref().map(|name| find_partner(state, name)).transpose()?;
    let mut all =
        [named, before.and_then(|side| side.partner), after.partner].into_iter().flatten();
    let Some(one) = all.next() else {
        let message = "neither of the two is an agreement that is here, so it is open with whom";
        return Err(ServiceError::usage("partner", message).next("name the partner: --with NAME"));
    };
    match all.find(|other| *other != one) {
        None => Ok(one),
        Some(other) => {
            let message = format!(
                "one is with {}, the other with {}",
                state.name_of(&one),
                state.name_of(&other)
            );
            Err(ServiceError::usage("partner", message).next("comity agreement list"))
        }
    }
}

/// What is in force and would be replaced: the only one, or the only one of that tier.
fn replaced(
    state: &State,
    signed: &Partner,
    after: &Side,
    at: Timestamp,
) -> Result<Option<Side>, ServiceError> {
    let in_force = |one: &&Agreement| one.in_force(at) && one.id() != after.agreement.id();
    let all: Vec<RecordId> = signed.agreements.iter().filter(in_force).map(Agreement::id).collect();
    let tier = after.agreement.terms().tier();
    let alike = signed.agreements.iter().filter(in_force).filter(|one| one.terms().tier() == tier);
    let alike: Vec<RecordId> = alike.map(Agreement::id).collect();
    match (&all[..], &alike[..]) {
        ([], _) => Ok(None),
        ([one], _) | (_, [one]) => Ok(Side::here(state, *one)),
        (all, _) => {
            let names = all.iter().filter_map(|id| state.record(id));
            let names: Vec<_> = names.map(|held| held.reference.clone()).collect();
            let message = format!(
                "several agreements are in force with that partner ({}), and it is open which would be replaced",
                names.join(", ")
            );
            let next = "comity agreement diff REFERENCE FILE; or --besides, if it replaces none";
            Err(ServiceError::usage("replaces", message).next(next))
        }
    }
}

/// The texts whose place it would take, where it amends what both have signed, and the one of them that
/// holds now, or else will.
fn amended(
    state: &State,
    before: Option<&Side>,
    after: &Side,
    now: Timestamp,
) -> Option<(Vec<RecordId>, Option<RecordId>)> {
    let agreements = state.agreements();
    let (tree, texts) = match (after.partner, before) {
        // What both have signed is compared as it stands.
        (Some(_), _) if agreements.tree(&after.agreement.id()).is_some() => return None,
        (Some(_), None) => (agreements.tree(after.amends.first()?)?, after.amends.clone()),
        (Some(_), Some(_)) => return None,
        (None, before) => {
            let tree = agreements.tree(&before?.agreement.id())?;
            let heads = tree.heads.clone();
            (tree, heads)
        }
    };
    let one = tree.texts.iter().find(|id| {
        let signed = state.policy().agreement(id);
        signed.is_some_and(|one| one.in_force(now))
    });
    let held = one.or(tree.heads.first()).copied();
    Some((texts, held))
}

/// What holds, and what would if both had signed it.
fn amending(
    state: &State,
    partner: EconomyId,
    signed: &Partner,
    texts: &[RecordId],
    after: &Side,
    now: Timestamp,
) -> (PolicySnapshot, PolicySnapshot) {
    let id = after.agreement.id();
    let terms = Arc::new(after.agreement.terms().clone());
    let mut text = Text::new(state.us(), partner, texts, Some(terms));
    text.accept(partner, id, now);
    let agreements = state.agreements().with_also(partner, id, &text).into_agreements();
    let amended = Partner { agreements, ..signed.clone() };
    let policy = state.policy();
    (policy.clone(), policy.to_builder().partner(partner, amended).build())
}

/// Two policies that differ in one agreement only.
fn policies(
    policy: &PolicySnapshot,
    partner: EconomyId,
    signed: &Partner,
    before: Option<&Side>,
    after: &Side,
) -> (PolicySnapshot, PolicySnapshot) {
    let both = [before.map(|side| side.agreement.id()), Some(after.agreement.id())];
    let mut base = signed.clone();
    base.agreements.retain(|one| !both.contains(&Some(one.id())));
    let with = |side: Option<&Side>| {
        let agreed = side.into_iter().map(|side| side.agreement.clone());
        let agreed = agreed.fold(base.clone(), Partner::with);
        policy.to_builder().partner(partner, agreed).build()
    };
    (with(before), with(Some(after)))
}

fn from(parts: &[PartFacts], partner: EconomyId) -> bool {
    parts.iter().flat_map(|part| &part.sources).any(|source| source.economy == partner)
}

/// `title`: what a record is called, which is decided only where it is an example.
fn count(
    count: &mut DiffCount,
    (held, title): (&Held, &dyn Fn() -> String),
    digests: &[PartDigest],
    sent: bool,
    examples: usize,
) {
    if digests.is_empty() {
        return;
    }
    let concerned = || held.parts.iter().filter(|part| digests.contains(&part.digest));
    count.records = count.records.saturating_add(1);
    count.sent = count.sent.saturating_add(u64::from(sent));
    for part in concerned() {
        count.parts = count.parts.saturating_add(1);
        let section = count.sections.entry(part.section.to_string()).or_default();
        *section = section.saturating_add(1);
    }
    if count.examples.len() < examples {
        let tlp = concerned().map(|part| part.marking.tlp).max().unwrap_or(held.facts.floor.tlp);
        let mut sections: Vec<String> = concerned().map(|part| part.section.to_string()).collect();
        sections.dedup();
        count.examples.push(DiffExample {
            reference: held.reference.clone(),
            title: title(),
            kind: held.facts.kind.to_string(),
            tlp: tlp.to_string(),
            sections,
        });
    }
}

/// A difference of terms as it is told.
#[must_use]
pub fn line(one: comity_core::agreement::Difference) -> TermsDifference {
    TermsDifference {
        field: one.field.to_owned(),
        before: one.before,
        after: one.after,
        effect: one.effect.name().to_owned(),
        clause: one.clause,
    }
}
