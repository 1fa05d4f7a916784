//! Documents of a provider of identities: the port over which they are read.

use async_trait::async_trait;

/// An answer, whatever its status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetched {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Why there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchFault {
    /// Not an address.
    #[error("the address cannot be read")]
    Malformed,
    /// No connection, or TLS refused.
    #[error("no connection could be made")]
    NotConnected,
    /// Too slow.
    #[error("there was no whole answer in time")]
    TimedOut,
    /// Too long, or it broke off.
    #[error("the answer broke off, or is too long")]
    Broken,
}

/// Reads what an operator named: bounded in time and size, never after a redirect.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// `GET`.
    async fn get(&self, url: &str) -> Result<Fetched, FetchFault>;

    /// `POST` of a form, with what goes into `Authorization`.
    async fn post_form(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: String,
    ) -> Result<Fetched, FetchFault>;
}
