//! A server that files are fetched from: it answers what the test says, and checks signatures by its own reading of AWS
//! Signature Version 4.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(super) struct Asked {
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
}

pub(super) struct Answered {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    /// Sent of it, if not all.
    breaks_off: bool,
}

impl Answered {
    pub(super) fn new(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.to_owned(), breaks_off: false }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Answering = Arc<dyn Fn(&Asked) -> Answered + Send + Sync>;

pub(super) struct Place {
    address: std::net::SocketAddr,
    answering: Arc<Mutex<Answering>>,
    asked: Arc<AtomicUsize>,
}

impl Place {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let nothing: Answering = Arc::new(|_| Answered::new(404, ""));
        let (answering, asked) = (Arc::new(Mutex::new(nothing)), Arc::new(AtomicUsize::new(0)));
        let place = Self { address, answering: Arc::clone(&answering), asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answering, asked) = (Arc::clone(&answering), Arc::clone(&asked));
                tokio::spawn(async move {
                    asked.fetch_add(1, Ordering::Relaxed);
                    answer(stream, &answering).await;
                });
            }
        });
        place
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn answers(&self, with: impl Fn(&Asked) -> Answered + Send + Sync + 'static) {
        *self.answering.lock().unwrap() = Arc::new(with);
    }

    /// Sends half of a body and hangs up.
    pub(super) fn breaks_off(&self, body: &str) {
        let body = body.to_owned();
        self.answers(move |_| Answered { breaks_off: true, ..Answered::new(200, &body) });
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn answer(mut stream: TcpStream, answering: &Mutex<Answering>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let answering = Arc::clone(&answering.lock().unwrap());
    let Answered { status, headers, body, breaks_off } = answering(&Asked { path, headers });
    let mut text = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let sent = if breaks_off { &body.as_bytes()[..body.len() / 2] } else { body.as_bytes() };
    let _ = stream.write_all(&[text.as_bytes(), b"\r\n", sent].concat()).await;
    let _ = stream.shutdown().await;
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Asked {
    /// Whether the request carries the signature that the store computes from what it received.
    pub(super) fn is_signed_by(&self, id: &str, secret: &str) -> bool {
        let authorization = self.headers["authorization"].strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
        let fields: BTreeMap<&str, &str> =
            authorization.split(',').map(|field| field.trim().split_once('=').unwrap()).collect();
        let credential: Vec<&str> = fields["Credential"].split('/').collect();
        let [named, day, region, "s3", "aws4_request"] = credential[..] else { return false };
        let names: Vec<&str> = fields["SignedHeaders"].split(';').collect();
        assert!(names.contains(&"host") && names.contains(&"x-amz-date") && names.is_sorted(), "{names:?}");
        let lines: Vec<String> =
            names.iter().map(|name| format!("{name}:{}\n", self.headers[*name])).collect();
        let payload = &self.headers["x-amz-content-sha256"];
        assert_eq!(payload, &hex(Sha256::digest(b"")), "of an empty body");
        let canonical = ["GET", &self.path, "", &lines.concat(), fields["SignedHeaders"], payload].join("\n");
        let scope = credential[1..].join("/");
        let date = &self.headers["x-amz-date"];
        let to_sign = ["AWS4-HMAC-SHA256", date, &scope, &hex(Sha256::digest(canonical))].join("\n");
        let key = [day, region, "s3", "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, step| mac(&key, step));
        named == id && date.starts_with(day) && fields["Signature"] == hex(mac(&key, &to_sign))
    }
}
