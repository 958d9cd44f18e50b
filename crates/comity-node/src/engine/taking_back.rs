//! Taking back what has not left, and what becomes of numbers that a partner will never take.

use std::time::Duration;

use comity_core::journal::JournalEntry;
use comity_core::ledger::Ranges;
use comity_core::receipt::RejectReason;
use comity_core::{Digest, EconomyId, Kind, RecordId, Timestamp};
use comity_proto::limits::KNOWN_NUMBERS;

use super::session::Session;
use super::{Engine, Then};
use crate::limits::ASKED_ANEW;
use crate::state::{Held, OutFate, Partner};

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

    /// A keyring, or a withdrawal, goes to whoever may hold what it speaks of. What was numbered for a
    /// partner and never left counts only as long as it still goes: that is decided first, for it may come
    /// later in the queue. A withdrawal that waits is one of the things that a keyring follows, so what it
    /// speaks of comes before both.
    pub(super) fn take_back_spoken_of(
        &mut self,
        partner: EconomyId,
        record: RecordId,
        now: Timestamp,
    ) {
        let (Some(follows), Some(one)) = (self.state.record(&record), self.state.partner(&partner))
        else {
            return;
        };
        let (origin, targets) = (follows.facts.origin, follows.targets());
        let spoken_of = move |held: &Held| held.facts.origin == origin && held.facts.id != record;
        let numbers: Vec<u64> = if follows.facts.kind == Kind::Keyring {
            let waiting: Vec<_> = one.out.outstanding().collect();
            let entries = waiting.iter().filter_map(|number| one.out.due(*number)?.entry.as_ref());
            let held = entries.filter_map(|entry| self.state.record(&entry.record));
            let withdraws = |held: &&Held| held.facts.kind == Kind::Withdrawal && spoken_of(held);
            let withdrawals: Vec<_> = held.filter(withdraws).map(|held| held.facts.id).collect();
            for withdrawal in withdrawals {
                self.take_back_spoken_of(partner, withdrawal, now);
            }
            waiting
        } else {
            targets.iter().flat_map(|target| one.out.numbers_of(target)).copied().collect()
        };
        let Some(one) = self.state.partner(&partner) else { return };
        let turned = |number: &u64| {
            let entry = one.out.due(*number).and_then(|line| line.entry.as_ref());
            let held = entry.and_then(|entry| Some((entry, self.state.record(&entry.record)?)));
            held.filter(|(_, held)| spoken_of(held)).is_some_and(|(entry, held)| {
                let plan = self.state.plan_of(held, &entry.parts, &partner, now);
                !plan.goes() || plan.releases() != entry.parts
            })
        };
        let waiting = numbers.into_iter().filter(|number| !self.possibly_handed(partner, *number));
        let turned = waiting
            .filter(turned)
            .filter_map(|number| one.out.entry(number).map(|line| (number, line.digest)));
        for (number, digest) in turned.collect::<Vec<_>>() {
            self.take_back(partner, number, digest, now);
        }
    }

    /// Whether bytes of a delivery may have left: of one that was numbered in an earlier run of this
    /// process, or that the partner gave back to us, nobody else can say, so it counts. What the partner
    /// says that it holds did leave.
    fn possibly_handed(&self, partner: EconomyId, number: u64) -> bool {
        // Whoever was paired since has no earlier numbers.
        let numbered_here = self.numbered_from.get(&partner).is_none_or(|from| number >= *from);
        let session = self.sessions.get(&partner);
        let acked = |one: &Partner| one.out.acked().contains(number);
        let held = self.state.partner(&partner).is_some_and(acked);
        held || !numbered_here || session.is_none_or(|session| session.handed.contains(number))
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
        match known.map(|entry| &entry.fate) {
            Some(OutFate::Live) => {}
            // It had forgotten that, and says it again.
            Some(OutFate::Refused(_)) => return self.acknowledge_one(partner, number),
            Some(OutFate::Void { .. }) | None => return,
        }
        self.alarm(Some(partner), "refused", format!("delivery {number} was refused: {reason}"));
        self.consent_refused(partner, number);
        let entry = JournalEntry::Refused { by: partner, number, reason: reason.code(), at: now };
        self.enter(&entry, Vec::new());
        self.acknowledge_one(partner, number);
    }

    /// A partner has come to know an origin: what it refused of it for want of that goes again, if it still
    /// may.
    pub(super) fn origin_known(
        &mut self,
        partner: EconomyId,
        origin: EconomyId,
        numbers: &Ranges,
        now: Timestamp,
    ) {
        let asked = self.sessions.get(&partner).and_then(|session| session.asked.get(&origin));
        if asked.copied().unwrap_or(0) >= ASKED_ANEW {
            return;
        }
        let Some(state) = self.state.partner(&partner) else { return };
        // A refusal may have been lost with its connection; that the number is settled was in the greeting.
        let unheard = |number: &u64| {
            let line = state.out.entry(*number).filter(|line| line.fate == OutFate::Live);
            let entry = line.and_then(|line| line.entry.as_ref());
            let held = entry.and_then(|entry| self.state.record(&entry.record));
            // What the partner has signed for it has.
            state.out.acked().contains(*number)
                && state.out.receipt_for(*number).is_none()
                && held.is_some_and(|held| held.facts.origin == origin)
        };
        let numbers = numbers.as_slice().iter().flat_map(|(first, last)| *first..=*last);
        let reason = RejectReason::UnknownOrigin.code();
        for number in numbers.filter(unheard).collect::<Vec<_>>() {
            let entry = JournalEntry::Refused { by: partner, number, reason, at: now };
            self.enter(&entry, Vec::new());
        }
        let Some(session) = self.sessions.get_mut(&partner) else { return };
        let asked = session.asked.get(&origin).copied().unwrap_or(0);
        if self.state.partner_mut(&partner).is_some_and(|one| one.want(&origin)) {
            session.asked.insert(origin, asked.saturating_add(1));
            session.look_again();
        }
    }

    /// Asks a partner for what nobody here kept of origins that are known by now.
    pub(super) fn ask_for_unkept(&mut self, partner: EconomyId, now: Timestamp) {
        let unkept = self.state.partner(&partner).map(|one| one.refused_for_origin());
        for origin in unkept.unwrap_or_default() {
            self.ask(partner, origin, now);
        }
    }

    /// The same of all partners, for an origin that has just become known.
    pub(super) fn ask_for(&mut self, origin: EconomyId, now: Timestamp) {
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.ask(partner, origin, now);
        }
    }

    fn ask(&mut self, partner: EconomyId, origin: EconomyId, now: Timestamp) {
        // Whoever has stolen a root need not hear whom we know.
        if self.state.is_frozen(&partner) {
            return;
        }
        let most = usize::try_from(KNOWN_NUMBERS).unwrap_or(usize::MAX);
        for numbers in self.state.ask_anew_for(&partner, &origin).chunks(most) {
            let numbers = numbers.iter().map(|number| (*number, *number)).collect();
            self.session_input(partner, comity_proto::Input::Known { origin, numbers }, now);
        }
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
