//! Tencent Cloud SMS 2021-01-11: JSON signed with TC3-HMAC-SHA256; receipts and inbound messages pushed or pulled.

use domain::carrier_code::{Provider as Codes, shortened};
use domain::channel::{
    Callback, CallbackRequest, CarrierCode, Inbound, Outgoing, Receipt, ReceiptStatus, SettingsFault,
    SubmitOutcome,
};
use domain::control::{ChannelConfig, Provider};
use domain::ids::{ChannelId, GatewayId};
use domain::phone::{Country, Phone};
use domain::time::Timestamp;
use serde_json::{Value, json};

use super::approved::Templates;
use super::dialect::{
    Arrivals, Dialect, HttpRequest, Job, Next, Prepared, Stamp, all, by_status, carrier_id, json_answer,
    refused, taken, uncertain,
};
use super::fault;
use super::sign::{hex, hmac_sha256, sha256_hex};

/// Phones of one request.
const MOST_PHONES: usize = 200;
/// Items of one pull.
const PULL: usize = 100;
/// What signs and is signed.
const SERVICE: &str = "sms";
const CONTENT_TYPE: &str = "application/json";
/// The region of the SMS service when none is named.
const REGION: &str = "ap-guangzhou";

pub(super) struct Tencent {
    channel: ChannelId,
    gateway: GatewayId,
    host: String,
    key: String,
    secret: String,
    app: String,
    region: String,
    access_code: String,
    extends: bool,
    templates: Templates,
}

impl Tencent {
    pub(super) fn new(config: &ChannelConfig, provider: &Provider) -> Result<Self, SettingsFault> {
        let app = provider.app_id.clone().filter(|app| !app.trim().is_empty());
        let numbered = |names: &[&str]| (1..=names.len()).all(|n| names.contains(&n.to_string().as_str()));
        let form = ("变量应为 {1}、{2}……，不跳号", "places are {1}, {2} and so on, none left out");
        Ok(Self {
            channel: config.id,
            gateway: config.gateway,
            host: host_header(config, provider),
            key: config.login.clone(),
            secret: config.secret.0.clone(),
            app: app.ok_or_else(|| {
                fault("/app_id", "需要应用的 SdkAppId", "the application's SdkAppId is needed")
            })?,
            region: provider.region.clone().unwrap_or_else(|| REGION.to_owned()),
            access_code: config.access_code.clone(),
            extends: config.quirks.sender_extension,
            templates: Templates::new(provider, numbered, form)?,
        })
    }

    fn call(&self, action: &str, body: &Value, stamp: &Stamp) -> HttpRequest {
        let body = body.to_string().into_bytes();
        let second = stamp.now.millis().div_euclid(1_000);
        let authorization = authorization(&self.key, &self.secret, &self.host, second, &body);
        let header = |name: &str, value: String| (name.to_owned(), value);
        HttpRequest {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: vec![
                header("content-type", CONTENT_TYPE.to_owned()),
                header("host", self.host.clone()),
                header("authorization", authorization),
                header("x-tc-action", action.to_owned()),
                header("x-tc-version", "2021-01-11".to_owned()),
                header("x-tc-timestamp", second.to_string()),
                header("x-tc-region", self.region.clone()),
            ],
            body,
        }
    }

    fn receipt(&self, id: &str, phone: &str, status: &str, code: &str, now: Timestamp) -> Receipt {
        let status = if status == "SUCCESS" { ReceiptStatus::Delivered } else { ReceiptStatus::Undelivered };
        Receipt {
            gateway: self.gateway,
            carrier_id: carrier_id(id),
            phone: Phone::parse(phone, Country::CN).ok(),
            status,
            code: shortened(Some(Codes::Tencent), code),
            received_at: now,
        }
    }

    fn inbound(&self, from: Phone, extension: &str, text: &str, at: i64, now: Timestamp) -> Inbound {
        // It has no id of its own: the same words of the same phone in the same second are the same message.
        let id = sha256_hex(format!("{}\n{at}\n{extension}\n{text}", from.to_u64()).as_bytes());
        let id = hex(&hmac_sha256(self.secret.as_bytes(), id.as_bytes())[..16]);
        Inbound {
            gateway: self.gateway,
            channel: self.channel,
            carrier_id: carrier_id(&id),
            from,
            to: format!("{}{extension}", self.access_code).into(),
            text: text.to_owned(),
            received_at: now,
        }
    }
}

/// The host as it stands in the request: with its port unless that is the scheme's own.
pub(super) fn host_header(config: &ChannelConfig, provider: &Provider) -> String {
    match (provider.tls, config.port) {
        (true, 443) | (false, 80) => config.host.clone(),
        (_, port) => format!("{}:{port}", config.host),
    }
}

