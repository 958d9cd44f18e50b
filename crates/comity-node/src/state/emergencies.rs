//! Broken glass: one record of ours that goes to one partner in an emergency, who confirmed it, and what is
//! recalled because nobody did.
//!
//! Whose word counts is asked here, where it is folded: an emergency key of ours signed it, and the journal
//! says before it who broke the glass and when it ends. Everything that time does to it follows from those
//! times, so that a node which was down when one passed does then what it would have done.

use std::collections::BTreeMap;

use comity_core::control::{ApprovalVerdict, WithdrawalBody};
use comity_core::journal::{DeliveryDecided, EmergencyOpened, Source};
use comity_core::keyring::Role;
use comity_core::limits::EMERGENCIES_OPEN;
use comity_core::policy::{Approval, Emergency, Lifecycle, TrustLevel, Word};
use comity_core::{EconomyId, KeyId, Kind, RecordId, Timestamp};

use super::approvals::Verdict;
use super::{OutFate, State};

/// What screens call whoever broke the glass of a node without staff.
const NOBODY: &str = "whoever had the key";

/// One record that goes, or went, to one partner in an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glass {
    /// What the journal says of it.
    pub opened: EmergencyOpened,
    /// Why, in the words of whoever broke it.
    pub reason: String,
    /// The emergency key that signed the word.
    pub key: KeyId,
    /// What a second person said: the first word that counts.
    pub said: Option<Verdict>,
    /// Whether the word is believed no more: its key is said to have been stolen.
    pub doubted: bool,
    /// The numbers under which anything of the record went by it.
    pub numbers: Vec<u64>,
    /// The recall from that partner, if there is one.
    pub recall: Option<RecordId>,
}

/// How it stands with an emergency release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlassStands {
    /// Nobody has confirmed it, and there is time yet.
    Unconfirmed,
    /// A second person confirmed it.
    Confirmed,
    /// A second person said no.
    Refused,
    /// Nobody confirmed it in time.
    Lapsed,
    /// Its key is said to have been stolen.
    Doubted,
}

impl Glass {
    /// How it stands at `now`.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> GlassStands {
        match self.said.as_ref().map(|said| said.verdict) {
            _ if self.doubted => GlassStands::Doubted,
            Some(ApprovalVerdict::Approve) => GlassStands::Confirmed,
            Some(ApprovalVerdict::Refuse | ApprovalVerdict::Emergency { .. }) => {
                GlassStands::Refused
            }
            None if self.opened.confirm_by <= now => GlassStands::Lapsed,
            None => GlassStands::Unconfirmed,
        }
    }

    /// The first instant at which it lets nothing go any more; `None`: it lets nothing go at all.
    fn lets_until(&self) -> Option<Timestamp> {
        let EmergencyOpened { confirm_by, until, .. } = self.opened;
        match self.said.as_ref().map(|said| said.verdict) {
            _ if self.doubted || self.recall.is_some() => None,
            Some(ApprovalVerdict::Approve) => Some(until),
            Some(ApprovalVerdict::Refuse | ApprovalVerdict::Emergency { .. }) => None,
            None => Some(until.min(confirm_by)),
        }
    }

    /// Whether it still lets something go at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.lets_until().is_some_and(|until| until > now)
    }

    /// What screens call whoever broke it.
    #[must_use]
    pub fn by(&self) -> &str {
        if self.opened.by.is_empty() { NOBODY } else { &self.opened.by }
    }
}

/// Every emergency release, by its word.
#[derive(Debug, Default)]
pub(super) struct Emergencies {
    /// What the next word says, if that is the next record.
    next: Option<EmergencyOpened>,
    broken: BTreeMap<RecordId, Glass>,
    /// Records that one partner alone was told to destroy, and by what.
    recalled: BTreeMap<RecordId, BTreeMap<EconomyId, RecordId>>,
}

impl Emergencies {
    /// A word is about to be entered.
    pub(super) fn about_to(&mut self, opened: &EmergencyOpened) {
        self.next = Some(opened.clone());
    }

    /// A delivery was numbered; of one that goes by an emergency release its word is what covers it. What a
    /// partner gave back after a restore does not say what covered it: then it may have been that.
    pub(super) fn numbered(&mut self, decided: &DeliveryDecided) {
        let DeliveryDecided { to, entry, covering, returned, .. } = decided;
        let by = |(word, glass): &(&RecordId, &mut Glass)| {
            let about = glass.opened.to == *to && glass.opened.record == entry.record;
            about && (*covering == Some(**word) || *returned)
        };
        for (_, glass) in self.broken.iter_mut().filter(by) {
            glass.numbers.push(entry.number);
        }
    }
}

