//! Watches the wire: which chunks go.

use std::collections::BTreeMap;

use bytes::Bytes;
use comity_core::identity::PartDigest;

use crate::batch::{Body, UniFrame};
use crate::frame::Flow;
use crate::transmit::{ConnId, OutStream, Transmit};

/// A leaf of a part of a delivery.
pub(crate) type Leaf = (u64, PartDigest, usize);

#[derive(Default)]
pub(crate) struct Chunks {
    /// What has come out of each side's streams that have not ended.
    streams: BTreeMap<(usize, ConnId, u64), Vec<u8>>,
    /// Which part a transfer brings.
    transfers: BTreeMap<(usize, ConnId, u64), (u64, PartDigest)>,
    /// The leaves of deliveries that have gone, in order, and the side from which they came.
    pub(crate) sent: Vec<(usize, Leaf)>,
}

impl Chunks {
    /// A side sends something.
    pub(crate) fn said(&mut self, side: usize, transmit: &Transmit) {
        let conn = transmit.conn();
        let OutStream::Uni { id, .. } = transmit.stream() else {
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
