//! The transfers of a connection: which part each brings, and chunks that overtook their batch.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::ledger::Ranges;

use crate::batch::{Chunk, Delivered};
use crate::frame::Key;
use crate::limits;

#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// The part of a delivery that a transfer brings, by its place in the entry.
    parts: BTreeMap<u64, (Key, usize)>,
    /// Chunks that overtook their batch, by transfer.
    early: BTreeMap<u64, Vec<Chunk>>,
    /// What they count.
    held: usize,
    /// Transfers that ended, whole or not; chunks of theirs are passed over.
    ended: Ranges,
}

impl Transfers {
    /// A delivery comes, with transfers that bring parts of it.
    pub(super) fn begin(&mut self, key: Key, delivered: &Delivered) {
        self.parts.extend(delivered.transfers().map(|(transfer, part)| (transfer, (key, part))));
    }

    /// Whether each transfer is named for the first time.
    pub(super) fn are_new(&self, delivered: &Delivered) -> bool {
        let mut met = BTreeSet::new();
        delivered.transfers().all(|(transfer, _)| {
            let known = self.parts.contains_key(&transfer) || self.ended.contains(transfer);
            !known && met.insert(transfer)
        })
    }

    /// Gives a chunk back with the delivery and the part that it is of. Before its batch it is kept, and
    /// after the end of its transfer passed over.
    pub(super) fn awaited(&mut self, chunk: Chunk) -> Option<(Key, usize, Chunk)> {
        if self.ended.contains(chunk.transfer) {
            return None;
        }
        let Some((key, part)) = self.parts.get(&chunk.transfer).copied() else {
            self.keep_early(chunk);
            return None;
        };
        Some((key, part, chunk))
    }

    /// Keeps a chunk until its batch comes. One that is here already is passed over, as it is later.
    fn keep_early(&mut self, chunk: Chunk) {
        let waiting = self.early.entry(chunk.transfer).or_default();
        if waiting.iter().all(|held| held.index != chunk.index) {
            self.held = self.held.saturating_add(early_weight(&chunk));
            waiting.push(chunk);
        }
    }

    /// The chunks of a transfer that came before its batch.
    pub(super) fn take_early(&mut self, transfer: u64) -> Vec<Chunk> {
        let early = self.early.remove(&transfer).unwrap_or_default();
        let weight: usize = early.iter().map(early_weight).sum();
        self.held = self.held.saturating_sub(weight);
        early
    }

    /// Ends a transfer: chunks of it that came, or that are still to come, are of no use.
    pub(super) fn end(&mut self, transfer: u64) {
        self.parts.remove(&transfer);
        self.ended.insert(transfer);
        self.take_early(transfer);
    }

    /// What early chunks count.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether the partner has numbered its transfers with more gaps than anybody may.
    pub(super) fn is_overrun(&self) -> bool {
        self.ended.as_slice().len() > limits::TRANSFER_GAPS
    }
}

/// What a chunk counts that waits for its batch: of small ones, keeping them is what takes the room.
fn early_weight(chunk: &Chunk) -> usize {
    chunk.bytes.len().max(limits::EARLY_CHUNK_BYTES)
}
