//! Staff over the local interface, and who asks.

use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_node::api::{
    ReadsRequest, RecogniseRequest, StaffAddRequest, StaffLeaveRequest, StaffPassphrase,
};
use comity_node::service::Service;
use zeroize::Zeroizing;

use crate::api::{Ask, Node, Nothing, answer};
use crate::failure::{Failure, FailureKind};
use crate::rights;

/// The node, as whoever asks may use it.
pub(crate) struct State(pub(crate) Service);

pub(crate) fn staff() -> Router<Service> {
    Router::new()
        .route(
            "/staff",
            post(async |State(node): Node, Nothing: Nothing| answer(node.staff().await)),
        )
        .route(
            "/add-staff",
            post(async |State(node): Node, Ask(asked): Ask<StaffAddRequest>| {
                answer(node.add_staff(asked).await)
            }),
        )
        .route(
            "/leave-staff",
            post(async |State(node): Node, Ask(asked): Ask<StaffLeaveRequest>| {
                answer(node.leave_staff(asked).await)
            }),
        )
        .route(
            "/unclaimed-keys",
            post(async |State(node): Node, Nothing: Nothing| answer(node.unclaimed_keys().await)),
        )
        .route(
            "/recognise-key",
            post(async |State(node): Node, Ask(asked): Ask<RecogniseRequest>| {
                answer(node.recognise_key(asked).await)
            }),
        )
        .route(
            "/reads",
            post(async |State(node): Node, Ask(asked): Ask<ReadsRequest>| {
                answer(node.reads(asked).await)
            }),
        )
}

/// Lets a request through when whoever asks is who it says, and may ask that.
pub(crate) async fn admit(
    axum::extract::State(node): axum::extract::State<Service>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let person = person(request.headers())?;
    request.headers_mut().remove(AUTHORIZATION);
    let asked = node.asked_by(person, rights::of(request.uri().path())).await?;
    request.extensions_mut().insert(asked);
    Ok(next.run(request).await)
}

/// Who asks, as HTTP says it (RFC 7617): `Authorization: Basic`, and name and passphrase in base 64.
fn person(headers: &HeaderMap) -> Result<Option<(String, StaffPassphrase)>, Failure> {
    let Some(said) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let read = || {
        let (scheme, encoded) = said.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let bytes = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let (name, passphrase) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        Some((name.to_owned(), StaffPassphrase::new(passphrase.to_owned())))
    };
    read().map(Some).ok_or_else(|| {
        let message = "`Authorization` is not understood";
        Failure::new(FailureKind::Usage, "bad-authorization", message)
            .next("send Basic, with NAME:PASSPHRASE in base 64, as curl --user does")
    })
}

/// The header by which a request says who asks.
pub(crate) fn authorization(name: &str, passphrase: &str) -> Zeroizing<String> {
    let plain = Zeroizing::new(format!("{name}:{passphrase}"));
    let encoded = Zeroizing::new(STANDARD.encode(plain.as_bytes()));
    Zeroizing::new(format!("Basic {}", encoded.as_str()))
}

impl<S: Send + Sync> FromRequestParts<S> for State {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Service>().cloned().map(Self).ok_or_else(|| {
            Failure::new(FailureKind::Internal, "broken", "the request was never let through")
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn said(header: &str) -> Result<Option<(String, StaffPassphrase)>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        person(&headers)
    }

    #[test]
    fn a_name_is_read_as_it_is_written_and_what_is_not_understood_is_nobody() {
        assert!(person(&HeaderMap::new()).unwrap().is_none());
        for passphrase in ["correct: horse", "", "kön"] {
            let (name, _) = said(&authorization("kim", passphrase)).unwrap().unwrap();
            assert_eq!(name, "kim");
        }
        // RFC 7617, section 2.
        assert!(said("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap().is_some());
        for wrong in ["Bearer abc", "Basic", "Basic !", "Basic a2lt", "kim"] {
            assert_eq!(said(wrong).map(drop).unwrap_err().code, "bad-authorization", "{wrong}");
        }
    }
}
