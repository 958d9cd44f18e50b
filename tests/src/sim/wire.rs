//! Reads what goes over the wire, as `docs/src/spec/link.md` says it: a second reader, which shares
//! nothing with the link's own but CBOR.

use std::collections::BTreeMap;

use bytes::{Buf as _, Bytes, BytesMut};
use comity_core::cbor::{Fault, Problem, Reader};
use comity_core::digest::{leaf_hash, leaf_hashes, tree_root};
use comity_core::ledger::{Head, LedgerEntry, Ranges};
use comity_core::{Digest, EconomyId, PartDigest};
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
    /// CHUNK_WANT: of a delivery that may come again, these leaves of a part and no others.
    Wants {
        /// The number.
        number: u64,
        /// The part.
        part: PartDigest,
        /// Its leaves that are not durable.
        leaves: Ranges,
    },
    /// KNOWN: what was refused of this origin under these numbers may come again.
    Known {
        /// The origin.
        origin: EconomyId,
        /// Numbers of the hearer's ledger.
        numbers: Ranges,
    },
    /// KEYRING_HEAD: which keyring of this economy is the newest.
    Head(EconomyId),
    /// CHUNK, of what a batch announced.
    Chunk {
        /// Which sending of which part.
        transfer: u64,
        /// The leaf.
        leaf: u64,
    },
    /// Anything that bears neither records nor numbers.
    Other(u64),
}

/// A delivery as it went.
#[derive(Clone, Debug)]
pub struct Line {
    /// The ledger's line.
    pub entry: LedgerEntry,
    /// The signed form.
    pub signed: Bytes,
    /// The digests of the bodies that went with it; of those that come in chunks, what they must give. Of what
    /// is given back without its bytes, zeros.
    pub bodies: Vec<PartDigest>,
    /// The parts that come in chunks.
    pub apart: Vec<Apart>,
    /// How soon it goes: 0 urgent, 1 live, 2 what was missed.
    pub lane: u64,
    /// All of its bytes.
    pub bytes: Bytes,
}

/// A part that comes in chunks.
#[derive(Clone, Debug)]
pub struct Apart {
    /// The sending.
    pub transfer: u64,
    /// The leaf hashes.
    pub leaves: Vec<Digest>,
    /// The leaves that come, if not all do.
    pub coming: Option<Ranges>,
}

/// What was said on one connection by one side and is not whole yet.
#[derive(Debug, Default)]
pub struct Tap {
    streams: BTreeMap<(bool, u64), BytesMut>,
    /// Parts that come in chunks.
    apart: BTreeMap<u64, Apart>,
}

impl Tap {
    /// Takes bytes of a stream; what they complete.
    pub fn hear(&mut self, stream: OutStream, bytes: &[u8], fin: bool) -> Result<Vec<Said>, Fault> {
        let frames = self.overhear(stream, bytes, fin)?;
        Ok(frames.into_iter().map(|(said, _)| said).collect())
    }

    /// The same, each with the bytes of its frame.
    pub fn overhear(
        &mut self,
        stream: OutStream,
        bytes: &[u8],
        fin: bool,
    ) -> Result<Vec<(Said, Bytes)>, Fault> {
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
            let one = read(&frame)?;
            check(&mut self.apart, &frame, &one)?;
            said.push((one, frame));
        }
        if fin {
            self.streams.remove(&key);
        }
        Ok(said)
    }
}

/// A chunk is one that a batch announced, and the batch went before it.
fn check(known: &mut BTreeMap<u64, Apart>, frame: &Bytes, said: &Said) -> Result<(), Fault> {
    match said {
        Said::Batch { lines, .. } => {
            for apart in lines.iter().flat_map(|line| &line.apart) {
                known.insert(apart.transfer, apart.clone());
            }
            Ok(())
        }
        Said::Chunk { transfer, leaf } => {
            let apart = known.get(transfer);
            let coming =
                |apart: &&Apart| apart.coming.as_ref().is_none_or(|coming| coming.contains(*leaf));
            let hash = apart.filter(coming).and_then(|apart| apart.leaves.get(*leaf as usize));
            let mut reader = Reader::new(frame);
            let bytes = chunk_bytes(&mut reader)?;
            if hash.is_some_and(|hash| *hash == leaf_hash(bytes)) {
                return Ok(());
            }
            Err(reader.fault(Problem::OutOfRange))
        }
        _ => Ok(()),
    }
}

