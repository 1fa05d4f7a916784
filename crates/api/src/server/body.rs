//! Bodies of requests whose pieces come in time.

use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::timed_out;
use crate::problem::{Kind, Problem, say};
use crate::request::too_large;

/// A body that ends with an error when its next piece does not come within `wait`.
pub(super) struct Timely {
    body: Incoming,
    wait: Duration,
    /// While a piece is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Timely {
    pub(super) fn new(body: Incoming, wait: Duration) -> Self {
        Self { body, wait, timer: None }
    }
}

impl HttpBody for Timely {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let wait = self.wait;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(timed_out("the body did not come in time").into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A whole body of at most `limit` bytes.
///
/// # Errors
/// A problem that says whether it was too large or too slow.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    to_bytes(body, limit).await.map_err(|error| {
        let mut cause = error.source();
        while let Some(error) = cause {
            let timed_out = |error: &std::io::Error| error.kind() == std::io::ErrorKind::TimedOut;
            if error.downcast_ref().is_some_and(timed_out) {
                let late = say("请求体没有按时到达", "The body did not arrive in time");
                return Problem::new(Kind::TimedOut).with(late);
            }
            cause = error.source();
        }
        too_large(limit)
    })
}
