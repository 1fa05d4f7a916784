//! The authenticators of Login and Login_Resp: MD5 over fields and the shared secret.

use md5::{Digest, Md5};

use super::Login;
use crate::octets::{Octets, Secret};

/// Zero octets between `ClientID` and the secret.
const GAP: [u8; 7] = [0; 7];

/// `AuthenticatorClient`: MD5(`ClientID` ‖ 7 × 0 ‖ secret ‖ `MMDDHHMMSS`), `ClientID` without padding, the timestamp
/// as ten digits.
#[must_use]
pub fn client_authenticator(client_id: &Octets<8>, secret: &Secret, timestamp: u32) -> [u8; 16] {
    let mut digest = Md5::new();
    digest.update(client_id.as_bytes());
    digest.update(GAP);
    digest.update(secret.as_bytes());
    digest.update(format!("{timestamp:010}"));
    digest.finalize().into()
}

/// Whether a client's Login proves knowledge of the secret.
#[must_use]
pub fn verify(login: &Login, secret: &Secret) -> bool {
    let expected = client_authenticator(&login.client_id, secret, login.timestamp);
    crate::octets::same(&expected, &login.authenticator_client)
}

/// `AuthenticatorServer`: MD5(`Status` ‖ `AuthenticatorClient` ‖ secret), `Status` in four octets.
#[must_use]
pub fn server_authenticator(status: u32, authenticator_client: &[u8; 16], secret: &Secret) -> [u8; 16] {
    let mut digest = Md5::new();
    digest.update(status.to_be_bytes());
    digest.update(authenticator_client);
    digest.update(secret.as_bytes());
    digest.finalize().into()
}
