//! From an open connection to a link that is up: HELLO, the engine's word, USE.

use std::collections::VecDeque;

use comity_core::Timestamp;
use comity_core::ledger::Ranges;

use super::Link;
use super::connection::Connection;
use crate::event::Output;
use crate::fault::{CloseReason, Fault};
use crate::frame::{Flow, Frame, kind};
use crate::hello::{Heads, Hello};
use crate::limits;
use crate::transmit::ConnId;

/// What is remembered of the partner across connections.
#[derive(Debug, Default)]
pub(super) struct Partner {
    /// Its boot ids, the newest last.
    boots: VecDeque<[u8; 16]>,
    /// How often an earlier one came back.
    returns: u32,
    /// What it has said, in its newest boot, that it holds of our ledger.
    held: Ranges,
    /// The greatest number of its ledger that it has shown in its newest boot.
    shown: u64,
}

impl Partner {
    fn boot(&self) -> Option<&[u8; 16]> {
        self.boots.back()
    }

    /// Whether a HELLO was overtaken by what the same process has said over another connection.
    fn is_stale(&self, hello: &Hello) -> bool {
        self.boot() == Some(&hello.boot)
            && (hello.heads.out.head.number < self.shown
                || !hello.heads.inbound.held().covers(&self.held))
    }

    /// Remembers a HELLO; whether two processes take turns.
    fn greeted(&mut self, hello: &Hello) -> bool {
        let mut alarm = false;
        if self.boot() != Some(&hello.boot) {
            let known = self.boots.len();
            self.boots.retain(|boot| *boot != hello.boot);
            if self.boots.len() < known {
                self.returns = self.returns.saturating_add(1);
                alarm = self.returns > 1;
            }
            if self.boots.len() >= limits::BOOTS {
                self.boots.pop_front();
            }
            self.boots.push_back(hello.boot);
            (self.held, self.shown) = (Ranges::new(), 0);
        }
        self.held.extend(&hello.heads.inbound.held());
        self.show(hello.heads.out.head.number);
        alarm
    }

    /// The partner has used `number`.
    pub(super) fn show(&mut self, number: u64) {
        self.shown = self.shown.max(number);
    }

    /// The partner has said that it holds these numbers.
    pub(super) fn holds(&mut self, upto: u64, ranges: &Ranges) {
        if upto > 0 {
            self.held.insert_range(1..=upto);
        }
        self.held.extend(ranges);
    }
}

impl Link {
    pub(super) fn opened(&mut self, conn: ConnId, _dialed: bool, heads: Heads, now: Timestamp) {
        if self.connections.contains_key(&conn) {
            return;
        }
        let reason = if self.goodbye.is_some() {
            Some(CloseReason::ShuttingDown)
        } else if self.connections.len() >= limits::CONNECTIONS {
            Some(CloseReason::TooManyConnections)
        } else {
            None
        };
        if let Some(reason) = reason {
            self.outputs.push(Output::Close { conn, reason });
            return;
        }
        self.receiver.greet(&heads);
        self.sender.greet(heads.out.epoch, heads.out.head.number);
        self.connections.insert(conn, Connection::new(heads.inbound.held(), now));
        let hello = Hello::new(self.boot, self.config.in_flight, heads);
        self.send(conn, &Frame::Hello(Box::new(hello)));
    }

    pub(super) fn greeted(&mut self, conn: ConnId, hello: Hello, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.hello.is_some() {
            return self.fault(conn, Fault::OutOfTurn(kind::HELLO));
        }
        connection.hello = Some(hello.clone());
        if self.known.is_stale(&hello) {
            self.close(conn, CloseReason::Stale);
        } else if self.is_smaller() && !self.yields_to(&hello, now) {
            self.close(conn, CloseReason::Duplicate);
        } else {
            if self.known.greeted(&hello) {
                self.outputs.push(Output::TwoNodes);
            }
            self.outputs.push(Output::Greeted { conn, hello });
        }
    }

    pub(super) fn admit(&mut self, conn: ConnId, now: Timestamp) {
        let smaller = self.is_smaller();
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(hello) = connection.hello.clone() else { return };
        if connection.admitted {
            return;
        }
        connection.admitted = true;
        let chosen = connection.use_received;
        if smaller && !self.yields_to(&hello, now) {
            self.close(conn, CloseReason::Duplicate);
        } else if smaller || chosen {
            self.take_into_use(conn, &hello);
        }
    }

    pub(super) fn use_received(&mut self, conn: ConnId) {
        let smaller = self.is_smaller();
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(hello) = connection.hello.clone() else {
            return self.fault(conn, Fault::TooEarly(kind::USE));
        };
        // The larger side waits for USE, the smaller for its echo.
        if connection.use_received || connection.use_sent != smaller {
            return self.fault(conn, Fault::OutOfTurn(kind::USE));
        }
        connection.use_received = true;
        if smaller {
            self.rise(conn, &hello);
        } else if connection.admitted {
            self.take_into_use(conn, &hello);
        }
    }

    /// Whether the connection in use, if any, gives way to one with this greeting: its process is
    /// gone, or it has been silent while the partner opened another.
    fn yields_to(&self, hello: &Hello, now: Timestamp) -> bool {
        let Some(current) = self.current.and_then(|conn| self.connections.get(&conn)) else {
            return true;
        };
        let other_boot = current.hello.as_ref().is_some_and(|current| current.boot != hello.boot);
        other_boot || now.since(current.heard) >= limits::SILENCE
    }

    fn take_into_use(&mut self, conn: ConnId, hello: &Hello) {
        if let Some(old) = self.current.filter(|old| *old != conn) {
            self.close(old, CloseReason::Superseded);
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.use_sent = true;
        let up = connection.is_up();
        self.current = Some(conn);
        self.receiver.begin(hello.heads.out.epoch);
        self.ask_for_what_is_missing(conn, hello);
        self.send(conn, &Frame::Use);
        if up {
            self.rise(conn, hello);
        }
    }

    /// Says, before anything can be sent again, which chunks need not be. A partner that was restored
    /// does not know all that it had sent.
    fn ask_for_what_is_missing(&mut self, conn: ConnId, hello: &Hello) {
        let out = &hello.heads.out;
        if hello.heads.recovering || self.receiver.epoch() != Some(out.epoch) {
            return;
        }
        for number in self.receiver.kept() {
            if number <= out.head.number {
                self.ask_for(conn, number);
            }
        }
    }

    /// Both sides use the connection.
    fn rise(&mut self, conn: ConnId, hello: &Hello) {
        let limit = hello.in_flight.min(crate::load::Load::LIMIT);
        self.sender.up(limit, hello.heads.inbound.epoch);
        let wanted = self.connections.get(&conn).into_iter().flat_map(|one| &one.wanted);
        let wanted = wanted.flat_map(|(number, parts)| {
            parts.keys().map(|part| Output::Wanted { number: *number, part: *part })
        });
        self.outputs.extend(wanted);
        self.outputs.push(Output::Up { conn });
        for frame in std::mem::take(&mut self.untold) {
            self.send(conn, &frame);
        }
        let settled = self.receiver.settled();
        let told = self.connections.get(&conn).map(|connection| &connection.told);
        if told != Some(&settled) {
            self.acknowledge(Flow::Deliver, &settled);
        }
    }
}
