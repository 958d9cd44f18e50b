//! The root keys are replaced: who may do it, what stays, and what an interruption leaves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use comity_core::KeyId;
use comity_core::keyring::{DatedHead, KeyringBuilder, Role, VerifiedKeyring};
use comity_core::sign::SecretKey;

use super::Service;
use super::key_tests::{founded, note, stop};
use super::root_keys::{Signing, opened};
use crate::api::{
    EmergencyKeyRequest, NextRootFile, RevokeRequest, RootPassphrase, RootRotated, RotateRequest,
    RotateRootRequest, SealedKeys, StaffAddRequest,
};
use crate::entropy::OsEntropy;
use crate::founding::{DESK, NEXT_ROOT_KEYS, NODE_KEYS, ROOT_KEYS};
use crate::keyfile::{self, KeySet, Passphrase, Seal, WorkFactor};
use crate::service::EMERGENCY_KEYS;
use crate::{Mode, Node, ServiceError, rotation};

pub(super) fn start(path: &Path) -> Node {
    Node::start(path, None, Mode::Offline).unwrap()
}

pub(super) fn next_file(path: &Path, name: &str, passphrase: Option<&str>) -> NextRootFile {
    let file = path.join(name);
    let passphrase = passphrase.map(|text| RootPassphrase::new(text.to_owned()));
    let keys = SealedKeys::new(keyfile::sealed(&file).unwrap());
    NextRootFile { name: file.display().to_string(), keys, passphrase }
}

pub(super) fn renewal(path: &Path) -> RotateRootRequest {
    let next = vec![next_file(path, NEXT_ROOT_KEYS, None)];
    RotateRootRequest { next, ..RotateRootRequest::default() }
}

pub(super) fn theft(path: &Path) -> RotateRootRequest {
    RotateRootRequest { stolen: true, ..renewal(path) }
}

pub(super) async fn own(service: &Service) -> VerifiedKeyring {
    let own = service.look(|state, _, _| state.keyring(&state.us()).cloned());
    own.await.unwrap().unwrap()
}

pub(super) fn ids(path: &Path, name: &str) -> Vec<KeyId> {
    let keys = keyfile::open(&path.join(name), None).unwrap();
    keys.iter().map(|(_, key)| key.id()).collect()
}

fn staged(path: &Path) -> Vec<String> {
    let names = std::fs::read_dir(path.join("keys")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".staged-")).collect()
}

/// What a rotation changes: the keyring, and the two files.
async fn stands(service: &Service, path: &Path) -> (u64, Vec<KeyId>, Vec<KeyId>) {
    (own(service).await.version(), ids(path, ROOT_KEYS), ids(path, NEXT_ROOT_KEYS))
}

#[tokio::test]
async fn root_keys_are_renewed_again_and_again_with_the_word_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let node = start(&path);
    let service = node.service();
    for times in 1..4 {
        let next = ids(&path, NEXT_ROOT_KEYS);
        let done = service.rotate_root(renewal(&path)).await.unwrap();
        assert_eq!((done.keyring, done.times), (Some(times + 1), times));
        let keyring = own(&service).await;
        assert!(keyring.chain().is_orderly());
        assert_eq!(keyring.chain().current().keys().keys(), next);
        assert_eq!(ids(&path, ROOT_KEYS), next);
        assert_ne!(ids(&path, NEXT_ROOT_KEYS), next);
        assert_eq!(staged(&path), [""; 0]);
    }
    // The new root grants, and what the old one had granted counts on.
    service.rotate_link(RotateRequest::default()).await.unwrap();
    service.publish(note()).await.unwrap();
    // By the key that is on the disk now.
    let link = service.keys().unwrap().link.id();
    assert!(own(&service).await.is_granted(link, Role::Link, service.now()));
    drop(service);
    stop(node).await;
}

