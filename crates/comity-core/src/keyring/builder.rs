//! Makes the versions of one's own keyring.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Countersigned, Grant, Keyring, KeyringError, Revocation, RootSet, Rotation, SignedGrant,
    SignedKeyring, VerifiedKeyring,
};
use crate::digest::Digest;
use crate::identity::{EconomyId, KeyId, RecordId};
use crate::sign::SecretKey;

/// Collects what the next version of a keyring says, and signs it.
#[derive(Clone, Debug)]
pub struct KeyringBuilder {
    economy: EconomyId,
    genesis: RootSet,
    rotations: Vec<Countersigned>,
    rotation: Option<Rotation>,
    version: u64,
    predecessor: Option<Digest>,
    grants: Vec<Entry>,
    revocations: BTreeMap<KeyId, Revocation>,
    affirmed: BTreeSet<RecordId>,
}

#[derive(Clone, Debug)]
enum Entry {
    /// Signed by the root set in force.
    Signed(SignedGrant),
    /// To be signed.
    Unsigned(Grant),
}

impl KeyringBuilder {
    /// The first version of a new economy.
    #[must_use]
    pub fn found(genesis: RootSet) -> Self {
        Self {
            economy: genesis.economy_id(),
            genesis,
            rotations: Vec::new(),
            rotation: None,
            version: 1,
            predecessor: None,
            grants: Vec::new(),
            revocations: BTreeMap::new(),
            affirmed: BTreeSet::new(),
        }
    }

    /// The version that follows `current`, with all that it says.
    #[must_use]
    pub fn follow(current: &VerifiedKeyring) -> Self {
        let keyring = current.keyring();
        Self {
            economy: current.economy(),
            genesis: keyring.genesis.clone(),
            rotations: keyring.rotations.clone(),
            rotation: None,
            version: keyring.version.saturating_add(1),
            predecessor: Some(current.digest()),
            grants: keyring.grants.iter().cloned().map(Entry::Signed).collect(),
            revocations: keyring.revocations.iter().map(|one| (one.key, *one)).collect(),
            affirmed: keyring.affirmed.iter().copied().collect(),
        }
    }

    /// The economy: known before anything is signed, as grants name it.
    #[must_use]
    pub fn economy(&self) -> EconomyId {
        self.economy
    }

    /// Adds a grant.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        self.grants.push(Entry::Unsigned(grant));
        self
    }

    /// Adds the end of a key; of two for one key the stricter of each holds.
    #[must_use]
    pub fn revoke(mut self, revocation: Revocation) -> Self {
        self.revocations
            .entry(revocation.key)
            .and_modify(|held| *held = held.join(revocation))
            .or_insert(revocation);
        self
    }

    /// Stands by records whose author's key has ended: they count, whoever brought them and whenever
    /// they were first seen.
    #[must_use]
    pub fn affirm(mut self, records: impl IntoIterator<Item = RecordId>) -> Self {
        self.affirmed.extend(records);
        self
    }

    /// Leaves out affirmations for which `keep` is false: the records are doubted again.
    #[must_use]
    pub fn affirm_only(mut self, keep: impl Fn(&RecordId) -> bool) -> Self {
        self.affirmed.retain(keep);
        self
    }

    /// Leaves out grants for which `keep` is false: those that ended long ago, to make room; after a
    /// theft, those that the thief made.
    #[must_use]
    pub fn retain(mut self, keep: impl Fn(&Grant) -> bool) -> Self {
        self.grants.retain(|entry| keep(entry.grant()));
        self
    }

    /// Leaves out the ends of keys for which `keep` is false. Nobody takes a keyring that forgets one, but of a later
    /// root set, which begins anew: after a theft, those with which the thief has filled the keyring.
    #[must_use]
    pub fn revoke_only(mut self, keep: impl Fn(&Revocation) -> bool) -> Self {
        self.revocations.retain(|_, revocation| keep(revocation));
        self
    }

    /// Puts `set` in the place of the root set in force, which committed to its keys.
    ///
    /// All grants are signed anew, so that none lives by the word of a replaced root.
    #[must_use]
    pub fn rotate(mut self, set: RootSet) -> Self {
        let number = (self.rotations.len() as u64).saturating_add(1);
        self.rotation = Some(Rotation { economy: self.economy, number, set });
        for entry in &mut self.grants {
            *entry = Entry::Unsigned(entry.grant().clone());
        }
        self
    }

    /// Signs with `keys`: a threshold of the root set in force; in a rotation those of the new set,
    /// and of the old one too unless it was stolen or lost.
    pub fn sign(self, keys: &[&SecretKey]) -> Result<VerifiedKeyring, KeyringError> {
        self.sign_unverified(keys)?.verify(None)
    }

    /// Signs with `keys` though they may be too few: the others add theirs to the grants' and the
    /// keyring's signatures. Only a 1-of-n root, or one whose keys are brought together, is whole at once.
    fn sign_unverified(self, keys: &[&SecretKey]) -> Result<SignedKeyring, KeyringError> {
        let mut rotations = self.rotations;
        let mut signers = keys.to_vec();
        if let Some(rotation) = &self.rotation {
            rotations.push(rotation.sign(keys));
            // The old set's signatures stand under the rotation, and nowhere else.
            signers.retain(|key| rotation.set.keys().contains(key.id()));
        }
        let grants = self
            .grants
            .into_iter()
            .map(|entry| match entry {
                Entry::Signed(grant) => Ok(grant),
                Entry::Unsigned(grant) => SignedGrant::sign(grant, &signers),
            })
            .collect::<Result<_, _>>()?;
        let keyring = Keyring {
            genesis: self.genesis,
            rotations,
            version: self.version,
            predecessor: self.predecessor,
            grants,
            revocations: self.revocations.into_values().collect(),
            affirmed: self.affirmed.into_iter().collect(),
        };
        Ok(keyring.sign(&signers))
    }
}

impl Entry {
    fn grant(&self) -> &Grant {
        match self {
            Self::Signed(signed) => signed.grant(),
            Self::Unsigned(grant) => grant,
        }
    }
}
