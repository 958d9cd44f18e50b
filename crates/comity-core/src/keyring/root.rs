//! Root sets, and the chain of rotations from the genesis on.

use super::countersigned::tuple;
use super::{Countersigned, KeyringError};
use crate::cbor::{Fault, Reader, Writer};
use crate::digest::{Digest, domains};
use crate::identity::{EconomyId, KeyId};
use crate::limits;
use crate::sign::{PublicKey, SecretKey};

/// Bytes of a rotation's payload at most.
const ROTATION_BYTES: usize = 1024;

/// Distinct sound keys, of which a threshold must sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKeys {
    keys: Vec<KeyId>,
    threshold: u64,
}

impl RootKeys {
    /// `threshold` of `keys`, in any order: 1 to [`limits::ROOT_KEYS`] distinct, torsion-free keys.
    pub fn new(mut keys: Vec<KeyId>, threshold: u64) -> Result<Self, KeyringError> {
        keys.sort_unstable();
        if keys.is_empty() || keys.len() > limits::ROOT_KEYS {
            return Err(KeyringError::KeyCount(keys.len()));
        }
        for pair in keys.windows(2) {
            if let [one, next] = pair
                && one == next
            {
                return Err(KeyringError::DuplicateKey(*one));
            }
        }
        for key in &keys {
            PublicKey::from_id(*key).map_err(|fault| KeyringError::WeakKey { key: *key, fault })?;
        }
        if threshold == 0 || threshold > keys.len() as u64 {
            return Err(KeyringError::Threshold { threshold, keys: keys.len() });
        }
        Ok(Self { keys, threshold })
    }

    /// One key that signs alone: the default.
    #[must_use]
    pub fn single(key: PublicKey) -> Self {
        Self { keys: vec![key.id()], threshold: 1 }
    }

    /// The set of these keys that somebody committed to, with whichever threshold it has. `None`: the
    /// commitment is to others, or to more of them.
    #[must_use]
    pub fn committed(keys: &[KeyId], commitment: Digest) -> Option<Self> {
        let most = keys.len().min(limits::ROOT_KEYS) as u64;
        (1..=most)
            .filter_map(|threshold| Self::new(keys.to_vec(), threshold).ok())
            .find(|set| set.commitment() == commitment)
    }

    /// The keys, ascending.
    #[must_use]
    pub fn keys(&self) -> &[KeyId] {
        &self.keys
    }

    /// How many of them must sign.
    #[must_use]
    pub fn threshold(&self) -> u64 {
        self.threshold
    }

    /// Whether `key` is one of them.
    #[must_use]
    pub fn contains(&self, key: KeyId) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    /// What the preceding root set commits to.
    ///
    /// It covers keys and threshold, not the set's own commitment: otherwise a set could be named
    /// only after all of its successors had been made.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        let mut writer = Writer::new();
        writer.array(2);
        self.write(&mut writer);
        Digest::of(domains::ROOT_SET, &writer.into_bytes())
    }

    /// Writes two items: the keys and the threshold.
    fn write(&self, writer: &mut Writer) {
        writer.array(self.keys.len());
        for key in &self.keys {
            writer.bytes(key.as_bytes());
        }
        writer.uint(self.threshold);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, KeyringError> {
        let start = reader.fault(crate::cbor::Problem::UnsortedKeys);
        let keys = reader.list(limits::ROOT_KEYS, |reader| reader.array_of().map(KeyId))?;
        let threshold = reader.uint()?;
        if !keys.is_sorted() {
            return Err(start.into());
        }
        Self::new(keys, threshold)
    }
}

/// Root keys, and a commitment to those that follow them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootSet {
    keys: RootKeys,
    next: Digest,
}

impl RootSet {
    /// `keys`, to be followed by those whose [`RootKeys::commitment`] is `next`.
    #[must_use]
    pub fn new(keys: RootKeys, next: Digest) -> Self {
        Self { keys, next }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &RootKeys {
        &self.keys
    }

    /// The commitment to the keys that follow.
    #[must_use]
    pub fn next(&self) -> Digest {
        self.next
    }

    /// The economy of which this is the genesis.
    #[must_use]
    pub fn economy_id(&self) -> EconomyId {
        EconomyId(Digest::of(domains::ECONOMY_ID, &self.encode()).0)
    }

    /// Deterministic CBOR: `[[key, ...], threshold, next]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// Writes what [`RootSet::encode`] gives.
    pub fn write(&self, writer: &mut Writer) {
        writer.array(3);
        self.keys.write(writer);
        writer.bytes(self.next.as_bytes());
    }

    /// Reads one from `reader`.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, KeyringError> {
        tuple(reader, 3)?;
        let keys = RootKeys::read(reader)?;
        let next = Digest(reader.array_of()?);
        reader.leave();
        Ok(Self { keys, next })
    }

