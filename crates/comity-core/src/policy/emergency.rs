//! A record of our own that goes to one partner in an emergency, as the decision knows it.

use super::facts::{RecordFacts, Source};
use super::word::Word;
use crate::agreement::ValueSet;
use crate::identity::{EconomyId, RecordId};
use crate::ledger::Obligations;
use crate::limits::EMERGENCY_RETENTION_DAYS;
use crate::marking::Onward;
use crate::time::Timestamp;
use crate::vocabulary::Class;

/// That one record of ours may go to one partner though nothing that is signed, and no trust of ours, lets
/// it. Whose word counts for that was settled when it was folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Emergency {
    /// The record that says so.
    pub word: RecordId,
    /// The partner.
    pub to: EconomyId,
    /// Who broke the glass, as screens call them.
    pub by: Word,
    /// The first instant at which it lets nothing go any more.
    pub until: Timestamp,
}

impl Emergency {
    /// What whoever gets something by it takes on, besides the marking and what every agreement in force
    /// demands: no agreement says what may be done with it, so it goes no further, and is not kept for long.
    #[must_use]
    pub const fn terms() -> Obligations {
        Obligations {
            onward: Onward::None,
            retention_days: Some(EMERGENCY_RETENTION_DAYS),
            purposes: Vec::new(),
        }
    }
}

impl RecordFacts {
    /// The emergency release by which it may go to `to` at `now`. What is not our own, or is no content, has
    /// none, whatever its facts say.
    pub(super) fn emergency(
        &self,
        us: EconomyId,
        to: EconomyId,
        now: Timestamp,
    ) -> Option<&Emergency> {
        let ours = self.source == Source::Own && self.origin == us && !self.kind.is_control();
        let open = self.emergencies.iter().filter(|one| ours && one.to == to && one.until > now);
        open.max_by_key(|one| (one.until, one.word))
    }
}

/// Those of these classes that no emergency lets go without an agreement: what is about persons, and
/// evidence, goes under the law or not at all.
pub(super) fn never_passed(classes: ValueSet<Class>) -> ValueSet<Class> {
    classes.without([Class::General, Class::Sensitive, Class::OrderReference].into_iter().collect())
}
