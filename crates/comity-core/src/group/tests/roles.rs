//! The secretariat's role: offered, taken, void, and handed over before whoever has it goes.

use std::collections::BTreeSet;

use super::world::{FJ, JP, KR, World};
use crate::group::*;

#[test]
fn the_role_moves_by_both_signatures() {
    let mut world = World::founded();
    let taken = world.next();
    world.roster(JP, taken);
    assert_eq!(world.refused(), Some(Refusal::NotSecretariat(JP)));
    // Offered by who does not have it, or to another one.
    let by_fj = world.offer(FJ, JP);
    let taken = Roster { handover: Some(by_fj), ..world.next() };
    world.roster(JP, taken);
    assert_eq!(world.refused(), Some(Refusal::UnfitHandover(by_fj)));
    let offer = world.offer(KR, JP);
    let taken = Roster { handover: Some(offer), ..world.next() };
    world.roster(FJ, taken);
    assert_eq!(world.refused(), Some(Refusal::UnfitHandover(offer)));
    assert_eq!(world.group().head().secretariat, KR);
    let roster = world.group().accepting(JP).unwrap();
    world.roster(JP, roster);
    assert_eq!(world.group().head().secretariat, JP);
    // From then on the old one signs in vain.
    let roster = world.next();
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::NotSecretariat(KR)));
    assert_eq!(world.group().fork(), None);
    assert_eq!(world.group().accepting(JP), Err(Refusal::NotSecretariat(JP)));
}

#[test]
fn an_offer_is_void_with_the_next_roster() {
    let mut world = World::founded();
    let offer = world.offer(KR, JP);
    world.admit_nz();
    let roster = Roster { handover: Some(offer), ..world.next() };
    world.roster(JP, roster);
    assert_eq!(world.refused(), Some(Refusal::UnfitHandover(offer)));
}

#[test]
fn the_secretariat_hands_its_role_over_before_it_goes() {
    let mut world = World::founded();
    let own = world.vote(KR, KR);
    let roster = world.without(KR, &[own]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::WithoutSecretariat));
    let offer = world.offer(KR, JP);
    let mut roster = world.without(KR, &[own]);
    roster.handover = Some(offer);
    world.roster(JP, roster);
    assert_eq!((world.refused(), world.members()), (None, vec![JP, FJ]));
}

#[test]
fn an_offer_that_is_believed_no_more_gives_back_nobody() {
    let mut world = World::founded();
    let offer = world.offer(KR, JP);
    let votes = [KR, JP].map(|voter| world.vote(voter, FJ));
    let mut removed = world.without(FJ, &votes);
    removed.handover = Some(offer);
    world.roster(JP, removed);
    assert_eq!(world.members(), [KR, JP]);
    for one in &mut world.said {
        one.doubted = one.record == offer;
    }
    let group = world.group();
    assert_eq!((group.head().epoch, group.head().secretariat), (2, KR));
    assert_eq!(world.members(), [KR, JP], "whoever was left out stays out");
    // Where the roster had followed before, it goes on following.
    world.said.iter_mut().for_each(|one| one.doubted = false);
    let mut group = world.group();
    group.doubt(&offer);
    assert_eq!((group.head().epoch, group.head().secretariat), (3, JP));
    assert_eq!(group.certain(), &BTreeSet::from([KR, JP]));
}
