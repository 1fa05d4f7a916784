//! Sealing at rest: phones, texts and names are on disk only as ciphertext.
//!
//! Owns the key file, the derivation of one key per table and purpose, the versioned header of every sealed value,
//! and the keyed index by which a phone is found without being readable. Refuses a missing or wrong key file: a
//! data folder that already knows a key is never given a new one. Invariants: a sealed value opens only in the
//! table and row it was sealed for; no error and no `Debug` output holds a key or a plaintext.

pub mod upload;

mod derive;
mod key_file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aes_gcm_siv::aead::{AeadInOut, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use domain::phone::Phone;
use hmac::{Hmac, Mac};
use sha2::Sha256;

pub use key_file::KeyFileError;
use key_file::{KEY_LEN, KeyRing};

/// First byte of every sealed value: AES-256-GCM-SIV under a key derived per table, nonce derived from the row id.
const FORMAT_GCM_SIV: u8 = 1;
/// Format and key version.
const HEADER_LEN: usize = 2;
const TAG_LEN: usize = 16;
const NONCE_LEN: usize = 12;

/// What a sealed value weighs more than its plaintext, in bytes.
pub const SEALED_OVERHEAD: usize = HEADER_LEN + TAG_LEN;

/// A sealed value that does not open: damaged, moved to another row, or sealed with a key that is not in the file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a sealed value of {table} does not open: damaged, from another row, or sealed with another key")]
pub struct UnsealError {
    /// The table whose value it is.
    pub table: &'static str,
}

/// Seals and opens values, and makes phone indexes. One per process, shared.
pub struct Sealer {
    ring: KeyRing,
    index: Hmac<Sha256>,
    tables: Mutex<BTreeMap<&'static str, Arc<TableSealer>>>,
}

/// [`Sealer`] for one table, with its key schedules made: for hot paths.
pub struct TableSealer {
    table: &'static str,
    current: u8,
    ciphers: Vec<(u8, Aes256GcmSiv)>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("current_key", &self.ring.current().0).finish_non_exhaustive()
    }
}

impl fmt::Debug for TableSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableSealer").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Reads the key file, or makes it when neither it nor the data folder knows a key yet. The folder keeps a
    /// check value of each key (`key.check`), by which a wrong key file is noticed before anything is written.
    ///
    /// # Errors
    /// [`KeyFileError`]; only its `Io` may pass by itself.
    pub fn open(key_file: &Path, data_folder: &Path) -> Result<Arc<Self>, KeyFileError> {
        let ring = key_file::open(key_file, data_folder)?;
        let index = derive::phone_index_mac(ring.first());
        Ok(Arc::new(Self { ring, index, tables: Mutex::default() }))
    }

    /// What tells these keys from others without telling them: what a data folder keeps in `key.check`, a database keeps
    /// too.
    #[must_use]
    pub fn check(&self) -> String {
        key_file::check(&self.ring)
    }

    /// Whether what was sealed under a [`Self::check`] opens: each of its keys is one of these.
    #[must_use]
    pub fn agrees_with(&self, check: &str) -> bool {
        key_file::agrees(&self.ring, check)
    }

    /// The sealer of one table. `table` is part of the key: it must never change once values are stored.
    #[must_use]
    pub fn for_table(&self, table: &'static str) -> Arc<TableSealer> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tables.entry(table).or_insert_with(|| Arc::new(TableSealer::new(&self.ring, table))))
    }

    /// Seals `plaintext` for the row `row` of `table`. The same row and plaintext give the same bytes, so rewriting a
    /// row tells no more than whether it changed.
    #[must_use]
    pub fn seal(&self, table: &'static str, row: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.for_table(table).seal(row, plaintext)
    }

    /// Opens what [`Self::seal`] made for the same table and row.
    ///
    /// # Errors
    /// [`UnsealError`] when it was damaged, moved, or sealed with a key that is not in the file.
    pub fn open_sealed(
        &self,
        table: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, UnsealError> {
        self.for_table(table).open(row, sealed)
    }

    /// The keyed index of a phone: the first eight bytes of HMAC-SHA-256 over its digits, the same for ever in one
    /// installation. Rotating the sealing key does not change it.
    #[must_use]
    pub fn phone_index(&self, phone: Phone) -> i64 {
        self.value_index(phone.digits().as_str().as_bytes())
    }

    /// A keyed index of any personal value (a name, an address), for look-up by the whole value in `table`.
    #[must_use]
    pub fn personal_index(&self, table: &'static str, value: &[u8]) -> i64 {
        let mut mac = self.index.clone();
        mac.update(table.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        derive::first_eight(mac)
    }

    fn value_index(&self, value: &[u8]) -> i64 {
        let mut mac = self.index.clone();
        mac.update(value);
        derive::first_eight(mac)
    }
}

impl TableSealer {
    fn new(ring: &KeyRing, table: &'static str) -> Self {
        let ciphers = ring
            .all()
            .map(|(version, key)| {
                let derived = derive::table_key(key, table);
                (version, Aes256GcmSiv::new((&*derived).into()))
            })
            .collect();
        Self { table, current: ring.current().0, ciphers }
    }

    /// See [`Sealer::seal`].
    #[must_use]
    pub fn seal(&self, row: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plaintext.len() + SEALED_OVERHEAD);
        sealed.extend_from_slice(&[FORMAT_GCM_SIV, self.current]);
        sealed.extend_from_slice(plaintext);
        let cipher = self.cipher(self.current).expect("the current key is in its own ring");
        let tag = cipher
            .encrypt_inout_detached(&nonce(row), row, (&mut sealed[HEADER_LEN..]).into())
            .expect("texts are far below the cipher's bound of 64 GiB");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// See [`Sealer::open_sealed`].
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn open(&self, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
        let fail = UnsealError { table: self.table };
        let Some((&[format, version], rest)) = sealed.split_first_chunk::<HEADER_LEN>() else {
            return Err(fail);
        };
        let Some((body, tag)) = rest.split_last_chunk::<TAG_LEN>() else { return Err(fail) };
        let Some(cipher) = self.cipher(version).filter(|_| format == FORMAT_GCM_SIV) else {
            return Err(fail);
        };
        let mut plaintext = body.to_vec();
        match cipher.decrypt_inout_detached(&nonce(row), row, plaintext.as_mut_slice().into(), tag.into()) {
            Ok(()) => Ok(plaintext),
            Err(_) => Err(fail),
        }
    }

    fn cipher(&self, version: u8) -> Option<&Aes256GcmSiv> {
        self.ciphers.iter().find(|(of, _)| *of == version).map(|(_, cipher)| cipher)
    }
}

/// Twelve bytes that differ between the rows of a table: the row id itself, or its hash when it is longer. GCM-SIV
/// keeps secrecy when a row is sealed again with another content, so no random source is needed.
fn nonce(row: &[u8]) -> Nonce {
    let mut bytes = [0u8; NONCE_LEN];
    if let Some(place) = bytes.get_mut(..row.len()) {
        place.copy_from_slice(row);
    } else {
        bytes = derive::long_row_nonce(row);
    }
    bytes.into()
}

/// Bytes of a key; for the key file only.
type Key = zeroize::Zeroizing<[u8; KEY_LEN]>;
