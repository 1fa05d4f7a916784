//! Answers that go on: server-sent events, with a bound on how many somebody may have open.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use domain::access::Principal;
use futures::stream::{self, Stream};

use crate::problem::{Kind, Problem, say};

/// Streams that one key or person may have open at once, on one node.
pub(crate) const STREAMS: usize = 256;
/// How often a stream that says nothing says that it lives: more often than proxies give up on it.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Open streams.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<Principal, usize>>>);

/// The place of one open stream; given back when it is dropped.
pub(crate) struct Place {
    streams: Streams,
    who: Principal,
}

impl Streams {
    /// Takes a place.
    ///
    /// # Errors
    /// [`Kind::RateLimited`] when somebody has as many streams as they may.
    pub(crate) fn take(&self, who: Principal) -> Result<Place, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(who).or_default();
        if *count >= STREAMS {
            let zh = format!("同一密钥最多同时打开 {STREAMS} 个事件流：请先关闭一些");
            let en = format!("At most {STREAMS} open streams of one key: close some first");
            return Err(Problem::new(Kind::RateLimited).with(say(zh, en)).after_seconds(1));
        }
        *count += 1;
        drop(open);
        Ok(Place { streams: self.clone(), who })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.who);
            }
        }
    }
}

/// An answer of what `next` gives, until it gives nothing.
pub(crate) fn answer<S, F>(state: S, next: impl FnMut(S) -> F + Send + 'static) -> Response
where
    S: Send + 'static,
    F: Future<Output = Option<(Event, S)>> + Send + 'static,
{
    let told = stream::unfold((state, next), |(state, mut next)| async move {
        let (event, state) = next(state).await?;
        Some((Ok::<_, Infallible>(event), (state, next)))
    });
    open(told)
}

fn open(told: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    let mut response = Sse::new(told).keep_alive(alive).into_response();
    // Proxies that gather answers before they pass them on are asked not to.
    let no = axum::http::HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", no);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_streams_than_they_may() {
        let streams = Streams::default();
        let mut places: Vec<Place> = (0..STREAMS).map(|_| streams.take(Principal::System).unwrap()).collect();
        assert!(streams.take(Principal::System).is_err());
        places.pop();
        assert!(streams.take(Principal::System).is_ok());
        drop(places);
        assert!(streams.0.lock().unwrap().is_empty(), "nothing is left behind");
    }
}
