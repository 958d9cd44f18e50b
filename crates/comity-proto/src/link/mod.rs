//! The state machine of one partner's link.

mod connection;
mod goodbye;
mod greeting;
mod incoming;
mod outgoing;
mod receiving;
mod sending;

use std::collections::BTreeMap;
use std::fmt;

use comity_core::keyring::SignedHead;
use comity_core::ledger::Ranges;
use comity_core::{EconomyId, Timestamp};

use crate::event::{Input, Output};
use crate::fault::{CloseReason, Fault};
use crate::frame::Flow;
use crate::frame::Frame;
use crate::hello::Hello;
use crate::limits;
use crate::load::{Config, Load};
use crate::transmit::{ConnId, OutStream, Transmit};
use connection::Connection;
use goodbye::Goodbye;
use greeting::Partner;
use receiving::{Order, Receiver};
use sending::Sender;

/// The link with one partner, over whatever connections come and go.
///
/// It lives as long as the process knows the partner: what was handed to the engine and is not
/// answered is remembered across connections, so that a delivery arrives once.
///
/// The engine, after [`Output::Up`], sends again what is unanswered, in the order of its ledger and
/// each decided anew, as [`Link::room`] allows; after [`Output::Down`] nothing is on its way.
pub struct Link {
    me: EconomyId,
    partner: EconomyId,
    boot: [u8; 16],
    config: Config,
    connections: BTreeMap<ConnId, Connection>,
    /// The connection on which we have sent USE; no other carries more than a HELLO.
    current: Option<ConnId>,
    known: Partner,
    sender: Sender,
    receiver: Receiver,
    /// Answers that a partner must hear when the link is up again.
    untold: Vec<Frame>,
    goodbye: Option<Goodbye>,
    faults: u64,
    outputs: Vec<Output>,
}

impl Link {
    /// The link of `me` with `partner`. `boot` is drawn at random when the process starts.
    #[must_use]
    pub fn new(me: EconomyId, partner: EconomyId, boot: [u8; 16], config: Config) -> Self {
        Self {
            me,
            partner,
            boot,
            connections: BTreeMap::new(),
            current: None,
            known: Partner::default(),
            sender: Sender::new(),
            receiver: Receiver::new(config.in_flight),
            config,
            untold: Vec::new(),
            goodbye: None,
            faults: 0,
            outputs: Vec::new(),
        }
    }

