//! What is addressed to a group goes to its members, then and now, on the terms of its charter.

use std::sync::Arc;
use std::time::Duration;

use super::facts::*;
use crate::agreement::Tier;
use crate::group::tests::world::{AU, CHARTER, FJ, GROUP, JP, KR, NZ, World};
use crate::group::{Exclusion, GroupBody, InvitationBody, Says};
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::keyring::{Confirmation, Unconfirmed};
use crate::ledger::Obligations;
use crate::limits;
use crate::marking::{Marking, Onward, Tlp};
use crate::policy::{
    ControlAudience, Decision, Fact, Gate, PartFacts, Partner, PolicyBuilder, PolicySnapshot,
    Recipient, RecordFacts, Source, TrustLevel, decide, decide_control, explain, plan,
};
use crate::record::{Addressee, Header};
use crate::test_util::policy::agreement;
use crate::time::Timestamp;
use crate::vocabulary::{Kind, Section};

/// KR with everybody as a trusted partner, of whom it has signed something with none.
fn policy(world: &World) -> PolicySnapshot {
    let partner = || Partner::new().at(TrustLevel::Restricted);
    let builder = PolicySnapshot::builder(KR).group(Arc::new(world.group()));
    [JP, FJ, NZ].into_iter().fold(builder, |all, one| all.partner(one, partner())).build()
}

/// A record of KR for the group as it was at `epoch`: its addressee part (9) and these parts.
fn to_group(epoch: u64, floor: Tlp, sections: &[(Section, Tlp)]) -> (RecordFacts, Vec<PartFacts>) {
    let mut record = incident(floor);
    let numbered: Vec<_> = (1_u8..).zip(sections).collect();
    let addressee = Addressee {
        economy: None,
        desk: None,
        group: Some((GROUP, epoch)),
        relays: Vec::new(),
        parts: numbered.iter().map(|(number, _)| digest(*number)).collect(),
    };
    record.addressed = true;
    let mut parts: Vec<_> = numbered
        .iter()
        .map(|(number, (section, tlp))| part(&mut record, *number, *section, *tlp))
        .collect();
    let named = Header {
        addressee: Some(addressee),
        ..Header::new(Section::Addressee, "application/vnd.comity.addressee")
    };
    parts.push(record.hold(digest(9), &named));
    (record, parts)
}

fn summary(epoch: u64) -> (RecordFacts, Vec<PartFacts>) {
    to_group(epoch, Tlp::Amber, &[(Section::Summary, Tlp::Amber)])
}

fn to(economy: EconomyId) -> Recipient {
    Recipient::partner(economy)
}

/// Who gets any of it.
fn reached(policy: &PolicySnapshot, (record, parts): &(RecordFacts, Vec<PartFacts>)) -> Vec<u8> {
    let goes = |one: &EconomyId| plan(policy, record, parts, &to(*one), NOW).goes();
    [JP, FJ, NZ].iter().filter(|one| goes(one)).map(|one| one.0[0]).collect()
}

fn on_first(
    policy: &PolicySnapshot,
    (record, parts): &(RecordFacts, Vec<PartFacts>),
    economy: EconomyId,
) -> Decision {
    decide(policy, record, &parts[0], &to(economy), NOW)
}

fn fact(decision: &Decision, gate: Gate) -> Fact {
    decision.judgement(gate).unwrap().fact
}

const JP_FJ: [u8; 2] = [2, 3];

#[test]
fn members_get_it_under_the_charter_and_nobody_else() {
    let world = World::founded();
    let policy = policy(&world);
    let record = summary(2);
    assert_eq!(reached(&policy, &record), JP_FJ);
    let goes = on_first(&policy, &record, JP);
    assert_eq!(goes.covering(), Some(world.founding.record()));
    assert_eq!(fact(&goes, Gate::Audience), Fact::AddressedToGroup);
    let article = explain(&policy, &goes).into_iter().find(|one| one.gate == Gate::Tier).unwrap();
    assert_eq!(article.cites.as_deref(), Some("Sample Islands Exchange art. 4.1"));
    let stays = on_first(&policy, &record, NZ);
    assert_eq!(fact(&stays, Gate::Audience), Fact::OutsideGroup(Exclusion::NotNow));
    // The whole travels together.
    let planned = plan(&policy, &record.0, &record.1, &to(JP), NOW);
    assert_eq!(planned.releases(), [digest(1), digest(9)]);
}

