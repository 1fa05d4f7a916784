//! The sections of what is served and told: connections, TLS, metrics, traces.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use api::{Limits, Networks, ServeOptions, Tls};
use serde::{Deserialize, Serialize};

use super::Config;
use crate::listeners::Serving;

/// What is asked of clients of the API.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpConfig {
    connections: usize,
    connections_per_address: usize,
    head_timeout_seconds: u64,
    body_timeout_seconds: u64,
    write_timeout_seconds: u64,
    trusted_proxies: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        let Limits { connections, connections_per_address, head, body, write } = Limits::default();
        Self {
            connections,
            connections_per_address,
            head_timeout_seconds: head.as_secs(),
            body_timeout_seconds: body.as_secs(),
            write_timeout_seconds: write.as_secs(),
            trusted_proxies: Vec::new(),
        }
    }
}

impl HttpConfig {
    /// Connections at once.
    pub(crate) fn connections(&self) -> usize {
        self.connections
    }
}

/// Certificate and key: both or neither.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsConfig {
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

/// Where metrics are told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricsConfig {
    enabled: bool,
    listen: SocketAddr,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { enabled: true, listen: SocketAddr::from(([127, 0, 0, 1], 8_521)) }
    }
}

/// Where traces go.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TracesConfig {
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) sample_per_million: u64,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample_per_million: 1_000 }
    }
}

impl Config {
    /// How the API and the metrics are served.
    ///
    /// # Errors
    /// When certificate and key cannot be read or do not go together.
    pub(crate) fn serving(&self) -> anyhow::Result<Serving> {
        let http = &self.http;
        let limits = Limits {
            connections: http.connections,
            connections_per_address: http.connections_per_address,
            head: Duration::from_secs(http.head_timeout_seconds),
            body: Duration::from_secs(http.body_timeout_seconds),
            write: Duration::from_secs(http.write_timeout_seconds),
        };
        let proxies = http.trusted_proxies.iter().map(String::as_str);
        let trusted_proxies = Networks::read(proxies).map_err(anyhow::Error::msg)?;
        let tls = match (&self.tls.cert_file, &self.tls.key_file) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some(Arc::new(Tls::load(cert, key)?)),
            _ => {
                bail!("tls.cert_file 与 tls.key_file 要一起写 · set tls.cert_file and tls.key_file together")
            }
        };
        let metrics = self.metrics.enabled.then_some(self.metrics.listen);
        let traces = self.traces.clone();
        let oidc = self.oidc()?;
        Ok(Serving { options: ServeOptions { limits, trusted_proxies, tls }, metrics, traces, oidc })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let half = TlsConfig { cert_file: Some("/etc/hongyan/tls.crt".into()), key_file: None };
        let config = Config { tls: half, ..Config::default() };
        let error = config.serving().expect_err("half of it is none").to_string();
        assert!(error.contains("tls.key_file"), "{error}");
        assert!(Config::default().serving().is_ok());
    }
}
