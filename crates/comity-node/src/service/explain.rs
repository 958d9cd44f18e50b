//! Why a partner may, or may not, have each part: every gate, its clause, and what would change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity_core::policy::{
    self, Change, Decision, PolicySnapshot, Recipient, RecordFacts, Source, Verdict,
};
use comity_core::{EconomyId, PartDigest, RecordId, Timestamp};

use super::records::found;
use super::{Service, find_partner, part_names, quarantine, words};
use crate::api::{
    CONSTITUENTS, ContestedLine, ExplainRequest, Explained, ExplainedChange, ExplainedGate,
    ExplainedPart, ExplainedPartner, PUBLIC,
};
use crate::contested;
use crate::engine::Certainly;
use crate::error::{ErrorKind, ServiceError};
use crate::node::fold_until;
use crate::shell_word::word;
use crate::state::{Held, State};

/// Parts for which sets of changes are searched at once; of others one is named.
const SEARCHED: usize = 32;

impl Service {
    /// Every gate for each part of a record, for one partner or all; now, or as it was decided at an
    /// instant of the past.
    pub async fn explain(&self, question: ExplainRequest) -> Result<Explained, ServiceError> {
        let now = self.now();
        let Some(at) = question.at.as_deref().map(words::instant).transpose()? else {
            self.examine_if_possible(&question.record).await;
            let (explained, search) = self
                .look(move |state, engine, _| {
                    answer(state, engine.certainly().as_ref(), &question, now)
                })
                .await??;
            // What would change it is tried out beside the node's own work.
            return apart(move || Ok(searched(explained, search))).await;
        };
        let at = at.through_its_second().min(now.max(at));
        if at > now {
            let message = format!("{at} is still to come: nobody knows what will be known then");
            return Err(ServiceError::new(ErrorKind::Usage, "not-yet", message)
                .next("ask without --at: what is held for a time says so"));
        }
        let _alone = self.parts.past.try_lock().map_err(|_held| {
            let message = "another question about the past is being answered";
            ServiceError::new(ErrorKind::TryLater, "past-asked", message).next("ask again after it")
        })?;
        // The lists are not in the journal: a part is held by those of now.
        self.examine_if_possible(&question.record).await;
        let record = question.record.clone();
        let findings = self.look(move |state, _, _| {
            found(state, &record).map(|(id, held)| state.findings(&id, held))
        });
        let findings = findings.await??;
        let store = Arc::clone(&self.parts.store);
        apart(move || {
            let mut state = fold_until(&*store, at)?.ok_or_else(|| {
                let message = format!("at {at} there was no node here yet");
                ServiceError::no_input("before-founding", message)
            })?;
            state.find_again(findings);
            let (explained, search) = answer(&state, None, &question, at)?;
            // What would have changed it then may do harm now.
            Ok(searched(explained, search.map(|search| Search { commands: false, ..search })))
        })
        .await
    }
}

/// Works it out on a thread of its own.
async fn apart(
    work: impl FnOnce() -> Result<Explained, ServiceError> + Send + 'static,
) -> Result<Explained, ServiceError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(ServiceError::new(ErrorKind::Io, "explain", error.to_string())))
}

fn searched(mut explained: Explained, search: Option<Search>) -> Explained {
    if let (Some(search), [partner]) = (search, &mut explained.partners[..]) {
        search.fill(&mut partner.parts);
    }
    explained
}

