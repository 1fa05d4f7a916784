//! Twilio 2010-04-01: forms with basic authentication; receipts and inbound messages by signed callback, or asked for: a
//! message's status by its id, inbound messages in the list of those of the last days.

use domain::channel::{
    Callback, CallbackAnswer, CallbackRequest, CarrierCode, CarrierMessageId, Inbound, Outgoing, Receipt,
    ReceiptStatus, SettingsFault, SubmitOutcome,
};
use domain::control::{ChannelConfig, Provider};
use domain::ids::{ChannelId, GatewayId};
use domain::phone::{Country, Phone};
use domain::time::Timestamp;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::dialect::{
    Arrivals, Awaited, Dialect, Followed, HttpRequest, Job, Next, Prepared, Stamp, all, by_status,
    carrier_id, refused, taken, uncertain,
};
use super::sign::{base64, hmac_sha1};
use super::{callback_url, fault, public_url};

/// How long it may try to deliver, in seconds.
const VALIDITY: std::ops::RangeInclusive<i64> = 1..=36_000;
/// Messages of one page of the list: the most that it gives.
const PAGE: &str = "1000";
/// How far back inbound messages are looked for; the list knows whole days.
const INBOUND_SINCE: std::time::Duration = std::time::Duration::from_secs(86_400);
/// Results that ask for a slower pace: too many requests, a sender's queue that is full.
const THROTTLED: [i64; 3] = [20_429, 21_611, 30_001];

pub(super) struct Twilio {
    channel: ChannelId,
    gateway: GatewayId,
    account: String,
    secret: String,
    sender: String,
    /// Where it reaches us, up to the path.
    public: String,
    /// The address of callbacks; none asks for no receipts.
    callback: Option<String>,
}

impl Twilio {
    pub(super) fn new(config: &ChannelConfig, provider: &Provider) -> Result<Self, SettingsFault> {
        let public = public_url(provider).to_owned();
        let is_address = public.starts_with("https://") || public.starts_with("http://");
        if !is_address && !public.is_empty() {
            return Err(fault(
                "/public_url",
                "应以 https:// 开头",
                "an address that begins with https:// is expected",
            ));
        }
        if provider.callback_token.is_some() && public.is_empty() {
            return Err(fault(
                "/public_url",
                "需要本平台的公网地址：回执地址和签名校验都用它",
                "the address at which the provider reaches us is needed, for receipts and for checking their signatures",
            ));
        }
        Ok(Self {
            channel: config.id,
            gateway: config.gateway,
            account: config.login.clone(),
            secret: config.secret.0.clone(),
            sender: config.access_code.clone(),
            callback: callback_url(config, provider),
            public,
        })
    }

    /// Whether a callback is from the provider: everything it says is signed with our secret.
    fn is_signed(&self, request: &CallbackRequest, fields: &[(String, String)]) -> bool {
        let signature = signature(&self.secret, &format!("{}{}", self.public, request.target), fields);
        let given = request.header("x-twilio-signature").unwrap_or("");
        bool::from(signature.as_bytes().ct_eq(given.as_bytes()))
    }
}

impl Twilio {
    /// Where the account's things lie.
    fn account_path(&self) -> String {
        format!("/2010-04-01/Accounts/{}", super::sign::percent(&self.account))
    }

    fn authorization(&self) -> (String, String) {
        let credentials = base64(format!("{}:{}", self.account, self.secret).as_bytes());
        ("authorization".to_owned(), format!("Basic {credentials}"))
    }

    fn get(&self, target: String) -> HttpRequest {
        HttpRequest {
            method: "GET".to_owned(),
            target,
            headers: vec![self.authorization()],
            body: Vec::new(),
        }
    }

    /// The receipt of a message that has come to its end.
    fn receipt(
        &self,
        id: CarrierMessageId,
        to: &str,
        said: (&str, Option<i64>),
        now: Timestamp,
    ) -> Option<Receipt> {
        let status = match said.0 {
            "delivered" | "read" => ReceiptStatus::Delivered,
            "undelivered" | "failed" | "canceled" => ReceiptStatus::Undelivered,
            _ => return None,
        };
        let code = match (status, said.1) {
            (ReceiptStatus::Delivered, _) => CarrierCode::new(b"DELIVRD"),
            (_, Some(code)) => code_of(code),
            (_, None) => CarrierCode::new(b"UNDELIV"),
        };
        let phone = Phone::parse(to, Country::CN).ok();
        Some(Receipt { gateway: self.gateway, carrier_id: id, phone, status, code, received_at: now })
    }

    fn inbound(&self, id: &str, (from, to): (&str, &str), text: &str, now: Timestamp) -> Option<Inbound> {
        Some(Inbound {
            gateway: self.gateway,
            channel: self.channel,
            carrier_id: carrier_id(id),
            from: Phone::parse(from, Country::CN).ok()?,
            to: to.into(),
            text: text.to_owned(),
            received_at: now,
        })
    }
}

/// The `X-Twilio-Signature` of a callback.
fn signature(secret: &str, address: &str, fields: &[(String, String)]) -> String {
    let mut fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.sort_unstable();
    fields.dedup();
    let mut signed = address.to_owned();
    for (name, value) in fields {
        signed.push_str(name);
        signed.push_str(value);
    }
    base64(&hmac_sha1(secret.as_bytes(), signed.as_bytes()))
}

fn code_of(code: i64) -> CarrierCode {
    CarrierCode::new(format!("TWI:{code}").as_bytes())
}

impl Dialect for Twilio {
    fn prepare(&self, _outgoing: &Outgoing) -> Result<Prepared, CarrierCode> {
        Ok(Prepared::default())
    }

