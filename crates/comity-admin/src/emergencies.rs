//! Emergency releases over the local interface.

use axum::Router;
use axum::routing::post;
use comity_node::api::{EmergencyConfirmRequest, EmergencyKeyRequest, EmergencyRequest};
use comity_node::service::Service;

use crate::api::{Ask, Node, Nothing, State, answer};

pub(crate) fn emergencies() -> Router<Service> {
    Router::new()
        .route(
            "/emergencies",
            post(async |State(node): Node, Nothing: Nothing| answer(node.emergencies().await)),
        )
        .route(
            "/release-emergency",
            post(async |State(node): Node, Ask(asked): Ask<EmergencyRequest>| {
                answer(node.release_in_emergency(asked).await)
            }),
        )
        .route(
            "/confirm-emergency",
            post(async |State(node): Node, Ask(asked): Ask<EmergencyConfirmRequest>| {
                answer(node.confirm_emergency(asked).await)
            }),
        )
        .route(
            "/emergency-key",
            post(async |State(node): Node, Ask(asked): Ask<EmergencyKeyRequest>| {
                answer(node.new_emergency_key(asked).await)
            }),
        )
}
