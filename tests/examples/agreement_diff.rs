//! What a change of agreement would do to a million records.
//!
//! `cargo run --release -p comity-tests --example agreement_diff [-- --records N --json]`
//!
//! 200 partners with 300 agreements in force between them; a memorandum with one of them is amended: all
//! sections but indicators, instead of summary and indicators. The records are own and received, of one to five parts; every
//! one is asked about for that partner, and what that partner brought for everybody else. On one thread. Of the
//! records at the front, as many as `--check N` (2,000), the answer is compared with two plans.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use comity_core::agreement::Terms;
use comity_core::ledger::Obligations;
use comity_core::policy::{
    Agreement, Comparison, PartFacts, Partner, PolicySnapshot, Recipient, RecordFacts, Source,
    TrustLevel, plan,
};
use comity_core::record::{Header, Manifest};
use comity_core::{
    Class, EconomyId, KeyId, Kind, Marking, Onward, PartDigest, RecordId, Section, State,
    Timestamp, Tlp, Urgency,
};
use serde_json::json;

const PARTNERS: u16 = 200;
/// The second for each second partner.
const AGREEMENTS: u16 = 300;
/// The partner whose memorandum is amended.
const AMENDED: u16 = 150;
const US: EconomyId = EconomyId([255; 32]);
const NOW: Timestamp = Timestamp::from_secs(1_795_300_000);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, otherwise: u32| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)?.parse().ok()).unwrap_or(otherwise)
    };
    let records: Vec<_> = (0..number("--records", 1_000_000)).map(record).collect();
    let (before, after) = (snapshot(SIGNED), snapshot(AMENDMENT));
    let recipients: Vec<_> = (0..PARTNERS).map(|n| Recipient::partner(economy(n))).collect();
    let check = usize::try_from(number("--check", 2_000)).unwrap_or(usize::MAX);
    compare(&before, &after, &records[..check.min(records.len())], &recipients);

    let began = Instant::now();
    let mut comparison = Comparison::new(before, after);
    let (mut asked, mut begins, mut stops) = (0_u64, 0_u64, 0_u64);
    for (record, parts) in &records {
        for to in meant(record, &recipients) {
            asked += 1;
            if let Some(shift) = comparison.shift(record, parts, to, NOW) {
                begins += shift.begins.len() as u64;
                stops += shift.stops.len() as u64;
            }
        }
    }
    let took = began.elapsed();
    let parts: usize = records.iter().map(|(_, parts)| parts.len()).sum();
    let figures = BTreeMap::from([
        ("records", json!(records.len())),
        ("parts", json!(parts)),
        ("questions (a record and a partner)", json!(asked)),
        ("parts that would begin to go", json!(begins)),
        ("parts that would go no more", json!(stops)),
        ("seconds", json!((took.as_secs_f64() * 100.0).round() / 100.0)),
        ("records/s", json!((records.len() as f64 / took.as_secs_f64()) as u64)),
    ]);
    if arguments.iter().any(|argument| argument == "--json") {
        println!("{:#}", json!(figures));
        return;
    }
    for (name, figure) in figures {
        println!("{name:<36} {figure:>12}");
    }
}

/// The amended partner for everything; the others for what it brought.
fn meant<'a>(
    record: &RecordFacts,
    recipients: &'a [Recipient],
) -> impl Iterator<Item = &'a Recipient> {
    let amended = economy(AMENDED);
    let brought = matches!(&record.source, Source::From { economy, .. } if *economy == amended);
    recipients.iter().filter(move |to| brought || to.economy() == Some(amended))
}

