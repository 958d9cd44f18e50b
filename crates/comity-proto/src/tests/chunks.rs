//! Watches the wire: which chunks go, and that none goes that was said to be here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use comity_core::identity::PartDigest;

use super::node::Node;
use crate::batch::{Body, UniFrame};
use crate::frame::{Flow, Frame};
use crate::transmit::{ConnId, OutStream, Transmit};

/// A leaf of a part of a delivery.
pub(crate) type Leaf = (u64, PartDigest, usize);

#[derive(Default)]
pub(crate) struct Chunks {
    /// What has come out of each side's streams that have not ended.
    streams: BTreeMap<(usize, ConnId, u64), Vec<u8>>,
    /// Which part a transfer brings.
    transfers: BTreeMap<(usize, ConnId, u64), (u64, PartDigest)>,
    /// What was durable at each side when it agreed to use a connection, having asked for the rest. Over
    /// that connection none of it goes while it is durable or when its delivery is settled, however often
    /// that is put off and sent again.
    ///
    /// One thing may go again: a delivery that is settled after HELLO, which names what is settled, and
    /// before USE. Nothing is asked for of it any more, and its acknowledgement comes after USE.
    durable: BTreeMap<(usize, ConnId), BTreeSet<Leaf>>,
    /// The leaves of deliveries that have gone, in order, and the side from which they came.
    pub(crate) sent: Vec<(usize, Leaf)>,
}

impl Chunks {
    /// A side sends something.
    pub(crate) fn said(&mut self, side: usize, transmit: &Transmit, nodes: &[Node; 2]) {
        let conn = transmit.conn();
        let OutStream::Uni { id, .. } = transmit.stream() else {
            if let Ok(Frame::Use) = Frame::decode(&transmit.bytes().slice(4..)) {
                self.durable.insert((side, conn), durable(&nodes[side]));
            }
            return;
        };
        let stream = self.streams.entry((side, conn, id)).or_default();
        stream.extend_from_slice(transmit.bytes());
        if !transmit.fin() {
            return;
        }
        let frame = self.streams.remove(&(side, conn, id)).unwrap();
        match UniFrame::decode(&Bytes::from(frame).slice(4..)).unwrap() {
            UniFrame::Batch { flow: Flow::Deliver, deliveries, .. } => {
                for delivered in deliveries {
                    let parts = delivered.entry.parts.iter().zip(&delivered.bodies);
                    for (part, body) in parts {
                        if let Body::Chunked { transfer, .. } = body {
                            let part = (delivered.entry.number, *part);
                            self.transfers.insert((side, conn, *transfer), part);
                        }
                    }
                }
            }
            UniFrame::Batch { flow: Flow::Return, .. } => {}
            UniFrame::Chunk(chunk) => {
                let key = (side, conn, chunk.transfer);
                let Some((number, part)) = self.transfers.get(&key).copied() else { return };
                let leaf = (number, part, chunk.index);
                let there = &nodes[1 - side];
                let known = self.durable.get(&(1 - side, conn));
                let known = known.is_some_and(|known| known.contains(&leaf));
                let still = there.arrivals.contains(number) || on_disk(there).contains(&leaf);
                assert!(!(known && still), "{leaf:?} was there, and goes again");
                self.sent.push((side, leaf));
            }
        }
    }

    /// How often each leaf has gone.
    pub(crate) fn times(&self) -> BTreeMap<Leaf, usize> {
        let mut times = BTreeMap::new();
        for (_, leaf) in &self.sent {
            *times.entry(*leaf).or_default() += 1;
        }
        times
    }
}

/// The leaves at a node of deliveries that are not settled.
fn durable(node: &Node) -> BTreeSet<Leaf> {
    let leaves = on_disk(node).into_iter();
    leaves.filter(|(number, ..)| !node.arrivals.contains(*number)).collect()
}

fn on_disk(node: &Node) -> BTreeSet<Leaf> {
    let files = node.disk.iter();
    let leaves = files.flat_map(|((number, _, part), (_, leaves))| {
        leaves.keys().map(|leaf| (*number, *part, *leaf))
    });
    leaves.collect()
}
