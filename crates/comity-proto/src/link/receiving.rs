//! What we receive: deliveries put together from their batch and their chunks, each handed on once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use comity_core::digest::{Digest, leaf_hash, tree_root};
use comity_core::identity::{EpochId, PartDigest};
use comity_core::ledger::{LedgerEntry, Opening, Ranges};

use crate::batch::{Body, Chunk, Delivered, digest_of};
use crate::event::{Incoming, Lane, Load};
use crate::fault::Fault;
use crate::frame::{Flow, Key};
use crate::hello::Heads;
use crate::limits;

/// What became of a delivery or a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// Nothing to do: more is to come, or it is known.
    Nothing,
    /// Held durably already: say so again.
    Held(Key),
    /// No room: put off.
    Deferred(Key),
    /// Whole, for the engine.
    Whole(Flow, Box<Incoming>),
    /// A part is wrong; the engine rejects it.
    Damaged(Box<LedgerEntry>, PartDigest),
    /// The partner's fault.
    Fault(Fault),
}

/// The receiving half of a link.
#[derive(Debug)]
pub(super) struct Receiver {
    limit: Load,
    /// The epoch of the partner's ledger.
    epoch: Option<EpochId>,
    /// Numbers that are durable here, or refused for good.
    settled: BTreeMap<Flow, Ranges>,
    /// Handed to the engine and not answered; outlives connections, so that a delivery that is sent
    /// again meanwhile is not handed on twice.
    pending: BTreeMap<Key, Load>,
    /// Deliveries of this connection that wait for chunks.
    assembling: BTreeMap<Key, Assembly>,
    /// Chunks that overtook their batch.
    early: BTreeMap<Key, Vec<Chunk>>,
    /// Deliveries of this connection whose chunks are of no use.
    dropped: BTreeSet<Key>,
    load: Load,
    /// Bytes of chunks that wait, early or in an assembly.
    held: usize,
}

#[derive(Debug)]
struct Assembly {
    entry: LedgerEntry,
    lane: Lane,
    signed: Bytes,
    parts: Vec<Gathered>,
    load: Load,
}

#[derive(Debug)]
enum Gathered {
    Whole(Bytes),
    Chunks { length: usize, leaves: Vec<Digest>, chunks: BTreeMap<usize, Bytes> },
}

impl Receiver {
    pub(super) fn new(limit: Load) -> Self {
        Self {
            limit,
            epoch: None,
            settled: BTreeMap::new(),
            pending: BTreeMap::new(),
            assembling: BTreeMap::new(),
            early: BTreeMap::new(),
            dropped: BTreeSet::new(),
            load: Load::default(),
            held: 0,
        }
    }

    /// Takes what the journal holds when a connection opens.
    pub(super) fn greet(&mut self, heads: &Heads) {
        self.epoch = heads.inbound.epoch.or(self.epoch);
        self.settled_mut(Flow::Deliver).extend(&heads.inbound.held());
        let ours = heads.out.head.number;
        if ours > 0 {
            self.settled_mut(Flow::Return).insert_range(1..=ours);
        }
    }

    /// At the first contact the epoch is the partner's word.
    pub(super) fn begin(&mut self, epoch: EpochId) {
        self.epoch.get_or_insert(epoch);
    }

    pub(super) fn epoch(&self) -> Option<EpochId> {
        self.epoch
    }

    /// The partner's new epoch is durable: everything before it is settled.
    pub(super) fn open_epoch(&mut self, opening: &Opening) {
        self.epoch = Some(opening.epoch);
        if opening.first > 1 {
            self.settled_mut(Flow::Deliver).insert_range(1..=opening.first.saturating_sub(1));
        }
    }

    /// The connection is gone, and with it whatever was not whole.
    pub(super) fn down(&mut self) {
        for assembly in std::mem::take(&mut self.assembling).into_values() {
            self.load = self.load.minus(assembly.load);
        }
        self.early.clear();
        self.dropped.clear();
        self.held = 0;
    }

    /// Numbers of the partner's ledger that are durable here, or refused for good.
    pub(super) fn settled(&self) -> Ranges {
        self.settled.get(&Flow::Deliver).cloned().unwrap_or_default()
    }

    /// The last number up to which all are.
    pub(super) fn contiguous(&self) -> u64 {
        self.settled.get(&Flow::Deliver).map_or(0, Ranges::contiguous)
    }

