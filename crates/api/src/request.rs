//! What handlers take from requests: JSON bodies, query parameters, ids in paths, idempotency keys.
//!
//! Invariants: a body is read only up to its bound; an unknown field is refused by name; what is refused points at
//! the field and never quotes its value.

use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use domain::text::Bilingual;
use serde::de::DeserializeOwned;

use crate::problem::{Kind, Problem, say};
use crate::server::read_body;

/// Largest JSON body of most endpoints: far more than any form holds.
pub const JSON_BYTES: usize = 1 << 20;
/// Largest body of endpoints that take batches: a thousand messages with their variables.
pub const BATCH_BYTES: usize = 4 << 20;
/// Longest idempotency key: room for two UUIDs and a prefix.
pub const IDEMPOTENCY_KEY_CHARS: usize = 128;

/// A JSON body of at most `LIMIT` bytes.
pub(crate) struct Body<T, const LIMIT: usize = JSON_BYTES> {
    pub value: T,
    /// The bytes as they came, for recognising a repeated request.
    pub bytes: axum::body::Bytes,
}

impl<T: DeserializeOwned, S: Sync, const LIMIT: usize> FromRequest<S> for Body<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Kind::UnsupportedMediaType));
        }
        let bytes = read_body(request.into_body(), LIMIT).await?;
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

pub(crate) fn too_large(limit: usize) -> Problem {
    Problem::new(Kind::TooLarge)
        .with(say(format!("最多 {limit} 字节"), format!("At most {limit} bytes are taken here")))
}

/// Reads a whole document; only a refused one is read again to find the place.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        if !error.is_data() {
            return Problem::new(Kind::InvalidJson)
                .with(say(
                    format!("第 {} 行第 {} 列", error.line(), error.column()),
                    format!("Line {}, column {}", error.line(), error.column()),
                ))
                .at(error.line(), error.column());
        }
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(found) => {
                let pointer = pointer(found.path());
                data_problem(pointer, &found.inner().to_string())
            }
            Ok(_) => data_problem(String::new(), &error.to_string()),
        }
    })
}

/// Reads a document that was put together here, such as a patched one.
///
/// # Errors
/// As for a body: a problem that points at the field.
pub(crate) fn parse_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| data_problem(pointer(error.path()), &error.inner().to_string()))
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter() {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    pointer
}

/// The problem behind a message of serde, whose forms are: `unknown field `x`, expected …`, `missing field `x``,
/// `invalid type: …, expected …`, `unknown variant …, expected …`. All but names of fields may quote a value, so only
/// what is expected is passed on.
fn data_problem(mut pointer: String, message: &str) -> Problem {
    let message = message.split(" at line ").next().unwrap_or(message);
    let named = message.split('`').nth(1).unwrap_or("");
    let detail = if message.starts_with("unknown field") {
        // Reading stopped at the name, so the path may not include it.
        if !pointer.ends_with(&format!("/{named}")) {
            pointer = format!("{pointer}/{named}");
        }
        unknown("字段", "field", message)
    } else if message.starts_with("missing field") {
        pointer = format!("{pointer}/{named}");
        say("缺少这个字段", "This field is missing")
    } else {
        expectation(message)
    };
    Problem::field(pointer, detail)
}

/// What there is instead of a field or parameter that is not there. The names are ours: nothing of the request is told.
fn unknown(zh: &str, en: &str, message: &str) -> Bilingual {
    let expected = message.split_once("expected ").map_or("", |(_, expected)| expected);
    let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        return say(format!("没有这个{zh}"), format!("There is no such {en}"));
    }
    let (listed_zh, listed_en) = (names.join("、"), names.join(", "));
    say(format!("没有这个{zh}；有：{listed_zh}"), format!("There is no such {en}; there are: {listed_en}"))
}

fn expectation(message: &str) -> Bilingual {
    match message.split_once("expected ") {
        Some((_, expected)) => say(format!("应为：{expected}"), format!("Expected: {expected}")),
        None => say("值不合要求", "The value does not fit"),
    }
}

