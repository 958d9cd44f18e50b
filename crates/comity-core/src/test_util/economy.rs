//! A whole economy with its keys, for tests.

use crate::identity::EconomyId;
use crate::keyring::{
    Grant, KeyringBuilder, KeyringError, Revocation, RootKeys, RootSet, VerifiedKeyring,
};
use crate::marking::Tlp;
use crate::sign::SecretKey;
use crate::time::Timestamp;
use crate::vocabulary::Kind;

/// An economy with a 1-of-1 root, a link key and an author key that may sign everything.
#[derive(Clone, Debug)]
pub struct TestEconomy {
    /// The root key of the genesis.
    pub root: SecretKey,
    /// The root key that the genesis committed to.
    pub next_root: SecretKey,
    /// The link key.
    pub link: SecretKey,
    /// The author's key.
    pub author: SecretKey,
    /// Version 1 of the keyring.
    pub keyring: VerifiedKeyring,
}

impl TestEconomy {
    /// Instant at which the grants begin: 2026-10-02T00:00:00Z.
    pub const FROM: Timestamp = Timestamp::from_secs(1_790_899_200);
    /// Instant at which the grants end, 400 days later.
    pub const UNTIL: Timestamp = Timestamp::from_secs(1_790_899_200 + 400 * 86_400);

    /// The economy whose keys follow from `seed`.
    pub fn found(seed: u8) -> Result<Self, KeyringError> {
        let key = |role: u8| {
            let mut bytes = [seed; 32];
            let [first, ..] = &mut bytes;
            *first = role;
            SecretKey::from_seed(&bytes)
        };
        let (root, next_root, link, author) = (key(1), key(2), key(3), key(4));
        let genesis = Self::genesis(&root, &next_root);
        let builder = KeyringBuilder::found(genesis);
        let economy = builder.economy();
        let all = Kind::ALL.iter().copied();
        let keyring = builder
            .grant(Grant::link(economy, link.public(), Self::FROM, Self::UNTIL))
            .grant(Grant::author(economy, author.public(), all, Tlp::Red, Self::FROM, Self::UNTIL))
            .sign(&[&root])?;
        Ok(Self { root, next_root, link, author, keyring })
    }

    /// A 1-of-1 root set that commits to `next`.
    #[must_use]
    pub fn genesis(root: &SecretKey, next: &SecretKey) -> RootSet {
        RootSet::new(RootKeys::single(root.public()), RootKeys::single(next.public()).commitment())
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> EconomyId {
        self.keyring.economy()
    }

    /// What the link key's certificate carries; empty when the keyring no longer grants it.
    #[must_use]
    pub fn evidence(&self) -> Vec<u8> {
        self.keyring
            .link_evidence(self.link.id(), Self::FROM)
            .map(|evidence| evidence.encode())
            .unwrap_or_default()
    }

    /// The next version, with one more revocation.
    pub fn revoke(
        &mut self,
        key: &SecretKey,
        at: Timestamp,
        compromised: bool,
    ) -> Result<(), KeyringError> {
        self.keyring = KeyringBuilder::follow(&self.keyring)
            .revoke(Revocation { key: key.id(), at, compromised })
            .sign(&[&self.root])?;
        Ok(())
    }
}
