//! The link protocol `comity/1` as a state machine.
//!
//! [`Link`] is one partner's link. It takes [`Input`]s and returns [`Output`]s; no socket, clock or
//! store is known here, so that hundreds of links run in one deterministic simulation.
//!
//! Nothing that bears a record goes in but a [`comity_core::Delivery`], which only the decision makes;
//! nothing comes out for the wire but a [`Transmit`], which only the link makes:
//!
//! ```compile_fail,E0451
//! // The fields of a `Transmit` are private: nobody else has anything to send.
//! let transmit = comity_proto::Transmit {
//!     conn: comity_proto::ConnId(1),
//!     stream: comity_proto::OutStream::Control,
//!     bytes: bytes::Bytes::from_static(b"leak"),
//!     fin: true,
//! };
//! ```
//!
//! ```compile_fail,E0624
//! // And no function outside this crate makes one.
//! let transmit = comity_proto::Transmit::new(
//!     comity_proto::ConnId(1),
//!     comity_proto::OutStream::Control,
//!     bytes::Bytes::from_static(b"leak"),
//!     true,
//! );
//! ```
//!
//! Whether ledger heads agree is the engine's question: it answers [`Output::Greeted`] with
//! [`Input::Admit`] or [`Input::Refuse`]. What is said on the wire stands in `docs/src/spec/link.md`.

mod arrival;
mod batch;
mod event;
mod fault;
mod frame;
mod hello;
pub mod limits;
mod link;
mod load;
mod stream;
mod transmit;

#[cfg(test)]
mod tests;

pub use arrival::{Fragment, Incoming, Kept, PartBody, Piece};
pub use event::{Input, Output, Unsent};
pub use fault::{CloseReason, Fault};
pub use hello::{Heads, Hello, Inbound, KeyringHead, Outbound, VERSION};
pub use link::Link;
pub use load::{Config, Lane, Load};
pub use transmit::{ConnId, OutStream, StreamId, Transmit};