/// Why the glass is not broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbroken {
    /// No such record is here.
    #[error("no such record is here")]
    NoRecord,
    /// It is another economy's.
    #[error("it is another economy's: who may have it, its originator says and nobody else")]
    NotOurs,
    /// It has no content.
    #[error("it has no content that anybody could need")]
    Control,
    /// It does not stand.
    #[error("it does not stand any more")]
    TakenBack,
    /// A second person said no to it.
    #[error("a second person refused it, and it never leaves")]
    Refused,
    /// Nobody is there to get it.
    #[error("the partner is suspended, frozen or blocked, or was removed: it gets nothing")]
    Partner,
    /// It was told to destroy it.
    #[error("it was recalled from there: publish it anew")]
    Recalled,
    /// It is open already.
    #[error("it is released to that partner in an emergency already, until {0}")]
    Open(Timestamp),
    /// Too many are.
    #[error("{EMERGENCIES_OPEN} emergency releases are open, and no more are at once")]
    TooMany,
    /// The key is none that breaks glass.
    #[error("the key is not granted as the emergency key now")]
    NotTheKey,
    /// A restore has to be over first.
    #[error("the node is in recovery after a restore, and releases nothing in an emergency")]
    Recovering,
}

/// Why somebody's word about an emergency release does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unconfirmed {
    /// There is no such release.
    #[error("it is no emergency release")]
    NoGlass,
    /// Somebody said so before.
    #[error("{0} at {1}: the first word stands")]
    Said(&'static str, Timestamp),
    /// It is recalled, or about to be.
    #[error("nobody confirmed it before {0}, and what went is recalled")]
    TooLate(Timestamp),
    /// The record itself was refused.
    #[error("the record was refused, so what went of it is recalled")]
    RecordRefused,
    /// Whoever signed the record says it.
    #[error("whoever signed the record does not confirm that it goes in an emergency")]
    Author,
    /// Whoever broke the glass says it.
    #[error("whoever broke the glass does not confirm it: it takes a second person")]
    SamePerson,
    /// It is no approver's word.
    #[error("{0}")]
    Approver(super::Unheard),
}

impl State {
    /// Every emergency release, by its word.
    pub fn emergencies(&self) -> impl Iterator<Item = (&RecordId, &Glass)> {
        self.emergencies.broken.iter()
    }

    /// The emergency release that this word says.
    #[must_use]
    pub fn emergency(&self, word: &RecordId) -> Option<&Glass> {
        self.emergencies.broken.get(word)
    }

    /// Those about this record.
    pub fn emergencies_about(
        &self,
        record: &RecordId,
    ) -> impl Iterator<Item = (&RecordId, &Glass)> {
        let record = *record;
        self.emergencies().filter(move |(_, glass)| glass.opened.record == record)
    }

    /// How many records were recalled from some partners alone.
    pub(crate) fn recalls(&self) -> usize {
        self.emergencies.recalled.len()
    }

    /// The recall of a record from one partner alone.
    #[must_use]
    pub fn recalled_from(&self, record: &RecordId) -> Option<&BTreeMap<EconomyId, RecordId>> {
        self.emergencies.recalled.get(record)
    }

    /// Those that nobody has said anything of, and those whose recall is not signed: somebody has to see to
    /// them. The one that is due first comes first.
    #[must_use]
    pub fn unsettled_emergencies(&self, now: Timestamp) -> Vec<(&RecordId, &Glass)> {
        let unsettled = |(_, glass): &(&RecordId, &Glass)| match glass.stands(now) {
            GlassStands::Unconfirmed => {
                glass.recall.is_none() && (self.lets(glass) || self.went(glass))
            }
            GlassStands::Confirmed => false,
            GlassStands::Refused | GlassStands::Lapsed | GlassStands::Doubted => {
                self.owes_recall(glass, now)
            }
        };
        let mut found: Vec<_> = self.emergencies().filter(unsettled).collect();
        found.sort_by_key(|(_, glass)| glass.opened.confirm_by);
        found
    }

    /// Whether the record of it stands, so that anything goes.
    fn lets(&self, glass: &Glass) -> bool {
        let held = self.records.get(&glass.opened.record);
        held.is_some_and(|held| held.facts.lifecycle == Lifecycle::Live)
    }

