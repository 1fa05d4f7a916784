//! Documents that the whole installation shares.

use super::{NamedStep, big, bytes, table_keyed, text};

pub(super) const STEPS: &[NamedStep] = &[("v5_document", || {
    table_keyed(
        "document",
        &["name"],
        [
            &mut text("name"),
            &mut big("version"),
            &mut bytes("checksum"),
            &mut big("put_at"),
            &mut bytes("content"),
        ],
    )
})];
