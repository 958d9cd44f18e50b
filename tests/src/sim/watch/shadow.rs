//! A node's journal, read by somebody else: the least that the invariants speak of.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::journal::{
    Arrival, ArrivalOutcome, Delivered, JournalEntry, PartHeld, PartnerChange, Source, Standing,
};
use comity_core::ledger::LedgerEntry;
use comity_core::record;
use comity_core::{Digest, EconomyId, EpochId, GroupId, Kind, PartDigest, RecordId, Timestamp};

use super::guarded::Kept;
use super::heads::Heads;
use super::intake::Desk;
use super::keyrings::Keyrings;
use super::terms::Terms;
use crate::sim::truth::{Deed, Truth};
use crate::sim::watch::{Broken, broken};

/// What one node's journal says, as far as the entries were handed to its store.
#[derive(Default)]
pub struct Shadow {
    /// The last entry.
    pub seq: u64,
    /// The last entry that is synced.
    pub durable: u64,
    /// The chain there.
    pub chain: Option<Digest>,
    /// Records that entered.
    pub records: BTreeMap<RecordId, Entered>,
    /// Deliveries that were decided.
    pub out: BTreeMap<(EconomyId, EpochId, u64), Decided>,
    /// Numbers that were taken back.
    pub voided: BTreeMap<(EconomyId, u64), (Digest, u64)>,
    /// Numbers of others that arrived.
    pub inbound: BTreeMap<(EconomyId, u64), (Digest, u64)>,
    /// The first number of a partner's newest epoch: everything before is settled.
    pub opened: BTreeMap<EconomyId, u64>,
    /// Partners: whether the link is open, and the level.
    pub partners: BTreeMap<EconomyId, Bond>,
    /// Agreements that took effect, and those taken back.
    pub pacts: BTreeMap<RecordId, Pact>,
    /// Records that their own origin withdrew, as far as this node knows.
    pub withdrawn: BTreeSet<RecordId>,
    /// Of these, what was taken back from this node and from nobody to whom it went on.
    pub from_us_alone: BTreeSet<RecordId>,
    /// Bodies that were erased, and the entry that says so.
    pub erased: BTreeMap<PartDigest, u64>,
    /// Deliveries that were refused because nobody knew their origin.
    pub unkept: u64,
    /// What is known of the keys of all.
    pub keyrings: Keyrings,
    /// What was said daily of them.
    pub heads: Heads,
    /// Whose journal it is.
    pub us: Option<EconomyId>,
    /// What leaves only with somebody's word.
    pub kept: Kept,
    /// What is taken in from whom.
    pub desk: Desk,
    /// How long what came is kept.
    pub terms: Terms,
    /// The rosters that have followed here, of each group: they go on following, whatever is believed no more.
    pub followed: BTreeMap<GroupId, BTreeSet<Digest>>,
    /// Whether something new about groups is believed.
    pub heard_of_groups: bool,
    /// Whether the last `Restored` has not been followed by `Recovered`.
    pub recovering: bool,
}

/// A record that entered.
pub struct Entered {
    /// In which entry.
    pub seq: u64,
    /// Whether it is believed.
    pub accepted: bool,
    /// Whether it was believed at one time or another.
    pub believed: bool,
    /// When.
    pub at: Timestamp,
    /// Whether its origin itself brought it, or it was made here.
    pub by_origin: bool,
    /// The parts that are here, and who brought each.
    pub parts: BTreeMap<PartDigest, Option<EconomyId>>,
    /// Who brought the record; none: made here, or given back.
    pub from: Option<EconomyId>,
    /// Whether it was made here.
    pub own: bool,
}

/// A delivery that was decided.
pub struct Decided {
    /// In which entry.
    pub seq: u64,
    /// The ledger's line.
    pub entry: LedgerEntry,
    /// The word that lets it go, as the sender says.
    pub covering: Option<RecordId>,
    /// Whether the partner gave it back after a restore.
    pub returned: bool,
}

/// What stands of a partner.
#[derive(Clone, Copy)]
pub struct Bond {
    /// Paired and not suspended.
    pub open: bool,
    /// The level.
    pub level: u64,
}

