//! From a number to its first byte on a link: load, decide once more, hand over.
//!
//! The last decision is the one that counts: where it has turned, the number becomes void.

use std::collections::BTreeSet;
use std::time::Duration;

use comity_core::policy::{self, Payload, Recipient};
use comity_core::{Delivery, EconomyId, Kind, RecordId, Timestamp};
use comity_proto::{Lane, Load};

use super::{Effect, Engine, Job, Loaded, Then, Token};
use crate::state::{Held, OutEntry, OutFate};

impl Engine {
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
        // What it holds it has said in its greeting.
        self.offer_consented(economy, now);
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
            | Then::Admit(_)
            | Then::AskFor(_)
            | Then::TellHead(_)
            | Then::Numbered { .. }
            | Then::Stored { .. }
            | Then::Rejected { .. }
            | Then::ReturnStored { .. }
            | Then::Announce { .. }
            | Then::EpochStored { .. }
            | Then::Examine { .. }
            | Then::Remember(_)
            | Then::Erase(_) => None,
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
            let line = self.state.partner(&partner).and_then(|partner| partner.out.entry(number));
            if let Some(OutEntry { digest, fate: OutFate::Void { .. }, .. }) = line {
                // The partner had put it off, or it was taken back while it waited: it is told again.
                let digest = *digest;
                session.queue.pop_front();
                session.under_way.remove(&number);
                // One that is still being written is said when it is written.
                if !self.unsynced(partner).contains(&number) {
                    self.session_input(partner, comity_proto::Input::Void { number, digest }, now);
                }
                continue;
            }
            let due = self.state.partner(&partner).and_then(|partner| partner.out.due(number));
            let Some((entry, digest)) =
                due.and_then(|line| line.entry.clone().map(|entry| (entry, line.digest)))
            else {
                session.queue.pop_front();
                continue;
            };
            let Some(held) = self.state.record(&entry.record) else {
                session.queue.pop_front();
                continue;
            };
            let load = held.load(&entry.parts);
            if !Load::LIMIT.fits(load) {
                // No link will ever have room for it, nor for anything behind it.
                session.queue.pop_front();
                let text = format!("delivery {number} is more than one may be: it is taken back");
                self.alarm(Some(partner), "too-heavy", text);
                self.take_back(partner, number, digest, now);
                continue;
            }
            if session.epoch_awaited || !session.room().fits(load) {
                return;
            }
            session.queue.pop_front();
            let seq = held.seq;
            if self.waits_to_hand_over(partner, number, entry.record, &entry.parts) {
                continue;
            }
            if let Some(loaded) = self.fresh.load(seq, &entry.parts) {
                self.hand_over(partner, number, loaded, now);
            } else {
                if let Some(session) = self.sessions.get_mut(&partner) {
                    session.loading.insert(number, load);
                }
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
            (Some(Job::Return { partner, number, .. }), Ok(loaded)) => {
                self.give_back_loaded(partner, number, loaded, now);
            }
            (Some(Job::Return { partner, number, asked }), Err(why)) => {
                self.give_back_unread(partner, (number, asked), &why, now);
            }
            (Some(Job::HandOver { partner, number }), Err(why)) => {
                if let Some(session) = self.sessions.get_mut(&partner) {
                    session.loading.remove(&number);
                    session.under_way.remove(&number);
                }
                if !self.gone_meanwhile(partner, number, now) {
                    let text = format!("delivery {number} cannot be read: {why}");
                    self.alarm(Some(partner), "unreadable", text);
                }
            }
            (
                Some(
                    Job::Incoming { .. }
                    | Job::Returned { .. }
                    | Job::Keep { .. }
                    | Job::Examine { .. },
                )
                | None,
                _,
            ) => {}
        }
    }

    /// The last decision, and the first byte.
    fn hand_over(&mut self, partner: EconomyId, number: u64, loaded: Loaded, now: Timestamp) {
        let up = self.sessions.get_mut(&partner).is_some_and(|session| {
            session.loading.remove(&number);
            session.up && session.under_way.contains(&number)
        });
        let entry = self.state.partner(&partner).and_then(|partner| partner.out.due(number));
        let Some((entry, digest)) =
            entry.and_then(|out| out.entry.clone().map(|entry| (entry, out.digest)))
        else {
            return;
        };
        // After a break the number was queued anew, or will be when the partner is back.
        if !up {
            return;
        }
        self.take_back_spoken_of(partner, entry.record, now);
        if !self.is_withholding(&partner) && self.is_too_new(&partner, &entry.record) {
            return self.take_back(partner, number, digest, now);
        }
        let Some(held) = self.state.record(&entry.record) else { return };
        let recipient = Recipient::Partner { economy: partner, desk: None };
        let facts = self.state.facts_for(held, &partner);
        if self.is_withholding(&partner) {
            return;
        }
        // What goes by an emergency release goes under a number that says so, or nobody would recall it.
        let broken = !held.facts.emergencies.is_empty();
        let plan = broken.then(|| self.state.plan_of(held, &entry.parts, &partner, now));
        let rests_on = plan.and_then(|plan| plan.covering());
        let glass = rests_on.and_then(|word| self.state.emergency(&word));
        let not_its = glass.is_some_and(|glass| !glass.numbers.contains(&number));
        if not_its {
            return self.take_back(partner, number, digest, now);
        }
        let mut lane = self.lane(&partner, held, now);
        // What people there act on is only some of the record.
        let others = self.state.partner(&partner);
        if others.is_some_and(|one| one.out.is_held_before(&held.facts.id, number))
            && self.sessions.get_mut(&partner).is_some_and(|session| session.hastens(now))
        {
            lane = Lane::Urgent;
        }
        if self.state.is_by_emergency(&partner, number) {
            lane = Lane::Urgent;
        }
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
                // Before data.
                self.tell_head_to(partner, facts.origin, now);
                let input = comity_proto::Input::Deliver { delivery, lane };
                self.session_input(partner, input, now);
            }
            Err(_turned) => self.take_back(partner, number, digest, now),
        }
    }

    /// When time alone may turn the decision on a delivery: an agreement or an emergency release ends, or a
    /// part expires.
    fn turns_at(&self, delivery: &Delivery, now: Timestamp) -> Option<Timestamp> {
        let entry = delivery.entry();
        let held = self.state.record(&entry.record)?;
        let gone = held.parts.iter().filter(|part| entry.parts.binary_search(&part.digest).is_ok());
        let expires = gone.filter_map(|part| part.marking.expires).filter(|at| *at > now);
        let glass = held.facts.emergencies.iter().map(|one| one.until).filter(|at| *at > now);
        expires.chain(glass).chain(self.state.policy().next_change(now)).min()
    }

    /// What takes back goes before everything else, however late; so does what replaces, to whoever may have
    /// what it replaces.
    fn lane(&self, partner: &EconomyId, held: &Held, now: Timestamp) -> Lane {
        let partner = self.state.partner(partner);
        let replaced = |replaced: &RecordId| {
            let own = |one: &Held| one.facts.origin == held.facts.origin;
            partner.is_some_and(|partner| partner.out.possibly_held(replaced).is_some())
                && self.state.record(replaced).is_some_and(own)
        };
        if held.facts.kind == Kind::Withdrawal || held.supersedes.iter().any(replaced) {
            Lane::Urgent
        } else if entry_is_late(held, now) {
            Lane::Backfill
        } else {
            Lane::of(held.facts.urgency)
        }
    }
}

/// How long after it entered a record still counts as happening now.
const LATE: Duration = Duration::from_secs(60);

/// Whether a record goes with what was missed, after everything live. What could not go before its time is
/// not late then.
fn entry_is_late(held: &Held, now: Timestamp) -> bool {
    let facts = &held.facts;
    let free = facts.unsend_until.max(facts.floor.release_at).filter(|at| *at <= now);
    now.since(free.map_or(held.entered_at, |free| free.max(held.entered_at))) > LATE
}
