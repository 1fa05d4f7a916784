//! How often and when a phone may be sent to, in the model's own arithmetic: mainland China's defaults, in one zone
//! eight hours east of UTC.

use domain::channel::Ticket;
use domain::ids::MessageId;
use domain::message::Category;

use super::{Model, Offer, Span, Try};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// China's clocks.
const EAST: i64 = 8 * HOUR;
/// Marketing may be sent from 8 to 20.
const OPEN: std::ops::Range<i64> = 8 * HOUR..20 * HOUR;
/// The same text to the same phone.
const REPEAT: i64 = 30 * SECOND;

/// At most so many in a stretch of time.
struct Cap {
    category: Category,
    max: usize,
    stretch: Stretch,
    /// Whether all senders count together.
    together: bool,
}

enum Stretch {
    Last(i64),
    Today,
}

const fn cap(category: Category, max: usize, stretch: Stretch, together: bool) -> Cap {
    Cap { category, max, stretch, together }
}

const CAPS: [Cap; 8] = [
    cap(Category::Otp, 1, Stretch::Last(MINUTE), false),
    cap(Category::Otp, 5, Stretch::Last(HOUR), false),
    cap(Category::Otp, 10, Stretch::Last(DAY), false),
    cap(Category::Notice, 10, Stretch::Last(MINUTE), false),
    cap(Category::Notice, 50, Stretch::Last(DAY), false),
    cap(Category::Marketing, 1, Stretch::Today, false),
    cap(Category::Marketing, 2, Stretch::Last(7 * DAY), false),
    cap(Category::Marketing, 3, Stretch::Today, true),
];

pub(crate) fn local_day(millis: i64) -> i64 {
    (millis + EAST).div_euclid(DAY)
}

impl Offer {
    /// What became of its tries, for the story.
    fn fates(&self) -> String {
        let of = |t: &Try| format!("{:?}{}", t.fate, if t.settled.is_some() { " settled" } else { "" });
        self.tries.iter().map(of).collect::<Vec<_>>().join(", ")
    }
}

pub(crate) fn is_closed(millis: i64) -> bool {
    !OPEN.contains(&(millis + EAST).rem_euclid(DAY))
}

impl Model {
    /// Whether a claim decided within `at` may send this message.
    pub(super) fn check_caps(&self, ticket: Ticket, offer: &Offer, at: Span) -> Result<(), String> {
        if offer.category == Category::Marketing {
            if is_closed(at.low) && is_closed(at.high) {
                return Err("outside sending hours".to_owned());
            }
            let consents = self.people.get(&offer.phone).map(|person| &person.consents);
            if consents.is_none_or(|consents| !consents.contains(&offer.entity)) {
                return Err("without consent".to_owned());
            }
        }
        let others: Vec<(MessageId, &Offer, Span)> = self
            .offers
            .iter()
            .filter(|(other, known)| **other != ticket.message && known.phone == offer.phone)
            // Answers may overtake each other; what a later claim took was not there yet.
            .filter(|(_, known)| known.counted_by <= ticket.claim)
            .filter_map(|(id, known)| known.counted.map(|span| (*id, known, span)))
            .collect();
        if others.iter().any(|(_, other, span)| other.text == offer.text && span.low > at.high - REPEAT) {
            return Err("within 30 s of the same text".to_owned());
        }
        for cap in CAPS.iter().filter(|cap| cap.category == offer.category) {
            let counts = |(_, other, span): &(MessageId, &Offer, Span)| {
                let in_stretch = match cap.stretch {
                    Stretch::Last(length) => span.low > at.high - length,
                    Stretch::Today => {
                        let today = local_day(at.low);
                        [at.high, span.low, span.high].iter().all(|moment| local_day(*moment) == today)
                    }
                };
                in_stretch && other.category == cap.category && (cap.together || other.entity == offer.entity)
            };
            let counted: Vec<String> = others
                .iter()
                .filter(|other| counts(other))
                .map(|(id, other, span)| format!("{id} ({} ms ago, {})", at.low - span.low, other.fates()))
                .collect();
            if counted.len() >= cap.max {
                return Err(format!("over a cap of {}, after {}", cap.max, counted.join(" ")));
            }
        }
        Ok(())
    }
}
