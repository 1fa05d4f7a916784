//! `hongyan demo`: the main job end to end in under a minute, with nothing but this program.
//!
//! Owns the invented people, the two simulated carriers, and the story: import, refusals, preflight, sending, a
//! carrier that breaks down half-way, the report, and the comparison of the ledger with what the carriers received.
//! Invariants: everything runs through the same use-cases as in production; only the sending hours are open all day,
//! and it says so; ledger and carriers must agree, or the exit code says that they do not.

mod carriers;
pub(crate) mod folder;
mod funnel;
mod names;
mod people;
mod preflight;
mod reckoning;
mod run;
mod story;
mod totals;

pub(crate) use story::{DemoArgs, run};
