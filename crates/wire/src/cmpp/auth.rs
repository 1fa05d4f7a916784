//! The authenticators of CONNECT and CONNECT_RESP: MD5 over fields and the shared secret, as both
//! specifications say.

use md5::{Digest, Md5};

use super::{Connect, Version};
use crate::octets::{Octets, Secret, same};

/// Zero octets between `Source_Addr` and the secret.
const GAP: [u8; 9] = [0; 9];
/// Octets of `Source_Addr` on the wire.
const SOURCE_OCTETS: usize = 6;

/// `AuthenticatorSource` of a client: MD5(`Source_Addr` ‖ 9 × 0 ‖ secret ‖ `MMDDHHMMSS`), the timestamp as
/// ten digits. A `Source_Addr` shorter than six octets enters unpadded, as most implementations have it.
#[must_use]
pub fn source_authenticator(source_addr: &Octets<6>, secret: &Secret, timestamp: u32) -> [u8; 16] {
    source_digest(source_addr.as_bytes(), secret, timestamp)
}

/// Whether a client's CONNECT proves knowledge of the secret. `Source_Addr` may have entered the hash raw or
/// padded to six octets: the specification does not settle it, so either is accepted.
#[must_use]
pub fn verify(connect: &Connect, secret: &Secret) -> bool {
    let mut padded = [0; SOURCE_OCTETS];
    for (place, octet) in padded.iter_mut().zip(connect.source_addr.as_bytes()) {
        *place = *octet;
    }
    let raw = source_digest(connect.source_addr.as_bytes(), secret, connect.timestamp);
    let padded = source_digest(&padded, secret, connect.timestamp);
    let raw_fits = same(&raw, &connect.authenticator_source);
    let padded_fits = same(&padded, &connect.authenticator_source);
    raw_fits | padded_fits
}

/// `AuthenticatorISMG` of a server: MD5(`Status` ‖ `AuthenticatorSource` ‖ secret), `Status` in its width on
/// the wire.
#[must_use]
pub fn gateway_authenticator(
    version: Version,
    status: u32,
    authenticator_source: &[u8; 16],
    secret: &Secret,
) -> [u8; 16] {
    let mut digest = Md5::new();
    if version.is_three() {
        digest.update(status.to_be_bytes());
    } else {
        digest.update([u8::try_from(status).unwrap_or(u8::MAX)]);
    }
    digest.update(authenticator_source);
    digest.update(secret.as_bytes());
    digest.finalize().into()
}

fn source_digest(source_addr: &[u8], secret: &Secret, timestamp: u32) -> [u8; 16] {
    let mut digest = Md5::new();
    digest.update(source_addr);
    digest.update(GAP);
    digest.update(secret.as_bytes());
    digest.update(format!("{timestamp:010}"));
    digest.finalize().into()
}
