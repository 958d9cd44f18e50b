//! An engine over a store that refuses: for want of room, or for good.

use std::sync::Arc;

use comity_node::engine::{CommandError, Input, Token};
use comity_node::state::State;
use comity_store::StoreError;
use comity_tests::bench::Bench;

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
    bench.node.store.set_room(None);
    let state = bench.node.fold(None).expect("the journal folds");
    bench.engine().start_anew(state);
    assert!(bench.engine().failed().is_none());
    bench.connect(&mut peer);
    let token = bench.publish("a small one");
    assert!(matches!(bench.reply(token), Some(Ok(_))));
    assert_eq!(bench.delivered(peer.conn()).len(), 1);
    bench.restart();
    let records = |state: &State| state.records().count();
    assert_eq!(records(bench.state()), 1);
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
