//! The course of campaigns: routes and lanes, canaries, stops, what is sent again of what. A table of its own: adding a
//! column cannot be repeated on SQLite.

use super::{NamedStep, id, index, maybe_big, table, text};

pub(super) const STEPS: &[NamedStep] = &[
    ("v6_campaign_course", || {
        table("campaign_course", [&mut id(), &mut maybe_big("root"), &mut text("course")])
    }),
    ("v6_campaign_course_root", || index("campaign_course_root", "campaign_course", &["root"])),
];
