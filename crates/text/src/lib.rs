//! Texts as carriers carry and bill them.
//!
//! Owns the encodings, the cutting into parts with their concatenation headers, the lengths that are billed, liberal
//! decoding of inbound text, the signature 【…】 and the opt-out words at the end. Refuses texts that would need more
//! than the allowed parts. Invariants: [`plan`] and [`segment`] agree on the number of parts; a surrogate pair, an
//! escape pair and a double-byte character are never split; no part exceeds its limit.

mod bilingual;
mod compose;
mod decode;
mod encoding;
pub mod fold;
mod gsm;
mod plan;
mod segment;
mod septets;
#[cfg(test)]
mod tests;

pub use bilingual::Bilingual;
pub use compose::{DEFAULT_OPT_OUT, Signature, SignatureError, compose, divide, ends_with_opt_out};
pub use decode::{Concat, Decoded, Dialect, decode};
pub use encoding::{ConcatHeader, Encoding};
pub use plan::{Billing, MAX_PARTS, Narrow, Preview, TextError, TextPlan, TextRules, Wide, plan, preview};
pub use segment::{Segments, segment};
pub use septets::{pack, unpack};
