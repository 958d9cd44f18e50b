//! How a store in memory crashes.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use comity_store::{BlobState, MemoryStore, Seq, Store, StoreError, Syncing, Unsynced};
use support::{blob, entry, entry_with, indexer};

fn store() -> MemoryStore {
    MemoryStore::new(indexer, Syncing::OnCall)
}

/// Submits a batch of two, and notes the last entry that is acknowledged.
fn submit(store: &MemoryStore, text: &str, acknowledged: &Arc<AtomicU64>) {
    let acknowledged = Arc::clone(acknowledged);
    store.submit(
        vec![entry_with(text, &[text]), entry(text)],
        Box::new(move |result| acknowledged.store(result.unwrap().last, Ordering::SeqCst)),
    );
}

#[test]
fn nothing_is_seen_before_the_sync() {
    let store = store();
    let acknowledged = Arc::default();
    submit(&store, "a", &acknowledged);
    assert_eq!((store.durable().seq, store.unsynced()), (0, 1));
    assert_eq!(store.blob_state(&blob("a").0), BlobState::Absent);
    assert_eq!(store.read(1, 9).unwrap(), []);
    store.sync();
    assert_eq!(acknowledged.load(Ordering::SeqCst), 2);
    assert_eq!(store.durable().seq, 2);
}

#[test]
fn unsynced_batches_are_dropped_kept_or_torn() {
    let fates: [(Unsynced, Seq, bool); 4] = [
        (Unsynced::Dropped, 2, false),
        (Unsynced::Kept, 8, false),
        (Unsynced::Torn { whole: 1 }, 4, true),
        (Unsynced::Torn { whole: 3 }, 8, false),
    ];
    for (fate, seq, torn) in fates {
        let store = store();
        let acknowledged = Arc::default();
        submit(&store, "a", &acknowledged);
        store.sync();
        for text in ["b", "c", "d"] {
            submit(&store, text, &acknowledged);
        }
        assert!(store.compare_and_set_cursor("kr", None, Some(2)).unwrap());
        let (after, report) = store.crash_with(fate, false);
        assert_eq!((after.durable().seq, report.torn.is_some()), (seq, torn), "{fate:?}");
        assert_eq!(acknowledged.load(Ordering::SeqCst), 2, "nobody is told after a crash");
        assert_eq!(after.cursor("kr").unwrap(), None);
        assert!(matches!(store.append(vec![]), Err(StoreError::Closed)));
        assert!(matches!(store.read(1, 1), Err(StoreError::Closed)));
        assert_eq!(after.append(vec![entry("e")]).unwrap().first, seq + 1);
    }
}

/// Whatever a seed draws, what was acknowledged is there; and the seeds draw every fate.
#[test]
fn every_seed_keeps_what_was_acknowledged() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let store = store();
        let acknowledged = Arc::default();
        for text in ["a", "b"] {
            submit(&store, text, &acknowledged);
        }
        store.sync();
        for text in ["c", "d"] {
            submit(&store, text, &acknowledged);
        }
        let (after, report) = store.crash(seed);
        let seq = after.durable().seq;
        assert!(seq >= acknowledged.load(Ordering::SeqCst) && seq % 2 == 0);
        assert_eq!(after.read(1, 99).unwrap().len() as u64, seq);
        assert_eq!(after.scan(comity_store::Index::Case, &[], None, 99).unwrap().len() as u64, seq);
        seen.insert((seq, report.torn.is_some()));
    }
    let all = [(4, false), (4, true), (6, true), (8, false)];
    assert_eq!(seen, BTreeSet::from(all));
}

#[test]
fn one_seed_gives_one_fate() {
    let fate = |seed| {
        let store = store();
        submit(&store, "a", &Arc::default());
        store.crash(seed).0.durable()
    };
    assert!((0..20).all(|seed| fate(seed) == fate(seed)));
}

#[test]
fn a_backup_is_of_its_moment() {
    let store = store();
    store.append(vec![entry_with("a", &["x"])]).unwrap();
    let backup = store.backup();
    store.append(vec![entry("b")]).unwrap();
    store.erase(&[blob("x").0]).unwrap();
    let restored = MemoryStore::restore(&backup, entry("restored")).unwrap();
    let bodies: Vec<_> = restored.read(1, 9).unwrap().into_iter().map(|entry| entry.body).collect();
    assert_eq!(bodies, ["a", "restored"]);
    assert_eq!(restored.blob_state(&blob("x").0), BlobState::Held);
    assert_ne!(restored.durable().chain, store.durable().chain);
}
