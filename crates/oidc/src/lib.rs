//! Signing in with somebody else's word: OpenID Connect 1.0, by authorization code with PKCE (RFC 7636).
//!
//! Owns what is asked of a provider and what is believed of its answers. Refuses to know who people are here: it says whom the provider
//! vouches for, and `access` decides. Invariants: nothing is believed that is not signed by a key which the provider names over a trusted
//! connection; an answer belongs to the browser that asked, and is taken once; only algorithms with public keys count; no secret, code or
//! token is in an error or `Debug` output. Addresses are `https`, or on this machine.

mod client;
mod error;
mod flow;
mod keys;
mod provider;
mod token;

pub use client::{Answer, Client, Settings, SettingsError};
pub use error::OidcError;
pub use flow::{FLOW_KEPT, Flow};
pub use token::Person;
