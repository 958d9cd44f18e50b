//! Groups in one node: who hears what is said about one, what becomes of it when an author is believed
//! no more, and that the journal alone has all of it.

mod daily;
mod early;
mod joining;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use comity_core::control::{AgreementBody, TerminationBody};
use comity_core::group::{
    ApplicationBody, CharterBody, Group, GroupBody, InvitationBody, RemovalBody, Roster,
    RosterBody, RosterHead, Says, SponsorshipBody, Statement,
};
use comity_core::journal::Standing;
use comity_core::keyring::{Grant, KeyringBuilder, Revocation};
use comity_core::record::{AddresseeDraft, Draft, Header, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{EconomyId, GroupId, Kind, Marking, RecordId, Section, Tlp};
use comity_node::engine::Command;
use comity_node::limits;
use comity_node::state::Bound;
use comity_tests::bench::{Answer, Bench, Peer, advisory, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::world::START;

const CHARTER: &str = "format = 1\nname = \"Islands\"\npurpose = \"Early warning\"\n\
    founders = [\"one\", \"two\"]\nstarts = 2020-01-01\nsponsors = { needed = 1 }\n\
    removal = { by = \"secretariat\" }\nterms = { tier = \"mou\" }\n";

fn says(kind: Kind, body: Vec<u8>, by: &Economy) -> VerifiedRecord {
    control(kind, body, Tlp::AmberStrict, &by.author, by.id, START).expect("a control record")
}

fn charter(founders: [EconomyId; 2]) -> Vec<u8> {
    let (text, sponsors) = (CHARTER.to_owned(), BTreeSet::new());
    GroupBody::Charter(CharterBody { text, founders: founders.into(), sponsors }).encode()
}

fn application(group: GroupId, by: &Economy) -> VerifiedRecord {
    let (affiliations, answers) = (BTreeSet::new(), Vec::new());
    let body = GroupBody::Application(ApplicationBody { group, affiliations, answers });
    says(Kind::Group, body.encode(), by)
}

fn sponsorship(group: &Group, application: RecordId, by: &Economy) -> VerifiedRecord {
    let (group, epoch) = (group.id(), group.head().epoch);
    let body = GroupBody::Sponsorship(SponsorshipBody { group, epoch, application });
    says(Kind::Group, body.encode(), by)
}

fn roster(roster: Roster, by: &Economy) -> VerifiedRecord {
    says(Kind::Roster, RosterBody::Roster(roster).encode(), by)
}

/// The node, which is KR, and its partners, who are connected.
struct World {
    bench: Bench,
    kr: Economy,
    jp: Peer,
    fj: Peer,
    nz: Peer,
}

impl World {
    fn new() -> Self {
        let mut bench = Bench::new();
        let kr = bench.node.economy.clone();
        let [mut jp, mut fj, mut nz] = [2, 3, 4].map(|number| bench.pair(number));
        for peer in [&mut jp, &mut fj, &mut nz] {
            bench.connect(peer);
        }
        Self { bench, kr, jp, fj, nz }
    }

    fn group(&self, id: GroupId) -> Arc<Group> {
        self.bench.state().groups().get(&id).expect("a group that is here").clone()
    }

    fn enter(&mut self, record: VerifiedRecord) -> RecordId {
        let id = record.id();
        let (record, title) = (Box::new(record), String::new());
        let publish = Command::Publish { record, parts: Vec::new(), title, draft: None };
        self.bench.command(publish).expect("what we may say");
        id
    }

    /// KR founds the group, JP joins, and FJ joins, for which JP speaks.
    fn founded() -> (Self, GroupId) {
        let mut world = Self::new();
        let (kr, jp, fj) = (world.kr.clone(), world.jp.economy.clone(), world.fj.economy.clone());
        let id = world.enter(says(Kind::Group, charter([kr.id, jp.id]), &kr));
        let id = GroupId(id.0);
        world.bench.deliver(&mut world.jp, &application(id, &jp), &[]);
        let first = world.group(id).admitting(jp.id, kr.id).unwrap();
        world.enter(roster(first, &kr));
        let applies = application(id, &fj);
        world.bench.deliver(&mut world.fj, &applies, &[]);
        let speaks = sponsorship(&world.group(id), applies.id(), &jp);
        world.bench.deliver(&mut world.jp, &speaks, &[]);
        let second = world.group(id).admitting(fj.id, kr.id).unwrap();
        world.enter(roster(second, &kr));
        (world, id)
    }

    /// JP founds a group, and admits KR.
    fn joined() -> (Self, GroupId) {
        let mut world = Self::new();
        let (kr, jp) = (world.kr.clone(), world.jp.economy.clone());
        let founds = says(Kind::Group, charter([kr.id, jp.id]), &jp);
        let id = GroupId(founds.id().0);
        world.bench.deliver(&mut world.jp, &founds, &[]);
        world.enter(application(id, &kr));
        let first = world.group(id).admitting(kr.id, jp.id).unwrap();
        world.bench.deliver(&mut world.jp, &roster(first, &jp), &[]);
        (world, id)
    }

    /// Twenty advisories, which everybody has.
    fn publish_many(&mut self) {
        for number in 0..20 {
            let (record, parts) = advisory(&self.kr, &format!("flaw {number}"), self.bench.now);
            let (record, title) = (Box::new(record), String::new());
            let publish = Command::Publish { record, parts, title, draft: None };
            self.bench.command(publish).unwrap();
        }
        self.given();
    }

    /// What each partner was given since it connected.
    fn given(&mut self) -> [Vec<RecordId>; 3] {
        self.bench.wait(Duration::from_secs(1));
        [&self.jp, &self.fj, &self.nz].map(|peer| self.bench.delivered(peer.conn()))
    }

    /// Who gets a record that is addressed to the group now: JP, FJ, NZ.
    fn shared(&mut self, group: GroupId, text: &str) -> [bool; 3] {
        let mut draft = Draft::new(Kind::Incident);
        let marking = Some(Marking::new(Tlp::Amber));
        let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
        draft.parts.push((header, text.as_bytes().to_vec()));
        let epoch = self.group(group).head().epoch;
        draft.addressees.push(AddresseeDraft::group(group, epoch, vec![0]));
        let (record, parts) = sign(draft, &self.kr, self.bench.now);
        let id = record.id();
        let (record, title) = (Box::new(record), text.to_owned());
        self.bench.command(Command::Publish { record, parts, title, draft: None }).unwrap();
        self.given().map(|given| given.contains(&id))
    }

    /// JP's root says that whatever JP's author signed in the last hour is somebody else's.
    fn jp_is_robbed(&mut self) {
        let (jp, fresh) = (self.jp.economy.clone(), SecretKey::from_seed(&[77; 32]));
        let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let all = Kind::ALL.iter().copied();
        let grant = Grant::author(jp.id, fresh.public(), all, Tlp::Red, from, until);
        let at = START.saturating_sub(Duration::from_secs(3600));
        let revocation = Revocation { key: jp.author.id(), at, compromised: true };
        let keyring = KeyringBuilder::follow(&jp.keyring).grant(grant).revoke(revocation);
        let keyring = keyring.sign(&[&jp.root]).unwrap().encoded().to_vec();
        let record = control(Kind::Keyring, keyring, Tlp::Clear, &fresh, jp.id, START).unwrap();
        self.bench.deliver(&mut self.jp, &record, &[]);
    }

    fn believe(&mut self, record: RecordId) {
        let judge = Command::Judge { record, standing: Standing::Accepted };
        self.bench.command(judge).unwrap();
    }

    /// What is known of groups, which a start reads from the journal again.
    fn restarted(&mut self) {
        let known = |bench: &Bench| -> Vec<Group> {
            bench.state().groups().iter().map(|group| Group::clone(group)).collect()
        };
        let (before, alarms) = (known(&self.bench), self.bench.alarms.len());
        self.bench.restart();
        assert_eq!(known(&self.bench), before, "the journal alone has all of it");
        assert_eq!(self.bench.alarms.len(), alarms, "and nothing of it is news");
        for peer in [&mut self.jp, &mut self.fj, &mut self.nz] {
            self.bench.connect(peer);
        }
    }
}

fn members(group: &Group) -> usize {
    group.certain().len()
}

#[test]
fn what_is_addressed_to_a_group_reaches_its_members_and_nobody_hears_of_the_others() {
    let (mut world, id) = World::founded();
    assert_eq!(world.shared(id, "for all of us"), [true, true, false]);
    let group = world.group(id);
    let about: Vec<RecordId> =
        group.statements().map(|one| one.record).chain([group.founding().record()]).collect();
    let [_, _, nz] = world.given();
    assert!(nz.iter().all(|one| !about.contains(one)), "a partner that has nothing to do with it");
    // Whoever learns of its id and asks is told nothing: a member has to want it.
    let economy = world.nz.economy.clone();
    let applies = application(id, &economy);
    world.bench.deliver(&mut world.nz, &applies, &[]);
    let [jp, fj, nz] = world.given();
    assert!(jp.contains(&applies.id()) && fj.contains(&applies.id()), "members look at it");
    assert!(nz.iter().all(|one| !about.contains(one)));
    let jp = world.jp.economy.clone();
    let speaks = sponsorship(&world.group(id), applies.id(), &jp);
    world.bench.deliver(&mut world.jp, &speaks, &[]);
    let [_, _, nz] = world.given();
    for record in [group.founding().record(), group.head().record, speaks.id()] {
        assert!(nz.contains(&record), "it may look at what it is about to join");
    }
    assert_eq!(world.shared(id, "still not for everybody"), [true, true, false]);
    world.restarted();
}

#[test]
fn who_was_removed_learns_it_and_nothing_that_comes_later() {
    let (mut world, id) = World::founded();
    let (kr, fj) = (world.kr.clone(), world.fj.economy.clone());
    let (epoch, member) = (world.group(id).head().epoch, fj.id);
    let vote = GroupBody::Removal(RemovalBody { group: id, epoch, member, reason: None });
    world.enter(says(Kind::Group, vote.encode(), &kr));
    let without = world.group(id).removing(fj.id, kr.id).unwrap();
    let removed = world.enter(roster(without, &kr));
    let again = application(id, &fj);
    world.bench.deliver(&mut world.fj, &again, &[]);
    let affiliations = BTreeSet::from(["FIRST".to_owned()]);
    let later = world.group(id).affiliating(kr.id, affiliations, kr.id).unwrap();
    let later = world.enter(roster(later, &kr));
    assert_eq!(world.shared(id, "for those who stayed"), [true, false, false]);
    let [jp, fj, _] = world.given();
    assert!(jp.contains(&removed) && jp.contains(&later));
    assert!(fj.contains(&removed) && !fj.contains(&later), "though it asks to come back");
    world.restarted();
}

#[test]
fn what_a_robbed_member_said_is_undone() {
    let (mut world, id) = World::founded();
    let said = world.group(id);
    world.jp_is_robbed();
    // Its application counts for nothing, nor what it said of FJ; the rosters that rest on both go on.
    let group = world.group(id);
    assert_eq!((group.head().epoch, members(&group)), (2, 1));
    let labels = BTreeSet::from(["FIRST".to_owned()]);
    let kr = world.kr.id;
    assert!(group.affiliating(kr, labels, kr).is_ok(), "and the secretariat can sign the next");
    assert_eq!(world.shared(id, "for whom?"), [false, false, false]);
    world.restarted();
    assert_eq!(members(&world.group(id)), 1);
    // The operators talk, and what was JP's own word is believed again.
    let jp = world.jp.economy.id;
    for one in said.statements().filter(|one| one.by == jp) {
        world.believe(one.record);
    }
    assert_eq!(world.group(id), said, "as if nothing had happened");
    assert_eq!(world.shared(id, "for all of us"), [true, true, false]);
    world.restarted();
}

#[test]
fn without_its_charter_a_group_is_none_and_with_it_what_it_was() {
    let (mut world, id) = World::joined();
    let group = world.group(id);
    assert_eq!(members(&group), 2);
    world.jp_is_robbed();
    assert!(world.bench.state().groups().get(&id).is_none());
    assert!(world.bench.state().policy().group(&id).is_none());
    world.restarted();
    // What is said in the meantime is kept.
    let fj = world.fj.economy.clone();
    world.bench.deliver(&mut world.fj, &application(id, &fj), &[]);
    assert_eq!(world.bench.state().kept_of(&fj.id, Bound::Early), 0, "its charter is here");
    world.believe(RecordId(id.0));
    let back = world.group(id);
    assert_eq!((back.head().epoch, members(&back)), (1, 1), "the roster is still in doubt");
    assert!(back.applications().any(|one| one.by == fj.id));
    world.believe(group.head().record);
    assert_eq!(members(&world.group(id)), 2);
    world.restarted();
}

#[test]
fn what_waits_for_its_charter_and_is_believed_no_more_does_not_count_when_it_comes() {
    let mut world = World::new();
    let (jp, fj) = (world.jp.economy.clone(), world.fj.economy.clone());
    let founds = says(Kind::Group, charter([world.kr.id, fj.id]), &fj);
    let id = GroupId(founds.id().0);
    let applies = application(id, &jp);
    world.bench.deliver(&mut world.jp, &applies, &[]);
    assert_eq!(world.bench.state().kept_of(&jp.id, Bound::Early), 1);
    world.jp_is_robbed();
    world.bench.deliver(&mut world.fj, &founds, &[]);
    assert_eq!(world.bench.state().kept_of(&jp.id, Bound::Early), 0);
    assert_eq!(world.group(id).applications().count(), 0);
    world.restarted();
    world.believe(applies.id());
    assert_eq!(world.group(id).applications().count(), 1);
    world.restarted();
}

#[test]
fn our_application_goes_to_whoever_asks_us_afterwards() {
    let mut world = World::new();
    let (kr, jp, fj) = (world.kr.clone(), world.jp.economy.clone(), world.fj.economy.clone());
    let founds = says(Kind::Group, charter([kr.id, jp.id]), &jp);
    let group = GroupId(founds.id().0);
    world.bench.deliver(&mut world.jp, &founds, &[]);
    let applies = world.enter(application(group, &kr));
    assert_eq!(world.given().map(|given| given.contains(&applies)), [true, false, false]);
    let asks = GroupBody::Invitation(InvitationBody { group, to: kr.id });
    world.bench.deliver(&mut world.fj, &says(Kind::Group, asks.encode(), &fj), &[]);
    assert_eq!(world.given().map(|given| given.contains(&applies)), [true, true, false]);
}

#[test]
fn two_rosters_of_one_number_stop_the_group_and_the_operator_is_told_once() {
    let (mut world, id) = World::joined();
    assert_eq!(world.shared(id, "before"), [true, false, false]);
    let jp = world.jp.economy.clone();
    let group = world.group(id);
    for label in ["APCERT", "FIRST"] {
        let labels = BTreeSet::from([label.to_owned()]);
        let next = group.affiliating(jp.id, labels, jp.id).unwrap();
        world.bench.deliver(&mut world.jp, &roster(next, &jp), &[]);
    }
    let told = world.bench.alarms("group-frozen");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Islands") && told[0].contains("two rosters 2"), "{told:?}");
    assert_eq!(world.group(id).fork().unwrap().rosters.len(), 2, "both are kept");
    assert_eq!(world.shared(id, "after"), [false, false, false]);
    world.restarted();
    assert!(world.group(id).fork().is_some());
}

#[test]
fn what_somebody_says_who_has_no_say_in_it_goes_no_further() {
    let (mut world, id) = World::founded();
    let (nz, fj) = (world.nz.economy.clone(), world.fj.economy.clone());
    let removal = |member, world: &World| {
        let epoch = world.group(id).head().epoch;
        GroupBody::Removal(RemovalBody { group: id, epoch, member, reason: None }).encode()
    };
    let of_nz = says(Kind::Group, removal(fj.id, &world), &nz);
    world.bench.deliver(&mut world.nz, &of_nz, &[]);
    let own = says(Kind::Group, removal(fj.id, &world), &fj);
    world.bench.deliver(&mut world.fj, &own, &[]);
    let [jp, fj, _] = world.given();
    assert!(jp.contains(&own.id()) && !jp.contains(&of_nz.id()) && !fj.contains(&of_nz.id()));
}

#[test]
fn rosters_cost_at_a_start_what_they_are_many() {
    let cost = |count: u64| {
        let (mut world, id) = World::joined();
        let jp = world.jp.economy.clone();
        for number in 0..count {
            let labels = BTreeSet::from([number.to_string()]);
            let next = world.group(id).affiliating(jp.id, labels, jp.id).unwrap();
            world.bench.deliver(&mut world.jp, &roster(next, &jp), &[]);
        }
        assert_eq!(world.group(id).head().epoch, count + 1);
        comity_core::test_util::work::done();
        world.bench.restart();
        comity_core::test_util::work::done()
    };
    let (few, many) = (cost(20), cost(80));
    assert!(many <= 4 * few + 8, "{few} steps for 20 rosters, {many} for 80");
}

#[test]
fn nobody_makes_all_partners_be_considered_anew_with_words_that_permit_nothing() {
    let (mut world, id) = World::founded();
    let (kr, nz) = (world.kr.clone(), world.nz.economy.clone());
    world.publish_many();
    let mut planned = |record: VerifiedRecord| {
        comity_core::test_util::work::planned();
        world.bench.deliver(&mut world.nz, &record, &[]);
        world.bench.wait(Duration::from_secs(1));
        comity_core::test_util::work::planned()
    };
    let text = include_str!("../../../examples/agreements/mou.toml").to_owned();
    let proposal = AgreementBody::between(kr.id, nz.id, text).unwrap();
    let proposal = says(Kind::Agreement, proposal.encode(), &nz);
    let ends = TerminationBody { agreement: proposal.id(), effective: START };
    // Each is considered itself, for each of three partners; and nothing else is.
    let most = 3 * 4;
    let few = [
        proposal,
        says(Kind::Termination, ends.encode(), &nz),
        says(Kind::Group, charter([nz.id, kr.id]), &nz),
        application(id, &nz),
    ];
    for record in few {
        let (kind, count) = (record.manifest().kind, planned(record));
        assert!(count <= most + 24, "{kind:?}: {count}");
    }
}

/// An application that JP signs with a key that nobody granted, and the like at another time.
fn forged(group: GroupId, number: u64, by: &Economy, ahead: bool) -> VerifiedRecord {
    let (affiliations, answers) = (BTreeSet::from([number.to_string()]), Vec::new());
    let body = GroupBody::Application(ApplicationBody { group, affiliations, answers }).encode();
    let at = START.saturating_add(Duration::from_secs(if ahead { 1 << 30 } else { 0 }));
    let key = SecretKey::from_seed(&[78; 32]);
    control(Kind::Group, body, Tlp::AmberStrict, &key, by.id, at).expect("a control record")
}

#[test]
fn nobody_silences_a_secretariat_with_words_that_it_never_said() {
    let (mut world, id) = World::joined();
    let jp = world.jp.economy.clone();
    for number in 0..limits::GROUP_WORDS + 1 {
        let record = forged(id, number, &jp, number % 2 == 0);
        let number = world.bench.deliver(&mut world.nz, &record, &[]);
        assert_eq!(world.bench.answer(&world.nz, number), Answer::Acked);
    }
    let kept = |world: &World, of: &Peer, bound| world.bench.state().kept_of(&of.economy.id, bound);
    assert_eq!(kept(&world, &world.jp, Bound::GroupWords), 1, "its charter");
    assert_eq!(kept(&world, &world.nz, Bound::Pending), limits::GROUP_WORDS + 1);
    let roster_of = |label: &str, world: &World| {
        let labels = BTreeSet::from([label.to_owned()]);
        roster(world.group(id).affiliating(jp.id, labels, jp.id).unwrap(), &jp)
    };
    let next = roster_of("FIRST", &world);
    let number = world.bench.deliver(&mut world.jp, &next, &[]);
    assert_eq!(world.bench.answer(&world.jp, number), Answer::Acked);
    let next = roster_of("APCERT", &world);
    let number = world.bench.deliver(&mut world.fj, &next, &[]);
    assert_eq!(world.bench.answer(&world.fj, number), Answer::Acked, "a relay brings it");
    assert_eq!(world.group(id).head().epoch, 3);
    world.restarted();
    assert_eq!(kept(&world, &world.jp, Bound::GroupWords), 1);
}

#[test]
fn whoever_keeps_the_roster_goes_on_however_much_it_has_said_in_vain() {
    let (mut world, id) = World::joined();
    let jp = world.jp.economy.clone();
    let mut answers = Vec::new();
    // Its charter is one.
    for epoch in 0..limits::GROUP_WORDS {
        let vote = RemovalBody { group: id, epoch, member: jp.id, reason: None };
        let record = says(Kind::Group, GroupBody::Removal(vote).encode(), &jp);
        let number = world.bench.deliver(&mut world.jp, &record, &[]);
        answers.push(world.bench.answer(&world.jp, number));
    }
    assert_eq!(answers.pop(), Some(Answer::Deferred));
    assert!(answers.iter().all(|answer| *answer == Answer::Acked));
    let labels = BTreeSet::from(["FIRST".to_owned()]);
    let next = world.group(id).affiliating(jp.id, labels, jp.id).unwrap();
    let head = RosterHead { group: id, epoch: next.epoch, digest: next.digest() };
    let words = [roster(next, &jp), says(Kind::Roster, RosterBody::Head(head).encode(), &jp)];
    for record in words {
        let number = world.bench.deliver(&mut world.jp, &record, &[]);
        assert_eq!(world.bench.answer(&world.jp, number), Answer::Acked);
    }
    assert_eq!(world.group(id).head().epoch, 2);
    world.restarted();
}
