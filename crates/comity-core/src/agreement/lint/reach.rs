//! What goes under the terms and not without them, as the decision itself says.
//!
//! The most favourable record there is, one for each kind, section, class and label: our own, addressed to
//! a desk of the partner, with the reference of an order, to a partner whom we trust with everything.

use std::sync::Arc;

use super::super::terms::Terms;
use super::super::values::ValueSet;
use crate::identity::{EconomyId, KeyId, PartDigest, RecordId};
use crate::marking::{Marking, Tlp};
use crate::policy::{
    Agreement, PartFacts, Partner, PolicySnapshot, Recipient, RecordFacts, Source, TrustLevel,
    decide, plan,
};
use crate::record::{Addressee, Header, Manifest};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section, State, Urgency};

const US: EconomyId = EconomyId([1; 32]);
const THEM: EconomyId = EconomyId([2; 32]);
const PART: PartDigest = PartDigest([3; 32]);
const ADDRESSEE: PartDigest = PartDigest([4; 32]);
const ORDER: PartDigest = PartDigest([5; 32]);

/// What goes under an agreement that would not go without it.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) kinds: ValueSet<Kind>,
    pub(super) sections: ValueSet<Section>,
    /// The sections at AMBER and above.
    pub(super) at_amber: ValueSet<Section>,
    pub(super) classes: ValueSet<Class>,
    /// The strictest label.
    pub(super) label: Option<Tlp>,
}

impl Reach {
    /// Asked on the first day: what time alone ends is said of dates, not of the scope.
    pub(super) fn of(terms: &Terms) -> Self {
        let mut terms = terms.clone();
        terms.review = None;
        let terms = Arc::new(terms);
        let agreement = Agreement::new(RecordId([6; 32]), Arc::clone(&terms), Timestamp::EPOCH);
        let partner = Partner::new().at(TrustLevel::Restricted);
        let snapshot = |partner| PolicySnapshot::builder(US).partner(THEM, partner).build();
        let (without, with) = (snapshot(partner.clone()), snapshot(partner.with(agreement)));
        let mut reach = Self {
            kinds: ValueSet::none(),
            sections: ValueSet::none(),
            at_amber: ValueSet::none(),
            classes: ValueSet::none(),
            label: None,
        };
        for case in Case::all() {
            if case.goes(&with, &terms) && !case.goes(&without, &terms) {
                reach.take(case);
            }
        }
        reach
    }

    pub(super) fn is_empty(&self) -> bool {
        self.label.is_none()
    }

    fn take(&mut self, case: Case) {
        if case.tlp >= Tlp::Amber {
            self.at_amber = self.at_amber.or(ValueSet::from_iter([case.section]));
        }
        self.sections = self.sections.or(ValueSet::from_iter([case.section]));
        // A case alone never goes.
        if case.section == Section::Case {
            return;
        }
        self.kinds = self.kinds.or(ValueSet::from_iter([case.kind]));
        self.classes = self.classes.or(ValueSet::from_iter([case.class]));
        self.label = self.label.max(Some(case.tlp));
    }
}

/// What one record may be.
#[derive(Clone, Copy)]
struct Case {
    kind: Kind,
    section: Section,
    class: Class,
    tlp: Tlp,
}

impl Case {
    /// Addressee parts go with the others, and a translation counts as what it translates.
    fn says_something(section: Section) -> bool {
        !matches!(section, Section::Addressee | Section::Translation)
    }

    fn all() -> impl Iterator<Item = Self> {
        let kinds = Kind::ALL.iter().copied().filter(|kind| !kind.is_control());
        let sections =
            || Section::ALL.iter().copied().filter(|section| Self::says_something(*section));
        kinds.flat_map(move |kind| {
            sections().flat_map(move |section| {
                Class::ALL.iter().flat_map(move |class| {
                    Tlp::ALL.map(|tlp| Self { kind, section, class: *class, tlp })
                })
            })
        })
    }

    /// Whether it goes, addressed or not: with an addressee part and a reference, which have to go as well.
    fn goes(self, snapshot: &PolicySnapshot, terms: &Terms) -> bool {
        self.goes_so(snapshot, terms, true) || self.goes_so(snapshot, terms, false)
    }

    fn goes_so(self, snapshot: &PolicySnapshot, terms: &Terms, addressed: bool) -> bool {
        let manifest = Manifest {
            kind: self.kind,
            state: State::Final,
            origin: US,
            author: KeyId([7; 32]),
            signed_at: terms.starts,
            urgency: Urgency::Routine,
            floor: Marking::new(self.tlp),
            addressed,
            supersedes: Vec::new(),
            parts: Vec::new(),
            body: None,
            unknown: false,
        };
        let mut header = Header::new(self.section, "text/plain");
        header.classes = [self.class].into();
        header.destination = (self.section == Section::Sightings).then_some(THEM);
        let mut reference = Header::new(somewhere(terms, self.tlp), "text/plain");
        reference.classes = [Class::OrderReference].into();
        let addressee = Addressee {
            economy: Some(THEM),
            desk: Some(terms.desk.as_deref().unwrap_or("duty officer").to_owned()),
            group: None,
            relays: Vec::new(),
            parts: vec![PART, ORDER],
        };
        let named = Header {
            addressee: Some(addressee),
            ..Header::new(Section::Addressee, "application/cbor")
        };
        let mut held = vec![(PART, &header), (ORDER, &reference)];
        held.extend(addressed.then_some((ADDRESSEE, &named)));
        let (record, parts) =
            RecordFacts::with_parts(RecordId([8; 32]), &manifest, Source::Own, held);
        let (to, now) = (Recipient::partner(THEM), terms.starts);
        let alone = |part: &PartFacts| {
            part.digest == PART && decide(snapshot, &record, part, &to, now).is_release()
        };
        parts.iter().any(alone)
            && (self.section == Section::Case
                || plan(snapshot, &record, &parts, &to, now).releases().contains(&PART))
    }
}

/// A section in which the reference of an order may stand.
fn somewhere(terms: &Terms, tlp: Tlp) -> Section {
    let covered = terms.sections_at(tlp).without(terms.prohibitions.sections);
    let mut fit = covered.iter().filter(|section| Case::says_something(*section));
    fit.next().unwrap_or(Section::Case)
}
