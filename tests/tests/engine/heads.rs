//! Heads: who says daily which keyring is its newest is relied on for a fortnight after its last word.

use std::time::Duration;

use comity_core::control::WithdrawalBody;
use comity_core::journal::{JournalEntry, Standing};
use comity_core::keyring::{
    DatedHead, KeyringBuilder, Place, Revocation, SignedHead, VerifiedKeyring,
};
use comity_core::limits::{HEAD_MAX_AGE, KEYRING_ON_ITS_WAY};
use comity_core::record::{Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::{Digest, EconomyId, Kind, Timestamp, Tlp};
use comity_node::engine::{Command, CommandError, Reply};
use comity_node::limits::{HEADS_A_DAY, HEADS_VERIFIED};
use comity_proto::limits::BATCH_DELAY;
use comity_store::MemoryStore;
use comity_tests::bench::{Answer, Bench, Peer, advisory};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::node::new_entry;
use comity_tests::sim::world::START;

pub(super) const AN_HOUR: Duration = Duration::from_secs(60 * 60);
/// The kind of the journal's entries for them.
const HEADED: u8 = 27;
/// The feature of a side that understands heads.
pub(super) const HEADS: u64 = 5;
const A_MOMENT: Duration = BATCH_DELAY;

pub(super) fn head(by: &Economy, at: Timestamp) -> SignedHead {
    DatedHead::of(&by.keyring, at).sign(&by.link)
}

pub(super) fn says(bench: &mut Bench, bringer: &Peer, head: &SignedHead) {
    bench.control(bringer.conn(), Peer::keyring_head(head));
}

pub(super) fn record(by: &Economy, keyring: &VerifiedKeyring, at: Timestamp) -> VerifiedRecord {
    let body = keyring.encoded().to_vec();
    control(Kind::Keyring, body, Tlp::Clear, &by.author, by.id, at).expect("a control record")
}

/// The keyring in which the key is revoked that its junior signs with.
pub(super) fn revoking(by: &Economy, at: Timestamp) -> VerifiedKeyring {
    KeyringBuilder::follow(&by.keyring)
        .revoke(Revocation { key: by.junior.id(), at, compromised: true })
        .sign(&[&by.root])
        .expect("its own root")
}

/// What the thief of the junior's key signs.
pub(super) fn stolen(by: &Economy, text: &str, at: Timestamp) -> (VerifiedRecord, Vec<Part>) {
    let thief = Economy { author: by.junior.clone(), ..by.clone() };
    advisory(&thief, text, at)
}

pub(super) fn why_pending(bench: &Bench, record: &VerifiedRecord) -> Option<String> {
    match &bench.state().record(&record.id())?.standing {
        Standing::Pending(why) => Some(why.clone()),
        _ => None,
    }
}

pub(super) fn is_accepted(bench: &Bench, record: &VerifiedRecord) -> bool {
    bench.state().record(&record.id()).is_some_and(|held| held.is_accepted())
}

pub(super) fn headed(bench: &Bench) -> usize {
    let entries = bench.node.entries();
    entries.iter().filter(|entry| entry.kind == HEADED).count()
}

/// A relay (2) with whom we are linked, an origin (3) that we know, and a partner (4) to whom we pass on.
pub(super) struct World {
    pub(super) bench: Bench,
    pub(super) relay: Peer,
    pub(super) origin: Economy,
    pub(super) other: Peer,
}

impl World {
    pub(super) fn new() -> Self {
        let mut bench = Bench::new();
        let (mut relay, origin, mut other) = (bench.pair(2), bench.pair(3), bench.pair(4));
        bench.connect(&mut relay);
        bench.connect(&mut other);
        Self { bench, relay, origin: origin.economy, other }
    }

    pub(super) fn brings(&mut self, (record, parts): &(VerifiedRecord, Vec<Part>)) {
        let number = self.bench.deliver(&mut self.relay, record, parts);
        assert_eq!(self.bench.answer(&self.relay, number), Answer::Acked);
    }

    /// The other partner connects anew, with a version that understands heads.
    pub(super) fn other_hears(&mut self) {
        self.bench.sever(self.other.conn());
        self.other.features.push(HEADS);
        self.other.boot();
        self.bench.connect(&mut self.other);
    }

    pub(super) fn heard(&mut self, head: &SignedHead) {
        says(&mut self.bench, &self.relay, head);
    }

    pub(super) fn goes_on(&mut self, record: &VerifiedRecord) -> bool {
        // What comes while another is on its way waits that long for company.
        self.bench.wait(A_MOMENT);
        self.bench.delivered(self.other.conn()).contains(&record.id())
    }
}

/// The relay holds back the keyring in which a key is revoked, and whatever its origin says of it.
#[test]
fn what_a_relay_holds_back_stops_its_origin_after_a_fortnight() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    let before = advisory(&by, "before", START);
    world.brings(&before);
    assert!(is_accepted(&world.bench, &before.0) && world.goes_on(&before.0));

    // Up to the last moment what the thief signs is believed: nobody here can know better.
    world.bench.wait(HEAD_MAX_AGE.saturating_sub(A_MOMENT * 3));
    let early = stolen(&by, "early", world.bench.now);
    world.brings(&early);
    assert!(is_accepted(&world.bench, &early.0) && world.goes_on(&early.0));
    assert!(world.bench.alarms("keyring-unconfirmed").is_empty());
    world.bench.wait(A_MOMENT);
    let alarms = world.bench.alarms("keyring-unconfirmed");
    let name = world.bench.state().name_of(&by.id);
    let since = format!("the keyring of {name} has not been confirmed since {START}");
    assert!(matches!(alarms[..], [text] if text.starts_with(&since)), "{alarms:?}");

    let late = stolen(&by, "late", world.bench.now);
    world.brings(&late);
    let why = why_pending(&world.bench, &late.0).expect("it waits");
    assert_eq!(why, format!("its origin's keyring has not been confirmed since {START}"));
    assert!(!world.goes_on(&late.0));
    // Whoever comes now gets nothing of what was believed before either.
    let mut new = world.bench.pair(5);
    let conn = world.bench.connect(&mut new);
    assert!(world.bench.delivered(conn).is_empty());

    // What takes back is believed and goes on all the same.
    let body = WithdrawalBody::of(vec![before.0.id()]).expect("one record").encode();
    let at = world.bench.now;
    let taken_back = control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, at).unwrap();
    world.brings(&(taken_back.clone(), Vec::new()));
    assert!(is_accepted(&world.bench, &taken_back) && world.goes_on(&taken_back));

    // One word of the origin, and it goes on by itself; a second time nobody is told.
    world.heard(&head(&by, world.bench.now));
    assert!(is_accepted(&world.bench, &late.0) && world.goes_on(&late.0));
    assert!(world.bench.delivered(conn).contains(&early.0.id()));
    assert_eq!(world.bench.alarms("keyring-unconfirmed").len(), 1);
}