fn chunk_bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    reader.array(2)?;
    reader.uint()?;
    let mut map = reader.map(8)?;
    map.next_key(reader)?;
    reader.uint()?;
    map.next_key(reader)?;
    reader.uint()?;
    map.next_key(reader)?;
    reader.bytes(1 << 20)
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
        3 => {
            let mut map = reader.map(8)?;
            map.next_key(&mut reader)?;
            let transfer = reader.uint()?;
            map.next_key(&mut reader)?;
            Ok(Said::Chunk { transfer, leaf: reader.uint()? })
        }
        7 => void(&mut reader),
        8 => {
            let mut map = reader.map(8)?;
            map.next_key(&mut reader)?;
            Ok(Said::Receipt(frame.slice_ref(reader.bytes(1 << 16)?)))
        }
        19 => {
            let mut map = reader.map(8)?;
            map.next_key(&mut reader)?;
            let number = reader.uint()?;
            map.next_key(&mut reader)?;
            let part = PartDigest(reader.array_of()?);
            map.next_key(&mut reader)?;
            Ok(Said::Wants { number, part, leaves: Ranges::read(&mut reader, 64)? })
        }
        20 => {
            let mut map = reader.map(8)?;
            map.next_key(&mut reader)?;
            let origin = EconomyId(reader.array_of()?);
            map.next_key(&mut reader)?;
            Ok(Said::Known { origin, numbers: Ranges::read(&mut reader, 4096)? })
        }
        21 => head(&mut reader),
        other => Ok(Said::Other(other)),
    }
}

/// The economy stands first in what is signed.
fn head(reader: &mut Reader<'_>) -> Result<Said, Fault> {
    let mut map = reader.map(8)?;
    map.next_key(reader)?;
    let signed = reader.bytes(256)?;
    let mut signed = Reader::new(signed);
    signed.array(3)?;
    let payload = signed.bytes(256)?;
    let mut payload = Reader::new(payload);
    payload.array(5)?;
    Ok(Said::Head(EconomyId(payload.array_of()?)))
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
    let lane = reader.uint()?;
    map.next_key(reader)?;
    let lines = reader.list(1024, |reader| {
        let start = reader.offset();
        reader.array(3)?;
        let entry = LedgerEntry::read(reader)?;
        let signed = frame.slice_ref(reader.bytes(1 << 20)?);
        let bodies = reader.list(1024, body)?;
        reader.leave();
        let (bodies, apart): (Vec<_>, Vec<_>) = bodies.into_iter().unzip();
        let (apart, bytes) =
            (apart.into_iter().flatten().collect(), frame.slice(start..reader.offset()));
        Ok(Line { entry, signed, bodies, apart, lane, bytes })
    })?;
    Ok(Said::Batch { returned, lines })
}

/// The digest of a body: of its bytes, or of the leaf hashes that announce its chunks. Zeros where it is empty.
fn body(reader: &mut Reader<'_>) -> Result<(PartDigest, Option<Apart>), Fault> {
    let digest =
        |leaves: &[Digest]| tree_root(leaves).map_or(PartDigest([0; 32]), PartDigest::from);
    let mut ahead = reader.clone();
    if ahead.array(4).is_err() {
        let bytes = reader.bytes(1 << 26)?;
        let none = bytes.is_empty();
        return Ok((if none { digest(&[]) } else { digest(&leaf_hashes(bytes)) }, None));
    }
    let fields = reader.array(4)?;
    let transfer = reader.uint()?;
    reader.uint()?;
    let (hashes, _rest) = reader.bytes(1 << 16)?.as_chunks::<32>();
    let leaves: Vec<Digest> = hashes.iter().copied().map(Digest).collect();
    let coming = if fields == 4 { Some(Ranges::read(reader, 64)?) } else { None };
    reader.leave();
    Ok((digest(&leaves), Some(Apart { transfer, leaves, coming })))
}
