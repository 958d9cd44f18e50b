//! What the engine hands in for the partner.

use bytes::Bytes;
use comity_core::digest::Digest;
use comity_core::ledger::{Opening, Ranges};
use comity_core::receipt::RejectReason;
use comity_core::{Delivery, Timestamp};

use super::Link;
use super::sending::{Batch, Queue, due};
use crate::batch::{Leaving, Wanted, encode_batch};
use crate::event::{Output, Unsent};
use crate::fault::Fault;
use crate::frame::{Flow, Frame, Key};
use crate::hello::Hello;
use crate::limits;
use crate::load::Lane;
use crate::transmit::{ConnId, OutStream, Transmit};

impl Link {
    pub(super) fn deliver(&mut self, delivery: Delivery, lane: Lane, now: Timestamp) {
        self.queue(Queue { flow: Flow::Deliver, lane }, delivery, now);
    }

    pub(super) fn give_back(&mut self, delivery: Delivery, now: Timestamp) {
        self.queue(Queue { flow: Flow::Return, lane: Lane::Live }, delivery, now);
    }

    fn queue(&mut self, queue: Queue, delivery: Delivery, now: Timestamp) {
        let why = if delivery.to() != self.partner {
            Some(Unsent::WrongPartner)
        } else if self.up().is_none() {
            Some(Unsent::NotUp)
        } else if self.goodbye.is_some() {
            Some(Unsent::Draining)
        } else {
            None
        };
        if let Some(why) = why {
            return self.unsent(vec![delivery], why);
        }
        let due = due(now, self.config.batch_delay);
        match self.sender.enqueue(queue, delivery, due) {
            None => self.send_ripe(now),
            Some((delivery, why)) => self.unsent(vec![delivery], why),
        }
    }

    pub(super) fn void(&mut self, number: u64, digest: Digest) {
        self.send_void(Key { flow: Flow::Deliver, number }, digest);
    }

    pub(super) fn give_back_void(&mut self, number: u64, digest: Digest) {
        self.send_void(Key { flow: Flow::Return, number }, digest);
    }

    fn send_void(&mut self, key: Key, digest: Digest) {
        let Some(conn) = self.up() else { return };
        if let Some(connection) = self.connections.get_mut(&conn)
            && key.flow == Flow::Deliver
        {
            connection.wanted.remove(&key.number);
        }
        let unsent = self.sender.void(key);
        self.unsent(unsent.into_iter().collect(), Unsent::Reclaimed);
        self.tell(&Frame::Void { key, digest });
    }

    pub(super) fn stored(&mut self, numbers: &[u64]) {
        self.settle(Flow::Deliver, numbers);
    }

    pub(super) fn return_stored(&mut self, numbers: &[u64]) {
        self.settle(Flow::Return, numbers);
    }

    pub(super) fn return_dropped(&mut self, number: u64) {
        self.receiver.forget(Key { flow: Flow::Return, number });
    }

    fn settle(&mut self, flow: Flow, numbers: &[u64]) {
        let mut settled = Ranges::new();
        for number in numbers {
            self.receiver.settle(Key { flow, number: *number });
            settled.insert(*number);
        }
        self.acknowledge(flow, &settled);
    }

    pub(super) fn rejected(&mut self, number: u64, reason: RejectReason) {
        self.receiver.settle(Key { flow: Flow::Deliver, number });
        self.answer(Frame::Reject { number, reason });
    }

    pub(super) fn deferred(&mut self, flow: Flow, number: u64) {
        let key = Key { flow, number };
        if self.receiver.forget(key) {
            self.put_off(key);
        }
    }

    /// Puts off a delivery that came over the connection in use. What is kept of it need not come with
    /// the next sending.
    ///
    /// One answer for each sending, and none for a sending over an earlier connection: it would be taken
    /// for that of the next, which would go twice, the second time without what was asked for before USE.
    pub(super) fn put_off(&mut self, key: Key) {
        // A partner that has agreed already may send before word of that has come.
        let Some(conn) = self.current else { return };
        if key.flow == Flow::Deliver {
            self.ask_for(conn, key.number);
        }
        self.answer(Frame::Defer(key));
    }

    /// Asks for what is missing of a delivery of which something is kept, if the partner understands.
    pub(super) fn ask_for(&mut self, conn: ConnId, number: u64) {
        let hello = self.connections.get(&conn).and_then(|connection| connection.hello.as_ref());
        if hello.is_some_and(Hello::resumes) {
            for (part, leaves) in self.receiver.wants(number) {
                self.send(conn, &Frame::ChunkWant { number, part, leaves });
            }
        }
    }

