//! What goes back when a request is refused: RFC 9457 problem details in the language of the reader.
//!
//! A handler returns a [`Problem`]; the outermost layer writes it, because only there the request's language and id
//! are known. Invariant: no problem quotes a value of the request, so a phone or a text never ends up in one.

mod kind;

use std::borrow::Cow;

use access::AccessTrouble;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::access::{KeyRefusal, SignatureError};
use domain::control::ControlError;
use domain::ledger::LedgerError;
use domain::text::Bilingual;
use engine::DownstreamError;
use engine::Whose;
use engine::import::ImportError;
use engine::numbers::{NumbersError, TableError};

use crate::json;
use crate::language::Language;

pub use kind::Kind;

/// The media type of RFC 9457.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// After how many seconds another try makes sense.
const RETRY_AFTER_SECONDS: &str = "1";

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
    /// After how many seconds another try makes sense.
    retry_after: Option<u64>,
    /// Whether somebody else changed the thing since it was read.
    is_outrun: bool,
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

    pub(crate) fn after_seconds(mut self, seconds: u64) -> Self {
        self.particulars().retry_after = Some(seconds);
        self
    }

    /// Whether somebody else changed the thing since it was read.
    pub(crate) fn is_outrun(&self) -> bool {
        self.particulars.as_ref().is_some_and(|particulars| particulars.is_outrun)
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
        if let Some(seconds) = self.particulars.as_ref().and_then(|particulars| particulars.retry_after) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        match self.kind {
            Kind::Unauthorized
            | Kind::KeyRevoked
            | Kind::KeyExpired
            | Kind::BadSignature
            | Kind::ClockSkew
            | Kind::Replayed => {
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
        let mut problem = Self::new(kind);
        problem.particulars().is_outrun = matches!(error, ControlError::Changed(_));
        match detail {
            Some(detail) => problem.with(detail),
            None => problem,
        }
    }
}

impl From<AccessTrouble> for Problem {
    fn from(trouble: AccessTrouble) -> Self {
        let kind = match trouble {
            AccessTrouble::Unknown => Kind::Unauthorized,
            AccessTrouble::Key(KeyRefusal::Revoked) => Kind::KeyRevoked,
            AccessTrouble::Key(KeyRefusal::Expired) => Kind::KeyExpired,
            AccessTrouble::Key(KeyRefusal::ForeignAddress) => Kind::ForeignAddress,
            AccessTrouble::Signature(SignatureError::Form | SignatureError::Mismatch) => Kind::BadSignature,
            AccessTrouble::Signature(SignatureError::Clock) => Kind::ClockSkew,
            AccessTrouble::Signature(SignatureError::Replayed) => Kind::Replayed,
            AccessTrouble::AccountDisabled => Kind::AccountDisabled,
            AccessTrouble::WrongPassword => Kind::WrongPassword,
            AccessTrouble::SecondFactorNeeded => Kind::SecondFactorNeeded,
            AccessTrouble::Locked(_) => Kind::LockedOut,
            AccessTrouble::NotInvited => Kind::NotInvited,
            AccessTrouble::LinkGone => Kind::LinkGone,
            AccessTrouble::Missing(permission) => {
                let (zh, en) = (permission.chinese(), permission.word());
                let detail =
                    say(format!("需要权限“{zh}”（{en}）"), format!("This needs the permission {en}"));
                return Self::new(Kind::Forbidden).with(detail);
            }
            AccessTrouble::NoSuch(what) => {
                let detail = say(format!("没有这个{}", what.zh), format!("There is no such {}", what.en));
                return Self::new(Kind::NotFound).with(detail);
            }
            AccessTrouble::Field { pointer, detail } => return Self::field(pointer, detail),
            AccessTrouble::Conflict(detail) => return Self::new(Kind::Conflict).with(detail),
            AccessTrouble::Control(error) => return error.into(),
        };
        Self::new(kind)
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
            // The engine asks the books for more and tells who is short; what comes here was overtaken by others meanwhile.
            LedgerError::Overdrawn { .. } => Kind::Conflict,
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
