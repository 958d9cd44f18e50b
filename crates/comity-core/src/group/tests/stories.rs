//! Founding, joining, leaving, handing over; and each way in which a roster counts for nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use super::world::{AU, CHARTER, FJ, GROUP, JP, KR, NZ, T0, World};
use crate::digest::Digest;
use crate::group::*;
use crate::identity::{GroupId, RecordId};
use crate::limits;

#[test]
fn a_charter_alone_has_one_member_and_its_author_the_role() {
    let group = World::new().group();
    assert_eq!(group.head().epoch, 0);
    assert_eq!(group.head().secretariat, KR);
    assert_eq!(group.certain(), &BTreeSet::from([KR]));
}

#[test]
fn founders_join_by_their_own_word_and_others_with_sponsors() {
    let mut world = World::founded();
    assert_eq!(world.members(), [KR, JP, FJ]);
    let roster = world.admit_nz();
    assert_eq!(world.members(), [KR, JP, FJ, NZ]);
    let group = world.group();
    assert_eq!((group.head().epoch, group.head().record), (3, roster));
    assert_eq!(group.epochs().map(|epoch| epoch.members.len()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(group.refused().is_empty() && group.waiting().is_empty());
    assert_eq!(group.head().members[&NZ].since, 3);
}

#[test]
fn what_the_secretariat_needs_is_put_together_for_it() {
    let mut world = World::founded();
    let application = world.apply(NZ);
    world.sponsor(JP, application);
    let missing = Refusal::MissingSponsor { economy: NZ, has: 1, needed: 2 };
    assert_eq!(world.group().admitting(NZ, KR), Err(missing));
    world.sponsor(FJ, application);
    let open: Vec<_> = world.group().applications().map(|one| one.sponsors.len()).collect();
    assert_eq!(open, [2]);
    assert_eq!(world.group().admitting(NZ, JP), Err(Refusal::NotSecretariat(JP)));
    let roster = world.group().admitting(NZ, KR).unwrap();
    assert_eq!(roster.members[&NZ], BTreeSet::from(["FIRST".to_owned()]));
    world.roster(KR, roster);
    assert_eq!(world.members(), [KR, JP, FJ, NZ]);
    assert_eq!(world.group().applications().count(), 0);
    assert_eq!(world.group().admitting(NZ, KR), Err(Refusal::AlreadyMember(NZ)));
    world.vote(KR, NZ);
    let few = Refusal::TooFewVotes { economy: NZ, has: 1, needed: 2 };
    assert_eq!(world.group().removing(NZ, KR), Err(few));
    world.vote(FJ, NZ);
    let roster = world.group().removing(NZ, KR).unwrap();
    world.roster(KR, roster);
    assert_eq!(world.members(), [KR, JP, FJ]);
    assert_eq!(world.group().removing(NZ, KR), Err(Refusal::NotAMember(NZ)));
}

#[test]
fn a_stale_epoch_is_refused() {
    let mut world = World::founded();
    let head = world.group().head().epoch;
    let late = Roster { epoch: 1, ..world.next() };
    world.roster(KR, late.clone());
    assert_eq!(world.refused(), Some(Refusal::StaleEpoch { epoch: 1, head }));
    assert_eq!(world.group().check(KR, &late), Err(Refusal::StaleEpoch { epoch: 1, head }));
    assert_eq!(world.group().fork(), None);
}

#[test]
fn a_wrong_predecessor_is_refused() {
    let mut world = World::founded();
    let roster = Roster { predecessor: Digest([9; 32]), ..world.next() };
    world.roster(KR, roster.clone());
    assert_eq!(world.refused(), Some(Refusal::WrongPredecessor));
    assert_eq!(world.group().check(KR, &roster), Err(Refusal::WrongPredecessor));
}

#[test]
fn nobody_admits_itself() {
    let mut world = World::founded();
    let application = world.apply(NZ);
    // By signing the roster.
    let roster = world.with(NZ, &[application]);
    world.roster(NZ, roster);
    assert_eq!(world.refused(), Some(Refusal::SelfAdmission(NZ)));
    // By speaking for itself.
    let sponsors = [world.sponsor(NZ, application), world.sponsor(JP, application)];
    let roster = world.with(NZ, &[application, sponsors[0], sponsors[1]]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::SelfAdmission(NZ)));
    assert_eq!(world.members(), [KR, JP, FJ]);
}

#[test]
fn a_missing_sponsor_is_refused() {
    let mut world = World::founded();
    let application = world.apply(NZ);
    let sponsor = world.sponsor(JP, application);
    let roster = world.with(NZ, &[application, sponsor]);
    world.roster(KR, roster);
    let missing = Refusal::MissingSponsor { economy: NZ, has: 1, needed: 2 };
    assert_eq!(world.refused(), Some(missing));
    // On its face, whatever the other records say.
    let roster = world.with(NZ, &[RecordId([99; 32]), sponsor]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(missing));
}

#[test]
fn one_economy_counts_once() {
    let mut world = World::founded();
    let application = world.apply(NZ);
    let twice = [world.sponsor(JP, application), world.sponsor(JP, application)];
    let roster = world.with(NZ, &[application, twice[0], twice[1]]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::Doubled(JP)));
    let votes = [world.vote(KR, FJ), world.vote(KR, FJ)];
    let roster = world.without(FJ, &votes);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::Doubled(KR)));
    assert_eq!(world.members(), [KR, JP, FJ]);
}

