//! From a partner's delivery to an entry: verified, judged, durable, and only then acknowledged.

use comity_core::journal::{Arrival, ArrivalOutcome, Delivered, JournalEntry, Source};
use comity_core::ledger::LedgerEntry;
use comity_core::receipt::RejectReason;
use comity_core::record::RecordError;
use comity_core::{Digest, EconomyId, Kind, PartDigest, Timestamp};
use comity_proto::Incoming;

use super::entering::Unfit;
use super::judging::Verdict;
use super::keeping::sources;
use super::{Checked, Effect, Engine, Job, PartSource, Then, Token, Unverified};
use crate::limits::{MOST_AHEAD, REPEATS};
use crate::state::Weight;

impl Engine {
    pub(super) fn incoming(&mut self, partner: EconomyId, incoming: Incoming, now: Timestamp) {
        let number = incoming.entry.number;
        let Some(state) = self.state.partner(&partner) else { return };
        let Some(session) = self.sessions.get_mut(&partner) else { return };
        match state.inbound.digest(number) {
            Some(digest) if digest == incoming.entry.digest() => {
                // Sent again because our acknowledgement was lost; before it is durable it is silent.
                if state.inbound.durable().contains(number) {
                    let input = comity_proto::Input::Stored { numbers: vec![number] };
                    self.session_input(partner, input, now);
                }
            }
            Some(_other) => self.contradiction(partner, number, now),
            None if session.arriving.contains(&number) => {}
            None if state.inbound.is_far(number) => self.too_far(partner, number, now),
            None if self.space_low => {
                self.session_input(partner, comity_proto::Input::Deferred { number }, now);
            }
            None => {
                session.arriving.insert(number);
                self.verify(partner, incoming, |incoming| Job::Incoming { partner, incoming });
            }
        }
    }

    pub(super) fn verify(
        &mut self,
        partner: EconomyId,
        incoming: Incoming,
        job: impl FnOnce(Incoming) -> Job,
    ) {
        let token = self.token();
        let (signed, mut parts) = (incoming.signed.clone(), sources(partner, &incoming));
        // Pieces of what was erased were not kept: that it came is all that is written down.
        parts.retain(|(part, source)| {
            matches!(source, PartSource::Here(_)) || !self.state.is_erased(part)
        });
        self.jobs.insert(token, job(incoming));
        self.effects.push(Effect::Verify { token, signed, parts });
    }

    /// One number, two entries: the partner's ledger is not what it told us.
    fn contradiction(&mut self, partner: EconomyId, number: u64, now: Timestamp) {
        let text = format!("delivery {number} came a second time with other contents");
        self.alarm(Some(partner), "ledger-contradiction", text);
        for conn in self.connections(partner) {
            let reason = "ledger-contradiction".to_owned();
            self.session_input(partner, comity_proto::Input::Refuse { conn, reason }, now);
        }
    }

    pub(super) fn connections(&self, partner: EconomyId) -> Vec<comity_proto::ConnId> {
        let of_partner = self.conns.iter().filter(|(_, economy)| **economy == partner);
        of_partner.map(|(conn, _)| *conn).collect()
    }

    pub(super) fn verified(
        &mut self,
        token: Token,
        result: Result<Checked, Unverified>,
        now: Timestamp,
    ) {
        match self.jobs.remove(&token) {
            Some(Job::Incoming { partner, incoming }) => {
                self.judged(partner, incoming, result, now);
            }
            Some(Job::Returned { partner, incoming }) => {
                self.returned_verified(partner, incoming, result.ok(), now);
            }
            Some(
                Job::HandOver { .. } | Job::Return { .. } | Job::Keep { .. } | Job::Examine { .. },
            )
            | None => {}
        }
    }

