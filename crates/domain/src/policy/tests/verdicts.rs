//! Each rule: what it lets pass, what it stops, and in which order rules decide.

use super::*;
use crate::audit::WordList;
use crate::numbers::Lesson;
use jiff::civil::time;

#[test]
fn a_consented_person_gets_marketing_by_day() {
    let (lane, person) = (lane(Category::Marketing), agreed());
    assert_eq!(Policy::builtin().decide(&facts(&lane, &person), at(MORNING)), Verdict::Send);
}

#[test]
fn consent_belongs_to_one_entity_and_ends() {
    let policy = Policy::builtin();
    let lane = lane(Category::Marketing);
    let no_consent = rejected(Reason::NoConsent, RuleId::CONSENT);
    let with = |change: fn(&mut Consented)| {
        let mut person = agreed();
        change(&mut person.consents[0]);
        policy.decide(&facts(&lane, &person), at(MORNING))
    };
    assert_eq!(policy.decide(&facts(&lane, &PersonFacts::default()), at(MORNING)), no_consent);
    assert_eq!(with(|consent| consent.entity = entity(2)), no_consent);
    assert_eq!(with(|consent| consent.withdrawn = true), no_consent);
    assert_eq!(with(|consent| consent.until = Some(at(MORNING))), no_consent);
    assert_eq!(with(|consent| consent.until = Some(at(MORNING + 1))), Verdict::Send);
    assert_eq!(with(|consent| consent.since = at(MORNING + 1)), no_consent);
    assert_eq!(with(|consent| consent.since = at(MORNING)), Verdict::Send);
    let notice = super::lane(Category::Notice);
    assert_eq!(policy.decide(&facts(&notice, &PersonFacts::default()), at(MORNING)), Verdict::Send);
}

#[test]
fn a_new_consent_replaces_a_withdrawn_one() {
    let lane = lane(Category::Marketing);
    let mut person = agreed();
    person.consents.push(Consented { withdrawn: true, since: at(MORNING - DAY), ..person.consents[0] });
    let policy = Policy::builtin();
    assert_eq!(
        policy.decide(&facts(&lane, &person), at(MORNING)),
        rejected(Reason::NoConsent, RuleId::CONSENT)
    );
    person.consents.push(Consented { since: at(MORNING - HOUR), ..agreed().consents[0] });
    assert_eq!(policy.decide(&facts(&lane, &person), at(MORNING)), Verdict::Send);
}

#[test]
fn suppression_reaches_the_whole_group_in_its_category() {
    let policy = PolicyBuilder::builtin().with_group(&[entity(9), entity(1), entity(2)]).build().unwrap();
    let stop = rejected(Reason::Suppressed, RuleId::SUPPRESSION);
    let cases = [
        (Scope::Operator, None, Category::Marketing, stop),
        (Scope::Operator, None, Category::Otp, stop),
        (Scope::Entity(entity(1)), None, Category::Notice, stop),
        (Scope::Entity(entity(2)), Some(Category::Marketing), Category::Marketing, stop),
        (Scope::Entity(entity(2)), Some(Category::Marketing), Category::Notice, Verdict::Send),
        (Scope::Entity(entity(3)), None, Category::Marketing, Verdict::Send),
    ];
    for (scope, of, category, verdict) in cases {
        let lane = lane(category);
        let person = PersonFacts { suppressions: vec![suppressed(scope, of)], ..agreed() };
        assert_eq!(
            policy.decide(&facts(&lane, &person), at(MORNING)),
            verdict,
            "{scope:?} {of:?} {category}"
        );
    }
}

#[test]
fn dead_numbers_get_codes_and_emergencies_only() {
    let policy = Policy::builtin();
    let stop = rejected(Reason::DeadNumber, RuleId::DEAD_NUMBER);
    let called = |days: &[i64]| {
        let mut person = agreed();
        for days in days {
            person.number.learn(Lesson::Dead, at(MORNING - days * DAY));
        }
        person
    };
    let decide = |category, person: &PersonFacts| policy.decide(&facts(&lane(category), person), at(MORNING));
    assert_eq!(decide(Category::Marketing, &called(&[1])), Verdict::Send);
    for dead in [called(&[1, 2]), called(&[1, 31]), called(&[89, 100])] {
        assert_eq!(decide(Category::Marketing, &dead), stop);
        assert_eq!(decide(Category::Notice, &dead), stop);
        assert_eq!(decide(Category::Otp, &dead), Verdict::Send);
        let urgent = Lane { priority: Priority::Emergency, ..lane(Category::Notice) };
        assert_eq!(policy.decide(&facts(&urgent, &dead), at(MORNING)), Verdict::Send);
        let marketing = lane(Category::Marketing);
        let test = Facts { test: true, ..facts(&marketing, &dead) };
        assert_eq!(policy.decide(&test, at(MORNING)), Verdict::Send);
    }
    for alive in [called(&[1, 32]), called(&[90, 100])] {
        assert_eq!(decide(Category::Notice, &alive), Verdict::Send);
    }
    let night = policy.decide(&facts(&lane(Category::Marketing), &called(&[1, 2])), at(MORNING + 12 * HOUR));
    assert_eq!(night, stop, "it does not wait for the morning");
}

