//! Records and parts that enter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity_core::entitlement::Scope;
use comity_core::journal::{PartHeld, PartsArrived, RecordEntered, Source, Standing};
use comity_core::ledger::{LedgerEntry, Obligations};
use comity_core::policy::{self, Lifecycle, PartFacts, Received, RecordFacts};
use comity_core::record::{self, Header, RecordError, VerifiedRecord};
use comity_core::{EconomyId, Kind, PartDigest, RecordId, Timestamp};

use super::kept::is_read;
use super::records::Held;
use super::withdrawals::is_withdrawable;
use super::{FoldError, State, Weight};

impl State {
    pub(super) fn record_entered(&mut self, entered: &RecordEntered) -> Result<(), FoldError> {
        let seq = self.seq;
        let broken = |error| FoldError::Record { seq, error };
        // All of it is read before anything changes.
        let unverified = record::parse(&entered.signed).map_err(broken)?;
        let headers = headers(&entered.parts).map_err(broken)?;
        let (id, manifest) = (unverified.id(), unverified.manifest());
        self.note_source(&entered.source);
        let mut weight = Weight::of_record(manifest, entered.signed.len());
        let source = source_facts(&entered.source, manifest.origin == self.us);
        let mut facts = RecordFacts::new(id, manifest, source);
        facts.pending = matches!(entered.standing, Standing::Pending(_));
        facts.quarantined = entered.standing.is_aside();
        let tombstone = self.tombstones.contains_key(&(id, manifest.origin));
        if tombstone && is_withdrawable(manifest.kind) {
            facts.lifecycle = Lifecycle::Withdrawn;
        } else if self.replaced.has(&manifest.origin, &id) {
            facts.lifecycle = Lifecycle::Superseded;
        }
        self.replaced.came(&manifest.origin, &id);
        if entered.source == Source::Own {
            facts.unsend_until = self.unsending.came(&id);
        }
        if manifest.origin == self.us {
            facts.approval = self.approvals.of(&id);
        }
        let body = manifest.body.clone().filter(|body| is_read(manifest.kind, body));
        let mut held = Held {
            facts,
            parts: Vec::new(),
            sizes: BTreeMap::new(),
            file_names: BTreeMap::new(),
            supersedes: manifest.supersedes.clone(),
            seq,
            arrived: self.next_place,
            signed_bytes: entered.signed.len() as u64,
            source: entered.source.clone(),
            standing: entered.standing.clone(),
            standing_since: entered.at,
            decided: false,
            ruling: None,
            review: self.held_back(&entered.source, manifest.origin, manifest.kind),
            from_origin: true,
            reference: entered.reference.clone(),
            title: entered.title.clone(),
            entered_at: entered.at,
            signed_at: manifest.signed_at,
            body,
        };
        for (part, header) in entered.parts.iter().zip(&headers) {
            weight = weight.and(Weight::of_part(&manifest.floor, part.header.len(), part.size));
            hold_header(&mut held, part.digest, header, part.size);
        }
        held.from_origin = from_origin(&held.source, held.facts.origin);
        // Of what is ours and only restricts we believe our partners that we said it.
        let restricts =
            matches!(held.facts.kind, Kind::Withdrawal | Kind::Termination | Kind::Roster);
        held.from_origin |= restricts
            && held.is_accepted()
            && held.facts.origin == self.us
            && matches!(held.source, Source::Returned { .. });
        let verified = self.waits_for_head(&held.claim(), held.first_seen(), entered.at);
        let standing = (&entered.standing, verified);
        let account = self.weighed_to(entered.source.brought_by(), manifest.origin, standing);
        self.charge_weight(account, weight);
        if let Some(terms) = self.consented_terms(&held, &entered.source, |_| true)
            && let policy::Source::From { obligations, .. } = &mut held.facts.source
        {
            *obligations = terms.and_later(obligations);
        }
        for part in &mut held.parts {
            part.from_origin = held.from_origin;
        }
        held.facts.control = self.control_audience(&held.facts, held.body.as_deref());
        self.note_author(&held, manifest);
        self.weigh_pending(&id, weight);
        self.references.note(&entered.reference, id);
        if held.facts.kind == Kind::Keyring {
            self.note_keyring(held.facts.origin, id, entered.at);
        }
        if let Some(body) = held.body.as_deref().filter(|_| held.facts.kind == Kind::Consent) {
            self.consents.enter(id, held.facts.origin, held.signed_at, body);
        }
        let accepted = held.is_accepted();
        self.charge_unread(&held, manifest);
        let ours = held.facts.origin == self.us;
        self.records.insert(id, held);
        if ours {
            self.renew_emergencies(&id);
        }
        self.mark_erased(&id);
        self.note_terms(&id, &BTreeSet::new(), &entered.source, entered.at);
        self.arrive_again(&id);
        if accepted {
            self.take_effect(id, entered.at);
        } else {
            self.bind_in_doubt(id, entered.at);
        }
        Ok(())
    }

