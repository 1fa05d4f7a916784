//! Counting what a campaign would come to in one partition: the same texts and the same decisions as the real run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::control::{AudienceRow, HeldSample, Sample};
use domain::ids::{EntityId, MessageId};
use domain::lane::Lane;
use domain::message::{Category, Reason};
use domain::money::Money;
use domain::phone::Carrier;
use domain::policy::{Facts, PersonFacts, Policy, Recent, Scratch, Verdict, text_hash};
use domain::time::Timestamp;

use super::letter::Letter;
use crate::compose::Composed;

/// Samples shown.
pub(super) const SAMPLES: usize = 5;
/// Groups of held words kept; a word list finds no more in one template than a person can read.
const MAX_HELD_GROUPS: usize = 50;
/// A message put off is decided again at its new time; two kinds of hours never need more.
const MAX_DEFERRALS: usize = 4;

/// What is the same for every row.
pub(super) struct Count {
    pub letter: Letter,
    pub columns: Vec<String>,
    pub lane: Lane,
    pub category: Category,
    pub entity: EntityId,
    pub policy: Arc<Policy>,
    pub decided_for: Timestamp,
    pub valid_until: Timestamp,
    /// Phones that are in the audience more than once.
    pub repeated: HashSet<u64>,
}

/// One row with its place in the audience.
pub(super) struct Ordered {
    pub ordinal: u64,
    pub row: AudienceRow,
}

/// What a partition came to so far. Test numbers are decided about, because they count for caps, but not counted:
/// they are not of the audience, here as in the report.
#[derive(Default)]
pub(super) struct Counted {
    pub eligible: u64,
    pub parts: u64,
    pub cost: Money,
    pub rejected: HashMap<Reason, u64>,
    pub deferred: u64,
    pub deferred_until: Option<Timestamp>,
    /// By the words found.
    pub held: HashMap<String, HeldSample>,
    /// In order of ordinal.
    pub samples: Vec<(u64, Sample)>,
    pub by_carrier: HashMap<Carrier, (u64, Money)>,
    /// People by place of the table of ranges.
    pub by_place: HashMap<Option<usize>, u64>,
    /// What this campaign would have handed over before, for phones that come again.
    handed: HashMap<u64, Vec<Recent>>,
}

impl Count {
    /// Counts rows of one partition, in order; `facts` are those of their phones, in the same order.
    pub(super) fn take(&self, counted: &mut Counted, rows: &[Ordered], facts: Vec<PersonFacts>) {
        let mut scratch = Scratch::default();
        for (Ordered { ordinal, row }, mut person) in rows.iter().zip(facts) {
            match self.letter.for_row(row, &self.columns) {
                Err(reason) => {
                    *counted.rejected.entry(reason).or_default() += u64::from(!row.test);
                }
                Ok(composed) => {
                    if let Some(handed) = counted.handed.get(&row.phone.to_u64()) {
                        person.recents.extend_from_slice(handed);
                    }
                    self.decide(counted, *ordinal, row, &composed, &person, &mut scratch);
                }
            }
        }
    }

    fn decide(
        &self,
        counted: &mut Counted,
        ordinal: u64,
        row: &AudienceRow,
        composed: &Composed,
        person: &PersonFacts,
        scratch: &mut Scratch,
    ) {
        let facts = Facts {
            // Below every real id, so that it is nobody's earlier try.
            message: MessageId::from_raw(-1 - i64::try_from(ordinal).unwrap_or(i64::MAX - 1)),
            lane: &self.lane,
            category: self.category,
            test: row.test,
            text: &composed.text,
            text_hash: text_hash(&composed.text),
            valid_until: self.valid_until,
            person,
        };
        let mut at = self.decided_for;
        for _ in 0..MAX_DEFERRALS {
            match self.policy.decide_with(&facts, at, scratch) {
                Verdict::Send => return self.send(counted, &facts, ordinal, row, composed, at),
                Verdict::Reject { reason, .. } => return self.reject(counted, reason, row, composed),
                Verdict::Defer { until, .. } | Verdict::Pause { until, .. } => at = until,
            }
        }
        self.reject(counted, Reason::QuietHours, row, composed);
    }

