//! The economies of a simulation, with all their keys.

use comity_core::keyring::{Grant, KeyringBuilder, VerifiedKeyring};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{EconomyId, Kind, Timestamp, Tlp};

use super::world::START;

/// An economy: one author who may sign everything, and two who may not.
#[derive(Clone, Debug)]
pub struct Economy {
    /// Its id.
    pub id: EconomyId,
    /// The key of its root.
    pub root: SecretKey,
    /// The key of the root that its genesis committed to.
    pub next_root: SecretKey,
    /// The key of its links.
    pub link: SecretKey,
    /// May sign every kind, up to RED.
    pub author: SecretKey,
    /// Every key that its author has had, the newest last.
    pub authors: Vec<SecretKey>,
    /// May sign advisories up to GREEN.
    pub junior: SecretKey,
    /// Could sign everything until an hour before the simulation began.
    pub former: SecretKey,
    /// Its keyring.
    pub keyring: VerifiedKeyring,
    /// What its certificates carry.
    pub evidence: Vec<u8>,
}

impl Economy {
    /// The economy of this number.
    #[must_use]
    pub fn found(number: u8) -> Self {
        let key = |role: u8| {
            let mut seed = [number; 32];
            seed[0] = role;
            SecretKey::from_seed(&seed)
        };
        let (root, next_root, link) = (key(1), key(2), key(3));
        let (author, junior, former) = (key(4), key(5), key(6));
        let builder = KeyringBuilder::found(TestEconomy::genesis(&root, &next_root));
        let id = builder.economy();
        let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let all = || Kind::ALL.iter().copied();
        let ended = Timestamp::from_secs(START.as_millis() / 1000 - 3600);
        let keyring = builder
            .grant(Grant::link(id, link.public(), from, until))
            .grant(Grant::author(id, author.public(), all(), Tlp::Red, from, until))
            .grant(Grant::author(id, junior.public(), [Kind::Advisory], Tlp::Green, from, until))
            .grant(Grant::author(id, former.public(), all(), Tlp::Red, from, ended))
            .sign(&[&root])
            .expect("a keyring of its own root");
        let evidence =
            keyring.link_evidence(link.id(), START).expect("a granted link key").encode();
        let authors = vec![author.clone()];
        Self { id, root, next_root, link, author, authors, junior, former, keyring, evidence }
    }
}
