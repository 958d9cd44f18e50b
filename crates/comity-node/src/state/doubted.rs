//! Agreements by words whose key is believed no more: they permit nothing, and bind both parties all the same.
//!
//! That a key was stolen says who may have signed, and sets nobody free: otherwise whoever signed could shed what
//! it has agreed to by declaring its own key stolen. Here that holds of words that never took effect as well: after
//! a restore the same words come again, under a keyring that was newer than they are. A word can only narrow what
//! goes by this, and only where the other party has said the like: a proposal binds where it is accepted, an
//! acceptance where the proposal is here; and it is the other party itself that brings its own. So a thief can bind
//! us to nothing but what we have proposed ourselves, and only over the link of whoever it stole the key from.

use comity_core::control::ControlBody;
use comity_core::{Kind, RecordId, Timestamp};

use super::State;
use super::records::Held;

/// Whether a word of this kind says that an agreement is to be.
pub(crate) fn agrees(kind: Kind) -> bool {
    matches!(kind, Kind::Agreement | Kind::Acceptance)
}

impl State {
    /// Whether a word of ours is set aside for its key, and binds both all the same: then the other party is to
    /// have it, as it was signed.
    pub(super) fn binds_in_doubt(&self, held: &Held) -> bool {
        let facts = &held.facts;
        if !agrees(facts.kind) || !facts.quarantined || facts.origin != self.us {
            return false;
        }
        let body = held.body.as_deref().and_then(|body| ControlBody::decode(facts.kind, body).ok());
        let agreement = match body {
            Some(ControlBody::Acceptance(body)) => body.agreement,
            Some(_) | None => facts.id,
        };
        self.agreements.binds_doubted(&facts.id, &agreement)
    }

    /// A proposal or an acceptance that does not count, as it stands now: it binds where nothing but its key is
    /// against it, and the other party has said its part. Whatever a person has ruled of it.
    pub(super) fn bind_in_doubt(&mut self, id: RecordId, at: Timestamp) {
        let Some(held) = self.records.get(&id).filter(|held| agrees(held.facts.kind)) else {
            return;
        };
        let judged = self.entitlement(&held.claim(), None, held.first_seen(), at);
        let said_by_itself = held.facts.origin == self.us || held.from_origin;
        if held.is_accepted() || !said_by_itself || !judged.is_of_a_lost_key() {
            return;
        }
        let (origin, kind, signed_at) = (held.facts.origin, held.facts.kind, held.signed_at);
        let from = held.source.brought_by();
        let body = held.body.as_deref().and_then(|body| ControlBody::decode(kind, body).ok());
        match body {
            Some(ControlBody::Agreement(body)) => {
                let other =
                    if origin == self.us { body.other_party(self.us) } else { Some(self.us) };
                if other.is_some_and(|other| self.agreements.awaits_as_accepted(&id, other)) {
                    self.agreements.doubt(id, true);
                    self.propose(id, origin, &body, signed_at);
                }
            }
            Some(ControlBody::Acceptance(body)) => {
                self.agreements.doubt(id, true);
                let heard = self.agreements.accept(body.agreement, id, origin, at, from);
                self.heard(body.agreement, heard, from);
                // What it accepts may be in doubt as well.
                if !self.agreements.holds(&body.agreement) {
                    self.bind_in_doubt(body.agreement, at);
                }
            }
            Some(_) | None => {}
        }
    }
}
