//! Bounded strings and readers over borrowed octets.
//!
//! Owns: the fixed-width string of the Chinese protocols ("Octet String": ASCII, left-aligned, padded with
//! NUL), the reader that names the field at which a PDU ends early, and the newtypes that keep personal data
//! out of `Debug`. Invariant: octets of [`Octets`] beyond its length are zero, so derived equality and
//! hashing are right.

use std::fmt;

use crate::error::{DecodeError, EncodeError};

/// A string of at most `N` octets kept in place (`Copy`, no allocation). `N` is at most 255.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Octets<const N: usize> {
    length: u8,
    octets: [u8; N],
}

impl<const N: usize> Octets<N> {
    /// The empty string.
    pub const EMPTY: Self = Self { length: 0, octets: [0; N] };

    /// A string to be sent. Trailing spaces are dropped, because every receiver drops them.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] beyond `N` octets, [`EncodeError::NotAscii`] for NUL or octets above 0x7F.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, EncodeError> {
        let text = text.as_ref();
        if !text.iter().all(|octet| octet.is_ascii() && *octet != 0) {
            return Err(EncodeError::NotAscii);
        }
        let trimmed = without_trailing_spaces(text);
        Self::copy_of(trimmed).ok_or(EncodeError::TooLong {
            field: "string",
            octets: trimmed.len(),
            limit: N,
        })
    }

    /// The string in a received field of any width: cut at the first NUL, then trailing spaces removed
    /// (carriers send both kinds of padding). `None` when what remains is longer than `N`.
    #[must_use]
    pub fn from_field(field: &[u8]) -> Option<Self> {
        Self::copy_of(unpadded(field))
    }

    fn copy_of(text: &[u8]) -> Option<Self> {
        let mut octets = [0; N];
        octets.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { length: u8::try_from(text.len()).ok()?, octets })
    }

    /// The octets without padding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or(&self.octets)
    }

    /// The string, if it is UTF-8 (always so for one made by [`Octets::new`]).
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// Number of octets without padding.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.length)
    }

    /// Whether nothing but padding was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends the string, padded with NUL to `width` octets.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when the string is longer than `width`.
    pub(crate) fn write(
        &self,
        field: &'static str,
        width: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let padding = width.checked_sub(self.len()).ok_or(EncodeError::TooLong {
            field,
            octets: self.len(),
            limit: width,
        })?;
        out.extend_from_slice(self.as_bytes());
        out.resize(out.len().saturating_add(padding), 0);
        Ok(())
    }

    /// Appends the string and a NUL, together at most `width` octets.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when they do not fit.
    pub(crate) fn write_c(
        &self,
        field: &'static str,
        width: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let limit = width.saturating_sub(1);
        if self.len() > limit {
            return Err(EncodeError::TooLong { field, octets: self.len(), limit });
        }
        out.extend_from_slice(self.as_bytes());
        out.push(0);
        Ok(())
    }
}

impl<const N: usize> Default for Octets<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Debug for Octets<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// A phone as a carrier writes it (`Dest_terminal_Id`, `Src_terminal_Id`): up to 32 octets, hidden in
/// `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TerminalId(pub Octets<32>);

impl TerminalId {
    /// A phone to be sent, in the carrier's form (digits, with or without 86).
    ///
    /// # Errors
    /// As [`Octets::new`].
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, EncodeError> {
        Octets::new(text).map(Self)
    }

    /// The octets without padding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The phone as text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }
}

impl fmt::Debug for TerminalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TerminalId({} octets)", self.0.len())
    }
}

/// A string that nobody may read in a log (a password in clear), hidden in `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hidden<const N: usize>(pub Octets<N>);

impl<const N: usize> fmt::Debug for Hidden<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Hidden")
    }
}

/// The content of a message, borrowed, hidden in `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Content<'a>(pub &'a [u8]);

impl<'a> Content<'a> {
    /// The octets, user data header included.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Content({} octets)", self.0.len())
    }
}

