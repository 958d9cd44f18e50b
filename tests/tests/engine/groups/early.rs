//! What is said about a group before it concerns us.

use super::*;

/// JP founds a group with FJ and admits it; KR has no part in it.
fn elsewhere() -> (World, GroupId) {
    let mut world = World::new();
    let (jp, fj) = (world.jp.economy.clone(), world.fj.economy.clone());
    let founds = says(Kind::Group, charter([jp.id, fj.id]), &jp);
    let id = GroupId(founds.id().0);
    world.bench.deliver(&mut world.jp, &founds, &[]);
    let applies = application(id, &fj);
    world.bench.deliver(&mut world.jp, &applies, &[]);
    let first = {
        let mut group = Group::clone(&world.group(id));
        let body =
            ApplicationBody { group: id, affiliations: BTreeSet::new(), answers: Vec::new() };
        let statement = Statement {
            record: applies.id(),
            by: fj.id,
            at: START,
            says: Says::Group(GroupBody::Application(body)),
            doubted: false,
        };
        group.take(statement);
        group.settle();
        group.admitting(fj.id, jp.id).unwrap()
    };
    world.bench.deliver(&mut world.jp, &roster(first, &jp), &[]);
    (world, id)
}

#[test]
fn of_a_group_with_which_we_have_nothing_to_do_only_the_charter_is_read() {
    let (mut world, id) = elsewhere();
    let (kr, jp) = (world.kr.clone(), world.jp.economy.clone());
    let group = world.group(id);
    assert_eq!((group.head().epoch, group.statements().count()), (0, 0));
    assert_eq!(world.bench.state().kept_of(&jp.id, Bound::Early), 2, "they wait");
    world.restarted();
    // Once we are asked, all of it is weighed.
    let invitation = GroupBody::Invitation(InvitationBody { group: id, to: kr.id });
    world.bench.deliver(&mut world.jp, &says(Kind::Group, invitation.encode(), &jp), &[]);
    assert_eq!(world.group(id).head().epoch, 1);
    assert_eq!(world.bench.state().kept_of(&jp.id, Bound::Early), 0);
    world.restarted();
    assert_eq!(world.group(id).head().epoch, 1);
}

/// Our own application turns nothing by itself; the roster that had waited does.
#[test]
fn what_was_said_before_a_group_concerned_us_turns_then_what_it_turns() {
    let (mut world, id) = elsewhere();
    let kr = world.kr.clone();
    world.publish_many();
    comity_core::test_util::work::planned();
    world.enter(application(id, &kr));
    world.given();
    assert_eq!(world.group(id).head().epoch, 1);
    assert!(comity_core::test_util::work::planned() > 20, "JP and FJ are considered anew");
}
