//! Whoever was offered the secretariat once, and what that lets it do later.

use std::collections::BTreeSet;

use super::world::{FJ, GROUP, JP, KR, NZ, T0, World};
use crate::digest::Digest;
use crate::group::*;
use crate::identity::RecordId;

/// JP had the role, gave it back, and was expelled.
fn expelled() -> World {
    let mut world = World::founded();
    for (from, to) in [(KR, JP), (JP, KR)] {
        world.offer(from, to);
        let taken = world.group().accepting(to).unwrap();
        world.roster(to, taken);
    }
    let votes = [KR, FJ].map(|voter| world.vote(voter, JP));
    let removed = world.without(JP, &votes);
    world.roster(KR, removed);
    assert_eq!((world.members(), world.group().head().epoch), (vec![KR, FJ], 5));
    world
}

/// A roster of JP alone, far ahead.
fn alone(world: &World, epoch: u64, label: &str) -> Roster {
    let members = [(JP, BTreeSet::from([label.to_owned()]))].into();
    Roster { epoch, predecessor: Digest([9; 32]), members, ..world.next() }
}

#[test]
fn a_former_secretariat_that_was_expelled_can_neither_freeze_the_group_nor_thin_it_out() {
    let mut world = expelled();
    for (epoch, label) in [(u64::MAX, "FIRST"), (u64::MAX, "APCERT"), (7, "FIRST")] {
        let roster = alone(&world, epoch, label);
        world.roster(JP, roster);
    }
    // Nor with an offer that nobody made, or that it makes itself.
    let invented = Roster { handover: Some(RecordId([99; 32])), ..world.without(FJ, &[]) };
    world.roster(JP, invented);
    let offer = HandoverBody { group: GROUP, epoch: 5, to: JP };
    world.say(JP, Says::Group(GroupBody::Handover(offer)));
    let group = world.group();
    assert_eq!(group.fork(), None);
    assert_eq!(group.certain(), &BTreeSet::from([KR, FJ]));
    // And the secretariat goes on.
    // A member that never had the role cannot stop the secretariat either.
    let invented = Roster { handover: Some(RecordId([99; 32])), ..world.next() };
    world.roster(FJ, invented);
    let affiliations = BTreeSet::from(["FIRST".to_owned()]);
    let next = world.group().affiliating(KR, affiliations, KR).unwrap();
    world.roster(KR, next);
    assert_eq!((world.group().head().epoch, world.group().fork()), (6, None));
}

#[test]
fn an_offer_to_somebody_who_is_no_member_lets_it_do_nothing() {
    let mut world = World::founded();
    world.offer(KR, NZ);
    let members = [(NZ, BTreeSet::new())].into();
    let roster = Roster { epoch: 9, members, ..world.next() };
    world.roster(NZ, roster);
    assert_eq!(world.group().certain(), &BTreeSet::from([KR, JP, FJ]));
}

#[test]
fn who_may_have_taken_an_open_offer_keeps_from_members_what_it_leaves_out() {
    let mut world = World::founded();
    world.offer(KR, JP);
    // The roster by which it took the role is not here, nor the one after it.
    let members = [KR, JP].map(|member| (member, BTreeSet::new())).into();
    let predecessor = Digest([9; 32]);
    let later = Roster { epoch: 5, predecessor, members, ..world.next() };
    world.roster(JP, later);
    assert_eq!(world.group().certain(), &BTreeSet::from([KR, JP]));
    // Once the secretariat has signed the next one, that offer is void.
    world.admit_nz();
    assert_eq!(world.group().certain(), &BTreeSet::from([KR, JP, FJ, NZ]));
}

#[test]
fn what_rosters_rest_on_is_not_idle_and_everything_else_is() {
    let mut world = World::founded();
    world.admit_nz();
    let idle = |world: &World, by| world.group().idle().get(&by).copied().unwrap_or(0);
    assert_eq!([KR, JP, FJ, NZ].map(|by| idle(&world, by)), [0; 4]);
    let head = world.group().head().clone();
    let word = |digest| {
        Says::Roster(RosterBody::Head(RosterHead { group: GROUP, epoch: head.epoch, digest }))
    };
    world.say(KR, word(head.digest));
    assert_eq!(idle(&world, KR), 0, "the word for its own roster");
    world.say(KR, word(Digest([9; 32])));
    world.say(JP, word(head.digest));
    world.apply(FJ);
    let later = alone(&world, 99, "FIRST");
    world.roster(NZ, later);
    assert_eq!([KR, JP, FJ, NZ].map(|by| idle(&world, by)), [1; 4]);
}

/// The role went from KR to JP with roster 3, and KR was expelled with roster 4.
fn handed_over() -> (World, Roster) {
    let mut world = World::founded();
    let second = Roster { members: world.next().members, ..world.next() };
    world.offer(KR, JP);
    let taken = world.group().accepting(JP).unwrap();
    world.roster(JP, taken);
    let votes = [JP, FJ].map(|voter| world.vote(voter, KR));
    let removed = world.without(KR, &votes);
    world.roster(JP, removed);
    assert_eq!((world.group().head().epoch, world.members()), (4, vec![JP, FJ]));
    (world, second)
}

#[test]
fn what_was_followed_long_ago_nobody_contradicts_any_more() {
    let (world, second) = handed_over();
    let words = |world: &World| world.said.clone();
    for (days, settled) in [(13, false), (14, true)] {
        let mut group = Group::begin(world.founding.clone());
        for one in words(&world) {
            group.take(one, T0);
        }
        group.settle();
        let mut late = world.clone();
        let record = late.roster(KR, second.clone());
        let now = T0.saturating_add(std::time::Duration::from_secs(days * 24 * 3600));
        group.take(late.said.last().unwrap().clone(), now);
        group.settle();
        assert_eq!(group.fork().is_none(), settled, "after {days} days");
        assert_eq!(group.head().epoch, if settled { 4 } else { 2 });
        let refused = group.refused().get(&record).copied();
        assert_eq!(refused, settled.then_some(Refusal::Settled(3)), "it is kept, and named");
    }
}

#[test]
fn while_the_role_is_offered_the_secretariat_signs_no_other_roster() {
    let mut world = World::founded();
    world.offer(KR, JP);
    let affiliations = BTreeSet::from(["FIRST".to_owned()]);
    let next = |world: &World| world.group().affiliating(KR, affiliations.clone(), KR);
    assert_eq!(next(&world), Err(Refusal::Offered(JP)));
    assert!(world.group().accepting(JP).is_ok());
    // It takes the offer back by keeping the role.
    world.offer(KR, KR);
    assert_eq!(world.group().offer(), None);
    assert_eq!(world.group().accepting(JP), Err(Refusal::NotSecretariat(JP)));
    assert!(next(&world).is_ok());
}
