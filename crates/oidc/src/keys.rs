//! A provider's public keys (RFC 7517), and what each may have signed (RFC 7518).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;

use crate::OidcError;

const WHAT: &str = "jwks_uri";
/// Keys of one provider; more are passed over.
const MOST_KEYS: usize = 100;

/// A key as it is written.
#[derive(Deserialize)]
struct Written {
    kty: String,
    #[serde(default)]
    r#use: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

/// What a key is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key that signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PublicKey {
    kid: Option<String>,
    /// The only algorithm that it is for, where it says so.
    alg: Option<String>,
    material: Material,
}

/// All keys of a provider that can be used here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// From the provider's document; keys of other kinds and uses are passed over.
    pub(crate) fn read(document: &[u8]) -> Result<Self, OidcError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<serde_json::Value>,
        }
        let wrong = |why| OidcError::Provider { what: WHAT, why };
        let document: Document = serde_json::from_slice(document).map_err(|_| wrong("keys are expected"))?;
        let written = document.keys.into_iter().take(MOST_KEYS);
        let written = written.filter_map(|key| serde_json::from_value::<Written>(key).ok());
        let keys: Vec<PublicKey> = written.filter_map(PublicKey::of).collect();
        if keys.is_empty() { Err(wrong("there is no key that can be used")) } else { Ok(Self(keys)) }
    }

    /// Whether there is a key that a token of this header may be signed by.
    pub(crate) fn knows(&self, kid: Option<&str>, alg: &str) -> bool {
        self.candidates(kid, alg).next().is_some()
    }

    /// Whether one of the keys that the header admits signed this.
    pub(crate) fn signed(&self, kid: Option<&str>, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        self.candidates(kid, alg).any(|key| key.signed(alg, message, signature))
    }

    fn candidates<'a>(&'a self, kid: Option<&'a str>, alg: &'a str) -> impl Iterator<Item = &'a PublicKey> {
        self.0.iter().filter(move |key| {
            let named = kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid;
            named && key.alg.as_deref().is_none_or(|of| of == alg) && key.fits(alg)
        })
    }
}

impl PublicKey {
    fn of(written: Written) -> Option<Self> {
        if written.r#use.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let octets = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let point = |length: usize| {
            let (x, y) = (octets(&written.x)?, octets(&written.y)?);
            (x.len() == length && y.len() == length).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
        };
        let material = match (written.kty.as_str(), written.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: octets(&written.n)?, e: octets(&written.e)? },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(octets(&written.x)?),
            _ => return None,
        };
        Some(Self { kid: written.kid, alg: written.alg, material })
    }

    /// Whether a key of its kind makes such signatures. `none` and those with shared secrets fit no key.
    fn fits(&self, alg: &str) -> bool {
        match self.material {
            Material::Rsa { .. } => rsa(alg).is_some(),
            Material::P256(_) => alg == "ES256",
            Material::P384(_) => alg == "ES384",
            Material::Ed25519(_) => alg == "EdDSA",
        }
    }

    fn signed(&self, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        let plain = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
        };
        match &self.material {
            Material::Rsa { n, e } => rsa(alg).is_some_and(|parameters| {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }),
            Material::P256(point) => plain(&ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => plain(&ECDSA_P384_SHA384_FIXED, point),
            Material::Ed25519(point) => plain(&ED25519, point),
        }
    }
}

/// Keys of less than 2,048 bits are refused by all of them.
fn rsa(alg: &str) -> Option<&'static RsaParameters> {
    Some(match alg {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_other_kinds_and_uses_are_passed_over() {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        let document = json!({"keys": [
            {"kty": "oct", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-256", "x": x, "y": x, "use": "enc"},
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
            "nonsense",
            {"kty": "EC", "crv": "P-256", "x": x, "y": x, "kid": "a", "use": "sig", "alg": "ES256"},
        ]});
        let keys = KeySet::read(document.to_string().as_bytes()).unwrap();
        assert_eq!(keys.0.len(), 1);
        assert!(keys.knows(Some("a"), "ES256") && keys.knows(None, "ES256"));
        assert!(!keys.knows(Some("b"), "ES256"));
        for alg in ["none", "HS256", "RS256", "ES384", ""] {
            assert!(!keys.knows(Some("a"), alg), "{alg}");
        }
        for bad in ["{}", "[]", "{\"keys\": []}", "{\"keys\": [{\"kty\": \"oct\"}]}"] {
            assert!(KeySet::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    /// The example of RFC 7515, A.2.
    #[test]
    fn a_signature_of_an_rsa_key_is_looked_at() {
        let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT\
            -SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7\
            WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91\
            kzk2PAcDTW9gb54h4FRWyuXpoQ";
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5j\
            ujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB\
            _eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLI\
            hWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let message = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvb\
            S9pc19yb290Ijp0cnVlfQ";
        let document = json!({"keys": [{"kty": "RSA", "n": n, "e": "AQAB", "kid": "r"}]});
        let keys = KeySet::read(document.to_string().as_bytes()).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(keys.signed(None, "RS256", message.as_bytes(), &signature));
        assert!(!keys.signed(None, "RS512", message.as_bytes(), &signature), "another algorithm");
        assert!(!keys.signed(Some("other"), "RS256", message.as_bytes(), &signature), "another key");
        assert!(!keys.signed(None, "RS256", b"another text", &signature));
    }
}
