//! From stored values back to what they mean; what cannot be is named by table and column, never by content.

use domain::control::ControlError;
use domain::phone::Phone;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::of_sealed;
use sealing::Sealer;

/// Rows of any list that one call returns, at most: bounds memory and the length of a read.
pub(super) const PAGE_LIMIT: u32 = 10_000;

/// The readings of one table.
#[derive(Clone, Copy)]
pub(super) struct Reading(pub(super) &'static str);

impl Reading {
    pub(super) fn odd(self, column: &'static str) -> ControlError {
        ControlError::Inconsistent { table: self.0, column }
    }

    pub(super) fn number<T: TryFrom<i64>>(
        self,
        column: &'static str,
        value: impl Into<i64>,
    ) -> Result<T, ControlError> {
        T::try_from(value.into()).map_err(|_| self.odd(column))
    }

    pub(super) fn code<T>(
        self,
        column: &'static str,
        value: i32,
        from_code: fn(u8) -> Option<T>,
    ) -> Result<T, ControlError> {
        u8::try_from(value).ok().and_then(from_code).ok_or_else(|| self.odd(column))
    }

    pub(super) fn word<T>(
        self,
        column: &'static str,
        word: &str,
        from_word: fn(&str) -> Option<T>,
    ) -> Result<T, ControlError> {
        from_word(word).ok_or_else(|| self.odd(column))
    }

    pub(super) fn phone(self, column: &'static str, digits: u64) -> Result<Phone, ControlError> {
        Phone::from_u64(digits).ok_or_else(|| self.odd(column))
    }

    pub(super) fn json<T: DeserializeOwned>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<T, ControlError> {
        serde_json::from_str(text).map_err(|_| self.odd(column))
    }

    pub(super) fn digest(self, column: &'static str, bytes: &[u8]) -> Result<[u8; 32], ControlError> {
        bytes.try_into().map_err(|_| self.odd(column))
    }

    /// A document sealed by [`seal`].
    pub(super) fn open<T: DeserializeOwned>(
        self,
        sealer: &Sealer,
        row: i64,
        sealed: &[u8],
    ) -> Result<T, ControlError> {
        let plain = sealer.open_sealed(self.0, &row.to_be_bytes(), sealed).map_err(|e| of_sealed(&e))?;
        serde_json::from_slice(&plain).map_err(|_| self.odd("sealed"))
    }
}

/// A document as the sealed column of the row `row` of `table`.
pub(super) fn seal<T: Serialize>(sealer: &Sealer, table: &'static str, row: i64, document: &T) -> Vec<u8> {
    sealer.seal(table, &row.to_be_bytes(), json(document).as_bytes())
}

/// A document as text.
pub(super) fn json<T: Serialize>(document: &T) -> String {
    serde_json::to_string(document).expect("documents have text keys and no failing parts")
}

/// [`json`], behind what is there already.
pub(super) fn json_into<T: Serialize>(out: &mut Vec<u8>, document: &T) {
    serde_json::to_writer(out, document)
        .expect("documents have text keys, and memory takes all that is written");
}

/// A count as it is stored.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
