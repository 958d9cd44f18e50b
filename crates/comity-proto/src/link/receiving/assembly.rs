//! A delivery of which some chunks have not come.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use comity_core::digest::{Digest, leaf_hash};
use comity_core::identity::PartDigest;
use comity_core::ledger::LedgerEntry;

use super::keeping::Keeping;
use crate::arrival::{Fragment, Incoming, PartBody, Piece};
use crate::batch::{Body, Chunk, Delivered};
use crate::frame::Flow;
use crate::limits;
use crate::load::{Lane, Load};

#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) entry: LedgerEntry,
    /// The entry's digest.
    digest: Digest,
    lane: Lane,
    signed: Bytes,
    parts: Vec<Gathered>,
    pub(super) load: Load,
}

#[derive(Debug)]
enum Gathered {
    Whole(Bytes),
    /// Held here until the delivery is whole: parts of one chunk, and whatever is given back.
    Held {
        transfer: u64,
        length: usize,
        leaves: Vec<Digest>,
        chunks: BTreeMap<usize, Bytes>,
    },
    /// A large part: its leaves go where they outlive the connection.
    Kept {
        transfer: u64,
        length: usize,
        leaves: Vec<Digest>,
    },
}

/// What became of a chunk.
pub(super) enum Added {
    New,
    Keep(Fragment),
    Known,
    Misplaced,
    Wrong(PartDigest),
}

/// Whether the leaves of a part are kept one by one: those of a large part that is delivered. What a
/// partner gives back in a recovery starts over after a break.
pub(super) fn is_kept(flow: Flow, length: usize) -> bool {
    flow == Flow::Deliver && length > limits::CHUNK_BYTES
}

impl Assembly {
    pub(super) fn new(flow: Flow, delivered: Delivered, lane: Lane, load: Load) -> Self {
        let parts = delivered.bodies.into_iter().map(|body| match body {
            Body::Inline(bytes) => Gathered::Whole(bytes),
            Body::Chunked { transfer, length, leaves, .. } if is_kept(flow, length) => {
                Gathered::Kept { transfer, length, leaves }
            }
            Body::Chunked { transfer, length, leaves, .. } => {
                Gathered::Held { transfer, length, leaves, chunks: BTreeMap::new() }
            }
        });
        Self {
            lane,
            signed: delivered.record,
            parts: parts.collect(),
            load,
            digest: delivered.entry.digest(),
            entry: delivered.entry,
        }
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn transfers(&self) -> impl Iterator<Item = u64> {
        self.parts.iter().filter_map(|part| match part {
            Gathered::Whole(_) => None,
            Gathered::Held { transfer, .. } | Gathered::Kept { transfer, .. } => Some(*transfer),
        })
    }

    pub(super) fn add(&mut self, part: usize, chunk: Chunk) -> Added {
        let Some(digest) = self.entry.parts.get(part).copied() else { return Added::Misplaced };
        let (length, leaves) = match self.parts.get(part) {
            Some(Gathered::Held { length, leaves, .. } | Gathered::Kept { length, leaves, .. }) => {
                (*length, leaves)
            }
            Some(Gathered::Whole(_)) | None => return Added::Misplaced,
        };
        let Some(leaf) = leaves.get(chunk.index) else { return Added::Misplaced };
        // All leaves but the last are full, or another cut of the same bytes would have this root.
        let start = chunk.index.saturating_mul(limits::CHUNK_BYTES);
        let expected = length.saturating_sub(start).min(limits::CHUNK_BYTES);
        if chunk.bytes.len() != expected || leaf_hash(&chunk.bytes) != *leaf {
            return Added::Wrong(digest);
        }
        match self.parts.get_mut(part) {
            Some(Gathered::Held { chunks, .. }) => {
                if chunks.contains_key(&chunk.index) {
                    return Added::Known;
                }
                chunks.insert(chunk.index, chunk.bytes);
                Added::New
            }
            Some(Gathered::Kept { .. }) => {
                let (number, entry, leaf) = (self.entry.number, self.digest, chunk.index);
                let piece = Piece { number, entry, part: digest, length, leaf };
                Added::Keep(Fragment { piece, bytes: chunk.bytes })
            }
            Some(Gathered::Whole(_)) | None => Added::Misplaced,
        }
    }

    /// Whether nothing is missing, here and among what is kept.
    pub(super) fn is_whole(&self, keeping: &Keeping) -> bool {
        self.parts.iter().zip(&self.entry.parts).all(|(part, digest)| match part {
            Gathered::Whole(_) => true,
            Gathered::Held { leaves, chunks, .. } => chunks.len() == leaves.len(),
            Gathered::Kept { .. } => {
                let missing = keeping.missing(self.entry.number, digest);
                missing.is_some_and(|missing| missing.is_empty())
            }
        })
    }

    /// Bytes of chunks that wait here.
    pub(super) fn held(&self) -> usize {
        let held = self.parts.iter().map(|part| match part {
            Gathered::Whole(_) | Gathered::Kept { .. } => 0,
            Gathered::Held { chunks, .. } => chunks.values().map(Bytes::len).sum(),
        });
        held.sum()
    }

    pub(super) fn into_incoming(self) -> Incoming {
        let bodies = self.parts.into_iter().map(|part| match part {
            // It was erased where it is given back from.
            Gathered::Whole(bytes) if bytes.is_empty() => None,
            Gathered::Whole(bytes) => Some(PartBody::Here(bytes)),
            Gathered::Held { length, chunks, .. } => Some(PartBody::Here(join(length, chunks))),
            Gathered::Kept { length, .. } => Some(PartBody::Kept { length }),
        });
        let parts = self.entry.parts.iter().copied().zip(bodies);
        Incoming {
            parts: parts.filter_map(|(part, body)| Some((part, body?))).collect(),
            signed: self.signed,
            lane: self.lane,
            entry: self.entry,
        }
    }
}

/// A part of one chunk is that chunk; others are copied together.
fn join(length: usize, mut chunks: BTreeMap<usize, Bytes>) -> Bytes {
    if chunks.len() == 1
        && let Some((_, only)) = chunks.pop_first()
    {
        return only;
    }
    let mut whole = BytesMut::with_capacity(length);
    for chunk in chunks.into_values() {
        whole.extend_from_slice(&chunk);
    }
    whole.freeze()
}
