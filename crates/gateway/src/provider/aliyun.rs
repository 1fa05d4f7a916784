//! Alibaba Cloud Dysmsapi 2017-05-25: forms signed with ACS3-HMAC-SHA256; receipts and inbound messages pushed, receipts
//! also asked for, phone by phone.
//!
//! A request has one id for all its phones, so a message is known by that id and a keyed digest of its phone: the digest
//! tells nobody the phone, and both stand in the receipt. A changed secret loses the receipts under way.

use domain::carrier_code::{Provider as Codes, shortened};
use domain::channel::{
    Callback, CallbackRequest, CarrierCode, CarrierMessageId, Inbound, Outgoing, Receipt, ReceiptStatus,
    SettingsFault, SubmitOutcome,
};
use domain::control::{ChannelConfig, Provider};
use domain::ids::{ChannelId, GatewayId};
use domain::phone::{Country, Phone};
use domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::approved::Templates;
use super::dialect::{
    Awaited, Dialect, Followed, HttpRequest, Job, Prepared, Stamp, all, by_status, carrier_id, json_answer,
    refused, taken, uncertain,
};
use super::sign::{hex, hmac_sha256, sha256_hex};
use super::tencent::host_header;
use crate::drivers::form::beijing;

/// Phones of one request with a text each.
const MOST_PHONES: usize = 100;
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";
const ALGORITHM: &str = "ACS3-HMAC-SHA256";

pub(super) struct Aliyun {
    channel: ChannelId,
    gateway: GatewayId,
    host: String,
    key: String,
    secret: String,
    extends: bool,
    templates: Templates,
}

impl Aliyun {
    pub(super) fn new(config: &ChannelConfig, provider: &Provider) -> Result<Self, SettingsFault> {
        let named =
            |names: &[&str]| names.iter().all(|name| !name.starts_with(|ch: char| ch.is_ascii_digit()));
        let form = ("变量应为 ${name}，以字母开头", "places are ${name}, and a name begins with a letter");
        Ok(Self {
            channel: config.id,
            gateway: config.gateway,
            host: host_header(config, provider),
            key: config.login.clone(),
            secret: config.secret.0.clone(),
            extends: config.quirks.sender_extension,
            templates: Templates::new(provider, named, form)?,
        })
    }

    fn extension<'o>(&self, outgoing: &'o Outgoing) -> Option<&'o str> {
        outgoing.extension.as_deref().filter(|_| self.extends)
    }

    /// What a message is known by.
    fn id(&self, request: &str, phone: Phone) -> String {
        let digest = hmac_sha256(self.secret.as_bytes(), format!("{request}\n{}", phone.to_u64()).as_bytes());
        format!("{request}#{}", hex(&digest[..8]))
    }

    fn call(&self, action: &str, form: &[(&str, String)], stamp: &Stamp) -> HttpRequest {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let body = body.finish().into_bytes();
        let date = stamp.now.to_jiff().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let headers = [
            ("content-type", CONTENT_TYPE.to_owned()),
            ("host", self.host.clone()),
            ("x-acs-action", action.to_owned()),
            ("x-acs-content-sha256", sha256_hex(&body)),
            ("x-acs-date", date),
            ("x-acs-signature-nonce", stamp.nonce.clone()),
            ("x-acs-version", "2017-05-25".to_owned()),
        ];
        let authorization = authorization(&self.key, &self.secret, "POST", "", &headers);
        let mut headers: Vec<(String, String)> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        headers.push(("authorization".to_owned(), authorization));
        headers.push(("accept".to_owned(), "application/json".to_owned()));
        HttpRequest { method: "POST".to_owned(), target: "/".to_owned(), headers, body }
    }

    fn receipt(&self, item: &Value, now: Timestamp) -> Option<Receipt> {
        let phone = phone(item["phone_number"].as_str()?)?;
        let status = match item["success"] {
            Value::Bool(true) => ReceiptStatus::Delivered,
            _ => ReceiptStatus::Undelivered,
        };
        Some(Receipt {
            gateway: self.gateway,
            carrier_id: carrier_id(&self.id(item["biz_id"].as_str()?, phone)),
            phone: Some(phone),
            status,
            code: shortened(Some(Codes::Aliyun), item["err_code"].as_str().unwrap_or("")),
            received_at: now,
        })
    }

    /// What is known of a message, as the details of its phone tell it.
    fn known(&self, awaited: &Awaited, detail: &Value, now: Timestamp) -> Followed {
        let status = match detail["SendStatus"].as_i64() {
            Some(3) => ReceiptStatus::Delivered,
            Some(2) => ReceiptStatus::Undelivered,
            _ => return Followed::Later,
        };
        Followed::Known(Receipt {
            gateway: self.gateway,
            carrier_id: awaited.id.clone(),
            phone: Some(awaited.phone),
            status,
            code: shortened(Some(Codes::Aliyun), detail["ErrCode"].as_str().unwrap_or("")),
            received_at: now,
        })
    }

    fn inbound(&self, item: &Value, now: Timestamp) -> Option<Inbound> {
        let from = phone(item["phone_number"].as_str()?)?;
        let text = item["content"].as_str()?;
        let sequence = match &item["sequence_id"] {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => format!("{}\n{text}", item["send_time"].as_str().unwrap_or("")),
        };
        let id = self.id(&sequence, from);
        Some(Inbound {
            gateway: self.gateway,
            channel: self.channel,
            carrier_id: carrier_id(&id),
            from,
            to: item["dest_code"].as_str().unwrap_or("").into(),
            text: text.to_owned(),
            received_at: now,
        })
    }
}