/// An agreement, as far as this node knows.
#[derive(Clone, Copy, Default)]
pub struct Pact {
    proposed: bool,
    accepted: Option<Timestamp>,
    terminated: Option<Timestamp>,
}

impl Pact {
    /// Whether both have signed it.
    #[must_use]
    pub fn is_agreed(&self, now: Timestamp) -> bool {
        self.proposed && self.accepted.is_some_and(|at| at <= now)
    }

    /// Whether it permits anything now, if its first day has come.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        self.is_agreed(now) && self.terminated.is_none_or(|end| end > now)
    }
}

impl Shadow {
    /// Whether a body was erased for good: the entry that says so is synced, so that nothing brings it back.
    #[must_use]
    pub fn is_gone(&self, body: &PartDigest) -> bool {
        self.erased.get(body).is_some_and(|seq| *seq <= self.durable)
    }

    /// Takes an entry in; what it breaks.
    pub fn apply(&mut self, entry: &JournalEntry, truth: &Truth) -> Result<(), Broken> {
        self.seq += 1;
        match entry {
            JournalEntry::Record(entered) => {
                let id = record::parse(&entered.signed).map(|read| read.id());
                let id = id.map_err(|error| broken(2, format!("an unreadable record: {error}")))?;
                let deed = truth
                    .deed(&id)
                    .filter(|deed| deed.signed == entered.signed)
                    .ok_or_else(|| broken(3, format!("record {} was never signed", id.short())))?;
                let from = from(&entered.source);
                let new = Entered {
                    seq: self.seq,
                    accepted: false,
                    believed: false,
                    at: entered.at,
                    by_origin: entered.source == Source::Own || from == Some(deed.origin),
                    parts: BTreeMap::new(),
                    from,
                    own: entered.source == Source::Own,
                };
                if self.records.insert(id, new).is_some() {
                    return Err(broken(2, format!("record {} entered twice", id.short())));
                }
                self.arrived_with(&entered.source)?;
                self.hold(deed, &entered.parts, from)?;
                self.brought(deed, &entered.source, (true, true))?;
                let new = entered.parts.iter().map(|part| part.digest);
                self.stay(deed, &entered.source, new, entered.at);
                self.stands(deed, &entered.standing, entered.at, truth)?;
            }
            JournalEntry::Parts(arrived) => {
                let deed = truth.deed(&arrived.record).ok_or_else(|| {
                    broken(3, format!("parts of {}, never signed", arrived.record.short()))
                })?;
                self.arrived_with(&arrived.source)?;
                self.came(deed, from(&arrived.source));
                self.hold(deed, &arrived.parts, from(&arrived.source))?;
                self.brought(deed, &arrived.source, (false, !arrived.parts.is_empty()))?;
                let new = arrived.parts.iter().map(|part| part.digest);
                self.stay(deed, &arrived.source, new, arrived.at);
            }
            JournalEntry::Standing(changed) => {
                if let Some(deed) = truth.deed(&changed.record) {
                    self.stands(deed, &changed.standing, changed.at, truth)?;
                }
            }
            JournalEntry::Ruled(ruled) => {
                if let Some(deed) = truth.deed(&ruled.record) {
                    self.ruled(ruled.record, &ruled.standing);
                    self.stands(deed, &ruled.standing, ruled.at, truth)?;
                }
            }
            JournalEntry::Judged(judged) => {
                for deed in judged.records.iter().filter_map(|record| truth.deed(record)) {
                    self.stands(deed, &judged.standing, judged.at, truth)?;
                }
            }
            JournalEntry::Partner(changed) => self.bond(changed.economy, &changed.change),
            JournalEntry::Delivery(decided) => {
                let key = (decided.to, decided.entry.epoch, decided.entry.number);
                let (seq, returned) = (self.seq, decided.returned);
                let (covering, entry) = (decided.covering, decided.entry.clone());
                let line = Decided { seq, entry, covering, returned };
                if self.out.insert(key, line).is_some() {
                    let number = decided.entry.number;
                    return Err(broken(4, format!("number {number} was given twice")));
                }
            }
            JournalEntry::Voided { to, number, digest, .. } => {
                self.voided.insert((*to, *number), (*digest, self.seq));
            }
            JournalEntry::Arrival(Arrival { from, number, digest, entry, outcome, at }) => {
                self.unkept += u64::from(matches!(outcome, ArrivalOutcome::Unkept(_)));
                let deed = entry.as_ref().and_then(|entry| truth.deed(&entry.record));
                if let ArrivalOutcome::Known(record) = outcome
                    && let Some(deed) = truth.deed(record)
                {
                    self.came(deed, Some(*from));
                }
                match (outcome, deed, entry) {
                    (ArrivalOutcome::Known(_), Some(deed), Some(entry)) => {
                        let delivered = Delivered { from: *from, entry: entry.clone() };
                        let source = Source::Partner(delivered);
                        self.brought(deed, &source, (false, false))?;
                        self.stay(deed, &source, std::iter::empty(), *at);
                    }
                    (ArrivalOutcome::Declined(_), Some(deed), _) => {
                        self.declined(deed, *from, *number)?;
                    }
                    _ => {}
                }
                self.arrived(*from, *number, *digest)?;
            }
            JournalEntry::PartnerEpoch { from, opening, .. } => {
                self.opened.insert(*from, opening.first);
            }
            JournalEntry::Erased(erasure) => {
                for body in erasure.parts.iter().chain(&erasure.beside) {
                    self.erased.entry(*body).or_insert(self.seq);
                }
            }
            JournalEntry::OnHold(hold) => self.terms.holds.extend([hold.record]),
            JournalEntry::HoldLifted(hold) => self.terms.lift(hold.record, hold.at),
            JournalEntry::Guarded(said) => {
                self.kept.passes.insert((said.record, said.part), !said.passes.is_empty());
            }
            JournalEntry::AwaitsApproval(waits) => {
                self.kept.awaited.insert(waits.record);
            }
            JournalEntry::Emergency(opened) => {
                self.kept.glasses.insert(opened.word, opened.clone());
            }
            JournalEntry::Headed { signed, at, .. } => self.heads.take(signed, *at),
            JournalEntry::Restored { .. } => self.recovering = true,
            JournalEntry::Recovered { .. } => self.recovering = false,
            JournalEntry::Founded(founded) => {
                self.us = Some(founded.economy);
                self.keyrings.take(founded.economy, &founded.keyring, true);
            }
            JournalEntry::Receipt { .. }
            | JournalEntry::Refused { .. }
            | JournalEntry::Epoch { .. }
            | JournalEntry::PolicyConfirmed { .. }
            | JournalEntry::Returned { .. }
            | JournalEntry::TailCut { .. }
            | JournalEntry::HeadAgreed { .. }
            | JournalEntry::Draft(_)
            | JournalEntry::Invited(_)
            | JournalEntry::InvitationEnded { .. }
            | JournalEntry::HeldBack { .. }
            | JournalEntry::Unsent { .. }
            | JournalEntry::ToldOutside(_)
            | JournalEntry::Exported(_)
            | JournalEntry::ToldWrongly { .. }
            | JournalEntry::DraftGone { .. }
            | JournalEntry::Staff(_)
            | JournalEntry::Read(_)
            | JournalEntry::Assessed(_)
            | JournalEntry::BackedUp(_) => {}
        }
        Ok(())
    }

