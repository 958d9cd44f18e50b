//! What the root of an economy signs has a bound as well: so many keyrings a day, so many that wait. What
//! takes something back is taken all the same.

use comity_core::journal::{Delivered, JournalEntry, RecordEntered, Source, Standing};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation, VerifiedKeyring};
use comity_core::record::{Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{EconomyId, Kind, RecordId, Tlp};
use comity_node::limits;
use comity_node::state::{Bound, State};
use comity_tests::bench::{Answer, Bench, Peer, advisory, fill};
use comity_tests::sim::economy::Economy;

/// The version so many after the first.
fn version(by: &Economy, number: u64) -> VerifiedKeyring {
    (0..number).fold(by.keyring.clone(), |held, _| next(by, &held))
}

fn next(by: &Economy, held: &VerifiedKeyring) -> VerifiedKeyring {
    KeyringBuilder::follow(held).sign(&[&by.root]).expect("its own root")
}

fn revokes(by: &Economy, held: &VerifiedKeyring, bench: &Bench) -> VerifiedKeyring {
    let key = by.former.id();
    let revocation = Revocation { key, at: bench.now, compromised: true };
    KeyringBuilder::follow(held).revoke(revocation).sign(&[&by.root]).expect("its own root")
}

fn record(by: &Economy, keyring: &VerifiedKeyring, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    let body = keyring.encoded().to_vec();
    let record = control(Kind::Keyring, body, Tlp::Clear, &by.author, by.id, bench.now);
    (record.expect("a control record"), Vec::new())
}

fn brings(bench: &mut Bench, peer: &mut Peer, keyring: &VerifiedKeyring, by: &Economy) -> Answer {
    let (record, parts) = record(by, keyring, bench);
    let before = peer.head.number;
    let number = bench.deliver(peer, &record, &parts);
    let answer = bench.answer(peer, number);
    if answer == Answer::Deferred {
        peer.take_back(before);
    }
    answer
}

fn held(bench: &Bench, economy: EconomyId) -> u64 {
    bench.state().keyring(&economy).expect("its keyring").version()
}

fn grown(by: &Economy, number: u64, bench: &Bench) -> (VerifiedRecord, Vec<Part>) {
    record(by, &version(by, number + 1), bench)
}

#[test]
fn keyrings_of_one_day_have_a_bound() {
    let mut bench = Bench::new();
    let (mut hostile, _, over) = fill(&mut bench, Bound::Keyrings, limits::KEYRINGS, grown);
    let id = hostile.economy.id;
    assert_eq!(held(&bench, id), limits::KEYRINGS + 1);
    // With the next day it comes.
    bench.wait(limits::A_DAY);
    let number = bench.deliver(&mut hostile, &over.0, &over.1);
    assert_eq!(bench.answer(&hostile, number), Answer::Acked);
    assert_eq!(held(&bench, id), limits::KEYRINGS + 2);
    bench.wait(std::time::Duration::from_secs(1));
    assert!(bench.engine().full(&id).next().is_none());
}

#[test]
fn what_takes_something_back_does_not_wait_for_room() {
    let mut bench = Bench::new();
    let (mut origin, mut relay, _) = fill(&mut bench, Bound::Keyrings, limits::KEYRINGS, grown);
    let by = origin.economy.clone();
    let last = bench.state().keyring(&by.id).expect("its keyring").clone();
    // One that revokes what was never granted takes nothing back.
    let key = SecretKey::from_seed(&[99; 32]).public().id();
    let idle = Revocation { key, at: bench.now, compromised: true };
    let idle = KeyringBuilder::follow(&last).revoke(idle).sign(&[&by.root]).expect("its own root");
    assert_eq!(brings(&mut bench, &mut origin, &idle, &by), Answer::Deferred);
    let revoked = revokes(&by, &last, &bench);
    assert_eq!(brings(&mut bench, &mut origin, &revoked, &by), Answer::Acked);
    assert!(
        bench.state().keyring(&by.id).expect("its keyring").revocation(by.former.id()).is_some()
    );
    // Who passes it on did nothing wrong, and goes on: the number is settled without it.
    let after = next(&by, &revoked);
    assert_eq!(brings(&mut bench, &mut relay, &after, &by), Answer::Rejected);
    let full: Vec<_> = bench.engine().full(&by.id).collect();
    assert_eq!(full, [Bound::Keyrings]);
    let told = bench.alarms("no-room").len();
    bench.wait(std::time::Duration::from_secs(1));
    assert_eq!(brings(&mut bench, &mut relay, &after, &by), Answer::Rejected);
    assert_eq!(bench.alarms("no-room").len(), told);
    assert!(bench.engine().full(&relay.economy.id).next().is_none());
    // A later root.
    let set = TestEconomy::genesis(&by.next_root, &SecretKey::from_seed(&[88; 32]));
    let root = KeyringBuilder::follow(&revoked).rotate(set).sign(&[&by.next_root]);
    let root = root.expect("the committed root");
    assert_eq!(brings(&mut bench, &mut relay, &root, &by), Answer::Acked);
    for _ in 0..2 {
        assert_eq!(bench.state().keyring(&by.id).expect("its keyring").digest(), root.digest());
        bench.restart();
    }
}

#[test]
fn a_contradiction_does_not_wait_for_room() {
    let mut bench = Bench::new();
    let (mut origin, ..) = fill(&mut bench, Bound::Keyrings, limits::KEYRINGS, grown);
    let by = origin.economy.clone();
    let grant = Grant::link(by.id, by.link.public(), TestEconomy::FROM, TestEconomy::UNTIL);
    let before = version(&by, limits::KEYRINGS - 1);
    let other = KeyringBuilder::follow(&before).grant(grant).sign(&[&by.root]);
    assert_eq!(brings(&mut bench, &mut origin, &other.expect("a keyring"), &by), Answer::Acked);
    assert!(bench.state().is_frozen(&by.id));
}

#[test]
fn what_a_revocation_behind_a_relay_waits_for_is_taken_with_it() {
    let mut bench = Bench::new();
    let (origin, mut relay, _) = fill(&mut bench, Bound::Keyrings, limits::KEYRINGS, grown);
    let by = origin.economy.clone();
    let last = bench.state().keyring(&by.id).expect("its keyring").clone();
    let between = next(&by, &last);
    let revoked = revokes(&by, &between, &bench);
    let after = next(&by, &revoked);
    assert_eq!(brings(&mut bench, &mut relay, &between, &by), Answer::Rejected);
    assert_eq!(brings(&mut bench, &mut relay, &revoked, &by), Answer::Acked);
    // It revokes the key as well.
    assert_eq!(brings(&mut bench, &mut relay, &after, &by), Answer::Acked);
    assert_eq!(held(&bench, by.id), last.version(), "they wait");
    assert_eq!(brings(&mut bench, &mut relay, &between, &by), Answer::Acked);
    assert_eq!(held(&bench, by.id), after.version());
    let further = next(&by, &after);
    assert_eq!(brings(&mut bench, &mut relay, &further, &by), Answer::Rejected);
}

/// What a later version made stricter is taken back no more by the version before, however often that comes.
#[test]
fn an_earlier_keyring_takes_nothing_back_again() {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (key, at) = (by.former.id(), bench.now);
    let revoking = |held: &VerifiedKeyring, at, compromised| {
        let revocation = Revocation { key, at, compromised };
        KeyringBuilder::follow(held).revoke(revocation).sign(&[&by.root]).expect("its own root")
    };
    let plain = revoking(&by.keyring, at, false);
    let stolen = revoking(&plain, at, true);
    for keyring in [&plain, &stolen] {
        assert_eq!(brings(&mut bench, &mut origin, keyring, &by), Answer::Acked);
    }
    // Nor does one that moves an instant back and reaches nothing.
    let mut last = stolen;
    for number in 0..limits::KEYRINGS + 2 {
        bench.wait(std::time::Duration::from_millis(1));
        let moved = at.saturating_sub(std::time::Duration::from_millis(number + 1));
        let next = revoking(&last, moved, true);
        let keyring = if number % 2 == 0 { &plain } else { &next };
        let answer = brings(&mut bench, &mut origin, keyring, &by);
        let taken = number < limits::KEYRINGS - 2;
        assert_eq!(answer, if taken { Answer::Acked } else { Answer::Deferred }, "{number}");
        if taken && number % 2 == 1 {
            last = next;
        }
    }
}

#[test]
fn keyrings_that_come_too_early_have_a_bound() {
    let mut bench = Bench::new();
    let (mut relay, mut origin) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut relay);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (mut last, mut early) = (by.keyring.clone(), Vec::new());
    for number in 0..limits::EARLY_KEYRINGS {
        let skipped = next(&by, &last);
        last = next(&by, &skipped);
        assert_eq!(brings(&mut bench, &mut relay, &last, &by), Answer::Acked, "{number}");
        early.push(last.clone());
    }
    let further = next(&by, &next(&by, &last));
    let journal = bench.journal();
    assert_eq!(brings(&mut bench, &mut relay, &further, &by), Answer::Rejected);
    assert_eq!(bench.journal(), journal + 1);
    assert_eq!(held(&bench, by.id), 1);
    // Who passes it on did nothing wrong, and is asked for it anew.
    let (relayed, number) = (relay.economy.id, relay.head.number);
    assert_eq!(bench.state().lacking(&relayed, &by.id), [number]);
    bench.restart();
    assert_eq!(bench.state().lacking(&relayed, &by.id), [number]);
    bench.connect(&mut origin);
    // The economy itself may skip versions, also to one that had come too early.
    assert_eq!(brings(&mut bench, &mut origin, &early[3], &by), Answer::Acked);
    for _ in 0..2 {
        assert_eq!(held(&bench, by.id), early[3].version());
        bench.restart();
    }
    // Nobody else waits for it.
    bench.connect(&mut relay);
    let (record, parts) = advisory(&relay.economy, "a flaw", bench.now);
    let number = bench.deliver(&mut relay, &record, &parts);
    assert_eq!(bench.answer(&relay, number), Answer::Acked);
}

