//! Who proves what over TLS: carriers to us by their certificate, we to customers by ours.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};

use domain::control::ChannelConfig;

/// Why TLS cannot be used as configured: the operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Certificates, or the key.
    #[error("the {what} cannot be read: {source}")]
    Pem {
        /// Which.
        what: &'static str,
        /// Where it is wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is none in what was given.
    #[error("the {what} holds no certificate")]
    Empty {
        /// Which.
        what: &'static str,
    },
    /// A name that no certificate can have.
    #[error("{name} is no name or address that a certificate can prove")]
    Name {
        /// As given.
        name: String,
    },
    /// The parts do not fit together.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// How connections to a carrier are enciphered.
#[derive(Clone)]
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What the setting of a carrier's certificates is called.
const CARRIERS: &str = "channel setting tls_ca";

impl TlsClient {
    /// None where the channel is not to be enciphered.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn of(config: &ChannelConfig) -> Result<Option<Self>, TlsError> {
        let quirks = &config.quirks;
        if !quirks.tls {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        if quirks.tls_ca.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        } else {
            for certificate in certificates(CARRIERS, quirks.tls_ca.as_bytes())? {
                roots.add(certificate)?;
            }
        }
        let name = if quirks.tls_name.is_empty() { &config.host } else { &quirks.tls_name };
        let name = ServerName::try_from(name.clone()).map_err(|_| TlsError::Name { name: name.clone() })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Some(Self { config: Arc::new(config), name }))
    }

    /// # Errors
    /// When the system's randomness fails.
    pub(crate) fn begin(&self) -> io::Result<Connection> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        connection.map(Connection::from).map_err(io::Error::other)
    }
}

/// Who we are to customers that connect over TLS: a certificate with its chain, and its key.
#[derive(Clone)]
pub struct TlsServer(Arc<ServerConfig>);

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsServer(…)")
    }
}

impl TlsServer {
    /// Reads both from PEM: the chain with our own certificate first.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates("certificate", chain)?;
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|source| TlsError::Pem { what: "key", source })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self(Arc::new(config)))
    }

    /// # Errors
    /// When the system's randomness fails.
    pub(crate) fn begin(&self) -> io::Result<Connection> {
        ServerConnection::new(Arc::clone(&self.0)).map(Connection::from).map_err(io::Error::other)
    }
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|source| TlsError::Pem { what, source })?;
    if read.is_empty() { Err(TlsError::Empty { what }) } else { Ok(read) }
}