#[test]
fn of_a_group_that_is_not_known_or_has_nobody_else_nobody_gets_it() {
    let alone = World::new();
    assert!(reached(&policy(&alone), &summary(0)).is_empty());
    let without = PolicySnapshot::builder(KR).partner(JP, Partner::new()).build();
    let stays = on_first(&without, &summary(2), JP);
    assert_eq!(fact(&stays, Gate::Audience), Fact::OutsideGroup(Exclusion::UnknownGroup));
    let later = on_first(&policy(&World::founded()), &summary(3), JP);
    assert_eq!(fact(&later, Gate::Audience), Fact::OutsideGroup(Exclusion::NoSuchEpoch(3)));
}

#[test]
fn a_member_that_is_no_partner_gets_nothing() {
    let world = World::founded();
    let known = policy(&world).to_builder().without(&FJ).build();
    assert_eq!(reached(&known, &summary(2)), [2]);
    assert_eq!(fact(&on_first(&known, &summary(2), FJ), Gate::Standing), Fact::NotPaired);
}

#[test]
fn later_joiners_get_earlier_records_where_the_charter_says_so() {
    let mut world = World::founded();
    world.admit_nz();
    let stays = on_first(&policy(&world), &summary(2), NZ);
    assert_eq!(fact(&stays, Gate::Audience), Fact::OutsideGroup(Exclusion::NotThen));
    assert_eq!(reached(&policy(&world), &summary(3)), [2, 3, 4]);
    let open = CHARTER.replace("earlier-records = false", "earlier-records = true");
    let mut world = World::founded_under(&open);
    world.admit_nz();
    assert_eq!(reached(&policy(&world), &summary(2)), [2, 3, 4]);
}

#[test]
fn who_is_removed_gets_nothing_new_nor_anything_old() {
    let mut world = World::founded();
    let votes = [world.vote(KR, FJ), world.vote(JP, FJ)];
    let roster = world.without(FJ, &votes);
    world.roster(KR, roster);
    for epoch in [2, 3] {
        assert_eq!(reached(&policy(&world), &summary(epoch)), [2], "epoch {epoch}");
    }
}

#[test]
fn a_frozen_group_releases_nothing() {
    let mut world = World::founded();
    let (one, own) = (world.next(), world.vote(FJ, FJ));
    let other = world.without(FJ, &[own]);
    world.roster(KR, one);
    world.roster(KR, other);
    let stays = on_first(&policy(&world), &summary(2), JP);
    assert_eq!(fact(&stays, Gate::Audience), Fact::OutsideGroup(Exclusion::Frozen));
    assert!(reached(&policy(&world), &summary(2)).is_empty());
}

#[test]
fn a_roster_that_nobody_confirms_holds_everything_back() {
    let world = World::founded();
    let policy = policy(&world);
    let last = world.said.last().unwrap().at;
    let stale = last.saturating_add(limits::ROSTER_MAX_AGE);
    let (record, parts) = summary(2);
    let at = |now: Timestamp| decide(&policy, &record, &parts[0], &to(JP), now);
    assert!(at(stale.saturating_sub(Duration::from_millis(1))).is_release());
    assert_eq!(fact(&at(stale), Gate::Audience), Fact::OutsideGroup(Exclusion::Stale(last)));
    assert_eq!(policy.next_change(NOW), Some(stale), "what is under way is decided again then");
    // What is not addressed to the group does not depend on it.
    let mut other = incident(Tlp::Clear);
    let clear = part(&mut other, 1, Section::Summary, Tlp::Clear);
    assert!(decide(&policy, &other, &clear, &to(JP), stale).is_release());
}

