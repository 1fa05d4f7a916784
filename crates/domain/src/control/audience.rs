//! Frozen audiences: the set of people that a preflight counted and a launch will send to.
//!
//! Rows are kept in sealed chunks, so that a million people cost a thousand seals. A chunk is never changed after it
//! is written; the audience's checksum covers all of them.

use async_trait::async_trait;

use super::ControlError;
use crate::ids::{AccountId, AudienceId, CampaignId, ContactId};
use crate::phone::Phone;
use crate::time::Timestamp;

/// Rows in every chunk but the last: the ordinal of a row is `chunk × 1000 + place`.
pub const AUDIENCE_CHUNK_ROWS: usize = 1000;

/// One person of an audience.
#[derive(Clone, PartialEq, Eq)]
pub struct AudienceRow {
    pub contact: Option<ContactId>,
    pub phone: Phone,
    /// A test number of the campaign.
    pub test: bool,
    /// Of a re-send: an earlier message may have reached the person.
    pub possible_duplicate: bool,
    /// Values of [`Audience::columns`], in their order. Empty where the person has none.
    pub values: Vec<String>,
}

/// What became of the rows that were to make up an audience.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AudienceStats {
    /// Rows of the file, or contacts that the tags matched.
    pub read: u64,
    /// Not a phone that can receive messages.
    pub invalid: u64,
    /// Same phone (and same values) as an earlier row.
    pub duplicate: u64,
    /// Rows in the audience, test numbers included.
    pub people: u64,
    /// Test numbers among them.
    pub tests: u64,
}

/// The header of a frozen audience.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audience {
    pub id: AudienceId,
    pub account: AccountId,
    pub campaign: CampaignId,
    /// Names of the variables that rows carry.
    pub columns: Vec<String>,
    pub stats: AudienceStats,
    pub chunks: u32,
    /// SHA-256 over the chunks' digests in order; set when the last chunk is durable.
    pub checksum: Option<[u8; 32]>,
}

/// Frozen audiences.
#[async_trait]
pub trait Audiences: Send + Sync {
    /// Begins an audience; chunks may be appended until it is finished.
    async fn begin_audience(&self, audience: &Audience) -> Result<(), ControlError>;
    /// Appends consecutive chunks, durable on return. `first` is the number of the first; repeating changes nothing.
    async fn append_chunks(
        &self,
        account: AccountId,
        audience: AudienceId,
        first: u32,
        chunks: Vec<Vec<AudienceRow>>,
    ) -> Result<(), ControlError>;
    /// Writes the counts and the checksum over all chunks, and returns the header.
    async fn finish_audience(
        &self,
        account: AccountId,
        audience: AudienceId,
        stats: AudienceStats,
    ) -> Result<Audience, ControlError>;
    async fn audience(&self, account: AccountId, id: AudienceId) -> Result<Option<Audience>, ControlError>;
    /// The rows of one chunk.
    async fn chunk(
        &self,
        account: AccountId,
        audience: AudienceId,
        number: u32,
    ) -> Result<Option<Vec<AudienceRow>>, ControlError>;
    /// Audiences made before an instant that no campaign holds, at most `limit`: a preflight was killed half-way.
    async fn forgotten_audiences(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<(AccountId, AudienceId)>, ControlError>;
    /// Removes an audience that no campaign will send to.
    async fn drop_audience(&self, account: AccountId, audience: AudienceId) -> Result<(), ControlError>;
}
