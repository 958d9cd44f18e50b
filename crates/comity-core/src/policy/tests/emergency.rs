//! Emergency releases: what the break of the glass passes, and what it never does.

use std::time::Duration;

use proptest::prelude::*;

use super::facts::*;
use super::gates::{asked, constituent, nda, role, signed as agreed, under};
use super::strategies::*;
use crate::agreement::{ReviewOverdue, Terms, Tier};
use crate::exit::leaving;
use crate::identity::{EconomyId, RecordId};
use crate::ledger::Obligations;
use crate::limits::EMERGENCY_RETENTION_DAYS;
use crate::marking::{Onward, Pap, Tlp};
use crate::policy::{
    Approval, Emergency, Examination, Fact, Gate, Lifecycle, PartFacts, Partner, PolicySnapshot,
    Recipient, RecordFacts, Shared, Source, Standing, TrustLevel, Verdict, Word, decide, explain,
    plan,
};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section};

const WORD: RecordId = RecordId([41; 32]);
const FIRST: RecordId = RecordId([42; 32]);

/// The gates that an emergency may pass; no other.
const PASSABLE: [Gate; 9] = [
    Gate::Trust,
    Gate::Agreement,
    Gate::Review,
    Gate::Tier,
    Gate::Kind,
    Gate::Category,
    Gate::Section,
    Gate::Class,
    Gate::Approval,
];

