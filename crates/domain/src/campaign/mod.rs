//! What a campaign decides by itself, pure: which route carries whom, who hears of it first, when it stops, and to whom
//! what failed may be sent again.
//!
//! Invariants: what is decided once (routes, canary) is kept with the campaign, so that neither a changed route nor a
//! restart decides anew; a phone has one place in all of this, whatever order phones come in.

mod canary;
mod complaint;
mod resend;
mod routes;
mod watch;

pub use canary::{
    Canary, CanaryPhase, CanaryPlan, CanaryShare, CanaryStep, CanaryThen, Lots, MAX_CANARY_PEOPLE, lot,
};
pub use complaint::is_complaint;
pub use resend::{Choice, RESENDABLE, Resend, ResendCount, ResendFilter, Sent};
pub use routes::{CampaignLane, CampaignRoute, MAX_CAMPAIGN_ROUTES, Unrouted, routes_for};
pub use watch::{Finding, Limit, Limits, Observed, StopRule, Stopped, Watch};