/// The `Authorization` of a request, TC3-HMAC-SHA256 over content type and host.
fn authorization(key: &str, secret: &str, host: &str, second: i64, body: &[u8]) -> String {
    let date = jiff::Timestamp::from_second(second).unwrap_or_default().strftime("%Y-%m-%d").to_string();
    let scope = format!("{date}/{SERVICE}/tc3_request");
    let canonical = format!(
        "POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\n\ncontent-type;host\n{}",
        sha256_hex(body)
    );
    let to_sign = format!("TC3-HMAC-SHA256\n{second}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let day = hmac_sha256(format!("TC3{secret}").as_bytes(), date.as_bytes());
    let service = hmac_sha256(&day, SERVICE.as_bytes());
    let signature = hex(&hmac_sha256(&hmac_sha256(&service, b"tc3_request"), to_sign.as_bytes()));
    format!(
        "TC3-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=content-type;host, Signature={signature}"
    )
}

/// What a code of a request or of one number means.
fn outcome(code: &str, id: &str) -> SubmitOutcome {
    match code {
        "Ok" if !id.is_empty() => taken(id),
        // Taken, and no receipt could ever name it.
        "Ok" => uncertain(),
        "LimitExceeded.GlobalSmsSendingRateLimit" => SubmitOutcome::Throttled,
        code if code.starts_with("RequestLimitExceeded") => SubmitOutcome::Throttled,
        // The provider's own systems lost sight of it.
        "InternalError"
        | "InternalError.Timeout"
        | "InternalError.SendAndRecvFail"
        | "InternalError.UnknownError"
        | "InternalError.OtherError" => uncertain(),
        code => refused(shortened(Some(Codes::Tencent), code)),
    }
}

impl Dialect for Tencent {
    fn most(&self) -> usize {
        MOST_PHONES
    }

    fn prepare(&self, outgoing: &Outgoing) -> Result<Prepared, CarrierCode> {
        let mut prepared = self.templates.of(&outgoing.text)?;
        prepared.params.sort_by_key(|(name, _)| name.parse::<u32>().unwrap_or(u32::MAX));
        let params: Vec<&str> = prepared.params.iter().map(|(_, value)| value.as_str()).collect();
        let extension = outgoing.extension.as_deref().filter(|_| self.extends).unwrap_or("");
        // A request is for mainland phones or for others, under one extension.
        prepared.alike = format!(
            "{}\n{}\n{}\n{extension}\n{}",
            outgoing.phone.is_cn(),
            prepared.template,
            prepared.sign,
            params.join("\u{0}")
        );
        Ok(prepared)
    }

    fn request(&self, batch: &[Job], stamp: &Stamp) -> Result<HttpRequest, CarrierCode> {
        let Some(Job { outgoing, prepared }) = batch.first() else {
            return Err(CarrierCode::default());
        };
        let phones: Vec<String> =
            batch.iter().map(|job| job.outgoing.phone.e164().as_str().to_owned()).collect();
        let params: Vec<&str> = prepared.params.iter().map(|(_, value)| value.as_str()).collect();
        let mut body = json!({
            "PhoneNumberSet": phones, "SmsSdkAppId": self.app, "TemplateId": prepared.template,
            "SignName": prepared.sign, "TemplateParamSet": params,
        });
        if let Some(extension) = outgoing.extension.as_deref().filter(|_| self.extends) {
            body["ExtendCode"] = json!(extension);
        }
        Ok(self.call("SendSms", &body, stamp))
    }

    fn answer(&self, batch: &[Job], status: u16, body: &[u8]) -> Vec<SubmitOutcome> {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return all(batch, &by_status(status));
        };
        let response = &answer["Response"];
        if let Some(code) = response["Error"]["Code"].as_str() {
            return all(batch, &outcome(code, ""));
        }
        let Some(statuses) = response["SendStatusSet"].as_array() else {
            return all(batch, &by_status(status));
        };
        let of = |place: usize, job: &Job| {
            let phone = job.outgoing.phone.e164();
            let names = |status: &&Value| status["PhoneNumber"].as_str() == Some(phone.as_str());
            // In order, as documented; looked for should that ever not hold.
            let found = statuses.get(place).filter(names).or_else(|| statuses.iter().find(names));
            let text = |field: &str| found.and_then(|status| status[field].as_str()).unwrap_or("");
            if found.is_some() { outcome(text("Code"), text("SerialNo")) } else { uncertain() }
        };
        batch.iter().enumerate().map(|(place, job)| of(place, job)).collect()
    }

    fn called(&self, request: &CallbackRequest, now: Timestamp) -> Callback {
        let kept = json_answer(200, r#"{"result":0,"errmsg":"OK"}"#);
        let odd = || Callback::Refused(json_answer(400, r#"{"result":1,"errmsg":"not understood"}"#));
        let Ok(pushed) = serde_json::from_slice::<Value>(&request.body) else { return odd() };
        let text = |item: &Value, field: &str| item[field].as_str().unwrap_or("").to_owned();
        let number = |item: &Value| format!("+{}{}", text(item, "nationcode"), text(item, "mobile"));
        if pushed["text"].is_string() {
            let extension = text(&pushed, "extend");
            let Ok(from) = Phone::parse(&number(&pushed), Country::CN) else {
                return Callback::Arrived { receipts: Vec::new(), inbound: Vec::new(), answer: kept };
            };
            let at = pushed["time"].as_i64().unwrap_or(0);
            let inbound = vec![self.inbound(from, &extension, &text(&pushed, "text"), at, now)];
            return Callback::Arrived { receipts: Vec::new(), inbound, answer: kept };
        }
        let Some(items) = pushed.as_array() else { return odd() };
        let receipts = items.iter().filter(|item| item["sid"].is_string()).map(|item| {
            let code = text(item, "errmsg");
            self.receipt(&text(item, "sid"), &number(item), &text(item, "report_status"), &code, now)
        });
        Callback::Arrived { receipts: receipts.collect(), inbound: Vec::new(), answer: kept }
    }

    fn questions(&self, stamp: &Stamp) -> Vec<HttpRequest> {
        let body = json!({"SmsSdkAppId": self.app, "Limit": PULL});
        ["PullSmsSendStatus", "PullSmsReplyStatus"].map(|action| self.call(action, &body, stamp)).into()
    }

    fn told(&self, _status: u16, body: &[u8], now: Timestamp) -> Option<Arrivals> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let text = |item: &Value, field: &str| item[field].as_str().unwrap_or("").to_owned();
        let response = &answer["Response"];
        if let Some(items) = response["PullSmsSendStatusSet"].as_array() {
            let receipts = items.iter().map(|item| {
                let (id, phone) = (text(item, "SerialNo"), text(item, "PhoneNumber"));
                self.receipt(&id, &phone, &text(item, "ReportStatus"), &text(item, "Description"), now)
            });
            let next = Next::again(items.len() == PULL);
            return Some(Arrivals { receipts: receipts.collect(), inbound: Vec::new(), next });
        }
        let items = response["PullSmsReplyStatusSet"].as_array()?;
        let inbound = items.iter().filter_map(|item| {
            let from = Phone::parse(&text(item, "PhoneNumber"), Country::CN).ok()?;
            let (extension, words) = (text(item, "ExtendCode"), text(item, "ReplyContent"));
            Some(self.inbound(from, &extension, &words, item["ReplyTime"].as_i64().unwrap_or(0), now))
        });
        let next = Next::again(items.len() == PULL);
        Some(Arrivals { receipts: Vec::new(), inbound: inbound.collect(), next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of the reference, made by the provider's own library.
    #[test]
    fn requests_are_signed_as_the_provider_expects() {
        let body = br#"{"PhoneNumberSet": ["+8613800138000"], "SmsSdkAppId": "1400000000", "TemplateId": "1", "SignName": "test", "TemplateParamSet": ["1234"]}"#;
        for (host, signature) in [
            ("sms.tencentcloudapi.com", "f301d0b20182aa2c75e2d0c6212b0339263487cc790abc30f85c7461d810cd6a"),
            ("127.0.0.1:8080", "8906343d90b39cd4b8cccf5cdd93132a31f79952fc7cb2e64492a612b8101ac5"),
        ] {
            let authorization = authorization("AKIDtest", "SKtest", host, 1_793_491_200, body);
            assert_eq!(
                authorization,
                format!(
                    "TC3-HMAC-SHA256 Credential=AKIDtest/2026-11-01/sms/tc3_request, \
                     SignedHeaders=content-type;host, Signature={signature}"
                )
            );
        }
    }

    #[test]
    fn codes_are_classed() {
        assert_eq!(outcome("RequestLimitExceeded.UinLimitExceeded", ""), SubmitOutcome::Throttled);
        assert_eq!(outcome("InternalError.Timeout", ""), uncertain());
        assert_eq!(outcome("Ok", ""), uncertain());
        let black = outcome("FailedOperation.PhoneNumberInBlacklist", "");
        assert_eq!(black, refused(CarrierCode::new(b"TC:BLACK")));
    }
}