/// Query parameters.
pub(crate) struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        params(&parts.uri).map(Self)
    }
}

fn params<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let Query(value) = Query::<T>::try_from_uri(uri).map_err(|rejection| {
        // axum puts the path of the field before the words of serde: `limit: invalid digit found in string`.
        let text =
            std::error::Error::source(&rejection).map_or_else(|| rejection.to_string(), ToString::to_string);
        let name = match text.split('`').nth(1) {
            Some(named) if text.contains("unknown field") || text.contains("missing field") => named,
            _ => text.split_once(": ").map_or("", |(name, _)| name),
        };
        let detail = if text.contains("unknown field") {
            unknown("参数", "parameter", &text)
        } else if text.contains("missing field") {
            say("缺少这个参数", "This parameter is missing")
        } else {
            expectation(&text)
        };
        Problem::field(format!("?{name}"), detail)
    })?;
    Ok(value)
}

/// An id in the path. One that cannot be read belongs to nothing.
pub(crate) struct Id<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(Kind::NotFound))?;
        text.parse().map(Self).map_err(|_| {
            Problem::new(Kind::NotFound).with(say("编号的格式不对", "This is not an id of this kind"))
        })
    }
}

/// The `Idempotency-Key` header, if it was sent.
pub(crate) struct IdempotencyKey(pub Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let key = value.to_str().unwrap_or("").trim_matches('"');
        if key.is_empty() || key.len() > IDEMPOTENCY_KEY_CHARS {
            let detail = say(
                format!("Idempotency-Key 应为 1 到 {IDEMPOTENCY_KEY_CHARS} 个可见 ASCII 字符"),
                format!("Idempotency-Key has 1 to {IDEMPOTENCY_KEY_CHARS} visible ASCII characters"),
            );
            return Err(Problem::new(Kind::InvalidField).with(detail));
        }
        Ok(Self(Some(key.to_owned())))
    }
}

/// A value that came as text and means something of the domain.
///
/// # Errors
/// A problem that points at `pointer` and says the form.
pub(crate) fn read<T: FromStr>(
    text: &str,
    pointer: &str,
    form_zh: &'static str,
    form_en: &'static str,
) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::field(pointer, say(form_zh, form_en)))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its reading matters")]
        inner: Vec<Inner>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its reading matters")]
        count: u8,
    }

    fn refused(body: &str) -> (Option<String>, String, u16) {
        let problem = parse::<Outer>(body.as_bytes()).err().unwrap();
        let document = problem.document(crate::language::Language::English, "r");
        (document.pointer, document.detail.unwrap(), document.status)
    }

    #[test]
    fn a_refused_body_points_at_the_field_and_quotes_no_value() {
        let cases = [
            (r#"{"inner":[{"count":1,"phone":2}]}"#, "/inner/0/phone", "no such field"),
            (r#"{"inner":[{"count":1},{}]}"#, "/inner/1/count", "missing"),
            (r#"{"inner":[{"count":"13800138000"}]}"#, "/inner/0/count", "Expected: u8"),
            (r#"{"outer":1}"#, "/outer", "no such field"),
        ];
        for (body, pointer, words) in cases {
            let (found, detail, status) = refused(body);
            assert_eq!((found.as_deref(), status), (Some(pointer), 422), "{body}");
            assert!(detail.contains(words) && !detail.contains("138"), "{detail}");
        }
        let (pointer, detail, status) = refused("{\n\"inner\": [}");
        assert_eq!((pointer, detail.as_str(), status), (None, "Line 2, column 11", 400));
    }

    #[test]
    fn a_refused_parameter_is_named() {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Listing {
            #[expect(dead_code, reason = "only its reading matters")]
            limit: Option<u8>,
        }
        for (query, pointer) in [("limit=x", "?limit"), ("lim=1", "?lim")] {
            let uri: Uri = format!("/?{query}").parse().unwrap();
            let problem = params::<Listing>(&uri).err().unwrap();
            let document = problem.document(crate::language::Language::English, "r");
            assert_eq!(document.pointer.as_deref(), Some(pointer));
        }
    }
}
