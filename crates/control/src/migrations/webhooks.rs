//! Webhooks with what waits for them and what they were told; status callbacks; events outside the ledger.

use super::{NamedStep, big, bytes, id, index, maybe_big, small, table, table_keyed, text};

pub(super) const STEPS: &[NamedStep] = &[
    ("v9_webhook", || {
        table(
            "webhook",
            [
                &mut id(),
                &mut big("account"),
                &mut text("name"),
                &mut text("kinds"),
                &mut small("format"),
                &mut bytes("sealed"),
                &mut small("off"),
                &mut maybe_big("off_at"),
                &mut big("created_at"),
                &mut big("version"),
            ],
        )
    }),
    ("v9_webhook_of_account", || index("webhook_of_account", "webhook", &["account"])),
    ("v9_webhook_standing", || {
        table(
            "webhook_standing",
            [
                &mut id(),
                &mut big("revision"),
                &mut text("place"),
                &mut big("failures"),
                &mut maybe_big("failing_since"),
                &mut maybe_big("taken_at"),
                &mut maybe_big("held_until"),
                &mut maybe_big("lagged_at"),
                &mut small("waiting"),
            ],
        )
    }),
    ("v9_webhook_again", || {
        table_keyed(
            "webhook_again",
            &["webhook", "event"],
            [
                &mut big("webhook"),
                &mut text("event"),
                &mut text("document"),
                &mut small("tries"),
                &mut big("due"),
            ],
        )
    }),
    ("v9_webhook_again_due", || index("webhook_again_due", "webhook_again", &["webhook", "due"])),
    ("v9_webhook_log", || {
        table_keyed(
            "webhook_log",
            &["webhook", "number"],
            [&mut big("webhook"), &mut big("number"), &mut big("at"), &mut bytes("sealed")],
        )
    }),
    ("v9_followed", || {
        table("followed", [&mut id(), &mut big("account"), &mut big("until_at"), &mut bytes("sealed")])
    }),
    ("v9_followed_until", || index("followed_until", "followed", &["until_at"])),
    ("v9_notice", || {
        table_keyed(
            "notice",
            &["number"],
            [&mut big("number"), &mut big("account"), &mut big("at"), &mut text("document")],
        )
    }),
    ("v9_notice_of_account", || index("notice_of_account", "notice", &["account", "number"])),
    ("v9_notice_count", || table("notice_count", [&mut id(), &mut big("newest"), &mut big("gone")])),
];
