//! One node: a link, and the least of an engine that answers it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use comity_core::identity::{EconomyId, EpochId, PartDigest};
use comity_core::ledger::{Arrivals, Head, LedgerEntry, Ranges};
use comity_core::receipt::RejectReason;
use comity_core::{Digest, Timestamp};

use super::chance::Chance;
use super::sample::{SIDES, Sample, delivery};
use crate::arrival::{Fragment, Incoming, Kept, PartBody, Piece};
use crate::batch::digest_of;
use crate::event::{Input, Output, Unsent};
use crate::fault::{CloseReason, Fault};
use crate::hello::{Heads, Hello, Inbound, Outbound};
use crate::link::Link;
use crate::load::{Config, Lane, Load};
use crate::transmit::{ConnId, Transmit};

/// A line of our ledger, and what the partner has said of it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) sample: Sample,
    pub(crate) entry: LedgerEntry,
    pub(crate) lane: Lane,
    pub(crate) voided: bool,
    pub(crate) rejected: Option<RejectReason>,
}

pub(crate) struct Node {
    pub(crate) side: usize,
    pub(crate) link: Link,
    pub(crate) epoch: EpochId,
    pub(crate) head: Head,
    /// Our ledger, by number.
    pub(crate) sent: BTreeMap<u64, Sent>,
    /// What the partner has acknowledged or rejected.
    pub(crate) acked: Ranges,
    /// Numbers to hand to the link when it has room.
    pub(crate) queue: VecDeque<u64>,
    /// What the link has and nobody has answered, with its weight.
    pub(crate) flying: BTreeMap<u64, Load>,
    /// The partner's ledger, durable.
    pub(crate) arrivals: Arrivals,
    /// What came and is durable or refused; what came whole.
    pub(crate) received: BTreeMap<u64, Incoming>,
    pub(crate) refused: BTreeMap<u64, RejectReason>,
    pub(crate) voids: BTreeSet<u64>,
    /// What came and is not answered yet.
    pub(crate) storing: BTreeMap<u64, Arrival>,
    pub(crate) up: Option<ConnId>,
    pub(crate) ups: usize,
    pub(crate) drained: bool,
    pub(crate) recovering: bool,
    pub(crate) closes: Vec<CloseReason>,
    pub(crate) downs: Vec<CloseReason>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) told: Vec<String>,
    pub(crate) hellos: Vec<Hello>,
    /// Everything else that the link has said, for tests that ask.
    pub(crate) others: Vec<Output>,
    /// Pieces that are durable, as they survive the process.
    pub(crate) disk: Disk,
    /// What the disk has to do, in this order; done at once, unless it is slow.
    pub(crate) errands: VecDeque<Errand>,
    pub(crate) slow_disk: bool,
    /// What the engine does with what arrives, other than to store it: put off once in so many times.
    pub(crate) defer_once_in: Option<usize>,
    pub(crate) refuse: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    Whole(Incoming),
    Damaged(LedgerEntry),
    Void(Digest),
}

/// Pieces by number, entry and part, with the part's length.
pub(crate) type Disk = BTreeMap<(u64, Digest, PartDigest), (usize, BTreeMap<usize, Bytes>)>;

pub(crate) enum Errand {
    Keep(Fragment),
    Discard(u64, Digest, Vec<PartDigest>),
}

/// What a node asks of the transport.
pub(crate) enum Wire {
    Send(Transmit),
    Close(ConnId),
}

impl Node {
    pub(crate) fn new(side: usize, boot: u8, config: Config) -> Self {
        let link = Link::new(SIDES[side], SIDES[1 - side], [boot; 16], config);
        Self {
            side,
            link,
            epoch: EpochId([side as u8 + 1; 16]),
            head: Head::START,
            sent: BTreeMap::new(),
            acked: Ranges::new(),
            queue: VecDeque::new(),
            flying: BTreeMap::new(),
            arrivals: Arrivals::new(),
            received: BTreeMap::new(),
            refused: BTreeMap::new(),
            voids: BTreeSet::new(),
            storing: BTreeMap::new(),
            up: None,
            ups: 0,
            drained: false,
            recovering: false,
            closes: Vec::new(),
            downs: Vec::new(),
            faults: Vec::new(),
            told: Vec::new(),
            hellos: Vec::new(),
            others: Vec::new(),
            disk: Disk::new(),
            errands: VecDeque::new(),
            slow_disk: false,
            defer_once_in: None,
            refuse: None,
        }
    }

    /// The process is gone, and another begins with what is durable.
    pub(crate) fn restart(&mut self, boot: u8, now: Timestamp) {
        self.link = Link::new(SIDES[self.side], self.partner(), [boot; 16], Config::default());
        self.storing.clear();
        self.errands.clear();
        self.flying.clear();
        self.up = None;
        let kept = self.disk.iter().map(|((number, entry, part), (length, leaves))| Kept {
            number: *number,
            entry: *entry,
            part: *part,
            length: *length,
            leaves: leaves.keys().map(|leaf| (*leaf as u64, *leaf as u64)).collect(),
        });
        let kept = kept.collect();
        self.input(Input::Resume(kept), now, &mut Vec::new());
    }

