//! Refusals in their codes: of a whole request, and of one phone.

use domain::control::ControlError;
use domain::message::Reason;
use domain::template::RenderError;
use domain::text::TextError;
use engine::accept::RefusedItem;
use engine::{SendError, Whose};
use serde_json::{Value, json};

use crate::doorman::Shut;

/// A code and its words. Quotes nothing of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub code: &'static str,
    pub message: &'static str,
}

const fn refusal(code: &'static str, message: &'static str) -> Refusal {
    Refusal { code, message }
}

impl Refusal {
    pub(super) const ACTION: Self = refusal("InvalidAction", "接口不存在 · no such action");
    pub(super) const VERSION: Self = refusal("NoSuchVersion", "接口版本不存在 · no such version");
    pub(super) const JSON: Self =
        refusal("FailedOperation.JsonParseFail", "请求包体不是 JSON 对象 · the body is not a JSON object");
    pub(super) const AUTHORIZATION: Self = refusal(
        "AuthFailure.InvalidAuthorization",
        "Authorization 头格式不正确 · the Authorization header cannot be read",
    );
    pub(super) const UNKNOWN_KEY: Self =
        refusal("AuthFailure.SecretIdNotFound", "密钥不存在 · no such SecretId");
    pub(super) const SIGNATURE: Self =
        refusal("AuthFailure.SignatureFailure", "签名错误 · the signature does not fit the request");
    pub(super) const EXPIRED: Self = refusal(
        "AuthFailure.SignatureExpire",
        "签名过期：与服务器时间相差超过五分钟 · the signature's time is more than five minutes from ours",
    );
    const FORBIDDEN: Self = refusal(
        "AuthFailure.UnauthorizedOperation",
        "密钥无此权限，或来源地址不允许 · the key may not be used for this, or from this address",
    );
    const THROTTLED: Self = refusal("RequestLimitExceeded", "请求过于频繁 · too many requests");
    pub(super) const UNAVAILABLE: Self =
        refusal("InternalError.Timeout", "存储暂时不可用，请重试 · storage does not answer: try again");
    pub(super) const NO_PHONES: Self =
        refusal("MissingParameter.EmptyPhoneNumberSet", "号码为空 · there is no phone");
    pub(super) const TOO_MANY: Self =
        refusal("LimitExceeded.PhoneNumberCountLimit", "一次最多 200 个号码 · at most 200 phones");
    pub(super) const NO_APP: Self =
        refusal("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "缺少 SmsSdkAppId · SmsSdkAppId is missing");
    pub(super) const TEMPLATE: Self =
        refusal("FailedOperation.TemplateUnapprovedOrNotExist", "模板不存在 · there is no such template");
    pub(super) const PARAMETERS: Self = refusal(
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        "参数个数与模板变量不一致 · there are more or fewer parameters than variables",
    );
    pub(super) const PARAMETER: Self =
        refusal("InvalidParameterValue", "参数类型或取值不正确 · a parameter is not as it should be");
    pub(super) const MIXED: Self = refusal(
        "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber",
        "国内与国际号码不能同时发送 · phones of the mainland and of elsewhere go in separate requests",
    );
    pub(super) const PHONE: Self =
        refusal("InvalidParameterValue.IncorrectPhoneNumber", "号码格式错误 · not a phone");

    pub(super) fn document(self) -> Value {
        json!({"Error": {"Code": self.code, "Message": self.message}})
    }
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Unknown => Self::UNKNOWN_KEY,
            // Their protocol has no nonce: the same request twice within a second has the same signature twice.
            Shut::Mismatch | Shut::Replayed => Self::SIGNATURE,
            Shut::Clock => Self::EXPIRED,
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

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        match (&error, error.whose()) {
            (SendError::NoSuchRoute, _) => {
                refusal("FailedOperation.OtherError", "没有可用的路由 · there is no route")
            }
            (_, Whose::Caller | Whose::Conflict) => Self::PARAMETER,
            _ => {
                tracing::warn!(%error, "messages of a vendor's SDK could not be taken");
                Self::UNAVAILABLE
            }
        }
    }
}

impl From<&RefusedItem> for Refusal {
    fn from(refused: &RefusedItem) -> Self {
        match refused {
            RefusedItem::Phone(_) => Self::PHONE,
            RefusedItem::NoSuchTemplate | RefusedItem::Template(_) => Self::TEMPLATE,
            RefusedItem::Render(RenderError::MissingVariable { .. }) => Self::PARAMETERS,
            RefusedItem::Render(RenderError::TooLong { .. })
            | RefusedItem::Text(TextError::TooLong { .. }) => {
                refusal("InvalidParameterValue.ContentLengthLimit", "短信内容过长 · the text is too long")
            }
            RefusedItem::Render(_) => refusal(
                "InvalidParameterValue.TemplateParameterFormatError",
                "模板参数格式错误 · a parameter does not fit",
            ),
            RefusedItem::Signature(_) => {
                refusal("FailedOperation.SignatureIncorrectOrUnapproved", "签名格式错误 · not a signature")
            }
            RefusedItem::NoRoute => refusal(
                "UnsupportedOperation.UnsupportedRegion",
                "没有通往该号码的通道 · no channel leads to this phone",
            ),
            RefusedItem::Funds(_) => refusal(
                "FailedOperation.InsufficientBalanceInSmsPackage",
                "余额不足或已达限额 · the balance does not suffice, or a limit is reached",
            ),
            RefusedItem::Text(_) | RefusedItem::NeverValid => Self::PARAMETER,
        }
    }
}

/// The word of a status report for a message that did not arrive, where the carrier gave none.
pub(super) fn word_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Suppressed | Reason::CarrierBlacklist => "MBBLACK",
        Reason::UnknownNumber | Reason::InvalidPhone => "MK:0001",
        Reason::ValidityPassed | Reason::DeadlinePassed => "EXPIRED",
        _ => "REJECTD",
    }
}