/// As the thief would have it, the relay lets the origin's word through and not its keyring.
#[test]
fn a_newer_keyring_that_is_named_and_does_not_come_stops_its_origin() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    let keyring = revoking(&by, START);
    let newer = DatedHead::of(&keyring, START.saturating_add(AN_HOUR)).sign(&by.link);
    world.bench.wait(AN_HOUR);
    world.heard(&newer);
    // It may be on its way.
    let honest = advisory(&by, "on its way", world.bench.now);
    world.brings(&honest);
    assert!(is_accepted(&world.bench, &honest.0) && world.goes_on(&honest.0));
    world.bench.wait(KEYRING_ON_ITS_WAY);
    assert_eq!(world.bench.alarms("keyring-unconfirmed").len(), 1);
    let (false_one, true_one) =
        (stolen(&by, "stolen", world.bench.now), advisory(&by, "true", world.bench.now));
    for record in [&false_one, &true_one] {
        world.brings(record);
        let why = why_pending(&world.bench, &record.0).expect("it waits");
        assert_eq!(why, "its origin's keyring version 2 is awaited");
    }
    // It says so as often as it likes: what it named once is awaited.
    world.heard(&head(&by, world.bench.now));
    assert!(!is_accepted(&world.bench, &true_one.0));
    world.brings(&(record(&by, &keyring, world.bench.now), Vec::new()));
    assert!(is_accepted(&world.bench, &true_one.0) && world.goes_on(&true_one.0));
    assert!(!is_accepted(&world.bench, &false_one.0) && !world.goes_on(&false_one.0));
}

