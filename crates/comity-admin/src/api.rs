//! The commands of a node as HTTP: one POST each, a body of JSON in, one out.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use comity_core::Timestamp;
use comity_node::api::{
    AffiliateRequest, AffirmRequest, AlarmLine, ApplyRequest, DraftsRequest, Event, ExplainRequest,
    GroupRequest, ListRequest, PublishRequest, QuarantineRequest, RecordFileRequest, RevokeRequest,
    RotateRequest, RotateRootRequest, RuleRequest,
};
use comity_node::service::{End, Service};
use comity_node::{ErrorKind, ServiceError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::approvals::approvals;
use crate::ask;
use crate::assessing::assessing;
use crate::audit::audit;
use crate::consents::consents;
use crate::emergencies::emergencies;
use crate::erasing::erasing;
use crate::failure::{Failure, FailureKind};
use crate::guard::guard;
use crate::lines::{self, Reader};
use crate::long_work::diff;
pub(crate) use crate::staff::State;
use crate::staff::{admit, staff};
use crate::withdrawals::withdrawals;

/// Every command of `service`, without the version's prefix: see [`crate::versioned`].
pub fn router(service: Service) -> Router {
    Router::new()
        .merge(node())
        .merge(records())
        .merge(withdrawals())
        .merge(erasing())
        .merge(audit())
        .merge(drafts())
        .merge(partners())
        .merge(agreements())
        .merge(groups())
        .merge(guard())
        .merge(approvals())
        .merge(emergencies())
        .merge(assessing())
        .merge(consents())
        .merge(staff())
        .layer(from_fn_with_state(service.clone(), admit))
        .layer(from_fn(to_the_end))
        .with_state(service)
}

/// Whoever asked may go away, and what was begun is done to its end all the same: half of a change of keys
/// is worse than none.
async fn to_the_end(request: Request, next: Next) -> Result<Response, Failure> {
    tokio::spawn(next.run(request)).await.map_err(|error| {
        Failure::new(
            FailureKind::Internal,
            "broken",
            format!("the request was not carried out: {error}"),
        )
    })
}

fn node() -> Router<Service> {
    Router::new()
        .route(
            "/status",
            post(async |State(node): Node, Nothing: Nothing| answer(node.status().await)),
        )
        .route(
            "/rotate-link",
            post(async |State(node): Node, Ask(asked): Ask<RotateRequest>| {
                answer(node.rotate_link(asked).await)
            }),
        )
        .route(
            "/rotate-root",
            post(async |State(node): Node, Ask(asked): Ask<RotateRootRequest>| {
                answer(node.rotate_root(asked).await)
            }),
        )
        .route(
            "/keys",
            post(async |State(node): Node, Nothing: Nothing| answer(node.keyring_keys().await)),
        )
        .route(
            "/revoke-key",
            post(async |State(node): Node, Ask(asked): Ask<RevokeRequest>| {
                answer(node.revoke_key(asked).await)
            }),
        )
        .route(
            "/affirm",
            post(async |State(node): Node, Ask(asked): Ask<AffirmRequest>| {
                answer(node.affirm(asked).await)
            }),
        )
        .route(
            "/confirm-recovery",
            post(async |State(node): Node, Nothing: Nothing| answer(node.confirm_recovery().await)),
        )
        .route(
            "/backup",
            post(async |State(node): Node, Ask(asked): Ask<ask::Folder>| {
                answer(node.backup(&asked.folder).await)
            }),
        )
        .route("/clock", post(async |State(node): Node| answer(node.clock().await)))
        .route(
            "/confirm-clock",
            post(async |State(node): Node, Ask(asked): Ask<ask::Time>| {
                answer(node.confirm_clock(&asked.time).await)
            }),
        )
        .route("/watch", post(watch))
}

fn records() -> Router<Service> {
    Router::new()
        .route(
            "/publish",
            post(async |State(node): Node, Ask(asked): Ask<PublishRequest>| {
                answer(node.publish(asked).await)
            }),
        )
        .route(
            "/list",
            post(async |State(node): Node, Ask(asked): Ask<ListRequest>| {
                answer(node.list(asked).await)
            }),
        )
        .route(
            "/show",
            post(async |State(node): Node, Ask(asked): Ask<ask::Show>| {
                answer(node.show(&asked.record, asked.content).await)
            }),
        )
        .route(
            "/record-file",
            post(async |State(node): Node, Ask(asked): Ask<RecordFileRequest>| {
                answer(node.record_file(&asked).await)
            }),
        )
        .route(
            "/preview",
            post(async |State(node): Node, Ask(asked): Ask<ask::Record>| {
                answer(node.preview(&asked.record).await)
            }),
        )
        .route(
            "/explain",
            post(async |State(node): Node, Ask(asked): Ask<ExplainRequest>| {
                answer(node.explain(asked).await)
            }),
        )
        .route(
            "/quarantine",
            post(async |State(node): Node, Ask(asked): Ask<QuarantineRequest>| {
                answer(node.quarantine(asked).await)
            }),
        )
        .route(
            "/judge",
            post(async |State(node): Node, Ask(asked): Ask<RuleRequest>| {
                answer(node.rule(asked).await)
            }),
        )
}

fn drafts() -> Router<Service> {
    Router::new()
        .route(
            "/drafts",
            post(async |State(node): Node, Nothing: Nothing| answer(node.drafts().await)),
        )
        .route(
            "/show-draft",
            post(async |State(node): Node, Ask(asked): Ask<ask::ShowDraft>| {
                answer(node.show_draft(asked.draft, asked.content).await)
            }),
        )
        .route(
            "/keep-drafts",
            post(async |State(node): Node, Ask(asked): Ask<DraftsRequest>| {
                answer(node.keep_drafts(asked).await)
            }),
        )
        .route(
            "/drop-draft",
            post(async |State(node): Node, Ask(asked): Ask<ask::Draft>| {
                answer(node.drop_draft(asked.draft).await)
            }),
        )
}

fn partners() -> Router<Service> {
    Router::new()
        .route(
            "/partners",
            post(async |State(node): Node, Nothing: Nothing| answer(node.partners().await)),
        )
        .route(
            "/update-partner",
            post(async |State(node): Node, Ask(asked): Ask<ask::Update>| {
                answer(node.update_partner(&asked.name, asked.change).await)
            }),
        )
        .route(
            "/review-partner",
            post(async |State(node): Node, Ask(asked): Ask<ask::Named>| {
                answer(node.review_partner(&asked.name).await)
            }),
        )
        .route(
            "/ping",
            post(async |State(node): Node, Ask(asked): Ask<ask::Named>| {
                answer(node.ping(&asked.name).await)
            }),
        )
        .route(
            "/introduce",
            post(async |State(node): Node, Ask(asked): Ask<ask::Introduce>| {
                answer(node.introduce(&asked.economy, &asked.to, asked.dry_run).await)
            }),
        )
        .route(
            "/introductions",
            post(async |State(node): Node, Nothing: Nothing| answer(node.introductions().await)),
        )
        .route(
            "/confirm-introduction",
            post(async |State(node): Node, Ask(asked): Ask<ask::ConfirmIntroduction>| {
                answer(node.confirm_introduction(&asked.reference, &asked.name).await)
            }),
        )
        .route(
            "/dismiss-introduction",
            post(async |State(node): Node, Ask(asked): Ask<ask::Reference>| {
                answer(node.dismiss_introduction(&asked.reference).await)
            }),
        )
        .route(
            "/invite",
            post(async |State(node): Node, Ask(asked): Ask<ask::Named>| {
                answer(node.invite(&asked.name).await)
            }),
        )
        .route(
            "/invitations",
            post(async |State(node): Node, Nothing: Nothing| answer(node.invitations().await)),
        )
        .route(
            "/cancel-invitation",
            post(async |State(node): Node, Ask(asked): Ask<ask::Named>| {
                answer(node.cancel_invitation(&asked.name).await)
            }),
        )
        .route(
            "/join",
            post(async |State(node): Node, Ask(asked): Ask<ask::Join>| {
                answer(node.join(&asked.ticket, &asked.name).await)
            }),
        )
        .route(
            "/ceremony",
            post(async |State(node): Node, Ask(asked): Ask<ask::Named>| {
                answer(node.ceremony(&asked.name).await)
            }),
        )
        .route(
            "/confirm-pairing",
            post(async |State(node): Node, Ask(asked): Ask<ask::ConfirmPairing>| {
                answer(node.confirm_pairing(&asked.name, &asked.digits).await)
            }),
        )
}

fn agreements() -> Router<Service> {
    Router::new()
        .route(
            "/agreements",
            post(async |State(node): Node, Nothing: Nothing| answer(node.agreements().await)),
        )
        .route(
            "/agreement",
            post(async |State(node): Node, Ask(asked): Ask<ask::Reference>| {
                answer(node.agreement(&asked.reference).await)
            }),
        )
        .route(
            "/propose",
            post(async |State(node): Node, Ask(asked): Ask<ask::Propose>| {
                answer(node.propose(&asked.text, &asked.to, asked.again).await)
            }),
        )
        .route(
            "/amend",
            post(async |State(node): Node, Ask(asked): Ask<ask::Amend>| {
                let ask::Amend { reference, text, again, shown } = asked;
                answer(node.amend(&reference, &text, again, &shown).await)
            }),
        )
        .route(
            "/accept",
            post(async |State(node): Node, Ask(asked): Ask<ask::Reference>| {
                answer(node.accept(&asked.reference).await)
            }),
        )
        .route("/diff-agreements", post(diff))
        .route(
            "/terminate",
            post(async |State(node): Node, Ask(asked): Ask<ask::Terminate>| {
                let end = match (asked.effective.as_deref(), asked.immediately) {
                    (None, false) => End::ByNotice,
                    (Some(at), false) => End::At(at),
                    (None, true) => End::Immediately,
                    (Some(_), true) => {
                        let message = "`effective` and `immediately` exclude each other";
                        return Err(Failure::new(FailureKind::Usage, "notice", message));
                    }
                };
                answer(node.terminate(&asked.reference, end, asked.dry_run).await)
            }),
        )
}

fn groups() -> Router<Service> {
    Router::new()
        .route("/groups", post(async |State(node): Node| answer(node.groups().await)))
        .route(
            "/group",
            post(async |State(node): Node, Ask(asked): Ask<ask::Reference>| {
                answer(node.group(&asked.reference).await)
            }),
        )
        .route(
            "/rosters",
            post(async |State(node): Node, Ask(asked): Ask<ask::Reference>| {
                answer(node.rosters(&asked.reference).await)
            }),
        )
        .route(
            "/found-group",
            post(async |State(node): Node, Ask(asked): Ask<ask::FoundGroup>| {
                answer(node.found_group(&asked.text, asked.dry_run, asked.again).await)
            }),
        )
        .route(
            "/invite-to-group",
            post(async |State(node): Node, Ask(asked): Ask<GroupRequest>| {
                answer(node.invite_to_group(asked).await)
            }),
        )
        .route(
            "/apply",
            post(async |State(node): Node, Ask(asked): Ask<ApplyRequest>| {
                answer(node.apply(asked).await)
            }),
        )
        .route(
            "/sponsor",
            post(async |State(node): Node, Ask(asked): Ask<GroupRequest>| {
                answer(node.sponsor(asked).await)
            }),
        )
        .route(
            "/admit",
            post(async |State(node): Node, Ask(asked): Ask<GroupRequest>| {
                answer(node.admit(asked).await)
            }),
        )
        .route(
            "/remove-member",
            post(async |State(node): Node, Ask(asked): Ask<GroupRequest>| {
                answer(node.remove_member(asked).await)
            }),
        )
        .route(
            "/leave-group",
            post(async |State(node): Node, Ask(asked): Ask<GroupRequest>| {
                answer(node.leave_group(asked).await)
            }),
        )
        .route(
            "/affiliations",
            post(async |State(node): Node, Ask(asked): Ask<ask::Reference>| {
                answer(node.affiliations(&asked.reference).await)
            }),
        )
        .route(
            "/affiliate",
            post(async |State(node): Node, Ask(asked): Ask<AffiliateRequest>| {
                answer(node.affiliate(asked).await)
            }),
        )
        .route(
            "/hand-over",
            post(async |State(node): Node, Ask(asked): Ask<GroupRequest>| {
                answer(node.hand_over(asked).await)
            }),
        )
        .route(
            "/confirm-roster",
            post(async |State(node): Node, Ask(asked): Ask<GroupRequest>| {
                answer(node.confirm_roster(asked).await)
            }),
        )
}

/// The node, in the arguments of a command.
pub(crate) type Node = State;

pub(crate) fn answer<T: Serialize>(
    result: Result<T, ServiceError>,
) -> Result<axum::Json<T>, Failure> {
    Ok(axum::Json(result?))
}

/// What happens from now on, one event a line, until the node or the reader ends it.
async fn watch(State(node): Node, Nothing: Nothing) -> Response {
    let events = node.watch();
    let (reader, response) = lines::reply();
    tokio::spawn(forward(events, reader));
    response
}

/// Ends when the node stops, the reader has gone away, or whoever reads may not any more.
async fn forward(mut events: broadcast::Receiver<Event>, reader: Reader) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(missed)) => slow_reader(missed),
            Err(RecvError::Closed) => return,
        };
        if !reader.tell(&event).await {
            return;
        }
    }
}

