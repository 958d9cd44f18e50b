//! What a node knows: a fold over its journal, in order.
//!
//! The state runs ahead of the disk by the entries that are being written; whatever the node says to
//! anybody waits until they are durable. If a write fails, the state is thrown away and folded anew.

mod admission;
mod agreements;
mod amending;
mod approvals;
mod assessing;
mod bound;
mod consent_checks;
mod consents;
mod control;
mod doubted;
mod dropping;
mod emergencies;
mod entering;
mod erasing;
mod files;
mod fold;
mod groups;
mod guarding;
mod heads;
mod intake;
mod invitations;
mod kept;
mod keyrings;
mod ledgers;
mod outside;
mod partners;
mod records;
mod references;
mod replaced;
mod saying;
mod staff;
mod standing;
mod terms;
pub(crate) mod titles;
mod unsending;
mod vouched;
mod weight;
mod withdrawals;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use comity_core::entitlement::Scope;
use comity_core::journal::{BackedUp, DraftMade};
use comity_core::keyring::{KeyringHistory, VerifiedKeyring};
use comity_core::partners::PartnerSet;
use comity_core::policy::{self, Plan, PolicySnapshot, Recipient, RecordFacts};
use comity_core::record::Addressee;
use comity_core::{Digest, EconomyId, GroupId, KeyId, Kind, PartDigest, RecordId, Timestamp};

pub use agreements::{Agreements, Compact};
use approvals::Approvals;
pub use approvals::{Awaited, Unheard, Verdict};
use assessing::Assessments;
pub use assessing::{Assessment, Said};
pub use bound::Bound;
use bound::Kept;
pub use consents::{Consents, Word};
pub(crate) use doubted::agrees;
pub use dropping::Undroppable;
use emergencies::Emergencies;
pub use emergencies::{Glass, GlassStands, Unbroken, Unconfirmed};
pub use erasing::Erasures;
pub(crate) use erasing::word_digest;
use files::Files;
pub use fold::FoldError;
pub use groups::{Groups, Meant};
use guarding::Guarding;
pub use guarding::{LetPass, Matched};
pub use intake::Ruling;
pub use invitations::Invitations;
pub(crate) use kept::Stranger;
pub(crate) use keyrings::RootTurn;
pub use ledgers::{InLedger, OutEntry, OutFate, OutLedger};
pub use outside::Outside;
use outside::Outsides;
pub use partners::{Bond, Partner};
pub use records::{Held, Tombstone};
use references::References;
pub use replaced::Replaced;
pub use staff::{Member, Staff};
pub use terms::{Due, Rule, Stays};
pub use titles::put_back as put_back_title;
use unsending::Unsending;
pub(crate) use vouched::one_is_enough;
pub(crate) use weight::Weight;
pub use withdrawals::Answered;
use withdrawals::Answers;
pub(crate) use withdrawals::is_withdrawable;