    /// What has to be recalled now from the one partner that got it: the words.
    #[must_use]
    pub fn owed_recalls(&self, now: Timestamp) -> Vec<RecordId> {
        let owed = self.emergencies().filter(|(_, glass)| self.owes_recall(glass, now));
        owed.map(|(word, _)| *word).collect()
    }

    /// Whether what went is to be recalled by us: nobody confirmed it, or the record itself was refused before
    /// anybody did; something may be there, and the partner was not told before to destroy it.
    fn owes_recall(&self, glass: &Glass, now: Timestamp) -> bool {
        let unwanted = match glass.stands(now) {
            GlassStands::Unconfirmed => self.is_refused(&glass.opened.record),
            GlassStands::Confirmed => false,
            GlassStands::Refused | GlassStands::Lapsed | GlassStands::Doubted => true,
        };
        let EmergencyOpened { record, to, .. } = &glass.opened;
        let all_told = self.tombstone(record, &self.us).is_some_and(|stone| stone.recall.is_some());
        unwanted && glass.recall.is_none() && !all_told && self.went_by(to, glass)
    }

    /// Whether a second person said that a record never leaves.
    fn is_refused(&self, record: &RecordId) -> bool {
        self.approvals.of(record) == Approval::Refused
    }

    /// Whether anything of it possibly went.
    #[must_use]
    pub fn went(&self, glass: &Glass) -> bool {
        self.went_by(&glass.opened.to, glass)
    }

    fn went_by(&self, to: &EconomyId, glass: &Glass) -> bool {
        let Some(partner) = self.partners.get(to) else { return false };
        let possibly = |number: &u64| {
            let line = partner.out.entry(*number);
            line.is_some_and(|line| line.fate != OutFate::Void { handed: false })
        };
        glass.numbers.iter().any(possibly)
    }

    /// Whether what has this number for the partner goes by an emergency release.
    #[must_use]
    pub fn is_by_emergency(&self, to: &EconomyId, number: u64) -> bool {
        self.by_emergency(to, number).is_some()
    }

    /// The emergency release by which that goes, by its word.
    #[must_use]
    pub fn by_emergency(&self, to: &EconomyId, number: u64) -> Option<(&RecordId, &Glass)> {
        self.emergencies()
            .find(|(_, glass)| glass.opened.to == *to && glass.numbers.contains(&number))
    }

    /// When one of them is due next: time alone does something to it then.
    #[must_use]
    pub fn next_emergency(&self, now: Timestamp) -> Option<Timestamp> {
        let open = self.emergencies().filter_map(|(_, glass)| glass.lets_until());
        open.filter(|until| *until > now).min()
    }

    /// Whether this key is granted as our emergency key now.
    pub(crate) fn is_emergency_key(&self, key: KeyId, now: Timestamp) -> bool {
        let frozen = self.is_frozen(&self.us);
        let keyring = self.keyring(&self.us).filter(|_| !frozen);
        keyring.is_some_and(|keyring| {
            let revoked = keyring.revocation(key).is_some_and(|end| end.at <= now);
            keyring.is_granted(key, Role::Emergency, now) && !revoked
        })
    }

    /// Our emergency key, and until when it is granted: of several the one that lasts longest.
    #[must_use]
    pub fn emergency_key(&self, now: Timestamp) -> Option<(KeyId, Timestamp)> {
        let grants = self.keyring(&self.us)?.grants();
        let grants = grants.filter(|grant| grant.role == Role::Emergency);
        let good = grants.filter(|grant| self.is_emergency_key(grant.key, now));
        good.map(|grant| (grant.key, grant.until)).max_by_key(|(_, until)| *until)
    }

