//! What the partner sends.

use bytes::Bytes;
use comity_core::Timestamp;
use comity_core::digest::Digest;
use comity_core::identity::PartDigest;
use comity_core::ledger::{Opening, Ranges};

use super::Link;
use super::receiving::Arrived;
use crate::arrival::Piece;
use crate::batch::UniFrame;
use crate::event::Output;
use crate::fault::{CloseReason, Fault};
use crate::frame::{Flow, Frame, FrameError, Key, kind};
use crate::limits;
use crate::transmit::{ConnId, StreamId};

impl Link {
    pub(super) fn received(
        &mut self,
        conn: ConnId,
        stream: StreamId,
        bytes: &[u8],
        fin: bool,
        now: Timestamp,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.heard = now;
        if stream != StreamId::CONTROL {
            return self.uni(conn, stream, bytes, fin);
        }
        connection.control.push(bytes);
        while let Some(connection) = self.connections.get_mut(&conn) {
            match connection.control.next(limits::CONTROL_FRAME_BYTES) {
                Ok(Some(frame)) => self.control(conn, &frame, now),
                Ok(None) => break,
                Err(fault) => {
                    self.fault(conn, fault.clone());
                    return self.close(conn, CloseReason::Broken(fault));
                }
            }
        }
        let parting = self.goodbye.as_ref().is_some_and(|goodbye| goodbye.bye_sent);
        if fin && !parting {
            self.fault(conn, Fault::ControlEnded);
        }
    }

