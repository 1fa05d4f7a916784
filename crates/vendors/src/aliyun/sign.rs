//! Both ways in which a request may be signed.
//!
//! What is signed is what came: parameters are encoded anew, as both ways ask, and headers are taken as they are. A
//! signature is good for 15 minutes, and its nonce once.

use access::VendorKey;
use axum::http::request::Parts;
use domain::ids::KeyId;
use domain::time::Timestamp;

use super::error::Refusal;
use crate::Desk;
use crate::doorman::Shut;
use crate::form::Form;
use crate::hash::{hex, hmac_sha1_base64, hmac_sha256, same, sha256_hex};

/// How far the time of a signature may be from ours, in seconds.
const WINDOW_SECONDS: i64 = 15 * 60;
/// Longest nonce.
const NONCE_BYTES: usize = 128;
/// The one new way that is served.
const ACS3: &str = "ACS3-HMAC-SHA256";
/// Headers that one signature may cover.
const SIGNED_HEADERS: usize = 32;

/// Whose signature it is.
///
/// # Errors
/// [`Refusal`] in the order in which they check: the key, the time, the signature, the nonce.
pub(super) async fn check(
    desk: &Desk,
    parts: &Parts,
    body: &[u8],
    form: &Form,
) -> Result<VendorKey, Refusal> {
    let shown = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let (key, at, nonce, signed) = match shown {
        Some(shown) => {
            let header = Header::read(shown)?;
            let key = known(desk, header.key).await?;
            let expected = header.sign(&key.secret.0, parts, body)?;
            let value = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
            let (at, nonce) = (value("x-acs-date"), value("x-acs-signature-nonce"));
            let at = at.ok_or(Refusal::missing("x-acs-date is mandatory for this action."))?;
            let nonce =
                nonce.ok_or(Refusal::missing("x-acs-signature-nonce is mandatory for this action."))?;
            (key, at.to_owned(), nonce.to_owned(), same(&expected, header.signature))
        }
        None => {
            let id = form.get("AccessKeyId").ok_or(Refusal::NO_KEY)?;
            let said = |name: &str, missing| form.get(name).ok_or(Refusal::missing(missing));
            let signature = said("Signature", "Signature is mandatory for this action.")?;
            let at = said("Timestamp", "Timestamp is mandatory for this action.")?;
            let nonce = said("SignatureNonce", "SignatureNonce is mandatory for this action.")?;
            let method = (form.get("SignatureMethod"), form.get("SignatureVersion"));
            if !matches!(method, (Some("HMAC-SHA1"), Some("1.0"))) {
                return Err(Refusal::METHOD);
            }
            let key = known(desk, id).await?;
            let expected = sign_parameters(&key.secret.0, parts.method.as_str(), form);
            (key, at.to_owned(), nonce.to_owned(), same(&expected, signature))
        }
    };
    let at: jiff::Timestamp = at.parse().map_err(|_| Refusal::TIME_FORM)?;
    let (at, now) = (Timestamp::from(at).millis() / 1_000, desk.api.now().millis() / 1_000);
    if (now - at).abs() > WINDOW_SECONDS {
        return Err(Refusal::EXPIRED);
    }
    if !signed || nonce.len() > NONCE_BYTES {
        return Err(Refusal::SIGNATURE);
    }
    desk.api.access().take_vendor_nonce(key.key, &nonce, at).map_err(Shut::from)?;
    Ok(key)
}

async fn known(desk: &Desk, id: &str) -> Result<VendorKey, Refusal> {
    let id: KeyId = id.parse().map_err(|_| Refusal::UNKNOWN_KEY)?;
    desk.api.access().vendor_key(id).await.map_err(|trouble| Shut::from(trouble).into())
}

/// The old way: all parameters but the signature, sorted.
fn sign_parameters(secret: &str, method: &str, form: &Form) -> String {
    let mut pairs: Vec<_> = form.0.iter().filter(|(name, _)| name != "Signature").collect();
    pairs.sort();
    let query = canonical_query(&pairs);
    let text = format!("{method}&%2F&{}", encode(&query));
    hmac_sha1_base64(format!("{secret}&").as_bytes(), &[text.as_bytes()])
}

