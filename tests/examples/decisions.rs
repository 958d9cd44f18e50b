//! Decisions a second and core, each made anew and shared by marking class.
//!
//! `cargo run --release -p comity-tests --example decisions [-- --seconds N --json]`
//!
//! 200 partners with 300 agreements in force between them, 400 records of five parts and more, own and
//! received, addressed and not, every part asked about for every partner, on one thread. Both ways are
//! counted over the same questions, and compared once before. Shared, the reasons are not kept, only what a
//! sender needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use comity_core::agreement::Terms;
use comity_core::ledger::Obligations;
use comity_core::policy::{
    Agreement, PartFacts, Partner, PolicySnapshot, Recipient, RecordFacts, Shared, Source,
    TrustLevel, decide,
};
use comity_core::record::{Addressee, Header, Manifest};
use comity_core::{
    Class, EconomyId, KeyId, Kind, Marking, Onward, PartDigest, RecordId, Section, State,
    Timestamp, Tlp, Urgency,
};
use serde_json::json;

const PARTNERS: u16 = 200;
/// The second for each second partner.
const AGREEMENTS: u16 = 300;
const RECORDS: u16 = 400;
const US: EconomyId = EconomyId([255; 32]);
const NOW: Timestamp = Timestamp::from_secs(1_795_300_000);

type Question<'a> = (&'a RecordFacts, &'a PartFacts);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let place = arguments.iter().position(|argument| argument == "--seconds");
    let seconds = place.and_then(|place| arguments.get(place + 1)?.parse().ok()).unwrap_or(5);
    let budget = Duration::from_secs(seconds);
    let snapshot = snapshot();
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    let parts = |(record, parts): &'static (RecordFacts, Vec<PartFacts>)| {
        parts.iter().map(move |part| (record, part))
    };
    // Leaked: it lives as long as the process measures.
    let records: &'static [_] = records.leak();
    let questions: Vec<Question<'static>> = records.iter().flat_map(parts).collect();
    let recipients: Vec<_> = (0..PARTNERS).map(|n| Recipient::partner(economy(n))).collect();
    let (released, classes) = compare(&snapshot, &questions, &recipients);
    let (direct, of_direct) = direct(&snapshot, &questions, &recipients, budget);
    let (shared, of_shared) = shared(&snapshot, &questions, &recipients, budget);
    let asked = questions.len() * recipients.len();
    let figures = json!({
        "partners": PARTNERS,
        "agreements": AGREEMENTS,
        "questions": asked,
        "released": released,
        "answers remembered when shared": classes,
        "decisions/s and core": direct,
        "decisions/s and core, shared": shared,
        "ratio shared / not": shared as f64 / direct as f64,
        "decisions counted": of_direct,
        "decisions counted, shared": of_shared,
    });
    if arguments.iter().any(|argument| argument == "--json") {
        println!("{figures:#}");
        return;
    }
    for (name, figure) in figures.as_object().into_iter().flatten() {
        println!("{name:<42} {figure:>14}");
    }
}

