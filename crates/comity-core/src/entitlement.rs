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
