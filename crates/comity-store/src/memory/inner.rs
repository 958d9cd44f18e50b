//! What the store holds, behind its lock.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError};

use bytes::Bytes;
use comity_core::PartDigest;

use super::unfinished::Bodies;
use super::{MemoryBackup, Syncing};
use crate::store::chain_next;
use crate::views::MemoryViews;
use crate::{
    Appended, BlobState, Completion, Entry, Indexer, NewEntry, Seq, StoreError, Watermark,
};

pub(super) struct Inner {
    pub(super) indexer: Indexer,
    pub(super) syncing: Syncing,
    pub(super) entries: Vec<Entry>,
    /// `None`: erased.
    pub(super) blobs: HashMap<PartDigest, Option<Bytes>>,
    pub(super) unfinished: Bodies,
    pub(super) views: MemoryViews,
    pub(super) unsynced: VecDeque<Submitted>,
    pub(super) subscribers: Vec<SyncSender<()>>,
    /// Bytes that still fit.
    pub(super) room: Option<usize>,
    pub(super) fail_next_sync: bool,
    pub(super) state: State,
}

#[derive(Clone)]
pub(super) enum State {
    Open,
    SyncFailed(StoreError),
    Crashed,
}

/// A batch, the place that its first entry must get, and who waits for it.
pub(super) type Submitted = (Option<Seq>, Vec<NewEntry>, Completion);

pub(super) type Finished = (Completion, Result<Appended, StoreError>);

/// The entries of a batch with their places, and the bytes they take.
pub(super) struct Staged {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Inner {
    pub(super) fn durable(&self) -> Watermark {
        self.entries
            .last()
            .map_or(Watermark::START, |entry| Watermark { seq: entry.seq, chain: entry.chain })
    }

    pub(super) fn blob_state(&self, digest: &PartDigest) -> BlobState {
        match self.blobs.get(digest) {
            None => BlobState::Absent,
            Some(None) => BlobState::Erased,
            Some(Some(_)) => BlobState::Held,
        }
    }

    pub(super) fn content(&self) -> MemoryBackup {
        MemoryBackup {
            indexer: self.indexer,
            syncing: self.syncing,
            entries: self.entries.clone(),
            blobs: self.blobs.clone(),
        }
    }

    pub(super) fn readable(&self) -> Result<(), StoreError> {
        match self.state {
            State::Open | State::SyncFailed(_) => Ok(()),
            State::Crashed => Err(StoreError::Closed),
        }
    }

    pub(super) fn usable(&self) -> Result<(), StoreError> {
        match &self.state {
            State::Open => Ok(()),
            State::SyncFailed(error) => Err(error.clone()),
            State::Crashed => Err(StoreError::Closed),
        }
    }

    /// One sync over everything that waits. The completions are called when the lock is released.
    pub(super) fn commit(&mut self) -> Vec<Finished> {
        let before = self.durable();
        let mut finished = Vec::with_capacity(self.unsynced.len());
        if std::mem::take(&mut self.fail_next_sync) {
            let error = io::Error::other("injected");
            self.state = State::SyncFailed(StoreError::sync(Path::new("memory"), error));
        }
        while let Some((first, batch, done)) = self.unsynced.pop_front() {
            let found = self.durable().seq + 1;
            let in_turn = match first {
                Some(wanted) if wanted != found => Err(StoreError::OutOfTurn { wanted, found }),
                Some(_) | None => Ok(()),
            };
            let staged = self.usable().and(in_turn).and_then(|()| self.stage(&batch));
            let result = staged.map(|staged| {
                let first = self.durable().seq + 1;
                self.accept(staged, &batch);
                let Watermark { seq: last, chain: head } = self.durable();
                Appended { first, last, head }
            });
            finished.push((done, result));
        }
        if self.durable() != before {
            self.subscribers.retain(|subscriber| {
                !matches!(subscriber.try_send(()), Err(TrySendError::Disconnected(())))
            });
        }
        finished
    }

    pub(super) fn stage(&self, batch: &[NewEntry]) -> Result<Staged, StoreError> {
        crate::batch::check(batch, |digest| matches!(self.blobs.get(digest), Some(None)))?;
        let Watermark { mut seq, mut chain } = self.durable();
        let mut bytes = 0;
        let mut entries = Vec::with_capacity(batch.len());
        for new in batch {
            seq += 1;
            let blobs = new.blobs.iter().map(|(digest, _)| *digest);
            chain = chain_next(chain, seq, new.kind, blobs.clone(), &new.body);
            bytes += new.body.len();
            for (digest, content) in &new.blobs {
                if !self.blobs.contains_key(digest) {
                    bytes += content.len();
                }
            }
            let body = new.body.clone();
            entries.push(Entry { seq, kind: new.kind, body, chain, blobs: blobs.collect() });
        }
        self.fits(bytes)?;
        Ok(Staged { entries, bytes })
    }

    pub(super) fn fits(&self, bytes: usize) -> Result<(), StoreError> {
        match self.room {
            Some(room) if room < bytes => Err(StoreError::Full("memory".into())),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn accept(&mut self, staged: Staged, batch: &[NewEntry]) {
        for (digest, content) in batch.iter().flat_map(|entry| &entry.blobs) {
            self.blobs.entry(*digest).or_insert_with(|| Some(content.clone()));
        }
        for entry in staged.entries {
            self.publish(entry);
        }
        self.room = self.room.map(|room| room.saturating_sub(staged.bytes));
    }

    pub(super) fn publish(&mut self, entry: Entry) {
        self.views.apply(&entry, self.indexer);
        self.entries.push(entry);
    }
}

pub(super) fn complete(finished: Vec<Finished>) {
    for (done, result) in finished {
        done(result);
    }
}
