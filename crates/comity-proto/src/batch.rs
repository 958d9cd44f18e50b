//! Frames of unidirectional streams: batches of deliveries, and chunks of parts.

use std::collections::BTreeMap;

use bytes::Bytes;
use comity_core::cbor::{Fault as Problems, Problem, Reader, Writer};
use comity_core::digest::{Digest, leaf_hashes};
use comity_core::identity::PartDigest;
use comity_core::ledger::{LedgerEntry, Ranges};
use comity_core::{Delivery, limits as core_limits};

use crate::fault::Fault;
use crate::frame::{Fields, Flow, check_known, framed, kind, prefix, read_kind};
use crate::hello::expect_array;
use crate::limits;
use crate::load::{Lane, Load};

/// A frame of a unidirectional stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UniFrame {
    Batch { flow: Flow, lane: Lane, deliveries: Vec<Delivered> },
    Chunk(Chunk),
}

/// A delivery within a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) entry: LedgerEntry,
    pub(crate) record: Bytes,
    /// One for each part of the entry, in its order; in what is given back, an empty one for each part that
    /// was erased since.
    pub(crate) bodies: Vec<Body>,
}

/// The bytes of a part, or what its chunks must be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Inline(Bytes),
    Chunked {
        transfer: u64,
        length: usize,
        leaves: Vec<Digest>,
        /// The leaves that come, where the receiver has asked for these only.
        coming: Option<Ranges>,
    },
}

/// One leaf of a part.
///
/// It names the sending of its part, not the part: what is sent again gets a new number, so that
/// chunks of a delivery that was put off are never taken for those of the next attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Unique within the connection, ascending from 1.
    pub(crate) transfer: u64,
    /// The leaf's place in the part.
    pub(crate) index: usize,
    pub(crate) bytes: Bytes,
}

impl Body {
    /// Whether it stands for a part that whoever gives it back has erased: no part is empty.
    pub(crate) fn is_erased(&self) -> bool {
        matches!(self, Self::Inline(bytes) if bytes.is_empty())
    }
}

impl Delivered {
    /// The transfers that bring parts of it, each with the part's place.
    pub(crate) fn transfers(&self) -> impl Iterator<Item = (u64, usize)> {
        self.bodies.iter().enumerate().filter_map(|(part, body)| match body {
            Body::Inline(_) => None,
            Body::Chunked { transfer, .. } => Some((*transfer, part)),
        })
    }

    pub(crate) fn load(&self) -> Load {
        Load::of(
            self.record.len(),
            self.bodies.iter().map(|body| match body {
                Body::Inline(bytes) => bytes.len(),
                Body::Chunked { length, .. } => *length,
            }),
        )
    }
}

/// The leaves of parts that a receiver asks for; of a part that is not here, all.
pub(crate) type Wanted = BTreeMap<PartDigest, Ranges>;

/// A delivery about to leave, with what is to be known of each part that does not travel within the
/// batch.
#[derive(Debug)]
pub(crate) struct Leaving {
    delivery: Delivery,
    apart: Vec<Option<Apart>>,
}

/// A part that travels in chunks.
#[derive(Debug)]
struct Apart {
    transfer: u64,
    /// The leaves that go; all, unless fewer are asked for.
    going: Option<Ranges>,
}

impl Leaving {
    /// Gives each part that travels in chunks its transfer, from `next` on, and takes from `wanted`
    /// what is asked for of it. What is left there was asked for of parts that have no such leaves.
    pub(crate) fn new(delivery: Delivery, next: &mut u64, wanted: &mut Wanted) -> Self {
        let parts = delivery.parts().iter().zip(inline(&delivery));
        let apart = parts.map(|((digest, bytes), inline)| {
            (!inline).then(|| {
                *next = next.saturating_add(1);
                Apart {
                    transfer: *next,
                    going: take_wanted(wanted, digest, chunks_of(bytes.len())),
                }
            })
        });
        let apart = apart.collect();
        Self { delivery, apart }
    }

    fn parts(&self) -> impl Iterator<Item = (&Bytes, Option<&Apart>)> {
        let parts = self.delivery.parts().iter().map(|(_, bytes)| bytes);
        parts.zip(self.apart.iter().map(Option::as_ref))
    }

