//! Who learns what is said about a group.

use std::collections::BTreeSet;

use super::world::{AU, CHARTER, FJ, GROUP, JP, KR, NZ, World};
use crate::group::*;
use crate::identity::RecordId;

#[test]
fn words_go_to_members_to_applicants_whom_a_member_wants_and_to_those_concerned() {
    let mut world = World::founded();
    let charter = world.founding.record();
    let application = world.apply(NZ);
    let body = CharterBody {
        text: CHARTER.to_owned(),
        founders: world.founding.founders().clone(),
        sponsors: BTreeSet::new(),
    };
    let founds = Says::Group(GroupBody::Charter(body));
    let reached = |group: &Group, record: &RecordId| -> Vec<_> {
        let one = group.statement(record);
        let (by, says) = one.map_or((KR, &founds), |one| (one.by, &one.says));
        [KR, JP, FJ, NZ, AU]
            .into_iter()
            .filter(|to| group.concerns(record, by, says, *to))
            .collect()
    };
    // To ask is not enough to learn who the members are.
    let group = world.group();
    let last_roster = group.head().record;
    assert_eq!(reached(&group, &charter), [KR, JP, FJ]);
    assert_eq!(reached(&group, &last_roster), [KR, JP, FJ]);
    let sponsorship = world.sponsor(JP, application);
    let group = world.group();
    assert_eq!(reached(&group, &charter), [KR, JP, FJ, NZ]);
    assert_eq!(reached(&group, &last_roster), [KR, JP, FJ, NZ]);
    assert_eq!(reached(&group, &application), [KR, JP, FJ]);
    assert_eq!(reached(&group, &sponsorship), [KR, JP, FJ, NZ]);
    let invitation = InvitationBody { group: GROUP, to: AU };
    let invitation = world.say(FJ, Says::Group(GroupBody::Invitation(invitation)));
    let group = world.group();
    assert_eq!(reached(&group, &invitation), [KR, JP, FJ, AU]);
    assert_eq!(reached(&group, &charter), [KR, JP, FJ, NZ, AU]);
    assert_eq!(reached(&group, &last_roster), [KR, JP, FJ, NZ]);
    assert!(group.has_invited(FJ, AU) && !group.has_invited(JP, AU) && !group.has_invited(FJ, NZ));
    world.apply(AU);
    assert_eq!(reached(&world.group(), &last_roster), [KR, JP, FJ, NZ, AU], "asked, and asking");
}

#[test]
fn who_was_removed_learns_that_and_nothing_later() {
    let mut world = World::founded();
    let reached = |group: &Group, record: &RecordId| -> Vec<_> {
        let says = &group.statement(record).unwrap().says;
        [KR, JP, FJ].into_iter().filter(|to| group.concerns(record, KR, says, *to)).collect()
    };
    let invitation = InvitationBody { group: GROUP, to: FJ };
    world.say(KR, Says::Group(GroupBody::Invitation(invitation)));
    let votes = [KR, JP].map(|voter| world.vote(voter, FJ));
    let removed = world.without(FJ, &votes);
    let removed = world.roster(KR, removed);
    assert_eq!(reached(&world.group(), &removed), [KR, JP, FJ]);
    let later = world.next();
    let later = world.roster(KR, later);
    assert_eq!(reached(&world.group(), &later), [KR, JP]);
    // Neither that it founded the group or was invited once, nor that it asks again, lets it look in.
    let again = world.apply(FJ);
    assert_eq!(reached(&world.group(), &later), [KR, JP]);
    world.sponsor(JP, again);
    assert_eq!(reached(&world.group(), &later), [KR, JP, FJ]);
}

#[test]
fn whom_a_roster_that_waits_leaves_out_hears_no_more() {
    let mut world = World::founded();
    let votes = [KR, JP].map(|voter| world.vote(voter, FJ));
    let removed = world.without(FJ, &votes);
    world.roster(KR, removed);
    let application = world.apply(NZ);
    world.said.retain(|one| one.record != votes[1]);
    let group = world.group();
    assert_eq!(group.waiting().len(), 1);
    let says = &group.statement(&application).unwrap().says;
    assert!(
        group.concerns(&application, NZ, says, JP) && !group.concerns(&application, NZ, says, FJ)
    );
}
