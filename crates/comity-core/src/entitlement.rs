//! Whether a record's author was entitled to sign it.

use crate::keyring::{Fork, Grant, KeyringHistory, Revocation, Role, VerifiedKeyring};
use crate::limits;
use crate::marking::Tlp;
use crate::record::Manifest;
use crate::time::Timestamp;

/// How and when a record was first seen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstSeen {
    /// When, by our clock.
    pub at: Timestamp,
    /// Over which way.
    pub way: Way,
}

/// The way by which a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From its origin itself, over a link whose key is currently granted; or our own.
    FromOrigin,
    /// Through somebody else: a relay, a file.
    Relayed,
}

impl FirstSeen {
    /// From the origin itself, over its authenticated link.
    #[must_use]
    pub fn from_origin(at: Timestamp) -> Self {
        Self { at, way: Way::FromOrigin }
    }

    /// Through somebody else.
    #[must_use]
    pub fn relayed(at: Timestamp) -> Self {
        Self { at, way: Way::Relayed }
    }
}

/// What becomes of a record whose signature verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entitlement {
    /// It counts.
    Accepted,
    /// It is stored, and judged again when what it waits for has come.
    Pending(Wait),
    /// It is stored apart, for a person to judge.
    Quarantined(Doubt),
    /// It is not accepted, and never will be under this keyring.
    Refused(Refusal),
}

/// What a pending record waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wait {
    /// The origin's keyring.
    #[error("origin is not known yet")]
    UnknownOrigin,
    /// A keyring version that grants the author anything: it may be in transit.
    #[error("author's key is not in the keyring yet")]
    UnknownKey,
    /// Our clock: signed further ahead than [`limits::CLOCK_TOLERANCE`].
    #[error("signed ahead of time: waits until {0}")]
    SignedAhead(Timestamp),
}

/// Why a record is in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// First seen after the key's last grant ended, through somebody else: it may be backdated.
    #[error("first seen after the author's key had ended, and not from the origin")]
    KeyEnded,
    /// First seen after the key was revoked, through somebody else.
    #[error("first seen after the author's key was revoked, and not from the origin")]
    KeyRevoked,
    /// First seen after the key was compromised, through somebody else.
    #[error("first seen after the author's key was compromised, and not from the origin")]
    KeyCompromised,
    /// The origin's keyring contradicts itself.
    #[error("origin is frozen: {0}")]
    Forked(Fork),
}

/// Why a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The key is granted to something else than signing records.
    #[error("author's key is not granted for signing records")]
    NotAnAuthor,
    /// Signed before the first grant or after the last one.
    #[error("signed at a time for which the author's key was not granted")]
    NotGrantedThen,
    /// Signed after the key was revoked.
    #[error("signed after the author's key was revoked")]
    SignedAfterRevocation,
    /// The grants do not include the kind.
    #[error("author's key is not granted for this kind of record")]
    Kind,
    /// The grants do not reach up to the marking.
    #[error("author's key is not granted up to this marking")]
    Marking,
    /// The keyring is another economy's: a mistake of the caller.
    #[error("record and keyring are of different economies")]
    OtherEconomy,
}

/// Judges the author of `manifest`, whose signature was verified, by the keyring held of its origin.
///
/// The record counts if the author was granted for that kind and marking when it signed. As the
/// signer states that time itself, a record first seen after the key had ended or was compromised
/// counts only from the origin itself. Call it again when a keyring comes: with the time at which the
/// record was *first* seen, so that a compromise declared later reaches what came in between.
///
/// Parts may be marked more strictly than the manifest's floor: see [`author_ceiling`]. A `keyring`
/// record bears witness for itself: judge it by the keyring that it carries.
#[must_use]
pub fn entitlement(
    keyring: Option<&VerifiedKeyring>,
    manifest: &Manifest,
    first_seen: FirstSeen,
    now: Timestamp,
) -> Entitlement {
    let Some(keyring) = keyring else {
        return Entitlement::Pending(Wait::UnknownOrigin);
    };
    if keyring.economy() != manifest.origin {
        return Entitlement::Refused(Refusal::OtherEconomy);
    }
    if manifest.signed_at > now.saturating_add(limits::CLOCK_TOLERANCE) {
        let due = manifest.signed_at.saturating_sub(limits::CLOCK_TOLERANCE);
        return Entitlement::Pending(Wait::SignedAhead(due));
    }
    if keyring.grants_of(manifest.author).next().is_none() {
        return Entitlement::Pending(Wait::UnknownKey);
    }
    let revocation = keyring.revocation(manifest.author);
    if let Err(refusal) = at_signing(keyring, revocation, manifest) {
        return Entitlement::Refused(refusal);
    }
    match (doubt(keyring, revocation, manifest, first_seen.at), first_seen.way) {
        (Some(doubt), Way::Relayed) => Entitlement::Quarantined(doubt),
        (Some(_), Way::FromOrigin) | (None, Way::FromOrigin | Way::Relayed) => {
            Entitlement::Accepted
        }
    }
}

