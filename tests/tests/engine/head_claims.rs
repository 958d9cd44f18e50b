//! Heads that claim something: by a thief of the link key, by a clock that was wrong, after a theft of the root.

use std::time::Duration;

use comity_core::group::{GroupBody, HandoverBody, RemovalBody, Roster, RosterBody};
use comity_core::keyring::{DatedHead, Grant, KeyringBuilder, Place, Revocation, VerifiedKeyring};
use comity_core::limits::{HEAD_MAX_AGE, KEYRING_ON_ITS_WAY};
use comity_core::record::{VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{Digest, GroupId, Kind, Timestamp, Tlp};
use comity_node::engine::{Command, CommandError, Reply};
use comity_node::limits::{OWN_HEAD_LATE, PENDING};
use comity_tests::bench::{Answer, Bench, Peer, advisory};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::wire::Said;
use comity_tests::sim::world::START;

use super::heads::{
    AN_HOUR, HEADS, World, head, headed, is_accepted, record, revoking, says, stolen, why_pending,
};

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Names a keyring of this version that nobody here has.
fn claims(by: &Economy, place: Place, at: Timestamp) -> comity_core::keyring::SignedHead {
    let digest = Digest([place.version.to_le_bytes()[0]; 32]);
    DatedHead { place, digest, ..DatedHead::of(&by.keyring, at) }.sign(&by.link)
}

fn version(version: u64) -> Place {
    Place { rotations: 0, version }
}

/// The link key ends, and another takes its place.
fn renewed(by: &Economy, new: &SecretKey, at: Timestamp) -> VerifiedKeyring {
    KeyringBuilder::follow(&by.keyring)
        .revoke(Revocation { key: by.link.id(), at, compromised: false })
        .grant(Grant::link(by.id, new.public(), TestEconomy::FROM, TestEconomy::UNTIL))
        .sign(&[&by.root])
        .expect("its own root")
}

#[test]
fn one_more_keyring_that_is_named_frees_nothing_of_what_waits() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    world.heard(&claims(&by, version(2), START));
    world.bench.wait(KEYRING_ON_ITS_WAY);
    let stolen = stolen(&by, "stolen", world.bench.now);
    world.brings(&stolen);
    for named in 3..6 {
        world.heard(&claims(&by, version(named), world.bench.now));
        assert!(why_pending(&world.bench, &stolen.0).is_some());
        assert!(!world.goes_on(&stolen.0));
    }
}

/// What was handed to a link before, and waits there, leaves no more once nothing rests on its origin's keyring.
#[test]
fn what_waits_on_a_link_is_held_back_when_the_time_is_over() {
    for named_after in [false, true] {
        let mut world = World::new();
        let by = world.origin.clone();
        world.heard(&head(&by, START));
        let name = |world: &mut World| world.heard(&claims(&by, version(2), START));
        if !named_after {
            name(&mut world);
        }
        let (first, second) = (advisory(&by, "first", START), stolen(&by, "second", START));
        world.brings(&first);
        world.brings(&second);
        if named_after {
            name(&mut world);
        }
        assert!(is_accepted(&world.bench, &second.0));
        world.bench.wait(KEYRING_ON_ITS_WAY);
        assert!(!world.goes_on(&second.0) && world.goes_on(&first.0));
        assert_eq!(world.bench.alarms("keyring-unconfirmed").len(), 1);
    }
}

/// A stolen link key may be revoked in the keyring that is not here: to whoever has it goes nothing of ours.
#[test]
fn nothing_goes_to_a_partner_whose_newest_keyring_is_not_here() {
    let mut world = World::new();
    let other = world.other.economy.clone();
    let keyring = revoking(&other, START);
    world.heard(&DatedHead::of(&keyring, START).sign(&other.link));
    world.bench.wait(KEYRING_ON_ITS_WAY);
    let conn = world.other.conn();
    let token = world.bench.publish("ours");
    let published = world.bench.reply(token);
    assert!(matches!(published, Some(Ok(_))), "{published:?}");
    assert!(world.bench.delivered(conn).is_empty());
    let own = record(&other, &keyring, world.bench.now);
    let number = world.bench.deliver(&mut world.other, &own, &[]);
    assert_eq!(world.bench.answer(&world.other, number), Answer::Acked);
    assert_eq!(world.bench.delivered(conn).len(), 1);
}