fn answer(
    state: &State,
    certainly: Option<&Certainly>,
    question: &ExplainRequest,
    now: Timestamp,
) -> Result<(Explained, Option<Search>), ServiceError> {
    let (id, held) = found(state, &question.record)?;
    // A partner who is called so goes before.
    let named = question.to.as_deref().filter(|to| state.find_partner(to).is_none());
    let exit = named.and_then(exit);
    let partners = match &question.to {
        Some(_) if exit.is_some() => Vec::new(),
        Some(to) => vec![find_partner(state, to)?],
        None => state.paired(),
    };
    let only = question.part.as_ref().map(|name| part_names::number(held, name)).transpose()?;
    let to_partner = |economy: &EconomyId| {
        let plan = state.plan(held, economy, now);
        let out = state.partner(economy).map(|partner| &partner.out);
        let mut explained = ExplainedPartner {
            partner: state.name_of(economy),
            sent: out.is_some_and(|out| out.possibly_held(&id).is_some()),
            consented_by: consents(state, held, *economy, &plan, now),
            ..explained(state, held, &plan, only)
        };
        if let Some(certainly) = certainly {
            let going = certainly.of(state, held, economy, &plan, now);
            wait_for_clock(&mut explained, &plan, &going);
        }
        explained
    };
    let to_exit = exit.map(|(name, recipient)| {
        let plan = policy::plan(state.policy(), &held.facts, &held.parts, &recipient, now);
        let partner = name.to_owned();
        ExplainedPartner { partner, ..explained(state, held, &plan, only) }
    });
    let explained = Explained {
        record: words::record_line(state, &id, held, now),
        partners: partners.iter().map(to_partner).chain(to_exit).collect(),
        policy: state.policy().version(),
        at: question.at.is_some().then(|| now.to_string()),
        unheeded: quarantine::unheeded(state, held).filter(|_| held.is_accepted()),
    };
    let search = match (&question.to, &partners[..]) {
        (Some(_), [partner]) => Some(Search::of(state, held, partner, now)),
        (Some(_) | None, _) => None,
    };
    Ok((explained, search))
}

/// Who is no partner and can be asked about.
pub(super) fn exit(to: &str) -> Option<(&'static str, Recipient)> {
    match to {
        "constituents" => Some((CONSTITUENTS, Recipient::Constituent { name: String::new() })),
        "public" => Some((PUBLIC, Recipient::Public)),
        _ => None,
    }
}

fn explained(
    state: &State,
    held: &Held,
    plan: &policy::Plan,
    only: Option<usize>,
) -> ExplainedPartner {
    let snapshot = state.policy();
    let mut parts: Vec<_> = (1..)
        .zip(plan.parts())
        .filter(|(number, _)| only.is_none_or(|only| only == *number))
        .map(|(number, planned)| {
            let facts = held.parts.iter().find(|part| part.digest == planned.digest);
            let label = facts.map_or(held.facts.floor.tlp, |part| part.marking.tlp);
            ExplainedPart {
                number,
                part: planned.digest.to_string(),
                section: planned.section.to_string(),
                destination: facts
                    .and_then(|part| part.destination)
                    .map(|economy| state.name_of(&economy)),
                tlp: label.to_string(),
                ..decided(snapshot, &planned.decision)
            }
        })
        .collect();
    if let Some(decision) = plan.control() {
        parts.push(ExplainedPart {
            number: 1,
            part: MANIFEST.to_owned(),
            section: held.facts.kind.to_string(),
            tlp: held.facts.floor.tlp.to_string(),
            ..decided(snapshot, decision)
        });
    }
    let covering = plan.covering();
    ExplainedPartner {
        partner: String::new(),
        goes: plan.goes(),
        covered_by: covering.and_then(|id| match snapshot.agreement(&id) {
            Some(agreement) => Some(agreement.terms().title().to_owned()),
            None => {
                let word = state.emergency(&id).and_then(|_| state.record(&id))?;
                Some(format!("the emergency release {}", word.reference))
            }
        }),
        consented_by: Vec::new(),
        sent: false,
        parts,
    }
}

/// What goes by the clock alone, of which nobody is sure, is held.
fn wait_for_clock(explained: &mut ExplainedPartner, plan: &policy::Plan, going: &policy::Plan) {
    explained.goes = going.goes();
    for part in &mut explained.parts {
        let digest = plan.parts().iter().map(|one| one.digest);
        let digest = digest.into_iter().find(|digest| digest.to_string() == part.part);
        if let Some(why) = Certainly::why_waits(plan, going, digest.as_ref()) {
            part.outcome = words::HOLD.to_owned();
            part.reason = Some(why.to_owned());
        }
    }
}

