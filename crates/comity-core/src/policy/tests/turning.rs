//! What would turn a refusal.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

use super::facts::*;
use super::stories::{MOU_ID, federation};
use super::strategies::*;
use crate::agreement::{Field, Tier};
use crate::marking::{Marking, Onward, Tlp};
use crate::policy::turning::turned;
use crate::policy::{
    Agreement, Change, Desk, Gate, PartFacts, Partner, PolicySnapshot, RecordFacts, Source,
    Standing, TrustLevel, plan, turning,
};
use crate::record::Header;
use crate::test_util::policy::terms;
use crate::vocabulary::Section;

/// The ways, in the words that an operator reads.
fn ways(
    policy: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    part: u8,
) -> Vec<String> {
    let found = turning(policy, record, parts, Some(digest(part)), THEM, NOW);
    let own = record.source == Source::Own;
    let said = |way: &Vec<Change>| {
        let changes: Vec<String> = way.iter().map(|one| one.sentence(policy, own)).collect();
        changes.join("; and ")
    };
    found.ways.iter().map(said).collect()
}

#[test]
fn the_bank_incident_says_what_would_have_to_be_signed() {
    let policy = federation();
    let mut record = incident(Tlp::Amber);
    let summary = part(&mut record, 1, Section::Summary, Tlp::Amber);
    let indicators = part(&mut record, 2, Section::Indicators, Tlp::Amber);
    let victim = part(&mut record, 3, Section::Victim, Tlp::Red);
    let named = address(&mut record, 100, THEM, None, &[], &[1, 2, 3]);
    let parts = [summary, indicators, victim, named];
    assert_eq!(ways(&policy, &record, &parts, 1), Vec::<String>::new());
    assert_eq!(
        ways(&policy, &record, &parts, 2),
        ["sign an agreement of the tier nda that covers it"],
        "an MoU never covers them at AMBER, and the partner is trusted that far"
    );
    assert_eq!(
        ways(&policy, &record, &parts, 3),
        ["raise the partner to level 4 (restricted); and publish a version that is addressed to \
             a desk or person at the partner; and sign an agreement of the tier nda that covers it"]
    );
}

#[test]
fn two_things_in_the_way_are_named_together() {
    let mou = Agreement::new(MOU_ID, Arc::new(terms(Tier::Mou)), NOW.saturating_sub(HOUR));
    let partner = Partner::new().standing(Standing::Suspended).with(mou);
    let policy = PolicySnapshot::builder(US).partner(THEM, partner).build();
    let mut record = incident(Tlp::Green);
    let parts = [part(&mut record, 1, Section::Summary, Tlp::Green)];
    let found = turning(&policy, &record, &parts, Some(digest(1)), THEM, NOW);
    assert_eq!(found.ways, [[Change::Resume, Change::Raise(TrustLevel::Community)]]);
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn an_amendment_names_the_fields_that_matter() {
    let mut narrow = terms(Tier::Nda);
    narrow.sections = narrow.sections.without([Section::Indicators].into_iter().collect());
    narrow.at_amber = narrow.sections;
    narrow.max_tlp = Tlp::Green;
    narrow.prohibitions.sections = [Section::Victim].into_iter().collect();
    let nda = Agreement::new(MOU_ID, Arc::new(narrow), NOW.saturating_sub(HOUR));
    let partner = Partner::new().at(TrustLevel::Restricted).with(nda);
    let policy = PolicySnapshot::builder(US).partner(THEM, partner).build();
    let mut record = incident(Tlp::Green);
    let green = part(&mut record, 1, Section::Indicators, Tlp::Green);
    let amber = part(&mut record, 2, Section::Indicators, Tlp::Amber);
    let victim = part(&mut record, 3, Section::Victim, Tlp::Green);
    let parts = [green, amber, victim];
    let amended = |part: u8| {
        let found = turning(&policy, &record, &parts, Some(digest(part)), THEM, NOW);
        let Change::Amend { fields, .. } = &found.ways[0][0] else { panic!("{found:?}") };
        fields.iter().copied().collect::<Vec<_>>()
    };
    assert_eq!(amended(1), [Field::Sections]);
    assert_eq!(amended(2), [Field::MaxTlp, Field::Sections, Field::SectionsAtAmber]);
    // What one agreement prohibits, no further one opens.
    assert_eq!(amended(3), [Field::Prohibits]);
    assert_eq!(ways(&policy, &record, &parts, 3), ["amend the NDA: `prohibits`"]);
}

#[test]
fn what_nobody_can_change_is_said() {
    let policy = federation();
    let mut record = incident(Tlp::Green);
    let marking = Marking { expires: Some(NOW), ..Marking::new(Tlp::Green) };
    let header = Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
    let parts = [record.hold(digest(1), &header)];
    let found = turning(&policy, &record, &parts, Some(digest(1)), THEM, NOW);
    assert_eq!(found.ways, Vec::<Vec<Change>>::new());
    let gates: Vec<Gate> = found.fixed.iter().map(|one| one.gate).collect();
    assert_eq!(gates, [Gate::Expiry]);
}

#[test]
fn what_is_held_goes_by_waiting() {
    let policy = federation();
    let mut record = incident(Tlp::Green);
    let soon = NOW.saturating_add(HOUR);
    let marking = Marking { release_at: Some(soon), ..Marking::new(Tlp::Green) };
    let header = Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
    let parts = [record.hold(digest(1), &header)];
    let found = turning(&policy, &record, &parts, Some(digest(1)), THEM, NOW);
    assert_eq!(found.ways, [[Change::Wait(soon)]]);
}

#[test]
fn anothers_record_goes_by_its_origins_word() {
    let nda = Agreement::new(MOU_ID, Arc::new(terms(Tier::Nda)), NOW.saturating_sub(HOUR));
    let partner = Partner::new().at(TrustLevel::Restricted).with(nda);
    let policy = PolicySnapshot::builder(US).partner(THEM, partner).build();
    let obligations =
        crate::ledger::Obligations { onward: Onward::Ask, ..crate::ledger::Obligations::unbound() };
    let source = Source::From { economy: OTHER, obligations };
    let mut record = RecordFacts { origin: OTHER, source, ..incident(Tlp::Amber) };
    let parts = [part(&mut record, 1, Section::Summary, Tlp::Amber)];
    let found = turning(&policy, &record, &parts, Some(digest(1)), THEM, NOW);
    assert_eq!(found.ways, [[Change::Address(Desk::None)], [Change::Consent]]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Each way turns the answer; without any one of its changes it does not.
    #[test]
    fn a_way_is_enough_and_nothing_in_it_is_too_much(
        snapshot in snapshots(),
        signed in signed(),
        which in any::<Index>(),
    ) {
        let (record, parts) = signed.held(|_| true);
        if parts.is_empty() {
            return Ok(());
        }
        let part = which.get(&parts).digest;
        let ask = |way: &[Change]| turned(&snapshot, &record, &parts, (part, THEM, NOW), way);
        let found = turning(&snapshot, &record, &parts, Some(part), THEM, NOW);
        prop_assert_eq!(&found, &turning(&snapshot, &record, &parts, Some(part), THEM, NOW));
        let to = super::facts::them();
        let goes = plan(&snapshot, &record, &parts, &to, NOW).releases().contains(&part);
        prop_assert!(!goes || found.ways.is_empty() && found.fixed.is_empty());
        for way in &found.ways {
            prop_assert!(ask(way), "{way:?}");
            for place in 0..way.len() {
                let mut less = way.clone();
                less.remove(place);
                prop_assert!(!ask(&less), "{way:?} without {:?}", way[place]);
            }
        }
    }
}
