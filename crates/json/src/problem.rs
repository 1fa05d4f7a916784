//! Problem details (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was refused, in the language of `Accept-Language` (zh or en).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "Problem", example = json!({
    "type": "urn:hongyan:problem:invalid_field", "title": "Invalid field", "status": 422,
    "detail": "This field is missing", "pointer": "/name",
    "advice": "Correct the field as /docs says and repeat", "request_id": "req_1a2b"
}))]
pub struct ProblemDocument {
    /// Stable: branch on this.
    pub r#type: String,
    /// What kind of problem it is.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The field: a JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Line of a syntax error, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column of a syntax error, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What to do about it.
    pub advice: String,
    /// What to tell the operator.
    pub request_id: String,
}
