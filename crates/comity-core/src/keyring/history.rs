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
    /// An earlier version, which a later one has named as its predecessor. It changes nothing here, and is what
    /// somebody else may lack.
    Earlier,
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
            Ordering::Less if self.versions.get(&version) == Some(&offered.digest()) => {
                self.versions.extend(named(&offered));
                return Ok(Advance::Earlier);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::keyring::{Grant, KeyringBuilder, RootKeys, RootSet};
    use crate::sign::SecretKey;
    use crate::test_util::TestEconomy;

    fn found() -> TestEconomy {
        TestEconomy::found(1).unwrap()
    }

    fn grant(economy: &TestEconomy, seed: u8) -> Grant {
        let key = SecretKey::from_seed(&[seed; 32]).public();
        Grant::link(economy.id(), key, TestEconomy::FROM, TestEconomy::UNTIL)
    }

    /// The version after `current`, told apart by `seed`.
    fn after(economy: &TestEconomy, current: &VerifiedKeyring, seed: u8) -> VerifiedKeyring {
        let builder = KeyringBuilder::follow(current).grant(grant(economy, seed));
        builder.sign(&[&economy.root]).unwrap()
    }

    /// The committed root takes over, committing to the key of `seed`.
    fn rotated(economy: &TestEconomy, current: &VerifiedKeyring, seed: u8) -> VerifiedKeyring {
        let next = SecretKey::from_seed(&[seed; 32]);
        let set = TestEconomy::genesis(&economy.next_root, &next);
        KeyringBuilder::follow(current).rotate(set).sign(&[&economy.next_root]).unwrap()
    }

    #[test]
    fn versions_follow_one_another() {
        let economy = found();
        let first = economy.keyring.clone();
        let second = after(&economy, &first, 50);
        let mut history = KeyringHistory::start(first.clone());
        assert_eq!(history.advance(first.clone()), Ok(Advance::Same));
        assert_eq!(history.advance(second.clone()), Ok(Advance::Newer));
        assert_eq!(history.advance(second.clone()), Ok(Advance::Same));
        assert_eq!(history.advance(first), Ok(Advance::Earlier));
        assert_eq!(history.current(), &second);
    }

    #[test]
    fn a_gap_waits_unless_the_economy_itself_hands_it_over() {
        let economy = found();
        let second = after(&economy, &economy.keyring, 50);
        let third = after(&economy, &second, 51);
        let mut history = KeyringHistory::start(economy.keyring.clone());
        assert_eq!(history.advance(third.clone()), Err(AdvanceError::Gap { held: 1, offered: 3 }));
        assert_eq!(history.current().version(), 1);
        assert_eq!(history.jump(third), Ok(Advance::Jumped));
        // What lies between is still compared, and known by its name where it comes late.
        assert_eq!(history.advance(second.clone()), Ok(Advance::Earlier));
        assert_eq!(history.current().version(), 3);
        let other = after(&economy, &economy.keyring, 52);
        assert!(
            matches!(history.advance(other), Err(AdvanceError::Fork(fork)) if fork.version == 2)
        );
    }

    /// Each names the one before it, whichever came first; what nothing has named is older and no more.
    #[test]
    fn what_was_skipped_is_known_once_a_later_one_has_named_it() {
        let economy = found();
        let second = after(&economy, &economy.keyring, 50);
        let third = after(&economy, &second, 51);
        let fourth = after(&economy, &third, 52);
        let mut history = KeyringHistory::start(economy.keyring.clone());
        assert_eq!(history.jump(fourth), Ok(Advance::Jumped));
        let older = AdvanceError::Older { held: 4, offered: 2 };
        assert_eq!(history.advance(second.clone()), Err(older));
        assert_eq!(history.advance(third), Ok(Advance::Earlier));
        let other = after(&economy, &economy.keyring, 53);
        assert!(matches!(history.clone().advance(other), Err(AdvanceError::Fork(_))));
        assert_eq!(history.advance(second), Ok(Advance::Earlier));
        assert_eq!(history.current().version(), 4);
    }

    #[test]
    fn two_of_one_version_freeze_the_economy() {
        let economy = found();
        let one = after(&economy, &economy.keyring, 50);
        let other = after(&economy, &economy.keyring, 51);
        let mut history = KeyringHistory::start(economy.keyring.clone());
        history.advance(one.clone()).unwrap();
        let fork = Fork { version: 2, one: one.digest(), other: other.digest() };
        assert_eq!(history.advance(other.clone()), Err(AdvanceError::Fork(fork)));
        assert_eq!(history.fork(), Some(fork));
        // Neither branch goes on.
        for branch in [&one, &other] {
            let next = after(&economy, branch, 52);
            assert_eq!(history.advance(next), Err(AdvanceError::Fork(fork)));
        }
        assert_eq!(history.current(), &one);
    }

    #[test]
    fn a_fork_shows_in_the_predecessor_too() {
        let economy = found();
        let one = after(&economy, &economy.keyring, 50);
        let other = after(&economy, &economy.keyring, 51);
        let mut history = KeyringHistory::start(one);
        let third = after(&economy, &other, 52);
        assert!(
            matches!(history.advance(third), Err(AdvanceError::Fork(fork)) if fork.version == 2)
        );
    }

    #[test]
    fn the_committed_set_wins_over_what_a_thief_signed() {
        let economy = found();
        let thief = after(&economy, &after(&economy, &economy.keyring, 50), 51);
        let mut history = KeyringHistory::start(economy.keyring.clone());
        history.jump(thief).unwrap();
        // Version 2 by the new root against version 3 by the stolen one.
        let rescued = rotated(&economy, &economy.keyring, 60);
        assert_eq!(history.advance(rescued.clone()), Ok(Advance::Rotated));
        assert_eq!(history.current(), &rescued);
        // What the thief signs from now on is void.
        let late = after(&economy, &economy.keyring, 53);
        assert_eq!(history.advance(late), Err(AdvanceError::ReplacedRoot));
        assert_eq!(history.fork(), None);
    }

    #[test]
    fn the_committed_set_ends_a_fork() {
        let economy = found();
        let mut history = KeyringHistory::start(economy.keyring.clone());
        history.advance(after(&economy, &economy.keyring, 50)).unwrap();
        history.advance(after(&economy, &economy.keyring, 51)).unwrap_err();
        assert!(history.fork().is_some());
        let rescued = rotated(&economy, &economy.keyring, 60);
        assert_eq!(history.advance(rescued), Ok(Advance::Rotated));
        assert_eq!(history.fork(), None);
    }

    #[test]
    fn a_committed_set_with_two_successors_is_a_fork() {
        let economy = found();
        let mut history = KeyringHistory::start(economy.keyring.clone());
        history.advance(rotated(&economy, &economy.keyring, 60)).unwrap();
        let other = rotated(&economy, &economy.keyring, 61);
        assert!(matches!(history.advance(other.clone()), Err(AdvanceError::Fork(_))));
        // Nor does a longer chain from the other successor win.
        let next = SecretKey::from_seed(&[61; 32]);
        let set = RootSet::new(RootKeys::single(next.public()), crate::Digest::ZERO);
        let longer = KeyringBuilder::follow(&other).rotate(set).sign(&[&next]).unwrap();
        let mut history = KeyringHistory::start(rotated(&economy, &economy.keyring, 60));
        assert!(matches!(history.advance(longer), Err(AdvanceError::Fork(_))));
    }

    #[test]
    fn an_older_root_is_refused_whatever_its_version() {
        let economy = found();
        let mut history = KeyringHistory::start(rotated(&economy, &economy.keyring, 60));
        let old = (50..60).fold(economy.keyring.clone(), |held, seed| after(&economy, &held, seed));
        assert_eq!(old.version(), 11);
        assert_eq!(history.jump(old), Err(AdvanceError::ReplacedRoot));
    }

    #[test]
    fn a_revocation_is_not_taken_back() {
        let mut economy = found();
        let first = economy.keyring.clone();
        let author = economy.author.clone();
        economy.revoke(&author, Timestamp::from_secs(100), true).unwrap();
        let second = economy.keyring.clone();
        let mut history = KeyringHistory::start(first);
        history.advance(second.clone()).unwrap();
        let lost = AdvanceError::RevocationLost(author.id());
        let unsaid = |change: fn(&mut crate::keyring::Keyring)| {
            let mut keyring = second.keyring().clone();
            (keyring.version, keyring.predecessor) = (3, Some(second.digest()));
            change(&mut keyring);
            keyring.sign(&[&economy.root]).verify(None).unwrap()
        };
        let dropped = unsaid(|keyring| keyring.revocations.clear());
        let later = unsaid(|keyring| keyring.revocations[0].at = Timestamp::from_secs(101));
        let harmless = unsaid(|keyring| keyring.revocations[0].compromised = false);
        for keyring in [dropped, later, harmless] {
            assert_eq!(history.clone().advance(keyring), Err(lost));
        }
        // Both may go when the key is granted nothing any more; but then it does not come back.
        let cleaned = unsaid(|keyring| {
            let revoked = keyring.revocations[0].key;
            keyring.revocations.clear();
            keyring.grants.retain(|grant| grant.grant().key != revoked);
        });
        assert_eq!(history.advance(cleaned.clone()), Ok(Advance::Newer));
        let again =
            Grant::link(economy.id(), author.public(), TestEconomy::FROM, TestEconomy::UNTIL);
        let again = KeyringBuilder::follow(&cleaned).grant(again).sign(&[&economy.root]).unwrap();
        assert_eq!(history.advance(again), Err(lost));
    }

    #[test]
    fn another_economys_keyring_is_refused() {
        let mut history = KeyringHistory::start(found().keyring);
        let other = TestEconomy::found(2).unwrap();
        assert!(matches!(history.advance(other.keyring), Err(AdvanceError::OtherEconomy { .. })));
    }
}
