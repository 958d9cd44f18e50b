//! The agreements in `examples/` let through what their own comments say, and nothing that these say stays.

use std::sync::Arc;

use super::facts::*;
use crate::agreement::{Terms, lint};
use crate::identity::{KeyId, PartDigest, RecordId};
use crate::marking::{Marking, Tlp};
use crate::policy::{
    Agreement, Partner, PolicySnapshot, Recipient, RecordFacts, Source, TrustLevel, plan,
};
use crate::record::{Addressee, Header, Manifest};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section, State, Urgency};

const EXAMPLES: [(&str, &str); 4] = [
    ("mou", include_str!("../../../../../examples/agreements/mou.toml")),
    ("nda", include_str!("../../../../../examples/agreements/nda.toml")),
    ("law-enforcement", include_str!("../../../../../examples/agreements/law-enforcement.toml")),
    ("energy", include_str!("../../../../../examples/agreements/energy.toml")),
];

fn today() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

/// A line of the comment: `goes   RED incident, addressed, class evidence, order: evidence`.
struct Said {
    goes: bool,
    marking: Marking,
    kind: Kind,
    addressed: bool,
    order: bool,
    class: Class,
    sections: Vec<Section>,
}

impl Said {
    fn read(line: &str) -> Option<Self> {
        let line = line.strip_prefix("#   ")?;
        let (goes, rest) = match (line.strip_prefix("goes   "), line.strip_prefix("stays  ")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
        let (record, sections) = rest.split_once(": ").unwrap();
        let mut words = record.split(", ");
        let (label, kind) = words.next().unwrap().split_once(' ').unwrap();
        let mut said = Self {
            goes,
            marking: Marking::new(Tlp::from_name(label).unwrap()),
            kind: Kind::from_name(kind).unwrap(),
            addressed: false,
            order: false,
            class: Class::General,
            sections: sections.split(", ").map(|name| Section::from_name(name).unwrap()).collect(),
        };
        for word in words {
            match word.split_once(' ').unwrap_or((word, "")) {
                ("addressed", "") => said.addressed = true,
                ("order", "") => said.order = true,
                ("exercise", "") => said.marking.exercise = Some("drill".to_owned()),
                ("class", name) => said.class = Class::from_name(name).unwrap(),
                ("category", name) => said.marking.categories = [name.to_owned()].into(),
                other => panic!("{other:?}"),
            }
        }
        Some(said)
    }

    /// Whether this section goes, of a record with nothing else but what it needs.
    fn lets(&self, terms: &Arc<Terms>, section: Section) -> bool {
        let agreement = Agreement::new(RecordId([7; 32]), Arc::clone(terms), Timestamp::EPOCH);
        let partner = Partner::new().at(TrustLevel::Restricted).with(agreement);
        let snapshot = PolicySnapshot::builder(US).partner(THEM, partner).build();
        let [content, order, named] = [1, 2, 3].map(|byte| PartDigest([byte; 32]));
        let mut header = Header::new(section, "text/plain");
        header.classes = [self.class].into();
        header.destination = (section == Section::Sightings).then_some(THEM);
        let mut reference = Header::new(Section::Case, "text/plain");
        reference.classes = [Class::OrderReference].into();
        let addressee = Addressee {
            economy: Some(THEM),
            desk: Some(terms.desk().unwrap_or("duty officer").to_owned()),
            group: None,
            relays: Vec::new(),
            parts: vec![content, order],
        };
        let to = Header {
            addressee: Some(addressee),
            ..Header::new(Section::Addressee, "application/cbor")
        };
        let mut held = vec![(content, &header)];
        held.extend(self.order.then_some((order, &reference)));
        held.extend(self.addressed.then_some((named, &to)));
        let manifest = Manifest {
            kind: self.kind,
            state: State::Final,
            origin: US,
            author: KeyId([3; 32]),
            signed_at: today(),
            urgency: Urgency::Routine,
            floor: self.marking.clone(),
            addressed: self.addressed,
            supersedes: Vec::new(),
            parts: Vec::new(),
            body: None,
            unknown: false,
        };
        let (record, parts) =
            RecordFacts::with_parts(RecordId([5; 32]), &manifest, Source::Own, held);
        let plan = plan(&snapshot, &record, &parts, &Recipient::partner(THEM), today());
        plan.releases().contains(&content)
    }
}

#[test]
fn the_examples_let_through_what_their_comments_say() {
    for (name, text) in EXAMPLES {
        let terms = Arc::new(Terms::parse(text).unwrap_or_else(|error| panic!("{name}: {error}")));
        let mut said = 0;
        for line in text.lines() {
            let Some(one) = Said::read(line) else { continue };
            for section in &one.sections {
                assert_eq!(one.lets(&terms, *section), one.goes, "{name}: {line} ({section})");
            }
            said += 1;
        }
        assert!(said >= 9, "{name} says what goes and what stays: {said}");
    }
}

#[test]
fn a_reviewer_has_nothing_to_say_about_the_examples() {
    for (name, text) in EXAMPLES {
        assert_eq!(lint(text, today()).unwrap(), [], "{name}");
    }
}
