//! What we receive: deliveries put together from their batch and their chunks, each handed on once.

mod assembly;
mod keeping;
#[cfg(test)]
mod tests;
mod transfers;

use std::collections::{BTreeMap, BTreeSet};

use comity_core::digest::tree_root;
use comity_core::identity::{EpochId, PartDigest};
use comity_core::ledger::{LedgerEntry, Opening, Ranges};

use crate::arrival::{Incoming, Kept, Piece};
use crate::batch::{Body, Chunk, Delivered, all, digest_of};
use crate::fault::Fault;
use crate::frame::{Flow, Key};
use crate::hello::Heads;
use crate::limits;
use crate::load::{Lane, Load};
use assembly::{Added, Assembly, is_kept};
use keeping::Keeping;
pub(super) use keeping::Order;
use transfers::Transfers;

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

/// What the engine has and has not answered.
#[derive(Clone, Copy, Debug)]
struct Pending {
    load: Load,
    /// Whether it came over the connection in use: then the partner waits for an answer.
    awaited: bool,
}

/// The receiving half of a link.
#[derive(Debug)]
pub(super) struct Receiver {
    limit: Load,
    /// The epoch of the partner's ledger.
    epoch: Option<EpochId>,
    /// Whether nothing of that epoch is held: it is the partner's word.
    by_word: bool,
    /// Numbers that are durable here, or refused for good.
    settled: BTreeMap<Flow, Ranges>,
    /// Handed to the engine and not answered; outlives connections, so that a delivery that is sent
    /// again meanwhile is not handed on twice.
    pending: BTreeMap<Key, Pending>,
    /// Deliveries of this connection that wait for chunks.
    assembling: BTreeMap<Key, Assembly>,
    /// What the transfers of this connection bring.
    transfers: Transfers,
    load: Load,
    /// Bytes of chunks that wait in an assembly.
    held: usize,
    /// What is kept of large parts, whatever becomes of the connection.
    keeping: Keeping,
    /// Of which parts the partner was told, over this connection, what is missing of them.
    told: BTreeSet<(u64, PartDigest)>,
}

impl Receiver {
    pub(super) fn new(limit: Load) -> Self {
        Self {
            limit,
            epoch: None,
            by_word: true,
            settled: BTreeMap::new(),
            pending: BTreeMap::new(),
            assembling: BTreeMap::new(),
            transfers: Transfers::default(),
            load: Load::default(),
            held: 0,
            keeping: Keeping::default(),
            told: BTreeSet::new(),
        }
    }

    /// Takes what the journal holds when a connection opens.
    pub(super) fn greet(&mut self, heads: &Heads) {
        if let Some(epoch) = heads.inbound.epoch {
            (self.epoch, self.by_word) = (Some(epoch), false);
        }
        self.settled_mut(Flow::Deliver).extend(&heads.inbound.held());
        let ours = heads.out.head.number;
        if ours > 0 {
            self.settled_mut(Flow::Return).insert_range(1..=ours);
        }
        self.discard_settled();
    }

    /// At the first contact the epoch is the partner's word.
    pub(super) fn begin(&mut self, epoch: EpochId) {
        self.epoch.get_or_insert(epoch);
    }

    pub(super) fn epoch(&self) -> Option<EpochId> {
        self.epoch
    }

    /// Whether the node was told how this epoch begins. One that was put back to before the first contact
    /// goes by the partner's word, and its ledger still has to follow the opening.
    pub(super) fn has_opened(&self, epoch: EpochId) -> bool {
        self.epoch == Some(epoch) && !self.by_word
    }

    /// The partner's new epoch is durable: everything before it is settled.
    pub(super) fn open_epoch(&mut self, opening: &Opening) {
        (self.epoch, self.by_word) = (Some(opening.epoch), false);
        if opening.first > 1 {
            self.settled_mut(Flow::Deliver).insert_range(1..=opening.first.saturating_sub(1));
        }
        self.discard_settled();
    }