/// Asks everything both ways once: how many are released, and how many decisions were made for that.
fn compare(
    snapshot: &PolicySnapshot,
    questions: &[Question<'_>],
    recipients: &[Recipient],
) -> (u64, usize) {
    let mut shared = Shared::new(snapshot.clone());
    let mut released = 0;
    for (record, part) in questions {
        let classed = shared.classify(record, part, NOW);
        for recipient in recipients {
            let one = decide(snapshot, record, part, recipient, NOW);
            assert_eq!(one, *shared.decide(&classed, recipient), "a shared decision differs");
            let answer = shared.answer(&classed, recipient);
            assert_eq!(*one.outcome(), answer.outcome, "a shared answer differs");
            released += u64::from(one.is_release());
        }
    }
    (released, shared.remembered())
}

/// Counts for a while: decisions a second, and how many were counted.
fn direct(
    snapshot: &PolicySnapshot,
    questions: &[Question<'_>],
    recipients: &[Recipient],
    budget: Duration,
) -> (u64, u64) {
    let mut rounds = questions.iter().cycle();
    counted(budget, || {
        let Some((record, part)) = rounds.next() else { return 0 };
        let asked = recipients.iter().map(|to| decide(snapshot, record, part, to, NOW));
        asked.map(|decision| std::hint::black_box(&decision).judgements().len().min(1)).sum()
    })
}

fn shared(
    snapshot: &PolicySnapshot,
    questions: &[Question<'_>],
    recipients: &[Recipient],
    budget: Duration,
) -> (u64, u64) {
    let mut shared = Shared::new(snapshot.clone());
    let mut rounds = questions.iter().cycle();
    counted(budget, || {
        let Some((record, part)) = rounds.next() else { return 0 };
        let classed = shared.classify(record, part, NOW);
        let mut asked = 0;
        for recipient in recipients {
            let answer = shared.answer(&classed, recipient);
            std::hint::black_box(&answer);
            asked += 1;
        }
        asked
    })
}

fn counted(budget: Duration, mut step: impl FnMut() -> usize) -> (u64, u64) {
    let began = Instant::now();
    let mut count = 0_u64;
    while began.elapsed() < budget {
        count += step() as u64;
    }
    ((count as f64 / began.elapsed().as_secs_f64()) as u64, count)
}

fn economy(number: u16) -> EconomyId {
    let mut id = [7; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    EconomyId(id)
}

fn snapshot() -> PolicySnapshot {
    let text = |tier: &str, more: &str| {
        let text = format!(
            "format = 1\ntitle = \"t\"\nstarts = 2026-01-01\ntier = \"{tier}\"\n\
             purposes = [\"incident response\", \"protection of constituents\"]\n\
             retention = \"1 year\"\n{more}"
        );
        Arc::new(Terms::parse(&text).unwrap_or_else(|error| panic!("{error}")))
    };
    let mou = text("mou", "[prohibits]\nsections = [\"attribution\"]\n");
    let nda = text("nda", "onward = \"within-marking\"\n");
    let levels = [TrustLevel::Restricted, TrustLevel::Confidential, TrustLevel::Community];
    let builder = (0..PARTNERS).fold(PolicySnapshot::builder(US), |builder, number| {
        let sign = |kind: u8, terms: &Arc<Terms>| {
            let mut id = economy(number).0;
            id[31] = kind;
            Agreement::new(RecordId(id), Arc::clone(terms), Timestamp::EPOCH)
        };
        let level = levels[usize::from(number) % levels.len()];
        let partner = Partner::new().at(level).with(sign(0, &mou));
        let second = number < AGREEMENTS - PARTNERS;
        let partner = if second { partner.with(sign(1, &nda)) } else { partner };
        builder.partner(economy(number), partner)
    });
    builder.build()
}

/// One in four received from a partner, one in four addressed to two partners; five sections, labels
/// from CLEAR to AMBER, some sensitive.
fn record(number: u16) -> (RecordFacts, Vec<PartFacts>) {
    let foreign = number % 4 == 1;
    let origin = if foreign { economy(number % 20) } else { US };
    let labels = [Tlp::Clear, Tlp::Green, Tlp::Green, Tlp::Amber];
    let label = labels[usize::from(number / 4) % labels.len()];
    let manifest = Manifest {
        kind: [Kind::Advisory, Kind::Incident][usize::from(number / 2) % 2],
        state: State::Final,
        origin,
        author: KeyId([8; 32]),
        signed_at: NOW,
        urgency: Urgency::Routine,
        floor: Marking::new(label),
        addressed: number % 4 == 2,
        supersedes: Vec::new(),
        parts: Vec::new(),
        body: None,
        unknown: false,
    };
    let source = if foreign {
        let onward = Onward::WithinMarking;
        let purposes = vec!["incident response".to_owned()];
        let obligations = Obligations { onward, retention_days: Some(180), purposes };
        Source::From { economy: origin, obligations }
    } else {
        Source::Own
    };
    let mut id = [9; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    let mut record = RecordFacts::new(RecordId(id), &manifest, source);
    let sections = [
        Section::Summary,
        Section::Mitigation,
        Section::Detail,
        Section::Indicators,
        Section::Attribution,
    ];
    let digest = |place: usize| PartDigest([u8::try_from(place).unwrap_or(u8::MAX); 32]);
    let mut parts: Vec<_> = sections
        .iter()
        .enumerate()
        .map(|(place, section)| {
            let mut header = Header::new(*section, "text/plain");
            if *section == Section::Detail {
                header.classes = [Class::General, Class::Sensitive].into();
            }
            record.hold(digest(place), &header)
        })
        .collect();
    if manifest.addressed {
        for to in [number % PARTNERS, (number + 1) % PARTNERS] {
            let addressee = Addressee {
                economy: Some(economy(to)),
                desk: None,
                group: None,
                relays: Vec::new(),
                parts: (0..sections.len()).map(digest).collect(),
            };
            let place = 100 + usize::from(to % 2);
            let header = Header {
                addressee: Some(addressee),
                ..Header::new(Section::Addressee, "application/cbor")
            };
            parts.push(record.hold(digest(place), &header));
        }
    }
    (record, parts)
}
