//! Decisions that are made once for all parts that are alike to the decision.
//!
//! Most parts of most records differ in nothing that a gate reads: the same label, section, class and
//! source, not addressed. [`Shared`] puts what the gates read of a part into a key, its marking class,
//! what they read of a recipient into another, and keeps the answer. Of most recipients a record says
//! nothing at all: then who they are is the whole key, and the question costs one look into a table. It
//! belongs to one snapshot, which it owns, so that no answer outlives the policy under which it was given.
//!
//! What every gate said of everything would fill the memory with what nobody reads. [`Answer`] is what a
//! sender needs, and small; the reasons are kept for fewer, and found again by deciding.

use std::collections::HashMap;
use std::sync::Arc;

use super::addressing::{Addressing, desks, relays_through_us};
use super::approval::Approval;
use super::decide;
use super::decision::{Decision, Outcome};
use super::emergency::Emergency;
use super::examination::Examination;
use super::facts::{Lifecycle, PartFacts, Received, Recipient, RecordFacts, Source};
use super::gates::is_among_real;
use super::snapshot::PolicySnapshot;
use crate::agreement::ValueSet;
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::ledger::Obligations;
use crate::limits;
use crate::marking::Marking;
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section};

/// The decisions under one snapshot, each made once.
#[derive(Debug)]
pub struct Shared {
    snapshot: PolicySnapshot,
    /// The stretch of time within which no agreement, review or consent turns.
    stretch: Option<(Timestamp, Timestamp)>,
    /// Counts how often everything was forgotten: a class of before is none of now.
    generation: u64,
    classes: HashMap<MarkingClass, u32>,
    answers: HashMap<(u32, Whom), Arc<Answer>>,
    decisions: HashMap<(u32, Whom), Arc<Decision>>,
}

/// What comes of a decision, without what every gate said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What comes of it.
    pub outcome: Outcome,
    /// What permits it, as [`Decision::covering`] says.
    pub covering: Option<RecordId>,
    /// Whether the basis for it is an order.
    pub rests_on_order: bool,
}

/// A part whose marking class is known: ask about it for as many recipients as there are.
#[derive(Clone, Copy, Debug)]
pub struct Classed<'a> {
    record: &'a RecordFacts,
    part: &'a PartFacts,
    now: Timestamp,
    generation: u64,
    class: u32,
    /// Whether there are consents about the record.
    consented: bool,
}

/// Everything that the gates read of a record and a part, whoever is the recipient.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct MarkingClass {
    origin: EconomyId,
    source: Source,
    sources: Vec<Received>,
    from_origin: bool,
    erased: bool,
    kind: Kind,
    lifecycle: Lifecycle,
    approval: Approval,
    set_aside: [bool; 3],
    addressed: bool,
    order: bool,
    section: Section,
    counts_as: Section,
    classes: ValueSet<Class>,
    destination: Option<EconomyId>,
    marking: Marking,
    /// Released already, under embargo still, expired.
    past: [bool; 3],
    /// Until when it can be unsent, if it can.
    waits: Option<Timestamp>,
    looser_than_floor: bool,
    among_real: bool,
    addressee_known: bool,
    /// Whether any addressee part is held.
    names_somebody: bool,
    /// Groups to which the record is addressed, in its order: their charters bind it.
    groups: Vec<GroupId>,
    unknown: bool,
    guard: Examination,
}

