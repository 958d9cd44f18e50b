//! Dialing a partner at one address after another.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use comity_core::EconomyId;
use comity_proto::ConnId;
use tokio::time::timeout;

use super::{Shared, connection};
use crate::congestion::RateCap;
use crate::event::{CloseCause, RefusedWhy, printable};
use crate::limits;
use crate::tls::{self, ALPN_LINK, Expected, Gate, KeyExchange, TlsError};
use crate::transport;

/// A partner could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// There is nowhere to dial.
    #[error("no address is known for the partner")]
    NoAddress,
    /// No address answered as the partner.
    #[error("no address answered as the partner: {}", Attempts(.0))]
    Unreachable(Vec<(SocketAddr, DialFault)>),
    /// Our own key or certificate is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why one address did not answer as the partner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialFault {
    /// We refuse what answers there.
    #[error("refused: {0}")]
    Refused(RefusedWhy),
    /// The connection ended before it began.
    #[error(transparent)]
    Ended(CloseCause),
    /// Nobody answered in time.
    #[error("no answer within {} s", limits::HANDSHAKE_TIME.as_secs())]
    TooLong,
    /// The address cannot be dialed from this endpoint, or the endpoint is closing.
    #[error("{0}")]
    Address(String),
}

struct Attempts<'a>(&'a [(SocketAddr, DialFault)]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (address, fault)) in self.0.iter().enumerate() {
            write!(f, "{}{address}: {fault}", if at > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

pub(super) async fn dial(
    shared: &Arc<Shared>,
    partner: EconomyId,
    addresses: &[SocketAddr],
) -> Result<ConnId, DialError> {
    if addresses.is_empty() {
        return Err(DialError::NoAddress);
    }
    let mut attempts = Vec::new();
    for address in addresses {
        let gate = shared.gate(Expected::Partner(partner));
        let exchange = if shared.options(partner).allow_x25519 {
            KeyExchange::HybridOrX25519
        } else {
            KeyExchange::Hybrid
        };
        let cap = RateCap::default();
        let outcome = match connect(shared, &gate, *address, ALPN_LINK, exchange, &cap).await? {
            Ok(connection) => connection::open(shared, &gate, connection, cap, true)
                .await
                .map_err(DialFault::Refused),
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(conn) => return Ok(conn),
            Err(fault) => attempts.push((*address, fault)),
        }
    }
    Err(DialError::Unreachable(attempts))
}

/// One handshake as a client.
pub(crate) async fn connect(
    shared: &Shared,
    gate: &Arc<Gate>,
    address: SocketAddr,
    protocol: &[u8],
    exchange: KeyExchange,
    cap: &RateCap,
) -> Result<Result<quinn::Connection, DialFault>, TlsError> {
    let mut config = tls::client(shared.identity().key, gate.clone(), protocol, exchange)?;
    transport::client(&mut config, shared.factory(cap));
    let connecting = match shared.quinn.connect_with(config, address, transport::SERVER_NAME) {
        Ok(connecting) => connecting,
        Err(error) => return Ok(Err(DialFault::Address(printable(&error.to_string())))),
    };
    Ok(match timeout(limits::HANDSHAKE_TIME, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(gate.refusal().map_or_else(
            || DialFault::Ended(error.into()),
            |refusal| DialFault::Refused(refusal.into()),
        )),
        Err(_elapsed) => Err(DialFault::TooLong),
    })
}
