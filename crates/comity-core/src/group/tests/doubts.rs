//! What becomes of a group when the author of a word is believed no more.

use std::collections::BTreeSet;

use super::world::{FJ, JP, KR, NZ, World};
use crate::identity::RecordId;

#[test]
fn who_came_in_by_a_word_that_is_believed_no_more_gets_nothing_and_the_group_goes_on() {
    let mut world = World::founded();
    world.admit_nz();
    let (application, sponsor) = (world.said[4].record, world.said[5].record);
    let whole = world.group();
    for word in [application, sponsor, world.said[7].record] {
        let mut group = whole.clone();
        group.doubt(&word);
        assert_eq!(group.head().epoch, 3, "what followed goes on");
        assert_eq!(group.certain(), &BTreeSet::from([KR, JP, FJ]));
        assert!(!group.was_member(NZ, 3) && group.is_listed(NZ, 3) && group.was_member(JP, 3));
        let affiliations = BTreeSet::from(["FIRST".to_owned()]);
        assert!(group.affiliating(JP, affiliations, KR).is_ok(), "rosters can be made");
    }
    // Long gone: its word is of no matter to those who are there.
    let first = world.said[0].record;
    let mut group = whole.clone();
    group.doubt(&first);
    assert_eq!(group.certain(), &BTreeSet::from([KR, FJ]), "and whom it spoke for is not sure");
    assert_eq!(group.head().epoch, 3);
}

#[test]
fn a_former_member_takes_nobody_with_it() {
    let mut world = World::founded();
    let votes = [KR, FJ].map(|voter| world.vote(voter, JP));
    let removed = world.without(JP, &votes);
    world.roster(KR, removed);
    let application = world.apply(NZ);
    let sponsors = [KR, FJ].map(|sponsor| world.sponsor(sponsor, application));
    let roster = world.with(NZ, &[application, sponsors[0], sponsors[1]]);
    world.roster(KR, roster);
    let mut group = world.group();
    let of_jp: Vec<_> =
        group.statements().filter(|one| one.by == JP).map(|one| one.record).collect();
    of_jp.iter().for_each(|record| group.doubt(record));
    assert_eq!((group.head().epoch, group.fork()), (4, None));
    assert_eq!(group.certain(), &BTreeSet::from([KR, FJ, NZ]));
    // A newcomer that hears of it later comes to the same.
    let mut later = world.clone();
    later.said.iter_mut().for_each(|one| one.doubted = of_jp.contains(&one.record));
    assert_eq!(later.group(), group);
}

#[test]
fn whom_somebody_admits_who_took_the_role_by_a_word_in_doubt_is_not_sure() {
    let mut world = World::founded();
    let ready = world.ready(JP);
    let given = world.group().handing_over(JP, KR).unwrap();
    world.roster(KR, given);
    let application = world.apply(NZ);
    let sponsors = [KR, FJ].map(|sponsor| world.sponsor(sponsor, application));
    let roster = world.with(NZ, &[application, sponsors[0], sponsors[1]]);
    world.roster(JP, roster);
    let mut group = world.group();
    group.doubt(&ready);
    assert_eq!((group.head().epoch, group.head().secretariat), (4, JP));
    assert_eq!(group.certain(), &BTreeSet::from([KR, JP, FJ]));
    // Whom it admits to whom the rightful one has given the role since is sure.
    world.hand_over(JP, KR);
    world.hand_over(KR, FJ);
    let votes = [KR, FJ].map(|voter| world.vote(voter, NZ));
    let roster = world.without(NZ, &votes);
    world.roster(FJ, roster);
    let application = world.apply(NZ);
    let sponsors = [KR, FJ].map(|sponsor| world.sponsor(sponsor, application));
    let roster = world.with(NZ, &[application, sponsors[0], sponsors[1]]);
    world.roster(FJ, roster);
    let mut group = world.group();
    group.doubt(&ready);
    assert_eq!(group.certain(), &BTreeSet::from([KR, JP, FJ, NZ]));
}

/// Whoever gets a roster gets the words by which others went: or it could neither follow, nor leave and come back.
#[test]
fn whoever_is_in_doubt_hears_who_went() {
    let mut world = World::founded();
    let application = world.apply(NZ);
    let sponsors = [JP, FJ].map(|sponsor| world.sponsor(sponsor, application));
    let admits = world.with(NZ, &[application, sponsors[0], sponsors[1]]);
    world.roster(KR, admits);
    let votes = [KR, FJ].map(|voter| world.vote(voter, JP));
    let removed = world.without(JP, &votes);
    world.roster(KR, removed);
    let later = world.vote(KR, FJ);
    let mut group = world.group();
    group.doubt(&sponsors[0]);
    assert!(!group.certain().contains(&NZ));
    let hears = |record: &RecordId| {
        let says = &group.statement(record).unwrap().says;
        group.concerns(record, KR, says, NZ)
    };
    assert!(votes.iter().all(hears), "by these words JP went");
    assert!(!hears(&later), "what no roster cites it is not told");
}
