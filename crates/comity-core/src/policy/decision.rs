//! The answer: an outcome, with what every gate said and which article it cites.

use super::emergency::Emergency;
use super::fact::Fact;
use crate::agreement::Field;
use crate::identity::RecordId;
use crate::ledger::Obligations;
use crate::time::Timestamp;

macro_rules! gates {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// A question that every part must pass.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Gate {
            $($(#[$doc])* $variant,)+
        }

        impl Gate {
            /// Every gate, in the order in which they are asked and shown.
            pub const ALL: [Self; 24] = [$(Self::$variant),+];

            /// The name on screens and in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

gates!(
    /// Is the recipient a partner in good standing?
    Standing = "standing";
    /// Do we trust it that far?
    Trust = "trust";
    /// Is there an agreement in force?
    Agreement = "agreement";
    /// Has that agreement been reviewed in time?
    Review = "review";
    /// Is it meant for the recipient?
    Audience = "audience";
    /// May we pass it on?
    Onward = "onward";
    /// Where its origin has to be asked, did it say yes?
    Consent = "consent";
    /// Does its label let it go there?
    Tlp = "tlp";
    /// Does the recipient keep to what may be done with it?
    Pap = "pap";
    /// Does the agreement reach that label?
    Tier = "tier";
    /// Does the agreement cover records of this kind?
    Kind = "kind";
    /// Does the agreement cover each of its subject categories?
    Category = "category";
    /// Does the agreement cover this section?
    Section = "section";
    /// Does the agreement cover each of its classes?
    Class = "class";
    /// Is there a purpose for which it may be used?
    Purpose = "purpose";
    /// Is there a legal basis for what is about persons?
    LegalBasis = "legal-basis";
    /// Is its time of release past?
    ReleaseTime = "release-time";
    /// Does an embargo hold this exit?
    Embargo = "embargo";
    /// Is it still valid?
    Expiry = "expiry";
    /// Does it belong to an exercise, in which the recipient takes part?
    Exercise = "exercise";
    /// Is it verified, marked, and not set aside?
    Quarantine = "quarantine";
    /// Where it takes a second person, did one say yes?
    Approval = "approval";
    /// Did the egress guard, which reads the bytes, let them pass?
    EgressGuard = "egress-guard";
    /// Does it carry anything that this version cannot weigh yet?
    Unbuilt = "unbuilt";
);

impl std::fmt::Display for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing against it.
    Pass,
    /// No.
    Deny,
    /// Not before this instant.
    Hold(Timestamp),
}

/// An article of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Citation {
    /// The agreement, by the record that proposed it.
    pub agreement: RecordId,
    /// The field of its terms.
    pub field: Field,
}

/// What one gate said, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The gate.
    pub gate: Gate,
    /// What it says.
    pub verdict: Verdict,
    /// Why.
    pub fact: Fact,
    /// By which article.
    pub cites: Option<Citation>,
    /// Whether it would have said no, for this reason, and passes because the glass was broken.
    pub passed: bool,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes, and the recipient takes this on.
    Release(Obligations),
    /// It stays.
    Withhold,
    /// It stays until this instant, and is decided again then.
    HoldUntil(Timestamp),
}

impl Outcome {
    /// Whether it goes.
    #[must_use]
    pub const fn is_release(&self) -> bool {
        matches!(self, Self::Release(_))
    }
}

/// The most judgements that a decision has: one of each gate.
const MOST: usize = Gate::ALL.len();

/// The answer for one part, or one control record, and one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    outcome: Outcome,
    covering: Option<RecordId>,
    emergency: Option<Emergency>,
    judgements: [Judgement; MOST],
    count: usize,
}

impl Decision {
    /// Denials override; the latest of several holds counts.
    pub(super) fn of(
        judgements: &[Judgement],
        covering: Option<RecordId>,
        obligations: impl FnOnce() -> Option<Obligations>,
    ) -> Self {
        let mut all = [Judgement {
            gate: Gate::Unbuilt,
            verdict: Verdict::Deny,
            fact: Fact::NotMeasured,
            cites: None,
            passed: false,
        }; MOST];
        let count = judgements.len().min(MOST);
        for (place, judgement) in all.iter_mut().zip(judgements) {
            *place = *judgement;
        }
        let outcome = match combine(judgements) {
            // Obligations that cannot be met together are an error, and an error is a denial.
            Verdict::Pass => obligations().map_or(Outcome::Withhold, Outcome::Release),
            Verdict::Deny => Outcome::Withhold,
            Verdict::Hold(until) => Outcome::HoldUntil(until),
        };
        Self { outcome, covering, emergency: None, judgements: all, count }
    }

    /// What comes of it.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Whether it goes.
    #[must_use]
    pub fn is_release(&self) -> bool {
        self.outcome.is_release()
    }

