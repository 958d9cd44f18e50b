//! The least that a node does above its endpoint: a link, and an answer to everything.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use comity_core::agreement::Tier;
use comity_core::ledger::{Arrivals, Head};
use comity_core::policy::{PolicySnapshot, TrustLevel};
use comity_core::record::{Draft, Header};
use comity_core::test_util::SeededEntropy;
use comity_core::test_util::policy::{self, Line};
use comity_core::{
    Delivery, EconomyId, EpochId, Kind, Marking, PartDigest, Section, Timestamp, Tlp,
};
use comity_net::NetEvent;
use comity_proto::{
    CloseReason, Config, ConnId, Fragment, Heads, Inbound, Incoming, Input, Lane, Link, OutStream,
    Outbound, Output, PartBody,
};

use super::world::{NOW, Node};

/// A node with one link, and what came of it.
pub(crate) struct Engine {
    pub(crate) node: Node,
    pub(crate) link: Link,
    pub(crate) up: Option<ConnId>,
    pub(crate) incoming: Vec<Incoming>,
    /// Leaves of large parts, until their delivery is settled.
    pub(crate) pieces: BTreeMap<(u64, PartDigest, usize), Bytes>,
    /// Chunks that the link has handed to the transport, each on a stream of its own.
    pub(crate) chunks: usize,
    pub(crate) acked: u64,
    pub(crate) drained: bool,
    pub(crate) unsent: usize,
    pub(crate) closed: Vec<comity_net::CloseCause>,
    started: Instant,
    partner: EconomyId,
    snapshot: PolicySnapshot,
    sent: u64,
    /// Our ledger, and the partner's.
    head: Head,
    arrivals: Arrivals,
}

impl Engine {
    pub(crate) fn new(node: Node, partner: EconomyId) -> Self {
        let me = node.id();
        let boot = me.as_bytes().first_chunk().copied().unwrap();
        let config = Config { batch_delay: Duration::from_millis(1), ..Config::default() };
        let [snapshot, _] = policy::pair(me, partner, Tier::Mou, TrustLevel::Public);
        Self {
            link: Link::new(me, partner, boot, config),
            node,
            up: None,
            incoming: Vec::new(),
            pieces: BTreeMap::new(),
            chunks: 0,
            acked: 0,
            drained: false,
            unsent: 0,
            closed: Vec::new(),
            started: Instant::now(),
            partner,
            snapshot,
            sent: 0,
            head: Head::START,
            arrivals: Arrivals::new(),
        }
    }

    /// A CLEAR note of `length` bytes, decided Release, under the next number.
    pub(crate) fn delivery(&mut self, length: usize) -> Delivery {
        self.sent += 1;
        let delivery = self.decided(self.sent, length);
        self.head = self.head.after(delivery.entry().digest());
        delivery
    }

    fn decided(&self, number: u64, length: usize) -> Delivery {
        let mut draft = Draft::new(Kind::Note);
        draft.marking = Some(Marking::new(Tlp::Clear));
        let content = (0..length).map(|at| (at % 251) as u8).collect();
        draft.parts.push((Header::new(Section::Summary, "application/octet-stream"), content));
        let mut entropy = SeededEntropy::new(number);
        let composed =
            draft.sign(&self.node.economy.author, self.node.id(), NOW, &mut entropy).unwrap();
        let line = Line { epoch: self.epoch(), number };
        let (record, parts) = (&composed.record, &composed.parts);
        policy::deliver(&self.snapshot, record, parts, self.partner, line, NOW).unwrap()
    }

    pub(crate) fn send(&mut self, length: usize) {
        let delivery = self.delivery(length);
        self.input(Input::Deliver { delivery, lane: Lane::Live });
    }

    /// Sends under its old number what is not acknowledged.
    pub(crate) fn send_again(&mut self, number: u64, length: usize) {
        let delivery = self.decided(number, length);
        self.input(Input::Deliver { delivery, lane: Lane::Live });
    }

    /// The connection in use breaks: the link hears of it before anything more that arrived on it.
    pub(crate) fn break_off(&mut self) {
        let conn = self.up.take().unwrap();
        self.node.endpoint.close(conn, 0, "broken");
        self.input(Input::Closed { conn });
    }

