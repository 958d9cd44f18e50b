//! The store on disk.

mod committer;
mod indexing;
mod maintenance;
mod open;
mod reader;
mod summary;
mod unfinished;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{PoisonError, RwLockReadGuard};
use std::thread::JoinHandle;

use bytes::Bytes;
use comity_core::PartDigest;
use comity_core::ledger::Ranges;

pub use maintenance::{VerifyReport, backup, first_entry, rebuild, restore, restore_with, verify};

use crate::batch::within;
use crate::lock::Lock;
use crate::report::OpenReport;
use crate::scan::{Blob, Journal};
use crate::unfinished::refuse_erased;
use crate::{
    Appended, BlobState, Completion, Entry, Index, NewEntry, Options, Piece, Seq, Store,
    StoreError, Unfinished, Watermark, bounds,
};
use committer::{Job, Submitted};
use reader::Shared;
use unfinished::Bodies;

/// A journal in segment files with views in sled, for one process.
///
/// Two threads belong to it: the committer, which alone writes to the journal, and one that brings the
/// views up to it. Dropping the store waits for what was submitted.
pub struct FileStore {
    /// `None` when it was opened for reading only, and while it closes.
    queue: Option<SyncSender<Job>>,
    committer: Option<JoinHandle<()>>,
    indexing: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    bodies: Bodies,
    /// Let go last.
    _lock: Lock,
}

/// Where things lie in a store's folder.
#[derive(Clone, Debug)]
struct Layout {
    folder: PathBuf,
    journal: PathBuf,
    views: PathBuf,
    torn: PathBuf,
    unfinished: PathBuf,
    restoring: PathBuf,
}

impl Layout {
    fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            journal: folder.join("journal"),
            views: folder.join("views"),
            torn: folder.join("torn"),
            unfinished: folder.join("unfinished"),
            restoring: folder.join("restore.partial"),
        }
    }
}

impl FileStore {
    /// Opens the store in `folder`, which is made if it is not there.
    ///
    /// The journal is scanned, an unfinished batch at its end is cut off and kept in `torn/`, erasures that
    /// were interrupted are finished, and the views are brought up to the journal or built anew. What
    /// cannot be explained by a crash is [`StoreError::Damage`] and nothing is touched.
    pub fn open(folder: &Path, options: Options) -> Result<(Self, OpenReport), StoreError> {
        open::open(folder, options)
    }

    /// Opens a store of which nothing is to be changed, damaged or not: it serves what stands before the
    /// damage, from views in memory, and takes no writes.
    pub fn open_read_only(
        folder: &Path,
        options: Options,
    ) -> Result<(Self, OpenReport), StoreError> {
        open::open_read_only(folder, options)
    }

    /// Why nothing is written any more, if so.
    #[must_use]
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.failure()
    }

    /// Copies the journal as it is now into `to`, an empty or new folder, while the store is in use.
    pub fn backup(&self, to: &Path) -> Result<Watermark, StoreError> {
        maintenance::copy_journal(&self.shared, to)
    }

    fn journal(&self) -> RwLockReadGuard<'_, Journal> {
        self.shared.journal.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, job: Job) -> Result<(), Job> {
        match &self.queue {
            Some(queue) => queue.send(job).map_err(|error| error.0),
            None => Err(job),
        }
    }

    fn queue_up(&self, submitted: Submitted) {
        match self.enqueue(Job::Append(submitted)) {
            Ok(()) | Err(Job::Erase { .. }) => {}
            Err(Job::Append(Submitted { done, .. })) => done(Err(self.refusal())),
        }
    }

    /// Why a job could not be queued.
    fn refusal(&self) -> StoreError {
        self.failure().unwrap_or(StoreError::Closed)
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("folder", &self.shared.layout.folder)
            .field("durable", &self.durable())
            .finish_non_exhaustive()
    }
}

impl Store for FileStore {
    fn append(&self, batch: Vec<NewEntry>) -> Result<Appended, StoreError> {
        let (sender, receiver) = sync_channel(1);
        self.submit(
            batch,
            Box::new(move |result| {
                // The receiver waits below.
                drop(sender.send(result));
            }),
        );
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    fn submit(&self, batch: Vec<NewEntry>, done: Completion) {
        self.queue_up(Submitted { first: None, batch, done });
    }

    fn submit_at(&self, first: Seq, batch: Vec<NewEntry>, done: Completion) {
        self.queue_up(Submitted { first: Some(first), batch, done });
    }

    fn durable(&self) -> Watermark {
        self.journal().durable
    }

    fn read(&self, from: Seq, max: usize) -> Result<Vec<Entry>, StoreError> {
        self.shared.read(from, max)
    }

    fn blob(&self, digest: &PartDigest) -> Result<Option<Bytes>, StoreError> {
        self.shared.blob(digest)
    }

    fn blob_state(&self, digest: &PartDigest) -> BlobState {
        match self.journal().blobs.get(digest) {
            None => BlobState::Absent,
            Some(Blob::Held(_)) => BlobState::Held,
            Some(Blob::Erased(_)) => BlobState::Erased,
        }
    }

    fn scan(
        &self,
        index: Index,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Seq)>, StoreError> {
        self.shared.settle_views(self.durable().seq)?;
        self.shared.views(|views| views.scan(index, prefix, after, limit))
    }

    fn cursor(&self, name: &str) -> Result<Option<u64>, StoreError> {
        self.shared.views(|views| views.cursor(name))
    }

    fn compare_and_set_cursor(
        &self,
        name: &str,
        expected: Option<u64>,
        new: Option<u64>,
    ) -> Result<bool, StoreError> {
        within("a cursor's name", name.len(), bounds::CURSOR_NAME_BYTES)?;
        self.shared.views(|views| views.compare_and_set(name, expected, new))
    }

    fn erase(&self, digests: &[PartDigest]) -> Result<(), StoreError> {
        let (done, receiver) = sync_channel(1);
        match self.enqueue(Job::Erase { digests: digests.to_vec(), done }) {
            Ok(()) => receiver.recv().unwrap_or(Err(StoreError::Closed))?,
            Err(_) => return Err(self.refusal()),
        }
        self.bodies.erase(digests)
    }

    fn keep(&self, pieces: &[Piece]) -> Result<(), StoreError> {
        match &self.queue {
            Some(_) if self.failure().is_none() => {
                refuse_erased(pieces, |digest| self.blob_state(digest))?;
                self.bodies.keep(pieces)
            }
            Some(_) | None => Err(self.refusal()),
        }
    }

    fn unfinished(&self) -> Vec<(Unfinished, Ranges)> {
        self.bodies.list()
    }

    fn gather(&self, body: &Unfinished) -> Result<Option<Bytes>, StoreError> {
        self.bodies.gather(body)
    }

    fn discard(&self, label: &[u8], digest: &PartDigest) -> Result<(), StoreError> {
        self.bodies.discard(label, digest)
    }

    fn subscribe(&self) -> Receiver<()> {
        self.shared.subscribe()
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        // The committer ends when the queue is closed and empty.
        drop(self.queue.take());
        let committer = self.committer.take().map(JoinHandle::join);
        self.shared.close();
        let indexing = self.indexing.take().map(JoinHandle::join);
        if [committer, indexing].into_iter().flatten().any(|ended| ended.is_err()) {
            tracing::error!("a thread of the store panicked");
        }
    }
}
