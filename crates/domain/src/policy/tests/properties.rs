//! What holds for any history: batches do not matter, caps hold in every window, suppression wins.

use super::*;
use proptest::prelude::*;

/// A message to one phone: when it comes up, whose it is, what it is, and which of three texts it has.
#[derive(Clone, Copy, Debug)]
struct Step {
    gap: i64,
    entity: i64,
    category: Category,
    text: u64,
    batch_ends: bool,
    retry: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![4 => 0..2 * SECOND, 3 => 0..90 * SECOND, 3 => 0..5 * HOUR, 2 => 0..2 * DAY];
    let step = (gap, 1..4_i64, 0..3_usize, 0..3_u64, any::<bool>(), proptest::bool::weighted(0.1)).prop_map(
        |(gap, entity, category, text, batch_ends, retry)| Step {
            gap,
            entity,
            category: Category::ALL[category],
            text,
            batch_ends,
            retry,
        },
    );
    proptest::collection::vec(step, 1..120)
}

/// Small caps over both kinds of window, so that histories of a hundred messages meet them all the time.
fn policy() -> Policy {
    PolicyBuilder::builtin()
        .with_cap(RuleId::NOTICE_MINUTE, 2)
        .with_cap(RuleId::NOTICE_DAY, 4)
        .with_cap(RuleId::OTP_HOUR, 2)
        .with_cap(RuleId::OTP_DAY, 4)
        .build()
        .unwrap()
}

fn person() -> PersonFacts {
    let consent = |number| Consented { entity: entity(number), since: at(0), ..agreed().consents[0] };
    PersonFacts { consents: (1..4).map(consent).collect(), ..PersonFacts::default() }
}

/// What a ledger does: decide in order against facts that include the batch's own verdicts, write what was sent, and
/// read the person anew for the next batch: in the table's order, and without what retention took away.
fn run(policy: &Policy, steps: &[Step], ends: impl Fn(usize, &Step) -> bool) -> (Vec<Verdict>, Vec<Recent>) {
    let (mut facts_now, mut sent) = (person(), Vec::new());
    let (mut now, mut verdicts) = (MORNING, Vec::new());
    let mut scratch = Scratch::default();
    for (index, step) in steps.iter().enumerate() {
        now += step.gap;
        let number = if step.retry { index.saturating_sub(1) } else { index };
        let message = MessageId::from_raw(i64::try_from(number).unwrap());
        let lane = Lane { entity: entity(step.entity), ..lane(step.category) };
        let facts = Facts { message, text_hash: step.text, ..facts(&lane, &facts_now) };
        let verdict = policy.decide_with(&facts, at(now), &mut scratch);
        verdicts.push(verdict);
        if verdict == Verdict::Send {
            let (category, text_hash) = (step.category, step.text);
            let recent = Recent { handed_at: at(now), message, entity: lane.entity, category, text_hash };
            for rows in [&mut facts_now.recents, &mut sent] {
                rows.retain(|row| row.message != message);
                rows.push(recent);
            }
        }
        if ends(index, step) {
            facts_now.recents.retain(|row| row.handed_at > at(now - 7 * DAY));
            facts_now
                .recents
                .sort_by_key(|row| row.message.raw().wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()));
        }
    }
    (verdicts, sent)
}

/// The most hand-overs of `recents` that any window of the cap's kind holds.
fn fullest(cap: &Cap, recents: &[&Recent]) -> usize {
    let in_window = |first: &Recent| {
        let day = |at: Timestamp| (at.millis() + 8 * HOUR).div_euclid(DAY);
        let inside = |other: &&&Recent| match &cap.window {
            Window::Rolling(length) => {
                first.handed_at <= other.handed_at && other.handed_at < first.handed_at.plus(*length)
            }
            Window::CalendarDays(days, _) => {
                let apart = day(other.handed_at) - day(first.handed_at);
                (0..i64::from(*days)).contains(&apart)
            }
        };
        recents.iter().filter(inside).count()
    };
    recents.iter().map(|first| in_window(first)).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_into_batches_gives_the_same_verdicts(steps in steps()) {
        let policy = policy();
        let (one_by_one, _) = run(&policy, &steps, |_, _| true);
        let (random, _) = run(&policy, &steps, |_, step| step.batch_ends);
        let (whole, _) = run(&policy, &steps, |_, _| false);
        prop_assert_eq!(&one_by_one, &random);
        prop_assert_eq!(&one_by_one, &whole);
    }

    #[test]
    fn no_window_of_any_cap_is_ever_overfull(mut steps in steps()) {
        let policy = policy();
        steps.iter_mut().for_each(|step| step.retry = false);
        let (verdicts, sent) = run(&policy, &steps, |_, step| step.batch_ends);
        for rule in policy.rules() {
            let Check::Cap(cap) = &rule.check else { continue };
            for number in 1..4 {
                let counted: Vec<&Recent> = sent.iter()
                    .filter(|recent| rule.categories.contains(&recent.category))
                    .filter(|recent| cap.scope == CountScope::Operator || recent.entity == entity(number))
                    .collect();
                prop_assert!(fullest(cap, &counted) <= cap.max as usize, "{} is exceeded", rule);
            }
        }
        let allowed = verdicts.iter().filter(|verdict| **verdict == Verdict::Send).count();
        prop_assert_eq!(allowed, sent.len());
    }

    #[test]
    fn suppression_always_wins_and_the_same_facts_give_the_same_verdict(
        steps in steps(), now in any::<i64>(), test in any::<bool>(), approved in any::<bool>(), text in ".{0,40}",
    ) {
        let policy = policy();
        let (_, recents) = run(&policy, &steps, |_, _| true);
        let mut person = PersonFacts { recents, ..person() };
        let lane = Lane { held_words_approved: approved, ..lane(steps[0].category) };
        let decide = |person: &PersonFacts, scratch: &mut Scratch| {
            policy.decide_with(&Facts { test, text: &text, ..facts(&lane, person) }, at(now), scratch)
        };
        let mut used = Scratch::default();
        prop_assert_eq!(decide(&person, &mut used), decide(&person, &mut used));
        prop_assert_eq!(decide(&person, &mut used), decide(&person, &mut Scratch::default()));
        person.suppressions.push(suppressed(Scope::Entity(entity(1)), Some(steps[0].category)));
        let late = now >= Timestamp::FAR_FUTURE.millis();
        if !late {
            prop_assert_eq!(decide(&person, &mut used), rejected(Reason::Suppressed, RuleId::SUPPRESSION));
        }
    }

    #[test]
    fn a_spread_release_stays_in_its_bounds(raw in 0..i64::MAX, over in 0..100_000_u64) {
        let released = spread(MessageId::from_raw(raw), at(MORNING), Duration::from_millis(over));
        prop_assert!(released >= at(MORNING));
        prop_assert!(released < at(MORNING).plus(Duration::from_millis(over.max(1))));
    }
}