    /// Whether one record may go to one partner by a word of this key.
    pub(crate) fn may_break_glass(
        &self,
        record: &RecordId,
        to: &EconomyId,
        key: KeyId,
        now: Timestamp,
    ) -> Result<(), Unbroken> {
        if self.recovery.is_some() {
            return Err(Unbroken::Recovering);
        }
        self.is_ours_to_release(record)?;
        let partner = self.partners.get(to).filter(|partner| partner.is_open());
        let partner = partner.filter(|_| !self.is_frozen(to)).ok_or(Unbroken::Partner)?;
        if partner.level == TrustLevel::Blocked {
            return Err(Unbroken::Partner);
        }
        if self.recalled_from(record).is_some_and(|from| from.contains_key(to)) {
            return Err(Unbroken::Recalled);
        }
        // A no is no reason to ask again, and what is owed comes first.
        let about = self.emergencies_about(record).map(|(_, glass)| glass);
        for glass in about.filter(|glass| glass.opened.to == *to) {
            if glass.stands(now) == GlassStands::Refused {
                return Err(Unbroken::Refused);
            }
            if self.owes_recall(glass, now) {
                return Err(Unbroken::Recalled);
            }
        }
        let mut same = self.emergencies_about(record).map(|(_, glass)| glass);
        if let Some(open) = same.find(|glass| glass.opened.to == *to && glass.is_open(now)) {
            return Err(Unbroken::Open(open.opened.until));
        }
        let open =
            |(_, glass): &(&RecordId, &Glass)| glass.is_open(now) || self.owes_recall(glass, now);
        if self.emergencies().filter(open).count() >= EMERGENCIES_OPEN {
            return Err(Unbroken::TooMany);
        }
        if self.is_emergency_key(key, now) { Ok(()) } else { Err(Unbroken::NotTheKey) }
    }

    /// Whether a record is one that we may release at all: our own, of content, standing and not refused.
    fn is_ours_to_release(&self, record: &RecordId) -> Result<(), Unbroken> {
        let held = self.records.get(record).ok_or(Unbroken::NoRecord)?;
        if held.facts.origin != self.us || held.facts.source != comity_core::policy::Source::Own {
            return Err(Unbroken::NotOurs);
        }
        if held.facts.kind.is_control() {
            return Err(Unbroken::Control);
        }
        if held.facts.lifecycle != Lifecycle::Live || !held.is_accepted() {
            return Err(Unbroken::TakenBack);
        }
        match held.facts.approval {
            Approval::Refused => Err(Unbroken::Refused),
            Approval::NotNeeded | Approval::Awaited(_) | Approval::Given => Ok(()),
        }
    }

    /// Whether this key's word about an emergency release counts now.
    pub(crate) fn may_confirm(
        &self,
        word: &RecordId,
        (key, verdict): (KeyId, ApprovalVerdict),
        now: Timestamp,
    ) -> Result<(), Unconfirmed> {
        let glass = self.emergency(word).ok_or(Unconfirmed::NoGlass)?;
        if let Some(said) = &glass.said {
            let what = match said.verdict {
                ApprovalVerdict::Approve => "it was confirmed",
                ApprovalVerdict::Refuse | ApprovalVerdict::Emergency { .. } => "it was refused",
            };
            return Err(Unconfirmed::Said(what, said.at));
        }
        if glass.opened.confirm_by <= now || glass.recall.is_some() || glass.doubted {
            return Err(Unconfirmed::TooLate(glass.opened.confirm_by));
        }
        if self.is_refused(&glass.opened.record) {
            return Err(Unconfirmed::RecordRefused);
        }
        // A no needs no second person: whoever mistyped the partner knows it first.
        if verdict == ApprovalVerdict::Refuse {
            return self.may_sign_approvals(key, *word, now).map_err(Unconfirmed::Approver);
        }
        let author = self.records.get(&glass.opened.record).map(|held| held.facts.author);
        let held = |key: KeyId| self.staff.ever_held(key);
        let same = |other: KeyId| other == key || held(other).is_some() && held(other) == held(key);
        if author.is_some_and(same) {
            return Err(Unconfirmed::Author);
        }
        // Where nobody said who broke it, there was no staff, and nobody is known to be a second person.
        let nobody = glass.opened.by.is_empty();
        if key == glass.key || nobody || held(key).is_some_and(|name| name == glass.opened.by) {
            return Err(Unconfirmed::SamePerson);
        }
        self.may_sign_approvals(key, *word, now).map_err(Unconfirmed::Approver)
    }