#[test]
fn test_numbers_skip_consent_and_caps_but_not_opt_out() {
    let policy = Policy::builtin();
    let lane = lane(Category::Marketing);
    let many = (1..9).map(|n| handed(n, MORNING - n * HOUR, entity(1), Category::Marketing)).collect();
    let mut person = PersonFacts { recents: many, ..PersonFacts::default() };
    let test =
        |person: &PersonFacts, now| policy.decide(&Facts { test: true, ..facts(&lane, person) }, at(now));
    assert_eq!(test(&person, MORNING), Verdict::Send);
    assert!(matches!(test(&person, MORNING + 12 * HOUR), Verdict::Defer { .. }));
    person.suppressions.push(suppressed(Scope::Entity(entity(1)), Some(Category::Marketing)));
    assert_eq!(test(&person, MORNING), rejected(Reason::Suppressed, RuleId::SUPPRESSION));
}

#[test]
fn marketing_names_its_sender_and_says_how_to_refuse() {
    let policy = Policy::builtin();
    let person = agreed();
    let verdict =
        |category, text| policy.decide(&Facts { text, ..facts(&lane(category), &person) }, at(MORNING));
    let unsigned = rejected(Reason::SignatureMissing, RuleId::SIGNATURE);
    for text in [
        "",
        "王女士您好",
        "【】您好",
        "【没有右括号",
        "【一二三四五六七八九十一二三四五六七八九十一】您好",
        "您好【鸿雁】",
    ] {
        assert_eq!(verdict(Category::Notice, text), unsigned, "{text}");
    }
    assert_eq!(verdict(Category::Notice, "【鸿雁】您好"), Verdict::Send);
    assert_eq!(
        verdict(Category::Marketing, "【鸿雁】您好"),
        rejected(Reason::OptOutTextMissing, RuleId::OPT_OUT_TEXT)
    );
    assert_eq!(verdict(Category::Marketing, "【鸿雁】您好,回T退订"), Verdict::Send);
}

#[test]
fn blocked_words_stop_held_ones_wait_for_a_person_and_warnings_pass() {
    let list = WordList::parse("test", "稳赚不赔\tfraud\tblock\n国家级\tabsolute\thold\n贷款\ttrade\twarn\n")
        .unwrap();
    let auditor = Arc::new(Auditor::build(&[list]).unwrap());
    let policy = PolicyBuilder::builtin().with_auditor(auditor).build().unwrap();
    let person = PersonFacts::default();
    let verdict = |approved, text| {
        let lane = Lane { held_words_approved: approved, ..lane(Category::Notice) };
        policy.decide(&Facts { text, ..facts(&lane, &person) }, at(MORNING))
    };
    let (blocked, held) = ("【鸿雁】国家级项目,稳-赚-不-赔", "【鸿雁】國家級项目");
    for approved in [false, true] {
        assert_eq!(verdict(approved, blocked), rejected(Reason::ContentBlocked, RuleId::AUDIT));
        assert_eq!(verdict(approved, "【鸿雁】贷款到账"), Verdict::Send);
    }
    assert_eq!(verdict(false, held), rejected(Reason::ContentHeld, RuleId::AUDIT));
    assert_eq!(verdict(true, held), Verdict::Send);
    assert_eq!(policy.auditor().map(|auditor| auditor.audit(held).len()), Some(1));
}

