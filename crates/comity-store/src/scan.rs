//! Reading a journal from its first byte: what it holds, where its whole batches end, and what is wrong.
//!
//! Entries are checked one by one, each against the chain. Contents of blobs are checked in the last
//! segment only, for an unfinished write can be nowhere else; the others are checked whenever they are
//! read, and all by `verify`.
//!
//! The pages of one write reach the disk in any order, so that a power cut may leave a hole with whole
//! frames behind it. Such a hole is no damage unless an entry of a later write says that what stood there
//! was durable: nobody was told of the group that has it.

use std::collections::HashMap;
use std::path::Path;

use comity_core::{Digest, PartDigest, digest};

use crate::frame::{BLOB_HEADER, FRAME_HEADER, Frame, Unreadable};
use crate::segment::{self, SEGMENT_HEADER, SegmentHeader, Window};
use crate::store::chain_next;
use crate::{Damage, Entry, Seq, StoreError, Watermark};

/// Where a blob's frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

/// What is known of a blob: 44 bytes of memory with its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blob {
    Held(Place),
    /// Where it was, if it ever was here.
    Erased(Option<Place>),
}

/// A segment whose frames are known.
#[derive(Clone, Debug)]
pub(crate) struct SegmentState {
    pub(crate) header: SegmentHeader,
    /// Where the frames of its entries begin: the first is of entry `header.first`.
    pub(crate) offsets: Vec<u32>,
    /// Bytes up to the end of its last whole batch.
    pub(crate) length: u64,
}

/// What a journal holds: the places of its entries and blobs.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    pub(crate) segments: Vec<SegmentState>,
    pub(crate) blobs: HashMap<PartDigest, Blob>,
    /// Blobs whose erasure began and is not known to have ended.
    pub(crate) erasing: Vec<PartDigest>,
    pub(crate) durable: Watermark,
}

/// Bytes after the last whole batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// Up to the damage, if there is any.
    pub(crate) journal: Journal,
    /// What may be cut from the last segment.
    pub(crate) tail: Option<Tail>,
    /// Why the journal cannot be trusted beyond what was scanned.
    pub(crate) damage: Option<Damage>,
    /// Blobs whose content is not what was written, wherever it was checked.
    pub(crate) spoiled: Vec<Damage>,
    /// Blobs that are held, and erased.
    pub(crate) bytes: u64,
}

/// Which contents of blobs are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Those of the last segment, by checksum.
    LastSegment,
    /// All, by checksum and digest.
    Everything,
}

impl Journal {
    /// The segment and offset of an entry.
    pub(crate) fn locate(&self, seq: Seq) -> Option<(&SegmentState, u32)> {
        let after = self.segments.partition_point(|segment| segment.header.first <= seq);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        let index = usize::try_from(seq.checked_sub(segment.header.first)?).ok()?;
        segment.offsets.get(index).map(|offset| (segment, *offset))
    }

    /// The segment of a number.
    pub(crate) fn segment(&self, number: u32) -> Option<&SegmentState> {
        self.segments.get((number as usize).checked_sub(1)?)
    }
}

/// Scans the journal in `folder`. Nothing is written.
pub(crate) fn scan(folder: &Path, depth: Depth) -> Result<Scanned, StoreError> {
    let mut scanner = scan_to(folder, depth, u64::MAX)?;
    // The batch of a part that was not written whole, and what comes after it, is no more acknowledged
    // than if its frame did not read. This is rare, so the journal is simply scanned once more.
    if let Some(hole) = scanner.hole() {
        tracing::debug!(hole, "a part in the journal's tail is torn");
        scanner = scan_to(folder, depth, hole)?;
    }
    Ok(scanner.finish())
}

/// Scans the journal as if nothing could be read in the last segment at `hole`.
fn scan_to(folder: &Path, depth: Depth, hole: u64) -> Result<Scanner, StoreError> {
    let numbers = segment::list(folder)?;
    let mut scanner = Scanner::new(depth, hole);
    let last = numbers.last().copied().unwrap_or(0);
    for (expected, number) in (1..).zip(&numbers) {
        if *number != expected {
            scanner.damage(expected, 0, "the segment is missing");
            break;
        }
        match scanner.segment(folder, *number, *number == last) {
            Ok(()) => {}
            Err(StoreError::Damage(damage)) => scanner.damage = Some(damage),
            Err(other) => return Err(other),
        }
        if scanner.damage.is_some() {
            break;
        }
    }
    Ok(scanner)
}

/// A batch that is not known to be whole.
#[derive(Default)]
struct Staged {
    offsets: Vec<u32>,
    blobs: HashMap<PartDigest, Place>,
    spoiled: Vec<(PartDigest, Damage)>,
    head: Option<Watermark>,
}

