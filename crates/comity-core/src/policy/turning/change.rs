//! What somebody could do that the decision would notice, made to a copy of what it knows.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::widen;
use crate::agreement::{Field, Terms, Tier};
use crate::identity::{EconomyId, PartDigest, RecordId};
use crate::ledger::Obligations;
use crate::policy::{
    AddresseeFacts, Agreement, Approval, Consent, Examination, PartFacts, PolicySnapshot,
    RecordFacts, Source, Standing, TrustLevel,
};
use crate::record::Addressee;
use crate::time::Timestamp;
use crate::vocabulary::{Class, Section};

/// The desk of agreements and addressee parts that do not exist yet.
const SOME_DESK: &str = "a desk or person";

/// The record of an agreement, or of a consent, that does not exist yet.
const NOT_SIGNED_YET: RecordId = RecordId([0xff; 32]);

/// One thing that somebody could do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nobody does anything until this instant.
    Wait(Timestamp),
    /// A person here marks the foreign document.
    Mark,
    /// A person here accepts what is set aside.
    Accept,
    /// A person here lets pass what the egress guard held, or has it examined.
    LetPass,
    /// A second person here approves it.
    Approve,
    /// The operator resumes the partner.
    Resume,
    /// The operator raises the partner to this level.
    Raise(TrustLevel),
    /// Its origin addresses it there: ourselves a new version of our own, another economy its own, with
    /// us as relay.
    Address(Desk),
    /// Its origin consents.
    Consent,
    /// Both sides amend an agreement in these fields, until it covers the part or prohibits it no more.
    Amend {
        /// The agreement, by the record that proposed it.
        agreement: RecordId,
        /// What is amended.
        fields: BTreeSet<Field>,
    },
    /// Both sides sign a further agreement of this tier that covers the part.
    Sign(Tier),
}

/// To whom, at the recipient, something is addressed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Desk {
    /// The economy as a whole.
    None,
    /// The desk of an agreement.
    Agreed(String),
    /// Whoever the origin names.
    Any,
}

impl Desk {
    fn name(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Agreed(desk) => Some(desk.clone()),
            Self::Any => Some(SOME_DESK.to_owned()),
        }
    }
}

/// A copy of all that a decision reads.
#[derive(Clone)]
pub(super) struct World {
    pub(super) snapshot: PolicySnapshot,
    pub(super) record: RecordFacts,
    pub(super) parts: Vec<PartFacts>,
    pub(super) now: Timestamp,
}

/// For which part, and whom, something is to change. `None`: a control record.
pub(super) struct Aim<'a> {
    pub(super) to: EconomyId,
    pub(super) part: Option<&'a PartFacts>,
}

impl Change {
    /// Makes the change.
    pub(super) fn make(&self, world: &mut World, aim: &Aim<'_>) {
        match self {
            Self::Wait(until) => world.now = world.now.max(*until),
            Self::Mark => world.record.unmarked = false,
            Self::Accept => world.record.quarantined = false,
            Self::LetPass => {
                if let Some(revision) = world.snapshot.guard() {
                    for part in &mut world.parts {
                        part.guard = Examination::Clear { revision };
                    }
                }
            }
            Self::Approve => world.record.approval = Approval::Given,
            Self::Resume => partner(world, aim.to, |partner| partner.standing(Standing::Paired)),
            Self::Raise(level) => partner(world, aim.to, |partner| partner.at(*level)),
            Self::Address(desk) => address(world, aim, desk),
            Self::Consent => consent(world, aim.to),
            Self::Amend { agreement, fields } => amend(world, aim, agreement, fields),
            Self::Sign(tier) => sign(world, aim, *tier),
        }
    }

    /// What is smaller and might do as well, the smallest first.
    pub(super) fn smaller(&self, world: &World, aim: &Aim<'_>) -> Vec<Self> {
        match self {
            Self::Raise(level) => {
                let held = world.snapshot.partner(&aim.to).map(|partner| partner.trust);
                let between = TrustLevel::ALL.into_iter();
                let between = between.filter(|one| held.is_none_or(|held| held < *one));
                between.filter(|one| one < level).map(Self::Raise).collect()
            }
            Self::Sign(tier) => {
                Tier::SIGNED.into_iter().filter(|one| one < tier).map(Self::Sign).collect()
            }
            Self::Address(Desk::Any) => {
                let agreed = world.snapshot.partner(&aim.to).into_iter();
                let agreed = agreed.flat_map(|partner| &partner.agreements);
                let desks: BTreeSet<Desk> = agreed
                    .filter_map(|one| one.terms().desk())
                    .map(|desk| Desk::Agreed(desk.to_owned()))
                    .collect();
                std::iter::once(Desk::None).chain(desks).map(Self::Address).collect()
            }
            Self::Amend { agreement, fields } => fields
                .iter()
                .map(|field| {
                    let mut fewer = fields.clone();
                    fewer.remove(field);
                    Self::Amend { agreement: *agreement, fields: fewer }
                })
                .collect(),
            Self::Wait(_)
            | Self::Mark
            | Self::Accept
            | Self::LetPass
            | Self::Approve
            | Self::Resume
            | Self::Address(_)
            | Self::Consent => Vec::new(),
        }
    }

    /// How much has to happen for it: what one person does here costs least, what two economies sign
    /// most.
    pub(super) const fn cost(&self) -> u32 {
        match self {
            Self::Wait(_) => 0,
            Self::Mark | Self::Accept | Self::LetPass | Self::Approve | Self::Resume => 1,
            Self::Raise(_) => 2,
            Self::Address(_) => 3,
            Self::Consent => 4,
            Self::Amend { .. } => 5,
            Self::Sign(_) => 6,
        }
    }

