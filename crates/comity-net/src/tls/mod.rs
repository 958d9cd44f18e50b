//! TLS 1.3 between partners: who may shake hands, with which key exchange, and nothing kept after.

mod certificate;
mod gate;

use std::sync::{Arc, RwLock};

use comity_core::partners::PartnerSet;
use comity_core::{EconomyId, Timestamp};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

pub use certificate::{
    CertificateFault, LinkIdentity, PeerCertificate, certificate, certified_key,
};
pub use gate::Refusal;
pub(crate) use gate::{Expected, Gate};

/// The application protocol of a link.
pub const ALPN_LINK: &[u8] = b"comity/1";
/// The application protocol of the pairing ceremony.
pub const ALPN_PAIRING: &[u8] = b"comity-pair/1";

/// The partners that are believed, as they are now: whoever holds the lock may change them, and the
/// next handshake sees it.
pub type Partners = Arc<RwLock<PartnerSet>>;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The key exchanges that a handshake may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyExchange {
    /// X25519MLKEM768 alone: what is recorded today stays secret from a quantum computer.
    #[default]
    Hybrid,
    /// X25519MLKEM768, else X25519: for a named partner whose software has no other.
    HybridOrX25519,
}

/// TLS could not be configured: our own key or certificate is unusable.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be made.
    #[error("cannot make the link certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused the key, the certificate or the configuration.
    #[error("cannot configure TLS: {0}")]
    Configuration(#[from] rustls::Error),
    /// The TLS library has no cipher suite for QUIC.
    #[error("cannot configure TLS for QUIC: {0}")]
    Quic(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// The configuration with which a node with `identity` dials `partner`.
///
/// Public for tools and tests that speak the link protocol by themselves; a node uses
/// [`Endpoint`](crate::Endpoint).
pub fn client_config(
    identity: &LinkIdentity,
    partners: Partners,
    partner: EconomyId,
    exchange: KeyExchange,
    clock: Clock,
) -> Result<quinn::ClientConfig, TlsError> {
    let gate = Arc::new(Gate::new(Expected::Partner(partner), partners, clock));
    client(certified_key(identity)?, gate, ALPN_LINK, exchange)
}

pub(crate) fn client(
    key: Arc<CertifiedKey>,
    gate: Arc<Gate>,
    protocol: &[u8],
    exchange: KeyExchange,
) -> Result<quinn::ClientConfig, TlsError> {
    let mut tls = rustls::ClientConfig::builder_with_provider(provider(exchange))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(gate)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    tls.alpn_protocols = vec![protocol.to_vec()];
    tls.resumption = Resumption::disabled();
    tls.enable_sni = false;
    tls.enable_early_data = false;
    Ok(quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?)))
}

/// The configuration for one incoming connection: the gate is its own, and remembers what it saw.
pub(crate) fn server(gate: Arc<Gate>, exchange: KeyExchange) -> Result<QuicServerConfig, TlsError> {
    let protocols = gate.protocols();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider(exchange))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(gate.clone())
        .with_cert_resolver(gate);
    tls.alpn_protocols = protocols;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    Ok(QuicServerConfig::try_from(tls)?)
}

/// In the order of preference.
fn groups(exchange: KeyExchange) -> Vec<&'static dyn SupportedKxGroup> {
    match exchange {
        KeyExchange::Hybrid => vec![kx_group::X25519MLKEM768],
        KeyExchange::HybridOrX25519 => vec![kx_group::X25519MLKEM768, kx_group::X25519],
    }
}

fn provider(exchange: KeyExchange) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: groups(exchange), ..default_provider() })
}
