//! The secretariat's role: handed over to who would keep it, and before whoever has it goes.

use std::collections::BTreeSet;

use super::world::{FJ, GROUP, JP, KR, NZ, World};
use crate::group::*;

#[test]
fn the_role_moves_by_both_signatures() {
    let mut world = World::founded();
    let taken = world.next();
    world.roster(JP, taken);
    assert_eq!(world.refused(), Some(Refusal::NotSecretariat(JP)));
    // Nobody is given it who has not said that it would.
    assert_eq!(world.group().handing_over(JP, KR), Err(Refusal::NotReady(JP)));
    assert_eq!(world.group().handing_over(NZ, KR), Err(Refusal::NotAMember(NZ)));
    let of_another = HandoverBody { group: GROUP, epoch: 2, to: JP };
    let of_another = world.say(FJ, Says::Group(GroupBody::Handover(of_another)));
    let given = Roster { handover: Some(of_another), ..world.next() };
    world.roster(KR, given);
    assert_eq!(world.refused(), Some(Refusal::UnfitHandover(of_another)));
    let ready = world.ready(JP);
    assert_eq!(world.group().ready(), [(JP, ready)].into());
    // Nor does it take the role itself, by its own word.
    let taken = Roster { handover: Some(ready), ..world.next() };
    world.roster(JP, taken);
    assert_eq!(world.refused(), Some(Refusal::NotSecretariat(JP)));
    assert_eq!(world.group().head().secretariat, KR);
    let given = world.group().handing_over(JP, KR).unwrap();
    world.roster(KR, given);
    assert_eq!((world.group().head().by, world.group().head().secretariat), (KR, JP));
    // From then on the old one signs in vain.
    let roster = world.next();
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::NotSecretariat(KR)));
    assert_eq!(world.group().fork(), None);
    assert_eq!(world.group().handing_over(FJ, KR), Err(Refusal::NotSecretariat(KR)));
    let affiliations = BTreeSet::from(["FIRST".to_owned()]);
    assert!(world.group().affiliating(FJ, affiliations, JP).is_ok());
}

#[test]
fn that_a_member_would_keep_the_roster_is_void_with_the_next() {
    let mut world = World::founded();
    let ready = world.ready(JP);
    world.admit_nz();
    assert!(world.group().ready().is_empty());
    let roster = Roster { handover: Some(ready), ..world.next() };
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::UnfitHandover(ready)));
}

#[test]
fn the_secretariat_hands_its_role_over_before_it_goes_or_as_it_goes() {
    let mut world = World::founded();
    let own = world.vote(KR, KR);
    let roster = world.without(KR, &[own]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::WithoutSecretariat));
    let ready = world.ready(JP);
    let mut roster = world.without(KR, &[own]);
    roster.handover = Some(ready);
    world.roster(KR, roster);
    assert_eq!((world.refused(), world.members()), (None, vec![JP, FJ]));
    assert_eq!(world.group().head().secretariat, JP);
}

#[test]
fn a_hand_over_that_is_believed_no_more_gives_back_nobody() {
    let mut world = World::founded();
    let ready = world.ready(JP);
    let votes = [KR, JP].map(|voter| world.vote(voter, FJ));
    let mut removed = world.without(FJ, &votes);
    removed.handover = Some(ready);
    world.roster(KR, removed);
    assert_eq!(world.members(), [KR, JP]);
    for one in &mut world.said {
        one.doubted = one.record == ready;
    }
    let group = world.group();
    assert_eq!((group.head().epoch, group.head().secretariat), (2, KR));
    assert_eq!(world.members(), [KR, JP], "whoever was left out stays out");
    // Where the roster had followed before, it goes on following.
    world.said.iter_mut().for_each(|one| one.doubted = false);
    let mut group = world.group();
    group.doubt(&ready);
    assert_eq!((group.head().epoch, group.head().secretariat), (3, JP));
    assert_eq!(group.certain(), &BTreeSet::from([KR, JP]));
}

#[test]
fn the_last_member_closes_the_group() {
    let mut world = World::new();
    let application = world.apply(JP);
    assert!(!world.group().is_closed());
    let word = world.vote(KR, KR);
    let group = world.group();
    assert!(group.is_closed());
    // Whoever was asked in learns it, and nobody else.
    let says = group.statement(&word).unwrap().says.clone();
    let told = |economy| group.concerns(&word, KR, &says, economy);
    assert_eq!([JP, FJ, NZ].map(told), [true, true, false]);
    assert_eq!(group.admitting(JP, KR), Err(Refusal::Closed));
    let invited = Says::Group(GroupBody::Invitation(InvitationBody { group: GROUP, to: NZ }));
    assert_eq!(group.may_say(KR, &invited), Err(Refusal::Closed));
    // A roster follows all the same, and with it the word is of another time.
    let roster = world.with(JP, &[application]);
    world.roster(KR, roster);
    assert!(!world.group().is_closed());
    let own = world.vote(JP, JP);
    let roster = world.without(JP, &[own]);
    world.roster(KR, roster);
    assert_eq!((world.members(), world.group().is_closed()), (vec![KR], false));
}

#[test]
fn a_word_to_leave_closes_no_group_in_which_others_are() {
    let mut world = World::founded();
    let word = world.vote(KR, KR);
    let group = world.group();
    assert!(!group.is_closed());
    let says = group.statement(&word).unwrap().says.clone();
    assert!(!group.concerns(&word, KR, &says, NZ));
}
