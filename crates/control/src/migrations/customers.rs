//! Customers that connect to us.

use super::{NamedStep, big, bytes, flag, id, small, table, text, unique};

pub(super) const STEPS: &[NamedStep] = &[
    ("v3_customer", || {
        table(
            "customer",
            [
                &mut id(),
                &mut big("account"),
                &mut text("name"),
                &mut small("protocol"),
                &mut text("login"),
                &mut bytes("sealed"),
                &mut text("settings"),
                &mut flag("enabled"),
            ],
        )
    }),
    ("v3_customer_login", || unique("customer_login", "customer", &["login"])),
];