    /// Whether a person may say so now, whoever signed the record: of a key that nobody is known to hold, it
    /// might be the same one.
    pub(crate) fn may_confirm_now(
        &self,
        word: &RecordId,
        said: (KeyId, ApprovalVerdict),
        now: Timestamp,
    ) -> Result<(), Unconfirmed> {
        self.may_confirm(word, said, now)?;
        let glass = self.emergency(word).ok_or(Unconfirmed::NoGlass)?;
        let author = self.records.get(&glass.opened.record).map(|held| held.facts.author);
        match author.filter(|author| self.is_stranger(*author)) {
            Some(author) if said.1 == ApprovalVerdict::Approve => {
                Err(Unconfirmed::Approver(super::Unheard::AuthorUnknown(author.short())))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The names of those who may confirm it now.
    #[must_use]
    pub fn confirmers(&self, word: &RecordId, now: Timestamp) -> Vec<String> {
        let yes = ApprovalVerdict::Approve;
        let may = |key| self.may_confirm_now(word, (key, yes), now).is_ok();
        let staff = self.staff.iter().filter(|(_, member)| may(member.key));
        staff.map(|(name, _)| name.to_owned()).collect()
    }

    /// A word by which a record goes in an emergency is taken in. It counts where it was entered here, with
    /// who said it and until when, of our own signing, with the emergency key, about a record of our own.
    pub(super) fn hear_emergency(
        &mut self,
        word: RecordId,
        (record, to): (RecordId, EconomyId),
        reason: String,
        at: Timestamp,
    ) {
        let opened = self.emergencies.next.take().filter(|opened| opened.word == word);
        let Some(opened) = opened.filter(|one| one.record == record && one.to == to) else {
            return;
        };
        let Some(held) = self.records.get(&word) else { return };
        let (key, own) = (held.facts.author, held.source == Source::Own);
        let ours = own && held.facts.origin == self.us && held.facts.kind == Kind::Approval;
        if !ours || !self.is_emergency_key(key, at) || self.is_ours_to_release(&record).is_err() {
            return;
        }
        let (said, doubted, numbers, recall) = (None, false, Vec::new(), None);
        let glass = Glass { opened, reason, key, said, doubted, numbers, recall };
        self.emergencies.broken.insert(word, glass);
        self.renew_emergencies(&record);
        self.arrive_again(&record);
    }

    /// A second person's word about an emergency release. Whether it is about one.
    pub(super) fn hear_confirmation(&mut self, word: RecordId, said: Verdict) -> bool {
        if !self.emergencies.broken.contains_key(&word) {
            return false;
        }
        if self.may_confirm(&word, (said.key, said.verdict), said.at).is_err() {
            return true;
        }
        let Some(glass) = self.emergencies.broken.get_mut(&word) else { return true };
        glass.said = Some(said);
        let record = glass.opened.record;
        self.renew_emergencies(&record);
        self.arrive_again(&record);
        true
    }

    /// A word is set aside. That of an emergency release lets nothing go any more; a confirmation confirms
    /// nothing any more.
    pub(super) fn emergency_counts_no_more(&mut self, id: &RecordId) {
        let mut touched = Vec::new();
        for (word, glass) in &mut self.emergencies.broken {
            let confirmed =
                |said: &Verdict| said.by == *id && said.verdict == ApprovalVerdict::Approve;
            if word == id {
                glass.doubted = true;
            } else if glass.said.as_ref().is_some_and(confirmed) {
                glass.said = None;
            } else {
                continue;
            }
            touched.push(glass.opened.record);
        }
        for record in touched {
            self.renew_emergencies(&record);
        }
    }

    /// A withdrawal of ours that concerns some partners alone: for others its records stand.
    pub(super) fn recalled_only(&mut self, by: RecordId, body: &WithdrawalBody) {
        for record in &body.records {
            for economy in &body.from {
                let recalls = self.emergencies.recalled.entry(*record).or_default();
                recalls.entry(*economy).or_insert(by);
                let broken = self.emergencies.broken.values_mut();
                let of =
                    |opened: &EmergencyOpened| opened.record == *record && opened.to == *economy;
                for glass in broken.filter(|glass| of(&glass.opened)) {
                    glass.recall.get_or_insert(by);
                }
            }
            self.renew_emergencies(record);
        }
    }

    /// What the decision reads of a record follows from what is known here.
    pub(super) fn renew_emergencies(&mut self, record: &RecordId) {
        let about = self.emergencies_about(record);
        let lets = |(word, glass): (&RecordId, &Glass)| {
            let (word, to, by) = (*word, glass.opened.to, Word::new(glass.by()));
            Some(Emergency { word, to, by, until: glass.lets_until()? })
        };
        let emergencies: Vec<_> = about.filter_map(lets).collect();
        let recalled = self.recalled_from(record);
        let recalled_from = recalled.into_iter().flat_map(|from| from.keys().copied()).collect();
        let Some(held) = self.records.get_mut(record) else { return };
        held.facts.emergencies = emergencies;
        held.facts.recalled_from = recalled_from;
        self.turns = self.turns.saturating_add(1);
    }
}
