//! Countries as ISO 3166-1 alpha-2 codes, limited to those that have a numbering plan.

use std::fmt;
use std::str::FromStr;

/// A country by its two capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Mainland China: the default of an installation.
    pub const CN: Country = Country(*b"CN");

    /// The country with this code in either case; `None` for a code without numbering plan.
    pub fn from_code(code: &str) -> Option<Country> {
        let bytes: [u8; 2] = code.as_bytes().try_into().ok()?;
        let country = Country(bytes.map(|byte| byte.to_ascii_uppercase()));
        country.id().map(|_| country)
    }

    /// The two capital letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("made from ASCII letters only")
    }

    pub(super) fn from_id(id: phonenumber::country::Id) -> Option<Country> {
        Country::from_code(id.as_ref())
    }

    pub(super) fn id(&self) -> Option<phonenumber::country::Id> {
        self.0
            .iter()
            .all(u8::is_ascii_uppercase)
            .then(|| phonenumber::country::Id::from_str(self.code()).ok())?
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}