/// Every answer, against two plans.
fn compare(
    before: &PolicySnapshot,
    after: &PolicySnapshot,
    records: &[(RecordFacts, Vec<PartFacts>)],
    recipients: &[Recipient],
) {
    let mut comparison = Comparison::new(before.clone(), after.clone());
    for (record, parts) in records {
        for to in meant(record, recipients) {
            let goes = |snapshot| plan(snapshot, record, parts, to, NOW).releases().to_vec();
            let (old, new) = (goes(before), goes(after));
            let shift = comparison.shift(record, parts, to, NOW).unwrap_or_default();
            let kept = |one: &PartDigest| old.contains(one) && new.contains(one);
            let mut all: Vec<_> = shift.begins.iter().chain(&shift.stops).copied().collect();
            all.extend(old.iter().filter(|one| kept(one)));
            all.sort_unstable();
            let mut expected: Vec<_> = old.iter().chain(&new).copied().collect();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(all, expected, "a comparison is not the difference of two plans");
            assert!(shift.begins.iter().all(|one| new.contains(one)));
        }
    }
}

const SIGNED: &str = "sections = [\"summary\", \"indicators\"]\n";
const AMENDMENT: &str = "[prohibits]\nsections = [\"indicators\"]\n";

fn economy(number: u16) -> EconomyId {
    let mut id = [7; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    EconomyId(id)
}

fn terms(tier: &str, more: &str) -> Arc<Terms> {
    let text = format!("format = 1\ntitle = \"t\"\nstarts = 2026-01-01\ntier = \"{tier}\"\n{more}");
    Arc::new(Terms::parse(&text).unwrap_or_else(|error| panic!("{error}")))
}

/// The partners, of whom one has signed a memorandum that says this.
fn snapshot(more: &str) -> PolicySnapshot {
    let (mou, nda) = (terms("mou", ""), terms("nda", "onward = \"within-marking\"\n"));
    let amended = terms("mou", more);
    let builder = (0..PARTNERS).fold(PolicySnapshot::builder(US), |builder, number| {
        let sign = |kind: u8, terms: &Arc<Terms>| {
            let mut id = economy(number).0;
            id[31] = kind;
            Agreement::new(RecordId(id), Arc::clone(terms), Timestamp::EPOCH)
        };
        let first = if number == AMENDED { &amended } else { &mou };
        let partner = Partner::new().at(TrustLevel::Restricted).with(sign(0, first));
        let second = number < AGREEMENTS - PARTNERS;
        let partner = if second { partner.with(sign(1, &nda)) } else { partner };
        builder.partner(economy(number), partner)
    });
    builder.build()
}

/// One in four received, of these one in two hundred from the partner that is amended.
fn record(number: u32) -> (RecordFacts, Vec<PartFacts>) {
    let from = u16::try_from(number / 4 % u32::from(PARTNERS)).unwrap_or_default();
    let foreign = number % 4 == 1;
    let origin = if foreign { economy(from) } else { US };
    let labels = [Tlp::Clear, Tlp::Green, Tlp::Green, Tlp::Amber];
    let manifest = Manifest {
        kind: [Kind::Advisory, Kind::Incident][usize::from(number / 2 % 2 == 1)],
        state: State::Final,
        origin,
        author: KeyId([8; 32]),
        signed_at: NOW,
        urgency: Urgency::Routine,
        floor: Marking::new(labels[(number / 16 % 4) as usize]),
        addressed: false,
        supersedes: Vec::new(),
        parts: Vec::new(),
        body: None,
        unknown: false,
    };
    let source = if foreign {
        let purposes = vec!["incident response".to_owned()];
        let onward = Onward::WithinMarking;
        let obligations = Obligations { onward, retention_days: Some(180), purposes };
        Source::From { economy: origin, obligations }
    } else {
        Source::Own
    };
    let mut id = [9; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let mut record = RecordFacts::new(RecordId(id), &manifest, source);
    let sections = [
        Section::Summary,
        Section::Indicators,
        Section::Mitigation,
        Section::Detail,
        Section::Attribution,
    ];
    let many = 1 + (number % 5) as usize;
    let parts = sections.iter().take(many).enumerate().map(|(place, section)| {
        let mut header = Header::new(*section, "text/plain");
        if *section == Section::Detail {
            header.classes = [Class::General, Class::Sensitive].into();
        }
        let mut digest = [u8::try_from(place).unwrap_or(u8::MAX); 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        record.hold(PartDigest(digest), &header)
    });
    let parts = parts.collect();
    (record, parts)
}
