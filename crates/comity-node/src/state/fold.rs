//! One journal entry after another.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::journal::{
    Arrival, ArrivalOutcome, Delivered, DeliveryDecided, Founded, JournalEntry, JournalFault,
    Source,
};
use comity_core::keyring::{KeyringError, KeyringHistory, SignedKeyring};
use comity_core::partners::PartnerSet;
use comity_core::policy::PolicySnapshot;
use comity_core::receipt::RejectReason;
use comity_core::record::RecordError;
use comity_core::{Digest, EconomyId, Kind, RecordId};

use super::ledgers::OutFate;
use super::{Agreements, Groups, Recovery, State, Weight, titles};

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
            next_place: 0,
            keyring_records: BTreeMap::new(),
            references: super::References::default(),
            partners: BTreeMap::new(),
            partner_set: PartnerSet::new(),
            keyrings: BTreeMap::from([(*economy, KeyringHistory::start(keyring))]),
            kept_keyrings: BTreeMap::new(),
            heads: BTreeMap::new(),
            brought: None,
            agreements: Agreements::default(),
            groups: Groups::default(),
            consents: super::Consents::default(),
            policy: PolicySnapshot::builder(*economy).build(),
            tombstones: BTreeMap::new(),
            replaced: super::Replaced::default(),
            answers: super::Answers::default(),
            unsending: super::Unsending::default(),
            outsides: super::Outsides::default(),
            files: super::Files::default(),
            approvals: super::Approvals::default(),
            emergencies: super::emergencies::Emergencies::default(),
            assessments: super::Assessments::default(),
            guarding: super::Guarding::default(),
            erasures: super::Erasures::default(),
            since: super::terms::Since::default(),
            copies: BTreeMap::new(),
            authored: BTreeMap::new(),
            anew: BTreeMap::new(),
            seized: BTreeSet::new(),
            root_turns: Vec::new(),
            waiting: BTreeSet::new(),
            pending: BTreeMap::new(),
            introductions: BTreeMap::new(),
            strangers: BTreeMap::new(),
            kept: BTreeMap::new(),
            drafts: BTreeMap::new(),
            last_draft: 0,
            invitations: super::Invitations::default(),
            staff: super::Staff::default(),
            recovery: None,
            doubted: BTreeSet::new(),
            turns: 0,
            widened: super::Widened::default(),
            versions: (0, 0),
            reading: false,
            written: *at,
            vouched: super::vouched::Vouched::begin(*at),
        })
    }

    /// Folds an entry that was read from the journal.
    pub fn replay(&mut self, seq: u64, kind: u8, body: &[u8]) -> Result<(), FoldError> {
        let entry =
            JournalEntry::decode(kind, body).map_err(|fault| FoldError::Entry { seq, fault })?;
        self.replay_decoded(&entry)
    }

    /// The same for one that was decoded already.
    pub(crate) fn replay_decoded(&mut self, entry: &JournalEntry) -> Result<(), FoldError> {
        // Nothing is decided before all of it is read.
        self.reading = true;
        self.groups.read();
        if !matches!(entry, JournalEntry::Judged(_)) {
            // What earlier entries made due was judged with them, and in one batch with them.
            self.anew.clear();
            self.seized.clear();
        }
        self.fold(entry)
    }

    /// Everything that was folded was read from the disk.
    pub fn replayed(&mut self) {
        self.reading = false;
        self.groups.settle_all();
        self.rebuild_policy();
        self.widened = super::Widened::default();
        // Whoever was at the screens then was told.
        self.take_recalled();
        self.take_files_to_tell();
        self.take_root_turns();
        for partner in self.partners.values_mut() {
            partner.inbound.settle_all();
            partner.out.settle_all();
        }
    }

    /// Folds an entry that was just made. A record or parts that do not fold change nothing.
    pub(crate) fn apply(&mut self, entry: &JournalEntry) -> Result<(), FoldError> {
        let before = self.seq;
        let folded = self.fold(entry);
        if folded.is_err() {
            self.seq = before;
        }
        folded
    }

    fn fold(&mut self, entry: &JournalEntry) -> Result<(), FoldError> {
        self.seq = self.seq.saturating_add(1);
        // What is written down again after a restore is of its own time.
        if entry.outlasts_restore() {
            self.written = self.written.max(entry.at());
            self.vouched.entered_again(entry.at());
        } else {
            self.written = entry.at();
            self.vouched.entered(entry.at());
        }
        self.end_consents();
        match entry {
            JournalEntry::Founded(_) => return Err(FoldError::NotFounded),
            JournalEntry::Record(entered) => self.record_entered(entered)?,
            JournalEntry::Parts(arrived) => self.parts_arrived(arrived)?,
            JournalEntry::Standing(changed) => {
                self.decided(changed.record, &changed.standing, changed.at);
            }
            JournalEntry::Ruled(ruled) => self.ruled(ruled),
            JournalEntry::Judged(judged) => {
                for record in &judged.records {
                    self.stands(*record, &judged.standing, judged.at);
                }
            }
            JournalEntry::Partner(changed) => self.partner_changed(changed)?,
            JournalEntry::Delivery(decided) => self.delivery_decided(decided)?,
            JournalEntry::Voided { to, number, digest, handed, at } => {
                // A withdrawal goes only to whoever may hold something of what it takes back.
                self.turns = self.turns.saturating_add(1);
                if let Some(partner) = self.partners.get_mut(to)
                    && !partner.out.push_void(*number, *digest, *at, self.seq)
                {
                    partner.out.push_beyond_void(*number, *digest);
                    self.settle(to, *number, OutFate::Void { handed: *handed });
                }
            }
            JournalEntry::Arrival(arrival) => self.arrived(arrival),
            JournalEntry::Receipt { from, signed, at } => {
                self.charge_weight(Some(*from), Weight::of_receipt(signed.len()));
                self.receipt_came(from, signed, *at);
            }
            JournalEntry::Refused { by, number, reason, .. } => {
                let reason = RejectReason::from_code(*reason);
                self.settle(by, *number, OutFate::Refused(reason));
                self.note_refused(by, *number, reason);
            }
            JournalEntry::Epoch { to, opening, at } => {
                if let Some(partner) = self.partners.get_mut(to) {
                    partner.out.open(opening, *at, self.seq);
                }
            }
            JournalEntry::PartnerEpoch { from, opening, at } => {
                if let Some(partner) = self.partners.get_mut(from) {
                    if !partner.inbound.open(opening) {
                        let (seq, number) = (self.seq, opening.first);
                        return Err(FoldError::Ledger { seq, number });
                    }
                    partner.opened(*at);
                }
                self.charge_weight(Some(*from), Weight::of_number(None));
            }
            JournalEntry::Restored { at } => {
                self.recovery = Some(Recovery { since: *at, confirmed: false });
                self.invitations.restored();
                self.doubted.clear();
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
                self.let_go_of_proposals(*by);
            }
            JournalEntry::Recovered { .. } => self.recovery = None,
            JournalEntry::TailCut { .. } => {
                let paired = self.partners.iter().filter(|(_, partner)| partner.is_paired());
                self.doubted = paired.map(|(economy, _)| *economy).collect();
            }
            JournalEntry::HeadAgreed { by, .. } => {
                self.doubted.remove(by);
            }
            JournalEntry::Invited(invited) => self.invitations.made(invited),
            JournalEntry::InvitationEnded { ticket, .. } => self.invitations.ended(ticket),
            JournalEntry::Draft(draft) => {
                self.last_draft = self.last_draft.max(draft.number);
                self.drafts.insert(draft.number, draft.clone());
            }
            JournalEntry::HeldBack { record, until, .. } => {
                self.unsending.about_to(*record, *until)
            }
            JournalEntry::Unsent { record, .. } => self.unsent(record),
            JournalEntry::ToldOutside(told) => self.outsides.said(told),
            JournalEntry::Exported(exported) => {
                self.files.left(exported);
                self.erasures.note(entry.clone());
            }
            JournalEntry::ToldWrongly { record, word, reason, .. } => {
                self.outsides.wrong(record, *word, reason);
            }
            JournalEntry::DraftGone { draft, record, .. } => {
                let gone = self.drafts.remove(draft);
                if let (Some(gone), Some(record)) = (gone, record) {
                    let title = titles::of_draft(*draft, &gone.title).map(|(digest, _)| digest);
                    let contents = gone.parts.iter().map(|part| part.content).chain(title);
                    self.erasures.made_from(*record, contents.collect());
                }
            }
            JournalEntry::Staff(changed) => self.staff.changed(changed),
            JournalEntry::Erased(erasure) => self.erased(erasure),
            JournalEntry::OnHold(_) | JournalEntry::HoldLifted(_) => self.held_or_lifted(entry),
            // Kept for whoever asks later; nothing is decided by it.
            JournalEntry::Read(_) => {}
            JournalEntry::BackedUp(copy) => {
                self.copies.insert(copy.folder.clone(), copy.clone());
            }
            JournalEntry::Guarded(guarded) => self.guarded(guarded),
            JournalEntry::AwaitsApproval(awaits) => self.approvals.about_to(awaits),
            JournalEntry::Emergency(opened) => self.emergencies.about_to(opened),
            JournalEntry::Assessed(assessed) => self.assessed(assessed),
            JournalEntry::Headed { signed, at, .. } => self.headed(signed, *at),
        }
        Ok(())
    }

    fn delivery_decided(&mut self, decided: &DeliveryDecided) -> Result<(), FoldError> {
        let (seq, number) = (self.seq, decided.entry.number);
        let origin = self.spoken_of(&decided.entry.record);
        let Some(partner) = self.partners.get_mut(&decided.to) else {
            return Err(FoldError::Ledger { seq, number });
        };
        self.emergencies.numbered(decided);
        partner.note_origin(origin, true);
        let next = number == partner.out.next_number();
        if decided.returned && !next {
            partner.out.push_beyond(decided.entry.clone());
        } else if !partner.out.push(decided.entry.clone(), decided.at, seq) {
            return Err(FoldError::Ledger { seq, number });
        }
        Ok(())
    }

    /// The economy of which a partner knows by a delivery of this record. It gets keyrings and withdrawals
    /// because it knows of their economy already, so by them it does not.
    fn spoken_of(&self, record: &RecordId) -> Option<EconomyId> {
        let follows = |kind: Kind| matches!(kind, Kind::Keyring | Kind::Withdrawal);
        let held = self.records.get(record).filter(|held| !follows(held.facts.kind));
        held.map(|held| held.facts.origin)
    }

    pub(super) fn settle(&mut self, to: &EconomyId, number: u64, fate: OutFate) {
        let out = self.partners.get_mut(to).map(|partner| &mut partner.out);
        let Some((record, held)) = out.and_then(|out| out.settle(number, fate)) else { return };
        let origin = self.spoken_of(&record);
        if let Some(partner) = self.partners.get_mut(to) {
            partner.note_origin(origin, held);
        }
    }

    /// What a partner refuses for its origin alone may go again when it knows that.
    pub(super) fn note_refused(&mut self, by: &EconomyId, number: u64, reason: RejectReason) {
        if reason != RejectReason::UnknownOrigin {
            return;
        }
        let Some(partner) = self.partners.get_mut(by) else { return };
        let line = partner.out.entry(number).and_then(|line| line.entry.as_ref());
        let held = line.and_then(|entry| self.records.get(&entry.record));
        // Itself and us it knows: of those a refusal is final.
        let us = self.us;
        let strange = |held: &&super::records::Held| ![us, *by].contains(&held.facts.origin);
        if let Some(held) = held.filter(strange) {
            partner.out.unwant(&held.facts.id);
            partner.refused.entry(held.facts.origin).or_default().insert(held.facts.id);
        }
    }

    fn arrived(&mut self, arrival: &Arrival) {
        let entry = arrival.entry.as_ref();
        let again = entry.is_some_and(|entry| self.brought_before(arrival.from, entry));
        self.charge_weight(Some(arrival.from), Weight::of_number(entry));
        if let Some(partner) = self.partners.get_mut(&arrival.from) {
            partner.inbound.push(arrival.number, arrival.digest, arrival.entry.clone());
            if let ArrivalOutcome::Known(record) | ArrivalOutcome::Withdrawn(record) =
                arrival.outcome
                && again
            {
                partner.inbound.repeat(record);
            }
            if let ArrivalOutcome::Rejected(code) = arrival.outcome {
                partner.inbound.reject(arrival.number, RejectReason::from_code(code));
            }
            if let ArrivalOutcome::Declined(kind) = arrival.outcome {
                partner.inbound.reject(arrival.number, RejectReason::NotEntitled);
                let declined = partner.declined.entry(kind).or_default();
                *declined = declined.saturating_add(1);
            }
            if let ArrivalOutcome::Unkept(origin) = arrival.outcome {
                partner.inbound.reject(arrival.number, RejectReason::UnknownOrigin);
                self.note_unkept(arrival.from, origin, arrival.number, entry.is_some());
            }
        }
        if let (ArrivalOutcome::Known(record), Some(entry)) = (&arrival.outcome, &arrival.entry) {
            let parts = entry.parts.iter().copied().collect();
            let delivered = Delivered { from: arrival.from, entry: entry.clone() };
            let source = Source::Partner(delivered);
            self.note_terms(record, &BTreeSet::new(), &source, arrival.at);
            self.came(*record, &source, &BTreeSet::new(), &parts);
            self.came_again(*record, &source, false);
            self.note_came(record, &source, arrival.at);
        }
    }

    pub(super) fn note_source(&mut self, source: &Source) {
        let Source::Partner(Delivered { from, entry }) = source else { return };
        self.charge_weight(Some(*from), Weight::of_number(Some(entry)));
        if let Some(partner) = self.partners.get_mut(from) {
            partner.inbound.push(entry.number, entry.digest(), Some(entry.clone()));
        }
    }
}