/// A reader that cannot keep up is told what it missed; the node does not wait for it.
fn slow_reader(missed: u64) -> Event {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now = Timestamp::EPOCH.saturating_add(since);
    Event::Alarm(AlarmLine {
        at: now.to_string(),
        partner: None,
        code: "events-missed".to_owned(),
        text: format!("this reader is slow: {missed} events were passed over"),
    })
}

/// The body of a request. What is wrong with it is told as every other failure is.
pub(crate) struct Ask<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Ask<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        understood(&body(request, state).await?).map(Ask)
    }
}

/// Of a request without fields: no body, or one that says nothing. What it does not take is not passed
/// over, for whoever sent it believes that it counts.
pub(crate) struct Nothing;

impl<S: Send + Sync> FromRequest<S> for Nothing {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = body(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self);
        }
        // An empty list would pass for a shape without fields.
        let said = understood::<Option<serde_json::Map<String, serde_json::Value>>>(&bytes)?;
        let mut names = said.into_iter().flatten().map(|(name, _)| name);
        names.next().map_or(Ok(Self), |name| {
            let message = format!("the request takes no fields: `{name}`");
            Err(Failure::new(FailureKind::Usage, "bad-request", message))
        })
    }
}

async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    let bytes = Bytes::from_request(request, state).await;
    bytes.map_err(|rejection| Failure::new(FailureKind::Data, "bad-request", rejection.body_text()))
}