/// As the provider reads phones: mainland ones bare, others with their country's code.
fn written(phone: Phone) -> String {
    match phone.national_cn() {
        Some(national) => national.as_str().to_owned(),
        None => phone.digits().as_str().to_owned(),
    }
}

/// As the provider writes phones: mainland ones bare or with 86, others with their country's code.
fn phone(written: &str) -> Option<Phone> {
    Phone::parse(written, Country::CN)
        .or_else(|_| Phone::parse(&format!("+{}", written.trim_start_matches('+')), Country::CN))
        .ok()
}

/// The `Authorization` over all headers, which are in order, and an encoded query.
fn authorization(key: &str, secret: &str, method: &str, query: &str, headers: &[(&str, String)]) -> String {
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let hashed = headers.iter().find(|(name, _)| *name == "x-acs-content-sha256");
    let hashed = hashed.map_or("", |(_, value)| value.as_str());
    let canonical = format!("{method}\n/\n{query}\n{lines}\n{names}\n{hashed}");
    let to_sign = format!("{ALGORITHM}\n{}", sha256_hex(canonical.as_bytes()));
    let signature = hex(&hmac_sha256(secret.as_bytes(), to_sign.as_bytes()));
    format!("{ALGORITHM} Credential={key},SignedHeaders={names},Signature={signature}")
}

impl Dialect for Aliyun {
    fn most(&self) -> usize {
        MOST_PHONES
    }

    fn prepare(&self, outgoing: &Outgoing) -> Result<Prepared, CarrierCode> {
        let mut prepared = self.templates.of(&outgoing.text)?;
        prepared.alike = format!("{}\n{}", prepared.template, self.extension(outgoing).is_some());
        Ok(prepared)
    }

