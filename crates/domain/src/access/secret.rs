//! How secrets are written.

use crate::control::Secret;

/// Bytes of every secret: 256 bits, which nobody guesses, so a plain digest of it is safe to keep.
pub const SECRET_BYTES: usize = 32;
/// Crockford's alphabet, as in ids.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a secret opens. Each is recognised by how it begins, by people and by scanners of leaked secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecretKind {
    /// A bearer key.
    Bearer,
    /// What requests are signed with.
    Signing,
    /// The cookie of a session.
    Session,
    /// A one-time link.
    Link,
}

impl SecretKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Bearer => "hy_",
            Self::Signing => "hys_",
            Self::Session => "hyc_",
            Self::Link => "hyl_",
        }
    }

    /// The secret of these random bytes.
    #[must_use]
    pub fn write(self, bytes: &[u8; SECRET_BYTES]) -> Secret {
        let mut text = String::from(self.prefix());
        let (mut pending, mut bits) = (0u32, 0u32);
        for byte in bytes {
            pending = (pending << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(char::from(ALPHABET[(pending >> bits & 31) as usize]));
            }
        }
        // 256 bits leave one over: it makes the last character.
        text.push(char::from(ALPHABET[(pending << (5 - bits) & 31) as usize]));
        Secret(text)
    }
}