    /// Takes one input and says what is to be done, in order.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Output> {
        match input {
            Input::Opened { conn, dialed, heads } => self.opened(conn, dialed, heads, now),
            Input::Received { conn, stream, bytes, fin } => {
                self.received(conn, stream, &bytes, fin, now);
            }
            Input::Closed { conn } => self.closed(conn),
            Input::Admit { conn } => self.admit(conn, now),
            Input::Refuse { conn, reason } => self.close(conn, CloseReason::Refused(reason)),
            Input::Deliver { delivery, lane } => self.deliver(delivery, lane, now),
            Input::Void { number, digest } => self.void(number, digest),
            Input::Return(delivery) => self.give_back(delivery, now),
            Input::ReturnVoid { number, digest } => self.give_back_void(number, digest),
            Input::Stored { numbers } => self.stored(&numbers),
            Input::Rejected { number, reason } => self.rejected(number, reason),
            Input::Deferred { number } => self.deferred(Flow::Deliver, number),
            Input::Resume(kept) => self.receiver.resume(kept),
            Input::Kept(piece) => self.written(&piece, true),
            Input::NotKept(piece) => self.written(&piece, false),
            Input::Spoiled { number } => {
                self.receiver.spoiled(number);
                self.deferred(Flow::Deliver, number);
            }
            Input::LetGo => self.receiver.let_go(),
            Input::NotOffered { number, part } => self.not_offered(number, part),
            Input::ReturnDropped { number } => self.return_dropped(number),
            Input::ReturnPutOff { number } => self.deferred(Flow::Return, number),
            Input::ReturnStored { numbers } => self.return_stored(&numbers),
            Input::Ping { nonce } => self.tell(&Frame::Ping { nonce }),
            Input::Known { origin, numbers } => self.origin_known(origin, numbers),
            Input::KeyringHead(head) => self.keyring_head(head),
            Input::Receipt(bytes) => self.receipt(bytes),
            Input::BadReceipt { why } => self.bad_receipt(why),
            Input::Recovered(opening) => self.recovered(opening),
            Input::EpochStored(opening) => self.epoch_stored(opening),
            Input::Reclaim => self.reclaim(),
            Input::Drain => self.drain(now),
            Input::Timer => self.timer(now),
        }
        self.continue_goodbye();
        let orders = self.receiver.orders().into_iter().map(|order| match order {
            Order::Keep(fragment) => Output::Keep(fragment),
            Order::Discard { number, entry, parts } => Output::Discard { number, entry, parts },
        });
        self.outputs.extend(orders);
        std::mem::take(&mut self.outputs)
    }

    /// When [`Input::Timer`] is due; none while nothing waits for a time.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        let greetings = self
            .connections
            .values()
            .filter(|connection| !connection.is_up())
            .map(|connection| connection.deadline);
        let goodbye = self.goodbye.as_ref().map(|goodbye| goodbye.deadline);
        greetings.chain(goodbye).chain(self.sender.next_deadline()).min()
    }

    /// What may still be handed in before the partner answers; nothing while the link is down,
    /// draining, or in an epoch that the partner has not accepted.
    #[must_use]
    pub fn room(&self) -> Load {
        if self.up().is_some() && self.goodbye.is_none() {
            self.sender.room()
        } else {
            Load::default()
        }
    }

    /// The partner.
    #[must_use]
    pub fn partner(&self) -> EconomyId {
        self.partner
    }

    /// The connection over which the link is up.
    #[must_use]
    pub fn up(&self) -> Option<ConnId> {
        self.current.filter(|conn| self.connections.get(conn).is_some_and(Connection::is_up))
    }

    /// How often the partner has broken the protocol since this link was made.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Bytes kept of deliveries that are not whole.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.receiver.held()
    }

    fn timer(&mut self, now: Timestamp) {
        let late: Vec<ConnId> = self
            .connections
            .iter()
            .filter(|(_, connection)| !connection.is_up() && connection.deadline <= now)
            .map(|(conn, _)| *conn)
            .collect();
        for conn in late {
            self.close(conn, CloseReason::GreetingTimeout);
        }
        self.goodbye_timeout(now);
        self.send_ripe(now);
    }

    /// Whether ours is the smaller id, which chooses the connection and says goodbye first.
    fn is_smaller(&self) -> bool {
        self.me < self.partner
    }

    fn send(&mut self, conn: ConnId, frame: &Frame) {
        let transmit = Transmit::new(conn, OutStream::Control, frame.encode(), false);
        self.outputs.push(Output::Transmit(transmit));
    }

    /// Sends a frame if the link is up.
    fn tell(&mut self, frame: &Frame) {
        if let Some(conn) = self.up() {
            self.send(conn, frame);
        }
    }

    fn origin_known(&mut self, origin: EconomyId, numbers: Ranges) {
        let hello = self.up().and_then(|conn| self.connections.get(&conn)?.hello.as_ref());
        if hello.is_some_and(Hello::hears_of_origins) {
            self.tell(&Frame::Known { origin, numbers });
        }
    }

    fn keyring_head(&mut self, head: Box<SignedHead>) {
        let hello = self.up().and_then(|conn| self.connections.get(&conn)?.hello.as_ref());
        if hello.is_some_and(Hello::hears_heads) {
            self.tell(&Frame::KeyringHead(head));
        }
    }

    fn bad_receipt(&mut self, why: String) {
        if let Some(conn) = self.up() {
            self.fault(conn, Fault::BadReceipt(why));
        }
    }

    /// Counts a fault of the partner, tells it, and closes where the connection cannot go on.
    fn fault(&mut self, conn: ConnId, fault: Fault) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        self.faults = self.faults.saturating_add(1);
        connection.faults = connection.faults.saturating_add(1);
        let (faults, up) = (connection.faults, connection.is_up());
        self.outputs.push(Output::Misbehaved { conn, what: fault.clone() });
        if fault.is_fatal() || !connection.use_sent {
            self.close(conn, CloseReason::Broken(fault));
        } else if faults >= self.config.faults {
            self.close(conn, CloseReason::TooManyFaults(faults, fault));
        } else if up {
            let mut text = fault.to_string();
            text.truncate(text.floor_char_boundary(limits::TEXT_BYTES));
            self.send(conn, &Frame::Fault { code: fault.code(), text });
        }
    }

    /// Closes a connection of which the transport still knows.
    fn close(&mut self, conn: ConnId, reason: CloseReason) {
        if self.connections.contains_key(&conn) {
            self.outputs.push(Output::Close { conn, reason: reason.clone() });
            self.forget(conn, reason);
        }
    }

    fn closed(&mut self, conn: ConnId) {
        let reason = if self.goodbye.as_ref().is_some_and(|goodbye| goodbye.bye_sent) {
            CloseReason::Drained
        } else {
            CloseReason::Lost
        };
        self.forget(conn, reason);
    }

    fn forget(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(connection) = self.connections.remove(&conn) else { return };
        if self.current == Some(conn) {
            self.current = None;
            self.down(conn, connection.is_up(), reason);
        }
    }

    /// The connection in use is gone.
    fn down(&mut self, conn: ConnId, was_up: bool, reason: CloseReason) {
        let unsent = self.sender.down();
        self.unsent(unsent, crate::event::Unsent::Down);
        self.receiver.down();
        self.untold.retain(|frame| matches!(frame, Frame::Reject { .. }));
        if was_up {
            self.outputs.push(Output::Down { conn, reason });
        }
        self.end_goodbye();
    }
}

/// Without what it carries: that is not for logs.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("partner", &self.partner)
            .field("up", &self.up())
            .field("room", &self.room())
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
