//! Two nodes on simulated time, and a transport that reorders streams, cuts bytes anywhere, loses
//! connections at one side before the other, and opens two at once.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use comity_core::Timestamp;

use super::chance::Chance;
use super::chunks::Chunks;
use super::node::{Node, Wire};
use super::sample::START;
use crate::event::Input;
use crate::load::{Config, Load};
use crate::transmit::{ConnId, OutStream, StreamId};

pub(crate) struct Pair {
    pub(crate) nodes: [Node; 2],
    pub(crate) now: Timestamp,
    pub(crate) chance: Chance,
    conns: BTreeMap<ConnId, Conn>,
    next_conn: u64,
    /// Whether connections are opened when there is none.
    pub(crate) dialing: bool,
    /// What has gone of parts that travel in chunks.
    pub(crate) chunks: Chunks,
    /// Every byte that has reached a side, by stream, for tests that disturb it.
    pub(crate) heard: Vec<(usize, StreamId, Bytes)>,
}

#[derive(Default)]
struct Conn {
    dialer: usize,
    /// Whether a side was told that it is open, and not yet that it is closed.
    open: [bool; 2],
    /// Whether it was closed at a side, which the other learns later.
    closed: [bool; 2],
    /// What is on its way to each side.
    streams: [BTreeMap<StreamId, VecDeque<(Bytes, bool)>>; 2],
}

