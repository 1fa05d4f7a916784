//! TLS with a certificate and key of our own, read again when they are renewed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error as RustlsError, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Why certificate and key cannot be used. No content of either is shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not there, not readable, or not PEM.
    #[error("{} holds no {what} in PEM form: {detail}", path.display())]
    File { path: PathBuf, what: &'static str, detail: String },
    /// The key is of another certificate, or of a kind that is not supported.
    #[error("certificate {} and its key do not go together: {source}", path.display())]
    Pair { path: PathBuf, source: RustlsError },
}

/// Certificate and key in force.
#[derive(Debug)]
pub struct Tls {
    cert_file: PathBuf,
    key_file: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
    /// When the files were written that are in force.
    written: Mutex<Option<Written>>,
}

type Written = (SystemTime, SystemTime);

impl Tls {
    /// Reads a chain of certificates, the server's first, and its private key, both PEM.
    ///
    /// # Errors
    /// When a file cannot be read or the two do not go together.
    pub fn load(cert_file: &Path, key_file: &Path) -> Result<Self, TlsError> {
        // Before they are read: what is written meanwhile is seen as new.
        let written = Mutex::new(written(cert_file, key_file));
        let config = RwLock::new(read(cert_file, key_file)?);
        Ok(Self { cert_file: cert_file.to_owned(), key_file: key_file.to_owned(), config, written })
    }

    /// Reads both files again if they were written since; whether they were.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn reload_if_written(&self) -> Result<bool, TlsError> {
        let now = written(&self.cert_file, &self.key_file);
        let before =
            std::mem::replace(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner), now);
        if now.is_none() || now == before {
            return Ok(false);
        }
        self.reload().map(|()| true)
    }

    /// Reads both files again, for connections made from now on; what is wrong changes nothing.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = read(&self.cert_file, &self.key_file)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }
}

fn written(cert_file: &Path, key_file: &Path) -> Option<Written> {
    let of = |file: &Path| std::fs::metadata(file).and_then(|file| file.modified()).ok();
    Some((of(cert_file)?, of(key_file)?))
}

fn read(cert_file: &Path, key_file: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |path: &Path, what, error: &PemError| TlsError::File {
        path: path.to_owned(),
        what,
        // Names what is missing or which line is torn, and quotes neither.
        detail: error.to_string(),
    };
    let of_chain = |error: PemError| wrong(cert_file, "certificate", &error);
    let chain = CertificateDer::pem_file_iter(cert_file).map_err(of_chain)?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(of_chain)?;
    if chain.is_empty() {
        return Err(wrong(cert_file, "certificate", &PemError::NoItemsFound));
    }
    let key =
        PrivateKeyDer::from_pem_file(key_file).map_err(|error| wrong(key_file, "private key", &error))?;
    let pair = |source| TlsError::Pair { path: cert_file.to_owned(), source };
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(pair)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
