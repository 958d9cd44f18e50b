//! Why a partner may, or may not, have each part: every gate, its clause, and what would change it.

use comity_core::policy::{self, Decision, PolicySnapshot, Recipient, TrustLevel, Verdict};
use comity_core::{EconomyId, Timestamp};

use super::records::found;
use super::{Service, find_partner, words};
use crate::api::{Explained, ExplainedGate, ExplainedPart, ExplainedPartner};
use crate::error::ServiceError;
use crate::shell_word::word;
use crate::state::{Held, State};

impl Service {
    /// Every gate for each part of a record, for one partner or all.
    pub async fn explain(&self, record: &str, to: Option<&str>) -> Result<Explained, ServiceError> {
        let (record, to, now) = (record.to_owned(), to.map(str::to_owned), self.now());
        self.look(move |state, _, _| {
            let (id, held) = found(state, &record)?;
            let partners = match to {
                Some(to) => vec![find_partner(state, &to)?],
                None => {
                    let paired = state.partners().filter(|(_, partner)| partner.is_paired());
                    paired.map(|(economy, _)| *economy).collect()
                }
            };
            Ok(Explained {
                record: words::record_line(state, &id, held, now),
                partners: partners.iter().map(|one| explained(state, held, one, now)).collect(),
                policy: state.policy().version(),
            })
        })
        .await?
    }
}

fn explained(state: &State, held: &Held, partner: &EconomyId, now: Timestamp) -> ExplainedPartner {
    let snapshot = state.policy();
    let plan = state.plan(held, partner, now);
    let one = |part: String, section: String, tlp: String, decision: &Decision| {
        let (outcome, until) = words::outcome(decision);
        ExplainedPart {
            would_change: would_change(state, held, partner, &part, decision, now),
            part,
            section,
            tlp,
            outcome: outcome.to_owned(),
            until: until.map(|until| until.to_string()),
            gates: gates(snapshot, decision),
        }
    };
    let mut parts: Vec<_> = plan
        .parts()
        .iter()
        .map(|planned| {
            let label = held.parts.iter().find(|part| part.digest == planned.digest);
            let label = label.map_or(held.facts.floor.tlp, |part| part.marking.tlp);
            let section = planned.section.to_string();
            one(planned.digest.to_string(), section, label.to_string(), &planned.decision)
        })
        .collect();
    if let Some(decision) = plan.control() {
        let (kind, label) = (held.facts.kind.to_string(), held.facts.floor.tlp.to_string());
        parts.push(one("manifest".to_owned(), kind, label, decision));
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

/// Single changes that would turn the answer, found by deciding again with each of them made.
fn would_change(
    state: &State,
    held: &Held,
    economy: &EconomyId,
    part: &str,
    decision: &Decision,
    now: Timestamp,
) -> Vec<String> {
    if decision.is_release() {
        return Vec::new();
    }
    let goes = |snapshot: &PolicySnapshot, at: Timestamp| {
        let facts = state.facts_for(held, economy);
        let plan = policy::plan(snapshot, &facts, &held.parts, &Recipient::partner(*economy), at);
        let planned = plan.parts().iter().find(|one| one.digest.to_string() == part);
        planned.map_or(plan.goes(), |planned| planned.decision.is_release())
    };
    let mut changes = Vec::new();
    if let (_, Some(until)) = words::outcome(decision)
        && goes(state.policy(), until)
    {
        changes.push(format!("the time: at {until} it goes"));
    }
    let Some(partner) = state.policy().partner(economy) else { return changes };
    let name = state.name_of(economy);
    let typed = word(&name);
    let higher = TrustLevel::ALL.into_iter().filter(|level| *level > partner.trust);
    let raised = higher.into_iter().find(|level| {
        let with = partner.clone().at(*level);
        goes(&state.policy().to_builder().partner(*economy, with).build(), now)
    });
    if let Some(level) = raised {
        let number = level.number();
        changes.push(format!(
            "our trust: raise {name} to level {number} ({level}): comity partner level {typed} {number}"
        ));
    }
    if partner.standing == policy::Standing::Suspended {
        let with = partner.clone().standing(policy::Standing::Paired);
        if goes(&state.policy().to_builder().partner(*economy, with).build(), now) {
            changes.push(format!("the suspension: comity partner resume {typed}"));
        }
    }
    changes
}
