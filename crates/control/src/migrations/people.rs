//! Contacts, tags, imports with their rejected rows, frozen audiences.

use super::{
    NamedStep, big, bytes, id, index, maybe_big, maybe_bytes, small, table, table_keyed, text, unique,
};

pub(super) const STEPS: &[NamedStep] = &[
    ("v1_contact", || {
        table(
            "contact",
            [
                &mut id(),
                &mut big("account"),
                &mut big("phone_index"),
                &mut bytes("sealed"),
                &mut text("queryable"),
                &mut text("tags"),
                &mut maybe_big("import"),
                &mut big("created_at"),
                &mut big("updated_at"),
            ],
        )
    }),
    ("v1_contact_phone", || unique("contact_phone", "contact", &["account", "phone_index"])),
    ("v1_contact_account", || index("contact_account", "contact", &["account", "id"])),
    ("v1_tag", || table("tag", [&mut id(), &mut big("account"), &mut text("name"), &mut big("people")])),
    ("v1_tag_name", || unique("tag_name", "tag", &["account", "name"])),
    ("v1_contact_tag", || {
        table_keyed(
            "contact_tag",
            &["tag", "contact"],
            [&mut big("tag"), &mut big("contact"), &mut big("account")],
        )
    }),
    ("v1_import", || {
        table(
            "import",
            [
                &mut id(),
                &mut big("account"),
                &mut bytes("sealed"),
                &mut big("bytes"),
                &mut text("mapping"),
                &mut text("tags"),
                &mut small("basis"),
                &mut small("state"),
                &mut big("rows_read"),
                &mut big("rows_new"),
                &mut big("rows_updated"),
                &mut big("rows_duplicate"),
                &mut big("rows_invalid"),
                &mut big("created_at"),
                &mut maybe_big("finished_at"),
            ],
        )
    }),
    ("v1_import_account", || index("import_account", "import", &["account", "id"])),
    ("v1_rejected_row", || {
        table_keyed(
            "rejected_row",
            &["import", "line"],
            [&mut big("import"), &mut big("line"), &mut big("account"), &mut bytes("sealed")],
        )
    }),
    ("v1_audience", || {
        table(
            "audience",
            [
                &mut id(),
                &mut big("account"),
                &mut big("campaign"),
                &mut text("columns"),
                &mut big("rows_read"),
                &mut big("invalid"),
                &mut big("duplicate"),
                &mut big("people"),
                &mut big("tests"),
                &mut big("chunks"),
                &mut maybe_bytes("checksum"),
            ],
        )
    }),
    ("v1_audience_chunk", || {
        table_keyed(
            "audience_chunk",
            &["audience", "number"],
            [
                &mut big("audience"),
                &mut big("number"),
                &mut big("account"),
                &mut bytes("digest"),
                &mut bytes("sealed"),
            ],
        )
    }),
];