/// The secret shared with a carrier, hidden in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Keeps the secret's octets as given.
    #[must_use]
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a password sent in clear is this secret; takes the same time wherever they differ.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        let differ = self.0.iter().zip(given).fold(0, |seen, (ours, theirs)| seen | (ours ^ theirs));
        self.0.len() == given.len() && differ == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(hidden)")
    }
}

/// Compares without stopping at the first difference.
#[must_use]
pub(crate) fn same(left: &[u8; 16], right: &[u8; 16]) -> bool {
    left.iter().zip(right).fold(0, |seen, (left, right)| seen | (left ^ right)) == 0
}

/// Reads fields one after the other; every error names the field and where it begins.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader at `offset`, which stays the base of reported offsets.
    pub(crate) fn at(octets: &'a [u8], offset: usize) -> Self {
        Self { octets, offset }
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn remaining(&self) -> usize {
        self.octets.len().saturating_sub(self.offset)
    }

    pub(crate) fn take(&mut self, field: &'static str, width: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.offset.saturating_add(width);
        let taken = self.octets.get(self.offset..end).ok_or(DecodeError::Truncated {
            field,
            offset: self.offset,
            needed: width,
            available: self.remaining(),
        })?;
        self.offset = end;
        Ok(taken)
    }

    pub(crate) fn array<const W: usize>(&mut self, field: &'static str) -> Result<[u8; W], DecodeError> {
        let mut array = [0; W];
        array.copy_from_slice(self.take(field, W)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(crate) fn octets16(&mut self, field: &'static str) -> Result<[u8; 16], DecodeError> {
        self.array(field)
    }

    /// A string that ends with a NUL, which may be missing where the PDU ends.
    pub(crate) fn c_string<const N: usize>(&mut self, field: &'static str) -> Result<Octets<N>, DecodeError> {
        let offset = self.offset;
        let rest = self.octets.get(offset..).unwrap_or_default();
        let end = rest.iter().position(|octet| *octet == 0);
        let raw = self.take(field, end.unwrap_or(rest.len()))?;
        if end.is_some() {
            self.take(field, 1)?;
        }
        Octets::from_field(raw).ok_or(DecodeError::TooLong { field, offset, octets: raw.len(), limit: N })
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.octets.get(self.offset..).unwrap_or_default();
        self.offset = self.octets.len();
        rest
    }

    /// A fixed-width string of `width` octets into a string of at most `N`.
    pub(crate) fn string<const N: usize>(
        &mut self,
        field: &'static str,
        width: usize,
    ) -> Result<Octets<N>, DecodeError> {
        let offset = self.offset;
        let raw = self.take(field, width)?;
        Octets::from_field(raw).ok_or(DecodeError::TooLong {
            field,
            offset,
            octets: unpadded(raw).len(),
            limit: N,
        })
    }

    /// Refuses octets after the last field.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            octets => Err(DecodeError::Trailing { offset: self.offset, octets }),
        }
    }
}

/// The part of a fixed-width field before its padding.
pub(crate) fn unpadded(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|octet| *octet == 0).unwrap_or(field.len());
    without_trailing_spaces(field.get(..end).unwrap_or(field))
}

fn without_trailing_spaces(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|octet| *octet != b' ').map_or(0, |last| last.saturating_add(1));
    text.get(..end).unwrap_or(text)
}

/// At most `width` octets behind the colon that follows a label, whatever its case.
pub(crate) fn labelled<'a>(text: &'a [u8], label: &[u8], width: usize) -> &'a [u8] {
    let at = text.windows(label.len()).position(|window| window.eq_ignore_ascii_case(label));
    let behind = at.and_then(|at| text.get(at.saturating_add(label.len())..)).unwrap_or_default();
    let colon =
        behind.iter().position(|octet| *octet == b':').map_or(behind.len(), |at| at.saturating_add(1));
    let value = behind.get(colon..).unwrap_or_default();
    value.get(..width).unwrap_or(value)
}

/// The printable start of a value; what follows a blank or NUL belongs to the next field.
pub(crate) fn word<const N: usize>(value: &[u8]) -> Octets<N> {
    let end = value.iter().position(|octet| !octet.is_ascii_graphic()).unwrap_or(value.len());
    Octets::from_field(value.get(..end).unwrap_or(value)).unwrap_or_default()
}
