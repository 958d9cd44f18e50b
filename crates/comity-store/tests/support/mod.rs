//! What the store's tests write, and faults of the disk they write to.
#![allow(dead_code, reason = "each test binary uses a part of this")]
#![allow(clippy::unwrap_used, reason = "these are helpers of tests")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use comity_core::{PartDigest, digest};
use comity_store::{DiskFaults, Entry, Index, IndexKey, NewEntry, Options};
use tempfile::TempDir;

/// A new folder, in memory where the system has such: what a kill leaves is the same there.
pub(crate) fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// A blob with the digest of its content.
pub(crate) fn blob(content: impl Into<Vec<u8>>) -> (PartDigest, Bytes) {
    let content: Vec<u8> = content.into();
    let root = digest::tree_root(&digest::leaf_hashes(&content)).unwrap();
    (root.into(), content.into())
}

/// An entry with a text as its body.
pub(crate) fn entry(text: &str) -> NewEntry {
    NewEntry { kind: 1, body: Bytes::copy_from_slice(text.as_bytes()), blobs: Vec::new() }
}

/// An entry with blobs.
pub(crate) fn entry_with(text: &str, blobs: &[&str]) -> NewEntry {
    NewEntry { blobs: blobs.iter().map(|content| blob(*content)).collect(), ..entry(text) }
}

/// Finds an entry under its body and, under `Case`, under its body's first byte and its number.
pub(crate) fn indexer(entry: &Entry) -> Vec<IndexKey> {
    let mut case: Vec<u8> = entry.body.iter().take(1).copied().collect();
    case.extend(entry.seq.to_be_bytes());
    let id = entry.body.iter().take(64).copied().collect();
    vec![IndexKey { index: Index::Id, key: id }, IndexKey { index: Index::Case, key: case }]
}

/// A disk that fails when it is told to.
#[derive(Default)]
pub(crate) struct Disk {
    sync_fails: AtomicBool,
    /// Syncs that succeed before the failing begins.
    syncs_left: AtomicUsize,
    full: AtomicBool,
    /// Bytes that a refused write leaves behind.
    partial: AtomicUsize,
}

impl Disk {
    pub(crate) fn fail_syncs(&self) {
        self.fail_syncs_after(0);
    }

    pub(crate) fn fail_syncs_after(&self, syncs: usize) {
        self.syncs_left.store(syncs, Ordering::SeqCst);
        self.sync_fails.store(true, Ordering::SeqCst);
    }

    pub(crate) fn heal(&self) {
        self.sync_fails.store(false, Ordering::SeqCst);
        self.full.store(false, Ordering::SeqCst);
    }

    pub(crate) fn fill(&self, partial: usize) {
        self.partial.store(partial, Ordering::SeqCst);
        self.full.store(true, Ordering::SeqCst);
    }
}

impl DiskFaults for Disk {
    fn write(&self, bytes: usize) -> Option<(usize, io::Error)> {
        let partial = self.partial.load(Ordering::SeqCst).min(bytes);
        let full = self.full.load(Ordering::SeqCst);
        full.then(|| (partial, io::ErrorKind::StorageFull.into()))
    }

    fn sync(&self) -> Option<io::Error> {
        let fails = self.sync_fails.load(Ordering::SeqCst);
        let left = |left: usize| left.checked_sub(1);
        let spent =
            || self.syncs_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_err();
        (fails && spent()).then(|| io::Error::other("injected"))
    }
}

/// Options of a test: small segments, so that there are several.
pub(crate) fn options(segment_bytes: u64, faults: Option<Arc<Disk>>) -> Options {
    Options {
        segment_bytes,
        view_cache_bytes: 1 << 20,
        faults: faults.map(|disk| disk as Arc<dyn DiskFaults>),
        ..Options::new(indexer)
    }
}

/// A sequence of numbers from a seed: SplitMix64.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        words.take(length).collect()
    }
}
