//! The bytes of one stream: out of a queue, and into events.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use comity_proto::{ConnId, OutStream, StreamId};
use quinn::{ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::sync::{Mutex, mpsc};

use crate::event::{NetEvent, code};
use crate::limits;

/// The right to put the next event of one connection into the node's queue.
///
/// All streams of a connection share one, so that each connection waits in that queue once,
/// however many streams it has: partners take turns.
pub(super) type Turn = Arc<Mutex<mpsc::Sender<NetEvent>>>;

/// Reads a stream to its end, or to that of its connection.
pub(super) async fn read(
    connection: quinn::Connection,
    conn: ConnId,
    stream: StreamId,
    mut receive: RecvStream,
    turn: Turn,
) {
    loop {
        // Little is taken before there is room in the node's queue, so that what waits is held
        // back by the transport's window.
        let first = match receive.read_chunk(limits::COALESCE_BELOW, true).await {
            Ok(Some(chunk)) => Some(chunk.bytes),
            Ok(None) => None,
            Err(error) => return ended(&connection, error),
        };
        let turn = turn.lock().await;
        let Ok(room) = turn.reserve().await else { return };
        let (bytes, fin) = match first {
            Some(first) => gather(&mut receive, first).await,
            None => (Bytes::new(), true),
        };
        room.send(NetEvent::Received { conn, stream, bytes, fin });
        if fin {
            return;
        }
    }
}

/// Adds what has arrived already to `first`: packets are small, events are not.
async fn gather(receive: &mut RecvStream, first: Bytes) -> (Bytes, bool) {
    let mut gathered = BytesMut::from(first);
    loop {
        let room = limits::RECEIVED_BYTES.saturating_sub(gathered.len());
        if room == 0 {
            return (gathered.freeze(), false);
        }
        let next = tokio::select! {
            biased;
            next = receive.read_chunk(room, true) => next,
            () = std::future::ready(()) => return (gathered.freeze(), false),
        };
        match next {
            Ok(Some(chunk)) => gathered.extend_from_slice(&chunk.bytes),
            Ok(None) => return (gathered.freeze(), true),
            // The next read meets the same error.
            Err(_error) => return (gathered.freeze(), false),
        }
    }
}

fn ended(connection: &quinn::Connection, error: ReadError) {
    match error {
        ReadError::ConnectionLost(_) => {}
        // Nobody gives up a stream in the middle: what was released to a partner is delivered.
        ReadError::Reset(_)
        | ReadError::ClosedStream
        | ReadError::IllegalOrderedRead
        | ReadError::ZeroRttRejected => {
            connection.close(VarInt::from_u32(code::STREAMS), b"stream reset");
        }
    }
}

/// A part of a stream, in its order.
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) fin: bool,
}

/// What a piece takes until it is written.
pub(super) fn weight(bytes: &Bytes) -> usize {
    bytes.len().saturating_add(limits::PIECE_BYTES)
}

/// Writes the streams of one connection.
#[derive(Clone)]
pub(super) struct Writer {
    pub(super) connection: quinn::Connection,
    /// What was handed over and is not yet written, by its weight.
    pub(super) queued: Arc<AtomicUsize>,
    /// The right to write a chunk: one after the other, so that a connection that breaks leaves whole
    /// chunks behind, and not a piece of each.
    pub(super) chunks: Arc<Mutex<()>>,
}

impl Writer {
    /// Opens a stream and writes it. While the partner grants no more streams, the pieces wait.
    pub(super) async fn open(self, priority: i32, queue: mpsc::UnboundedReceiver<Piece>) {
        let chunks = self.chunks.clone();
        let _turn =
            if priority == OutStream::CHUNK_PRIORITY { Some(chunks.lock().await) } else { None };
        match self.connection.open_uni().await {
            Ok(send) => self.run(send, priority, queue).await,
            Err(error) => tracing::trace!(%error, "connection is over: stream not opened"),
        }
    }

    /// Writes pieces until one ends the stream.
    pub(super) async fn run(
        self,
        mut send: SendStream,
        priority: i32,
        mut queue: mpsc::UnboundedReceiver<Piece>,
    ) {
        if send.set_priority(priority).is_err() {
            return;
        }
        let mut pieces = Vec::with_capacity(limits::PIECES_PER_WRITE);
        while queue.recv_many(&mut pieces, limits::PIECES_PER_WRITE).await > 0 {
            let fin = pieces.iter().any(|piece| piece.fin);
            let written = pieces.iter().map(|piece| weight(&piece.bytes)).sum();
            let mut bytes = coalesce(pieces.drain(..).map(|piece| piece.bytes));
            if let Err(error) = send.write_all_chunks(&mut bytes).await {
                return self.failed(error);
            }
            self.queued.fetch_sub(written, Ordering::Relaxed);
            if fin {
                // An error says that the connection is over, which is reported elsewhere.
                if send.finish().is_err() {
                    tracing::trace!("connection is over: stream not finished");
                }
                return;
            }
        }
        // Nobody can write to the stream any more and it was not ended: the connection ends.
    }

    fn failed(&self, error: WriteError) {
        match error {
            WriteError::ConnectionLost(_) => {}
            WriteError::Stopped(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected => {
                self.connection.close(VarInt::from_u32(code::STREAMS), b"stream stopped");
            }
        }
    }
}

/// Copies small pieces together: the transport keeps what it was given piece by piece until it is
/// acknowledged, and looks through all of it for each packet.
fn coalesce(pieces: impl Iterator<Item = Bytes>) -> Vec<Bytes> {
    let mut whole = Vec::new();
    let mut small = BytesMut::new();
    for piece in pieces {
        if piece.len() < limits::COALESCE_BELOW {
            small.extend_from_slice(&piece);
            if small.len() >= limits::COALESCED_BYTES {
                whole.push(small.split().freeze());
            }
        } else {
            if !small.is_empty() {
                whole.push(small.split().freeze());
            }
            whole.push(piece);
        }
    }
    if !small.is_empty() {
        whole.push(small.freeze());
    }
    whole.retain(|piece| !piece.is_empty());
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer to a question for a sign of life has 19 bytes, an allocation and a place in a queue.
    #[test]
    fn small_pieces_are_bounded_by_what_they_take() {
        let answer = Bytes::from_static(&[0; 19]);
        let most = limits::QUEUED_BYTES / weight(&answer);
        assert!(most * (answer.len() + 100) <= limits::QUEUED_BYTES);
        let chunk = Bytes::from(vec![0; 1 << 20]);
        assert!(weight(&chunk) < chunk.len() + 1024);
    }

    proptest! {
        #[test]
        fn coalescing_keeps_every_byte_in_order(
            lengths in prop::collection::vec(prop_oneof![0usize..600, 4_000usize..9_000], 0..200),
        ) {
            let pieces: Vec<Bytes> = lengths
                .iter()
                .enumerate()
                .map(|(at, length)| vec![u8::try_from(at).unwrap(); *length].into())
                .collect();
            let before = pieces.concat();
            let after = coalesce(pieces.into_iter());
            prop_assert!(after.iter().all(|piece| !piece.is_empty()));
            prop_assert_eq!(after.concat(), before);
        }
    }
}
