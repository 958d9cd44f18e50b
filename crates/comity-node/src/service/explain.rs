//! Why a partner may, or may not, have each part: every gate, its clause, and what would change it.

use std::sync::Arc;

use comity_core::policy::{self, Change, Decision, PolicySnapshot, Source, Turning, Verdict};
use comity_core::{EconomyId, PartDigest, Timestamp};

use super::records::found;
use super::{Service, find_partner, words};
use crate::api::{
    ExplainRequest, Explained, ExplainedChange, ExplainedGate, ExplainedPart, ExplainedPartner,
};
use crate::error::{ErrorKind, ServiceError};
use crate::node::fold_until;
use crate::shell_word::word;
use crate::state::{Held, State};

impl Service {
    /// Every gate for each part of a record, for one partner or all; now, or as it was decided at an
    /// instant of the past.
    pub async fn explain(&self, question: ExplainRequest) -> Result<Explained, ServiceError> {
        let now = self.now();
        let Some(at) = question.at.as_deref().map(words::instant).transpose()? else {
            return self.look(move |state, _, _| answer(state, &question, now)).await?;
        };
        let at = at.through_its_second().min(now.max(at));
        if at > now {
            let message = format!("{at} is still to come: nobody knows what will be known then");
            return Err(ServiceError::new(ErrorKind::Usage, "not-yet", message)
                .next("ask without --at: what is held for a time says so"));
        }
        let store = Arc::clone(&self.parts.store);
        let past = tokio::task::spawn_blocking(move || {
            let state = fold_until(&*store, at)?.ok_or_else(|| {
                let message = format!("at {at} there was no node here yet");
                ServiceError::no_input("before-founding", message)
            })?;
            answer(&state, &question, at)
        });
        past.await.unwrap_or_else(|error| {
            Err(ServiceError::new(ErrorKind::Io, "explain", error.to_string()))
        })
    }
}

fn answer(
    state: &State,
    question: &ExplainRequest,
    now: Timestamp,
) -> Result<Explained, ServiceError> {
    let (id, held) = found(state, &question.record)?;
    let partners = match &question.to {
        Some(to) => vec![find_partner(state, to)?],
        None => {
            let paired = state.partners().filter(|(_, partner)| partner.is_paired());
            paired.map(|(economy, _)| *economy).collect()
        }
    };
    let many = held.parts.len();
    if let Some(part) = question.part.filter(|part| !(1..=many).contains(part)) {
        let message = format!("there is no part {part}: {many} of the record are here");
        return Err(ServiceError::no_input("no-part", message)
            .next(format!("comity explain {}", word(&question.record))));
    }
    let explained = |economy: &EconomyId| explained(state, held, economy, question.part, now);
    Ok(Explained {
        record: words::record_line(state, &id, held, now),
        partners: partners.iter().map(explained).collect(),
        policy: state.policy().version(),
        at: question.at.is_some().then(|| now.to_string()),
    })
}

fn explained(
    state: &State,
    held: &Held,
    partner: &EconomyId,
    only: Option<usize>,
    now: Timestamp,
) -> ExplainedPartner {
    let snapshot = state.policy();
    let plan = state.plan(held, partner, now);
    let asked = Asked { state, held, partner, now };
    let mut parts: Vec<_> = (1..)
        .zip(plan.parts())
        .filter(|(number, _)| only.is_none_or(|only| only == *number))
        .map(|(number, planned)| {
            let facts = held.parts.iter().find(|part| part.digest == planned.digest);
            let label = facts.map_or(held.facts.floor.tlp, |part| part.marking.tlp);
            ExplainedPart {
                number,
                section: planned.section.to_string(),
                destination: facts
                    .and_then(|part| part.destination)
                    .map(|economy| state.name_of(&economy)),
                tlp: label.to_string(),
                ..asked.part(Some(planned.digest), &planned.decision)
            }
        })
        .collect();
    if let Some(decision) = plan.control() {
        parts.push(ExplainedPart {
            number: 1,
            section: held.facts.kind.to_string(),
            tlp: held.facts.floor.tlp.to_string(),
            ..asked.part(None, decision)
        });
    }
    let covering = plan.parts().iter().find_map(|part| part.decision.covering());
    let out = state.partner(partner).map(|partner| &partner.out);
    ExplainedPartner {
        partner: state.name_of(partner),
        goes: plan.goes(),
        covered_by: covering
            .and_then(|id| snapshot.agreement(&id))
            .map(|agreement| agreement.terms().title().to_owned()),
        sent: out.is_some_and(|out| out.possibly_held(&held.facts.id).is_some()),
        parts,
    }
}