/// Nor is it given back what it lost, whoever it is that asks: by the key of before the thief comes as well. What
/// was begun goes on when the keyring is here.
#[test]
fn nothing_is_given_back_to_a_partner_whose_newest_keyring_is_not_here() {
    let given_back = |heard: Vec<Said>| {
        let back = |said: &Said| matches!(said, Said::Batch { returned: true, .. });
        let lost = |said: &Said| matches!(said, Said::Void { returned: true, .. });
        assert!(!heard.iter().any(lost), "it would take it for lost");
        heard.into_iter().any(|said| back(&said))
    };
    let restored = |world: &mut World| {
        world.bench.sever(world.other.conn());
        world.other.take_back(0);
        world.other.recovering = true;
        world.other.boot();
        world.bench.connect(&mut world.other)
    };
    let mut world = World::new();
    let other = world.other.economy.clone();
    let keyring = revoking(&other, START);
    let own = advisory(&other, "its own", START);
    world.bench.deliver(&mut world.other, &own.0, &own.1);
    world.heard(&DatedHead::of(&keyring, START).sign(&other.link));
    // The engine has begun to give back, and the time in which the keyring may be on its way ends meanwhile.
    world.bench.wait(KEYRING_ON_ITS_WAY.saturating_sub(Duration::from_millis(1)));
    world.bench.slow_reads = true;
    let begun = restored(&mut world);
    world.bench.wait(Duration::from_millis(1));
    world.bench.read();
    world.bench.slow_reads = false;
    assert!(!world.bench.closed.contains_key(&begun) && !given_back(world.bench.heard(begun)));
    // From then on whoever asks is turned away.
    let late = restored(&mut world);
    world.bench.wait(A_DAY / 24);
    assert!(world.bench.closed.contains_key(&late) && !given_back(world.bench.heard(late)));
    assert_eq!(world.bench.alarms("restored-unconfirmed").len(), 1);
    world.brings(&(record(&other, &keyring, world.bench.now), Vec::new()));
    let conn = restored(&mut world);
    world.bench.wait(A_DAY / 24);
    assert!(given_back(world.bench.heard(conn)));
}

/// A head that is dated ahead would confirm a keyring that is the newest no more.
#[test]
fn nothing_is_said_of_our_keyring_by_a_clock_that_nobody_vouches_for() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    partner.features.push(HEADS);
    let us = bench.node.economy.clone();
    let said = |bench: &Bench| bench.state().head_of(&us.id).map(|head| head.head().at);
    assert_eq!(bench.command(Command::ConfirmKeyring), Ok(Reply::Done));
    bench.now = bench.now.saturating_add(A_DAY * 20);
    bench.doubts_clock = true;
    bench.restart();
    let conn = bench.connect(&mut partner);
    let refused = bench.command(Command::ConfirmKeyring);
    assert!(matches!(refused, Err(CommandError::Unfitting(_))), "{refused:?}");
    assert_eq!((said(&bench), headed(&bench)), (Some(START), 1));
    bench.control(conn, Peer::pong(bench.now));
    assert_eq!((said(&bench), headed(&bench)), (Some(bench.now), 2));
    let word = bench.state().head_of(&us.id).expect("said").encode();
    assert!(bench.has_left(conn, &word));
}

/// Who keeps a roster, or would, lets in nobody while its keyring is awaited; what takes somebody out counts.
#[test]
fn words_that_let_somebody_into_a_group_wait_for_the_keyring() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    world.bench.wait(HEAD_MAX_AGE);
    let (group, at) = (GroupId([6; 32]), world.bench.now);
    let signed = |kind, body| control(kind, body, Tlp::Green, &by.author, by.id, at).unwrap();
    let roster = Roster {
        group,
        epoch: 2,
        predecessor: Digest([1; 32]),
        members: [(by.id, [].into())].into(),
        changes: [].into(),
        handover: None,
    };
    let handover = HandoverBody { group, epoch: 1, to: world.relay.economy.id };
    let removal = RemovalBody { group, epoch: 1, member: by.id, reason: None };
    let waits = [
        signed(Kind::Roster, RosterBody::Roster(roster).encode()),
        signed(Kind::Group, GroupBody::Handover(handover).encode()),
    ];
    let counts = signed(Kind::Group, GroupBody::Removal(removal).encode());
    for word in &waits {
        world.brings(&(word.clone(), Vec::new()));
        assert!(why_pending(&world.bench, word).is_some());
    }
    world.brings(&(counts.clone(), Vec::new()));
    assert!(is_accepted(&world.bench, &counts));
    world.heard(&head(&by, world.bench.now));
    for word in &waits {
        assert!(is_accepted(&world.bench, word));
    }
}

