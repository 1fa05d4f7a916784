//! The second factor: time-based codes (RFC 6238) and recovery codes.

use domain::control::{AccessChange, SecondFactor, Secret, User};
use totp_rs::{Builder, Secret as TotpSecret, Totp};

use crate::Access;
use crate::session::SignIn;
use crate::{AccessTrouble, secret_digest};

/// Bits of the secret as RFC 4226 recommends: 160.
const SECRET_BYTES: usize = 20;
/// Recovery codes given out at once.
const RECOVERY_CODES: usize = 10;
/// Letters and digits of a recovery code that read well: 50 bits in ten characters.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const RECOVERY_CHARS: usize = 10;

/// What an authenticator needs to know.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// In base 32, for typing.
    pub secret: Secret,
    /// As an `otpauth` URI, for scanning.
    pub uri: Secret,
}

impl Access {
    /// Begins with a second factor: it is asked for only after [`Access::confirm_second_factor`].
    ///
    /// # Errors
    /// [`AccessTrouble::Conflict`] when there is one already.
    pub async fn begin_second_factor(&self, user: &User, asked: &SignIn) -> Result<Enrolment, AccessTrouble> {
        if user.second_factor.as_ref().is_some_and(|factor| factor.confirmed) {
            return Err(AccessTrouble::conflict(
                "已启用两步验证，请先移除",
                "There is a second factor already; remove it first",
            ));
        }
        let mut bytes = [0; SECRET_BYTES];
        self.control.random(&mut bytes)?;
        let secret = Secret(TotpSecret::from(bytes.to_vec()).to_base32());
        let factor =
            SecondFactor { secret: secret.clone(), confirmed: false, last_step: 0, recovery: Vec::new() };
        let changed = User { second_factor: Some(factor), ..user.clone() };
        let line = self.line_of_user(user, asked, "totp.create");
        self.control.change_access(&[AccessChange::ChangeUser(changed)], &line).await?;
        let label = percent(&user.login);
        let uri = format!(
            "otpauth://totp/Hongyan:{label}?secret={}&issuer=Hongyan&algorithm=SHA1&digits=6&period=30",
            secret.0
        );
        Ok(Enrolment { secret, uri: Secret(uri) })
    }

    /// Turns the second factor on, with a code that proves that the authenticator works. Returns the recovery codes,
    /// which are shown once.
    ///
    /// # Errors
    /// [`AccessTrouble`]: nothing was begun, or the code is wrong; that counts as an attempt.
    pub async fn confirm_second_factor(
        &self,
        user: &User,
        code: &str,
        asked: &SignIn,
    ) -> Result<Vec<Secret>, AccessTrouble> {
        let begun = user.second_factor.as_ref().filter(|factor| !factor.confirmed);
        let begun = begun.ok_or_else(|| {
            AccessTrouble::conflict("请先开始设置两步验证", "Begin with a second factor first")
        })?;
        self.control.attempt(&user.login, self.clock.now()).await??;
        let step = self.checked_step(begun, code).ok_or(AccessTrouble::WrongPassword)?;
        let codes = self.recovery_codes()?;
        let recovery = codes.iter().map(|code| secret_digest(&code.0)).collect();
        let factor = SecondFactor { confirmed: true, last_step: step, recovery, ..begun.clone() };
        let changed = User { second_factor: Some(factor), ..user.clone() };
        let changes =
            [AccessChange::ChangeUser(changed), AccessChange::Forgive { login: user.login.clone() }];
        let line = self.line_of_user(user, asked, "totp.confirm");
        self.control.change_access(&changes, &line).await?;
        Ok(codes.into_iter().map(|code| Secret(format!("{}-{}", &code.0[..5], &code.0[5..]))).collect())
    }

    /// Takes the second factor away, for whoever knows the password and has a code.
    ///
    /// # Errors
    /// [`AccessTrouble`], as signing in.
    pub async fn remove_second_factor(
        &self,
        user: &User,
        password: String,
        (code, recovery_code): (Option<String>, Option<String>),
        asked: &SignIn,
    ) -> Result<(), AccessTrouble> {
        self.control.attempt(&user.login, self.clock.now()).await??;
        if !self.is_password(password, user.password.clone()).await? {
            return Err(AccessTrouble::WrongPassword);
        }
        let mut changed = user.clone();
        if user.second_factor.as_ref().is_some_and(|factor| factor.confirmed) {
            self.use_second_factor(&mut changed, code, recovery_code)?;
        }
        changed.second_factor = None;
        let changes =
            [AccessChange::ChangeUser(changed), AccessChange::Forgive { login: user.login.clone() }];
        let line = self.line_of_user(user, asked, "totp.remove");
        Ok(self.control.change_access(&changes, &line).await?)
    }

    /// Takes a code or a recovery code, each of which is good once.
    pub(crate) fn use_second_factor(
        &self,
        user: &mut User,
        code: Option<String>,
        recovery_code: Option<String>,
    ) -> Result<(), AccessTrouble> {
        let Some(factor) = &mut user.second_factor else { return Ok(()) };
        if let Some(code) = code {
            factor.last_step = self.checked_step(factor, &code).ok_or(AccessTrouble::WrongPassword)?;
            return Ok(());
        }
        let code = recovery_code.ok_or(AccessTrouble::SecondFactorNeeded)?;
        let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        let digest = secret_digest(&plain.to_ascii_lowercase());
        let place = factor.recovery.iter().position(|known| *known == digest);
        factor.recovery.remove(place.ok_or(AccessTrouble::WrongPassword)?);
        Ok(())
    }

    /// The step of a code that is right and was not used before.
    fn checked_step(&self, factor: &SecondFactor, code: &str) -> Option<u64> {
        let now = u64::try_from(self.clock.now().millis().div_euclid(1_000)).ok()?;
        let step = totp(factor)?.check(code.trim(), now)?;
        (step > factor.last_step).then_some(step)
    }

    fn recovery_codes(&self) -> Result<Vec<Secret>, AccessTrouble> {
        let mut codes = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            let mut bytes = [0; RECOVERY_CHARS];
            self.control.random(&mut bytes)?;
            let chars = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
            codes.push(Secret(chars.collect()));
        }
        Ok(codes)
    }
}

fn totp(factor: &SecondFactor) -> Option<Totp> {
    let secret = TotpSecret::try_from_base32(&factor.secret.0).ok()?;
    Builder::new().with_secret(secret).build().ok()
}

/// A login within a URI.
fn percent(login: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let written = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    login.bytes().map(written).collect()
}