#[test]
fn of_keyrings_that_had_their_effect_the_bytes_are_on_the_disk_only() {
    let mut bench = Bench::new();
    let (mut origin, mut reader) = (bench.pair(2), bench.pair(3));
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    for number in 0..4 {
        let (record, parts) = grown(&by, number, &bench);
        bench.deliver(&mut origin, &record, &parts);
    }
    let (record, parts) = advisory(&by, "a flaw", bench.now);
    bench.deliver(&mut origin, &record, &parts);
    for _ in 0..2 {
        let all = bench.state().records().filter(|(_, one)| one.facts.kind == Kind::Keyring);
        let bodies: Vec<_> = all.map(|(_, one)| one.body.is_some()).collect();
        assert_eq!(bodies, [false; 4]);
        assert_eq!(held(&bench, by.id), 5);
        bench.restart();
    }
    // Whoever gets a record of that origin gets them all the same.
    let conn = bench.connect(&mut reader);
    bench.wait(std::time::Duration::from_secs(1));
    let went = bench.delivered(conn).into_iter();
    let kind = |id| bench.state().record(&id).expect("it is here").facts.kind;
    assert_eq!(went.filter(|id| kind(*id) == Kind::Keyring).count(), 4);
}

#[test]
fn a_start_takes_the_journals_word_for_keyrings() {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    bench.connect(&mut origin);
    let by = origin.economy.clone();
    let (entry, parts) = (origin.number(&record(&by, &version(&by, 1), &bench).0, &[]), Vec::new());
    // Signed by nobody whom the economy knows: only what verified is ever entered.
    let stranger = SecretKey::from_seed(&[98; 32]);
    let mut keyring = version(&by, 1).keyring().clone();
    keyring.affirmed.push(RecordId([7; 32]));
    let body = keyring.sign(&[&stranger]).encode();
    let forged = control(Kind::Keyring, body, Tlp::Clear, &by.author, by.id, bench.now);
    let delivered = Delivered { from: by.id, entry };
    let entered = RecordEntered {
        signed: forged.expect("a control record").signed().to_vec(),
        parts,
        source: Source::Partner(delivered),
        standing: Standing::Accepted,
        reference: "KR-26-C001".to_owned(),
        title: String::new(),
        at: bench.now,
    };
    let founded = bench.node.entries().into_iter();
    let mut entries: Vec<_> = founded
        .map(|entry| JournalEntry::decode(entry.kind, &entry.body).expect("an entry"))
        .collect();
    entries.push(JournalEntry::Record(entered));
    let (first, rest) = entries.split_first().expect("the founding");
    let mut state = State::begin(first).expect("a founding");
    for (seq, entry) in (2..).zip(rest) {
        state.replay(seq, entry.kind(), &entry.encode()).expect("it folds");
    }
    state.replayed();
    assert_eq!(state.keyring(&by.id).expect("its keyring").version(), 2);
}
