//! One router, asked through a socket and in this process.

#![allow(clippy::unwrap_used, reason = "helpers of tests assert")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::routing::post;
use axum::{Json, Router};
use comity_admin::{Client, Failure, FailureKind, ServeError, Server};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const DEADLINE: Duration = Duration::from_millis(200);

fn router() -> Router {
    Router::new()
        .route("/echo", post(|Json(value): Json<Value>| async move { Json(value) }))
        .route("/refuse", post(refuse))
        .route("/panic", post(|| async { "not json" }))
        .route("/count", post(|| async { Body::from("1\n\n22\n333\n") }))
        .route("/cut", post(|| async { Body::from("1\n2") }))
        .route("/hang", post(|| async { std::future::pending::<()>().await }))
}

async fn refuse() -> Failure {
    Failure::new(FailureKind::NotPermitted, "wrong-passphrase", "wrong passphrase")
        .next("try again")
}

struct Running {
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<Result<(), ServeError>>,
}

fn start(path: &Path) -> Running {
    let server = Server::bind(path).unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        stopped.await.ok();
    };
    Running { stop, ended: tokio::spawn(server.serve(router(), shutdown, DEADLINE)) }
}

async fn both_ways(check: impl AsyncFn(Client)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let running = start(&path);
    check(Client::to_node(&path).unwrap().unwrap()).await;
    check(Client::in_process(router())).await;
    running.stop.send(()).unwrap();
    running.ended.await.unwrap().unwrap();
    assert!(!path.exists(), "the socket is removed");
    assert!(Client::to_node(&path).unwrap().is_none());
}

#[tokio::test]
async fn a_call_is_answered() {
    both_ways(async |client| {
        let sent = json!({"a": [1, 2, "ü"], "large": "x".repeat(3 << 20)});
        let received: Value = client.call("/echo", &sent).await.unwrap();
        assert_eq!(received, sent);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_arrives_whole() {
    both_ways(async |client| {
        let failure = client.call::<_, Value>("/refuse", &()).await.unwrap_err();
        assert_eq!(failure, refuse().await);
        assert_eq!(failure.kind.exit_code(), 77);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_ours_is_explained() {
    both_ways(async |client| {
        let unknown = client.call::<_, Value>("/no-such-command", &()).await.unwrap_err();
        assert_eq!(unknown.code, "unknown-command");
        assert!(unknown.message.contains("/v1/no-such-command"), "{unknown}");
        let garbage = client.call::<_, Value>("/panic", &()).await.unwrap_err();
        assert_eq!(garbage.code, "admin-reply");
        let shape = client.call::<_, u8>("/echo", &"text").await.unwrap_err();
        assert_eq!(shape.code, "admin-reply");
    })
    .await;
}

#[tokio::test]
async fn lines_come_one_by_one() {
    both_ways(async |client| {
        let mut lines = client.lines("/count", &()).await.unwrap();
        for expected in [Some(1), Some(22), Some(333), None] {
            assert_eq!(lines.next::<u32>().await.unwrap(), expected);
        }
        let mut cut = client.lines("/cut", &()).await.unwrap();
        assert_eq!(cut.next::<u32>().await.unwrap(), Some(1));
        assert_eq!(cut.next::<u32>().await.unwrap_err().code, "node-broke-off");
    })
    .await;
}

#[tokio::test]
async fn only_the_owner_may_open_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let _server = Server::bind(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_live_socket_is_not_taken_and_a_dead_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let first = Server::bind(&path).unwrap();
    assert!(matches!(Server::bind(&path), Err(ServeError::Taken(_))));
    drop(first);
    // What a killed process leaves: the file, and nobody behind it.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(Client::to_node(&path).unwrap().is_none());
    let second = Server::bind(&path).unwrap();
    assert!(Client::to_node(&path).unwrap().is_some());
    drop(second);
}

#[tokio::test]
async fn the_socket_of_a_later_node_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let first = Server::bind(&path).unwrap();
    let aside = folder.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    let _second = Server::bind(&path).unwrap();
    drop(first);
    assert!(path.exists());
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Server::bind(&path), Err(ServeError::InTheWay(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let long = folder.path().join("x".repeat(120));
    assert!(matches!(Server::bind(&long), Err(ServeError::TooLong(_))));
}

#[tokio::test]
async fn a_request_that_hangs_does_not_hold_up_the_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let running = start(&path);
    let client = Client::to_node(&path).unwrap().unwrap();
    let asking = tokio::spawn(async move { client.call::<_, Value>("/hang", &()).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = Instant::now();
    running.stop.send(()).unwrap();
    running.ended.await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    asking.abort();
}

#[tokio::test]
async fn every_refusal_has_a_body() {
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt as _;
    for (method, path, status, code) in [
        ("POST", "/v1/nothing", StatusCode::NOT_FOUND, "unknown-command"),
        ("POST", "/echo", StatusCode::NOT_FOUND, "unknown-command"),
        ("GET", "/v1/echo", StatusCode::METHOD_NOT_ALLOWED, "not-post"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let reply = comity_admin::versioned(router()).oneshot(request).await.unwrap();
        assert_eq!(reply.status(), status, "{method} {path}");
        let body = axum::body::to_bytes(reply.into_body(), 1 << 16).await.unwrap();
        let failure: Failure = serde_json::from_slice(&body).unwrap();
        assert_eq!(failure.code, code);
        assert!(failure.next.is_some());
    }
}

#[test]
fn a_change_of_a_partner_has_no_unknown_fields() {
    use comity_admin::ask::Update;
    let read = |value: Value| serde_json::from_value::<Update>(value).map_err(|e| e.to_string());
    for good in [
        json!({"name": "JP", "change": "level", "level": 2}),
        json!({"name": "JP", "change": "suspend"}),
        json!({"name": "JP", "change": "addresses", "addresses": ["jp.example:4864"]}),
    ] {
        assert_eq!(serde_json::to_value(read(good.clone()).unwrap()).unwrap(), good);
    }
    for bad in [
        json!({"name": "JP", "change": "suspend", "until": "tomorrow"}),
        json!({"name": "JP", "change": "suspend", "level": 2}),
        json!({"name": "JP", "change": "level"}),
        json!({"name": "JP", "change": "forget"}),
    ] {
        assert!(read(bad.clone()).is_err(), "{bad}");
    }
}
