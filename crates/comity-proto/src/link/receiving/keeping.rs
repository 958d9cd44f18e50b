//! What of large parts is kept: verified leaves that are durable here or on their way to be, so that a
//! part goes on after a break where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::digest::Digest;
use comity_core::identity::PartDigest;
use comity_core::ledger::Ranges;

use crate::arrival::{Fragment, Kept, Piece};
use crate::batch::chunks_of;
use crate::limits;

/// The kept leaves of a partner's deliveries, by number. They outlive connections.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    deliveries: BTreeMap<u64, Delivery>,
    /// Pieces that are being written, with their bytes. Each is answered, whatever became of its
    /// delivery, so that this bounds what waits for the disk over any number of connections.
    writing: BTreeMap<Piece, usize>,
    /// Bytes of these.
    bytes: usize,
    /// What is to be done, until the engine is told.
    orders: Vec<Order>,
    /// Counts the sendings, so that the one that came longest ago is known.
    sendings: u64,
}

/// What is to be done with pieces, in this order.
#[derive(Debug)]
pub(in crate::link) enum Order {
    Keep(Fragment),
    /// Nothing of these parts of a delivery is of use any more.
    Discard {
        number: u64,
        entry: Digest,
        parts: Vec<PartDigest>,
    },
}

#[derive(Debug)]
struct Delivery {
    entry: Digest,
    parts: BTreeMap<PartDigest, Leaves>,
    /// When it was last sent.
    sending: u64,
}

#[derive(Debug)]
struct Leaves {
    length: usize,
    kept: Ranges,
    writing: BTreeSet<u64>,
}

/// What parts take of the bounds: a part counts as if all of it were here.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    parts: usize,
    bytes: usize,
}

impl Room {
    fn with(self, length: usize) -> Self {
        Self { parts: self.parts.saturating_add(1), bytes: self.bytes.saturating_add(length) }
    }
}

impl Leaves {
    fn missing(&self) -> Ranges {
        let leaves = chunks_of(self.length) as u64;
        (0..leaves).filter(|leaf| !self.kept.contains(*leaf)).map(|leaf| (leaf, leaf)).collect()
    }

    fn has_any(&self) -> bool {
        !self.kept.is_empty() || !self.writing.is_empty()
    }
}

impl Keeping {
    /// Takes what an earlier run of the process left.
    pub(super) fn resume(&mut self, kept: Vec<Kept>) {
        for Kept { number, entry, part, length, leaves } in kept {
            self.discard_unless(number, entry);
            let delivery = self.deliveries.entry(number).or_insert_with(|| Delivery {
                entry,
                parts: BTreeMap::new(),
                sending: 0,
            });
            delivery.parts.insert(part, Leaves { length, kept: leaves, writing: BTreeSet::new() });
        }
        self.make_room(Room::default(), |_| false);
    }

    /// Whether `parts` of a delivery can be kept, and room for them: what came longest ago gives way,
    /// but never what is `arriving` or being written.
    pub(super) fn begin(
        &mut self,
        number: u64,
        entry: Digest,
        parts: &[(PartDigest, usize)],
        arriving: impl Fn(u64) -> bool,
    ) -> bool {
        self.discard_unless(number, entry);
        // The same part has one length; what came under another is of no use.
        let other = |(part, length): &(PartDigest, usize)| {
            self.part(number, part).is_some_and(|leaves| leaves.length != *length)
        };
        if parts.iter().any(other) {
            self.discard(number);
        }
        let fresh = parts.iter().filter(|(part, _)| self.part(number, part).is_none());
        let more = fresh.fold(Room::default(), |room, (_, length)| room.with(*length));
        if !self.make_room(more, |other| other == number || arriving(other)) {
            return false;
        }
        self.sendings = self.sendings.saturating_add(1);
        let delivery = self.deliveries.entry(number).or_insert_with(|| Delivery {
            entry,
            parts: BTreeMap::new(),
            sending: 0,
        });
        delivery.sending = self.sendings;
        for (part, length) in parts {
            delivery.parts.entry(*part).or_insert_with(|| Leaves {
                length: *length,
                kept: Ranges::new(),
                writing: BTreeSet::new(),
            });
        }
        true
    }

