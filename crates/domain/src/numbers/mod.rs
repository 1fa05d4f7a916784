//! What is known of phone numbers beyond their digits: where a range was sold, and what carriers said of one number.
//!
//! Owns the table of ranges (province, city, carrier by the first seven digits), the reading of `phone.dat`, and what
//! receipts teach about a single phone: that it is dead, or that it has moved to another network. Pure: files come in
//! as bytes, instants as arguments. Invariants: a table is immutable and looked up without allocating; what is learned
//! of a phone is bounded, and is forgotten with age.

mod known;
mod packed;
mod phone_dat;
mod table;

pub use known::{DeadNumber, KNOWN_FOR, Lesson, NumberFacts, day};
pub use phone_dat::read_phone_dat;
pub use table::{
    FIRST_PREFIX, LAST_PREFIX, NumberMistake, Place, PrefixTable, RangeTrouble, Ranges, carrier_word,
};
