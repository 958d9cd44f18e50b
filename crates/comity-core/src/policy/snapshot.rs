//! What the decision knows of the partners: immutable, versioned, folded in journal order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::consent::Consent;
use super::facts::{PartFacts, RecordFacts, Source};
use super::signed::Agreement;
use crate::agreement::Terms;
use crate::group::Group;
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::keyring::{Confirmation, Unconfirmed};
use crate::marking::Tlp;
use crate::time::Timestamp;
use crate::vocabulary::Section;

/// How a paired economy stands with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// As it should be.
    Paired,
    /// Stopped by our operator: no content goes until resumed.
    Suspended,
    /// Two keyrings of one version were seen: somebody else may hold its root.
    Frozen,
    /// No longer a partner. Nothing goes.
    Revoked,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paired => "paired",
            Self::Suspended => "suspended",
            Self::Frozen => "frozen: two keyrings of one version",
            Self::Revoked => "revoked",
        })
    }
}

/// What we think of a partner: local, never sent. A new partner starts at [`TrustLevel::Public`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrustLevel {
    /// 0: nothing goes.
    Blocked,
    /// 1: up to CLEAR.
    #[default]
    Public,
    /// 2: up to GREEN.
    Community,
    /// 3: up to AMBER.
    Confidential,
    /// 4: up to RED.
    Restricted,
}

impl TrustLevel {
    /// From the least to the most.
    pub const ALL: [Self; 5] =
        [Self::Blocked, Self::Public, Self::Community, Self::Confidential, Self::Restricted];

    /// The number that operators type.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Blocked => 0,
            Self::Public => 1,
            Self::Community => 2,
            Self::Confidential => 3,
            Self::Restricted => 4,
        }
    }

    /// The level with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }

    /// The strictest label that goes. `None`: nothing goes.
    #[must_use]
    pub const fn ceiling(self) -> Option<Tlp> {
        match self {
            Self::Blocked => None,
            Self::Public => Some(Tlp::Clear),
            Self::Community => Some(Tlp::Green),
            Self::Confidential => Some(Tlp::Amber),
            Self::Restricted => Some(Tlp::Red),
        }
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "blocked",
            Self::Public => "public",
            Self::Community => "community",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        })
    }
}

/// The table of trust levels, in Markdown: written from what the decision reads.
#[must_use]
pub fn trust_table() -> String {
    let rows = TrustLevel::ALL.map(|level| {
        let ceiling = level.ceiling().map_or_else(|| "nothing".to_owned(), |tlp| tlp.to_string());
        format!("| {} | {level} | {ceiling} |\n", level.number())
    });
    format!("| level | name | up to |\n|---|---|---|\n{}", rows.concat())
}

/// A paired economy as the decision sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// How it stands with us.
    pub standing: Standing,
    /// What we think of it.
    pub trust: TrustLevel,
    /// What we have signed with it, whether in force or not.
    pub agreements: Vec<Agreement>,
}

impl Partner {
    /// A partner as pairing leaves it: no agreement, trust level 1.
    #[must_use]
    pub fn new() -> Self {
        Self { standing: Standing::Paired, trust: TrustLevel::default(), agreements: Vec::new() }
    }

    /// With this trust level.
    #[must_use]
    pub fn at(mut self, trust: TrustLevel) -> Self {
        self.trust = trust;
        self
    }

    /// With this standing.
    #[must_use]
    pub fn standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// With this agreement besides.
    #[must_use]
    pub fn with(mut self, agreement: Agreement) -> Self {
        self.agreements.push(agreement);
        self
    }
}

impl Default for Partner {
    fn default() -> Self {
        Self::new()
    }
}

/// A group with its charter as an agreement among its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    group: Arc<Group>,
    charter: Agreement,
    in_doubt: bool,
}

impl Association {
    /// The group, whose charter is in force from its first day.
    #[must_use]
    pub fn new(group: Arc<Group>) -> Self {
        let founding = group.founding();
        let terms = founding.charter().terms().clone();
        let charter = Agreement::new(founding.record(), terms, founding.at());
        Self { group, charter, in_doubt: false }
    }

    /// The same group, whose charter is believed no more: it admits nobody and permits nothing, and what
    /// it prohibits binds as before. Otherwise its founder could shed that by revoking its own key.
    #[must_use]
    pub fn in_doubt(mut self) -> Self {
        self.charter = self.charter.in_doubt();
        self.in_doubt = true;
        self
    }

    /// Who the members are.
    #[must_use]
    pub fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// The terms on which they share.
    #[must_use]
    pub fn charter(&self) -> &Agreement {
        &self.charter
    }
}

/// Everything that the decision knows of the partners at one moment. Immutable: a change makes a
/// new snapshot with a higher version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySnapshot {
    us: EconomyId,
    version: u64,
    partners: BTreeMap<EconomyId, Partner>,
    groups: BTreeMap<GroupId, Association>,
    consents: BTreeMap<RecordId, Arc<Vec<Consent>>>,
    /// What economies have said of their keyrings. Of whom nothing was ever heard, nothing is asked.
    confirmations: BTreeMap<EconomyId, Confirmation>,
    guard: Option<u64>,
    pairing: Terms,
}

