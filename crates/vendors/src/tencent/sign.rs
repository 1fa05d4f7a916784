//! TC3-HMAC-SHA256.

use access::VendorKey;
use axum::http::request::Parts;
use domain::ids::KeyId;

use super::error::Refusal;
use crate::Desk;
use crate::doorman::Shut;
use crate::hash::{hex, hmac_sha256, same, sha256_hex};

/// The one way that is served.
const TC3: &str = "TC3-HMAC-SHA256";
/// How far the time of a signature may be from ours, in seconds.
const WINDOW_SECONDS: i64 = 300;
/// Headers that one signature may cover.
const SIGNED_HEADERS: usize = 32;
/// In the place of the body's digest.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Whose signature it is.
///
/// # Errors
/// [`Refusal`].
pub(super) async fn check(desk: &Desk, parts: &Parts, body: &[u8]) -> Result<VendorKey, Refusal> {
    let value = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let header = Header::read(value("authorization").ok_or(Refusal::AUTHORIZATION)?)?;
    let at: i64 = value("x-tc-timestamp").and_then(|at| at.parse().ok()).ok_or(Refusal::AUTHORIZATION)?;
    if (desk.api.now().millis() / 1_000 - at).checked_abs().is_none_or(|apart| apart > WINDOW_SECONDS) {
        return Err(Refusal::EXPIRED);
    }
    let id: KeyId = header.key.parse().map_err(|_| Refusal::UNKNOWN_KEY)?;
    let known = desk.api.access().vendor_key(id).await.map_err(Shut::from)?;
    let expected = header.sign(&known.secret.0, parts, body, at);
    if !expected.iter().any(|expected| same(expected, header.signature)) {
        return Err(Refusal::SIGNATURE);
    }
    Ok(known)
}

/// `TC3-HMAC-SHA256 Credential=id/date/service/tc3_request, SignedHeaders=…;…, Signature=…`.
struct Header<'a> {
    key: &'a str,
    date: &'a str,
    /// One of their SDKs makes it of the endpoint's name: so it is taken as it came.
    service: &'a str,
    signed: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Header<'a> {
    fn read(shown: &'a str) -> Result<Self, Refusal> {
        let rest = shown.strip_prefix(TC3).ok_or(Refusal::AUTHORIZATION)?;
        let part = |name: &str| {
            let mut parts = rest.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(known, _)| *known == name).map(|(_, value)| value).ok_or(Refusal::AUTHORIZATION)
        };
        let scope: Vec<&str> = part("Credential")?.split('/').collect();
        let [key, date, service, "tc3_request"] = scope[..] else { return Err(Refusal::AUTHORIZATION) };
        let signed: Vec<&str> = part("SignedHeaders")?.split(';').take(SIGNED_HEADERS).collect();
        if !["content-type", "host"].iter().all(|name| signed.contains(name)) {
            return Err(Refusal::SIGNATURE);
        }
        Ok(Self { key, date, service, signed, signature: part("Signature")? })
    }

    /// What the signature should be: with the host as it was sent, or, as one of their SDKs signs, without its port.
    fn sign(&self, secret: &str, parts: &Parts, body: &[u8], at: i64) -> Vec<String> {
        let day = jiff::Timestamp::from_second(at).unwrap_or_default().strftime("%Y-%m-%d").to_string();
        if day != self.date {
            return Vec::new();
        }
        let value =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let payload = match value("x-tc-content-sha256") {
            UNSIGNED => sha256_hex(UNSIGNED.as_bytes()),
            _ => sha256_hex(body),
        };
        let host = value("host");
        let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
        let hosts = if bare == host { vec![host] } else { vec![host, bare] };
        let sign = |host: &str| {
            let mut headers = String::new();
            for name in &self.signed {
                let value = if *name == "host" { host } else { value(name) };
                headers.push_str(&format!("{name}:{}\n", value.trim().to_lowercase()));
            }
            let canonical = format!(
                "{}\n{}\n{}\n{headers}\n{}\n{payload}",
                parts.method,
                parts.uri.path(),
                parts.uri.query().unwrap_or_default(),
                self.signed.join(";"),
            );
            let scope = format!("{}/{}/tc3_request", self.date, self.service);
            let text = format!("{TC3}\n{at}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
            let day = hmac_sha256(format!("TC3{secret}").as_bytes(), self.date);
            let key = hmac_sha256(&hmac_sha256(&day, self.service), "tc3_request");
            hex(&hmac_sha256(&key, &text))
        };
        hosts.into_iter().map(sign).collect()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const BODY: &[u8] = br#"{"PhoneNumberSet": ["+8613800138000"], "SmsSdkAppId": "1400000000", "TemplateId": "1", "SignName": "test", "TemplateParamSet": ["1234"]}"#;
    const AT: i64 = 1_793_491_200;

    fn signed(host: &str, body: &[u8]) -> Vec<String> {
        let request = Request::post("/").header("host", host).header("content-type", "application/json");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let shown = format!(
            "{TC3} Credential=AKIDtest/2026-11-01/sms/tc3_request, SignedHeaders=content-type;host, Signature=x"
        );
        Header::read(&shown).unwrap().sign("SKtest", &parts, body, AT)
    }

    #[test]
    fn signatures_are_those_of_their_sdks() {
        let named = "f301d0b20182aa2c75e2d0c6212b0339263487cc790abc30f85c7461d810cd6a";
        let local = "8906343d90b39cd4b8cccf5cdd93132a31f79952fc7cb2e64492a612b8101ac5";
        assert_eq!(signed("sms.tencentcloudapi.com", BODY), [named]);
        assert_eq!(signed("127.0.0.1:8080", BODY)[0], local);
        // As the one that leaves the port out.
        assert_eq!(signed("sms.tencentcloudapi.com:8080", BODY)[1], named);
        assert_ne!(signed("sms.tencentcloudapi.com", b"{}"), [named]);
    }

    #[test]
    fn a_header_that_does_not_cover_enough_is_refused() {
        let head = |scope: &str, signed: &str| {
            Header::read(&format!("{TC3} Credential={scope}, SignedHeaders={signed}, Signature=x")).err()
        };
        assert_eq!(head("a/2026-11-01/sms/tc3_request", "content-type"), Some(Refusal::SIGNATURE));
        assert_eq!(head("a/2026-11-01/sms", "content-type;host"), Some(Refusal::AUTHORIZATION));
        assert_eq!(Header::read("Bearer x").err(), Some(Refusal::AUTHORIZATION));
    }
}
