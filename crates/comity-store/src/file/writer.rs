//! Writing to the journal. One writer, owned by the committer.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use comity_core::PartDigest;

use super::committer::Submitted;
use super::reader::Shared;
use crate::frame::{self, BLOB_HEADER, FRAME_HEADER, Frame, Nonce};
use crate::scan::{Blob, Place, SegmentState};
use crate::segment::{self, SEGMENT_HEADER, SegmentHeader, Window};
use crate::store::chain_next;
use crate::{
    Appended, Completion, Damage, DiskFaults, Entry, NewEntry, Options, StoreError, Watermark,
    batch, bounds,
};

/// Zeros that one write of an erasure takes.
const ZEROS: usize = 256 << 10;

/// The end of the journal.
pub(super) struct Writer {
    shared: Arc<Shared>,
    file: File,
    path: PathBuf,
    header: SegmentHeader,
    /// Bytes of the segment that hold whole frames.
    length: u64,
    /// The first of them, which are on the disk: what stands behind them is the end of an erasure, which
    /// nobody syncs.
    synced: u64,
    segment_bytes: u64,
    faults: Option<Arc<dyn DiskFaults>>,
}

type Finished = (Completion, Result<Appended, StoreError>);

/// A group as it is to be written.
struct Staged {
    bytes: Vec<u8>,
    offsets: Vec<u32>,
    blobs: HashMap<PartDigest, Place>,
    head: Watermark,
}

impl Writer {
    /// At the end of the last segment, which holds whole batches only.
    pub(super) fn open(shared: Arc<Shared>, options: &Options) -> Result<Self, StoreError> {
        let (header, length) = {
            let journal = shared.journal.read().unwrap_or_else(PoisonError::into_inner);
            let last = journal.segments.last().ok_or(StoreError::Closed)?;
            (last.header, last.length)
        };
        let path = segment::path_of(&shared.layout.journal, header.number);
        let file = segment::open(&path, true)?;
        Ok(Self {
            shared,
            file,
            path,
            header,
            length,
            // Opening has synced what it found.
            synced: length,
            segment_bytes: options.segment_bytes.min(bounds::SEGMENT_BYTES),
            faults: options.faults.clone(),
        })
    }

    /// Writes a group under one sync. What is refused by itself (too large, erased) is left out; what
    /// fails, fails for all the others.
    pub(super) fn commit(&mut self, group: Vec<Submitted>) -> Vec<Finished> {
        let ready = match self.shared.failure() {
            Some(error) => Err(error),
            None => self.roll_if_full(),
        };
        if let Err(error) = ready {
            return group.into_iter().map(|one| (one.done, Err(error.clone()))).collect();
        }
        let mut staged = self.nothing();
        let mut finished: Vec<Finished> = Vec::with_capacity(group.len());
        for Submitted { first, batch, done } in group {
            let found = staged.head.seq + 1;
            let result = match first {
                Some(wanted) if wanted != found => Err(StoreError::OutOfTurn { wanted, found }),
                Some(_) | None => self.stage(&mut staged, &batch),
            };
            finished.push((done, result));
        }
        if staged.bytes.is_empty() {
            return finished;
        }
        match self.write(&staged.bytes).and_then(|()| self.sync()) {
            Ok(()) => {
                self.publish(staged);
                finished
            }
            Err(error) => {
                let failed =
                    |result: Result<Appended, StoreError>| result.and_then(|_| Err(error.clone()));
                finished.into_iter().map(|(done, result)| (done, failed(result))).collect()
            }
        }
    }

    fn nothing(&self) -> Staged {
        let journal = self.shared.journal.read().unwrap_or_else(PoisonError::into_inner);
        Staged {
            bytes: Vec::new(),
            offsets: Vec::new(),
            blobs: HashMap::new(),
            head: journal.durable,
        }
    }

    /// Blobs stand before their entry, and an entry that ends its batch says so: what is found after the
    /// last of those is an unfinished batch.
    fn stage(&self, staged: &mut Staged, batch: &[NewEntry]) -> Result<Appended, StoreError> {
        let journal = self.shared.journal.read().unwrap_or_else(PoisonError::into_inner);
        batch::check(batch, |digest| matches!(journal.blobs.get(digest), Some(Blob::Erased(_))))?;
        let first = staged.head.seq + 1;
        let nonce = self.header.nonce;
        for (index, new) in batch.iter().enumerate() {
            for (digest, content) in &new.blobs {
                if !journal.blobs.contains_key(digest) && !staged.blobs.contains_key(digest) {
                    let offset = self.offset_of(staged);
                    let place = Place { segment: self.header.number, offset };
                    frame::write_blob(&mut staged.bytes, &nonce, digest, content);
                    staged.blobs.insert(*digest, place);
                }
            }
            let blobs = new.blobs.iter().map(|(digest, _)| *digest);
            let seq = staged.head.seq + 1;
            let chain = chain_next(staged.head.chain, seq, new.kind, blobs.clone(), &new.body);
            let body = new.body.clone();
            let entry = Entry { seq, kind: new.kind, body, chain, blobs: blobs.collect() };
            staged.offsets.push(self.offset_of(staged));
            let continues = index + 1 < batch.len();
            frame::write_entry(&mut staged.bytes, &nonce, &entry, continues, self.durable());
            staged.head = Watermark { seq, chain };
        }
        Ok(Appended { first, last: staged.head.seq, head: staged.head.chain })
    }

