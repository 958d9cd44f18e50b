//! What is held of an economy's keyring versions, and whether another one follows.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Revocation, VerifiedKeyring};
use crate::digest::Digest;
use crate::identity::{EconomyId, KeyId};

/// The keyring of one economy as it went on.
///
/// Fold it from the journal, in order: whether two versions contradict each other depends only on
/// which were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringHistory {
    current: VerifiedKeyring,
    /// Digest of every version known under the root set in force, seen or named as a predecessor.
    versions: BTreeMap<u64, Digest>,
    /// Every revocation under the root set in force: none is taken back.
    revoked: BTreeMap<KeyId, Revocation>,
    fork: Option<Fork>,
}

/// How a keyring moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// Already held.
    Same,
    /// The next version.
    Newer,
    /// A later version than the next; those between were not seen.
    Jumped,
    /// Signed by a later root set: it replaces what was held, and ends a fork.
    Rotated,
}

/// Two keyrings of one version: the root was stolen, or signed twice. Nothing is released to or
/// accepted from the economy until a later root set has signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two keyrings of version {version} exist: {one} and {other}")]
pub struct Fork {
    /// The version.
    pub version: u64,
    /// The digest that was known first.
    pub one: Digest,
    /// The other.
    pub other: Digest,
}

/// Why a keyring does not take the place of the one held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdvanceError {
    /// Of another economy.
    #[error("keyring belongs to economy {found}, not to {expected}")]
    OtherEconomy {
        /// The economy whose history this is.
        expected: EconomyId,
        /// The economy of the keyring offered.
        found: EconomyId,
    },
    /// Of an earlier version.
    #[error("keyring version {offered} is older than {held}, which is held")]
    Older {
        /// The version held.
        held: u64,
        /// The version offered.
        offered: u64,
    },
    /// Signed by a root set that was replaced, or one that contradicts the set in force.
    #[error("keyring is signed by a root set that has been replaced")]
    ReplacedRoot,
    /// Versions between are missing: it waits for them.
    #[error("keyring version {offered} does not follow {held}: those between are missing")]
    Gap {
        /// The version held.
        held: u64,
        /// The version offered.
        offered: u64,
    },
    /// It takes back the revocation of a key.
    #[error("keyring takes back the revocation of key {0}")]
    RevocationLost(KeyId),
    /// It contradicts a version that is known: the economy is frozen.
    #[error("economy is frozen: {0}")]
    Fork(Fork),
}

impl KeyringHistory {
    /// Begins with the first keyring of an economy that was met, of whatever version.
    #[must_use]
    pub fn start(first: VerifiedKeyring) -> Self {
        let mut history = Self {
            current: first.clone(),
            versions: BTreeMap::new(),
            revoked: BTreeMap::new(),
            fork: None,
        };
        history.take(first);
        history
    }

    /// The keyring held.
    #[must_use]
    pub fn current(&self) -> &VerifiedKeyring {
        &self.current
    }

    /// The contradiction by which the economy is frozen, if it is.
    #[must_use]
    pub fn fork(&self) -> Option<Fork> {
        self.fork
    }

    /// Takes `offered` if it is the next version, or signed by a later root set.
    ///
    /// An error leaves the history as it was, but for [`AdvanceError::Fork`], which freezes it.
    pub fn advance(&mut self, offered: VerifiedKeyring) -> Result<Advance, AdvanceError> {
        self.step(offered, false)
    }

    /// As [`KeyringHistory::advance`], over missing versions too: for a keyring that the economy
    /// itself hands over, on its own link or in pairing. A version between that turns up later is
    /// still held against it.
    pub fn jump(&mut self, offered: VerifiedKeyring) -> Result<Advance, AdvanceError> {
        self.step(offered, true)
    }

    fn step(&mut self, offered: VerifiedKeyring, jump: bool) -> Result<Advance, AdvanceError> {
        let (expected, found) = (self.current.economy(), offered.economy());
        if expected != found {
            return Err(AdvanceError::OtherEconomy { expected, found });
        }
        let (held, chain) = (self.current.chain(), offered.chain());
        if !chain.continued_by(held) && !held.continued_by(chain) {
            // The committed keys signed two successors: that set contradicts itself.
            return Err(self.freeze(offered.version(), self.current.digest(), offered.digest()));
        }
        match held.rotations().len().cmp(&chain.rotations().len()) {
            // The committed successor wins, whatever the replaced set signed meanwhile.
            Ordering::Less => Ok(self.replace(offered)),
            Ordering::Greater => Err(AdvanceError::ReplacedRoot),
            Ordering::Equal => self.follow(offered, jump),
        }
    }

    /// Under one root set, versions follow one another by number and digest.
    fn follow(&mut self, offered: VerifiedKeyring, jump: bool) -> Result<Advance, AdvanceError> {
        if let Some(fork) = self.fork {
            return Err(AdvanceError::Fork(fork));
        }
        self.contradiction(&offered)?;
        let (held, version) = (self.current.version(), offered.version());
        let after = version.saturating_sub(held);
        match version.cmp(&held) {
            Ordering::Equal => return Ok(Advance::Same),
            Ordering::Less => return Err(AdvanceError::Older { held, offered: version }),
            Ordering::Greater if after > 1 && !jump => {
                return Err(AdvanceError::Gap { held, offered: version });
            }
            Ordering::Greater => {}
        }
        if let Some(key) = self.revocation_lost(&offered) {
            return Err(AdvanceError::RevocationLost(key));
        }
        self.take(offered);
        Ok(if after > 1 { Advance::Jumped } else { Advance::Newer })
    }

    /// Compares the digests of `offered` and of its predecessor with those known.
    fn contradiction(&mut self, offered: &VerifiedKeyring) -> Result<(), AdvanceError> {
        for (version, other) in named(offered) {
            if let Some(one) = self.versions.get(&version).filter(|one| **one != other) {
                return Err(self.freeze(version, *one, other));
            }
        }
        Ok(())
    }

    fn freeze(&mut self, version: u64, one: Digest, other: Digest) -> AdvanceError {
        let fork = *self.fork.get_or_insert(Fork { version, one, other });
        AdvanceError::Fork(fork)
    }

    /// A key that was revoked and is granted again, or is revoked for less than before.
    fn revocation_lost(&self, offered: &VerifiedKeyring) -> Option<KeyId> {
        self.revoked.values().find_map(|held| {
            let kept = match offered.revocation(held.key) {
                Some(offered) => offered.join(*held) == *offered,
                None => offered.grants_of(held.key).next().is_none(),
            };
            (!kept).then_some(held.key)
        })
    }

    fn replace(&mut self, offered: VerifiedKeyring) -> Advance {
        self.versions.clear();
        self.revoked.clear();
        self.fork = None;
        self.take(offered);
        Advance::Rotated
    }

    fn take(&mut self, offered: VerifiedKeyring) {
        self.versions.extend(named(&offered));
        for revocation in &offered.keyring().revocations {
            self.revoked.insert(revocation.key, *revocation);
        }
        self.current = offered;
    }
}

/// The versions whose digests a keyring states: its own, and its predecessor's.
fn named(keyring: &VerifiedKeyring) -> impl Iterator<Item = (u64, Digest)> + use<> {
    let version = keyring.version();
    let predecessor =
        keyring.keyring().predecessor.map(|digest| (version.saturating_sub(1), digest));
    [Some((version, keyring.digest())), predecessor].into_iter().flatten()
}
