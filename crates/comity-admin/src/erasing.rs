//! Letting go of what is here, and keeping it on legal grounds, over the local interface.

use axum::Router;
use axum::routing::post;
use comity_node::api::{EraseRequest, LegalHoldRequest, RetentionDueRequest};
use comity_node::service::Service;

use crate::api::{Ask, Node, Nothing, State, answer};
use crate::ask;

pub(crate) fn erasing() -> Router<Service> {
    Router::new()
        .route(
            "/erase",
            post(async |State(node): Node, Ask(asked): Ask<EraseRequest>| {
                answer(node.erase(asked).await)
            }),
        )
        .route(
            "/erasure-certificate",
            post(async |State(node): Node, Ask(asked): Ask<ask::Record>| {
                answer(node.certificate(&asked.record).await)
            }),
        )
        .route(
            "/add-hold",
            post(async |State(node): Node, Ask(asked): Ask<LegalHoldRequest>| {
                answer(node.hold(asked).await)
            }),
        )
        .route(
            "/lift-hold",
            post(async |State(node): Node, Ask(asked): Ask<LegalHoldRequest>| {
                answer(node.lift_hold(asked).await)
            }),
        )
        .route(
            "/retention",
            post(async |State(node): Node, Ask(asked): Ask<ask::Record>| {
                answer(node.retention(&asked.record).await)
            }),
        )
        .route(
            "/retention-due",
            post(async |State(node): Node, Ask(asked): Ask<RetentionDueRequest>| {
                answer(node.retention_due(asked).await)
            }),
        )
        .route(
            "/backups",
            post(async |State(node): Node, Nothing: Nothing| answer(node.backups().await)),
        )
        .route(
            "/holds",
            post(async |State(node): Node, Nothing: Nothing| answer(node.holds().await)),
        )
}