    pub(crate) fn input(&mut self, input: Input) {
        let now = self.now();
        for output in self.link.handle(input, now) {
            self.output(output);
        }
    }

    /// Takes the next event, or the next timer of the link.
    pub(crate) async fn step(&mut self) {
        let wait = self.link.next_timer().map(|timer| timer.since(self.now()));
        let timer = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = self.node.events.recv() => self.event(event.unwrap()),
            () = timer => self.input(Input::Timer),
        }
    }

    fn event(&mut self, event: NetEvent) {
        match event {
            NetEvent::Opened { partner, conn, dialed, .. } => {
                assert_eq!(partner.economy(), self.partner);
                let heads = self.heads();
                self.input(Input::Opened { conn, dialed, heads });
            }
            NetEvent::Received { conn, stream, bytes, fin } => {
                self.input(Input::Received { conn, stream, bytes, fin });
            }
            NetEvent::Closed { conn, cause } => {
                self.closed.push(cause);
                self.input(Input::Closed { conn });
            }
            other @ (NetEvent::Refused { .. } | NetEvent::Pairing(_)) => {
                panic!("between partners there is no {other:?}")
            }
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Transmit(transmit) => {
                let of_chunk = transmit.stream().priority() == OutStream::CHUNK_PRIORITY;
                self.chunks += usize::from(of_chunk && transmit.fin());
                self.node.endpoint.transmit(transmit);
            }
            Output::Greeted { conn, .. } => self.input(Input::Admit { conn }),
            Output::Up { conn } => self.up = Some(conn),
            Output::Keep(Fragment { piece, bytes }) => {
                self.pieces.insert((piece.number, piece.part, piece.leaf), bytes);
                self.input(Input::Kept(piece));
            }
            Output::Discard { number, .. } => self.pieces.retain(|(of, ..), _| *of != number),
            Output::Incoming(mut incoming) => {
                let number = incoming.entry.number;
                for (part, body) in &mut incoming.parts {
                    if matches!(body, PartBody::Kept { .. }) {
                        let of_part = (number, *part, 0)..=(number, *part, usize::MAX);
                        let leaves = self.pieces.range(of_part).flat_map(|(_, leaf)| leaf);
                        *body = PartBody::Here(leaves.copied().collect());
                    }
                }
                self.arrivals.begin(incoming.entry.epoch);
                self.arrivals.insert(number, incoming.entry.digest());
                self.incoming.push(incoming);
                self.input(Input::Stored { numbers: vec![number] });
            }
            Output::Acked { upto, ranges } => {
                let above: u64 = ranges.above(upto).as_slice().iter().map(|(a, b)| b - a + 1).sum();
                self.acked = upto + above;
            }
            Output::Wanted { .. } => {}
            Output::Drained => self.drained = true,
            Output::Unsent { deliveries, .. } => self.unsent += deliveries.len(),
            Output::Close { conn, reason } => {
                self.node.endpoint.close(conn, reason.code(), &reason.to_string());
            }
            Output::Down { reason, .. } => assert!(
                matches!(reason, CloseReason::Drained | CloseReason::Lost),
                "down: {reason}"
            ),
            other => panic!("between honest links there is no {other:?}"),
        }
    }

    fn epoch(&self) -> EpochId {
        EpochId(self.node.id().as_bytes().first_chunk().copied().unwrap())
    }

    fn heads(&self) -> Heads {
        Heads {
            out: Outbound { epoch: self.epoch(), head: self.head },
            inbound: Inbound {
                epoch: self.arrivals.epoch(),
                head: self.arrivals.head(),
                ranges: self.arrivals.beyond(),
            },
            keyring: None,
            recovering: false,
        }
    }

    fn now(&self) -> Timestamp {
        NOW.saturating_add(self.started.elapsed())
    }
}

/// Runs both until `done`.
pub(crate) async fn run(
    one: &mut Engine,
    other: &mut Engine,
    what: &str,
    done: impl Fn(&Engine, &Engine) -> bool,
) {
    super::world::patiently(what, async {
        while !done(one, other) {
            tokio::select! {
                () = one.step() => {}
                () = other.step() => {}
            }
        }
    })
    .await;
}
