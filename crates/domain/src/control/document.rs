//! Documents that the whole installation shares, each replaced as a whole: the table of number ranges.

use async_trait::async_trait;

use super::ControlError;
use crate::time::Timestamp;

/// Which content a document has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DocumentMark {
    /// From 1; raised by every change.
    pub version: i64,
    /// SHA-256 of the content.
    pub checksum: [u8; 32],
    pub put_at: Timestamp,
}

/// A document as it is stored. Nothing in it is personal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    pub mark: DocumentMark,
    pub content: Vec<u8>,
}

/// Documents by their names.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The mark alone: cheap, for those who hold the content.
    async fn document_mark(&self, name: &str) -> Result<Option<DocumentMark>, ControlError>;
    /// The whole.
    ///
    /// # Errors
    /// [`ControlError::Inconsistent`] when the content is not what was put.
    async fn document(&self, name: &str) -> Result<Option<Document>, ControlError>;
    /// Puts it in place of the one before, at once for every node: they see it with their next heartbeat.
    async fn put_document(
        &self,
        name: &str,
        content: &[u8],
        now: Timestamp,
    ) -> Result<DocumentMark, ControlError>;
}
