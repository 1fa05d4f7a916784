//! Codes of cloud providers. Their words are longer than what is kept with a message, so each known one has a short
//! form for ever; of an unknown one the last word is cut and marked with a digest, so that equal codes stay equal.
//! Twilio's codes are numbers: `TWI:30007`.

use super::{A, B, F, G, K, N, O, R, S, Source, U, Unlisted};
use crate::channel::CarrierCode;
use crate::message::Reason;
use text::Bilingual;

/// Whose words a code is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provider {
    /// Alibaba Cloud.
    Aliyun,
    /// Tencent Cloud.
    Tencent,
}

/// A provider's code, its short form, what it means for the message, and for a person what to do about it.
struct Line {
    provider: Provider,
    full: &'static str,
    short: &'static str,
    reason: Reason,
    zh: &'static str,
    en: &'static str,
}

/// A provider's code as it is kept: the short form of a known one; one that fits as it is (carriers' own codes come
/// through providers too); else its last word cut, with a digest.
#[must_use]
pub fn shortened(provider: Option<Provider>, full: &str) -> CarrierCode {
    let known = LINES.iter().find(|line| Some(line.provider) == provider && line.full == full);
    if let Some(line) = known {
        return CarrierCode::new(line.short.as_bytes());
    }
    if full.len() <= CarrierCode::MOST {
        return CarrierCode::new(full.as_bytes());
    }
    // FNV-1a.
    let digest = full.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let last = full.rsplit('.').next().unwrap_or(full);
    let word: String = last.chars().filter(char::is_ascii_alphanumeric).take(CarrierCode::MOST - 5).collect();
    CarrierCode::new(format!("{word}~{:04x}", digest & 0xffff).as_bytes())
}

/// What to do about a kept code of a provider, and its full form; none when it is no known one.
#[must_use]
pub fn advice(kept: &str) -> Option<(&'static str, Bilingual)> {
    let line = LINES.iter().find(|line| line.short == kept)?;
    Some((line.full, Bilingual { zh: line.zh.into(), en: line.en.into() }))
}

/// Every line: short form, reason, advice.
pub(super) fn lines() -> impl Iterator<Item = (&'static str, Reason, Bilingual)> {
    LINES.iter().map(|line| (line.short, line.reason, Bilingual { zh: line.zh.into(), en: line.en.into() }))
}

/// What a short form means.
pub(super) fn reason(kept: &str) -> Option<Reason> {
    LINES.iter().find(|line| line.short.eq_ignore_ascii_case(kept)).map(|line| line.reason)
}

pub(super) const TWILIO: Source = Source { prefixes: &["TWI"], codes: TWILIO_CODES, otherwise: Unlisted };

const TWILIO_CODES: &[(u32, u32, Reason)] = &[
    (20_003, 20_003, A),
    (20_404, 20_404, A),
    (20_429, 20_429, Reason::Throttled),
    (21_211, 21_211, N),
    (21_212, 21_212, A),
    (21_408, 21_408, A),
    (21_601, 21_606, A),
    (21_608, 21_608, A),
    (21_610, 21_610, B),
    (21_611, 21_611, Reason::Throttled),
    (21_612, 21_612, F),
    (21_614, 21_614, N),
    (21_617, 21_617, K),
    (21_714, 21_714, A),
    (30_001, 30_001, R),
    (30_002, 30_002, A),
    (30_003, 30_003, O),
    (30_004, 30_004, B),
    (30_005, 30_005, N),
    (30_006, 30_006, U),
    (30_007, 30_007, K),
    (30_008, 30_008, Unlisted),
    (30_036, 30_036, O),
];

const fn ali(
    full: &'static str,
    short: &'static str,
    reason: Reason,
    zh: &'static str,
    en: &'static str,
) -> Line {
    Line { provider: Provider::Aliyun, full, short, reason, zh, en }
}

const fn ten(
    full: &'static str,
    short: &'static str,
    reason: Reason,
    zh: &'static str,
    en: &'static str,
) -> Line {
    Line { provider: Provider::Tencent, full, short, reason, zh, en }
}

