//! A sentence for the user in both languages of the product.

use std::borrow::Cow;

/// One statement in Chinese and in English.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bilingual {
    /// Simplified Chinese.
    pub zh: Cow<'static, str>,
    /// English.
    pub en: Cow<'static, str>,
}
