//! A store in memory that crashes as a disk does: for the simulator and for tests.

mod inner;
mod unfinished;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use comity_core::PartDigest;
use comity_core::ledger::Ranges;

use crate::report::{OpenReport, Torn, ViewsState};
use crate::unfinished::refuse_erased;
use crate::views::MemoryViews;
use crate::{
    Appended, BlobState, Completion, Entry, Index, Indexer, NewEntry, Piece, Seq, Store,
    StoreError, Unfinished, Watermark, bounds,
};
use inner::{Inner, State, Submitted, complete};
use unfinished::Bodies;

/// When a [`MemoryStore`] syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncing {
    /// At every submission: the completion is called before `submit` returns.
    AtOnce,
    /// When [`MemoryStore::sync`] is called; a blocking call syncs too.
    OnCall,
}

/// What becomes of unsynced batches in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// None reached the disk.
    Dropped,
    /// All did, though nobody was told.
    Kept,
    /// So many did, and of the next a piece, which is cut when the store opens.
    Torn {
        /// Whole batches.
        whole: usize,
    },
}

/// A journal in memory, with the contract of [`Store`] and the faults of a disk.
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

/// The durable content of a store at one moment: what a backup holds.
#[derive(Clone)]
pub struct MemoryBackup {
    indexer: Indexer,
    syncing: Syncing,
    entries: Vec<Entry>,
    blobs: HashMap<PartDigest, Option<Bytes>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(indexer: Indexer, syncing: Syncing) -> Self {
        Self::over(MemoryBackup { indexer, syncing, entries: Vec::new(), blobs: HashMap::new() })
    }

    fn over(content: MemoryBackup) -> Self {
        let MemoryBackup { indexer, syncing, entries, blobs } = content;
        let mut inner = Inner {
            indexer,
            syncing,
            entries: Vec::new(),
            blobs,
            unfinished: Bodies::default(),
            views: MemoryViews::default(),
            unsynced: VecDeque::new(),
            subscribers: Vec::new(),
            room: None,
            fail_next_sync: false,
            state: State::Open,
        };
        for entry in entries {
            inner.publish(entry);
        }
        Self { inner: Mutex::new(inner) }
    }

    /// Makes everything submitted so far durable and calls the completions, in order.
    pub fn sync(&self) {
        let finished = self.lock().commit();
        complete(finished);
    }

    /// Batches that were submitted and are not durable.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// The process dies: unsynced batches meet the fate that `seed` draws, no completion is called, and
    /// what is left is opened anew. This store answers nothing but [`StoreError::Closed`] from then on.
    #[must_use]
    pub fn crash(&self, seed: u64) -> (Self, OpenReport) {
        let draw = mix(seed);
        let batches = self.unsynced();
        let fate = match draw % 3 {
            0 => Unsynced::Dropped,
            1 => Unsynced::Kept,
            _ => Unsynced::Torn {
                whole: usize::try_from((draw >> 8) % (batches as u64 + 1)).unwrap_or(0),
            },
        };
        self.crash_with(fate, draw & 128 == 0)
    }

    /// [`MemoryStore::crash`] with a chosen fate. The views, cursors among them, are kept or lost.
    #[must_use]
    pub fn crash_with(&self, fate: Unsynced, views_kept: bool) -> (Self, OpenReport) {
        let mut old = self.lock();
        old.state = State::Crashed;
        let unsynced: Vec<Vec<NewEntry>> =
            old.unsynced.drain(..).map(|(_, batch, _)| batch).collect();
        let whole = match fate {
            Unsynced::Dropped => 0,
            Unsynced::Kept => unsynced.len(),
            Unsynced::Torn { whole } => whole,
        };
        let torn_batch =
            matches!(fate, Unsynced::Torn { .. }).then(|| unsynced.get(whole)).flatten();
        let torn = torn_batch.map(|batch| Torn {
            segment: 1,
            offset: 0,
            bytes: batch.iter().map(|entry| entry.body.len() as u64 + 1).sum(),
            entries: 0,
            kept_in: None,
        });
        let store = Self::over(old.content());
        {
            let mut new = store.lock();
            for batch in unsynced.into_iter().take(whole) {
                // A batch that the old store would have refused is refused here too.
                if let Ok(staged) = new.stage(&batch) {
                    new.accept(staged, &batch);
                }
            }
            new.unfinished = std::mem::take(&mut old.unfinished);
            if views_kept {
                new.views.take_cursors(&old.views);
            }
        }
        let report = OpenReport {
            created: false,
            durable: store.durable(),
            torn,
            untold: None,
            damage: None,
            views: if views_kept {
                ViewsState::Kept { replayed: 0 }
            } else {
                ViewsState::Rebuilt { why: "lost in the crash".to_owned() }
            },
        };
        (store, report)
    }

    /// What a backup made now would hold.
    #[must_use]
    pub fn backup(&self) -> MemoryBackup {
        self.lock().content()
    }

