//! Refusals in Twilio's words and numbers.

use access::AccessTrouble;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::message::Reason;
use domain::template::RenderError;
use engine::accept::RefusedItem;
use engine::{SendError, Whose};
use serde_json::json;

use crate::doorman::Shut;
use crate::form::Unreadable;

/// What goes back: a code of theirs, with its status and words. Quotes nothing of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    code: u32,
    status: StatusCode,
    message: &'static str,
}

const fn refusal(code: u32, status: StatusCode, message: &'static str) -> Refusal {
    Refusal { code, status, message }
}

const fn bad(code: u32, message: &'static str) -> Refusal {
    refusal(code, StatusCode::BAD_REQUEST, message)
}

impl Refusal {
    pub(super) const UNAUTHORIZED: Self =
        refusal(20_003, StatusCode::UNAUTHORIZED, "Authenticate: no key of this account fits");
    pub(super) const FORBIDDEN: Self =
        refusal(20_403, StatusCode::FORBIDDEN, "The key may not be used for this, or from this address");
    pub(super) const NOT_FOUND: Self =
        refusal(20_404, StatusCode::NOT_FOUND, "The requested resource was not found");
    pub(super) const METHOD: Self = refusal(20_004, StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
    pub(super) const UNAVAILABLE: Self =
        refusal(20_503, StatusCode::SERVICE_UNAVAILABLE, "Storage does not answer: try again");
    pub(super) const INTERNAL: Self =
        refusal(20_500, StatusCode::INTERNAL_SERVER_ERROR, "A fault of this installation");
    pub(super) const FUNDS: Self =
        refusal(30_002, StatusCode::PAYMENT_REQUIRED, "The balance does not suffice, or a limit is reached");
    pub(super) const PARAMETER: Self = bad(20_001, "A parameter cannot be read");
    pub(super) const TO_MISSING: Self = bad(21_604, "A 'To' phone number is required");
    pub(super) const TO_INVALID: Self = bad(21_211, "The 'To' number is not a valid phone number");
    pub(super) const TO_NOT_MOBILE: Self = bad(21_614, "The 'To' number is not a mobile number");
    pub(super) const FROM_MISSING: Self = bad(21_603, "A 'From' or 'MessagingServiceSid' is required");
    pub(super) const FROM_INVALID: Self = bad(21_212, "The 'From' is not a valid sender");
    pub(super) const NO_ROUTE: Self = bad(21_612, "No channel leads to the 'To' number");
    pub(super) const BODY_MISSING: Self = bad(21_602, "A message body is required");
    pub(super) const BODY_TOO_LONG: Self = bad(21_617, "The message body is longer than can be sent");
    pub(super) const NOT_COMPLETE: Self =
        refusal(20_009, StatusCode::CONFLICT, "The message has not ended yet: its text is still needed");
    pub(super) const NOT_CANCELABLE: Self =
        refusal(30_409, StatusCode::CONFLICT, "The message does not wait any more and cannot be canceled");
    pub(super) const MEDIA: Self = bad(21_620, "Media cannot be sent here");
    pub(super) const CALLBACK: Self =
        bad(21_609, "The 'StatusCallback' is not an address that may be called");
    pub(super) const SEND_AT_MISSING: Self = bad(35_111, "'SendAt' is required with 'ScheduleType'");
    pub(super) const SEND_AT_WINDOW: Self = bad(35_114, "'SendAt' is 300 seconds to 35 days from now");
    pub(super) const SEND_AT_SERVICE: Self = bad(35_118, "'SendAt' needs a 'MessagingServiceSid'");
    pub(super) const SCHEDULE_TYPE: Self = bad(35_126, "'ScheduleType' is 'fixed'");
    pub(super) const BUSY: Self =
        refusal(20_429, StatusCode::TOO_MANY_REQUESTS, "Too many requests of this key: try again");

    pub(super) fn of_trouble(trouble: AccessTrouble) -> Self {
        Shut::from(trouble).into()
    }
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Unknown | Shut::Mismatch | Shut::Clock | Shut::Replayed => Self::UNAUTHORIZED,
            Shut::Forbidden => Self::FORBIDDEN,
            Shut::Throttled => Self::BUSY,
            Shut::Unavailable => Self::UNAVAILABLE,
        }
    }
}

impl From<Unreadable> for Refusal {
    fn from(_: Unreadable) -> Self {
        Self::PARAMETER
    }
}

impl From<&RefusedItem> for Refusal {
    fn from(refused: &RefusedItem) -> Self {
        use domain::phone::PhoneError;
        match refused {
            RefusedItem::Phone(PhoneError::NotMobile | PhoneError::NotSmsCapable { .. }) => {
                Self::TO_NOT_MOBILE
            }
            RefusedItem::Phone(_) => Self::TO_INVALID,
            RefusedItem::Signature(_) => Self::FROM_INVALID,
            RefusedItem::Text(domain::text::TextError::Empty) => Self::BODY_MISSING,
            RefusedItem::Text(_) | RefusedItem::Render(RenderError::TooLong { .. }) => Self::BODY_TOO_LONG,
            RefusedItem::NoRoute => Self::NO_ROUTE,
            RefusedItem::Funds(_) => Self::FUNDS,
            RefusedItem::NoSuchTemplate
            | RefusedItem::Template(_)
            | RefusedItem::Render(_)
            | RefusedItem::NeverValid => Self::PARAMETER,
        }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        match (&error, error.whose()) {
            (SendError::NoSuchRoute, _) => Self::NO_ROUTE,
            (_, Whose::Caller | Whose::Conflict) => Self::PARAMETER,
            (_, whose) => {
                tracing::warn!(%error, ?whose, "a message of a vendor's SDK could not be taken");
                Self::UNAVAILABLE
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { code, status, message } = self;
        let more = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({"code": code, "message": message, "more_info": more, "status": status.as_u16()});
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"Twilio API\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

/// The number for a message that did not arrive.
pub(super) fn code_of(reason: Reason) -> u32 {
    match reason {
        Reason::Suppressed => 21_610,
        Reason::ValidityPassed | Reason::DeadlinePassed => 30_036,
        Reason::InvalidPhone => 21_211,
        Reason::NoRoute => 21_612,
        Reason::TextTooLong => 21_617,
        Reason::UnknownNumber => 30_005,
        Reason::NumberSuspended | Reason::Unreachable | Reason::HandsetFault => 30_003,
        Reason::NotSubscribed => 30_006,
        Reason::CarrierBlacklist => 30_004,
        Reason::CarrierRate | Reason::Throttled => 30_001,
        Reason::NoConsent
        | Reason::Capped
        | Reason::RepeatedText
        | Reason::QuietHours
        | Reason::SignatureMissing
        | Reason::OptOutTextMissing
        | Reason::ContentBlocked
        | Reason::ContentHeld
        | Reason::NoTemplate
        | Reason::CarrierContent
        | Reason::CarrierSignature => 30_007,
        _ => 30_008,
    }
}
