//! Amendments go only to a node that understands them: one that does not refuses them for good.

use comity_core::control::AgreementBody;
use comity_core::{EconomyId, Kind, RecordId};

use super::Engine;

impl Engine {
    /// Whether a partner's node has said, when it greeted last, that it understands amendments.
    #[must_use]
    pub fn takes_amendments(&self, partner: &EconomyId) -> bool {
        self.sessions.get(partner).is_some_and(|session| session.takes_amendments)
    }

    /// Whether a text may be proposed in the place of these.
    pub(super) fn may_amend(&self, amended: &[RecordId], partner: EconomyId) -> Result<(), String> {
        self.state.may_replace(amended, partner)?;
        if self.takes_amendments(&partner) {
            return Ok(());
        }
        let name = self.state.name_of(&partner);
        Err(format!(
            "the node of {name} has not said since this one was started that it understands amendments: it says so when the link comes up, and one of an older version does not"
        ))
    }

    /// Whether a record stays here until the partner's node says that it understands what it is.
    pub(super) fn is_too_new(&mut self, partner: &EconomyId, record: &RecordId) -> bool {
        if self.takes_amendments(partner) {
            return false;
        }
        let held = self.state.record(record).filter(|held| held.facts.kind == Kind::Agreement);
        let body = held.and_then(|held| held.body.as_deref());
        let body = body.and_then(|body| AgreementBody::decode(body).ok());
        let stays = body.is_some_and(|body| !body.amends.is_empty());
        if let Some(session) = self.sessions.get_mut(partner) {
            session.kept_amendments |= stays;
        }
        stays
    }
}
