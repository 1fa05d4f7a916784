//! The listener's loop.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{ApiState, router};

/// Serves until `stop`, then lets requests under way end.
pub async fn serve(listener: TcpListener, state: ApiState, stop: CancellationToken) {
    let service = router(state).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the API stopped");
    }
}