#[test]
fn two_keyrings_of_one_version_are_named_and_nothing_goes_on() {
    let mut world = World::new();
    let by = world.origin.clone();
    let before = advisory(&by, "before", START);
    world.heard(&head(&by, START));
    world.brings(&before);
    let other = DatedHead { digest: Digest([7; 32]), ..DatedHead::of(&by.keyring, START) };
    world.heard(&other.sign(&by.link));
    let alarms = world.bench.alarms("keyring-unconfirmed");
    assert!(matches!(alarms[..], [text] if text.contains("is contradicted by")), "{alarms:?}");
    let after = advisory(&by, "after", START);
    world.brings(&after);
    world.heard(&head(&by, START.saturating_add(AN_HOUR * 2)));
    assert!(why_pending(&world.bench, &after.0).is_some() && !world.goes_on(&after.0));
    world.bench.restart();
    world.bench.connect(&mut world.relay);
    assert!(why_pending(&world.bench, &after.0).is_some());
    // The root alone can freeze the economy, and the root says what follows.
    assert!(!world.bench.state().is_frozen(&by.id));
    world.brings(&(record(&by, &revoking(&by, START), START), Vec::new()));
    assert!(is_accepted(&world.bench, &after.0));
}

#[test]
fn what_was_heard_once_counts_after_a_restart() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.heard(&head(&by, START));
    world.bench.restart();
    world.bench.connect(&mut world.relay);
    world.bench.wait(HEAD_MAX_AGE);
    let late = advisory(&by, "late", world.bench.now);
    world.brings(&late);
    assert!(why_pending(&world.bench, &late.0).is_some());
    world.bench.restart();
    world.bench.connect(&mut world.relay);
    assert!(why_pending(&world.bench, &late.0).is_some());
    assert_eq!(world.bench.alarms("keyring-unconfirmed").len(), 2, "told again at a start");
    world.heard(&head(&by, world.bench.now));
    assert!(is_accepted(&world.bench, &late.0));
}

/// Its head is durable before anybody hears of it from us, and what was not is brought again.
#[test]
fn a_crash_loses_no_more_than_the_word() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.other_hears();
    world.brings(&advisory(&by, "before", START));
    world.bench.left(world.other.conn());
    world.bench.slow_disk = true;
    let word = head(&by, START);
    world.heard(&word);
    world.other_hears();
    assert!(!world.bench.has_left(world.other.conn(), &word.encode()));
    world.bench.slow_disk = false;
    world.bench.restart();
    assert_eq!(world.bench.state().head_of(&by.id), None);
    world.bench.connect(&mut world.relay);
    world.bench.connect(&mut world.other);
    world.heard(&word);
    assert_eq!(world.bench.state().head_of(&by.id), Some(&word));
    assert!(world.bench.has_left(world.other.conn(), &word.encode()));
}

/// Of an older version, or whose relays all are.
#[test]
fn whoever_never_said_a_word_is_not_measured_by_it() {
    let mut world = World::new();
    let by = world.origin.clone();
    world.bench.wait(HEAD_MAX_AGE * 4);
    let record = advisory(&by, "years later", world.bench.now);
    world.brings(&record);
    assert!(is_accepted(&world.bench, &record.0) && world.goes_on(&record.0));
    assert!(world.bench.alarms("keyring-unconfirmed").is_empty());
}