    fn hold(
        &mut self,
        deed: &Deed,
        parts: &[PartHeld],
        from: Option<EconomyId>,
    ) -> Result<(), Broken> {
        let short = deed.id.short();
        let Some(entered) = self.records.get_mut(&deed.id) else {
            return Err(broken(2, format!("parts of {short} without their record")));
        };
        for part in parts {
            if !deed.parts.contains_key(&part.digest) {
                let part = part.digest.short();
                return Err(broken(3, format!("part {part} is none of record {short}")));
            }
            if entered.parts.insert(part.digest, from).is_some() {
                let part = part.digest.short();
                return Err(broken(2, format!("part {part} of {short} entered twice")));
            }
        }
        Ok(())
    }

    fn stands(
        &mut self,
        deed: &Deed,
        standing: &Standing,
        at: Timestamp,
        truth: &Truth,
    ) -> Result<(), Broken> {
        let accepted = *standing == Standing::Accepted;
        let Some(entered) = self.records.get_mut(&deed.id) else { return Ok(()) };
        let before = std::mem::replace(&mut entered.accepted, accepted);
        entered.believed |= accepted;
        self.turned(deed.id);
        if !accepted || before {
            return Ok(());
        }
        self.heard_of_groups |= matches!(deed.kind, Kind::Group | Kind::Roster);
        if let Some(why) = self.records.get(&deed.id).and_then(|entered| self.doubt(deed, entered))
        {
            return Err(broken(3, format!("record {} is accepted though {why}", deed.id.short())));
        }
        if !deed.honest {
            let short = deed.id.short();
            return Err(broken(3, format!("record {short} is accepted; its author may not")));
        }
        match deed.kind {
            Kind::Keyring => {
                let handed = self.records.get(&deed.id).is_some_and(|entered| entered.by_origin);
                self.keyrings.take(deed.origin, &deed.body, handed);
            }
            Kind::Withdrawal => {
                let theirs = |target: &RecordId| {
                    truth.deed(target).is_some_and(|target| target.origin == deed.origin)
                };
                let all: Vec<_> = deed.targets().into_iter().filter(theirs).collect();
                // For others than those whom it names everything stands as before.
                let from = deed.taken_back_from();
                if from.is_empty() {
                    self.from_us_alone.retain(|record| !all.contains(record));
                    self.withdrawn.extend(all);
                } else if self.us.is_some_and(|us| from.contains(&us)) {
                    for record in all {
                        if self.withdrawn.insert(record) {
                            self.from_us_alone.insert(record);
                        }
                    }
                } else {
                    for record in all {
                        self.kept.recalled.entry(record).or_default().extend(&from);
                    }
                }
            }
            Kind::Agreement => self.pacts.entry(deed.id).or_default().proposed = true,
            Kind::Acceptance | Kind::Termination => {
                if let Some((agreement, effective)) = deed.agreement() {
                    let pact = self.pacts.entry(agreement).or_default();
                    match effective {
                        None => drop(pact.accepted.get_or_insert(at)),
                        Some(effective) => {
                            let before = pact.terminated.unwrap_or(Timestamp::MAX);
                            pact.terminated = Some(before.min(effective));
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Somebody brought it, perhaps again.
    fn came(&mut self, deed: &Deed, from: Option<EconomyId>) {
        if let Some(entered) = self.records.get_mut(&deed.id).filter(|_| from == Some(deed.origin))
        {
            entered.by_origin = true;
            if deed.kind == Kind::Keyring && entered.accepted {
                self.keyrings.take(deed.origin, &deed.body, true);
            }
        }
    }

    fn bond(&mut self, economy: EconomyId, change: &PartnerChange) {
        let bond = self.partners.entry(economy).or_insert(Bond { open: false, level: 1 });
        match change {
            PartnerChange::Paired { keyring, .. } => {
                *bond = Bond { open: true, level: 1 };
                self.keyrings.take(economy, keyring, true);
            }
            PartnerChange::Level(level) => bond.level = *level,
            PartnerChange::Suspended | PartnerChange::Removed => bond.open = false,
            PartnerChange::Resumed => bond.open = true,
            PartnerChange::Introduced { keyring, .. } => self.keyrings.take(economy, keyring, true),
            PartnerChange::Intake { kinds, rule } => self.desk.rules(economy, kinds, *rule),
            PartnerChange::Addresses(_) => {}
        }
    }

    fn arrived_with(&mut self, source: &Source) -> Result<(), Broken> {
        match source {
            Source::Partner(delivered) => {
                let entry = &delivered.entry;
                self.arrived(delivered.from, entry.number, entry.digest())
            }
            Source::Own | Source::Returned { .. } => Ok(()),
        }
    }

    fn arrived(&mut self, from: EconomyId, number: u64, digest: Digest) -> Result<(), Broken> {
        match self.inbound.insert((from, number), (digest, self.seq)) {
            None => Ok(()),
            Some(_) => Err(broken(2, format!("number {number} of a partner arrived twice"))),
        }
    }
}

fn from(source: &Source) -> Option<EconomyId> {
    match source {
        Source::Partner(delivered) => Some(delivered.from),
        Source::Own | Source::Returned { .. } => None,
    }
}