struct Scanner {
    depth: Depth,
    /// Where in the last segment nothing is read.
    hole: u64,
    /// Parts of the last segment whose content is not what was written, with their places.
    holes: Vec<(PartDigest, u64)>,
    /// Bytes of the last segment of which its frames say that they were durable.
    durable: u64,
    journal: Journal,
    staged: Staged,
    spoiled: Vec<(PartDigest, Damage)>,
    /// What to say of blobs that are not zeros, should they turn out to be erased.
    remains: HashMap<PartDigest, Damage>,
    tail: Option<Tail>,
    damage: Option<Damage>,
    bytes: u64,
}

impl Scanner {
    fn new(depth: Depth, hole: u64) -> Self {
        Self {
            depth,
            hole,
            holes: Vec::new(),
            durable: 0,
            journal: Journal {
                segments: Vec::new(),
                blobs: HashMap::new(),
                erasing: Vec::new(),
                durable: Watermark::START,
            },
            staged: Staged::default(),
            spoiled: Vec::new(),
            remains: HashMap::new(),
            tail: None,
            damage: None,
            bytes: 0,
        }
    }

    fn damage(&mut self, segment: u32, offset: u64, what: impl Into<String>) {
        self.damage = Some(Damage::new(segment, offset, what));
    }

    fn segment(&mut self, folder: &Path, number: u32, is_last: bool) -> Result<(), StoreError> {
        let path = segment::path_of(folder, number);
        let file = segment::open(&path, false)?;
        let length = segment::length_of(&file, &path)?;
        let header = SegmentHeader::read(&file, &path, number)?;
        self.follows(&header)?;
        let nonce = header.nonce;
        let start = SEGMENT_HEADER as u64;
        self.journal.segments.push(SegmentState { header, offsets: Vec::new(), length: start });

        let checks_content = is_last || self.depth == Depth::Everything;
        let mut window = Window::new(&file, &path, length);
        let mut offset = start;
        self.durable = start;
        while offset < length {
            let found = match window.frame(&nonce, offset)? {
                Ok(_) if is_last && offset == self.hole => Err(Unreadable::Content),
                found => found,
            };
            match found {
                Ok(found) => {
                    if let Frame::Blob { digest, checksum, length } = &found.frame
                        && checks_content
                    {
                        let content = offset + (FRAME_HEADER + BLOB_HEADER) as u64;
                        let bytes = window.bytes(content, *length as usize)?.unwrap_or_default();
                        if bytes.iter().any(|byte| *byte != 0) {
                            let what = format!("part {digest} was erased and its bytes are not");
                            self.remains.insert(*digest, Damage::new(number, offset, what));
                        }
                        if let Err(what) = self.check_content(digest, *checksum, bytes) {
                            if is_last && crc32c::crc32c(bytes) != *checksum {
                                self.holes.push((*digest, offset));
                            }
                            let damage = Damage::new(number, offset, what);
                            self.staged.spoiled.push((*digest, damage));
                        }
                    }
                    self.durable = self.durable.max(match &found.frame {
                        Frame::Entry { durable, .. } => u64::from(*durable),
                        // Nothing is erased before it is durable.
                        Frame::Erasing(_) => offset,
                        Frame::Blob { .. } | Frame::Erased(_) => 0,
                    });
                    self.frame(number, offset, found.frame, found.next)?;
                    offset = found.next;
                }
                Err(unreadable) if is_last && !window.was_durable(&nonce, offset)? => {
                    tracing::debug!(number, offset, %unreadable, "the journal's tail is torn");
                    break;
                }
                Err(unreadable) => {
                    return Err(Damage::new(number, offset, unreadable.to_string()).into());
                }
            }
        }
        self.end_of_segment(number, length, is_last)
    }

    /// Whether a segment continues what was scanned.
    fn follows(&self, header: &SegmentHeader) -> Result<(), StoreError> {
        let before = self.journal.segments.last().map_or(0, |segment| segment.length);
        let Watermark { seq, chain } = self.journal.durable;
        if header.previous_bytes != before {
            let what = format!(
                "the segment before it should have {} bytes and has {before}",
                header.previous_bytes
            );
            return Err(Damage::new(header.number, 0, what).into());
        }
        if header.first != seq + 1 || header.chain != chain {
            return Err(Damage::new(header.number, 0, "it does not continue the chain").into());
        }
        Ok(())
    }

    fn frame(
        &mut self,
        number: u32,
        offset: u64,
        frame: Frame,
        next: u64,
    ) -> Result<(), StoreError> {
        let wrong = |what: String| Err(StoreError::from(Damage::new(number, offset, what)));
        let Ok(short_offset) = u32::try_from(offset) else {
            return wrong("the segment is larger than any".to_owned());
        };
        match frame {
            Frame::Blob { digest, .. } => {
                if self.knows(&digest) {
                    return wrong(format!("part {digest} stands here twice"));
                }
                self.staged.blobs.insert(digest, Place { segment: number, offset: short_offset });
            }
            Frame::Entry { entry, continues, durable: _ } => {
                if let Err(what) = self.entry(&entry) {
                    return wrong(what);
                }
                self.staged.offsets.push(short_offset);
                self.staged.head = Some(Watermark { seq: entry.seq, chain: entry.chain });
                if !continues {
                    self.settle(next);
                }
            }
            Frame::Erasing(digest) | Frame::Erased(digest) if !self.staged.is_empty() => {
                return wrong(format!("the erasure of part {digest} stands within a batch"));
            }
            Frame::Erasing(digest) => {
                let place = match self.journal.blobs.get(&digest) {
                    Some(Blob::Held(place)) => Some(*place),
                    Some(Blob::Erased(place)) => *place,
                    None => None,
                };
                self.journal.blobs.insert(digest, Blob::Erased(place));
                self.journal.erasing.push(digest);
                self.settle(next);
            }
            Frame::Erased(digest) => {
                self.journal.erasing.retain(|other| *other != digest);
                self.settle(next);
            }
        }
        Ok(())
    }

