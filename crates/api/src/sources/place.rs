//! Places as documents: their secrets go in and never come out.

use domain::control::{Secret, SourcePlace};

use crate::json;
use crate::problem::{Problem, say};

pub(super) fn document(place: &SourcePlace) -> json::SourcePlace {
    match place.clone() {
        SourcePlace::Http { url, .. } => json::SourcePlace::Http { url, authorization: None },
        SourcePlace::S3 { endpoint, region, bucket, object, key_id, .. } => {
            json::SourcePlace::S3 { endpoint, region, bucket, object, key_id, secret: None }
        }
        SourcePlace::Postgres { host, port, database, user, tls, query, .. } => {
            json::SourcePlace::Postgres { host, port, database, user, password: None, tls, query }
        }
    }
}

/// A place as it is written; a secret that is left out is the one that was kept, if it goes where it went: to another host it
/// would be given away.
///
/// # Errors
/// A problem that points at the secret that is missing.
pub(super) fn read(new: json::SourcePlace, old: Option<&SourcePlace>) -> Result<SourcePlace, Problem> {
    match new {
        json::SourcePlace::Http { url, authorization } => {
            let kept = match old {
                Some(SourcePlace::Http { url: known, authorization }) if origin(known) == origin(&url) => {
                    authorization.clone()
                }
                _ => None,
            };
            let authorization = match authorization {
                None => kept,
                Some(text) => (!text.is_empty()).then_some(Secret(text)),
            };
            Ok(SourcePlace::Http { url, authorization })
        }
        json::SourcePlace::S3 { endpoint, region, bucket, object, key_id, secret } => {
            let kept = match old {
                Some(SourcePlace::S3 { endpoint: known, key_id: id, secret, .. })
                    if (known, id) == (&endpoint, &key_id) =>
                {
                    Some(secret.clone())
                }
                _ => None,
            };
            let secret = needed("/place/secret", secret, kept)?;
            Ok(SourcePlace::S3 { endpoint, region, bucket, object, key_id, secret })
        }
        json::SourcePlace::Postgres { host, port, database, user, password, tls, query } => {
            let kept = match old {
                Some(SourcePlace::Postgres { host: known, port: at, user: id, password, .. })
                    if (known, *at, id) == (&host, port, &user) =>
                {
                    Some(password.clone())
                }
                _ => None,
            };
            let password = needed("/place/password", password, kept)?;
            Ok(SourcePlace::Postgres { host, port, database, user, password, tls, query })
        }
    }
}

fn needed(pointer: &'static str, new: Option<String>, kept: Option<Secret>) -> Result<Secret, Problem> {
    let secret = new.map(Secret).or(kept);
    secret.ok_or_else(|| Problem::field(pointer, say("需要填写密钥", "The secret has to be given")))
}

/// Scheme, host and port: what comes before the path.
fn origin(url: &str) -> &str {
    let rest = url.find("://").map_or(0, |at| at + 3);
    let end = url[rest..].find(['/', '?', '#']).map_or(url.len(), |at| rest + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(url: &str, authorization: Option<&str>) -> json::SourcePlace {
        json::SourcePlace::Http { url: url.to_owned(), authorization: authorization.map(str::to_owned) }
    }

    #[test]
    fn a_secret_stays_only_where_it_goes_to_the_same_host() {
        let old = SourcePlace::Http {
            url: "https://a.example.com/x".to_owned(),
            authorization: Some(Secret("s".to_owned())),
        };
        let secret = |new| match read(new, Some(&old)) {
            Ok(SourcePlace::Http { authorization, .. }) => authorization.map(|secret| secret.0),
            _ => panic!("a place over HTTP"),
        };
        assert_eq!(secret(http("https://a.example.com/y?z", None)).as_deref(), Some("s"));
        assert_eq!(secret(http("https://b.example.com/x", None)), None);
        assert_eq!(secret(http("http://a.example.com/x", None)), None);
        assert_eq!(secret(http("https://a.example.com/x", Some(""))), None);
        assert_eq!(secret(http("https://a.example.com/x", Some("t"))).as_deref(), Some("t"));
        assert!(document(&old) == http("https://a.example.com/x", None), "never shown");
    }
}
