//! From a record that is here to its first byte on a link.
//!
//! Consider (may this partner have anything new of it?), number (an entry in the journal), load, decide
//! once more, hand over. The last decision is the one that counts: where it has turned, the number
//! becomes void.

use std::collections::BTreeSet;
use std::time::Duration;

use comity_core::journal::{DeliveryDecided, JournalEntry, Withheld};
use comity_core::ledger::LedgerEntry;
use comity_core::policy::{self, Payload, Plan, PlannedPart, PolicySnapshot, Recipient};
use comity_core::{Delivery, EconomyId, PartDigest, RecordId, Section, Timestamp, Urgency};

use comity_core::receipt::RejectReason;
use comity_proto::{Lane, Load};

use super::session::Session;
use super::{Effect, Engine, Job, Loaded, Then, Token};
use crate::state::{Held, OutFate};

/// Arrivals considered for one partner in one step, so that no step takes long.
const CONSIDERED_PER_STEP: usize = 512;
/// Numbers that may wait for room on a link; beyond it nothing more is numbered.
const QUEUE: usize = 1024;

impl Engine {
    /// Whether anything may be numbered for this partner now.
    fn may_offer(&self, session: &Session) -> bool {
        session.up && self.failed.is_none() && session.under_way.len() < QUEUE
    }

