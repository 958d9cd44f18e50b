//! The thread that brings the views up to the journal.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::reader::Shared;
use crate::views::{DiskViews, MemoryViews};
use crate::{Entry, Index, Indexer, Seq, StoreError, bounds};

/// How long applied entries may stay in sled's buffer while there is nothing to apply.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// How long the views are still brought up when the store closes. What they lack is added at the next open.
const CLOSING_FOR: Duration = Duration::from_secs(2);

/// The views of a store on disk.
#[derive(Debug)]
pub(super) enum Views {
    /// As they should be.
    Disk(DiskViews),
    /// The disk takes none.
    Memory(Mutex<MemoryViews>),
}

impl Views {
    /// Empty views in memory.
    pub(super) fn memory() -> Self {
        Self::Memory(Mutex::default())
    }

    pub(super) fn apply(&self, entries: &[Entry], indexer: Indexer) -> Result<(), String> {
        match self {
            Self::Disk(views) => views.apply(entries, indexer),
            Self::Memory(views) => {
                let mut views = views.lock().unwrap_or_else(PoisonError::into_inner);
                entries.iter().for_each(|entry| views.apply(entry, indexer));
                Ok(())
            }
        }
    }

    pub(super) fn scan(
        &self,
        index: Index,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Seq)>, String> {
        match self {
            Self::Disk(views) => views.scan(index, prefix, after, limit),
            Self::Memory(views) => {
                let views = views.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(views.scan(index, prefix, after, limit))
            }
        }
    }

    pub(super) fn cursor(&self, name: &str) -> Result<Option<u64>, String> {
        match self {
            Self::Disk(views) => views.cursor(name),
            Self::Memory(views) => {
                Ok(views.lock().unwrap_or_else(PoisonError::into_inner).cursor(name))
            }
        }
    }

    pub(super) fn compare_and_set(
        &self,
        name: &str,
        expected: Option<u64>,
        new: Option<u64>,
    ) -> Result<bool, String> {
        match self {
            Self::Disk(views) => views.compare_and_set(name, expected, new),
            Self::Memory(views) => {
                let mut views = views.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(views.compare_and_set(name, expected, new))
            }
        }
    }

    fn flush(&self) -> Result<(), String> {
        match self {
            Self::Disk(views) => views.flush(),
            Self::Memory(_) => Ok(()),
        }
    }
}

impl Shared {
    /// Calls the views. After the first error they are not used again, and the next open builds new ones.
    pub(super) fn views<T>(
        &self,
        call: impl FnOnce(&Views) -> Result<T, String>,
    ) -> Result<T, StoreError> {
        if let Some(why) = self.progress().views_failed.clone() {
            return Err(StoreError::Views(why));
        }
        call(&self.views).map_err(|why| {
            self.fail_views(&why);
            StoreError::Views(why)
        })
    }

    fn fail_views(&self, why: &str) {
        tracing::error!(%why, "the views failed; they are built anew at the next start");
        if let Views::Disk(views) = &self.views {
            views.condemn();
        }
        self.advance(|progress| progress.views_failed = Some(why.to_owned()));
    }

    /// Waits until the views have come to `seq`.
    pub(super) fn settle_views(&self, seq: Seq) -> Result<(), StoreError> {
        let progress = self.wait(|progress| {
            progress.viewed >= seq || progress.views_failed.is_some() || progress.closing
        });
        match progress.views_failed {
            Some(why) => Err(StoreError::Views(why)),
            None if progress.viewed < seq => Err(StoreError::Closed),
            None => Ok(()),
        }
    }
}

/// Applies what is durable until the store closes.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut flushed = Instant::now();
    let mut closing = None;
    loop {
        let progress = shared.wait(|progress| {
            progress.viewed < progress.durable
                || progress.views_failed.is_some()
                || progress.closing
        });
        let began = progress.closing.then(|| *closing.get_or_insert_with(Instant::now));
        let time_is_up = began.is_some_and(|began| began.elapsed() > CLOSING_FOR);
        let done = progress.closing && progress.viewed >= progress.durable;
        if done || time_is_up || progress.views_failed.is_some() {
            return;
        }
        if !step(shared, progress.viewed + 1) {
            return;
        }
        // A flush waits for the disk, so it is worth one only now and then.
        if flushed.elapsed() >= FLUSH_AFTER {
            if shared.views(Views::flush).is_err() {
                return;
            }
            flushed = Instant::now();
        }
    }
}

/// Applies one batch; `false` when that failed.
fn step(shared: &Shared, from: Seq) -> bool {
    let entries = match shared.read(from, bounds::VIEW_ENTRIES) {
        Ok(entries) => entries,
        Err(error) => {
            shared.fail_views(&error.to_string());
            return false;
        }
    };
    let Some(last) = entries.last().map(|entry| entry.seq) else { return true };
    if shared.views(|views| views.apply(&entries, shared.indexer)).is_err() {
        return false;
    }
    shared.advance(|progress| progress.viewed = last);
    true
}
