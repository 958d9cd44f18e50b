//! QUIC and TLS for comity's links.
//!
//! An [`Endpoint`] is one UDP socket. It lets in whom the [`PartnerSet`](comity_core::partners::PartnerSet)
//! proves to be a partner, and nobody else; it carries what [`comity_proto`] transmits, and nothing
//! else; and it runs the ceremony by which partners come to be ([`pairing`]). It knows of no store and
//! no policy.

mod config;
mod congestion;
mod endpoint;
mod event;
pub mod limits;
pub mod pairing;
pub mod tls;
mod transport;

pub use config::{EndpointConfig, EndpointSecrets, LinkOptions};
pub use congestion::Congestion;
pub use endpoint::{BindError, DialError, DialFault, Endpoint, Path};
pub use event::{CloseCause, NetEvent, REVOKED, RefusedWhy};
pub use tls::{Clock, LinkIdentity, Partners};
