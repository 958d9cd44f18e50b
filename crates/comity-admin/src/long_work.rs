//! What takes long is told a line at a time: how far it has come, and at last the answer.

use axum::response::Response;
use comity_node::ServiceError;
use comity_node::api::{
    BooksLine, CorroborationLine, DiffLine, DiffRequest, ExportLine, ExportRequest, SearchLine,
    SearchRequest,
};
use comity_node::service::{Comparing, Corroborating, Exporting, Searching, Verifying};
use serde::Serialize;

use crate::api::{Ask, Node, Nothing, State};
use crate::ask;
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

impl Work for Corroborating {
    type Line = CorroborationLine;

    async fn go_on(&mut self) -> Result<Option<CorroborationLine>, ServiceError> {
        self.next().await
    }
}

impl Work for Exporting {
    type Line = ExportLine;

    async fn go_on(&mut self) -> Result<Option<ExportLine>, ServiceError> {
        self.next().await
    }
}

impl Work for Verifying {
    type Line = BooksLine;

    async fn go_on(&mut self) -> Result<Option<BooksLine>, ServiceError> {
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

/// Who else says what a record says.
pub(crate) async fn corroborate(
    State(node): Node,
    Ask(asked): Ask<ask::Record>,
) -> Result<Response, Failure> {
    Ok(told(node.corroborate(&asked.record).await?))
}

/// Everything that happened in a time: the lines of a file as they are made.
pub(crate) async fn export(
    State(node): Node,
    Ask(asked): Ask<ExportRequest>,
) -> Result<Response, Failure> {
    Ok(told(node.export_audit(asked).await?))
}

/// Whether one's own books are what was written.
pub(crate) async fn verify_books(State(node): Node, Nothing: Nothing) -> Result<Response, Failure> {
    Ok(told(node.verify_books().await?))
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