    /// A store with the content of a backup, and `marker` after it.
    pub fn restore(backup: &MemoryBackup, marker: NewEntry) -> Result<Self, StoreError> {
        let store = Self::over(backup.clone());
        store.append(vec![marker])?;
        Ok(store)
    }

    /// The next sync fails, and with it the store.
    pub fn fail_next_sync(&self) {
        self.lock().fail_next_sync = true;
    }

    /// A failure that was injected, and has not come yet, does not come.
    pub fn forget_failure(&self) {
        self.lock().fail_next_sync = false;
    }

    /// So many bytes still fit; `None` for no bound.
    pub fn set_room(&self, bytes: Option<usize>) {
        self.lock().room = bytes;
    }

    fn queue_up(&self, (first, batch, done): Submitted) {
        let finished = {
            let mut inner = self.lock();
            match inner.usable() {
                Err(error) => vec![(done, Err(error))],
                Ok(()) => {
                    inner.unsynced.push_back((first, batch, done));
                    match inner.syncing {
                        Syncing::AtOnce => inner.commit(),
                        Syncing::OnCall => Vec::new(),
                    }
                }
            }
        };
        complete(finished);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic of a test thread leaves the content as it was between two operations.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("durable", &self.durable()).finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackup").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn append(&self, batch: Vec<NewEntry>) -> Result<Appended, StoreError> {
        let (sender, receiver) = sync_channel(1);
        let done: Completion = Box::new(move |result| {
            // The receiver lives until this function returns.
            drop(sender.try_send(result));
        });
        let finished = {
            let mut inner = self.lock();
            inner.usable()?;
            inner.unsynced.push_back((None, batch, done));
            inner.commit()
        };
        complete(finished);
        receiver.try_recv().unwrap_or(Err(StoreError::Closed))
    }

    fn submit(&self, batch: Vec<NewEntry>, done: Completion) {
        self.queue_up((None, batch, done));
    }

    fn submit_at(&self, first: Seq, batch: Vec<NewEntry>, done: Completion) {
        self.queue_up((Some(first), batch, done));
    }
    fn durable(&self) -> Watermark {
        self.lock().durable()
    }

    fn read(&self, from: Seq, max: usize) -> Result<Vec<Entry>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        let skip = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let entries = inner.entries.iter().skip(skip).take(max);
        Ok(entries
            .take_while(|entry| {
                let fits = bytes == 0 || bytes + entry.body.len() <= bounds::READ_BYTES;
                bytes += entry.body.len().max(1);
                fits
            })
            .cloned()
            .collect())
    }

    fn blob(&self, digest: &PartDigest) -> Result<Option<Bytes>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        Ok(inner.blobs.get(digest).cloned().flatten())
    }

    fn blob_state(&self, digest: &PartDigest) -> BlobState {
        self.lock().blob_state(digest)
    }

    fn scan(
        &self,
        index: Index,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Seq)>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        Ok(inner.views.scan(index, prefix, after, limit))
    }

    fn cursor(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        Ok(inner.views.cursor(name))
    }

    fn compare_and_set_cursor(
        &self,
        name: &str,
        expected: Option<u64>,
        new: Option<u64>,
    ) -> Result<bool, StoreError> {
        let mut inner = self.lock();
        inner.readable()?;
        Ok(inner.views.compare_and_set(name, expected, new))
    }

    fn erase(&self, digests: &[PartDigest]) -> Result<(), StoreError> {
        self.append(Vec::new())?;
        let mut inner = self.lock();
        inner.usable()?;
        for digest in digests {
            inner.blobs.insert(*digest, None);
        }
        inner.unfinished.erase(digests);
        Ok(())
    }

    fn keep(&self, pieces: &[Piece]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.usable()?;
        pieces.iter().try_for_each(Piece::check)?;
        refuse_erased(pieces, |digest| inner.blob_state(digest))?;
        let bytes = pieces.iter().map(|piece| piece.bytes.len()).sum();
        inner.fits(bytes)?;
        let before = inner.unfinished.bytes();
        inner.unfinished.keep(pieces);
        let more = inner.unfinished.bytes().saturating_sub(before);
        inner.room = inner.room.map(|room| room.saturating_sub(more));
        Ok(())
    }

    fn unfinished(&self) -> Vec<(Unfinished, Ranges)> {
        self.lock().unfinished.list()
    }

    fn gather(&self, body: &Unfinished) -> Result<Option<Bytes>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        Ok(inner.unfinished.gather(body))
    }

    fn discard(&self, label: &[u8], digest: &PartDigest) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.readable()?;
        let before = inner.unfinished.bytes();
        inner.unfinished.discard(label, digest);
        let less = before.saturating_sub(inner.unfinished.bytes());
        inner.room = inner.room.map(|room| room.saturating_add(less));
        Ok(())
    }

    fn subscribe(&self) -> Receiver<()> {
        let (sender, receiver) = sync_channel(1);
        self.lock().subscribers.push(sender);
        receiver
    }
}

/// One step of SplitMix64.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
