//! Whether a record's author was entitled to sign it.

use std::collections::BTreeSet;

use crate::group::{GroupBody, RosterBody, Says};
use crate::identity::{EconomyId, KeyId, RecordId};
use crate::keyring::{Fork, Grant, KeyringHistory, Revocation, Role, Unconfirmed, VerifiedKeyring};
use crate::limits;
use crate::marking::Tlp;
use crate::record::Manifest;
use crate::time::Timestamp;
use crate::vocabulary::Kind;

/// What a record claims of its author: all of a manifest that the judgement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The record.
    pub record: RecordId,
    /// Whose record it says it is.
    pub origin: EconomyId,
    /// The key that signed it.
    pub author: KeyId,
    /// When, by the signer's clock.
    pub signed_at: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// The loosest label that any part has.
    pub floor: Tlp,
    /// Whether all that it says restricts somebody, or nobody has to believe it.
    pub restricts: bool,
}

impl Claim {
    /// What the record with this manifest claims.
    #[must_use]
    pub fn of(record: RecordId, manifest: &Manifest) -> Self {
        Self {
            record,
            origin: manifest.origin,
            author: manifest.author,
            signed_at: manifest.signed_at,
            kind: manifest.kind,
            floor: manifest.floor.tlp,
            restricts: restricts(manifest.kind, manifest.body.as_deref()),
        }
    }
}

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

impl Entitlement {
    /// Whether nothing is against it but what became of its author's key, which was entitled before: whose it is
    /// can be doubted, and not what it says.
    #[must_use]
    pub fn is_of_a_lost_key(&self) -> bool {
        match self {
            Self::Quarantined(Doubt::KeyEnded | Doubt::KeyRevoked | Doubt::KeyCompromised)
            | Self::Refused(Refusal::SignedAfterRevocation) => true,
            // Its next root keys say what becomes of it.
            Self::Quarantined(Doubt::Forked(_))
            | Self::Refused(
                Refusal::NotAnAuthor
                | Refusal::NotGrantedThen
                | Refusal::Kind
                | Refusal::Marking
                | Refusal::NotAddressed
                | Refusal::OtherEconomy,
            )
            | Self::Accepted
            | Self::Pending(_) => false,
        }
    }
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
    /// The roster of the group that it is addressed to.
    #[error("the roster of the group that it is addressed to is not here yet")]
    UnknownRoster,
    /// The origin's consent that we have it, which is here and not believed yet.
    #[error("the consent by which it came is not believed yet")]
    Consent,
    /// A word of its origin that its keyring is the newest, or the newer one that such a word names.
    #[error("its origin's {0}")]
    Unconfirmed(Unconfirmed),
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
    /// It is addressed to others, or to a group in which we are not.
    #[error("addressed to others, or to a group that does not have us")]
    NotAddressed,
    /// The keyring is another economy's: a mistake of the caller.
    #[error("record and keyring are of different economies")]
    OtherEconomy,
}

/// Judges the author of a record, whose signature was verified, by the keyring held of its origin.
///
/// The record counts if the author was granted for that kind and marking when it signed. As the
/// signer states that time itself, a record first seen after the key had ended or was compromised
/// counts only from the origin itself, or where the keyring affirms it. Call it again when a keyring
/// comes: with the time at which the record was *first* seen, so that a compromise declared later
/// reaches what came in between.
///
/// Parts may be marked more strictly than the manifest's floor: see [`author_ceiling`]. A `keyring`
/// record bears witness for itself: judge it by the keyring that it carries.
#[must_use]
pub fn entitlement(
    keyring: Option<&VerifiedKeyring>,
    claim: &Claim,
    first_seen: FirstSeen,
    now: Timestamp,
) -> Entitlement {
    let Some(keyring) = keyring else {
        return Entitlement::Pending(Wait::UnknownOrigin);
    };
    if keyring.economy() != claim.origin {
        return Entitlement::Refused(Refusal::OtherEconomy);
    }
    if claim.signed_at > now.saturating_add(limits::CLOCK_TOLERANCE) {
        let due = claim.signed_at.saturating_sub(limits::CLOCK_TOLERANCE);
        return Entitlement::Pending(Wait::SignedAhead(due));
    }
    let revocation = keyring.revocation(claim.author);
    if keyring.grants_of(claim.author).next().is_none() {
        // Of a key that is in no grant any more, the root speaks for single records.
        let revoked = revocation.is_some_and(|revocation| revocation.at <= claim.signed_at);
        return if keyring.affirms(&claim.record) && !revoked {
            Entitlement::Accepted
        } else {
            Entitlement::Pending(Wait::UnknownKey)
        };
    }
    if let Err(refusal) = at_signing(keyring, revocation, claim) {
        return Entitlement::Refused(refusal);
    }
    match (doubt(keyring, revocation, claim, first_seen.at), first_seen.way) {
        (Some((doubt, since)), Way::Relayed)
            if !keyring.affirms(&claim.record)
                && !takes_back(claim, doubt, since, first_seen.at) =>
        {
            Entitlement::Quarantined(doubt)
        }
        (Some(_) | None, Way::FromOrigin | Way::Relayed) => Entitlement::Accepted,
    }
}

