//! Who may carry what, and whose turn it is: routes, the health of channels, and the scheduler of claims.
//!
//! Failover is who claims: nothing is moved when a channel dies, the next one that may claim does.

mod health;
mod reach;
mod room;
mod route;
mod scheduler;
#[cfg(test)]
mod tests;

pub use health::{Answers, Change, Condition, Health, HealthRules, Trouble, Turn, Vitals};
pub use reach::Reach;
pub use room::{Occupied, Room, Unfit};
pub use route::{Bar, ChannelNow, Considered, Verdict};
pub use scheduler::{Offer, Plan, Scheduler, Step};