    /// Reads one that is the whole input.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyringError> {
        let mut reader = Reader::new(bytes);
        let set = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(set)
    }
}

/// A root set taking the place of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The economy: a signature for one says nothing in another.
    pub economy: EconomyId,
    /// Its place in the chain, from 1.
    pub number: u64,
    /// The new set.
    pub set: RootSet,
}

impl Rotation {
    /// Signs with `keys`: those of the new set, and in an orderly rotation those of the old one too.
    #[must_use]
    pub fn sign(&self, keys: &[&SecretKey]) -> Countersigned {
        Countersigned::sign(domains::SIGN_ROOT_SET, self.encode(), keys)
    }

    /// Deterministic CBOR: `[economy, number, root set]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(3).bytes(self.economy.as_bytes()).uint(self.number);
        self.set.write(&mut writer);
        writer.into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, KeyringError> {
        let mut reader = Reader::new(bytes);
        tuple(&mut reader, 3)?;
        let economy = EconomyId(reader.array_of()?);
        let number = reader.uint()?;
        let set = RootSet::read(&mut reader)?;
        reader.leave();
        reader.finish()?;
        Ok(Self { economy, number, set })
    }

    pub(crate) fn read_list(reader: &mut Reader<'_>) -> Result<Vec<Countersigned>, Fault> {
        reader.list(limits::ROTATIONS, |reader| Countersigned::read(reader, ROTATION_BYTES))
    }
}

/// A genesis and rotations that were followed to the root set in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootChain {
    economy: EconomyId,
    current: RootSet,
    rotations: Vec<Rotation>,
    /// The number of the last rotation that the replaced set did not agree to; 0 before any.
    seized: usize,
}

impl RootChain {
    /// Follows `rotations` from `genesis`.
    ///
    /// Each set must be the one that its predecessor committed to and must sign for itself; that
    /// suffices, so that an economy whose root was stolen can take it back.
    pub fn follow(genesis: &RootSet, rotations: &[Countersigned]) -> Result<Self, KeyringError> {
        let economy = genesis.economy_id();
        let mut chain =
            Self { economy, current: genesis.clone(), rotations: Vec::new(), seized: 0 };
        for (expected, signed) in (1..).zip(rotations) {
            chain.rotate(expected, signed)?;
        }
        Ok(chain)
    }

    fn rotate(&mut self, expected: u64, signed: &Countersigned) -> Result<(), KeyringError> {
        let rotation = Rotation::decode(&signed.payload)?;
        if rotation.economy != self.economy {
            return Err(KeyringError::OtherEconomy {
                expected: self.economy,
                found: rotation.economy,
            });
        }
        if rotation.number != expected {
            return Err(KeyringError::RotationNumber { expected, found: rotation.number });
        }
        if rotation.set.keys.commitment() != self.current.next {
            return Err(KeyringError::NotCommitted(expected));
        }
        signed.verify(domains::SIGN_ROOT_SET, &rotation.set.keys)?;
        let agreed = signed.verify(domains::SIGN_ROOT_SET, &self.current.keys).is_ok();
        self.current = rotation.set.clone();
        self.rotations.push(rotation);
        if !agreed {
            self.seized = self.rotations.len();
        }
        Ok(())
    }

    /// The economy that began with the genesis.
    #[must_use]
    pub fn economy(&self) -> EconomyId {
        self.economy
    }

    /// The root set in force.
    #[must_use]
    pub fn current(&self) -> &RootSet {
        &self.current
    }

    /// The rotations, oldest first.
    #[must_use]
    pub fn rotations(&self) -> &[Rotation] {
        &self.rotations
    }

    /// Whether the replaced set agreed to every rotation; false after a theft or a loss.
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        self.seized == 0
    }

    /// Whether a set was replaced without its consent after `before`, which this chain continues.
    #[must_use]
    pub fn is_seized_since(&self, before: &Self) -> bool {
        self.seized > before.rotations.len()
    }

    /// Whether `other` is this chain or continues it.
    #[must_use]
    pub fn continued_by(&self, other: &Self) -> bool {
        self.economy == other.economy && other.rotations.starts_with(&self.rotations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_found_by_what_was_committed_to_and_only_whole() {
        let ids: Vec<_> = (1..5).map(|seed| SecretKey::from_seed(&[seed; 32]).id()).collect();
        for threshold in 1..=3 {
            let set = RootKeys::new(ids[..3].to_vec(), threshold).unwrap();
            let found = |keys: &[KeyId]| RootKeys::committed(keys, set.commitment());
            let reversed: Vec<_> = ids[..3].iter().rev().copied().collect();
            assert_eq!(found(&reversed), Some(set.clone()));
            assert_eq!(found(&ids[..2]), None);
            assert_eq!(found(&ids), None);
            assert_eq!(found(&ids[1..]), None);
            assert_eq!(found(&[]), None);
        }
    }
}
