//! Campaigns: one personalised message to an audience, from draft to report.
//!
//! Owns the life of a campaign, its preflight, the expansion of its frozen audience into the ledger, the scheduler,
//! the finisher and the report. Invariants: nothing is sent that no preflight has counted; a start is acknowledged
//! when it is durable; expansion reads only the frozen audience, and repeating any of it changes nothing; preflight
//! and expansion compose texts by the same code, and preflight and claim decide by the same code.

mod count;
mod draft;
mod error;
mod eta;
mod expand;
mod keeper;
mod letter;
mod life;
mod preflight;
mod replies;
mod report;
mod resend;
mod suggest;
mod watch;

pub use draft::CampaignDraft;
pub use error::CampaignTrouble;
pub(crate) use expand::Expansions;
pub use life::LineOf;
pub use preflight::PreflightProgress;
pub(crate) use preflight::RunningPreflights;
pub(crate) use replies::Replies;
pub use report::CampaignReport;
pub use resend::{ResendOrder, Resent};
pub use suggest::suggested_times;

/// Longest name: what fits a line of the console.
pub const MAX_NAME_CHARS: usize = 30;
/// Most test numbers: a team, not an audience.
pub const MAX_TEST_NUMBERS: usize = 100;
