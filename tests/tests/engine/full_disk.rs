//! An engine over a store that refuses: for want of room, or for good.

use std::sync::Arc;
use std::time::Duration;

use comity_core::control::WithdrawalBody;
use comity_core::record::control;
use comity_core::{Kind, Marking, Tlp};
use comity_node::engine::{Command, CommandError, Input, Token};
use comity_node::state::State;
use comity_store::StoreError;
use comity_tests::bench::{Bench, advisory};

const HOUR: Duration = Duration::from_secs(3600);

/// The disk fills up, which the node learns from a record that does not fit.
fn fill_up(bench: &mut Bench) {
    bench.node.store.set_room(Some(10));
    let refused = bench.publish("one too many");
    assert_eq!(bench.reply(refused), Some(Err(CommandError::DiskFull)));
}

/// There is room, and the node goes on over what is on the disk.
fn go_on(bench: &mut Bench) {
    assert!(bench.engine().is_full(), "it does not go on by itself: {:?}", bench.engine().failed());
    bench.node.store.set_room(None);
    let state = bench.node.fold(None).expect("the journal folds");
    bench.engine().fall_back(state, Vec::new());
    assert!(bench.engine().is_full());
    bench.engine().go_on();
    assert!(bench.engine().failed().is_none());
}

#[test]
fn nothing_that_was_submitted_behind_a_refused_batch_is_written() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let journal = bench.journal();
    bench.slow_disk = true;
    let large = bench.publish(&"a large one ".repeat(1000));
    let small = bench.publish("a small one");
    // Room for the small one alone, which has a place behind the large one.
    bench.node.store.set_room(Some(4000));
    bench.sync();
    assert_eq!(bench.reply(large), Some(Err(CommandError::DiskFull)));
    assert_eq!(bench.reply(small), Some(Err(CommandError::DiskFull)));
    assert_eq!(bench.journal(), journal, "neither is on the disk");
    assert_eq!(bench.alarms("store-full").len(), 1);
    assert!(bench.closed.contains_key(&peer.conn()));

    // With room it goes on over what is on the disk.
    bench.slow_disk = false;
    go_on(&mut bench);
    bench.connect(&mut peer);
    let token = bench.publish("a small one");
    assert!(matches!(bench.reply(token), Some(Ok(_))));
    assert_eq!(bench.delivered(peer.conn()).len(), 1);
    bench.restart();
    let records = |state: &State| state.records().count();
    assert_eq!(records(bench.state()), 1);
}

#[test]
fn what_takes_back_is_signed_with_the_last_room() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    let token = bench.publish("Router flaw");
    bench.sync();
    assert!(matches!(bench.reply(token), Some(Ok(_))));
    let record = bench.delivered(peer.conn())[0];
    bench.input(Input::Space { low: true });
    let token = bench.publish("Another flaw");
    bench.sync();
    assert_eq!(bench.reply(token), Some(Err(CommandError::DiskLow)));
    let by = bench.node.economy.clone();
    let body = WithdrawalBody::of(vec![record]).expect("one record").encode();
    let record = control(Kind::Withdrawal, body, Tlp::Clear, &by.author, by.id, bench.now)
        .expect("a withdrawal");
    let (record, title) = (Box::new(record), "a withdrawal".to_owned());
    let token = bench.give(Command::Publish { record, parts: Vec::new(), title, draft: None });
    bench.sync();
    assert!(matches!(bench.reply(token), Some(Ok(_))));
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(peer.conn()).len(), 2, "and it goes out");
}