#[test]
fn only_members_whom_the_charter_names_sponsor() {
    let mut world = World::founded();
    // No member.
    let application = world.apply(NZ);
    let stranger = [world.sponsor(JP, application), world.sponsor(AU, application)];
    let roster = world.with(NZ, &[application, stranger[0], stranger[1]]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::NotASponsor(AU)));
    // A member that the charter does not name.
    world.admit_nz();
    let application = world.apply(AU);
    let unnamed = [world.sponsor(JP, application), world.sponsor(NZ, application)];
    let roster = world.with(AU, &[application, unnamed[0], unnamed[1]]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::NotASponsor(NZ)));
}

#[test]
fn a_sponsor_speaks_for_one_application() {
    let mut world = World::founded();
    let (of_nz, of_au) = (world.apply(NZ), world.apply(AU));
    let sponsors = [world.sponsor(JP, of_nz), world.sponsor(FJ, of_au)];
    let roster = world.with(NZ, &[of_nz, sponsors[0], sponsors[1]]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::BesideThePoint(sponsors[1])));
    let roster = world.with(NZ, &[of_au, sponsors[0], sponsors[1]]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::NoApplication(NZ)));
}

#[test]
fn an_application_answers_to_each_criterion() {
    let mut world = World::founded();
    let body = ApplicationBody { group: GROUP, affiliations: BTreeSet::new(), answers: vec![] };
    let says = Says::Group(GroupBody::Application(body));
    let unanswered = Refusal::Unanswered { economy: NZ, has: 0, criteria: 2 };
    assert_eq!(world.group().may_say(NZ, &says), Err(unanswered));
    let application = world.say(NZ, says);
    let sponsors = [JP, FJ].map(|sponsor| world.sponsor(sponsor, application));
    let roster = world.with(NZ, &[application, sponsors[0], sponsors[1]]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(unanswered));
}

#[test]
fn every_change_is_justified_and_nothing_else_is() {
    let mut world = World::founded();
    let mut roster = world.next();
    roster.members.insert(NZ, BTreeSet::new());
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::Unjustified(NZ)));
    let mut roster = world.next();
    roster.members.remove(&FJ);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::Unjustified(FJ)));
    let vote = world.vote(JP, FJ);
    let mut roster = world.next();
    roster.changes.insert(FJ, BTreeSet::from([vote]));
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::NoChange(FJ)));
    assert_eq!(world.members(), [KR, JP, FJ]);
}

#[test]
fn only_those_whom_the_charter_names_remove() {
    let mut world = World::founded();
    world.admit_nz();
    let votes = [world.vote(JP, FJ), world.vote(NZ, FJ)];
    let roster = world.without(FJ, &votes);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::MayNotRemove(NZ)));
    let roster = world.without(FJ, &votes[..1]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::TooFewVotes { economy: FJ, has: 1, needed: 2 }));
    // A member leaves by its own word alone.
    let own = world.vote(FJ, FJ);
    let roster = world.without(FJ, &[own]);
    world.roster(KR, roster);
    assert_eq!((world.refused(), world.members()), (None, vec![KR, JP, NZ]));
}

