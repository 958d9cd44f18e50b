//! The record and the part of a case, and to whom it may go.

use std::time::Duration;

use comity_core::ledger::Obligations;
use comity_core::marking::Pap;
use comity_core::policy::{
    AddresseeFacts, Approval, Consent, Emergency, Examination, Lifecycle, PartFacts, Received,
    Recipient, RecordFacts, Source, Word,
};
use comity_core::record::{Addressee, Header, Manifest};
use comity_core::{
    Class, EconomyId, KeyId, Kind, Marking, Onward, PartDigest, RecordId, Section, State,
    Timestamp, Tlp, Urgency,
};

use crate::cell::{Cell, Dimension as D};
use crate::groups::{ANOTHER, THEIRS, roster_named};
use crate::papers::classes;
use crate::world::{AHEAD, DESK, LATER, OTHER, PAST, THEM, THIRD, US};

pub const RECORD: RecordId = RecordId([9; 32]);
const PART: PartDigest = PartDigest([1; 32]);
const ADDRESSEE: PartDigest = PartDigest([200; 32]);
const SECOND_ADDRESSEE: PartDigest = PartDigest([201; 32]);
const NOBODY_HERE: EconomyId = EconomyId([4; 32]);
/// A code that no version gives to anything.
const UNKNOWN: u64 = 99;

/// The section, and what it counts as.
pub fn section(cell: &Cell) -> (Section, Section) {
    if cell.is(D::Part, &["addressee part"]) {
        return (Section::Addressee, Section::Addressee);
    }
    match cell.value(D::Section) {
        "translation of indicators" => (Section::Translation, Section::Indicators),
        "translation of none" => (Section::Translation, Section::Translation),
        "translation of an unknown one" => (Section::Translation, Section::Unknown(UNKNOWN)),
        name => {
            let section = Section::from_name(name).unwrap();
            (section, section)
        }
    }
}

/// Whom the origin means where it means the recipient: at our own house, us.
fn meant(cell: &Cell) -> EconomyId {
    if cell.is(D::Recipient, &["partner", "public"]) { THEM } else { US }
}

pub fn origin(cell: &Cell) -> EconomyId {
    match cell.value(D::Source) {
        "own" | "us, through another" => US,
        "another partner" => OTHER,
        _ => THEM,
    }
}

pub fn recipient(cell: &Cell) -> Recipient {
    match cell.value(D::Recipient) {
        "partner" => Recipient::Partner {
            economy: THEM,
            desk: match cell.value(D::ForDesk) {
                "its duty desk" => Some("duty".into()),
                "the agreed desk" => Some(DESK.into()),
                _ => None,
            },
        },
        "constituent" => Recipient::Constituent { name: "bank".into() },
        "public" => Recipient::Public,
        _ => Recipient::LocalRole { role: DESK.into() },
    }
}

fn source(cell: &Cell) -> Source {
    let onward = match cell.value(D::Onward) {
        "within marking" => Onward::WithinMarking,
        "ask" => Onward::Ask,
        _ => Onward::None,
    };
    let purposes: &[&str] = match cell.value(D::Purposes) {
        "received" | "agreed and received alike" => &["a"],
        "agreed and received apart" => &["b"],
        _ => &[],
    };
    let purposes = purposes.iter().map(|purpose| (*purpose).to_owned()).collect();
    let obligations = Obligations { onward, purposes, ..Obligations::unbound() };
    match cell.value(D::Source) {
        "own" => Source::Own,
        "the recipient" => Source::From { economy: THEM, obligations },
        _ => Source::From { economy: OTHER, obligations },
    }
}

fn marking(cell: &Cell) -> Marking {
    let instant = |value: &str| match value {
        "T" => Some(AHEAD),
        "P" => Some(PAST),
        _ => None,
    };
    let categories: &[&str] = match cell.value(D::Category) {
        "none" => &[],
        "covered" => &["covered"],
        "prohibited" => &["prohibited"],
        _ => &["covered", "not covered"],
    };
    Marking {
        pap: Pap::from_name(cell.value(D::Pap)),
        categories: categories.iter().map(|name| (*name).to_owned()).collect(),
        community: match cell.value(D::Community) {
            "the recipient's" => Some(THEIRS),
            "another" => Some(ANOTHER),
            _ => None,
        },
        release_at: instant(cell.value(D::ReleaseTime)),
        embargo_until: instant(cell.value(D::Embargo)),
        expires: instant(cell.value(D::Expiry)),
        exercise: (!cell.is(D::Exercise, &["none"])).then(|| "drill".to_owned()),
        unknown: cell.is(D::Unknown, &["an unknown marking"]),
        ..Marking::new(Tlp::from_name(cell.value(D::Tlp)).unwrap())
    }
}