    /// A record of our own as it would be held, for a preview: it is not entered.
    #[must_use]
    pub fn as_if_entered(
        &self,
        record: &VerifiedRecord,
        parts: impl Iterator<Item = (PartDigest, Header, u64)>,
        title: String,
        now: Timestamp,
    ) -> Held {
        let manifest = record.manifest();
        let facts = RecordFacts::new(record.id(), manifest, policy::Source::Own);
        let mut held = Held {
            facts,
            parts: Vec::new(),
            sizes: BTreeMap::new(),
            file_names: BTreeMap::new(),
            supersedes: manifest.supersedes.clone(),
            seq: 0,
            arrived: 0,
            signed_bytes: record.signed().len() as u64,
            source: Source::Own,
            standing: Standing::Accepted,
            standing_since: now,
            decided: false,
            ruling: None,
            review: None,
            from_origin: true,
            reference: self.next_reference(manifest.kind, now),
            title,
            entered_at: now,
            signed_at: manifest.signed_at,
            body: manifest.body.clone(),
        };
        for (digest, header, size) in parts {
            hold_header(&mut held, digest, &header, size);
        }
        held.facts.control = self.control_audience(&held.facts, held.body.as_deref());
        held
    }

    pub(super) fn parts_arrived(&mut self, arrived: &PartsArrived) -> Result<(), FoldError> {
        let seq = self.seq;
        let headers = headers(&arrived.parts).map_err(|error| FoldError::Record { seq, error })?;
        self.note_source(&arrived.source);
        let Some(held) = self.records.get(&arrived.record) else { return Ok(()) };
        let standing = (&held.standing, self.waits_verified(&arrived.record));
        let account = self.weighed_to(arrived.source.brought_by(), held.facts.origin, standing);
        let Some(held) = self.records.get_mut(&arrived.record) else { return Ok(()) };
        let mut weight = Weight::default();
        let more = arrived.parts.iter().any(|part| !held.has_part(&part.digest));
        for (part, header) in arrived.parts.iter().zip(&headers) {
            if !held.has_part(&part.digest) {
                let floor = &held.facts.floor;
                weight = weight.and(Weight::of_part(floor, part.header.len(), part.size));
                hold_header(held, part.digest, header, part.size);
            }
        }
        self.charge_weight(account, weight);
        if more {
            self.approved_without_these(&arrived.record);
        }
        let came = match &arrived.source {
            Source::Partner(delivered) => delivered.entry.parts.clone(),
            Source::Own | Source::Returned { .. } => Vec::new(),
        };
        let new: BTreeSet<_> = arrived.parts.iter().map(|part| part.digest).collect();
        self.mark_erased(&arrived.record);
        self.note_terms(&arrived.record, &new, &arrived.source, arrived.at);
        self.came(arrived.record, &arrived.source, &new, &came.into_iter().collect());
        self.came_again(arrived.record, &arrived.source, !new.is_empty());
        self.note_came(&arrived.record, &arrived.source, arrived.at);
        self.arrive_again(&arrived.record);
        Ok(())
    }

