//! Whether a record may be believed by what its origin's root says of the key that signed it: the rules of the
//! specification once more, sharing no code with the judgement.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::keyring::SignedKeyring;
use comity_core::{EconomyId, KeyId, Kind, RecordId, Timestamp};

use super::shadow::{Entered, Shadow};
use crate::sim::truth::Deed;

/// What a node knows of the keys of one economy.
#[derive(Clone, Default)]
pub struct Known {
    version: u64,
    /// Since when, and whether in foreign hands.
    revoked: BTreeMap<KeyId, (Timestamp, bool)>,
    affirmed: BTreeSet<RecordId>,
}

/// What a node knows of the keys of all.
#[derive(Default)]
pub struct Keyrings {
    known: BTreeMap<EconomyId, Known>,
    /// Versions whose predecessors have not come.
    ahead: BTreeMap<(EconomyId, u64), Known>,
}

impl Keyrings {
    /// A version of an economy's keyring is believed; `handed`: by the economy itself, or by people.
    pub fn take(&mut self, economy: EconomyId, encoded: &[u8], handed: bool) {
        let verified = SignedKeyring::decode(encoded).and_then(|one| one.verify(Some(economy)));
        let Ok(verified) = verified else { return };
        let keyring = verified.keyring();
        let new = Known {
            version: keyring.version,
            revoked: keyring
                .revocations
                .iter()
                .map(|one| (one.key, (one.at, one.compromised)))
                .collect(),
            affirmed: keyring.affirmed.iter().copied().collect(),
        };
        let held = self.known.entry(economy).or_default();
        if new.version <= held.version {
            return;
        }
        if !handed && new.version > held.version + 1 {
            self.ahead.insert((economy, new.version), new);
            return;
        }
        *held = new;
        while let Some(next) = self.ahead.remove(&(economy, held.version + 1)) {
            *held = next;
        }
    }
}

impl Keyrings {
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
        let (ended, stolen) = known.revoked.get(&deed.author)?;
        // A keyring bears witness for itself.
        if deed.kind == Kind::Keyring {
            return None;
        }
        if *ended <= deed.signed_at {
            return Some("it was signed after its key had ended");
        }
        let late = *ended <= entered.at && !entered.by_origin;
        // What takes back holds though its key took leave.
        let retired = deed.kind == Kind::Withdrawal && !stolen;
        // Of what is its own and only restricts, a node believes its partners that it said so.
        let restricts = matches!(deed.kind, Kind::Withdrawal | Kind::Termination | Kind::Roster);
        let own = restricts && self.us == Some(deed.origin);
        (late && !own && !retired && !known.affirmed.contains(&deed.id))
            .then_some("it was first seen after its key had ended, and not from its origin")
    }
}