/// Everything that a node knows.
#[derive(Debug)]
pub struct State {
    us: EconomyId,
    code: String,
    founded: Timestamp,
    /// The last entry that was folded.
    seq: u64,
    /// The journal's chain as far as it is durable.
    chain: Digest,
    records: BTreeMap<RecordId, Held>,
    /// Each record once, by its place: the later it last entered, gained parts, or was accepted, the
    /// higher.
    arrivals: BTreeMap<u64, RecordId>,
    /// The place that the next arrival gets. None is given twice.
    next_place: u64,
    /// The records that carry an economy's keyrings.
    keyring_records: BTreeMap<EconomyId, Vec<RecordId>>,
    references: References,
    partners: BTreeMap<EconomyId, Partner>,
    partner_set: PartnerSet,
    keyrings: BTreeMap<EconomyId, KeyringHistory>,
    /// What is kept of others' keyrings beside their histories.
    kept_keyrings: BTreeMap<EconomyId, keyrings::Keyrings>,
    /// What economies have said of their keyrings.
    heads: heads::AllHeads,
    /// What the record that enters next carries, where it was verified before.
    brought: Option<VerifiedKeyring>,
    agreements: Agreements,
    groups: Groups,
    consents: Consents,
    policy: PolicySnapshot,
    /// Withdrawn records, by record and by who withdrew: only the record's own origin counts.
    tombstones: BTreeMap<(RecordId, EconomyId), Tombstone>,
    /// What was answered to withdrawals, and what we have not answered.
    answers: Answers,
    /// What was unsent.
    unsending: Unsending,
    outsides: Outsides,
    files: Files,
    approvals: Approvals,
    emergencies: Emergencies,
    assessments: Assessments,
    guarding: Guarding,
    erasures: Erasures,
    /// When parts came, and what was taken on with them.
    since: terms::Since,
    /// The last copy of the journal in each folder.
    copies: BTreeMap<String, BackedUp>,
    /// Replaced records that are not here.
    replaced: Replaced,
    /// Every record, by the economy that it says it is of and the key that signed it.
    authored: BTreeMap<EconomyId, BTreeMap<KeyId, Vec<RecordId>>>,
    /// What has to be judged again, because a keyring went on.
    anew: BTreeMap<EconomyId, Scope>,
    /// Economies whose root was replaced without its consent by what made that due.
    seized: BTreeSet<EconomyId>,
    /// What turned about the root keys of economies since somebody was told.
    root_turns: Vec<(EconomyId, RootTurn)>,
    /// Pending records that time alone may settle, by when.
    waiting: BTreeSet<(Timestamp, RecordId)>,
    /// Pending records, each with what it will make us keep once it is believed, put aside to the
    /// account of who brought it.
    pending: BTreeMap<RecordId, kept::Waiting>,
    /// Introductions of economies that nobody here has confirmed: to whose account each goes, and its bytes.
    introductions: BTreeMap<EconomyId, Vec<(Option<EconomyId>, u64)>>,
    /// For each partner, how many records of origins that nobody here knows wait.
    strangers: BTreeMap<EconomyId, BTreeMap<EconomyId, u64>>,
    /// What partners have made us keep.
    kept: BTreeMap<EconomyId, Kept>,
    drafts: BTreeMap<u64, DraftMade>,
    last_draft: u64,
    invitations: Invitations,
    staff: Staff,
    recovery: Option<Recovery>,
    /// Partners whose heads have not agreed with the journal since its end was cut.
    doubted: BTreeSet<EconomyId>,
    /// Grows with everything that may turn a decision from yes to no.
    turns: u64,
    /// For whom something may have become possible that was not before.
    widened: Widened,
    /// Counts the policies and the sets of those who may connect: while the journal is read, none is made.
    versions: (u64, u64),
    reading: bool,
    /// When the newest entry was entered.
    written: Timestamp,
    /// Up to when that is vouched for.
    vouched: vouched::Vouched,
}

/// For whom something may have become possible that was not before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Widened {
    /// For everybody.
    pub(crate) all: bool,
    /// For these.
    pub(crate) some: BTreeSet<EconomyId>,
}

/// The node was restored from a backup and is being made whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Since when.
    pub since: Timestamp,
    /// Whether the operator has confirmed local policy.
    pub confirmed: bool,
}

impl State {
    /// The economy whose node this is.
    #[must_use]
    pub fn us(&self) -> EconomyId {
        self.us
    }

    /// What short references begin with.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// When the node was made.
    #[must_use]
    pub fn founded(&self) -> Timestamp {
        self.founded
    }

    /// When the newest entry was entered.
    #[must_use]
    pub fn written(&self) -> Timestamp {
        self.written
    }

