//! The certificate: an Ed25519 key, signed by itself, with the evidence that its economy granted it.
//!
//! Names, dates and issuers in it are never read: the key and the evidence are all there is to it.

use std::sync::Arc;

use comity_core::KeyId;
use comity_core::sign::SecretKey;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::TlsError;
use comity_core::limits;

/// The extension's object identifier, in the arc that needs no registration (ITU-T X.667): 2.25 and
/// a number drawn at random.
const EVIDENCE_OID: &[u64] = &[2, 25, 11_973_276_490_586_154_683];

/// RFC 8410 section 10.3: what precedes the seed in a PKCS #8 Ed25519 key.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// RFC 8410 section 4: what precedes the key in an Ed25519 subject public key info.
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What a node shows to its partners: its link key, and why they may believe it.
#[derive(Clone, Debug)]
pub struct LinkIdentity {
    /// The link key.
    pub key: SecretKey,
    /// The encoded [`LinkEvidence`](comity_core::partners::LinkEvidence): the root's grant of the
    /// key, and the rotations of the root since the genesis.
    pub evidence: Vec<u8>,
}

/// What a peer showed in its certificate. Nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The key; that the peer holds it is known once the handshake is over.
    pub key: KeyId,
    /// The evidence, of at most [`limits::LINK_EVIDENCE_BYTES`].
    pub evidence: Vec<u8>,
}

/// Makes the certificate of `identity` with its key, ready for a handshake.
pub fn certified_key(identity: &LinkIdentity) -> Result<Arc<CertifiedKey>, TlsError> {
    let mut pkcs8 = Zeroizing::new(PKCS8_PREFIX.to_vec());
    pkcs8.extend_from_slice(identity.key.seed());
    let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &rcgen::PKCS_ED25519)?;

    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    // Not critical: the check of the handshake's signature refuses critical extensions it does not
    // know, before anybody reads this one.
    params.custom_extensions =
        vec![CustomExtension::from_oid_content(EVIDENCE_OID, identity.evidence.clone())];
    let certificate = params.self_signed(&pair)?.der().clone();

    let key = rustls::crypto::aws_lc_rs::sign::any_eddsa_type(&pkcs8)?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate], key)))
}

/// The certificate and key of `identity` in the form in which other TLS stacks take them: for tools
/// and tests that speak to a node with their own configuration.
pub fn certificate(
    identity: &LinkIdentity,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), TlsError> {
    let certified = certified_key(identity)?;
    let certificate = certified.end_entity_cert()?.clone().into_owned();
    let mut pkcs8 = PKCS8_PREFIX.to_vec();
    pkcs8.extend_from_slice(identity.key.seed());
    Ok((certificate, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8))))
}

/// A certificate is not of the form that comity uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CertificateFault {
    /// Not a certificate.
    #[error("malformed certificate")]
    Malformed,
    /// More certificates than one: there is no chain to be followed.
    #[error("certificate chain where one certificate is expected")]
    Chain,
    /// Another kind of key.
    #[error("certificate key is not Ed25519")]
    NotEd25519,
    /// No evidence extension, or one that is larger than any evidence.
    #[error("certificate carries no grant")]
    NoEvidence,
}

impl PeerCertificate {
    /// Reads the one certificate that a peer showed.
    pub fn read(
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<Self, CertificateFault> {
        if !intermediates.is_empty() {
            return Err(CertificateFault::Chain);
        }
        // Two parsers, and both must agree that this is a certificate: the first is the one that
        // checks the handshake's signature, so that the key read here is the key proven there.
        let parsed = ParsedCertificate::try_from(certificate)
            .map_err(|_refused_by_webpki| CertificateFault::Malformed)?;
        let spki = parsed.subject_public_key_info();
        let key = spki
            .strip_prefix(&SPKI_PREFIX)
            .and_then(|key| <[u8; 32]>::try_from(key).ok())
            .ok_or(CertificateFault::NotEd25519)?;
        Ok(Self { key: KeyId(key), evidence: evidence(certificate)? })
    }
}

fn evidence(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, CertificateFault> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_malformed| CertificateFault::Malformed)?;
    let oid = Oid::from(EVIDENCE_OID).map_err(|_not_an_oid| CertificateFault::NoEvidence)?;
    let extension = parsed
        .get_extension_unique(&oid)
        .map_err(|_twice| CertificateFault::Malformed)?
        .ok_or(CertificateFault::NoEvidence)?;
    if extension.value.len() > limits::LINK_EVIDENCE_BYTES {
        return Err(CertificateFault::NoEvidence);
    }
    Ok(extension.value.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(evidence: Vec<u8>) -> LinkIdentity {
        LinkIdentity { key: SecretKey::from_seed(&[3; 32]), evidence }
    }

    #[test]
    fn a_certificate_carries_the_key_and_its_evidence() {
        let identity = identity(vec![1, 2, 3]);
        let (certificate, _) = certificate(&identity).unwrap();
        let read = PeerCertificate::read(&certificate, &[]).unwrap();
        assert_eq!(read, PeerCertificate { key: identity.key.id(), evidence: vec![1, 2, 3] });
    }

    #[test]
    fn what_is_no_such_certificate_is_refused_by_name() {
        let refused =
            |certificate: &CertificateDer<'_>| PeerCertificate::read(certificate, &[]).unwrap_err();
        let (whole, _) = certificate(&identity(vec![1])).unwrap();
        assert_eq!(
            PeerCertificate::read(&whole, std::slice::from_ref(&whole)),
            Err(CertificateFault::Chain)
        );
        assert_eq!(refused(&CertificateDer::from(vec![0x30, 0])), CertificateFault::Malformed);
        let cut = whole.get(..whole.len() - 1).unwrap().to_vec();
        assert_eq!(refused(&CertificateDer::from(cut)), CertificateFault::Malformed);
        let (large, _) = certificate(&identity(vec![0; limits::LINK_EVIDENCE_BYTES + 1])).unwrap();
        assert_eq!(refused(&large), CertificateFault::NoEvidence);

        let pair = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from([PKCS8_PREFIX.as_slice(), &[9; 32]].concat()),
            &rcgen::PKCS_ED25519,
        )
        .unwrap();
        let bare = CertificateParams::default().self_signed(&pair).unwrap();
        assert_eq!(refused(bare.der()), CertificateFault::NoEvidence);
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let other = CertificateParams::default().self_signed(&pair).unwrap();
        assert_eq!(refused(other.der()), CertificateFault::NotEd25519);
    }
}
