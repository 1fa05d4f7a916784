//! What access depends on: accounts' and keys' particulars, people, sessions, roles, links, and the log.

use super::{
    NamedStep, big, bytes, id, index, maybe_big, maybe_bytes, small, table, table_keyed, text, unique,
};

pub(super) const STEPS: &[NamedStep] = &[
    ("v7_account_detail", || {
        table(
            "account_detail",
            [&mut id(), &mut maybe_big("parent"), &mut maybe_big("disabled_at"), &mut small("revision")],
        )
    }),
    ("v7_key_detail", || {
        table(
            "key_detail",
            [
                &mut id(),
                &mut big("account"),
                &mut text("scopes"),
                &mut text("networks"),
                &mut maybe_big("expires_at"),
                &mut maybe_bytes("sealed"),
                &mut maybe_big("per_minute"),
            ],
        )
    }),
    ("v7_key_use", || table("key_use", [&mut id(), &mut big("used_at")])),
    ("v7_api_key_account", || index("api_key_account", "api_key", &["account", "id"])),
    ("v7_app_user", || {
        table(
            "app_user",
            [
                &mut id(),
                &mut big("account"),
                &mut big("login_index"),
                &mut bytes("sealed"),
                &mut text("roles"),
                &mut maybe_big("disabled_at"),
                &mut big("created_at"),
                &mut small("revision"),
            ],
        )
    }),
    ("v7_app_user_login", || unique("app_user_login", "app_user", &["login_index"])),
    ("v7_app_user_account", || index("app_user_account", "app_user", &["account", "id"])),
    ("v7_app_session", || {
        table(
            "app_session",
            [
                &mut id(),
                &mut big("account"),
                &mut big("user_id"),
                &mut bytes("secret_sha256"),
                &mut big("created_at"),
                &mut big("seen_at"),
                &mut big("expires_at"),
                &mut maybe_big("ended_at"),
            ],
        )
    }),
    ("v7_app_session_secret", || unique("app_session_secret", "app_session", &["secret_sha256"])),
    ("v7_app_session_user", || index("app_session_user", "app_session", &["user_id"])),
    ("v7_access_role", || {
        table(
            "access_role",
            [
                &mut id(),
                &mut big("account"),
                &mut text("name"),
                &mut text("permissions"),
                &mut small("revision"),
            ],
        )
    }),
    ("v7_access_role_name", || unique("access_role_name", "access_role", &["account", "name"])),
    ("v7_access_link", || {
        table(
            "access_link",
            [
                &mut id(),
                &mut big("account"),
                &mut big("user_id"),
                &mut bytes("secret_sha256"),
                &mut big("expires_at"),
                &mut maybe_big("used_at"),
            ],
        )
    }),
    ("v7_access_link_secret", || unique("access_link_secret", "access_link", &["secret_sha256"])),
    ("v7_access_link_user", || index("access_link_user", "access_link", &["user_id"])),
    ("v7_audit_line", || {
        table(
            "audit_line",
            [
                &mut id(),
                &mut big("account"),
                &mut big("at"),
                &mut text("principal"),
                &mut big("home"),
                &mut text("action"),
                &mut text("object"),
                &mut text("address"),
                &mut text("request"),
                &mut maybe_bytes("digest_before"),
                &mut maybe_bytes("digest_after"),
                &mut small("requests"),
            ],
        )
    }),
    ("v7_audit_line_account", || index("audit_line_account", "audit_line", &["account", "id"])),
    ("v7_audit_line_object", || index("audit_line_object", "audit_line", &["account", "object", "id"])),
    ("v7_login_attempt", || {
        table_keyed(
            "login_attempt",
            &["login_index"],
            [&mut big("login_index"), &mut small("attempts"), &mut big("last_at"), &mut big("locked_until")],
        )
    }),
];
