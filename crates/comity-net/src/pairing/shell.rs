//! The ceremony over QUIC: one bidirectional stream, which the joiner opens.

use std::net::SocketAddr;
use std::sync::Arc;

use comity_core::Entropy;
use comity_core::entropy::draw;
use quinn::{ConnectionError, RecvStream, SendStream, VarInt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::desk::Command;
use super::transcript::EXPORTER_LABEL;
use super::{
    Channel, ConfirmError, Credentials, Introduction, InviteError, PairingError, PairingEvent,
    PairingFailure, PairingId, PairingOutput, PairingSession, Ticket, TicketId, claimed,
};
use crate::congestion::RateCap;
use crate::endpoint::admission::Network;
use crate::endpoint::{Shared, connect, peer};
use crate::event::{CloseCause, NetEvent, RefusedWhy};
use crate::limits;
use crate::tls::{ALPN_PAIRING, Expected, KeyExchange, PeerCertificate};

/// Begins a ceremony as the joiner.
pub(crate) fn join(
    shared: &Arc<Shared>,
    ticket: Ticket,
    introduction: Introduction,
) -> Result<PairingId, InviteError> {
    if ticket.expires() <= shared.now() {
        return Err(InviteError::Expired(ticket.expires()));
    }
    let (pairing, commands) = shared.desk.begin().ok_or(InviteError::TooManyPairings)?;
    let task = shared.clone();
    shared.spawn(async move {
        let name = ticket.id();
        let joined = joiner(&task, ticket, introduction, pairing, commands).await;
        if let Err(failure) = joined {
            let event = PairingEvent::Failed { pairing, ticket: name, used_up: false, failure };
            report(&task, event).await;
        }
        task.desk.end(pairing);
    });
    Ok(pairing)
}

async fn joiner(
    shared: &Arc<Shared>,
    ticket: Ticket,
    introduction: Introduction,
    pairing: PairingId,
    commands: mpsc::Receiver<Command>,
) -> Result<(), PairingFailure> {
    let connection = reach(shared, &ticket).await?;
    let hung_up = |error: ConnectionError| PairingError::HungUp(code_of(&error));
    let (send, receive) = connection.open_bi().await.map_err(hung_up)?;
    let (channel, peer) = channel(&connection)?;
    let remote = connection.remote_address();
    let name = ticket.id();
    let credentials = credentials(shared, introduction);
    let (session, outputs) = PairingSession::join(ticket, channel, peer, credentials);
    let messages = messages(receive, limits::PAIRING_MESSAGE_BYTES);
    let ceremony = Ceremony { shared, connection, send, pairing, ticket: name, remote, session };
    ceremony.run(outputs, messages, commands).await;
    Ok(())
}

/// Tries every address of every name in the ticket.
async fn reach(shared: &Shared, ticket: &Ticket) -> Result<quinn::Connection, PairingFailure> {
    let mut faults = Vec::new();
    let mut unresolved = Vec::new();
    for name in ticket.addresses() {
        let addresses = match tokio::net::lookup_host(name.as_str()).await {
            Ok(addresses) => addresses,
            Err(error) => {
                unresolved.push(format!("{name}: {error}"));
                continue;
            }
        };
        for address in addresses {
            let gate = shared.gate(Expected::Inviter);
            let (exchange, cap) = (KeyExchange::Hybrid, RateCap::default());
            let connected = connect(shared, &gate, address, ALPN_PAIRING, exchange, &cap).await;
            match connected.map_err(crate::DialError::from)? {
                Ok(connection) => return Ok(connection),
                // It is there, and lets nobody in who wants to pair: it does not even speak of pairing.
                Err(crate::DialFault::Ended(CloseCause::Refused(_) | CloseCause::Protocol)) => {
                    return Err(PairingFailure::NoInvitation);
                }
                Err(fault) => faults.push((address, fault)),
            }
        }
    }
    if faults.is_empty() {
        return Err(PairingFailure::Unresolved(unresolved.join("; ")));
    }
    Err(crate::DialError::Unreachable(faults).into())
}

/// Answers a stranger who may hold a ticket.
pub(crate) async fn answer(shared: Arc<Shared>, connection: quinn::Connection, remote: SocketAddr) {
    if let Err(error) = inviter(&shared, &connection, remote).await {
        connection.close(VarInt::from_u32(error.code()), b"");
        shared.report_refused(remote, RefusedWhy::Pairing(error));
    }
}

/// An error only while the other end is a stranger: from its claim on, events tell.
async fn inviter(
    shared: &Arc<Shared>,
    connection: &quinn::Connection,
    remote: SocketAddr,
) -> Result<(), PairingError> {
    let network = Network::of(remote.ip());
    let stranger = shared.desk.strangers.enter(network, []).ok_or(PairingError::Busy)?;
    let (channel, peer) = channel(connection)?;
    let claim = async {
        let (send, mut receive) =
            connection.accept_bi().await.map_err(|error| PairingError::HungUp(code_of(&error)))?;
        let claim = message(&mut receive, limits::PAIRING_CLAIM_BYTES)
            .await
            .ok_or(PairingError::OutOfTurn)?;
        Ok::<_, PairingError>((send, receive, claim))
    };
    let (send, receive, claim) =
        timeout(limits::ANSWER_TIME, claim).await.map_err(|_elapsed| PairingError::TooLong)??;
    let name = claimed(&claim).ok_or(PairingError::OutOfTurn)?;
    let (ticket, introduction) = shared.desk.claim(name).ok_or(PairingError::UnknownTicket)?;
    let Some((pairing, commands)) = shared.desk.begin() else {
        shared.desk.release(name, false);
        return Err(PairingError::Busy);
    };
    drop(stranger);
    let credentials = credentials(shared, introduction);
    let mut session = PairingSession::invite(ticket, channel, peer, credentials);
    let outputs = session.receive(&claim, shared.now());
    let messages = messages(receive, limits::PAIRING_MESSAGE_BYTES);
    let connection = connection.clone();
    let ceremony = Ceremony { shared, connection, send, pairing, ticket: name, remote, session };
    let used_up = ceremony.run(outputs, messages, commands).await;
    shared.desk.release(name, used_up);
    shared.desk.end(pairing);
    Ok(())
}

fn channel(connection: &quinn::Connection) -> Result<(Channel, PeerCertificate), PairingError> {
    let mut exporter = [0; 32];
    connection
        .export_keying_material(&mut exporter, EXPORTER_LABEL, b"")
        .map_err(|_no_such_length| PairingError::Proof)?;
    let peer = peer(connection).map_err(|_not_of_our_form| PairingError::Proof)?;
    Ok((Channel { exporter }, peer))
}

fn credentials(shared: &Shared, introduction: Introduction) -> Credentials {
    let key = shared.identity().link.key.clone();
    Credentials { introduction, key, nonce: draw(&mut SystemEntropy) }
}

/// The system's randomness. Without it there is no TLS either.
struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, buffer: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "a nonce that can be guessed would be worse")]
        getrandom::fill(buffer).expect("the system has randomness");
    }
}

