//! The simulator against its own load generator and against a scripted client, over loopback.

mod faults;
mod peer;
mod pump;
mod receipts;
mod truth;
