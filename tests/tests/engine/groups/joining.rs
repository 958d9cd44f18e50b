//! What is addressed to a group that we are about to join.

use comity_core::record::Part;
use comity_core::test_util::SeededEntropy;

use super::*;

/// JP founds a group with KR, which applies, and addresses something to it before it admits KR.
fn applied(later: bool) -> (World, GroupId, VerifiedRecord, Vec<Part>) {
    let mut world = World::new();
    let (kr, jp) = (world.kr.clone(), world.jp.economy.clone());
    let text = format!("{CHARTER}later-joiners-see-earlier-records = {later}\n");
    let (founders, sponsors) = ([kr.id, jp.id].into(), BTreeSet::new());
    let founds = GroupBody::Charter(CharterBody { text, founders, sponsors });
    let founds = says(Kind::Group, founds.encode(), &jp);
    let id = GroupId(founds.id().0);
    world.bench.deliver(&mut world.jp, &founds, &[]);
    let mut draft = Draft::new(Kind::Incident);
    let marking = Some(Marking::new(Tlp::Amber));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"shared before".to_vec()));
    draft.addressees.push(AddresseeDraft::group(id, 0, vec![0]));
    let mut entropy = SeededEntropy::new(5);
    let composed = draft.sign(&jp.author, jp.id, START, &mut entropy).unwrap();
    (world, id, composed.record, composed.parts)
}

/// The roster by which we join may be overtaken by what it entitles us to.
#[test]
fn what_was_addressed_before_we_joined_waits_for_the_roster_by_which_we_do() {
    let (mut world, id, record, parts) = applied(true);
    let (kr, jp) = (world.kr.clone(), world.jp.economy.clone());
    world.enter(application(id, &kr));
    let number = world.bench.deliver(&mut world.jp, &record, &parts);
    assert_eq!(world.bench.answer(&world.jp, number), Answer::Acked);
    assert!(world.bench.state().record(&record.id()).is_some_and(|held| held.facts.pending));
    world.restarted();
    let first = world.group(id).admitting(kr.id, jp.id).unwrap();
    world.bench.deliver(&mut world.jp, &roster(first, &jp), &[]);
    assert!(world.bench.state().record(&record.id()).is_some_and(|held| !held.facts.pending));
    world.restarted();
}

#[test]
fn who_has_not_applied_or_whom_the_charter_keeps_it_from_is_not_meant() {
    let (mut world, _, record, parts) = applied(true);
    let number = world.bench.deliver(&mut world.jp, &record, &parts);
    assert!(matches!(world.bench.answer(&world.jp, number), Answer::Rejected));
    let (mut world, id, record, parts) = applied(false);
    let kr = world.kr.clone();
    world.enter(application(id, &kr));
    let number = world.bench.deliver(&mut world.jp, &record, &parts);
    assert!(matches!(world.bench.answer(&world.jp, number), Answer::Rejected));
}
