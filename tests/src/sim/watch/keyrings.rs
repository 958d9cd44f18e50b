//! Whether a record may be believed by what its origin's root says of the key that signed it: the rules of the
//! specification once more, sharing no code with the judgement.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::keyring::{Role, SignedKeyring};
use comity_core::{Digest, EconomyId, KeyId, Kind, RecordId, Timestamp};

use super::shadow::{Entered, Shadow};
use crate::sim::truth::Deed;

/// What a node knows of the keys of one economy.
#[derive(Clone)]
pub struct Known {
    /// How many root sets took the place of the first.
    rotations: usize,
    /// Whether one did without the word of the one before.
    seized: bool,
    version: u64,
    digest: Digest,
    /// What it says that the one before is.
    predecessor: Option<Digest>,
    granted: BTreeSet<KeyId>,
    links: BTreeSet<KeyId>,
    /// Since when, and whether in foreign hands.
    revoked: BTreeMap<KeyId, (Timestamp, bool)>,
    affirmed: BTreeSet<RecordId>,
}

/// What a node knows of the keys of all.
#[derive(Default)]
pub struct Keyrings {
    known: BTreeMap<EconomyId, Known>,
    /// Versions whose predecessors have not come.
    ahead: BTreeMap<(EconomyId, usize, u64), Known>,
}

impl Keyrings {
    /// A version of an economy's keyring is believed; `handed`: by the economy itself, or by people.
    pub fn take(&mut self, economy: EconomyId, encoded: &[u8], handed: bool) {
        let verified = SignedKeyring::decode(encoded).and_then(|one| one.verify(Some(economy)));
        let Ok(verified) = verified else { return };
        let keyring = verified.keyring();
        let new = Known {
            rotations: verified.chain().rotations().len(),
            seized: !verified.chain().is_orderly(),
            version: keyring.version,
            digest: verified.digest(),
            predecessor: keyring.predecessor,
            links: verified
                .grants()
                .filter(|grant| grant.role == Role::Link)
                .map(|grant| grant.key)
                .collect(),
            granted: verified.grants().map(|grant| grant.key).collect(),
            revoked: keyring
                .revocations
                .iter()
                .map(|one| (one.key, (one.at, one.compromised)))
                .collect(),
            affirmed: keyring.affirmed.iter().copied().collect(),
        };
        let held = self.known.entry(economy).or_insert_with(|| new.clone());
        // A later root counts more than any version.
        if (new.rotations, new.version) <= (held.rotations, held.version) {
            return;
        }
        if new.rotations == held.rotations {
            if !handed && new.version > held.version + 1 {
                self.ahead.insert((economy, new.rotations, new.version), new);
                return;
            }
            // Of two that go different ways the first is what was known.
            if new.version == held.version + 1 && new.predecessor != Some(held.digest) {
                return;
            }
        }
        *held = new;
        let after = |held: &Known| (economy, held.rotations, held.version + 1);
        while let Some(next) = self.ahead.remove(&after(held)) {
            if next.predecessor == Some(held.digest) {
                *held = next;
            }
        }
    }
}

impl Keyrings {
    /// What is known of whose root keys took each other's place: how often, and the keyring that counts.
    pub fn rooted(&self) -> impl Iterator<Item = (&EconomyId, usize, Digest)> {
        let known = self.known.iter().filter(|(_, known)| known.rotations > 0);
        known.map(|(economy, known)| (economy, known.rotations, known.digest))
    }

    /// Which keyring of an economy is known, later ones being greater, and its digest.
    #[must_use]
    pub fn place(&self, economy: &EconomyId) -> Option<((u64, u64), Digest)> {
        let known = self.known.get(economy)?;
        Some(((known.rotations as u64, known.version), known.digest))
    }

    /// Whether a key is one of an economy's links, and nothing is known against it.
    #[must_use]
    pub fn links_with(&self, economy: &EconomyId, key: KeyId) -> bool {
        let known = self.known.get(economy);
        known.is_some_and(|known| known.links.contains(&key) && !known.revoked.contains_key(&key))
    }

    /// Whether a key of an economy's links has ended, by its keyring that is known here.
    #[must_use]
    pub fn has_ended(&self, economy: &EconomyId, key: KeyId, now: Timestamp) -> bool {
        let revoked = self.known.get(economy).and_then(|known| known.revoked.get(&key));
        revoked.is_some_and(|(at, stolen)| *stolen || *at <= now)
    }
}

impl Shadow {
    /// Why a record may not be believed, by what is known of its author's key here.
    #[must_use]
    pub fn doubt(&self, deed: &Deed, entered: &Entered) -> Option<&'static str> {
        let known = self.keyrings.known.get(&deed.origin)?;
        // A keyring bears witness for itself.
        if deed.kind == Kind::Keyring {
            return None;
        }
        let affirmed = known.affirmed.contains(&deed.id);
        if known.seized && !known.granted.contains(&deed.author) && !affirmed {
            return Some("its key was granted by root keys that were stolen");
        }
        let (ended, stolen) = known.revoked.get(&deed.author)?;
        if *ended <= deed.signed_at {
            return Some("it was signed after its key had ended");
        }
        let late = *ended <= entered.at && !entered.by_origin;
        // What takes back holds though its key took leave.
        let retired = deed.kind == Kind::Withdrawal && !stolen;
        // Of what is its own and only restricts, a node believes its partners that it said so.
        let restricts = matches!(deed.kind, Kind::Withdrawal | Kind::Termination | Kind::Roster);
        let own = restricts && self.us == Some(deed.origin);
        (late && !own && !retired && !affirmed)
            .then_some("it was first seen after its key had ended, and not from its origin")
    }
}
