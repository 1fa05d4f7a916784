//! Ten thousand clients that only hold a connection, one that floods, and one that works: of the server as it runs for everybody.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::house::{CONFIG, House};

/// Idle clients, where this machine lets a process open so many files.
const CROWD: usize = 10_000;
/// Files that the test and the server need besides.
const BESIDES: usize = 400;
/// What one idle client may cost the server, all told. Two buffers and a task are less.
const BYTES_EACH: u64 = 24 << 10;
/// And what the rest of what it does meanwhile may.
const BYTES_BESIDES: u64 = 64 << 20;

/// How many files a process may open here: the server is started with the same limit.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(1_024)
}

/// Memory that a process holds, in bytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// From the nth address of this machine.
async fn connect(to: SocketAddr, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// Everything until the server closes; a connection that is reset has ended too.
async fn to_the_end(client: &mut TcpStream) -> String {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = client.read(&mut piece).await {
        bytes.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_clients_and_floods_leave_the_others_served_within_a_bound_of_memory() {
    let most = CROWD.min(open_files().saturating_sub(BESIDES));
    assert!(most >= 500, "this machine lets a process open too few files to say anything");
    if most < CROWD {
        println!("{most} clients instead of {CROWD}: a process may open {} files here", open_files());
    }
    let mut house = House::on(None);
    let http = format!(
        "[http]\nconnections = {}\nconnections_per_address = {most}\nhead_timeout_seconds = 600\n",
        most + 200
    );
    house.write("hongyan.toml", format!("{CONFIG}{http}"));
    house.start();
    let server = house.server_id();
    let at: SocketAddr = house.url().trim_start_matches("http://").parse().unwrap();
    let works = async |name: &str| {
        house.api(Method::GET, "/v1/me", None).await;
        house
            .api(
                Method::POST,
                "/v1/templates",
                Some(&json!({"name": name, "category": "notice", "text": "您好"})),
            )
            .await;
    };
    works("before").await;
    let before = resident(server);
    let mut crowd = Vec::with_capacity(most);
    for number in 0..most {
        let mut client = connect(at, 2 + (number / 4_000) as u8).await;
        // Some of them say the beginning of something, and nothing more.
        if number % 4 == 0 {
            client.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-").await.unwrap();
        }
        crowd.push(client);
    }
    works("among them").await;
    let fields = (0..500).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    let long = format!("X-Long: {}\r\n", "a".repeat(1 << 20));
    for flood in [fields, long] {
        for _ in 0..20 {
            let mut client = connect(at, 9).await;
            let head = format!("GET /healthz HTTP/1.1\r\nHost: h\r\n{flood}\r\n");
            let _may_be_closed_while_it_writes = client.write_all(head.as_bytes()).await;
            let answer = to_the_end(&mut client).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        }
    }
    works("after floods").await;
    let grown = resident(server).saturating_sub(before);
    let bound = most as u64 * BYTES_EACH + BYTES_BESIDES;
    println!("{most} idle clients: {} KiB more, {} bytes each", grown >> 10, grown / most as u64);
    assert!(grown < bound, "{most} idle clients took {grown} bytes, more than {bound}");
    drop(crowd);
    tokio::time::sleep(Duration::from_millis(200)).await;
    works("afterwards").await;
    assert_eq!(house.terminate(), 0);
}
