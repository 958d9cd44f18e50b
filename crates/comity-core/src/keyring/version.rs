//! One version of a keyring: what it says, as signed, and as verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Countersigned, Grant, KeyringError, Revocation, Role, RootChain, RootSet, Rotation, SignedGrant,
};
use crate::cbor::{Problem, Reader, Writer};
use crate::digest::{Digest, domains};
use crate::identity::{EconomyId, KeyId, RecordId};
use crate::limits;
use crate::partners::LinkEvidence;
use crate::sign::SecretKey;
use crate::time::Timestamp;

/// What a version of a keyring says. Nothing in it is believed before [`SignedKeyring::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// The set from whose digest the economy has its id.
    pub genesis: RootSet,
    /// The root sets that followed, each a signed [`Rotation`].
    pub rotations: Vec<Countersigned>,
    /// From 1, without gaps.
    pub version: u64,
    /// The digest of the version before; absent in version 1.
    pub predecessor: Option<Digest>,
    /// What the root grants, signed one by one by the root set in force, so that one of them can
    /// travel alone in a certificate.
    pub grants: Vec<SignedGrant>,
    /// Keys that ended early, ascending by key, each once.
    pub revocations: Vec<Revocation>,
    /// Records of keys that ended early by which the economy stands all the same, ascending.
    pub affirmed: Vec<RecordId>,
}

impl Keyring {
    /// Signs with `keys` of the root set in force.
    #[must_use]
    pub fn sign(&self, keys: &[&SecretKey]) -> SignedKeyring {
        let payload = self.encode();
        SignedKeyring { signed: Countersigned::sign(domains::SIGN_KEYRING, payload, keys) }
    }

    /// Deterministic CBOR: a map of 0 genesis, 1 rotations, 2 version, 3 predecessor (absent in
    /// version 1), 4 grants, 5 revocations, 6 affirmed records (absent when there are none).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let optional = [self.predecessor.is_some(), !self.affirmed.is_empty()];
        writer.map(optional.into_iter().fold(5, |fields, there| fields + usize::from(there)));
        self.genesis.write(writer.key(0));
        writer.key(1).array(self.rotations.len());
        for rotation in &self.rotations {
            rotation.write(&mut writer);
        }
        writer.key(2).uint(self.version);
        if let Some(predecessor) = self.predecessor {
            writer.key(3).bytes(predecessor.as_bytes());
        }
        writer.key(4).array(self.grants.len());
        for grant in &self.grants {
            grant.write(&mut writer);
        }
        writer.key(5).array(self.revocations.len());
        for revocation in &self.revocations {
            revocation.write(&mut writer);
        }
        if !self.affirmed.is_empty() {
            writer.key(6).array(self.affirmed.len());
            for record in &self.affirmed {
                writer.bytes(record.as_bytes());
            }
        }
        writer.into_bytes()
    }

    /// Reads what [`Keyring::encode`] writes. A field of a later version might be a restriction, so
    /// it is refused, not passed over.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyringError> {
        let mut reader = Reader::new(bytes);
        let mut map = reader.map(limits::LIST)?;
        let (mut genesis, mut rotations, mut version) = (None, None, None);
        let (mut predecessor, mut grants, mut revocations) = (None, None, None);
        let mut affirmed = Vec::new();
        while let Some(key) = map.next_key(&mut reader)? {
            match key {
                0 => genesis = Some(RootSet::read(&mut reader)?),
                1 => rotations = Some(Rotation::read_list(&mut reader)?),
                2 => version = Some(reader.uint()?),
                3 => predecessor = Some(Digest(reader.array_of()?)),
                4 => grants = Some(read_grants(&mut reader)?),
                5 => revocations = Some(read_revocations(&mut reader)?),
                6 => affirmed = read_affirmed(&mut reader)?,
                _later => return Err(reader.fault(Problem::UnknownField).into()),
            }
        }
        let missing = reader.fault(Problem::MissingField);
        reader.finish()?;
        let (Some(genesis), Some(rotations), Some(version), Some(grants), Some(revocations)) =
            (genesis, rotations, version, grants, revocations)
        else {
            return Err(missing.into());
        };
        Ok(Self { genesis, rotations, version, predecessor, grants, revocations, affirmed })
    }
}