impl Pair {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, [Config::default(), Config::default()])
    }

    pub(crate) fn with(seed: u64, [small, large]: [Config; 2]) -> Self {
        Self {
            nodes: [Node::new(0, 1, small), Node::new(1, 2, large)],
            now: START,
            chance: Chance::new(seed),
            conns: BTreeMap::new(),
            next_conn: 1,
            dialing: true,
            chunks: Chunks::default(),
            heard: Vec::new(),
        }
    }

    /// A connection that both sides will learn of, the dialer first or not.
    pub(crate) fn dial(&mut self, dialer: usize) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.conns.insert(conn, Conn { dialer, ..Conn::default() });
        conn
    }

    pub(crate) fn open(&mut self, side: usize, conn: ConnId) {
        let state = self.conns.get_mut(&conn).unwrap();
        state.open[side] = true;
        let dialed = state.dialer == side;
        let heads = self.nodes[side].heads();
        self.input(side, Input::Opened { conn, dialed, heads });
    }

    /// The path breaks: nothing more arrives, and each side learns of it in its own time.
    pub(crate) fn break_all(&mut self) {
        for conn in self.conns.values_mut() {
            conn.closed = [true, true];
            conn.streams = Default::default();
        }
    }

    pub(crate) fn input(&mut self, side: usize, input: Input) {
        let mut wires = Vec::new();
        self.nodes[side].input(input, self.now, &mut wires);
        self.carry(side, wires);
    }

    pub(crate) fn pump(&mut self, side: usize) {
        let mut wires = Vec::new();
        self.nodes[side].pump(self.now, &mut wires);
        self.carry(side, wires);
    }

    pub(crate) fn void(&mut self, side: usize, number: u64) {
        let mut wires = Vec::new();
        self.nodes[side].void(number, self.now, &mut wires);
        self.carry(side, wires);
    }

    pub(crate) fn store(&mut self, side: usize, number: u64) {
        let mut wires = Vec::new();
        self.nodes[side].store(number, self.now, &mut wires);
        self.carry(side, wires);
    }

    fn carry(&mut self, side: usize, wires: Vec<Wire>) {
        for wire in wires {
            match wire {
                Wire::Send(transmit) => {
                    self.chunks.said(side, &transmit, &self.nodes);
                    let Some(conn) = self.conns.get_mut(&transmit.conn()) else { continue };
                    if conn.closed.contains(&true) {
                        continue;
                    }
                    let stream = match transmit.stream() {
                        OutStream::Control => StreamId::CONTROL,
                        OutStream::Uni { id, .. } => StreamId(id + 1),
                    };
                    let fin = transmit.fin();
                    let queue = conn.streams[1 - side].entry(stream).or_default();
                    queue.push_back((transmit.into_bytes(), fin));
                }
                // Closing discards what is on its way, both ways: the worst that QUIC may do.
                Wire::Close(id) => {
                    if let Some(conn) = self.conns.get_mut(&id) {
                        conn.open[side] = false;
                        conn.closed[side] = true;
                        conn.closed[1 - side] = true;
                        conn.streams = Default::default();
                    }
                }
            }
        }
        self.conns.retain(|_, conn| conn.open.contains(&true) || !conn.closed.contains(&true));
        self.check();
    }

    /// Hands some bytes of some stream to some side; whether there were any.
    pub(crate) fn deliver_some(&mut self) -> bool {
        let mut ways = Vec::new();
        for (id, conn) in &self.conns {
            for side in [0, 1] {
                if conn.open[side] {
                    ways.extend(conn.streams[side].keys().map(|stream| (*id, side, *stream)));
                }
            }
        }
        let Some((id, side, stream)) = ways.get(self.chance.below(ways.len())).copied() else {
            return false;
        };
        let whole = !self.chance.once_in(4);
        let cut = self.chance.below(2_000);
        let streams = &mut self.conns.get_mut(&id).unwrap().streams[side];
        let queue = streams.get_mut(&stream).unwrap();
        let (mut bytes, mut fin) = queue.pop_front().unwrap();
        if !whole && cut < bytes.len() {
            queue.push_front((bytes.split_off(cut), fin));
            fin = false;
        }
        if queue.is_empty() {
            streams.remove(&stream);
        }
        self.heard.push((side, stream, bytes.clone()));
        self.input(side, Input::Received { conn: id, stream, bytes, fin });
        true
    }

    /// Tells some side of an opened or a closed connection; whether there was any.
    pub(crate) fn tell_some(&mut self) -> bool {
        let mut news = Vec::new();
        for (id, conn) in &self.conns {
            for side in [0, 1] {
                let opening = !conn.open[side] && !conn.closed.contains(&true);
                if opening || (conn.open[side] && conn.closed[side]) {
                    news.push((*id, side, opening));
                }
            }
        }
        let Some((conn, side, opening)) = news.get(self.chance.below(news.len())).copied() else {
            return false;
        };
        if opening {
            self.open(side, conn);
        } else {
            self.conns.get_mut(&conn).unwrap().open[side] = false;
            self.input(side, Input::Closed { conn });
        }
        true
    }

    /// Lets time pass and fires what is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        for side in [0, 1] {
            if self.nodes[side].link.next_timer().is_some_and(|due| due <= self.now) {
                self.input(side, Input::Timer);
            }
        }
    }

    /// One step of chance.
    pub(crate) fn step(&mut self) {
        if self.dialing && self.conns.is_empty() {
            let dialer = self.chance.below(2);
            self.dial(dialer);
            if self.chance.once_in(3) {
                self.dial(1 - dialer);
            }
        }
        match self.chance.below(12) {
            0..6 => drop(self.deliver_some()),
            6 => drop(self.tell_some()),
            7 | 8 => {
                let side = self.chance.below(2);
                let mut wires = Vec::new();
                if !self.nodes[side].errands.is_empty() && self.chance.once_in(2) {
                    self.nodes[side].run_errand(true, self.now, &mut wires);
                }
                self.nodes[side].store_some(&mut self.chance, self.now, &mut wires);
                self.carry(side, wires);
            }
            9 | 10 => {
                let side = self.chance.below(2);
                self.pump(side);
            }
            _ => {
                let millis = self.chance.below(8) as u64;
                self.pass(Duration::from_millis(millis));
            }
        }
    }

    /// Whether each side holds everything that the other has, and knows that it does.
    pub(crate) fn is_settled(&self) -> bool {
        [0, 1].into_iter().all(|side| {
            let (one, other) = (&self.nodes[side], &self.nodes[1 - side]);
            one.acked.contiguous() >= one.head.number && other.arrivals.head() == one.head
        })
    }

    /// Steps until both sides have everything.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200_000 {
            if self.is_settled() {
                return;
            }
            self.step();
        }
        let state = |node: &Node| {
            format!(
                "head {:?} acked {:?} queue {:?} flying {:?} storing {:?} closes {:?} faults {:?} up {:?}",
                node.head.number,
                node.acked,
                node.queue,
                node.flying,
                node.storing.keys(),
                node.closes,
                node.faults,
                node.up
            )
        };
        panic!("never settled\n{}\n{}", state(&self.nodes[0]), state(&self.nodes[1]));
    }

    /// Steps until the link is up at both sides.
    pub(crate) fn connect(&mut self) {
        for _ in 0..10_000 {
            if self.nodes.iter().all(|node| node.up.is_some()) {
                return;
            }
            self.step();
        }
        panic!("never up: {:?} {:?}", self.nodes[0].closes, self.nodes[1].closes);
    }

    /// The process of a side is gone; another begins with what was durable.
    pub(crate) fn restart(&mut self, side: usize, boot: u8) {
        self.break_all();
        for conn in self.conns.values_mut() {
            conn.open[side] = false;
        }
        self.conns.retain(|_, conn| conn.open.contains(&true));
        self.nodes[side].restart(boot, self.now);
    }

    /// The disk of a side does one thing, or refuses to.
    pub(crate) fn run_errand(&mut self, side: usize, works: bool) {
        let mut wires = Vec::new();
        self.nodes[side].run_errand(works, self.now, &mut wires);
        self.carry(side, wires);
    }

    /// Delivers and tells until nothing is on its way.
    pub(crate) fn quiet(&mut self) {
        while self.deliver_some() || self.tell_some() {}
    }

    /// What must hold after every step.
    fn check(&self) {
        for side in [0, 1] {
            let (one, other) = (&self.nodes[side], &self.nodes[1 - side]);
            // Acknowledged means durable over there.
            for (first, last) in one.acked.as_slice() {
                for number in *first..=*last {
                    assert!(other.arrivals.contains(number), "{number} acknowledged, not held");
                }
            }
            // What is on its way stays within the bound that the other side set.
            if one.up.is_some() {
                let flying = one.flying.values().fold(Load::default(), |sum, load| sum.plus(*load));
                let bound = one.hellos.last().map_or(Load::LIMIT, |hello| hello.in_flight);
                assert!(flying.bytes <= bound.bytes, "{flying:?} over {bound:?}");
                assert!(flying.large <= bound.large, "{flying:?} over {bound:?}");
                let voids = one.sent.values().filter(|sent| sent.voided).count();
                assert!(flying.deliveries <= bound.deliveries + voids, "{flying:?} over {bound:?}");
            }
            // What came is what was sent, under the number that it was sent under.
            for (number, incoming) in &other.received {
                // A side restored from a backup does not know all that it had sent.
                let Some(sent) = one.sent.get(number) else { continue };
                assert_eq!(incoming.entry, sent.entry);
                assert_eq!(incoming.signed, sent.sample.signed());
                assert_eq!(incoming.parts.len(), sent.entry.parts.len());
            }
        }
    }
}