    fn send(
        &self,
        counted: &mut Counted,
        facts: &Facts<'_>,
        ordinal: u64,
        row: &AudienceRow,
        composed: &Composed,
        at: Timestamp,
    ) {
        if !row.test {
            counted.eligible += 1;
            counted.parts += u64::from(composed.parts);
            counted.cost += composed.price;
            let (parts, cost) = counted.by_carrier.entry(composed.carrier).or_default();
            *parts += u64::from(composed.parts);
            *cost += composed.price;
            let place = self.letter.numbers().place_number(row.phone);
            *counted.by_place.entry(place).or_default() += 1;
            if at > self.decided_for {
                counted.deferred += 1;
                counted.deferred_until = Some(counted.deferred_until.map_or(at, |known| known.min(at)));
            }
            if counted.samples.len() < SAMPLES {
                counted.samples.push((ordinal, sample(row, composed)));
            }
        }
        let phone = row.phone.to_u64();
        if self.repeated.contains(&phone) {
            let recent = Recent {
                handed_at: at,
                message: facts.message,
                entity: self.entity,
                category: self.category,
                text_hash: facts.text_hash,
            };
            counted.handed.entry(phone).or_default().push(recent);
        }
    }

    fn reject(&self, counted: &mut Counted, reason: Reason, row: &AudienceRow, composed: &Composed) {
        if row.test {
            return;
        }
        let text = composed.text.as_str();
        *counted.rejected.entry(reason).or_default() += 1;
        if matches!(reason, Reason::ContentHeld | Reason::ContentBlocked) {
            let (key, spans) = words_found(&self.policy, text);
            if let Some(group) = counted.held.get_mut(&key) {
                group.people += 1;
            } else if counted.held.len() < MAX_HELD_GROUPS {
                counted.held.insert(key, HeldSample { text: text.to_owned(), spans, people: 1 });
            }
        }
    }
}

fn sample(row: &AudienceRow, composed: &Composed) -> Sample {
    Sample {
        phone: row.phone.masked(),
        text: composed.text.clone(),
        encoding: composed.encoding.as_str().to_owned(),
        length: u32::from(composed.length),
        parts: composed.parts,
        price: composed.price,
    }
}

/// Byte ranges of listed words with class and severity.
type Spans = Vec<(u32, u32, String, String)>;

/// The listed words of a text as a key for grouping, and where they stand.
fn words_found(policy: &Policy, text: &str) -> (String, Spans) {
    let Some(auditor) = policy.auditor() else { return (String::new(), Vec::new()) };
    let mut key = String::new();
    let mut spans = Vec::new();
    for hit in auditor.audit(text) {
        key.push_str(text.get(hit.span.clone()).unwrap_or(""));
        key.push('\n');
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let (start, end) = (place(hit.span.start), place(hit.span.end));
        spans.push((start, end, hit.class.to_owned(), hit.severity.as_str().to_owned()));
    }
    (key, spans)
}

impl Counted {
    /// Adds another partition's counts.
    pub(super) fn merge(&mut self, other: Self) {
        self.eligible += other.eligible;
        self.parts += other.parts;
        self.cost += other.cost;
        self.deferred += other.deferred;
        self.deferred_until = match (self.deferred_until, other.deferred_until) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        for (reason, people) in other.rejected {
            *self.rejected.entry(reason).or_default() += people;
        }
        for (carrier, (parts, cost)) in other.by_carrier {
            let (sum, total) = self.by_carrier.entry(carrier).or_default();
            *sum += parts;
            *total += cost;
        }
        for (place, people) in other.by_place {
            *self.by_place.entry(place).or_default() += people;
        }
        for (key, group) in other.held {
            match self.held.get_mut(&key) {
                Some(known) => known.people += group.people,
                None => {
                    self.held.insert(key, group);
                }
            }
        }
        self.samples.extend(other.samples);
        self.samples.sort_by_key(|(ordinal, _)| *ordinal);
        self.samples.truncate(SAMPLES);
    }
}