    /// The connection is gone, and with it whatever was not whole, but for what is kept.
    pub(super) fn down(&mut self) {
        for assembly in std::mem::take(&mut self.assembling).into_values() {
            self.load = self.load.minus(assembly.load);
        }
        self.transfers = Transfers::default();
        self.held = 0;
        self.told.clear();
        self.keeping.down();
        for pending in self.pending.values_mut() {
            pending.awaited = false;
        }
    }

    /// Numbers of the partner's ledger that are durable here, or refused for good.
    pub(super) fn settled(&self) -> Ranges {
        self.settled.get(&Flow::Deliver).cloned().unwrap_or_default()
    }

    /// The last number up to which all are.
    pub(super) fn contiguous(&self) -> u64 {
        self.settled.get(&Flow::Deliver).map_or(0, Ranges::contiguous)
    }

    /// Bytes of chunks that wait for others, or for the disk.
    pub(super) fn held(&self) -> usize {
        self.held.saturating_add(self.transfers.held()).saturating_add(self.keeping.bytes())
    }

    /// Settles a number: durable, or refused for good. Whether it was new.
    pub(super) fn settle(&mut self, key: Key) -> bool {
        self.forget(key);
        if key.flow == Flow::Deliver {
            self.keeping.discard(key.number);
            self.told.retain(|(number, _)| *number != key.number);
        }
        key.number > 0 && self.settled_mut(key.flow).insert(key.number)
    }

    /// The engine has no room for it: it may come again. Whether the partner must be told, or will send it
    /// anyway, since it has not yet come over the connection in use.
    pub(super) fn forget(&mut self, key: Key) -> bool {
        let Some(pending) = self.pending.remove(&key) else { return false };
        self.load = self.load.minus(pending.load);
        pending.awaited
    }

