//! Calls to addresses of strangers: what is closed, what does not end, what leads elsewhere.

use std::time::Duration;

use domain::webhooks::{Call, CallFault, Called, KEPT_BODY, Outbound as _};
use gateway::OutboundHttp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Longer than any of these takes.
const PATIENCE: Duration = Duration::from_secs(10);

fn call(url: &str, within: Duration) -> Call {
    Call {
        url: url.into(),
        headers: vec![("content-type", "text/plain".to_owned())],
        body: b"told".to_vec(),
        within,
    }
}

/// Answers one connection after the other with these bytes, and then with as many zeros.
async fn answering(answer: &'static str, zeros: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = [0; 4_096];
            if stream.read(&mut heard).await.is_err() || stream.write_all(answer.as_bytes()).await.is_err() {
                continue;
            }
            let (some, mut left) = ([b'0'; 65_536], zeros);
            while left > 0 && stream.write_all(&some).await.is_ok() {
                left = left.saturating_sub(some.len() as u64);
            }
        }
    });
    url
}

#[tokio::test]
async fn a_name_of_a_private_address_leads_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
    let closed = OutboundHttp::new(false).unwrap();
    assert_eq!(closed.may_call(&url), Ok(()), "a name tells nothing by itself");
    assert_eq!(closed.call(call(&url, PATIENCE)).await, Called::Failed(CallFault::Forbidden));
    let literal = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    assert_eq!(closed.call(call(&literal, PATIENCE)).await, Called::Failed(CallFault::Forbidden));
    let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "a connection was made");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_others() {
    let metadata =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n";
    let url = answering(metadata, 0).await;
    let called = OutboundHttp::new(true).unwrap().call(call(&url, PATIENCE)).await;
    let Called::Answered { status: 302, headers, .. } = &called else { panic!("{called:?}") };
    assert!(!called.is_taken() && headers.iter().any(|(name, _)| name == "location"));
}

#[tokio::test]
async fn one_that_never_answers_and_one_that_never_ends_cost_little() {
    let outbound = OutboundHttp::new(true).unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let within = Duration::from_millis(100);
    assert_eq!(outbound.call(call(&url, within)).await, Called::Failed(CallFault::TimedOut));
    let ten_gigabytes = 10 << 30;
    let url = answering("HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n", ten_gigabytes).await;
    let called = outbound.call(call(&url, PATIENCE)).await;
    let Called::Answered { status: 200, body, .. } = called else { panic!("{called:?}") };
    assert_eq!(body.len(), KEPT_BODY);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let called = outbound.call(call(&format!("http://{nobody}/"), PATIENCE)).await;
    assert_eq!(called, Called::Failed(CallFault::NotConnected));
}