    fn judged(
        &mut self,
        partner: EconomyId,
        incoming: Incoming,
        result: Result<Checked, Unverified>,
        now: Timestamp,
    ) {
        let (number, record) = (incoming.entry.number, incoming.entry.record);
        if self.state.partner(&partner).is_none() {
            return;
        }
        // A copy that came over another connection was quicker.
        if self.state.partner(&partner).is_some_and(|state| state.inbound.digest(number).is_some())
        {
            return;
        }
        let (verdict, checked) = match result {
            Ok(checked) => {
                let verdict = self.judge(partner, &incoming, &checked, now);
                (self.if_room(partner, (&incoming, &checked), verdict, now), Some(checked))
            }
            Err(Unverified::Record(error)) => {
                if let Some(bound) =
                    self.too_heavy(&partner, Weight::of_number(Some(&incoming.entry)))
                {
                    return self.put_off(partner, number, (bound, partner), now);
                }
                (Verdict::Reject(reject_reason(&error)), None)
            }
            Err(Unverified::Spoiled(why)) => return self.spoiled(partner, number, &why, now),
        };
        if matches!(verdict, Verdict::Known | Verdict::More)
            && self.state.contradicts_itself(partner, &incoming.entry)
        {
            let text = format!(
                "delivery {number} brings parts of record {} for purposes that share none with those it named before; the earlier ones count",
                record.short()
            );
            self.alarm(Some(partner), "purposes-contradict", text);
        }
        match (verdict, checked) {
            (Verdict::Enter(standing), Some(checked)) => {
                let source = Source::Partner(delivered(partner, &incoming));
                let of = checked.carried().map(|keyring| keyring.economy());
                match self.enter_record(checked, source, standing, now) {
                    Ok(_reference) => {
                        self.then.push(Then::Stored { partner, number });
                        // Those before it may not have been kept, and it waits for them.
                        self.then.extend(of.filter(|of| *of != partner).map(Then::AskFor));
                    }
                    Err(unfit) => self.reject_unfit(partner, &incoming, &unfit, now),
                }
            }
            (Verdict::More, Some(checked)) => {
                let source = Source::Partner(delivered(partner, &incoming));
                match self.enter_parts(record, checked.parts, source, now) {
                    Ok(()) => self.then.push(Then::Stored { partner, number }),
                    Err(unfit) => self.reject_unfit(partner, &incoming, &unfit, now),
                }
            }
            (Verdict::Known, _) => {
                self.arrived(partner, &incoming, ArrivalOutcome::Known(record), now);
                self.then.push(Then::Stored { partner, number });
            }
            (Verdict::Withdrawn, _) => {
                self.arrived(partner, &incoming, ArrivalOutcome::Withdrawn(record), now);
                self.then.push(Then::Stored { partner, number });
            }
            (Verdict::Reject(reason), _) => self.reject(partner, &incoming, reason, now),
            (Verdict::Declined(kind), _) => self.decline(partner, &incoming, kind, now),
            (Verdict::Unkept { first, full }, Some(checked)) => {
                let origin = checked.record.manifest().origin;
                self.settle_unkept(partner, &incoming, (origin, first, full), now);
            }
            (Verdict::PutOff(bound), checked) => {
                let origin = checked.map_or(partner, |one| one.record.manifest().origin);
                self.put_off(partner, number, (bound, origin), now);
            }
            (Verdict::Enter(_) | Verdict::More | Verdict::Unkept { .. }, None) => {}
        }
    }

