//! What a provider says of itself (OpenID Connect Discovery 1.0).

use serde::Deserialize;

use crate::OidcError;

/// Where its documents begin.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";
const WHAT: &str = "openid-configuration";

/// What is needed of it; the rest is passed over.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) jwks_uri: String,
    /// Absent: as `client_secret_basic` alone, says the standard.
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

impl Provider {
    /// Where the document of an issuer is.
    pub(crate) fn address(issuer: &str) -> String {
        format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'))
    }

    /// From its document, if it is that issuer's.
    pub(crate) fn read(document: &[u8], issuer: &str) -> Result<Self, OidcError> {
        let wrong = |why| OidcError::Provider { what: WHAT, why };
        let read: Self = serde_json::from_slice(document)
            .map_err(|_| wrong("issuer, endpoints and jwks_uri are expected"))?;
        if read.issuer != issuer {
            return Err(wrong("its issuer is another than the one configured"));
        }
        let addresses = [&read.authorization_endpoint, &read.token_endpoint, &read.jwks_uri];
        if addresses.into_iter().any(|address| !is_trusted(address)) {
            return Err(wrong("an address is neither https nor on this machine"));
        }
        Ok(read)
    }

    /// Whether the client's secret goes into the form instead of the header.
    pub(crate) fn wants_secret_in_form(&self) -> bool {
        let known = &self.token_endpoint_auth_methods_supported;
        let has = |word: &str| known.iter().any(|method| method == word);
        !known.is_empty() && !has("client_secret_basic") && has("client_secret_post")
    }
}

/// Whether nobody in between can read or change what goes there: `https`, or `http` on this machine. Without user, fragment or blanks.
pub(crate) fn is_trusted(address: &str) -> bool {
    let plain =
        address.bytes().all(|byte| (0x21..0x7f).contains(&byte)) && !address.contains(['#', '@', '\\']);
    let (Some((scheme, rest)), true) = (address.split_once("://"), plain) else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match scheme {
        "https" => !host.is_empty(),
        "http" => {
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_and_this_machine_are_trusted() {
        let trusted = [
            "https://id.example.com/",
            "https://id.example.com:8443/a?b=c",
            "http://127.0.0.1:9/",
            "http://[::1]:9/x",
            "http://localhost/",
        ];
        for address in trusted {
            assert!(is_trusted(address), "{address}");
        }
        for address in [
            "http://id.example.com/",
            "http://127.0.0.1.example.com/",
            "http://127.0.0.1@example.com/",
            "http://localhost.example.com/",
            "ftp://127.0.0.1/",
            "https:///x",
            "https://a b/",
            "https://a/#x",
            "id.example.com",
            "",
        ] {
            assert!(!is_trusted(address), "{address}");
        }
    }

    #[test]
    fn a_document_of_another_issuer_or_with_open_addresses_is_refused() {
        let document = |issuer: &str, token: &str| {
            serde_json::json!({"issuer": issuer, "authorization_endpoint": "https://a/auth",
                "token_endpoint": token, "jwks_uri": "https://a/keys", "more": 1})
            .to_string()
        };
        let read = |text: &str| Provider::read(text.as_bytes(), "https://a");
        let good = read(&document("https://a", "https://a/token")).unwrap();
        assert!(!good.wants_secret_in_form(), "the header where nothing is said");
        assert!(read(&document("https://b", "https://a/token")).is_err());
        assert!(read(&document("https://a", "http://a/token")).is_err());
        assert!(read("{}").is_err() && read("<html>").is_err());
        assert_eq!(Provider::address("https://a/b/"), "https://a/b/.well-known/openid-configuration");
    }
}
