//! Pairing: how two economies that have never met come to know each other's genesis.
//!
//! [`PairingSession`] is one end of the ceremony as a state machine; an
//! [`Endpoint`](crate::Endpoint) runs it over QUIC. What the ceremony proves, and to whom, stands in
//! the book, "Pairing".

mod base32;
mod desk;
mod error;
mod message;
mod session;
pub(crate) mod shell;
#[cfg(test)]
mod tests;
mod ticket;
mod transcript;

pub(crate) use desk::Desk;
pub use desk::{InviteError, PairingEvent, PairingFailure, PairingId};
pub use error::{ConfirmError, PairingError};
pub use message::Introduction;
pub use session::{Comparison, Credentials, Paired, PairingOutput, PairingSession, claimed};
pub use ticket::{Ticket, TicketError, TicketId};
pub use transcript::{Channel, Role, SixDigits};