/// Everything that the gates read of a recipient, and of how the record speaks of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whom {
    /// Neither the record nor a consent says anything of it.
    Unnamed(Exit),
    Named(Box<Named>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Named {
    exit: Exit,
    addressing: Addressing,
    desks: Vec<String>,
    relay: bool,
    consent: Option<(Timestamp, Obligations)>,
    consent_ended: Option<Timestamp>,
    /// In force now.
    emergency: Option<Emergency>,
    recalled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Exit {
    Partner(EconomyId),
    Constituent,
    Public,
    LocalRole,
}

impl Shared {
    /// No decision yet, under this snapshot and no other.
    #[must_use]
    pub fn new(snapshot: PolicySnapshot) -> Self {
        Self {
            snapshot,
            stretch: None,
            generation: 0,
            classes: HashMap::new(),
            answers: HashMap::new(),
            decisions: HashMap::new(),
        }
    }

    /// The snapshot under which it decides.
    #[must_use]
    pub fn snapshot(&self) -> &PolicySnapshot {
        &self.snapshot
    }

    /// How many answers are remembered now.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.answers.len()
    }

    /// Finds the marking class of a part, at one moment.
    pub fn classify<'a>(
        &mut self,
        record: &'a RecordFacts,
        part: &'a PartFacts,
        now: Timestamp,
    ) -> Classed<'a> {
        self.move_to(now);
        let known = MarkingClass::of(record, part, now);
        let next = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
        let class = *self.classes.entry(known).or_insert(next);
        let consented = self.snapshot.has_consents_about(&record.id);
        Classed { record, part, now, generation: self.generation, class, consented }
    }

    /// What comes of [`decide`], once for all parts of one class.
    pub fn answer(&mut self, asked: &Classed<'_>, recipient: &Recipient) -> Arc<Answer> {
        let Some(key) = self.key(asked, recipient) else {
            return Arc::new(Answer::of(&asked.decided(&self.snapshot, recipient)));
        };
        if self.answers.len() >= limits::SHARED_ANSWERS {
            self.answers.clear();
        }
        let make = || Arc::new(Answer::of(&asked.decided(&self.snapshot, recipient)));
        Arc::clone(self.answers.entry(key).or_insert_with(make))
    }

    /// As [`decide`], once for all parts of one class.
    pub fn decide(&mut self, asked: &Classed<'_>, recipient: &Recipient) -> Arc<Decision> {
        let Some(key) = self.key(asked, recipient) else {
            return Arc::new(asked.decided(&self.snapshot, recipient));
        };
        if self.decisions.len() >= limits::SHARED_DECISIONS {
            self.decisions.clear();
        }
        let make = || Arc::new(asked.decided(&self.snapshot, recipient));
        Arc::clone(self.decisions.entry(key).or_insert_with(make))
    }

    /// Under what an answer is remembered; `None`: the question was classified for another stretch of time.
    fn key(&self, asked: &Classed<'_>, recipient: &Recipient) -> Option<(u32, Whom)> {
        let now = asked.now;
        let within = self.stretch.is_some_and(|(from, until)| from <= now && now < until);
        let current = within && asked.generation == self.generation;
        current.then(|| (asked.class, Whom::of(&self.snapshot, asked, recipient)))
    }

    /// What was decided in another stretch of time is forgotten.
    fn move_to(&mut self, now: Timestamp) {
        let within = self.stretch.is_some_and(|(from, until)| from <= now && now < until);
        if !within || self.classes.len() >= limits::SHARED_CLASSES {
            self.forget();
            let from = self.snapshot.last_change(now).unwrap_or(Timestamp::EPOCH);
            let until = self.snapshot.next_change(now).unwrap_or(Timestamp::MAX);
            self.stretch = Some((from, until));
        }
    }

    fn forget(&mut self) {
        self.classes.clear();
        self.answers.clear();
        self.decisions.clear();
        self.generation = self.generation.wrapping_add(1);
    }
}

impl Answer {
    fn of(decision: &Decision) -> Self {
        Self {
            outcome: decision.outcome().clone(),
            covering: decision.covering(),
            rests_on_order: decision.rests_on_order(),
        }
    }
}

impl Classed<'_> {
    fn decided(&self, snapshot: &PolicySnapshot, recipient: &Recipient) -> Decision {
        decide(snapshot, self.record, self.part, recipient, self.now)
    }

    /// Whether the record, a consent about it or an emergency says anything of this economy. Of a group only its rosters
    /// know whom it names, so that a record for a group speaks of everybody.
    fn speaks_of(&self, to: Option<EconomyId>) -> bool {
        let named = |to| {
            self.record.addressees.iter().any(|held| {
                let named = &held.addressee;
                named.group.is_some() || named.economy == Some(to) || named.relays.contains(&to)
            })
        };
        let in_emergency = |to| self.record.emergencies.iter().any(|one| one.to == to);
        let recalled = |to| self.record.recalled_from.contains(&to);
        to.is_some_and(|to| self.consented || named(to) || in_emergency(to) || recalled(to))
    }
}