impl Entitlement {
    /// What becomes of it where the origin's keyring is not known to be the newest. What would have counted
    /// waits, unless it only ever restricts.
    #[must_use]
    pub fn under(self, restricts: bool, lacks: Option<Unconfirmed>) -> Self {
        match (self, lacks) {
            (Self::Accepted, Some(why)) if !restricts => Self::Pending(Wait::Unconfirmed(why)),
            (judged, _) => judged,
        }
    }
}

/// Whether a record of this kind, with this body, gives nobody anything by the key that signed it. What takes
/// back never waits; a keyring bears witness for itself; and what this version does not read has no effect.
#[must_use]
pub fn restricts(kind: Kind, body: Option<&[u8]>) -> bool {
    match kind {
        Kind::Advisory
        | Kind::Incident
        | Kind::Sightings
        | Kind::Request
        | Kind::Response
        | Kind::Note
        | Kind::Agreement
        | Kind::Acceptance
        | Kind::Introduction
        | Kind::Contact
        | Kind::Consent => false,
        Kind::Group | Kind::Roster => body.is_some_and(|body| takes_from_group(kind, body)),
        Kind::Keyring
        | Kind::Termination
        | Kind::Withdrawal
        | Kind::Acknowledgement
        | Kind::Approval
        | Kind::Unknown(_) => true,
    }
}

/// A removal lets nobody in, nor does the word that a roster is still the last one.
fn takes_from_group(kind: Kind, body: &[u8]) -> bool {
    match Says::decode(kind, body) {
        Some(Ok(Says::Group(GroupBody::Removal(_)) | Says::Roster(RosterBody::Head(_)))) => true,
        Some(Ok(
            Says::Group(
                GroupBody::Charter(_)
                | GroupBody::Application(_)
                | GroupBody::Sponsorship(_)
                | GroupBody::Handover(_)
                | GroupBody::Invitation(_),
            )
            | Says::Roster(RosterBody::Roster(_)),
        ))
        | Some(Err(_))
        | None => false,
    }
}

/// The strictest marking that the author may give to a part of this record; `None` when it may not
/// sign the record at all.
#[must_use]
pub fn author_ceiling(keyring: &VerifiedKeyring, claim: &Claim) -> Option<Tlp> {
    let revoked =
        keyring.revocation(claim.author).is_some_and(|revocation| revocation.at <= claim.signed_at);
    if revoked || keyring.economy() != claim.origin {
        return None;
    }
    covering(keyring, claim)
        .filter(|grant| grant.kinds.contains(&claim.kind))
        .map(|grant| grant.ceiling)
        .max()
}

impl KeyringHistory {
    /// As [`entitlement`] by the keyring held; while the economy is frozen, in quarantine whatever
    /// the keyring would say.
    #[must_use]
    pub fn entitlement(&self, claim: &Claim, first_seen: FirstSeen, now: Timestamp) -> Entitlement {
        match self.fork() {
            Some(fork) => Entitlement::Quarantined(Doubt::Forked(fork)),
            None => entitlement(Some(self.current()), claim, first_seen, now),
        }
    }
}

/// What of an economy's records has to be judged again, because its keyring went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Everything,
    /// These: all others are judged as before.
    Some {
        /// Every record that one of these keys signed.
        authors: BTreeSet<KeyId>,
        /// These records, whoever signed them.
        records: BTreeSet<RecordId>,
    },
}

