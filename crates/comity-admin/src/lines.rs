//! A reply that comes a line at a time.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use serde::Serialize;
use tokio::sync::mpsc;

/// Lines that wait for their reader; the node's own buffer of events comes before.
const WAITING: usize = 16;

/// Whoever reads the reply.
pub(crate) struct Reader(mpsc::Sender<Bytes>);

/// A reply, and who reads it. It ends when the reader is dropped.
pub(crate) fn reply() -> (Reader, Response) {
    let (sender, lines) = mpsc::channel(WAITING);
    let response = ([(CONTENT_TYPE, "application/x-ndjson")], Body::new(Lines(lines)));
    (Reader(sender), response.into_response())
}

impl Reader {
    /// Waits until there is room for the line. Whether anybody still reads.
    pub(crate) async fn tell(&self, line: &impl Serialize) -> bool {
        let Ok(mut line) = serde_json::to_vec(line) else { return false };
        line.push(b'\n');
        self.0.send(line.into()).await.is_ok()
    }
}

/// The body of such a reply. One channel says both what the lines are and that there are no more: with
/// another for the end, the end could be heard before the last line.
struct Lines(mpsc::Receiver<Bytes>);

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_reply_has_every_line_and_ends_after_the_last() {
        for lines in 0..200_u32 {
            let (reader, response) = reply();
            tokio::spawn(async move {
                for line in 0..lines {
                    assert!(reader.tell(&line).await);
                }
            });
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let expected: String = (0..lines).map(|line| format!("{line}\n")).collect();
            assert_eq!(body, expected);
        }
    }

    #[tokio::test]
    async fn nobody_is_told_who_has_gone_away() {
        let (reader, response) = reply();
        drop(response);
        assert!(!reader.tell(&"a line").await);
    }
}
