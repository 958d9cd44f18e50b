//! Which words of control a person may refuse for good, while they are kept from everybody.
//!
//! A word that permits may always be refused: without it less goes. One that takes back, ends or leaves somebody
//! out is never refused while it could come to count by itself, for without it more would go than its author
//! meant; and what ends or takes back is not refused at all.

use comity_core::consent::ConsentBody;
use comity_core::control::{
    AcceptanceBody, ApprovalBody, ApprovalVerdict, ControlBody, TerminationBody, WithdrawalBody,
};
use comity_core::entitlement::{Entitlement, Refusal};
use comity_core::journal::Standing;
use comity_core::{Kind, RecordId};

use super::State;
use super::records::Held;

/// Why a word of control cannot be dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undroppable {
    /// It counts, and no person has let it out of quarantine: it is undone by another word.
    #[error("counts by itself, and by no word of a person here")]
    Counts,
    /// It takes something back, or ends it.
    #[error(
        "takes something back, and what takes back is never dropped: it can only narrow what goes"
    )]
    TakesBack,
    /// It may leave somebody out, or say no.
    #[error(
        "may leave somebody out or say no, and may come to count when its key is cleared up: without it more would go"
    )]
    Restricts,
    /// It accepts an agreement, whose prohibitions would not bind.
    #[error(
        "accepts {0}, which binds both once the key is cleared up: dropping it would free this node of what that prohibits"
    )]
    Accepts(String),
}

impl State {
    /// Whether a record may be dropped. Content may; a control record that is kept from everybody, or counts because
    /// a person let it out, may as far as nothing more goes anywhere for it, now or once its key is cleared up.
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub fn may_drop(&self, held: &Held) -> Result<(), Undroppable> {
        let kind = held.facts.kind;
        if !kind.is_control() {
            return Ok(());
        }
        // What its origin's keyring bears out counts by itself, whoever let it out.
        let by_a_person =
            was_let_out(held) && self.judged_by_keyring(held) != Entitlement::Accepted;
        if held.is_accepted() && !by_a_person {
            return Err(Undroppable::Counts);
        }
        match kind {
            // A keyring may revoke.
            Kind::Withdrawal | Kind::Termination | Kind::Keyring => {
                return Err(Undroppable::TakesBack);
            }
            Kind::Agreement
            | Kind::Acceptance
            | Kind::Group
            | Kind::Roster
            | Kind::Consent
            | Kind::Approval
            | Kind::Introduction
            | Kind::Contact
            | Kind::Acknowledgement
            | Kind::Advisory
            | Kind::Incident
            | Kind::Sightings
            | Kind::Request
            | Kind::Response
            | Kind::Note
            | Kind::Unknown(_) => {}
        }
        if self.never_counts_by_itself(held) {
            return Ok(());
        }
        if !held.supersedes.is_empty() {
            return Err(Undroppable::Restricts);
        }
        let body = held.body.as_deref().unwrap_or_default();
        match ControlBody::decode(kind, body) {
            Ok(ControlBody::Agreement(_)) => {
                // What was accepted before it came waits for it; and while its proposer has not given back what it
                // holds since we were restored, an acceptance of ours may be among that.
                let awaited = self.agreements.awaits(&held.facts.id)
                    || self.awaits_return(&held.facts.origin);
                if awaited { Err(Undroppable::Restricts) } else { Ok(()) }
            }
            Ok(ControlBody::Acceptance(body)) => self.may_drop_acceptance(held, &body),
            Ok(
                ControlBody::Consent(ConsentBody::Ask(_) | ConsentBody::Grant(_))
                | ControlBody::Approval(ApprovalBody {
                    verdict: ApprovalVerdict::Approve | ApprovalVerdict::Emergency { .. },
                    ..
                })
                | ControlBody::Acknowledgement(_)
                | ControlBody::Introduction(_),
            ) => Ok(()),
            Ok(
                ControlBody::Consent(ConsentBody::Refusal(_))
                | ControlBody::Approval(ApprovalBody { verdict: ApprovalVerdict::Refuse, .. })
                | ControlBody::Group(_)
                | ControlBody::Roster(_)
                | ControlBody::Keyring(_)
                | ControlBody::Termination(_)
                | ControlBody::Withdrawal(_)
                | ControlBody::Opaque(_),
            )
            | Err(_) => Err(Undroppable::Restricts),
        }
    }