    fn request(&self, batch: &[Job], stamp: &Stamp) -> Result<HttpRequest, CarrierCode> {
        let Some(Job { outgoing, .. }) = batch.first() else { return Err(CarrierCode::default()) };
        let left = outgoing.carry_until.since(stamp.now).as_secs();
        let validity = i64::try_from(left).unwrap_or(i64::MAX).clamp(*VALIDITY.start(), *VALIDITY.end());
        let from = if self.sender.starts_with("MG") { "MessagingServiceSid" } else { "From" };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", outgoing.phone.e164().as_str())
            .append_pair(from, &self.sender)
            .append_pair("Body", &outgoing.text)
            .append_pair("ValidityPeriod", &validity.to_string());
        if let Some(callback) = &self.callback {
            form.append_pair("StatusCallback", callback);
        }
        Ok(HttpRequest {
            method: "POST".to_owned(),
            target: format!("{}/Messages.json", self.account_path()),
            headers: vec![
                self.authorization(),
                ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ],
            body: form.finish().into_bytes(),
        })
    }

    fn answer(&self, batch: &[Job], status: u16, body: &[u8]) -> Vec<SubmitOutcome> {
        let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let outcome = match (status, answer["sid"].as_str(), answer["code"].as_i64()) {
            (200..=299, Some(sid), _) if !sid.is_empty() => taken(sid),
            (200..=299, ..) => uncertain(),
            (429, ..) => SubmitOutcome::Throttled,
            (_, _, Some(code)) if THROTTLED.contains(&code) => SubmitOutcome::Throttled,
            (400..=499, _, Some(code)) => refused(code_of(code)),
            _ => by_status(status),
        };
        all(batch, &outcome)
    }

    /// Inbound messages since yesterday, by the provider's calendar; to our number, unless that is a messaging service.
    fn questions(&self, stamp: &Stamp) -> Vec<HttpRequest> {
        let since = stamp.now.minus(INBOUND_SINCE).to_jiff().strftime("%Y-%m-%d");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("PageSize", PAGE).append_pair("DateSent>", &since.to_string());
        if !self.sender.starts_with("MG") {
            query.append_pair("To", &self.sender);
        }
        vec![self.get(format!("{}/Messages.json?{}", self.account_path(), query.finish()))]
    }

    fn told(&self, _status: u16, body: &[u8], now: Timestamp) -> Option<Arrivals> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let text = |item: &Value, field: &str| item[field].as_str().unwrap_or("").to_owned();
        let inbound = answer["messages"].as_array()?.iter().filter(|item| item["direction"] == "inbound");
        let inbound = inbound.filter_map(|item| {
            let (from, to) = (text(item, "from"), text(item, "to"));
            self.inbound(item["sid"].as_str()?, (&from, &to), &text(item, "body"), now)
        });
        // Relative to the host, and nobody else's.
        let follows = answer["next_page_uri"].as_str();
        let follows =
            follows.filter(|target| target.starts_with(&format!("{}/Messages.json?", self.account_path())));
        let next = follows.map_or(Next::Nothing, |target| Next::Page(self.get(target.to_owned())));
        Some(Arrivals { receipts: Vec::new(), inbound: inbound.collect(), next })
    }

    fn follows(&self) -> bool {
        true
    }

    fn follow(&self, awaited: &Awaited, _stamp: &Stamp) -> Option<HttpRequest> {
        let CarrierMessageId::Text(id) = &awaited.id else { return None };
        Some(self.get(format!("{}/Messages/{}.json", self.account_path(), super::sign::percent(id))))
    }

    fn followed(&self, awaited: &Awaited, status: u16, body: &[u8], now: Timestamp) -> Followed {
        if status == 404 {
            return Followed::Never;
        }
        let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let said = (answer["status"].as_str().unwrap_or(""), answer["error_code"].as_i64());
        let receipt = self.receipt(awaited.id.clone(), awaited.phone.e164().as_str(), said, now);
        receipt.map_or(Followed::Later, Followed::Known)
    }

    fn called(&self, request: &CallbackRequest, now: Timestamp) -> Callback {
        let fields: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
        if !self.is_signed(request, &fields) {
            let body = "the signature does not fit".to_owned();
            return Callback::Refused(CallbackAnswer { status: 403, content_type: "text/plain", body });
        }
        let field = |name: &str| {
            fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
        };
        let answer = CallbackAnswer {
            status: 200,
            content_type: "text/xml",
            body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>".to_owned(),
        };
        let (id, status) = (field("MessageSid"), field("MessageStatus"));
        let said = (status, field("ErrorCode").parse().ok());
        let receipt = self.receipt(carrier_id(id), field("To"), said, now);
        let reply =
            status.is_empty().then(|| self.inbound(id, (field("From"), field("To")), field("Body"), now));
        let (receipts, inbound) = (receipt.into_iter().collect(), reply.flatten().into_iter().collect());
        Callback::Arrived { receipts, inbound, answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Vectors of the reference: the provider's own test, and one made by its library.
    #[test]
    fn callbacks_are_signed_as_the_provider_signs() {
        let call = fields(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]);
        assert_eq!(
            signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", &call),
            "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        );
        let (account, sid) = (format!("AC{}", "0".repeat(32)), format!("SM{}", "1".repeat(32)));
        let status = fields(&[
            ("AccountSid", &account),
            ("ApiVersion", "2010-04-01"),
            ("From", "+15005550006"),
            ("MessageSid", &sid),
            ("SmsSid", &sid),
            ("MessageStatus", "delivered"),
            ("SmsStatus", "delivered"),
            ("To", "+15005550010"),
        ]);
        assert_eq!(
            signature("0123456789abcdef0123456789abcdef", "https://app.example.com/cb", &status),
            "vSQf/DSIN6aiFgcBRhOxnt5It4U="
        );
    }
}
