//! Who may carry what, and whose turn it is: routes, the health of channels, and the scheduler of claims.
//!
//! Failover is who claims: nothing is moved when a channel dies, the next one that may claim does.

mod health;
mod reach;
mod route;
mod scheduler;
#[cfg(test)]
mod tests;

pub use health::{Condition, Health, HealthRules, Trouble};
pub use reach::Reach;
pub use route::ChannelNow;
pub use scheduler::{Offer, Plan, Scheduler, Step};
