//! Answering: from a datagram of a stranger to an open connection of a partner.

use std::sync::Arc;

use quinn::crypto::rustls::HandshakeData;
use quinn::{ConnectionError, Incoming};
use rustls::pki_types::CertificateDer;
use tokio::time::timeout;

use super::admission::{Admission, Bounds, Network, Place};
use super::{Shared, connection};
use crate::congestion::RateCap;
use crate::event::{RefusedWhy, printable};
use crate::limits;
use crate::pairing::shell;
use crate::tls::{
    ALPN_LINK, ALPN_PAIRING, CertificateFault, Expected, Gate, KeyExchange, PeerCertificate,
    Refusal, TlsError,
};
use crate::transport;

/// Until the endpoint is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let handshakes = Admission::new(Bounds {
        all: limits::HANDSHAKES,
        network: limits::HANDSHAKES_OF_A_NETWORK,
    });
    while let Some(incoming) = shared.quinn.accept().await {
        if !incoming.remote_address_validated() {
            // A stranger with a forged address gets a few bytes, and costs no key exchange.
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
            continue;
        }
        let address = incoming.remote_address().ip();
        match handshakes.enter(Network::of(address), shared.places_kept(address)) {
            Some(place) => shared.spawn(answer(shared.clone(), incoming, place)),
            None => incoming.refuse(),
        }
    }
}

async fn answer(shared: Arc<Shared>, incoming: Incoming, place: Place) {
    let remote = canonical(incoming.remote_address());
    let cap = RateCap::default();
    let (gate, config) = match configuration(&shared, &cap) {
        Ok(configuration) => configuration,
        Err(error) => {
            tracing::error!(%error, "cannot answer");
            return incoming.refuse();
        }
    };
    let connection = match handshake(incoming, config).await {
        Ok(connection) => connection,
        Err(why) => {
            let why = gate.refusal().map_or(why, RefusedWhy::Gate);
            return shared.report_refused(remote, why);
        }
    };
    drop(place);
    match protocol(&connection).as_deref() {
        Some(ALPN_LINK) => {
            if let Err(why) = connection::open(&shared, &gate, connection, cap, false).await {
                shared.report_refused(remote, why);
            }
        }
        Some(ALPN_PAIRING) => shell::answer(shared, connection, remote).await,
        Some(_) | None => shared.report_refused(remote, Refusal::Protocol.into()),
    }
}

fn configuration(
    shared: &Shared,
    cap: &RateCap,
) -> Result<(Arc<Gate>, Arc<quinn::ServerConfig>), TlsError> {
    let classical = shared.classical();
    let exchange =
        if classical.is_empty() { KeyExchange::Hybrid } else { KeyExchange::HybridOrX25519 };
    let gate = shared.gate(Expected::Anybody {
        key: shared.identity().key,
        pairing: shared.desk.is_open(shared.now()),
        exchange,
        classical: Arc::new(classical),
    });
    let config = transport::server(gate.clone(), exchange, shared.factory(cap))?;
    Ok((gate, Arc::new(config)))
}

async fn handshake(
    incoming: Incoming,
    config: Arc<quinn::ServerConfig>,
) -> Result<quinn::Connection, RefusedWhy> {
    let failed = |error: ConnectionError| RefusedWhy::Handshake(printable(&error.to_string()));
    let connecting = incoming.accept_with(config).map_err(failed)?;
    match timeout(limits::ANSWER_TIME, connecting).await {
        Ok(connected) => connected.map_err(failed),
        Err(_elapsed) => Err(RefusedWhy::TooLong),
    }
}

/// The application protocol that the handshake agreed on.
fn protocol(connection: &quinn::Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

/// What the peer of a completed handshake showed.
pub(crate) fn peer(connection: &quinn::Connection) -> Result<PeerCertificate, CertificateFault> {
    let certificates = connection
        .peer_identity()
        .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
        .ok_or(CertificateFault::Malformed)?;
    let (first, rest) = certificates.split_first().ok_or(CertificateFault::Malformed)?;
    PeerCertificate::read(first, rest)
}

/// A socket for both families shows IPv4 addresses as IPv6; people expect them as they are.
pub(super) fn canonical(address: std::net::SocketAddr) -> std::net::SocketAddr {
    std::net::SocketAddr::new(address.ip().to_canonical(), address.port())
}
