//! The gates, one file each, and the question that all of them are asked.

mod agreement;
mod approval;
mod audience;
mod category;
mod class;
mod consent;
mod egress_guard;
mod embargo;
mod exercise;
mod expiry;
mod kind;
mod legal_basis;
mod onward;
mod pap;
mod purpose;
mod quarantine;
mod release_time;
mod review;
mod section;
mod standing;
mod tier;
mod tlp;
mod trust;
mod unbuilt;

pub(super) use exercise::is_among_real;
pub(super) use quarantine::set_aside;
pub(super) use standing::judge_control as control_standing;
pub(super) use unbuilt::judge_control as control_unbuilt;

use super::addressing::Addressing;
use super::basis::{Basis, Candidate};
use super::consent::Consent;
use super::decision::{Citation, Gate, Judgement, Verdict};
use super::emergency::Emergency;
use super::fact::{Contradiction, Fact};
use super::facts::{PartFacts, Recipient, RecordFacts};
use super::groups;
use super::signed::Agreement;
use super::snapshot::{Association, Partner, PolicySnapshot};
use crate::agreement::{Field, Prohibitions, Terms};
use crate::identity::EconomyId;
use crate::ledger::Obligations;
use crate::marking::Onward;
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
    /// The consent of a foreign part's origin, in force now, that the recipient may have it.
    pub(super) consent: Option<&'a Consent>,
    /// The emergency release that stands in for what is not permitted otherwise.
    pub(super) emergency: Option<&'a Emergency>,
}

/// What a gate found. An error is a denial.
pub(super) type Found = Result<Finding, Contradiction>;

/// What a gate found, before it is put under the gate's name.
#[derive(Clone, Copy)]
pub(super) struct Finding {
    verdict: Verdict,
    fact: Fact,
    cites: Option<Citation>,
    passed: bool,
}

impl Finding {
    pub(super) const fn pass(fact: Fact) -> Self {
        Self { verdict: Verdict::Pass, fact, cites: None, passed: false }
    }

    pub(super) const fn deny(fact: Fact) -> Self {
        Self { verdict: Verdict::Deny, fact, cites: None, passed: false }
    }

    pub(super) const fn hold(until: Timestamp, fact: Fact) -> Self {
        Self { verdict: Verdict::Hold(until), fact, cites: None, passed: false }
    }

    pub(super) fn citing(mut self, agreement: Option<&Agreement>, field: Field) -> Self {
        self.cites = agreement.map(|agreement| Citation { agreement: agreement.id(), field });
        self
    }

    /// For want of a permission, and not because anything forbids it: the emergency release, where there is
    /// one, stands in for that. Said by each gate of each of its refusals that are so, and of no other.
    pub(super) fn unless_emergency(mut self, asked: &Question<'_>) -> Self {
        if asked.emergency.is_some() && self.verdict != Verdict::Pass {
            (self.verdict, self.passed) = (Verdict::Pass, true);
        }
        self
    }

    pub(super) fn by(self, gate: Gate) -> Judgement {
        let Self { verdict, fact, cites, passed } = self;
        Judgement { gate, verdict, fact, cites, passed }
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
        Gate::Review => Ok(review::judge(asked, basis)),
        Gate::Audience => audience::judge(asked),
        Gate::Onward => Ok(onward::judge(asked)),
        Gate::Consent => Ok(consent::judge(asked)),
        Gate::Tlp => tlp::judge(asked),
        Gate::Pap => Ok(pap::judge(asked, basis)),
        Gate::Tier => Ok(tier::judge(asked, basis)),
        Gate::Kind => Ok(kind::judge(asked, basis)),
        Gate::Category => Ok(category::judge(asked, basis)),
        Gate::Section => section::judge(asked, basis),
        Gate::Class => class::judge(asked, basis),
        Gate::Purpose => Ok(purpose::judge(asked, basis)),
        Gate::LegalBasis => Ok(legal_basis::judge(asked, basis)),
        Gate::ReleaseTime => Ok(release_time::judge(asked)),
        Gate::Embargo => Ok(embargo::judge(asked)),
        Gate::Expiry => Ok(expiry::judge(asked)),
        Gate::Exercise => exercise::judge(asked, basis),
        Gate::Quarantine => Ok(quarantine::judge(asked)),
        Gate::Approval => Ok(approval::judge(asked)),
        Gate::EgressGuard => Ok(egress_guard::judge(asked)),
        Gate::Unbuilt => Ok(unbuilt::judge(asked)),
    }
}

/// What terms refuse: why, and by which field.
pub(super) type Refusal = (Fact, Field);

/// The gates of an agreement's coverage: one and the same agreement has to pass them all. In the
/// order in which a failure tells more: of several agreements the one that comes furthest is named.
const COVERAGE_GATES: [Coverage; COVERAGE] = [
    tier::refusal,
    kind::refusal,
    section::refusal,
    class::refusal,
    pap::refusal,
    category::refusal,
    legal_basis::refusal,
    exercise::refusal,
    purpose::refusal,
    review::refusal,
];

