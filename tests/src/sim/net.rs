//! The network between nodes: connections of streams that overtake each other and break.

use std::collections::BTreeMap;

use comity_core::Timestamp;
use comity_core::partners::AuthenticatedPartner;
use comity_proto::{ConnId, OutStream};

use super::dice::Dice;
use super::links::Shown;
use super::wire::Tap;

/// A connection. The first end dialed.
pub struct Conn {
    /// The nodes, and the lives in which they hold it.
    pub ends: [(usize, u64); 2],
    /// Whether each end still holds it.
    pub open: [bool; 2],
    /// Whether each end was told of it.
    pub told: [bool; 2],
    /// Whether bytes towards each end still arrive.
    pub carries: [bool; 2],
    /// What each end has said.
    pub taps: [Tap; 2],
    /// What each end showed when it was made.
    pub shown: [Shown; 2],
    /// Whom each end has let in.
    pub let_in: [Option<AuthenticatedPartner>; 2],
    /// Whether each end has closed it, for the other's key has ended.
    pub put_out: [bool; 2],
    /// When the last bytes of each end's streams arrive: a stream keeps its order.
    last: BTreeMap<(usize, u64), Timestamp>,
}

/// All connections.
#[derive(Default)]
pub struct Net {
    conns: BTreeMap<ConnId, Conn>,
    next: u64,
    /// Whether connections break by themselves.
    pub faulty: bool,
}

impl Net {
    /// A new connection.
    pub fn connect(&mut self, ends: [(usize, u64); 2], shown: [Shown; 2]) -> ConnId {
        self.next += 1;
        let id = ConnId(self.next);
        let conn = Conn {
            ends,
            open: [true; 2],
            told: [false; 2],
            carries: [true; 2],
            taps: [Tap::default(), Tap::default()],
            shown,
            let_in: [None, None],
            put_out: [false; 2],
            last: BTreeMap::new(),
        };
        self.conns.insert(id, conn);
        id
    }

    /// A connection.
    pub fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(&id)
    }

    /// Every connection.
    pub fn all(&self) -> impl Iterator<Item = (ConnId, &Conn)> {
        self.conns.iter().map(|(id, conn)| (*id, conn))
    }

    /// Forgets connections that nobody holds.
    pub fn sweep(&mut self) {
        self.conns.retain(|_, conn| conn.open != [false; 2]);
    }

    /// How many connections a node holds to another.
    pub fn between(&self, one: usize, other: usize) -> usize {
        let holds = |conn: &&Conn| {
            let [dialer, accepter] = conn.ends;
            let pair = [dialer.0, accepter.0];
            let live = conn.carries[0] || conn.carries[1];
            (pair == [one, other] || pair == [other, one]) && conn.open != [false; 2] && live
        };
        self.conns.values().filter(holds).count()
    }
}

impl Conn {
    /// Which end this life of a node is.
    #[must_use]
    pub fn end_of(&self, node: usize, life: u64) -> Option<usize> {
        self.ends.iter().position(|end| *end == (node, life))
    }

    /// When bytes arrive that an end sends now.
    pub fn arrival(
        &mut self,
        end: usize,
        stream: OutStream,
        now: Timestamp,
        dice: &mut Dice,
    ) -> Timestamp {
        let key = match stream {
            OutStream::Control => (end, u64::MAX),
            OutStream::Uni { id, .. } => (end, id),
        };
        // Mostly a continent away, now and then a retransmission.
        let delay = if dice.percent(3) { dice.millis(300..=1500) } else { dice.millis(5..=150) };
        let at = now.saturating_add(delay);
        let last = self.last.entry(key).or_insert(at);
        *last = at.max(*last);
        *last
    }
}
