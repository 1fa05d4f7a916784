//! Requests to S3-compatible stores: an object by its path, signed as AWS Signature Version 4 has it.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.

use domain::time::Timestamp;
use hyper::Uri;

use super::Headers;
use crate::provider::sign::{hex, hmac_sha256, percent, sha256_hex};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "s3";

/// An object and how it is asked for.
pub(super) struct Target {
    pub(super) url: String,
    /// As the request names it: without a port that goes without saying.
    host: String,
    /// Percent-encoded, as it is sent and signed.
    path: String,
}

/// `None`: the endpoint is not one: scheme, host and perhaps a port, no more.
pub(super) fn target(endpoint: &str, bucket: &str, object: &str) -> Option<Target> {
    let endpoint = endpoint.strip_suffix('/').unwrap_or(endpoint);
    let uri: Uri = endpoint.parse().ok()?;
    let scheme = uri.scheme_str()?;
    if !uri.path().is_empty() && uri.path() != "/" || uri.query().is_some() {
        return None;
    }
    let name = uri.host()?;
    let host = match (scheme, uri.port_u16()) {
        ("http", Some(80) | None) | ("https", Some(443) | None) => name.to_owned(),
        (_, Some(port)) => format!("{name}:{port}"),
        (_, None) => name.to_owned(),
    };
    let names: Vec<String> = object.trim_start_matches('/').split('/').map(percent).collect();
    let path = format!("/{}/{}", percent(bucket), names.join("/"));
    Some(Target { url: format!("{endpoint}{path}"), host, path })
}

/// The headers of a GET request for an object.
pub(super) fn signed(target: &Target, region: &str, key: (&str, &str), now: Timestamp) -> Headers {
    let nothing = sha256_hex(b"");
    let at = now.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string();
    let headers: Headers = vec![
        ("host", target.host.clone()),
        ("x-amz-content-sha256", nothing.clone()),
        ("x-amz-date", at.clone()),
    ];
    let authorization = authorization(&target.path, &headers, &nothing, (&at, region), key);
    headers.into_iter().chain([("authorization", authorization)]).collect()
}

/// The headers that are signed are lower-case and in order.
fn authorization(
    path: &str,
    headers: &[(&'static str, String)],
    payload: &str,
    (at, region): (&str, &str),
    (id, secret): (&str, &str),
) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let request = format!("GET\n{path}\n\n{lines}\n{names}\n{payload}");
    let day = at.get(..8).unwrap_or(at);
    let scope = format!("{day}/{region}/{SERVICE}/aws4_request");
    let to_sign = format!("{ALGORITHM}\n{at}\n{scope}\n{}", sha256_hex(request.as_bytes()));
    let mut sealed = hmac_sha256(format!("AWS4{secret}").as_bytes(), day.as_bytes());
    for step in [region, SERVICE, "aws4_request"] {
        sealed = hmac_sha256(&sealed, step.as_bytes());
    }
    let signature = hex(&hmac_sha256(&sealed, to_sign.as_bytes()));
    format!("{ALGORITHM} Credential={id}/{scope},SignedHeaders={names},Signature={signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation, "GET Object".
    #[test]
    fn the_signature_is_the_published_one() {
        let nothing = sha256_hex(b"");
        let headers: Headers = vec![
            ("host", "examplebucket.s3.amazonaws.com".to_owned()),
            ("range", "bytes=0-9".to_owned()),
            ("x-amz-content-sha256", nothing.clone()),
            ("x-amz-date", "20130524T000000Z".to_owned()),
        ];
        let key = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let told = authorization("/test.txt", &headers, &nothing, ("20130524T000000Z", "us-east-1"), key);
        assert_eq!(
            told,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,\
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
    }

    #[test]
    fn an_object_is_addressed_by_its_path() {
        let found = target("https://s3.example.com/", "people", "daily/会员 1.csv").unwrap();
        assert_eq!(found.url, "https://s3.example.com/people/daily/%E4%BC%9A%E5%91%98%201.csv");
        assert_eq!(found.host, "s3.example.com");
        assert_eq!(target("http://127.0.0.1:9000", "b", "/k").unwrap().host, "127.0.0.1:9000");
        assert_eq!(target("https://h:443", "b", "k").unwrap().host, "h");
        for odd in ["s3.example.com", "https://h/prefix", "https://h?x=1", ""] {
            assert!(target(odd, "b", "k").is_none(), "{odd}");
        }
    }
}