    /// Segments begin anew far below 32 bits ([`bounds::SEGMENT_BYTES`], [`bounds::BATCH_BYTES`]).
    fn offset_of(&self, staged: &Staged) -> u32 {
        u32::try_from(self.length + staged.bytes.len() as u64).unwrap_or(u32::MAX)
    }

    /// What an entry says that was durable before it.
    fn durable(&self) -> u32 {
        u32::try_from(self.synced).unwrap_or(u32::MAX)
    }

    /// Readers see the group, and all who wait are told.
    fn publish(&mut self, staged: Staged) {
        self.length += staged.bytes.len() as u64;
        self.synced = self.length;
        {
            let mut journal = self.shared.journal.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(segment) = journal.segments.last_mut() {
                segment.offsets.extend(staged.offsets);
                segment.length = self.length;
            }
            let held = staged.blobs.into_iter().map(|(digest, place)| (digest, Blob::Held(place)));
            journal.blobs.extend(held);
            journal.durable = staged.head;
        }
        self.shared.advance(|progress| progress.durable = staged.head.seq);
        self.shared.hint();
    }

    /// Writes after the last whole frame. When that fails nothing of it is left, or the store fails.
    fn write(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let fault = self.faults.as_ref().and_then(|faults| faults.write(bytes.len()));
        let written = match fault {
            None => self.file.write_all_at(bytes, self.length),
            Some((whole, error)) => {
                let piece = bytes.get(..whole).unwrap_or(bytes);
                self.file.write_all_at(piece, self.length).and(Err(error))
            }
        };
        let Err(error) = written else { return Ok(()) };
        let mut error = StoreError::io("write to", &self.path, error);
        if let Err(kept) = self.file.set_len(self.length) {
            // Something of it may be left, so this is no disk that is merely full.
            let (action, path) = ("take a piece of a write back from", self.path.clone());
            error = StoreError::Io { action, path, error: Arc::new(kept) };
        }
        if !error.is_full() {
            self.shared.fail(&error);
        }
        Err(error)
    }

    /// Makes everything written durable. After a failure nobody knows what is on the disk: the kernel
    /// forgets what it could not write and the next sync would succeed. So it is never tried again, and
    /// what is not durable is taken away, lest it is read out of the cache by the next to open the store.
    fn sync(&self) -> Result<(), StoreError> {
        let fault = self.faults.as_ref().and_then(|faults| faults.sync());
        let synced = fault.map_or_else(|| self.file.sync_data(), Err);
        synced.map_err(|error| {
            let error = StoreError::sync(&self.path, error);
            self.shared.fail(&error);
            if let Err(error) = self.file.set_len(self.length) {
                tracing::warn!(%error, "what was not synced could not be taken away");
            }
            error
        })
    }

    /// Begins a new segment when this one has its size. A batch lies in one segment.
    fn roll_if_full(&mut self) -> Result<(), StoreError> {
        if self.length < self.segment_bytes.max(SEGMENT_HEADER as u64 + 1) {
            return Ok(());
        }
        // The end of an erasure may stand here unsynced.
        self.sync()?;
        let Watermark { seq, chain } =
            self.shared.journal.read().unwrap_or_else(PoisonError::into_inner).durable;
        let header = SegmentHeader {
            number: self.header.number + 1,
            first: seq + 1,
            chain,
            previous_bytes: self.length,
            nonce: random_nonce()?,
        };
        let made = segment::create(&self.shared.layout.journal, &header);
        let file = made.inspect_err(|error| {
            if !error.is_full() {
                self.shared.fail(error);
            }
        })?;
        self.path = segment::path_of(&self.shared.layout.journal, header.number);
        (self.file, self.header, self.length) = (file, header, SEGMENT_HEADER as u64);
        self.synced = self.length;
        let mut journal = self.shared.journal.write().unwrap_or_else(PoisonError::into_inner);
        journal.segments.push(SegmentState { header, offsets: Vec::new(), length: self.length });
        Ok(())
    }