    pub(super) fn offer_all(&mut self, now: Timestamp) {
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.offer(partner, now);
        }
    }

    /// Considers, for one partner, what has arrived since it was last looked at.
    fn offer(&mut self, partner: EconomyId, now: Timestamp) {
        for _ in 0..CONSIDERED_PER_STEP {
            let arrivals = self.state.arrivals();
            let Some(session) = self.sessions.get(&partner) else { return };
            if !self.may_offer(session) {
                return;
            }
            let (place, backfill) = match (session.live < arrivals.len(), session.backfill) {
                (true, _) => (session.live, false),
                (false, Some(place)) => (place, true),
                (false, None) => return,
            };
            let record = arrivals.get(place).copied();
            let Some(session) = self.sessions.get_mut(&partner) else { return };
            match (backfill, record) {
                (false, _) => session.live += 1,
                (true, Some(_)) => session.backfill = Some(place + 1),
                (true, None) => {
                    session.backfill = std::mem::take(&mut session.backfill_again).then_some(0);
                }
            }
            if let Some(record) = record {
                self.consider(partner, record, now);
            }
        }
    }

    /// Whether there is more to consider at once.
    #[must_use]
    pub fn has_more(&self) -> bool {
        let arrivals = self.state.arrivals().len();
        let waiting = |session: &Session| {
            self.may_offer(session) && (session.live < arrivals || session.backfill.is_some())
        };
        self.sessions.values().any(waiting)
    }

    /// Every partner is looked at anew: something may have widened.
    pub(super) fn widen(&mut self) {
        for session in self.sessions.values_mut() {
            // A pass that is under way ends first: whoever could make us begin anew again and again
            // would keep late records from everybody.
            session.backfill_again = session.backfill.is_some();
            session.backfill.get_or_insert(0);
        }
    }

    /// Numbers a delivery of what the partner may have of a record and was not sent before.
    fn consider(&mut self, partner: EconomyId, record: RecordId, now: Timestamp) {
        let Some(held) = self.state.record(&record) else { return };
        if held.came_from(&partner) {
            return;
        }
        if self.state.recovery().is_some() {
            return;
        }
        let Some(state) = self.state.partner(&partner) else { return };
        let plan = self.state.plan(held, &partner, now);
        if let Some(until) = plan.holds()
            && let Some(session) = self.sessions.get_mut(&partner)
        {
            session.holds.entry(until).or_default().insert(record);
        }
        if !plan.goes() {
            return;
        }
        let batches = match state.out.sent(&record) {
            // One id goes twice only with parts that were not sent before.
            Some(sent) if plan.releases().iter().all(|part| sent.contains(part)) => return,
            sent => batches(held, &plan, &sent.unwrap_or_default()),
        };
        let withheld = withheld(self.state.policy(), &plan);
        let origin = held.facts.origin;
        let first = !state.origins.contains(&origin);
        for parts in batches {
            self.number(partner, record, parts, &withheld, now);
        }
        // Without its keyring the partner cannot judge what comes from an economy that it has not met.
        if first && self.state.partner(&partner).is_some_and(|one| one.origins.contains(&origin)) {
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
            },
            policy: self.state.policy().version(),
            covering: plan.parts().iter().find_map(|part| part.decision.covering()),
            withheld: withheld.to_vec(),
            returned: false,
            at: now,
        };
        let number = decided.entry.number;
        self.enter(&JournalEntry::Delivery(decided), Vec::new());
        self.then.push(Then::HandOver { partner, number });
    }

    /// A numbered delivery is durable.
    pub(super) fn ready(&mut self, partner: EconomyId, number: u64) {
        if let Some(session) = self.sessions.get_mut(&partner)
            && session.up
        {
            session.queue(number);
        }
    }

    /// After a connection stands: everything that the partner does not hold goes again.
    pub(super) fn requeue(&mut self, economy: EconomyId, now: Timestamp) {
        let Some(partner) = self.state.partner(&economy) else { return };
        // What is not synced yet follows when it is.
        let unsynced = self.unsynced(economy);
        let outstanding: Vec<_> = partner
            .out
            .outstanding()
            .filter(|number| !unsynced.contains(number))
            .filter_map(|number| partner.out.entry(number).map(|entry| (number, entry)))
            .map(|(number, entry)| {
                (number, entry.digest, matches!(entry.fate, OutFate::Void { .. }))
            })
            .collect();
        for (number, digest, void) in outstanding {
            if void {
                self.session_input(economy, comity_proto::Input::Void { number, digest }, now);
            } else if let Some(session) = self.sessions.get_mut(&economy) {
                session.queue(number);
            }
        }
        self.pump(economy, now);
    }

    /// Numbers of a partner of which an entry is still being written.
    fn unsynced(&self, economy: EconomyId) -> BTreeSet<u64> {
        let steps = self.commits.values().flatten().chain(&self.then);
        let numbers = steps.filter_map(|step| match step {
            Then::HandOver { partner, number } | Then::Void { partner, number, .. } => {
                (*partner == economy).then_some(*number)
            }
            Then::Reply { .. }
            | Then::Stored { .. }
            | Then::Rejected { .. }
            | Then::ReturnStored { .. }
            | Then::Announce { .. }
            | Then::EpochStored { .. } => None,
        });
        numbers.collect()
    }

    /// Hands over what waits, as far as the link has room.
    pub(super) fn pump(&mut self, partner: EconomyId, now: Timestamp) {
        loop {
            let Some(session) = self.sessions.get_mut(&partner) else { return };
            if !session.up || self.failed.is_some() {
                return;
            }
            let Some(number) = session.queue.front().copied() else { return };
            let Some(entry) = self
                .state
                .partner(&partner)
                .and_then(|partner| partner.out.entry(number))
                .filter(|entry| entry.fate == OutFate::Live)
                .and_then(|entry| entry.entry.clone())
            else {
                session.queue.pop_front();
                continue;
            };
            let Some(held) = self.state.record(&entry.record) else {
                session.queue.pop_front();
                continue;
            };
            let load = held.load(&entry.parts);
            if session.epoch_awaited || !session.room().fits(load) {
                return;
            }
            session.queue.pop_front();
            let seq = held.seq;
            if let Some(loaded) = self.fresh.load(seq, &entry.parts) {
                self.hand_over(partner, number, loaded, now);
            } else {
                session.loading.insert(number, load);
                let token = self.token();
                self.jobs.insert(token, Job::HandOver { partner, number });
                self.effects.push(Effect::Load { token, seq, parts: entry.parts });
            }
        }
    }

    pub(super) fn loaded(&mut self, token: Token, result: Result<Loaded, String>, now: Timestamp) {
        match (self.jobs.remove(&token), result) {
            (Some(Job::HandOver { partner, number }), Ok(loaded)) => {
                self.hand_over(partner, number, loaded, now);
            }
            (Some(Job::Return { partner, number }), Ok(loaded)) => {
                self.give_back_loaded(partner, number, loaded, now);
            }
            (
                Some(Job::HandOver { partner, number } | Job::Return { partner, number }),
                Err(why),
            ) => {
                if let Some(session) = self.sessions.get_mut(&partner) {
                    session.loading.remove(&number);
                    session.under_way.remove(&number);
                }
                let text = format!("delivery {number} cannot be read: {why}");
                self.alarm(Some(partner), "unreadable", text);
            }
            (Some(Job::Incoming { .. } | Job::Returned { .. }) | None, _) => {}
        }
    }

    /// The last decision, and the first byte.
    fn hand_over(&mut self, partner: EconomyId, number: u64, loaded: Loaded, now: Timestamp) {
        let up = self.sessions.get_mut(&partner).is_some_and(|session| {
            session.loading.remove(&number);
            session.up && session.under_way.contains(&number)
        });
        let entry = self
            .state
            .partner(&partner)
            .and_then(|partner| partner.out.entry(number))
            .filter(|entry| entry.fate == OutFate::Live);
        let Some((entry, digest)) =
            entry.and_then(|out| out.entry.clone().map(|entry| (entry, out.digest)))
        else {
            return;
        };
        // After a break the number was queued anew, or will be when the partner is back.
        if !up {
            return;
        }
        let Some(held) = self.state.record(&entry.record) else { return };
        let recipient = Recipient::Partner { economy: partner, desk: None };
        let facts = self.state.facts_for(held, &partner);
        if self.state.recovery().is_some() {
            return;
        }
        let lane =
            if entry_is_late(held, now) { Lane::Backfill } else { Lane::of(held.facts.urgency) };
        let payload = Payload { entry, signed: loaded.signed, bodies: loaded.parts };
        let released =
            policy::release(self.state.policy(), &facts, &held.parts, &recipient, now, payload);
        match released {
            Ok(delivery) => {
                let turns_at = self.turns_at(&delivery, now);
                if let Some(session) = self.sessions.get_mut(&partner) {
                    session.handed.insert(number);
                    session.turns_at = session.turns_at.into_iter().chain(turns_at).min();
                }
                let input = comity_proto::Input::Deliver { delivery, lane };
                self.session_input(partner, input, now);
            }
            Err(_turned) => self.take_back(partner, number, digest, now),
        }
    }

    /// When time alone may turn the decision on a delivery: an agreement ends, or a part expires.
    fn turns_at(&self, delivery: &Delivery, now: Timestamp) -> Option<Timestamp> {
        let entry = delivery.entry();
        let held = self.state.record(&entry.record)?;
        let gone = held.parts.iter().filter(|part| entry.parts.binary_search(&part.digest).is_ok());
        let expires = gone.filter_map(|part| part.marking.expires).filter(|at| *at > now);
        expires.chain(self.state.policy().next_change(now)).min()
    }

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
    fn take_back(
        &mut self,
        partner: EconomyId,
        number: u64,
        digest: comity_core::Digest,
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

/// How long after it entered a record still counts as happening now.
const LATE: Duration = Duration::from_secs(60);

/// Whether a record goes with what was missed, after everything live.
fn entry_is_late(held: &Held, now: Timestamp) -> bool {
    now.since(held.entered_at) > LATE
}

/// The parts to send, in deliveries that each fit the link's bound, ascending within each.
///
/// An addressee part goes with every delivery: what it gives is refused without it.
fn batches(held: &Held, plan: &Plan, sent: &BTreeSet<PartDigest>) -> Vec<Vec<PartDigest>> {
    let addressee = |part: &&PlannedPart| part.section == Section::Addressee;
    let released = || plan.parts().iter().filter(|part| part.decision.is_release());
    let common: Vec<_> = released().filter(addressee).map(|part| part.digest).collect();
    let mut new: Vec<_> = released()
        .filter(|part| part.section != Section::Addressee && !sent.contains(&part.digest))
        .collect();
    // What says something goes first, so that no delivery consists of a case number alone.
    new.sort_by_key(|part| (part.section == Section::Case, part.digest));
    let mut batches = vec![common.clone()];
    for part in new {
        let fits = |batch: &Vec<PartDigest>| {
            let with: Vec<_> = batch.iter().copied().chain([part.digest]).collect();
            Load::LIMIT.fits(held.load(&with))
        };
        match batches.last_mut() {
            Some(batch) if batch.len() == common.len() || fits(batch) => batch.push(part.digest),
            Some(_) | None => {
                batches.push(common.iter().copied().chain([part.digest]).collect());
            }
        }
    }
    for batch in &mut batches {
        accompany(held, plan, batch);
        batch.sort_unstable();
    }
    batches
}

/// A case number that is released late does not go alone: the lightest part that says something goes
/// again with it.
fn accompany(held: &Held, plan: &Plan, batch: &mut Vec<PartDigest>) {
    let contents = || held.parts.iter().filter(|part| part.is_content());
    if contents().any(|part| batch.contains(&part.digest)) {
        return;
    }
    let released = contents().filter(|part| plan.releases().contains(&part.digest));
    let lightest = released.min_by_key(|part| held.sizes.get(&part.digest));
    batch.extend(lightest.map(|part| part.digest));
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
