//! What the heads of one economy that were heard come to: whether the keyring that is held is confirmed.

use super::VerifiedKeyring;
use super::head::{Place, SignedHead, signs_heads};
use crate::limits;
use crate::time::Timestamp;

/// What an economy's heads say of the keyring that is held of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confirmation {
    /// At this time there was none newer.
    At(Timestamp),
    /// There is a newer one, which is not here.
    Awaited {
        /// Which.
        place: Place,
        /// From when on it is no longer on its way: it is kept from us.
        from: Timestamp,
        /// When there was none newer than the one here, for all that was heard.
        confirmed: Timestamp,
    },
    /// It names another keyring of the very place that the one here has.
    Contradicted(Place),
}

/// Why a keyring is not one on which anything new may rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Unconfirmed {
    /// Its economy has said nothing of it since.
    #[error("keyring has not been confirmed since {0}")]
    Since(Timestamp),
    /// A newer one exists, and is not here.
    #[error("keyring version {0} is awaited")]
    Awaited(Place),
    /// Two keyrings are said to have one place.
    #[error("keyring version {0} is contradicted by its economy's own word")]
    Contradicted(Place),
}

impl Unconfirmed {
    /// The same, of an economy with this name.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        match self {
            Self::Since(at) => format!("keyring of {name} has not been confirmed since {at}"),
            Self::Awaited(place) => format!("keyring version {place} of {name} is awaited"),
            Self::Contradicted(place) => {
                format!("keyring version {place} of {name} is contradicted by its own word")
            }
        }
    }
}

impl Confirmation {
    /// From when on nothing rests on it, unless its economy says a word before; of one that is contradicted
    /// nothing does.
    #[must_use]
    pub fn stale_from(&self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at.saturating_add(limits::HEAD_MAX_AGE)),
            Self::Awaited { from, confirmed, .. } => {
                Some(confirmed.saturating_add(limits::HEAD_MAX_AGE).min(*from))
            }
            Self::Contradicted(_) => None,
        }
    }

    /// Why nothing may rest on it at `now`, if so.
    #[must_use]
    pub fn lacks(&self, now: Timestamp) -> Option<Unconfirmed> {
        let old = |at: Timestamp| {
            let stale = at.saturating_add(limits::HEAD_MAX_AGE) <= now;
            stale.then_some(Unconfirmed::Since(at))
        };
        match *self {
            Self::At(at) => old(at),
            Self::Awaited { place, from, .. } if from <= now => Some(Unconfirmed::Awaited(place)),
            Self::Awaited { confirmed, .. } => old(confirmed),
            Self::Contradicted(place) => Some(Unconfirmed::Contradicted(place)),
        }
    }
}

/// What was heard of one economy: the head that names the newest keyring, and nothing before it.
///
/// Fold it from the journal, in order, each head with the keyring that was held then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    newest: SignedHead,
    /// When that keyring was named first, by our clock.
    named: Timestamp,
    /// Whether another head named another keyring of the same place.
    contested: bool,
    /// The last time of which it is known that nothing newer than what is held existed.
    confirmed: Timestamp,
}

impl Heard {
    /// Begins with the first head of an economy, which was verified, and came at `came`.
    #[must_use]
    pub fn first(head: SignedHead, came: Timestamp) -> Self {
        let confirmed = head.head().at;
        Self { newest: head, named: came, contested: false, confirmed }
    }

    /// The newest, to be passed on.
    #[must_use]
    pub fn newest(&self) -> &SignedHead {
        &self.newest
    }

    /// Whether a head, once it is verified, says more than what was heard: of a newer keyring, of another one of
    /// the same place, or of the same one at a later time. What says no more need not be verified or kept.
    #[must_use]
    pub fn learns_from(&self, head: &SignedHead, held: &VerifiedKeyring) -> bool {
        let (new, known) = (head.head(), self.newest.head());
        if self.is_void(held) {
            return *head != self.newest;
        }
        let again = new.at >= known.at.saturating_add(limits::HEADS_EVERY);
        let other = new.digest != known.digest;
        new.place > known.place
            || new.place == known.place && if other { !self.contested } else { again }
    }

    /// Takes in a head that was verified, and came at `came`.
    pub fn hear(&mut self, head: SignedHead, held: &VerifiedKeyring, came: Timestamp) {
        if let Confirmation::At(at) = self.confirmation(held) {
            self.confirmed = at;
        }
        let (new, known) = (*head.head(), *self.newest.head());
        if self.is_void(held) || new.place > known.place {
            (self.newest, self.named, self.contested) = (head, came, false);
        } else if new.place == known.place && new.digest != known.digest {
            self.contested = true;
        } else if new.place == known.place && new.at > known.at {
            self.newest = head;
        }
    }

