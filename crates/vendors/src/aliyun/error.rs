//! Refusals in their codes: of the gateway, with a status, and of the service, with 200.

use axum::Json;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use domain::control::ControlError;
use domain::template::RenderError;
use domain::text::TextError;
use engine::accept::RefusedItem;
use engine::{SendError, Whose};
use serde_json::{Value, json};

use crate::doorman::Shut;
use crate::form::Unreadable;

/// A refusal of the gateway. Quotes nothing of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    status: u16,
    pub code: &'static str,
    message: &'static str,
}

const fn refusal(status: u16, code: &'static str, message: &'static str) -> Refusal {
    Refusal { status, code, message }
}

impl Refusal {
    pub(super) const NO_ACTION: Self = refusal(
        404,
        "InvalidAction.NotFound",
        "Specified api is not found, please check your url and method.",
    );
    pub(super) const VERSION: Self =
        refusal(404, "InvalidVersion", "Specified parameter Version is not valid.");
    pub(super) const TWICE: Self =
        refusal(400, "InvalidParameter", "A parameter stands in query and body with different values.");
    pub(super) const UNREADABLE: Self =
        refusal(400, "InvalidParameter", "The parameters cannot be read, or there are too many.");
    pub(super) const NO_KEY: Self =
        refusal(400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.");
    pub(super) const UNKNOWN_KEY: Self =
        refusal(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.");
    pub(super) const SIGNATURE: Self =
        refusal(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.");
    pub(super) const METHOD: Self =
        refusal(400, "InvalidSignatureMethod", "Only HMAC-SHA1 and ACS3-HMAC-SHA256 are served.");
    pub(super) const EXPIRED: Self = refusal(
        400,
        "InvalidTimeStamp.Expired",
        "Specified time stamp or date value is expired: it is more than 15 minutes from ours.",
    );
    pub(super) const TIME_FORM: Self =
        refusal(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.");
    pub(super) const NONCE_USED: Self =
        refusal(400, "SignatureNonceUsed", "Specified signature nonce was used already.");
    const FORBIDDEN: Self =
        refusal(403, "Forbidden.RAM", "The key may not be used for this, or from this address.");
    const THROTTLED: Self = refusal(429, "Throttling.User", "Request was denied due to user flow control.");
    pub(super) const UNAVAILABLE: Self = refusal(
        503,
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server.",
    );

    pub(super) const fn missing(message: &'static str) -> Self {
        refusal(400, "MissingParameter", message)
    }

    pub(super) fn respond(self, request: &str, parts: &Parts) -> Response {
        let host = parts.headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Self { status, code, message } = self;
        let body = json!({
            "RequestId": request, "HostId": host, "Code": code, "Message": message, "Recommend": "",
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(body)).into_response()
    }
}

impl From<Unreadable> for Refusal {
    fn from(_: Unreadable) -> Self {
        Self::UNREADABLE
    }
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Unknown => Self::UNKNOWN_KEY,
            Shut::Mismatch => Self::SIGNATURE,
            Shut::Clock => Self::EXPIRED,
            Shut::Replayed => Self::NONCE_USED,
            Shut::Forbidden => Self::FORBIDDEN,
            Shut::Throttled => Self::THROTTLED,
            Shut::Unavailable => Self::UNAVAILABLE,
        }
    }
}

impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        tracing::warn!(%error, "a vendor's SDK could not be answered");
        Self::UNAVAILABLE
    }
}

/// A refusal of the service: HTTP 200 with its code.
pub(super) type Business = (&'static str, &'static str);

pub(super) const PHONE: Business = ("isv.MOBILE_NUMBER_ILLEGAL", "号码格式错误");
pub(super) const TOO_MANY: Business = ("isv.MOBILE_COUNT_OVER_LIMIT", "号码数量超过限制");
pub(super) const TEMPLATE: Business = ("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板");
pub(super) const SIGNATURE: Business = ("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法");
pub(super) const JSON: Business = ("isv.INVALID_JSON_PARAM", "参数格式错误，应为 JSON");
pub(super) const PARAMETERS: Business = ("isv.INVALID_PARAMETERS", "参数异常");
const SYSTEM: Business = ("isp.SYSTEM_ERROR", "系统暂时不可用，请稍后重试");

/// The answer of the service.
pub(super) fn said((code, message): Business, request: &str) -> Value {
    json!({"Code": code, "Message": message, "RequestId": request})
}

pub(super) fn of_item(refused: &RefusedItem) -> Business {
    match refused {
        RefusedItem::Phone(_) => PHONE,
        RefusedItem::NoSuchTemplate | RefusedItem::Template(_) => TEMPLATE,
        RefusedItem::Render(RenderError::MissingVariable { .. }) => {
            ("isv.TEMPLATE_MISSING_PARAMETERS", "模板缺少变量")
        }
        RefusedItem::Render(RenderError::TooLong { .. }) | RefusedItem::Text(TextError::TooLong { .. }) => {
            ("isv.PARAM_LENGTH_LIMIT", "参数超过长度限制")
        }
        RefusedItem::Render(_) => ("isv.TEMPLATE_PARAMS_ILLEGAL", "模板变量不合法"),
        RefusedItem::Signature(_) => SIGNATURE,
        RefusedItem::Text(_) => ("isv.UNSUPPORTED_CONTENT", "不支持的短信内容"),
        RefusedItem::NoRoute => ("isv.DOMESTIC_NUMBER_NOT_SUPPORTED", "没有通往该号码的通道"),
        RefusedItem::NeverValid => PARAMETERS,
        RefusedItem::Funds(_) => ("isv.AMOUNT_NOT_ENOUGH", "账户余额不足或已达限额"),
    }
}

pub(super) fn of_send(error: &SendError) -> Business {
    match (error, error.whose()) {
        (SendError::NoSuchRoute, _) => ("isv.OUT_OF_SERVICE", "没有可用的路由"),
        (_, Whose::Caller | Whose::Conflict) => PARAMETERS,
        _ => {
            tracing::warn!(%error, "messages of a vendor's SDK could not be taken");
            SYSTEM
        }
    }
}
