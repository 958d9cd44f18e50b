//! Who is let do what, once there is staff.

mod approving;
mod reading;
mod unclaimed;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use comity_core::journal::{StaffChange, StaffJoined};
use comity_core::keyring::Role;
use comity_core::sign::SecretKey;
use comity_core::staff::{Right, Roles, StaffRole};

use super::key_tests::founded;
use super::{Service, staff_key_file};
use crate::api::{
    ListRequest, MarkingFields, PartRequest, PublishRequest, RevokeRequest, RootPassphrase,
    RuleRequest, RuleVerdict, StaffAddRequest, StaffLeaveRequest, StaffPassphrase,
};
use crate::engine::Command;
use crate::entropy::OsEntropy;
use crate::error::ServiceError;
use crate::founding::{NODE_KEYS, ROOT_KEYS};
use crate::keyfile::{self, Form, Passphrase, Seal, WorkFactor};
use crate::{Mode, Node};

/// The passphrase of the node's keys in these tests.
const NODE: &str = "of the node";

struct World {
    folder: tempfile::TempDir,
    node: Option<Node>,
}

impl World {
    /// A node whose key files open in no time.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seal = passphrase(NODE);
        founded(folder.path(), Seal::Passphrase(&seal, WorkFactor::LOWEST));
        let mut world = Self { folder, node: None };
        world.start();
        world
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    fn start(&mut self) {
        let node = Node::start(&self.path(), Some(&passphrase(NODE)), Mode::Offline);
        self.node = Some(node.unwrap());
    }

    async fn again(&mut self) {
        self.node.take().unwrap().stop(Duration::ZERO).await;
        self.start();
    }

    fn nobody(&self) -> Service {
        self.node.as_ref().unwrap().service()
    }

