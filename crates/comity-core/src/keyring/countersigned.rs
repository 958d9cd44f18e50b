//! A payload with the signatures of several root keys.

use std::collections::BTreeMap;

use super::{KeyringError, RootKeys};
use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::identity::KeyId;
use crate::limits;
use crate::sign::{PublicKey, SecretKey, Signature};

/// Signatures at most: an old and a new root set may both sign a rotation.
const SIGNATURES: usize = 2 * limits::ROOT_KEYS;

/// Bytes, and signatures over them by distinct keys.
///
/// The payload is kept as it was received and never encoded again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Countersigned {
    /// What was signed.
    pub payload: Vec<u8>,
    /// One signature for each signer.
    pub signatures: BTreeMap<KeyId, Signature>,
}

impl Countersigned {
    /// Signs `payload` in `domain` with each of `keys`; a key given twice signs once.
    #[must_use]
    pub fn sign(domain: &str, payload: Vec<u8>, keys: &[&SecretKey]) -> Self {
        let signatures = keys.iter().map(|key| (key.id(), key.sign(domain, &payload))).collect();
        Self { payload, signatures }
    }

    /// Adds the signature of one more key holder.
    pub fn countersign(&mut self, domain: &str, key: &SecretKey) {
        self.signatures.insert(key.id(), key.sign(domain, &self.payload));
    }

    /// Checks that at least the threshold of distinct keys of `set` signed in `domain`.
    ///
    /// Signatures by keys outside the set do not count and are not looked at: a rotation bears those
    /// of two sets. One by a key of the set that does not verify condemns the whole.
    pub fn verify(&self, domain: &str, set: &RootKeys) -> Result<(), KeyringError> {
        let mut valid = 0_u64;
        for (id, signature) in &self.signatures {
            if !set.contains(*id) {
                continue;
            }
            let key = PublicKey::from_id(*id)
                .map_err(|fault| KeyringError::WeakKey { key: *id, fault })?;
            key.verify(domain, &self.payload, signature)
                .map_err(|_bad_signature| KeyringError::BadSignature(*id))?;
            valid = valid.saturating_add(1);
        }
        if valid >= set.threshold() {
            Ok(())
        } else {
            Err(KeyringError::TooFewSignatures { valid, needed: set.threshold() })
        }
    }

    /// Writes `[payload, [[key, signature], ...]]`, ascending by key.
    pub fn write(&self, writer: &mut Writer) {
        writer.array(2).bytes(&self.payload).array(self.signatures.len());
        for (key, signature) in &self.signatures {
            writer.array(2).bytes(key.as_bytes()).bytes(signature);
        }
    }

    /// Deterministic CBOR, as [`Countersigned::write`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// Reads one whose payload has at most `limit` bytes. Signers are ascending and distinct.
    pub fn read(reader: &mut Reader<'_>, limit: usize) -> Result<Self, Fault> {
        tuple(reader, 2)?;
        let payload = reader.bytes(limit)?.to_vec();
        let mut signatures = BTreeMap::new();
        let mut last = None;
        for _ in 0..reader.array(SIGNATURES)? {
            let start = reader.fault(Problem::UnsortedKeys);
            tuple(reader, 2)?;
            let key = KeyId(reader.array_of()?);
            match last.map(|last: KeyId| last.cmp(&key)) {
                Some(std::cmp::Ordering::Equal) => {
                    return Err(Fault { problem: Problem::DuplicateKey, ..start });
                }
                Some(std::cmp::Ordering::Greater) => return Err(start),
                Some(std::cmp::Ordering::Less) | None => last = Some(key),
            }
            signatures.insert(key, reader.array_of()?);
            reader.leave();
        }
        reader.leave();
        reader.leave();
        Ok(Self { payload, signatures })
    }

    /// Reads one that is the whole input.
    pub fn decode(bytes: &[u8], limit: usize) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        let read = Self::read(&mut reader, limit)?;
        reader.finish()?;
        Ok(read)
    }
}

/// Enters an array of exactly `length` items.
pub(crate) fn tuple(reader: &mut Reader<'_>, length: usize) -> Result<(), Fault> {
    let wrong = reader.fault(Problem::MissingField);
    if reader.array(length)? == length { Ok(()) } else { Err(wrong) }
}
