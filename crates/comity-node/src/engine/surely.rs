//! Whether somebody besides this machine says what the time is.
//!
//! Where the clock at a start is further ahead than a day of what the journal has vouched for, the machine rested or
//! its clock is wrong, and only a partner's clock or a person can tell. Entries that were made by that clock say
//! nothing for it, at no later start either. Until somebody does, nothing is erased by its term, and nothing leaves whose
//! time came after what is vouched for: what has left cannot be taken back.

use comity_core::entropy::draw;
use comity_core::limits::CLOCK_TOLERANCE;
use comity_core::policy::Plan;
use comity_core::{EconomyId, Timestamp};

use super::Engine;
use crate::limits::A_DAY;
use crate::state::{Held, one_is_enough};

impl Engine {
    /// A person says that the clock is right.
    pub fn clock_is_confirmed(&mut self) {
        if self.sure.replace(true) == Some(false) {
            // What waited for it is due now.
            self.widen();
        }
    }

    /// A partner's clock says this, now.
    pub(super) fn clock_is_witnessed(
        &mut self,
        partner: EconomyId,
        theirs: Timestamp,
        now: Timestamp,
    ) {
        let agrees = theirs.since(now).max(now.since(theirs)) <= CLOCK_TOLERANCE;
        self.witnesses.insert(partner, agrees);
        // One whose clock is wrong, or who gains by it, does not say it against as many others.
        let all = self.witnesses.len();
        let agree = self.witnesses.values().filter(|agrees| **agrees).count();
        if agree > all.saturating_sub(agree) && one_is_enough(now.since(self.state.vouched())) {
            self.clock_is_confirmed();
        }
    }

    /// Whether the time may be trusted. Asked at every step, before anything is entered; once it may, it may until
    /// the next start, for a running node does not follow a clock that jumps.
    pub(super) fn look_at_clock(&mut self, now: Timestamp) {
        if self.sure == Some(true) {
            return;
        }
        let ahead = now.since(self.state.vouched());
        if ahead <= A_DAY {
            return self.clock_is_confirmed();
        }
        if self.sure.replace(false).is_none() {
            self.tell_unsure(now);
        }
    }

    /// Up to when time has certainly come, where that is not now.
    pub(crate) fn unsure(&self) -> Option<Timestamp> {
        (self.sure == Some(false)).then(|| self.state.vouched().saturating_add(A_DAY))
    }

    /// Whether something of what goes by this plan was still to wait at the last time of which anybody is sure.
    pub(super) fn waits_for_clock(&self, partner: &EconomyId, held: &Held, plan: &Plan) -> bool {
        let Some(surely) = self.unsure() else { return false };
        let then = self.state.plan_once_published(held, partner, surely);
        !then.goes() || plan.releases().iter().any(|part| !then.releases().contains(part))
    }

    /// Asks each partner that connects what its clock says, where nobody has vouched for ours.
    pub(super) fn ask_for_the_time(&mut self, now: Timestamp) {
        if self.unsure().is_none() {
            return;
        }
        let unasked = self.sessions.iter_mut().filter(|(_, one)| one.up && !one.clock_asked);
        let asked: Vec<_> = unasked
            .map(|(partner, session)| {
                session.clock_asked = true;
                *partner
            })
            .collect();
        for partner in asked {
            let nonce = u64::from_be_bytes(draw(&mut *self.entropy));
            self.session_input(partner, comity_proto::Input::Ping { nonce }, now);
        }
    }

    fn tell_unsure(&mut self, now: Timestamp) {
        let vouched = self.state.vouched();
        let until = if one_is_enough(now.since(vouched)) {
            "until a partner's clock agrees (comity partner ping NAME), or you confirm it (comity clock confirm)"
        } else {
            "until you confirm it (comity clock confirm), or more partners' receipts have agreed for a day than speak against it"
        };
        let against: Vec<_> =
            self.state.clocks_against().map(|one| self.state.name_of(one)).collect();
        let against = match against.is_empty() {
            true => String::new(),
            false => format!("; against it speak the clocks of {}", against.join(", ")),
        };
        let text = format!(
            "the clock says {now}, and nobody vouches for a time after {vouched}: nothing is erased by its term, and nothing goes whose time came since, {until}{against}"
        );
        self.alarm(None, "clock-unsure", text);
    }
}
