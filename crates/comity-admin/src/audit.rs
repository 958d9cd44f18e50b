//! Who did we tell: of a record, to a partner, of a value or a file.

use axum::Router;
use axum::routing::post;
use comity_node::api::{AuditPartnerRequest, ToldRequest, WrongRequest};
use comity_node::service::Service;

use crate::api::{Ask, Node, State, answer};
use crate::ask;
use crate::long_work::{export, search, verify_books};

pub(crate) fn audit() -> Router<Service> {
    Router::new()
        .route(
            "/audit-who",
            post(async |State(node): Node, Ask(asked): Ask<ask::Record>| {
                answer(node.audit_who(&asked.record).await)
            }),
        )
        .route(
            "/audit-file",
            post(async |State(node): Node, Ask(asked): Ask<ask::Record>| {
                answer(node.audit_file(&asked.record).await)
            }),
        )
        .route(
            "/audit-partner",
            post(async |State(node): Node, Ask(asked): Ask<AuditPartnerRequest>| {
                answer(node.audit_partner(asked).await)
            }),
        )
        .route("/audit-search", post(search))
        .route("/audit-export", post(export))
        .route("/audit-verify", post(verify_books))
        .route(
            "/keyring",
            post(async |State(node): Node, Ask(asked): Ask<ask::Named>| {
                answer(node.keyring_file(&asked.name).await)
            }),
        )
        .route(
            "/told-outside",
            post(async |State(node): Node, Ask(asked): Ask<ToldRequest>| {
                answer(node.told_outside(asked).await)
            }),
        )
        .route(
            "/told-wrongly",
            post(async |State(node): Node, Ask(asked): Ask<WrongRequest>| {
                answer(node.told_wrongly(asked).await)
            }),
        )
}