    /// The connection is gone: what was begun and has nothing needs no room.
    pub(super) fn down(&mut self) {
        self.deliveries.retain(|_, delivery| delivery.parts.values().any(Leaves::has_any));
    }

    /// The leaves of a part that are not durable here.
    pub(super) fn missing(&self, number: u64, part: &PartDigest) -> Option<Ranges> {
        self.part(number, part).map(Leaves::missing)
    }

    /// The leaves of a part that are neither here nor being written.
    pub(super) fn lacks(&self, number: u64, part: &PartDigest) -> Ranges {
        let Some(leaves) = self.part(number, part) else { return Ranges::new() };
        let missing = leaves.missing();
        let spans = missing.as_slice().iter().flat_map(|(first, last)| *first..=*last);
        spans.filter(|leaf| !leaves.writing.contains(leaf)).map(|leaf| (leaf, leaf)).collect()
    }

    /// What to ask for of each part of which anything is here; of others all is sent anyway.
    pub(super) fn wants(&self, number: u64) -> Vec<(PartDigest, Ranges)> {
        let parts = self.deliveries.get(&number).into_iter().flat_map(|one| &one.parts);
        let begun = parts.filter(|(_, leaves)| !leaves.kept.is_empty());
        begun.map(|(part, leaves)| (*part, leaves.missing())).collect()
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.deliveries.keys().copied()
    }

