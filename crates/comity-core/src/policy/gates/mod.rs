//! The gates, one file each, and the question that all of them are asked.

mod agreement;
mod audience;
mod class;
mod embargo;
mod expiry;
mod kind;
mod onward;
mod quarantine;
mod release_time;
mod section;
mod standing;
mod tier;
mod tlp;
mod trust;
mod unbuilt;

pub(super) use quarantine::set_aside;
pub(super) use standing::judge_control as control_standing;
pub(super) use unbuilt::judge_control as control_unbuilt;

use super::addressing::Addressing;
use super::basis::Basis;
use super::decision::{Citation, Gate, Judgement, Verdict};
use super::fact::{Contradiction, Fact};
use super::facts::{PartFacts, Recipient, RecordFacts, Source};
use super::snapshot::{Agreement, Partner, PolicySnapshot};
use crate::agreement::{Field, Prohibitions};
use crate::identity::EconomyId;
use crate::time::Timestamp;

/// One part, one recipient, one moment.
pub(super) struct Question<'a> {
    pub(super) snapshot: &'a PolicySnapshot,
    pub(super) record: &'a RecordFacts,
    pub(super) part: &'a PartFacts,
    pub(super) recipient: &'a Recipient,
    pub(super) now: Timestamp,
    /// What is known of the recipient, where it is an economy.
    pub(super) partner: Option<&'a Partner>,
    /// How the record's addressee parts and the part's destination speak of the recipient.
    pub(super) addressing: Addressing,
}

/// What a gate found. An error is a denial.
pub(super) type Found = Result<Finding, Contradiction>;

/// What a gate found, before it is put under the gate's name.
#[derive(Clone, Copy)]
pub(super) struct Finding {
    verdict: Verdict,
    fact: Fact,
    cites: Option<Citation>,
}

impl Finding {
    pub(super) const fn pass(fact: Fact) -> Self {
        Self { verdict: Verdict::Pass, fact, cites: None }
    }

    pub(super) const fn deny(fact: Fact) -> Self {
        Self { verdict: Verdict::Deny, fact, cites: None }
    }

    pub(super) const fn hold(until: Timestamp, fact: Fact) -> Self {
        Self { verdict: Verdict::Hold(until), fact, cites: None }
    }

    pub(super) fn citing(mut self, agreement: Option<&Agreement>, field: Field) -> Self {
        self.cites = agreement.map(|agreement| Citation { agreement: agreement.id(), field });
        self
    }

    pub(super) fn by(self, gate: Gate) -> Judgement {
        Judgement { gate, verdict: self.verdict, fact: self.fact, cites: self.cites }
    }
}

/// The judgement of `gate`; what goes wrong within is a denial.
pub(super) fn judgement(gate: Gate, found: Found) -> Judgement {
    found.unwrap_or_else(|error| Finding::deny(Fact::Contradiction(error))).by(gate)
}

/// Asks every gate.
pub(super) fn judge_all(asked: &Question<'_>, basis: &Basis<'_>) -> [Judgement; Gate::ALL.len()] {
    Gate::ALL.map(|gate| judgement(gate, judge(gate, asked, basis)))
}

fn judge(gate: Gate, asked: &Question<'_>, basis: &Basis<'_>) -> Found {
    match gate {
        Gate::Standing => Ok(standing::judge(asked)),
        Gate::Trust => Ok(trust::judge(asked)),
        Gate::Agreement => Ok(agreement::judge(asked, basis)),
        Gate::Audience => audience::judge(asked),
        Gate::Onward => Ok(onward::judge(asked, basis)),
        Gate::Tlp => tlp::judge(asked),
        Gate::Tier => Ok(tier::judge(asked, basis)),
        Gate::Kind => Ok(kind::judge(asked, basis)),
        Gate::Section => section::judge(asked, basis),
        Gate::Class => class::judge(asked, basis),
        Gate::ReleaseTime => Ok(release_time::judge(asked)),
        Gate::Embargo => Ok(embargo::judge(asked)),
        Gate::Expiry => Ok(expiry::judge(asked)),
        Gate::Quarantine => Ok(quarantine::judge(asked)),
        Gate::Unbuilt => Ok(unbuilt::judge(asked)),
    }
}

/// What terms refuse: why, and by which field.
pub(super) type Refusal = (Fact, Field);

/// What the four gates of an agreement's coverage say of one set of terms, in order: how many pass,
/// of [`COVERAGE`].
pub(super) fn covered(asked: &Question<'_>, candidate: &super::basis::Candidate<'_>) -> usize {
    let checks = [
        tier::refusal(asked, candidate),
        kind::refusal(asked, candidate),
        section::refusal(asked, candidate),
        class::refusal(asked, candidate),
    ];
    checks.iter().take_while(|refusal| refusal.is_none()).count()
}

/// The number of gates of an agreement's coverage.
pub(super) const COVERAGE: usize = 4;

impl<'a> Question<'a> {
    /// The agreement, among those that bind this hop, that prohibits it: those in force with the
    /// recipient, and those under which we had the record, which outlive their end.
    pub(super) fn prohibited(&self, by: impl Fn(&Prohibitions) -> bool) -> Option<&'a Agreement> {
        let in_force = self.partner.into_iter().flat_map(|partner| &partner.agreements);
        let in_force = in_force.filter(|agreement| agreement.in_force(self.now));
        let received = self.received_from().and_then(|economy| self.snapshot.partner(&economy));
        let received = received.into_iter().flat_map(|partner| &partner.agreements);
        let received = received.filter(|agreement| agreement.from() <= self.now);
        in_force.chain(received).find(|agreement| by(agreement.terms().prohibitions()))
    }

    /// The partner that delivered the record to us.
    pub(super) fn received_from(&self) -> Option<EconomyId> {
        match &self.record.source {
            Source::Own => None,
            Source::From { economy, .. } => Some(*economy),
        }
    }
}