    /// What it comes to, where this keyring is held.
    #[must_use]
    pub fn confirmation(&self, held: &VerifiedKeyring) -> Confirmation {
        let (known, here) = (self.newest.head(), Place::of(held));
        if self.is_void(held) {
            return Confirmation::At(self.confirmed);
        }
        if known.place > here {
            let from = self.named.saturating_add(limits::KEYRING_ON_ITS_WAY);
            return Confirmation::Awaited { place: known.place, from, confirmed: self.confirmed };
        }
        if self.contradicts(held) {
            return Confirmation::Contradicted(here);
        }
        // What came after that head is newer than it: nothing between is missing.
        Confirmation::At(self.confirmed.max(known.at))
    }

    /// Whether it claims something against the keyring that is held, by a key that this keyring lets sign no
    /// heads: then it was a thief who did. What it confirmed, it confirmed.
    fn is_void(&self, held: &VerifiedKeyring) -> bool {
        let known = self.newest.head();
        let claims = known.place > Place::of(held) || self.contradicts(held);
        claims && !signs_heads(held, self.newest.key(), known.at)
    }

    fn contradicts(&self, held: &VerifiedKeyring) -> bool {
        let known = self.newest.head();
        known.place == Place::of(held) && (self.contested || known.digest != held.digest())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;
    use crate::keyring::DatedHead;
    use crate::sign::SecretKey;
    use crate::test_util::TestEconomy;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const AN_HOUR: Duration = Duration::from_secs(60 * 60);

    fn at(hours: u32) -> Timestamp {
        NOW.saturating_add(AN_HOUR * hours)
    }

    fn says(economy: &TestEconomy, at: Timestamp) -> SignedHead {
        DatedHead::of(&economy.keyring, at).sign(&economy.link)
    }

    /// An economy, and the same after it has revoked its author's key.
    fn revoking() -> (TestEconomy, TestEconomy) {
        let before = TestEconomy::found(1).unwrap();
        let mut after = TestEconomy::found(1).unwrap();
        let author = after.author.clone();
        after.revoke(&author, NOW, true).unwrap();
        (before, after)
    }

    #[test]
    fn a_keyring_is_confirmed_for_a_fortnight() {
        let (economy, _) = revoking();
        let mut heard = Heard::first(says(&economy, at(0)), at(0));
        let confirmed = heard.confirmation(&economy.keyring);
        assert_eq!(confirmed, Confirmation::At(at(0)));
        let last = at(0).saturating_add(limits::HEAD_MAX_AGE);
        assert_eq!(confirmed.stale_from(), Some(last));
        assert_eq!(confirmed.lacks(last.saturating_sub(Duration::from_millis(1))), None);
        assert_eq!(confirmed.lacks(last), Some(Unconfirmed::Since(at(0))));
        heard.hear(says(&economy, at(24)), &economy.keyring, at(24));
        assert_eq!(heard.confirmation(&economy.keyring).lacks(last), None);
    }

    #[test]
    fn a_newer_keyring_is_awaited_and_confirmed_when_it_is_here() {
        let (before, after) = revoking();
        let mut heard = Heard::first(says(&before, at(0)), at(0));
        heard.hear(says(&after, at(24)), &before.keyring, at(25));
        let place = Place { rotations: 0, version: 2 };
        let from = at(25).saturating_add(limits::KEYRING_ON_ITS_WAY);
        let awaited = Confirmation::Awaited { place, from, confirmed: at(0) };
        assert_eq!(heard.confirmation(&before.keyring), awaited);
        // It may be on its way; but not for long, and not past the fortnight.
        assert_eq!(awaited.lacks(from.saturating_sub(Duration::from_millis(1))), None);
        assert_eq!(awaited.lacks(from), Some(Unconfirmed::Awaited(place)));
        let late = Confirmation::Awaited { place, from: Timestamp::MAX, confirmed: at(0) };
        let stale = at(0).saturating_add(limits::HEAD_MAX_AGE);
        assert_eq!(late.lacks(stale), Some(Unconfirmed::Since(at(0))));
        assert_eq!((awaited.stale_from(), late.stale_from()), (Some(from), Some(stale)));
        // Whatever is said of the older one later.
        let again = says(&before, at(48));
        assert!(!heard.learns_from(&again, &before.keyring));
        heard.hear(again, &before.keyring, at(48));
        assert_eq!(heard.confirmation(&before.keyring), awaited);
        assert_eq!(heard.confirmation(&after.keyring), Confirmation::At(at(24)));
    }

    /// A head from before a keyring says that nothing newer was missing then, and no more.
    #[test]
    fn a_keyring_that_came_later_is_as_confirmed_as_the_one_before_was() {
        let (before, after) = revoking();
        let heard = Heard::first(says(&before, at(0)), at(0));
        assert_eq!(heard.confirmation(&after.keyring), Confirmation::At(at(0)));
    }

    #[test]
    fn two_keyrings_of_one_version_are_a_contradiction_until_a_later_one_is_here() {
        let (before, after) = revoking();
        let other = DatedHead { digest: Digest([5; 32]), ..DatedHead::of(&before.keyring, at(24)) };
        let other = other.sign(&before.link);
        let place = Place { rotations: 0, version: 1 };
        // Whichever of the two was heard first, and however often the one here is named after it.
        for order in [[says(&before, at(0)), other.clone()], [other, says(&before, at(30))]] {
            let [one, two] = order;
            let mut heard = Heard::first(one, at(30));
            assert!(heard.learns_from(&two, &before.keyring));
            heard.hear(two, &before.keyring, at(31));
            heard.hear(says(&before, at(72)), &before.keyring, at(72));
            assert_eq!(heard.confirmation(&before.keyring), Confirmation::Contradicted(place));
            assert!(matches!(heard.confirmation(&after.keyring), Confirmation::At(_)));
        }
    }

    #[test]
    fn what_a_thief_claimed_is_void_when_the_key_is_revoked() {
        let mut economy = TestEconomy::found(1).unwrap();
        let held = economy.keyring.clone();
        let mut heard = Heard::first(says(&economy, at(0)), at(0));
        let place = Place { rotations: 0, version: u64::MAX };
        let claim = DatedHead { place, ..DatedHead::of(&held, at(24)) }.sign(&economy.link);
        heard.hear(claim, &held, at(24));
        assert!(matches!(heard.confirmation(&held), Confirmation::Awaited { .. }));
        let link = economy.link.clone();
        economy.revoke(&link, at(12), true).unwrap();
        assert_eq!(heard.confirmation(&economy.keyring), Confirmation::At(at(0)));
        // And the next word takes its place, of whatever version.
        let next = DatedHead::of(&economy.keyring, at(30)).sign(&SecretKey::from_seed(&[9; 32]));
        assert!(heard.learns_from(&next, &economy.keyring));
        heard.hear(next, &economy.keyring, at(30));
        assert_eq!(heard.confirmation(&economy.keyring), Confirmation::At(at(30)));
    }

    #[test]
    fn the_same_word_counts_once_an_hour() {
        let (economy, _) = revoking();
        let heard = Heard::first(says(&economy, at(1)), at(1));
        let learns = |hours| heard.learns_from(&says(&economy, at(hours)), &economy.keyring);
        assert!(!learns(0) && !learns(1) && learns(2));
        let soon = says(&economy, at(2).saturating_sub(Duration::from_millis(1)));
        assert!(!heard.learns_from(&soon, &economy.keyring));
    }

    proptest! {
        /// Whatever is heard, in whatever order: nothing is confirmed for a later time than a head has that
        /// names no newer keyring than the one held, and never more than all of them say.
        #[test]
        fn no_head_confirms_more_than_it_says(
            words in vec((0_u32..2000, 1_u64..4, 0_u8..2), 1..12),
        ) {
            let (before, _) = revoking();
            let held = &before.keyring;
            let head = |(hours, version, other): (u32, u64, u8)| {
                let place = Place { rotations: 0, version };
                let digest = if other > 0 { Digest([7; 32]) } else { held.digest() };
                DatedHead { place, digest, ..DatedHead::of(held, at(hours)) }.sign(&before.link)
            };
            let mut words = words.into_iter();
            let first = words.next().unwrap_or_default();
            let (mut latest, mut newer) = (first.0, first.1 > 1);
            let mut contradicted = first.1 == 1 && first.2 > 0;
            let mut heard = Heard::first(head(first), at(0));
            for word in words {
                let word_head = head(word);
                if heard.learns_from(&word_head, held) {
                    heard.hear(word_head, held, at(word.0));
                }
                latest = latest.max(word.0);
                newer |= word.1 > 1;
                contradicted |= word.1 == 1 && word.2 > 0;
            }
            match heard.confirmation(held) {
                Confirmation::At(time) => {
                    prop_assert!(time <= at(latest) && !newer && !contradicted);
                }
                Confirmation::Awaited { place, .. } => prop_assert!(newer && place.version > 1),
                Confirmation::Contradicted(_) => prop_assert!(contradicted && !newer),
            }
        }
    }
}
