//! What is going to happen, and in which order.

use std::sync::Arc;

use bytes::Bytes;
use comity_core::{Digest, PartDigest, Timestamp};
use comity_node::engine::{PartSource, Token};
use comity_node::guard::Guard;
use comity_proto::{ConnId, OutStream};
use comity_store::{Piece, Seq, StoreError};

/// Something that is going to happen.
pub(super) enum Event {
    Dial {
        from: usize,
        to: usize,
    },
    Open {
        conn: ConnId,
        end: usize,
    },
    Bytes {
        conn: ConnId,
        end: usize,
        stream: OutStream,
        bytes: Bytes,
        fin: bool,
    },
    Gone {
        conn: ConnId,
        end: usize,
    },
    Sever {
        conn: ConnId,
    },
    Timer {
        node: usize,
        life: u64,
        at: Timestamp,
    },
    More {
        node: usize,
        life: u64,
    },
    Sync {
        node: usize,
        life: u64,
    },
    Appended {
        node: usize,
        life: u64,
        token: Token,
        result: Result<Digest, StoreError>,
    },
    Verified {
        node: usize,
        life: u64,
        token: Token,
        signed: Bytes,
        parts: Vec<(PartDigest, PartSource)>,
    },
    Keep {
        node: usize,
        life: u64,
        token: Token,
        piece: Piece,
    },
    Discard {
        node: usize,
        life: u64,
        label: Bytes,
        digest: PartDigest,
    },
    Remembered {
        node: usize,
        life: u64,
        token: Token,
    },
    Erase {
        node: usize,
        life: u64,
        bodies: Vec<PartDigest>,
    },
    Loaded {
        node: usize,
        life: u64,
        token: Token,
        seq: Seq,
        parts: Vec<PartDigest>,
    },
    Restart {
        node: usize,
    },
    Confirm {
        node: usize,
    },
    Examine {
        node: usize,
        life: u64,
        token: Token,
        guard: Arc<Guard>,
        parts: Vec<PartDigest>,
    },
    Chore {
        node: usize,
    },
    Act,
}

/// An event at its time; those of one time happen in the order in which they were foreseen.
pub(super) struct Queued(pub(super) Timestamp, pub(super) u64, pub(super) Event);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}
