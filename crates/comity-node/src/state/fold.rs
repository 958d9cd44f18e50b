//! One journal entry after another.

use std::collections::BTreeMap;

use comity_core::entitlement::FirstSeen;
use comity_core::journal::{
    Arrival, ArrivalOutcome, Delivered, DeliveryDecided, Founded, JournalEntry, JournalFault,
    PartHeld, PartnerChange, PartnerChanged, PartsArrived, RecordEntered, Source, Standing,
    StandingChanged,
};
use comity_core::keyring::{KeyringError, KeyringHistory, SignedKeyring, VerifiedKeyring};
use comity_core::ledger::Obligations;
use comity_core::partners::PartnerSet;
use comity_core::policy::{self, Lifecycle, PolicySnapshot, RecordFacts, TrustLevel};
use comity_core::receipt::RejectReason;
use comity_core::record::{self, Header, Manifest, RecordError, VerifiedRecord};
use comity_core::{Digest, EconomyId, Kind, PartDigest, RecordId, Timestamp};

use super::kept::{Bound, charged, is_read, unread};
use super::ledgers::{InLedger, OutFate, OutLedger};
use super::partners::{Bond, Partner};
use super::records::Held;
use super::{Agreements, Awaiting, Recovery, State, due};

/// The journal does not fold: it is damaged, or was written by a newer version.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// An entry cannot be read.
    #[error("journal entry {seq}: {fault}")]
    Entry {
        /// Which.
        seq: u64,
        /// What is wrong.
        fault: JournalFault,
    },
    /// The first entry does not found a node.
    #[error(
        "the journal does not begin with the founding of a node; run `comity init` in an empty folder"
    )]
    NotFounded,
    /// The founding keyring does not verify.
    #[error("the founding keyring: {0}")]
    Keyring(#[from] KeyringError),
    /// A record in the journal cannot be read.
    #[error("journal entry {seq}: {error}")]
    Record {
        /// Which.
        seq: u64,
        /// What is wrong.
        error: RecordError,
    },
    /// A number of a ledger is missing.
    #[error("journal entry {seq}: ledger number {number} does not follow")]
    Ledger {
        /// Which entry.
        seq: u64,
        /// The number.
        number: u64,
    },
}

impl State {
    /// Starts from the first entry of a journal.
    pub fn begin(first: &JournalEntry) -> Result<Self, FoldError> {
        let JournalEntry::Founded(Founded { economy, code, keyring, at }) = first else {
            return Err(FoldError::NotFounded);
        };
        let keyring = SignedKeyring::decode(keyring)?.verify(Some(*economy))?;
        Ok(Self {
            us: *economy,
            code: code.clone(),
            founded: *at,
            seq: 1,
            chain: Digest::ZERO,
            records: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            keyring_records: BTreeMap::new(),
            references: BTreeMap::new(),
            last_references: BTreeMap::new(),
            partners: BTreeMap::new(),
            partner_set: PartnerSet::new(),
            keyrings: BTreeMap::from([(*economy, KeyringHistory::start(keyring))]),
            agreements: Agreements::default(),
            policy: PolicySnapshot::builder(*economy).build(),
            tombstones: BTreeMap::new(),
            superseded: BTreeMap::new(),
            pending: BTreeMap::new(),
            kept: BTreeMap::new(),
            drafts: BTreeMap::new(),
            last_draft: 0,
            recovery: None,
            turns: 0,
        })
    }

    /// Folds an entry that was read from the journal.
    pub fn replay(&mut self, seq: u64, kind: u8, body: &[u8]) -> Result<(), FoldError> {
        let entry =
            JournalEntry::decode(kind, body).map_err(|fault| FoldError::Entry { seq, fault })?;
        self.fold(&entry)
    }

    /// Everything that was folded was read from the disk.
    pub fn replayed(&mut self) {
        for partner in self.partners.values_mut() {
            partner.inbound.settle_all();
            partner.out.settle_all();
        }
    }

    /// Folds an entry of our own making, which always fits.
    pub(crate) fn apply(&mut self, entry: &JournalEntry) {
        if let Err(error) = self.fold(entry) {
            debug_assert!(false, "an entry of our own does not fold: {error}");
        }
    }

