//! The dated head: an economy's daily word about which of its keyrings is the newest.
//!
//! A keyring has no date, so a relay that holds a newer one back shows nobody that anything is missing. A head
//! has one. It says "at this time my newest keyring was this one", and only what has been said lately counts
//! ([`limits::HEAD_MAX_AGE`]). It restricts and never permits: whoever never heard one of an economy goes on
//! without, and whoever did never does again.

use std::fmt;

use super::countersigned::tuple;
use super::grant::timestamp;
use super::{Role, VerifiedKeyring};
use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::digest::{Digest, domains};
use crate::identity::{EconomyId, KeyId};
use crate::limits;
use crate::sign::{PublicKey, SecretKey, Signature};
use crate::time::Timestamp;

/// Which keyring of an economy is meant, later ones being greater: one that a later root set signed comes after
/// all that an earlier one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// How many root sets followed the genesis.
    pub rotations: u64,
    /// The version.
    pub version: u64,
}

impl Place {
    /// The place of this keyring.
    #[must_use]
    pub fn of(keyring: &VerifiedKeyring) -> Self {
        let rotations = keyring.chain().rotations().len() as u64;
        Self { rotations, version: keyring.version() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rotations {
            0 => write!(f, "{}", self.version),
            rotations => write!(f, "{} of root set {rotations}", self.version),
        }
    }
}

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatedHead {
    /// Whose keyring.
    pub economy: EconomyId,
    /// Which one is the newest.
    pub place: Place,
    /// Its digest.
    pub digest: Digest,
    /// When that was so, by the signer's clock.
    pub at: Timestamp,
}

impl DatedHead {
    /// Says that this keyring is the newest at `at`.
    #[must_use]
    pub fn of(keyring: &VerifiedKeyring, at: Timestamp) -> Self {
        let (economy, digest) = (keyring.economy(), keyring.digest());
        Self { economy, place: Place::of(keyring), digest, at }
    }

    /// The payload that is signed: deterministic CBOR `[economy, rotations, version, digest, at]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(5).bytes(self.economy.as_bytes());
        writer.uint(self.place.rotations).uint(self.place.version);
        writer.bytes(self.digest.as_bytes()).uint(self.at.as_millis());
        writer.into_bytes()
    }

    fn decode(payload: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(payload);
        tuple(&mut reader, 5)?;
        let economy = EconomyId(reader.array_of()?);
        let place = Place { rotations: reader.uint()?, version: reader.uint()? };
        let head = Self {
            economy,
            place,
            digest: Digest(reader.array_of()?),
            at: timestamp(&mut reader)?,
        };
        let range = reader.fault(Problem::OutOfRange);
        reader.leave();
        reader.finish()?;
        let possible = place.version > 0 && place.rotations <= limits::ROTATIONS as u64;
        if possible { Ok(head) } else { Err(range) }
    }

    /// Signs with a key of the economy's.
    #[must_use]
    pub fn sign(self, key: &SecretKey) -> SignedHead {
        let signature = key.sign(domains::SIGN_HEAD, &self.encode());
        SignedHead { head: self, key: key.id(), signature }
    }
}

/// A head as it travels: what it says is believed only after [`SignedHead::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    head: DatedHead,
    key: KeyId,
    signature: Signature,
}

/// Why a head is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Not the deterministic CBOR of the format.
    #[error("head is malformed: {0}")]
    Malformed(#[from] Fault),
    /// Of another economy than the keyring by which it is judged.
    #[error("head is of another economy")]
    OtherEconomy,
    /// Dated further ahead than [`limits::CLOCK_TOLERANCE`].
    #[error("head is dated ahead of time")]
    Ahead,
    /// Its key is not granted for heads, or was not at that time.
    #[error("head's key is not granted for heads")]
    NotGranted,
    /// The signature does not verify.
    #[error("signature of the head does not verify")]
    BadSignature,
}

impl HeadError {
    /// A stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(fault) => fault.problem.code(),
            Self::OtherEconomy => "other-economy",
            Self::Ahead => "ahead",
            Self::NotGranted => "not-granted",
            Self::BadSignature => "bad-signature",
        }
    }
}

impl SignedHead {
    /// Deterministic CBOR `[payload, key, signature]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(3).bytes(&self.head.encode()).bytes(self.key.as_bytes());
        writer.bytes(&self.signature);
        writer.into_bytes()
    }

    /// Reads what [`SignedHead::encode`] writes, without believing it. The reader is strict, so that the payload
    /// has one encoding and need not be kept beside what it says.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        tuple(&mut reader, 3)?;
        let head = DatedHead::decode(reader.bytes(limits::HEAD_BYTES)?)?;
        let signed = Self { head, key: KeyId(reader.array_of()?), signature: reader.array_of()? };
        reader.leave();
        reader.finish()?;
        Ok(signed)
    }

    /// What it says.
    #[must_use]
    pub fn head(&self) -> &DatedHead {
        &self.head
    }

    /// The key that signed it, as it says itself.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// Checks that the economy of `keyring` signed it, by a key that this keyring grants for heads at its date
    /// and now.
    pub fn verify(&self, keyring: &VerifiedKeyring, now: Timestamp) -> Result<(), HeadError> {
        if self.head.economy != keyring.economy() {
            return Err(HeadError::OtherEconomy);
        }
        if self.head.at > now.saturating_add(limits::CLOCK_TOLERANCE) {
            return Err(HeadError::Ahead);
        }
        // One that was revoked says nothing any more, whatever date it writes.
        if !signs_heads(keyring, self.key, self.head.at) || !signs_heads(keyring, self.key, now) {
            return Err(HeadError::NotGranted);
        }
        self.check_signature()
    }

    /// Reads a head, and checks that the key which it names signed it. Whose key that is, and whether it may, only
    /// a keyring says.
    pub fn check(bytes: &[u8]) -> Result<Self, HeadError> {
        let signed = Self::decode(bytes)?;
        signed.check_signature().map(|()| signed)
    }

    fn check_signature(&self) -> Result<(), HeadError> {
        let key = PublicKey::from_id(self.key).map_err(|_unsound| HeadError::BadSignature)?;
        key.verify(domains::SIGN_HEAD, &self.head.encode(), &self.signature)
            .map_err(|_opaque| HeadError::BadSignature)
    }
}

