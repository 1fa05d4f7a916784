//! For measurements only: people who were sent something long ago.

use domain::ids::{EntityId, MessageId};
use domain::message::Category;
use domain::numbers::NumberFacts;
use domain::policy::{Consented, LegalBasis, PersonFacts, Recent};
use domain::time::Timestamp;

/// How long ago the newest hand-over of such a person is: outside every default cap window.
const AGE_MILLIS: i64 = 8 * 86_400_000;
/// Over how long before that they are spread.
const SPREAD_MILLIS: i64 = 20 * 86_400_000;

/// One hand-over by `entity`, 8 to 28 days before `now`, and the consent to marketing.
pub fn aged(phone_index: i64, entity: EntityId, now: Timestamp) -> PersonFacts {
    let age = AGE_MILLIS + phone_index.rem_euclid(SPREAD_MILLIS);
    PersonFacts {
        suppressions: Vec::new(),
        consents: vec![Consented {
            entity,
            basis: LegalBasis::Consent,
            since: Timestamp::from_millis(now.millis() - 2 * AGE_MILLIS),
            until: None,
            withdrawn: false,
        }],
        recents: vec![Recent {
            handed_at: Timestamp::from_millis(now.millis() - age),
            message: MessageId::from_raw(phone_index.rem_euclid(1 << 40)),
            entity,
            category: Category::Marketing,
            text_hash: phone_index.cast_unsigned(),
        }],
        number: NumberFacts::default(),
    }
}