/// The references of the consents by which something goes to it.
fn consents(
    state: &State,
    held: &Held,
    partner: EconomyId,
    plan: &policy::Plan,
    now: Timestamp,
) -> Vec<String> {
    let behind = state.consents_behind(held, partner, plan, now).into_iter();
    let reference = |consent: RecordId| {
        let record = state.record(&consent);
        record.map_or_else(|| consent.short(), |record| record.reference.clone())
    };
    behind.map(reference).collect()
}

/// What stands for the only part of a control record.
const MANIFEST: &str = "manifest";

/// What was decided about something, without what it is.
fn decided(snapshot: &PolicySnapshot, decision: &Decision) -> ExplainedPart {
    let (outcome, until) = words::outcome(decision);
    ExplainedPart {
        number: 0,
        part: String::new(),
        section: String::new(),
        destination: None,
        tlp: String::new(),
        outcome: outcome.to_owned(),
        until: until.map(|until| until.to_string()),
        reason: policy::reason(snapshot, decision),
        gates: gates(snapshot, decision),
        would_change: Vec::new(),
        fixed: Vec::new(),
    }
}

/// All that is needed to find what would change the answer for one record and one partner, at one moment.
struct Search {
    snapshot: PolicySnapshot,
    facts: RecordFacts,
    parts: Vec<policy::PartFacts>,
    economy: EconomyId,
    partner: String,
    reference: String,
    /// With whom agreements are, where it is somebody else.
    others: BTreeMap<RecordId, String>,
    /// What agreements are called here.
    agreements: BTreeMap<RecordId, String>,
    /// Those with the partner under which nothing goes though they bind: these are mended before another is signed.
    still: Vec<ContestedLine>,
    /// Whether it is ours and no partner counts it, whatever is decided here.
    unheeded: bool,
    /// Whether the commands for it are named.
    commands: bool,
    now: Timestamp,
}

impl Search {
    fn of(state: &State, held: &Held, partner: &EconomyId, now: Timestamp) -> Self {
        let others = state.policy().partners().filter(|(one, _)| *one != partner);
        let others = others.flat_map(|(other, known)| {
            let name = state.name_of(other);
            known.agreements.iter().map(move |agreement| (agreement.id(), name.clone()))
        });
        let signed = state.policy().partners().flat_map(|(_, known)| &known.agreements);
        let called = |id: RecordId| Some((id, state.record(&id)?.reference.clone()));
        Self {
            agreements: signed.filter_map(|agreement| called(agreement.id())).collect(),
            still: contested::with(state, *partner, now),
            snapshot: state.policy().clone(),
            facts: state.facts_for(held, partner).into_owned(),
            parts: held.parts.clone(),
            economy: *partner,
            partner: state.name_of(partner),
            reference: held.reference.clone(),
            others: others.collect(),
            unheeded: state.unheeded(held).is_some(),
            commands: true,
            now,
        }
    }

    /// Finds it for the first parts that stay. Who asks about one part gets it for that one.
    fn fill(&self, parts: &mut [ExplainedPart]) {
        let staying = parts.iter_mut().filter(|part| part.outcome != "release");
        for part in staying.take(SEARCHED) {
            let digest: Option<PartDigest> = part.part.parse().ok();
            let number = digest.map(|_| part.number);
            if digest.is_none() && part.part != MANIFEST {
                continue;
            }
            let (snapshot, parts) = (&self.snapshot, &self.parts);
            let found =
                policy::turning(snapshot, &self.facts, parts, digest, self.economy, self.now);
            part.fixed = found.fixed.iter().map(|one| policy::said(snapshot, one)).collect();
            part.would_change = found
                .ways
                .iter()
                .map(|way| in_order(way).into_iter().map(|one| self.change(one, number)).collect())
                .collect();
        }
    }

