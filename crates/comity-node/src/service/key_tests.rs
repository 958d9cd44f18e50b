//! Who may change our keyring, and what becomes of a node whose own key does not count.

use std::path::{Path, PathBuf};
use std::time::Duration;

use comity_core::sign::SecretKey;

use super::Service;
use crate::api::{
    AffirmRequest, MarkingFields, PartRequest, PublishRequest, RevokeRequest, RootPassphrase,
    RotateRequest,
};
use crate::entropy::OsEntropy;
use crate::founding::{DESK, Founding, NODE_KEYS, ROOT_KEYS, found};
use crate::keyfile::{self, Passphrase, Seal, WorkFactor};
use crate::{Mode, Node};

pub(super) fn founded(folder: &Path, seal: Seal<'_>) -> PathBuf {
    let founding = Founding {
        code: "KR".to_owned(),
        name: "Korea".to_owned(),
        timezone: "UTC".to_owned(),
        city: None,
        listen: "127.0.0.1:0".to_owned(),
        public: Vec::new(),
        root_keys: 1,
        threshold: 1,
    };
    let node = folder.join("node");
    found(&node, &founding, seal).unwrap();
    node
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn root(text: &str) -> Option<RootPassphrase> {
    Some(RootPassphrase::new(text.to_owned()))
}

pub(super) fn revoke(root_passphrase: Option<RootPassphrase>) -> RevokeRequest {
    let reason = Some("test".to_owned());
    RevokeRequest { key: DESK.to_owned(), reason, root_passphrase, ..RevokeRequest::default() }
}

pub(super) fn note() -> PublishRequest {
    PublishRequest {
        kind: Some("note".to_owned()),
        title: "Maintenance".to_owned(),
        marking: MarkingFields { tlp: Some("GREEN".to_owned()), ..MarkingFields::default() },
        parts: vec![PartRequest {
            section: "summary".to_owned(),
            text: Some("Maintenance on Friday".to_owned()),
            ..PartRequest::default()
        }],
        ..PublishRequest::default()
    }
}

async fn keyring(service: &Service) -> u64 {
    service.status().await.unwrap().keyring
}

pub(super) async fn stop(node: Node) {
    node.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_running_node_speaks_for_the_root_only_with_the_passphrase_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let file = path.join(ROOT_KEYS);
    let keys = keyfile::open(&file, None).unwrap();
    let right = passphrase("correct horse");
    keyfile::replace(&file, &keys, Seal::Passphrase(&right, WorkFactor::LOWEST)).unwrap();
    let node = Node::start(&path, None, Mode::Running).unwrap();
    let service = node.service();
    let record = service.publish(note()).await.unwrap().record;
    service.revoke_key(revoke(root("correct horse"))).await.unwrap();
    assert_eq!(keyring(&service).await, 2);
    for (given, code) in [
        (None, "passphrase-needed"),
        (root(""), "passphrase-needed"),
        (root("x"), "wrong-passphrase"),
    ] {
        let asked = RotateRequest { root_passphrase: given.clone(), ..RotateRequest::default() };
        assert_eq!(service.rotate_link(asked).await.unwrap_err().code, code);
        assert_eq!(service.revoke_key(revoke(given.clone())).await.unwrap_err().code, code);
        let records = vec![record.clone()];
        let asked = AffirmRequest { records, root_passphrase: given, ..AffirmRequest::default() };
        assert_eq!(service.affirm(asked).await.unwrap_err().code, code);
    }
    assert_eq!(keyring(&service).await, 2, "nothing was signed");
    service
        .rotate_link(RotateRequest {
            root_passphrase: root("correct horse"),
            ..RotateRequest::default()
        })
        .await
        .unwrap();
    let (records, root_passphrase) = (vec![record], root("correct horse"));
    let asked = AffirmRequest { records, root_passphrase, ..AffirmRequest::default() };
    service.affirm(asked).await.unwrap();
    assert_eq!(keyring(&service).await, 4);
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn the_passphrase_that_a_node_runs_with_is_not_the_roots() {
    let folder = tempfile::tempdir().unwrap();
    let same = passphrase("correct horse");
    let path = founded(folder.path(), Seal::Passphrase(&same, WorkFactor::LOWEST));
    let node = Node::start(&path, Some(&same), Mode::Running).unwrap();
    let service = node.service();
    let refused = service.rotate_link(RotateRequest::default()).await.unwrap_err();
    assert_eq!(refused.code, "passphrase-needed");
    assert_eq!(keyring(&service).await, 1);
    service
        .rotate_link(RotateRequest {
            root_passphrase: root("correct horse"),
            ..RotateRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(keyring(&service).await, 2);
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn a_desk_key_that_the_keyring_does_not_grant_is_named_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let file = path.join(NODE_KEYS);
    let mut keys = keyfile::open(&file, None).unwrap();
    keys.insert(DESK, SecretKey::generate(&mut OsEntropy)).unwrap();
    keyfile::replace(&file, &keys, Seal::Plain).unwrap();
    let node = Node::start(&path, None, Mode::Running).unwrap();
    let service = node.service();
    let status = service.status().await.unwrap();
    let problem = status.desk_problem.unwrap();
    assert!(problem.contains("is not granted in the keyring (version 1)"), "{problem}");
    assert!(status.desk_next.unwrap().contains("comity key revoke desk"));
    assert_eq!(service.publish(note()).await.unwrap_err().code, "not-entitled");
    let revoked = service.revoke_key(revoke(None)).await.unwrap();
    assert!(revoked.replaced);
    assert_eq!(revoked.key, keys.key(DESK).unwrap().id().to_string());
    assert_eq!(service.status().await.unwrap().desk_problem, None);
    service.publish(note()).await.unwrap();
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn a_desk_key_that_was_revoked_and_comes_back_with_an_old_file_is_replaced_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let before = std::fs::read(path.join(NODE_KEYS)).unwrap();
    let node = Node::start(&path, None, Mode::Running).unwrap();
    node.service().revoke_key(revoke(None)).await.unwrap();
    stop(node).await;
    std::fs::write(path.join(NODE_KEYS), before).unwrap();
    let node = Node::start(&path, None, Mode::Running).unwrap();
    let service = node.service();
    let problem = service.status().await.unwrap().desk_problem.unwrap();
    assert!(problem.contains("is revoked from"), "{problem}");
    assert!(service.revoke_key(revoke(None)).await.unwrap().replaced);
    assert_eq!(service.status().await.unwrap().desk_problem, None);
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn what_counts_as_it_is_needs_no_word_of_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let node = Node::start(&path, None, Mode::Offline).unwrap();
    let service = node.service();
    let record = service.publish(note()).await.unwrap().record;
    let asked = AffirmRequest { records: vec![record], ..AffirmRequest::default() };
    let refused = service.affirm(asked.clone()).await.unwrap_err();
    assert_eq!(refused.code, "key-in-force");
    assert_eq!(keyring(&service).await, 1);
    // A key that is to end is affirmed beforehand.
    let from = Some("2099-01-01T00:00:00Z".to_owned());
    service.revoke_key(RevokeRequest { from, ..revoke(None) }).await.unwrap();
    assert_eq!(service.affirm(asked).await.unwrap().records.len(), 1);
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn what_was_signed_before_a_revocation_was_shown_still_counts_when_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let node = Node::start(&path, None, Mode::Offline).unwrap();
    let service = node.service();
    service.publish(note()).await.unwrap();
    let asked = RevokeRequest { dry_run: true, ..revoke(None) };
    let tried = service.revoke_key(asked).await.unwrap();
    assert!(tried.takes_back.is_empty());
    let asked = RevokeRequest { from: Some(tried.from.clone()), ..revoke(None) };
    let done = service.revoke_key(asked).await.unwrap();
    assert!(done.takes_back.is_empty(), "{:?}", done.takes_back);
    assert_eq!(done.from, tried.from);
    drop(service);
    stop(node).await;
}

/// The root's file takes its time to open; what is published meanwhile counts all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_signed_with_a_key_while_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let file = path.join(ROOT_KEYS);
    let keys = keyfile::open(&file, None).unwrap();
    let right = passphrase("correct horse");
    keyfile::replace(&file, &keys, Seal::Passphrase(&right, WorkFactor::LOWEST)).unwrap();
    let node = Node::start(&path, None, Mode::Offline).unwrap();
    let service = node.service();
    let old = service.signer().unwrap().id();
    let (end, ended) = tokio::sync::watch::channel(false);
    let busy = service.clone();
    let publishing = tokio::spawn(async move {
        let mut published = 0_u32;
        while !*ended.borrow() || published == 0 {
            busy.publish(note()).await.unwrap();
            published += 1;
        }
        published
    });
    let revoked = service.revoke_key(revoke(root("correct horse"))).await.unwrap();
    end.send(true).unwrap();
    publishing.await.unwrap();
    let at: comity_core::Timestamp = revoked.from.parse().unwrap();
    let late = service
        .look(move |state, _, _| {
            let by_it = |held: &&crate::state::Held| held.facts.author == old;
            let of_it = state.records().map(|(_, held)| held).filter(by_it);
            of_it.filter(|held| held.signed_at >= at).count()
        })
        .await
        .unwrap();
    assert_eq!(late, 0);
    drop(service);
    stop(node).await;
}

#[tokio::test]
async fn whoever_comes_second_sees_when_the_first_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = founded(folder.path(), Seal::Plain);
    let node = Node::start(&path, None, Mode::Offline).unwrap();
    let service = node.service();
    let first = service.parts.rotating.lock().await;
    assert!(service.status().await.unwrap().keyring_changing);
    let second = service.revoke_key(revoke(None)).await.unwrap_err();
    assert_eq!(second.code, "rotation-under-way");
    assert!(second.next.unwrap().contains("comity status"));
    drop(first);
    assert!(!service.status().await.unwrap().keyring_changing);
    drop(service);
    stop(node).await;
}
