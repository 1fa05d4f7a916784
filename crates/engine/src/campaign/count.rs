//! Counting what a campaign would come to in one partition: the same texts and the same decisions as the real run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::campaign::{CanaryShare, Lots, Unrouted, lot};
use domain::control::{AudienceRow, HeldSample, RouteLoad, Sample};
use domain::ids::{CampaignId, EntityId, MessageId, RouteId};
use domain::lane::Lane;
use domain::message::{Category, Reason};
use domain::money::Money;
use domain::phone::{Carrier, Country, Phone};
use domain::policy::{Facts, PersonFacts, Policy, Recent, Scratch, Verdict, text_hash};
use domain::time::Timestamp;

use super::letter::Letter;
use crate::compose::Composed;

/// Samples shown.
pub(super) const SAMPLES: usize = 5;
/// Groups of held words kept; a word list finds no more in one template than a person can read.
const MAX_HELD_GROUPS: usize = 50;
/// Kinds of phones told of that no route leads to.
const MAX_UNROUTED: usize = 100;
/// A message put off is decided again at its new time; two kinds of hours never need more.
const MAX_DEFERRALS: usize = 4;

/// What is the same for every row.
pub(super) struct Count {
    pub campaign: CampaignId,
    pub canary: Option<CanaryShare>,
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

/// A phone's carrier and country, and the route that does not reach it.
type NoWay = (Carrier, Option<Country>, Option<RouteId>);

/// What a partition came to so far. Test numbers are decided about, because they count for caps, but not counted:
/// they are not of the audience, here as in the report.
#[derive(Default)]
pub(super) struct Counted {
    pub eligible: u64,
    pub parts: u64,
    pub cost: Money,
    /// Of all that will be accepted.
    pub reserve: Money,
    pub rejected: HashMap<Reason, u64>,
    pub deferred: u64,
    pub deferred_until: Option<Timestamp>,
    /// By the words found.
    pub held: HashMap<String, HeldSample>,
    /// In order of ordinal.
    pub samples: Vec<(u64, Sample)>,
    /// People by place of the table of ranges.
    pub by_place: HashMap<Option<usize>, u64>,
    /// People, parts and cost by the place of their route and their carrier.
    pub loads: HashMap<(usize, Carrier), (u64, u64, Money)>,
    unrouted: HashMap<NoWay, (u64, String)>,
    /// Who gets it first, where some do.
    pub lots: Option<Lots>,
    /// What this campaign would have handed over before, for phones that come again.
    handed: HashMap<u64, Vec<Recent>>,
}

impl Count {
    /// Counts rows of one partition, in order; `facts` are those of their phones, in the same order.
    pub(super) fn take(&self, counted: &mut Counted, rows: &[Ordered], facts: Vec<PersonFacts>) {
        let mut scratch = Scratch::default();
        for (Ordered { ordinal, row }, mut person) in rows.iter().zip(facts) {
            let written = self.letter.for_row(row, &self.columns);
            match written.text {
                Err(reason) => {
                    *counted.rejected.entry(reason).or_default() += u64::from(!row.test);
                    if reason == Reason::NoRoute && !row.test {
                        let route = written.place.and_then(|place| self.letter.routes.get(place));
                        counted.leave_out(row.phone, route.map(|route| route.route));
                    }
                }
                Ok(composed) => {
                    counted.reserve += composed.price;
                    let place = written.place.unwrap_or_default();
                    if let Some(handed) = counted.handed.get(&row.phone.to_u64()) {
                        person.recents.extend_from_slice(handed);
                    }
                    self.decide(counted, (*ordinal, place), row, &composed, &person, &mut scratch);
                }
            }
        }
    }