    fn knows(&self, digest: &PartDigest) -> bool {
        self.journal.blobs.contains_key(digest) || self.staged.blobs.contains_key(digest)
    }

    fn entry(&self, entry: &Entry) -> Result<(), String> {
        let before = self.staged.head.unwrap_or(self.journal.durable);
        if entry.seq != before.seq + 1 {
            return Err(format!("entry {} stands where {} should", entry.seq, before.seq + 1));
        }
        let blobs = entry.blobs.iter().copied();
        if chain_next(before.chain, entry.seq, entry.kind, blobs, &entry.body) != entry.chain {
            return Err(format!("entry {} does not continue the chain", entry.seq));
        }
        match entry.blobs.iter().find(|digest| !self.knows(digest)) {
            Some(digest) => Err(format!("part {digest} of entry {} is not there", entry.seq)),
            None => Ok(()),
        }
    }

    fn check_content(&self, digest: &PartDigest, sum: u32, content: &[u8]) -> Result<(), String> {
        if crc32c::crc32c(content) != sum {
            return Err(format!("the checksum of part {digest} does not match"));
        }
        let everything = self.depth == Depth::Everything;
        if everything && root_of(content) != Some(Digest(digest.0)) {
            return Err(format!("the content of part {digest} has another digest"));
        }
        Ok(())
    }

    /// What was staged is part of a whole batch, which ends at `next`.
    fn settle(&mut self, next: u64) {
        let staged = std::mem::take(&mut self.staged);
        let placed = staged.blobs.into_iter().map(|(digest, place)| (digest, Blob::Held(place)));
        self.journal.blobs.extend(placed);
        self.spoiled.extend(staged.spoiled);
        self.journal.durable = staged.head.unwrap_or(self.journal.durable);
        if let Some(segment) = self.journal.segments.last_mut() {
            self.bytes += next - segment.length;
            segment.offsets.extend(staged.offsets);
            segment.length = next;
        }
    }

    fn end_of_segment(
        &mut self,
        number: u32,
        length: u64,
        is_last: bool,
    ) -> Result<(), StoreError> {
        let staged = std::mem::take(&mut self.staged);
        let settled = self.journal.segments.last().map_or(0, |segment| segment.length);
        if settled == length {
            return Ok(());
        }
        if !is_last {
            let what = "an unfinished batch, though another segment follows";
            return Err(Damage::new(number, settled, what).into());
        }
        let entries = staged.offsets.len() as u64;
        self.tail =
            Some(Tail { segment: number, offset: settled, bytes: length - settled, entries });
        Ok(())
    }

    /// The first part in whole batches of the last segment that was not written whole, if nothing says
    /// that it ever was.
    fn hole(&self) -> Option<u64> {
        let settled = self.journal.segments.last().map_or(0, |segment| segment.length);
        let torn = self.holes.iter().filter(|(digest, offset)| {
            let erased = matches!(self.journal.blobs.get(digest), Some(Blob::Erased(_)));
            !erased && *offset >= self.durable && *offset < settled
        });
        torn.map(|(_, offset)| *offset).min().filter(|_| self.damage.is_none())
    }

    fn finish(mut self) -> Scanned {
        let erased =
            |digest: PartDigest| matches!(self.journal.blobs.get(&digest), Some(Blob::Erased(_)));
        let spoiled = self.spoiled.iter().filter(|(digest, _)| !erased(*digest));
        let remains = self
            .remains
            .iter()
            .filter(|(digest, _)| erased(**digest) && !self.journal.erasing.contains(digest));
        let spoiled: Vec<Damage> = spoiled
            .map(|(_, damage)| damage)
            .chain(remains.map(|(_, damage)| damage))
            .cloned()
            .collect();
        if self.damage.is_none() {
            self.damage = spoiled.first().cloned();
        }
        Scanned {
            journal: self.journal,
            tail: self.tail,
            damage: self.damage,
            spoiled,
            bytes: self.bytes,
        }
    }
}

impl Staged {
    fn is_empty(&self) -> bool {
        self.offsets.is_empty() && self.blobs.is_empty()
    }
}

/// The digest that a part with this content has.
pub(crate) fn root_of(content: &[u8]) -> Option<Digest> {
    digest::tree_root(&digest::leaf_hashes(content))
}
