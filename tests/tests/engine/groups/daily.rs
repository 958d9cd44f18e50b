//! The secretariat's daily word that nothing has changed.

use super::*;

#[test]
fn that_a_roster_is_confirmed_makes_nobody_be_considered_anew_and_copies_nothing() {
    let (mut world, id) = World::joined();
    let jp = world.jp.economy.clone();
    world.publish_many();
    let head = world.group(id).head().clone();
    let confirm = |hours: u32| {
        let word = RosterHead { group: id, epoch: head.epoch, digest: head.digest };
        let body = RosterBody::Head(word).encode();
        let at = START.saturating_add(Duration::from_secs(3600) * hours);
        control(Kind::Roster, body, Tlp::AmberStrict, &jp.author, jp.id, at).unwrap()
    };
    let address = |world: &World| {
        let group = world.bench.state().groups().get(&id);
        group.map(|group| std::ptr::from_ref::<Group>(group) as usize)
    };
    let before = address(&world);
    for hours in 0..5 {
        world.bench.now = START.saturating_add(Duration::from_secs(3600) * hours);
        comity_core::test_util::work::planned();
        let word = confirm(hours);
        let number = world.bench.deliver(&mut world.jp, &word, &[]);
        assert_eq!(world.bench.answer(&world.jp, number), Answer::Acked);
        assert_eq!(world.group(id).confirmed(), word.manifest().signed_at);
        assert_eq!(address(&world), before, "it is the same group, changed in its place");
        assert!(comity_core::test_util::work::planned() < 20, "the word itself, for each partner");
    }
    // A second one within the hour is settled, and not kept.
    let again = control(
        Kind::Roster,
        RosterBody::Head(RosterHead { group: id, epoch: head.epoch, digest: head.digest }).encode(),
        Tlp::AmberStrict,
        &jp.author,
        jp.id,
        world.bench.now.saturating_add(Duration::from_secs(60)),
    );
    let again = again.unwrap();
    let number = world.bench.deliver(&mut world.jp, &again, &[]);
    assert_eq!(world.bench.answer(&world.jp, number), Answer::Acked);
    assert!(world.bench.state().record(&again.id()).is_none());
    // After the group had gone stale it is another thing.
    let weeks = 24 * 7 * 4;
    world.bench.wait(Duration::from_secs(3600) * weeks);
    let word = confirm(weeks);
    for peer in [&mut world.jp, &mut world.fj, &mut world.nz] {
        world.bench.connect(peer);
    }
    world.bench.wait(Duration::from_secs(1));
    comity_core::test_util::work::planned();
    world.bench.deliver(&mut world.jp, &word, &[]);
    world.bench.wait(Duration::from_secs(1));
    assert!(comity_core::test_util::work::planned() > 20, "now records may go again");
    world.restarted();
}