    fn control(&mut self, conn: ConnId, bytes: &Bytes, now: Timestamp) {
        let frame = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(FrameError::Version(theirs)) => {
                return self.close(conn, CloseReason::Version { theirs });
            }
            Err(FrameError::Fault(fault)) => return self.fault(conn, fault),
        };
        match frame {
            Frame::Hello(hello) => self.greeted(conn, *hello, now),
            Frame::Use => self.use_received(conn),
            Frame::ChunkWant { number, part, leaves } => self.wanted(conn, number, part, leaves),
            frame if self.up() != Some(conn) => self.fault(conn, Fault::TooEarly(frame.kind())),
            Frame::Ack { flow, upto, ranges } => self.acknowledged(conn, flow, upto, ranges),
            Frame::Reject { number, reason } => {
                let key = Key { flow: Flow::Deliver, number };
                if self.was_used(conn, key) {
                    self.sender.answered(key);
                    self.known.holds(0, &[(number, number)].into_iter().collect());
                    self.outputs.push(Output::PeerRejected { number, reason });
                }
            }
            Frame::Defer(key) => {
                if self.is_put_off(conn, key) {
                    let number = key.number;
                    self.outputs.push(match key.flow {
                        Flow::Deliver => Output::PeerDeferred { number },
                        Flow::Return => Output::ReturnDeferred { number },
                    });
                }
            }
            Frame::Void { key, digest } => self.voided(conn, key, digest),
            Frame::Receipt(bytes) => self.outputs.push(Output::Receipt(bytes)),
            Frame::KeyringHead(head) => self.outputs.push(Output::KeyringHead(head)),
            Frame::Epoch { opening, accepted } => self.epoch(opening, accepted),
            Frame::Drain => self.drain_received(now),
            Frame::Bye => self.bye_received(conn),
            Frame::Fault { code, text } => self.outputs.push(Output::Told { code, text }),
            Frame::Ping { nonce } => {
                let connection = self.connections.get_mut(&conn);
                if connection.is_some_and(|connection| connection.may_ping(now)) {
                    self.tell(&Frame::Pong { nonce, at: now });
                } else {
                    self.fault(conn, Fault::TooManyPings);
                }
            }
            Frame::Known { origin, numbers } => {
                let last = Key { flow: Flow::Deliver, number: numbers.last() };
                let used = self.sender.last_used(Flow::Deliver);
                let connection = self.connections.get_mut(&conn);
                if !connection.is_some_and(|one| one.may_ask(total(&numbers), used)) {
                    self.fault(conn, Fault::TooManyPings);
                } else if self.was_used(conn, last) {
                    self.outputs.push(Output::OriginKnown { origin, numbers });
                }
            }
            Frame::Pong { nonce, at } => self.outputs.push(Output::Pong { nonce, at }),
        }
    }

    fn uni(&mut self, conn: ConnId, stream: StreamId, bytes: &[u8], fin: bool) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if !connection.use_sent {
            return self.fault(conn, Fault::TooEarly(kind::BATCH));
        }
        let read = connection.read(stream, bytes, fin);
        match read.and_then(|frame| frame.as_ref().map(UniFrame::decode).transpose()) {
            Ok(None) => {}
            Ok(Some(UniFrame::Chunk(chunk))) => {
                let arrived = self.receiver.chunk(chunk);
                self.arrived(conn, arrived);
            }
            Ok(Some(UniFrame::Batch { flow, lane, deliveries })) => {
                for delivered in deliveries {
                    // A fault among them may have closed the connection.
                    if self.current != Some(conn) {
                        return;
                    }
                    if flow == Flow::Deliver {
                        self.known.show(delivered.entry.number);
                    }
                    for arrived in self.receiver.deliver(flow, lane, delivered) {
                        self.arrived(conn, arrived);
                    }
                }
            }
            Err(fault) => self.fault(conn, fault),
        }
        let held = self.connections.get(&conn).map_or(0, |connection| connection.held());
        let overrun = held.saturating_add(self.receiver.held()) > limits::HELD_BYTES;
        if overrun || self.receiver.is_overrun() {
            self.fault(conn, Fault::Overrun);
        }
    }

    fn arrived(&mut self, conn: ConnId, arrived: Arrived) {
        match arrived {
            Arrived::Nothing => {}
            Arrived::Held(key) => {
                let number = [(key.number, key.number)].into_iter().collect();
                self.acknowledge(key.flow, &number);
            }
            Arrived::Deferred(key) => self.put_off(key),
            Arrived::Whole(Flow::Deliver, incoming) => {
                self.outputs.push(Output::Incoming(*incoming));
            }
            Arrived::Whole(Flow::Return, incoming) => {
                self.outputs.push(Output::Returned(*incoming));
            }
            Arrived::Damaged(entry, part) => {
                let number = entry.number;
                self.outputs.push(Output::Damaged { entry: *entry, part });
                self.fault(conn, Fault::WrongPart { number, part });
            }
            Arrived::Fault(fault) => self.fault(conn, fault),
        }
    }

    fn acknowledged(&mut self, conn: ConnId, flow: Flow, upto: u64, ranges: Ranges) {
        let last = upto.max(ranges.last());
        if last > 0 && !self.was_used(conn, Key { flow, number: last }) {
            return;
        }
        self.sender.acknowledged(flow, upto, &ranges);
        match flow {
            Flow::Deliver => {
                self.known.holds(upto, &ranges);
                self.outputs.push(Output::Acked { upto, ranges });
            }
            Flow::Return => self.outputs.push(Output::ReturnAcked { numbers: ranges }),
        }
    }

    /// Whether a number that is put off must be sent again. One that came over an earlier connection,
    /// and has not left over this one, will be anyway.
    fn is_put_off(&mut self, conn: ConnId, key: Key) -> bool {
        self.was_used(conn, key) && self.sender.deferred(key)
    }

    /// The partner says which chunks of a part it lacks: from its greeting on, so that it is known
    /// before anything is sent again.
    fn wanted(&mut self, conn: ConnId, number: u64, part: PartDigest, leaves: Ranges) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let up = connection.is_up();
        if connection.hello.is_none() {
            return self.fault(conn, Fault::TooEarly(kind::CHUNK_WANT));
        }
        if !self.was_used(conn, Key { flow: Flow::Deliver, number }) {
            return;
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.want(number, part, leaves);
        }
        if up {
            self.outputs.push(Output::Wanted { number, part });
        }
    }

    /// What was asked for was never offered.
    pub(super) fn not_offered(&mut self, number: u64, part: PartDigest) {
        let Some(conn) = self.up() else { return };
        if let Some(connection) = self.connections.get_mut(&conn)
            && let Some(wanted) = connection.wanted.get_mut(&number)
        {
            wanted.remove(&part);
        }
        self.fault(conn, Fault::NotOffered { number, part });
    }

    /// A piece is durable, or could not be kept.
    pub(super) fn written(&mut self, piece: &Piece, durable: bool) {
        let arrived = self.receiver.written(piece, durable);
        // What arrives does so over the connection in use.
        if let Some(conn) = self.current {
            self.arrived(conn, arrived);
        }
    }

    /// Whether we have used a number that an answer is about.
    fn was_used(&mut self, conn: ConnId, key: Key) -> bool {
        let used = self.sender.has_used(key);
        if !used {
            self.fault(conn, Fault::NeverSent(key.number));
        }
        used
    }

    fn voided(&mut self, conn: ConnId, key: Key, digest: Digest) {
        let Key { flow, number } = key;
        if number == 0 {
            return self.fault(conn, Fault::WrongEpoch(0));
        }
        if flow == Flow::Deliver {
            self.known.show(number);
        }
        match self.receiver.void(key) {
            Some(arrived) => self.arrived(conn, arrived),
            None => self.outputs.push(match flow {
                Flow::Deliver => Output::PeerVoid { number, digest },
                Flow::Return => Output::ReturnedVoid { number, digest },
            }),
        }
    }

    fn epoch(&mut self, opening: Opening, accepted: bool) {
        if accepted {
            if self.sender.epoch_accepted(opening.epoch) {
                self.outputs.push(Output::EpochAccepted(opening.epoch));
            }
        } else if self.receiver.has_opened(opening.epoch) {
            self.tell(&Frame::Epoch { opening, accepted: true });
        } else {
            self.outputs.push(Output::EpochAnnounced(opening));
        }
    }
}

/// How many numbers these are.
fn total(numbers: &Ranges) -> u64 {
    let spans = numbers.as_slice().iter();
    spans.fold(0, |sum, (first, last)| {
        sum.saturating_add(last.saturating_sub(*first)).saturating_add(1)
    })
}