/// What a node says daily of its keyring names the new one as soon as it is in force, by a key that it grants.
#[tokio::test]
async fn of_a_new_keyring_it_is_said_at_once_that_it_is_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let node = start(&path);
    let service = node.service();
    service.confirm_due_keyring().await.unwrap();
    for of_root in [true, false, true] {
        if of_root {
            service.rotate_root(renewal(&path)).await.unwrap();
        } else {
            service.rotate_link(RotateRequest::default()).await.unwrap();
        }
        let keyring = own(&service).await;
        let said = service.look(|state, _, _| state.head_of(&state.us()).cloned()).await;
        let said = said.unwrap().unwrap();
        assert_eq!(*said.head(), DatedHead::of(&keyring, said.head().at));
        assert_eq!(said.verify(&keyring, service.now()), Ok(()));
    }
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn stolen_root_keys_are_replaced_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    std::fs::remove_file(path.join(ROOT_KEYS)).unwrap();
    let node = start(&path);
    let service = node.service();
    let before = own(&service).await;
    let refused = service.rotate_root(renewal(&path)).await.unwrap_err();
    assert_eq!(refused.code, "root-keys");
    let done = service.rotate_root(theft(&path)).await.unwrap();
    assert!(done.stolen && done.checked);
    let keyring = own(&service).await;
    assert!(keyring.chain().is_seized_since(before.chain()));
    assert_eq!(keyring.grants().collect::<Vec<_>>(), before.grants().collect::<Vec<_>>());
    service.publish(note()).await.unwrap();
    drop(service);
    stop(node).await;
}

/// Refused by code, with advice, and nothing has changed.
async fn refused(service: &Service, path: &Path, asked: RotateRootRequest) -> &'static str {
    let before = stands(service, path).await;
    let refused: ServiceError = service.rotate_root(asked).await.unwrap_err();
    assert!(refused.next.is_some(), "{refused}");
    assert_eq!(stands(service, path).await, before);
    assert_eq!(staged(path), [""; 0]);
    refused.code
}