/// The strictest marking that the author may give to a part of this record; `None` when it may not
/// sign the record at all.
#[must_use]
pub fn author_ceiling(keyring: &VerifiedKeyring, manifest: &Manifest) -> Option<Tlp> {
    let revoked = keyring
        .revocation(manifest.author)
        .is_some_and(|revocation| revocation.at <= manifest.signed_at);
    if revoked || keyring.economy() != manifest.origin {
        return None;
    }
    covering(keyring, manifest)
        .filter(|grant| grant.kinds.contains(&manifest.kind))
        .map(|grant| grant.ceiling)
        .max()
}

impl KeyringHistory {
    /// As [`entitlement`] by the keyring held; while the economy is frozen, in quarantine whatever
    /// the keyring would say.
    #[must_use]
    pub fn entitlement(
        &self,
        manifest: &Manifest,
        first_seen: FirstSeen,
        now: Timestamp,
    ) -> Entitlement {
        match self.fork() {
            Some(fork) => Entitlement::Quarantined(Doubt::Forked(fork)),
            None => entitlement(Some(self.current()), manifest, first_seen, now),
        }
    }
}

/// The author's grants to sign records that were in force when this one was signed.
fn covering<'a>(
    keyring: &'a VerifiedKeyring,
    manifest: &'a Manifest,
) -> impl Iterator<Item = &'a Grant> {
    keyring
        .grants_of(manifest.author)
        .filter(|grant| grant.covers(Role::Author, manifest.signed_at))
}

/// The first of the conditions that no grant meets; one grant must meet them all.
fn at_signing(
    keyring: &VerifiedKeyring,
    revocation: Option<&Revocation>,
    manifest: &Manifest,
) -> Result<(), Refusal> {
    if !keyring.grants_of(manifest.author).any(|grant| grant.role == Role::Author) {
        return Err(Refusal::NotAnAuthor);
    }
    if revocation.is_some_and(|revocation| revocation.at <= manifest.signed_at) {
        return Err(Refusal::SignedAfterRevocation);
    }
    let mut refusal = Refusal::NotGrantedThen;
    for grant in covering(keyring, manifest) {
        match (grant.kinds.contains(&manifest.kind), manifest.floor.tlp <= grant.ceiling) {
            (true, true) => return Ok(()),
            (true, false) => refusal = Refusal::Marking,
            (false, _) if refusal == Refusal::NotGrantedThen => refusal = Refusal::Kind,
            (false, _) => {}
        }
    }
    Err(refusal)
}