    /// Erases blobs: the intent is durable before the first byte is overwritten, so a crash in between is
    /// finished at the next open, and the blob is refused from the intent on.
    pub(super) fn erase(&mut self, digests: &[PartDigest]) -> Result<(), StoreError> {
        if let Some(error) = self.shared.failure() {
            return Err(error);
        }
        self.roll_if_full()?;
        let mut bytes = Vec::new();
        let mut wanted: Vec<PartDigest> = Vec::new();
        {
            let journal = self.shared.journal.read().unwrap_or_else(PoisonError::into_inner);
            for digest in digests {
                let erased = matches!(journal.blobs.get(digest), Some(Blob::Erased(_)));
                if !erased && !wanted.contains(digest) {
                    frame::write_erasing(&mut bytes, &self.header.nonce, digest);
                    wanted.push(*digest);
                }
            }
        }
        if !wanted.is_empty() {
            self.write(&bytes).and_then(|()| self.sync())?;
            self.length += bytes.len() as u64;
            self.synced = self.length;
            let mut journal = self.shared.journal.write().unwrap_or_else(PoisonError::into_inner);
            for digest in wanted {
                let place = match journal.blobs.get(&digest) {
                    Some(Blob::Held(place)) => Some(*place),
                    Some(Blob::Erased(_)) | None => None,
                };
                journal.blobs.insert(digest, Blob::Erased(place));
                journal.erasing.push(digest);
            }
            if let Some(segment) = journal.segments.last_mut() {
                segment.length = self.length;
            }
            drop(journal);
            // After the intent can be seen and before the first byte is overwritten: a copy that sees this
            // number unchanged has the intent of every overwriting that it may have met.
            self.shared.erasures.fetch_add(1, Ordering::SeqCst);
        }
        self.finish_erasures()
    }

    /// Overwrites what is to be erased and is not known to be.
    pub(super) fn finish_erasures(&mut self) -> Result<(), StoreError> {
        let unfinished: Vec<(PartDigest, Option<Place>)> = {
            let journal = self.shared.journal.read().unwrap_or_else(PoisonError::into_inner);
            let place = |digest: &PartDigest| match journal.blobs.get(digest) {
                Some(Blob::Erased(place)) => *place,
                Some(Blob::Held(_)) | None => None,
            };
            journal.erasing.iter().map(|digest| (*digest, place(digest))).collect()
        };
        if unfinished.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for (digest, place) in &unfinished {
            if let Some(place) = place {
                self.overwrite(*place)?;
            }
            frame::write_erased(&mut bytes, &self.header.nonce, digest);
        }
        // Not synced: should it be lost, the overwriting is done once more.
        self.write(&bytes)?;
        self.length += bytes.len() as u64;
        let mut journal = self.shared.journal.write().unwrap_or_else(PoisonError::into_inner);
        journal.erasing.clear();
        if let Some(segment) = journal.segments.last_mut() {
            segment.length = self.length;
        }
        Ok(())
    }

    /// Overwrites a blob's content and syncs it.
    fn overwrite(&self, place: Place) -> Result<(), StoreError> {
        let nonce = {
            let journal = self.shared.journal.read().unwrap_or_else(PoisonError::into_inner);
            journal.segment(place.segment).ok_or(StoreError::Closed)?.header.nonce
        };
        let path = segment::path_of(&self.shared.layout.journal, place.segment);
        let file = overwrite_blob(&path, &nonce, place)?;
        let fault = self.faults.as_ref().and_then(|faults| faults.sync());
        fault.map_or_else(|| file.sync_data(), Err).map_err(|error| {
            let error = StoreError::sync(&path, error);
            self.shared.fail(&error);
            error
        })
    }
}

/// Writes zeros over a blob's content. The file is to be synced.
pub(super) fn overwrite_blob(path: &Path, nonce: &Nonce, place: Place) -> Result<File, StoreError> {
    let file = segment::open(path, true)?;
    let offset = u64::from(place.offset);
    let length = segment::length_of(&file, path)?;
    let found = Window::new(&file, path, length).spanning(0).frame(nonce, offset)?;
    let mut left = match found.map(|found| found.frame) {
        Ok(Frame::Blob { length, .. }) => length as usize,
        Ok(Frame::Entry { .. } | Frame::Erasing(_) | Frame::Erased(_)) | Err(_) => {
            let what = "the part that is to be erased is not there any more";
            return Err(Damage::new(place.segment, offset, what).into());
        }
    };
    let zeros = vec![0; left.min(ZEROS)];
    let mut at = offset + (FRAME_HEADER + BLOB_HEADER) as u64;
    while left > 0 {
        let piece = zeros.get(..left.min(ZEROS)).unwrap_or(&zeros);
        let written = file.write_all_at(piece, at);
        written.map_err(|error| StoreError::io("erase a part in", path, error))?;
        at += piece.len() as u64;
        left -= piece.len();
    }
    Ok(file)
}

/// Sixteen bytes that nobody else knows.
pub(super) fn random_nonce() -> Result<Nonce, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io {
        action: "draw randomness from",
        path: PathBuf::from("the system"),
        error: Arc::new(io::Error::other(error)),
    })?;
    Ok(Nonce(bytes))
}
