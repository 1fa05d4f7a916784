//! Accounts, legal entities, keys, idempotency records, settings.

use super::{NamedStep, big, bytes, id, index, maybe_big, table, table_keyed, text, unique};

pub(super) const STEPS: &[NamedStep] = &[
    ("v1_entity", || table("entity", [&mut id(), &mut text("name"), &mut big("entity_group")])),
    ("v1_account", || {
        table("account", [&mut id(), &mut text("name"), &mut big("entity"), &mut big("created_at")])
    }),
    ("v1_api_key", || {
        table(
            "api_key",
            [
                &mut id(),
                &mut big("account"),
                &mut text("name"),
                &mut bytes("secret_sha256"),
                &mut big("created_at"),
                &mut maybe_big("revoked_at"),
            ],
        )
    }),
    ("v1_api_key_secret", || unique("api_key_secret", "api_key", &["secret_sha256"])),
    ("v1_idempotency", || {
        table_keyed(
            "idempotency",
            &["account", "client_key"],
            [
                &mut big("account"),
                &mut text("client_key"),
                &mut bytes("body"),
                &mut bytes("messages"),
                &mut big("created_at"),
            ],
        )
    }),
    ("v1_idempotency_age", || index("idempotency_age", "idempotency", &["created_at"])),
    ("v1_setting", || table_keyed("setting", &["name"], [&mut text("name"), &mut text("content")])),
];
