//! One suite for every store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions, where the linter looks for them"
)]

mod suite;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use comity_store::{FileStore, MemoryStore, Store, Syncing};
use support::{Disk, indexer, options};
use tempfile::TempDir;

/// A store whose disk and process the suite has in hand.
trait World {
    /// An empty store.
    fn new() -> Self;
    fn store(&self) -> &dyn Store;
    /// Closes the store and opens what it left.
    fn reopen(&mut self);
    fn fail_next_sync(&mut self);
    fn fill_disk(&mut self);
    fn free_disk(&mut self);
}

struct OnDisk {
    folder: TempDir,
    disk: Arc<Disk>,
    store: Option<FileStore>,
}

impl World for OnDisk {
    fn new() -> Self {
        let mut world = Self { folder: support::folder(), disk: Arc::default(), store: None };
        world.reopen();
        world
    }

    fn store(&self) -> &dyn Store {
        self.store.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        drop(self.store.take());
        self.disk.heal();
        let options = options(600, Some(Arc::clone(&self.disk)));
        self.store = Some(FileStore::open(self.folder.path(), options).unwrap().0);
    }

    fn fail_next_sync(&mut self) {
        self.disk.fail_syncs();
    }

    fn fill_disk(&mut self) {
        self.disk.fill(11);
    }

    fn free_disk(&mut self) {
        self.disk.heal();
    }
}

struct InMemory {
    store: MemoryStore,
}

impl World for InMemory {
    fn new() -> Self {
        Self { store: MemoryStore::new(indexer, Syncing::AtOnce) }
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn reopen(&mut self) {
        self.store = self.store.crash_with(comity_store::Unsynced::Dropped, true).0;
    }

    fn fail_next_sync(&mut self) {
        self.store.fail_next_sync();
    }

    fn fill_disk(&mut self) {
        self.store.set_room(Some(0));
    }

    fn free_disk(&mut self) {
        self.store.set_room(None);
    }
}

macro_rules! conformance {
    ($($name:ident)+) => {
        mod on_disk {
            $(#[test] fn $name() { super::suite::$name::<super::OnDisk>(); })+
        }
        mod in_memory {
            $(#[test] fn $name() { super::suite::$name::<super::InMemory>(); })+
        }
    };
}

conformance!(
    begins_empty
    numbers_are_dense_and_the_chain_links
    both_stores_give_one_chain
    reads_from_anywhere
    blobs_are_held_once
    scans_in_order_after_a_key
    a_later_entry_takes_a_key
    cursors_compare_and_set
    all_survives_a_reopen
    an_empty_batch_is_a_barrier
    completions_come_in_order
    what_was_submitted_behind_a_refused_batch_is_refused
    an_erased_blob_is_gone_and_refused
    an_oversized_batch_is_refused_whole
    a_failed_sync_ends_writing_and_not_reading
    a_full_disk_refuses_whole_and_recovers
    a_hint_follows_an_append
    writers_of_many_threads_share_one_chain
    pieces_make_a_body_and_are_no_blob
    pieces_survive_a_reopen_and_come_in_any_order
    pieces_that_do_not_make_the_body_are_not_it
    a_piece_of_another_size_is_refused
    a_body_of_another_length_is_another_body
    an_erased_body_is_refused_in_pieces
    a_full_disk_refuses_pieces_and_recovers
);