    /// The chunks: for each the head of its frame, and the bytes that follow.
    pub(crate) fn chunks(&self) -> Vec<(Bytes, Bytes)> {
        let apart = self.parts().filter_map(|(bytes, apart)| Some((bytes, apart?)));
        apart
            .flat_map(|(bytes, apart)| {
                let starts = (0..bytes.len()).step_by(limits::CHUNK_BYTES).enumerate();
                let goes = |index: &usize| {
                    apart.going.as_ref().is_none_or(|going| going.contains(*index as u64))
                };
                starts.filter(move |(index, _)| goes(index)).map(move |(index, start)| {
                    let end = start.saturating_add(limits::CHUNK_BYTES).min(bytes.len());
                    let chunk = bytes.slice(start..end);
                    (chunk_head(apart.transfer, index, chunk.len()), chunk)
                })
            })
            .collect()
    }

    /// `[entry, record, [part, ...]]`, a part being its bytes, or where it comes in chunks
    /// `[transfer, length, leaf hashes]`, and the leaves that come, if not all do.
    fn write(&self, writer: &mut Writer) {
        writer.array(3).raw(&self.delivery.entry().encode()).bytes(self.delivery.record());
        writer.array(self.delivery.parts().len());
        for (bytes, apart) in self.parts() {
            let Some(Apart { transfer, going }) = apart else {
                writer.bytes(bytes);
                continue;
            };
            let leaves: Vec<u8> = leaf_hashes(bytes).iter().flat_map(|leaf| leaf.0).collect();
            writer.array(3_usize.saturating_add(usize::from(going.is_some())));
            writer.uint(*transfer).uint(bytes.len() as u64).bytes(&leaves);
            if let Some(going) = going {
                going.write(writer);
            }
        }
    }
}

/// What is asked for of a part of so many leaves; none where it is all, or nothing that there is.
fn take_wanted(wanted: &mut Wanted, part: &PartDigest, leaves: usize) -> Option<Ranges> {
    wanted.get(part).filter(|asked| are_of(asked, leaves))?;
    let asked = wanted.remove(part)?;
    (!asked.covers(&all(leaves))).then_some(asked)
}

/// How many chunks a part of this length has.
pub(crate) fn chunks_of(length: usize) -> usize {
    length.div_ceil(limits::CHUNK_BYTES)
}

/// Every leaf of a part that has so many.
pub(crate) fn all(leaves: usize) -> Ranges {
    let last = (leaves as u64).checked_sub(1);
    last.map(|last| (0, last)).into_iter().collect()
}

/// Whether a part with so many leaves has all of these.
pub(crate) fn are_of(some: &Ranges, leaves: usize) -> bool {
    some.is_empty() || some.last() < leaves as u64
}

/// Which of a delivery's parts, in their order, travel within the batch.
fn inline(delivery: &Delivery) -> Vec<bool> {
    let mut total = 0_usize;
    delivery
        .parts()
        .iter()
        .map(|(_, bytes)| {
            let grown = total.saturating_add(bytes.len());
            let fits =
                bytes.len() <= limits::INLINE_PART_BYTES && grown <= limits::INLINE_DELIVERY_BYTES;
            if fits {
                total = grown;
            }
            fits
        })
        .collect()
}

/// Bytes that a part adds to a batch beside its own: its digest in the entry, and a leaf hash.
const PART_OVERHEAD: usize = 80;

/// Bytes that a delivery adds to its batch, nearly.
pub(crate) fn weight(delivery: &Delivery) -> usize {
    let inlined = delivery.parts().iter().zip(inline(delivery)).filter(|(_, inline)| *inline);
    let parts: usize = inlined.map(|((_, bytes), _)| bytes.len()).sum();
    let listed = delivery.parts().len().saturating_mul(PART_OVERHEAD);
    delivery.record().len().saturating_add(parts).saturating_add(listed)
}

/// The batch frame of `deliveries`, with its length.
pub(crate) fn encode_batch(flow: Flow, lane: Lane, deliveries: &[Leaving]) -> Bytes {
    let mut writer = Writer::new();
    writer.array(2).uint(match flow {
        Flow::Deliver => kind::BATCH,
        Flow::Return => kind::RETURN,
    });
    writer.map(2).key(0).uint(lane_code(lane)).key(1).array(deliveries.len());
    for leaving in deliveries {
        leaving.write(&mut writer);
    }
    framed(&writer.into_bytes())
}

fn chunk_head(transfer: u64, index: usize, length: usize) -> Bytes {
    let mut writer = Writer::new();
    writer.array(2).uint(kind::CHUNK).map(3);
    writer.key(0).uint(transfer).key(1).uint(index as u64).key(2).bytes_head(length);
    let head = writer.into_bytes();
    let mut bytes = prefix(head.len().saturating_add(length)).to_vec();
    bytes.extend_from_slice(&head);
    bytes.into()
}