type Coverage = fn(&Question<'_>, &Candidate<'_>) -> Option<Refusal>;

/// How many of the gates of coverage, in order, pass these terms, of [`COVERAGE`].
pub(super) fn covered(asked: &Question<'_>, candidate: &Candidate<'_>) -> usize {
    COVERAGE_GATES.iter().take_while(|refusal| refusal(asked, candidate).is_none()).count()
}

/// Those of them that no emergency passes: something that is signed, be it the pairing alone, has to pass
/// them all, as ever.
const NEVER_PASSED: [Coverage; 5] = [
    class::refusal_for_good,
    pap::refusal,
    legal_basis::refusal,
    exercise::refusal,
    purpose::refusal,
];

/// How far terms come for an emergency release: through the gates that it does not pass, and then through
/// all.
pub(super) fn covered_in_emergency(asked: &Question<'_>, candidate: &Candidate<'_>) -> [usize; 2] {
    let passes = |refusal: &&Coverage| refusal(asked, candidate).is_none();
    [NEVER_PASSED.iter().take_while(passes).count(), covered(asked, candidate)]
}

/// The number of gates of an agreement's coverage.
pub(super) const COVERAGE: usize = 10;

impl<'a> Question<'a> {
    /// The agreement, among those that bind this hop, that prohibits it.
    pub(super) fn prohibited(&self, by: impl Fn(&Prohibitions) -> bool) -> Option<&'a Agreement> {
        self.binding(|terms| by(terms.prohibitions()))
    }

    /// The first agreement of which `by` holds, among those that bind this hop: those that bind the
    /// recipient, those under which we had the record, and the charters of the groups that it is
    /// addressed to, which outlive their end. What was received stays under every text that had begun, also
    /// under one of which another took the place since: to loosen an agreement loosens nothing that came before.
    pub(super) fn binding(&self, by: impl Fn(&Terms) -> bool) -> Option<&'a Agreement> {
        let binding = self.partner.into_iter().flat_map(|partner| &partner.agreements);
        let binding = binding.filter(|agreement| agreement.binds(self.now));
        let snapshot = self.snapshot;
        let received = self.sources().filter_map(|(economy, _)| snapshot.partner(&economy));
        let received = received.flat_map(|partner| &partner.agreements);
        let received = received.filter(|agreement| agreement.from() <= self.now);
        let charters = groups::addressed(self.snapshot, self.record).map(Association::charter);
        let charters = charters.filter(|charter| charter.from() <= self.now);
        binding.chain(received).chain(charters).find(|agreement| by(agreement.terms()))
    }

    /// Those of which one has to permit: the charter for what the recipient gets as a member of a
    /// group, and else what is signed with it.
    pub(super) fn permitting(&self, partner: &'a Partner) -> &'a [Agreement] {
        match self.addressing {
            Addressing::Member(group) => self
                .snapshot
                .group(&group)
                .map_or(&[], |association| std::slice::from_ref(association.charter())),
            Addressing::Open
            | Addressing::Named { .. }
            | Addressing::Relay
            | Addressing::Outside(_)
            | Addressing::NotListed
            | Addressing::Elsewhere
            | Addressing::Others
            | Addressing::Nobody => &partner.agreements,
        }
    }

    /// Whether the origin chose this recipient for this part, from the start or by a consent.
    pub(super) const fn is_chosen(&self) -> bool {
        self.addressing.is_addressed() || self.consent.is_some()
    }

    /// When a consent that once let this part go to the economy `to` ended.
    pub(super) fn consent_ended(&self, to: EconomyId) -> Option<Timestamp> {
        let consents = self.snapshot.consents(self.record, self.part, to);
        consents.map(|consent| consent.until).filter(|until| *until <= self.now).max()
    }

    /// Those of [`Question::bringers`] to whom we are bound: to the origin alone, where it gave us the
    /// part itself. What we have from it, a stranger's copy does not narrow.
    pub(super) fn sources(&self) -> impl Iterator<Item = (EconomyId, &'a Obligations)> + use<'a> {
        self.record.binding(self.part)
    }

    /// Whoever delivered the part to us, and whoever first delivered its record, with what we took on.
    /// Nobody, where the record is our own.
    pub(super) fn bringers(&self) -> impl Iterator<Item = (EconomyId, &'a Obligations)> + use<'a> {
        self.record.bringers(self.part)
    }

    /// All that we took on together. `None`: for purposes that have none in common, so no use is left.
    pub(super) fn taken_on(&self) -> Option<Obligations> {
        self.record.taken_on(self.part)
    }

    /// How it may be passed on: the strictest of its marking and of all that we took on.
    pub(super) fn onward(&self) -> Onward {
        let taken = self.sources().map(|(_, taken)| taken.onward);
        taken.max().map_or(self.part.marking.onward, |taken| taken.max(self.part.marking.onward))
    }
}
