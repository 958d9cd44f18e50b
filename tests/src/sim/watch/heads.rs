//! What an economy says daily of its keyring, and what must not go by it: a few sure cases of the rules of the
//! specification, which share no code with them.

use std::collections::BTreeMap;
use std::time::Duration;

use comity_core::keyring::{DatedHead, SignedHead};
use comity_core::{EconomyId, KeyId, Timestamp};

use super::circle::SILENCE;
use super::keyrings::Keyrings;

/// So long a newer keyring may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(10 * 60);

/// The heads that a node took in.
#[derive(Default)]
pub struct Heads {
    heard: BTreeMap<EconomyId, Vec<Heard>>,
}

struct Heard {
    head: DatedHead,
    key: KeyId,
    came: Timestamp,
}

impl Heard {
    fn place(&self) -> (u64, u64) {
        (self.head.place.rotations, self.head.place.version)
    }
}

impl Heads {
    /// One was taken in.
    pub fn take(&mut self, signed: &[u8], came: Timestamp) {
        let Ok(signed) = SignedHead::decode(signed) else { return };
        let (head, key) = (*signed.head(), signed.key());
        self.heard.entry(head.economy).or_default().push(Heard { head, key, came });
    }

    /// Why nothing of an economy goes to anybody now, if so.
    #[must_use]
    pub fn hold_back(
        &self,
        economy: &EconomyId,
        keyrings: &Keyrings,
        now: Timestamp,
    ) -> Option<&'static str> {
        let heard = self.heard.get(economy)?;
        let (here, digest) = keyrings.place(economy)?;
        // Of whom nothing was heard but what a thief claimed, nothing was heard.
        let confirms = |one: &Heard| one.place() < here || one.head.digest == digest;
        if !heard.iter().any(confirms) {
            return self.doubt(economy, keyrings, now);
        }
        let last = heard.iter().map(|one| one.head.at).max()?;
        if last.saturating_add(SILENCE) <= now {
            return Some("its origin has been silent about its keyring for too long");
        }
        self.doubt(economy, keyrings, now)
    }

    /// Why the keyring that is held may not be the newest, by heads whose keys all count, if so.
    #[must_use]
    pub fn doubt(
        &self,
        economy: &EconomyId,
        keyrings: &Keyrings,
        now: Timestamp,
    ) -> Option<&'static str> {
        let (here, digest) = keyrings.place(economy)?;
        let heard = self.heard.get(economy)?;
        let claims =
            |one: &&Heard| one.place() > here || (one.place() == here && one.head.digest != digest);
        let claims: Vec<_> = heard.iter().filter(claims).collect();
        if !claims.iter().all(|one| keyrings.links_with(economy, one.key)) {
            return None;
        }
        let newest = claims.iter().map(|one| one.place()).max()?;
        if newest == here {
            return Some("what it says of its keyring is contradicted");
        }
        let last = claims.iter().map(|one| one.came).max()?;
        let late = last.saturating_add(ON_ITS_WAY) <= now;
        late.then_some("a newer keyring of it is kept from the sender")
    }
}

#[cfg(test)]
mod tests {
    use comity_core::Digest;
    use comity_core::keyring::{KeyringBuilder, Revocation};

    use super::*;
    use crate::sim::economy::Economy;
    use crate::sim::world::START;

    #[test]
    fn nothing_is_believed_of_who_is_silent_or_contradicts_itself_until_the_key_ends() {
        let by = Economy::found(2);
        let after = |time: Duration| START.saturating_add(time);
        let mut keyrings = Keyrings::default();
        keyrings.take(by.id, by.keyring.encoded(), true);
        let held = |heads: &Heads, keyrings: &Keyrings, time| {
            heads.hold_back(&by.id, keyrings, after(time)).is_some()
        };
        let soon = Duration::from_millis(1);
        assert!(!held(&Heads::default(), &keyrings, SILENCE), "who never said anything");
        let word = DatedHead::of(&by.keyring, START);
        let hear = |head: DatedHead| {
            let mut heads = Heads::default();
            heads.take(&word.sign(&by.link).encode(), START);
            heads.take(&head.sign(&by.link).encode(), START);
            heads
        };
        let silent = hear(word);
        assert!(!held(&silent, &keyrings, SILENCE - soon) && held(&silent, &keyrings, SILENCE));
        let contradicted = hear(DatedHead { digest: Digest([9; 32]), ..word });
        let mut later = DatedHead { digest: Digest([9; 32]), ..word };
        later.place.version += 1;
        let awaited = hear(later);
        assert!(held(&contradicted, &keyrings, Duration::ZERO));
        assert!(!held(&awaited, &keyrings, ON_ITS_WAY - soon));
        assert!(held(&awaited, &keyrings, ON_ITS_WAY));
        let stolen = Revocation { key: by.link.id(), at: START, compromised: true };
        let next = KeyringBuilder::follow(&by.keyring).revoke(stolen).sign(&[&by.root]);
        keyrings.take(by.id, next.expect("its own root").encoded(), true);
        assert!(!held(&contradicted, &keyrings, Duration::ZERO));
        assert!(!held(&awaited, &keyrings, ON_ITS_WAY));
    }
}
