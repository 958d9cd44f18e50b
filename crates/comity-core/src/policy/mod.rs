//! The decision: what may leave, to whom, and why. The only place that says yes.
//!
//! [`decide`] asks every gate about one part and one recipient; [`plan`] puts the answers for all
//! parts of a record together; [`release`] decides once more at hand-over
//! and makes the [`Delivery`](crate::Delivery) that a link takes. Preview, explanation, demonstration
//! and sender call these: there is no second implementation.
//!
//! Denials override, the latest of several holds counts, and an error is a denial. All is pure: same
//! input, same decision.

mod addressing;
mod approval;
mod basis;
mod comparison;
mod consent;
mod control;
mod decision;
mod emergency;
mod examination;
mod explain;
mod fact;
mod facts;
mod gates;
mod groups;
mod plan;
mod shared;
mod signed;
mod snapshot;
mod texts;
mod turning;
mod word;

pub use crate::delivery::{Payload, Refused, give_back, release};
pub use approval::Approval;
pub use comparison::{Comparison, Shift};
pub use consent::Consent;
pub use control::decide_control;
pub use decision::{Citation, Decision, Gate, Judgement, Outcome, Verdict};
pub use emergency::Emergency;
pub use examination::Examination;
pub use explain::{Explanation, cite, explain, reason, said};
pub use fact::{Contradiction, Fact, Unbuilt};
pub use facts::{
    AddresseeFacts, ControlAudience, Lifecycle, PartFacts, Received, Recipient, RecordFacts,
    Source, unmarked_foreign,
};
pub use plan::{Plan, PlannedPart, plan};
pub use shared::{Answer, Classed, Shared};
pub use signed::{Agreement, Replaced};
pub use snapshot::{
    Association, Partner, PolicyBuilder, PolicySnapshot, Standing, TrustLevel, trust_table,
};
pub use texts::{Ending, Place, Standstill, Text, Tree, Trees};
pub use turning::{Change, Desk, Turning, turning};
pub use word::Word;

use crate::ledger::Obligations;
use crate::time::Timestamp;
use addressing::Addressing;
use basis::{Basis, demands};
use gates::Question;

/// Decides whether one part of a record may go to one recipient now.
///
/// Of several parts, [`plan`] says which go together; it is never wider than this.
#[must_use]
pub fn decide(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    part: &PartFacts,
    recipient: &Recipient,
    now: Timestamp,
) -> Decision {
    let us = snapshot.us();
    let (to, desk) = recipient.place(us);
    let partner = match recipient {
        Recipient::Partner { economy, .. } => snapshot.partner(economy),
        Recipient::LocalRole { .. } | Recipient::Constituent { .. } | Recipient::Public => None,
    };
    let addressing = Addressing::of(snapshot, record, part, to, desk, now);
    let consent = recipient.consented(us).and_then(|to| snapshot.consent(record, part, to, now));
    let emergency = None;
    let asked = Question {
        snapshot,
        record,
        part,
        recipient,
        now,
        partner,
        addressing,
        consent,
        emergency,
    };
    let decision = answer(&asked);
    // What it has anyway, it has on no other terms for the glass having been broken.
    if let Some(emergency) = recipient.economy().and_then(|to| record.emergency(us, to, now))
        && !decision.is_release()
    {
        return answer(&Question { emergency: Some(emergency), ..asked });
    }
    match consent.filter(|_| decision.is_release()) {
        // What it has anyway, it has on no other terms for having been consented to.
        Some(given) if !answer(&Question { consent: None, ..asked }).is_release() => {
            decision.under(&given.terms)
        }
        Some(_) | None => decision,
    }
}

fn answer(asked: &Question<'_>) -> Decision {
    let basis = Basis::choose(asked);
    let judgements = gates::judge_all(asked, &basis);
    let decision = Decision::of(&judgements, basis.covering(), || obligations(asked, &basis));
    match asked.emergency {
        Some(emergency) => decision.by_emergency(*emergency),
        None => decision,
    }
}

/// What the recipient takes on: the marking's, what we took on ourselves, and, where an agreement
/// permits it or an emergency stands in for one, what every agreement in force demands.
fn obligations(asked: &Question<'_>, basis: &Basis<'_>) -> Option<Obligations> {
    let marking = Obligations { onward: asked.part.marking.onward, ..Obligations::unbound() };
    let demanded = match (asked.emergency, basis.covering()) {
        (Some(_), _) => demands(asked)?.meet(&Emergency::terms())?,
        (None, Some(_)) => demands(asked)?,
        (None, None) => Obligations::unbound(),
    };
    let sum = marking.meet(&demanded)?;
    let taken_on = match (asked.taken_on(), asked.recipient) {
        (Some(taken_on), _) => taken_on,
        // Our own people keep to what each of those said who brought it.
        (None, Recipient::LocalRole { .. }) => {
            asked.sources().fold(Obligations::unbound(), |sum, (_, taken)| sum.and_later(taken))
        }
        (None, Recipient::Partner { .. } | Recipient::Constituent { .. } | Recipient::Public) => {
            return None;
        }
    };
    sum.meet(&taken_on)
}

#[cfg(test)]
mod tests;