    fn fold(&mut self, entry: &JournalEntry) -> Result<(), FoldError> {
        self.seq = self.seq.saturating_add(1);
        match entry {
            JournalEntry::Founded(_) => return Err(FoldError::NotFounded),
            JournalEntry::Record(entered) => self.record_entered(entered)?,
            JournalEntry::Parts(arrived) => self.parts_arrived(arrived)?,
            JournalEntry::Standing(changed) => self.standing_changed(changed),
            JournalEntry::Partner(changed) => self.partner_changed(changed)?,
            JournalEntry::Delivery(decided) => self.delivery_decided(decided)?,
            JournalEntry::Voided { to, number, digest, handed, at } => {
                // A withdrawal goes only to whoever may hold something of what it takes back.
                self.turns = self.turns.saturating_add(1);
                if let Some(partner) = self.partners.get_mut(to)
                    && !partner.out.push_void(*number, *digest, *at, self.seq)
                {
                    partner.out.settle(*number, OutFate::Void { handed: *handed });
                    partner.out.push_beyond_void(*number, *digest);
                }
            }
            JournalEntry::Arrival(arrival) => self.arrived(arrival),
            JournalEntry::Receipt { from, signed, at } => self.receipt_came(from, signed, *at),
            JournalEntry::Refused { by, number, reason, .. } => {
                if let Some(partner) = self.partners.get_mut(by) {
                    let reason = RejectReason::from_code(*reason);
                    partner.out.settle(*number, OutFate::Refused(reason));
                }
            }
            JournalEntry::Epoch { to, opening, at } => {
                if let Some(partner) = self.partners.get_mut(to) {
                    partner.out.open(opening, *at, self.seq);
                }
            }
            JournalEntry::PartnerEpoch { from, opening, .. } => {
                if let Some(partner) = self.partners.get_mut(from)
                    && !partner.inbound.open(opening)
                {
                    let (seq, number) = (self.seq, opening.first);
                    return Err(FoldError::Ledger { seq, number });
                }
            }
            JournalEntry::Restored { at } => {
                self.recovery = Some(Recovery { since: *at, confirmed: false });
                for partner in self.partners.values_mut() {
                    partner.returned = false;
                }
            }
            JournalEntry::PolicyConfirmed { .. } => {
                if let Some(recovery) = &mut self.recovery {
                    recovery.confirmed = true;
                }
            }
            JournalEntry::Returned { by, .. } => {
                if let Some(partner) = self.partners.get_mut(by) {
                    partner.returned = true;
                }
            }
            JournalEntry::Recovered { .. } => self.recovery = None,
            JournalEntry::Draft(draft) => {
                self.last_draft = self.last_draft.max(draft.number);
                self.drafts.insert(draft.number, draft.clone());
            }
            JournalEntry::DraftGone { draft, .. } => {
                self.drafts.remove(draft);
            }
        }
        Ok(())
    }