/// Whoever has the secretariat's stolen key signs rosters and daily words as it likes: what is addressed to the
/// group hangs on the keyring, in which that key may be revoked by now.
#[test]
fn a_secretariat_whose_keyring_is_not_confirmed_holds_everything_back() {
    let world = World::founded();
    let said = |at| {
        let builder = PolicySnapshot::builder(FJ).group(Arc::new(world.group()));
        let partner = Partner::new().at(TrustLevel::Restricted);
        builder.partner(JP, partner).confirmed(KR, Confirmation::At(at)).build()
    };
    let old = NOW.saturating_sub(limits::HEAD_MAX_AGE);
    let why = Unconfirmed::Since(old);
    let (mut record, parts) = summary(2);
    record.origin = FJ;
    let at = |policy: PolicySnapshot| decide(&policy, &record, &parts[0], &to(JP), NOW);
    assert!(at(said(NOW)).is_release());
    assert_eq!(
        fact(&at(said(old)), Gate::Audience),
        Fact::OutsideGroup(Exclusion::Unconfirmed(why))
    );
}

#[test]
fn red_is_never_for_a_group() {
    let nda = CHARTER.replace("tier = \"mou\"\nmax-tlp = \"AMBER\"", "tier = \"nda\"");
    let policy = policy(&World::founded_under(&nda));
    let red = to_group(2, Tlp::Amber, &[(Section::Summary, Tlp::Red)]);
    assert_eq!(fact(&on_first(&policy, &red, JP), Gate::Tlp), Fact::RedForGroup);
    assert!(reached(&policy, &red).is_empty());
}

#[test]
fn the_charter_alone_permits_and_both_prohibit() {
    let world = World::founded();
    let policy = policy(&world);
    let with = |tier| {
        let partner = Partner::new().at(TrustLevel::Restricted).with(agreement(KR, JP, tier));
        policy.to_builder().partner(JP, partner).build()
    };
    // What two members have signed lifts no limit of the charter.
    let indicators = to_group(2, Tlp::Amber, &[(Section::Indicators, Tlp::Amber)]);
    let stays = on_first(&with(Tier::Nda), &indicators, JP);
    assert!(!stays.is_release());
    let cited = stays.judgement(Gate::Section).unwrap().cites.unwrap().agreement;
    assert_eq!(cited, world.founding.record());
    // Nor does the charter permit what is addressed to a member by name.
    let mut direct = incident(Tlp::Amber);
    let content = part(&mut direct, 1, Section::Summary, Tlp::Amber);
    let named = address(&mut direct, 8, JP, None, &[], &[1]);
    let parts = [content, named];
    assert!(!plan(&policy, &direct, &parts, &to(JP), NOW).goes());
    assert!(plan(&with(Tier::Nda), &direct, &parts, &to(JP), NOW).goes());
    // A prohibition of the charter, and one between the two, each hold for the group's records.
    let attribution = to_group(2, Tlp::Green, &[(Section::Attribution, Tlp::Green)]);
    let stays = on_first(&policy, &attribution, JP);
    assert_eq!(fact(&stays, Gate::Section), Fact::SectionProhibited(Section::Attribution));
    let mut terms = crate::test_util::policy::terms(Tier::Nda);
    terms.prohibitions.kinds = [Kind::Incident].into_iter().collect();
    let signed =
        crate::policy::Agreement::new(crate::RecordId([44; 32]), Arc::new(terms), Timestamp::EPOCH);
    let partner = Partner::new().at(TrustLevel::Restricted).with(signed);
    let bound = policy.to_builder().partner(JP, partner).build();
    assert_eq!(reached(&bound, &summary(2)), [3]);
    assert_eq!(
        fact(&on_first(&bound, &summary(2), JP), Gate::Kind),
        Fact::KindProhibited(Kind::Incident)
    );
}

#[test]
fn members_take_on_what_the_charter_demands() {
    let goes = on_first(&policy(&World::founded()), &summary(2), JP);
    let crate::policy::Outcome::Release(obligations) = goes.outcome() else {
        unreachable!("{goes:?}")
    };
    assert_eq!(obligations.onward, Onward::Ask);
    assert_eq!(obligations.retention_days, Some(365));
    assert_eq!(obligations.purposes, ["incident response", "protection of constituents"]);
}

