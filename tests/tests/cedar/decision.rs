//! The case as the decision is asked.

use std::fmt::Write as _;
use std::sync::Arc;

use comity_core::agreement::Terms;
use comity_core::keyring::{Confirmation, Place};
use comity_core::ledger::Obligations;
use comity_core::marking::Pap;
use comity_core::policy::{
    AddresseeFacts, Agreement, Approval, Consent, Decision, Emergency, Examination, Lifecycle,
    PartFacts, Partner, PolicySnapshot, Recipient, RecordFacts, Source, Standing, TrustLevel, Word,
    decide,
};
use comity_core::record::{Addressee, Header, Manifest};
use comity_core::{
    Class, EconomyId, KeyId, Kind, Marking, Onward, PartDigest, RecordId, Section, State,
    Timestamp, Tlp, Urgency,
};

use crate::case::{Case, DESKS, NOW, Named, OTHER, PAPS, Paper, Signed, THEM, TLPS, To, US};

const PART: PartDigest = PartDigest([1; 32]);
const RECORD: RecordId = RecordId([9; 32]);

/// Every paper, read from its text.
pub fn read(papers: &[Paper]) -> Vec<Arc<Terms>> {
    let parse = |text: String| Terms::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    papers.iter().map(|paper| Arc::new(parse(text(paper)))).collect()
}

fn text(paper: &Paper) -> String {
    let mut text =
        format!("format = 1\ntitle = \"t\"\nstarts = 1970-01-01\ntier = \"{}\"\n", paper.tier);
    let list = |names: &[&str]| format!("{names:?}");
    let mut say = |line: String| writeln!(text, "{line}").unwrap();
    if paper.tier == "law-enforcement" {
        say(format!("desk = \"{}\"", DESKS[1]));
    }
    say(format!("max-tlp = \"{}\"\nmax-pap = \"{}\"", TLPS[paper.max_tlp], PAPS[paper.max_pap]));
    say(format!("sections = {}", list(&paper.sections)));
    say(format!("sections-at-amber = {}", list(&paper.sections_at_amber)));
    say(format!("classes = {}\nkinds = {}", list(&paper.classes), list(&paper.kinds)));
    say(format!("categories = {}", list(&paper.categories)));
    say(format!("purposes = {}", list(&paper.purposes)));
    if paper.legal_basis {
        say("legal-bases = [\"Act 12, s. 4\"]".into());
    }
    say(format!("exercises = {}", paper.exercises));
    say(format!("no-law-enforcement-use = {}", paper.no_law_enforcement_use));
    // NOW is in the evening of the 21st.
    say(format!("review = 2026-11-{}", if paper.overdue { 20 } else { 21 }));
    say(format!("review-overdue = \"{}\"", if paper.stops { "stop" } else { "warn" }));
    say("[prohibits]".into());
    if let Some(above) = paper.never_above {
        say(format!("tlp-above = \"{}\"", TLPS[above]));
    }
    say(format!("sections = {}", list(&paper.never_sections)));
    say(format!("classes = {}", list(&paper.never_classes)));
    say(format!("kinds = {}", list(&paper.never_kinds)));
    say(format!("categories = {}", list(&paper.never_categories)));
    text
}

fn economy(number: u8) -> EconomyId {
    EconomyId([number; 32])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(u64::try_from(second).unwrap())
}

fn agreement(number: u8, signed: &Signed, terms: &[Arc<Terms>]) -> Agreement {
    let terms = Arc::clone(&terms[signed.paper]);
    let agreement = Agreement::new(RecordId([number; 32]), terms, at(signed.from));
    match signed.until {
        Some(until) => agreement.terminated_early(at(until), at(signed.notice)),
        None => agreement,
    }
}

/// The decision on a case.
pub fn ask(case: &Case, terms: &[Arc<Terms>]) -> Decision {
    let (record, part) = record(case);
    let recipient = match case.to {
        To::Partner => Recipient::partner(economy(THEM)),
        To::Constituent => Recipient::Constituent { name: "bank".into() },
        To::Public => Recipient::Public,
        To::Role => Recipient::LocalRole { role: DESKS[0].into() },
    };
    decide(&policy(case, terms), &record, &part, &recipient, at(NOW))
}