    fn request(&self, batch: &[Job], stamp: &Stamp) -> Result<HttpRequest, CarrierCode> {
        let Some(first) = batch.first() else { return Err(CarrierCode::default()) };
        let phone = |job: &Job| written(job.outgoing.phone);
        let params = |job: &Job| -> Value {
            let named = job.prepared.params.iter();
            Value::Object(named.map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
        };
        let template = ("TemplateCode", first.prepared.template.clone());
        if batch.len() == 1 {
            let mut form =
                vec![("PhoneNumbers", phone(first)), ("SignName", first.prepared.sign.clone()), template];
            if !first.prepared.params.is_empty() {
                form.push(("TemplateParam", params(first).to_string()));
            }
            if let Some(extension) = self.extension(&first.outgoing) {
                form.push(("SmsUpExtendCode", extension.to_owned()));
            }
            return Ok(self.call("SendSms", &form, stamp));
        }
        let list = |of: &dyn Fn(&Job) -> Value| Value::Array(batch.iter().map(of).collect()).to_string();
        let mut form = vec![
            ("PhoneNumberJson", list(&|job| json!(phone(job)))),
            ("SignNameJson", list(&|job| json!(job.prepared.sign))),
            template,
        ];
        if !first.prepared.params.is_empty() {
            form.push(("TemplateParamJson", list(&params)));
        }
        if self.extension(&first.outgoing).is_some() {
            let extensions = list(&|job| json!(self.extension(&job.outgoing).unwrap_or("")));
            form.push(("SmsUpExtendCodeJson", extensions));
        }
        Ok(self.call("SendBatchSms", &form, stamp))
    }

    fn answer(&self, batch: &[Job], status: u16, body: &[u8]) -> Vec<SubmitOutcome> {
        let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        match answer["Code"].as_str() {
            None => all(batch, &by_status(status)),
            Some("OK") => {
                // Taken without an id: no receipt could ever name it.
                let Some(request) = answer["BizId"].as_str().filter(|id| !id.is_empty()) else {
                    return all(batch, &uncertain());
                };
                batch.iter().map(|job| taken(&self.id(request, job.outgoing.phone))).collect()
            }
            Some(code) if code.starts_with("Throttling") || status == 429 => {
                all(batch, &SubmitOutcome::Throttled)
            }
            // Its own systems lost sight of the request.
            Some(_) if status >= 500 => all(batch, &uncertain()),
            Some(code) => all(batch, &refused(shortened(Some(Codes::Aliyun), code))),
        }
    }

    fn follows(&self) -> bool {
        true
    }

    /// Of the day on which it was sent, by the provider's calendar.
    fn follow(&self, awaited: &Awaited, stamp: &Stamp) -> Option<HttpRequest> {
        let CarrierMessageId::Text(id) = &awaited.id else { return None };
        let (request, _) = id.rsplit_once('#')?;
        let day = beijing(awaited.taken_at).strftime("%Y%m%d").to_string();
        let form = [
            ("PhoneNumber", written(awaited.phone)),
            ("BizId", request.to_owned()),
            ("SendDate", day),
            ("PageSize", "10".to_owned()),
            ("CurrentPage", "1".to_owned()),
        ];
        Some(self.call("QuerySendDetails", &form, stamp))
    }

    fn followed(&self, awaited: &Awaited, _status: u16, body: &[u8], now: Timestamp) -> Followed {
        let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if answer["Code"] != "OK" {
            return Followed::Later;
        }
        // Asked with the request's id, there is one for the phone; none yet when it was taken a moment ago.
        let details = answer["SmsSendDetailDTOs"]["SmsSendDetailDTO"].as_array();
        let of_phone = |detail: &&Value| detail["PhoneNum"].as_str().and_then(phone) == Some(awaited.phone);
        let found = details.and_then(|details| details.iter().find(of_phone));
        found.map_or(Followed::Later, |detail| self.known(awaited, detail, now))
    }

    fn called(&self, request: &CallbackRequest, now: Timestamp) -> Callback {
        let pushed = serde_json::from_slice::<Value>(&request.body).ok();
        let Some(items) = pushed.as_ref().and_then(Value::as_array) else {
            return Callback::Refused(json_answer(400, r#"{"code":1,"msg":"not understood"}"#));
        };
        let reports = items.iter().filter(|item| item["biz_id"].is_string());
        let replies = items.iter().filter(|item| item["content"].is_string() && item["biz_id"].is_null());
        Callback::Arrived {
            receipts: reports.filter_map(|item| self.receipt(item, now)).collect(),
            inbound: replies.filter_map(|item| self.inbound(item, now)).collect(),
            answer: json_answer(200, r#"{"code":0,"msg":"接收成功"}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sign::percent;
    use super::*;

    /// A vector of the reference, made by the provider's own library.
    #[test]
    fn requests_are_signed_as_the_provider_expects() {
        let query = [
            ("PhoneNumbers", "13800138000"),
            ("SignName", "测试"),
            ("TemplateCode", "SMS_1"),
            ("TemplateParam", "{\"code\":\"1234\"}"),
        ];
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        let headers = [
            ("host", "dysmsapi.aliyuncs.com".to_owned()),
            ("x-acs-action", "SendSms".to_owned()),
            ("x-acs-content-sha256", sha256_hex(b"")),
            ("x-acs-date", "2026-11-01T00:00:00Z".to_owned()),
            ("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d".to_owned()),
            ("x-acs-version", "2017-05-25".to_owned()),
        ];
        let authorization = authorization("testId", "testSecret", "POST", &query.join("&"), &headers);
        assert!(
            authorization.ends_with("382f641f3322b5b7f75a720e2c943d0731361148a1ebb8265a4b2a52884bf738"),
            "{authorization}"
        );
    }

    #[test]
    fn phones_are_read_in_every_form() {
        for written in ["13800138000", "8613800138000", "+8613800138000"] {
            assert_eq!(phone(written).map(Phone::to_u64), Some(8_613_800_138_000), "{written}");
        }
        assert_eq!(phone("85261234567").map(Phone::to_u64), Some(85_261_234_567));
        assert_eq!(phone("?"), None);
    }
}