struct Ceremony<'a> {
    shared: &'a Arc<Shared>,
    connection: quinn::Connection,
    send: SendStream,
    pairing: PairingId,
    ticket: TicketId,
    remote: SocketAddr,
    session: PairingSession,
}

/// How a ceremony stands after some outputs.
enum Standing {
    Running,
    Paired,
    Failed,
}

impl Ceremony<'_> {
    /// Runs a ceremony to its end; whether its ticket is used up.
    async fn run(
        mut self,
        outputs: Vec<PairingOutput>,
        mut messages: Messages,
        mut commands: mpsc::Receiver<Command>,
    ) -> bool {
        let deadline = Instant::now() + limits::PAIRING_TIME;
        let mut standing = self.perform(outputs).await;
        while let Standing::Running = standing {
            let outputs = tokio::select! {
                message = messages.queue.recv() => match message {
                    Some(message) => self.session.receive(&message, self.shared.now()),
                    None => self.lost().await,
                },
                Some(command) = commands.recv() => self.obey(command),
                () = sleep_until(deadline) => self.session.give_up(PairingError::TooLong),
            };
            standing = self.perform(outputs).await;
        }
        if let Standing::Paired = standing {
            self.farewell(messages).await;
        }
        self.session.burns_ticket()
    }

    /// There are no more messages: for the reason with which the other end hung up, or because it
    /// sent what is none.
    async fn lost(&mut self) -> Vec<PairingOutput> {
        match timeout(limits::FAREWELL_TIME, self.connection.closed()).await {
            Ok(error) => self.session.hung_up(code_of(&error)),
            Err(_elapsed) => self.session.give_up(PairingError::OutOfTurn),
        }
    }

    fn obey(&mut self, command: Command) -> Vec<PairingOutput> {
        match command {
            Command::Abort => self.session.give_up(PairingError::GivenUp),
            Command::Confirm(typed, reply) => {
                let (answer, outputs) = match self.session.confirm(&typed) {
                    Ok(outputs) => (Ok(()), outputs),
                    Err(ConfirmError::Mismatch) => {
                        let failed = PairingOutput::Failed(PairingError::Mismatch);
                        (Err(ConfirmError::Mismatch), vec![failed])
                    }
                    Err(
                        error @ (ConfirmError::NotSixDigits
                        | ConfirmError::OwnDigits
                        | ConfirmError::Already
                        | ConfirmError::NotComparing),
                    ) => (Err(error), Vec::new()),
                };
                if reply.send(answer).is_err() {
                    tracing::debug!("nobody waits for what became of the digits");
                }
                outputs
            }
        }
    }

    async fn perform(&mut self, outputs: Vec<PairingOutput>) -> Standing {
        let (pairing, ticket) = (self.pairing, self.ticket);
        let mut standing = Standing::Running;
        for output in outputs {
            match output {
                PairingOutput::Send(message) => {
                    // A connection that is over ends the queue of messages, which says so.
                    if send(&mut self.send, &message).await.is_none() {
                        tracing::debug!("the other end is gone");
                    }
                }
                PairingOutput::Compare(comparison) => {
                    let remote = self.remote;
                    let event = PairingEvent::Compare { pairing, ticket, remote, comparison };
                    report(self.shared, event).await;
                }
                PairingOutput::Paired(paired) => {
                    report(self.shared, PairingEvent::Paired { pairing, paired }).await;
                    standing = Standing::Paired;
                }
                PairingOutput::Failed(error) => {
                    self.connection.close(VarInt::from_u32(error.code()), b"");
                    let used_up = self.session.burns_ticket();
                    let failure = PairingFailure::Ceremony(error);
                    report(self.shared, PairingEvent::Failed { pairing, ticket, used_up, failure })
                        .await;
                    standing = Standing::Failed;
                }
            }
        }
        standing
    }

    /// Closing discards what has not arrived. The other end ends its stream once it has paired, and
    /// has then everything that it needs of us: whoever sees that first hangs up.
    async fn farewell(&mut self, mut messages: Messages) {
        if self.send.finish().is_err() {
            return;
        }
        let heard = async { while messages.queue.recv().await.is_some() {} };
        if timeout(limits::FAREWELL_TIME, heard).await.is_err() {
            tracing::debug!("the other end does not end its stream");
        }
        self.connection.close(VarInt::from_u32(0), b"paired");
    }
}

