//! Segment files: their names, their headers, and reading frames out of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use comity_core::Digest;

use crate::frame::{FRAME_HEADER, Frame, FrameHeader, MARK_AT, Nonce, Take, Unreadable};
use crate::{Damage, Seq, StoreError};

/// The format that this program writes and reads. In format 1 entries did not say what was durable before
/// them; no release wrote it.
pub(crate) const FORMAT_VERSION: u32 = 2;
/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER: usize = 84;

const MAGIC: [u8; 8] = *b"comity-j";
/// Bytes that a [`Window`] reads at once, for who reads on.
const WINDOW: usize = 256 << 10;
/// Bytes that are read with the first of a frame, for who reads one frame: most are smaller.
const ONE_FRAME: usize = 4 << 10;

/// What a segment says of itself and of what comes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Counts from 1 without gaps.
    pub(crate) number: u32,
    /// The entry that its first entry frame holds.
    pub(crate) first: Seq,
    /// The chain's head before that entry.
    pub(crate) chain: Digest,
    /// Bytes of the segment before this one, which ended there; zero before the first.
    pub(crate) previous_bytes: u64,
    /// Random.
    pub(crate) nonce: Nonce,
}

impl SegmentHeader {
    /// `magic 8 | version u32 | number u32 | first u64 | previous bytes u64 | chain 32 | nonce 16 | checksum u32`.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER);
        out.extend(MAGIC);
        out.extend(FORMAT_VERSION.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        out.extend(self.first.to_le_bytes());
        out.extend(self.previous_bytes.to_le_bytes());
        out.extend(self.chain.0);
        out.extend(self.nonce.0);
        let checksum = crc32c::crc32c(&out);
        out.extend(checksum.to_le_bytes());
        out
    }

    /// Reads the header of segment `number` at `path`.
    pub(crate) fn read(file: &File, path: &Path, number: u32) -> Result<Self, StoreError> {
        let damage = |what: &str| StoreError::from(Damage::new(number, 0, what));
        let mut bytes = [0; SEGMENT_HEADER];
        file.read_exact_at(&mut bytes, 0).map_err(|error| {
            if error.kind() == ErrorKind::UnexpectedEof {
                return damage("the segment's header is cut short");
            }
            StoreError::io("read", path, error)
        })?;
        let short = |_: Unreadable| damage("the segment's header is cut short");
        let mut take = Take(&bytes);
        if take.array().map_err(short)? != MAGIC {
            return Err(damage("this is no segment of a journal"));
        }
        let found = take.u32().map_err(short)?;
        let header = Self {
            number: take.u32().map_err(short)?,
            first: take.u64().map_err(short)?,
            previous_bytes: take.u64().map_err(short)?,
            chain: Digest(take.digest().map_err(short)?),
            nonce: Nonce(take.array().map_err(short)?),
        };
        let checksum = take.u32().map_err(short)?;
        let (covered, _) = bytes.split_at(SEGMENT_HEADER - 4);
        // Every format has the header's size, its first fields and its checksum.
        if found != FORMAT_VERSION && crc32c::crc32c(covered) == checksum {
            let (path, known) = (path.to_owned(), FORMAT_VERSION);
            return Err(if found > known {
                StoreError::Newer { path, found, known }
            } else {
                StoreError::Older { path, found, known }
            });
        }
        if crc32c::crc32c(covered) != checksum {
            return Err(damage("the checksum of the segment's header does not match"));
        }
        if found != FORMAT_VERSION || header.number != number {
            return Err(damage("the segment's header does not fit its file name"));
        }
        Ok(header)
    }
}

/// The path of a segment.
pub(crate) fn path_of(journal: &Path, number: u32) -> PathBuf {
    journal.join(format!("{number:08}.seg"))
}

/// The numbers of the segments in a folder, ascending. Leftovers of a creation that did not finish are
/// skipped; any other file is somebody else's and is skipped too.
pub(crate) fn list(journal: &Path) -> Result<Vec<u32>, StoreError> {
    let failed = |error| StoreError::io("list", journal, error);
    let mut numbers = Vec::new();
    for found in fs::read_dir(journal).map_err(failed)? {
        let name = found.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        if let Some(number) = number.and_then(|digits| digits.parse().ok()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes a segment that is durable, header and name, before it is used.
///
/// It gets its name only when its header is on the disk, so a header that does not read is damage and
/// never a creation that was cut short.
pub(crate) fn create(journal: &Path, header: &SegmentHeader) -> Result<File, StoreError> {
    let path = path_of(journal, header.number);
    let unfinished = path.with_extension("new");
    let written = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| file.write_all(&header.encode()).map(|()| file));
    let file = written.map_err(|error| StoreError::io("make", &unfinished, error))?;
    file.sync_all().map_err(|error| StoreError::sync(&unfinished, error))?;
    fs::rename(&unfinished, &path).map_err(|error| StoreError::io("name", &path, error))?;
    sync_folder(journal)?;
    Ok(file)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::sync(folder, error))
}

/// Reads a file through a buffer, forwards mostly.
pub(crate) struct Window<'a> {
    file: &'a File,
    path: &'a Path,
    start: u64,
    buffer: Vec<u8>,
    /// Bytes of the file that may be looked at.
    end: u64,
    /// Bytes that are read at once.
    ahead: usize,
}

