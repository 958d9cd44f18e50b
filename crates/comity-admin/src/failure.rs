//! A refusal as it crosses the socket and as a screen shows it: what, why, and the next command.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// Why a command did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable, kebab-case: programs match on it.
    pub code: String,
    /// Whose turn it is; decides the exit code.
    pub kind: FailureKind,
    /// What is wrong and why, for people.
    pub message: String,
    /// The command or the act that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Whose turn it is after a failure, as in BSD's `sysexits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The answer is no: something wants a person, a confirmation was refused.
    Negative,
    /// The command was wrong.
    Usage,
    /// The input, or the data folder, is damaged.
    Data,
    /// A file does not exist or cannot be read.
    NoInput,
    /// The node or a partner cannot be reached.
    Unavailable,
    /// A bug of ours.
    Internal,
    /// A file cannot be made.
    CannotCreate,
    /// Reading or writing failed.
    Io,
    /// Not now; the same command may work later.
    TryAgain,
    /// A passphrase, a key, a file's mode, a policy.
    NotPermitted,
    /// The configuration.
    Configuration,
}

impl FailureKind {
    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Negative => 1,
            Self::Usage => 64,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::CannotCreate => 73,
            Self::Io => 74,
            Self::TryAgain => 75,
            Self::NotPermitted => 77,
            Self::Configuration => 78,
        }
    }

    /// The closest HTTP status. The body says more.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Negative => StatusCode::CONFLICT,
            Self::Usage | Self::Data => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoInput => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::BAD_GATEWAY,
            Self::Internal | Self::CannotCreate | Self::Io | Self::Configuration => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::TryAgain => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotPermitted => StatusCode::FORBIDDEN,
        }
    }
}

impl Failure {
    /// A failure without a next command.
    #[must_use]
    pub fn new(kind: FailureKind, code: &str, message: impl fmt::Display) -> Self {
        Self { code: code.to_owned(), kind, message: message.to_string(), next: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn next(mut self, next: impl fmt::Display) -> Self {
        self.next = Some(next.to_string());
        self
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.kind.status(), axum::Json(self)).into_response()
    }
}