    /// A voided number: nothing where the engine must know, or what the partner is told instead.
    pub(super) fn void(&mut self, key: Key) -> Option<Arrived> {
        if self.is_settled(key) {
            return Some(Arrived::Held(key));
        }
        self.abandon(key);
        if key.flow == Flow::Deliver {
            self.keeping.discard(key.number);
        }
        if !self.is_pending(key) {
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
        let transfers: Vec<u64> = delivered.transfers().map(|(transfer, _)| transfer).collect();
        let refused = self.judge(key, &delivered).or_else(|| self.make_ready(key, &delivered));
        match refused {
            Some(arrived) => {
                for transfer in transfers {
                    self.transfers.end(transfer);
                }
                vec![arrived]
            }
            None => self.assemble(key, lane, delivered, &transfers),
        }
    }

    /// What becomes of a delivery that is not taken; none where it is.
    fn judge(&mut self, key: Key, delivered: &Delivered) -> Option<Arrived> {
        if self.is_pending(key) || self.assembling.contains_key(&key) {
            return Some(Arrived::Nothing);
        }
        if self.is_settled(key) {
            return Some(Arrived::Held(key));
        }
        if let Some(fault) = self.contradiction(key, delivered) {
            return Some(Arrived::Fault(fault));
        }
        if !self.limit.minus(self.load).fits(delivered.load()) {
            return Some(Arrived::Deferred(key));
        }
        damaged_part(key.flow, delivered)
            .map(|part| self.damaged(key, delivered.entry.clone(), part))
    }

    /// Makes ready to keep the large parts of a delivery; what becomes of it where that cannot be, or
    /// where what is here and what comes do not make it whole.
    fn make_ready(&mut self, key: Key, delivered: &Delivered) -> Option<Arrived> {
        let digest = delivered.entry.digest();
        let parts = delivered.entry.parts.iter().zip(&delivered.bodies);
        let large: Vec<(PartDigest, usize)> = parts
            .clone()
            .filter_map(|(part, body)| match body {
                Body::Chunked { length, .. } if is_kept(key.flow, *length) => {
                    Some((*part, *length))
                }
                Body::Chunked { .. } | Body::Inline(_) => None,
            })
            .collect();
        let arriving = |number| {
            self.assembling.contains_key(&Key { flow: Flow::Deliver, number })
                || self.pending.contains_key(&Key { flow: Flow::Deliver, number })
        };
        if !large.is_empty() && !self.keeping.begin(key.number, digest, &large, arriving) {
            return Some(Arrived::Deferred(key));
        }
        for (part, body) in parts {
            let Body::Chunked { length, leaves, coming: Some(coming), .. } = body else { continue };
            let lacks = if is_kept(key.flow, *length) {
                self.keeping.lacks(key.number, part)
            } else {
                all(leaves.len())
            };
            if !coming.covers(&lacks) {
                // Nobody asked for less: the partner just leaves some out.
                let asked = self.told.contains(&(key.number, *part));
                return Some(if asked {
                    Arrived::Deferred(key)
                } else {
                    Arrived::Fault(Fault::PartsContradict(key.number))
                });
            }
        }
        None
    }

    fn assemble(
        &mut self,
        key: Key,
        lane: Lane,
        delivered: Delivered,
        transfers: &[u64],
    ) -> Vec<Arrived> {
        let load = delivered.load();
        self.load = self.load.plus(load);
        self.transfers.begin(key, &delivered);
        self.assembling.insert(key, Assembly::new(key.flow, delivered, lane, load));
        let mut arrived = vec![self.finish(key)];
        for transfer in transfers {
            for chunk in self.transfers.take_early(*transfer) {
                arrived.push(self.chunk(chunk));
            }
        }
        arrived
    }

    /// A chunk, before or after its batch.
    pub(super) fn chunk(&mut self, chunk: Chunk) -> Arrived {
        let length = chunk.bytes.len();
        let Some((key, part, chunk)) = self.transfers.awaited(chunk) else {
            return Arrived::Nothing;
        };
        let Some(assembly) = self.assembling.get_mut(&key) else { return Arrived::Nothing };
        match assembly.add(part, chunk) {
            Added::New => {
                self.held = self.held.saturating_add(length);
                self.finish(key)
            }
            Added::Keep(fragment) => {
                self.keeping.keep(fragment);
                Arrived::Nothing
            }
            Added::Known => Arrived::Nothing,
            Added::Misplaced => Arrived::Fault(Fault::PartsContradict(key.number)),
            Added::Wrong(part) => match self.abandon(key) {
                Some(assembly) => self.damaged(key, assembly.entry, part),
                None => Arrived::Nothing,
            },
        }
    }

    /// Takes what an earlier run of the process kept.
    pub(super) fn resume(&mut self, kept: Vec<Kept>) {
        self.keeping.resume(kept);
        self.discard_settled();
    }

    /// A piece is durable, or could not be kept: then its delivery is put off.
    pub(super) fn written(&mut self, piece: &Piece, durable: bool) -> Arrived {
        let key = Key { flow: Flow::Deliver, number: piece.number };
        let awaited = self.keeping.written(piece, durable);
        let arriving = self.assembling.get(&key).map(Assembly::digest) == Some(piece.entry);
        if !awaited || !arriving {
            Arrived::Nothing
        } else if durable {
            self.finish(key)
        } else {
            self.abandon(key);
            Arrived::Deferred(key)
        }
    }

    /// What was kept of this number cannot be read.
    pub(super) fn spoiled(&mut self, number: u64) {
        self.keeping.discard(number);
    }

    /// Nothing that is kept is of use.
    pub(super) fn let_go(&mut self) {
        self.keeping.discard_settled(|_| true);
    }

    /// What to ask for of a delivery, of which the partner is told now.
    pub(super) fn wants(&mut self, number: u64) -> Vec<(PartDigest, Ranges)> {
        let wants = self.keeping.wants(number);
        self.told.extend(wants.iter().map(|(part, _)| (number, *part)));
        while self.told.len() > limits::WANTS {
            self.told.pop_first();
        }
        wants
    }

    /// Deliveries of which something is kept.
    pub(super) fn kept(&self) -> Vec<u64> {
        self.keeping.numbers().collect()
    }

    /// What is to be done with pieces.
    pub(super) fn orders(&mut self) -> Vec<Order> {
        self.keeping.orders()
    }

    fn discard_settled(&mut self) {
        let settled = self.settled.get(&Flow::Deliver);
        let is_settled = |number| settled.is_some_and(|settled| settled.contains(number));
        self.keeping.discard_settled(is_settled);
    }

    /// Whether the partner has numbered its transfers with more gaps than anybody may.
    pub(super) fn is_overrun(&self) -> bool {
        self.transfers.is_overrun()
    }

    fn contradiction(&self, key: Key, delivered: &Delivered) -> Option<Fault> {
        let entry = &delivered.entry;
        let other_epoch = key.flow == Flow::Deliver && self.epoch != Some(entry.epoch);
        if entry.number == 0 || other_epoch {
            Some(Fault::WrongEpoch(entry.number))
        } else if entry.parts.len() != delivered.bodies.len() || !self.transfers.are_new(delivered)
        {
            Some(Fault::PartsContradict(entry.number))
        } else {
            None
        }
    }

    /// A wrong part: a delivery is for the engine to reject; what was given back is just not taken.
    fn damaged(&mut self, key: Key, entry: LedgerEntry, part: PartDigest) -> Arrived {
        match key.flow {
            Flow::Deliver => {
                self.keeping.discard(key.number);
                self.await_answer(key, Load { deliveries: 1, ..Load::default() });
                Arrived::Damaged(Box::new(entry), part)
            }
            Flow::Return => Arrived::Fault(Fault::WrongPart { number: key.number, part }),
        }
    }

    /// Hands on the delivery if it is whole.
    fn finish(&mut self, key: Key) -> Arrived {
        let whole = self.assembling.get(&key).is_some_and(|one| one.is_whole(&self.keeping));
        let Some(assembly) = whole.then(|| self.abandon(key)).flatten() else {
            return Arrived::Nothing;
        };
        self.await_answer(key, assembly.load);
        Arrived::Whole(key.flow, Box::new(assembly.into_incoming()))
    }

    fn await_answer(&mut self, key: Key, load: Load) {
        self.load = self.load.plus(load);
        self.pending.insert(key, Pending { load, awaited: true });
    }

    /// Whether the engine has what comes now. The answer is then for this sending too.
    fn is_pending(&mut self, key: Key) -> bool {
        let pending = self.pending.get_mut(&key);
        pending.map(|pending| pending.awaited = true).is_some()
    }

    fn abandon(&mut self, key: Key) -> Option<Assembly> {
        let assembly = self.assembling.remove(&key)?;
        self.load = self.load.minus(assembly.load);
        self.held = self.held.saturating_sub(assembly.held());
        for transfer in assembly.transfers() {
            self.transfers.end(transfer);
        }
        Some(assembly)
    }

    fn is_settled(&self, key: Key) -> bool {
        self.settled.get(&key.flow).is_some_and(|settled| settled.contains(key.number))
    }

    fn settled_mut(&mut self, flow: Flow) -> &mut Ranges {
        self.settled.entry(flow).or_default()
    }
}

/// The first part whose bytes, or whose leaf hashes, do not give its digest. Of what is given back some may have
/// been erased since.
fn damaged_part(flow: Flow, delivered: &Delivered) -> Option<PartDigest> {
    let mut parts = delivered.entry.parts.iter().zip(&delivered.bodies);
    let may_lack = flow == Flow::Return;
    parts
        .find(|(digest, body)| {
            // No part is empty, though nothing has a digest as well.
            if body.is_erased() {
                return !may_lack;
            }
            let given = match body {
                Body::Inline(bytes) => digest_of(bytes),
                Body::Chunked { leaves, .. } => tree_root(leaves).map(PartDigest::from),
            };
            given != Some(**digest)
        })
        .map(|(digest, _)| *digest)
}