impl PolicySnapshot {
    /// Starts a snapshot for the economy `us`.
    #[must_use]
    pub fn builder(us: EconomyId) -> PolicyBuilder {
        PolicyBuilder {
            us,
            version: 0,
            partners: BTreeMap::new(),
            groups: BTreeMap::new(),
            consents: BTreeMap::new(),
            confirmations: BTreeMap::new(),
            guard: None,
        }
    }

    /// Starts a snapshot from this one, with the next version.
    #[must_use]
    pub fn to_builder(&self) -> PolicyBuilder {
        PolicyBuilder {
            us: self.us,
            version: self.version.saturating_add(1),
            partners: self.partners.clone(),
            groups: self.groups.clone(),
            consents: self.consents.clone(),
            confirmations: self.confirmations.clone(),
            guard: self.guard,
        }
    }

    /// What is known of these economies, with all groups.
    pub(super) fn only(&self, economies: &BTreeSet<EconomyId>) -> Self {
        let mut only = self.to_builder();
        only.version = self.version;
        only.partners.retain(|one, _| economies.contains(one));
        only.build()
    }

    /// The economy that decides.
    #[must_use]
    pub fn us(&self) -> EconomyId {
        self.us
    }

    /// Which snapshot this is.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The partner with this id.
    #[must_use]
    pub fn partner(&self, economy: &EconomyId) -> Option<&Partner> {
        self.partners.get(economy)
    }

    /// Every partner, ascending by id.
    pub fn partners(&self) -> impl Iterator<Item = (&EconomyId, &Partner)> {
        self.partners.iter()
    }

    /// The agreement proposed in the record `id`, or the charter that it carries.
    #[must_use]
    pub fn agreement(&self, id: &RecordId) -> Option<&Agreement> {
        self.agreements().find(|one| one.id() == *id)
    }

    /// Those signed with partners, and the charters of groups.
    fn agreements(&self) -> impl Iterator<Item = &Agreement> {
        let signed = self.partners.values().flat_map(|partner| &partner.agreements);
        signed.chain(self.groups.values().map(|association| &association.charter))
    }

    /// Lets go of a group that is about to change, so that it need not be copied for that. Nothing may be
    /// decided before it was put back, with [`PolicyBuilder::group`].
    pub fn set_down(&mut self, id: &GroupId) {
        self.groups.remove(id);
    }

    /// The group with this id, whose charter is believed.
    #[must_use]
    pub fn group(&self, id: &GroupId) -> Option<&Association> {
        self.groups.get(id).filter(|association| !association.in_doubt)
    }

    /// The group with this id, though its charter be in doubt.
    pub(super) fn association(&self, id: &GroupId) -> Option<&Association> {
        self.groups.get(id)
    }

    /// The last instant up to `now` at which one of these happened.
    pub(super) fn last_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.changes().filter(|instant| *instant <= now).max()
    }

    /// The first instant after `now` at which an agreement starts, is overdue for review or ends, a
    /// consent ends, or a roster grows stale: what was decided before has to be decided again then.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.changes().filter(|instant| *instant > now).min()
    }

    fn changes(&self) -> impl Iterator<Item = Timestamp> {
        let instants = self.agreements().flat_map(Agreement::changes);
        let consents =
            self.consents.values().flat_map(|given| given.iter()).map(|consent| consent.until);
        let rosters = self.groups.values().map(|association| association.group.stale_from());
        let keyrings = self.confirmations.values().flat_map(Confirmation::turns);
        instants.chain(consents).chain(rosters).chain(keyrings)
    }

    /// Why nothing new may rest on what is held of an economy's keyring at `now`, if so. Of our own we know what
    /// it is; and whoever never said which one is the newest is not measured by that.
    #[must_use]
    pub fn unconfirmed(&self, economy: &EconomyId, now: Timestamp) -> Option<Unconfirmed> {
        let foreign = self.confirmations.get(economy).filter(|_| *economy != self.us);
        foreign.and_then(|confirmation| confirmation.lacks(now))
    }

    /// Everybody of whose keyring that is so.
    pub fn all_unconfirmed(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (EconomyId, Unconfirmed)> + '_ {
        let foreign = self.confirmations.iter().filter(|(economy, _)| **economy != self.us);
        foreign.filter_map(move |(economy, said)| Some((*economy, said.lacks(now)?)))
    }

    /// When time alone turns next whether a keyring is confirmed, unless its economy says a word before.
    #[must_use]
    pub fn next_unconfirmed(&self, now: Timestamp) -> Option<Timestamp> {
        let turns = self.confirmations.values().flat_map(Confirmation::turns);
        turns.filter(|at| *at > now).min()
    }

    /// The revision of the egress guard's rules; `None` while there is no rule.
    #[must_use]
    pub fn guard(&self) -> Option<u64> {
        self.guard
    }

    /// What the origin of a foreign record said, once, about this part and the economy `to`: whether
    /// in force or not. An addressee part names somebody else, and rows belong to their economy
    /// whatever is consented; of our own record we say ourselves who may have it.
    pub(super) fn consents<'a>(
        &'a self,
        record: &'a RecordFacts,
        part: &'a PartFacts,
        to: EconomyId,
    ) -> impl Iterator<Item = &'a Consent> {
        let given = self.consents.get(&record.id).map_or(&[][..], |given| given.as_slice());
        let possible = record.source != Source::Own && part.section != Section::Addressee;
        let of = (record.id, record.origin);
        given.iter().filter(move |one| possible && one.speaks_of(self.us, of, part.digest, to))
    }

    /// The origin's consent that the economy `to` may have this part, in force at `now`: of several
    /// the one that lasts longest.
    #[must_use]
    pub fn consent<'a>(
        &'a self,
        record: &'a RecordFacts,
        part: &'a PartFacts,
        to: EconomyId,
        now: Timestamp,
    ) -> Option<&'a Consent> {
        let in_force = self.consents(record, part, to).filter(|one| one.until > now);
        in_force.max_by_key(|one| (one.until, one.id))
    }

    pub(super) fn has_consents_about(&self, record: &RecordId) -> bool {
        self.consents.contains_key(record)
    }

    pub(super) fn pairing(&self) -> &Terms {
        &self.pairing
    }
}