    fn record_entered(&mut self, entered: &RecordEntered) -> Result<(), FoldError> {
        let seq = self.seq;
        let unverified =
            record::parse(&entered.signed).map_err(|error| FoldError::Record { seq, error })?;
        let (id, manifest) = (unverified.id(), unverified.manifest());
        self.note_source(&entered.source);
        let source = source_facts(&entered.source, manifest.origin == self.us);
        let mut facts = RecordFacts::new(id, manifest, source);
        facts.pending = matches!(entered.standing, Standing::Pending(_));
        facts.quarantined = matches!(entered.standing, Standing::Quarantined(_));
        let tombstone = self.tombstones.contains_key(&(id, manifest.origin));
        if tombstone {
            facts.lifecycle = Lifecycle::Withdrawn;
        } else if self.superseded.contains_key(&(id, manifest.origin)) {
            facts.lifecycle = Lifecycle::Superseded;
        }
        if let Some(from) = self.superseded.remove(&(id, manifest.origin)) {
            self.discharge(from, Bound::Superseded, 1);
        }
        let body = manifest.body.clone().filter(|body| is_read(manifest.kind, body));
        let mut held = Held {
            facts,
            parts: Vec::new(),
            sizes: BTreeMap::new(),
            file_names: BTreeMap::new(),
            supersedes: manifest.supersedes.clone(),
            seq,
            arrived: seq,
            signed_bytes: entered.signed.len() as u64,
            source: entered.source.clone(),
            standing: entered.standing.clone(),
            reference: entered.reference.clone(),
            title: entered.title.clone(),
            entered_at: entered.at,
            signed_at: manifest.signed_at,
            body,
        };
        for part in &entered.parts {
            hold_part(&mut held, part, seq)?;
        }
        let manifest = manifest.clone();
        held.facts.control = self.control_audience(&held.facts, held.body.as_deref());
        if held.facts.pending {
            self.await_judgement(id, &manifest, &entered.source, entered.at);
        }
        self.note_reference(&entered.reference, id);
        if manifest.kind == Kind::Keyring {
            self.keyring_records.entry(manifest.origin).or_default().push(id);
        }
        let accepted = held.is_accepted();
        self.charge(charged(&entered.source), Bound::Unread, unread(&manifest));
        self.records.insert(id, held);
        self.arrivals.insert(seq, id);
        if accepted {
            self.take_effect(id, entered.at);
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
            reference: self.next_reference(now),
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

    fn await_judgement(
        &mut self,
        id: RecordId,
        manifest: &Manifest,
        source: &Source,
        at: Timestamp,
    ) {
        let seen = match source {
            Source::Partner(delivered) if delivered.from != manifest.origin => {
                FirstSeen::relayed(at)
            }
            Source::Partner(_) | Source::Own => FirstSeen::from_origin(at),
            Source::Returned { .. } => FirstSeen::relayed(at),
        };
        let due = due(&self.entitlement(manifest, seen, at));
        let needs = self.needs(manifest);
        self.charge_all(charged(source), &needs);
        self.charge(charged(source), Bound::Pending, 1);
        self.pending.insert(id, Awaiting { manifest: manifest.clone(), seen, due, needs });
    }

    fn note_reference(&mut self, reference: &str, id: RecordId) {
        self.references.insert(reference.to_owned(), id);
        if let Some((prefix, number)) = reference.rsplit_once('-')
            && let Ok(number) = number.parse::<u64>()
        {
            let last = self.last_references.entry(prefix.to_owned()).or_default();
            *last = (*last).max(number);
        }
    }

    fn parts_arrived(&mut self, arrived: &PartsArrived) -> Result<(), FoldError> {
        let seq = self.seq;
        self.note_source(&arrived.source);
        let Some(held) = self.records.get_mut(&arrived.record) else { return Ok(()) };
        for part in &arrived.parts {
            if !held.has_part(&part.digest) {
                hold_part(held, part, seq)?;
            }
        }
        if let (
            policy::Source::From { obligations, .. },
            policy::Source::From { obligations: more, .. },
        ) = (&mut held.facts.source, source_facts(&arrived.source, false))
        {
            self.turns = self.turns.saturating_add(1);
            // With no purpose in common there is none for which it may be passed on.
            *obligations = obligations.meet(&more).unwrap_or_default();
        }
        self.arrive_again(&arrived.record);
        Ok(())
    }

    /// A record has something new: whoever was past it looks at it again.
    fn arrive_again(&mut self, record: &RecordId) {
        if let Some(held) = self.records.get_mut(record) {
            self.arrivals.remove(&held.arrived);
            held.arrived = self.seq;
            self.arrivals.insert(self.seq, *record);
        }
    }

    fn standing_changed(&mut self, changed: &StandingChanged) {
        let Some(held) = self.records.get_mut(&changed.record) else { return };
        self.turns = self.turns.saturating_add(1);
        let was_accepted = held.is_accepted();
        held.standing = changed.standing.clone();
        held.facts.pending = matches!(changed.standing, Standing::Pending(_));
        held.facts.quarantined = matches!(changed.standing, Standing::Quarantined(_));
        let accepted = held.is_accepted();
        let from = charged(&held.source);
        if let Some(Awaiting { needs, .. }) = self.pending.remove(&changed.record) {
            self.discharge(from, Bound::Pending, 1);
            self.discharge_all(from, &needs);
        }
        if accepted && !was_accepted {
            self.arrive_again(&changed.record);
            self.take_effect(changed.record, changed.at);
        }
    }

    fn partner_changed(&mut self, changed: &PartnerChanged) -> Result<(), FoldError> {
        let economy = changed.economy;
        match &changed.change {
            PartnerChange::Paired { name, keyring, addresses, epoch } => {
                let keyring = SignedKeyring::decode(keyring)?.verify(Some(economy))?;
                self.learn_keyring(keyring, true);
                // A partner that comes back after its removal goes on in the same ledgers: no number
                // may be used twice.
                let partner = self.partners.entry(economy).or_insert_with(|| Partner {
                    name: name.clone(),
                    bond: Bond::Paired,
                    level: TrustLevel::default(),
                    addresses: Vec::new(),
                    since: changed.at,
                    out: OutLedger::new(*epoch),
                    inbound: InLedger::default(),
                    origins: std::collections::BTreeSet::new(),
                    returned: true,
                });
                partner.name.clone_from(name);
                partner.addresses.clone_from(addresses);
                partner.bond = Bond::Paired;
                partner.since = changed.at;
                partner.level = TrustLevel::default();
            }
            PartnerChange::Introduced { name, keyring, by } => {
                let keyring = SignedKeyring::decode(keyring)?.verify(Some(economy))?;
                self.learn_keyring(keyring, false);
                self.partners.entry(economy).or_insert_with(|| Partner {
                    name: name.clone(),
                    bond: Bond::Introduced(*by),
                    level: TrustLevel::default(),
                    addresses: Vec::new(),
                    since: changed.at,
                    out: OutLedger::new(comity_core::EpochId([0; 16])),
                    inbound: InLedger::default(),
                    origins: std::collections::BTreeSet::new(),
                    returned: true,
                });
            }
            PartnerChange::Level(level) => {
                let level = u8::try_from(*level).ok().and_then(TrustLevel::from_number);
                if let (Some(partner), Some(level)) = (self.partners.get_mut(&economy), level) {
                    partner.level = level;
                }
            }
            PartnerChange::Suspended => self.rebond(economy, Bond::Suspended),
            PartnerChange::Resumed => self.rebond(economy, Bond::Paired),
            PartnerChange::Removed => self.rebond(economy, Bond::Removed),
            PartnerChange::Addresses(addresses) => {
                if let Some(partner) = self.partners.get_mut(&economy) {
                    partner.addresses.clone_from(addresses);
                }
            }
        }
        self.rebuild_policy();
        Ok(())
    }

    fn rebond(&mut self, economy: EconomyId, bond: Bond) {
        if let Some(partner) = self.partners.get_mut(&economy)
            && partner.is_paired()
        {
            partner.bond = bond;
        }
    }

    fn delivery_decided(&mut self, decided: &DeliveryDecided) -> Result<(), FoldError> {
        let (seq, number) = (self.seq, decided.entry.number);
        let origin = self.records.get(&decided.entry.record).map(|held| held.facts.origin);
        let Some(partner) = self.partners.get_mut(&decided.to) else {
            return Err(FoldError::Ledger { seq, number });
        };
        partner.origins.extend(origin);
        let next = number == partner.out.next_number();
        if decided.returned && !next {
            partner.out.push_beyond(decided.entry.clone());
        } else if !partner.out.push(decided.entry.clone(), decided.at, seq) {
            return Err(FoldError::Ledger { seq, number });
        }
        Ok(())
    }

    fn arrived(&mut self, arrival: &Arrival) {
        if let Some(partner) = self.partners.get_mut(&arrival.from) {
            partner.inbound.push(arrival.number, arrival.digest, arrival.entry.clone());
            if let ArrivalOutcome::Known(record) | ArrivalOutcome::Withdrawn(record) =
                arrival.outcome
            {
                partner.inbound.repeat(record);
            }
            if let ArrivalOutcome::Rejected(code) = arrival.outcome {
                partner.inbound.reject(arrival.number, RejectReason::from_code(code));
            }
        }
    }

    fn note_source(&mut self, source: &Source) {
        if let Source::Partner(Delivered { from, entry }) = source
            && let Some(partner) = self.partners.get_mut(from)
        {
            partner.inbound.push(entry.number, entry.digest(), Some(entry.clone()));
        }
    }

    /// Takes a keyring in. `own_word`: its economy gave it itself.
    pub(super) fn learn_keyring(&mut self, keyring: VerifiedKeyring, own_word: bool) {
        let economy = keyring.economy();
        match self.keyrings.get_mut(&economy) {
            Some(history) => {
                // An older version changes nothing; a contradiction freezes the economy within, and
                // then the policy that is rebuilt below says so.
                let _unless_older =
                    if own_word { history.jump(keyring) } else { history.advance(keyring) };
            }
            None => {
                self.keyrings.insert(economy, KeyringHistory::start(keyring));
            }
        }
        self.rebuild_policy();
    }

    /// Makes the snapshot and the set of those who may connect anew.
    pub(super) fn rebuild_policy(&mut self) {
        let mut builder =
            PolicySnapshot::builder(self.us).version(self.policy.version().saturating_add(1));
        let mut partner_set = PartnerSet::new();
        for (economy, partner) in &self.partners {
            let history = self.keyrings.get(economy);
            let frozen = history.is_none_or(|history| history.fork().is_some());
            let Some(standing) = partner.standing(frozen) else { continue };
            builder = builder.partner(
                *economy,
                policy::Partner {
                    standing,
                    trust: partner.level,
                    agreements: self.agreements.signed_with(*economy).collect(),
                },
            );
            if partner.is_open()
                && !frozen
                && let Some(history) = history
            {
                partner_set.insert(history.current().clone());
            }
        }
        self.turns = self.turns.saturating_add(1);
        self.policy = builder.build();
        self.partner_set = partner_set;
    }
}

fn hold_part(held: &mut Held, part: &PartHeld, seq: u64) -> Result<(), FoldError> {
    let header = Header::decode(&part.header).map_err(|error| FoldError::Record { seq, error })?;
    hold_header(held, part.digest, &header, part.size);
    Ok(())
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
