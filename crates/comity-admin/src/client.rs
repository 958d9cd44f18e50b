//! Asking a node: through its socket, or in this process.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use crate::failure::{Failure, FailureKind};
use crate::{PREFIX, REPLY_BYTES};

/// Bytes of a request that has no content of records in it.
const SMALL_REQUEST: usize = 4096;

/// Asks a node.
#[derive(Clone, Debug)]
pub struct Client {
    way: Way,
    /// Who asks, as a header says it.
    authorization: Option<HeaderValue>,
}

#[derive(Clone, Debug)]
enum Way {
    Socket(PathBuf),
    InProcess(axum::Router),
}

impl Client {
    /// A client of the node that listens at `socket`, or `None` when no node does.
    ///
    /// Errors: the socket exists and may not be opened.
    pub fn to_node(socket: &Path) -> Result<Option<Self>, Failure> {
        match std::os::unix::net::UnixStream::connect(socket) {
            Ok(_answered) => {
                Ok(Some(Self { way: Way::Socket(socket.to_owned()), authorization: None }))
            }
            Err(error) => match unreachable(socket, &error) {
                Unreachable::NobodyThere => Ok(None),
                Unreachable::Refused(failure) => Err(failure),
            },
        }
    }

    /// A client that calls the same handlers in this process.
    #[must_use]
    pub fn in_process(router: axum::Router) -> Self {
        Self { way: Way::InProcess(crate::versioned(router)), authorization: None }
    }

    /// From now on this person of the staff asks. What the header holds is ordinary memory.
    pub fn ask_as(&mut self, name: &str, passphrase: &str) -> Result<(), Failure> {
        let header = crate::staff::authorization(name, passphrase);
        let mut value = HeaderValue::from_str(&header)
            .map_err(|error| Failure::new(FailureKind::Internal, "admin-request", error))?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(())
    }

    /// Sends `request` as JSON and reads the reply.
    pub async fn call<Q: Serialize + Sync, R: DeserializeOwned>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<R, Failure> {
        let response = self.send(path, request).await?;
        let body = Limited::new(response.into_body(), REPLY_BYTES)
            .collect()
            .await
            .map_err(|error| broken(&error))?
            .to_bytes();
        read(&body)
    }

    /// Sends `request` as JSON; the reply comes in lines of JSON, until the node or the caller ends it.
    pub async fn lines<Q: Serialize + Sync>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<Lines, Failure> {
        let response = self.send(path, request).await?;
        Ok(Lines { body: response.into_body(), buffer: BytesMut::new(), scanned: 0 })
    }

    async fn send<Q: Serialize + Sync>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<Response<Body>, Failure> {
        // It may carry a passphrase: these bytes are erased when they were sent, and growing leaves no copy of
        // them. What the connection buffers on its way to the socket is ordinary memory.
        let mut body = Zeroizing::new(Vec::with_capacity(SMALL_REQUEST));
        serde_json::to_writer(&mut *body, request)
            .map_err(|error| Failure::new(FailureKind::Internal, "admin-request", error))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{PREFIX}{path}"))
            .header("host", "comity")
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(Bytes::from_owner(body)));
        let mut request =
            request.map_err(|error| Failure::new(FailureKind::Internal, "admin-request", error))?;
        if let Some(who) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, who.clone());
        }
        let response = match &self.way {
            Way::Socket(socket) => over_socket(socket, request).await?,
            Way::InProcess(router) => match router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
        };
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }
}

/// A reply in lines.
#[derive(Debug)]
pub struct Lines {
    body: Body,
    buffer: BytesMut,
    scanned: usize,
}

impl Lines {
    /// The next line, or `None` at the end. A node that stops in the middle of one is an error.
    pub async fn next<R: DeserializeOwned>(&mut self) -> Result<Option<R>, Failure> {
        loop {
            if let Some(line) = self.whole_line() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return read(&line).map(Some);
            }
            if self.buffer.len() > REPLY_BYTES {
                return Err(Failure::new(
                    FailureKind::Io,
                    "admin-reply",
                    "a line of the reply is too long",
                ));
            }
            match self.body.frame().await {
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(broken(&"the reply ended in the middle of a line")),
                Some(Err(error)) => return Err(broken(&error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }

    fn whole_line(&mut self) -> Option<Bytes> {
        let unseen = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(newline) = unseen.iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.scanned + newline + 1).freeze();
        self.scanned = 0;
        Some(line)
    }
}

async fn over_socket(socket: &Path, request: Request<Body>) -> Result<Response<Body>, Failure> {
    let stream =
        tokio::net::UnixStream::connect(socket).await.map_err(|error| {
            match unreachable(socket, &error) {
                Unreachable::NobodyThere => stopped(),
                Unreachable::Refused(failure) => failure,
            }
        })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    // It ends with the reply's body, or when the caller drops that.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the node ended");
        }
    });
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    Ok(response.map(Body::new))
}

enum Unreachable {
    NobodyThere,
    Refused(Failure),
}

fn unreachable(socket: &Path, error: &std::io::Error) -> Unreachable {
    use std::io::ErrorKind;
    let kind = error.kind();
    if kind == ErrorKind::NotFound || kind == ErrorKind::ConnectionRefused {
        return Unreachable::NobodyThere;
    }
    let path = socket.display();
    Unreachable::Refused(if kind == ErrorKind::PermissionDenied {
        let message = format!("the node's socket `{path}` belongs to another user");
        Failure::new(FailureKind::NotPermitted, "socket-not-permitted", message)
            .next("run the command as the node's user, such as: sudo -u comity comity ...")
    } else {
        let message = format!("the node's socket `{path}` cannot be opened: {error}");
        Failure::new(FailureKind::Io, "socket", message)
    })
}

fn stopped() -> Failure {
    Failure::new(FailureKind::Unavailable, "node-stopped", "the node has just stopped")
        .next("comity run")
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    let message = format!("the node broke off its answer: {error}");
    Failure::new(FailureKind::Unavailable, "node-broke-off", message).next("comity status")
}

fn read<R: DeserializeOwned>(body: &[u8]) -> Result<R, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the node's answer is not understood: {error}");
        Failure::new(FailureKind::Internal, "admin-reply", message)
            .next("check that the node and the command are of one version: comity --version")
    })
}

/// What a reply that is no success says.
async fn refusal(response: Response<Body>) -> Failure {
    let status = response.status();
    let body = match Limited::new(response.into_body(), REPLY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return broken(&error),
    };
    if let Ok(failure) = serde_json::from_slice(&body) {
        return failure;
    }
    let text = String::from_utf8_lossy(&body);
    if status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED {
        return Failure::new(
            FailureKind::Unavailable,
            "unknown-command",
            "the node does not know this command",
        )
        .next("check that the node and the command are of one version: comity --version");
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Failure::new(
            FailureKind::Data,
            "too-large",
            "the input is too large for one request",
        );
    }
    let message = format!("the node answered {status}: {}", text.trim());
    Failure::new(FailureKind::Internal, "admin-reply", message)
}