/// Its thief dates a claim as he likes, on everything that is to come; the key is renewed as usual.
#[test]
fn a_renewed_link_key_ends_what_its_thief_claimed() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    let everything = Place { rotations: 64, version: u64::MAX };
    world.heard(&claims(&by, everything, TestEconomy::FROM));
    world.bench.wait(KEYRING_ON_ITS_WAY);
    let advisory = advisory(&by, "true", world.bench.now);
    world.brings(&advisory);
    assert!(why_pending(&world.bench, &advisory.0).is_some());
    let new = SecretKey::from_seed(&[90; 32]);
    let keyring = renewed(&by, &new, world.bench.now);
    world.brings(&(record(&by, &keyring, world.bench.now), Vec::new()));
    assert!(is_accepted(&world.bench, &advisory.0) && world.goes_on(&advisory.0));
    let next = DatedHead::of(&keyring, world.bench.now).sign(&new);
    world.heard(&next);
    assert_eq!(world.bench.state().head_of(&by.id), Some(&next));
    world.bench.restart();
    assert_eq!(world.bench.state().head_of(&by.id), Some(&next));
    assert_eq!(world.bench.state().unconfirmed(&by.id, world.bench.now), None);
}

/// A head overtakes the keyring that grants its key: it is not lost until tomorrow.
#[test]
fn a_head_that_comes_before_its_keyring_counts_when_that_is_here() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    world.bench.wait(HEAD_MAX_AGE);
    let (new, now) = (SecretKey::from_seed(&[90; 32]), world.bench.now);
    let keyring = renewed(&by, &new, now);
    let word = DatedHead::of(&keyring, now).sign(&new);
    world.heard(&word);
    assert_eq!(headed(&world.bench), 1);
    world.brings(&(record(&by, &keyring, now), Vec::new()));
    assert_eq!(world.bench.state().head_of(&by.id), Some(&word));
    assert_eq!(world.bench.state().unconfirmed(&by.id, now), None);
}

/// A journal that was put back knows nothing of the keyring that this economy has said is its newest; partners do.
#[test]
fn who_has_forgotten_its_newest_keyring_hears_of_it_from_partners() {
    let mut world = World::new();
    let us = world.bench.node.economy.clone();
    let next = revoking(&us, START);
    let told = |world: &World| world.bench.alarms("own-keyring-behind").len();
    for word in [head(&us, START), DatedHead::of(&next, START).sign(&world.origin.link)] {
        world.heard(&word);
    }
    assert_eq!(told(&world), 0);
    for _ in 0..2 {
        world.heard(&DatedHead::of(&next, START).sign(&us.link));
        assert_eq!(told(&world), 1, "once");
    }
    // So do we, to a partner of whom we have heard it.
    let other = world.other.economy.clone();
    world.other_hears();
    let word = DatedHead::of(&revoking(&other, START), START).sign(&other.link);
    world.heard(&word);
    world.bench.wait(KEYRING_ON_ITS_WAY);
    world.other_hears();
    assert!(world.bench.has_left(world.other.conn(), &word.encode()));
}

/// After a theft of the root its thief names keyrings of his own, as many as he likes. The next root comes after
/// all of them.
#[test]
fn a_head_of_a_later_root_comes_after_all_that_the_thief_of_the_earlier_named() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    world.heard(&claims(&by, version(u64::MAX), START));
    let set = TestEconomy::genesis(&by.next_root, &SecretKey::from_seed(&[88; 32]));
    let rescued = KeyringBuilder::follow(&by.keyring).rotate(set).sign(&[&by.next_root]);
    let rescued = rescued.expect("the committed root");
    let word = DatedHead::of(&rescued, START).sign(&by.link);
    assert_eq!(word.head().place, Place { rotations: 1, version: 2 });
    // It may come before the keyring that it names.
    world.heard(&word);
    world.bench.wait(KEYRING_ON_ITS_WAY);
    let advisory = advisory(&by, "after the theft", world.bench.now);
    world.brings(&advisory);
    let why = why_pending(&world.bench, &advisory.0).expect("it waits");
    assert_eq!(why, "its origin's keyring version 2 of root set 1 is awaited");
    world.brings(&(record(&by, &rescued, world.bench.now), Vec::new()));
    assert!(is_accepted(&world.bench, &advisory.0) && world.goes_on(&advisory.0));
    world.heard(&claims(&by, version(u64::MAX), world.bench.now));
    assert_eq!(world.bench.state().head_of(&by.id), Some(&word));
}

