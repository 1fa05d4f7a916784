//! The field itself, pure: phones, text, templates, policy, campaigns, message lifecycle, and the ports between engine, store and gateway.

pub mod access;
pub mod approved;
pub mod billing;
pub mod campaign;
pub mod carrier_code;
pub mod channel;
pub mod control;
pub mod currency;
pub mod downstream;
pub mod events;
pub mod ids;
pub mod lane;
pub mod ledger;
pub mod message;
pub mod money;
pub mod nodes;
pub mod numbers;
pub mod opt_out;
pub mod pace;
pub mod policy;
pub mod report;
pub mod retry;
pub mod routing;
pub mod time;
pub mod webhooks;

pub use audit;
pub use phone;
pub use template;
pub use text;
