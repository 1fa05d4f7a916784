//! What several nodes tell each other, and the number of the configuration.

use super::{NamedStep, big, flag, maybe_big, small, table, text};

pub(super) const STEPS: &[NamedStep] = &[
    ("v2_node", || {
        table(
            "node",
            [
                small("number").primary_key(),
                &mut big("epoch"),
                &mut small("standing"),
                &mut big("beat"),
                &mut big("clock"),
            ],
        )
    }),
    ("v2_lease", || {
        table(
            "lease",
            [text("name").primary_key(), &mut big("epoch"), &mut maybe_big("holder"), &mut flag("usable")],
        )
    }),
    ("v2_revision", || table("revision", [text("name").primary_key(), &mut big("number")])),
];
