//! What the decision knows of a record, a part and a recipient.

use std::sync::Arc;

use super::approval::Approval;
use super::emergency::Emergency;
use super::examination::Examination;

use crate::agreement::ValueSet;
use crate::consent::ConsentBody;
use crate::control::ControlBody;
use crate::group::Says;
use crate::identity::{EconomyId, KeyId, PartDigest, RecordId};
use crate::ledger::Obligations;
use crate::marking::{Marking, Tlp};
use crate::record::{Addressee, Header, Manifest};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section, State, Urgency};

/// Where we have a record from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// We made it.
    Own,
    /// A partner delivered it.
    From {
        /// The partner: the origin, or a relay.
        economy: EconomyId,
        /// What we took on with it. After several deliveries, the strictest of all.
        obligations: Obligations,
    },
}

/// A partner's delivery of a part, and what we took on with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Received {
    /// The partner: the origin, or a relay.
    pub economy: EconomyId,
    /// What we took on. After several deliveries, the strictest of all.
    pub obligations: Arc<Obligations>,
}

/// Whether a record still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// It stands.
    Live,
    /// The origin took it back.
    Withdrawn,
    /// The origin replaced it.
    Superseded,
}

/// Whom a control record is for, read from its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlAudience {
    /// Every partner: a keyring, a contact.
    Partners,
    /// The parties of an agreement: its proposal, acceptance, termination.
    Parties([EconomyId; 2]),
    /// One economy: an introduction's, an acknowledgement's, the origin's whose consent is asked, the
    /// asker's to whom it is refused.
    To(EconomyId),
    /// Those whom it names: a consent's asker and its recipient.
    Named(Vec<EconomyId>),
    /// Whoever may hold what it takes back, by the ledger: a withdrawal.
    Holders,
    /// Those in a group, or about to be, whom these words concern: depends on its rosters.
    Group(Arc<Says>),
}

impl ControlAudience {
    /// Whom a control record with this body is for. `parties` knows the parties of a proposed
    /// agreement. `None`: nobody, because its kind or its agreement is not known here.
    #[must_use]
    pub fn of(
        body: &ControlBody,
        parties: impl Fn(&RecordId) -> Option<[EconomyId; 2]>,
    ) -> Option<Self> {
        match body {
            ControlBody::Keyring(_) | ControlBody::Opaque(Kind::Contact) => Some(Self::Partners),
            ControlBody::Agreement(body) => Some(Self::Parties(body.parties)),
            ControlBody::Acceptance(body) => parties(&body.agreement).map(Self::Parties),
            ControlBody::Termination(body) => parties(&body.agreement).map(Self::Parties),
            ControlBody::Withdrawal(_) => Some(Self::Holders),
            ControlBody::Introduction(body) => Some(Self::To(body.to)),
            ControlBody::Acknowledgement(body) => Some(Self::To(body.to)),
            ControlBody::Group(body) => Some(Self::Group(Arc::new(Says::Group(body.clone())))),
            ControlBody::Roster(body) => Some(Self::Group(Arc::new(Says::Roster(body.clone())))),
            ControlBody::Consent(ConsentBody::Ask(ask)) => Some(Self::To(ask.origin)),
            ControlBody::Consent(ConsentBody::Grant(grant)) => {
                Some(Self::Named(vec![grant.asker, grant.grantee]))
            }
            ControlBody::Consent(ConsentBody::Refusal(refusal)) => Some(Self::To(refusal.asker)),
            // What two people of one house said to each other.
            ControlBody::Approval(_) | ControlBody::Opaque(_) => None,
        }
    }
}

/// Whom an addressee part names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddresseeFacts {
    /// The addressee part itself.
    pub part: PartDigest,
    /// Whom it names, and what they may have.
    pub addressee: Addressee,
}

