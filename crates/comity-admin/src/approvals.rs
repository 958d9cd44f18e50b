//! Second persons over the local interface.

use axum::Router;
use axum::routing::post;
use comity_node::api::ApproveRequest;
use comity_node::service::Service;

use crate::api::{Ask, Node, Nothing, State, answer};

pub(crate) fn approvals() -> Router<Service> {
    Router::new()
        .route(
            "/approvals",
            post(async |State(node): Node, Nothing: Nothing| answer(node.approvals().await)),
        )
        .route(
            "/approve",
            post(async |State(node): Node, Ask(asked): Ask<ApproveRequest>| {
                answer(node.approve(asked).await)
            }),
        )
}
