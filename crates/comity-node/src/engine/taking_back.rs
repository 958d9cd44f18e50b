//! Taking back what has not left, and what becomes of numbers that a partner will never take.

use std::time::Duration;

use comity_core::journal::JournalEntry;
use comity_core::receipt::RejectReason;
use comity_core::{Digest, EconomyId, Timestamp};

use super::session::Session;
use super::{Engine, Then};
use crate::state::OutFate;

impl Engine {
    /// Something turned: what waits in the links is decided again.
    pub(super) fn reclaim_all(&mut self) {
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.reclaim(partner);
        }
    }

    /// The same where time has turned something.
    pub(super) fn reclaim_turned(&mut self, now: Timestamp) {
        let turned = |session: &Session| session.turns_at.is_some_and(|at| at <= now);
        let turned: Vec<_> =
            self.sessions.iter().filter(|(_, session)| turned(session)).map(|(p, _)| *p).collect();
        for partner in turned {
            self.reclaim(partner);
        }
    }

    /// Takes back from a link what has not left, and queues it anew.
    fn reclaim(&mut self, partner: EconomyId) {
        let Some(session) = self.sessions.get_mut(&partner) else { return };
        session.turns_at = None;
        self.session_input(partner, comity_proto::Input::Reclaim, self.now);
    }

    /// The decision has turned since the number was given: nothing of it left on this connection.
    pub(super) fn take_back(
        &mut self,
        partner: EconomyId,
        number: u64,
        digest: Digest,
        now: Timestamp,
    ) {
        let handed = self.possibly_handed(partner, number);
        let entry = JournalEntry::Voided { to: partner, number, digest, handed, at: now };
        self.enter(&entry, Vec::new());
        self.then.push(Then::Void { partner, number, digest });
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.under_way.remove(&number);
        }
        // Something else of the record may still go: it is looked at again, after a pause, so that a
        // decision that keeps turning does not fill the journal.
        let record = self
            .state
            .partner(&partner)
            .and_then(|one| one.out.entry(number))
            .and_then(|entry| entry.entry.as_ref().map(|entry| entry.record));
        if let (Some(record), Some(session)) = (record, self.sessions.get_mut(&partner)) {
            let again = now.saturating_add(Duration::from_secs(1));
            session.holds.entry(again).or_default().insert(record);
        }
    }

    /// Whether bytes of a delivery may have left: of one that was numbered in an earlier run of this
    /// process nobody can say, so it counts.
    fn possibly_handed(&self, partner: EconomyId, number: u64) -> bool {
        let numbered_here = self.numbered_from.get(&partner).is_some_and(|from| number >= *from);
        let session = self.sessions.get(&partner);
        !numbered_here || session.is_none_or(|session| session.handed.contains(number))
    }

    /// The partner will never take a delivery.
    pub(super) fn refused(
        &mut self,
        partner: EconomyId,
        number: u64,
        reason: RejectReason,
        now: Timestamp,
    ) {
        let known = self.state.partner(&partner).and_then(|partner| partner.out.entry(number));
        if known.is_none_or(|entry| entry.fate != OutFate::Live) {
            return;
        }
        self.alarm(Some(partner), "refused", format!("delivery {number} was refused: {reason}"));
        let entry = JournalEntry::Refused { by: partner, number, reason: reason.code(), at: now };
        self.enter(&entry, Vec::new());
        self.acknowledge_one(partner, number);
    }

    fn acknowledge_one(&mut self, partner: EconomyId, number: u64) {
        if let Some(state) = self.state.partner_mut(&partner) {
            state.out.acknowledge([(number, number)]);
        }
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.under_way.remove(&number);
        }
    }
}
