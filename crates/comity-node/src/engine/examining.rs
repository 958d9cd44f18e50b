//! Having the egress guard look at what is about to leave, before it gets a number and before its first
//! byte.
//!
//! The bodies are read and looked at by workers; whoever needs them waits here. What was not looked at, and
//! what could not be, stays: the decision says so by itself, and nothing here lets anything pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use comity_core::journal::{Guarded, JournalEntry};
use comity_core::limits::PART_BYTES;
use comity_core::{EconomyId, PartDigest, RecordId, Timestamp};

use super::offering::is_sent;
use super::{CommandError, Effect, Engine, Job, Reply, Then, Token};
use crate::guard::{Found, Guard};

/// A part that cannot be read is asked for again after so long.
const UNREAD_AGAIN: Duration = Duration::from_secs(600);

/// Records of which parts are being looked at.
pub(super) type Examining = BTreeMap<RecordId, Waiting>;

/// What is being looked at of a record, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    parts: BTreeSet<PartDigest>,
    /// Partners for whom it is considered.
    partners: BTreeSet<EconomyId>,
    /// Numbers that are about to be handed over.
    numbers: BTreeSet<(EconomyId, u64)>,
    /// Whoever asked.
    replies: Vec<Token>,
}

impl Engine {
    /// The same with these lists, before anything has happened.
    #[must_use]
    pub fn guarded_by(mut self, guard: Option<Arc<Guard>>) -> Self {
        self.state.set_guard(guard);
        self
    }

    /// Other lists are in force from now on: what has not left is looked at anew.
    pub(super) fn change_guard(&mut self, guard: Option<Arc<Guard>>) -> Reply {
        let before = self.state.policy().guard();
        self.state.set_guard(guard);
        if self.state.policy().guard() != before {
            self.reclaim_all();
            self.widen();
        }
        Reply::Done
    }

    /// Whether a partner has to wait for the guard to look at something that it would get.
    pub(super) fn waits_for_guard(
        &mut self,
        partner: EconomyId,
        record: RecordId,
        now: Timestamp,
    ) -> bool {
        let Some(held) = self.state.record(&record) else { return false };
        let unexamined = self.state.unexamined(held);
        if unexamined.is_empty() {
            return false;
        }
        let plan = self.state.plan_if_clear(held, &partner, now);
        let sent = self.state.partner(&partner).and_then(|one| one.out.sent(&record));
        if !plan.goes() || is_sent(&plan, sent.as_ref()) {
            return false;
        }
        let goes = plan.releases();
        let wanted: Vec<_> = unexamined.into_iter().filter(|part| goes.contains(part)).collect();
        if wanted.is_empty() {
            return false;
        }
        self.have_examined(record, wanted).partners.insert(partner);
        true
    }

    /// The same before a number is handed over: what was looked at when it was given is not what is looked
    /// for any more, or was looked at before this process began.
    pub(super) fn waits_to_hand_over(
        &mut self,
        partner: EconomyId,
        number: u64,
        record: RecordId,
        parts: &[PartDigest],
    ) -> bool {
        let Some(held) = self.state.record(&record) else { return false };
        let mut wanted = self.state.unexamined(held);
        wanted.retain(|part| parts.contains(part));
        if wanted.is_empty() {
            return false;
        }
        self.have_examined(record, wanted).numbers.insert((partner, number));
        true
    }

    /// Has every part of a record looked at that was not, whoever might get it.
    pub(super) fn examine(&mut self, token: Token, record: RecordId) -> Option<CommandError> {
        let Some(held) = self.state.record(&record) else {
            return Some(CommandError::NoRecord(record.to_string()));
        };
        let wanted = self.state.unexamined(held);
        if wanted.is_empty() {
            self.effects.push(Effect::Reply { token, reply: Ok(Reply::Done) });
        } else {
            self.have_examined(record, wanted).replies.push(token);
        }
        None
    }

    /// What waits for a record of which these parts are looked at, once their bodies are durable.
    fn have_examined(&mut self, record: RecordId, wanted: Vec<PartDigest>) -> &mut Waiting {
        let waiting = self.examining.entry(record).or_default();
        let new: Vec<_> = wanted.into_iter().filter(|part| waiting.parts.insert(*part)).collect();
        if !new.is_empty() {
            if self.batch.is_empty() && self.commits.is_empty() {
                self.begin_examining(record, new);
            } else {
                let now = self.now;
                self.when_synced(Then::Examine { record, parts: new }, now);
            }
        }
        self.examining.entry(record).or_default()
    }

