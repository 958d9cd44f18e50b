//! Consents over the local interface.

use axum::Router;
use axum::routing::post;
use comity_node::api::{
    ConsentAskRequest, ConsentGrantRequest, ConsentRefuseRequest, ConsentWithdrawRequest,
};
use comity_node::service::Service;

use crate::api::{Ask, Node, State, answer};
use crate::ask;

pub(crate) fn consents() -> Router<Service> {
    Router::new()
        .route("/consents", post(async |State(node): Node| answer(node.consents().await)))
        .route(
            "/consent",
            post(async |State(node): Node, Ask(asked): Ask<ask::Reference>| {
                answer(node.consent(&asked.reference).await)
            }),
        )
        .route(
            "/ask-consent",
            post(async |State(node): Node, Ask(asked): Ask<ConsentAskRequest>| {
                answer(node.ask_consent(asked).await)
            }),
        )
        .route(
            "/grant-consent",
            post(async |State(node): Node, Ask(asked): Ask<ConsentGrantRequest>| {
                answer(node.grant_consent(asked).await)
            }),
        )
        .route(
            "/refuse-consent",
            post(async |State(node): Node, Ask(asked): Ask<ConsentRefuseRequest>| {
                answer(node.refuse_consent(asked).await)
            }),
        )
        .route(
            "/withdraw-consent",
            post(async |State(node): Node, Ask(asked): Ask<ConsentWithdrawRequest>| {
                answer(node.withdraw_consent(asked).await)
            }),
        )
}