fn policy(case: &Case, terms: &[Arc<Terms>]) -> PolicySnapshot {
    let mut builder = PolicySnapshot::builder(economy(US));
    let standing = match case.standing {
        "paired" => Some(Standing::Paired),
        "suspended" => Some(Standing::Suspended),
        "frozen" => Some(Standing::Frozen),
        "revoked" => Some(Standing::Revoked),
        _ => None,
    };
    if let Some(standing) = standing {
        let partner =
            Partner::new().standing(standing).at(TrustLevel::from_number(case.level).unwrap());
        let signed = (1..).zip(&case.signed).map(|(number, one)| agreement(number, one, terms));
        builder = builder.partner(economy(THEM), signed.fold(partner, Partner::with));
    }
    let other = case.received_under.iter().map(|one| agreement(50, one, terms));
    builder = builder.partner(economy(OTHER), other.fold(Partner::new(), Partner::with));
    if let Some((grantee, by, until)) = case.consent {
        builder = builder.consent(Consent {
            id: RecordId([60; 32]),
            origin: economy(by),
            record: RECORD,
            parts: vec![PART],
            asker: economy(US),
            grantee: economy(grantee),
            until: at(until),
            terms: Obligations::default(),
        });
    }
    let origin = economy(if case.own { US } else { OTHER });
    if case.contradicted {
        let place = Place { rotations: 0, version: 2 };
        builder = builder.confirmed(origin, Confirmation::Contradicted(place));
    } else if let Some(confirmed) = case.confirmed {
        builder = builder.confirmed(origin, Confirmation::At(at(confirmed)));
    }
    if case.link_in_doubt {
        let place = Place { rotations: 0, version: 2 };
        builder = builder.confirmed(economy(THEM), Confirmation::Contradicted(place));
    }
    if case.guarded {
        builder = builder.guarded(3);
    }
    builder.build()
}

fn onward(number: usize) -> Onward {
    [Onward::WithinMarking, Onward::Ask, Onward::None][number]
}

fn record(case: &Case) -> (RecordFacts, PartFacts) {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut floor = Marking::new(Tlp::Clear);
    floor.exercise = case.record_is_exercise.then(|| "drill".to_owned());
    let marking = Marking {
        pap: case.pap.and_then(|pap| Pap::from_name(PAPS[pap])),
        categories: owned(&case.categories).into_iter().collect(),
        release_at: case.release_at.map(at),
        embargo_until: case.embargo_until.map(at),
        expires: case.expires.map(at),
        onward: onward(case.onward),
        exercise: case.exercise.then(|| "drill".to_owned()),
        ..Marking::new(Tlp::from_name(TLPS[case.tlp]).unwrap())
    };
    let manifest = Manifest {
        kind: Kind::from_name(case.kind).unwrap(),
        state: State::Final,
        origin: economy(if case.own { US } else { OTHER }),
        author: KeyId([8; 32]),
        signed_at: at(0),
        urgency: Urgency::Routine,
        floor,
        addressed: case.addressed,
        supersedes: Vec::new(),
        parts: Vec::new(),
        body: None,
        unknown: case.unknown,
    };
    let obligations = Obligations {
        onward: onward(case.onward_taken_on),
        retention_days: None,
        purposes: owned(&case.purposes),
    };
    let source =
        if case.own { Source::Own } else { Source::From { economy: economy(OTHER), obligations } };
    let mut record = RecordFacts::new(RECORD, &manifest, source);
    match case.state {
        "quarantined" => record.quarantined = true,
        "pending" => record.pending = true,
        "unmarked" => record.unmarked = true,
        "withdrawn" => record.lifecycle = Lifecycle::Withdrawn,
        "superseded" => record.lifecycle = Lifecycle::Superseded,
        _ => {}
    }
    record.approval = match case.approval {
        "given" => Approval::Given,
        "awaited" => Approval::Awaited(Word::new("TLP:RED")),
        "refused" => Approval::Refused,
        _ => Approval::NotNeeded,
    };
    record.emergencies = (70..)
        .zip(&case.emergencies)
        .map(|(word, (to, until))| Emergency {
            word: RecordId([word; 32]),
            to: economy(*to),
            by: Word::new("kim"),
            until: at(*until),
        })
        .collect();
    record.addressees = (100..).zip(&case.named).map(|(n, named)| addressee(n, named)).collect();
    if case.order {
        record.orders.push(PartDigest([2; 32]));
    }
    let classes = case.classes.iter().map(|class| Class::from_name(class).unwrap());
    let mut header = Header::new(Section::from_name(case.section).unwrap(), "text/plain");
    header.classes = classes.collect();
    header.destination = case.destination.map(economy);
    header.marking = Some(marking);
    let mut part = PartFacts::new(PART, &header, &record.floor);
    part.guard = match case.guard {
        "clear" => Examination::Clear { revision: 3 },
        "stale" => Examination::Clear { revision: 2 },
        "hit" => Examination::Hit { revision: 3, rule: Word::new("rule") },
        _ => Examination::NotExamined,
    };
    (record, part)
}

fn addressee(number: u8, named: &Named) -> AddresseeFacts {
    let addressee = Addressee {
        economy: Some(economy(named.economy)),
        desk: named.desk.map(str::to_owned),
        group: None,
        relays: named.relays.iter().copied().map(economy).collect(),
        parts: if named.lists { vec![PART] } else { vec![PartDigest([7; 32])] },
    };
    AddresseeFacts { part: PartDigest([number; 32]), addressee }
}
