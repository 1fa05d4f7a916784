//! The field itself, pure: phones, text, templates, policy, campaigns, message lifecycle, and the ports between engine, store and gateway.

pub mod phone;
pub mod text;