impl Scope {
    /// What the step from `before`, the keyring that was held and the contradiction that was known, to
    /// `after` may have changed. Nothing else depends on it.
    #[must_use]
    pub fn between(
        (before, forked): (&VerifiedKeyring, Option<Fork>),
        after: &KeyringHistory,
    ) -> Self {
        if forked.is_some() || after.fork().is_some() {
            return Self::Everything;
        }
        let after = after.current();
        let keys = [before, after].into_iter().flat_map(|keyring| {
            let revoked = keyring.keyring().revocations.iter().map(|revocation| revocation.key);
            keyring.grants().map(|grant| grant.key).chain(revoked)
        });
        let moved = |key: &KeyId| {
            before.revocation(*key) != after.revocation(*key)
                || !before.grants_of(*key).eq(after.grants_of(*key))
        };
        let affirmed = [before, after]
            .map(|keyring| keyring.keyring().affirmed.iter().copied().collect::<BTreeSet<_>>());
        let [one, other] = &affirmed;
        Self::Some {
            authors: keys.collect::<BTreeSet<_>>().into_iter().filter(moved).collect(),
            records: one.symmetric_difference(other).copied().collect(),
        }
    }

    /// Both together.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Some { mut authors, mut records },
                Self::Some { authors: more, records: others },
            ) => {
                authors.extend(more);
                records.extend(others);
                Self::Some { authors, records }
            }
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
        }
    }
}

/// Whether a record takes back others, and its key merely ended. Somebody who leaves, or a key whose place
/// another took, must not leave standing what was withdrawn before, wherever a relay is late. Of a key in foreign
/// hands it may be the thief who takes back; and of one that ended long ago, whoever found it.
fn takes_back(claim: &Claim, doubt: Doubt, since: Timestamp, first_seen: Timestamp) -> bool {
    claim.kind == Kind::Withdrawal
        && first_seen < since.saturating_add(limits::LATE_WITHDRAWAL)
        && match doubt {
            Doubt::KeyEnded | Doubt::KeyRevoked => true,
            Doubt::KeyCompromised | Doubt::Forked(_) => false,
        }
}

/// The author's grants to sign records that were in force when this one was signed.
fn covering<'a>(keyring: &'a VerifiedKeyring, claim: &'a Claim) -> impl Iterator<Item = &'a Grant> {
    keyring.grants_of(claim.author).filter(|grant| grant.signs(claim.kind, claim.signed_at))
}

const fn signs_records(role: Role) -> bool {
    match role {
        Role::Author | Role::Emergency => true,
        Role::Link | Role::Approver | Role::Head | Role::Unknown(_) => false,
    }
}

/// The first of the conditions that no grant meets; one grant must meet them all.
fn at_signing(
    keyring: &VerifiedKeyring,
    revocation: Option<&Revocation>,
    claim: &Claim,
) -> Result<(), Refusal> {
    if !keyring.grants_of(claim.author).any(|grant| signs_records(grant.role)) {
        return Err(Refusal::NotAnAuthor);
    }
    if revocation.is_some_and(|revocation| revocation.at <= claim.signed_at) {
        return Err(Refusal::SignedAfterRevocation);
    }
    let mut refusal = Refusal::NotGrantedThen;
    for grant in covering(keyring, claim) {
        match (grant.kinds.contains(&claim.kind), claim.floor <= grant.ceiling) {
            (true, true) => return Ok(()),
            (true, false) => refusal = Refusal::Marking,
            (false, _) if refusal == Refusal::NotGrantedThen => refusal = Refusal::Kind,
            (false, _) => {}
        }
    }
    Err(refusal)
}

/// Whether the key had ended when the record was first seen, and since when.
fn doubt(
    keyring: &VerifiedKeyring,
    revocation: Option<&Revocation>,
    claim: &Claim,
    first_seen: Timestamp,
) -> Option<(Doubt, Timestamp)> {
    // A key whose grant was renewed has not ended, whichever of the grants covers the record.
    let grants = keyring
        .grants_of(claim.author)
        .filter(|grant| grant.role == Role::Author || claim.kind == Kind::Approval)
        .filter(|grant| signs_records(grant.role));
    let last = grants.map(|grant| grant.until).max().unwrap_or_default();
    match revocation.filter(|revocation| revocation.at <= first_seen) {
        // One that is revoked after its end has ended then.
        Some(Revocation { compromised: true, at, .. }) => {
            Some((Doubt::KeyCompromised, last.min(*at)))
        }
        Some(revocation) => Some((Doubt::KeyRevoked, last.min(revocation.at))),
        None => (last <= first_seen).then_some((Doubt::KeyEnded, last)),
    }
}

#[cfg(test)]
mod tests;