    /// Bytes of chunks that wait for others.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Settles a number: durable, or refused for good. Whether it was new.
    pub(super) fn settle(&mut self, key: Key) -> bool {
        self.forget(key);
        key.number > 0 && self.settled_mut(key.flow).insert(key.number)
    }

    /// The engine has no room for it: it may come again.
    pub(super) fn forget(&mut self, key: Key) {
        if let Some(load) = self.pending.remove(&key) {
            self.load = self.load.minus(load);
        }
    }

    /// A voided number: nothing where the engine must know, or what the partner is told instead.
    pub(super) fn void(&mut self, key: Key) -> Option<Arrived> {
        if self.is_settled(key) {
            return Some(Arrived::Held(key));
        }
        self.abandon(key);
        self.drop_early(key);
        if !self.pending.contains_key(&key) {
            let load = Load { deliveries: 1, ..Load::default() };
            if !self.limit.minus(self.load).fits(load) {
                return Some(Arrived::Deferred(key));
            }
            self.await_answer(key, load);
        }
        None
    }

    /// A delivery of a batch.
    pub(super) fn deliver(&mut self, flow: Flow, lane: Lane, delivered: Delivered) -> Vec<Arrived> {
        let key = Key { flow, number: delivered.entry.number };
        if self.pending.contains_key(&key) || self.assembling.contains_key(&key) {
            return Vec::new();
        }
        if self.is_settled(key) {
            self.drop_early(key);
            return vec![Arrived::Held(key)];
        }
        if let Some(fault) = self.contradiction(key, &delivered) {
            return self.refuse_chunks(key, Arrived::Fault(fault));
        }
        let load = delivered.load();
        if !self.limit.minus(self.load).fits(load) {
            return self.refuse_chunks(key, Arrived::Deferred(key));
        }
        if let Some(part) = damaged_part(&delivered) {
            return vec![self.damaged(key, delivered.entry, part)];
        }
        self.dropped.remove(&key);
        self.load = self.load.plus(load);
        self.assembling.insert(key, Assembly::new(delivered, lane, load));
        let early = self.early.remove(&key).unwrap_or_default();
        let mut arrived = vec![self.finish(key)];
        for chunk in early {
            self.held = self.held.saturating_sub(chunk.bytes.len());
            arrived.push(self.chunk(chunk));
        }
        arrived
    }

    /// A chunk, before or after its batch.
    pub(super) fn chunk(&mut self, chunk: Chunk) -> Arrived {
        let key = chunk.key;
        let unwanted = self.pending.contains_key(&key) || self.is_settled(key);
        if unwanted || self.dropped.contains(&key) {
            return Arrived::Nothing;
        }
        let length = chunk.bytes.len();
        let Some(assembly) = self.assembling.get_mut(&key) else {
            self.held = self.held.saturating_add(length);
            self.early.entry(key).or_default().push(chunk);
            return Arrived::Nothing;
        };
        match assembly.add(chunk) {
            Added::New => {
                self.held = self.held.saturating_add(length);
                self.finish(key)
            }
            Added::Known => Arrived::Nothing,
            Added::Misplaced => Arrived::Fault(Fault::PartsContradict(key.number)),
            Added::Wrong(part) => match self.abandon(key) {
                Some(assembly) => self.damaged(key, assembly.entry, part),
                None => Arrived::Nothing,
            },
        }
    }

    /// Whether the partner has left us with more dropped deliveries than anybody may.
    pub(super) fn is_overrun(&self) -> bool {
        self.dropped.len() > limits::DROPPED
    }

    fn contradiction(&self, key: Key, delivered: &Delivered) -> Option<Fault> {
        let entry = &delivered.entry;
        let other_epoch = key.flow == Flow::Deliver && self.epoch != Some(entry.epoch);
        if entry.number == 0 || other_epoch {
            Some(Fault::WrongEpoch(entry.number))
        } else if entry.parts.len() != delivered.bodies.len() {
            Some(Fault::PartsContradict(entry.number))
        } else {
            None
        }
    }

    /// A wrong part: a delivery is for the engine to reject; what was given back is just not taken.
    fn damaged(&mut self, key: Key, entry: LedgerEntry, part: PartDigest) -> Arrived {
        self.drop_early(key);
        match key.flow {
            Flow::Deliver => {
                self.await_answer(key, Load { deliveries: 1, ..Load::default() });
                Arrived::Damaged(Box::new(entry), part)
            }
            Flow::Return => {
                self.dropped.insert(key);
                Arrived::Fault(Fault::WrongPart { number: key.number, part })
            }
        }
    }

