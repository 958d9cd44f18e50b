//! After a restore: partners give back what they hold of ours, and with each that has, the ledger goes on
//! in a new epoch.
//!
//! Until every open partner has, nothing is numbered and nothing is handed over to anybody, so that
//! nothing leaves that a lost withdrawal or a lost narrowing would have kept. With whoever was suspended
//! meanwhile that stays so until it is back and has given back: no number is used twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use comity_core::entitlement::{Claim, Entitlement, FirstSeen};
use comity_core::journal::{DeliveryDecided, JournalEntry, Source, Standing};
use comity_core::ledger::{Head, LedgerEntry, Ranges};
use comity_core::policy::{self, Payload};
use comity_core::receipt::RejectReason;
use comity_core::{Digest, EconomyId, EpochId, PartDigest, Timestamp};
use comity_proto::{Inbound, Incoming, Load};

use super::judging::Verdict;
use super::set_aside::{standing, standing_of_ours};
use super::{Checked, Effect, Engine, Job, Loaded, Then};
use crate::limits::MOST_GIVEN_BACK;
use crate::state::{Partner, State};

/// What we give back to a partner that was restored.
pub(super) struct Returning {
    /// Numbers of its ledger that are still to go.
    queue: Turns,
}

impl Returning {
    /// A number that did not leave goes again, before the others.
    pub(super) fn again(&mut self, number: u64) {
        self.queue.0.push_front((number, number));
    }
}

/// Numbers that have their turn one after the other, kept by stretches: how long they are, a partner says.
struct Turns(VecDeque<(u64, u64)>);

impl Turns {
    /// Those of `ranges` that are greater than `number`.
    fn above(ranges: &Ranges, number: u64) -> Self {
        Self(ranges.above(number).as_slice().iter().copied().collect())
    }

    fn next(&self) -> Option<u64> {
        self.0.front().map(|(next, _)| *next)
    }

    fn pass(&mut self) {
        match self.0.front_mut() {
            Some((next, last)) if *next < *last => *next = next.saturating_add(1),
            Some(_) | None => drop(self.0.pop_front()),
        }
    }
}

/// The load of a number of which only the digest goes.
const DIGEST: Load = Load { deliveries: 1, bytes: 0, large: 0 };

/// What a partner gives back to us.
pub(super) struct Regaining {
    /// Numbers that the partner said it holds and our journal does not have, ascending.
    expected: Turns,
    /// The epoch in which the partner takes our ledger to be: a later one than ours, where we were
    /// restored more than once.
    pub(super) epoch: Option<EpochId>,
    /// The head up to which the partner's chain is whole.
    pub(super) known: Head,
}

/// A number that was given back.
pub(super) enum Given {
    Delivery(Box<(Incoming, Checked)>),
    Void(Digest),
}

impl Engine {
    /// Begins to give a restored partner everything it sent to us after `after`.
    pub(super) fn give_back(&mut self, economy: EconomyId, after: u64, now: Timestamp) {
        let Some(partner) = self.state.partner(&economy) else { return };
        let queue = Turns::above(partner.inbound.durable(), after);
        if let Some(session) = self.sessions.get_mut(&economy) {
            session.returning = Some(Returning { queue });
        }
        self.give_back_more(economy, now);
    }