#[test]
fn the_charter_says_who_removes() {
    let secretariat = CHARTER.replace("by = \"sponsors\"\nneeded = 2", "by = \"secretariat\"");
    let mut world = World::founded_under(&secretariat);
    let vote = world.vote(JP, FJ);
    let roster = world.without(FJ, &[vote]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::MayNotRemove(JP)));
    let vote = world.vote(KR, FJ);
    let roster = world.without(FJ, &[vote]);
    world.roster(KR, roster);
    assert_eq!(world.members(), [KR, JP]);

    let members = CHARTER.replace("by = \"sponsors\"\nneeded = 2", "by = \"members\"\nneeded = 3");
    let mut world = World::founded_under(&members);
    world.admit_nz();
    let votes = [world.vote(KR, FJ), world.vote(JP, FJ), world.vote(NZ, FJ)];
    let roster = world.without(FJ, &votes[..2]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::TooFewVotes { economy: FJ, has: 2, needed: 3 }));
    let roster = world.without(FJ, &votes);
    world.roster(KR, roster);
    assert_eq!(world.members(), [KR, JP, NZ]);
}

#[test]
fn what_justified_a_change_once_does_so_no_more() {
    let mut world = World::founded();
    world.admit_nz();
    let (application, sponsors) = (world.said[4].record, [5, 6].map(|at| world.said[at].record));
    let votes = [world.vote(KR, NZ), world.vote(JP, NZ)];
    let roster = world.without(NZ, &votes);
    world.roster(KR, roster);
    assert_eq!(world.members(), [KR, JP, FJ]);
    let again = world.with(NZ, &[application, sponsors[0], sponsors[1]]);
    world.roster(KR, again);
    assert_eq!(world.refused(), Some(Refusal::Spent(application)));
    // New words bring it back, and the old votes do not remove it again.
    world.admit_nz();
    assert_eq!(world.members(), [KR, JP, FJ, NZ]);
    let roster = world.without(NZ, &votes);
    world.roster(KR, roster);
    assert!(matches!(world.refused(), Some(Refusal::Spent(_))));
}

#[test]
fn words_of_another_time_justify_nothing() {
    let mut world = World::founded();
    world.admit_nz();
    let unused = world.vote(FJ, NZ);
    let votes = [world.vote(KR, NZ), world.vote(JP, NZ)];
    let roster = world.without(NZ, &votes);
    world.roster(KR, roster);
    world.admit_nz();
    // A vote from before it came back.
    let fresh = world.vote(JP, NZ);
    let roster = world.without(NZ, &[unused, fresh]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::AnotherTime(unused)));
    // A founder that comes back needs sponsors, and theirs must be later than its leaving.
    let own = world.vote(FJ, FJ);
    let early = world.apply(FJ);
    let said = world.sponsor(JP, early);
    let roster = world.without(FJ, &[own]);
    world.roster(KR, roster);
    let alone = world.with(FJ, &[early]);
    world.roster(KR, alone);
    assert_eq!(world.refused(), Some(Refusal::MissingSponsor { economy: FJ, has: 0, needed: 2 }));
    let fresh = world.sponsor(KR, early);
    let roster = world.with(FJ, &[early, said, fresh]);
    world.roster(KR, roster);
    assert_eq!(world.refused(), Some(Refusal::AnotherTime(said)));
}

#[test]
fn two_rosters_of_one_epoch_freeze_the_group_and_both_are_kept() {
    let mut world = World::founded();
    let application = world.apply(NZ);
    let sponsors = [JP, FJ].map(|sponsor| world.sponsor(sponsor, application));
    let votes = [KR, JP].map(|voter| world.vote(voter, FJ));
    let (one, other) =
        (world.with(NZ, &[application, sponsors[0], sponsors[1]]), world.without(FJ, &votes));
    let first = world.roster(KR, one.clone());
    assert_eq!(world.group().check(KR, &other), Err(Refusal::StaleEpoch { epoch: 3, head: 3 }));
    let second = world.roster(KR, other.clone());
    let group = world.group();
    let fork = group.fork().unwrap();
    assert_eq!(fork.epoch, 3);
    let kept: BTreeSet<_> = fork.rosters.values().copied().collect();
    assert_eq!(kept, BTreeSet::from([first, second]));
    for economy in [KR, JP, FJ, NZ] {
        assert_eq!(group.admits(economy, 2, T0), Err(Exclusion::Frozen));
    }
    assert_eq!(group.check(KR, &world.next()), Err(Refusal::Frozen(3)));
    // Nor does what comes after one of them count.
    world.roster(KR, Roster { epoch: 4, predecessor: one.digest(), ..one });
    assert_eq!(world.group().head().epoch, 2);
}

