//! Campaigns of the world: what each says, when it is to start, and the audience that was frozen for it. The engine
//! launches and expands them.

use std::time::Duration;

use domain::control::{AUDIENCE_CHUNK_ROWS, Audience, AudienceRow, AudienceStats, Campaign};
use domain::ids::{AudienceId, ContactId};
use domain::ledger::NewMessage;
use domain::phone::Phone;
use domain::time::Timestamp;

use crate::random::Random;
use crate::world::World;

/// Rows of one chunk: few, so that even a short audience is expanded in several groups.
const CHUNK: usize = 3;
/// Every so many people lack what the text needs.
const WITHOUT_GIFT: usize = 13;
/// Every so many get a text of two parts.
const LONG_GIFT: usize = 5;
/// The latest start of a scheduled campaign: so that it ends within the time that the end of a run waits.
const LATEST: u64 = 20 * 3_600_000;

/// A campaign and how many rows its audience has.
pub(crate) struct Plan {
    pub campaign: Campaign,
    pub rows: u64,
    /// Somebody asked for that.
    pub cancelled: bool,
}

/// The place of a message in its campaign's audience: the world's contacts are numbered by it.
pub(crate) fn ordinal_of(message: &NewMessage) -> Option<u64> {
    message.contact.map(|contact| contact.raw().unsigned_abs())
}

/// Where the engine sees a row: it counts the places of whole chunks, however few rows these have here.
pub(crate) fn ordinal_in_chunks(place: usize) -> u64 {
    (place / CHUNK * AUDIENCE_CHUNK_ROWS + place % CHUNK) as u64
}

/// The frozen audience of some phones, with its chunks.
pub(crate) fn freeze(
    id: AudienceId,
    campaign: &Campaign,
    phones: &[Phone],
) -> (Audience, Vec<Vec<AudienceRow>>) {
    let rows: Vec<AudienceRow> = phones.iter().enumerate().map(|(place, phone)| row(place, *phone)).collect();
    let chunks: Vec<Vec<AudienceRow>> = rows.chunks(CHUNK).map(<[AudienceRow]>::to_vec).collect();
    let people = rows.len() as u64;
    let audience = Audience {
        id,
        account: campaign.account,
        campaign: campaign.id,
        columns: vec!["row".to_owned(), "gift".to_owned()],
        stats: AudienceStats { read: people, people, ..AudienceStats::default() },
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        checksum: None,
    };
    (audience, chunks)
}

fn row(place: usize, phone: Phone) -> AudienceRow {
    let gift = match place {
        place if place % WITHOUT_GIFT == WITHOUT_GIFT - 1 => String::new(),
        place if place.is_multiple_of(LONG_GIFT) => "保温杯一只".repeat(14),
        _ => "保温杯".to_owned(),
    };
    let contact = Some(ContactId::from_raw(place as i64));
    let values = vec![place.to_string(), gift];
    AudienceRow { contact, phone, test: false, possible_duplicate: false, values }
}

impl World {
    /// When a campaign is to start: at once, or at some moment, often one at which hours or days change.
    pub(crate) fn any_schedule(random: &mut Random, now: Timestamp, moments: [u64; 3]) -> Option<Timestamp> {
        let [closing, midnight, opening] = moments;
        let around = |random: &mut Random, moment: u64| {
            let spread = 120_000;
            (moment + random.between(0, spread)).saturating_sub(spread / 2)
        };
        let wait = match random.below(10) {
            0..5 => return None,
            5 => around(random, closing),
            6 => around(random, midnight),
            7 => around(random, opening),
            _ => random.between(1_000, 3 * 3_600_000),
        };
        Some(now.plus(Duration::from_millis(wait.clamp(1_000, LATEST))))
    }
}
