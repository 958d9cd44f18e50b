//! What goes to the transport, and the names of what it runs over.

use std::fmt;

use bytes::Bytes;

/// A connection, named by the transport; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A stream on which a partner sends, named by the transport; unique within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

impl StreamId {
    /// The control stream: the one bidirectional stream, which the dialer opens.
    pub const CONTROL: Self = Self(0);
}

/// A stream on which we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutStream {
    /// Our half of the control stream.
    Control,
    /// A unidirectional stream of ours: opened by its first bytes, ended by `fin`.
    Uni {
        /// Unique within the connection, ascending from 0.
        id: u64,
        /// Streams of a higher priority go first; never above the control stream's.
        priority: i32,
    },
}

impl OutStream {
    /// The priority of the control stream.
    pub const CONTROL_PRIORITY: i32 = 10;

    /// The priority of the streams that bear one chunk each, which go after everything else. The
    /// transport sends them one after the other: what arrived whole before a break need not come again.
    pub const CHUNK_PRIORITY: i32 = 0;

    /// The stream's priority: a higher one goes first.
    #[must_use]
    pub const fn priority(self) -> i32 {
        match self {
            Self::Control => Self::CONTROL_PRIORITY,
            Self::Uni { priority, .. } => priority,
        }
    }
}

/// Bytes for the wire. Only a [`crate::Link`] makes one, and the transport sends nothing else.
///
/// The order of the `Transmit`s of one stream is the order of its bytes.
#[derive(PartialEq, Eq)]
pub struct Transmit {
    conn: ConnId,
    stream: OutStream,
    bytes: Bytes,
    fin: bool,
}

impl Transmit {
    pub(crate) fn new(conn: ConnId, stream: OutStream, bytes: Bytes, fin: bool) -> Self {
        Self { conn, stream, bytes, fin }
    }

    /// The connection that it goes over.
    #[must_use]
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// The stream that it goes on.
    #[must_use]
    pub fn stream(&self) -> OutStream {
        self.stream
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes, for a transport that keeps them without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Whether the stream ends after these bytes.
    #[must_use]
    pub fn fin(&self) -> bool {
        self.fin
    }
}

/// Without the bytes: they are not for logs.
impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit")
            .field("conn", &self.conn)
            .field("stream", &self.stream)
            .field("length", &self.bytes.len())
            .field("fin", &self.fin)
            .finish()
    }
}
