//! What happens between a write and its sync.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

#[path = "support/mod.rs"]
mod support;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comity_store::{BlobState, DiskFaults, FileStore, Options, Store, StoreError};
use support::{blob, entry, entry_with, indexer};

/// A disk that says when a sync begins and waits to be told how it ends.
struct SlowDisk {
    begins: Mutex<Sender<()>>,
    ends: Mutex<Receiver<Option<io::Error>>>,
    syncs: AtomicUsize,
}

impl DiskFaults for SlowDisk {
    fn write(&self, _bytes: usize) -> Option<(usize, io::Error)> {
        None
    }

    fn sync(&self) -> Option<io::Error> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.begins.lock().unwrap().send(()).unwrap();
        self.ends.lock().unwrap().recv().unwrap_or(None)
    }
}

struct World {
    store: FileStore,
    disk: Arc<SlowDisk>,
    begun: Receiver<()>,
    end: Sender<Option<io::Error>>,
    // Dropped after the store.
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = support::folder();
        let ((begins, begun), (end, ends)) = (channel(), channel());
        let disk = Arc::new(SlowDisk {
            begins: Mutex::new(begins),
            ends: Mutex::new(ends),
            syncs: AtomicUsize::new(0),
        });
        let faults = Some(Arc::clone(&disk) as Arc<dyn DiskFaults>);
        let options = Options { faults, ..Options::new(indexer) };
        let (store, _) = FileStore::open(folder.path(), options).unwrap();
        Self { store, disk, begun, end, _folder: folder }
    }

    /// Waits until a sync has begun.
    fn sync_begins(&self) {
        self.begun.recv_timeout(Duration::from_secs(30)).expect("a sync begins");
    }

    fn submit(&self, text: &str, done: &Sender<Result<u64, StoreError>>) {
        let done = done.clone();
        let batch = vec![entry_with(text, &[text]), entry(text)];
        self.store.submit(
            batch,
            Box::new(move |result| done.send(result.map(|done| done.last)).unwrap()),
        );
    }
}

#[test]
fn nothing_is_seen_or_acknowledged_before_the_sync_and_one_sync_serves_all() {
    let world = World::new();
    let (done, acknowledged) = channel();
    let hint = world.store.subscribe();
    world.submit("a", &done);
    world.sync_begins();
    for number in 0..50 {
        world.submit(&format!("b{number}"), &done);
    }
    // Everything is with the system by now, and nothing of it is durable.
    assert!(acknowledged.recv_timeout(Duration::from_millis(50)).is_err());
    assert!(hint.try_recv().is_err());
    assert_eq!(world.store.durable().seq, 0);
    assert_eq!(world.store.read(1, 9).unwrap(), []);
    assert_eq!(world.store.blob_state(&blob("a").0), BlobState::Absent);

    world.end.send(None).unwrap();
    assert_eq!(acknowledged.recv().unwrap().unwrap(), 2);
    world.sync_begins();
    assert_eq!(world.store.durable().seq, 2);
    world.end.send(None).unwrap();
    let rest: Vec<u64> = acknowledged.iter().take(50).map(Result::unwrap).collect();
    assert_eq!(rest, (1..=50).map(|batch| 2 + 2 * batch).collect::<Vec<u64>>());
    assert_eq!(world.disk.syncs.load(Ordering::SeqCst), 2);
}

#[test]
fn a_failed_sync_fails_who_waits_and_all_who_come() {
    let world = World::new();
    let (done, acknowledged) = channel();
    world.submit("a", &done);
    world.sync_begins();
    for text in ["b", "c"] {
        world.submit(text, &done);
    }
    world.end.send(Some(io::Error::other("injected"))).unwrap();
    for _ in 0..3 {
        assert!(matches!(acknowledged.recv().unwrap(), Err(StoreError::SyncFailed { .. })));
    }
    assert_eq!(world.disk.syncs.load(Ordering::SeqCst), 1, "a sync is never tried again");
    assert_eq!(world.store.durable().seq, 0);
}

/// A batch that is refused by itself harms nobody who shares its sync.
#[test]
fn a_refused_batch_leaves_its_group_alone() {
    let world = World::new();
    for _ in 0..3 {
        world.end.send(None).unwrap();
    }
    world.store.erase(&[blob("gone").0]).unwrap();
    world.sync_begins();
    let (done, acknowledged) = channel();
    world.submit("a", &done);
    world.submit("gone", &done);
    world.submit("b", &done);
    world.end.send(None).unwrap();
    let results: Vec<_> = acknowledged.iter().take(3).collect();
    assert!(matches!(results[..], [Ok(2), Err(StoreError::Erased(_)), Ok(4)]));
}

/// Closing waits for what was submitted.
#[test]
fn what_waits_is_written_when_the_store_closes() {
    let folder = support::folder();
    let (done, acknowledged) = channel();
    let (store, _) = FileStore::open(folder.path(), support::options(4096, None)).unwrap();
    for number in 0..200 {
        let done = done.clone();
        let batch = vec![entry(&format!("entry {number}"))];
        store.submit(batch, Box::new(move |result| done.send(result.unwrap()).unwrap()));
    }
    drop(store);
    assert_eq!(acknowledged.try_iter().count(), 200);
    let (store, _) = FileStore::open(folder.path(), support::options(4096, None)).unwrap();
    assert_eq!(store.durable().seq, 200);
}

/// A write that was refused leaves no piece behind, not even for the next to open the store.
#[test]
fn a_refused_write_leaves_nothing() {
    let folder = support::folder();
    let disk = Arc::new(support::Disk::default());
    let options = || support::options(4096, Some(Arc::clone(&disk)));
    let (store, _) = FileStore::open(folder.path(), options()).unwrap();
    store.append(vec![entry("a")]).unwrap();
    for partial in [1, 9, 60, usize::MAX] {
        disk.fill(partial);
        assert!(store.append(vec![entry("b")]).unwrap_err().is_full());
    }
    drop(store);
    disk.heal();
    let (store, report) = FileStore::open(folder.path(), options()).unwrap();
    assert_eq!((report.torn, store.durable().seq), (None, 1));
}
