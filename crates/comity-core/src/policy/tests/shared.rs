//! Parts that are one class, and of which records or consents say different things.

use std::time::Duration;

use super::facts::*;
use super::gates::{constituent, nda, received, role};
use crate::identity::RecordId;
use crate::ledger::Obligations;
use crate::marking::{Onward, Tlp};
use crate::policy::{Consent, PartFacts, RecordFacts, Shared, decide};
use crate::record::Addressee;
use crate::vocabulary::Section;

/// OTHER's AMBER record, of which nobody is named here yet.
fn theirs() -> (RecordFacts, PartFacts) {
    let mut record = received(Obligations { onward: Onward::Ask, ..Obligations::unbound() });
    let one = part(&mut record, 1, Section::Summary, Tlp::Amber);
    (record, one)
}

/// In whatever order they are asked about: the answer to one is not remembered for the other.
#[test]
fn what_is_said_of_a_recipient_tells_parts_of_one_class_apart() {
    let (plain, one) = theirs();
    let consent = Consent {
        id: RecordId([31; 32]),
        origin: OTHER,
        record: plain.id,
        parts: vec![one.digest],
        asker: US,
        grantee: THEM,
        until: NOW.saturating_add(Duration::from_secs(1)),
        terms: Obligations::default(),
    };
    let policy = nda(|_| {}).to_builder().consent(consent).build();
    let elsewhere = RecordFacts { id: RecordId([32; 32]), ..plain.clone() };
    let says = |change: fn(&mut RecordFacts)| {
        let mut record = elsewhere.clone();
        record.addressed = true;
        change(&mut record);
        record
    };
    let group = |record: &mut RecordFacts| {
        address(record, 100, THIRD, None, &[], &[1]);
        if let Some(held) = record.addressees.last_mut() {
            let group = Some((crate::identity::GroupId(RecordId([33; 32]).0), 1));
            held.addressee = Addressee { economy: None, group, ..held.addressee.clone() };
        }
    };
    let records = [
        elsewhere.clone(),
        says(|_| {}),
        says(|record| drop(address(record, 100, THIRD, None, &[], &[1]))),
        says(|record| drop(address(record, 100, THEM, None, &[], &[1]))),
        says(|record| drop(address(record, 100, THEM, None, &[US], &[1]))),
        says(|record| drop(address(record, 100, THIRD, None, &[US, THEM], &[1]))),
        says(|record| drop(address(record, 100, US, None, &[], &[1]))),
        says(|record| drop(address(record, 100, US, Some("soc"), &[], &[1]))),
        says(group),
        plain,
    ];
    let recipients = [them(), constituent(), role()];
    for reversed in [false, true] {
        let mut order: Vec<_> = records.iter().collect();
        if reversed {
            order.reverse();
        }
        let mut shared = Shared::new(policy.clone());
        for record in order {
            let classed = shared.classify(record, &one, NOW);
            for recipient in &recipients {
                let direct = decide(&policy, record, &one, recipient, NOW);
                let answer = shared.answer(&classed, recipient);
                assert_eq!(&answer.outcome, direct.outcome(), "{record:#?} {recipient:?}");
                assert_eq!(
                    *shared.decide(&classed, recipient),
                    direct,
                    "{record:#?} {recipient:?}"
                );
            }
        }
    }
}