    async fn add(&self, name: &str, roles: &[&str], up_to: &str) {
        let asked = StaffAddRequest {
            up_to: Some(up_to.to_owned()),
            passphrase: Some(typed(&word_of(name))),
            root_passphrase: root(),
            ..joining(name, roles)
        };
        let added = self.nobody().add_staff(asked).await.unwrap();
        assert_eq!(added.line.roles, roles);
        assert_eq!(Path::new(&added.file), staff_key_file(&self.path(), name));
        let form = keyfile::inspect(Path::new(&added.file)).unwrap();
        assert_eq!(form, Form::Encrypted(WorkFactor::LOWEST));
        let mode = std::fs::metadata(&added.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    async fn leave(&self, name: &str) -> Result<(), ServiceError> {
        let name = name.to_owned();
        let asked = StaffLeaveRequest { name, dry_run: false, root_passphrase: root() };
        self.nobody().leave_staff(asked).await.map(drop)
    }

    async fn ask(&self, name: &str, word: &str, right: Right) -> Result<Service, ServiceError> {
        self.nobody().asked_by(Some((name.to_owned(), typed(word))), right).await
    }

    async fn may(&self, name: &str, right: Right) -> Service {
        self.ask(name, &word_of(name), right).await.unwrap()
    }

    async fn refused(&self, name: &str, right: Right) -> &'static str {
        self.ask(name, &word_of(name), right).await.map(drop).unwrap_err().code
    }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn typed(text: &str) -> StaffPassphrase {
    StaffPassphrase::new(text.to_owned())
}

fn root() -> Option<RootPassphrase> {
    Some(RootPassphrase::new(NODE.to_owned()))
}

/// What opens the key of somebody of these tests.
fn word_of(name: &str) -> String {
    format!("{name}'s own")
}

fn joining(name: &str, roles: &[&str]) -> StaffAddRequest {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    StaffAddRequest { name: name.to_owned(), roles, ..StaffAddRequest::default() }
}

fn note(title: &str, tlp: &str) -> PublishRequest {
    PublishRequest {
        kind: Some("note".to_owned()),
        title: title.to_owned(),
        marking: MarkingFields { tlp: Some(tlp.to_owned()), ..MarkingFields::default() },
        parts: vec![PartRequest {
            section: "summary".to_owned(),
            text: Some(format!("text of {title}")),
            ..PartRequest::default()
        }],
        ..PublishRequest::default()
    }
}

async fn records(service: &Service) -> usize {
    service.list(ListRequest::default()).await.unwrap().len()
}

#[tokio::test]
async fn without_staff_whoever_reaches_the_node_may_ask_anything_and_nobody_is_somebody() {
    let world = World::new();
    for right in [Right::Write, Right::Operate, Right::Audit] {
        let service = world.nobody().asked_by(None, right).await.unwrap();
        assert!(service.caller().is_none());
    }
    assert_eq!(world.refused("kim", Right::Open).await, "no-staff");
}

#[tokio::test]
async fn somebody_of_the_staff_signs_with_their_own_key_and_up_to_its_ceiling() {
    let mut world = World::new();
    let desk = world.nobody().signer().unwrap().id();
    world.add("kim", &["analyst"], "green").await;
    world.add("lee", &["analyst"], "red").await;
    let kim = world.may("kim", Right::Write).await;
    let own = kim.signer().unwrap().id();
    assert_ne!(own, desk);
    let published = kim.publish(note("one", "GREEN")).await.unwrap();
    let shown = kim.show(&published.record, false).await.unwrap();
    assert_eq!(shown.author, own.to_string());
    // Above the ceiling a preview says so as well: it predicts what happens.
    for dry_run in [true, false] {
        let asked = PublishRequest { dry_run, ..note("two", "AMBER") };
        let refused = kim.publish(asked).await.unwrap_err();
        assert_eq!(refused.code, "not-entitled");
    }
    assert_eq!(records(&kim).await, 1);
    let lee = world.may("lee", Right::Write).await;
    lee.publish(note("two", "AMBER")).await.unwrap();
    // Whoever holds on to a node keeps its folder.
    drop((kim, lee));
    // What the node says of itself is still signed with its own key, and all of it is so after a start.
    world.again().await;
    assert_eq!(world.nobody().signer().unwrap().id(), desk);
    assert_eq!(world.may("kim", Right::Write).await.signer().unwrap().id(), own);
}

#[tokio::test]
async fn once_there_is_staff_nobody_is_let_do_what_takes_a_name() {
    let world = World::new();
    world.add("kim", &["analyst"], "green").await;
    for (right, let_in) in [
        (Right::Open, true),
        (Right::Keep, true),
        (Right::Bring, true),
        (Right::See, false),
        (Right::Write, false),
        (Right::Operate, false),
    ] {
        let asked = world.nobody().asked_by(None, right).await;
        assert_eq!(asked.map(drop).map_err(|error| error.code).is_ok(), let_in, "{right:?}");
    }
    let nameless = world.nobody().asked_by(None, Right::Write).await.map(drop).unwrap_err();
    assert_eq!(nameless.code, "nobody-named");
    // Neither another's passphrase nor none opens a key, also not while it is open for its owner.
    world.may("kim", Right::Write).await;
    for wrong in ["", "lee's own", "kim's owm"] {
        let refused = world.ask("kim", wrong, Right::Write).await.map(drop).unwrap_err();
        assert!(["wrong-passphrase", "passphrase-needed"].contains(&refused.code), "{refused:?}");
    }
    assert_eq!(world.refused("kim", Right::Deal).await, "not-in-role");
    assert_eq!(world.refused("lee", Right::Open).await, "no-staff");
}

#[tokio::test]
async fn a_key_in_another_file_is_not_that_person() {
    let world = World::new();
    world.add("kim", &["analyst"], "green").await;
    world.add("lee", &["operator"], "green").await;
    let file = |name: &str| staff_key_file(&world.path(), name);
    std::fs::copy(file("kim"), file("lee")).unwrap();
    let other = world.ask("lee", &word_of("kim"), Right::Operate).await.map(drop).unwrap_err();
    assert_eq!(other.code, "other-key");
}

#[tokio::test]
async fn nobody_joins_or_leaves_without_the_root_keys() {
    let world = World::new();
    let wrong = Some(RootPassphrase::new("guess".to_owned()));
    for root_passphrase in [None, wrong.clone()] {
        let asked = StaffAddRequest { root_passphrase, ..joining("kim", &["operator"]) };
        world.nobody().add_staff(asked).await.unwrap_err();
    }
    assert!(world.nobody().staff().await.unwrap().is_empty());
    assert!(!staff_key_file(&world.path(), "kim").exists());
    world.add("kim", &["operator"], "green").await;
    let asked =
        StaffLeaveRequest { name: "kim".to_owned(), dry_run: false, root_passphrase: wrong };
    world.nobody().leave_staff(asked).await.unwrap_err();
    world.may("kim", Right::Operate).await;
}

#[tokio::test]
async fn whoever_leaves_is_let_in_no_more_and_the_key_ends_everywhere() {
    let mut world = World::new();
    world.add("kim", &["analyst"], "green").await;
    world.add("lee", &["operator"], "green").await;
    let kim = world.may("kim", Right::Write).await;
    let record = kim.publish(note("one", "GREEN")).await.unwrap().record;
    let version = world.nobody().status().await.unwrap().keyring;
    world.leave("kim").await.unwrap();
    let now = kim.now();
    let key = kim.signer().unwrap().id();
    let nobody = world.nobody();
    let granted = nobody.look(move |state, _, _| {
        state.keyring(&state.us()).unwrap().is_granted(key, Role::Author, now)
    });
    assert!(!granted.await.unwrap());
    assert_eq!(world.nobody().status().await.unwrap().keyring, version + 1);
    assert!(!staff_key_file(&world.path(), "kim").exists());
    // What was signed before stays, and a session that was begun before signs nothing more.
    let lee = world.may("lee", Right::See).await;
    assert_eq!(lee.show(&record, false).await.unwrap().line.standing, "accepted");
    assert_eq!(kim.publish(note("two", "GREEN")).await.unwrap_err().code, "not-entitled");
    drop((kim, lee, nobody));
    for _ in 0..2 {
        assert_eq!(world.refused("kim", Right::Write).await, "left");
        world.again().await;
    }
    assert_eq!(world.leave("kim").await.unwrap_err().code, "no-staff");
    // Under a new key, and in another role, the same person may come back.
    world.add("kim", &["liaison"], "green").await;
    world.may("kim", Right::Deal).await;
    assert_eq!(world.refused("kim", Right::Write).await, "not-in-role");
}

#[tokio::test]
async fn a_key_that_is_revoked_as_stolen_lets_nobody_in_until_its_owner_has_another() {
    let world = World::new();
    world.add("kim", &["analyst"], "green").await;
    let key = world.may("kim", Right::Write).await.signer().unwrap().id().to_string();
    let asked = RevokeRequest {
        key,
        compromised: true,
        reason: Some("laptop stolen".to_owned()),
        root_passphrase: root(),
        ..RevokeRequest::default()
    };
    // In a hurry one knows the name.
    let named = RevokeRequest { key: "kim".to_owned(), dry_run: true, ..asked.clone() };
    assert_eq!(world.nobody().revoke_key(named).await.unwrap().key, asked.key);
    assert!(!world.nobody().revoke_key(asked).await.unwrap().replaced);
    assert_eq!(world.refused("kim", Right::Write).await, "revoked");
    world.add("kim", &["analyst"], "green").await;
    world.may("kim", Right::Write).await;
    let twice = StaffAddRequest { root_passphrase: root(), ..joining("kim", &["analyst"]) };
    assert_eq!(world.nobody().add_staff(twice).await.unwrap_err().code, "staff-member");
}

#[tokio::test]
async fn a_joining_that_was_interrupted_lets_nobody_in_and_is_done_anew() {
    let world = World::new();
    let key = SecretKey::generate(&mut OsEntropy).id();
    let roles = Roles::new([StaffRole::Operator]).unwrap();
    let change = StaffChange::Joined(StaffJoined { key, roles });
    let (name, by) = ("kim".to_owned(), String::new());
    world.nobody().command(Command::Staff { name, change, by }).await.unwrap();
    assert_eq!(world.refused("kim", Right::Operate).await, "not-granted");
    assert_eq!(world.nobody().staff().await.unwrap()[0].until, None);
    world.add("kim", &["operator"], "green").await;
    world.may("kim", Right::Operate).await;
}

/// What partners are sent of it is the keyring.
#[tokio::test]
async fn a_decision_carries_the_name_of_whoever_was_asked_for_a_passphrase() {
    let world = World::new();
    world.add("kim", &["analyst"], "green").await;
    let kim = world.may("kim", Right::Judge).await;
    let record = kim.publish(note("one", "GREEN")).await.unwrap().record;
    let asked = RuleRequest {
        record: record.clone(),
        verdict: RuleVerdict::Hold,
        by: "somebody else".to_owned(),
        reason: "wrong".to_owned(),
        dry_run: false,
    };
    kim.rule(asked).await.unwrap();
    let shown = kim.show(&record, false).await.unwrap();
    assert_eq!(shown.ruling.unwrap().by, "kim");
}

#[tokio::test]
async fn names_and_roles_that_nobody_can_have_are_refused_before_anything_is_made() {
    let world = World::new();
    let before = std::fs::read(world.path().join(ROOT_KEYS)).unwrap();
    for (name, roles, code) in [
        ("../kim", &["analyst"][..], "staff-name"),
        ("Kim", &["analyst"], "staff-name"),
        ("kim", &[], "roles"),
        ("kim", &["boss"], "role"),
        ("kim", &["auditor", "analyst"], "roles"),
    ] {
        let asked = StaffAddRequest { root_passphrase: root(), ..joining(name, roles) };
        assert_eq!(world.nobody().add_staff(asked).await.unwrap_err().code, code, "{name}");
    }
    let empty = Some(typed(""));
    let asked = StaffAddRequest {
        passphrase: empty,
        root_passphrase: root(),
        ..joining("kim", &["analyst"])
    };
    assert_eq!(world.nobody().add_staff(asked).await.unwrap_err().code, "empty-passphrase");
    assert!(world.nobody().staff().await.unwrap().is_empty());
    assert_eq!(world.nobody().status().await.unwrap().keyring, 1);
    assert_eq!(std::fs::read(world.path().join(ROOT_KEYS)).unwrap(), before);
    assert!(world.path().join(NODE_KEYS).exists());
}
