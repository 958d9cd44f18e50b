//! What is taken in from whom, and what a person decided about it.
//!
//! Two rules meet in a delivery: one for whoever brings it and one for whoever signed it. The stricter
//! holds. What was held back because of who brought it is let through when it comes in a way on which
//! nothing is held back: nobody can keep another's records from us by being quicker.

use std::collections::BTreeSet;

use comity_core::entitlement::Scope;
use comity_core::intake::Intake;
use comity_core::journal::{Ruled, Source, Standing};
use comity_core::{EconomyId, Kind, RecordId, Timestamp};

use super::State;

/// What a person decided about a record, last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What stood from then on.
    pub standing: Standing,
    /// Who decided, as that person is called here.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl State {
    /// What becomes of a record of `origin` that `from` brings, and by the rule for whom. Our own is ours.
    #[must_use]
    pub fn intake(&self, from: EconomyId, origin: EconomyId, kind: Kind) -> (Intake, EconomyId) {
        let rule = |economy: &EconomyId| {
            if origin == self.us {
                return Intake::Accept;
            }
            self.partners.get(economy).map_or(Intake::Accept, |one| one.intake.of(kind))
        };
        let (brought, signed) = (rule(&from), rule(&origin));
        if brought > signed { (brought, from) } else { (signed, origin) }
    }

    /// By the rule for whom a delivery of a record waits for a person, if it does.
    pub(crate) fn held_back(
        &self,
        source: &Source,
        origin: EconomyId,
        kind: Kind,
    ) -> Option<EconomyId> {
        let (rule, whose) = self.intake(source.brought_by()?, origin, kind);
        (rule > Intake::Accept).then_some(whose)
    }

    /// A further delivery of a record that is here, with new parts or with none.
    ///
    /// One on which nothing is held back lets out what was held back on the others. What its origin adds
    /// while its records are looked at is looked at, and so is what a person has not seen who released
    /// the record; what somebody else adds to a record that came to us freely is its origin's word all the
    /// same.
    pub(super) fn came_again(&mut self, record: RecordId, source: &Source, new: bool) {
        let Some(held) = self.records.get(&record) else { return };
        let (origin, kind) = (held.facts.origin, held.facts.kind);
        let now = self.held_back(source, origin, kind);
        let review = match (held.review, now) {
            (Some(_), None) => None,
            (Some(_), Some(whose)) if new => Some(whose),
            (None, Some(whose)) if new && whose == origin => Some(whose),
            (before, _) => before,
        };
        let unseen = new && review.is_some() && held.is_accepted();
        if review == held.review && !unseen {
            return;
        }
        if let Some(held) = self.records.get_mut(&record) {
            held.review = review;
            held.decided &= !unseen;
        }
        let scope = Scope::Some { authors: BTreeSet::new(), records: BTreeSet::from([record]) };
        self.judge_anew(origin, scope);
    }

    /// A person decided, and said why.
    pub(super) fn ruled(&mut self, ruled: &Ruled) {
        let Ruled { record, standing, by, reason, at } = ruled;
        if let Some(held) = self.records.get_mut(record) {
            let (by, reason) = (by.clone(), reason.clone());
            let ruling = Ruling { standing: standing.clone(), by, reason, at: *at };
            held.ruling = Some(Box::new(ruling));
        }
        self.decided(*record, standing, *at);
    }
}