#[tokio::test]
async fn only_those_keys_take_the_place_to_which_the_present_ones_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let node = start(&path);
    let service = node.service();
    let nothing = RotateRootRequest { stolen: true, ..RotateRootRequest::default() };
    assert_eq!(refused(&service, &path, nothing).await, "next-root-missing");
    let with = |name| RotateRootRequest {
        next: vec![next_file(&path, name, None)],
        ..RotateRootRequest::default()
    };
    assert_eq!(refused(&service, &path, with(ROOT_KEYS)).await, "root-in-force");
    assert_eq!(refused(&service, &path, with(NODE_KEYS)).await, "not-the-next-root");
    let from = Some("2026-11-23T00:00:00Z".to_owned());
    let planned = RotateRootRequest { from, ..renewal(&path) };
    assert_eq!(refused(&service, &path, planned).await, "not-stolen");
    let from = Some("2099-11-23T00:00:00Z".to_owned());
    let ahead = RotateRootRequest { from, ..theft(&path) };
    assert_eq!(refused(&service, &path, ahead).await, "not-yet");
    // Other root keys than those in force consent to nothing.
    let mut other = KeySet::new();
    other.insert("root-1", SecretKey::generate(&mut OsEntropy)).unwrap();
    let root = keyfile::open(&path.join(ROOT_KEYS), None).unwrap();
    keyfile::replace(&path.join(ROOT_KEYS), &other, Seal::Plain).unwrap();
    assert_eq!(refused(&service, &path, renewal(&path)).await, "root-keys");
    keyfile::replace(&path.join(ROOT_KEYS), &root, Seal::Plain).unwrap();
    // What was root once is not root again.
    std::fs::copy(path.join(ROOT_KEYS), path.join("first")).unwrap();
    std::fs::copy(path.join(NEXT_ROOT_KEYS), path.join("second")).unwrap();
    service.rotate_root(renewal(&path)).await.unwrap();
    assert_eq!(refused(&service, &path, with("second")).await, "root-in-force");
    service.rotate_root(renewal(&path)).await.unwrap();
    for name in ["first", "second"] {
        assert_eq!(refused(&service, &path, with(name)).await, "root-replaced");
    }
    // Nor does it sign any other change.
    std::fs::copy(path.join("first"), path.join(ROOT_KEYS)).unwrap();
    let old = service.rotate_link(RotateRequest::default()).await.unwrap_err();
    assert!(old.next.unwrap().contains("root keys in force"), "{}", old.message);
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn each_file_opens_with_its_own_passphrase_and_the_new_ones_are_sealed_as_the_next_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let of = |text: &str| Passphrase::new(text.to_owned()).unwrap();
    for (file, text) in [(ROOT_KEYS, "of the root"), (NEXT_ROOT_KEYS, "of the safe")] {
        let keys = keyfile::open(&path.join(file), None).unwrap();
        let seal = of(text);
        let seal = Seal::Passphrase(&seal, WorkFactor::LOWEST);
        keyfile::replace(&path.join(file), &keys, seal).unwrap();
    }
    let node = start(&path);
    let service = node.service();
    let asked = |next: Option<&str>, root: Option<&str>| RotateRootRequest {
        next: vec![next_file(&path, NEXT_ROOT_KEYS, next)],
        root_passphrase: root.map(|text| RootPassphrase::new(text.to_owned())),
        ..RotateRootRequest::default()
    };
    // What it would do shows without any.
    let tried = RotateRootRequest { dry_run: true, ..asked(None, None) };
    let tried = service.rotate_root(tried).await.unwrap();
    assert!(!tried.checked && tried.keyring.is_none());
    for (next, root, code) in [
        (None, Some("of the root"), "passphrase-needed"),
        (Some("of the root"), Some("of the root"), "wrong-passphrase"),
        (Some("of the safe"), None, "passphrase-needed"),
        (Some("of the safe"), Some("of the safe"), "wrong-passphrase"),
    ] {
        let refused = service.rotate_root(asked(next, root)).await.unwrap_err();
        assert_eq!(refused.code, code);
        assert!(refused.next.is_some());
    }
    assert_eq!((own(&service).await.version(), staged(&path)), (1, Vec::new()));
    service.rotate_root(asked(Some("of the safe"), Some("of the root"))).await.unwrap();
    for file in [ROOT_KEYS, NEXT_ROOT_KEYS] {
        keyfile::open(&path.join(file), Some(&of("of the safe"))).unwrap();
    }
    // Or with one that is given for them.
    let new_passphrase = Some(RootPassphrase::new("of both".to_owned()));
    let asked =
        RotateRootRequest { new_passphrase, ..asked(Some("of the safe"), Some("of the safe")) };
    service.rotate_root(asked).await.unwrap();
    for file in [ROOT_KEYS, NEXT_ROOT_KEYS] {
        keyfile::open(&path.join(file), Some(&of("of both"))).unwrap();
    }
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn what_a_thief_let_the_root_grant_here_is_left_out_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let node = start(&path);
    let service = node.service();
    let add = |name: &str| StaffAddRequest {
        name: name.to_owned(),
        roles: vec!["analyst".to_owned()],
        ..StaffAddRequest::default()
    };
    service.add_staff(add("lee")).await.unwrap();
    let honest = own(&service).await;
    let revoked = honest.grants().last().unwrap().key;
    let from = service.now();
    // The clock of the journal counts in milliseconds.
    while service.now() == from {
        tokio::task::yield_now().await;
    }
    service.add_staff(add("mallory")).await.unwrap();
    let key = revoked.to_string();
    let ended = RevokeRequest { key, reason: Some("thief".to_owned()), ..RevokeRequest::default() };
    service.revoke_key(ended).await.unwrap();
    let thief = own(&service).await.grants().last().unwrap().key;
    let asked = RotateRootRequest { from: Some(from.precise()), ..theft(&path) };
    let tried = RotateRootRequest { dry_run: true, ..asked.clone() };
    let tried: RootRotated = service.rotate_root(tried).await.unwrap();
    // An analyst's key has more than one grant.
    let left_out: BTreeSet<_> = tried.left_out.iter().map(|line| line.key.clone()).collect();
    assert_eq!(left_out, BTreeSet::from([thief.to_string()]));
    service.rotate_root(asked).await.unwrap();
    let keyring = own(&service).await;
    assert_eq!(keyring.grants().collect::<Vec<_>>(), honest.grants().collect::<Vec<_>>());
    // A revocation stays, whoever made it: a doubt lets nothing through.
    assert!(keyring.revocation(revoked).is_some());
    drop(service);
    stop(node).await;
}