/// Whether the key had ended when the record was first seen.
fn doubt(
    keyring: &VerifiedKeyring,
    revocation: Option<&Revocation>,
    manifest: &Manifest,
    first_seen: Timestamp,
) -> Option<Doubt> {
    match revocation.filter(|revocation| revocation.at <= first_seen) {
        Some(Revocation { compromised: true, .. }) => Some(Doubt::KeyCompromised),
        Some(_) => Some(Doubt::KeyRevoked),
        None => {
            // A key whose grant was renewed has not ended, whichever of the grants covers the record.
            let still_granted = keyring
                .grants_of(manifest.author)
                .any(|grant| grant.role == Role::Author && first_seen < grant.until);
            (!still_granted).then_some(Doubt::KeyEnded)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::keyring::KeyringBuilder;
    use crate::marking::Marking;
    use crate::sign::SecretKey;
    use crate::test_util::TestEconomy;
    use crate::vocabulary::{Kind, State, Urgency};
    use crate::{EconomyId, KeyId};

    const DAY: Duration = Duration::from_secs(86_400);

    fn day(number: u32) -> Timestamp {
        TestEconomy::FROM.saturating_add(DAY * number)
    }

    /// An AMBER incident of `origin`.
    fn incident(origin: EconomyId, author: KeyId, signed_at: Timestamp) -> Manifest {
        Manifest {
            kind: Kind::Incident,
            state: State::Final,
            origin,
            author,
            signed_at,
            urgency: Urgency::Routine,
            floor: Marking::new(Tlp::Amber),
            addressed: false,
            supersedes: Vec::new(),
            parts: Vec::new(),
            body: None,
            unknown: false,
        }
    }

    /// Author 50 may sign incidents up to AMBER, from day 10 to day 20.
    fn world() -> (TestEconomy, VerifiedKeyring, SecretKey) {
        let economy = TestEconomy::found(1).unwrap();
        let author = SecretKey::from_seed(&[50; 32]);
        let keyring = with_grant(&economy.keyring, &economy, &author, Tlp::Amber, 10..20);
        (economy, keyring, author)
    }

    fn with_grant(
        keyring: &VerifiedKeyring,
        economy: &TestEconomy,
        author: &SecretKey,
        ceiling: Tlp,
        days: std::ops::Range<u32>,
    ) -> VerifiedKeyring {
        let (from, until) = (day(days.start), day(days.end));
        let kinds = [Kind::Incident];
        let grant = Grant::author(economy.id(), author.public(), kinds, ceiling, from, until);
        KeyringBuilder::follow(keyring).grant(grant).sign(&[&economy.root]).unwrap()
    }

    fn revoked(
        keyring: &VerifiedKeyring,
        economy: &TestEconomy,
        author: &SecretKey,
        on: u32,
        compromised: bool,
    ) -> VerifiedKeyring {
        KeyringBuilder::follow(keyring)
            .revoke(Revocation { key: author.id(), at: day(on), compromised })
            .sign(&[&economy.root])
            .unwrap()
    }

    #[test]
    fn a_granted_author_counts_whoever_brings_the_record() {
        let (economy, keyring, author) = world();
        let manifest = incident(economy.id(), author.id(), day(12));
        for seen in [FirstSeen::relayed(day(13)), FirstSeen::from_origin(day(13))] {
            let judged = entitlement(Some(&keyring), &manifest, seen, day(13));
            assert_eq!(judged, Entitlement::Accepted);
        }
    }

    #[test]
    fn unknown_origins_and_keys_wait() {
        let (economy, keyring, author) = world();
        let manifest = incident(economy.id(), author.id(), day(12));
        let seen = FirstSeen::from_origin(day(13));
        assert_eq!(
            entitlement(None, &manifest, seen, day(13)),
            Entitlement::Pending(Wait::UnknownOrigin)
        );
        // The version that grants the key is in transit.
        assert_eq!(
            entitlement(Some(&economy.keyring), &manifest, seen, day(13)),
            Entitlement::Pending(Wait::UnknownKey)
        );
        assert_eq!(entitlement(Some(&keyring), &manifest, seen, day(13)), Entitlement::Accepted);
    }

    #[test]
    fn ten_minutes_ahead_is_tolerated_and_a_millisecond_more_waits() {
        let (economy, keyring, author) = world();
        let manifest = incident(economy.id(), author.id(), day(12));
        let just = day(12).saturating_sub(limits::CLOCK_TOLERANCE);
        let judge = |now| entitlement(Some(&keyring), &manifest, FirstSeen::relayed(now), now);
        assert_eq!(judge(just), Entitlement::Accepted);
        let before = just.saturating_sub(Duration::from_millis(1));
        assert_eq!(judge(before), Entitlement::Pending(Wait::SignedAhead(just)));
    }

    #[test]
    fn every_lack_of_a_grant_has_its_own_name() {
        let (economy, keyring, author) = world();
        let good = incident(economy.id(), author.id(), day(12));
        let judge = |manifest: &Manifest| {
            entitlement(Some(&keyring), manifest, FirstSeen::from_origin(day(25)), day(25))
        };
        let refused = |manifest, refusal| {
            assert_eq!(judge(&manifest), Entitlement::Refused(refusal));
        };
        refused(Manifest { signed_at: day(9), ..good.clone() }, Refusal::NotGrantedThen);
        refused(Manifest { signed_at: day(20), ..good.clone() }, Refusal::NotGrantedThen);
        refused(Manifest { kind: Kind::Advisory, ..good.clone() }, Refusal::Kind);
        refused(Manifest { kind: Kind::Unknown(99), ..good.clone() }, Refusal::Kind);
        let stricter = Marking::new(Tlp::AmberStrict);
        refused(Manifest { floor: stricter, ..good.clone() }, Refusal::Marking);
        refused(Manifest { author: economy.link.id(), ..good.clone() }, Refusal::NotAnAuthor);
        let elsewhere = EconomyId([9; 32]);
        refused(Manifest { origin: elsewhere, ..good.clone() }, Refusal::OtherEconomy);
        let first = Manifest { signed_at: day(10), ..good };
        assert_eq!(judge(&first), Entitlement::Accepted, "the first instant is granted");
    }

    #[test]
    fn one_grant_must_cover_kind_and_marking_at_once() {
        let (economy, keyring, author) = world();
        // RED, but in another week.
        let keyring = with_grant(&keyring, &economy, &author, Tlp::Red, 20..30);
        let manifest = Manifest {
            floor: Marking::new(Tlp::Red),
            ..incident(economy.id(), author.id(), day(12))
        };
        let judged =
            entitlement(Some(&keyring), &manifest, FirstSeen::from_origin(day(25)), day(25));
        assert_eq!(judged, Entitlement::Refused(Refusal::Marking));
        assert_eq!(author_ceiling(&keyring, &manifest), Some(Tlp::Amber));
        let later = Manifest { signed_at: day(20), ..manifest };
        assert_eq!(author_ceiling(&keyring, &later), Some(Tlp::Red));
    }

    #[test]
    fn an_ended_key_counts_from_the_origin_only() {
        let (economy, keyring, author) = world();
        let manifest = incident(economy.id(), author.id(), day(12));
        let judge = |keyring, seen| entitlement(Some(keyring), &manifest, seen, day(25));
        assert_eq!(judge(&keyring, FirstSeen::from_origin(day(20))), Entitlement::Accepted);
        assert_eq!(
            judge(&keyring, FirstSeen::relayed(day(20))),
            Entitlement::Quarantined(Doubt::KeyEnded)
        );
        // Seen in time, judged late: it counts.
        assert_eq!(judge(&keyring, FirstSeen::relayed(day(19))), Entitlement::Accepted);
        // A renewed key has not ended.
        let renewed = with_grant(&keyring, &economy, &author, Tlp::Clear, 20..30);
        assert_eq!(judge(&renewed, FirstSeen::relayed(day(20))), Entitlement::Accepted);
    }

    #[test]
    fn a_revoked_key_signs_nothing_from_then_on() {
        let (economy, keyring, author) = world();
        for (compromised, doubt) in [(false, Doubt::KeyRevoked), (true, Doubt::KeyCompromised)] {
            let keyring = revoked(&keyring, &economy, &author, 14, compromised);
            let judge = |signed, seen| {
                let manifest = incident(economy.id(), author.id(), day(signed));
                entitlement(Some(&keyring), &manifest, seen, day(18))
            };
            let late = Entitlement::Refused(Refusal::SignedAfterRevocation);
            assert_eq!(judge(14, FirstSeen::from_origin(day(15))), late);
            assert_eq!(judge(14, FirstSeen::relayed(day(15))), late);
            // Signed before, as it says itself.
            assert_eq!(judge(13, FirstSeen::relayed(day(13))), Entitlement::Accepted);
            assert_eq!(judge(13, FirstSeen::from_origin(day(15))), Entitlement::Accepted);
            assert_eq!(judge(13, FirstSeen::relayed(day(14))), Entitlement::Quarantined(doubt));
        }
    }

    #[test]
    fn a_compromise_declared_later_reaches_what_came_in_between() {
        let (economy, keyring, author) = world();
        let backdated = incident(economy.id(), author.id(), day(11));
        let seen = FirstSeen::relayed(day(15));
        assert_eq!(entitlement(Some(&keyring), &backdated, seen, day(15)), Entitlement::Accepted);
        let keyring = revoked(&keyring, &economy, &author, 14, true);
        assert_eq!(
            entitlement(Some(&keyring), &backdated, seen, day(16)),
            Entitlement::Quarantined(Doubt::KeyCompromised)
        );
    }

    #[test]
    fn a_frozen_economy_is_in_quarantine_whole() {
        let (economy, keyring, author) = world();
        let other = with_grant(&economy.keyring, &economy, &author, Tlp::Red, 10..20);
        let mut history = KeyringHistory::start(keyring);
        let manifest = incident(economy.id(), author.id(), day(12));
        let judge = |history: &KeyringHistory| {
            history.entitlement(&manifest, FirstSeen::from_origin(day(13)), day(13))
        };
        assert_eq!(judge(&history), Entitlement::Accepted);
        history.advance(other).unwrap_err();
        assert!(matches!(judge(&history), Entitlement::Quarantined(Doubt::Forked(_))));
    }
}