    /// The disk does what waits longest, or refuses to write it.
    pub(crate) fn run_errand(&mut self, works: bool, now: Timestamp, wires: &mut Vec<Wire>) {
        match self.errands.pop_front() {
            None => {}
            Some(Errand::Discard(number, entry, parts)) => {
                for part in parts {
                    self.disk.remove(&(number, entry, part));
                }
            }
            Some(Errand::Keep(Fragment { piece, .. })) if !works => {
                self.input(Input::NotKept(piece), now, wires);
            }
            Some(Errand::Keep(Fragment { piece, bytes })) => {
                let Piece { number, entry, part, length, leaf } = piece;
                let file = self.disk.entry((number, entry, part)).or_default();
                file.0 = length;
                assert!(file.1.insert(leaf, bytes).is_none(), "{leaf} was written twice");
                self.input(Input::Kept(piece), now, wires);
            }
        }
    }

    fn errand(&mut self, errand: Errand, now: Timestamp, wires: &mut Vec<Wire>) {
        self.errands.push_back(errand);
        if !self.slow_disk {
            self.run_errand(true, now, wires);
        }
    }

    /// The part's bytes, where every piece of it is durable.
    fn gather(&self, entry: &LedgerEntry, part: PartDigest, length: usize) -> Bytes {
        let (kept, pieces) = &self.disk[&(entry.number, entry.digest(), part)];
        assert_eq!(*kept, length);
        let bytes: Vec<u8> = pieces.values().flatten().copied().collect();
        assert_eq!(digest_of(&bytes), Some(part), "not all of it is durable");
        bytes.into()
    }

    pub(crate) fn partner(&self) -> EconomyId {
        SIDES[1 - self.side]
    }

    pub(crate) fn heads(&self) -> Heads {
        Heads {
            out: Outbound { epoch: self.epoch, head: self.head },
            inbound: Inbound {
                epoch: self.arrivals.epoch(),
                head: self.arrivals.head(),
                ranges: self.arrivals.beyond(),
            },
            keyring: None,
            recovering: self.recovering,
        }
    }

    /// Writes the next line of the ledger, to be delivered when there is room.
    pub(crate) fn publish(&mut self, sample: Sample, lane: Lane) -> u64 {
        let number = self.head.number + 1;
        let entry = sample.entry(self.epoch, number);
        self.head = self.head.after(entry.digest());
        self.sent.insert(number, Sent { sample, entry, lane, voided: false, rejected: None });
        self.queue.push_back(number);
        number
    }

    /// The decision about a number has turned.
    pub(crate) fn void(&mut self, number: u64, now: Timestamp, wires: &mut Vec<Wire>) {
        let sent = self.sent.get_mut(&number).unwrap();
        sent.voided = true;
        let digest = sent.entry.digest();
        self.queue.retain(|queued| *queued != number);
        if self.up.is_some() {
            self.flying.insert(number, Load { deliveries: 1, ..Load::default() });
            self.input(Input::Void { number, digest }, now, wires);
        }
    }

    /// Hands to the link what it has room for.
    pub(crate) fn pump(&mut self, now: Timestamp, wires: &mut Vec<Wire>) {
        while let Some(number) = self.queue.front().copied() {
            let sent = &self.sent[&number];
            let (sample, lane, entry) = (sent.sample, sent.lane, sent.entry.clone());
            if sent.voided {
                if self.link.room().deliveries == 0 {
                    return;
                }
                self.queue.pop_front();
                self.flying.insert(number, Load { deliveries: 1, ..Load::default() });
                self.input(Input::Void { number, digest: entry.digest() }, now, wires);
                continue;
            }
            if !self.link.room().fits(sample.load()) {
                return;
            }
            self.queue.pop_front();
            self.flying.insert(number, sample.load());
            let delivery = delivery(sample, self.partner(), entry.epoch, number);
            self.input(Input::Deliver { delivery, lane }, now, wires);
        }
    }

    /// Answers one arrival that was waiting for the journal.
    pub(crate) fn store(&mut self, number: u64, now: Timestamp, wires: &mut Vec<Wire>) {
        let Some(arrival) = self.storing.remove(&number) else { return };
        let new = match arrival {
            Arrival::Whole(incoming) => {
                let new = self.arrivals.insert(number, incoming.entry.digest());
                assert!(self.received.insert(number, incoming).is_none(), "{number} came twice");
                new
            }
            Arrival::Void(digest) => {
                self.voids.insert(number);
                self.arrivals.insert(number, digest)
            }
            Arrival::Damaged(entry) => {
                self.arrivals.insert(number, entry.digest());
                self.refused.insert(number, RejectReason::BadPart);
                let rejected = Input::Rejected { number, reason: RejectReason::BadPart };
                return self.input(rejected, now, wires);
            }
        };
        assert!(new, "{number} was durable before");
        self.input(Input::Stored { numbers: vec![number] }, now, wires);
    }

