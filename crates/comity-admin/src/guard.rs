//! The egress guard over the local interface.

use axum::Router;
use axum::routing::post;
use comity_node::api::GuardRequest;
use comity_node::service::Service;

use crate::api::{Ask, Node, Nothing, State, answer};

pub(crate) fn guard() -> Router<Service> {
    Router::new()
        .route(
            "/guard",
            post(async |State(node): Node, Nothing: Nothing| answer(node.guard().await)),
        )
        .route(
            "/guard-release",
            post(async |State(node): Node, Ask(asked): Ask<GuardRequest>| {
                answer(node.let_pass(asked).await)
            }),
        )
        .route(
            "/guard-hold",
            post(async |State(node): Node, Ask(asked): Ask<GuardRequest>| {
                answer(node.hold_again(asked).await)
            }),
        )
        .route(
            "/guard-reload",
            post(async |State(node): Node, Nothing: Nothing| answer(node.reload_guard().await)),
        )
}