    /// Hands on the delivery if it is whole.
    fn finish(&mut self, key: Key) -> Arrived {
        let whole = self.assembling.get(&key).is_some_and(Assembly::is_whole);
        let Some(assembly) = whole.then(|| self.abandon(key)).flatten() else {
            return Arrived::Nothing;
        };
        self.await_answer(key, assembly.load);
        Arrived::Whole(key.flow, Box::new(assembly.into_incoming()))
    }

    fn await_answer(&mut self, key: Key, load: Load) {
        self.load = self.load.plus(load);
        self.pending.insert(key, load);
    }

    fn abandon(&mut self, key: Key) -> Option<Assembly> {
        let assembly = self.assembling.remove(&key)?;
        self.load = self.load.minus(assembly.load);
        self.held = self.held.saturating_sub(assembly.held());
        Some(assembly)
    }

    fn refuse_chunks(&mut self, key: Key, arrived: Arrived) -> Vec<Arrived> {
        self.drop_early(key);
        self.dropped.insert(key);
        vec![arrived]
    }

    fn drop_early(&mut self, key: Key) {
        let early = self.early.remove(&key).unwrap_or_default();
        let bytes: usize = early.iter().map(|chunk| chunk.bytes.len()).sum();
        self.held = self.held.saturating_sub(bytes);
    }

    fn is_settled(&self, key: Key) -> bool {
        self.settled.get(&key.flow).is_some_and(|settled| settled.contains(key.number))
    }

    fn settled_mut(&mut self, flow: Flow) -> &mut Ranges {
        self.settled.entry(flow).or_default()
    }
}

/// The first part whose bytes, or whose leaf hashes, do not give its digest.
fn damaged_part(delivered: &Delivered) -> Option<PartDigest> {
    let mut parts = delivered.entry.parts.iter().zip(&delivered.bodies);
    parts
        .find(|(digest, body)| {
            let given = match body {
                Body::Inline(bytes) => digest_of(bytes),
                Body::Chunked { leaves, .. } => tree_root(leaves).map(PartDigest::from),
            };
            given != Some(**digest)
        })
        .map(|(digest, _)| *digest)
}

enum Added {
    New,
    Known,
    Misplaced,
    Wrong(PartDigest),
}

impl Assembly {
    fn new(delivered: Delivered, lane: Lane, load: Load) -> Self {
        let parts = delivered.bodies.into_iter().map(|body| match body {
            Body::Inline(bytes) => Gathered::Whole(bytes),
            Body::Chunked { length, leaves } => {
                Gathered::Chunks { length, leaves, chunks: BTreeMap::new() }
            }
        });
        Self {
            lane,
            signed: delivered.record,
            parts: parts.collect(),
            load,
            entry: delivered.entry,
        }
    }

    fn add(&mut self, chunk: Chunk) -> Added {
        let digest = self.entry.parts.get(chunk.part).copied();
        let (Some(Gathered::Chunks { length, leaves, chunks }), Some(digest)) =
            (self.parts.get_mut(chunk.part), digest)
        else {
            return Added::Misplaced;
        };
        let Some(leaf) = leaves.get(chunk.index) else { return Added::Misplaced };
        if chunks.contains_key(&chunk.index) {
            return Added::Known;
        }
        // All leaves but the last are full, or another cut of the same bytes would have this root.
        let start = chunk.index.saturating_mul(limits::CHUNK_BYTES);
        let expected = length.saturating_sub(start).min(limits::CHUNK_BYTES);
        if chunk.bytes.len() != expected || leaf_hash(&chunk.bytes) != *leaf {
            return Added::Wrong(digest);
        }
        chunks.insert(chunk.index, chunk.bytes);
        Added::New
    }

    fn is_whole(&self) -> bool {
        self.parts.iter().all(|part| match part {
            Gathered::Whole(_) => true,
            Gathered::Chunks { leaves, chunks, .. } => chunks.len() == leaves.len(),
        })
    }

    fn held(&self) -> usize {
        let held = self.parts.iter().map(|part| match part {
            Gathered::Whole(_) => 0,
            Gathered::Chunks { chunks, .. } => chunks.values().map(Bytes::len).sum(),
        });
        held.sum()
    }

    fn into_incoming(self) -> Incoming {
        let bodies = self.parts.into_iter().map(|part| match part {
            Gathered::Whole(bytes) => bytes,
            Gathered::Chunks { length, chunks, .. } => join(length, chunks),
        });
        Incoming {
            parts: self.entry.parts.iter().copied().zip(bodies).collect(),
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
