//! Accepts connections, as many as may be.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::connection;
use super::dialect::Dialect;
use super::door::Door;
use crate::socket::Socket;
use crate::tls::TlsServer;

/// After an accept that failed, most likely for want of file descriptors.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Serves a port until it is told to stop. Who comes when all places are taken waits in the system's queue.
pub(super) async fn run<D: Dialect>(listener: TcpListener, tls: Option<TlsServer>, door: Arc<Door>) {
    let places = Arc::new(Semaphore::new(door.settings.connections));
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = door.stop.cancelled() => return,
            accepted = accepted => accepted,
        };
        match (place, accepted) {
            (Ok(place), Ok((stream, peer))) => {
                let (door, tracker) = (Arc::clone(&door), door.tracker.clone());
                let Ok(tls) = tls.as_ref().map(TlsServer::begin).transpose() else { continue };
                let socket = Socket::new(stream, tls);
                tracker.spawn(async move {
                    let session = D::waiting(&door);
                    connection::serve::<D>(socket, peer.ip(), door, session, None).await;
                    drop(place);
                });
            }
            (Err(_), _) => return,
            (_, Err(error)) => {
                tracing::warn!(kind = ?error.kind(), "a connection could not be accepted");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
}