/// What the decision knows of a record. All but the last two stand in its journal entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFacts {
    /// The record.
    pub id: RecordId,
    /// The economy that it comes from.
    pub origin: EconomyId,
    /// The key that signed it.
    pub author: KeyId,
    /// What it is.
    pub kind: Kind,
    /// Whether more is to come.
    pub state: State,
    /// How soon it should be read.
    pub urgency: Urgency,
    /// The loosest marking that any part has.
    pub floor: Marking,
    /// Whether it is for those only whom addressee parts name.
    pub addressed: bool,
    /// Whether its manifest has a key that this version does not know.
    pub unknown: bool,
    /// Where we have it from.
    pub source: Source,
    /// The addressee parts that we hold.
    pub addressees: Vec<AddresseeFacts>,
    /// The parts that we hold which refer to an order, and are nothing else that needs one.
    pub orders: Vec<PartDigest>,
    /// Whom a control record is for. `None`: it could not be read, and goes to nobody.
    pub control: Option<ControlAudience>,
    /// Whether it is a foreign document that nobody has marked yet.
    pub unmarked: bool,
    /// Whether its author could not be checked yet.
    pub pending: bool,
    /// Whether the recipient may, by the ledger, hold what a control record concerns: any part of a
    /// record that a withdrawal names, any record of the origin whose keyring it is. Of an acknowledgement:
    /// whether the recipient told us of what it answers.
    pub released_before: bool,
    /// Of a proposal or an acceptance: whether both parties are bound by it, though it is in doubt who signed it.
    pub binds_in_doubt: bool,
    /// Until when a record of our own goes to nobody, so that it can be unsent.
    pub unsend_until: Option<Timestamp>,
    /// Whether it waits for a second person.
    pub approval: Approval,
    /// To whom it may go in an emergency, though nothing else lets it: of our own records alone.
    pub emergencies: Vec<Emergency>,
    /// Partners that were told to destroy it, while it stands for others.
    pub recalled_from: Vec<EconomyId>,
    /// Whether it was set aside.
    pub quarantined: bool,
    /// Whether it still stands.
    pub lifecycle: Lifecycle,
}

impl RecordFacts {
    /// The facts of a record that stands, is verified, and of which no part is held yet.
    #[must_use]
    pub fn new(id: RecordId, manifest: &Manifest, source: Source) -> Self {
        Self {
            id,
            origin: manifest.origin,
            author: manifest.author,
            kind: manifest.kind,
            state: manifest.state,
            urgency: manifest.urgency,
            floor: manifest.floor.clone(),
            addressed: manifest.addressed,
            unknown: manifest.unknown,
            source,
            addressees: Vec::new(),
            orders: Vec::new(),
            control: None,
            unmarked: false,
            pending: false,
            released_before: false,
            binds_in_doubt: false,
            unsend_until: None,
            approval: Approval::NotNeeded,
            emergencies: Vec::new(),
            recalled_from: Vec::new(),
            quarantined: false,
            lifecycle: Lifecycle::Live,
        }
    }

    /// The facts of a record and of those of its parts that are held.
    #[must_use]
    pub fn with_parts<'a>(
        id: RecordId,
        manifest: &Manifest,
        source: Source,
        parts: impl IntoIterator<Item = (PartDigest, &'a Header)>,
    ) -> (Self, Vec<PartFacts>) {
        let mut record = Self::new(id, manifest, source);
        let parts = parts.into_iter().map(|(digest, header)| record.hold(digest, header)).collect();
        (record, parts)
    }

    /// Takes in a part that is held: its facts, and, of an addressee part, whom it names.
    pub fn hold(&mut self, digest: PartDigest, header: &Header) -> PartFacts {
        if let Some(addressee) = &header.addressee
            && header.section == Section::Addressee
            && !self.addressees.iter().any(|held| held.part == digest)
        {
            let addressee = addressee.clone();
            self.addressees.push(AddresseeFacts { part: digest, addressee });
        }
        let part = PartFacts::new(digest, header, &self.floor);
        if part.is_order() && !self.orders.contains(&digest) {
            self.orders.push(digest);
        }
        part
    }
}

