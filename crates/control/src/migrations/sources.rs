//! Places that contacts are fetched from, and each time that they were.

use super::{NamedStep, big, bytes, id, index, maybe_big, maybe_bytes, small, table};

pub(super) const STEPS: &[NamedStep] = &[
    ("v11_import_source", || {
        table(
            "import_source",
            [
                &mut id(),
                &mut big("account"),
                &mut maybe_big("next_at"),
                &mut bytes("sealed"),
                &mut maybe_bytes("memory"),
            ],
        )
    }),
    ("v11_import_source_of_account", || index("import_source_of_account", "import_source", &["account"])),
    ("v11_import_source_due", || index("import_source_due", "import_source", &["next_at"])),
    ("v11_source_run", || {
        table(
            "source_run",
            [&mut id(), &mut big("account"), &mut big("source"), &mut small("state"), &mut bytes("sealed")],
        )
    }),
    ("v11_source_run_of_source", || index("source_run_of_source", "source_run", &["source", "id"])),
    ("v11_source_run_state", || index("source_run_state", "source_run", &["state"])),
];
