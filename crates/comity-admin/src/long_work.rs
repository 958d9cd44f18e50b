//! What takes long is told a line at a time: how far it has come, and at last the answer.

use axum::response::Response;
use comity_node::ServiceError;
use comity_node::api::{DiffLine, DiffRequest, SearchLine, SearchRequest};
use comity_node::service::{Comparing, Searching};
use serde::Serialize;

use crate::api::{Ask, Node, State};
use crate::failure::Failure;
use crate::lines;

/// Work that is done a step at a time, each told in a line.
trait Work: Send + 'static {
    type Line: Serialize + Send + Sync;

    /// The next line; none: all was said.
    fn go_on(&mut self) -> impl Future<Output = Result<Option<Self::Line>, ServiceError>> + Send;
}

impl Work for Comparing {
    type Line = DiffLine;

    async fn go_on(&mut self) -> Result<Option<DiffLine>, ServiceError> {
        self.next().await
    }
}

impl Work for Searching {
    type Line = SearchLine;

    async fn go_on(&mut self) -> Result<Option<SearchLine>, ServiceError> {
        self.next().await
    }
}

/// What two agreements differ in, and what that would do.
pub(crate) async fn diff(
    State(node): Node,
    Ask(asked): Ask<DiffRequest>,
) -> Result<Response, Failure> {
    Ok(told(node.compare(asked).await?))
}

/// Which records have something, and who was told: each as it is found.
pub(crate) async fn search(
    State(node): Node,
    Ask(asked): Ask<SearchRequest>,
) -> Result<Response, Failure> {
    Ok(told(node.search(&asked)?))
}

/// Nothing is worked for who has gone away.
fn told(mut work: impl Work) -> Response {
    let (reader, response) = lines::reply();
    tokio::spawn(async move {
        while let Ok(Some(line)) = work.go_on().await {
            if !reader.tell(&line).await {
                return;
            }
        }
    });
    response
}
