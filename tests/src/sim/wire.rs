//! Reads what goes over the wire, as `docs/src/spec/link.md` says it: a second reader, which shares
//! nothing with the link's own but CBOR.

use std::collections::BTreeMap;

use bytes::{Buf as _, Bytes, BytesMut};
use comity_core::cbor::{Fault, Reader};
use comity_core::ledger::{Head, LedgerEntry, Ranges};
use comity_core::{Digest, PartDigest};
use comity_proto::OutStream;

/// Something that one side said.
#[derive(Debug)]
pub enum Said {
    /// HELLO: the last number of its ledger, and what it holds of the other side's.
    Hello {
        /// Where its own ledger stands.
        out: Head,
        /// Where the other's stands with it.
        inbound: Head,
        /// What it holds of the other's.
        held: Ranges,
    },
    /// ACK of deliveries.
    Acked(Ranges),
    /// REJECT.
    Rejected(u64),
    /// Deliveries, and whether they are given back.
    Batch {
        /// Whether the ledger is the receiver's own.
        returned: bool,
        /// The deliveries.
        lines: Vec<Line>,
    },
    /// VOID.
    Void {
        /// Whether the ledger is the receiver's own.
        returned: bool,
        /// The number.
        number: u64,
        /// The digest of its entry.
        digest: Digest,
    },
    /// DEFER: no room for it now.
    Deferred {
        /// Whether the ledger is the hearer's own.
        returned: bool,
        /// The number.
        number: u64,
    },
    /// RECEIPT: the signed bytes.
    Receipt(Bytes),
    /// Anything that bears neither records nor numbers, and chunks of what a batch announced.
    Other(u64),
}

/// A delivery as it went.
#[derive(Clone, Debug)]
pub struct Line {
    /// The ledger's line.
    pub entry: LedgerEntry,
    /// The signed form.
    pub signed: Bytes,
    /// The digests of the bodies that went with it; of those that come in chunks, what they must give.
    pub bodies: Vec<PartDigest>,
}

/// What was said on one connection by one side and is not whole yet.
#[derive(Debug, Default)]
pub struct Tap {
    streams: BTreeMap<(bool, u64), BytesMut>,
}

impl Tap {
    /// Takes bytes of a stream; what they complete.
    pub fn hear(&mut self, stream: OutStream, bytes: &[u8], fin: bool) -> Result<Vec<Said>, Fault> {
        let key = match stream {
            OutStream::Control => (true, 0),
            OutStream::Uni { id, .. } => (false, id),
        };
        let buffer = self.streams.entry(key).or_default();
        buffer.extend_from_slice(bytes);
        let mut said = Vec::new();
        while let Some(prefix) = buffer.first_chunk::<4>() {
            let length = u32::from_be_bytes(*prefix) as usize;
            if buffer.len() < length + 4 {
                break;
            }
            buffer.advance(4);
            let frame = buffer.split_to(length).freeze();
            said.push(read(&frame)?);
        }
        if fin {
            self.streams.remove(&key);
        }
        Ok(said)
    }
}

fn read(frame: &Bytes) -> Result<Said, Fault> {
    let mut reader = Reader::new(frame);
    reader.array(2)?;
    let kind = reader.uint()?;
    match kind {
        0 => hello(&mut reader),
        2 | 9 => batch(frame, &mut reader, kind == 9),
        4 => acked(&mut reader),
        5 => {
            let mut map = reader.map(8)?;
            map.next_key(&mut reader)?;
            Ok(Said::Rejected(reader.uint()?))
        }
        6 => {
            let mut map = reader.map(8)?;
            map.next_key(&mut reader)?;
            let returned = reader.uint()? == 1;
            map.next_key(&mut reader)?;
            Ok(Said::Deferred { returned, number: reader.uint()? })
        }
        7 => void(&mut reader),
        8 => {
            let mut map = reader.map(8)?;
            map.next_key(&mut reader)?;
            Ok(Said::Receipt(frame.slice_ref(reader.bytes(1 << 16)?)))
        }
        other => Ok(Said::Other(other)),
    }
}

fn hello(reader: &mut Reader<'_>) -> Result<Said, Fault> {
    let mut map = reader.map(64)?;
    let (mut out, mut inbound, mut held) = (Head::START, Head::START, Ranges::new());
    while let Some(key) = map.next_key(reader)? {
        match key {
            4 => {
                reader.array(2)?;
                reader.bytes(16)?;
                out = Head::read(reader)?;
                reader.leave();
            }
            5 => {
                reader.array(3)?;
                reader.bytes(16)?;
                inbound = Head::read(reader)?;
                held = Ranges::read(reader, 4096)?;
                reader.leave();
            }
            _ => {
                reader.skip()?;
            }
        }
    }
    if inbound.number > 0 {
        held.insert_range(1..=inbound.number);
    }
    Ok(Said::Hello { out, inbound, held })
}

fn acked(reader: &mut Reader<'_>) -> Result<Said, Fault> {
    let mut map = reader.map(8)?;
    map.next_key(reader)?;
    let returned = reader.uint()? == 1;
    map.next_key(reader)?;
    let upto = reader.uint()?;
    map.next_key(reader)?;
    let mut ranges = Ranges::read(reader, 4096)?;
    if upto > 0 {
        ranges.insert_range(1..=upto);
    }
    Ok(if returned { Said::Other(4) } else { Said::Acked(ranges) })
}

fn void(reader: &mut Reader<'_>) -> Result<Said, Fault> {
    let mut map = reader.map(8)?;
    map.next_key(reader)?;
    let returned = reader.uint()? == 1;
    map.next_key(reader)?;
    let number = reader.uint()?;
    map.next_key(reader)?;
    Ok(Said::Void { returned, number, digest: Digest(reader.array_of()?) })
}

fn batch(frame: &Bytes, reader: &mut Reader<'_>, returned: bool) -> Result<Said, Fault> {
    let mut map = reader.map(8)?;
    map.next_key(reader)?;
    reader.uint()?;
    map.next_key(reader)?;
    let lines = reader.list(1024, |reader| {
        reader.array(3)?;
        let entry = LedgerEntry::read(reader)?;
        let signed = frame.slice_ref(reader.bytes(1 << 20)?);
        let bodies = reader.list(1024, body)?;
        reader.leave();
        Ok(Line { entry, signed, bodies })
    })?;
    Ok(Said::Batch { returned, lines })
}

/// The digest of a body: of its bytes, or of the leaf hashes that announce its chunks.
fn body(reader: &mut Reader<'_>) -> Result<PartDigest, Fault> {
    use comity_core::digest::{leaf_hashes, tree_root};
    let mut ahead = reader.clone();
    let leaves = if ahead.array(3).is_err() {
        leaf_hashes(reader.bytes(1 << 26)?)
    } else {
        reader.array(3)?;
        reader.uint()?;
        reader.uint()?;
        let hashes = reader.bytes(1 << 16)?;
        reader.leave();
        let (hashes, _rest) = hashes.as_chunks::<32>();
        hashes.iter().copied().map(Digest).collect()
    };
    Ok(tree_root(&leaves).map_or(PartDigest([0; 32]), PartDigest::from))
}
