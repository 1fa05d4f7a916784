//! Who is asking and what they may do; accounts, keys, people, roles and sessions; and the log of who did what.
//!
//! Every change here is one transaction with its line of the log. Invariants: nobody gives what they do not have; a
//! tenant sees itself and its sub-accounts and nobody else; a secret is shown once and kept as a digest, or sealed.

mod accounts;
mod actor;
mod error;
mod external;
mod identity;
mod keys;
mod links;
mod password;
mod replay;
mod roles;
mod second_factor;
mod session;
mod users;
mod uses;
mod vendor;

pub use accounts::NewAccount;
pub use actor::{Actor, Digest, digest_of};
pub use error::AccessTrouble;
pub use external::{Admission, Vouched};
pub use identity::{Identity, SignedRequest};
pub use keys::NewKey;
pub use second_factor::Enrolment;
pub use session::{Proof, SESSION_KEPT, SignIn, SignedIn};
pub use users::{NewUser, UserChange};
pub use vendor::VendorKey;

use std::sync::{Arc, Mutex};

use domain::access::{SECRET_BYTES, SecretKind};
use domain::control::{Control, ControlError, Secret};
use domain::ids::IdGenerator;
use domain::time::Clock;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

/// Passwords hashed at once: each takes 19 MiB and some ten milliseconds of a core.
const HASHED_AT_ONCE: usize = 2;
/// Longest name of an account, a key, a person or a role, in characters.
const MAX_NAME_CHARS: usize = 100;

/// The use-cases of access over one control database.
pub struct Access {
    control: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdGenerator>,
    hashing: Semaphore,
    replays: Mutex<replay::Replays>,
    uses: Mutex<uses::Gathered>,
}

impl Access {
    /// Nothing that was signed before this moment is good.
    #[must_use]
    pub fn new(control: Arc<dyn Control>, clock: Arc<dyn Clock>, ids: Arc<IdGenerator>) -> Self {
        let began = clock.now().millis().div_euclid(1_000);
        Self {
            control,
            clock,
            ids,
            hashing: Semaphore::new(HASHED_AT_ONCE),
            replays: Mutex::new(replay::Replays::new(began)),
            uses: Mutex::default(),
        }
    }

    fn fresh_secret(&self, kind: SecretKind) -> Result<Secret, ControlError> {
        let mut bytes = [0; SECRET_BYTES];
        self.control.random(&mut bytes)?;
        Ok(kind.write(&bytes))
    }
}

/// The digest under which a secret is kept and found.
#[must_use]
pub fn secret_digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether a thing is still of the revision that was read; none: whatever it is.
fn as_read(expected: Option<u32>, revision: u32, what: &'static str) -> Result<(), ControlError> {
    match expected {
        Some(expected) if expected != revision => Err(ControlError::Changed(what)),
        _ => Ok(()),
    }
}

/// A name as people give one.
fn checked_name(name: &str, pointer: &'static str) -> Result<String, AccessTrouble> {
    let name = name.trim();
    let fits = (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        return Ok(name.to_owned());
    }
    Err(AccessTrouble::field(
        pointer,
        format!("应为 1 到 {MAX_NAME_CHARS} 个字符"),
        format!("1 to {MAX_NAME_CHARS} characters"),
    ))
}
