//! Whoever stole the root has changed our own keyring with it: what its replacement brings back, and what it shows.

use std::collections::BTreeSet;
use std::path::Path;

use comity_core::keyring::{Grant, KeyringBuilder, Revocation, Role, VerifiedKeyring};
use comity_core::sign::SecretKey;
use comity_core::{KeyId, Kind, RecordId, Timestamp, Tlp};

use super::key_tests::{founded, note, stop};
use super::root_tests::{ids, own, start, theft};
use crate::api::{RotateRequest, RotateRootRequest};
use crate::entropy::OsEntropy;
use crate::founding::{DESK, LINK, NODE_KEYS, grant_span};
use crate::keyfile::Seal;
use crate::node::Keys;
use crate::rotation;

/// What the thief signed with the stolen root, and what came back of it is in our own journal.
async fn seized(path: &Path, change: impl FnOnce(KeyringBuilder, &Keys) -> KeyringBuilder) {
    let node = start(path);
    let service = node.service();
    let (keyring, thief) = (own(&service).await, SecretKey::generate(&mut OsEntropy));
    let (from, until) = grant_span(service.now());
    let kinds = Kind::ALL.iter().copied();
    let grant = Grant::author(keyring.economy(), thief.public(), kinds, Tlp::Red, from, until);
    let builder = change(KeyringBuilder::follow(&keyring).grant(grant), &service.keys().unwrap());
    let next = rotation::signed_by_root(path, None, builder).unwrap();
    service.enter_keyring(&next, "taken".to_owned(), &thief, true).await.unwrap();
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn whoever_stole_the_root_cannot_keep_us_from_replacing_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    seized(&path, |builder, keys| {
        let at = Timestamp::from_secs(1);
        [keys.desk.id(), keys.link.id()]
            .into_iter()
            .fold(builder, |builder, key| builder.revoke(Revocation { key, at, compromised: true }))
    })
    .await;
    let before = ids(&path, NODE_KEYS);
    let node = start(&path);
    let service = node.service();
    service.publish(note()).await.map(drop).unwrap_err();
    let tried = RotateRootRequest { dry_run: true, ..theft(&path) };
    assert_eq!(service.rotate_root(tried).await.unwrap().renewed, [DESK, LINK]);
    let done = service.rotate_root(theft(&path)).await.unwrap();
    assert_eq!((done.keyring, done.anew.len()), (Some(3), 1), "the thief's author is shown");
    let (keyring, keys, now) = (own(&service).await, service.keys().unwrap(), service.now());
    assert!(keyring.is_granted(keys.link.id(), Role::Link, now));
    assert!(keyring.is_granted(keys.desk.id(), Role::Author, now));
    let after = ids(&path, NODE_KEYS);
    assert!(after.contains(&keys.desk.id()) && after.contains(&keys.link.id()));
    assert_eq!(after.iter().filter(|key| before.contains(key)).count(), before.len() - 2);
    service.publish(note()).await.unwrap();
    drop(service);
    stop(node).await;
}

/// He need not end our keys: it is enough that no keyring grants them any more, or next to nothing.
#[tokio::test]
async fn whoever_stole_the_root_cannot_keep_us_from_it_by_what_he_leaves_out() {
    for narrowed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = founded(folder.path(), Seal::Plain);
        seized(&path, |builder, keys| {
            let own = [keys.desk.id(), keys.link.id()];
            let builder = builder.retain(|grant| !own.contains(&grant.key));
            if !narrowed {
                return builder;
            }
            let (from, until) = (Timestamp::from_secs(1), Timestamp::from_secs(4_000_000_000));
            let (desk, economy) = (keys.desk.public(), builder.economy());
            builder.grant(Grant::author(economy, desk, [Kind::Keyring], Tlp::Clear, from, until))
        })
        .await;
        let node = start(&path);
        let service = node.service();
        let done = service.rotate_root(theft(&path)).await.unwrap();
        assert_eq!(done.renewed, [DESK, LINK], "{narrowed}");
        let (keyring, keys, now) = (own(&service).await, service.keys().unwrap(), service.now());
        assert!(keyring.is_granted(keys.link.id(), Role::Link, now));
        let grant = keyring.grants_of(keys.desk.id()).next().unwrap();
        assert_eq!((grant.ceiling, grant.kinds.len()), (Tlp::Red, Kind::ALL.len()));
        service.publish(note()).await.unwrap();
        drop(service);
        stop(node).await;
    }
}

