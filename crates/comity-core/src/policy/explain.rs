//! The decision in sentences, each with the article that it rests on.

use super::decision::{Citation, Decision, Gate, Judgement, Outcome, Verdict};
use super::fact::Fact;
use super::snapshot::PolicySnapshot;

/// What one gate said, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The gate.
    pub gate: Gate,
    /// What it says.
    pub verdict: Verdict,
    /// Why: `MoU art. 4.2: indicators not covered: summary, mitigation, sightings only`.
    pub sentence: String,
    /// The article that it cites: `MoU art. 4.2`.
    pub cites: Option<String>,
    /// What would change the answer, where somebody can change it.
    pub remedy: Option<&'static str>,
}

/// Explains every gate of a decision.
#[must_use]
pub fn explain(snapshot: &PolicySnapshot, decision: &Decision) -> Vec<Explanation> {
    decision.judgements().iter().map(|judgement| explained(snapshot, judgement)).collect()
}

/// In one sentence, why it stays. `None` when it goes.
#[must_use]
pub fn reason(snapshot: &PolicySnapshot, decision: &Decision) -> Option<String> {
    match decision.outcome() {
        Outcome::Release(_) => None,
        Outcome::Withhold | Outcome::HoldUntil(_) => {
            decision.deciding().map(|judgement| sentence(snapshot, judgement))
        }
    }
}

/// The article that a citation names: `MoU art. 4.2`; the agreement alone where its text names none.
#[must_use]
pub fn cite(snapshot: &PolicySnapshot, citation: Citation) -> Option<String> {
    let agreement = snapshot.agreement(&citation.agreement)?;
    let terms = agreement.terms();
    Some(match terms.clause(citation.field) {
        Some(clause) => format!("{} {clause}", terms.label()),
        None => terms.label().to_owned(),
    })
}

fn explained(snapshot: &PolicySnapshot, judgement: &Judgement) -> Explanation {
    Explanation {
        gate: judgement.gate,
        verdict: judgement.verdict,
        sentence: sentence(snapshot, judgement),
        cites: judgement.cites.and_then(|citation| cite(snapshot, citation)),
        remedy: match judgement.verdict {
            Verdict::Pass => None,
            Verdict::Deny | Verdict::Hold(_) => remedy(judgement.gate, judgement.fact),
        },
    }
}

fn sentence(snapshot: &PolicySnapshot, judgement: &Judgement) -> String {
    match judgement.cites.and_then(|citation| cite(snapshot, citation)) {
        Some(article) => format!("{article}: {}", judgement.fact),
        None => judgement.fact.to_string(),
    }
}

/// What an operator or author can do. By gate, since what helps is the same for most of its facts.
fn remedy(gate: Gate, fact: Fact) -> Option<&'static str> {
    match gate {
        Gate::Standing if fact == Fact::NotPaired => Some("pair with the economy"),
        Gate::Standing => Some("resume the partner, once the cause is mended"),
        Gate::Trust => Some("raise the partner's level, if it has earned it"),
        Gate::Agreement => Some("sign an agreement that is in force"),
        Gate::Review => Some("review the agreement, and sign what comes of it"),
        Gate::Tier
        | Gate::Kind
        | Gate::Category
        | Gate::Section
        | Gate::Class
        | Gate::Pap
        | Gate::Exercise
            if !matches!(fact, Fact::Contradiction(_)) =>
        {
            Some("sign an agreement that covers it")
        }
        Gate::LegalBasis if matches!(fact, Fact::NoLegalBasis(_)) => {
            Some("sign an agreement that lists a legal basis")
        }
        Gate::LegalBasis => {
            Some("publish it with the reference of an order, under an agreement that covers both")
        }
        Gate::Purpose => Some("amend the agreements until they share a purpose"),
        Gate::Audience => Some("publish a record that is addressed to it"),
        Gate::Onward => None,
        Gate::Consent => Some("ask the origin for its consent"),
        Gate::Tlp if fact == Fact::RedWithoutDesk => Some("name a desk or person there"),
        Gate::Tlp => Some("ask the origin to address it there, or for its consent"),
        Gate::ReleaseTime | Gate::Embargo => Some("wait: it is decided again then"),
        Gate::Quarantine if fact == Fact::Unmarked => Some("mark it"),
        Gate::Quarantine if fact == Fact::Quarantined => Some("review the quarantine"),
        Gate::EgressGuard if fact == Fact::NotExamined => Some("let the egress guard examine it"),
        Gate::EgressGuard => Some("look at what matched; release it, or publish it without that"),
        Gate::Tier
        | Gate::Kind
        | Gate::Category
        | Gate::Section
        | Gate::Class
        | Gate::Pap
        | Gate::Exercise
        | Gate::Expiry
        | Gate::Quarantine
        | Gate::Unbuilt => None,
    }
}