pub fn record(cell: &Cell) -> (RecordFacts, PartFacts) {
    let marking = marking(cell);
    let mut floor = Marking::new(Tlp::Clear);
    if cell.is(D::Exercise, &["the record's"]) {
        floor.exercise.clone_from(&marking.exercise);
    }
    if cell.is(D::Floor, &["looser"]) {
        floor.expires = Some(Timestamp::EPOCH.saturating_add(Duration::from_secs(1)));
    }
    let unknown = |what: &str| cell.is(D::Unknown, &[what]);
    let manifest = Manifest {
        kind: match cell.value(D::Kind) {
            "control" => Kind::Keyring,
            "unknown" => Kind::Unknown(UNKNOWN),
            _ => Kind::Incident,
        },
        state: if unknown("an unknown state") { State::Unknown(UNKNOWN) } else { State::Final },
        origin: origin(cell),
        author: KeyId([8; 32]),
        signed_at: PAST,
        urgency: if unknown("an unknown urgency") {
            Urgency::Unknown(UNKNOWN)
        } else {
            Urgency::Routine
        },
        floor,
        addressed: false,
        supersedes: Vec::new(),
        parts: Vec::new(),
        body: None,
        unknown: unknown("an unknown manifest field"),
    };
    let mut record = RecordFacts::new(RECORD, &manifest, source(cell));
    record.quarantined = cell.value(D::Aside).starts_with("in quarantine");
    record.pending = cell.value(D::Aside).ends_with("pending");
    record.unmarked = cell.is(D::Marked, &["no"]);
    record.lifecycle = match cell.value(D::Lifecycle) {
        "withdrawn" => Lifecycle::Withdrawn,
        "superseded" => Lifecycle::Superseded,
        _ => Lifecycle::Live,
    };
    record.recalled_from = match cell.value(D::Recalled) {
        "the recipient" => vec![THEM],
        "another" => vec![OTHER],
        _ => Vec::new(),
    };
    record.unsend_until = match cell.value(D::Unsend) {
        "P" => Some(PAST),
        "T" => Some(AHEAD),
        "after T" => Some(LATER),
        _ => None,
    };
    record.emergencies.extend(emergency(cell));
    record.approval = match cell.value(D::Approval) {
        "awaited" => Approval::Awaited(Word::new("TLP:RED")),
        "refused" => Approval::Refused,
        "given" => Approval::Given,
        _ => Approval::NotNeeded,
    };
    if cell.is(D::Order, &["in the record"]) {
        record.orders.push(PartDigest([50; 32]));
    }
    let part = part(cell, marking, &record.floor);
    let destination = speak(cell, &mut record);
    (record, PartFacts { destination, ..part })
}

fn part(cell: &Cell, marking: Marking, floor: &Marking) -> PartFacts {
    let is_addressee = cell.is(D::Part, &["addressee part"]);
    let (section, counts_as) = section(cell);
    let rule = Word::new("rule");
    PartFacts {
        erased: cell.is(D::Body, &["erased"]),
        from_origin: cell.is(D::FromOrigin, &["yes"]),
        sources: sources(cell),
        section: match cell.value(D::Unknown) {
            // An addressee part of an unknown section is none.
            "an unknown section" if !is_addressee => Section::Unknown(UNKNOWN),
            _ => section,
        },
        counts_as,
        classes: match cell.value(D::Class) {
            "unknown" => [Class::Unknown(UNKNOWN)].into_iter().collect(),
            _ => classes(cell).into_iter().map(|name| Class::from_name(name).unwrap()).collect(),
        },
        marking,
        unknown: cell.is(D::Unknown, &["an unknown header field"])
            || cell.is(D::Class, &["unknown"])
            || (is_addressee && cell.is(D::Unknown, &["an unknown section"])),
        guard: match cell.value(D::Guard) {
            "no rule, matched" | "rules, matched" => Examination::Hit { revision: 7, rule },
            "rules, clear" => Examination::Clear { revision: 7 },
            "rules, cleared by older ones" => Examination::Clear { revision: 6 },
            "rules, matched by older ones" => Examination::Hit { revision: 6, rule },
            _ => Examination::NotExamined,
        },
        ..PartFacts::new(digest(cell), &Header::new(Section::Summary, "text/plain"), floor)
    }
}

