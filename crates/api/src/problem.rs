//! What goes back when a request is refused: RFC 9457 problem details in the language of the reader.
//!
//! A handler returns a [`Problem`]; the outermost layer writes it, because only there the request's language and id
//! are known. Invariant: no problem quotes a value of the request, so a phone or a text never ends up in one.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::control::ControlError;
use domain::ledger::LedgerError;
use domain::text::Bilingual;
use engine::DownstreamError;
use engine::Whose;
use engine::import::ImportError;
use engine::numbers::{NumbersError, TableError};

use crate::json;
use crate::language::Language;

/// The media type of RFC 9457.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// After how many seconds another try makes sense.
const RETRY_AFTER_SECONDS: &str = "1";

/// The closed list of problems. The word of each is part of the API and never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// No key, or one that is not known.
    Unauthorized,
    /// Known, but not allowed to do this.
    Forbidden,
    /// Nothing there for this account.
    NotFound,
    /// There is something, but it does not understand the method.
    MethodNotAllowed,
    /// Not JSON.
    InvalidJson,
    /// A field that is unknown, missing or not as it should be.
    InvalidField,
    /// Another media type than the endpoint reads.
    UnsupportedMediaType,
    /// More bytes than the endpoint takes.
    TooLarge,
    /// The state of the thing does not allow it.
    Conflict,
    /// What comes next to a cursor is not kept any more.
    Gone,
    /// An idempotency key that came with another body before.
    IdempotencyMismatch,
    /// A file that cannot be read as a spreadsheet.
    UnreadableFile,
    /// It took too long.
    TimedOut,
    /// Try again.
    Unavailable,
    /// The disk is full.
    DiskFull,
    /// A fault of this installation.
    Internal,
}

impl Kind {
    /// Every kind, for the reference.
    pub const ALL: &'static [Self] = &[
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::InvalidJson,
        Self::InvalidField,
        Self::UnsupportedMediaType,
        Self::TooLarge,
        Self::Conflict,
        Self::Gone,
        Self::IdempotencyMismatch,
        Self::UnreadableFile,
        Self::TimedOut,
        Self::Unavailable,
        Self::DiskFull,
        Self::Internal,
    ];

    /// The last part of the `type`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::InvalidJson => "invalid_json",
            Self::InvalidField => "invalid_field",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::TooLarge => "too_large",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::UnreadableFile => "unreadable_file",
            Self::TimedOut => "timed_out",
            Self::Unavailable => "unavailable",
            Self::DiskFull => "disk_full",
            Self::Internal => "internal",
        }
    }

    /// The status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::InvalidJson => StatusCode::BAD_REQUEST,
            Self::InvalidField | Self::IdempotencyMismatch | Self::UnreadableFile => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Gone => StatusCode::GONE,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What it means, in Chinese and English.
    #[must_use]
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Unauthorized => ("缺少密钥或密钥无效", "Key missing or unknown"),
            Self::Forbidden => ("没有权限", "Not allowed"),
            Self::NotFound => ("不存在", "Not found"),
            Self::MethodNotAllowed => ("不支持该方法", "Method not allowed"),
            Self::InvalidJson => ("JSON 格式错误", "Invalid JSON"),
            Self::InvalidField => ("字段有误", "Invalid field"),
            Self::UnsupportedMediaType => ("不支持的内容类型", "Unsupported media type"),
            Self::TooLarge => ("请求体过大", "Body too large"),
            Self::Conflict => ("当前状态不允许", "Conflict with the current state"),
            Self::Gone => ("已不再保留", "No longer kept"),
            Self::IdempotencyMismatch => ("幂等键已用于其他请求", "Idempotency key used with another body"),
            Self::UnreadableFile => ("文件无法读取", "File cannot be read"),
            Self::TimedOut => ("处理超时", "Timed out"),
            Self::Unavailable => ("暂时不可用", "Temporarily unavailable"),
            Self::DiskFull => ("磁盘已满", "Disk full"),
            Self::Internal => ("系统内部错误", "Internal error"),
        }
    }

    /// What to do about it, in Chinese and English.
    const fn advice(self) -> (&'static str, &'static str) {
        match self {
            Self::Unauthorized => (
                "请在 Authorization 头中写 Bearer 和您的密钥",
                "Send your key in the header: Authorization: Bearer hy_…",
            ),
            Self::Forbidden => ("请使用运营账号的密钥", "Use a key of the operator's account"),
            Self::NotFound => ("请检查编号和密钥所属账号", "Check the id, and whose key you use"),
            Self::MethodNotAllowed => ("请查看 /docs", "See /docs"),
            Self::InvalidJson => ("请检查该行该列附近的语法", "Look at the syntax near that line and column"),
            Self::InvalidField => {
                ("请按 /docs 修改该字段后重试", "Correct the field as /docs says and repeat")
            }
            Self::UnsupportedMediaType => {
                ("请使用 Content-Type: application/json", "Send Content-Type: application/json")
            }
            Self::TooLarge => ("请拆分后重试", "Split the request and repeat"),
            Self::Conflict => ("请重新读取后再决定", "Read it again and decide anew"),
            Self::Gone => (
                "请用 from=oldest 从最早保留处继续，并核对其间的数据",
                "Go on with from=oldest, and look up what happened in between",
            ),
            Self::IdempotencyMismatch => ("请为新请求换一个键", "Use a new key for a new request"),
            Self::UnreadableFile => ("请修正文件后重新上传", "Correct the file and upload it again"),
            Self::TimedOut => (
                "请求可能已完成：请用同一个 Idempotency-Key 重试",
                "It may have been done: repeat with the same Idempotency-Key",
            ),
            Self::Unavailable => ("请稍后重试", "Repeat in a moment"),
            Self::DiskFull => {
                ("请清理服务器磁盘；数据没有丢失", "Free space on the server's disk; nothing was lost")
            }
            Self::Internal => ("请把请求编号告诉管理员", "Tell the request id to the operator"),
        }
    }
}