#[test]
fn an_origin_that_is_no_member_reaches_nobody_through_the_group() {
    let world = World::founded();
    let policy = policy(&world);
    let (mut record, parts) = summary(2);
    record.origin = NZ;
    let obligations = Obligations { onward: Onward::WithinMarking, ..Obligations::unbound() };
    record.source = Source::From { economy: NZ, obligations };
    let stays = decide(&policy, &record, &parts[0], &to(JP), NOW);
    assert_eq!(fact(&stays, Gate::Audience), Fact::OutsideGroup(Exclusion::NotTheOrigin));
    // And who has left itself reaches nobody either.
    let mut world = World::founded();
    let ready = world.ready(JP);
    let own = world.vote(KR, KR);
    let mut roster = world.without(KR, &[own]);
    roster.handover = Some(ready);
    world.roster(KR, roster);
    let stays = on_first(&self::policy(&world), &summary(2), JP);
    assert_eq!(fact(&stays, Gate::Audience), Fact::OutsideGroup(Exclusion::NotUs));
}

#[test]
fn members_pass_on_among_themselves_only_where_they_are_named_as_relays() {
    let policy = policy(&World::founded());
    let received = |relays: Vec<EconomyId>| {
        let (mut record, mut parts) = summary(2);
        record.origin = FJ;
        record.source = Source::From { economy: FJ, obligations: Obligations::default() };
        for held in &mut record.addressees {
            held.addressee.relays.clone_from(&relays);
        }
        parts.truncate(2);
        (record, parts)
    };
    let (record, parts) = received(vec![KR]);
    assert!(plan(&policy, &record, &parts, &to(JP), NOW).goes());
    assert!(!plan(&policy, &record, &parts, &to(NZ), NOW).goes());
    let (record, parts) = received(Vec::new());
    let stays = decide(&policy, &record, &parts[0], &to(JP), NOW);
    assert_eq!(fact(&stays, Gate::Consent), Fact::OnwardAsk);
}

#[test]
fn our_own_people_read_what_the_group_was_given() {
    let policy = policy(&World::founded());
    let (mut record, parts) = summary(2);
    record.origin = FJ;
    record.source = Source::From { economy: FJ, obligations: Obligations::default() };
    let role = Recipient::LocalRole { role: "analyst".to_owned() };
    assert!(decide(&policy, &record, &parts[0], &role, NOW).is_release());
}

#[test]
fn what_a_relay_carries_for_a_group_is_not_for_its_own_people() {
    // KR is in no roster: JP founded the group.
    let mut world = World::founded();
    world.hand_over(KR, JP);
    let votes = [JP, FJ].map(|voter| world.vote(voter, KR));
    let removed = world.without(KR, &votes);
    world.roster(JP, removed);
    let policy = policy(&world);
    let carried = |epoch| {
        let (mut record, parts) = summary(epoch);
        record.origin = FJ;
        record.source = Source::From { economy: FJ, obligations: Obligations::default() };
        for held in &mut record.addressees {
            held.addressee.relays = vec![KR];
        }
        (record, parts)
    };
    let role = Recipient::LocalRole { role: "analyst".to_owned() };
    let client = Recipient::Constituent { name: "a bank".to_owned() };
    let (record, parts) = carried(4);
    for to in [&role, &client] {
        assert!(!decide(&policy, &record, &parts[0], to, NOW).is_release());
    }
    // What came while we were in it stays ours to read.
    let (record, parts) = carried(3);
    assert!(decide(&policy, &record, &parts[0], &role, NOW).is_release());
}

#[test]
fn a_charter_in_doubt_permits_nothing_and_prohibits_as_before() {
    let world = World::founded();
    let signed = |builder: PolicyBuilder| {
        let partner = Partner::new().at(TrustLevel::Restricted);
        builder.partner(JP, partner.with(agreement(KR, JP, Tier::Nda))).build()
    };
    let builder = || PolicySnapshot::builder(KR);
    let known = signed(builder().group(Arc::new(world.group())));
    let doubted = signed(builder().group_in_doubt(Arc::new(world.group())));
    let unknown = signed(builder());
    // Of a record for the group JP is named for attribution as well, which the charter prohibits.
    let (mut record, mut parts) = to_group(2, Tlp::Green, &[(Section::Attribution, Tlp::Green)]);
    parts.push(address(&mut record, 8, JP, None, &[], &[1]));
    let stays = |policy: &PolicySnapshot| {
        let decision = on_first(policy, &(record.clone(), parts.clone()), JP);
        !decision.is_release()
            && fact(&decision, Gate::Section) == Fact::SectionProhibited(Section::Attribution)
    };
    assert!(on_first(&unknown, &(record.clone(), parts.clone()), JP).is_release());
    assert!(stays(&known) && stays(&doubted));
    assert_eq!(reached(&known, &summary(2)), [2]);
    assert!(reached(&doubted, &summary(2)).is_empty());
    assert!(doubted.group(&GROUP).is_none());
}