    /// The entry that the next one becomes.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.seq.saturating_add(1)
    }

    /// The journal's chain as far as it is durable.
    #[must_use]
    pub fn chain(&self) -> Digest {
        self.chain
    }

    /// The journal is durable up to this chain.
    pub fn set_chain(&mut self, chain: Digest) {
        self.chain = chain;
    }

    /// A record that is here.
    #[must_use]
    pub fn record(&self, id: &RecordId) -> Option<&Held> {
        self.records.get(id)
    }

    /// Every record that is here.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (&RecordId, &Held)> {
        self.records.iter()
    }

    /// The first record, with its place, that entered, gained parts or was accepted at `place` or
    /// later. Each record has one place, its last.
    #[must_use]
    pub fn arrival(&self, place: u64) -> Option<(u64, RecordId)> {
        self.arrivals.range(place..).next().map(|(place, record)| (*place, *record))
    }

    /// The records, the one that arrived last first, with their places; of those before a place, where
    /// one is given.
    pub fn arrivals_before(
        &self,
        place: Option<u64>,
    ) -> impl Iterator<Item = (u64, RecordId)> + use<'_> {
        let earlier = self.arrivals.range(..place.unwrap_or(u64::MAX));
        earlier.rev().map(|(place, record)| (*place, *record))
    }

    /// The record with this short reference.
    #[must_use]
    pub fn by_reference(&self, reference: &str) -> Option<RecordId> {
        self.references.find(reference)
    }

    /// What is known of another economy.
    #[must_use]
    pub fn partner(&self, economy: &EconomyId) -> Option<&Partner> {
        self.partners.get(economy)
    }

    pub(crate) fn partner_mut(&mut self, economy: &EconomyId) -> Option<&mut Partner> {
        self.partners.get_mut(economy)
    }

    /// Every other economy that is known.
    pub fn partners(&self) -> impl Iterator<Item = (&EconomyId, &Partner)> {
        self.partners.iter()
    }

    /// Those that are paired, as screens have them: by name, for ids are in no order that people know.
    #[must_use]
    pub fn paired(&self) -> Vec<EconomyId> {
        let paired = self.partners.iter().filter(|(_, partner)| partner.is_paired());
        let mut named: Vec<_> = paired.map(|(economy, one)| (&one.name, *economy)).collect();
        named.sort_unstable();
        named.into_iter().map(|(_, economy)| economy).collect()
    }

    /// Those who may connect, with what authenticates them.
    #[must_use]
    pub fn partner_set(&self) -> &PartnerSet {
        &self.partner_set
    }

    /// Grows whenever the set of those who may connect is made anew.
    #[must_use]
    pub fn partners_version(&self) -> u64 {
        self.versions.1
    }

    /// For whom something may have become possible since this was last asked.
    pub(crate) fn take_widened(&mut self) -> Widened {
        std::mem::take(&mut self.widened)
    }

    /// Rosters that came too late to contradict one, since this was last asked.
    pub(crate) fn take_late_rosters(&mut self) -> Vec<(GroupId, RecordId)> {
        self.groups.take_late()
    }

    /// Grows whenever a decision may have turned: what was decided before must be decided again
    /// before it leaves.
    pub(crate) fn turns(&self) -> u64 {
        self.turns
    }

    /// The keyring held of an economy, ours included.
    #[must_use]
    pub fn keyring(&self, economy: &EconomyId) -> Option<&VerifiedKeyring> {
        self.keyrings.get(economy).map(KeyringHistory::current)
    }

    /// What is held of an economy's keyring versions, ours included.
    pub(crate) fn keyring_history(&self, economy: &EconomyId) -> Option<&KeyringHistory> {
        self.keyrings.get(economy)
    }

    /// Whether an economy's keyring contradicts itself.
    #[must_use]
    pub fn is_frozen(&self, economy: &EconomyId) -> bool {
        self.keyrings.get(economy).is_some_and(|history| history.fork().is_some())
    }

    /// The version and digest of our own keyring.
    #[must_use]
    pub fn own_keyring_head(&self) -> (u64, Digest) {
        self.keyring(&self.us)
            .map_or((0, Digest::ZERO), |keyring| (keyring.version(), keyring.digest()))
    }

    /// Every agreement that we are a party to.
    #[must_use]
    pub fn agreements(&self) -> &Agreements {
        &self.agreements
    }

    /// Every group whose charter is here.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The records that carry an economy's keyrings: whoever gets a record of it needs them.
    pub(crate) fn keyring_records(&self, origin: &EconomyId) -> &[RecordId] {
        self.keyring_records.get(origin).map_or(&[], Vec::as_slice)
    }

    /// What decides.
    #[must_use]
    pub fn policy(&self) -> &PolicySnapshot {
        &self.policy
    }

    /// The withdrawal of a record by its origin, if there is one.
    #[must_use]
    pub fn tombstone(&self, record: &RecordId, origin: &EconomyId) -> Option<Tombstone> {
        // What was withdrawn before it came, and turns out to be of a kind that is not, stands.
        let stone = self.tombstones.get(&(*record, *origin)).copied();
        stone.filter(|_| !self.stands_whatever_is_withdrawn(record))
    }

    /// Replaced records that are not here.
    #[must_use]
    pub fn replaced(&self) -> &Replaced {
        &self.replaced
    }

    /// A draft.
    #[must_use]
    pub fn draft(&self, number: u64) -> Option<&DraftMade> {
        self.drafts.get(&number)
    }

    /// Every draft.
    pub fn drafts(&self) -> impl Iterator<Item = &DraftMade> {
        self.drafts.values()
    }

    /// The number that the next draft gets.
    #[must_use]
    pub fn next_draft(&self) -> u64 {
        self.last_draft.saturating_add(1)
    }

    /// The last copy of the journal that was made in each folder.
    pub fn copies(&self) -> impl Iterator<Item = &BackedUp> {
        self.copies.values()
    }

    /// The invitations that nobody has used up.
    #[must_use]
    pub fn invitations(&self) -> &Invitations {
        &self.invitations
    }

    /// Everybody who is, or was, of the staff.
    #[must_use]
    pub fn staff(&self) -> &Staff {
        &self.staff
    }

    /// Whether, and since when, the node is being made whole after a restore.
    #[must_use]
    pub fn recovery(&self) -> Option<Recovery> {
        self.recovery
    }

    /// Whether a partner has not given back yet what it holds of ours, since we were restored. That may
    /// outlast the recovery: whoever is suspended then gives it back when it is resumed.
    #[must_use]
    pub fn awaits_return(&self, economy: &EconomyId) -> bool {
        self.partners.get(economy).is_some_and(|partner| !partner.returned)
    }

    /// Partners whose heads have not agreed with the journal since its end was cut.
    #[must_use]
    pub fn doubted(&self) -> &BTreeSet<EconomyId> {
        &self.doubted
    }

    /// The short reference that the next record of a kind gets: `KR-26-0412`, `KR-26-C007`.
    #[must_use]
    pub fn next_reference(&self, kind: Kind, now: Timestamp) -> String {
        self.references.next(&self.code, kind, now)
    }

    /// The addressee parts that are here of a record.
    #[must_use]
    pub fn addressees(&self, record: &RecordId) -> Vec<Addressee> {
        let held = self.records.get(record);
        let named = held.into_iter().flat_map(|held| &held.facts.addressees);
        named.map(|facts| facts.addressee.clone()).collect()
    }

    /// What the decision reads of a record, for one partner.
    #[must_use]
    pub fn facts_for<'a>(&self, held: &'a Held, partner: &EconomyId) -> Cow<'a, RecordFacts> {
        if !held.facts.kind.is_control() {
            return Cow::Borrowed(&held.facts);
        }
        let mut facts = held.facts.clone();
        facts.released_before = self.released_before(held, partner);
        facts.binds_in_doubt = self.binds_in_doubt(held);
        Cow::Owned(facts)
    }

    /// What a partner may have of a record now, part by part: the sender, the preview and the
    /// explanation all ask here.
    #[must_use]
    pub fn plan(&self, held: &Held, partner: &EconomyId, now: Timestamp) -> Plan {
        let facts = self.facts_for(held, partner);
        policy::plan(&self.policy, &facts, &held.parts, &Recipient::partner(*partner), now)
    }

    /// The same if nothing were found in parts that the egress guard has not looked at.
    #[must_use]
    pub fn plan_if_clear(&self, held: &Held, partner: &EconomyId, now: Timestamp) -> Plan {
        let (facts, parts) = (self.facts_for(held, partner), self.as_if_clear(held));
        policy::plan(&self.policy, &facts, &parts, &Recipient::partner(*partner), now)
    }

    /// The policy by which is decided what would go at another time than now. Which keyrings are confirmed is asked of
    /// the present alone.
    pub(crate) fn timeless_policy(&self) -> PolicySnapshot {
        let builder = self.policy.to_builder().without_confirmations();
        builder.version(self.policy.version()).build()
    }

    /// What may go of a record by such a policy at `then`, once what was published can be unsent no more: that time
    /// each process counts by itself, whatever the clock says.
    pub(crate) fn plan_at(
        &self,
        policy: &PolicySnapshot,
        held: &Held,
        partner: &EconomyId,
        then: Timestamp,
    ) -> Plan {
        let mut facts = self.facts_for(held, partner).into_owned();
        facts.unsend_until = None;
        policy::plan(policy, &facts, &held.parts, &Recipient::partner(*partner), then)
    }

    /// The same where nobody had consented to anything about it.
    pub(crate) fn plan_without_consents(
        &self,
        held: &Held,
        partner: &EconomyId,
        now: Timestamp,
    ) -> Plan {
        let policy = self.policy.to_builder().without_consents_about(&held.facts.id).build();
        let facts = self.facts_for(held, partner);
        policy::plan(&policy, &facts, &held.parts, &Recipient::partner(*partner), now)
    }

    /// The same for some of the parts, as if the others were not here: what goes must stand by itself.
    #[must_use]
    pub fn plan_of(
        &self,
        held: &Held,
        parts: &[PartDigest],
        partner: &EconomyId,
        now: Timestamp,
    ) -> Plan {
        let facts = self.facts_for(held, partner);
        let some: Vec<_> =
            held.parts.iter().filter(|part| parts.contains(&part.digest)).cloned().collect();
        policy::plan(&self.policy, &facts, &some, &Recipient::partner(*partner), now)
    }

    /// What was possibly sent to a partner that a control record concerns.
    fn released_before(&self, held: &Held, economy: &EconomyId) -> bool {
        let Some(partner) = self.partners.get(economy) else { return false };
        if held.facts.kind == Kind::Keyring {
            return partner.may_know(&held.facts.origin);
        }
        if held.facts.kind == Kind::Acknowledgement {
            return self.has_told_us(held, economy);
        }
        // Only a withdrawal has targets. Of what is not its origin's own, and of words that no withdrawal
        // ends, it takes nothing back, and says nothing to anybody.
        let takes_back = |target: &RecordId| {
            self.records.get(target).is_none_or(|one| {
                one.facts.origin == held.facts.origin && is_withdrawable(one.facts.kind)
            })
        };
        let only = held.withdraws_from();
        if !only.is_empty() && !only.contains(economy) {
            return false;
        }
        let mut targets = held.targets().into_iter().filter(takes_back);
        targets.any(|target| partner.out.possibly_held(&target).is_some())
    }

    /// A number of a partner is durable.
    pub(crate) fn arrival_durable(&mut self, partner: &EconomyId, number: u64) {
        if let Some(partner) = self.partners.get_mut(partner) {
            partner.inbound.settle(number);
        }
    }

    /// A partner by the name that this node gave it, by its id, or by the beginning of its id.
    #[must_use]
    pub fn find_partner(&self, text: &str) -> Option<EconomyId> {
        // The name of one that was removed may be another's by now.
        let named = self.partners.iter().filter(|(_, partner)| partner.name == text);
        if let Some((economy, _)) = named.min_by_key(|(_, partner)| partner.bond == Bond::Removed) {
            return Some(*economy);
        }
        let mut matching = self.partners.keys().filter(|economy| {
            text.len() >= 6 && economy.to_string().starts_with(&text.to_ascii_lowercase())
        });
        matching.next().copied().filter(|_| matching.next().is_none())
    }

    /// Whether our own keyring grants this key for links.
    pub(crate) fn grants_link(&self, key: comity_core::KeyId) -> bool {
        self.keyring(&self.us).is_some_and(|own| {
            own.grants_of(key)
                .any(|grant| grant.role == comity_core::keyring::Role::Link && !grant.unknown)
        })
    }

    /// A record by its short reference, its id, or the beginning of its id.
    #[must_use]
    pub fn find_record(&self, text: &str) -> Option<RecordId> {
        if let Some(record) = self.by_reference(&text.to_ascii_uppercase()) {
            return Some(record);
        }
        if let Ok(record) = text.parse() {
            return self.records.contains_key(&record).then_some(record);
        }
        let mut matching = self.records.keys().filter(|record| {
            text.len() >= 6 && record.to_string().starts_with(&text.to_ascii_lowercase())
        });
        matching.next().copied().filter(|_| matching.next().is_none())
    }

    /// What this node calls an economy: its name, `us`, or the beginning of its id. The name of one that
    /// was removed may be another's by now, so it says so.
    #[must_use]
    pub fn name_of(&self, economy: &EconomyId) -> String {
        if *economy == self.us {
            return self.code.clone();
        }
        match self.partners.get(economy) {
            None => format!("unknown-{}", economy.short()),
            Some(partner) if partner.bond == Bond::Removed => format!("{} (removed)", partner.name),
            Some(partner) => partner.name.clone(),
        }
    }
}
