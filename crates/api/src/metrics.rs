//! The page of metrics, for a listener of its own: it tells how busy the installation is, which is nobody else's affair.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use engine::Engine;
use engine::metrics::Page;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::server::{Limits, ServeOptions, serve_router};

/// The exposition format's version.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// One or two programs ask, every few seconds.
const CONNECTIONS: usize = 64;

/// What is to be told beside what the engine counts.
pub type MoreMetrics = Arc<dyn Fn(&mut Page) + Send + Sync>;

/// `/metrics` alone.
pub fn metrics_router(engine: Arc<Engine>, more: MoreMetrics) -> Router {
    let page = move || {
        let mut page = Page::default();
        engine.write_metrics(&mut page);
        more(&mut page);
        let answer = ([(header::CONTENT_TYPE, MEDIA_TYPE)], page.into_text());
        async move { answer }
    };
    Router::new().route("/metrics", get(page))
}

/// Serves `/metrics` until `stop`.
pub async fn serve_metrics(
    listener: TcpListener,
    engine: Arc<Engine>,
    more: MoreMetrics,
    stop: CancellationToken,
) {
    let limits =
        Limits { connections: CONNECTIONS, connections_per_address: CONNECTIONS, ..Limits::default() };
    let options = ServeOptions { limits, ..ServeOptions::default() };
    serve_router(listener, metrics_router(engine, more), None, options, stop).await;
}
