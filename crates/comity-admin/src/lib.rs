//! The local interface of a comity node: HTTP with JSON on a Unix socket that only its user may open.
//!
//! [`router`] is every command of a node, one POST each. A [`Client`] speaks
//! to a node through its socket, or calls the same router in this process when no node runs.

mod api;
mod approvals;
pub mod ask;
mod assessing;
mod audit;
mod client;
mod consents;
mod emergencies;
mod erasing;
mod failure;
mod guard;
mod lines;
mod long_work;
mod rights;
mod server;
mod staff;
mod withdrawals;

pub use api::router;
pub use client::{Client, Lines};
pub use failure::{Failure, FailureKind};
pub use server::{ServeError, Server};

/// Bytes of one request: a part of the largest size as base64 in JSON, and some room.
pub const REQUEST_BYTES: usize = 96 * 1024 * 1024;
/// Bytes of one reply, and of one line of a reply in lines.
pub const REPLY_BYTES: usize = 256 * 1024 * 1024;
/// The version of the interface: the front of every path.
pub const PREFIX: &str = "/v1";

/// The router as both sides see it: under the version's prefix, with the request limit.
pub fn versioned(router: axum::Router) -> axum::Router {
    axum::Router::new()
        .nest(PREFIX, router)
        .fallback(nothing_there)
        .method_not_allowed_fallback(only_post)
        .layer(axum::extract::DefaultBodyLimit::max(REQUEST_BYTES))
}

async fn nothing_there(uri: axum::http::Uri) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    let message = format!("the node does not know `{}`", uri.path());
    let failure = Failure::new(FailureKind::Unavailable, "unknown-command", message)
        .next("check that the node and the command are of one version: comity --version");
    (axum::http::StatusCode::NOT_FOUND, axum::Json(failure)).into_response()
}

async fn only_post(method: axum::http::Method) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    let message = format!("a command is asked with POST, not with {method}");
    let failure = Failure::new(FailureKind::Usage, "not-post", message)
        .next("send it as POST, with its body in JSON");
    (axum::http::StatusCode::METHOD_NOT_ALLOWED, axum::Json(failure)).into_response()
}