/// One record and one partner, at one moment.
struct Asked<'a> {
    state: &'a State,
    held: &'a Held,
    partner: &'a EconomyId,
    now: Timestamp,
}

impl Asked<'_> {
    /// What was decided about one part, or about a control record, without what it is.
    fn part(&self, digest: Option<PartDigest>, decision: &Decision) -> ExplainedPart {
        let snapshot = self.state.policy();
        let (outcome, until) = words::outcome(decision);
        let turning = self.turning(digest, decision);
        let fixed = turning.fixed.iter().map(|one| policy::said(snapshot, one)).collect();
        ExplainedPart {
            number: 0,
            part: digest.map_or_else(|| "manifest".to_owned(), |digest| digest.to_string()),
            section: String::new(),
            destination: None,
            tlp: String::new(),
            outcome: outcome.to_owned(),
            until: until.map(|until| until.to_string()),
            reason: policy::reason(snapshot, decision),
            gates: gates(snapshot, decision),
            would_change: self.ways(&turning),
            fixed,
        }
    }

    fn turning(&self, digest: Option<PartDigest>, decision: &Decision) -> Turning {
        if decision.is_release() {
            return Turning::default();
        }
        let facts = self.state.facts_for(self.held, self.partner);
        let (snapshot, parts) = (self.state.policy(), &self.held.parts);
        policy::turning(snapshot, &facts, parts, digest, *self.partner, self.now)
    }

    fn ways(&self, turning: &Turning) -> Vec<Vec<ExplainedChange>> {
        let own = self.held.facts.source == Source::Own;
        let change = |change: &Change| ExplainedChange {
            what: format!("{}{}", change.sentence(self.state.policy(), own), self.with(change)),
            command: self.command(change),
        };
        turning.ways.iter().map(|way| way.iter().map(change).collect()).collect()
    }

    /// With whom an agreement is, that somebody else brought it under.
    fn with(&self, change: &Change) -> String {
        let Change::Amend { agreement, .. } = change else { return String::new() };
        let mut others = self.state.policy().partners().filter(|(one, _)| *one != self.partner);
        let with =
            others.find(|(_, known)| known.agreements.iter().any(|one| one.id() == *agreement));
        with.map_or_else(String::new, |(other, _)| format!(" (with {})", self.state.name_of(other)))
    }

    /// What an operator types for it. What others have to do has no command here.
    fn command(&self, change: &Change) -> Option<String> {
        let partner = self.state.name_of(self.partner);
        let partner = word(&partner);
        let record = &self.held.reference;
        match change {
            Change::Raise(level) => {
                Some(format!("comity partner level {partner} {}", level.number()))
            }
            Change::Resume => Some(format!("comity partner resume {partner}")),
            Change::Accept => Some(format!("comity quarantine release {}", word(record))),
            Change::Sign(tier) => {
                Some(format!("comity agreement propose {}.toml --to {partner}", tier.name()))
            }
            Change::Wait(_)
            | Change::Mark
            | Change::LetPass
            | Change::Address(_)
            | Change::Consent
            | Change::Amend { .. } => None,
        }
    }
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
        })
        .collect()
}