    pub(crate) fn input(&mut self, input: Input, now: Timestamp, wires: &mut Vec<Wire>) {
        for output in self.link.handle(input, now) {
            self.output(output, now, wires);
        }
    }

    fn output(&mut self, output: Output, now: Timestamp, wires: &mut Vec<Wire>) {
        match output {
            Output::Transmit(transmit) => wires.push(Wire::Send(transmit)),
            Output::Close { conn, reason } => {
                self.closes.push(reason);
                wires.push(Wire::Close(conn));
            }
            Output::Greeted { conn, hello } => self.greeted(conn, hello, now, wires),
            Output::Up { conn } => {
                assert_eq!(self.up.replace(conn), None, "up twice");
                self.ups += 1;
                self.flying.clear();
                let unanswered = self.sent.keys().filter(|number| !self.acked.contains(**number));
                self.queue = unanswered.copied().collect();
            }
            Output::Down { conn, reason } => {
                assert_eq!(self.up.take(), Some(conn), "down but not up");
                self.flying.clear();
                self.downs.push(reason);
            }
            Output::Keep(fragment) => {
                self.errand(Errand::Keep(fragment), now, wires);
            }
            Output::Discard { number, entry, parts } => {
                self.errand(Errand::Discard(number, entry, parts), now, wires);
            }
            Output::Wanted { number, part } => {
                if !self.sent.get(&number).is_some_and(|sent| sent.entry.parts.contains(&part)) {
                    self.input(Input::NotOffered { number, part }, now, wires);
                }
            }
            Output::Incoming(mut incoming) => {
                let entry = incoming.entry.clone();
                for (part, body) in &mut incoming.parts {
                    if let PartBody::Kept { length } = *body {
                        *body = PartBody::Here(self.gather(&entry, *part, length));
                    }
                }
                let number = incoming.entry.number;
                assert!(!self.arrivals.contains(number), "{number} came when it was durable");
                let before = self.storing.insert(number, Arrival::Whole(incoming));
                assert!(before.is_none(), "{number} came twice");
            }
            Output::Damaged { entry, .. } => {
                self.storing.insert(entry.number, Arrival::Damaged(entry));
            }
            Output::PeerVoid { number, digest } => {
                self.storing.insert(number, Arrival::Void(digest));
            }
            Output::Acked { upto, ranges } => {
                if upto > 0 {
                    self.acked.insert_range(1..=upto);
                }
                self.acked.extend(&ranges);
                self.flying.retain(|number, _| !self.acked.contains(*number));
            }
            Output::PeerRejected { number, reason } => {
                self.flying.remove(&number);
                self.acked.insert(number);
                self.sent.get_mut(&number).unwrap().rejected = Some(reason);
            }
            Output::PeerDeferred { number } => {
                self.flying.remove(&number);
                self.queue.push_back(number);
            }
            Output::Unsent { deliveries, why } => {
                let expected = matches!(why, Unsent::Down | Unsent::Reclaimed);
                assert!(expected, "{why:?}: {deliveries:?}");
                for delivery in deliveries.iter().rev() {
                    let number = delivery.entry().number;
                    if self.sent.get(&number).is_some_and(|sent| !sent.voided) {
                        self.flying.remove(&number);
                        self.queue.push_front(number);
                    }
                }
            }
            Output::Misbehaved { what, .. } => self.faults.push(what),
            Output::Told { text, .. } => self.told.push(text),
            Output::Drained => self.drained = true,
            other @ (Output::Receipt(_)
            | Output::KeyringHead(_)
            | Output::Returned(_)
            | Output::ReturnedVoid { .. }
            | Output::ReturnAcked { .. }
            | Output::ReturnDeferred { .. }
            | Output::EpochAnnounced(_)
            | Output::EpochAccepted(_)
            | Output::Pong { .. }
            | Output::OriginKnown { .. }
            | Output::TwoNodes) => self.others.push(other),
        }
    }

    fn greeted(&mut self, conn: ConnId, hello: Hello, now: Timestamp, wires: &mut Vec<Wire>) {
        self.hellos.push(hello.clone());
        if let Some(reason) = self.refuse.clone() {
            return self.input(Input::Refuse { conn, reason }, now, wires);
        }
        self.arrivals.begin(hello.heads.out.epoch);
        self.acked.extend(&hello.heads.inbound.held());
        self.input(Input::Admit { conn }, now, wires);
    }

    /// One of the arrivals that wait, stored or put off.
    pub(crate) fn store_some(
        &mut self,
        chance: &mut Chance,
        now: Timestamp,
        wires: &mut Vec<Wire>,
    ) {
        let waiting: Vec<u64> = self.storing.keys().copied().collect();
        let Some(number) = waiting.get(chance.below(waiting.len())).copied() else { return };
        let put_off = self.defer_once_in.is_some_and(|times| chance.once_in(times));
        if put_off && matches!(self.storing.get(&number), Some(Arrival::Whole(_))) {
            self.storing.remove(&number);
            return self.input(Input::Deferred { number }, now, wires);
        }
        self.store(number, now, wires);
    }
}
