//! What a group costs, and what nobody is told.

use std::collections::BTreeSet;

use super::world::{AU, FJ, GROUP, JP, KR, NZ, T0, World};
use crate::digest::Digest;
use crate::group::*;
use crate::identity::RecordId;
use crate::limits;

#[test]
fn a_group_has_so_many_rosters_and_each_is_weighed_once() {
    use crate::test_util::work;
    let founding = World::new().founding;
    let mut group = Group::begin(founding.clone());
    let mut said = Vec::new();
    let mut per_roster = Vec::new();
    let (mut members, mut predecessor) = (group.head().members.clone(), group.head().digest);
    members.retain(|one, _| *one == KR);
    for epoch in 1..=limits::EPOCHS + 2 {
        let roster = Roster {
            group: GROUP,
            epoch,
            predecessor,
            members: [(KR, BTreeSet::new())].into(),
            changes: std::collections::BTreeMap::new(),
            handover: None,
        };
        predecessor = roster.digest();
        let mut record = [9; 32];
        record[..8].copy_from_slice(&epoch.to_be_bytes());
        let (record, says) = (RecordId(record), Says::Roster(RosterBody::Roster(roster)));
        said.push(Statement { record, by: KR, at: T0, says, doubted: false });
        work::done();
        group.take(said.last().unwrap().clone());
        group.settle();
        per_roster.push(work::done());
    }
    assert_eq!(group.head().epoch, limits::EPOCHS);
    let over = said.last().unwrap().record;
    assert_eq!(group.refused().get(&over), Some(&Refusal::TooManyRosters));
    let most = per_roster.iter().max().copied();
    assert!(most <= Some(4), "the last one costs what the first did: {most:?}");
    // The same where they come in the worst order.
    let mut backwards = Group::begin(founding);
    work::done();
    for one in said.iter().rev() {
        backwards.take(one.clone());
    }
    backwards.settle();
    assert!(work::done() <= 4 * (limits::EPOCHS + 2));
    assert_eq!(backwards, group);
}

#[test]
fn what_does_not_count_is_for_nobody() {
    let mut world = World::founded();
    let reached = |world: &World, record: &RecordId| -> Vec<_> {
        let group = world.group();
        let one = group.statement(record).unwrap();
        let all = [KR, JP, FJ, NZ, AU].into_iter();
        all.filter(|to| group.concerns(record, one.by, &one.says, *to)).collect()
    };
    // Of a stranger, and of a member who has no say in it.
    for record in [world.vote(AU, NZ), world.vote(AU, JP)] {
        assert!(reached(&world, &record).is_empty());
    }
    let invitation = |by, to, world: &mut World| {
        world.say(by, Says::Group(GroupBody::Invitation(InvitationBody { group: GROUP, to })))
    };
    let record = invitation(AU, NZ, &mut world);
    assert!(reached(&world, &record).is_empty());
    let record = invitation(JP, NZ, &mut world);
    assert_eq!(reached(&world, &record), [KR, JP, FJ, NZ]);
    let application = world.apply(NZ);
    let record = world.sponsor(AU, application);
    assert!(reached(&world, &record).is_empty());
    let word = HandoverBody { group: GROUP, epoch: 2, to: FJ };
    let record = world.say(JP, Says::Group(GroupBody::Handover(word)));
    assert!(reached(&world, &record).is_empty());
    let made_up = Roster { predecessor: Digest([9; 32]), ..world.next() };
    let record = world.roster(KR, made_up);
    assert!(reached(&world, &record).is_empty());
    let again = world.next();
    let record = world.roster(AU, again);
    assert!(reached(&world, &record).is_empty());
}

#[test]
fn what_the_secretariat_says_every_day_costs_the_same_in_every_group() {
    use crate::test_util::work;
    let mut world = World::founded();
    for _ in 0..20 {
        world.vote(AU, NZ);
    }
    let mut group = world.group();
    let (head, roster) = (group.head().clone(), world.next());
    let word = RosterHead { group: GROUP, epoch: head.epoch, digest: head.digest };
    work::done();
    for _ in 0..3 {
        let before = group.sight();
        world.say(KR, Says::Roster(RosterBody::Head(word)));
        assert_eq!(group.take(world.said.last().unwrap().clone()), Taken::Confirmed);
        group.confirm();
        assert_eq!(group.confirmed(), world.said.last().unwrap().at);
        assert_eq!(group.sight(), before, "nobody is considered anew");
    }
    assert_eq!(work::done(), 0);
    assert_eq!(group, world.group(), "and it comes to the same as all in one go");
    // An earlier one changes nothing at all.
    let late =
        Statement { at: T0, record: RecordId([8; 32]), ..world.said.last().unwrap().clone() };
    assert_eq!(group.take(late), Taken::Nothing);
    let word = RosterHead { epoch: roster.epoch, digest: roster.digest(), ..word };
    world.say(KR, Says::Roster(RosterBody::Head(word)));
    assert_eq!(group.take(world.said.last().unwrap().clone()), Taken::More, "it rests on nothing");
}
