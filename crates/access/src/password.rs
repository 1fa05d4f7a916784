//! Passwords: Argon2id with the parameters of the crate, which are OWASP's (19 MiB, two passes).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use domain::control::{ControlError, Secret};

use crate::Access;
use crate::AccessTrouble;

const SALT_BYTES: usize = 16;

impl Access {
    /// The hash of a new password, as a PHC string.
    pub(crate) async fn hash_password(&self, password: String) -> Result<Secret, AccessTrouble> {
        let mut salt = [0; SALT_BYTES];
        self.control.random(&mut salt)?;
        let hash = self.off_the_loop(move || hash(&password, &salt)).await?;
        Ok(hash.ok_or_else(|| ControlError::Unavailable("a password could not be hashed".to_owned()))?)
    }

    /// Whether it is the password of this hash. Without a hash it takes as long, and is not.
    pub(crate) async fn is_password(
        &self,
        password: String,
        known: Option<Secret>,
    ) -> Result<bool, AccessTrouble> {
        self.off_the_loop(move || match known {
            Some(known) => Argon2::default().verify_password(password.as_bytes(), known.0.as_str()).is_ok(),
            None => {
                // Whoever asks cannot tell by the time whether there is such a login.
                let _nobodys = hash(&password, &[0; SALT_BYTES]);
                false
            }
        })
        .await
    }

    /// Hashing takes a core and memory for a while: few at once, and none on the threads that serve.
    async fn off_the_loop<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccessTrouble> {
        let unavailable = || ControlError::Unavailable("passwords are not hashed at the end".to_owned());
        let _turn = self.hashing.acquire().await.map_err(|_| unavailable())?;
        Ok(tokio::task::spawn_blocking(work).await.map_err(|_| unavailable())?)
    }
}

fn hash(password: &str, salt: &[u8]) -> Option<Secret> {
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt).ok()?;
    Some(Secret(hash.to_string()))
}