#[rustfmt::skip]
const LINES: &[Line] = &[
    ali("isv.BUSINESS_LIMIT_CONTROL", "ALI:LIMIT", R, "该号码触发频率限制，请降低频次", "too many to this number: send less often"),
    ali("isv.DAY_LIMIT_CONTROL", "ALI:DAYLIMIT", R, "达到账号自设的日上限，请在控制台调整", "the account's own daily limit: raise it in the console"),
    ali("isv.MONTH_LIMIT_CONTROL", "ALI:MONLIMIT", R, "达到账号自设的月上限，请在控制台调整", "the account's own monthly limit: raise it in the console"),
    ali("isv.MOBILE_NUMBER_ILLEGAL", "ALI:BADNUMBER", N, "号码无效", "not a valid number"),
    ali("isv.MOBILE_COUNT_OVER_LIMIT", "ALI:MANY", A, "一次请求号码过多", "too many numbers in one request"),
    ali("isv.SMS_TEMPLATE_ILLEGAL", "ALI:TEMPLATE", A, "模板不存在或未通过审核，请核对模板代码", "template unknown or not approved: check its code"),
    ali("isv.TEMPLATE_MISSING_PARAMETERS", "ALI:NOPARAM", A, "缺少模板变量，请核对通道的模板文本", "a parameter is missing: compare the channel's template text"),
    ali("isv.TEMPLATE_PARAMS_ILLEGAL", "ALI:BADPARAM", K, "变量内容不合规范", "a parameter's value is not allowed"),
    ali("isv.INVALID_JSON_PARAM", "ALI:JSON", A, "变量不是有效的 JSON", "the parameters are not valid JSON"),
    ali("isv.PARAM_LENGTH_LIMIT", "ALI:LONGPARAM", K, "变量过长", "a parameter is too long"),
    ali("isv.PARAM_NOT_SUPPORT_URL", "ALI:URLPARAM", K, "变量中不允许网址", "no links in parameters"),
    ali("isv.INVALID_PARAMETERS", "ALI:PARAMS", A, "请求参数有误", "the request's parameters are wrong"),
    ali("isv.EXTEND_CODE_ERROR", "ALI:EXTEND", A, "扩展码有误", "the extension is wrong"),
    ali("isv.AMOUNT_NOT_ENOUGH", "ALI:BALANCE", A, "余额不足，请充值", "no balance left: top the account up"),
    ali("isv.OUT_OF_SERVICE", "ALI:STOPPED", A, "业务已停，请充值或联系服务商", "the service is stopped: top up or ask the provider"),
    ali("isv.PRODUCT_UN_SUBSCRIPT", "ALI:UNSUBSCR", A, "未开通短信产品", "the product is not subscribed to"),
    ali("isv.PRODUCT_UNSUBSCRIBE", "ALI:UNSUBSCR2", A, "产品已退订", "the product was unsubscribed from"),
    ali("isv.ACCOUNT_NOT_EXISTS", "ALI:NOACCOUNT", A, "账号不存在", "no such account"),
    ali("isv.ACCOUNT_ABNORMAL", "ALI:ACCOUNT", A, "账号异常，请联系服务商", "something is wrong with the account: ask the provider"),
    ali("isv.SMS_SIGNATURE_ILLEGAL", "ALI:SIGN", G, "签名不存在或未通过审核", "signature unknown or not approved"),
    ali("isv.SMS_SIGN_ILLEGAL", "ALI:SIGNBAN", G, "签名被禁用", "the signature is banned"),
    ali("isv.SIGN_STATE_ILLEGAL", "ALI:SIGNSTATE", G, "签名当前不可用", "the signature cannot be used now"),
    ali("isv.SIGN_NAME_ILLEGAL", "ALI:SIGNNAME", G, "签名名称不合规范", "not a valid name of a signature"),
    ali("isv.SMS_SIGNATURE_SCENE_ILLEGAL", "ALI:SIGNSCENE", G, "签名与模板类型不符", "the signature is not for templates of this kind"),
    ali("isv.SMS_CONTENT_ILLEGAL", "ALI:CONTENT", K, "内容含违禁词", "forbidden words in the text"),
    ali("isv.UNSUPPORTED_CONTENT", "ALI:CHARS", K, "内容含不支持的字符", "characters that cannot be sent"),
    ali("isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE", "ALI:KIND", K, "内容与模板类型不符", "the text is not of the template's kind"),
    ali("isv.BLACK_KEY_CONTROL_LIMIT", "ALI:BLACK", B, "命中黑名单", "on the black list"),
    ali("isv.CUSTOMER_REFUSED", "ALI:REFUSED", B, "用户已退订", "the person has opted out there"),
    ali("isv.DENY_IP_RANGE", "ALI:IP", A, "来源 IP 不被允许，请核对白名单", "our address is not let in: check the allow-list"),
    ali("isv.DOMESTIC_NUMBER_NOT_SUPPORTED", "ALI:DOMESTIC", A, "该模板不支持境内号码", "the template is not for mainland numbers"),
    ali("isp.RAM_PERMISSION_DENY", "ALI:RAM", A, "密钥没有短信权限，请在 RAM 授权", "the key may not send: grant it in RAM"),
    ali("isp.SYSTEM_ERROR", "ALI:SYSTEM", F, "服务商系统错误", "a fault of the provider's system"),
    ali("isp.GATEWAY_ERROR", "ALI:GATEWAY", F, "服务商网关错误", "a fault of the provider's gateway"),
    ali("SignatureDoesNotMatch", "ALI:AUTH", A, "密钥错误，请核对密钥", "the secret is wrong: check it"),
    ali("InvalidAccessKeyId.NotFound", "ALI:KEYID", A, "密钥编号不存在", "no such key id"),
    ali("InvalidTimeStamp.Expired", "ALI:CLOCK", A, "本机时间偏差过大，请校时", "our clock is off: set it"),
    ali("SignatureNonceUsed", "ALI:NONCE", F, "请求重复", "the request came twice"),
    ali("MOBILE_SEND_LIMIT", "ALI:SENDLIMIT", R, "该号码触发频率限制", "too many to this number"),
    ali("MOBILE_IN_BLACK", "ALI:INBLACK", B, "号码在黑名单中", "the number is on the black list"),
    ali("MOBILE_NOT_ON_SERVICE", "ALI:NOSERVICE", S, "号码停机或空号", "the number is out of service"),
    ali("INVALID_NUMBER", "ALI:INVALID", N, "空号", "no such number"),
    ali("CONTENT_KEYWORD", "ALI:KEYWORD", K, "内容命中关键字", "the text holds a blocked word"),
    ali("IS_CLOSE", "ALI:CLOSED", A, "通道关闭", "the provider's channel is closed"),
    ali("VALVE:M_MC", "ALI:VALVE:M", R, "重复内容，分钟限制", "the same text again within a minute"),
    ali("VALVE:H_MC", "ALI:VALVE:H", R, "重复内容，小时限制", "the same text again within an hour"),
    ali("VALVE:D_MC", "ALI:VALVE:D", R, "重复内容，天限制", "the same text again within a day"),
    ten("FailedOperation.ContainSensitiveWord", "TC:SENSITIVE", K, "内容含敏感词", "sensitive words in the text"),
    ten("FailedOperation.FailResolvePacket", "TC:PACKET", A, "请求无法解析", "the request could not be read"),
    ten("FailedOperation.InsufficientBalanceInSmsPackage", "TC:BALANCE", A, "套餐包余量不足，请购买", "the package is used up: buy another"),
    ten("FailedOperation.JsonParseFail", "TC:JSON", A, "请求不是有效的 JSON", "the request is not valid JSON"),
    ten("FailedOperation.MarketingSendTimeConstraint", "TC:HOURS", R, "营销短信只能在 8 至 22 点发送", "marketing goes from 8 to 22 o'clock only"),
    ten("FailedOperation.PhoneNumberInBlacklist", "TC:BLACK", B, "号码在黑名单中", "the number is on the black list"),
    ten("FailedOperation.SignatureIncorrectOrUnapproved", "TC:SIGN", G, "签名有误或未通过审核", "signature wrong or not approved"),
    ten("FailedOperation.TemplateIncorrectOrUnapproved", "TC:TEMPLATE", A, "模板有误或未通过审核", "template wrong or not approved"),
    ten("FailedOperation.TemplateUnapprovedOrNotExist", "TC:NOTEMPLATE", A, "模板不存在或未通过审核", "template unknown or not approved"),
    ten("FailedOperation.TemplateParamSetNotMatchApprovedTemplate", "TC:MISMATCH", K, "内容与审核通过的模板不符", "the text is not the template's as approved"),
    ten("InvalidParameterValue.ContentLengthLimit", "TC:LONG", K, "内容过长", "the text is too long"),
    ten("InvalidParameterValue.IncorrectPhoneNumber", "TC:BADNUMBER", N, "号码格式有误", "not a valid number"),
    ten("InvalidParameterValue.SdkAppIdNotExist", "TC:APPID", A, "应用不存在，请核对 app_id", "no such application: check app_id"),
    ten("InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", "TC:URLPARAM", K, "变量中不允许网址", "no links in parameters"),
    ten("InvalidParameterValue.TemplateParameterFormatError", "TC:BADPARAM", K, "变量格式不符（验证码为 0 至 6 位数字）", "a parameter's form is wrong (codes have up to 6 digits)"),
    ten("InvalidParameterValue.TemplateParameterLengthLimit", "TC:LONGPARAM", K, "变量过长", "a parameter is too long"),
    ten("InvalidParameterValue.MarketingTemplateWithoutUnsubscribe", "TC:NOOPTOUT", K, "营销模板缺少退订说明", "the marketing template offers no opt-out"),
    ten("LimitExceeded.AppDailyLimit", "TC:APPDAY", R, "达到应用日上限", "the application's daily limit"),
    ten("LimitExceeded.AppMainlandChinaDailyLimit", "TC:APPDAYCN", R, "达到应用境内日上限", "the application's daily limit for the mainland"),
    ten("LimitExceeded.DailyLimit", "TC:DAY", R, "达到日上限", "the daily limit"),
    ten("LimitExceeded.DeliveryFrequencyLimit", "TC:FREQ", R, "该号码触发频率限制", "too many to this number"),
    ten("LimitExceeded.PhoneNumberCountLimit", "TC:MANY", A, "一次请求号码过多", "too many numbers in one request"),
    ten("LimitExceeded.PhoneNumberThirtySecondLimit", "TC:30S", R, "该号码 30 秒内超限", "too many to this number within 30 seconds"),
    ten("LimitExceeded.PhoneNumberOneHourLimit", "TC:HOUR", R, "该号码 1 小时内超限", "too many to this number within an hour"),
    ten("LimitExceeded.PhoneNumberDailyLimit", "TC:NUMDAY", R, "该号码当日超限", "too many to this number today"),
    ten("LimitExceeded.PhoneNumberSameContentDailyLimit", "TC:SAMETEXT", R, "该号码当日相同内容超限", "the same text to this number too often today"),
    ten("MissingParameter.EmptyPhoneNumberSet", "TC:NOPHONE", A, "请求没有号码", "the request names no number"),
    ten("UnauthorizedOperation.RequestIpNotInWhitelist", "TC:IP", A, "来源 IP 不在白名单", "our address is not on the allow-list"),
    ten("UnauthorizedOperation.RequestPermissionDeny", "TC:DENIED", A, "没有权限", "the key may not do this"),
    ten("UnauthorizedOperation.SdkAppIdIsDisabled", "TC:APPOFF", A, "应用已停用", "the application is disabled"),
    ten("UnauthorizedOperation.ServiceSuspendDueToArrears", "TC:ARREARS", A, "欠费停服，请充值", "suspended for arrears: top the account up"),
    ten("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "TC:APPVERIFY", A, "应用校验失败，请核对 app_id", "the application does not verify: check app_id"),
    ten("UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny", "TC:PERSONAL", A, "个人账号不能发营销短信", "personal accounts send no marketing"),
    ten("UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber", "TC:MIXED", A, "一次请求混有境内外号码", "mainland and other numbers in one request"),
    ten("UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone", "TC:CNTOINTL", A, "境内模板不能发往境外", "a mainland template to a number abroad"),
    ten("UnsupportedOperation.GlobalTemplateToChineseMainlandPhone", "TC:INTLTOCN", A, "国际模板不能发往境内", "an international template to the mainland"),
    ten("UnsupportedOperation.UnsupportedRegion", "TC:REGION", A, "不支持该国家或地区", "this country is not served"),
    ten("AuthFailure.SignatureFailure", "TC:AUTH", A, "密钥错误，请核对密钥", "the secret is wrong: check it"),
    ten("AuthFailure.SignatureExpire", "TC:CLOCK", A, "本机时间偏差过大，请校时", "our clock is off: set it"),
    ten("AuthFailure.SecretIdNotFound", "TC:KEYID", A, "密钥编号不存在", "no such key id"),
    ten("AuthFailure.UnauthorizedOperation", "TC:UNAUTH", A, "密钥没有权限", "the key may not send"),
    ten("InternalError.RequestTimeException", "TC:TIME", A, "本机时间偏差过大，请校时", "our clock is off: set it"),
    ten("InternalError.SigVerificationFail", "TC:SIGVERIFY", A, "签名校验失败", "the signature does not verify"),
];

/// Statuses without a line above: the handset's and the network's own.
pub(super) const WORDS: &[(&str, Reason)] = &[
    ("FILTER", K),
    ("DELIVERED", Reason::None),
    ("NOTEMPLATE", Reason::NoTemplate),
    ("HTTP:401", A),
    ("HTTP:403", A),
    ("HTTP:404", A),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_form_fits_is_unique_and_is_read_back() {
        for (place, line) in LINES.iter().enumerate() {
            assert!(line.short.len() <= CarrierCode::MOST, "{}", line.short);
            assert!(LINES[..place].iter().all(|other| other.short != line.short), "{} twice", line.short);
            let kept = shortened(Some(line.provider), line.full);
            assert_eq!((kept.as_str(), kept.reason()), (line.short, line.reason));
            let (full, said) = advice(kept.as_str()).expect("known");
            assert!(full == line.full && !said.zh.is_ascii() && said.en.is_ascii(), "{full}");
        }
    }

    #[test]
    fn unknown_codes_are_cut_and_stay_apart() {
        let one = shortened(Some(Provider::Aliyun), "isv.SOMETHING_NOBODY_KNOWS_YET");
        let other = shortened(Some(Provider::Aliyun), "isv.SOMETHING_NOBODY_KNOWS_EITHER");
        assert_eq!(one.as_str().len(), CarrierCode::MOST);
        assert!(one.as_str().starts_with("SOMETHINGN~") && one != other, "{one:?} {other:?}");
        assert_eq!(one.reason(), Reason::CarrierUnknown);
        assert_eq!(shortened(Some(Provider::Tencent), "MK:0001").as_str(), "MK:0001", "a carrier's own");
        assert!(advice("MK:0001").is_none());
    }

    #[test]
    fn numbers_of_twilio_and_our_own_words_have_reasons() {
        for (code, reason) in [
            ("TWI:30007", Reason::CarrierContent),
            ("TWI:21211", Reason::UnknownNumber),
            ("TWI:1", Reason::CarrierUnknown),
            ("NOTEMPLATE", Reason::NoTemplate),
            ("HTTP:403", Reason::CarrierAccount),
            ("HTTP:418", Reason::CarrierUnknown),
        ] {
            assert_eq!(CarrierCode::new(code.as_bytes()).reason(), reason, "{code}");
        }
    }
}