#[test]
fn a_community_is_a_group_s_members_now() {
    let policy = policy(&World::founded());
    let green = |group| {
        let mut record = incident(Tlp::Green);
        record.floor = Marking { community: Some(group), ..Marking::new(Tlp::Green) };
        let marked = Header { marking: None, ..header(Section::Summary, Tlp::Green) };
        let part = record.hold(digest(1), &marked);
        (record, vec![part])
    };
    let signed = [JP, NZ].into_iter().fold(policy.to_builder(), |all, one| {
        let partner = Partner::new().at(TrustLevel::Restricted);
        all.partner(one, partner.with(agreement(KR, one, Tier::Mou)))
    });
    let policy = signed.build();
    assert_eq!(reached(&policy, &green(GROUP)), [2]);
    let stays = on_first(&policy, &green(GROUP), NZ);
    assert_eq!(fact(&stays, Gate::Audience), Fact::OutsideCommunity(Exclusion::NotNow));
    let unknown = on_first(&policy, &green(GroupId([77; 32])), JP);
    assert_eq!(fact(&unknown, Gate::Audience), Fact::OutsideCommunity(Exclusion::UnknownGroup));
    let (record, parts) = green(GROUP);
    let client = Recipient::Constituent { name: "a bank".to_owned() };
    assert!(!decide(&policy, &record, &parts[0], &client, NOW).is_release());
}

#[test]
fn words_about_a_group_go_to_those_whom_they_concern() {
    let mut world = World::founded();
    let application = world.apply(NZ);
    world.sponsor(JP, application);
    let policy = policy(&world);
    let by = |id, origin, kind, says: &Says, to: EconomyId| {
        let control = Some(ControlAudience::Group(Arc::new(says.clone())));
        let facts = incident(Tlp::AmberStrict);
        let record = RecordFacts { id, origin, kind, control, ..facts };
        decide_control(&policy, &record, &Recipient::partner(to), NOW).is_release()
    };
    let group = world.group();
    let goes = |kind, record: RecordId, to| {
        let one = group.statement(&record).unwrap();
        by(record, one.by, kind, &one.says, to)
    };
    assert!(goes(Kind::Group, application, JP));
    assert!(!goes(Kind::Group, application, NZ));
    let roster = world.group().head().record;
    assert!(goes(Kind::Roster, roster, NZ), "an applicant for whom a member speaks");
    let invitation = InvitationBody { group: GroupId([77; 32]), to: JP };
    let elsewhere = Says::Group(GroupBody::Invitation(invitation));
    let unknown = by(RecordId([66; 32]), KR, Kind::Group, &elsewhere, JP);
    assert!(!unknown, "of a group that is not known");
}

#[test]
fn our_own_application_goes_to_whoever_asked_us() {
    // What an economy knows before it is a member: the charter, and who showed it.
    let mut world = World::new();
    let invitation = InvitationBody { group: GROUP, to: NZ };
    world.say(JP, Says::Group(GroupBody::Invitation(invitation)));
    let application = world.apply(NZ);
    let says = world.group().statement(&application).unwrap().says.clone();
    let partner = || Partner::new().at(TrustLevel::Restricted);
    let builder = PolicySnapshot::builder(NZ).group(Arc::new(world.group()));
    let policy = [KR, JP, FJ].into_iter().fold(builder, |all, one| all.partner(one, partner()));
    let policy = policy.build();
    let reached = |origin: EconomyId| -> Vec<u8> {
        let control = Some(ControlAudience::Group(Arc::new(says.clone())));
        let record =
            RecordFacts { kind: Kind::Group, control, origin, ..incident(Tlp::AmberStrict) };
        let goes = |to: &EconomyId| {
            decide_control(&policy, &record, &Recipient::partner(*to), NOW).is_release()
        };
        [KR, JP, FJ].into_iter().filter(goes).map(|one| one.0[0]).collect()
    };
    assert_eq!(reached(NZ), [1, 2], "the charter's author, and whoever asked us");
    assert_eq!(reached(AU), [1], "of somebody else's we pass on nothing to those we only believe");
}
