//! Frames: the pieces of a segment.
//!
//! `length u32 | checksum u32 | type u8 | body`, integers little-endian, `length` the body's. The
//! checksum is CRC-32C, begun with the segment's nonce, over the length, the type and the body; of a
//! blob's body only over what stands before the content, which has a checksum of its own, so that the
//! content can be overwritten in place. The nonce is secret: nobody who sends us a blob can put a frame
//! of our journal into it.

use std::ops::Range;

use bytes::Bytes;
use comity_core::{Digest, PartDigest};

use crate::{Entry, Seq, bounds};

/// Bytes of length, checksum and type.
pub(crate) const FRAME_HEADER: usize = 9;
/// Bytes of a blob's body before its content: digest, checksum of the content.
pub(crate) const BLOB_HEADER: usize = 36;
/// Bytes of an entry's body before its blobs' digests: mark, durable, sequence, chain, flags, kind, count.
const ENTRY_HEADER: usize = 8 + 4 + 8 + 32 + 1 + 1 + 4;
/// Bytes of an entry's frame up to and with its mark, by which entries are searched for.
pub(crate) const MARK_AT: usize = FRAME_HEADER;

/// The largest body that any frame has.
const LARGEST_BODY: usize = {
    let entry = ENTRY_HEADER + 32 * bounds::ENTRY_BLOBS + bounds::ENTRY_BYTES;
    let blob = BLOB_HEADER + bounds::BLOB_BYTES;
    if entry > blob { entry } else { blob }
};

const TYPE_ENTRY: u8 = 1;
const TYPE_BLOB: u8 = 2;
const TYPE_ERASING: u8 = 3;
const TYPE_ERASED: u8 = 4;

const FLAG_CONTINUES: u8 = 1;

/// Random bytes of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonce(pub(crate) [u8; 16]);

impl Nonce {
    /// What every entry's body begins with.
    pub(crate) const fn mark(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }

    fn checksum(&self, length: u32, kind: u8, covered: &[u8]) -> u32 {
        let sum = crc32c::crc32c(&self.0);
        let sum = crc32c::crc32c_append(sum, &length.to_le_bytes());
        let sum = crc32c::crc32c_append(sum, &[kind]);
        crc32c::crc32c_append(sum, covered)
    }
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// An entry; more of its batch follow when `continues`. When it was written, the first `durable`
    /// bytes of its segment were on the disk: what it was written together with comes after them.
    Entry { entry: Entry, continues: bool, durable: u32 },
    /// A blob. Its content is the last `length` bytes of the frame.
    Blob { digest: PartDigest, checksum: u32, length: u32 },
    /// The blob is to be overwritten and is refused from here on.
    Erasing(PartDigest),
    /// Its overwriting is done.
    Erased(PartDigest),
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("a frame is cut short")]
    Short,
    #[error("a frame claims more bytes than any frame has")]
    Long,
    #[error("a checksum does not match")]
    Checksum,
    #[error("a frame of unknown type")]
    Type,
    #[error("a frame whose body is not of its type")]
    Body,
    #[error("a part whose content was not written whole")]
    Content,
}

/// Length, checksum and type, as they stand before the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHeader {
    length: u32,
    checksum: u32,
    kind: u8,
}

impl FrameHeader {
    /// Reads the nine bytes; says nothing of the body yet.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut take = Take(bytes);
        let (length, checksum, kind) = (take.u32()?, take.u32()?, take.u8()?);
        if !matches!(kind, TYPE_ENTRY | TYPE_BLOB | TYPE_ERASING | TYPE_ERASED) {
            return Err(Unreadable::Type);
        }
        if length as usize > LARGEST_BODY {
            return Err(Unreadable::Long);
        }
        Ok(Self { length, checksum, kind })
    }

    /// Bytes of the whole frame.
    pub(crate) const fn frame_bytes(self) -> u64 {
        FRAME_HEADER as u64 + self.length as u64
    }

    /// Bytes of the body that are needed to read it: all, or what stands before a blob's content.
    pub(crate) fn needed(self) -> usize {
        let length = self.length as usize;
        if self.kind == TYPE_BLOB { length.min(BLOB_HEADER) } else { length }
    }

    /// Checks and reads the body, of which `bytes` are the first [`FrameHeader::needed`].
    pub(crate) fn body(self, nonce: &Nonce, bytes: &[u8]) -> Result<Frame, Unreadable> {
        if nonce.checksum(self.length, self.kind, bytes) != self.checksum {
            return Err(Unreadable::Checksum);
        }
        let mut take = Take(bytes);
        let frame = match self.kind {
            TYPE_ENTRY => take.entry(nonce)?,
            TYPE_BLOB => {
                let (digest, checksum) = (take.digest()?, take.u32()?);
                let length = self.length.checked_sub(BLOB_HEADER as u32).ok_or(Unreadable::Body)?;
                Frame::Blob { digest: PartDigest(digest), checksum, length }
            }
            TYPE_ERASING => Frame::Erasing(PartDigest(take.digest()?)),
            TYPE_ERASED => Frame::Erased(PartDigest(take.digest()?)),
            _ => return Err(Unreadable::Type),
        };
        if take.0.is_empty() { Ok(frame) } else { Err(Unreadable::Body) }
    }
}

