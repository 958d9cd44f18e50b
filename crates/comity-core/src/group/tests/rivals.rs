//! Whoever kept the roster once, or would have, and what that lets it do later; and two rosters of one
//! number.

use std::collections::BTreeSet;

use super::world::{FJ, GROUP, JP, KR, NZ, T0, World};
use crate::digest::Digest;
use crate::group::*;
use crate::identity::{EconomyId, RecordId};

/// JP had the role, gave it back, and was expelled.
fn expelled() -> World {
    let mut world = World::founded();
    for (from, to) in [(KR, JP), (JP, KR)] {
        world.hand_over(from, to);
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
    // Nor with a word that nobody said, or that it says itself.
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
fn that_somebody_would_keep_the_roster_lets_it_do_nothing() {
    for by in [JP, NZ] {
        let mut world = World::founded();
        world.ready(by);
        let members = [(by, BTreeSet::new())].into();
        let roster = Roster { epoch: 9, predecessor: Digest([9; 32]), members, ..world.next() };
        world.roster(by, roster);
        assert_eq!(world.group().certain(), &BTreeSet::from([KR, JP, FJ]));
        let affiliations = BTreeSet::from(["FIRST".to_owned()]);
        assert!(world.group().affiliating(KR, affiliations, KR).is_ok());
    }
}

#[test]
fn whom_a_roster_that_waits_gives_the_role_keeps_from_members_what_it_leaves_out() {
    let mut world = World::founded();
    let ready = world.ready(JP);
    // Roster 4 is not here.
    let given =
        Roster { epoch: 5, predecessor: Digest([9; 32]), handover: Some(ready), ..world.next() };
    let members = [KR, JP].map(|member| (member, BTreeSet::new())).into();
    let later = Roster { epoch: 6, predecessor: given.digest(), members, ..world.next() };
    world.roster(JP, later);
    assert_eq!(world.group().certain(), &BTreeSet::from([KR, JP, FJ]), "by its own word alone");
    world.roster(KR, given);
    assert_eq!(world.group().certain(), &BTreeSet::from([KR, JP]));
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

/// KR gives the role to JP with roster 3; and a second roster 3 of KR.
fn handed_over() -> (World, Roster, Roster) {
    let mut world = World::founded();
    let second = world.next();
    world.hand_over(KR, JP);
    let first = world.said.last().unwrap().roster().unwrap().clone();
    (world, first, second)
}

/// All orders in which the last few things may come to somebody: they come to the same.
fn everybody(world: &World, last: usize) -> Group {
    let (whole, place) = (world.group(), world.said.len() - last);
    for turn in 0..last {
        for backwards in [false, true] {
            let mut said = world.said.clone();
            said[place..].rotate_left(turn);
            if backwards {
                said[place..].reverse();
            }
            let mut group = Group::replay(world.founding.clone(), said);
            // Of several reasons why a roster counts for nothing, it is named the one found first.
            let same: Vec<_> = group.refused.keys().copied().collect();
            assert!(same.iter().eq(whole.refused.keys()));
            group.refused.clone_from(&whole.refused);
            assert_eq!(group, whole);
        }
    }
    whole
}

#[test]
fn whoever_handed_the_role_on_contradicts_nothing_any_more() {
    // However short ago it was, and whether the other has signed a roster or its daily word.
    for signs_a_roster in [false, true] {
        let (mut world, first, second) = handed_over();
        if signs_a_roster {
            let votes = [JP, FJ].map(|voter| world.vote(voter, KR));
            let removed = world.without(KR, &votes);
            world.roster(JP, removed);
        } else {
            world.confirm(JP, &first);
        }
        let late = world.roster(KR, second.clone());
        let group = everybody(&world, 4);
        assert_eq!((group.fork(), group.head().secretariat), (None, JP));
        assert_eq!(
            group.refused().get(&late),
            Some(&Refusal::HandedOn(3)),
            "it is kept, and named"
        );
        assert_eq!(group.yielded().collect::<Vec<_>>(), [late]);
        // Nor does it help that it goes on with it, gives the role to itself, or to a stranger.
        let next = Roster { epoch: 4, predecessor: second.digest(), ..second };
        world.roster(KR, next.clone());
        world.confirm(KR, &next);
        let word = HandoverBody { group: GROUP, epoch: 4, to: NZ };
        let word = world.say(NZ, Says::Group(GroupBody::Handover(word)));
        let given = Roster { epoch: 5, predecessor: next.digest(), handover: Some(word), ..next };
        world.roster(KR, given.clone());
        world.confirm(NZ, &given);
        let group = everybody(&world, 5);
        assert_eq!((group.fork(), group.head().secretariat), (None, JP));
        assert_eq!(group.usable(T0), Ok(()));
    }
}

#[test]
fn an_equivocating_secretariat_freezes_the_group_however_late() {
    let mut world = World::founded();
    let second = world.next();
    for label in ["FIRST", "APCERT"] {
        let next = world.group().affiliating(KR, BTreeSet::from([label.to_owned()]), KR).unwrap();
        world.roster(KR, next);
    }
    world.roster(KR, second);
    let group = everybody(&world, 3);
    assert_eq!(group.fork().map(|fork| (fork.epoch, fork.rosters.len())), Some((3, 2)));
    assert_eq!(group.usable(T0), Err(Exclusion::Frozen));
}

#[test]
fn who_is_given_the_role_by_one_of_two_rosters_ends_it_by_acting_on_it() {
    let (mut world, first, second) = handed_over();
    world.roster(KR, second);
    assert_eq!(world.group().fork().map(|fork| fork.epoch), Some(3), "JP has said nothing yet");
    assert!(!world.group().awaits_keeper(), "nor can it know");
    let word = world.confirm(JP, &first);
    let group = everybody(&world, 3);
    assert_eq!((group.fork(), group.head().secretariat), (None, JP));
    assert!(!group.awaits_keeper());
    // While it was open, everybody had to hear of it.
    let mut open = world.clone();
    open.said.retain(|one| one.record != word);
    let says = &world.said.last().unwrap().says;
    let reached = |to: EconomyId| open.group().concerns(&word, JP, says, to);
    assert!(reached(FJ) && reached(KR) && !reached(NZ));
}

#[test]
fn two_who_agree_to_contradict_each_other_freeze_the_group_for_everybody() {
    let (mut world, first, second) = handed_over();
    world.confirm(JP, &first);
    let word = HandoverBody { group: GROUP, epoch: 2, to: FJ };
    let word = world.say(FJ, Says::Group(GroupBody::Handover(word)));
    let second = Roster { handover: Some(word), ..second };
    world.roster(KR, second.clone());
    assert_eq!(world.group().fork(), None, "FJ has no part in it yet");
    let confirms = world.confirm(FJ, &second);
    let group = everybody(&world, 5);
    assert_eq!(group.fork().map(|fork| fork.epoch), Some(3));
    // What is not here, or believed no more, lets nobody go on.
    let mut less = world.clone();
    less.said.retain(|one| one.record != word);
    assert!(less.group().fork().is_some());
    for doubted in [word, confirms] {
        let mut less = world.clone();
        less.said.iter_mut().for_each(|one| one.doubted |= one.record == doubted);
        assert!(less.group().fork().is_some());
    }
}

#[test]
fn what_a_second_roster_waits_for_further_on_may_come_last() {
    let (mut world, first, second) = handed_over();
    world.confirm(JP, &first);
    let application = world.apply(NZ);
    let sponsors = [JP, FJ].map(|sponsor| {
        let body = SponsorshipBody { group: GROUP, epoch: 2, application };
        world.say(sponsor, Says::Group(GroupBody::Sponsorship(body)))
    });
    // By a second roster 3 KR lets NZ in, and by roster 4 after it gives it the role.
    let mut admits = second;
    admits.members.insert(NZ, BTreeSet::new());
    admits.changes.insert(NZ, [application, sponsors[0], sponsors[1]].into());
    world.roster(KR, admits.clone());
    let record = RecordId([99; 32]);
    let gives = Roster {
        epoch: 4,
        predecessor: admits.digest(),
        changes: [].into(),
        handover: Some(record),
        ..admits
    };
    world.roster(KR, gives.clone());
    world.confirm(NZ, &gives);
    assert_eq!(world.group().fork(), None, "NZ never said that it would");
    let word = HandoverBody { group: GROUP, epoch: 3, to: NZ };
    world.say(NZ, Says::Group(GroupBody::Handover(word)));
    world.said.last_mut().unwrap().record = record;
    let group = everybody(&world, 4);
    assert_eq!(group.fork().map(|fork| fork.epoch), Some(3));
}

/// Of the daily words only the last is kept, so what cites one must not be judged by whether it is here.
#[test]
fn a_roster_that_cites_a_daily_word_waits_for_ever_and_everywhere() {
    let mut world = World::founded();
    let last = world.said.last().unwrap().roster().unwrap().clone();
    let application = world.apply(NZ);
    let sponsor = world.sponsor(JP, application);
    let word = world.confirm(KR, &last);
    let roster = world.with(NZ, &[application, sponsor, word]);
    let waits = world.roster(KR, roster);
    world.confirm(KR, &last);
    let group = everybody(&world, 3);
    assert_eq!(group.waiting().get(&waits), Some(&BTreeSet::from([word])));
    assert_eq!(group.refused().get(&waits), None);
}

#[test]
fn the_keeper_says_soon_that_it_has_the_role() {
    let (mut world, first, _) = handed_over();
    assert!(world.group().awaits_keeper());
    let says = Says::Roster(RosterBody::Head(RosterHead {
        group: GROUP,
        epoch: first.epoch,
        digest: first.digest(),
    }));
    assert_eq!(world.group().may_say(KR, &says), Err(Refusal::NotSecretariat(KR)));
    assert_eq!(world.group().may_say(JP, &says), Ok(()));
    world.confirm(JP, &first);
    assert!(!world.group().awaits_keeper());
}