fn digest(cell: &Cell) -> PartDigest {
    if cell.is(D::Part, &["addressee part"]) { ADDRESSEE } else { PART }
}

/// Further deliveries, after the one that brought the record.
fn sources(cell: &Cell) -> Vec<Received> {
    let mut sources = Vec::new();
    let mut bring = |economy, onward, purpose: &[&str]| {
        let purposes = purpose.iter().map(|one| (*one).to_owned()).collect();
        let obligations = Obligations { onward, purposes, ..Obligations::unbound() };
        sources.push(Received { economy, obligations: obligations.into() });
    };
    match cell.value(D::Again) {
        "by the recipient" => bring(THEM, Onward::WithinMarking, &[]),
        "by a third, to go no further" => bring(THIRD, Onward::None, &[]),
        "by a third, to go on if asked" => bring(THIRD, Onward::Ask, &[]),
        "by a third, for another purpose" => bring(THIRD, Onward::WithinMarking, &["other"]),
        _ => {}
    }
    if cell.is(D::FromOrigin, &["yes"])
        && let Source::From { obligations, .. } = source(cell)
    {
        sources.push(Received { economy: origin(cell), obligations: obligations.into() });
    }
    sources
}

fn emergency(cell: &Cell) -> Option<Emergency> {
    let (to, until) = match cell.value(D::Emergency) {
        "in force" => (THEM, AHEAD),
        "over" => (THEM, PAST),
        "for another partner" => (OTHER, AHEAD),
        _ => return None,
    };
    Some(Emergency { word: RecordId([71; 32]), to, by: Word::new("kim"), until })
}

/// How the origin speaks of the recipient; returns the part's destination.
fn speak(cell: &Cell, record: &mut RecordFacts) -> Option<EconomyId> {
    let meant = meant(cell);
    let mut say = |part, addressee: Addressee| {
        record.addressed = true;
        record.addressees.push(AddresseeFacts { part, addressee });
    };
    let whole = Addressee {
        economy: Some(meant),
        desk: None,
        group: None,
        relays: Vec::new(),
        parts: vec![PART],
    };
    let group = Some((THEIRS, roster_named(cell)));
    let of_group = Addressee { economy: None, group, ..whole.clone() };
    let desk = |name: &str| Addressee { desk: Some(name.to_owned()), ..whole.clone() };
    let others = Addressee { economy: Some(NOBODY_HERE), ..whole.clone() };
    let says = cell.value(D::Says);
    // Consents are no words of the record.
    match says.split_once(", consent").map_or(says, |(names, _)| names) {
        "names it" => say(ADDRESSEE, whole),
        "names a desk there" => say(ADDRESSEE, desk("duty")),
        "names the agreed desk" => say(ADDRESSEE, desk(DESK)),
        "names it as relay" => {
            let desk = Some("duty".to_owned());
            say(ADDRESSEE, Addressee { desk, relays: vec![meant], ..others });
        }
        "names it through us" => say(ADDRESSEE, Addressee { relays: vec![US], ..whole }),
        "names others" => say(ADDRESSEE, others),
        "names it for other parts" => {
            say(ADDRESSEE, Addressee { parts: vec![PartDigest([77; 32])], ..whole });
        }
        "names its group" => say(ADDRESSEE, of_group),
        "names its group and it" => {
            say(ADDRESSEE, of_group);
            say(SECOND_ADDRESSEE, Addressee { ..whole });
        }
        "names its group through us" => say(ADDRESSEE, Addressee { relays: vec![US], ..of_group }),
        "names it in its group" => say(ADDRESSEE, Addressee { group, ..whole }),
        "names others in its group" => say(ADDRESSEE, Addressee { group, ..others }),
        "names its group for other parts" => {
            say(ADDRESSEE, Addressee { parts: vec![PartDigest([77; 32])], ..of_group });
        }
        "addresses nobody" => record.addressed = true,
        "names nobody" => {}
        other => panic!("{other} is not said"),
    }
    match cell.value(D::Rows) {
        "it" => Some(meant),
        "others" => Some(NOBODY_HERE),
        _ => None,
    }
}

pub fn consent(cell: &Cell) -> Option<Consent> {
    let says = cell.value(D::Says);
    let until = if says.ends_with("consents until T") {
        AHEAD
    } else if says.ends_with("consented until P") {
        PAST
    } else {
        return None;
    };
    Some(Consent {
        id: RecordId([41; 32]),
        origin: origin(cell),
        record: RECORD,
        parts: vec![PART, ADDRESSEE],
        asker: US,
        grantee: meant(cell),
        until,
        terms: Obligations::default(),
    })
}