#[test]
fn heads_go_before_data_to_whoever_has_something_of_the_origin_and_understands_them() {
    let mut world = World::new();
    let by = world.origin.clone();
    let word = head(&by, START);
    world.heard(&word);
    let told = |bench: &Bench, peer: &Peer| bench.has_left(peer.conn(), &word.encode());
    let mut new = world.bench.pair(5);
    new.features.push(HEADS);
    world.bench.connect(&mut new);
    assert!(!told(&world.bench, &new), "it has nothing of that economy");
    let first = advisory(&by, "first", START);
    world.brings(&first);
    assert!(told(&world.bench, &new));
    let left = world.bench.left(new.conn());
    let place = |bytes: &[u8]| left.windows(bytes.len()).position(|window| window == bytes);
    assert!(place(&word.encode()) < place(first.0.signed()), "before data");
    // It is told once over a connection, and again over the next.
    world.brings(&advisory(&by, "second", START));
    assert!(!told(&world.bench, &new));
    world.bench.sever(new.conn());
    new.boot();
    world.bench.connect(&mut new);
    assert!(told(&world.bench, &new));
    // Whoever does not understand it, and its origin, hear nothing.
    assert!(world.goes_on(&first.0) && !told(&world.bench, &world.other));
    let mut origin = Peer::of(by.clone());
    origin.features.push(HEADS);
    world.bench.connect(&mut origin);
    assert!(!told(&world.bench, &origin));
    // A later word goes on at once.
    let later = head(&by, START.saturating_add(AN_HOUR));
    world.bench.wait(AN_HOUR);
    world.heard(&later);
    assert!(world.bench.has_left(new.conn(), &later.encode()));
}

/// A head permits nothing: one that is old, from the future, made up, or of somebody whom nobody here knows
/// changes nothing.
#[test]
fn what_is_not_to_be_believed_of_a_head_changes_nothing() {
    let mut world = World::new();
    let by = world.origin.clone();
    let tomorrow = head(&by, START.saturating_add(AN_HOUR * 24));
    let made_up = DatedHead::of(&by.keyring, START).sign(&SecretKey::from_seed(&[9; 32]));
    let author = DatedHead::of(&by.keyring, START).sign(&by.author);
    let stranger = head(&Economy::found(77), START);
    let ours = head(&world.bench.node.economy.clone(), START);
    for word in [&tomorrow, &made_up, &author, &stranger, &ours] {
        world.heard(word);
    }
    let mut forged = head(&by, START).encode();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    world.heard(&SignedHead::decode(&forged).unwrap());
    assert_eq!((headed(&world.bench), world.bench.alarms("bad-head").len()), (0, 1));
    world.heard(&head(&by, START));
    // The same again, and one of before.
    world.heard(&head(&by, START));
    world.heard(&head(&by, START.saturating_sub(AN_HOUR * 5)));
    assert_eq!(headed(&world.bench), 1);
    // What was of the future comes again when it is not any more.
    world.bench.wait(AN_HOUR * 24);
    world.heard(&tomorrow);
    assert_eq!(headed(&world.bench), 2);
    assert_eq!(world.bench.state().head_of(&by.id), Some(&tomorrow));
}

/// The origin itself, or whoever stole its link key, dates its words as it likes and names what versions it likes.
#[test]
fn whoever_floods_heads_fills_neither_the_journal_nor_our_time() {
    let mut world = World::new();
    let by = world.origin.clone();
    let hour = |hours: u32| Timestamp::from_secs(1_792_000_000).saturating_add(AN_HOUR * hours);
    for hours in 0..200 {
        world.heard(&head(&by, hour(hours)));
    }
    for version in 2..200 {
        let place = Place { rotations: 0, version };
        let claim = DatedHead { place, ..DatedHead::of(&by.keyring, START) };
        world.heard(&claim.sign(&by.link));
    }
    assert_eq!(headed(&world.bench), HEADS_A_DAY);
    world.bench.restart();
    world.bench.connect(&mut world.relay);
    world.heard(&head(&by, hour(900)));
    assert_eq!(headed(&world.bench), HEADS_A_DAY, "and not after a restart");
    // What is made up costs a look each, and those are counted too: the next that is true waits.
    let mut world = World::new();
    let mut forged = head(&by, START).encode();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let forged = SignedHead::decode(&forged).unwrap();
    for _ in 0..HEADS_VERIFIED {
        world.heard(&forged);
    }
    world.heard(&head(&by, START));
    assert_eq!(headed(&world.bench), 0);
    world.bench.wait(AN_HOUR);
    world.heard(&head(&by, START));
    assert_eq!(headed(&world.bench), 1);
}

