//! Why a request, or one item of it, was not taken.

use domain::control::{ControlError, Short};
use domain::ledger::LedgerError;
use domain::message::Reason;
use domain::phone::PhoneError;
use domain::template::{RenderError, TemplateError};
use domain::text::{Bilingual, SignatureError, TextError};

use super::{MAX_BATCH, MAX_KEY_BYTES};
use crate::fault::Whose;

/// Why one item of a request was not taken: its own fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RefusedItem {
    /// Not a phone.
    #[error("the phone: {0}")]
    Phone(#[source] PhoneError),
    /// The account has no such template.
    #[error("no such template")]
    NoSuchTemplate,
    /// The text as a template does not compile (only stored ones from older versions).
    #[error("the template: {0}")]
    Template(#[source] TemplateError),
    /// The values do not fill the template.
    #[error("the values: {0}")]
    Render(#[source] RenderError),
    /// Not a signature.
    #[error("the signature: {0}")]
    Signature(#[source] SignatureError),
    /// Empty or too long.
    #[error("the text: {0}")]
    Text(#[source] TextError),
    /// No channel leads there.
    #[error("no channel of the route leads to this phone")]
    NoRoute,
    /// It would be over before it could be sent.
    #[error("the message would not be valid when it is to be sent")]
    NeverValid,
    /// The account has not enough money, or has reached a limit.
    #[error("{}", crate::billing::explain_short(*.0).en)]
    Funds(Short),
}

impl RefusedItem {
    /// The stable word of the API.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Phone(error) => error.code(),
            Self::NoSuchTemplate => "no_such_template",
            Self::Template(_) => "template_invalid",
            Self::Render(RenderError::MissingVariable { .. }) => Reason::MissingVariable.word(),
            Self::Render(RenderError::TooLong { .. }) | Self::Text(TextError::TooLong { .. }) => {
                Reason::TextTooLong.word()
            }
            Self::Render(_) => Reason::RenderFailed.word(),
            Self::Signature(_) => "signature_invalid",
            Self::Text(_) => "text_invalid",
            Self::NoRoute => Reason::NoRoute.word(),
            Self::NeverValid => Reason::ValidityPassed.word(),
            Self::Funds(short) => crate::billing::short_word(*short),
        }
    }

    /// What to tell the user.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            Self::Phone(error) => error.explain().zh,
            Self::NoSuchTemplate => "没有这个模板".into(),
            Self::Template(error) => error.explain().zh,
            Self::Render(error) => error.explain().zh,
            Self::Signature(error) => error.explain().zh,
            Self::Text(error) => error.explain().zh,
            Self::NoRoute => "路由中没有通往该号码的通道".into(),
            Self::NeverValid => "发送时间晚于有效期".into(),
            Self::Funds(short) => crate::billing::explain_short(*short).zh,
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}

/// Why a request as a whole was not taken, or is not finished.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nothing, or too much at once.
    #[error("a request has 1 to {MAX_BATCH} messages, this one has {items}")]
    BatchSize {
        /// How many it has.
        items: usize,
    },
    /// A key that is empty or too long.
    #[error("an idempotency key has 1 to {MAX_KEY_BYTES} bytes")]
    Key,
    /// The key was used for another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// There is no such route, or none at all.
    #[error("no such route")]
    NoSuchRoute,
    /// Not a signature (previews).
    #[error("the signature: {0}")]
    Signature(#[source] SignatureError),
    /// Empty or too long (previews).
    #[error("the text: {0}")]
    Text(#[source] TextError),
    /// The control database refused. With an idempotency key the request may be repeated safely.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The ledger refused. With an idempotency key the request may be repeated safely.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl SendError {
    /// Who can mend it.
    #[must_use]
    pub fn whose(&self) -> Whose {
        match self {
            Self::KeyReused => Whose::Conflict,
            Self::Control(error) => Whose::of_control(error),
            Self::Ledger(error) => Whose::of_ledger(error),
            _ => Whose::Caller,
        }
    }

    /// What to tell the user.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            Self::BatchSize { items } => format!("每次请求 1 到 {MAX_BATCH} 条，现有 {items} 条").into(),
            Self::Key => format!("幂等键应为 1 到 {MAX_KEY_BYTES} 字节").into(),
            Self::KeyReused => "该幂等键已用于另一个请求".into(),
            Self::NoSuchRoute => "没有这个路由：请先配置通道和路由".into(),
            Self::Signature(error) => error.explain().zh,
            Self::Text(error) => error.explain().zh,
            Self::Control(ControlError::Full) | Self::Ledger(LedgerError::Full) => {
                "磁盘已满：请清理空间后重试，数据没有丢失".into()
            }
            Self::Control(_) | Self::Ledger(_) => "存储暂时不可用：请稍后重试".into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}