impl RecordFacts {
    /// Whoever delivered a part to us, and whoever first delivered its record, with what we took on. Nobody, where
    /// the record is our own.
    pub fn bringers<'a>(
        &'a self,
        part: &'a PartFacts,
    ) -> impl Iterator<Item = (EconomyId, &'a Obligations)> + use<'a> {
        let first = match &self.source {
            Source::Own => None,
            Source::From { economy, obligations } => Some((*economy, obligations)),
        };
        let foreign = first.is_some();
        let more = part.sources.iter().filter(move |_| foreign);
        first.into_iter().chain(more.map(|source| (source.economy, &*source.obligations)))
    }

    /// Those of them to whom we are bound: to the origin alone, where it gave us the part itself. What we have from
    /// it, a stranger's copy does not narrow.
    pub fn binding<'a>(
        &'a self,
        part: &'a PartFacts,
    ) -> impl Iterator<Item = (EconomyId, &'a Obligations)> + use<'a> {
        let (origin, given) = (self.origin, part.from_origin);
        self.bringers(part).filter(move |(economy, _)| !given || *economy == origin)
    }

    /// All that we took on with a part. `None`: for purposes that have none in common, so no use is left.
    #[must_use]
    pub fn taken_on(&self, part: &PartFacts) -> Option<Obligations> {
        self.binding(part).try_fold(Obligations::unbound(), |sum, (_, taken)| sum.meet(taken))
    }
}

/// What the decision knows of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartFacts {
    /// The part.
    pub digest: PartDigest,
    /// What it says.
    pub section: Section,
    /// The section that an agreement must cover: for a translation, the one that it translates.
    pub counts_as: Section,
    /// How sensitive it is in law.
    pub classes: ValueSet<Class>,
    /// The only economy that it is for.
    pub destination: Option<EconomyId>,
    /// Its marking: the floor joined with its own.
    pub marking: Marking,
    /// Whether anything in its header is not known to this version.
    pub unknown: bool,
    /// What the egress guard said of its bytes.
    pub guard: Examination,
    /// Deliveries that brought it other than the one that brought its record
    /// ([`RecordFacts::source`]): each binds, unless its origin itself gave it to us. Those of our own
    /// records bind nobody.
    pub sources: Vec<Received>,
    /// Whether its origin itself delivered it: then what others say of their copies binds us no more
    /// than if they had kept them.
    pub from_origin: bool,
    /// Whether its body was erased: there is nothing left to release.
    pub erased: bool,
}

impl PartFacts {
    /// The facts of the part with this header, in a record with this floor.
    #[must_use]
    pub fn new(digest: PartDigest, header: &Header, floor: &Marking) -> Self {
        let marking = header.marking.as_ref().map_or_else(|| floor.clone(), |own| floor.join(own));
        let named = header.addressee.is_some();
        Self {
            digest,
            sources: Vec::new(),
            from_origin: false,
            erased: false,
            section: header.section,
            counts_as: header.counts_as(),
            classes: header.classes.iter().copied().collect(),
            destination: header.destination,
            marking,
            unknown: header.unknown
                || header.classes.iter().any(|class| !class.is_known())
                || named != (header.section == Section::Addressee),
            guard: Examination::NotExamined,
        }
    }

    /// Whether it refers to an order, and is nothing that needs one itself: what it says is its own.
    #[must_use]
    pub fn is_order(&self) -> bool {
        self.classes.contains(Class::OrderReference)
            && !self.classes.contains(Class::PersonalData)
            && !self.classes.contains(Class::Evidence)
    }

    /// A delivery brought it after its record, which came from `first`. Whether that binds anew.
    pub fn arrived(&mut self, first: &Source, with: Received) -> bool {
        let binds = match first {
            Source::Own => false,
            Source::From { economy, obligations } => {
                *economy != with.economy || *obligations != *with.obligations
            }
        };
        if binds {
            self.sources.push(with);
        }
        binds
    }

