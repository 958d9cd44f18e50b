//! The decision in sentences, each with the article that it rests on.

use super::decision::{Citation, Decision, Gate, Judgement, Outcome, Verdict};
use super::emergency::Emergency;
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
    /// Whether it would have said no, and passes by an emergency release.
    pub passed: bool,
}

/// Explains every gate of a decision.
#[must_use]
pub fn explain(snapshot: &PolicySnapshot, decision: &Decision) -> Vec<Explanation> {
    let explained = |judgement| explained(snapshot, judgement, decision.emergency());
    decision.judgements().iter().map(explained).collect()
}

/// In one sentence, why it stays. `None` when it goes.
#[must_use]
pub fn reason(snapshot: &PolicySnapshot, decision: &Decision) -> Option<String> {
    match decision.outcome() {
        Outcome::Release(_) => None,
        Outcome::Withhold | Outcome::HoldUntil(_) => {
            decision.deciding().map(|judgement| said(snapshot, judgement))
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

fn explained(
    snapshot: &PolicySnapshot,
    judgement: &Judgement,
    emergency: Option<&Emergency>,
) -> Explanation {
    let said = said(snapshot, judgement);
    let sentence = match emergency.filter(|_| judgement.passed) {
        Some(Emergency { by, until, .. }) => {
            format!("passed by the emergency release of {by} until {until}: {said}")
        }
        None => said,
    };
    Explanation {
        gate: judgement.gate,
        verdict: judgement.verdict,
        sentence,
        cites: judgement.cites.and_then(|citation| cite(snapshot, citation)),
        passed: judgement.passed,
    }
}

/// What one gate said, with the article that it rests on.
#[must_use]
pub fn said(snapshot: &PolicySnapshot, judgement: &Judgement) -> String {
    match judgement.cites.and_then(|citation| cite(snapshot, citation)) {
        Some(article) => format!("{article}: {}", judgement.fact),
        None => judgement.fact.to_string(),
    }
}