#[test]
fn the_lane_says_what_happens_at_a_closed_hour() {
    let policy = PolicyBuilder::builtin().with_release_over(Duration::ZERO).build().unwrap();
    let person = agreed();
    let evening = MORNING + 10 * HOUR;
    let opening = at(MORNING + 22 * HOUR);
    let (reason, rule) = (Reason::QuietHours, RuleId::QUIET_HOURS);
    let verdict = |window_close, valid_until, now| {
        let lane = Lane { window_close, ..lane(Category::Marketing) };
        policy.decide(&Facts { valid_until, ..facts(&lane, &person) }, at(now))
    };
    let defer = Verdict::Defer { until: opening, reason, rule };
    let later = opening.plus(Duration::from_millis(1));
    let reject = rejected(reason, rule);
    assert_eq!(verdict(WindowClose::Hold, Timestamp::FAR_FUTURE, evening - 1), Verdict::Send);
    assert_eq!(verdict(WindowClose::Hold, Timestamp::FAR_FUTURE, evening), defer);
    assert_eq!(verdict(WindowClose::Hold, Timestamp::FAR_FUTURE, opening.millis() - 1), defer);
    assert_eq!(verdict(WindowClose::Hold, Timestamp::FAR_FUTURE, opening.millis()), Verdict::Send);
    assert_eq!(verdict(WindowClose::Hold, later, evening), defer);
    assert_eq!(verdict(WindowClose::Hold, opening, evening), reject);
    assert_eq!(verdict(WindowClose::DropAfter(opening), Timestamp::FAR_FUTURE, evening), reject);
    assert_eq!(verdict(WindowClose::DropAfter(later), Timestamp::FAR_FUTURE, evening), defer);
    assert_eq!(
        verdict(WindowClose::PauseForHuman, Timestamp::FAR_FUTURE, evening),
        Verdict::Pause { until: opening, reason, rule }
    );
    let too_late = rejected(Reason::ValidityPassed, RuleId::VALIDITY);
    assert_eq!(verdict(WindowClose::Hold, at(MORNING), MORNING), too_late);
    assert_eq!(verdict(WindowClose::DropAfter(at(MORNING)), Timestamp::FAR_FUTURE, MORNING), too_late);
    let otp = lane(Category::Otp);
    assert_eq!(policy.decide(&facts(&otp, &person), at(evening)), Verdict::Send, "codes are sent at night");
}

#[test]
fn deferred_messages_are_spread_over_the_opening_and_stay_in_time() {
    let policy = Policy::builtin();
    let (lane, person) = (lane(Category::Marketing), agreed());
    let opening = MORNING + 22 * HOUR;
    let valid_until = at(opening + 60 * SECOND);
    let mut thirds = [0; 3];
    for number in 0..3_000 {
        let facts =
            Facts { message: MessageId::from_raw(number << 22), valid_until, ..facts(&lane, &person) };
        let Verdict::Defer { until, .. } = policy.decide(&facts, at(MORNING + 12 * HOUR)) else {
            panic!("expected a deferral")
        };
        let place = until.millis() - opening;
        thirds[usize::try_from(place / (20 * SECOND)).unwrap()] += 1;
    }
    assert!(thirds.iter().all(|count| (900..1_100).contains(count)), "{thirds:?}");
}

#[test]
fn the_same_text_waits_thirty_seconds_and_a_retry_does_not_block_itself() {
    let policy = Policy::builtin();
    let lane = lane(Category::Notice);
    let again = |message: i64, age: i64| {
        let recent =
            Recent { text_hash: text_hash(TEXT), ..handed(message, MORNING - age, entity(5), Category::Otp) };
        let person = PersonFacts { recents: vec![recent], ..PersonFacts::default() };
        policy.decide(&facts(&lane, &person), at(MORNING))
    };
    let repeated = rejected(Reason::RepeatedText, RuleId::REPEATED_TEXT);
    assert_eq!(again(1, 0), repeated);
    assert_eq!(again(1, 30 * SECOND - 1), repeated);
    assert_eq!(again(1, 30 * SECOND), Verdict::Send);
    assert_eq!(again(1_000, 5 * SECOND), Verdict::Send);
}

#[test]
fn caps_count_by_day_by_week_and_over_all_tenants() {
    let policy = Policy::builtin();
    let lane = lane(Category::Marketing);
    let verdict = |recents: &[(i64, i64)], now| {
        let recent = |(n, &(age, of)): (usize, &(i64, i64))| {
            handed(i64::try_from(n).unwrap(), now - age, entity(of), Category::Marketing)
        };
        let person = PersonFacts { recents: recents.iter().enumerate().map(recent).collect(), ..agreed() };
        policy.decide(&facts(&lane, &person), at(now))
    };
    let capped = |rule| rejected(Reason::Capped, rule);
    // 10:00 is ten hours after midnight: what came before it counts for the week only.
    assert_eq!(verdict(&[(10 * HOUR, 1)], MORNING), capped(RuleId::MARKETING_DAY));
    assert_eq!(verdict(&[(10 * HOUR + 1, 1)], MORNING), Verdict::Send);
    let week = 7 * DAY;
    assert_eq!(verdict(&[(20 * HOUR, 1), (week - 1, 1)], MORNING), capped(RuleId::MARKETING_WEEK));
    assert_eq!(verdict(&[(20 * HOUR, 1), (week, 1)], MORNING), Verdict::Send);
    assert_eq!(verdict(&[(HOUR, 2), (HOUR, 3)], MORNING), Verdict::Send);
    assert_eq!(
        verdict(&[(HOUR, 2), (HOUR, 3), (10 * HOUR, 4)], MORNING),
        capped(RuleId::MARKETING_OPERATOR_DAY)
    );
    assert_eq!(verdict(&[(HOUR, 2), (HOUR, 3), (10 * HOUR + 1, 4)], MORNING), Verdict::Send);
}