/// A machine starts with its clock weeks ahead, and has it put right.
#[test]
fn a_clock_that_was_ahead_silences_nobody_and_confirms_nothing() {
    let mut world = World::new();
    let by = world.origin.clone();
    let us = world.bench.node.economy.clone();
    let newest = |world: &World, of: &Economy| {
        world.bench.state().head_of(&of.id).map(|head| head.head().at)
    };
    let ahead = START.saturating_add(A_DAY * 40);
    world.bench.now = ahead;
    assert_eq!(world.bench.command(Command::ConfirmKeyring), Ok(Reply::Done));
    world.heard(&head(&by, ahead));
    assert_eq!((newest(&world, &us), newest(&world, &by)), (Some(ahead), Some(ahead)));
    world.bench.now = START;
    world.bench.restart();
    world.bench.connect(&mut world.relay);
    world.bench.connect(&mut world.other);
    // As it connects, it says its own as of today.
    assert_eq!(newest(&world, &us), Some(START));
    let late = advisory(&by, "today", START);
    world.brings(&late);
    let why = format!("its origin's keyring is confirmed for {ahead} alone, which is to come");
    assert_eq!(why_pending(&world.bench, &late.0), Some(why));
    world.heard(&head(&by, START));
    assert_eq!(newest(&world, &by), Some(START));
    assert!(is_accepted(&world.bench, &late.0) && world.goes_on(&late.0));
}

#[test]
fn a_node_that_cannot_say_its_own_for_days_tells_somebody_once_a_day() {
    let mut bench = Bench::new();
    let us = bench.node.economy.clone();
    assert_eq!(bench.command(Command::ConfirmKeyring), Ok(Reply::Done));
    let new = SecretKey::from_seed(&[90; 32]);
    let keyring = record(&us, &renewed(&us, &new, START), START);
    let (record, title) = (Box::new(keyring), String::new());
    bench.command(Command::Publish { record, parts: vec![], title, draft: None }).unwrap();
    let told = |bench: &mut Bench| {
        assert!(bench.command(Command::ConfirmKeyring).is_err(), "the key of before");
        bench.alarms("own-keyring-unsaid").len()
    };
    assert_eq!(told(&mut bench), 0);
    bench.wait(OWN_HEAD_LATE);
    assert_eq!((told(&mut bench), told(&mut bench)), (1, 1));
    bench.wait(A_DAY);
    assert_eq!(told(&mut bench), 2);
    assert_eq!(bench.state().own_head_is_late(bench.now), Some(START));
    bench.engine().set_link_key(new);
    assert_eq!(bench.command(Command::ConfirmKeyring), Ok(Reply::Done));
    assert_eq!((bench.state().own_head_is_late(bench.now), headed(&bench)), (None, 2));
    bench.wait(A_DAY * 2);
    assert_eq!(bench.command(Command::ConfirmKeyring), Ok(Reply::Done));
    assert_eq!(bench.alarms("own-keyring-unsaid").len(), 2);
}

/// What waits of an origin that is silent takes nothing of the room of who passes it on.
#[test]
fn what_waits_for_a_head_goes_to_the_account_of_its_origin() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    world.bench.wait(HEAD_MAX_AGE);
    let now = world.bench.now;
    let bring = |world: &mut World, (record, parts): &(VerifiedRecord, Vec<_>)| {
        let number = world.bench.deliver(&mut world.relay, record, parts);
        world.bench.answer(&world.relay, number)
    };
    for number in 0..PENDING {
        let record = advisory(&by, &format!("number {number}"), now);
        assert_eq!(bring(&mut world, &record), Answer::Acked);
    }
    let more = advisory(&by, "one too many", now);
    assert_eq!(bring(&mut world, &more), Answer::Rejected);
    assert_eq!(world.bench.alarms("no-room").len(), 1);
    // The relay, and who else waits through it, have room.
    let relay = world.relay.economy.clone();
    let own = advisory(&relay, "its own", now);
    let unknown = SecretKey::from_seed(&[91; 32]);
    let other = Economy { author: unknown, ..world.other.economy.clone() };
    let waiting = advisory(&other, "by a key that is not here", now);
    for record in [&own, &waiting] {
        assert_eq!(bring(&mut world, record), Answer::Acked);
    }
    assert!(is_accepted(&world.bench, &own.0) && why_pending(&world.bench, &waiting.0).is_some());
    // Forgeries in the origin's name are the relay's to answer for.
    let forger = Economy { author: other.author.clone(), ..by.clone() };
    assert_eq!(bring(&mut world, &advisory(&forger, "forged", now)), Answer::Acked);
    says(&mut world.bench, &world.relay, &head(&by, now.saturating_add(AN_HOUR / 60)));
    let records = world.bench.state().records();
    assert_eq!(records.filter(|(_, held)| !held.is_accepted()).count(), 2);
}
