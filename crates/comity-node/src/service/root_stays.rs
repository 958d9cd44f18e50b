//! What of a keyring stays when its root is replaced: grants, affirmations, and the keys with which the node runs.

use std::collections::BTreeSet;

use comity_core::keyring::{Grant, KeyringBuilder, Role, SignedKeyring, VerifiedKeyring};
use comity_core::sign::SecretKey;
use comity_core::{KeyId, Kind, RecordId, Timestamp};

use super::key_ends::{desk_grant, full_desk, full_grant, next_desk};
use crate::error::ServiceError;
use crate::founding::{DESK, LINK};
use crate::node::Keys;
use crate::rotation;
use crate::state::State;

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
            _ => {
                let need = stays.desk_grant(keyring, &keys.desk, now);
                let signs = |kind: &Kind| {
                    let mut own = own.clone().filter(|grant| grant.covers(Role::Author, now));
                    own.any(|grant| grant.kinds.contains(kind) && grant.ceiling >= need.ceiling)
                };
                need.kinds.iter().all(signs)
            }
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
        /// That of the desk, and that of the links.
        ours: [KeyId; 2],
    },
}

impl Stays {
    pub(super) fn grants(&self, grant: &Grant) -> bool {
        match self {
            Self::Everything | Self::WhateverAThiefDid => true,
            // A key with which the node runs may be newer; what it may do besides, the thief has let it do.
            Self::Since { then, ours, .. } => match then.grants_of(grant.key).next() {
                Some(_) => then.grants_of(grant.key).any(|before| before == grant),
                None => {
                    let [desk, link] = ours;
                    (grant.key == *link && grant.role == Role::Link)
                        || (grant.key == *desk && grant.role == Role::Author)
                }
            },
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

    /// What it affirmed then.
    pub(super) fn affirmed_then(&self) -> Vec<RecordId> {
        match self {
            Self::Everything | Self::WhateverAThiefDid => Vec::new(),
            Self::Since { then, .. } => then.keyring().affirmed.clone(),
        }
    }

    /// What the key with which the node signs must be able to sign, if it is to stay.
    fn desk_grant(&self, keyring: &VerifiedKeyring, desk: &SecretKey, now: Timestamp) -> Grant {
        match self {
            Self::Everything => desk_grant(keyring, desk, now),
            Self::Since { then, .. } => desk_grant(then, desk, now),
            Self::WhateverAThiefDid => full_grant(keyring, desk, now),
        }
    }
}

/// Keys that this economy has granted anything in a keyring that is known here, or that signed for it. Of no other
/// has anything to be said.
pub(super) fn ever_ours(state: &State) -> BTreeSet<KeyId> {
    let us = state.us();
    let ours = || state.records().map(|(_, held)| held).filter(|held| held.facts.origin == us);
    let granted = ours().filter(|held| held.facts.kind == Kind::Keyring).flat_map(|held| {
        let body = held.body.as_deref().unwrap_or_default();
        let keyring = SignedKeyring::decode(body).and_then(|one| one.verified_before(us, None));
        let keys = keyring.iter().flat_map(|one| one.grants().map(|grant| grant.key));
        keys.collect::<Vec<_>>()
    });
    let held = state.keyring(&us).into_iter().flat_map(VerifiedKeyring::grants);
    let signed = ours().map(|held| held.facts.author);
    granted.chain(held.map(|grant| grant.key)).chain(signed).collect()
}