#[test]
fn a_worse_end_than_a_full_disk_is_what_counts() {
    let mut bench = Bench::new();
    bench.slow_disk = true;
    bench.node.store.set_room(Some(10));
    let first = bench.publish("first");
    bench.sync();
    assert_eq!(bench.reply(first), Some(Err(CommandError::DiskFull)));
    assert!(bench.engine().is_full());
    let refused = bench.publish("second");
    assert_eq!(bench.reply(refused), Some(Err(CommandError::DiskFull)));

    // What was with the store behind it comes back: refused with it, which changes nothing, or worse.
    let late = |error: StoreError| Input::Appended { token: Token(u64::MAX), result: Err(error) };
    bench.input(late(StoreError::OutOfTurn { wanted: 9, found: 3 }));
    assert!(bench.engine().is_full());
    let error = Arc::new(std::io::Error::other("the disk is gone"));
    bench.input(late(StoreError::SyncFailed { path: "journal".into(), error }));
    assert!(!bench.engine().is_full());
    assert_eq!(bench.alarms("store-failed").len(), 1);
    let refused = bench.publish("after that");
    assert!(matches!(bench.reply(refused), Some(Err(CommandError::Store(_)))));

    bench.restart();
    bench.node.store.set_room(Some(10));
    bench.node.store.fail_next_sync();
    let token = bench.publish("third");
    bench.sync();
    assert!(matches!(bench.reply(token), Some(Err(CommandError::Store(_)))));
    assert!(!bench.engine().is_full());
    assert_eq!(bench.alarms("store-failed").len(), 2);
}

#[test]
fn what_falls_due_while_the_disk_is_full_waits_for_room() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    let mut later = Marking::new(Tlp::Clear);
    later.release_at = Some(bench.now.saturating_add(HOUR));
    let held = bench.publish_marked("held until then", later);
    assert!(matches!(bench.reply(held), Some(Ok(_))));
    bench.connect(&mut peer);
    let journal = bench.journal();

    fill_up(&mut bench);
    assert_eq!(bench.engine().links_up().count(), 0);
    bench.wait(HOUR * 2);
    go_on(&mut bench);
    assert_eq!(bench.journal(), journal);
    assert!(bench.alarms("store-failed").is_empty());
    bench.connect(&mut peer);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(peer.conn()).len(), 1);
}

#[test]
fn a_read_that_comes_back_on_a_full_disk_takes_nothing_back() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    let mut until = Marking::new(Tlp::Clear);
    until.expires = Some(bench.now.saturating_add(HOUR));
    bench.slow_disk = true;
    bench.connect(&mut peer);
    bench.publish_marked("good for an hour", until);
    bench.sync();
    // After a restart it has to be read before it goes again.
    bench.slow_disk = false;
    bench.restart();
    bench.slow_reads = true;
    bench.connect(&mut peer);
    let journal = bench.journal();

    fill_up(&mut bench);
    bench.now = bench.now.saturating_add(HOUR * 2);
    bench.read();
    go_on(&mut bench);
    assert_eq!(bench.journal(), journal);
    // With room the number is taken back.
    bench.slow_reads = false;
    bench.connect(&mut peer);
    assert!(bench.delivered(peer.conn()).is_empty());
    assert_eq!(bench.journal(), journal + 1);
}

#[test]
fn what_falls_due_in_the_step_that_hears_of_a_full_disk_is_not_entered() {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    // Signed too far ahead: it waits for its time.
    let ahead = bench.now.saturating_add(HOUR);
    let (record, parts) = advisory(&peer.economy.clone(), "of tomorrow", ahead);
    bench.deliver(&mut peer, &record, &parts);
    let journal = bench.journal();

    bench.slow_disk = true;
    bench.node.store.set_room(Some(10));
    let refused = bench.publish("one too many");
    bench.now = bench.now.saturating_add(HOUR * 2);
    bench.sync();
    assert_eq!(bench.reply(refused), Some(Err(CommandError::DiskFull)));
    bench.sync();
    bench.slow_disk = false;
    go_on(&mut bench);
    bench.wait(Duration::from_secs(1));
    assert!(bench.state().record(&record.id()).expect("the record").is_accepted());
    assert_eq!(bench.journal(), journal + 1);
}