fn read_grants(reader: &mut Reader<'_>) -> Result<Vec<SignedGrant>, KeyringError> {
    let length = reader.array(limits::GRANTS)?;
    let mut grants = Vec::new();
    for _ in 0..length {
        grants.push(SignedGrant::read(reader)?);
    }
    reader.leave();
    Ok(grants)
}

fn read_revocations(reader: &mut Reader<'_>) -> Result<Vec<Revocation>, KeyringError> {
    let unsorted = reader.fault(Problem::UnsortedKeys);
    let revocations = reader.list(limits::GRANTS, Revocation::read)?;
    let ascending =
        revocations.windows(2).all(|pair| matches!(pair, [one, next] if one.key < next.key));
    if ascending { Ok(revocations) } else { Err(unsorted.into()) }
}

fn read_affirmed(reader: &mut Reader<'_>) -> Result<Vec<RecordId>, KeyringError> {
    let (empty, unsorted) =
        (reader.fault(Problem::OutOfRange), reader.fault(Problem::UnsortedKeys));
    let affirmed = reader.list(limits::LIST, |reader| reader.array_of().map(RecordId))?;
    if affirmed.is_empty() {
        return Err(empty.into());
    }
    if affirmed.is_sorted_by(|one, next| one < next) { Ok(affirmed) } else { Err(unsorted.into()) }
}

/// A keyring version as it travels: the body of a `keyring` record, and in pairing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedKeyring {
    signed: Countersigned,
}

impl SignedKeyring {
    /// Adds the signature of one more holder of a root key.
    pub fn countersign(&mut self, key: &SecretKey) {
        self.signed.countersign(domains::SIGN_KEYRING, key);
    }