    /// A further delivery brought it again, of a record that came from `first`. Whether that binds anew.
    ///
    /// A partner that contradicts what it said of the part before is not heard: what is here could be
    /// taken from everybody by bringing it twice.
    pub fn received(&mut self, first: &Source, more: &Received) -> bool {
        let sum = match (first, self.taken_from(first, more.economy)) {
            (Source::Own, _) => return false,
            (Source::From { .. }, None) => Arc::clone(&more.obligations),
            (Source::From { .. }, Some(before)) => {
                let sum = before.and_later(&more.obligations);
                if sum == *before {
                    return false;
                }
                if sum == *more.obligations { Arc::clone(&more.obligations) } else { sum.into() }
            }
        };
        match self.sources.iter_mut().find(|held| held.economy == more.economy) {
            Some(held) => held.obligations = sum,
            None => self.sources.push(Received { economy: more.economy, obligations: sum }),
        }
        true
    }

    /// What we took on with this part, or with its record, from this economy.
    #[must_use]
    pub fn taken_from<'a>(&'a self, first: &'a Source, from: EconomyId) -> Option<&'a Obligations> {
        let again = self.sources.iter().find(|held| held.economy == from);
        again.map(|held| &*held.obligations).or(match first {
            Source::From { economy, obligations } if *economy == from => Some(obligations),
            Source::From { .. } | Source::Own => None,
        })
    }

    /// Whether it says anything of what happened: not to whom the record goes, nor its case.
    #[must_use]
    pub fn is_content(&self) -> bool {
        !matches!(self.section, Section::Addressee | Section::Case)
    }
}

/// Somebody who might get a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// Another economy.
    Partner {
        /// The economy.
        economy: EconomyId,
        /// Only what this desk or person there may have. `None`: what the partner's node may have on
        /// behalf of all its desks, which is what the link carries.
        desk: Option<String>,
    },
    /// A stakeholder of our own economy.
    Constituent {
        /// What we call it.
        name: String,
    },
    /// Anybody.
    Public,
    /// Our own people.
    LocalRole {
        /// The desk or role.
        role: String,
    },
}

impl Recipient {
    /// The economy at which it is, and its desk there, as an addressee part may name them.
    pub(super) fn place(&self, us: EconomyId) -> (Option<EconomyId>, Option<&str>) {
        match self {
            Self::Partner { economy, desk } => (Some(*economy), desk.as_deref()),
            Self::LocalRole { role } => (Some(us), Some(role.as_str())),
            // A constituent is none of our desks: no addressee part names one that has no name.
            Self::Constituent { .. } => (Some(us), Some("")),
            Self::Public => (None, None),
        }
    }

    /// The economy whose consents count for it: what we have by one is for our own people, and for nobody
    /// whom we serve.
    pub(super) const fn consented(&self, us: EconomyId) -> Option<EconomyId> {
        match self {
            Self::Partner { economy, .. } => Some(*economy),
            Self::LocalRole { .. } => Some(us),
            Self::Constituent { .. } | Self::Public => None,
        }
    }

    /// The node of `economy`.
    #[must_use]
    pub const fn partner(economy: EconomyId) -> Self {
        Self::Partner { economy, desk: None }
    }

    /// The partner's economy.
    #[must_use]
    pub const fn economy(&self) -> Option<EconomyId> {
        match self {
            Self::Partner { economy, .. } => Some(*economy),
            Self::Constituent { .. } | Self::Public | Self::LocalRole { .. } => None,
        }
    }
}

/// The marking with which a foreign document that bears none is stored. It cannot be sent until a
/// person marks it (`RecordFacts::unmarked`).
#[must_use]
pub fn unmarked_foreign() -> Marking {
    Marking::new(Tlp::AmberStrict)
}