#[test]
fn the_same_roster_signed_again_is_no_second_one() {
    let mut world = World::founded();
    let roster = world.next();
    world.roster(KR, roster.clone());
    world.roster(KR, roster);
    assert_eq!((world.group().fork(), world.group().head().epoch), (None, 3));
    assert_eq!(world.group().confirmed(), world.said.last().unwrap().at);
}

#[test]
fn a_roster_waits_for_what_it_cites_and_only_narrows_meanwhile() {
    let mut world = World::founded();
    world.admit_nz();
    let votes = [KR, JP].map(|voter| world.vote(voter, FJ));
    let roster = world.without(FJ, &votes);
    let roster = world.roster(KR, roster);
    assert_eq!(world.members(), [KR, JP, NZ]);
    let mut less = world.clone();
    less.said.retain(|one| one.record != votes[1]);
    let group = less.group();
    assert_eq!(group.waiting()[&roster], BTreeSet::from([votes[1]]));
    assert_eq!((group.head().epoch, group.fork()), (3, None));
    assert_eq!(less.members(), [KR, JP, NZ], "who may be gone gets nothing");
    // Without an admission's papers the later removal still counts.
    let sponsor = world.said[5].record;
    world.said.retain(|one| one.record != sponsor);
    assert_eq!(world.group().head().epoch, 2);
    assert_eq!(world.members(), [KR, JP]);
}

#[test]
fn who_has_no_role_narrows_nothing() {
    let mut world = World::founded();
    let mut roster = world.next();
    roster.members.retain(|member, _| *member == JP);
    roster.changes = [KR, FJ].map(|gone| (gone, BTreeSet::from([RecordId([98; 32])]))).into();
    roster.handover = Some(RecordId([99; 32]));
    world.roster(JP, roster.clone());
    assert_eq!(world.members(), [KR, JP, FJ]);
    world.roster(JP, Roster { epoch: 40, ..roster });
    assert_eq!(world.members(), [KR, JP, FJ]);
    assert_eq!(world.group().fork(), None);
    // And the group goes on.
    world.admit_nz();
    assert_eq!(world.members(), [KR, JP, FJ, NZ]);
}

#[test]
fn members_then_and_now_may_have_it() {
    let mut world = World::founded();
    world.admit_nz();
    let now = world.said.last().unwrap().at;
    let group = world.group();
    assert_eq!(group.admits(JP, 2, now), Ok(()));
    assert_eq!(group.admits(NZ, 3, now), Ok(()));
    assert_eq!(group.admits(NZ, 2, now), Err(Exclusion::NotThen));
    assert_eq!(group.admits(AU, 2, now), Err(Exclusion::NotNow));
    assert_eq!(group.admits(JP, 4, now), Err(Exclusion::NoSuchEpoch(4)));
    let open = CHARTER.replace("earlier-records = false", "earlier-records = true");
    let mut world = World::founded_under(&open);
    world.admit_nz();
    assert_eq!(world.group().admits(NZ, 1, now), Ok(()));
    let own = world.vote(NZ, NZ);
    let roster = world.without(NZ, &[own]);
    world.roster(KR, roster);
    assert_eq!(world.group().admits(NZ, 3, now), Err(Exclusion::NotNow));
}

#[test]
fn a_roster_that_nobody_confirms_grows_stale() {
    let mut world = World::founded();
    let last = world.said.last().unwrap().at;
    let stale = last.saturating_add(limits::ROSTER_MAX_AGE);
    let before = stale.saturating_sub(Duration::from_millis(1));
    assert_eq!(world.group().stale_from(), stale);
    assert_eq!(world.group().admits(JP, 2, before), Ok(()));
    assert_eq!(world.group().admits(JP, 2, stale), Err(Exclusion::Stale(last)));
    let head = world.group().head().clone();
    let word = RosterHead { group: GROUP, epoch: head.epoch, digest: head.digest };
    let says = Says::Roster(RosterBody::Head(word));
    assert_eq!(world.group().may_say(JP, &says), Err(Refusal::NotSecretariat(JP)));
    // Only the secretariat confirms, and only the roster that is the last.
    world.say(JP, says.clone());
    let other = RosterHead { digest: Digest([1; 32]), ..word };
    world.say(KR, Says::Roster(RosterBody::Head(other)));
    assert_eq!(world.group().confirmed(), last);
    assert_eq!(world.group().may_say(KR, &says), Ok(()));
    world.say(KR, says);
    assert_eq!(world.group().admits(JP, 2, stale), Ok(()));
}

