use super::*;

fn answers(fine: u32, ill: u32) -> Answers {
    Answers { fine, ill, ..Answers::default() }
}

fn connected() -> Health {
    let mut health = Health::new(HealthRules::default());
    health.connections(4, 0);
    health
}

#[test]
fn a_channel_without_connections_is_down() {
    let mut health = Health::new(HealthRules::default());
    assert_eq!(health.condition(0), Condition::Down { trouble: Trouble::Disconnected, until_millis: None });
    health.connections(1, 0);
    assert_eq!(health.condition(0), Condition::Up);
    health.connections(0, 0);
    assert!(!health.is_usable(0));
}

#[test]
fn errors_open_it_only_when_they_are_many_and_recent() {
    let mut health = connected();
    health.answered(answers(0, 19), 0);
    assert!(health.is_usable(0), "nineteen answers are too few to judge by");
    health.answered(answers(10, 0), 11_000);
    health.answered(answers(0, 9), 11_000);
    assert!(health.is_usable(11_000), "the first errors are forgotten, and 9 of 19 are too few");
    health.answered(answers(0, 1), 11_000);
    assert_eq!(
        health.condition(11_000),
        Condition::Down { trouble: Trouble::Errors, until_millis: Some(16_000) }
    );
}

#[test]
fn it_comes_back_through_a_probe_and_rests_longer_when_the_probe_fails() {
    let mut health = connected();
    health.answered(answers(0, 20), 0);
    assert_eq!(health.condition(5_000), Condition::Probing { allowance: 5 });
    health.handed_over(3, 5_000);
    assert_eq!(health.condition(5_000), Condition::Probing { allowance: 2 });
    health.handed_over(2, 5_001);
    assert!(!health.is_usable(5_001), "one probe at a time");
    health.answered(answers(2, 1), 5_010);
    assert_eq!(
        health.condition(5_010),
        Condition::Down { trouble: Trouble::Errors, until_millis: Some(15_010) }
    );
    health.handed_over(5, 15_010);
    health.answered(answers(5, 0), 15_020);
    assert_eq!(health.condition(15_020), Condition::Recovering { allowance: 20 });
    health.handed_over(1, 22_000);
    assert_eq!(health.condition(22_000), Condition::Up);
    health.answered(answers(0, 20), 22_030);
    assert!(health.is_usable(27_030), "after a recovery the first rest is short again");
}

#[test]
fn a_probe_without_answers_is_made_again_and_answers_from_before_do_not_reopen() {
    let mut health = connected();
    health.answered(answers(0, 20), 0);
    health.answered(answers(0, 50), 10);
    assert_eq!(health.condition(5_000), Condition::Probing { allowance: 5 });
    health.handed_over(5, 5_000);
    assert!(!health.is_usable(14_999));
    assert!(health.is_usable(15_000));
}

#[test]
fn only_the_channels_own_faults_count() {
    assert!(Health::is_illness(Reason::CarrierSystem) && Health::is_illness(Reason::NoAnswer));
    assert!(!Health::is_illness(Reason::UnknownNumber) && !Health::is_illness(Reason::Throttled));
}

#[test]
fn what_comes_back_is_trusted_more_from_step_to_step_and_others_go_first_meanwhile() {
    let mut health = connected();
    assert_eq!(health.condition(0), Condition::Up, "what begins is trusted at once");
    health.connections(0, 1_000);
    health.connections(4, 2_000);
    assert_eq!(health.condition(2_000), Condition::Recovering { allowance: 20 });
    health.handed_over(15, 2_100);
    assert!(!health.condition(2_100).is_reluctant());
    health.handed_over(30, 2_200);
    assert!(
        health.condition(2_200).is_reluctant() && health.is_usable(2_200),
        "it may still carry what no other can"
    );
    assert_eq!(health.condition(3_000), Condition::Recovering { allowance: 80 });
    health.handed_over(80, 3_000);
    assert!(health.condition(3_999).is_reluctant());
    assert_eq!(health.condition(4_000), Condition::Recovering { allowance: 320 });
    assert_eq!(health.condition(8_000), Condition::Up, "without anything to carry it recovers too");
    health.connections(0, 9_000);
    health.connections(1, 9_100);
    assert!(matches!(health.condition(9_100), Condition::Recovering { .. }), "each time");
    health.answered(answers(0, 20), 9_200);
    assert!(!health.is_usable(9_200), "and errors open it meanwhile");
}

#[test]
fn receipts_open_it_only_when_they_blame_the_carrier() {
    let mut health = connected();
    health.receipts(10, 190, 0, 0);
    assert!(health.is_usable(0), "dead numbers are not its fault");
    assert_eq!(health.delivered_percent(0), Some(5));
    assert_eq!(health.delivered_percent(700_000), None, "too few to judge by");
    health.receipts(19, 81, 79, 700_000);
    assert!(health.is_usable(700_000));
    health.receipts(0, 10, 10, 700_000);
    let until_millis = Some(705_000);
    assert_eq!(health.condition(700_000), Condition::Down { trouble: Trouble::Receipts, until_millis });
    health.handed_over(5, 705_000);
    health.answered(answers(5, 0), 705_100);
    assert!(health.is_usable(705_100), "new receipts judge it anew");
}

#[test]
fn its_vitals_are_those_of_the_window() {
    let mut health = connected();
    assert_eq!(health.vitals(0), Vitals::default());
    health.answered(Answers { fine: 9, ill: 1, throttled: 3, timed: 4, millis: 100 }, 0);
    let vitals = health.vitals(0);
    assert_eq!((vitals.submit_percent, vitals.unthrottled_percent), (Some(90), Some(66)));
    assert_eq!(vitals.answer_millis, Some(25));
    assert_eq!(health.vitals(10_000), Vitals::default(), "forgotten");
}

#[test]
fn its_history_says_what_happened_and_is_bounded() {
    let mut health = connected();
    health.answered(answers(0, 20), 100);
    health.handed_over(5, 5_100);
    health.answered(answers(5, 0), 5_200);
    health.handed_over(1, 20_000);
    let turns: Vec<_> = health.history().map(|change| (change.at_millis, change.turn)).collect();
    let expected = [
        (0, Turn::Connected),
        (100, Turn::Down(Trouble::Errors)),
        (5_100, Turn::Probing),
        (5_200, Turn::Recovering),
        (20_000, Turn::Up),
    ];
    assert_eq!(turns, expected);
    for round in 0..100 {
        health.connections(0, 30_000 + round);
        health.connections(1, 30_000 + round);
    }
    assert_eq!(health.history().count(), Change::MOST);
}