    /// Deterministic CBOR: a [`Countersigned`] over the keyring's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.signed.encode()
    }

    /// Reads what [`SignedKeyring::encode`] writes, without believing it.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyringError> {
        if bytes.len() > limits::KEYRING_BYTES {
            return Err(KeyringError::TooLarge(bytes.len()));
        }
        Ok(Self { signed: Countersigned::decode(bytes, limits::KEYRING_BYTES)? })
    }

    /// The digest by which the next version names this one. It covers no signatures: which of the
    /// root keys signed makes no difference.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(domains::KEYRING, &self.signed.payload)
    }

    /// Verifies the chain of root sets, the keyring's signatures and every grant's.
    ///
    /// With `expected`, the keyring of another economy is refused. Without, the caller learns from
    /// the result whose it is: only pairing and introductions ask so.
    pub fn verify(&self, expected: Option<EconomyId>) -> Result<VerifiedKeyring, KeyringError> {
        let keyring = self.read()?;
        let chain = RootChain::follow(&keyring.genesis, &keyring.rotations)?;
        let found = chain.economy();
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(KeyringError::OtherEconomy { expected, found });
        }
        let root = chain.current().keys();
        self.signed.verify(domains::SIGN_KEYRING, root)?;
        if keyring.version == 0 || (keyring.version == 1) != keyring.predecessor.is_none() {
            return Err(KeyringError::Predecessor(keyring.version));
        }
        for grant in &keyring.grants {
            grant.verify(found, root)?;
        }
        Ok(self.believed(keyring, chain))
    }

    /// The keyring of `economy` from one's own journal, which keeps only what was verified when it came:
    /// a start need not verify every grant of the past again.
    ///
    /// Root sets that `before`, an earlier version, has followed are not followed again.
    pub fn verified_before(
        &self,
        economy: EconomyId,
        before: Option<&VerifiedKeyring>,
    ) -> Result<VerifiedKeyring, KeyringError> {
        let keyring = self.read()?;
        let same = |before: &&VerifiedKeyring| {
            let before = before.keyring();
            before.genesis == keyring.genesis && before.rotations == keyring.rotations
        };
        let chain = match before.filter(same) {
            Some(before) => before.chain().clone(),
            None => RootChain::follow(&keyring.genesis, &keyring.rotations)?,
        };
        let found = chain.economy();
        if found != economy {
            return Err(KeyringError::OtherEconomy { expected: economy, found });
        }
        Ok(self.believed(keyring, chain))
    }

    fn read(&self) -> Result<Keyring, KeyringError> {
        let bytes = self.encode().len();
        if bytes > limits::KEYRING_BYTES {
            return Err(KeyringError::TooLarge(bytes));
        }
        Keyring::decode(&self.signed.payload)
    }

    fn believed(&self, keyring: Keyring, chain: RootChain) -> VerifiedKeyring {
        let mut by_key: BTreeMap<KeyId, Vec<usize>> = BTreeMap::new();
        for (index, grant) in keyring.grants.iter().enumerate() {
            by_key.entry(grant.grant().key).or_default().push(index);
        }
        let (digest, bytes) = (self.digest(), self.encode());
        VerifiedKeyring(Arc::new(Verified { keyring, chain, by_key, digest, bytes }))
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Verified {
    keyring: Keyring,
    chain: RootChain,
    by_key: BTreeMap<KeyId, Vec<usize>>,
    digest: Digest,
    bytes: Vec<u8>,
}

/// A keyring version that its economy's root signed. Made by [`SignedKeyring::verify`] only, and from
/// one's own journal by [`SignedKeyring::verified_before`]; cheap to clone.
///
/// ```compile_fail
/// let keyring = comity_core::keyring::VerifiedKeyring(todo!());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedKeyring(Arc<Verified>);

impl VerifiedKeyring {
    /// The economy.
    #[must_use]
    pub fn economy(&self) -> EconomyId {
        self.0.chain.economy()
    }

    /// The version, from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.keyring.version
    }

    /// The digest by which the next version names this one.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// What it says.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// The root sets up to the one in force.
    #[must_use]
    pub fn chain(&self) -> &RootChain {
        &self.0.chain
    }

    /// The bytes of the [`SignedKeyring`].
    #[must_use]
    pub fn encoded(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Every grant, in the order of the keyring.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.0.keyring.grants.iter().map(SignedGrant::grant)
    }

    /// The grants of one key.
    pub fn grants_of(&self, key: KeyId) -> impl Iterator<Item = &Grant> {
        self.signed_grants_of(key).map(SignedGrant::grant)
    }

    /// The revocation of a key, if there is one.
    #[must_use]
    pub fn revocation(&self, key: KeyId) -> Option<&Revocation> {
        let revocations = &self.0.keyring.revocations;
        let index = revocations.binary_search_by_key(&key, |revocation| revocation.key).ok()?;
        revocations.get(index)
    }

    /// Whether the root stands by a record whatever became of its author's key.
    #[must_use]
    pub fn affirms(&self, record: &RecordId) -> bool {
        self.0.keyring.affirmed.binary_search(record).is_ok()
    }

    /// Whether `key` is granted `role` at `at`: neither ended nor revoked.
    #[must_use]
    pub fn is_granted(&self, key: KeyId, role: Role, at: Timestamp) -> bool {
        let revoked = self.revocation(key).is_some_and(|revocation| revocation.at <= at);
        !revoked && self.grants_of(key).any(|grant| grant.covers(role, at))
    }

    /// What the certificate of `link_key` carries; of several grants, the one that lasts longest of those in force at
    /// `now`.
    #[must_use]
    pub fn link_evidence(&self, link_key: KeyId, now: Timestamp) -> Option<LinkEvidence> {
        let grant = self
            .signed_grants_of(link_key)
            .filter(|grant| grant.grant().role == Role::Link && !grant.grant().unknown)
            .max_by_key(|grant| (grant.grant().covers(Role::Link, now), grant.grant().until))?;
        let rotations = self.0.keyring.rotations.clone();
        Some(LinkEvidence { rotations, grant: grant.clone() })
    }

    fn signed_grants_of(&self, key: KeyId) -> impl Iterator<Item = &SignedGrant> {
        let indexes = self.0.by_key.get(&key).map(Vec::as_slice).unwrap_or_default();
        indexes.iter().filter_map(|index| self.0.keyring.grants.get(*index))
    }
}
