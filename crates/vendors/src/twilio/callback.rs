//! What whoever sent a message is told of it, signed as Twilio signs.

use std::time::Duration;

use domain::control::Secret;
use domain::events::EventKind;
use domain::ledger::MessageRecord;
use domain::webhooks::Call;
use serde::{Deserialize, Serialize};

use super::resource::{error_of, status_of};
use super::{VERSION, sid};
use crate::hash::hmac_sha1_base64;

/// How long one call may take, as Twilio allows it.
const WITHIN: Duration = Duration::from_secs(15);

/// Where the news of a message go; kept sealed beside it until they are told.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StatusCallback {
    pub url: String,
    /// The account's sid, as the request had it.
    pub account: String,
    pub from: Option<String>,
    pub service: Option<String>,
    /// The secret that the request was made with: what is signed with.
    pub secret: String,
}

impl StatusCallback {
    /// The call that tells of an event; none when Twilio tells nothing of it.
    pub(crate) fn call(&self, record: &MessageRecord, kind: EventKind) -> Option<Call> {
        let step = step(record, kind)?;
        let message = sid("SM", record.id.raw());
        let mut fields: Vec<(&str, String)> = vec![
            ("AccountSid", self.account.clone()),
            ("ApiVersion", VERSION.to_owned()),
            ("MessageSid", message.clone()),
            ("MessageStatus", step.to_owned()),
            ("SmsSid", message.clone()),
            ("SmsStatus", step.to_owned()),
            ("To", record.phone.e164().to_string()),
        ];
        let given = [("From", &self.from), ("MessagingServiceSid", &self.service)];
        fields.extend(given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        if step == status_of(record)
            && let Some((code, words)) = error_of(record)
        {
            fields.push(("ErrorCode", code.to_string()));
            fields.push(("ErrorMessage", words.to_owned()));
        }
        if matches!(step, "delivered" | "undelivered")
            && let Some(last) = record.trail.last()
        {
            fields.push(("RawDlrDoneDate", last.at.to_jiff().strftime("%y%m%d%H%M").to_string()));
        }
        let signature = signature(&Secret(self.secret.clone()), &self.url, &fields);
        let body = {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(&fields).finish()
        };
        let headers = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("user-agent", "TwilioProxy/1.1".to_owned()),
            ("x-twilio-signature", signature),
            ("i-twilio-idempotency-token", format!("{message}-{step}")),
        ];
        Some(Call { url: self.url.as_str().into(), headers, body: body.into_bytes(), within: WITHIN })
    }
}

/// The word of a step. One that came late, when the message had moved on already, is told in its own words, so far as
/// there is only one for it.
fn step(record: &MessageRecord, kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::Submitted => Some("sent"),
        EventKind::Delivered => Some("delivered"),
        _ if EventKind::of_state(record.state) == Some(kind) => Some(status_of(record)),
        // The message went on to another end, which is told by itself.
        _ => None,
    }
}

/// `X-Twilio-Signature`: base64 of the HMAC-SHA1 over the address and all names with their values, in order of names.
fn signature(secret: &Secret, url: &str, fields: &[(&str, String)]) -> String {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort();
    let mut parts = vec![url.as_bytes()];
    parts.extend(sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    hmac_sha1_base64(secret.0.as_bytes(), &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_callback_is_signed_as_theirs() {
        let fields = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let call = fields(&[
            ("To", "+18005551212"),
            ("Digits", "1234"),
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("From", "+14158675309"),
        ]);
        assert_eq!(signature(&Secret("12345".to_owned()), url, &call), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        let account = format!("AC{}", "0".repeat(32));
        let message = format!("SM{}", "1".repeat(32));
        let status = fields(&[
            ("AccountSid", &account),
            ("ApiVersion", "2010-04-01"),
            ("From", "+15005550006"),
            ("To", "+15005550010"),
            ("MessageSid", &message),
            ("SmsSid", &message),
            ("MessageStatus", "delivered"),
            ("SmsStatus", "delivered"),
        ]);
        let secret = Secret("0123456789abcdef0123456789abcdef".to_owned());
        assert_eq!(signature(&secret, "https://app.example.com/cb", &status), "vSQf/DSIN6aiFgcBRhOxnt5It4U=");
    }
}