/// Builds a [`PolicySnapshot`].
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    us: EconomyId,
    version: u64,
    partners: BTreeMap<EconomyId, Partner>,
    groups: BTreeMap<GroupId, Association>,
    consents: BTreeMap<RecordId, Arc<Vec<Consent>>>,
    confirmations: BTreeMap<EconomyId, Confirmation>,
    guard: Option<u64>,
}

impl PolicyBuilder {
    /// With this version.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    /// With this partner, in place of what was known of it. We are no partner of ourselves: our own
    /// id is passed over.
    #[must_use]
    pub fn partner(mut self, economy: EconomyId, mut partner: Partner) -> Self {
        if economy != self.us {
            // The order decides which of two covering agreements is named, so it must not depend on
            // the order in which they were folded.
            partner.agreements.sort_by_key(|agreement| (agreement.from(), agreement.id()));
            partner.agreements.dedup_by_key(|agreement| agreement.id());
            self.partners.insert(economy, partner);
        }
        self
    }

    /// Without this partner.
    #[must_use]
    pub fn without(mut self, economy: &EconomyId) -> Self {
        self.partners.remove(economy);
        self
    }

    /// With this group, in place of what was known of it.
    #[must_use]
    pub fn group(mut self, group: Arc<Group>) -> Self {
        self.groups.insert(group.id(), Association::new(group));
        self
    }

    /// With this group, whose charter is believed no more.
    #[must_use]
    pub fn group_in_doubt(mut self, group: Arc<Group>) -> Self {
        self.groups.insert(group.id(), Association::new(group).in_doubt());
        self
    }

    /// With this consent besides, whose signature was verified.
    #[must_use]
    pub fn consent(mut self, mut consent: Consent) -> Self {
        consent.parts.sort_unstable();
        let given = Arc::make_mut(self.consents.entry(consent.record).or_default());
        given.retain(|one| (one.id, one.grantee) != (consent.id, consent.grantee));
        given.push(consent);
        // In whatever order they were folded.
        given.sort_by_key(|one| (one.id, one.grantee));
        self
    }

    /// With what an economy has said of its keyring, in place of what it said before.
    #[must_use]
    pub fn confirmed(mut self, economy: EconomyId, said: Confirmation) -> Self {
        self.confirmations.insert(economy, said);
        self
    }

    /// As if an economy had never said anything of its keyring.
    #[must_use]
    pub fn unheard(mut self, economy: &EconomyId) -> Self {
        self.confirmations.remove(economy);
        self
    }

    /// As if no economy had ever said anything of its keyring.
    #[must_use]
    pub fn without_confirmations(mut self) -> Self {
        self.confirmations.clear();
        self
    }

    /// Without any consent.
    #[must_use]
    pub fn without_consents(mut self) -> Self {
        self.consents.clear();
        self
    }

    /// Without any consent about this record.
    #[must_use]
    pub fn without_consents_about(mut self, record: &RecordId) -> Self {
        self.consents.remove(record);
        self
    }

    /// With rules of the egress guard, of this revision: what was not examined with them stays.
    #[must_use]
    pub fn guarded(mut self, revision: u64) -> Self {
        self.guard = Some(revision);
        self
    }

    /// Without any rule of the egress guard.
    #[must_use]
    pub fn unguarded(mut self) -> Self {
        self.guard = None;
        self
    }

    /// The snapshot.
    #[must_use]
    pub fn build(self) -> PolicySnapshot {
        PolicySnapshot {
            us: self.us,
            version: self.version,
            partners: self.partners,
            groups: self.groups,
            consents: self.consents,
            confirmations: self.confirmations,
            guard: self.guard,
            pairing: Terms::pairing(),
        }
    }
}
