//! Room for what a partner brings: past a bound it is put off, unacknowledged, and said once.

use comity_core::journal::{Arrival, ArrivalOutcome, JournalEntry, Standing};
use comity_core::receipt::RejectReason;
use comity_core::{EconomyId, Timestamp};
use comity_proto::Incoming;

use super::judging::Verdict;
use super::{Checked, Engine, Then};
use crate::state::{Bound, Stranger};

impl Engine {
    /// The verdict on a delivery, or that there is no room for it.
    pub(super) fn if_room(
        &self,
        partner: EconomyId,
        checked: &Checked,
        verdict: Verdict,
        now: Timestamp,
    ) -> Verdict {
        let manifest = checked.record.manifest();
        if matches!(verdict, Verdict::Enter(_)) && !self.state.knows(&manifest.origin) {
            return match self.state.room_for_stranger(&partner, manifest) {
                Stranger::Waits => verdict,
                Stranger::Unkept { first } => Verdict::Unkept { first },
                Stranger::PutOff => Verdict::PutOff(Bound::Strangers),
            };
        }
        if let (Verdict::Enter(standing), Some(keyring)) = (&verdict, checked.carried()) {
            let set_aside = *standing != Standing::Accepted;
            if manifest.origin != partner && self.state.waits_in_vain(keyring, set_aside) {
                return Verdict::Reject(RejectReason::NotEntitled);
            }
            if let Some(bound) = self.state.over_keyrings(keyring, now) {
                return Verdict::PutOff(bound);
            }
        }
        let over = match &verdict {
            Verdict::Enter(standing) => {
                let pending = matches!(standing, Standing::Pending(_));
                let says = *standing == Standing::Accepted;
                let said = || self.state.says_too_much(checked.record.id(), manifest);
                let said = says.then(said).flatten();
                let over = said.or_else(|| self.state.over(&partner, manifest, pending));
                // Who passes it on did nothing wrong, and must not wait for its origin; it is asked again,
                // for there may be room by then.
                let settled = said.is_some() || over == Some(Bound::Early);
                if settled && manifest.origin != partner {
                    return Verdict::Unkept { first: false };
                }
                over
            }
            Verdict::Known
            | Verdict::Withdrawn
            | Verdict::More
            | Verdict::Reject(_)
            | Verdict::Declined(_)
            | Verdict::Unkept { .. }
            | Verdict::PutOff(_) => None,
        };
        over.map_or(verdict, Verdict::PutOff)
    }

    /// Nothing is acknowledged, so nothing is lost: the partner tries again later.
    pub(super) fn put_off(
        &mut self,
        partner: EconomyId,
        number: u64,
        (bound, origin): (Bound, EconomyId),
        now: Timestamp,
    ) {
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.arriving.remove(&number);
        }
        let account = bound.account(partner, origin);
        if self.full.entry(account).or_default().insert(bound) {
            let text = format!("more of that is put off until there is room again: {bound}");
            self.alarm(Some(account), "no-room", text);
        }
        self.session_input(partner, comity_proto::Input::Deferred { number }, now);
    }

    /// The number is settled, so that no gap keeps back the receipts of all that follows: an honest partner
    /// cannot know whom we know. What it brought is asked for when the origin is known.
    pub(super) fn settle_unkept(
        &mut self,
        partner: EconomyId,
        incoming: &Incoming,
        (origin, first): (EconomyId, bool),
        now: Timestamp,
    ) {
        let (number, reason) = (incoming.entry.number, RejectReason::UnknownOrigin);
        if first {
            let text = format!(
                "it passes on more of {}, whom nobody here knows, than is kept of such: the rest comes when an introduction is confirmed (`comity partner confirm`)",
                self.state.name_of(&origin)
            );
            self.alarm(Some(partner), "unknown-origin", text);
        }
        let arrival = Arrival {
            from: partner,
            number,
            digest: incoming.entry.digest(),
            entry: Some(incoming.entry.clone()),
            outcome: ArrivalOutcome::Unkept(origin),
            at: now,
        };
        self.enter(&JournalEntry::Arrival(arrival), Vec::new());
        self.then.push(Then::Rejected { partner, number, reason });
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.arriving.remove(&number);
        }
    }

    /// A bound that was reached is spoken of anew only after a quarter of the room is free again.
    pub(super) fn note_room(&mut self) {
        let state = &self.state;
        self.full.retain(|partner, bounds| {
            let kept = state.kept(partner);
            bounds.retain(|bound| kept.of(*bound) > bound.limit() / 4 * 3);
            !bounds.is_empty()
        });
    }

    /// What there is no room for from this partner.
    pub fn full(&self, partner: &EconomyId) -> impl Iterator<Item = Bound> + '_ {
        let mut full = self.full.get(partner).cloned().unwrap_or_default();
        full.extend(self.state.reached(partner));
        full.into_iter()
    }
}
