//! One key in, many keys out: HMAC-SHA-256 as the pseudo-random function, a label per purpose.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Key, NONCE_LEN};

/// The key under which values of `table` are sealed.
pub(super) fn table_key(key: &Key, table: &str) -> Key {
    let mut mac = keyed(key);
    mac.update(b"hongyan|seal|v1|");
    mac.update(table.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// What tells one key from another without telling the key; kept in the data folder.
pub(super) fn check_value(key: &Key) -> [u8; 16] {
    let mut mac = keyed(key);
    mac.update(b"hongyan|check|v1");
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    whole.first_chunk().copied().expect("32 bytes hold 16")
}

/// The function that indexes phones, primed with its label so that each use costs one short message.
pub(super) fn phone_index_mac(key: &Key) -> Hmac<Sha256> {
    let mut label = keyed(key);
    label.update(b"hongyan|index|v1");
    let derived: Key = Zeroizing::new(label.finalize().into_bytes().into());
    let mut mac = keyed(&derived);
    mac.update(b"phone|v1|+");
    mac
}

pub(super) fn first_eight(mac: Hmac<Sha256>) -> i64 {
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    i64::from_be_bytes(whole.first_chunk().copied().expect("32 bytes hold 8"))
}

/// A nonce for a row id longer than a nonce: its hash, cut.
pub(super) fn long_row_nonce(row: &[u8]) -> [u8; NONCE_LEN] {
    let whole: [u8; 32] = Sha256::digest(row).into();
    whole.first_chunk().copied().expect("32 bytes hold 12")
}

fn keyed(key: &Key) -> Hmac<Sha256> {
    Hmac::new_from_slice(&key[..]).expect("HMAC takes a key of any length")
}
