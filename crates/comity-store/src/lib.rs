//! The journal of a comity node and its disposable views.
//!
//! The journal is the truth: an append-only, hash-chained log in segment files, synced before anything
//! is acknowledged. Bodies of parts lie beside the chain, which holds their digests. Indexes and cursors
//! are views: written behind the journal and rebuilt from it at any doubt.
//!
//! The format on disk is described in the book, page "The store". Entries are opaque bytes here: this
//! crate knows nothing of records, policy or the network.

mod batch;
pub mod bounds;
mod error;
mod file;
mod frame;
mod lock;
mod memory;
mod options;
mod report;
mod scan;
mod segment;
mod store;
mod unfinished;
mod views;

pub use error::{Damage, StoreError};
pub use file::{
    FileStore, VerifyReport, backup, first_entry, rebuild, restore, restore_with, verify,
};
pub use lock::Lock;
pub use memory::{MemoryBackup, MemoryStore, Syncing, Unsynced};
pub use options::{CutEntry, DiskFaults, Options};
pub use report::{OpenReport, Torn, ViewsState};
pub use store::{
    Appended, BlobState, Completion, Entry, Index, IndexKey, Indexer, NewEntry, Seq, Store,
    Watermark, chain_next,
};
pub use unfinished::{Piece, Unfinished};