    fn reject(
        &mut self,
        partner: EconomyId,
        incoming: &Incoming,
        reason: RejectReason,
        now: Timestamp,
    ) {
        let number = incoming.entry.number;
        let short = incoming.entry.record.short();
        self.alarm(Some(partner), "rejected", format!("record {short} was rejected: {reason}"));
        self.arrived(partner, incoming, ArrivalOutcome::Rejected(reason.code()), now);
        self.then.push(Then::Rejected { partner, number, reason });
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.arriving.remove(&number);
        }
    }

    /// By our own rule it is not taken: the sender hears what it would hear of an author who may not sign
    /// such a record, and nobody here is alarmed by what somebody here decided.
    fn decline(&mut self, partner: EconomyId, incoming: &Incoming, kind: Kind, now: Timestamp) {
        let number = incoming.entry.number;
        self.arrived(partner, incoming, ArrivalOutcome::Declined(kind), now);
        self.then.push(Then::Rejected { partner, number, reason: RejectReason::NotEntitled });
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.arriving.remove(&number);
        }
    }

    /// What it would leave in the journal does not fit there.
    fn reject_unfit(
        &mut self,
        partner: EconomyId,
        incoming: &Incoming,
        unfit: &Unfit,
        now: Timestamp,
    ) {
        let text = format!("record {} cannot be kept: {unfit}", incoming.entry.record.short());
        self.alarm(Some(partner), "unfit", text);
        self.reject(partner, incoming, RejectReason::Malformed, now);
    }

    /// A part is not the one that the entry names: the number is used up, and the part is named.
    pub(super) fn damaged(
        &mut self,
        partner: EconomyId,
        entry: LedgerEntry,
        part: PartDigest,
        now: Timestamp,
    ) {
        let number = entry.number;
        let Some(inbound) = self.state.partner(&partner).map(|one| &one.inbound) else { return };
        if inbound.digest(number).is_some() {
            return;
        }
        if inbound.is_far(number) {
            return self.too_far(partner, number, now);
        }
        if self.space_low {
            self.session_input(partner, comity_proto::Input::Deferred { number }, now);
            return;
        }
        if let Some(bound) = self.too_heavy(&partner, Weight::of_number(Some(&entry))) {
            return self.put_off(partner, number, (bound, partner), now);
        }
        let (record, reason) = (entry.record.short(), RejectReason::BadPart);
        let text = format!("record {record}: part {} is not the one that was signed", part.short());
        self.alarm(Some(partner), "bad-part", text);
        let arrival = Arrival {
            from: partner,
            number,
            digest: entry.digest(),
            entry: Some(entry),
            outcome: ArrivalOutcome::Rejected(reason.code()),
            at: now,
        };
        self.enter(&JournalEntry::Arrival(arrival), Vec::new());
        self.then.push(Then::Rejected { partner, number, reason });
    }

    fn arrived(
        &mut self,
        partner: EconomyId,
        incoming: &Incoming,
        outcome: ArrivalOutcome,
        now: Timestamp,
    ) {
        // What one partner brings over and over leaves its number, and nothing else. It is settled like
        // any other: a gap would keep back the receipts of all that follows.
        let repeats = self.state.partner(&partner).map_or(0, |one| match outcome {
            ArrivalOutcome::Known(record) | ArrivalOutcome::Withdrawn(record) => {
                one.inbound.repeats(&record)
            }
            ArrivalOutcome::Void
            | ArrivalOutcome::Rejected(_)
            | ArrivalOutcome::Declined(_)
            | ArrivalOutcome::Unkept(_) => 0,
        });
        let worn = repeats >= REPEATS && self.state.brought_before(partner, &incoming.entry);
        let arrival = Arrival {
            from: partner,
            number: incoming.entry.number,
            digest: incoming.entry.digest(),
            entry: (!worn).then(|| incoming.entry.clone()),
            outcome,
            at: now,
        };
        self.enter(&JournalEntry::Arrival(arrival), Vec::new());
    }

    /// The sender took a number back.
    pub(super) fn voided(
        &mut self,
        partner: EconomyId,
        number: u64,
        digest: Digest,
        now: Timestamp,
    ) {
        let Some(state) = self.state.partner(&partner) else { return };
        if let Some(known) = state.inbound.digest(number) {
            if known != digest {
                self.contradiction(partner, number, now);
            } else if state.inbound.durable().contains(number) {
                let input = comity_proto::Input::Stored { numbers: vec![number] };
                self.session_input(partner, input, now);
            }
            return;
        }
        if state.inbound.is_far(number) {
            return self.too_far(partner, number, now);
        }
        if self.space_low {
            self.session_input(partner, comity_proto::Input::Deferred { number }, now);
            return;
        }
        if let Some(bound) = self.too_heavy(&partner, Weight::of_number(None)) {
            return self.put_off(partner, number, (bound, partner), now);
        }
        let outcome = ArrivalOutcome::Void;
        let arrival = Arrival { from: partner, number, digest, entry: None, outcome, at: now };
        self.enter(&JournalEntry::Arrival(arrival), Vec::new());
        self.then.push(Then::Stored { partner, number });
    }

    /// Nothing is kept under a number that leaves more open than a partner can have on its way.
    fn too_far(&mut self, partner: EconomyId, number: u64, now: Timestamp) {
        let text = format!(
            "number {number} leaves more than {MOST_AHEAD} open before it: it is put off until they have come"
        );
        self.alarm(Some(partner), "too-far-ahead", text);
        self.session_input(partner, comity_proto::Input::Deferred { number }, now);
    }
}

fn delivered(from: EconomyId, incoming: &Incoming) -> Delivered {
    Delivered { from, entry: incoming.entry.clone() }
}

/// What the partner is told of a record that cannot be verified.
pub(super) fn reject_reason(error: &RecordError) -> RejectReason {
    match error.code() {
        "unsupported-form" => RejectReason::UnsupportedForm,
        "bad-signature" => RejectReason::BadSignature,
        code if code.starts_with("part") => RejectReason::BadPart,
        _ => RejectReason::Malformed,
    }
}
