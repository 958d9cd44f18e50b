//! The one signing primitive: Ed25519 over a COSE `Sig_structure` with a domain as external AAD.

use std::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::cbor::Writer;
use crate::entropy::{Entropy, draw};
use crate::identity::KeyId;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A signature as it travels.
pub type Signature = [u8; SIGNATURE_BYTES];

/// A public key is not one that may be enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyFault {
    /// Not a point of the curve, or not its only encoding.
    #[error("key is not a canonical curve point")]
    NotCanonical,
    /// Of small order: any message verifies under it.
    #[error("key has small order")]
    SmallOrder,
    /// With a torsion component: verifiers disagree about it.
    #[error("key has mixed order")]
    MixedOrder,
}

impl KeyFault {
    /// A stable name, as the conformance vectors use it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotCanonical => "key-not-canonical",
            Self::SmallOrder => "key-small-order",
            Self::MixedOrder => "key-mixed-order",
        }
    }
}

/// The signature does not verify under the key, in this domain, over these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("signature does not verify")]
pub struct BadSignature;

/// An Ed25519 public key that is canonical and free of torsion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Checks the key; every key that is believed comes through here.
    pub fn from_id(id: KeyId) -> Result<Self, KeyFault> {
        let compressed = CompressedEdwardsY(id.0);
        let point = compressed.decompress().ok_or(KeyFault::NotCanonical)?;
        if point.compress() != compressed {
            return Err(KeyFault::NotCanonical);
        }
        if point.is_small_order() {
            return Err(KeyFault::SmallOrder);
        }
        if !point.is_torsion_free() {
            return Err(KeyFault::MixedOrder);
        }
        VerifyingKey::from_bytes(&id.0).map(Self).map_err(|_not_a_point| KeyFault::NotCanonical)
    }

    /// The key's name: its bytes.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(self.0.to_bytes())
    }

    /// Verifies strictly (RFC 8032 section 5.1.7, canonical `S` and `R` of full order).
    pub fn verify(
        &self,
        domain: &str,
        payload: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0
            .verify_strict(&sig_structure(self.id(), domain, payload), &signature)
            .map_err(|_opaque| BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}

/// An Ed25519 secret key. Erased from memory when dropped; never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key with this seed (RFC 8032 section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// A new key.
    #[must_use]
    pub fn generate(entropy: &mut (impl Entropy + ?Sized)) -> Self {
        Self::from_seed(&draw(entropy))
    }

    /// The seed: for the key file, which encrypts it.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The public half's name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public().id()
    }

    /// Signs `payload` in `domain`.
    #[must_use]
    pub fn sign(&self, domain: &str, payload: &[u8]) -> Signature {
        self.0.sign(&sig_structure(self.id(), domain, payload)).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.id().short())
    }
}

/// The protected header (RFC 9052 section 3.1): `{1: -8 (EdDSA), 4: key id}`.
#[must_use]
pub fn protected_header(key: KeyId) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.map(2).key(1).int(-8).key(4).bytes(key.as_bytes());
    writer.into_bytes()
}

/// RFC 9052 section 4.4: `["Signature1", protected, external_aad = domain, payload]`.
#[must_use]
pub fn sig_structure(key: KeyId, domain: &str, payload: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .array(4)
        .text("Signature1")
        .bytes(&protected_header(key))
        .bytes(domain.as_bytes())
        .bytes(payload);
    writer.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_in_its_own_domain_only() {
        let key = SecretKey::from_seed(&[7; 32]);
        let signature = key.sign("comity/a/1", b"x");
        assert_eq!(key.public().verify("comity/a/1", b"x", &signature), Ok(()));
        assert_eq!(key.public().verify("comity/b/1", b"x", &signature), Err(BadSignature));
        assert_eq!(key.public().verify("comity/a/1", b"y", &signature), Err(BadSignature));
    }

    #[test]
    fn small_and_mixed_order_keys_are_refused() {
        use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
        for torsion in EIGHT_TORSION {
            let key = KeyId(torsion.compress().to_bytes());
            assert_eq!(PublicKey::from_id(key), Err(KeyFault::SmallOrder));
        }
        let mixed = ED25519_BASEPOINT_POINT + EIGHT_TORSION[1];
        let key = KeyId(mixed.compress().to_bytes());
        assert_eq!(PublicKey::from_id(key), Err(KeyFault::MixedOrder));
        // y = p + 1 is the identity's second encoding.
        let mut second = [0xff; 32];
        second[0] = 0xee;
        second[31] = 0x7f;
        assert_eq!(PublicKey::from_id(KeyId(second)), Err(KeyFault::NotCanonical));
    }
}