impl Exit {
    const fn of(recipient: &Recipient) -> Self {
        match recipient {
            Recipient::Partner { economy, .. } => Self::Partner(*economy),
            Recipient::Constituent { .. } => Self::Constituent,
            Recipient::LocalRole { .. } => Self::LocalRole,
            Recipient::Public => Self::Public,
        }
    }
}

impl MarkingClass {
    /// Names every field of the facts: what a later version adds has to find its place here too.
    fn of(record: &RecordFacts, part: &PartFacts, now: Timestamp) -> Self {
        let RecordFacts {
            id: _id_of_consents,
            origin,
            author: _never_read,
            kind,
            state,
            urgency,
            floor,
            addressed,
            unknown: unknown_in_record,
            source,
            addressees,
            orders,
            control: _of_control_kinds,
            unmarked,
            pending,
            released_before: _for_control_kinds,
            binds_in_doubt: _for_control_kinds_too,
            unsend_until,
            approval,
            emergencies: _of_the_recipient,
            recalled_from: _of_the_recipient_too,
            quarantined,
            lifecycle,
        } = record;
        let PartFacts {
            digest,
            section,
            counts_as,
            classes,
            destination,
            marking,
            unknown: unknown_in_part,
            guard,
            sources,
            from_origin,
            erased,
        } = part;
        let groups = addressees.iter().filter_map(|held| held.addressee.group);
        let known = kind.is_known() && state.is_known() && urgency.is_known();
        Self {
            origin: *origin,
            source: source.clone(),
            sources: sources.clone(),
            from_origin: *from_origin,
            erased: *erased,
            kind: *kind,
            lifecycle: *lifecycle,
            waits: unsend_until.filter(|until| *until > now),
            approval: *approval,
            set_aside: [*quarantined, *pending, *unmarked],
            addressed: *addressed,
            order: !orders.is_empty(),
            section: *section,
            counts_as: *counts_as,
            classes: *classes,
            destination: *destination,
            marking: marking.clone(),
            past: [
                marking.release_at.is_none_or(|at| at <= now),
                marking.embargo_until.is_none_or(|until| until <= now),
                marking.expires.is_some_and(|at| at <= now),
            ],
            looser_than_floor: !marking.at_least(floor),
            among_real: is_among_real(record, part),
            addressee_known: addressees.iter().any(|held| held.part == *digest),
            names_somebody: !addressees.is_empty(),
            groups: groups.map(|(group, _)| group).collect(),
            unknown: *unknown_in_record || *unknown_in_part || !known,
            guard: *guard,
        }
    }
}

impl Whom {
    fn of(snapshot: &PolicySnapshot, asked: &Classed<'_>, recipient: &Recipient) -> Self {
        let (to, _) = recipient.place(snapshot.us());
        if asked.speaks_of(to) {
            Self::Named(Box::new(Named::of(snapshot, asked, recipient)))
        } else {
            Self::Unnamed(Exit::of(recipient))
        }
    }
}

impl Named {
    fn of(snapshot: &PolicySnapshot, asked: &Classed<'_>, recipient: &Recipient) -> Self {
        let Classed { record, part, now, .. } = *asked;
        let us = snapshot.us();
        let (to, desk) = recipient.place(us);
        let ended = |to| {
            let consents = snapshot.consents(record, part, to).map(|consent| consent.until);
            consents.filter(|until| *until <= now).max()
        };
        Self {
            exit: Exit::of(recipient),
            addressing: Addressing::of(snapshot, record, part, to, desk, now),
            desks: desks(record, part, recipient, us).map(str::to_owned).collect(),
            relay: to.is_some_and(|to| relays_through_us(snapshot, record, part, to, now)),
            consent: to
                .and_then(|to| snapshot.consent(record, part, to, now))
                .map(|consent| (consent.until, consent.terms.clone())),
            consent_ended: to.and_then(ended),
            emergency: to.and_then(|to| record.emergency(us, to, now)).copied(),
            recalled: to.is_some_and(|to| record.recalled_from.contains(&to)),
        }
    }
}
