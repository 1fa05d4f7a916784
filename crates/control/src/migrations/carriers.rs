//! What became of channels, and what more is to be known of lines of the audit log.

use super::{NamedStep, big, id, index, small, table, text};

pub(super) const STEPS: &[NamedStep] = &[
    ("v13_channel_turn", || {
        table(
            "channel_turn",
            [
                &mut id(),
                &mut big("channel"),
                &mut big("at"),
                &mut small("node"),
                &mut text("turn"),
                &mut text("trouble"),
            ],
        )
    }),
    ("v13_channel_turn_of_channel", || index("channel_turn_of_channel", "channel_turn", &["channel", "id"])),
    ("v13_audit_detail", || table("audit_detail", [&mut id(), &mut text("detail")])),
];