    /// In words, for an operator of the economy that decides.
    #[must_use]
    pub fn sentence(&self, snapshot: &PolicySnapshot, own: bool) -> String {
        match self {
            Self::Wait(until) => format!("wait until {until}"),
            Self::Mark => "mark the document".to_owned(),
            Self::Accept => "accept it out of quarantine".to_owned(),
            Self::LetPass => "let the egress guard pass it".to_owned(),
            Self::Approve => "have a second person approve it".to_owned(),
            Self::Resume => "resume the partner".to_owned(),
            Self::Raise(level) => {
                format!("raise the partner to level {} ({level})", level.number())
            }
            Self::Address(desk) => {
                let whom = match desk {
                    Desk::None => "the partner".to_owned(),
                    Desk::Agreed(desk) => format!("the partner's desk {desk}"),
                    Desk::Any => format!("{SOME_DESK} at the partner"),
                };
                if own {
                    format!("publish a version that is addressed to {whom}")
                } else {
                    format!("ask its origin to address it to {whom}, with us as relay")
                }
            }
            Self::Consent => "ask its origin for its consent".to_owned(),
            Self::Amend { agreement, fields } => amendment(snapshot, agreement, fields),
            Self::Sign(tier) => format!("sign an agreement of the tier {tier} that covers it"),
        }
    }
}

fn amendment(snapshot: &PolicySnapshot, id: &RecordId, fields: &BTreeSet<Field>) -> String {
    let Some(agreement) = snapshot.agreement(id) else {
        return "amend the agreement".to_owned();
    };
    let terms = agreement.terms();
    let places: Vec<String> = fields
        .iter()
        .map(|field| match terms.clause(*field) {
            Some(clause) => format!("{clause} (`{}`)", field.name()),
            None => format!("`{}`", field.name()),
        })
        .collect();
    format!("amend the {}: {}", terms.label(), places.join(", "))
}

fn partner(world: &mut World, to: EconomyId, change: impl FnOnce(Known) -> Known) {
    let Some(known) = world.snapshot.partner(&to) else { return };
    let changed = change(known.clone());
    world.snapshot = world.snapshot.to_builder().partner(to, changed).build();
}

type Known = crate::policy::Partner;

/// What a record gives to a recipient that it did not name: all that it holds, by an addressee part of
/// its own.
fn address(world: &mut World, aim: &Aim<'_>, desk: &Desk) {
    let Some(part) = aim.part else { return };
    let us = world.snapshot.us();
    let given: BTreeSet<PartDigest> = world
        .parts
        .iter()
        .filter(|one| one.section != Section::Addressee)
        .map(|one| one.digest)
        .collect();
    let digest = unused(&world.parts);
    let relays = if world.record.source == Source::Own { Vec::new() } else { vec![us] };
    let addressee = Addressee {
        economy: Some(aim.to),
        desk: desk.name(),
        group: None,
        relays,
        parts: given.into_iter().collect(),
    };
    let mut named = part.clone();
    named.digest = digest;
    (named.section, named.counts_as) = (Section::Addressee, Section::Addressee);
    named.classes = [Class::General].into_iter().collect();
    named.destination = None;
    world.record.addressed = true;
    world.record.addressees.push(AddresseeFacts { part: digest, addressee });
    world.parts.push(named);
}

/// A digest that no part has.
fn unused(parts: &[PartFacts]) -> PartDigest {
    let taken = |digest: &PartDigest| parts.iter().any(|part| part.digest == *digest);
    let digests = (0..=u8::MAX).rev().map(|byte| PartDigest([byte; 32]));
    digests.into_iter().find(|digest| !taken(digest)).unwrap_or(PartDigest([0; 32]))
}

fn consent(world: &mut World, to: EconomyId) {
    let given = Consent {
        id: NOT_SIGNED_YET,
        origin: world.record.origin,
        record: world.record.id,
        parts: world.parts.iter().map(|part| part.digest).collect(),
        asker: world.snapshot.us(),
        grantee: to,
        until: world.now.saturating_add(Duration::from_secs(24 * 60 * 60)),
        terms: Obligations::default(),
    };
    world.snapshot = world.snapshot.to_builder().consent(given).build();
}

fn amend(world: &mut World, aim: &Aim<'_>, id: &RecordId, fields: &BTreeSet<Field>) {
    let Some(part) = aim.part else { return };
    let mut changed = world.snapshot.to_builder();
    for (economy, known) in world.snapshot.partners() {
        let mut known = known.clone();
        for agreement in known.agreements.iter_mut().filter(|one| one.id() == *id) {
            let mut terms = agreement.terms().clone();
            for field in fields {
                widen::widen(&mut terms, *field, part, world.record.kind);
            }
            *agreement = agreement.clone().on_terms(Arc::new(terms));
        }
        changed = changed.partner(*economy, known);
    }
    world.snapshot = changed.build();
}

fn sign(world: &mut World, aim: &Aim<'_>, tier: Tier) {
    let Some(part) = aim.part else { return };
    let mut terms = Terms::preset(tier, Timestamp::EPOCH);
    if tier == Tier::LawEnforcement {
        terms.desk = Some(SOME_DESK.to_owned());
    }
    for field in widen::COVERAGE {
        widen::widen(&mut terms, *field, part, world.record.kind);
    }
    let signed = Agreement::new(NOT_SIGNED_YET, Arc::new(terms), Timestamp::EPOCH);
    partner(world, aim.to, |known| known.with(signed));
}

impl fmt::Display for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().as_deref().unwrap_or("the economy"))
    }
}