#[test]
fn affiliations_are_said_anew_by_the_secretariat() {
    let mut world = World::founded();
    let wanted = BTreeSet::from(["APCERT".to_owned(), "FIRST".to_owned()]);
    let group = world.group();
    assert_eq!(
        group.affiliating(JP, wanted.clone(), JP),
        Err(Refusal::NotSecretariat(JP)),
        "not even its own"
    );
    assert_eq!(group.affiliating(AU, wanted.clone(), KR), Err(Refusal::NotAMember(AU)));
    let roster = group.affiliating(JP, wanted.clone(), KR).unwrap();
    world.roster(KR, roster);
    let group = world.group();
    assert_eq!(group.head().epoch, 3);
    assert_eq!(group.head().members[&JP].affiliations, wanted);
    assert_eq!(group.head().members[&JP].since, 1, "no new membership");
}

#[test]
fn only_what_counts_may_be_said() {
    let mut world = World::founded();
    let application = world.apply(NZ);
    let sponsors = |epoch| {
        Says::Group(GroupBody::Sponsorship(SponsorshipBody { group: GROUP, epoch, application }))
    };
    let group = world.group();
    assert_eq!(group.may_say(JP, &sponsors(2)), Ok(()));
    assert_eq!(group.may_say(NZ, &sponsors(2)), Err(Refusal::SelfAdmission(NZ)));
    assert_eq!(group.may_say(AU, &sponsors(2)), Err(Refusal::NotASponsor(AU)));
    world.say(JP, sponsors(2));
    assert_eq!(world.group().may_say(JP, &sponsors(2)), Err(Refusal::Doubled(JP)));
    let removal = |member| {
        let body = RemovalBody { group: GROUP, epoch: 2, member, reason: None };
        Says::Group(GroupBody::Removal(body))
    };
    assert_eq!(group.may_say(JP, &removal(FJ)), Ok(()));
    assert_eq!(group.may_say(JP, &removal(NZ)), Err(Refusal::NotAMember(NZ)));
    assert_eq!(group.may_say(NZ, &removal(FJ)), Err(Refusal::MayNotRemove(NZ)));
    let invitation = |to| Says::Group(GroupBody::Invitation(InvitationBody { group: GROUP, to }));
    assert_eq!(group.may_say(FJ, &invitation(AU)), Ok(()));
    assert_eq!(group.may_say(FJ, &invitation(JP)), Err(Refusal::AlreadyMember(JP)));
    assert_eq!(group.may_say(AU, &invitation(NZ)), Err(Refusal::NotAMember(AU)));
    let ready =
        |to, epoch| Says::Group(GroupBody::Handover(HandoverBody { group: GROUP, epoch, to }));
    assert_eq!(group.may_say(JP, &ready(JP, 2)), Ok(()));
    assert_eq!(group.may_say(JP, &ready(JP, 1)), Err(Refusal::StaleEpoch { epoch: 1, head: 2 }));
    assert_eq!(group.may_say(NZ, &ready(NZ, 2)), Err(Refusal::NotAMember(NZ)));
    assert_eq!(group.may_say(KR, &ready(JP, 2)), Err(Refusal::NotReady(JP)));
    let elsewhere = InvitationBody { group: GroupId([1; 32]), to: AU };
    let elsewhere = Says::Group(GroupBody::Invitation(elsewhere));
    assert_eq!(group.may_say(FJ, &elsewhere), Err(Refusal::OtherGroup));
    world.say(FJ, elsewhere);
    assert_eq!(world.refused(), Some(Refusal::OtherGroup));
}

#[test]
fn members_whom_nobody_knows_stay_members() {
    let group = World::founded().group();
    assert_eq!(group.strangers(|one| one != FJ), BTreeSet::from([FJ]));
    assert!(group.certain().contains(&FJ));
}
