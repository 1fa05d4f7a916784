//! Templates, campaigns, channels, routes, prices.

use super::{NamedStep, big, bytes, flag, id, index, maybe_big, small, table, table_keyed, text, unique};

pub(super) const STEPS: &[NamedStep] = &[
    ("v1_template", || {
        table(
            "template",
            [
                &mut id(),
                &mut big("account"),
                &mut text("name"),
                &mut small("category"),
                &mut bytes("sealed"),
                &mut big("created_at"),
            ],
        )
    }),
    ("v1_template_name", || unique("template_name", "template", &["account", "name"])),
    ("v1_template_account", || index("template_account", "template", &["account", "id"])),
    ("v1_campaign", || {
        table(
            "campaign",
            [
                &mut id(),
                &mut big("account"),
                &mut big("entity"),
                &mut text("name"),
                &mut small("category"),
                &mut text("signature"),
                &mut maybe_big("template"),
                &mut text("audience_source"),
                &mut maybe_big("scheduled_at"),
                &mut maybe_big("speed"),
                &mut small("window_close"),
                &mut maybe_big("drop_after"),
                &mut big("valid_for"),
                &mut small("route"),
                &mut flag("held_words_approved"),
                &mut small("state"),
                &mut big("lane"),
                &mut maybe_big("frozen"),
                &mut flag("expanded"),
                &mut bytes("sealed"),
                &mut big("created_at"),
                &mut maybe_big("started_at"),
                &mut maybe_big("finished_at"),
                &mut big("version"),
            ],
        )
    }),
    ("v1_campaign_account", || index("campaign_account", "campaign", &["account", "id"])),
    ("v1_campaign_state", || index("campaign_state", "campaign", &["state"])),
    ("v1_channel", || {
        table(
            "channel",
            [
                &mut id(),
                &mut small("gateway"),
                &mut text("name"),
                &mut small("protocol"),
                &mut text("host"),
                &mut small("port"),
                &mut text("login"),
                &mut bytes("sealed"),
                &mut text("access_code"),
                &mut text("service_id"),
                &mut small("connections"),
                &mut small("window_size"),
                &mut maybe_big("parts_per_second"),
                &mut text("carriers"),
                &mut text("categories"),
                &mut big("cost"),
                &mut flag("enabled"),
            ],
        )
    }),
    ("v1_route", || table("route", [&mut id(), &mut text("name"), &mut text("steps")])),
    ("v1_price", || {
        table_keyed(
            "price",
            &["account", "category", "carrier"],
            [&mut big("account"), &mut small("category"), &mut text("carrier"), &mut big("per_part")],
        )
    }),
    // A table of its own: adding a column cannot be repeated on SQLite.
    ("v2_channel_settings", || table("channel_settings", [&mut id(), &mut text("settings")])),
];
