//! Why somebody is not let in by a provider's word.

use domain::access::FetchFault;
use domain::text::Bilingual;

/// What was wrong. Quotes no token, code or secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OidcError {
    /// The answer is not to this browser's question, or comes too late.
    #[error("this answer does not belong to a sign-in that this browser began within the last ten minutes")]
    State,
    /// The same answer came before.
    #[error("this answer was used before")]
    Replayed,
    /// The provider refused: its own word.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The provider cannot be asked.
    #[error("the provider's {what} cannot be read: {fault}")]
    Unreachable {
        /// Which of its documents.
        what: &'static str,
        /// Why.
        fault: FetchFault,
    },
    /// The provider's documents are not as the standard says.
    #[error("the provider's {what} is not as it should be: {why}")]
    Provider {
        /// Which of its documents.
        what: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// The code was not taken.
    #[error("the provider did not take the code (status {status})")]
    Code {
        /// Its answer's.
        status: u16,
    },
    /// The identity token is not good.
    #[error("the identity token is not good: {0}")]
    Token(&'static str),
}

impl OidcError {
    /// Whether asking again, without doing anything else, may help.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// What to tell the person.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            Self::State => "此回应不属于本浏览器在十分钟内发起的登录：请重新登录".to_owned(),
            Self::Replayed => "此回应已使用过：请重新登录".to_owned(),
            Self::Refused(word) => format!("身份提供方拒绝了登录：{word}"),
            Self::Unreachable { what, fault } => format!("无法读取身份提供方的 {what}：{fault}"),
            Self::Provider { what, why } => format!("身份提供方的 {what} 不符合标准：{why}"),
            Self::Code { status } => format!("身份提供方没有接受授权码（状态 {status}）：请重新登录"),
            Self::Token(why) => format!("身份令牌无效：{why}"),
        };
        Bilingual { zh: zh.into(), en: self.to_string().into() }
    }
}