    /// Tells an answer, now or when the link is up again.
    pub(super) fn answer(&mut self, frame: Frame) {
        if self.up().is_some() {
            self.tell(&frame);
        } else if self.untold.len() < limits::IN_FLIGHT_DELIVERIES {
            self.untold.push(frame);
        }
    }

    /// Acknowledges `numbers`, and how far the ledger has no gap.
    pub(super) fn acknowledge(&mut self, flow: Flow, numbers: &Ranges) {
        let upto = match flow {
            Flow::Deliver => self.receiver.contiguous(),
            Flow::Return => 0,
        };
        let beyond = numbers.above(upto);
        if beyond.is_empty() {
            return self.tell(&Frame::Ack { flow, upto, ranges: beyond });
        }
        for ranges in beyond.as_slice().chunks(limits::RANGES) {
            let ranges = ranges.iter().copied().collect();
            self.tell(&Frame::Ack { flow, upto, ranges });
        }
    }

    pub(super) fn receipt(&mut self, bytes: Bytes) {
        let said_bye = self.goodbye.as_ref().is_some_and(|goodbye| goodbye.bye_sent);
        if !said_bye && bytes.len() <= limits::RECEIPT_BYTES {
            self.tell(&Frame::Receipt(bytes));
        }
    }

    pub(super) fn recovered(&mut self, opening: Opening) {
        self.sender.open_epoch(&opening);
        self.tell(&Frame::Epoch { opening, accepted: false });
    }

    pub(super) fn epoch_stored(&mut self, opening: Opening) {
        self.receiver.open_epoch(&opening);
        // Whoever announces an epoch knows again what it has delivered.
        let hello = self.up().and_then(|conn| self.connections.get_mut(&conn)?.hello.as_mut());
        if let Some(hello) = hello {
            hello.heads.recovering = false;
        }
        self.tell(&Frame::Epoch { opening, accepted: true });
    }

    pub(super) fn reclaim(&mut self) {
        let unsent = self.sender.reclaim();
        self.unsent(unsent, Unsent::Reclaimed);
    }

    pub(super) fn unsent(&mut self, deliveries: Vec<Delivery>, why: Unsent) {
        if !deliveries.is_empty() {
            self.outputs.push(Output::Unsent { deliveries, why });
        }
    }

    pub(super) fn send_ripe(&mut self, now: Timestamp) {
        let batches = self.sender.ripe(now);
        self.send_batches(batches);
    }

    pub(super) fn send_batches(&mut self, batches: Vec<Batch>) {
        let Some(conn) = self.up() else { return };
        for (queue, deliveries) in batches {
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            let mut strange = Vec::new();
            let leaving = |delivery: Delivery| {
                let number = delivery.entry().number;
                let mut wanted = match queue.flow {
                    Flow::Deliver => connection.wanted.remove(&number).unwrap_or_default(),
                    Flow::Return => Wanted::new(),
                };
                let leaving = Leaving::new(delivery, &mut connection.transfers, &mut wanted);
                strange.extend(wanted.into_keys().map(|part| Fault::NotOffered { number, part }));
                leaving
            };
            let deliveries: Vec<Leaving> = deliveries.into_iter().map(leaving).collect();
            let frame = encode_batch(queue.flow, queue.lane, &deliveries);
            self.send_uni(conn, priority(queue.lane), [frame]);
            for (head, chunk) in deliveries.iter().flat_map(Leaving::chunks) {
                self.send_uni(conn, OutStream::CHUNK_PRIORITY, [head, chunk]);
            }
            for fault in strange {
                self.fault(conn, fault);
            }
        }
    }

    /// Sends one frame, in pieces, on a stream of its own.
    fn send_uni<const N: usize>(&mut self, conn: ConnId, priority: i32, pieces: [Bytes; N]) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let stream = OutStream::Uni { id: connection.open_uni(), priority };
        for (piece, bytes) in pieces.into_iter().enumerate() {
            let last = piece.saturating_add(1) == N;
            self.outputs.push(Output::Transmit(Transmit::new(conn, stream, bytes, last)));
        }
    }
}

const fn priority(lane: Lane) -> i32 {
    match lane {
        Lane::Urgent => 3,
        Lane::Live => 2,
        Lane::Backfill => 1,
    }
}
