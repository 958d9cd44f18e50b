//! Considering what a partner may have, and giving it numbers.

use std::collections::BTreeSet;

use comity_core::entropy::draw;
use comity_core::journal::{DeliveryDecided, JournalEntry, Withheld};
use comity_core::ledger::LedgerEntry;
use comity_core::policy::{self, Plan, PolicySnapshot};
use comity_core::{EconomyId, PartDigest, RecordId, Timestamp, Urgency};

use super::batches::batches;
use super::session::Session;
use super::{Engine, Then};
use crate::limits::{CONSIDERED_PER_STEP, EXAMINED_AT_ONCE, QUEUE};

impl Engine {
    /// Whether anything may be numbered for this partner now.
    fn may_offer(&self, session: &Session) -> bool {
        // What the partner put off waits for it, and not in the way of what it may have room for.
        let put_off: usize = session.deferred.values().map(BTreeSet::len).sum();
        let under_way = session.under_way.len().saturating_sub(put_off);
        session.up
            && self.failed.is_none()
            && under_way < QUEUE
            && self.examining.len() < EXAMINED_AT_ONCE
    }

    pub(super) fn offer_all(&mut self, now: Timestamp) {
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.offer(partner, now);
        }
    }

    /// Considers, for one partner, what has arrived since it was last looked at.
    fn offer(&mut self, partner: EconomyId, now: Timestamp) {
        for _ in 0..CONSIDERED_PER_STEP {
            let Some(session) = self.sessions.get(&partner) else { return };
            if !self.may_offer(session) {
                return;
            }
            let live = self.state.arrival(session.live);
            let again = session.backfill.map(|place| self.state.arrival(place));
            let Some(session) = self.sessions.get_mut(&partner) else { return };
            let record = match (live, again) {
                (Some((place, record)), _) => {
                    session.live = place.saturating_add(1);
                    record
                }
                (None, Some(Some((place, record)))) => {
                    session.backfill = Some(place.saturating_add(1));
                    record
                }
                (None, Some(None)) => {
                    session.backfill = std::mem::take(&mut session.backfill_again).then_some(0);
                    continue;
                }
                (None, None) => return,
            };
            self.consider(partner, record, now);
        }
    }

    /// Whether there is more to consider at once.
    #[must_use]
    pub fn has_more(&self) -> bool {
        let waiting = |session: &Session| {
            let live = self.state.arrival(session.live).is_some();
            self.may_offer(session) && (live || session.backfill.is_some())
        };
        self.sessions.values().any(waiting) || self.is_sweeping()
    }

    /// Every partner is looked at anew: something may have widened.
    pub(super) fn widen(&mut self) {
        self.sessions.values_mut().for_each(Session::look_again);
    }

    /// Those are looked at anew for whom the last entry may have made something possible.
    pub(super) fn widen_for(&mut self) {
        let widened = self.state.take_widened();
        for (partner, session) in &mut self.sessions {
            if widened.all || widened.some.contains(partner) {
                session.backfill_again = session.backfill.is_some();
                session.backfill.get_or_insert(0);
            }
        }
    }

    /// Numbers a delivery of what the partner may have of a record and was not sent before.
    pub(super) fn consider(&mut self, partner: EconomyId, record: RecordId, now: Timestamp) {
        let Some(held) = self.state.record(&record) else { return };
        if held.came_from(&partner) {
            return;
        }
        if self.is_withholding(&partner) || self.is_too_new(&partner, &record) {
            return;
        }
        if self.waits_for_guard(partner, record, now) {
            return;
        }
        let certainly = self.keep_certainly();
        let (Some(held), Some(state)) = (self.state.record(&record), self.state.partner(&partner))
        else {
            return;
        };
        let plan = self.state.plan(held, &partner, now);
        // What stays for another reason than the guard is not looked at; when its time comes, it is.
        let unexamined = !self.state.unexamined(held).is_empty();
        let clear = unexamined.then(|| self.state.plan_if_clear(held, &partner, now));
        let clear = clear.as_ref().unwrap_or(&plan);
        if let Some(until) = clear.holds()
            && let Some(session) = self.sessions.get_mut(&partner)
        {
            session.holds.entry(until).or_default().insert(record);
        }
        // Once the clock is vouched for, everything is looked at anew.
        let surely = |plan: &Plan| {
            certainly.as_ref().map(|it| it.of(&self.state, held, &partner, plan, now))
        };
        let certain = surely(&plan);
        let going = certain.as_ref().unwrap_or(&plan);
        let sent = state.out.sent(&record);
        if !going.goes() || is_sent(going, sent.as_ref()) {
            return;
        }
        let withheld = withheld(self.state.policy(), clear);
        if !self.awaits_consent(partner, held, going, now) {
            return self.number_new(partner, record, going, &withheld, sent, now);
        }
        // What goes without any consent does not wait for one, which the partner may refuse.
        let free = self.state.plan_without_consents(held, &partner, now);
        let free = surely(&free).unwrap_or(free);
        if free.goes() && !is_sent(&free, sent.as_ref()) {
            self.number_new(partner, record, &free, &withheld, sent, now);
        }
        self.show_consent_first(partner, record, now);
    }

    /// Numbers what goes of a record by this plan, and was not sent before.
    fn number_new(
        &mut self,
        partner: EconomyId,
        record: RecordId,
        plan: &Plan,
        withheld: &[Withheld],
        sent: Option<BTreeSet<PartDigest>>,
        now: Timestamp,
    ) {
        let (Some(held), Some(state)) = (self.state.record(&record), self.state.partner(&partner))
        else {
            return;
        };
        let (batches, left) = batches(held, plan, &sent.unwrap_or_default());
        let origin = held.facts.origin;
        let first = !state.may_know(&origin);
        if left > 0 {
            let text = format!(
                "some parts of record {} stay: with what must go along they are more than a delivery may be",
                record.short()
            );
            self.alarm(Some(partner), "too-heavy", text);
        }
        for parts in batches {
            self.number(partner, record, parts, withheld, now);
        }
        // Without its keyring the partner cannot judge what comes from an economy that it has not met.
        if first && self.state.partner(&partner).is_some_and(|one| one.may_know(&origin)) {
            for keyring in self.state.keyring_records(&origin).to_vec() {
                self.consider(partner, keyring, now);
            }
        }
    }

    /// Gives a number to a delivery of these parts, if they may go by themselves.
    fn number(
        &mut self,
        partner: EconomyId,
        record: RecordId,
        mut parts: Vec<PartDigest>,
        withheld: &[Withheld],
        now: Timestamp,
    ) {
        let (Some(held), Some(state)) = (self.state.record(&record), self.state.partner(&partner))
        else {
            return;
        };
        let mut plan = self.state.plan_of(held, &parts, &partner, now);
        // Of two addressee parts that name the partner, one may give nothing of this: it stays.
        if plan.goes() && plan.releases() != parts {
            parts = plan.releases().to_vec();
            plan = self.state.plan_of(held, &parts, &partner, now);
        }
        let Some(obligations) = plan.obligations().filter(|_| plan.releases() == parts) else {
            return;
        };
        let decided = DeliveryDecided {
            to: partner,
            entry: LedgerEntry {
                epoch: state.out.epoch(),
                number: state.out.next_number(),
                record,
                parts,
                obligations: obligations.clone(),
                salt: draw(&mut *self.entropy),
            },
            policy: self.state.policy().version(),
            covering: plan.covering(),
            withheld: withheld.to_vec(),
            returned: false,
            at: now,
        };
        let number = decided.entry.number;
        self.enter(&JournalEntry::Delivery(decided), Vec::new());
        self.then.push(Then::HandOver { partner, number });
    }

    /// Looks again at what a release time held back.
    pub(super) fn release_holds(&mut self, partner: EconomyId, now: Timestamp) {
        loop {
            let Some(session) = self.sessions.get_mut(&partner) else { return };
            if !session.up || session.holds.first_key_value().is_none_or(|(at, _)| *at > now) {
                return;
            }
            let due = session.holds.pop_first().map(|(_, due)| due).unwrap_or_default();
            for record in due {
                self.consider(partner, record, now);
            }
        }
    }

    /// Records that are urgent do not wait for the cursor.
    pub(super) fn offer_at_once(&mut self, record: RecordId, urgency: Urgency, now: Timestamp) {
        if urgency != Urgency::Urgent {
            return;
        }
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            if self.sessions.get(&partner).is_some_and(|session| session.up) {
                self.consider(partner, record, now);
            }
        }
    }
}

/// Whether all that goes by a plan was sent: one id goes twice only with parts that were not sent before.
pub(crate) fn is_sent(plan: &Plan, sent: Option<&BTreeSet<PartDigest>>) -> bool {
    sent.is_some_and(|sent| plan.releases().iter().all(|part| sent.contains(part)))
}

/// What stays, with the gate and the clause that keep it.
fn withheld(policy: &PolicySnapshot, plan: &Plan) -> Vec<Withheld> {
    plan.withheld()
        .map(|part| Withheld {
            part: part.digest,
            gate: part.decision.deciding().map(|one| one.gate.to_string()).unwrap_or_default(),
            clause: policy::reason(policy, &part.decision).unwrap_or_default(),
        })
        .collect()
}
