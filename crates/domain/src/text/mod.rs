//! Texts as carriers carry and bill them.

mod bilingual;

pub use bilingual::Bilingual;