/// A refusal, not yet in any language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    kind: Kind,
    /// Boxed, so that the results of handlers stay small.
    particulars: Option<Box<Particulars>>,
}

/// What is wrong this time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Particulars {
    detail: Option<Bilingual>,
    /// RFC 6901 pointer into the body, or `?name` for a query parameter.
    pointer: Option<String>,
    /// Line and column of a syntax error, from 1.
    place: Option<(usize, usize)>,
}

/// One sentence in both languages.
pub(crate) fn say(zh: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Bilingual {
    Bilingual { zh: zh.into(), en: en.into() }
}

impl Problem {
    /// A problem that its kind explains.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, particulars: None }
    }

    /// Something of this account that is not there.
    pub(crate) fn no_such(zh: &'static str, en: &'static str) -> Self {
        Self::new(Kind::NotFound).with(say(format!("没有这个{zh}"), format!("There is no such {en}")))
    }

    /// A field of the body (as RFC 6901 pointer) or a query parameter (`?name`).
    pub(crate) fn field(pointer: impl Into<String>, detail: Bilingual) -> Self {
        let mut problem = Self::new(Kind::InvalidField).with(detail);
        problem.particulars().pointer = Some(pointer.into());
        problem
    }

    pub(crate) fn with(mut self, detail: Bilingual) -> Self {
        self.particulars().detail = Some(detail);
        self
    }

    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        self.particulars().place = Some((line, column));
        self
    }

    fn particulars(&mut self) -> &mut Particulars {
        self.particulars.get_or_insert_default()
    }

    /// The problem as it is sent.
    pub(crate) fn document(&self, language: Language, request_id: &str) -> json::ProblemDocument {
        let particulars = self.particulars.as_deref().cloned().unwrap_or_default();
        json::ProblemDocument {
            r#type: format!("urn:hongyan:problem:{}", self.kind.word()),
            title: language.of_two(self.kind.title()).to_owned(),
            status: self.kind.status().as_u16(),
            detail: particulars.detail.map(|detail| language.choose(&detail).to_owned()),
            pointer: particulars.pointer,
            line: particulars.place.map(|(line, _)| line),
            column: particulars.place.map(|(_, column)| column),
            advice: language.of_two(self.kind.advice()).to_owned(),
            request_id: request_id.to_owned(),
        }
    }

    /// The whole answer.
    pub(crate) fn write(&self, language: Language, request_id: &str) -> Response {
        let document = self.document(language, request_id);
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.kind.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        match self.kind {
            Kind::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::Unavailable | Kind::TimedOut | Kind::DiskFull => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Leaves the problem for the outermost layer to write.
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The kind that a fault's owner calls for.
pub(crate) fn kind_of(whose: Whose, caller: Kind) -> Kind {
    match whose {
        Whose::Caller => caller,
        Whose::NotFound => Kind::NotFound,
        Whose::Conflict => Kind::Conflict,
        Whose::Retry => Kind::Unavailable,
        Whose::DiskFull => Kind::DiskFull,
        Whose::Ours => Kind::Internal,
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let kind = match &error {
            ImportError::FileTooLarge { .. } => Kind::TooLarge,
            ImportError::Mapping { .. } => Kind::InvalidField,
            other => kind_of(other.whose(), Kind::UnreadableFile),
        };
        report(kind, &error);
        Self::new(kind).with(error.explain())
    }
}

impl From<NumbersError> for Problem {
    fn from(error: NumbersError) -> Self {
        let kind = match &error {
            NumbersError::Table(TableError::TooLarge) => Kind::TooLarge,
            other => kind_of(other.whose(), Kind::UnreadableFile),
        };
        report(kind, &error);
        Self::new(kind).with(error.explain())
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let (kind, detail) = match &error {
            ControlError::Full => (Kind::DiskFull, None),
            ControlError::Unavailable(_) => (Kind::Unavailable, None),
            ControlError::Exists(what) => {
                (Kind::Conflict, Some(say(format!("{what} 已存在"), format!("{what} exists already"))))
            }
            ControlError::Changed(what) => (
                Kind::Conflict,
                Some(say(format!("{what} 已被他人修改"), format!("{what} was changed meanwhile"))),
            ),
            ControlError::Gone(what) => (
                Kind::Conflict,
                Some(say(
                    format!("{what} 的这个编号已被删除，请换一个编号"),
                    format!("{what} of this number was deleted; take another number"),
                )),
            ),
            ControlError::Inconsistent { .. } => (Kind::Internal, None),
        };
        report(kind, &error);
        let problem = Self::new(kind);
        match detail {
            Some(detail) => problem.with(detail),
            None => problem,
        }
    }
}

impl From<DownstreamError> for Problem {
    fn from(error: DownstreamError) -> Self {
        match error {
            DownstreamError::Control(error) => error.into(),
            DownstreamError::Ledger(error) => error.into(),
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        let kind = match &error {
            LedgerError::Full => Kind::DiskFull,
            LedgerError::Unavailable(_)
            | LedgerError::Closed
            | LedgerError::Fenced
            | LedgerError::ClockBehind { .. } => Kind::Unavailable,
            LedgerError::NoSuch(_) => Kind::NotFound,
            LedgerError::Inconsistent { .. } => Kind::Internal,
        };
        report(kind, &error);
        Self::new(kind)
    }
}

/// What the caller cannot mend is for the operator to read; what the caller can mend is not.
pub(crate) fn report(kind: Kind, error: &(dyn std::error::Error + 'static)) {
    if matches!(kind, Kind::Internal | Kind::Unavailable | Kind::DiskFull) {
        tracing::error!(problem = kind.word(), error, "a request failed for a fault of ours");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_every_kind_speaks_both_languages() {
        for (index, kind) in Kind::ALL.iter().enumerate() {
            assert!(Kind::ALL[..index].iter().all(|other| other.word() != kind.word()));
            assert!(!kind.title().0.is_ascii() && kind.title().1.is_ascii());
            assert!(!kind.advice().0.is_empty() && !kind.advice().1.is_empty());
        }
    }
}
