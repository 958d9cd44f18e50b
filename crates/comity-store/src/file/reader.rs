//! What the threads of a store share, and reading from it.

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use comity_core::PartDigest;

use super::Layout;
use super::indexing::Views;
use crate::frame::{BLOB_HEADER, FRAME_HEADER, Frame, Nonce};
use crate::scan::{Blob, Journal, Place};
use crate::segment::{self, Window};
use crate::{Damage, Entry, Indexer, Seq, StoreError, bounds};

/// What the threads of a store share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) layout: Layout,
    pub(super) indexer: Indexer,
    /// What is durable, and where. Written by the committer alone, after its sync.
    pub(super) journal: RwLock<Journal>,
    /// Erasures that have begun, ever: a copy that ran beside one begins again.
    pub(super) erasures: AtomicU64,
    pub(super) views: Views,
    failure: RwLock<Option<StoreError>>,
    progress: Mutex<Progress>,
    moved: Condvar,
    subscribers: Mutex<Vec<SyncSender<()>>>,
}

/// How far the views are behind the journal.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) durable: Seq,
    pub(super) viewed: Seq,
    pub(super) views_failed: Option<String>,
    pub(super) closing: bool,
}

impl Shared {
    pub(super) fn new(
        layout: Layout,
        indexer: Indexer,
        journal: Journal,
        views: Views,
        failure: Option<StoreError>,
    ) -> Self {
        let durable = journal.durable.seq;
        Self {
            layout,
            indexer,
            journal: RwLock::new(journal),
            erasures: AtomicU64::new(0),
            views,
            failure: RwLock::new(failure),
            progress: Mutex::new(Progress {
                durable,
                viewed: durable,
                views_failed: None,
                closing: false,
            }),
            moved: Condvar::new(),
            subscribers: Mutex::default(),
        }
    }

    pub(super) fn failure(&self) -> Option<StoreError> {
        self.failure.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing is written from here on. The first reason stands.
    pub(super) fn fail(&self, error: &StoreError) {
        let mut failure = self.failure.write().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            tracing::error!(%error, "the store is read-only from here on");
            *failure = Some(error.clone());
        }
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the progress and wakes who waits for it.
    pub(super) fn advance(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress());
        self.moved.notify_all();
    }

    /// Waits until `enough` holds.
    pub(super) fn wait(&self, enough: impl Fn(&Progress) -> bool) -> Progress {
        let progress = self.progress();
        let waited = self.moved.wait_while(progress, |progress| !enough(progress));
        waited.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn close(&self) {
        self.advance(|progress| progress.closing = true);
    }

    pub(super) fn subscribe(&self) -> Receiver<()> {
        let (sender, receiver) = sync_channel(1);
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Hints to the subscribers that the watermark has moved.
    pub(super) fn hint(&self) {
        let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| {
            !matches!(subscriber.try_send(()), Err(TrySendError::Disconnected(())))
        });
    }

    /// Entries from `from` on.
    pub(super) fn read(&self, from: Seq, max: usize) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        let mut next = from.max(1);
        // One turn for each segment that the entries lie in.
        while let Some((number, nonce, length, offsets)) = self.places(next, max - entries.len()) {
            let path = segment::path_of(&self.layout.journal, number);
            let file = segment::open(&path, false)?;
            let span = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last - first);
            let mut window = Window::new(&file, &path, length).spanning(span);
            for offset in offsets {
                let entry = self.entry(&mut window, &nonce, number, offset, next)?;
                if bytes > 0 && bytes + entry.body.len() > bounds::READ_BYTES {
                    return Ok(entries);
                }
                bytes += entry.body.len().max(1);
                next += 1;
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// The places of at most `max` entries from `from` on that lie in one segment.
    fn places(&self, from: Seq, max: usize) -> Option<(u32, Nonce, u64, Vec<u32>)> {
        if max == 0 {
            return None;
        }
        let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
        let (segment, _) = journal.locate(from)?;
        let skip = usize::try_from(from - segment.header.first).ok()?;
        let offsets = segment.offsets.iter().skip(skip).take(max).copied().collect();
        Some((segment.header.number, segment.header.nonce, segment.length, offsets))
    }

    fn entry(
        &self,
        window: &mut Window<'_>,
        nonce: &Nonce,
        number: u32,
        offset: u32,
        seq: Seq,
    ) -> Result<Entry, StoreError> {
        let what = match window.frame(nonce, u64::from(offset))? {
            Ok(found) => match found.frame {
                Frame::Entry { entry, .. } if entry.seq == seq => return Ok(entry),
                Frame::Entry { .. } | Frame::Blob { .. } | Frame::Erasing(_) | Frame::Erased(_) => {
                    format!("entry {seq} is not there any more")
                }
            },
            Err(unreadable) => format!("entry {seq}: {unreadable}"),
        };
        Err(self.damaged(Damage::new(number, u64::from(offset), what)))
    }

    /// A blob's content, checked.
    pub(super) fn blob(&self, digest: &PartDigest) -> Result<Option<Bytes>, StoreError> {
        let Some((place, nonce, length)) = self.place(digest) else { return Ok(None) };
        match self.content(digest, place, &nonce, length) {
            // It was erased while it was read: the state was changed before the first byte was.
            Err(StoreError::Damage(_)) if self.place(digest).is_none() => Ok(None),
            Err(StoreError::Damage(damage)) => Err(self.damaged(damage)),
            other => other.map(Some),
        }
    }

    fn place(&self, digest: &PartDigest) -> Option<(Place, Nonce, u64)> {
        let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Blob::Held(place)) = journal.blobs.get(digest) else { return None };
        let segment = journal.segment(place.segment)?;
        Some((*place, segment.header.nonce, segment.length))
    }

    fn content(
        &self,
        digest: &PartDigest,
        place: Place,
        nonce: &Nonce,
        length: u64,
    ) -> Result<Bytes, StoreError> {
        let path = segment::path_of(&self.layout.journal, place.segment);
        let file = segment::open(&path, false)?;
        let mut window = Window::new(&file, &path, length).spanning(0);
        let offset = u64::from(place.offset);
        let damage = |what: String| StoreError::from(Damage::new(place.segment, offset, what));
        let found = window.frame(nonce, offset)?;
        let found = found.map_err(|unreadable| damage(format!("part {digest}: {unreadable}")))?;
        let (checksum, size) = match found.frame {
            Frame::Blob { digest: stands, checksum, length } if stands == *digest => {
                (checksum, length as usize)
            }
            Frame::Entry { .. } | Frame::Blob { .. } | Frame::Erasing(_) | Frame::Erased(_) => {
                return Err(damage(format!("part {digest} is not there any more")));
            }
        };
        let content = window.bytes(offset + (FRAME_HEADER + BLOB_HEADER) as u64, size)?;
        match content {
            Some(content) if crc32c::crc32c(content) == checksum => {
                Ok(Bytes::copy_from_slice(content))
            }
            Some(_) | None => Err(damage(format!("the checksum of part {digest} does not match"))),
        }
    }

    /// Damage that was found while the store was in use: nothing is built on it.
    fn damaged(&self, damage: Damage) -> StoreError {
        let error = StoreError::from(damage);
        self.fail(&error);
        error
    }
}
