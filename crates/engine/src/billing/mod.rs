//! Money in the running system: grants to partitions, holds for campaigns, and the poster.
//!
//! Owns what the engine asks of the books ([`domain::control::Books`]) and when. Nothing here lies on the way of a message that
//! nobody bounds. Invariants: what a partition was granted is in the books before it is in the ledger, and what it gave back is in the
//! ledger before it is in the books, so that whatever is killed in between, an account can spend too little for a while but never too
//! much; everything handed over is a sum since the beginning, so that handing it over again changes nothing.

mod costs;
mod fund;
mod hold;
mod post;
mod postings;
mod short;

pub use post::{MoneyError, Poster};
pub use short::{explain_short, short_word};

pub(crate) use fund::Funding;
