//! What a partner did wrong, and why a connection ends.

use comity_core::cbor;
use comity_core::identity::PartDigest;

use crate::limits;

/// A way in which a partner broke the protocol. It is counted and told to the partner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A frame is longer than its stream allows.
    #[error("frame of {0} bytes is over the limit")]
    FrameTooLong(usize),
    /// Not the outline of a frame, `[type, map]`.
    #[error("not a frame: {0}")]
    NotAFrame(cbor::Fault),
    /// A frame is not deterministic CBOR of the shape that its type has.
    #[error("frame of type {kind} is malformed: {fault}")]
    Malformed {
        /// The frame's type.
        kind: u64,
        /// What was wrong with it.
        fault: cbor::Fault,
    },
    /// A frame type that this version does not have.
    #[error("frame type {0} is unknown")]
    UnknownFrame(u64),
    /// A frame type that is reserved and was not agreed on.
    #[error("frame type {0} is reserved")]
    ReservedFrame(u64),
    /// A frame on a stream where it does not belong.
    #[error("frame type {0} does not belong on this stream")]
    WrongStream(u64),
    /// A stream ended within a frame, or went on after its only one.
    #[error("stream does not hold one whole frame")]
    NotOneFrame,
    /// Anything but a HELLO before the connection was in use.
    #[error("frame type {0} before the connection was in use")]
    TooEarly(u64),
    /// A second HELLO on one connection, or a USE where none is due.
    #[error("frame type {0} a second time, or by the wrong side")]
    OutOfTurn(u64),
    /// The control stream ended while the link was up.
    #[error("control stream ended without a goodbye")]
    ControlEnded,
    /// A delivery outside the ledger's epoch, or with the number 0.
    #[error("delivery {0} is outside the ledger's epoch")]
    WrongEpoch(u64),
    /// The lengths, leaf hashes or bodies of a delivery's parts contradict its ledger entry.
    #[error("parts of delivery {0} contradict its ledger entry")]
    PartsContradict(u64),
    /// A chunk or a returned part that is not what the ledger entry says.
    #[error("part {part} of delivery {number} is not what its ledger entry says")]
    WrongPart {
        /// The delivery's number.
        number: u64,
        /// The part.
        part: PartDigest,
    },
    /// An answer about a number that was never used.
    #[error("answer about delivery {0}, which was never sent")]
    NeverSent(u64),
    /// A receipt that the engine does not believe.
    #[error("receipt is not believed: {0}")]
    BadReceipt(String),
    /// More questions for signs of life than anybody may ask.
    #[error("more questions for signs of life than the link allows")]
    TooManyPings,
    /// Chunks were asked for of a part that the delivery does not have.
    #[error("asks for chunks of part {part} of delivery {number}, which does not have them")]
    NotOffered {
        /// The delivery's number.
        number: u64,
        /// The part.
        part: PartDigest,
    },
    /// More unfinished streams or bytes than anybody may leave us with.
    #[error("more unfinished data than the link allows")]
    Overrun,
}

impl Fault {
    /// The number that the partner is told.
    #[must_use]
    pub const fn code(&self) -> u64 {
        match self {
            Self::FrameTooLong(_) => 0,
            Self::Malformed { .. } => 1,
            Self::UnknownFrame(_) => 2,
            Self::ReservedFrame(_) => 3,
            Self::WrongStream(_) => 4,
            Self::NotOneFrame => 5,
            Self::TooEarly(_) => 6,
            Self::OutOfTurn(_) => 7,
            Self::ControlEnded => 8,
            Self::WrongEpoch(_) => 9,
            Self::PartsContradict(_) => 10,
            Self::WrongPart { .. } => 11,
            Self::NeverSent(_) => 12,
            Self::Overrun => 13,
            Self::NotAFrame(_) => 14,
            Self::BadReceipt(_) => 15,
            Self::TooManyPings => 16,
            Self::NotOffered { .. } => 17,
        }
    }

    /// Whether the connection cannot go on after it.
    pub(crate) const fn is_fatal(&self) -> bool {
        match self {
            Self::TooEarly(_) | Self::OutOfTurn(_) | Self::ControlEnded | Self::Overrun => true,
            Self::FrameTooLong(_)
            | Self::NotAFrame(_)
            | Self::Malformed { .. }
            | Self::UnknownFrame(_)
            | Self::ReservedFrame(_)
            | Self::WrongStream(_)
            | Self::NotOneFrame
            | Self::WrongEpoch(_)
            | Self::PartsContradict(_)
            | Self::WrongPart { .. }
            | Self::NeverSent(_)
            | Self::BadReceipt(_)
            | Self::TooManyPings
            | Self::NotOffered { .. } => false,
        }
    }
}

/// Why a connection ends. The text goes to the partner with the close.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The transport lost it, or the partner closed it.
    #[error("connection lost")]
    Lost,
    /// Both sides have sent and received everything.
    #[error("drained: nothing is outstanding")]
    Drained,
    /// The drain took too long.
    #[error("drain did not end within {} s", limits::DRAIN_TIMEOUT.as_secs())]
    DrainTimeout,
    /// We are draining and open nothing new.
    #[error("shutting down")]
    ShuttingDown,
    /// Another connection is in use.
    #[error("another connection is in use")]
    Duplicate,
    /// A newer connection took its place.
    #[error("a newer connection took its place")]
    Superseded,
    /// The HELLO was overtaken by what happened on another connection: greet anew.
    #[error("greeting is out of date; connect again")]
    Stale,
    /// Too many connections at once.
    #[error("more than {} connections at once", limits::CONNECTIONS)]
    TooManyConnections,
    /// No greeting, or no agreement to use the connection, in time.
    #[error("no greeting within {} s", limits::GREETING_TIMEOUT.as_secs())]
    GreetingTimeout,
    /// No version in common.
    #[error("no common version: we speak comity/{}, the partner speaks {}", crate::hello::VERSION, speaks(.theirs))]
    Version {
        /// What the partner speaks.
        theirs: Vec<u64>,
    },
    /// The engine refused: the heads disagree, or the partner may not connect.
    #[error("refused: {0}")]
    Refused(String),
    /// A fault after which the connection cannot go on.
    #[error("protocol broken: {0}")]
    Broken(Fault),
    /// More faults than are borne.
    #[error("{0} protocol faults on one connection, the last: {1}")]
    TooManyFaults(u32, Fault),
}

impl CloseReason {
    /// The application error code of the close.
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Lost => 0,
            Self::Drained => 1,
            Self::DrainTimeout => 2,
            Self::ShuttingDown => 3,
            Self::Duplicate => 4,
            Self::Superseded => 5,
            Self::Stale => 6,
            Self::TooManyConnections => 7,
            Self::GreetingTimeout => 8,
            Self::Version { .. } => 9,
            Self::Refused(_) => 10,
            Self::Broken(_) => 11,
            Self::TooManyFaults(..) => 12,
        }
    }
}

fn speaks(versions: &[u64]) -> String {
    match versions {
        [] => "none".to_owned(),
        versions => {
            let names: Vec<String> =
                versions.iter().map(|version| format!("comity/{version}")).collect();
            names.join(", ")
        }
    }
}
