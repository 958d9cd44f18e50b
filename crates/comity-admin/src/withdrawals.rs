//! Taking back, and letting go, over the local interface.

use axum::Router;
use axum::routing::post;
use comity_node::api::{EmbargoRequest, RefusalRequest};
use comity_node::service::Service;

use crate::api::{Ask, Node, Nothing, State, answer};
use crate::ask;

pub(crate) fn withdrawals() -> Router<Service> {
    Router::new()
        .route(
            "/withdraw",
            post(async |State(node): Node, Ask(asked): Ask<ask::Records>| {
                answer(node.withdraw(asked.records, asked.dry_run).await)
            }),
        )
        .route(
            "/unsend",
            post(async |State(node): Node, Ask(asked): Ask<ask::Record>| {
                answer(node.unsend(&asked.record).await)
            }),
        )
        .route(
            "/lift-embargo",
            post(async |State(node): Node, Ask(asked): Ask<EmbargoRequest>| {
                answer(node.lift_embargo(asked).await)
            }),
        )
        .route(
            "/recall",
            post(async |State(node): Node, Ask(asked): Ask<ask::Recall>| {
                answer(node.recall(asked.records, &asked.reason, asked.dry_run).await)
            }),
        )
        .route(
            "/recalls",
            post(async |State(node): Node, Nothing: Nothing| answer(node.recalls().await)),
        )
        .route(
            "/recall-due",
            post(async |State(node): Node, Ask(asked): Ask<ask::Named>| {
                answer(node.recall_due(&asked.name).await)
            }),
        )
        .route(
            "/refuse-recall",
            post(async |State(node): Node, Ask(asked): Ask<RefusalRequest>| {
                answer(node.refuse_recall(asked).await)
            }),
        )
}