    /// A piece is to be written, unless it is here already.
    pub(super) fn keep(&mut self, fragment: Fragment) {
        let Fragment { piece, bytes } = &fragment;
        let (piece, bytes) = (*piece, bytes.len());
        let leaf = piece.leaf as u64;
        let Some(leaves) = self.leaves(&piece) else { return };
        if leaves.kept.contains(leaf) || !leaves.writing.insert(leaf) {
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.writing.insert(piece, bytes);
        self.orders.push(Order::Keep(fragment));
    }

    /// A piece is durable, or could not be written. Whether anybody waits for it.
    pub(super) fn written(&mut self, piece: &Piece, durable: bool) -> bool {
        let Some(bytes) = self.writing.remove(piece) else { return false };
        self.bytes = self.bytes.saturating_sub(bytes);
        let leaf = piece.leaf as u64;
        let Some(leaves) = self.leaves(piece) else { return false };
        leaves.writing.remove(&leaf);
        if durable {
            leaves.kept.insert(leaf);
        }
        true
    }

    /// Bytes that wait for the disk.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing of this number is of use any more.
    pub(super) fn discard(&mut self, number: u64) {
        if let Some(delivery) = self.deliveries.remove(&number) {
            let begun = delivery.parts.into_iter().filter(|(_, leaves)| leaves.has_any());
            let parts: Vec<_> = begun.map(|(part, _)| part).collect();
            if !parts.is_empty() {
                self.orders.push(Order::Discard { number, entry: delivery.entry, parts });
            }
        }
    }

    /// Everything of which `settled` says that it is.
    pub(super) fn discard_settled(&mut self, settled: impl Fn(u64) -> bool) {
        let settled: Vec<u64> = self.numbers().filter(|number| settled(*number)).collect();
        for number in settled {
            self.discard(number);
        }
    }

    /// What is to be done since this was last asked.
    pub(super) fn orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// A number that comes with another entry is another delivery.
    fn discard_unless(&mut self, number: u64, entry: Digest) {
        if self.deliveries.get(&number).is_some_and(|delivery| delivery.entry != entry) {
            self.discard(number);
        }
    }

    /// Whether there is room for this much more, when all has given way that may.
    fn make_room(&mut self, more: Room, stays: impl Fn(u64) -> bool) -> bool {
        loop {
            let parts = self.deliveries.values().flat_map(|delivery| delivery.parts.values());
            let taken = parts.fold(more, |room, leaves| room.with(leaves.length));
            if taken.parts <= limits::KEPT_PARTS && taken.bytes <= limits::KEPT_BYTES {
                return true;
            }
            let idle = |delivery: &Delivery| {
                delivery.parts.values().all(|leaves| leaves.writing.is_empty())
            };
            let oldest = self
                .deliveries
                .iter()
                .filter(|(number, delivery)| !stays(**number) && idle(delivery))
                .min_by_key(|(_, delivery)| delivery.sending)
                .map(|(number, _)| *number);
            let Some(oldest) = oldest else { return false };
            self.discard(oldest);
        }
    }

    fn part(&self, number: u64, part: &PartDigest) -> Option<&Leaves> {
        self.deliveries.get(&number)?.parts.get(part)
    }

    fn leaves(&mut self, piece: &Piece) -> Option<&mut Leaves> {
        let delivery = self.deliveries.get_mut(&piece.number)?;
        let leaves = delivery.parts.get_mut(&piece.part)?;
        (delivery.entry == piece.entry && leaves.length == piece.length).then_some(leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST: usize = comity_core::limits::PART_BYTES;

    fn part(of: u64) -> PartDigest {
        PartDigest([of as u8; 32])
    }

    /// One leaf is kept of a part of this length, of a delivery of this number.
    fn left(keeping: &mut Keeping, number: u64, length: usize) -> bool {
        let entry = Digest([number as u8; 32]);
        if !keeping.begin(number, entry, &[(part(number), length)], |_| false) {
            return false;
        }
        let piece = Piece { number, entry, part: part(number), length, leaf: 0 };
        keeping.keep(Fragment { piece, bytes: vec![1; 100].into() });
        keeping.written(&piece, true)
    }

    fn let_go(keeping: &mut Keeping) -> Vec<u64> {
        let discards = keeping.orders().into_iter().filter_map(|order| match order {
            Order::Discard { number, .. } => Some(number),
            Order::Keep(_) => None,
        });
        discards.collect()
    }

    #[test]
    fn one_part_over_the_bound_the_oldest_gives_way() {
        let mut keeping = Keeping::default();
        let most = limits::KEPT_PARTS as u64;
        for number in 1..=most {
            assert!(left(&mut keeping, number, 2 * limits::CHUNK_BYTES));
        }
        assert_eq!(let_go(&mut keeping), [] as [u64; 0], "at the bound everything stays");
        assert!(left(&mut keeping, most + 1, 2 * limits::CHUNK_BYTES));
        assert_eq!(let_go(&mut keeping), [1]);
    }

    #[test]
    fn one_byte_over_the_bound_the_oldest_gives_way() {
        let fitting = limits::KEPT_BYTES / LARGEST;
        assert!(fitting < limits::KEPT_PARTS, "or the bytes bound nothing");
        let at_bound = limits::KEPT_BYTES - (fitting - 1) * LARGEST;
        for (last, gives_way) in [(at_bound, &[][..]), (at_bound + 1, &[1])] {
            let mut keeping = Keeping::default();
            for number in 1..fitting as u64 {
                assert!(left(&mut keeping, number, LARGEST));
            }
            assert!(left(&mut keeping, 9, last));
            assert_eq!(let_go(&mut keeping), gives_way);
        }
    }

    #[test]
    fn what_is_arriving_never_gives_way() {
        let mut keeping = Keeping::default();
        for number in 1..=limits::KEPT_PARTS as u64 {
            assert!(left(&mut keeping, number, 2 * limits::CHUNK_BYTES));
        }
        let more = [(part(99), 2 * limits::CHUNK_BYTES)];
        assert!(!keeping.begin(99, Digest([99; 32]), &more, |_| true));
        assert_eq!(let_go(&mut keeping), [] as [u64; 0]);
    }

    #[test]
    fn what_an_earlier_run_left_is_bounded_too() {
        let mut keeping = Keeping::default();
        let kept = |number: u64| Kept {
            number,
            entry: Digest([number as u8; 32]),
            part: part(number),
            length: 2 * limits::CHUNK_BYTES,
            leaves: [(0, 0)].into_iter().collect(),
        };
        keeping.resume((0..=limits::KEPT_PARTS as u64).map(kept).collect());
        assert_eq!(keeping.numbers().count(), limits::KEPT_PARTS);
        assert_eq!(let_go(&mut keeping).len(), 1);
    }
}
