//! How a store on disk is opened.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::{Indexer, NewEntry};

/// How a [`crate::FileStore`] is opened.
#[derive(Clone)]
pub struct Options {
    /// Gives the keys of an entry.
    pub indexer: Indexer,
    /// Changes when the indexer does: the views are then built anew.
    pub index_version: u32,
    /// Bytes at which a new segment begins. Default 64 MiB, at most [`crate::bounds::SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// Bytes of memory that the views on disk may hold. Default 16 MiB.
    ///
    /// sled takes a gigabyte by default.
    pub view_cache_bytes: u64,
    /// The entry that says that an unfinished write was cut off, where the journal is to say so.
    pub cut: Option<CutEntry>,
    /// Failures to inject, in tests.
    pub faults: Option<Arc<dyn DiskFaults>>,
}

/// Makes the entry that says that so many bytes were cut from the end.
pub type CutEntry = fn(bytes: u64) -> NewEntry;

impl Options {
    /// The defaults, with this indexer.
    #[must_use]
    pub const fn new(indexer: Indexer) -> Self {
        Self {
            indexer,
            index_version: 1,
            segment_bytes: 64 << 20,
            view_cache_bytes: 16 << 20,
            cut: None,
            faults: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("index_version", &self.index_version)
            .field("segment_bytes", &self.segment_bytes)
            .field("view_cache_bytes", &self.view_cache_bytes)
            .finish_non_exhaustive()
    }
}

/// A disk that fails: asked before every write to the journal and every sync of it.
pub trait DiskFaults: Send + Sync {
    /// A write of `bytes` is to fail after so many of them, with this error.
    fn write(&self, bytes: usize) -> Option<(usize, io::Error)>;

    /// A sync is to fail with this error.
    fn sync(&self) -> Option<io::Error>;
}