/// What the keyring said before the theft it says again.
#[tokio::test]
async fn what_a_thief_left_out_is_granted_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let node = start(&path);
    let service = node.service();
    let affirmed = RecordId([8; 32]);
    let builder = KeyringBuilder::follow(&own(&service).await).affirm([affirmed]);
    let next = rotation::signed_by_root(&path, None, builder).unwrap();
    let desk = service.keys().unwrap().desk.clone();
    service.enter_keyring(&next, "affirmed".to_owned(), &desk, true).await.unwrap();
    drop(service);
    let (honest, from) = (own(&node.service()).await, node.service().now());
    // The clock of the journal counts in milliseconds.
    while node.service().now() == from {
        tokio::task::yield_now().await;
    }
    stop(node).await;
    seized(&path, |builder, keys| {
        let own = [keys.desk.id(), keys.link.id()];
        builder.retain(|grant| !own.contains(&grant.key)).affirm_only(|_| false)
    })
    .await;
    let node = start(&path);
    let service = node.service();
    let asked = RotateRootRequest { from: Some(from.precise()), ..theft(&path) };
    let tried = RotateRootRequest { dry_run: true, ..asked.clone() };
    assert_eq!(service.rotate_root(tried).await.unwrap().anew.len(), 2, "what is granted again");
    let done = service.rotate_root(asked).await.unwrap();
    assert_eq!(done.renewed, [""; 0]);
    let grants = |keyring: &VerifiedKeyring| {
        keyring.grants().map(|grant| format!("{grant:?}")).collect::<BTreeSet<_>>()
    };
    assert_eq!(grants(&own(&service).await), grants(&honest));
    assert!(own(&service).await.affirms(&affirmed));
    service.publish(note()).await.unwrap();
    drop(service);
    stop(node).await;
}

/// He fills the keyring with the ends of keys that never were, so that no other fits.
#[tokio::test]
async fn a_keyring_that_a_thief_has_filled_has_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    seized(&path, |builder, _| {
        let key = |number: u16| {
            let [one, two] = number.to_be_bytes();
            let mut key = [7; 32];
            (key[0], key[1]) = (one, two);
            KeyId(key)
        };
        let at = Timestamp::from_secs(1_790_000_000);
        let end = |number| Revocation { key: key(number), at, compromised: true };
        (0..1_300).map(end).fold(builder, KeyringBuilder::revoke)
    })
    .await;
    let node = start(&path);
    let service = node.service();
    let filled = own(&service).await;
    assert!(filled.encoded().len() > 50 * 1024, "{}", filled.encoded().len());
    service.rotate_root(theft(&path)).await.unwrap();
    let keyring = own(&service).await;
    assert!(keyring.encoded().len() < 8 * 1024, "{}", keyring.encoded().len());
    service.rotate_link(RotateRequest::default()).await.unwrap();
    drop(service);
    stop(node).await;
}

/// Of a link key that is granted anew from a time to come, the certificate shows what counts now.
#[tokio::test]
async fn a_grant_from_a_time_to_come_keeps_no_link_from_coming_up() {
    for from_then in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = founded(folder.path(), Seal::Plain);
        let node = start(&path);
        let from = node.service().now();
        while node.service().now() == from {
            tokio::task::yield_now().await;
        }
        stop(node).await;
        seized(&path, |builder, keys| {
            let (from, until) =
                (Timestamp::from_secs(3_900_000_000), Timestamp::from_secs(4_000_000_000));
            let link = Grant::link(builder.economy(), keys.link.public(), from, until);
            builder.grant(link)
        })
        .await;
        let node = start(&path);
        let service = node.service();
        let from = from_then.then(|| from.precise());
        service.rotate_root(RotateRootRequest { from, ..theft(&path) }).await.unwrap();
        let (keyring, link, now) =
            (own(&service).await, service.keys().unwrap().link.id(), service.now());
        let shown = keyring.link_evidence(link, now).unwrap();
        assert!(shown.grant.grant().covers(Role::Link, now));
        let all = keyring.grants_of(link).count();
        assert_eq!(all, if from_then { 1 } else { 2 }, "what he added is left out");
        drop(service);
        stop(node).await;
    }
}

/// Affirmed once, it counts whoever signed it: also what a thief affirmed.
#[tokio::test]
async fn what_would_be_affirmed_again_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let forged = RecordId([9; 32]);
    seized(&path, |builder, _| builder.affirm([forged])).await;
    let node = start(&path);
    let service = node.service();
    let tried = RotateRootRequest { dry_run: true, ..theft(&path) };
    let tried = service.rotate_root(tried).await.unwrap();
    let shown: Vec<_> = tried.affirmed.iter().map(|line| line.record.clone()).collect();
    assert_eq!(shown, [forged.to_string()]);
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn a_second_link_key_is_not_granted_again_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    // He grants it from a time that is to come.
    seized(&path, |builder, _| {
        let (_, grant) = rotation::new_link(builder.economy(), Timestamp::from_secs(4_000_000_000));
        let from = grant.from.max(Timestamp::from_secs(4_000_000_000));
        builder.grant(Grant { from, ..grant })
    })
    .await;
    let node = start(&path);
    let refused = node.service().rotate_root(theft(&path)).await.unwrap_err();
    assert_eq!(refused.code, "second-link-key");
    assert_eq!(own(&node.service()).await.version(), 2, "nothing was signed");
    stop(node).await;
}