fn understood<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("the request is not understood: {error}");
        Failure::new(FailureKind::Usage, "bad-request", message)
    })
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let kind = match error.kind {
            ErrorKind::Usage => FailureKind::Usage,
            ErrorKind::Data => FailureKind::Data,
            ErrorKind::NoInput => FailureKind::NoInput,
            ErrorKind::Unavailable => FailureKind::Unavailable,
            ErrorKind::NoPermission => FailureKind::NotPermitted,
            ErrorKind::CannotCreate => FailureKind::CannotCreate,
            ErrorKind::Io => FailureKind::Io,
            ErrorKind::TryLater => FailureKind::TryAgain,
            ErrorKind::Config => FailureKind::Configuration,
        };
        let failure = Self::new(kind, error.code, error.message);
        match error.next {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_request_without_fields_passes_over_nothing_that_is_sent() {
        let router = Router::new().route("/status", post(async |Nothing: Nothing| "done"));
        for (sent, taken) in [
            ("", true),
            ("null", true),
            ("{}", true),
            ("{\"force\": true}", false),
            ("[]", false),
            ("force", false),
        ] {
            let request = axum::http::Request::post("/status").body(Body::from(sent)).unwrap();
            let reply = router.clone().oneshot(request).await.unwrap();
            assert_eq!(reply.status() == StatusCode::OK, taken, "{sent}");
        }
    }

    #[tokio::test]
    async fn what_was_begun_is_done_though_nobody_waits_for_it_any_more() {
        let (begun, mut begins) = tokio::sync::mpsc::channel::<()>(1);
        let (done, mut ends) = tokio::sync::mpsc::channel::<()>(1);
        let gate = std::sync::Arc::new(tokio::sync::Notify::new());
        let open = gate.clone();
        let slow = post(async move || {
            begun.send(()).await.unwrap();
            gate.notified().await;
            done.send(()).await.unwrap();
        });
        let router = Router::new().route("/slow", slow).layer(from_fn(to_the_end));
        let request = axum::http::Request::post("/slow").body(Body::empty()).unwrap();
        let asked = tokio::spawn(router.oneshot(request));
        begins.recv().await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        open.notify_one();
        assert_eq!(ends.recv().await, Some(()));
    }
}
