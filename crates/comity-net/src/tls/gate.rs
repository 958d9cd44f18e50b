//! The gate: one for each handshake, so that it can remember what this peer offered and why it was
//! turned away.
//!
//! A library's verifier sees no application protocol and no key exchange. The gate does: it is also
//! the resolver of the server's certificate, which the library asks with the client's hello.

use std::sync::{Arc, Mutex, PoisonError};

use comity_core::EconomyId;
use comity_core::partners::{AuthenticatedPartner, AuthenticationError};
use comity_core::sign::{KeyFault, PublicKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, NamedGroup, PeerIncompatible,
    SignatureScheme,
};

use super::{
    ALPN_LINK, ALPN_PAIRING, CertificateFault, Clock, KeyExchange, Partners, PeerCertificate,
    groups,
};

/// Who may pass.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// One partner: we dialed it.
    Partner(EconomyId),
    /// Whoever can prove in the ceremony that follows to be the issuer of the ticket: we dialed it.
    Inviter,
    /// Any partner, and anybody to pair with while `pairing`: we were dialed.
    Anybody {
        key: Arc<CertifiedKey>,
        /// Whether an invitation is open.
        pairing: bool,
        /// The key exchanges that the handshake may use with one partner or another.
        exchange: KeyExchange,
        /// The partners that may do without the post-quantum key exchange.
        classical: Arc<std::collections::BTreeSet<EconomyId>>,
    },
}

/// Why a peer was turned away in the handshake. The peer itself is told nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its certificate is of another form.
    #[error(transparent)]
    Certificate(#[from] CertificateFault),
    /// It is no partner, or cannot prove it.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// It is a partner, but not the one that was dialed.
    #[error("dialed economy {expected}, answered by economy {found}")]
    AnotherPartner {
        /// Who was dialed.
        expected: EconomyId,
        /// Who answered.
        found: EconomyId,
    },
    /// It does not offer X25519MLKEM768, and is not allowed to do without.
    #[error("no post-quantum key exchange: the partner's software offers no X25519MLKEM768")]
    ClassicalKeyExchange,
    /// It speaks neither `comity/1` nor, while an invitation is open, `comity-pair/1`.
    #[error("no protocol in common: the peer speaks neither this version nor pairing")]
    Protocol,
    /// A key that no economy may use.
    #[error("link key may not be used: {0}")]
    WeakKey(KeyFault),
}

/// What a client said at first.
#[derive(Clone, Copy, Debug)]
struct Greeting {
    pairing: bool,
    group: Option<NamedGroup>,
}

/// Decides in one handshake.
#[derive(Debug)]
pub(crate) struct Gate {
    expected: Expected,
    partners: Partners,
    clock: ClockDebug,
    algorithms: WebPkiSupportedAlgorithms,
    greeting: Mutex<Option<Greeting>>,
    refusal: Mutex<Option<Refusal>>,
}

struct ClockDebug(Clock);

impl std::fmt::Debug for ClockDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("clock")
    }
}

impl Gate {
    pub(crate) fn new(expected: Expected, partners: Partners, clock: Clock) -> Self {
        let algorithms =
            rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        Self {
            expected,
            partners,
            clock: ClockDebug(clock),
            algorithms,
            greeting: Mutex::new(None),
            refusal: Mutex::new(None),
        }
    }

    /// The application protocols that are served now.
    pub(crate) fn protocols(&self) -> Vec<Vec<u8>> {
        match &self.expected {
            Expected::Anybody { pairing: true, .. } => {
                vec![ALPN_LINK.to_vec(), ALPN_PAIRING.to_vec()]
            }
            Expected::Anybody { pairing: false, .. } | Expected::Partner(_) => {
                vec![ALPN_LINK.to_vec()]
            }
            Expected::Inviter => vec![ALPN_PAIRING.to_vec()],
        }
    }

    /// Why the peer was turned away, if this gate did it.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Proves `peer` to be a partner, at this moment.
    pub(crate) fn authenticate(
        &self,
        peer: &PeerCertificate,
    ) -> Result<AuthenticatedPartner, Refusal> {
        let partners = self.partners.read().unwrap_or_else(PoisonError::into_inner);
        Ok(partners.authenticate(peer.key, &peer.evidence, (self.clock.0)())?)
    }

    fn admit(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), Refusal> {
        let peer = PeerCertificate::read(certificate, intermediates)?;
        match &self.expected {
            Expected::Partner(expected) => {
                let found = self.authenticate(&peer)?.economy();
                if found != *expected {
                    return Err(Refusal::AnotherPartner { expected: *expected, found });
                }
                Ok(())
            }
            Expected::Inviter => sound(&peer),
            Expected::Anybody { classical, .. } => {
                let greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
                let Greeting { pairing, group } = greeting.ok_or(Refusal::Protocol)?;
                let hybrid = group == Some(NamedGroup::X25519MLKEM768);
                if pairing {
                    sound(&peer)?;
                    return if hybrid { Ok(()) } else { Err(Refusal::ClassicalKeyExchange) };
                }
                let partner = self.authenticate(&peer)?.economy();
                if hybrid || classical.contains(&partner) {
                    Ok(())
                } else {
                    Err(Refusal::ClassicalKeyExchange)
                }
            }
        }
    }

    /// The reason stays here; the wire says only that the certificate is not accepted.
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), rustls::Error> {
        self.admit(certificate, intermediates).map_err(|refusal| {
            self.note(refusal);
            CertificateError::ApplicationVerificationFailure.into()
        })
    }

    fn note(&self, refusal: Refusal) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }

    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn greet(&self, hello: &ClientHello<'_>) -> Result<Arc<CertifiedKey>, Refusal> {
        let Expected::Anybody { key, pairing: invited, exchange, .. } = &self.expected else {
            return Err(Refusal::Protocol);
        };
        // Exactly one protocol: what the library would choose among several is not for us to guess.
        let mut offered = hello.alpn().into_iter().flatten();
        let pairing = match (offered.next(), offered.next()) {
            (Some(ALPN_LINK), None) => false,
            (Some(ALPN_PAIRING), None) if *invited => true,
            _ => return Err(Refusal::Protocol),
        };
        // The library takes the first group of the client that is configured; without one in common
        // it has refused already.
        let ours = groups(*exchange);
        let group = hello.named_groups().unwrap_or_default();
        let group = group.iter().find(|group| ours.iter().any(|own| own.name() == **group));
        let greeting = Greeting { pairing, group: group.copied() };
        *self.greeting.lock().unwrap_or_else(PoisonError::into_inner) = Some(greeting);
        if group.is_none() {
            return Err(Refusal::ClassicalKeyExchange);
        }
        Ok(key.clone())
    }
}

/// A stranger's key must at least be one that could be granted.
fn sound(peer: &PeerCertificate) -> Result<(), Refusal> {
    PublicKey::from_id(peer.key).map(drop).map_err(Refusal::WeakKey)
}

impl ResolvesServerCert for Gate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match self.greet(&hello) {
            Ok(key) => Some(key),
            Err(refusal) => {
                self.note(refusal);
                None
            }
        }
    }
}

impl ClientCertVerifier for Gate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ServerCertVerifier for Gate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
