//! The listener's loop.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{ApiState, router};

/// Serves until `stop`, then lets requests under way end.
pub async fn serve(listener: TcpListener, state: ApiState, stop: CancellationToken) {
    let served = axum::serve(listener, router(state)).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the API stopped");
    }
}