    /// Why nothing is given back to a partner: who it is that asks, nobody can say.
    pub(super) fn keeps_back(&self, economy: &EconomyId, now: Timestamp) -> Option<&'static str> {
        if self.state.is_frozen(economy) {
            return Some("the keyring contradicts itself: nothing is given back");
        }
        let why = self.state.unconfirmed(economy, now)?;
        why.doubts_link().then_some(
            "a newer keyring of yours is known and is not here: nothing is given back before it",
        )
    }

    /// Gives back as much as the link has room for.
    pub(super) fn give_back_more(&mut self, economy: EconomyId, now: Timestamp) {
        // It goes on when a person or a keyring has said who it is.
        if self.keeps_back(&economy, now).is_some() {
            return;
        }
        loop {
            let Some(session) = self.sessions.get_mut(&economy) else { return };
            let (room, takes_gaps) = (session.room(), session.takes_gaps);
            let Some(returning) = session.returning.as_mut().filter(|_| session.up) else { return };
            let Some(number) = returning.queue.next() else { return };
            let Some(inbound) = self.state.partner(&economy).map(|partner| &partner.inbound) else {
                return;
            };
            // What was rejected was never proved to have been the partner's: it may name parts that it
            // never had and wants to have.
            let taken = inbound.taken(number);
            let held =
                taken.and_then(|entry| self.state.record(&entry.record).map(|held| (entry, held)));
            // What was erased here is not given back to anybody either. Whoever takes a rest gets it, and the
            // entry that names all that came: or its ledger would not know what went here. Others learn only
            // that something came.
            let here = held.filter(|(entry, held)| {
                let gone = unerased(&self.state, entry).count() < entry.parts.len();
                entry.parts.iter().all(|part| held.has_part(part)) && (!gone || takes_gaps)
            });
            let Some((entry, held)) = here else {
                if !room.fits(DIGEST) {
                    return;
                }
                returning.queue.pass();
                self.give_back_digest(economy, number, now);
                continue;
            };
            let parts: Vec<_> = unerased(&self.state, entry).collect();
            let load = held.load(&parts);
            if !room.fits(load) {
                return;
            }
            let seq = held.seq;
            returning.queue.pass();
            session.loading.insert(number, load);
            let token = self.token();
            self.jobs.insert(token, Job::Return { partner: economy, number, asked: parts.len() });
            self.effects.push(Effect::Load { token, seq, parts });
        }
    }

    pub(super) fn give_back_loaded(
        &mut self,
        economy: EconomyId,
        number: u64,
        loaded: Loaded,
        now: Timestamp,
    ) {
        let keeps_back = self.keeps_back(&economy, now).is_some();
        let Some(session) = self.sessions.get_mut(&economy) else { return };
        session.loading.remove(&number);
        if keeps_back {
            // What it is told of now it would take for lost.
            return self.return_deferred(economy, number);
        }
        let takes_gaps = session.takes_gaps;
        let Some(entry) = self.state.partner(&economy).and_then(|one| one.inbound.taken(number))
        else {
            return;
        };
        let Some(held) = self.state.record(&entry.record) else { return };
        let kept: BTreeSet<_> = unerased(&self.state, entry).collect();
        let read: BTreeMap<_, _> = loaded.parts.into_iter().collect();
        let body = |part| match kept.contains(part) {
            true => read.get(part).cloned(),
            // It may have been erased while it was read.
            false => takes_gaps.then(Bytes::new),
        };
        let bodies = entry.parts.iter().map(|part| Some((*part, body(part)?)));
        let Some(bodies) = bodies.collect() else {
            return self.give_back_digest(economy, number, now);
        };
        let payload = Payload { entry: entry.clone(), signed: loaded.signed, bodies };
        let returned = policy::give_back(self.state.policy(), &held.facts, economy, payload, now);
        match returned {
            Ok(delivery) => {
                // What waits in the link by then is taken back.
                let turns_at = self.state.policy().next_unconfirmed(now);
                if let Some(session) = self.sessions.get_mut(&economy) {
                    session.turns_at = session.turns_at.into_iter().chain(turns_at).min();
                }
                self.session_input(economy, comity_proto::Input::Return(delivery), now);
            }
            Err(_not_its_own) => self.give_back_digest(economy, number, now),
        }
    }

    /// What was to be given back, so many parts of it, could not be read. Where something of it was erased
    /// meanwhile, it is given back without that; else that something came, so that the partner goes on.
    pub(super) fn give_back_unread(
        &mut self,
        economy: EconomyId,
        (number, asked): (u64, usize),
        why: &str,
        now: Timestamp,
    ) {
        let keeps_back = self.keeps_back(&economy, now).is_some();
        let Some(session) = self.sessions.get_mut(&economy) else { return };
        if session.loading.remove(&number).is_none() {
            return;
        }
        if keeps_back {
            return self.return_deferred(economy, number);
        }
        let taken = self.state.partner(&economy).and_then(|one| one.inbound.taken(number));
        if taken.is_some_and(|entry| unerased(&self.state, entry).count() < asked) {
            if let Some(returning) = session.returning.as_mut() {
                returning.queue.0.push_back((number, number));
            }
            return self.give_back_more(economy, now);
        }
        let text = format!("delivery {number} cannot be read, and is not given back: {why}");
        self.alarm(Some(economy), "unreadable", text);
        self.give_back_digest(economy, number, now);
    }

    fn give_back_digest(&mut self, economy: EconomyId, number: u64, now: Timestamp) {
        let partner = self.state.partner(&economy);
        let digest = partner.and_then(|partner| partner.inbound.digest(number));
        if let Some(digest) = digest {
            let input = comity_proto::Input::ReturnVoid { number, digest };
            self.session_input(economy, input, now);
        }
    }

    /// What a partner holds of ours beyond `after`, the number that we named when we greeted.
    pub(super) fn expect_back(
        &mut self,
        economy: EconomyId,
        inbound: &Inbound,
        after: u64,
        now: Timestamp,
    ) {
        let held = inbound.held();
        let last = held.as_slice().last().map_or(0, |(_, last)| *last);
        if last.saturating_sub(after) > MOST_GIVEN_BACK {
            let text =
                format!("the partner claims to hold {last} of our deliveries; we know of {after}");
            self.alarm(Some(economy), "claims-too-much", text);
            return;
        }
        let expected = Turns::above(&held, after);
        if let Some(session) = self.sessions.get_mut(&economy) {
            let (epoch, known) = (inbound.epoch, inbound.head);
            session.regaining = Some(Regaining { expected, epoch, known });
        }
        self.regained(economy, now);
    }

    pub(super) fn returned(&mut self, partner: EconomyId, incoming: Incoming, now: Timestamp) {
        let number = incoming.entry.number;
        if self.space_low {
            self.session_input(partner, comity_proto::Input::ReturnPutOff { number }, now);
        } else if self.awaits_return(&partner) && self.may_be_ours(partner, number) {
            self.verify(partner, incoming, |incoming| Job::Returned { partner, incoming });
        } else {
            self.return_dropped(partner, number, now);
        }
    }

    /// What was given back is not taken. The link is told, or it would wait for a word about it for ever,
    /// and pass over it when it comes again.
    fn return_dropped(&mut self, partner: EconomyId, number: u64, now: Timestamp) {
        self.session_input(partner, comity_proto::Input::ReturnDropped { number }, now);
    }

    pub(super) fn returned_verified(
        &mut self,
        partner: EconomyId,
        incoming: Incoming,
        checked: Option<Checked>,
        now: Timestamp,
    ) {
        let number = incoming.entry.number;
        let given = match checked {
            Some(checked) if checked.record.id() == incoming.entry.record => {
                let asked = self.claimants.contains_key(&partner);
                let cut = asked && self.state.doubted().contains(&partner);
                let proof = cut && self.is_lost(&checked, now);
                let given = Given::Delivery(Box::new((incoming, checked)));
                if proof {
                    // Its turn is in the recovery that begins: the link does not hand it on again.
                    self.keep_given(partner, number, given);
                    return self.loss_is_proved(partner, now);
                }
                given
            }
            Some(_) | None => {
                let text = format!("delivery {number} came back other than it can have been sent");
                self.alarm(Some(partner), "return-invalid", text);
                return self.return_dropped(partner, number, now);
            }
        };
        self.given(partner, number, given, now);
    }

    pub(super) fn returned_void(
        &mut self,
        partner: EconomyId,
        number: u64,
        digest: Digest,
        now: Timestamp,
    ) {
        if self.awaits_return(&partner) && self.may_be_ours(partner, number) {
            self.given(partner, number, Given::Void(digest), now);
        } else {
            self.return_dropped(partner, number, now);
        }
    }

    /// Whether a number may be one that a backup lost: far beyond, it can only be invented.
    fn may_be_ours(&self, partner: EconomyId, number: u64) -> bool {
        let after = self.state.partner(&partner).map_or(0, |one| one.out.head().number);
        number.saturating_sub(after) <= MOST_GIVEN_BACK
    }

    /// How much was given back and waits for what comes before it.
    #[must_use]
    pub fn waiting_for_turn(&self, partner: &EconomyId) -> usize {
        self.sessions.get(partner).map_or(0, |session| session.given.len())
    }

    /// The partner has no room for what we give back: it goes again.
    pub(super) fn return_deferred(&mut self, partner: EconomyId, number: u64) {
        let session = self.sessions.get_mut(&partner);
        if let Some(returning) = session.and_then(|session| session.returning.as_mut()) {
            returning.queue.0.push_back((number, number));
        }
    }

    fn given(&mut self, partner: EconomyId, number: u64, given: Given, now: Timestamp) {
        if self.is_here(&partner, number) {
            // It was given back before, and the partner did not hear that it is here.
            self.when_synced(Then::ReturnStored { partner, number }, now);
        } else {
            self.keep_given(partner, number, given);
        }
        self.regained(partner, now);
    }

    /// What is given back may overtake the greeting's end, and each other: it waits for its turn.
    fn keep_given(&mut self, partner: EconomyId, number: u64, given: Given) {
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.given.insert(number, given);
        }
    }

    fn is_here(&self, partner: &EconomyId, number: u64) -> bool {
        self.state.partner(partner).is_some_and(|partner| partner.out.has(number))
    }

    /// Enters what was given back, in the order of its numbers, and ends when all is here.
    fn regained(&mut self, partner: EconomyId, now: Timestamp) {
        loop {
            let Some(session) = self.sessions.get_mut(&partner) else { return };
            let Some(regaining) = session.regaining.as_mut() else { return };
            let Some(number) = regaining.expected.next() else { break };
            let here = self.state.partner(&partner).is_some_and(|one| one.out.has(number));
            let given = session.given.remove(&number);
            if !here && given.is_none() {
                return;
            }
            regaining.expected.pass();
            let given = match given {
                Some(given) if !here => given,
                again => {
                    // What came over an earlier connection the link acknowledges by itself.
                    if again.is_some() {
                        self.when_synced(Then::ReturnStored { partner, number }, now);
                    }
                    continue;
                }
            };
            match given {
                Given::Delivery(back) => self.reenter(partner, back.0, back.1, now),
                Given::Void(digest) => {
                    let voided =
                        JournalEntry::Voided { to: partner, number, digest, handed: true, at: now };
                    self.enter(&voided, Vec::new());
                }
            }
            // What is given back is there: it neither goes again nor is void.
            if let Some(state) = self.state.partner_mut(&partner) {
                state.out.acknowledge([(number, number)]);
            }
            self.then.push(Then::ReturnStored { partner, number });
        }
        self.open_epoch(partner, now);
        // Whoever was away while the node recovered is owed what came up since.
        self.widen();
    }

    fn reenter(
        &mut self,
        partner: EconomyId,
        incoming: Incoming,
        checked: Checked,
        now: Timestamp,
    ) {
        let id = checked.record.id();
        let manifest = checked.record.manifest();
        // Of parts that it has erased it shows no bytes: that they are the record's is seen all the same.
        let listed = |part: &PartDigest| manifest.parts.iter().any(|one| one.digest == *part);
        if !incoming.entry.parts.iter().all(listed) {
            let why = "it names parts that are not its own";
            return self.not_believed(partner, &incoming, &why, now);
        }
        let missing: Option<Vec<_>> = self.state.record(&id).map(|held| {
            checked.parts.iter().filter(|part| !held.has_part(&part.digest)).cloned().collect()
        });
        // Judged as strictly as what comes from a stranger: that it was ours is the partner's word.
        if missing.as_ref().is_none_or(|missing| !missing.is_empty())
            && let Err(reason) = self.judge_returned(partner, &checked, now)
        {
            // It may have been the part that addresses it to us which was erased there: nobody is to be accused.
            let gone = checked.parts.len() < incoming.entry.parts.len();
            return match reason == RejectReason::NotAddressed && gone {
                true => self.void_returned(partner, &incoming, now),
                false => self.not_believed(partner, &incoming, &reason, now),
            };
        }
        if !self.has_room_again(partner, &checked) {
            return self.sent_again(partner, incoming, now);
        }
        if missing.is_none() {
            let (claim, seen) = (Claim::of(id, manifest), FirstSeen::relayed(now));
            let judged = self.state.entitlement(&claim, checked.carried(), seen, now);
            let ours = manifest.origin == self.state.us();
            let source = Source::Returned { by: partner };
            let whose = self.state.held_back(&source, manifest.origin, manifest.kind);
            let standing = match (judged, whose) {
                (judged, _) if ours => standing_of_ours(manifest.kind, judged),
                (Entitlement::Accepted, Some(whose)) => Standing::InReview(whose),
                (judged, _) => standing(judged),
            };
            self.await_approval_again(&checked, now);
            match self.enter_record(checked, source, standing.clone(), now) {
                Ok(reference) => {
                    self.say_awaited(&id);
                    if let (Standing::Quarantined(why), true) = (&standing, ours) {
                        self.ours_is_set_aside(partner, id, &reference, why);
                    }
                }
                Err(unfit) => return self.not_believed(partner, &incoming, &unfit, now),
            }
        } else if let Some(missing) = missing.filter(|missing| !missing.is_empty()) {
            let source = Source::Returned { by: partner };
            if let Err(unfit) = self.enter_parts(id, missing, source, now) {
                return self.not_believed(partner, &incoming, &unfit, now);
            }
            self.say_awaited(&id);
        }
        self.sent_again(partner, incoming, now);
    }

    /// Whether there is room for what comes back. There always is for what is ours; of others it is kept only
    /// after a restore, and as much as if it came for the first time. Whose it is sends it again.
    fn has_room_again(&self, partner: EconomyId, checked: &Checked) -> bool {
        let origin = checked.record.manifest().origin;
        if origin == self.state.us() {
            return true;
        }
        let content = match self.state.record(&checked.record.id()) {
            Some(_) => self.weigh(checked, &Verdict::More),
            None => self.weigh(checked, &Verdict::Enter(Standing::Accepted)),
        };
        let room = |account: &EconomyId| self.too_heavy(account, content).is_none();
        self.state.awaits_return(&partner) && room(&partner) && room(&origin)
    }

    /// A number that was given back is known again: what went to the partner under it.
    fn sent_again(&mut self, partner: EconomyId, incoming: Incoming, now: Timestamp) {
        let decided = DeliveryDecided {
            to: partner,
            entry: incoming.entry,
            policy: self.state.policy().version(),
            covering: None,
            withheld: Vec::new(),
            returned: true,
            at: now,
        };
        self.enter(&JournalEntry::Delivery(decided), Vec::new());
    }

    /// Whether nothing is numbered for a partner and nothing handed over: what anybody has still to give
    /// back may be a withdrawal.
    pub(super) fn is_withholding(&self, partner: &EconomyId) -> bool {
        self.state.recovery().is_some() || self.awaits_return(partner)
    }

    fn not_believed(
        &mut self,
        partner: EconomyId,
        incoming: &Incoming,
        why: &dyn std::fmt::Display,
        now: Timestamp,
    ) {
        let record = incoming.entry.record.short();
        let text = format!("record {record} came back and is not believed: {why}");
        self.alarm(Some(partner), "return-invalid", text);
        self.void_returned(partner, incoming, now);
    }

    /// What came back under a number is not taken in.
    fn void_returned(&mut self, partner: EconomyId, incoming: &Incoming, now: Timestamp) {
        let (number, digest) = (incoming.entry.number, incoming.entry.digest());
        let voided = JournalEntry::Voided { to: partner, number, digest, handed: true, at: now };
        self.enter(&voided, Vec::new());
    }

    /// Recovery ends when every partner has given back what it holds and the operator has confirmed
    /// local policy. Whoever is suspended is not waited for, and gives it back when it is resumed.
    pub(super) fn finish_recovery(&mut self, now: Timestamp) {
        let confirmed = self.state.recovery().is_some_and(|recovery| recovery.confirmed);
        let owes = |partner: &Partner| partner.is_open() && !partner.returned;
        if !confirmed || self.state.partners().any(|(_, partner)| owes(partner)) {
            return;
        }
        if self.has_unnamed() {
            return;
        }
        self.enter(&JournalEntry::Recovered { at: now }, Vec::new());
        self.widen();
    }
}

/// The parts of a delivery that were not erased here.
fn unerased<'a>(state: &'a State, entry: &'a LedgerEntry) -> impl Iterator<Item = PartDigest> + 'a {
    entry.parts.iter().copied().filter(|part| !state.is_erased(part))
}
