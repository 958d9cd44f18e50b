//! Nodes of a test: real endpoints, and peers that speak for themselves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use comity_core::partners::PartnerSet;
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_core::{EconomyId, Timestamp};
use comity_net::tls::{self, KeyExchange};
use comity_net::{
    Clock, CloseCause, Endpoint, EndpointConfig, EndpointSecrets, LinkIdentity, NetEvent, Partners,
    RefusedWhy,
};
use comity_proto::ConnId;
use tokio::sync::mpsc;

/// When the tests happen, as far as grants go.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A test that has not ended by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for what must happen.
pub(crate) async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(result) => result,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// A clock that stands until it is moved.
#[derive(Clone)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW.as_millis())))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = self.0.clone();
        Arc::new(move || Timestamp::from_millis(hands.load(Ordering::SeqCst)))
    }
}

/// One node.
pub(crate) struct Node {
    pub(crate) economy: TestEconomy,
    pub(crate) partners: Partners,
    pub(crate) hands: Hands,
    pub(crate) endpoint: Endpoint,
    pub(crate) events: mpsc::Receiver<NetEvent>,
}

impl Node {
    pub(crate) fn start(seed: u8) -> Self {
        Self::start_with(seed, |_| {})
    }

    pub(crate) fn start_with(seed: u8, set: impl FnOnce(&mut EndpointConfig)) -> Self {
        let economy = TestEconomy::found(seed).unwrap();
        let hands = Hands::new();
        let secrets = EndpointSecrets::generate(&mut SeededEntropy::new(seed.into()));
        let mut config = EndpointConfig::new("127.0.0.1:0".parse().unwrap(), secrets);
        config.clock = hands.clock();
        set(&mut config);
        let partners = Partners::default();
        // So little room that every test is one of back-pressure too.
        let (sender, events) = mpsc::channel(4);
        let endpoint =
            Endpoint::bind(config, identity(&economy), partners.clone(), sender).unwrap();
        Self { economy, partners, hands, endpoint, events }
    }

    pub(crate) fn id(&self) -> EconomyId {
        self.economy.id()
    }

    pub(crate) fn knows(&self, economy: &TestEconomy) {
        self.partners.write().unwrap().insert(economy.keyring.clone());
    }

    pub(crate) fn forgets(&self, economy: EconomyId) {
        self.partners.write().unwrap().remove(economy);
    }

    pub(crate) async fn dial(&self, other: &Self) -> ConnId {
        let address = other.endpoint.local_addr().unwrap();
        patiently("the dial", self.endpoint.dial(other.id(), &[address])).await.unwrap()
    }

    pub(crate) async fn next(&mut self) -> NetEvent {
        patiently("an event", self.events.recv()).await.unwrap()
    }

    pub(crate) async fn opened(&mut self) -> (EconomyId, ConnId, bool) {
        match self.next().await {
            NetEvent::Opened { partner, conn, dialed, .. } => (partner.economy(), conn, dialed),
            other => panic!("opened was expected, not {other:?}"),
        }
    }

    pub(crate) async fn refused(&mut self) -> RefusedWhy {
        match self.next().await {
            NetEvent::Refused { why, .. } => why,
            other => panic!("refused was expected, not {other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> (ConnId, CloseCause) {
        match self.next().await {
            NetEvent::Closed { conn, cause } => (conn, cause),
            other => panic!("closed was expected, not {other:?}"),
        }
    }
}

/// Two nodes that are paired.
pub(crate) fn pair() -> (Node, Node) {
    let (one, other) = (Node::start(1), Node::start(2));
    one.knows(&other.economy);
    other.knows(&one.economy);
    (one, other)
}

pub(crate) fn identity(economy: &TestEconomy) -> LinkIdentity {
    LinkIdentity { key: economy.link.clone(), evidence: economy.evidence() }
}

/// A peer with its own QUIC, that does as the test says.
pub(crate) struct Raw {
    pub(crate) quinn: quinn::Endpoint,
    pub(crate) economy: TestEconomy,
}

impl Raw {
    pub(crate) fn new(economy: TestEconomy) -> Self {
        let quinn = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { quinn, economy }
    }

    /// As a node would dial.
    pub(crate) fn config(&self, node: &Node) -> quinn::ClientConfig {
        let mut partners = PartnerSet::new();
        partners.insert(node.economy.keyring.clone());
        tls::client_config(
            &identity(&self.economy),
            Arc::new(RwLock::new(partners)),
            node.id(),
            KeyExchange::Hybrid,
            node.hands.clock(),
        )
        .unwrap()
    }

    pub(crate) async fn connect(
        &self,
        node: &Node,
        config: quinn::ClientConfig,
    ) -> Result<quinn::Connection, quinn::ConnectionError> {
        let address = node.endpoint.local_addr().unwrap();
        let connecting = self.quinn.connect_with(config, address, "test.invalid").unwrap();
        patiently("the handshake", connecting).await
    }

    /// A connection that the node has accepted.
    pub(crate) async fn accepted(&self, node: &mut Node) -> (quinn::Connection, ConnId) {
        let connection = self.connect(node, self.config(node)).await.unwrap();
        let (economy, conn, dialed) = node.opened().await;
        assert_eq!((economy, dialed), (self.economy.id(), false));
        (connection, conn)
    }
}

pub(crate) type Groups = Vec<&'static dyn rustls::crypto::SupportedKxGroup>;

fn provider(kx_groups: Groups) -> Arc<rustls::crypto::CryptoProvider> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Arc::new(rustls::crypto::CryptoProvider { kx_groups, ..provider })
}

/// A TLS client of our choice, with the certificate of `identity` and without any check of its own.
pub(crate) fn tls_client(
    identity: &LinkIdentity,
    groups: Groups,
    protocols: &[&[u8]],
) -> rustls::ClientConfig {
    let (certificate, key) = tls::certificate(identity).unwrap();
    let mut config = rustls::ClientConfig::builder_with_provider(provider(groups))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_client_auth_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

pub(crate) fn quic(config: rustls::ClientConfig) -> quinn::ClientConfig {
    let config = quinn::crypto::rustls::QuicClientConfig::try_from(config).unwrap();
    quinn::ClientConfig::new(Arc::new(config))
}

/// A server of our choice, with the certificate of `economy`, that asks for no certificate.
pub(crate) fn server(economy: &TestEconomy, groups: Groups) -> quinn::Endpoint {
    speaking(economy, groups, &[tls::ALPN_LINK])
}

/// The same, with the application protocols of our choice.
pub(crate) fn speaking(
    economy: &TestEconomy,
    groups: Groups,
    protocols: &[&[u8]],
) -> quinn::Endpoint {
    let (certificate, key) = tls::certificate(&identity(economy)).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(provider(groups))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let config = quinn::crypto::rustls::QuicServerConfig::try_from(config).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(config));
    quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// Believes anything.
#[derive(Debug)]
struct Gullible;

mod gullible {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    impl ServerCertVerifier for super::Gullible {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }
    }
}
