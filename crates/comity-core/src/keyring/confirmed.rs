//! What the heads of one economy that were heard come to: whether the keyring that is held is confirmed.

use super::VerifiedKeyring;
use super::head::{Place, SignedHead, signs_heads};
use crate::digest::Digest;
use crate::identity::KeyId;
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
    /// It was confirmed for a time that is still to come: our clock was wrong, or is.
    #[error("keyring is confirmed for {0} alone, which is to come")]
    Ahead(Timestamp),
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
            Self::Ahead(at) => {
                format!("keyring of {name} is confirmed for {at} alone, which is to come")
            }
            Self::Awaited(place) => format!("keyring version {place} of {name} is awaited"),
            Self::Contradicted(place) => {
                format!("keyring version {place} of {name} is contradicted by its own word")
            }
        }
    }

    /// Whether its link may be in foreign hands as well: another keyring than the one here is known to exist, in
    /// which the key of the link may be revoked. Of an economy that is merely silent nothing is known.
    #[must_use]
    pub const fn doubts_link(&self) -> bool {
        match self {
            Self::Awaited(_) | Self::Contradicted(_) => true,
            Self::Since(_) | Self::Ahead(_) => false,
        }
    }
}

/// Whether a head has a date that is still to come: whoever wrote it, it says nothing of today.
fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at > now.saturating_add(limits::CLOCK_TOLERANCE)
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

    /// When time alone turns whether anything rests on it.
    pub fn turns(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let begins = match self {
            Self::At(at) | Self::Awaited { confirmed: at, .. } => {
                Some(at.saturating_sub(limits::CLOCK_TOLERANCE))
            }
            Self::Contradicted(_) => None,
        };
        begins.into_iter().chain(self.stale_from())
    }

    /// Why nothing may rest on it at `now`, if so.
    #[must_use]
    pub fn lacks(&self, now: Timestamp) -> Option<Unconfirmed> {
        let old = |at: Timestamp| {
            let stale = at.saturating_add(limits::HEAD_MAX_AGE) <= now;
            let ahead = is_ahead(at, now).then_some(Unconfirmed::Ahead(at));
            ahead.or_else(|| stale.then_some(Unconfirmed::Since(at)))
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
    /// Since when, by our clock, a newer keyring than the one that was held has been named without a break.
    named: Timestamp,
    /// Another keyring that was named for the same place, and the key that did.
    contested: Option<(KeyId, Digest)>,
    /// The last time of which it is known that nothing newer than what is held existed, if there is any.
    confirmed: Option<Timestamp>,
}

impl Heard {
    /// Begins with the first head of an economy, which was verified, and came at `came`.
    #[must_use]
    pub fn first(head: SignedHead, came: Timestamp) -> Self {
        Self { newest: head, named: came, contested: None, confirmed: None }
    }

    /// The newest, to be passed on.
    #[must_use]
    pub fn newest(&self) -> &SignedHead {
        &self.newest
    }

    /// Whether a head, once it is verified, says more than what was heard: of a newer keyring, of another one of
    /// the same place, or of the same one at a later time. What says no more need not be verified or kept.
    #[must_use]
    pub fn learns_from(&self, head: &SignedHead, held: &VerifiedKeyring, now: Timestamp) -> bool {
        let (new, known) = (head.head(), self.newest.head());
        if self.is_void(held) {
            return *head != self.newest;
        }
        if new.place != known.place {
            return new.place > known.place;
        }
        if new.digest != known.digest {
            return self.contested.is_none_or(|(key, _)| held.revocation(key).is_some());
        }
        // Under a clock that was ahead a date was taken in which would be the last for as long.
        let again = new.at >= known.at.saturating_add(limits::HEADS_EVERY);
        again || is_ahead(known.at, now) && new.at < known.at
    }

    /// Takes in a head that was verified, and came at `came`.
    pub fn hear(&mut self, head: SignedHead, held: &VerifiedKeyring, came: Timestamp) {
        let before = self.confirmation(held);
        if let Some(Confirmation::At(at)) = before {
            self.confirmed = Some(at);
        }
        // Of a time that is to come nothing is known, and nothing of when it was so last.
        self.confirmed =
            self.confirmed.map(|at| if is_ahead(at, came) { Timestamp::EPOCH } else { at });
        let (new, known) = (*head.head(), *self.newest.head());
        if self.is_void(held) || new.place > known.place {
            // What is awaited is awaited since anything was, and what was contradicted has no time left to come:
            // no word but the one that confirms opens what was closed.
            self.named = match before {
                Some(Confirmation::Awaited { .. }) => self.named.min(came),
                Some(Confirmation::Contradicted(_)) => Timestamp::EPOCH,
                Some(Confirmation::At(_)) | None => came,
            };
            (self.newest, self.contested) = (head, None);
        } else if new.place == known.place && new.digest != known.digest {
            self.contested = Some((head.key(), new.digest));
        } else if new.place == known.place && (new.at > known.at || is_ahead(known.at, came)) {
            // Under a clock that was ahead it was named at a time that is still to come.
            self.named = self.named.min(came);
            self.newest = head;
        }
    }

    /// What it comes to, where this keyring is held. `None`: of all that was claimed nothing is left.
    #[must_use]
    pub fn confirmation(&self, held: &VerifiedKeyring) -> Option<Confirmation> {
        let (known, here) = (self.newest.head(), Place::of(held));
        if self.is_void(held) {
            return self.confirmed.map(Confirmation::At);
        }
        if known.place > here {
            let from = self.named.saturating_add(limits::KEYRING_ON_ITS_WAY);
            // Before it was named, nobody was measured.
            let confirmed = self.confirmed.unwrap_or(self.named);
            return Some(Confirmation::Awaited { place: known.place, from, confirmed });
        }
        if self.contradicts(held) {
            return Some(Confirmation::Contradicted(here));
        }
        // What came after that head is newer than it: nothing between is missing.
        Some(Confirmation::At(self.confirmed.map_or(known.at, |at| at.max(known.at))))
    }

    /// Whether it claims something against the keyring that is held, and nothing of that by a key that may: then
    /// it was a thief who did. What it confirmed, it confirmed.
    fn is_void(&self, held: &VerifiedKeyring) -> bool {
        let (known, here) = (self.newest.head(), Place::of(held));
        let other = known.place == here && known.digest != held.digest();
        let claims = known.place > here || other;
        claims && !self.newest_counts(held) && !self.contradicts(held)
    }

    fn contradicts(&self, held: &VerifiedKeyring) -> bool {
        let known = self.newest.head();
        let other = |digest: Digest| digest != held.digest();
        let contested =
            |(key, digest): (KeyId, Digest)| other(digest) && held.revocation(key).is_none();
        known.place == Place::of(held)
            && (other(known.digest) && self.newest_counts(held)
                || self.contested.is_some_and(contested))
    }

    /// Whether the keyring that is held lets the newest claim what it does not know of. One that revokes its key
    /// comes after all that the key could know of, whatever date it wrote.
    fn newest_counts(&self, held: &VerifiedKeyring) -> bool {
        let key = self.newest.key();
        held.revocation(key).is_none() && signs_heads(held, key, self.newest.head().at)
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
        let confirmed = heard.confirmation(&economy.keyring).unwrap();
        assert_eq!(confirmed, Confirmation::At(at(0)));
        let last = at(0).saturating_add(limits::HEAD_MAX_AGE);
        assert_eq!(confirmed.stale_from(), Some(last));
        assert_eq!(confirmed.lacks(last.saturating_sub(Duration::from_millis(1))), None);
        assert_eq!(confirmed.lacks(last), Some(Unconfirmed::Since(at(0))));
        heard.hear(says(&economy, at(24)), &economy.keyring, at(24));
        assert_eq!(heard.confirmation(&economy.keyring).unwrap().lacks(last), None);
    }

    #[test]
    fn a_newer_keyring_is_awaited_and_confirmed_when_it_is_here() {
        let (before, after) = revoking();
        let mut heard = Heard::first(says(&before, at(0)), at(0));
        heard.hear(says(&after, at(24)), &before.keyring, at(25));
        let place = Place { rotations: 0, version: 2 };
        let from = at(25).saturating_add(limits::KEYRING_ON_ITS_WAY);
        let awaited = Confirmation::Awaited { place, from, confirmed: at(0) };
        assert_eq!(heard.confirmation(&before.keyring), Some(awaited));
        // It may be on its way; but not for long, and not past the fortnight.
        assert_eq!(awaited.lacks(from.saturating_sub(Duration::from_millis(1))), None);
        assert_eq!(awaited.lacks(from), Some(Unconfirmed::Awaited(place)));
        let late = Confirmation::Awaited { place, from: Timestamp::MAX, confirmed: at(0) };
        let stale = at(0).saturating_add(limits::HEAD_MAX_AGE);
        assert_eq!(late.lacks(stale), Some(Unconfirmed::Since(at(0))));
        assert_eq!((awaited.stale_from(), late.stale_from()), (Some(from), Some(stale)));
        // Whatever is said of the older one later.
        let again = says(&before, at(48));
        assert!(!heard.learns_from(&again, &before.keyring, at(48)));
        heard.hear(again, &before.keyring, at(48));
        assert_eq!(heard.confirmation(&before.keyring), Some(awaited));
        assert_eq!(heard.confirmation(&after.keyring), Some(Confirmation::At(at(24))));
    }

    /// A head from before a keyring says that nothing newer was missing then, and no more.
    #[test]
    fn a_keyring_that_came_later_is_as_confirmed_as_the_one_before_was() {
        let (before, after) = revoking();
        let heard = Heard::first(says(&before, at(0)), at(0));
        assert_eq!(heard.confirmation(&after.keyring), Some(Confirmation::At(at(0))));
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
            assert!(heard.learns_from(&two, &before.keyring, at(31)));
            heard.hear(two, &before.keyring, at(31));
            heard.hear(says(&before, at(72)), &before.keyring, at(72));
            let said = heard.confirmation(&before.keyring);
            assert_eq!(said, Some(Confirmation::Contradicted(place)));
            assert!(matches!(heard.confirmation(&after.keyring), Some(Confirmation::At(_))));
        }
    }

    /// The thief of the link key dates its claim as it likes; its economy ends the key at another time, as stolen
    /// or in the course of things.
    #[test]
    fn what_a_thief_claimed_is_void_when_the_key_is_revoked() {
        for (claimed, ended, compromised) in [(24, 12, true), (1, 12, false), (1, 12, true)] {
            let mut economy = TestEconomy::found(1).unwrap();
            let held = economy.keyring.clone();
            let mut heard = Heard::first(says(&economy, at(2)), at(2));
            let place = Place { rotations: 64, version: u64::MAX };
            let claim = DatedHead { place, ..DatedHead::of(&held, at(claimed)) };
            heard.hear(claim.sign(&economy.link), &held, at(24));
            let awaited = |heard: &Heard| {
                matches!(heard.confirmation(&held), Some(Confirmation::Awaited { .. }))
            };
            assert!(awaited(&heard));
            let link = economy.link.clone();
            economy.revoke(&link, at(ended), compromised).unwrap();
            let confirmed = |heard: &Heard| heard.confirmation(&economy.keyring);
            assert_eq!(confirmed(&heard), Some(Confirmation::At(at(2))));
            // And the next word takes its place, of whatever version.
            let next = SecretKey::from_seed(&[9; 32]);
            let next = DatedHead::of(&economy.keyring, at(30)).sign(&next);
            assert!(heard.learns_from(&next, &economy.keyring, at(30)));
            heard.hear(next, &economy.keyring, at(30));
            assert_eq!(confirmed(&heard), Some(Confirmation::At(at(30))));
        }
    }

    /// Where nothing but a thief's claim was ever heard, nothing was confirmed, and nobody is measured.
    #[test]
    fn a_claim_that_is_void_confirms_nothing() {
        let mut economy = TestEconomy::found(1).unwrap();
        let place = Place { rotations: 0, version: 9 };
        let claim = DatedHead { place, ..DatedHead::of(&economy.keyring, at(24)) };
        let heard = Heard::first(claim.sign(&economy.link), at(24));
        let from = at(24).saturating_add(limits::KEYRING_ON_ITS_WAY);
        let said = heard.confirmation(&economy.keyring).unwrap();
        assert!(said.lacks(at(24)).is_none() && said.lacks(from).is_some());
        let link = economy.link.clone();
        economy.revoke(&link, at(30), false).unwrap();
        assert_eq!(heard.confirmation(&economy.keyring), None);
    }

    #[test]
    fn who_contradicted_by_a_key_that_is_revoked_contradicts_no_more() {
        let mut economy = TestEconomy::found(1).unwrap();
        let link = economy.link.clone();
        economy.revoke(&link, at(1), false).unwrap();
        let next = SecretKey::from_seed(&[9; 32]);
        let held = &economy.keyring;
        let mut heard = Heard::first(DatedHead::of(held, at(2)).sign(&next), at(2));
        let other = DatedHead { digest: Digest([5; 32]), ..DatedHead::of(held, at(3)) };
        heard.hear(other.sign(&link), held, at(3));
        assert_eq!(heard.confirmation(held), Some(Confirmation::At(at(2))));
        heard.hear(other.sign(&next), held, at(3));
        let place = Place::of(held);
        assert_eq!(heard.confirmation(held), Some(Confirmation::Contradicted(place)));
    }

    /// A relay that holds a keyring back lets another one be named when it likes: the time in which a keyring may
    /// be on its way does not begin anew.
    #[test]
    fn nothing_that_is_named_opens_what_is_closed() {
        let (before, _) = revoking();
        let held = &before.keyring;
        let names = |version, hours, digest| {
            let place = Place { rotations: 0, version };
            DatedHead { place, digest, ..DatedHead::of(held, at(hours)) }.sign(&before.link)
        };
        let closed = |heard: &Heard, now| heard.confirmation(held).unwrap().lacks(now).is_some();
        let mut heard = Heard::first(says(&before, at(0)), at(0));
        heard.hear(names(2, 24, Digest([2; 32])), held, at(24));
        assert!(!closed(&heard, at(24)) && closed(&heard, at(25)));
        heard.hear(names(3, 25, Digest([3; 32])), held, at(25));
        assert!(closed(&heard, at(25)));
        // Nor where it was contradicted.
        let mut heard = Heard::first(says(&before, at(0)), at(0));
        heard.hear(names(1, 1, Digest([1; 32])), held, at(1));
        assert!(closed(&heard, at(1)));
        heard.hear(names(2, 2, Digest([2; 32])), held, at(2));
        assert!(closed(&heard, at(2)));
    }

    /// A clock that was ahead took in a head of next year; now it is right.
    #[test]
    fn a_word_of_the_future_says_nothing_until_then() {
        let (economy, _) = revoking();
        let held = &economy.keyring;
        let year = 365 * 24;
        let mut heard = Heard::first(says(&economy, at(year)), at(year));
        let said = heard.confirmation(held).unwrap();
        assert_eq!(said.lacks(at(0)), Some(Unconfirmed::Ahead(at(year))));
        assert_eq!(said.lacks(at(year)), None);
        let turns = at(year).saturating_sub(limits::CLOCK_TOLERANCE);
        assert_eq!(said.lacks(turns), None);
        assert!(said.turns().any(|at| at == turns));
        let today = says(&economy, at(1));
        assert!(!heard.learns_from(&today, held, at(year)));
        assert!(heard.learns_from(&today, held, at(1)));
        heard.hear(today, held, at(1));
        assert_eq!(heard.confirmation(held), Some(Confirmation::At(at(1))));
        assert!(heard.learns_from(&says(&economy, at(2)), held, at(2)));
    }

    /// Under a clock that was ahead a newer keyring was named, once more under one that is right.
    #[test]
    fn what_was_named_in_a_time_to_come_is_awaited_since_it_was_named_again() {
        let (before, after) = revoking();
        let held = &before.keyring;
        let mut heard = Heard::first(says(&before, at(0)), at(0));
        heard.hear(says(&after, at(1)), held, at(365 * 24));
        heard.hear(says(&after, at(2)), held, at(2));
        let awaited = heard.confirmation(held).unwrap();
        assert!(awaited.lacks(at(2)).is_none() && awaited.lacks(at(3)).is_some());
    }

    #[test]
    fn the_same_word_counts_once_an_hour() {
        let (economy, _) = revoking();
        let heard = Heard::first(says(&economy, at(1)), at(1));
        let learns = |hours| heard.learns_from(&says(&economy, at(hours)), &economy.keyring, at(3));
        assert!(!learns(0) && !learns(1) && learns(2));
        let soon = says(&economy, at(2).saturating_sub(Duration::from_millis(1)));
        assert!(!heard.learns_from(&soon, &economy.keyring, at(2)));
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
                let (word_head, came) = (head(word), at(word.0));
                let lacks = |heard: &Heard| {
                    heard.confirmation(held).and_then(|said| said.lacks(came)).is_some()
                };
                let (known, closed) = (*heard.newest().head(), lacks(&heard));
                if heard.learns_from(&word_head, held, came) {
                    heard.hear(word_head, held, came);
                }
                let confirms = word.1 <= known.place.version && word.2 == 0;
                prop_assert!(!closed || confirms || lacks(&heard), "{word:?} opens what was closed");
                latest = latest.max(word.0);
                newer |= word.1 > 1;
                contradicted |= word.1 == 1 && word.2 > 0;
            }
            match heard.confirmation(held) {
                Some(Confirmation::At(time)) => {
                    prop_assert!(time <= at(latest) && !newer && !contradicted);
                }
                Some(Confirmation::Awaited { place, .. }) => {
                    prop_assert!(newer && place.version > 1);
                }
                Some(Confirmation::Contradicted(_)) => prop_assert!(contradicted && !newer),
                None => prop_assert!(false, "a key that may said all of it"),
            }
        }
    }
}