    fn decide(
        &self,
        counted: &mut Counted,
        (ordinal, place): (u64, usize),
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
                Verdict::Send => return self.send(counted, &facts, (ordinal, place), row, composed, at),
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
        (ordinal, place): (u64, usize),
        row: &AudienceRow,
        composed: &Composed,
        at: Timestamp,
    ) {
        if !row.test {
            counted.eligible += 1;
            counted.parts += u64::from(composed.parts);
            counted.cost += composed.price;
            let (people, parts, cost) = counted.loads.entry((place, composed.carrier)).or_default();
            *people += 1;
            *parts += u64::from(composed.parts);
            *cost += composed.price;
            let sold = self.letter.numbers().place_number(row.phone);
            *counted.by_place.entry(sold).or_default() += 1;
            if let Some(share) = self.canary {
                let lots = counted.lots.get_or_insert_with(|| Lots::new(share));
                lots.draw(row.phone.carrier(), lot(self.campaign, ordinal));
            }
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
    /// A person whom no route leads to; `route` is for the phone and does not reach it.
    fn leave_out(&mut self, phone: Phone, route: Option<RouteId>) {
        let carrier = phone.carrier();
        let country = (carrier == Carrier::Foreign).then(|| phone.country()).flatten();
        let key = (carrier, country, route);
        if self.unrouted.len() < MAX_UNROUTED || self.unrouted.contains_key(&key) {
            self.unrouted.entry(key).or_insert_with(|| (0, phone.masked())).0 += 1;
        }
    }

    /// Whom no route leads to, most first.
    pub(super) fn unrouted(&self) -> Vec<Unrouted> {
        let left = self.unrouted.iter().map(|(&(carrier, country, route), (people, sample))| Unrouted {
            carrier,
            country,
            route,
            people: *people,
            sample: sample.clone(),
        });
        let mut left: Vec<_> = left.collect();
        left.sort_by_key(|left| (std::cmp::Reverse(left.people), left.carrier, left.country, left.route));
        left
    }

    /// Parts and cost of each carrier, in the order of [`Carrier::ALL`].
    pub(super) fn by_carrier(&self) -> Vec<(Carrier, u64, Money)> {
        let of = |carrier: Carrier| {
            let mine = self.loads.iter().filter(|((_, of), _)| *of == carrier).map(|(_, load)| load);
            let sum = mine.fold((0, Money::ZERO), |(parts, cost), load| (parts + load.1, cost + load.2));
            (sum.0 > 0).then_some((carrier, sum.0, sum.1))
        };
        Carrier::ALL.into_iter().filter_map(of).collect()
    }

    /// What each route carries; `routes` by their places.
    pub(super) fn by_route(&self, routes: impl Iterator<Item = RouteId>) -> Vec<RouteLoad> {
        let of = |(place, route): (usize, RouteId)| {
            let mut load = RouteLoad { route, people: 0, parts: 0, cost: Money::ZERO };
            for (_, (people, parts, cost)) in self.loads.iter().filter(|((of, _), _)| *of == place) {
                load.people += people;
                load.parts += parts;
                load.cost += *cost;
            }
            (load.people > 0).then_some(load)
        };
        routes.enumerate().filter_map(of).collect()
    }

    /// Adds another partition's counts.
    pub(super) fn merge(&mut self, other: Self) {
        self.eligible += other.eligible;
        self.parts += other.parts;
        self.cost += other.cost;
        self.reserve += other.reserve;
        self.deferred += other.deferred;
        self.deferred_until = match (self.deferred_until, other.deferred_until) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        for (reason, people) in other.rejected {
            *self.rejected.entry(reason).or_default() += people;
        }
        for (key, (people, parts, cost)) in other.loads {
            let sum = self.loads.entry(key).or_default();
            *sum = (sum.0 + people, sum.1 + parts, sum.2 + cost);
        }
        for (place, people) in other.by_place {
            *self.by_place.entry(place).or_default() += people;
        }
        for (key, (people, sample)) in other.unrouted {
            self.unrouted.entry(key).or_insert((0, sample)).0 += people;
        }
        self.lots = match (self.lots.take(), other.lots) {
            (Some(mut lots), Some(others)) => {
                lots.merge(others);
                Some(lots)
            }
            (one, two) => one.or(two),
        };
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