impl UniFrame {
    /// Reads one frame without its length.
    pub(crate) fn decode(frame: &Bytes) -> Result<Self, Fault> {
        let mut reader = Reader::new(frame);
        let kind = read_kind(&mut reader)?;
        check_known(kind)?;
        let read = match kind {
            kind::BATCH => read_batch(Flow::Deliver, &mut reader),
            kind::RETURN => read_batch(Flow::Return, &mut reader),
            kind::CHUNK => read_chunk(frame, &mut reader).map(Self::Chunk),
            kind => return Err(Fault::WrongStream(kind)),
        };
        read.and_then(|read| reader.finish().map(|()| read))
            .map_err(|fault| Fault::Malformed { kind, fault })
    }
}

fn read_batch(flow: Flow, reader: &mut Reader<'_>) -> Result<UniFrame, Problems> {
    let mut fields = Fields(reader.map(2)?);
    let lane = fields.at(reader, 0)?.uint()?;
    let lane = lane_from_code(lane).ok_or_else(|| reader.fault(Problem::OutOfRange))?;
    let deliveries = fields.at(reader, 1)?.list(limits::IN_FLIGHT_DELIVERIES, read_delivered)?;
    fields.end(reader)?;
    Ok(UniFrame::Batch { flow, lane, deliveries })
}

fn read_delivered(reader: &mut Reader<'_>) -> Result<Delivered, Problems> {
    expect_array(reader, 3)?;
    let delivered = Delivered {
        entry: LedgerEntry::read(reader)?,
        // Copied, as inline parts are: what waits here or there would keep the whole frame alive.
        record: Bytes::copy_from_slice(reader.bytes(limits::RECORD_BYTES)?),
        bodies: reader.list(core_limits::PARTS, read_body)?,
    };
    reader.leave();
    Ok(delivered)
}

fn read_body(reader: &mut Reader<'_>) -> Result<Body, Problems> {
    let mut ahead = reader.clone();
    let Ok(length @ (3 | 4)) = ahead.array(4) else {
        return reader
            .bytes(limits::INLINE_PART_BYTES)
            .map(|bytes| Body::Inline(Bytes::copy_from_slice(bytes)));
    };
    let selected = length == 4;
    expect_array(reader, length)?;
    let transfer = reader.uint()?;
    let length = usize::try_from(reader.uint()?).unwrap_or(usize::MAX);
    if length > core_limits::PART_BYTES {
        return Err(reader.fault(Problem::OverLimit));
    }
    let hashes = reader.bytes(limits::CHUNKS.saturating_mul(32))?;
    let (leaves, rest) = hashes.as_chunks::<32>();
    let fits = rest.is_empty() && leaves.len() == chunks_of(length);
    let coming = if selected { Some(Ranges::read(reader, limits::CHUNKS)?) } else { None };
    let coming_fits = coming
        .as_ref()
        .is_none_or(|coming| are_of(coming, leaves.len()) && !coming.covers(&all(leaves.len())));
    if !fits || !coming_fits || transfer == 0 || length == 0 {
        return Err(reader.fault(Problem::OutOfRange));
    }
    reader.leave();
    let leaves = leaves.iter().copied().map(Digest).collect();
    Ok(Body::Chunked { transfer, length, leaves, coming })
}

fn read_chunk(frame: &Bytes, reader: &mut Reader<'_>) -> Result<Chunk, Problems> {
    let mut fields = Fields(reader.map(3)?);
    let transfer = fields.at(reader, 0)?.uint()?;
    let index = usize::try_from(fields.at(reader, 1)?.uint()?).unwrap_or(usize::MAX);
    let bytes = frame.slice_ref(fields.at(reader, 2)?.bytes(limits::CHUNK_BYTES)?);
    fields.end(reader)?;
    // No part has such a chunk, and before its batch comes nothing else would say so.
    if transfer == 0 || index >= limits::CHUNKS || bytes.is_empty() {
        return Err(reader.fault(Problem::OutOfRange));
    }
    Ok(Chunk { transfer, index, bytes })
}

/// The digest of a part's bytes.
pub(crate) fn digest_of(bytes: &[u8]) -> Option<PartDigest> {
    comity_core::digest::tree_root(&leaf_hashes(bytes)).map(PartDigest::from)
}

const fn lane_code(lane: Lane) -> u64 {
    match lane {
        Lane::Urgent => 0,
        Lane::Live => 1,
        Lane::Backfill => 2,
    }
}

const fn lane_from_code(code: u64) -> Option<Lane> {
    match code {
        0 => Some(Lane::Urgent),
        1 => Some(Lane::Live),
        2 => Some(Lane::Backfill),
        _ => None,
    }
}
