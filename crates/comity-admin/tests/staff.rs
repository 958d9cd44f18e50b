//! Who is let do what over the socket, once a node has staff.

#![allow(clippy::unwrap_used, reason = "helpers of tests assert")]

use std::path::PathBuf;
use std::time::Duration;

use comity_admin::{Client, Failure, Server, router};
use comity_node::api::{
    AloneFields, ListRequest, RecordLine, RootPassphrase, StaffAddRequest, StaffAdded,
    StaffLeaveRequest, StaffLeft, StaffPassphrase, Status,
};
use comity_node::founding::{Founding, found};
use comity_node::keyfile::{Passphrase, Seal, WorkFactor};
use comity_node::{Mode, Node};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const ROOT: &str = "of the root";

struct World {
    folder: tempfile::TempDir,
    node: Node,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
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
        let (path, word) = (folder.path().join("node"), Passphrase::new(ROOT.to_owned()).unwrap());
        found(&path, &founding, Seal::Passphrase(&word, WorkFactor::LOWEST)).unwrap();
        let node = Node::start(&path, Some(&word), Mode::Offline).unwrap();
        let server = Server::bind(&folder.path().join("admin.sock")).unwrap();
        let (stop, stopped) = oneshot::channel();
        let until = async {
            stopped.await.ok();
        };
        let serving = server.serve(router(node.service()), until, Duration::from_millis(200));
        let served = tokio::spawn(async { serving.await.unwrap() });
        Self { folder, node, stop, served }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    fn nobody(&self) -> Client {
        Client::to_node(&self.socket()).unwrap().unwrap()
    }

    fn by(&self, name: &str, word: &str) -> Client {
        let mut client = self.nobody();
        client.ask_as(name, word).unwrap();
        client
    }

    async fn add(&self, name: &str, role: &str) -> Client {
        let asked = StaffAddRequest {
            name: name.to_owned(),
            roles: vec![role.to_owned()],
            up_to: None,
            alone: AloneFields::default(),
            passphrase: Some(StaffPassphrase::new(word_of(name))),
            root_passphrase: Some(RootPassphrase::new(ROOT.to_owned())),
        };
        let _: StaffAdded = self.nobody().call("/add-staff", &asked).await.unwrap();
        self.by(name, &word_of(name))
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap();
        self.node.stop(Duration::ZERO).await;
    }
}

fn word_of(name: &str) -> String {
    format!("{name}: own")
}

fn note(title: &str) -> Value {
    let part = json!({"section": "summary", "text": "text"});
    json!({"kind": "note", "title": title, "marking": {"tlp": "GREEN"}, "parts": [part]})
}

async fn refused(client: &Client, path: &str, request: &Value) -> Failure {
    client.call::<_, Value>(path, request).await.unwrap_err()
}

#[tokio::test]
async fn each_is_let_do_what_the_role_has_and_no_more() {
    let world = World::new();
    // Nobody is of the staff: whoever reaches the socket may ask anything.
    let _: Value = world.nobody().call("/publish", &note("before")).await.unwrap();
    let kim = world.add("kim", "analyst").await;
    let park = world.add("park", "operator").await;
    let lee = world.add("lee", "auditor").await;
    let clock = json!({"time": "2026-01-01T00:00:00Z"});
    let update = json!({"name": "JP", "change": {"level": 3}});
    let leave = json!({"name": "lee", "dry_run": true});
    for (path, request) in [
        ("/confirm-clock", &clock),
        ("/update-partner", &update),
        ("/leave-staff", &leave),
        ("/backup", &json!({"folder": "/nowhere"})),
        ("/reads", &json!({})),
        ("/propose", &json!({"text": "", "to": "JP", "again": false})),
    ] {
        let failure = refused(&kim, path, request).await;
        assert_eq!(
            (failure.code.as_str(), failure.kind.exit_code()),
            ("not-in-role", 77),
            "{path}"
        );
    }
    for (path, request) in [
        ("/publish", note("no")),
        ("/explain", json!({"record": "x"})),
        ("/record-file", json!({"record": "x"})),
        ("/show-draft", json!({"draft": 1, "content": true})),
        ("/watch", json!({})),
    ] {
        assert_eq!(refused(&lee, path, &request).await.code, "not-in-role", "{path}");
        assert_eq!(refused(&world.nobody(), path, &request).await.code, "nobody-named", "{path}");
    }
    // An operator signs nothing.
    assert_eq!(refused(&park, "/publish", &note("no")).await.code, "not-in-role");
    assert_ne!(refused(&park, "/update-partner", &update).await.code, "not-in-role");
    let _: Value = kim.call("/publish", &note("yes")).await.unwrap();
    let list: Vec<RecordLine> = lee.call("/list", &ListRequest::default()).await.unwrap();
    let titles: Vec<_> = list.iter().map(|line| line.title.as_str()).collect();
    assert_eq!(titles, ["yes", "before"]);
    let _: Status = world.nobody().call("/status", &()).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_name_without_its_passphrase_is_nobody() {
    let world = World::new();
    let kim = world.add("kim", "analyst").await;
    let _: Value = kim.call("/publish", &note("one")).await.unwrap();
    for (name, word, code) in [
        ("kim", "lee: own", "wrong-passphrase"),
        ("kim", "", "passphrase-needed"),
        ("../kim", "kim: own", "no-staff"),
        ("", "kim: own", "no-staff"),
    ] {
        let failure = refused(&world.by(name, word), "/status", &Value::Null).await;
        assert_eq!(failure.code, code, "{name}");
        assert!(!format!("{failure:?}").contains("own"), "{failure:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn whoever_left_is_let_in_no_more() {
    let world = World::new();
    let kim = world.add("kim", "analyst").await;
    world.add("lee", "operator").await;
    let _: Value = kim.call("/publish", &note("one")).await.unwrap();
    let asked = StaffLeaveRequest {
        name: "kim".to_owned(),
        dry_run: false,
        root_passphrase: Some(RootPassphrase::new(ROOT.to_owned())),
    };
    // The word of somebody whose passphrase is remembered counts no more.
    let _: StaffLeft = world.nobody().call("/leave-staff", &asked).await.unwrap();
    for path in ["/publish", "/list", "/status"] {
        assert_eq!(refused(&kim, path, &note("two")).await.code, "left", "{path}");
    }
    world.end().await;
}
