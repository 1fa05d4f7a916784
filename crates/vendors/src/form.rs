//! Forms as vendors' SDKs write them: names and values, some of them several times.

use axum::body::{Body, to_bytes};

use super::BODY_BYTES;

/// Fields in one form: far more than any vendor defines.
const FIELDS: usize = 1_000;

/// A form or a query.
#[derive(Clone, Default)]
pub(super) struct Form(pub Vec<(String, String)>);

/// A body that is too large or broke off, or a form that has too many fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unreadable;

impl Form {
    /// Reads `name=value&…`.
    ///
    /// # Errors
    /// [`Unreadable`] beyond the bound of fields.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if fields.len() == FIELDS {
                return Err(Unreadable);
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(fields))
    }

    /// The first value of a name, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.sent(name).filter(|value| !value.is_empty())
    }

    /// The first value of a name, though it be empty.
    pub(super) fn sent(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A whole body.
///
/// # Errors
/// [`Unreadable`].
pub(super) async fn body(body: Body) -> Result<Vec<u8>, Unreadable> {
    to_bytes(body, BODY_BYTES).await.map(|bytes| bytes.to_vec()).map_err(|_| Unreadable)
}