#[test]
fn we_say_of_ours_what_is_so_and_no_more_often_than_needed() {
    let mut bench = Bench::new();
    let mut other = bench.pair(4);
    other.features.push(HEADS);
    bench.connect(&mut other);
    let us = bench.node.economy.clone();
    let newest = |bench: &Bench| bench.state().head_of(&us.id).cloned();
    assert_eq!(bench.command(Command::ConfirmKeyring), Ok(Reply::Done));
    let first = newest(&bench).expect("said");
    assert_eq!(*first.head(), DatedHead::of(&us.keyring, START));
    assert!(bench.has_left(other.conn(), &first.encode()));
    assert_eq!(bench.command(Command::ConfirmKeyring), Ok(Reply::Done));
    assert_eq!(headed(&bench), 1);
    // A keyring of ours is spoken of when it enters.
    let next = revoking(&us, START);
    let record = Box::new(record(&us, &next, START));
    bench
        .command(Command::Publish { record, parts: vec![], title: String::new(), draft: None })
        .unwrap();
    let second = newest(&bench).expect("said");
    assert_eq!(*second.head(), DatedHead::of(&next, START));
    assert!(bench.has_left(other.conn(), &second.encode()));
    // What we say of ourselves we do not wait for; and a machine that slept says it as its links come up.
    bench.wait(HEAD_MAX_AGE * 3);
    bench.sever(other.conn());
    other.boot();
    bench.connect(&mut other);
    let third = newest(&bench).expect("said");
    assert_eq!(*third.head(), DatedHead::of(&next, bench.now));
    assert!(bench.has_left(other.conn(), &third.encode()));
    assert_eq!(bench.state().unconfirmed(&us.id, bench.now), None);
    assert!(bench.alarms("keyring-unconfirmed").is_empty());
    // Restored, we may have a later keyring than we know.
    let backup = bench.node.store.backup();
    let restored = new_entry(&JournalEntry::Restored { at: START }, Vec::new());
    bench.replace(MemoryStore::restore(&backup, restored).unwrap());
    let refused = bench.command(Command::ConfirmKeyring);
    assert!(matches!(refused, Err(CommandError::Recovering(_))), "{refused:?}");
}

/// A partner that gave us the head gives it again with every connection: a backup from before it is mended so.
#[test]
fn a_restored_node_hears_again_what_it_had_heard() {
    let mut world = World::new();
    let by = world.origin.clone();
    let backup = world.bench.node.store.backup();
    world.heard(&head(&by, START));
    let restored = new_entry(&JournalEntry::Restored { at: START }, Vec::new());
    world.bench.replace(MemoryStore::restore(&backup, restored).unwrap());
    assert_eq!(world.bench.state().head_of(&by.id), None);
    world.bench.connect(&mut world.relay);
    world.heard(&head(&by, START));
    assert!(world.bench.state().head_of(&by.id).is_some());
}

#[test]
fn nobody_learns_of_an_economy_by_its_heads() {
    let mut world = World::new();
    let by: EconomyId = world.origin.id;
    world.other_hears();
    let word = head(&world.origin.clone(), START);
    world.heard(&word);
    world.bench.wait(HEAD_MAX_AGE);
    assert!(!world.bench.has_left(world.other.conn(), by.as_bytes()));
}
