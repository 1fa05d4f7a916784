//! Bad clients: slow, silent, many, flooding. Each loses its connection, nobody else notices, and memory stays bounded.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use api::{Limits, ServeOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::house::House;

/// Short, so that a test waits for little; what is asserted does not depend on it.
const SOON: Duration = Duration::from_secs(1);
/// Longer than any test.
const LATE: Duration = Duration::from_secs(600);
/// More than the most that thousands of idle clients may add to this process: some kilobytes for each of two ends.
const GROWTH_BYTES: u64 = 256 << 20;

/// A listener over a house.
struct Served {
    house: House,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Served {
    async fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let house = House::open(folder.path()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let options = ServeOptions { limits, ..ServeOptions::default() };
        let task = tokio::spawn(api::serve(
            listener,
            (house.state.clone(), Default::default()),
            options,
            stop.clone(),
        ));
        Self { house, address, stop, task, _folder: folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// From another address of this machine.
    async fn connect_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// An ordinary client is served.
    async fn is_well(&self, last: u8) {
        let mut client = self.connect_from(last).await;
        client.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
        let answer = to_the_end(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Returns when no connection is open any more.
    async fn is_empty(&self) {
        while self.house.engine.metrics().connections() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Everything until the server closes. A connection that is reset has ended too.
async fn to_the_end(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    while let Ok(count) = client.read(&mut piece).await {
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn quick() -> Limits {
    Limits { head: SOON, body: SOON, write: SOON, ..Limits::default() }
}

#[tokio::test]
async fn who_sends_no_head_or_no_body_is_shown_out() {
    let served = Served::with(quick()).await;
    let mut silent = served.connect().await;
    let mut torn = served.connect().await;
    torn.write_all(b"GET /healthz HTTP/1.1\r\nHost: h").await.unwrap();
    let mut slow = served.connect().await;
    let head =
        "POST /v1/messages HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 900\r\n";
    slow.write_all(format!("{head}Authorization: Bearer {}\r\n\r\n{{", served.house.owner_key).as_bytes())
        .await
        .unwrap();
    served.is_well(2).await;
    assert_eq!(to_the_end(&mut silent).await, "");
    assert!(!to_the_end(&mut torn).await.starts_with("HTTP/1.1 200"));
    let answer = to_the_end(&mut slow).await;
    assert!(answer.contains("504") && answer.contains("did not arrive in time"), "{answer}");
    served.is_empty().await;
    served.end().await;
}

#[tokio::test]
async fn who_reads_nothing_is_shown_out() {
    let served = Served::with(quick()).await;
    let mut greedy = served.connect().await;
    // The document is large: after some of them nothing more fits between the two ends.
    let ask = b"GET /v1/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n".repeat(500);
    let _may_be_closed_while_it_asks = greedy.write_all(&ask).await;
    served.is_empty().await;
    served.is_well(2).await;
    served.end().await;
}

#[tokio::test]
async fn idle_clients_have_bounded_places_and_others_are_served_meanwhile() {
    // Both ends are in this process.
    let open_files = std::fs::read_to_string("/proc/self/limits").unwrap();
    let open_files = open_files.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let most: usize = open_files.split_whitespace().next().unwrap().parse().unwrap_or(1_024);
    let many = (most / 2).saturating_sub(200).clamp(100, 5_000);
    let limits =
        Limits { connections: many + 20, connections_per_address: many, head: LATE, ..Limits::default() };
    let served = Served::with(limits).await;
    let before = resident_bytes();
    let mut idle = Vec::new();
    for _ in 0..many {
        idle.push(served.connect().await);
    }
    let mut refused = served.connect().await;
    assert_eq!(to_the_end(&mut refused).await, "", "its address has as many as may be");
    served.is_well(2).await;
    for last in 3..23 {
        idle.push(served.connect_from(last).await);
    }
    let mut refused = served.connect_from(23).await;
    assert_eq!(to_the_end(&mut refused).await, "", "there are as many as may be");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "{many} idle clients took {grown} bytes");
    let all = i64::try_from(many + 20).unwrap();
    while served.house.engine.metrics().connections() < all {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(served.house.engine.metrics().connections(), all);
    drop(idle);
    served.is_empty().await;
    served.is_well(3).await;
    served.end().await;
}

#[tokio::test]
async fn floods_of_header_fields_are_refused() {
    let served = Served::with(Limits::default()).await;
    let fields = (0..500).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    let long = format!("X-Long: {}\r\n", "a".repeat(1 << 20));
    for flood in [fields, long] {
        let mut client = served.connect().await;
        let _may_be_closed_while_it_writes =
            client.write_all(format!("GET /healthz HTTP/1.1\r\nHost: h\r\n{flood}\r\n").as_bytes()).await;
        let answer = to_the_end(&mut client).await;
        // Who still writes when the connection is closed may not see the answer.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    served.is_well(2).await;
    served.end().await;
}

#[tokio::test]
async fn bodies_that_cannot_be_are_refused_by_what_is_wrong() {
    let served = Served::with(Limits::default()).await;
    let nested = format!("{{\"messages\":{}", "[".repeat(100_000));
    let unknown = r#"{"messages":[],"colour":"red"}"#;
    for (body, status, words) in [
        (vec![b' '; (4 << 20) + 1], "413", "too_large"),
        (nested.into_bytes(), "422", "/messages/0"),
        (b"{\"messages\":\"\xff\xfe\"}".to_vec(), "400", "invalid_json"),
        (unknown.as_bytes().to_vec(), "422", "/colour"),
    ] {
        let mut client = served.connect().await;
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            served.house.owner_key,
            body.len()
        );
        client.write_all(head.as_bytes()).await.unwrap();
        let _may_be_answered_before_its_end = client.write_all(&body).await;
        let answer = to_the_end(&mut client).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{words}: {answer}");
        assert!(answer.contains(words), "{words}: {answer}");
    }
    served.is_well(2).await;
    served.end().await;
}

#[tokio::test]
async fn a_stop_lets_what_is_under_way_end() {
    let served = Served::with(Limits::default()).await;
    let mut idle = served.connect().await;
    served.is_well(2).await;
    served.stop.cancel();
    assert_eq!(to_the_end(&mut idle).await, "");
    served.end().await;
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1_024
}