/// Appends an entry's frame. Its body and blobs are within their bounds; `durable` bytes of the segment
/// are on the disk.
pub(crate) fn write_entry(
    out: &mut Vec<u8>,
    nonce: &Nonce,
    entry: &Entry,
    continues: bool,
    durable: u32,
) {
    let mut body = Vec::with_capacity(ENTRY_HEADER + 32 * entry.blobs.len() + entry.body.len());
    body.extend(nonce.mark());
    body.extend(durable.to_le_bytes());
    body.extend(entry.seq.to_le_bytes());
    body.extend(entry.chain.0);
    body.push(if continues { FLAG_CONTINUES } else { 0 });
    body.push(entry.kind);
    body.extend((entry.blobs.len() as u32).to_le_bytes());
    for digest in &entry.blobs {
        body.extend(digest.0);
    }
    body.extend_from_slice(&entry.body);
    write(out, nonce, TYPE_ENTRY, &body, &[]);
}

/// Appends a blob's frame and returns where in it the content lies.
pub(crate) fn write_blob(
    out: &mut Vec<u8>,
    nonce: &Nonce,
    digest: &PartDigest,
    content: &[u8],
) -> Range<usize> {
    let mut before = Vec::with_capacity(BLOB_HEADER);
    before.extend(digest.0);
    before.extend(crc32c::crc32c(content).to_le_bytes());
    write(out, nonce, TYPE_BLOB, &before, content);
    out.len() - content.len()..out.len()
}

/// Appends the frame that begins an erasure.
pub(crate) fn write_erasing(out: &mut Vec<u8>, nonce: &Nonce, digest: &PartDigest) {
    write(out, nonce, TYPE_ERASING, &digest.0, &[]);
}

/// Appends the frame that ends an erasure.
pub(crate) fn write_erased(out: &mut Vec<u8>, nonce: &Nonce, digest: &PartDigest) {
    write(out, nonce, TYPE_ERASED, &digest.0, &[]);
}

fn write(out: &mut Vec<u8>, nonce: &Nonce, kind: u8, covered: &[u8], content: &[u8]) {
    // Both are within `bounds`, far below 32 bits.
    let length = (covered.len() + content.len()) as u32;
    out.extend(length.to_le_bytes());
    out.extend(nonce.checksum(length, kind, covered).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(covered);
    out.extend_from_slice(content);
}

/// Takes fields off the front of a body.
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Unreadable::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn digest(&mut self) -> Result<[u8; 32], Unreadable> {
        self.array()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Unreadable::Short)?;
        self.0 = rest;
        Ok(head)
    }

    fn entry(&mut self, nonce: &Nonce) -> Result<Frame, Unreadable> {
        if self.array::<8>()? != nonce.mark() {
            return Err(Unreadable::Body);
        }
        let durable = self.u32()?;
        let seq: Seq = self.u64()?;
        let chain = Digest(self.digest()?);
        let continues = match self.u8()? {
            0 => false,
            FLAG_CONTINUES => true,
            _ => return Err(Unreadable::Body),
        };
        let kind = self.u8()?;
        let count = self.u32()? as usize;
        if count > bounds::ENTRY_BLOBS {
            return Err(Unreadable::Body);
        }
        let blobs =
            (0..count).map(|_| self.digest().map(PartDigest)).collect::<Result<Vec<_>, _>>()?;
        let body = Bytes::copy_from_slice(std::mem::take(&mut self.0));
        Ok(Frame::Entry { entry: Entry { seq, kind, body, chain, blobs }, continues, durable })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONCE: Nonce = Nonce([7; 16]);

    fn read(bytes: &[u8]) -> Result<Frame, Unreadable> {
        let header = FrameHeader::read(bytes)?;
        let rest = &bytes[FRAME_HEADER..];
        if (rest.len() as u64 + FRAME_HEADER as u64) < header.frame_bytes() {
            return Err(Unreadable::Short);
        }
        header.body(&NONCE, &rest[..header.needed()])
    }

    proptest! {
        #[test]
        fn an_entry_reads_back(seq: u64, kind: u8, chain: [u8; 32], body: Vec<u8>,
                               blobs in prop::collection::vec(any::<[u8; 32]>(), 0..5), continues: bool,
                               durable: u32) {
            let blobs = blobs.into_iter().map(PartDigest).collect();
            let entry = Entry { seq, kind, body: body.into(), chain: Digest(chain), blobs };
            let mut out = Vec::new();
            write_entry(&mut out, &NONCE, &entry, continues, durable);
            prop_assert_eq!(read(&out), Ok(Frame::Entry { entry, continues, durable }));
        }

        #[test]
        fn a_changed_bit_is_seen(body: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
            let entry = Entry { seq: 3, kind: 1, body: body.into(), chain: Digest::ZERO, blobs: vec![] };
            let mut out = Vec::new();
            write_entry(&mut out, &NONCE, &entry, false, 84);
            let at = at.index(out.len());
            out[at] ^= 1 << bit;
            prop_assert!(read(&out).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            prop_assert!(read(&bytes).is_err());
        }
    }

    #[test]
    fn a_frame_of_another_segment_is_refused() {
        let mut out = Vec::new();
        write_erased(&mut out, &Nonce([8; 16]), &PartDigest([1; 32]));
        assert_eq!(read(&out), Err(Unreadable::Checksum));
    }

    #[test]
    fn a_blob_tells_where_its_content_is() {
        let mut out = vec![0; 5];
        let content = write_blob(&mut out, &NONCE, &PartDigest([1; 32]), b"content");
        assert_eq!(&out[content.clone()], b"content");
        assert_eq!(content.start, 5 + FRAME_HEADER + BLOB_HEADER);
    }
}