    /// The same decision, made with an emergency release in force: where it goes, that is what lets it.
    pub(super) fn by_emergency(mut self, emergency: Emergency) -> Self {
        self.emergency = Some(emergency);
        if self.is_release() {
            self.covering = Some(emergency.word);
        }
        self
    }

    /// The emergency release that was in force, where the decision without it is no release.
    #[must_use]
    pub fn emergency(&self) -> Option<&Emergency> {
        self.emergency.as_ref()
    }

    /// What permits it: the agreement, by the record that proposed it, or else the word of an emergency
    /// release. `None`: nothing, or nothing is needed.
    #[must_use]
    pub fn covering(&self) -> Option<RecordId> {
        self.covering
    }

    /// What every gate said, in order.
    #[must_use]
    pub fn judgements(&self) -> &[Judgement] {
        self.judgements.get(..self.count).unwrap_or_default()
    }

    /// What a gate said. `None`: it was not asked.
    #[must_use]
    pub fn judgement(&self, gate: Gate) -> Option<&Judgement> {
        self.judgements().iter().find(|judgement| judgement.gate == gate)
    }

    /// The judgement that tells a person most about why it stays: what is wrong with the record
    /// itself comes before what the agreement lacks, and our own opinion of the partner last.
    /// `None` when it goes.
    #[must_use]
    pub fn deciding(&self) -> Option<&Judgement> {
        let said = |verdict: fn(Verdict) -> bool| {
            let telling = TELLING.iter().filter_map(|gate| self.judgement(*gate));
            telling.filter(move |judgement| verdict(judgement.verdict))
        };
        let denial = said(|verdict| verdict == Verdict::Deny).next();
        denial.or_else(|| match self.outcome {
            Outcome::HoldUntil(until) => {
                self.judgements().iter().find(|one| one.verdict == Verdict::Hold(until))
            }
            Outcome::Release(_) | Outcome::Withhold => None,
        })
    }

    /// The same decision, turned into a refusal by a rule about several parts.
    pub(super) fn withheld(mut self, gate: Gate, fact: Fact) -> Self {
        self.outcome = Outcome::Withhold;
        for judgement in self.judgements.iter_mut().filter(|judgement| judgement.gate == gate) {
            let verdict = Verdict::Deny;
            *judgement = Judgement { gate, verdict, fact, cites: None, passed: false };
        }
        self
    }

    /// The same decision on further terms. What is for purposes that they exclude stays.
    pub(super) fn under(mut self, terms: &Obligations) -> Self {
        let Outcome::Release(obligations) = &self.outcome else { return self };
        match obligations.meet(terms) {
            Some(sum) => {
                self.outcome = Outcome::Release(sum);
                self
            }
            None => self.withheld(Gate::Purpose, Fact::NoCommonPurpose),
        }
    }

    /// Whether it goes by an emergency release, and would not otherwise.
    #[must_use]
    pub fn rests_on_emergency(&self) -> bool {
        self.is_release() && self.emergency.is_some()
    }

    /// Whether an origin's consent is among what lets it go.
    #[must_use]
    pub fn rests_on_consent(&self) -> bool {
        let consented = |said: &Judgement| matches!(said.fact, Fact::Consented(_));
        self.judgements().iter().any(consented)
    }

    /// Whether it goes only together with the reference of an order.
    #[must_use]
    pub fn rests_on_order(&self) -> bool {
        self.judgement(Gate::LegalBasis).is_some_and(|said| said.fact == Fact::UnderOrder)
    }
}

/// Gates by how much their refusal tells.
const TELLING: [Gate; MOST] = [
    Gate::Standing,
    Gate::Quarantine,
    Gate::Unbuilt,
    Gate::EgressGuard,
    Gate::Expiry,
    Gate::Audience,
    Gate::Onward,
    Gate::Consent,
    Gate::Tlp,
    Gate::Agreement,
    Gate::Tier,
    Gate::Kind,
    Gate::Section,
    Gate::Class,
    Gate::Pap,
    Gate::Category,
    Gate::LegalBasis,
    Gate::Exercise,
    Gate::Purpose,
    Gate::Review,
    Gate::Trust,
    // What would not go anyway does not wait for it.
    Gate::Approval,
    Gate::ReleaseTime,
    Gate::Embargo,
];

fn combine(judgements: &[Judgement]) -> Verdict {
    // No judgement at all is an error, and an error is a denial.
    let none = if judgements.is_empty() { Verdict::Deny } else { Verdict::Pass };
    judgements.iter().fold(none, |sum, judgement| match (sum, judgement.verdict) {
        (Verdict::Deny, _) | (_, Verdict::Deny) => Verdict::Deny,
        (Verdict::Hold(one), Verdict::Hold(other)) => Verdict::Hold(one.max(other)),
        (Verdict::Hold(until), Verdict::Pass) | (Verdict::Pass, Verdict::Hold(until)) => {
            Verdict::Hold(until)
        }
        (Verdict::Pass, Verdict::Pass) => Verdict::Pass,
    })
}
