//! SGIP: we connect to customers that something waits for, and stay as long as there is something to tell.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::downstream::Customer;
use domain::ids::CustomerId;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::AbortHandle;

use super::connection;
use super::dialect::SgipServer;
use super::door::Door;
use crate::socket::Socket;

/// Between two looks at which customers there are.
const LOOK: Duration = Duration::from_secs(2);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Before connecting again: after a connection that ended, doubled after each that failed.
const AGAIN: Duration = Duration::from_millis(500);
const LATEST: Duration = Duration::from_secs(30);

/// Keeps a task for each customer that is called back, until told to stop.
pub(super) async fn run(door: Arc<Door>) {
    let mut calls: HashMap<CustomerId, (Arc<Customer>, AbortHandle)> = HashMap::new();
    loop {
        // When it cannot be told who there is, whoever is called stays.
        let known = door.downstream.customers().await;
        let certain = known.is_some();
        let called = |customer: &Arc<Customer>| {
            customer.call_back.is_some() && super::Family::of(customer.protocol) == Some(door.family)
        };
        let wanted: Vec<Arc<Customer>> = known.into_iter().flatten().filter(called).collect();
        // One whose configuration changed is called anew; what was under way goes out again.
        calls.retain(|_, (known, task)| {
            let wanted = !certain || wanted.iter().any(|customer| customer == known);
            let stays = wanted && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        for customer in wanted {
            calls.entry(customer.id).or_insert_with(|| {
                let task = door.tracker.spawn(call(Arc::clone(&door), Arc::clone(&customer)));
                (customer, task.abort_handle())
            });
        }
        tokio::select! {
            () = door.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Marks a customer as one that deliveries are read for, while its task lives.
struct Attached(Arc<Door>, CustomerId);

impl Attached {
    fn new(door: &Arc<Door>, customer: CustomerId) -> Self {
        door.downstream.attach(customer);
        Self(Arc::clone(door), customer)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.downstream.detach(self.1);
    }
}

async fn call(door: Arc<Door>, customer: Arc<Customer>) {
    let _attached = Attached::new(&door, customer.id);
    let mut pause = AGAIN;
    loop {
        tokio::select! {
            () = door.stop.cancelled() => return,
            () = door.downstream.due(customer.id) => {}
        }
        match connect(&customer).await {
            Some((stream, address)) => {
                if let Ok(session) = SgipServer::calling(&door, &customer) {
                    let began = door.now();
                    let serving = Arc::clone(&customer);
                    connection::serve::<SgipServer>(
                        Socket::new(stream, None),
                        address.ip(),
                        Arc::clone(&door),
                        session,
                        Some(serving),
                    )
                    .await;
                    let stayed = door.now().since(began) > 1_000;
                    pause = if stayed { AGAIN } else { (pause * 2).min(LATEST) };
                }
            }
            None => {
                tracing::debug!(customer = %customer.id, "a customer could not be called back");
                pause = (pause * 2).min(LATEST);
            }
        }
        tokio::select! {
            () = door.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn connect(customer: &Customer) -> Option<(TcpStream, SocketAddr)> {
    let to = customer.call_back.as_ref()?;
    let connecting = async {
        let address = lookup_host((to.host.as_str(), to.port)).await.ok()?.next()?;
        Some((TcpStream::connect(address).await.ok()?, address))
    };
    tokio::time::timeout(CONNECT, connecting).await.ok().flatten()
}
