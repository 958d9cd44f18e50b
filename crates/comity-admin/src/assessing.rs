//! How far what came in is to be believed: said, and looked at.

use axum::Router;
use axum::routing::post;
use comity_node::api::AssessRequest;
use comity_node::service::Service;

use crate::api::{Ask, Node, State, answer};
use crate::long_work::corroborate;

pub(crate) fn assessing() -> Router<Service> {
    Router::new()
        .route(
            "/assess",
            post(async |State(node): Node, Ask(asked): Ask<AssessRequest>| {
                answer(node.assess(asked).await)
            }),
        )
        .route("/corroboration", post(corroborate))
}
