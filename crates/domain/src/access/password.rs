//! What may be a login and a password.

use text::Bilingual;

/// Shortest password, in characters: long enough that guessing over the network is hopeless with waits.
pub const MIN_PASSWORD_CHARS: usize = 10;
/// Longest password, in characters: a bound on what is hashed, longer than any passphrase.
pub const MAX_PASSWORD_CHARS: usize = 128;
/// Longest login, in characters: an e-mail address has at most 254.
const MAX_LOGIN_CHARS: usize = 254;

/// Text that is no password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")]
    Length,
    /// It says who it belongs to.
    #[error("the password contains the login")]
    HoldsLogin,
    /// Only a few different characters.
    #[error("the password repeats the same few characters")]
    Monotonous,
}

impl PasswordError {
    /// For the person who chose it.
    #[must_use]
    pub fn explain(self) -> Bilingual {
        match self {
            Self::Length => Bilingual {
                zh: format!("密码应为 {MIN_PASSWORD_CHARS} 到 {MAX_PASSWORD_CHARS} 个字符").into(),
                en: format!("A password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters").into(),
            },
            Self::HoldsLogin => Bilingual {
                zh: "密码不能包含登录名".into(),
                en: "The password must not contain the login".into(),
            },
            Self::Monotonous => Bilingual {
                zh: "密码重复字符过多，请换一个".into(),
                en: "The password repeats the same few characters; choose another".into(),
            },
        }
    }
}

/// Whether `password` may be the password of `login`. No classes of characters are asked for: they make passwords worse
/// (NIST SP 800-63B §5.1.1.2).
///
/// # Errors
/// [`PasswordError`].
pub fn check_password(password: &str, login: &str) -> Result<(), PasswordError> {
    if !(MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    let lower = password.to_lowercase();
    // A login of two or three letters is in many words.
    if login.chars().count() >= 4 && lower.contains(login) {
        return Err(PasswordError::HoldsLogin);
    }
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < 5 { Err(PasswordError::Monotonous) } else { Ok(()) }
}

/// Text that is no login.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a login has 3 to {MAX_LOGIN_CHARS} characters without blanks")]
pub struct LoginError;

impl LoginError {
    /// For the person who chose it.
    #[must_use]
    pub fn explain(self) -> Bilingual {
        Bilingual {
            zh: format!("登录名应为 3 到 {MAX_LOGIN_CHARS} 个字符，不含空格，如邮箱地址").into(),
            en: format!(
                "A login has 3 to {MAX_LOGIN_CHARS} characters without blanks, such as an e-mail address"
            )
            .into(),
        }
    }
}

/// A login as it is kept and compared: without blanks around it, in small letters.
///
/// # Errors
/// [`LoginError`].
pub fn read_login(text: &str) -> Result<String, LoginError> {
    let login = text.trim().to_lowercase();
    let fits = (3..=MAX_LOGIN_CHARS).contains(&login.chars().count());
    let plain = !login.chars().any(|c| c.is_whitespace() || c.is_control());
    if fits && plain { Ok(login) } else { Err(LoginError) }
}
