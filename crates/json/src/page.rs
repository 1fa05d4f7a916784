//! Pages of listings.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// May be short, or empty, although more follow: only `next` says whether this is the end.
    pub items: Vec<T>,
    /// The `cursor` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
