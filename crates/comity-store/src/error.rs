//! What can go wrong, by what the caller does about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use comity_core::PartDigest;

/// Where the journal is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {segment} is damaged at byte {offset}: {what}")]
pub struct Damage {
    /// The segment's number, which its file name gives.
    pub segment: u32,
    /// Bytes from the start of the segment.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl Damage {
    pub(crate) fn new(segment: u32, offset: u64, what: impl Into<String>) -> Self {
        Self { segment, offset, what: what.into() }
    }
}

/// Why the store did not do what it was asked to do. Nothing is half done in any of these.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk has no room. Reading goes on, and writing too once there is room.
    #[error("the disk is full: {0} could not be written; free some space, nothing is half written")]
    Full(PathBuf),
    /// A batch before this one was refused, so that this one would get another place than its caller
    /// took it to have. Nothing of it was written.
    #[error("the batch was made for place {wanted} of the journal, and comes to {found}")]
    OutOfTurn {
        /// The place that its first entry was to get.
        wanted: u64,
        /// The place that it would get.
        found: u64,
    },
    /// A newer version of the program wrote this.
    #[error("{path} has format version {found}, this program knows {known}: use the newer program")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that this program reads.
        known: u32,
    },
    /// A program from before the first release wrote this.
    #[error(
        "{path} has format version {found}, this program reads {known}: it was written before the first release, and cannot be taken over"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// The journal is not what was written. Read-only from here; exit code 65.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// A backup is not what was copied. Nothing of it was restored.
    #[error("the backup in {path} is not what was copied: {what}; nothing was restored")]
    Backup {
        /// Its folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another process has the store.
    #[error("{path} is in use by {}", holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that wrote its number there.
        holder: Option<u32>,
    },
    /// A sync failed. What was not acknowledged may be lost; the store is read-only until it is opened anew.
    #[error("{path} could not be synced ({error}): read-only until restarted; check the disk")]
    SyncFailed {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The store was opened for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// A blob that was erased came again.
    #[error("part {0} was erased here and is not taken again")]
    Erased(PartDigest),
    /// A batch, an entry, a blob or a key over its bound.
    #[error("{what} of {found} is over the bound of {bound}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: usize,
        /// The bound, of [`crate::bounds`].
        bound: usize,
    },
    /// The views cannot be used; the journal can. They are rebuilt at the next open.
    #[error("the indexes cannot be used ({0}): run `comity store rebuild`")]
    Views(String),
    /// The folder is not one that can be opened, or written to, as asked.
    #[error("{path}: {what}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else that the system refuses.
    #[error("cannot {action} {path}: {error}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        if is_full(&error) {
            return Self::Full(path.to_owned());
        }
        Self::Io { action, path: path.to_owned(), error: Arc::new(error) }
    }

    pub(crate) fn sync(path: &Path, error: io::Error) -> Self {
        Self::SyncFailed { path: path.to_owned(), error: Arc::new(error) }
    }

    /// Whether the store took no harm, and would refuse the same batch again.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Erased(_))
    }

    /// Whether the store took no harm and may take the same batch later.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
