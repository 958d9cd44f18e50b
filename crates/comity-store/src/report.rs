//! What opening and checking a store found.

use std::path::PathBuf;

use crate::{Damage, Watermark};

/// What opening a store found and did.
#[derive(Clone, Debug)]
pub struct OpenReport {
    /// Whether there was no journal before.
    pub created: bool,
    /// How far the journal is durable.
    pub durable: Watermark,
    /// What was cut from the end. Until the partners' heads agree it counts as a possible restore.
    pub torn: Option<Torn>,
    /// Bytes that were cut, at this opening or at one before, and of which the journal does not say so:
    /// the disk has no room for that.
    pub untold: Option<u64>,
    /// Why nothing can be written, when it was opened for reading only.
    pub damage: Option<Damage>,
    /// The state of the views.
    pub views: ViewsState,
}

/// A tail that was cut because its batch had not been finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub segment: u32,
    /// Where its whole batches end.
    pub offset: u64,
    /// Bytes that were cut.
    pub bytes: u64,
    /// Whole entries among them, of a batch that was not whole.
    pub entries: u64,
    /// Where the bytes are kept. Parts may be among them: it is for the operator to look at and delete.
    pub kept_in: Option<PathBuf>,
}

/// The state of the views after opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewsState {
    /// They were right; the entries after their checkpoint were added.
    Kept {
        /// How many entries were added.
        replayed: u64,
    },
    /// They were deleted and built anew. Cursors are gone with them.
    Rebuilt {
        /// Why.
        why: String,
    },
    /// The disk takes none (it is full, or nothing is to be written): they are held in memory until the
    /// store closes.
    InMemory {
        /// Why.
        why: String,
    },
}