fn canonical_query(pairs: &[&(String, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// RFC 3986: all but letters, digits and `-_.~`.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `ACS3-HMAC-SHA256 Credential=…,SignedHeaders=…;…,Signature=…`.
struct Header<'a> {
    key: &'a str,
    signed: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Header<'a> {
    fn read(shown: &'a str) -> Result<Self, Refusal> {
        let (scheme, rest) = shown.split_once(' ').ok_or(Refusal::METHOD)?;
        if scheme != ACS3 {
            return Err(Refusal::METHOD);
        }
        let part = |name: &str| {
            let mut parts = rest.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        let key = part("Credential").ok_or(Refusal::NO_KEY)?;
        let (Some(signed), Some(signature)) = (part("SignedHeaders"), part("Signature")) else {
            return Err(Refusal::SIGNATURE);
        };
        Ok(Self { key, signed: signed.split(';').take(SIGNED_HEADERS).collect(), signature })
    }

    /// What the signature should be. What must be covered: action, version, time, nonce and body.
    fn sign(&self, secret: &str, parts: &Parts, body: &[u8]) -> Result<String, Refusal> {
        let payload = sha256_hex(body);
        let told = parts.headers.get("x-acs-content-sha256").and_then(|value| value.to_str().ok());
        let needed =
            ["x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"];
        if told != Some(payload.as_str()) || !needed.iter().all(|name| self.signed.contains(name)) {
            return Err(Refusal::SIGNATURE);
        }
        let mut headers = String::new();
        for name in &self.signed {
            let mut values: Vec<&str> = Vec::new();
            for value in parts.headers.get_all(*name) {
                values.push(value.to_str().map_err(|_| Refusal::SIGNATURE)?.trim());
            }
            values.sort_unstable();
            headers.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        let query = Form::read(parts.uri.query().unwrap_or_default().as_bytes())?;
        let mut pairs: Vec<_> = query.0.iter().collect();
        pairs.sort();
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{}\n{payload}",
            parts.method,
            parts.uri.path(),
            canonical_query(&pairs),
            self.signed.join(";"),
        );
        let text = format!("{ACS3}\n{}", sha256_hex(canonical.as_bytes()));
        Ok(hex(&hmac_sha256(secret.as_bytes(), &text)))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_old_way_signs_as_their_documentation() {
        let form = Form(
            [
                ("AccessKeyId", "testId"),
                ("Action", "SendSms"),
                ("Format", "JSON"),
                ("OutId", "123"),
                ("PhoneNumbers", "15300000001"),
                ("RegionId", "cn-hangzhou"),
                ("SignName", "阿里云短信测试专用"),
                ("SignatureMethod", "HMAC-SHA1"),
                ("SignatureNonce", "45e25e9b-0a6f-4070-8c85-2956eda1b466"),
                ("SignatureVersion", "1.0"),
                ("TemplateCode", "SMS_71390007"),
                ("TemplateParam", "{\"customer\":\"test\"}"),
                ("Timestamp", "2017-07-12T02:42:19Z"),
                ("Version", "2017-05-25"),
                ("Signature", "whatever"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        );
        assert_eq!(sign_parameters("testSecret", "GET", &form), "bkmmeClMQy7131fLU1mHu+mlly8=");
        assert_eq!(sign_parameters("testSecret", "POST", &form), "uXFmOZ+G8ZX3qPh4wK0RMGokzcw=");
    }

    #[test]
    fn the_new_way_signs_what_it_names() {
        let query = "PhoneNumbers=13800138000&SignName=%E6%B5%8B%E8%AF%95&TemplateCode=SMS_1&TemplateParam=%7B%22code%22%3A%221234%22%7D";
        let empty = sha256_hex(b"");
        let request = Request::post(format!("/?{query}"))
            .header("host", "dysmsapi.aliyuncs.com")
            .header("x-acs-action", "SendSms")
            .header("x-acs-content-sha256", &empty)
            .header("x-acs-date", "2026-11-01T00:00:00Z")
            .header("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d")
            .header("x-acs-version", "2017-05-25")
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let names = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";
        let shown = format!("{ACS3} Credential=testId,SignedHeaders={names},Signature=x");
        let header = Header::read(&shown).unwrap();
        assert_eq!(
            header.sign("testSecret", &parts, b"").unwrap(),
            "382f641f3322b5b7f75a720e2c943d0731361148a1ebb8265a4b2a52884bf738"
        );
        assert_eq!(header.sign("testSecret", &parts, b"x").unwrap_err(), Refusal::SIGNATURE, "another body");
        let fewer = shown.replace(";x-acs-signature-nonce", "");
        let header = Header::read(&fewer).unwrap();
        assert_eq!(
            header.sign("testSecret", &parts, b"").unwrap_err(),
            Refusal::SIGNATURE,
            "a nonce not covered"
        );
    }
}
