//! TLS with a certificate of our own, renewed while the server runs.

use std::path::Path;
use std::sync::Arc;

use api::{ServeOptions, Tls};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;

use crate::house::House;

fn make() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap()
}

fn keep(folder: &Path, made: &CertifiedKey<KeyPair>) {
    std::fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
}

/// What a client that trusts this certificate alone is answered; `None` when it does not trust the server.
async fn ask(address: std::net::SocketAddr, trusted: &CertifiedKey<KeyPair>) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.ok()?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

#[tokio::test]
async fn a_renewed_certificate_is_in_force_and_a_wrong_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (first, second) = (make(), make());
    keep(folder.path(), &first);
    let (cert, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let tls = Arc::new(Tls::load(&cert, &key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let options = ServeOptions { tls: Some(Arc::clone(&tls)), ..ServeOptions::default() };
    let task =
        tokio::spawn(api::serve(listener, (house.state.clone(), Default::default()), options, stop.clone()));

    assert!(ask(address, &first).await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    assert!(ask(address, &second).await.is_none());
    assert!(!tls.reload_if_written().unwrap(), "nothing was written");

    keep(folder.path(), &second);
    tls.reload().unwrap();
    assert!(ask(address, &second).await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));

    std::fs::write(&key, first.signing_key.serialize_pem()).unwrap();
    assert!(tls.reload().unwrap_err().to_string().contains("do not go together"));
    std::fs::write(&key, "nothing").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("tls.key holds no private key"), "{error}");
    assert!(ask(address, &second).await.is_some(), "the former one stays");

    // Who speaks no TLS gets no answer.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let _may_be_reset = plain.read_to_end(&mut bytes).await;
    assert!(!String::from_utf8_lossy(&bytes).contains("200"));
    stop.cancel();
    task.await.unwrap();
}
