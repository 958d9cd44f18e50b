//! From a partner's delivery to an entry: verified, judged, durable, and only then acknowledged.

use bytes::Bytes;
use comity_core::control::{AcceptanceBody, ControlBody, TerminationBody};
use comity_core::entitlement::{Entitlement, FirstSeen};
use comity_core::journal::{
    Arrival, ArrivalOutcome, Delivered, JournalEntry, PartHeld, PartsArrived, RecordEntered,
    Source, Standing, StandingChanged,
};
use comity_core::ledger::LedgerEntry;
use comity_core::receipt::RejectReason;
use comity_core::record::{Part, RecordError};
use comity_core::{Digest, EconomyId, Kind, PartDigest, RecordId, Section, Timestamp};
use comity_proto::Incoming;

use super::{Checked, Effect, Engine, Job, Then, Token};
use crate::limits::MOST_AHEAD;
use crate::state::Bound;

/// What becomes of a verified delivery.
pub(super) enum Verdict {
    Enter(Standing),
    More,
    Known,
    Withdrawn,
    Reject(RejectReason),
    /// There is no room for it.
    PutOff(Bound),
}

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
            None if self.space_low => {
                self.session_input(partner, comity_proto::Input::Deferred { number }, now);
            }
            None => {
                session.arriving.insert(number);
                self.verify(incoming, |incoming| Job::Incoming { partner, incoming });
            }
        }
    }

    pub(super) fn verify(&mut self, incoming: Incoming, job: impl FnOnce(Incoming) -> Job) {
        let token = self.token();
        let (signed, parts) = (incoming.signed.clone(), incoming.parts.clone());
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
        result: Result<Checked, RecordError>,
        now: Timestamp,
    ) {
        match self.jobs.remove(&token) {
            Some(Job::Incoming { partner, incoming }) => {
                self.judged(partner, incoming, result, now);
            }
            Some(Job::Returned { partner, incoming }) => {
                self.returned_verified(partner, incoming, result, now);
            }
            Some(Job::HandOver { .. } | Job::Return { .. }) | None => {}
        }
    }

    fn judged(
        &mut self,
        partner: EconomyId,
        incoming: Incoming,
        result: Result<Checked, RecordError>,
        now: Timestamp,
    ) {
        let (number, record) = (incoming.entry.number, incoming.entry.record);
        if self.failed.is_some() || self.state.partner(&partner).is_none() {
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
                (self.if_room(partner, &checked, verdict), Some(checked))
            }
            Err(error) => (Verdict::Reject(reject_reason(&error)), None),
        };
        match (verdict, checked) {
            (Verdict::Enter(standing), Some(checked)) => {
                let delivered = Delivered { from: partner, entry: incoming.entry };
                self.enter_record(checked, Source::Partner(delivered), standing, now);
                self.then.push(Then::Stored { partner, number });
            }
            (Verdict::More, Some(checked)) => {
                let delivered = Delivered { from: partner, entry: incoming.entry };
                self.enter_parts(record, checked.parts, Source::Partner(delivered), now);
                self.then.push(Then::Stored { partner, number });
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
            (Verdict::PutOff(bound), _) => self.put_off(partner, &incoming, bound, now),
            (Verdict::Enter(_) | Verdict::More, None) => {}
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

    /// A part is not the one that the entry names: the number is used up, and the part is named.
    pub(super) fn damaged(
        &mut self,
        partner: EconomyId,
        entry: LedgerEntry,
        part: PartDigest,
        now: Timestamp,
    ) {
        let number = entry.number;
        let known = self.state.partner(&partner).and_then(|one| one.inbound.digest(number));
        if known.is_some() {
            return;
        }
        if self.space_low {
            self.session_input(partner, comity_proto::Input::Deferred { number }, now);
            return;
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
        let arrival = Arrival {
            from: partner,
            number: incoming.entry.number,
            digest: incoming.entry.digest(),
            entry: Some(incoming.entry.clone()),
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
        // Numbers are dense: far beyond the run, one can only be meant to fill the journal.
        let far = state.inbound.durable_head().number.saturating_add(MOST_AHEAD) < number;
        if self.space_low || far {
            return;
        }
        let outcome = ArrivalOutcome::Void;
        let arrival = Arrival { from: partner, number, digest, entry: None, outcome, at: now };
        self.enter(&JournalEntry::Arrival(arrival), Vec::new());
        self.then.push(Then::Stored { partner, number });
    }

    fn judge(
        &self,
        partner: EconomyId,
        incoming: &Incoming,
        checked: &Checked,
        now: Timestamp,
    ) -> Verdict {
        let manifest = checked.record.manifest();
        let id = checked.record.id();
        if id != incoming.entry.record {
            return Verdict::Reject(RejectReason::BadPart);
        }
        let tombstone = self.state.tombstone(&id, &manifest.origin).is_some();
        if tombstone && self.state.record(&id).is_none() {
            return Verdict::Withdrawn;
        }
        if let Some(held) = self.state.record(&id) {
            let new = checked.parts.iter().any(|part| !held.has_part(&part.digest));
            return match self.addressed_to_us(checked) {
                Ok(()) if new && !tombstone && self.within_ceiling(checked) => Verdict::More,
                Ok(()) if new && !tombstone => Verdict::Reject(RejectReason::NotEntitled),
                Ok(()) => Verdict::Known,
                Err(reason) => Verdict::Reject(reason),
            };
        }
        // What we signed we have; only recovery brings it back.
        if manifest.origin == self.state.us() {
            return Verdict::Reject(RejectReason::NotEntitled);
        }
        if let Err(reason) = self.addressed_to_us(checked) {
            return Verdict::Reject(reason);
        }
        if let Err(reason) = self.judge_body(checked) {
            return Verdict::Reject(reason);
        }
        let seen = if manifest.origin == partner {
            FirstSeen::from_origin(now)
        } else {
            FirstSeen::relayed(now)
        };
        let entitlement = self.state.entitlement(manifest, seen, now);
        // A contradiction freezes the economy; it is kept as evidence, and alarms.
        match entitlement {
            Entitlement::Accepted => Verdict::Enter(Standing::Accepted),
            Entitlement::Pending(wait) => Verdict::Enter(Standing::Pending(wait.to_string())),
            Entitlement::Quarantined(doubt) => {
                Verdict::Enter(Standing::Quarantined(doubt.to_string()))
            }
            Entitlement::Refused(_) => Verdict::Reject(RejectReason::NotEntitled),
        }
    }

    /// An addressed record must name us, and each part must be listed for us.
    fn addressed_to_us(&self, checked: &Checked) -> Result<(), RejectReason> {
        if !checked.record.manifest().addressed {
            return Ok(());
        }
        let us = self.state.us();
        let id = checked.record.id();
        let here = self.state.addressees(&id);
        let came = checked.parts.iter().filter_map(|part| part.header.addressee.as_ref());
        let ours: Vec<_> = here
            .into_iter()
            .chain(came.cloned())
            .filter(|named| named.economy == Some(us) || named.relays.contains(&us))
            .collect();
        if ours.is_empty() {
            return Err(RejectReason::NotAddressed);
        }
        let listed = |part: &PartDigest| ours.iter().any(|named| named.parts.contains(part));
        let unlisted = checked
            .parts
            .iter()
            .any(|part| part.header.section != Section::Addressee && !listed(&part.digest));
        let foreign = checked
            .parts
            .iter()
            .filter_map(|part| part.header.addressee.as_ref())
            .any(|named| named.economy != Some(us) && !named.relays.contains(&us));
        if unlisted || foreign { Err(RejectReason::NotAddressed) } else { Ok(()) }
    }

    /// No part may be marked above what its author was granted for. An author that is not known yet
    /// is judged when its keyring comes.
    fn within_ceiling(&self, checked: &Checked) -> bool {
        let manifest = checked.record.manifest();
        let labels = checked
            .parts
            .iter()
            .map(|part| part.header.marking.as_ref().map_or(manifest.floor.tlp, |own| own.tlp));
        self.state.within_ceiling(manifest, labels)
    }

    /// What was given back after a restore is judged as everything else is, but that it may be ours.
    pub(super) fn judge_returned(&self, checked: &Checked) -> Result<(), RejectReason> {
        let manifest = checked.record.manifest();
        let ours = manifest.origin == self.state.us();
        if !ours {
            self.addressed_to_us(checked)?;
        }
        let speaks_of_agreement = matches!(manifest.kind, Kind::Acceptance | Kind::Termination);
        let introduces = manifest.kind == Kind::Introduction;
        if !(ours && (speaks_of_agreement || introduces)) {
            self.judge_body(checked)?;
        }
        if self.within_ceiling(checked) { Ok(()) } else { Err(RejectReason::NotEntitled) }
    }

    /// A control kind's body must say what its kind promises.
    fn judge_body(&self, checked: &Checked) -> Result<(), RejectReason> {
        let manifest = checked.record.manifest();
        let us = self.state.us();
        if !manifest.kind.is_control() {
            return Ok(());
        }
        let body = manifest.body.as_deref().unwrap_or_default();
        let body = ControlBody::decode(manifest.kind, body);
        match body.map_err(|_malformed| RejectReason::Malformed)? {
            ControlBody::Keyring(keyring) => self.state.check_keyring(manifest.origin, &keyring),
            ControlBody::Agreement(body) => {
                let ours = body.parties.contains(&us) && body.parties.contains(&manifest.origin);
                if ours { Ok(()) } else { Err(RejectReason::NotEntitled) }
            }
            ControlBody::Acceptance(AcceptanceBody { agreement })
            | ControlBody::Termination(TerminationBody { agreement, .. }) => {
                self.state.check_party(manifest.origin, &agreement)
            }
            ControlBody::Introduction(body) if body.to == us => Ok(()),
            ControlBody::Introduction(_) => Err(RejectReason::NotAddressed),
            ControlBody::Withdrawal(_)
            | ControlBody::Group(_)
            | ControlBody::Roster(_)
            | ControlBody::Opaque(_) => Ok(()),
        }
    }

    pub(super) fn enter_record(
        &mut self,
        checked: Checked,
        source: Source,
        standing: Standing,
        now: Timestamp,
    ) -> String {
        let title = title(&checked.parts);
        self.enter_titled(checked, source, standing, title, now)
    }

    pub(super) fn enter_titled(
        &mut self,
        checked: Checked,
        source: Source,
        standing: Standing,
        title: String,
        now: Timestamp,
    ) -> String {
        let reference = self.state.next_reference(now);
        let (id, urgency) = (checked.record.id(), checked.record.manifest().urgency);
        let (held, blobs) = split(checked.parts);
        let entered = RecordEntered {
            signed: checked.record.signed().to_vec(),
            parts: held,
            source,
            standing,
            reference: reference.clone(),
            title,
            at: now,
        };
        let widens = matches!(
            checked.record.manifest().kind,
            Kind::Keyring | Kind::Agreement | Kind::Acceptance | Kind::Termination
        );
        self.enter(&JournalEntry::Record(entered), blobs);
        if widens {
            self.widen();
            self.reconsider_pending(now);
        }
        self.offer_at_once(id, urgency, now);
        reference
    }

    pub(super) fn enter_parts(
        &mut self,
        record: RecordId,
        parts: Vec<Part>,
        source: Source,
        now: Timestamp,
    ) {
        let here = |part: &Part| {
            self.state.record(&record).is_some_and(|held| held.has_part(&part.digest))
        };
        let new: Vec<_> = parts.into_iter().filter(|part| !here(part)).collect();
        let (held, blobs) = split(new);
        let arrived = PartsArrived { record, parts: held, source, at: now };
        self.enter(&JournalEntry::Parts(arrived), blobs);
    }

    /// Judges again what could not be judged when it came: a keyring or time has come since.
    pub(super) fn reconsider_pending(&mut self, now: Timestamp) {
        for (record, entitlement) in self.state.pending_now(now) {
            let standing = match entitlement {
                Entitlement::Accepted => Standing::Accepted,
                Entitlement::Quarantined(doubt) => Standing::Quarantined(doubt.to_string()),
                Entitlement::Refused(fault) => Standing::Quarantined(fault.to_string()),
                Entitlement::Pending(_) => continue,
            };
            let changed = StandingChanged { record, standing, at: now };
            self.enter(&JournalEntry::Standing(changed), Vec::new());
            self.widen();
        }
    }

    /// A partner's receipt: kept when it verifies and agrees with our chain.
    pub(super) fn receipt(&mut self, partner: EconomyId, signed: &Bytes, now: Timestamp) {
        let Some(session) = self.sessions.get(&partner) else { return };
        if let Err(why) = self.state.check_receipt(&partner, session.link_key, signed) {
            self.alarm(Some(partner), "receipt-invalid", why);
            return;
        }
        // A receipt that says no more than the last one is not worth an entry.
        if self.space_low || !self.state.receipt_is_news(&partner, signed) {
            return;
        }
        let entry = JournalEntry::Receipt { from: partner, signed: signed.to_vec(), at: now };
        self.enter(&entry, Vec::new());
    }
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

fn split(parts: Vec<Part>) -> (Vec<PartHeld>, Vec<(PartDigest, Bytes)>) {
    let held = parts
        .iter()
        .map(|part| PartHeld {
            digest: part.digest,
            size: part.bytes.len() as u64,
            header: part.header.encode(),
        })
        .collect();
    (held, parts.into_iter().map(|part| (part.digest, part.bytes)).collect())
}

/// The first line of the summary, for local screens.
fn title(parts: &[Part]) -> String {
    let summary = parts.iter().find(|part| part.header.section == Section::Summary);
    let text = summary.and_then(|part| std::str::from_utf8(&part.content).ok()).unwrap_or_default();
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().trim_start_matches('#').trim().chars().take(120).collect()
}