/// A frame and where the next begins.
pub(crate) struct Located {
    pub(crate) frame: Frame,
    pub(crate) next: u64,
}

impl<'a> Window<'a> {
    /// Over the first `end` bytes of `file`.
    pub(crate) const fn new(file: &'a File, path: &'a Path, end: u64) -> Self {
        Self { file, path, start: 0, buffer: Vec::new(), end, ahead: WINDOW }
    }

    /// For reading frames that lie within `span` bytes, and little else.
    pub(crate) fn spanning(self, span: u32) -> Self {
        Self { ahead: WINDOW.min(ONE_FRAME + span as usize), ..self }
    }

    /// `length` bytes from `offset`; `None` beyond the end.
    pub(crate) fn bytes(
        &mut self,
        offset: u64,
        length: usize,
    ) -> Result<Option<&[u8]>, StoreError> {
        if offset.checked_add(length as u64).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        let held = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let held = held.filter(|skip| self.buffer.len().saturating_sub(*skip) >= length);
        let skip = match held {
            Some(skip) => skip,
            None => {
                let left = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
                self.buffer.resize(length.max(self.ahead).min(left), 0);
                self.start = offset;
                if let Err(error) = self.file.read_exact_at(&mut self.buffer, offset) {
                    self.buffer.clear();
                    return Err(StoreError::io("read", self.path, error));
                }
                0
            }
        };
        Ok(self.buffer.get(skip..skip + length))
    }

    /// The frame at `offset`. A blob's content is not looked at.
    pub(crate) fn frame(
        &mut self,
        nonce: &Nonce,
        offset: u64,
    ) -> Result<Result<Located, Unreadable>, StoreError> {
        let Some(bytes) = self.bytes(offset, FRAME_HEADER)? else {
            return Ok(Err(Unreadable::Short));
        };
        let header = match FrameHeader::read(bytes) {
            Ok(header) => header,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        let next = offset.saturating_add(header.frame_bytes());
        if next > self.end {
            return Ok(Err(Unreadable::Short));
        }
        let Some(body) = self.bytes(offset + FRAME_HEADER as u64, header.needed())? else {
            return Ok(Err(Unreadable::Short));
        };
        Ok(header.body(nonce, body).map(|frame| Located { frame, next }))
    }

    /// Whether what stands at `offset` was once whole on the disk: anywhere after it begins an entry's
    /// frame that says so. An entry that was only written in the same group proves nothing, for the
    /// pages of one group reach the disk in any order.
    pub(crate) fn was_durable(&mut self, nonce: &Nonce, offset: u64) -> Result<bool, StoreError> {
        let mark = nonce.mark();
        let mut at = offset + 1;
        while at < self.end {
            let left = usize::try_from(self.end - at).unwrap_or(usize::MAX);
            let Some(bytes) = self.bytes(at, left.min(WINDOW))? else { break };
            let found: Vec<u64> = bytes
                .windows(mark.len())
                .enumerate()
                .filter(|(_, window)| **window == mark)
                .map(|(skip, _)| at + skip as u64)
                .collect();
            let step = bytes.len().saturating_sub(mark.len() - 1).max(1);
            for start in found.iter().filter_map(|mark| mark.checked_sub(MARK_AT as u64)) {
                let candidate = if start > offset { self.frame(nonce, start)?.ok() } else { None };
                let proves = |frame: &Frame| matches!(frame, Frame::Entry { durable, .. } if u64::from(*durable) > offset);
                if candidate.is_some_and(|found| proves(&found.frame)) {
                    return Ok(true);
                }
            }
            at += step as u64;
        }
        Ok(false)
    }
}

/// Bytes of a file.
pub(crate) fn length_of(file: &File, path: &Path) -> Result<u64, StoreError> {
    file.metadata().map(|found| found.len()).map_err(|error| StoreError::io("read", path, error))
}

/// Opens a segment.
pub(crate) fn open(path: &Path, write: bool) -> Result<File, StoreError> {
    let opened: io::Result<File> = OpenOptions::new().read(true).write(write).open(path);
    opened.map_err(|error| StoreError::io("open", path, error))
}