/// Whether a keyring lets `key` sign heads at `at`: a key of its links does.
#[must_use]
pub fn signs_heads(keyring: &VerifiedKeyring, key: KeyId, at: Timestamp) -> bool {
    keyring.is_granted(key, Role::Link, at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::test_util::TestEconomy;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn found() -> TestEconomy {
        TestEconomy::found(1).unwrap()
    }

    fn signed(economy: &TestEconomy) -> SignedHead {
        DatedHead::of(&economy.keyring, NOW).sign(&economy.link)
    }

    #[test]
    fn a_link_key_signs_and_no_other() {
        let economy = found();
        assert_eq!(signed(&economy).verify(&economy.keyring, NOW), Ok(()));
        for key in [&economy.author, &economy.root] {
            let head = DatedHead::of(&economy.keyring, NOW).sign(key);
            assert_eq!(head.verify(&economy.keyring, NOW), Err(HeadError::NotGranted));
        }
        let other = TestEconomy::found(2).unwrap();
        assert_eq!(signed(&economy).verify(&other.keyring, NOW), Err(HeadError::OtherEconomy));
    }

    #[test]
    fn a_revoked_key_says_nothing_whatever_date_it_writes() {
        let mut economy = found();
        let (link, before) = (economy.link.clone(), signed(&economy));
        economy.revoke(&link, NOW.saturating_add(Duration::from_secs(1)), false).unwrap();
        let later = NOW.saturating_add(Duration::from_secs(2));
        assert_eq!(before.verify(&economy.keyring, NOW), Ok(()));
        assert_eq!(before.verify(&economy.keyring, later), Err(HeadError::NotGranted));
    }

    #[test]
    fn a_head_of_tomorrow_is_not_believed_today() {
        let economy = found();
        let ahead = |by| {
            let at = NOW.saturating_add(limits::CLOCK_TOLERANCE).saturating_add(by);
            DatedHead::of(&economy.keyring, at).sign(&economy.link).verify(&economy.keyring, NOW)
        };
        assert_eq!(ahead(Duration::ZERO), Ok(()));
        assert_eq!(ahead(Duration::from_millis(1)), Err(HeadError::Ahead));
    }

    #[test]
    fn every_byte_of_it_is_signed() {
        let economy = found();
        let bytes = signed(&economy).encode();
        assert!(bytes.len() <= limits::SIGNED_HEAD_BYTES);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let read = SignedHead::decode(&changed);
            let believed = read.is_ok_and(|head| head.verify(&economy.keyring, NOW).is_ok());
            assert!(!believed, "byte {place}");
        }
    }

    #[test]
    fn a_place_that_no_keyring_has_is_refused() {
        let economy = found();
        for place in [
            Place { rotations: 0, version: 0 },
            Place { rotations: limits::ROTATIONS as u64 + 1, version: 1 },
        ] {
            let head = DatedHead { place, ..DatedHead::of(&economy.keyring, NOW) };
            let read = SignedHead::decode(&head.sign(&economy.link).encode());
            assert_eq!(read.map_err(|fault| fault.problem), Err(Problem::OutOfRange));
        }
    }

    #[test]
    fn a_later_root_set_comes_after_every_version_of_an_earlier_one() {
        let place = |rotations, version| Place { rotations, version };
        assert!(place(1, 1) > place(0, u64::MAX) && place(0, 2) > place(0, 1));
    }

    proptest! {
        #[test]
        fn heads_are_read_as_written(
            economy in any::<[u8; 32]>(),
            digest in any::<[u8; 32]>(),
            rotations in 0..=limits::ROTATIONS as u64,
            version in 1..u64::MAX,
            at in 0_u64..1 << 50,
        ) {
            let head = DatedHead {
                economy: EconomyId(economy),
                place: Place { rotations, version },
                digest: Digest(digest),
                at: Timestamp::from_millis(at),
            };
            let signed = head.sign(&SecretKey::from_seed(&[3; 32]));
            let bytes = signed.encode();
            prop_assert!(bytes.len() <= limits::SIGNED_HEAD_BYTES);
            prop_assert_eq!(SignedHead::decode(&bytes), Ok(signed));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..300)) {
            SignedHead::decode(&bytes).ok();
        }
    }
}
