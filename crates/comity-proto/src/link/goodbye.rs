//! The end of a connection at which nothing is lost.
//!
//! Closing discards what the other side has not read, so the last receiver closes: both sides say
//! DRAIN; when its deliveries are all answered, the smaller id says BYE, then the larger one does,
//! and the smaller closes when it has read that.

use comity_core::Timestamp;

use super::Link;
use crate::event::Output;
use crate::fault::{CloseReason, Fault};
use crate::frame::{Frame, kind};
use crate::limits;
use crate::transmit::ConnId;

/// We have sent DRAIN.
#[derive(Debug)]
pub(super) struct Goodbye {
    pub(super) deadline: Timestamp,
    /// Our engine asked for it, and is told when it has ended.
    asked: bool,
    /// The partner has sent DRAIN too.
    drain_received: bool,
    pub(super) bye_sent: bool,
    bye_received: bool,
}

impl Link {
    pub(super) fn drain(&mut self, now: Timestamp) {
        let current = self.up();
        let others: Vec<ConnId> =
            self.connections.keys().copied().filter(|conn| Some(*conn) != current).collect();
        for conn in others {
            self.close(conn, CloseReason::ShuttingDown);
        }
        if current.is_none() {
            self.outputs.push(Output::Drained);
            return;
        }
        self.begin_goodbye(now);
        if let Some(goodbye) = &mut self.goodbye {
            goodbye.asked = true;
        }
    }

    pub(super) fn drain_received(&mut self, now: Timestamp) {
        self.begin_goodbye(now);
        if let Some(goodbye) = &mut self.goodbye {
            goodbye.drain_received = true;
        }
    }

    pub(super) fn bye_received(&mut self, conn: ConnId) {
        let smaller = self.is_smaller();
        match &mut self.goodbye {
            Some(goodbye) if goodbye.drain_received && goodbye.bye_sent == smaller => {
                goodbye.bye_received = true;
            }
            Some(_) | None => self.fault(conn, Fault::OutOfTurn(kind::BYE)),
        }
    }

    /// Takes the next step of a goodbye that has become possible.
    pub(super) fn continue_goodbye(&mut self) {
        let smaller = self.is_smaller();
        let answered = self.sender.is_idle();
        let (Some(goodbye), Some(conn)) = (&mut self.goodbye, self.current) else { return };
        if smaller && goodbye.bye_received {
            return self.close(conn, CloseReason::Drained);
        }
        let turn = smaller || goodbye.bye_received;
        if goodbye.drain_received && answered && turn && !goodbye.bye_sent {
            goodbye.bye_sent = true;
            self.send(conn, &Frame::Bye);
        }
    }

    pub(super) fn goodbye_timeout(&mut self, now: Timestamp) {
        let late = self.goodbye.as_ref().is_some_and(|goodbye| goodbye.deadline <= now);
        if let Some(conn) = self.current.filter(|_| late) {
            self.close(conn, CloseReason::DrainTimeout);
        }
    }

    /// The connection is gone, and the goodbye with it.
    pub(super) fn end_goodbye(&mut self) {
        if self.goodbye.take().is_some_and(|goodbye| goodbye.asked) {
            self.outputs.push(Output::Drained);
        }
    }

    fn begin_goodbye(&mut self, now: Timestamp) {
        if self.goodbye.is_some() {
            return;
        }
        let batches = self.sender.flush();
        self.send_batches(batches);
        self.tell(&Frame::Drain);
        self.goodbye = Some(Goodbye {
            deadline: now.saturating_add(limits::DRAIN_TIMEOUT),
            asked: false,
            drain_received: false,
            bye_sent: false,
            bye_received: false,
        });
    }
}