    /// The bodies are durable: a worker finds them.
    pub(super) fn begin_examining(&mut self, record: RecordId, parts: Vec<PartDigest>) {
        let Some(guard) = self.state.guard().cloned() else {
            let nothing = Ok(Vec::new());
            let now = self.now;
            return self.was_examined(record, &parts, 0, nothing, now);
        };
        let token = self.token();
        let revision = guard.revision();
        self.jobs.insert(token, Job::Examine { record, parts: parts.clone(), revision });
        let sizes = self.state.record(&record).map(|held| &held.sizes);
        // Of what is not known, as much as any has.
        let size =
            |part| sizes.and_then(|sizes| sizes.get(part)).copied().unwrap_or(PART_BYTES as u64);
        let largest = parts.iter().map(size).max().unwrap_or_default();
        self.effects.push(Effect::Examine { token, guard, parts, largest });
    }

    pub(super) fn examined(
        &mut self,
        token: Token,
        result: Result<Vec<(PartDigest, Found)>, String>,
        now: Timestamp,
    ) {
        if let Some(Job::Examine { record, parts, revision }) = self.jobs.remove(&token) {
            self.was_examined(record, &parts, revision, result, now);
        }
    }

    fn was_examined(
        &mut self,
        record: RecordId,
        parts: &[PartDigest],
        revision: u64,
        result: Result<Vec<(PartDigest, Found)>, String>,
        now: Timestamp,
    ) {
        let mut places = Vec::new();
        let unread = match result {
            Ok(found) => {
                for (part, found) in found {
                    places.extend(self.state.examined(&record, &part, revision, found));
                }
                None
            }
            Err(why) => Some(why),
        };
        let name = self.state.record(&record).map(|held| held.reference.clone());
        let name = name.unwrap_or_else(|| record.short());
        if let Some(why) = &unread {
            let text = format!("record {name} cannot be examined, and stays: {why}");
            self.alarm(None, "unreadable", text);
        } else if let Some(place) = places.first() {
            let text = match places.len() {
                1 => format!("a part of record {name} is held by the egress guard ({place})"),
                many => format!(
                    "{many} parts of record {name} are held by the egress guard ({place}, and others)"
                ),
            };
            self.alarm(None, "egress-guard", text);
        }
        let Some(waiting) = self.examining.get_mut(&record) else { return };
        waiting.parts.retain(|part| !parts.contains(part));
        let partners = std::mem::take(&mut waiting.partners);
        let numbers = std::mem::take(&mut waiting.numbers);
        let replies = if waiting.parts.is_empty() || unread.is_some() {
            std::mem::take(&mut waiting.replies)
        } else {
            Vec::new()
        };
        if waiting.parts.is_empty() && waiting.replies.is_empty() {
            self.examining.remove(&record);
        }
        for token in replies {
            self.effects.push(Effect::Reply { token, reply: Ok(Reply::Done) });
        }
        // What cannot be read now will hardly be so at once.
        if unread.is_some() {
            let again = now.saturating_add(UNREAD_AGAIN);
            for partner in partners {
                self.consider_at(partner, record, again);
            }
            for (partner, number) in numbers {
                if let Some(session) = self.sessions.get_mut(&partner) {
                    session.deferred.entry(again).or_default().insert(number);
                }
            }
            return;
        }
        for (partner, number) in numbers {
            // After a break the number may have been queued anew.
            if let Some(session) = self.sessions.get_mut(&partner)
                && session.up
                && session.under_way.contains(&number)
                && !session.queue.contains(&number)
            {
                session.queue.push_back(number);
            }
            self.pump(partner, now);
        }
        for partner in partners {
            if self.sessions.get(&partner).is_some_and(|session| session.up) {
                self.consider(partner, record, now);
            } else {
                self.consider_at(partner, record, now);
            }
        }
    }

    /// A record is looked at anew for a partner at this time, or as soon as there is a link after it: its place
    /// in the journal lies behind what the session looks at by itself.
    fn consider_at(&mut self, partner: EconomyId, record: RecordId, at: Timestamp) {
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.holds.entry(at).or_default().insert(record);
        }
    }

    /// Whoever asked for something to be looked at hears that it was not.
    pub(super) fn refuse_examining(&mut self, refusal: &CommandError) {
        for waiting in std::mem::take(&mut self.examining).into_values() {
            for token in waiting.replies {
                self.effects.push(Effect::Reply { token, reply: Err(refusal.clone()) });
            }
        }
    }

    /// A person lets a part pass that is held, or holds again what was let pass.
    pub(super) fn let_pass(
        &mut self,
        guarded: Guarded,
        now: Timestamp,
    ) -> Result<Reply, CommandError> {
        let missing = || CommandError::NoRecord(guarded.record.to_string());
        let held = self.state.record(&guarded.record).ok_or_else(missing)?;
        if !held.has_part(&guarded.part) {
            let why = format!("{} has no such part here", held.reference);
            return Err(CommandError::Unfitting(why));
        }
        self.enter(&JournalEntry::Guarded(Guarded { at: now, ..guarded }), Vec::new());
        self.widen();
        Ok(Reply::Done)
    }
}
