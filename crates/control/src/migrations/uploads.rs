//! Uploaded files, where nodes share a database.

use super::{NamedStep, big, bytes, id, table, table_keyed};

pub(super) const STEPS: &[NamedStep] = &[
    ("v4_upload", || {
        table("upload", [&mut id(), &mut big("account"), &mut big("pieces"), &mut big("bytes")])
    }),
    ("v4_upload_piece", || {
        table_keyed(
            "upload_piece",
            &["upload", "number"],
            [&mut big("upload"), &mut big("number"), &mut bytes("sealed")],
        )
    }),
];
