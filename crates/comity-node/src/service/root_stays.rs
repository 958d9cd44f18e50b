//! What of a keyring stays when its root is replaced: grants, affirmations, and the keys with which the node runs.

use std::collections::BTreeSet;

use comity_core::keyring::{Grant, KeyringBuilder, Role, VerifiedKeyring};
use comity_core::sign::SecretKey;
use comity_core::{KeyId, Kind, RecordId, Timestamp, Tlp};

use super::key_ends::{full_desk, next_desk};
use crate::error::ServiceError;
use crate::founding::{DESK, LINK};
use crate::node::Keys;
use crate::rotation;

/// Whether a grant counts, or will.
pub(super) fn may_count(keyring: &VerifiedKeyring, grant: &Grant, now: Timestamp) -> bool {
    let ends = keyring.revocation(grant.key).map_or(grant.until, |end| end.at.min(grant.until));
    grant.from.max(now) < ends
}

/// A thief's link key would be granted by the new root as well.
pub(super) fn nobody_else_links(
    keyring: &VerifiedKeyring,
    link: KeyId,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let others = keyring.grants().filter(|grant| grant.role == Role::Link && grant.key != link);
    match others.filter(|grant| may_count(keyring, grant, now)).map(|grant| grant.key).next() {
        None => Ok(()),
        Some(key) => {
            let message = format!(
                "the stolen root keys have granted a second link key, {}, and the new ones would grant it again",
                key.short()
            );
            Err(ServiceError::usage("second-link-key", message).next("comity key rotate root --stolen --from TIME: the last instant at which the root keys were certainly yours alone"))
        }
    }
}

/// Which of the keys with which the node runs do not count under what stays. Whoever stole the root may have ended
/// them, left them out or narrowed what they may sign, so that nothing of this node takes the economy back.
pub(super) fn ended(
    keyring: &VerifiedKeyring,
    stays: &Stays,
    keys: &Keys,
    now: Timestamp,
) -> Vec<&'static str> {
    let counts = |name: &str, key: KeyId| {
        let kept = keyring.grants().filter(|grant| stays.grants(grant)).cloned();
        let grants: Vec<_> = kept.chain(stays.left_out_since(keyring)).collect();
        let mut own = grants.iter().filter(|grant| grant.key == key);
        match name {
            LINK => own.any(|grant| grant.covers(Role::Link, now)),
            _ => stays.desk_signs().iter().all(|kind| {
                let signs =
                    |grant: &&Grant| grant.covers(Role::Author, now) && grant.kinds.contains(kind);
                own.clone().filter(signs).any(|grant| grant.ceiling >= stays.desk_ceiling())
            }),
        }
    };
    let own = [(DESK, keys.desk.id()), (LINK, keys.link.id())];
    own.into_iter()
        .filter(|(name, key)| {
            let theft = !matches!(stays, Stays::Everything);
            keyring.revocation(*key).is_some() || theft && !counts(name, *key)
        })
        .map(|(name, _)| name)
        .collect()
}

/// New keys in the places of those that do not count, granted by the keyring that is built.
pub(super) fn with_keys_that_count(
    builder: KeyringBuilder,
    keyring: &VerifiedKeyring,
    stays: &Stays,
    keys: &Keys,
    now: Timestamp,
) -> (KeyringBuilder, Keys, Vec<(&'static str, SecretKey)>) {
    let (mut keys, mut renewed) = (keys.clone(), Vec::new());
    let builder = ended(keyring, stays, &keys, now).into_iter().fold(builder, |builder, name| {
        let (new, grant) = match (name, stays) {
            (DESK, Stays::Everything) => next_desk(keyring, &keys.desk, now),
            (DESK, Stays::Since { then, .. }) => next_desk(then, &keys.desk, now),
            // What it might sign before nobody can say.
            (DESK, Stays::WhateverAThiefDid) => full_desk(keyring, now),
            _ => rotation::new_link(keyring.economy(), now),
        };
        let place = if name == DESK { &mut keys.desk } else { &mut keys.link };
        *place = new.clone();
        renewed.push((name, new));
        builder.grant(grant)
    });
    (builder, keys, renewed)
}

/// What of a keyring stays when its root is replaced.
#[derive(Clone)]
pub(super) enum Stays {
    Everything,
    /// The same; whoever stole the root may have had a hand in it.
    WhateverAThiefDid,
    /// What it said then, and the keys with which the node runs.
    Since {
        from: Timestamp,
        then: VerifiedKeyring,
        ours: BTreeSet<KeyId>,
    },
}

impl Stays {
    pub(super) fn grants(&self, grant: &Grant) -> bool {
        match self {
            Self::Everything | Self::WhateverAThiefDid => true,
            Self::Since { then, ours, .. } => {
                ours.contains(&grant.key) || then.grants_of(grant.key).any(|before| before == grant)
            }
        }
    }

    pub(super) fn affirms(&self, record: &RecordId) -> bool {
        match self {
            Self::Everything | Self::WhateverAThiefDid => true,
            Self::Since { then, .. } => then.affirms(record),
        }
    }

    /// What the keyring granted then and no longer does, though it has not ended the key: a thief left it out.
    pub(super) fn left_out_since(&self, keyring: &VerifiedKeyring) -> impl Iterator<Item = Grant> {
        let then = match self {
            Self::Everything | Self::WhateverAThiefDid => None,
            Self::Since { then, .. } => Some(then),
        };
        let gone = |grant: &&Grant| {
            keyring.revocation(grant.key).is_none()
                && keyring.grants_of(grant.key).all(|held| held != *grant)
        };
        then.into_iter().flat_map(VerifiedKeyring::grants).filter(gone).cloned()
    }

    /// What the node's own key must be able to sign, if it is to stay.
    fn desk_signs(&self) -> &'static [Kind] {
        match self {
            Self::Everything | Self::Since { .. } => &[Kind::Keyring],
            Self::WhateverAThiefDid => Kind::ALL,
        }
    }

    fn desk_ceiling(&self) -> Tlp {
        match self {
            Self::Everything | Self::Since { .. } => Tlp::Clear,
            Self::WhateverAThiefDid => Tlp::Red,
        }
    }
}