    /// A delivery brought parts of a record that is here: some for the first time, some again. What we
    /// took on with each delivery of a part binds.
    pub(super) fn came(
        &mut self,
        record: RecordId,
        source: &Source,
        new: &BTreeSet<PartDigest>,
        again: &BTreeSet<PartDigest>,
    ) {
        let Some(held) = self.records.get(&record) else { return };
        let policy::Source::From { economy, mut obligations } =
            source_facts(source, held.facts.origin == self.us)
        else {
            return;
        };
        let came = |part: &PartDigest| new.contains(part) || again.contains(part);
        if let Some(terms) = self.consented_terms(held, source, came) {
            obligations = terms.and_later(&obligations);
        }
        let Some(held) = self.records.get_mut(&record) else { return };
        let origin = held.facts.origin;
        let by_origin = from_origin(source, origin);
        let more = Received { economy, obligations: Arc::new(obligations) };
        let (mut bound, mut freed) = (false, false);
        for part in &mut held.parts {
            if new.contains(&part.digest) {
                bound |= part.arrived(&held.facts.source, more.clone());
            } else if again.contains(&part.digest) {
                bound |= part.received(&held.facts.source, &more);
            } else {
                continue;
            }
            freed |= by_origin && !part.from_origin;
            part.from_origin |= by_origin;
        }
        share(&mut held.parts, economy);
        if bound || freed {
            self.turns = self.turns.saturating_add(1);
        }
        let first_from_origin = !held.from_origin && by_origin;
        if freed {
            // What others demand binds no more: it may go further.
            self.arrive_again(&record);
        }
        let Some(held) = self.records.get_mut(&record) else { return };
        if first_from_origin {
            held.from_origin = true;
            let keyring = held.facts.kind == Kind::Keyring && held.is_accepted();
            let scope = Scope::Some { authors: BTreeSet::new(), records: BTreeSet::from([record]) };
            self.judge_anew(origin, scope);
            if keyring {
                self.own_word_for(origin, record);
            }
        }
    }

    /// Whether a delivery brings nothing but what the same partner had brought before.
    pub(crate) fn brought_before(&self, from: EconomyId, entry: &LedgerEntry) -> bool {
        let Some(held) = self.records.get(&entry.record) else { return true };
        let parts =
            held.parts.iter().filter(|part| entry.parts.binary_search(&part.digest).is_ok());
        let mut before = parts.map(|part| part.taken_from(&held.facts.source, from));
        before.all(|before| before.is_some())
    }

    /// Whether a partner brings parts again for purposes that share none with those which it named before.
    pub(crate) fn contradicts_itself(&self, from: EconomyId, entry: &LedgerEntry) -> bool {
        let Some(held) = self.records.get(&entry.record) else { return false };
        let again =
            held.parts.iter().filter(|part| entry.parts.binary_search(&part.digest).is_ok());
        let mut before = again.filter_map(|part| part.taken_from(&held.facts.source, from));
        before.any(|before| before.meet(&entry.obligations).is_none())
    }

    /// A record has something new: whoever was past it looks at it again.
    pub(super) fn arrive_again(&mut self, record: &RecordId) {
        if let Some(held) = self.records.get_mut(record) {
            self.arrivals.remove(&held.arrived);
            held.arrived = self.next_place;
            self.arrivals.insert(self.next_place, *record);
            self.next_place = self.next_place.saturating_add(1);
        }
    }
}

/// A delivery's terms are held once, not once for each part.
fn share(parts: &mut [PartFacts], from: EconomyId) {
    let mut last: Option<Arc<Obligations>> = None;
    let taken = parts.iter_mut().flat_map(|part| &mut part.sources);
    for received in taken.filter(|received| received.economy == from) {
        match &last {
            Some(same) if *same == received.obligations => received.obligations = Arc::clone(same),
            Some(_) | None => last = Some(Arc::clone(&received.obligations)),
        }
    }
}

fn headers(parts: &[PartHeld]) -> Result<Vec<Header>, RecordError> {
    parts.iter().map(|part| Header::decode(&part.header)).collect()
}

fn hold_header(held: &mut Held, digest: PartDigest, header: &Header, size: u64) {
    let facts = held.facts.hold(digest, header);
    held.parts.push(facts);
    held.sizes.insert(digest, size);
    if let Some(name) = &header.file_name {
        held.file_names.insert(digest, name.clone());
    }
}

fn source_facts(source: &Source, ours: bool) -> policy::Source {
    match source {
        Source::Own => policy::Source::Own,
        Source::Returned { .. } if ours => policy::Source::Own,
        // What had come with it is lost; asking the origin is always right.
        Source::Returned { by } => {
            policy::Source::From { economy: *by, obligations: Obligations::default() }
        }
        Source::Partner(delivered) => policy::Source::From {
            economy: delivered.from,
            obligations: delivered.entry.obligations.clone(),
        },
    }
}

/// Whether a record, or parts of it, came from its origin itself, or is our own.
fn from_origin(source: &Source, origin: EconomyId) -> bool {
    match source {
        Source::Own => true,
        Source::Partner(delivered) => delivered.from == origin,
        Source::Returned { .. } => false,
    }
}