/// The rotation up to where its keyring would be entered.
async fn interrupted(path: &Path) -> VerifiedKeyring {
    let node = start(path);
    let service = node.service();
    let keyring = own(&service).await;
    let asked = theft(path);
    let opened = opened(&asked.next, &keyring, false).unwrap().unwrap();
    let builder = KeyringBuilder::follow(&keyring);
    let link = service.keys().unwrap().link.id();
    let now = service.now();
    let next = Signing { keyring, builder, opened, link, now }.sign(path, &asked).unwrap();
    drop(service);
    stop(node).await;
    next
}

async fn started(path: &Path) -> (u64, Vec<KeyId>, Vec<KeyId>) {
    let node = Node::start(path, None, Mode::Running).unwrap();
    let service = node.service();
    let stands = stands(&service, path).await;
    drop(service);
    stop(node).await;
    stands
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_before_its_keyring_was_written_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let (root, next) = (ids(&path, ROOT_KEYS), ids(&path, NEXT_ROOT_KEYS));
    interrupted(&path).await;
    assert_eq!(staged(&path).len(), 2);
    assert_eq!(started(&path).await, (1, root, next.clone()));
    let node = start(&path);
    let service = node.service();
    service.rotate_root(renewal(&path)).await.unwrap();
    assert_eq!(ids(&path, ROOT_KEYS), next);
    assert_eq!(staged(&path), [""; 0], "what came to nothing went with what took its place");
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn a_rotation_whose_keyring_was_written_is_finished_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let next = ids(&path, NEXT_ROOT_KEYS);
    let keyring = interrupted(&path).await;
    rotation::begin(&path, None, &keyring, &[]).unwrap();
    // Nothing else is signed meanwhile: of two successors of one root set both would be believed by nobody.
    let node = start(&path);
    let again = node.service().rotate_root(theft(&path)).await.unwrap_err();
    assert_eq!(again.code, "rotation-unfinished");
    stop(node).await;
    // The files of the one that was refused are gone; those of the one that waits are not.
    assert_eq!(staged(&path).len(), 2);
    let (version, root, following) = started(&path).await;
    assert_eq!((version, root), (2, next));
    let commitment = comity_core::keyring::RootKeys::new(following, 1).unwrap().commitment();
    assert_eq!(commitment, keyring.chain().current().next());
    assert_eq!(staged(&path), [""; 0]);
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_before_its_files_had_their_places_gives_them_these() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let before = [ROOT_KEYS, NEXT_ROOT_KEYS].map(|file| std::fs::read(path.join(file)).unwrap());
    let node = start(&path);
    node.service().rotate_root(theft(&path)).await.unwrap();
    let (keyring, after) = (own(&node.service()).await, stands(&node.service(), &path).await);
    stop(node).await;
    let back = || {
        let tag = crate::staged::root_tag(keyring.chain().current().next());
        let staged = |file: &str| path.join(format!("{file}.staged-{tag}"));
        for (file, bytes) in [ROOT_KEYS, NEXT_ROOT_KEYS].iter().zip(&before) {
            std::fs::rename(path.join(file), staged(file)).unwrap();
            std::fs::write(path.join(file), bytes).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(path.join(file), mode).unwrap();
        }
    };
    back();
    assert_eq!(started(&path).await, after);
    assert_eq!(staged(&path), [""; 0]);
    // Also by a command while no node runs.
    back();
    let node = start(&path);
    node.service().rotate_root(theft(&path)).await.map(drop).unwrap_err();
    assert_eq!(stands(&node.service(), &path).await, after);
    stop(node).await;
}