#[test]
fn caps_of_one_category_do_not_count_another_and_a_retry_never_counts() {
    let policy = Policy::builtin();
    let lane = lane(Category::Otp);
    let verdict = |recents: Vec<Recent>| {
        let person = PersonFacts { recents, ..PersonFacts::default() };
        policy.decide(&facts(&lane, &person), at(MORNING))
    };
    let minute = MORNING - 60 * SECOND;
    let capped = rejected(Reason::Capped, RuleId::OTP_MINUTE);
    assert_eq!(verdict(vec![handed(1, minute + 1, entity(1), Category::Otp)]), capped);
    assert_eq!(verdict(vec![handed(1, minute, entity(1), Category::Otp)]), Verdict::Send);
    assert_eq!(verdict(vec![handed(1, minute + 1, entity(1), Category::Notice)]), Verdict::Send);
    assert_eq!(verdict(vec![handed(1, minute + 1, entity(2), Category::Otp)]), Verdict::Send);
    assert_eq!(verdict(vec![handed(1_000, minute + 1, entity(1), Category::Otp)]), Verdict::Send);
}

#[test]
fn rules_apply_from_their_first_instant_until_before_their_last() {
    let mut builder = PolicyBuilder::builtin();
    let consent = builder.rules.iter_mut().find(|rule| rule.id == RuleId::CONSENT).unwrap();
    (consent.valid_from, consent.valid_to) = (Some(at(MORNING)), Some(at(MORNING + HOUR)));
    let policy = builder.build().unwrap();
    let (lane, nobody) = (lane(Category::Marketing), PersonFacts::default());
    let sent = |now| policy.decide(&facts(&lane, &nobody), at(now)) == Verdict::Send;
    assert!(sent(MORNING - 1) && !sent(MORNING) && !sent(MORNING + HOUR - 1) && sent(MORNING + HOUR));
}

#[test]
fn configuration_changes_caps_and_hours_and_is_checked() {
    let hours = |open, close| Hours::new(open, close, Zone::china());
    let all_day = hours(time(0, 0, 0, 0), time(0, 0, 0, 0)).unwrap();
    let policy = PolicyBuilder::builtin()
        .with_cap(RuleId::MARKETING_DAY, 0)
        .with_hours(RuleId::QUIET_HOURS, all_day)
        .build()
        .unwrap();
    let (lane, person) = (lane(Category::Marketing), agreed());
    let night = at(MORNING + 15 * HOUR);
    assert_eq!(
        policy.decide(&facts(&lane, &person), night),
        rejected(Reason::Capped, RuleId::MARKETING_DAY),
        "a cap of nothing forbids"
    );
    assert_eq!(policy.open_until(Category::Marketing, night), Timestamp::FAR_FUTURE);
    assert!(hours(time(9, 0, 0, 0), time(9, 0, 0, 0)).is_err());
    let wrong = |builder: PolicyBuilder| builder.build().unwrap_err();
    let no_such = PolicyError::NoSuchRule { number: RuleId::CONSENT.0 };
    assert_eq!(wrong(PolicyBuilder::builtin().with_cap(RuleId::CONSENT, 1)), no_such);
    let mut twice = PolicyBuilder::builtin();
    twice.rules.push(Rule { id: RuleId(77), ..twice.rules[0].clone() });
    assert_eq!(wrong(twice), PolicyError::Twice { name: "HY-R01".into(), number: 77 });
    assert!(Zone::named("Asia/Peking").is_err());
}

#[test]
fn every_rule_is_explained_in_both_languages() {
    let policy = Policy::builtin();
    for rule in policy.rules() {
        assert_eq!(policy.explain(rule.id), Some(rule));
        assert!(
            rule.title.zh.chars().any(|ch| ch > '\u{4e00}') && rule.title.en.is_ascii()
                || rule.id == RuleId::SIGNATURE
        );
    }
    assert_eq!(policy.explain(RuleId::NONE), None);
}

#[test]
fn the_sending_window_is_known_in_advance() {
    let policy = Policy::builtin();
    let (category, evening) = (Category::Marketing, at(MORNING + 10 * HOUR));
    assert_eq!(policy.open_from(category, at(MORNING)), at(MORNING));
    assert_eq!(policy.open_until(category, at(MORNING)), evening);
    assert_eq!(policy.open_from(category, evening), at(MORNING + 22 * HOUR));
    assert_eq!(policy.open_from(Category::Otp, evening), evening);
    assert_eq!(policy.open_until(Category::Otp, evening), Timestamp::FAR_FUTURE);
}
