//! What an endpoint reports.

use std::net::SocketAddr;

use bytes::Bytes;
use comity_core::partners::AuthenticatedPartner;
use comity_proto::{ConnId, StreamId};

use crate::limits;
use crate::pairing::{PairingError, PairingEvent};
use crate::tls::{ALPN_LINK, Refusal};

/// Something happened on the network.
#[derive(Debug)]
pub enum NetEvent {
    /// A partner is connected. The first event of its connection.
    ///
    /// Where we dialed, the partner may still refuse us: it is up once it has greeted.
    Opened {
        /// Who, proven.
        partner: AuthenticatedPartner,
        /// The connection's name, never used again for another.
        conn: ConnId,
        /// Whether we dialed.
        dialed: bool,
        /// The partner's address.
        remote: SocketAddr,
    },
    /// Bytes arrived, in the order of their stream.
    Received {
        /// The connection.
        conn: ConnId,
        /// The stream.
        stream: StreamId,
        /// At most [`limits::RECEIVED_BYTES`]; empty where only the end came.
        bytes: Bytes,
        /// Whether the stream ends here.
        fin: bool,
    },
    /// A connection is over. The last event of its connection.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Why.
        cause: CloseCause,
    },
    /// Somebody was turned away. Reported as far as there is room: strangers are many.
    Refused {
        /// From where.
        remote: SocketAddr,
        /// Why.
        why: RefusedWhy,
    },
    /// A pairing ceremony went on.
    Pairing(PairingEvent),
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseCause {
    /// We closed it.
    #[error("closed by us: {text}")]
    Ours {
        /// The code that the partner was given.
        code: u32,
        /// The text that the partner was given.
        text: String,
    },
    /// The partner closed it.
    #[error("closed by the partner: {text} (code {code})")]
    Partner {
        /// The partner's code.
        code: u64,
        /// The partner's text, cut to [`limits::REASON_CHARACTERS`] printable characters.
        text: String,
    },
    /// The partner refused us in the handshake: it does not know our key, or no longer.
    #[error("refused by the partner: {0}")]
    Refused(String),
    /// The partner does not speak our protocol, or another version of it alone.
    #[error("no protocol in common: this node speaks {}", String::from_utf8_lossy(ALPN_LINK))]
    Protocol,
    /// The partner has no key exchange that we have.
    #[error("no key exchange in common: this node wants X25519MLKEM768")]
    KeyExchange,
    /// The partner, or the path to it, went silent.
    #[error("no answer for {} s", limits::IDLE.as_secs())]
    Silent,
    /// The partner restarted and has forgotten the connection.
    #[error("the partner has restarted")]
    Reset,
    /// Anything else that the transport reports.
    #[error("connection lost: {0}")]
    Lost(String),
}

/// Why somebody was turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedWhy {
    /// By us, for this reason.
    #[error(transparent)]
    Gate(#[from] Refusal),
    /// In the pairing ceremony, before it held a ticket of ours.
    #[error(transparent)]
    Pairing(PairingError),
    /// It holds as many connections as it may.
    #[error("the partner has {most} connections already", most = limits::CONNECTIONS_PER_PARTNER)]
    TooManyConnections,
    /// The handshake took too long.
    #[error("handshake took longer than {} s", limits::ANSWER_TIME.as_secs())]
    TooLong,
    /// The handshake failed otherwise.
    #[error("handshake failed: {0}")]
    Handshake(String),
}

/// Codes with which this crate closes connections by itself. Those of the link protocol are below
/// 0x100, those of the pairing ceremony follow it.
pub(crate) mod code {
    /// The partner may no longer be connected.
    pub(crate) const REVOKED: u32 = 0x200;
    /// One connection too many.
    pub(crate) const TOO_MANY: u32 = 0x201;
    /// The partner takes too long to read what it asked for.
    pub(crate) const TOO_SLOW: u32 = 0x202;
    /// Streams were opened, reset or stopped against the protocol.
    pub(crate) const STREAMS: u32 = 0x203;
}

/// The partner's pairing or link key has ended, says whoever closes with this code.
pub const REVOKED: u64 = code::REVOKED as u64;

/// A crypto alert (RFC 9001 section 4.8): the transport's code is 0x100 and the TLS alert.
const CRYPTO_ERRORS: std::ops::RangeInclusive<u64> = 0x100..=0x1ff;

/// TLS alerts (RFC 8446 section 6.2, RFC 7301 section 3.2) that say what two ends do not have in common.
/// There is one suite and one kind of signature, so that what fails to be agreed on is the key exchange.
fn in_common(code: u64) -> Option<CloseCause> {
    match code.checked_sub(*CRYPTO_ERRORS.start()) {
        Some(40) => Some(CloseCause::KeyExchange),
        Some(120) => Some(CloseCause::Protocol),
        _ => None,
    }
}

impl CloseCause {
    /// The code of the close, if either side gave one.
    #[must_use]
    pub fn code(&self) -> Option<u64> {
        match self {
            Self::Ours { code, .. } => Some(u64::from(*code)),
            Self::Partner { code, .. } => Some(*code),
            Self::Refused(_)
            | Self::Protocol
            | Self::KeyExchange
            | Self::Silent
            | Self::Reset
            | Self::Lost(_) => None,
        }
    }
}

impl From<quinn::ConnectionError> for CloseCause {
    fn from(error: quinn::ConnectionError) -> Self {
        use quinn::ConnectionError::{
            ApplicationClosed, CidsExhausted, ConnectionClosed, LocallyClosed, Reset, TimedOut,
            TransportError, VersionMismatch,
        };
        match error {
            ApplicationClosed(close) => Self::Partner {
                code: close.error_code.into_inner(),
                text: printable(&String::from_utf8_lossy(&close.reason)),
            },
            ConnectionClosed(close) if CRYPTO_ERRORS.contains(&u64::from(close.error_code)) => {
                in_common(close.error_code.into())
                    .unwrap_or_else(|| Self::Refused(printable(&close.error_code.to_string())))
            }
            // The partner answered without a protocol: it is for us to say that there is none.
            TransportError(error) => in_common(error.code.into())
                .unwrap_or_else(|| Self::Lost(printable(&error.to_string()))),
            LocallyClosed => Self::Ours { code: 0, text: "closed".to_owned() },
            TimedOut => Self::Silent,
            Reset => Self::Reset,
            error @ (ConnectionClosed(_) | VersionMismatch | CidsExhausted) => {
                Self::Lost(printable(&error.to_string()))
            }
        }
    }
}

/// What a peer says, fit for a log and a screen.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(limits::REASON_CHARACTERS)
        .collect()
}