    /// An acceptance that has had its effect binds whatever becomes of it. One that has not may come to, also where the
    /// proposal was taken back since: then the other party holds it for signed.
    fn may_drop_acceptance(&self, held: &Held, body: &AcceptanceBody) -> Result<(), Undroppable> {
        let known = self.agreements.get(&body.agreement);
        let counted =
            known.is_some_and(|one| one.text.acceptances().any(|record| *record == held.facts.id));
        if counted { Ok(()) } else { Err(Undroppable::Accepts(self.called(&body.agreement))) }
    }

    /// Whether a key or a person is waited for to say what becomes of a record.
    ///
    /// Not of what takes back or ends and has done so already, or never will by itself: nobody can refuse it,
    /// and nothing would come of accepting it.
    #[must_use]
    pub fn waits(&self, held: &Held) -> bool {
        match &held.standing {
            Standing::Accepted | Standing::Dropped => false,
            Standing::Pending(_) => true,
            Standing::Quarantined(_) | Standing::InReview(_) => match held.facts.kind {
                // One that a person has set aside waits for nobody.
                Kind::Introduction => false,
                Kind::Withdrawal => !self.has_taken_back(held),
                Kind::Termination => !self.has_ended(held),
                Kind::Advisory
                | Kind::Incident
                | Kind::Sightings
                | Kind::Request
                | Kind::Response
                | Kind::Note
                | Kind::Keyring
                | Kind::Agreement
                | Kind::Acceptance
                | Kind::Group
                | Kind::Roster
                | Kind::Consent
                | Kind::Approval
                | Kind::Contact
                | Kind::Acknowledgement
                | Kind::Unknown(_) => true,
            },
        }
    }

    /// Why nobody but we ever counts a word of our own, whatever a person decides here: its key had ended. A keyring
    /// bears witness for itself; and what takes back or ends counts wherever it had come before.
    pub(crate) fn unheeded(&self, held: &Held) -> Option<Refusal> {
        let narrows =
            matches!(held.facts.kind, Kind::Keyring | Kind::Withdrawal | Kind::Termination);
        let by_itself = held.is_accepted() && !was_let_out(held);
        if held.facts.origin != self.us || narrows || by_itself {
            return None;
        }
        self.never_counts_by_itself(held).then_some(Refusal::SignedAfterRevocation)
    }

    /// What its origin's keyring says of a record, whatever a person has decided.
    fn judged_by_keyring(&self, held: &Held) -> Entitlement {
        self.entitlement(&held.claim(), None, held.first_seen(), held.standing_since)
    }

    /// Whether its own economy has said of the key that what it signed then counts nowhere: no affirmation brings it
    /// back. Only root keys that replace stolen ones could unsay it; then a person releases what was dropped.
    fn never_counts_by_itself(&self, held: &Held) -> bool {
        let refused = Entitlement::Refused(Refusal::SignedAfterRevocation);
        self.judged_by_keyring(held) == refused
    }

    fn has_taken_back(&self, held: &Held) -> bool {
        let (id, origin) = (held.facts.id, held.facts.origin);
        let ours = origin == self.us;
        if !ours && self.never_counts_by_itself(held) {
            return true;
        }
        let body = held.body.as_deref().and_then(|body| WithdrawalBody::decode(body).ok());
        // One of ours that is set aside counts here and has reached nobody: another has to say it.
        let said = |target: &RecordId, recalls: bool| {
            let stone = self.tombstones.get(&(*target, origin));
            let stone = stone.filter(|stone| !recalls || stone.recall.is_some());
            stone.is_some_and(|stone| !ours || stone.by != id)
        };
        let said = |body: &WithdrawalBody| {
            body.records.iter().all(|target| said(target, body.recall.is_some()))
        };
        body.is_some_and(|body| body.from.is_empty() && said(&body))
    }

    fn has_ended(&self, held: &Held) -> bool {
        let (id, ours) = (held.facts.id, held.facts.origin == self.us);
        if !ours && self.never_counts_by_itself(held) {
            return true;
        }
        let body = held.body.as_deref().and_then(|body| TerminationBody::decode(body).ok());
        let Some(body) = body else { return false };
        // One of ours that is set aside counts here and has reached nobody: another has to say it.
        let mut endings =
            self.agreements.get(&body.agreement).into_iter().flat_map(|one| one.text.endings());
        match ours {
            true => endings.next().is_some() && !self.is_ended_here_alone(&body.agreement),
            false => endings.any(|ending| ending.record == id),
        }
    }
}

/// Whether it counts by the word of a person here.
fn was_let_out(held: &Held) -> bool {
    held.ruling.as_ref().is_some_and(|ruling| ruling.standing == Standing::Accepted)
}
