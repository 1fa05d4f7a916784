//! Files that accounts have written for themselves.

use super::{NamedStep, big, bytes, id, index, small, table};

pub(super) const STEPS: &[NamedStep] = &[
    ("v10_export", || {
        table("export", [&mut id(), &mut big("account"), &mut small("state"), &mut bytes("sealed")])
    }),
    ("v10_export_state", || index("export_state", "export", &["state"])),
];