/// The journal was put back, and the keys were not: whatever were signed now would be a second successor of one root.
#[tokio::test]
async fn nothing_is_signed_after_a_keyring_that_the_journal_has_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let before = folder.path().join("before");
    copy(&path.join("store"), &before);
    let stick = std::fs::read(path.join(NEXT_ROOT_KEYS)).unwrap();
    let node = start(&path);
    node.service().rotate_root(renewal(&path)).await.unwrap();
    let after = stands(&node.service(), &path).await;
    stop(node).await;
    std::fs::remove_dir_all(path.join("store")).unwrap();
    copy(&before, &path.join("store"));
    let on_stick = path.join("stick.keys");
    std::fs::write(&on_stick, stick).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&on_stick, mode).unwrap();
    let node = start(&path);
    let service = node.service();
    assert_eq!(own(&service).await.version(), 1, "the journal knows nothing of it");
    let next = vec![next_file(&path, "stick.keys", None)];
    let again = RotateRootRequest { next, ..theft(&path) };
    assert_eq!(service.rotate_root(again).await.unwrap_err().code, rotation::UNFINISHED);
    assert_eq!(staged(&path), [""; 0]);
    drop(service);
    stop(node).await;
    // The next start enters what was forgotten.
    assert_eq!(started(&path).await, after);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &there),
            false => drop(std::fs::copy(entry.path(), there).unwrap()),
        }
    }
}

#[tokio::test]
async fn a_new_emergency_key_takes_the_place_of_the_old_one_only_with_the_keyring_that_grants_it() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = founded(folder.path(), Seal::Plain);
    let node = start(&path);
    let made = node.service().new_emergency_key(EmergencyKeyRequest::default()).await.unwrap();
    stop(node).await;
    assert_eq!(
        ids(&path, EMERGENCY_KEYS).iter().map(KeyId::to_string).collect::<Vec<_>>(),
        [made.key]
    );
    let before = std::fs::read(path.join(EMERGENCY_KEYS)).unwrap();
    // A desk key that counts nowhere: what it signs is refused.
    let mut keys = keyfile::open(&path.join(NODE_KEYS), None).unwrap();
    keys.insert(DESK, SecretKey::generate(&mut OsEntropy)).unwrap();
    keyfile::replace(&path.join(NODE_KEYS), &keys, Seal::Plain).unwrap();
    let node = start(&path);
    let asked = EmergencyKeyRequest::default();
    let refused = node.service().new_emergency_key(asked).await.map(drop).unwrap_err();
    assert_eq!(refused.code, "not-entitled");
    assert_eq!(std::fs::read(path.join(EMERGENCY_KEYS)).unwrap(), before);
    assert_eq!(staged(&path), [""; 0]);
    stop(node).await;
}

#[test]
fn sealed_keys_travel_and_are_not_printed() {
    let keys = SealedKeys::new(zeroize::Zeroizing::new(b"root-1 5eed".to_vec()));
    let file = NextRootFile { name: "next".to_owned(), keys, passphrase: None };
    assert!(!format!("{file:?}").contains("5eed"));
    let sent = serde_json::to_string(&file).unwrap();
    let taken: NextRootFile = serde_json::from_str(&sent).unwrap();
    assert_eq!(taken.keys.as_bytes(), b"root-1 5eed");
    let wrong = r#"{"name": "next", "keys": "root-1 5eed"}"#;
    let refused = serde_json::from_str::<NextRootFile>(wrong).unwrap_err().to_string();
    assert!(!refused.contains("5eed"), "{refused}");
}
