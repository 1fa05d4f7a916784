//! The books: balances, the journal, what messages moved by the hour, grants, holds, terms; and prices that have a time or a country.

use super::{
    NamedStep, big, id, index, maybe_big, maybe_bytes, maybe_text, small, table, table_keyed, text, unique,
};

pub(super) const STEPS: &[NamedStep] = &[
    ("v8_account_terms", || {
        table(
            "account_terms",
            [
                &mut id(),
                &mut small("mode"),
                &mut small("charge"),
                &mut big("credit"),
                &mut maybe_big("daily"),
                &mut maybe_big("monthly"),
                &mut maybe_big("alert_below"),
                &mut text("zone"),
                &mut small("revision"),
            ],
        )
    }),
    ("v8_book_balance", || {
        table_keyed(
            "book_balance",
            &["account", "book"],
            [&mut big("account"), &mut small("book"), &mut big("amount")],
        )
    }),
    ("v8_transfer", || {
        table(
            "transfer",
            [
                &mut id(),
                &mut big("account"),
                &mut small("kind"),
                &mut small("from_book"),
                &mut small("to_book"),
                &mut big("amount"),
                &mut big("at"),
                &mut text("subject"),
                &mut maybe_bytes("sealed"),
                &mut maybe_text("once_key"),
            ],
        )
    }),
    ("v8_transfer_account", || index("transfer_account", "transfer", &["account", "id"])),
    ("v8_transfer_once", || unique("transfer_once", "transfer", &["account", "once_key"])),
    ("v8_posting", || {
        table_keyed(
            "posting",
            &["account", "hour", "partition", "campaign", "purse", "category", "carrier", "channel"],
            [
                &mut big("account"),
                &mut big("hour"),
                &mut small("partition"),
                &mut big("campaign"),
                &mut small("purse"),
                &mut small("category"),
                &mut text("carrier"),
                &mut small("channel"),
                &mut big("reserved"),
                &mut big("from_hold"),
                &mut big("charged"),
                &mut big("released"),
                &mut big("reopened"),
                &mut big("refunded"),
                &mut big("recovered"),
                &mut big("messages"),
                &mut big("parts"),
                &mut big("cost"),
            ],
        )
    }),
    ("v8_posting_hour", || index("posting_hour", "posting", &["hour"])),
    ("v8_accepted_hour", || {
        table_keyed(
            "accepted_hour",
            &["account", "hour"],
            [&mut big("account"), &mut big("hour"), &mut big("amount")],
        )
    }),
    ("v8_partition_grant", || {
        table_keyed(
            "partition_grant",
            &["account", "partition"],
            [&mut big("account"), &mut small("partition"), &mut big("granted"), &mut big("returned")],
        )
    }),
    ("v8_campaign_hold", || {
        table(
            "campaign_hold",
            [
                &mut id(),
                &mut big("account"),
                &mut big("amount"),
                &mut big("accepted"),
                &mut big("returned"),
                &mut maybe_big("ended_at"),
            ],
        )
    }),
    ("v8_campaign_hold_account", || index("campaign_hold_account", "campaign_hold", &["account"])),
    ("v8_price_line", || {
        table_keyed(
            "price_line",
            &["account", "category", "carrier", "country", "valid_from"],
            [
                &mut big("account"),
                &mut small("category"),
                &mut text("carrier"),
                &mut text("country"),
                &mut big("valid_from"),
                &mut maybe_big("valid_until"),
                &mut big("per_part"),
            ],
        )
    }),
];