fn later(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

fn to(economy: EconomyId) -> Emergency {
    Emergency { word: WORD, to: economy, by: Word::new("kim"), until: later(60) }
}

fn broken(mut record: RecordFacts) -> RecordFacts {
    record.emergencies.push(to(THEM));
    record
}

fn own(tlp: Tlp) -> (RecordFacts, PartFacts) {
    let mut record = incident(Tlp::Clear);
    let one = part(&mut record, 1, Section::Indicators, tlp);
    (record, one)
}

/// Without any agreement, at level 1.
fn paired() -> PolicySnapshot {
    PolicySnapshot::builder(US).partner(THEM, Partner::new()).build()
}

#[test]
fn it_stands_in_for_what_is_not_permitted() {
    let plain = |_: &mut RecordFacts, _: &mut PartFacts| {};
    let mou = |change: fn(&mut Terms)| under([agreed(FIRST, Tier::Mou, change)]);
    let trusted = |level| {
        PolicySnapshot::builder(US)
            .partner(THEM, Partner::new().at(level).with(agreed(FIRST, Tier::Nda, |_| {})))
            .build()
    };
    type Change = fn(&mut RecordFacts, &mut PartFacts);
    let cases: [(&str, PolicySnapshot, Tlp, Change, Gate); 11] = [
        ("no agreement", paired(), Tlp::Amber, plain, Gate::Agreement),
        ("too little trust", trusted(TrustLevel::Public), Tlp::Amber, plain, Gate::Trust),
        (
            "not in force yet",
            under([crate::policy::Agreement::new(
                FIRST,
                std::sync::Arc::new(crate::test_util::policy::terms(Tier::Nda)),
                later(600),
            )]),
            Tlp::Amber,
            plain,
            Gate::Agreement,
        ),
        (
            "ended",
            under([agreed(FIRST, Tier::Nda, |_| {}).terminated(NOW)]),
            Tlp::Amber,
            plain,
            Gate::Agreement,
        ),
        (
            "review overdue",
            nda(|terms| {
                terms.review = Some(Timestamp::EPOCH);
                terms.review_overdue = ReviewOverdue::Stop;
            }),
            Tlp::Green,
            plain,
            Gate::Review,
        ),
        (
            "above the ceiling",
            mou(|terms| terms.max_tlp = Tlp::Clear),
            Tlp::Green,
            plain,
            Gate::Tier,
        ),
        ("not addressed", mou(|_| {}), Tlp::Amber, plain, Gate::Tier),
        (
            "kind",
            nda(|terms| terms.kinds = [Kind::Advisory].into_iter().collect()),
            Tlp::Green,
            plain,
            Gate::Kind,
        ),
        (
            "category",
            nda(|_| {}),
            Tlp::Green,
            |_, part| part.marking.categories = ["health".to_owned()].into(),
            Gate::Category,
        ),
        (
            "section",
            nda(|terms| terms.sections = [Section::Summary].into_iter().collect()),
            Tlp::Green,
            plain,
            Gate::Section,
        ),
        (
            "class",
            mou(|_| {}),
            Tlp::Green,
            |_, part| part.classes = [Class::Sensitive].into_iter().collect(),
            Gate::Class,
        ),
    ];
    for (name, policy, tlp, change, gate) in cases {
        let (mut record, mut one) = own(tlp);
        change(&mut record, &mut one);
        let before = decide(&policy, &record, &one, &them(), NOW);
        assert!(!before.is_release(), "{name}");
        let record = broken(record);
        let after = decide(&policy, &record, &one, &them(), NOW);
        assert!(after.rests_on_emergency(), "{name}: {after:#?}");
        assert_eq!(after.covering(), Some(WORD), "{name}");
        let said = after.judgement(gate).unwrap();
        assert!(said.passed && said.verdict == Verdict::Pass, "{name}: {said:?}");
        let explained = explain(&policy, &after);
        let line = explained.iter().find(|line| line.gate == gate).unwrap();
        let front = format!("passed by the emergency release of kim until {}: ", later(60));
        assert!(line.sentence.starts_with(&front), "{name}: {}", line.sentence);
        let unbroken = RecordFacts { emergencies: Vec::new(), ..record.clone() };
        for to in [constituent(), Recipient::Public, role(), Recipient::partner(OTHER)] {
            let same = decide(&policy, &unbroken, &one, &to, NOW);
            assert_eq!(decide(&policy, &record, &one, &to, NOW), same, "{name} {to:?}");
        }
        assert!(!decide(&policy, &record, &one, &them(), later(60)).is_release(), "{name}");
    }
}

#[test]
fn what_waits_for_a_second_person_goes_and_what_one_refused_does_not() {
    let (record, one) = own(Tlp::Green);
    let waits = Approval::Awaited(Word::new("TLP:RED"));
    let with = |approval| broken(RecordFacts { approval, ..record.clone() });
    let said = decide(&nda(|_| {}), &with(waits), &one, &them(), NOW);
    assert!(said.rests_on_emergency());
    assert!(said.judgement(Gate::Approval).unwrap().passed);
    let said = decide(&nda(|_| {}), &with(Approval::Refused), &one, &them(), NOW);
    assert_eq!(said.deciding().map(|one| one.fact), Some(Fact::ApprovalRefused));
}

#[test]
fn it_passes_nothing_that_forbids() {
    type Change = fn(&mut RecordFacts, &mut PartFacts);
    let plain: Change = |_, _| {};
    let paired_as = |standing| {
        PolicySnapshot::builder(US).partner(THEM, Partner::new().standing(standing)).build()
    };
    let blocked =
        PolicySnapshot::builder(US).partner(THEM, Partner::new().at(TrustLevel::Blocked)).build();
    let never = |change: fn(&mut Terms)| under([agreed(FIRST, Tier::Mou, change)]);
    let cases: Vec<(&str, PolicySnapshot, Tlp, Change, Gate)> = vec![
        ("suspended", paired_as(Standing::Suspended), Tlp::Green, plain, Gate::Standing),
        ("frozen", paired_as(Standing::Frozen), Tlp::Green, plain, Gate::Standing),
        ("revoked", paired_as(Standing::Revoked), Tlp::Green, plain, Gate::Standing),
        ("blocked", blocked, Tlp::Clear, plain, Gate::Trust),
        ("RED to nobody", paired(), Tlp::Red, plain, Gate::Tlp),
        (
            "addressed to others",
            paired(),
            Tlp::Green,
            |record, _| drop(address(record, 100, OTHER, None, &[], &[1])),
            Gate::Audience,
        ),
        (
            "destined elsewhere",
            paired(),
            Tlp::Green,
            |_, part| part.destination = Some(OTHER),
            Gate::Audience,
        ),
        ("PAP", paired(), Tlp::Green, |_, part| part.marking.pap = Some(Pap::Amber), Gate::Pap),
        (
            "about persons",
            paired(),
            Tlp::Green,
            |_, part| part.classes = [Class::Sensitive, Class::PersonalData].into_iter().collect(),
            Gate::Class,
        ),
        (
            "about persons, without a basis",
            nda(|terms| {
                terms.legal_bases = Vec::new();
                terms.max_tlp = Tlp::Clear;
            }),
            Tlp::Green,
            |_, part| part.classes = [Class::PersonalData].into_iter().collect(),
            Gate::LegalBasis,
        ),
        (
            "evidence",
            nda(|_| {}),
            Tlp::Green,
            |_, part| part.classes = [Class::Evidence].into_iter().collect(),
            Gate::Class,
        ),
        (
            "release time",
            paired(),
            Tlp::Green,
            |_, part| part.marking.release_at = Some(later(30)),
            Gate::ReleaseTime,
        ),
        (
            "can be unsent",
            paired(),
            Tlp::Green,
            |record, _| record.unsend_until = Some(later(30)),
            Gate::ReleaseTime,
        ),
        ("expired", paired(), Tlp::Green, |_, part| part.marking.expires = Some(NOW), Gate::Expiry),
        (
            "an exercise",
            paired(),
            Tlp::Green,
            |record, part| {
                record.floor.exercise = Some("drill".to_owned());
                part.marking.exercise = Some("drill".to_owned());
            },
            Gate::Exercise,
        ),
        (
            "quarantined",
            paired(),
            Tlp::Green,
            |record, _| record.quarantined = true,
            Gate::Quarantine,
        ),
        (
            "withdrawn",
            paired(),
            Tlp::Green,
            |record, _| record.lifecycle = Lifecycle::Withdrawn,
            Gate::Quarantine,
        ),
        ("erased", paired(), Tlp::Green, |_, part| part.erased = true, Gate::Quarantine),
        (
            "recalled from there",
            paired(),
            Tlp::Green,
            |record, _| record.recalled_from.push(THEM),
            Gate::Quarantine,
        ),
        (
            "the egress guard",
            paired().to_builder().guarded(3).build(),
            Tlp::Green,
            |_, part| part.guard = Examination::Hit { revision: 3, rule: Word::new("names") },
            Gate::EgressGuard,
        ),
        ("unknown", paired(), Tlp::Green, |_, part| part.unknown = true, Gate::Unbuilt),
        (
            "above what is prohibited",
            never(|terms| terms.prohibitions.tlp_above = Some(Tlp::Clear)),
            Tlp::Green,
            plain,
            Gate::Tier,
        ),
        (
            "a prohibited kind",
            never(|terms| terms.prohibitions.kinds = [Kind::Incident].into_iter().collect()),
            Tlp::Green,
            plain,
            Gate::Kind,
        ),
        (
            "a prohibited section",
            never(|terms| {
                terms.prohibitions.sections = [Section::Indicators].into_iter().collect()
            }),
            Tlp::Green,
            plain,
            Gate::Section,
        ),
        (
            "a prohibited class",
            never(|terms| terms.prohibitions.classes = [Class::General].into_iter().collect()),
            Tlp::Green,
            plain,
            Gate::Class,
        ),
        (
            "a prohibited category",
            never(|terms| terms.prohibitions.categories = vec!["health".to_owned()]),
            Tlp::Green,
            |_, part| part.marking.categories = ["health".to_owned()].into(),
            Gate::Category,
        ),
    ];
    for (name, policy, tlp, change, gate) in cases {
        let (mut record, mut one) = own(tlp);
        change(&mut record, &mut one);
        let record = broken(record);
        let said = decide(&policy, &record, &one, &them(), NOW);
        assert!(!said.is_release(), "{name}");
        let stays = asked(&policy, &record, &one, &them(), gate);
        assert!(stays.verdict != Verdict::Pass && !stays.passed, "{name}: {stays:?}");
        // It alone is what is left: all else was passed.
        let others = said.judgements().iter().filter(|one| one.verdict != Verdict::Pass);
        assert_eq!(others.map(|one| one.gate).collect::<Vec<_>>(), [gate], "{name}");
    }
}

#[test]
fn a_stranger_gets_nothing_by_it() {
    let (record, one) = own(Tlp::Clear);
    let nobody = PolicySnapshot::builder(US).build();
    let said = decide(&nobody, &broken(record), &one, &them(), NOW);
    assert_eq!(said.deciding().map(|one| one.fact), Some(Fact::NotPaired));
}

#[test]
fn another_originators_record_is_never_released_by_it() {
    let (record, one) = own(Tlp::Green);
    let obligations = Obligations::unbound();
    for (origin, source) in [
        (OTHER, Source::From { economy: OTHER, obligations: obligations.clone() }),
        (OTHER, Source::Own),
        (US, Source::From { economy: OTHER, obligations }),
    ] {
        let record = broken(RecordFacts { origin, source, ..record.clone() });
        let said = decide(&paired(), &record, &one, &them(), NOW);
        assert!(!said.is_release() && said.emergency().is_none(), "{origin:?}");
    }
}

/// No agreement says what may be done with it: it goes no further, and is not kept; and what agreements
/// in force demand binds besides.
#[test]
fn what_goes_by_it_goes_on_the_strictest_terms() {
    let (record, one) = own(Tlp::Amber);
    let record = broken(record);
    let terms = |policy: &PolicySnapshot| {
        plan(policy, &record, std::slice::from_ref(&one), &them(), NOW).obligations().cloned()
    };
    let expected = Emergency::terms();
    assert_eq!(expected.onward, Onward::None);
    assert_eq!(expected.retention_days, Some(EMERGENCY_RETENTION_DAYS));
    assert_eq!(terms(&paired()), Some(expected.clone()));
    let policy = under([agreed(FIRST, Tier::Mou, |terms| {
        terms.obligations.retention_days = Some(7);
        terms.obligations.purposes = vec!["response".to_owned()];
    })]);
    let purposes = vec!["response".to_owned()];
    let stricter = Obligations { retention_days: Some(7), purposes, ..expected };
    assert_eq!(terms(&policy), Some(stricter));
    // What it has anyway, it has on no other terms.
    let (mut record, one) = own(Tlp::Clear);
    record.emergencies.push(to(THEM));
    let said = decide(&paired(), &record, &one, &them(), NOW);
    assert!(said.is_release() && !said.rests_on_emergency());
}

/// A file is recalled from nobody.
#[test]
fn no_file_has_what_goes_by_it() {
    let (record, one) = own(Tlp::Green);
    let record = broken(record);
    let parts = [one];
    assert!(plan(&paired(), &record, &parts, &them(), NOW).goes());
    assert!(leaving(&paired(), &record, &parts, &[them()], NOW).is_empty());
}

#[test]
fn shared_decisions_tell_its_times_and_recipients_apart() {
    let (record, one) = own(Tlp::Green);
    let another = RecordFacts { id: RecordId([43; 32]), ..record.clone() };
    let other_word = |record: RecordFacts| {
        let mut record = record;
        let until = later(90);
        record.emergencies.push(Emergency { word: FIRST, until, ..to(THEM) });
        record
    };
    let recalled = RecordFacts { recalled_from: vec![THEM], ..another.clone() };
    let elsewhere = RecordFacts { emergencies: vec![to(OTHER)], ..another.clone() };
    let records = [
        another.clone(),
        broken(record.clone()),
        other_word(another.clone()),
        recalled.clone(),
        broken(recalled),
        elsewhere,
        record,
    ];
    let policy = under([agreed(FIRST, Tier::Mou, |terms| terms.max_tlp = Tlp::Clear)]);
    let recipients = [them(), Recipient::partner(OTHER), constituent(), role()];
    for reversed in [false, true] {
        let mut shared = Shared::new(policy.clone());
        let mut order: Vec<_> = records.iter().collect();
        if reversed {
            order.reverse();
        }
        for now in [NOW, later(59), later(60), later(90), NOW] {
            for record in &order {
                let classed = shared.classify(record, &one, now);
                for recipient in &recipients {
                    let direct = decide(&policy, record, &one, recipient, now);
                    let answer = shared.answer(&classed, recipient);
                    assert_eq!(&answer.outcome, direct.outcome(), "{record:#?} {recipient:?}");
                    assert_eq!(answer.covering, direct.covering());
                    assert_eq!(*shared.decide(&classed, recipient), direct);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Whatever else is so: it lets nothing go that one of the other gates keeps, nothing of others, to
    /// nobody else, at no other time; and takes nothing away.
    #[test]
    fn it_passes_its_gates_and_no_other(
        snapshot in snapshots(),
        signed in signed(),
        recipient in recipients(),
        after in 0_u64..120,
        word in any::<bool>(),
    ) {
        let (record, parts) = signed.held(|_| true);
        let now = later(after);
        let mut with = record.clone();
        with.emergencies.push(to(THEM));
        let mut shared = Shared::new(snapshot.clone());
        for one in &parts {
            let before = decide(&snapshot, &record, one, &recipient, now);
            let after = decide(&snapshot, &with, one, &recipient, now);
            let open = now < later(60) && record.source == Source::Own;
            if before.is_release() || !open || recipient.economy() != Some(THEM) {
                prop_assert_eq!(&before, &after);
            }
            if after.is_release() && !before.is_release() {
                prop_assert!(after.rests_on_emergency());
                let denied = |gate: &Gate| {
                    before.judgement(*gate).is_some_and(|said| said.verdict != Verdict::Pass)
                };
                let measured = [Gate::Pap, Gate::LegalBasis, Gate::Exercise, Gate::Purpose];
                for gate in Gate::ALL.iter().filter(|gate| !PASSABLE.contains(gate)) {
                    // Those that are measured against terms may be so against others now.
                    prop_assert!(!denied(gate) || measured.contains(gate), "{gate} {before:#?}");
                }
                let about = |class| one.classes.contains(class);
                let agreements = &snapshot.partner(&THEM).unwrap().agreements;
                let covers = |class| {
                    agreements.iter().any(|one| {
                        one.in_force(now) && one.terms().classes().contains(class)
                    })
                };
                for class in [Class::PersonalData, Class::Evidence] {
                    prop_assert!(!about(class) || covers(class));
                }
                let keeps = |pap| {
                    agreements.iter().any(|one| one.in_force(now) && one.terms().max_pap() >= pap)
                };
                prop_assert!(one.marking.pap.is_none_or(|pap| pap == Pap::Clear || keeps(pap)));
                for never in agreements.iter().filter(|one| one.binds(now)) {
                    let never = never.terms().prohibitions();
                    prop_assert!(never.tlp_above.is_none_or(|most| one.marking.tlp <= most));
                    prop_assert!(!never.sections.contains(one.counts_as));
                    prop_assert!(never.classes.and(one.classes).is_empty());
                    prop_assert!(!never.kinds.contains(record.kind));
                    let mut categories = never.categories.iter();
                    prop_assert!(!categories.any(|name| one.marking.categories.contains(name)));
                }
                let crate::policy::Outcome::Release(terms) = after.outcome() else {
                    return Err(TestCaseError::fail("no release"));
                };
                prop_assert_eq!(terms.onward, Onward::None);
                prop_assert!(terms.retention_days <= Some(EMERGENCY_RETENTION_DAYS));
                prop_assert!(terms.retention_days.is_some());
            }
            let facts = if word { &with } else { &record };
            let classed = shared.classify(facts, one, now);
            let direct = decide(&snapshot, facts, one, &recipient, now);
            prop_assert_eq!(&*shared.decide(&classed, &recipient), &direct);
            prop_assert_eq!(&shared.answer(&classed, &recipient).outcome, direct.outcome());
        }
        let before = plan(&snapshot, &record, &parts, &recipient, now);
        let after = plan(&snapshot, &with, &parts, &recipient, now);
        let kept = before.releases().iter().all(|part| after.releases().contains(part));
        prop_assert!(kept, "{before:#?}\n{after:#?}");
    }
}
