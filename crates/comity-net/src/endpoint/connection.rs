//! One connection: its entry, its streams, and its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity_proto::{ConnId, OutStream, StreamId, Transmit};
use quinn::{ConnectionError, VarInt};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::registry::Entry;
use super::stream::{self, Piece, Turn, Writer};
use super::{Shared, answer};
use crate::congestion::RateCap;
use crate::event::{NetEvent, RefusedWhy, code};
use crate::tls::{Gate, Refusal};
use crate::transport;

/// Enters a connection whose handshake is over, reports it, and starts to pump it.
///
/// The partner is proven again, under the lock under which [`super::Endpoint::revalidate`] looks for
/// connections to close: whoever is no partner any more is found by one of the two.
pub(super) async fn open(
    shared: &Arc<Shared>,
    gate: &Gate,
    connection: quinn::Connection,
    cap: RateCap,
    dialed: bool,
) -> Result<ConnId, RefusedWhy> {
    let refuse = |code: u32, why: RefusedWhy| {
        connection.close(VarInt::from_u32(code), b"");
        why
    };
    let peer = answer::peer(&connection)
        .map_err(|fault| refuse(code::REVOKED, Refusal::from(fault).into()))?;
    let (partner, entry) = {
        let mut registry = shared.registry();
        let partner =
            gate.authenticate(&peer).map_err(|refusal| refuse(code::REVOKED, refusal.into()))?;
        cap.set(shared.options(partner.economy()).rate_cap);
        let entry = registry
            .insert(partner.clone(), connection.clone(), cap)
            .ok_or_else(|| refuse(code::TOO_MANY, RefusedWhy::TooManyConnections))?;
        (partner, entry)
    };
    transport::admit(&connection);
    let conn = entry.conn;
    let remote = answer::canonical(connection.remote_address());
    shared.met().note(partner.economy(), remote.ip());
    let opened = NetEvent::Opened { partner, conn, dialed, remote };
    if shared.events.send(opened).await.is_err() {
        tracing::debug!("nobody takes events any more");
    }
    shared.spawn(pump(shared.clone(), connection, entry, dialed));
    Ok(conn)
}

/// Runs a connection to its end, and reports that.
async fn pump(shared: Arc<Shared>, connection: quinn::Connection, entry: Entry, dialed: bool) {
    let conn = entry.conn;
    let turn: Turn = Arc::new(Mutex::new(shared.events.clone()));
    let mut pump = Pump::new(connection, entry, turn, dialed);
    let error = pump.run().await;
    // What arrived before the end is reported before it.
    pump.writers.abort_all();
    while let Some(ended) = pump.readers.join_next().await {
        super::propagate_panic(ended);
    }
    let cause = shared.registry().remove(conn, error);
    if shared.events.send(NetEvent::Closed { conn, cause }).await.is_err() {
        tracing::debug!("nobody takes events any more");
    }
}

struct Pump {
    connection: quinn::Connection,
    conn: ConnId,
    dialed: bool,
    turn: Turn,
    outbox: mpsc::UnboundedReceiver<Transmit>,
    writer: Writer,
    /// Our half of the control stream, until it is open.
    control: Option<mpsc::UnboundedReceiver<Piece>>,
    to_control: mpsc::UnboundedSender<Piece>,
    to_streams: BTreeMap<u64, mpsc::UnboundedSender<Piece>>,
    readers: JoinSet<()>,
    writers: JoinSet<()>,
}

impl Pump {
    fn new(connection: quinn::Connection, entry: Entry, turn: Turn, dialed: bool) -> Self {
        let Entry { conn, outbox, queued } = entry;
        let (to_control, control) = mpsc::unbounded_channel();
        let chunks = Arc::default();
        let writer = Writer { connection: connection.clone(), queued, chunks };
        Self {
            connection,
            conn,
            dialed,
            turn,
            outbox,
            writer,
            control: Some(control),
            to_control,
            to_streams: BTreeMap::new(),
            readers: JoinSet::new(),
            writers: JoinSet::new(),
        }
    }

    /// Until the connection is over; what had arrived by then is accepted still.
    async fn run(&mut self) -> ConnectionError {
        if self.dialed {
            match self.connection.open_bi().await {
                Ok((send, receive)) => self.take_control(send, receive),
                Err(error) => return error,
            }
        }
        loop {
            tokio::select! {
                accepted = self.connection.accept_uni() => match accepted {
                    Ok(receive) => {
                        let stream = StreamId(VarInt::from(receive.id()).into_inner());
                        self.read(receive, stream);
                    }
                    Err(error) => return error,
                },
                accepted = self.connection.accept_bi() => match accepted {
                    Ok((send, receive)) => self.take_control(send, receive),
                    Err(error) => return error,
                },
                Some(transmit) = self.outbox.recv() => self.dispatch(transmit),
                Some(ended) = self.readers.join_next() => super::propagate_panic(ended),
                Some(ended) = self.writers.join_next() => super::propagate_panic(ended),
            }
        }
    }

    /// The control stream is the first bidirectional one, and there is no other.
    fn take_control(&mut self, send: quinn::SendStream, receive: quinn::RecvStream) {
        let Some(queue) = self.control.take() else {
            self.connection.close(VarInt::from_u32(code::STREAMS), b"second control stream");
            return;
        };
        self.read(receive, StreamId::CONTROL);
        self.writers.spawn(self.writer.clone().run(send, OutStream::CONTROL_PRIORITY, queue));
    }

    fn read(&mut self, receive: quinn::RecvStream, stream: StreamId) {
        let (connection, turn) = (self.connection.clone(), self.turn.clone());
        self.readers.spawn(stream::read(connection, self.conn, stream, receive, turn));
    }

    fn dispatch(&mut self, transmit: Transmit) {
        let fin = transmit.fin();
        let stream = transmit.stream();
        let piece = Piece { fin, bytes: transmit.into_bytes() };
        let ended = match stream {
            OutStream::Control => self.to_control.send(piece).is_err(),
            OutStream::Uni { id, priority } => {
                let sent = self.stream(id, priority).send(piece).is_err();
                if fin {
                    self.to_streams.remove(&id);
                }
                sent
            }
        };
        if ended {
            tracing::trace!(conn = ?self.conn, "stream is over: bytes dropped");
        }
    }

    /// The queue of one of our streams, which its first piece opens.
    fn stream(&mut self, id: u64, priority: i32) -> &mpsc::UnboundedSender<Piece> {
        self.to_streams.entry(id).or_insert_with(|| {
            let (sender, queue) = mpsc::unbounded_channel();
            self.writers.spawn(self.writer.clone().open(priority, queue));
            sender
        })
    }
}