    fn change(&self, change: &Change, part: Option<usize>) -> ExplainedChange {
        if let (Change::Sign(tier), Some(still)) = (change, self.still.first()) {
            let reference = &still.reference;
            return ExplainedChange {
                what: format!(
                    "have {reference} permit again, by a text of the tier {tier} that covers it"
                ),
                command: Some(still.next.clone()).filter(|_| self.commands),
            };
        }
        if self.unheeded && *change == Change::Accept {
            let what = "publish it again, signed with the key of now: no partner counts this one, whatever is decided here";
            let command = Some("comity publish FILE".to_owned()).filter(|_| self.commands);
            return ExplainedChange { what: what.to_owned(), command };
        }
        let what = change.sentence(&self.snapshot, self.facts.source == Source::Own);
        let with = match change {
            Change::Amend { agreement, .. } => self.others.get(agreement),
            Change::Wait(_)
            | Change::Mark
            | Change::Accept
            | Change::LetPass
            | Change::Approve
            | Change::Resume
            | Change::Raise(_)
            | Change::Address(_)
            | Change::Consent
            | Change::Sign(_) => None,
        };
        ExplainedChange {
            what: with.map_or(what.clone(), |other| format!("{what} (with {other})")),
            command: self.command(change, part).filter(|_| self.commands),
        }
    }

    /// What an operator types for it. What others have to do has no command here.
    fn command(&self, change: &Change, part: Option<usize>) -> Option<String> {
        let (partner, record) = (word(&self.partner), word(&self.reference));
        match change {
            Change::Raise(level) => {
                Some(format!("comity partner level {partner} {}", level.number()))
            }
            Change::Approve => Some(format!("comity approve {record}")),
            Change::Resume => Some(format!("comity partner resume {partner}")),
            Change::Accept => Some(format!("comity quarantine release {record} --reason TEXT")),
            Change::Sign(tier) => {
                Some(format!("comity agreement propose {}.toml --to {partner}", tier.name()))
            }
            Change::Consent => {
                Some(format!("comity consent ask {record} --for {partner} --why TEXT"))
            }
            Change::LetPass => {
                let part = part.map(|part| part.to_string()).unwrap_or_else(|| "N".to_owned());
                Some(format!("comity guard release {record} --part {part} --reason TEXT"))
            }
            Change::Amend { agreement, .. } => {
                let reference = self.agreements.get(agreement)?;
                Some(format!("comity agreement amend {reference} FILE"))
            }
            Change::Wait(_) | Change::Mark | Change::Address(_) => None,
        }
    }
}

/// As somebody does them: no consent is asked for that would open nothing before the rest is done.
fn in_order(way: &[Change]) -> Vec<&Change> {
    let mut changes: Vec<&Change> = way.iter().collect();
    changes.sort_by_key(|change| matches!(change, Change::Consent));
    changes
}

fn gates(snapshot: &PolicySnapshot, decision: &Decision) -> Vec<ExplainedGate> {
    policy::explain(snapshot, decision)
        .into_iter()
        .map(|said| ExplainedGate {
            gate: said.gate.to_string(),
            verdict: match said.verdict {
                Verdict::Pass => "pass".to_owned(),
                Verdict::Deny => "deny".to_owned(),
                Verdict::Hold(_) => "hold".to_owned(),
            },
            sentence: said.sentence,
            clause: said.cites,
            passed: said.passed,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use comity_core::agreement::Tier;

    use super::*;

    #[test]
    fn a_consent_is_asked_for_after_everything_that_it_hangs_on() {
        let way = [Change::Consent, Change::Sign(Tier::Mou), Change::Resume];
        assert_eq!(in_order(&way), [&Change::Sign(Tier::Mou), &Change::Resume, &Change::Consent]);
    }
}