async fn report(shared: &Shared, event: PairingEvent) {
    if shared.events.send(NetEvent::Pairing(event)).await.is_err() {
        tracing::debug!("nobody takes events any more");
    }
}

/// The messages of the other end; the queue ends with the stream or the connection.
struct Messages {
    queue: mpsc::Receiver<Vec<u8>>,
    task: JoinHandle<()>,
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn messages(mut receive: RecvStream, limit: usize) -> Messages {
    let (sender, queue) = mpsc::channel(1);
    let task = tokio::spawn(async move {
        while let Some(message) = message(&mut receive, limit).await {
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    Messages { queue, task }
}

/// One message: four bytes of length, then as many. `None` when the stream ends, or is too long.
async fn message(receive: &mut RecvStream, limit: usize) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    receive.read_exact(&mut length).await.ok()?;
    let length =
        usize::try_from(u32::from_be_bytes(length)).ok().filter(|length| *length <= limit)?;
    let mut message = vec![0; length];
    receive.read_exact(&mut message).await.ok()?;
    Some(message)
}

async fn send(send: &mut SendStream, message: &[u8]) -> Option<()> {
    let length = u32::try_from(message.len()).ok()?;
    send.write_all(&length.to_be_bytes()).await.ok()?;
    send.write_all(message).await.ok()
}

fn code_of(error: &ConnectionError) -> Option<u32> {
    match error {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner().try_into().ok(),
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => None,
    }
}
