//! Whether somebody besides this machine says what the time is.
//!
//! Where the clock at a start is further ahead than a day of what the journal has vouched for, the machine rested or
//! its clock is wrong, and only a partner's clock or a person can tell. Entries that were made by that clock say
//! nothing for it, at no later start either. Until somebody does, nothing is erased by its term, and nothing leaves whose
//! time came after what is vouched for: what has left cannot be taken back.

use std::sync::Arc;

use comity_core::entropy::draw;
use comity_core::limits::CLOCK_TOLERANCE;
use comity_core::policy::{Plan, PolicySnapshot, RecordFacts};
use comity_core::{EconomyId, PartDigest, Timestamp};

use super::{CommandError, Engine};
use crate::limits::{A_DAY, AN_HOUR};
use crate::state::{Held, State, one_is_enough};

/// What is certain where the clock is in doubt.
pub(crate) struct Certainly {
    /// Up to when time has come.
    at: Timestamp,
    policy: Arc<PolicySnapshot>,
}

impl Certainly {
    /// Up to when time has certainly come, and by what is decided what would leave by then, and of what.
    pub(crate) fn of_file(&self, held: &Held) -> (Timestamp, &PolicySnapshot, RecordFacts) {
        // What was published can be unsent no more, as of the links: each process counts that by itself.
        let facts = RecordFacts { unsend_until: None, ..held.facts.clone() };
        (self.at, &self.policy, facts)
    }

    /// What goes of this plan of now: what would go at that time as well, if it may go by itself.
    pub(crate) fn of(
        &self,
        state: &State,
        held: &Held,
        partner: &EconomyId,
        plan: &Plan,
        now: Timestamp,
    ) -> Plan {
        let then = state.plan_at(&self.policy, held, partner, self.at);
        if !then.goes() {
            return then;
        }
        let goes_then = |part: &&PartDigest| then.releases().contains(part);
        let both: Vec<_> = plan.releases().iter().filter(goes_then).copied().collect();
        match both == plan.releases() {
            true => plan.clone(),
            false => state.plan_of(held, &both, partner, now),
        }
    }

    /// Why something of a plan waits, where it is not in what is certain to go of it: a part, or all of a control
    /// record.
    pub(crate) fn why_waits(
        plan: &Plan,
        going: &Plan,
        part: Option<&PartDigest>,
    ) -> Option<&'static str> {
        let goes = |plan: &Plan| match part {
            Some(part) => plan.releases().contains(part),
            None => plan.goes(),
        };
        (goes(plan) && !goes(going)).then_some(
            "nobody vouches for the clock, and by the last time of which anybody is sure it would wait: comity clock show",
        )
    }
}

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
        let certain = self.state.vouched();
        let known = *self.certain.get_or_insert(certain);
        if certain.since(known) >= AN_HOUR {
            // What waited may go by now.
            self.certain = Some(certain);
            self.widen();
        }
    }

    /// Up to when time has certainly come, where that is not now.
    pub(crate) fn unsure(&self) -> Option<Timestamp> {
        (self.sure == Some(false)).then(|| self.state.vouched().saturating_add(A_DAY))
    }

    /// Refuses to sign what says when it is so, by a time that nobody vouches for.
    pub(super) fn is_vouched_for(&self) -> Result<(), CommandError> {
        let why = "nobody vouches for the clock: comity clock show";
        match self.unsure() {
            None => Ok(()),
            Some(_) => Err(CommandError::Unfitting(why.to_owned())),
        }
    }

    /// Up to when time has certainly come, and by what is decided what would go then; where that is not now.
    pub(crate) fn certainly(&self) -> Option<Certainly> {
        let at = self.unsure()?;
        let version = self.state.policy().version();
        let known = self.timeless.as_ref().filter(|policy| policy.version() == version);
        let policy = known.cloned().unwrap_or_else(|| Arc::new(self.state.timeless_policy()));
        Some(Certainly { at, policy })
    }

    /// The same, for many records one after the other.
    pub(super) fn keep_certainly(&mut self) -> Option<Certainly> {
        let certainly = self.certainly();
        self.timeless = certainly.as_ref().map(|certainly| Arc::clone(&certainly.policy));
        certainly
    }

    /// Asks each partner that is connected what its clock says, hourly, where nobody has vouched for ours.
    pub(super) fn ask_for_the_time(&mut self, now: Timestamp) {
        if self.unsure().is_none() {
            return;
        }
        let lately = |asked: Timestamp| asked <= now && now.since(asked) < AN_HOUR;
        let unasked = self.sessions.iter_mut();
        let unasked = unasked.filter(|(_, one)| one.up && !one.clock_asked.is_some_and(lately));
        let asked: Vec<_> = unasked
            .map(|(partner, session)| {
                session.clock_asked = Some(now);
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
