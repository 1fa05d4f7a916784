//! What people want is respected by every claim after it: refusals, consents, caps; and the counts add up.

use std::collections::HashMap;
use std::sync::Arc;

use domain::channel::{CarrierMessageId, ReceiptStatus};
use domain::ids::{InboundId, MessageId};
use domain::ledger::{ConsentGrant, Disposition, Entry, InboundRecord, MessageFilter, ReceiptOutcome, Tally};
use domain::message::{Category, MessageState, Reason};
use domain::policy::RuleId;
use proptest::prelude::*;

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;

on_every_engine! {
    many_consents_are_written_in_several_transactions_and_none_is_lost
    a_claim_refuses_the_suppressed_the_unasked_and_the_capped
    a_reply_acts_once_and_can_be_taken_back
    a_second_try_after_no_answer_leaves_the_first_counted
    a_second_try_on_another_day_counts_on_that_day
    tallies_equal_the_messages
    messages_are_listed_by_campaign_state_and_phone_in_pages
    what_is_old_enough_is_removed_and_the_rest_stays
    hand_overs_count_once_wherever_they_are_kept
    a_reply_under_an_id_that_is_another_ones_is_no_repetition
}

async fn a_reply_under_an_id_that_is_another_ones_is_no_repetition(engine: Engine) {
    let stage = Stage::new(engine, 4).await;
    let first = inbound(&stage, 1, 7);
    let mut other = inbound(&stage, 1, 8);
    other.id = first.id;
    assert!(stage.ledger.inbound(first, Vec::new()).await.unwrap());
    // Acknowledged as a repetition, what it asks for would be lost.
    stage.ledger.inbound(other.clone(), Vec::new()).await.unwrap_err();
    other.id = InboundId::from(stage.ids.next(stage.now, phone(1).slot()));
    assert!(stage.ledger.inbound(other, Vec::new()).await.unwrap(), "under an id of its own it is taken");
}

/// Messages, parts and price by state, reason, and whether they are tests.
pub(crate) type Counts = HashMap<(MessageState, Reason, bool), (i64, i64, i64)>;

fn inbound(stage: &Stage, number: u64, carrier: u64) -> InboundRecord {
    InboundRecord {
        id: InboundId::from(stage.ids.next(stage.now, phone(number).slot())),
        account: Some(ACCOUNT),
        gateway: GATEWAY,
        channel: FIRST,
        carrier_id: CarrierMessageId::Number(carrier),
        from: phone(number),
        to: "10690001".into(),
        text: "退订".into(),
        answers: None,
        campaign: None,
        opted_out: true,
        received_at: stage.now,
    }
}

async fn many_consents_are_written_in_several_transactions_and_none_is_lost(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let grant = |number| ConsentGrant { phone: phone(number), consent: stage.granted() };
    let home = stage.home(phone(0));
    stage.ledger.consent(home, (0..5_001).map(grant).collect()).await.unwrap();
    let facts = stage.ledger.facts(home, (0..5_002).map(phone).collect()).await.unwrap();
    let consented = facts.iter().take(5_001).filter(|facts| facts.consents == [stage.granted()]);
    assert_eq!((consented.count(), facts[5_001].consents.len()), (5_001, 0));
}

async fn a_claim_refuses_the_suppressed_the_unasked_and_the_capped(engine: Engine) {
    let mut stage = Stage::new(engine, 2).await;
    let lane = lane(1, Category::Marketing);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.consent(0..4).await;
    stage.accept(&(0..6).map(|n| stage.message(&lane, n)).collect::<Vec<_>>()).await;
    let order = stage.opt_out(1);
    stage.ledger.suppress(stage.home(phone(1)), vec![order]).await.unwrap();
    let claim = stage.claim(FIRST, stream(1, None)).await;
    assert_eq!((claim.outgoing.len(), claim.rejected), (3, 3), "{claim:?}");
    for out in &claim.outgoing {
        stage.submit(out).await;
    }
    stage.pass(3_600);
    stage.accept(&(0..4).map(|n| stage.message(&lane, n)).collect::<Vec<_>>()).await;
    let claim = stage.claim(FIRST, stream(1, None)).await;
    assert_eq!((claim.outgoing.len(), claim.rejected + claim.deferred), (0, 4), "one a day");
    let reasons: HashMap<Reason, usize> =
        stage.all_messages().await.iter().fold(HashMap::new(), |mut all, m| {
            *all.entry(m.reason).or_default() += 1;
            all
        });
    assert_eq!(reasons.get(&Reason::Suppressed), Some(&2));
    assert_eq!(reasons.get(&Reason::NoConsent), Some(&2));
    assert_eq!(reasons.get(&Reason::Capped), Some(&3));
}

async fn a_reply_acts_once_and_can_be_taken_back(engine: Engine) {
    let mut stage = Stage::new(engine, 2).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let sent = stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    let over = domain::ledger::SentOver { gateway: GATEWAY, channels: vec![FIRST] };
    let last = stage.ledger.last_sent(phone(1), &over, NOW).await.unwrap();
    assert_eq!(
        last.iter().map(|l| (l.message, l.channel, l.offered_opt_out)).collect::<Vec<_>>(),
        [(sent, FIRST, true)]
    );

    let order = stage.opt_out(1);
    let first = inbound(&stage, 1, 7);
    assert!(stage.ledger.inbound(first, vec![order]).await.unwrap());
    let again = inbound(&stage, 1, 7);
    assert!(!stage.ledger.inbound(again, vec![order]).await.unwrap(), "redelivered");
    let page = stage.ledger.inbounds(ACCOUNT, None, 10).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!((page[0].from, page[0].text.as_str(), &*page[0].to), (phone(1), "退订", "10690001"));
    let listed = stage.ledger.suppressions(ACCOUNT, None, 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].phone, listed[0].lifted_at), (1, phone(1), None));

    stage.pass(120);
    stage.accept_one(stage.message(&lane, 1)).await;
    assert_eq!(stage.claim(FIRST, stream(1, None)).await.rejected, 1);
    assert_eq!(stage.ledger.unsuppress(phone(1), order.suppressed, stage.now).await.unwrap(), 1);
    assert_eq!(stage.ledger.unsuppress(phone(1), order.suppressed, stage.now).await.unwrap(), 0);
    let listed = stage.ledger.suppressions(ACCOUNT, None, 10).await.unwrap();
    assert_eq!(listed[0].lifted_at, Some(stage.now));
    stage.pass(120);
    stage.accept_one(stage.message(&lane, 1)).await;
    assert_eq!(stage.claim(FIRST, stream(1, None)).await.outgoing.len(), 1);
}

async fn a_second_try_on_another_day_counts_on_that_day(engine: Engine) {
    let day = std::time::Duration::from_secs(86_400);
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Marketing);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.consent(1..2).await;
    let lasting = |stage: &Stage, number| {
        let mut message = stage.message(&lane, 1);
        message.valid_until = stage.now.plus(3 * day);
        message.text = text(number);
        message
    };
    stage.accept_one(lasting(&stage, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    // Somebody took its claim for lost, and then it turned out that nothing was written: the ledger does not know that
    // no carrier has it.
    let mut again = requeue(&stage, Reason::ConnectionLost, true, None);
    if let Disposition::Requeue { possible_duplicate, due_at, .. } = &mut again {
        (*possible_duplicate, *due_at) = (true, stage.now.plus(day));
    }
    stage.settle(&out, FIRST, again).await;
    stage.pass(86_400);
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    stage.accept_one(lasting(&stage, 2)).await;
    let claim = stage.claim(FIRST, stream(1, None)).await;
    assert_eq!(
        (claim.outgoing.len(), claim.rejected + claim.deferred),
        (0, 1),
        "one a day, and it was today"
    );
}

async fn a_second_try_after_no_answer_leaves_the_first_counted(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Otp);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    let mut again = requeue(&stage, Reason::ConnectionLost, true, None);
    if let Disposition::Requeue { possible_duplicate, due_at, .. } = &mut again {
        (*possible_duplicate, *due_at) = (true, stage.now.plus(std::time::Duration::from_secs(30)));
    }
    stage.settle(&out, FIRST, again).await;
    stage.pass(10);
    let mut other = stage.message(&lane, 1);
    other.text = text(2);
    let other = stage.accept_one(other).await;
    assert!(stage.claim(FIRST, stream(1, None)).await.outgoing.is_empty());
    assert_eq!(stage.look(other).await.reason, Reason::Capped, "the phone may have the first one");
}

async fn tallies_equal_the_messages(engine: Engine) {
    let mut stage = Stage::new(engine, 2).await;
    let lane = lane(1, Category::Marketing);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.consent(0..30).await;
    let mut messages: Vec<_> = (0..40).map(|n| stage.message(&lane, n)).collect();
    messages[5].entry = Entry::Reject { reason: Reason::MissingVariable, rule: RuleId(0) };
    messages[6].test = true;
    messages[7].parts = 3;
    stage.accept(&messages).await;
    for (index, out) in stage.claim(FIRST, stream(1, None)).await.outgoing.iter().enumerate() {
        match index % 5 {
            0 => stage.settle(out, FIRST, requeue(&stage, Reason::Throttled, false, None)).await,
            1 => stage.settle(out, FIRST, failed(Reason::CarrierContent)).await,
            2 => {
                let reason = Reason::NoAnswer;
                let lost = Disposition::Uncertain { reason, gateway: GATEWAY, ids: Vec::new() };
                stage.settle(out, FIRST, lost).await;
            }
            _ => stage.submit(out).await,
        }
    }
    stage.pass(60);
    let submitted: Vec<MessageId> = stage
        .all_messages()
        .await
        .iter()
        .filter(|m| m.state == MessageState::Submitted)
        .map(|m| m.id)
        .collect();
    for (index, id) in submitted.iter().enumerate() {
        let (status, code) = match index % 3 {
            0 => (ReceiptStatus::Undelivered, "MK:0001"),
            1 => (ReceiptStatus::Undelivered, "UNDELIV"),
            _ => (ReceiptStatus::Delivered, "DELIVRD"),
        };
        stage.receipt(*id, 0, status, code).await;
        if index % 6 == 0 {
            stage.receipt(*id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
        }
    }
    let counted = counted(&stage).await;
    assert!(counted.len() >= 7, "{counted:?}");
    assert_eq!(present(&stage.ledger.tallies(&[lane.id]).await.unwrap()), counted);
}

/// Messages, parts and price, by what the messages themselves say.
pub(crate) async fn counted(stage: &Stage) -> Counts {
    let mut counted = Counts::new();
    for m in stage.all_messages().await {
        let sum = counted.entry((m.state, m.reason, m.test)).or_default();
        *sum = (sum.0 + 1, sum.1 + i64::from(m.parts), sum.2 + m.price.micros());
    }
    counted
}

/// What the moves leave in each state.
pub(crate) fn present(tallies: &[Tally]) -> Counts {
    let mut sums = Counts::new();
    for t in tallies {
        let mut add = |state, reason, sign: i64| {
            let sum = sums.entry((state, reason, t.test)).or_default();
            *sum = (sum.0 + sign * t.messages, sum.1 + sign * t.parts, sum.2 + sign * t.price.micros());
        };
        add(t.to, t.reason, 1);
        if let Some(from) = t.from {
            add(from, t.from_reason, -1);
        }
    }
    sums.retain(|_, sum| *sum != (0, 0, 0));
    sums
}

async fn messages_are_listed_by_campaign_state_and_phone_in_pages(engine: Engine) {
    let stage = Stage::new(engine, 3).await;
    let (one, two) = (lane(1, Category::Notice), lane(2, Category::Notice));
    for lane in [&one, &two] {
        stage.ledger.put_lane(lane.clone()).await.unwrap();
    }
    let mut messages: Vec<_> = (0..30).map(|n| stage.message(&one, n)).collect();
    messages.extend((0..10).map(|n| stage.message(&two, n)));
    stage.accept(&messages).await;
    stage.claim(FIRST, stream(2, None)).await;
    let all = stage.all_messages().await;
    assert_eq!(all.len(), 40);
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id), "in order of id, each once");
    let everything =
        MessageFilter { account: ACCOUNT, campaign: None, state: None, phone: None, after: None };
    let by = |filter: MessageFilter| {
        let ledger = Arc::clone(&stage.ledger);
        async move { ledger.messages(&filter, 100).await.unwrap().0.len() }
    };
    assert_eq!(by(MessageFilter { campaign: two.campaign, ..everything.clone() }).await, 10);
    assert_eq!(by(MessageFilter { state: Some(MessageState::Queued), ..everything.clone() }).await, 30);
    assert_eq!(by(MessageFilter { phone: Some(phone(3)), ..everything.clone() }).await, 2);
    assert_eq!(by(MessageFilter { account: domain::ids::AccountId::from_raw(9), ..everything }).await, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// However the same queue is cut into claims, the same messages are sent and refused for the same reasons.
    #[test]
    fn any_split_into_claims_gives_the_same_verdicts_on_every_engine(
        people in prop::collection::vec(0u64..6, 1..24),
        splits in prop::collection::vec(1u32..5, 24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let verdicts = |engine, limits: &[u32]| runtime.block_on(verdicts(engine, &people, limits));
        let expected = verdicts(Engine::Sqlite, &[1_000; 24]);
        prop_assert_eq!(&verdicts(Engine::Sqlite, &splits), &expected);
        prop_assert_eq!(&verdicts(Engine::Postgres, &[1_000; 24]), &expected);
        prop_assert_eq!(&verdicts(Engine::Postgres, &splits), &expected);
    }
}

async fn verdicts(engine: Engine, people: &[u64], limits: &[u32]) -> Vec<(MessageState, Reason)> {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Marketing);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.consent(0..4).await;
    let messages: Vec<_> = people.iter().map(|n| stage.message(&lane, *n)).collect();
    stage.accept(&messages).await;
    let home = stage.home(phone(0));
    for limit in limits {
        stage.claim_at(home, FIRST, &[(stream(1, None), *limit)]).await;
    }
    let mut verdicts = Vec::new();
    for message in &messages {
        let record = stage.look(message.id).await;
        verdicts.push((record.state, record.reason));
    }
    verdicts
}

async fn what_is_old_enough_is_removed_and_the_rest_stays(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let done = stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    stage.receipt(done, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    let mut patient = stage.message(&lane, 2);
    patient.valid_until = stage.now.plus(std::time::Duration::from_secs(365 * 86_400));
    let waiting = stage.accept_one(patient).await;
    stage.pass(179 * 86_400);
    let young = stage.accept_one(stage.message(&lane, 3)).await;
    for _ in 0..4 {
        assert_eq!(stage.sweep().await.rows_retired, 0);
    }
    let facts = stage.ledger.facts(stage.home(phone(1)), vec![phone(1)]).await.unwrap();
    assert!(facts[0].recents.is_empty(), "the hand-over of 179 days ago");
    stage.pass(2 * 86_400);
    assert_eq!(stage.sweep().await.rows_retired, 2, "the message and its part");
    assert!(stage.ledger.message(ACCOUNT, done).await.unwrap().is_none());
    assert_eq!(stage.receipt(done, 0, ReceiptStatus::Delivered, "DELIVRD").await, ReceiptOutcome::Held);
    for id in [waiting, young] {
        assert_eq!(stage.look(id).await.state, MessageState::Queued);
    }
}

async fn hand_overs_count_once_wherever_they_are_kept(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let home = stage.home(phone(0));
    let mut expected: HashMap<u64, Vec<MessageId>> = HashMap::new();
    for round in 0..12u64 {
        for number in 0..5 {
            let mut message = stage.message(&lane, number);
            message.text = format!("【鸿雁】第{round}次第{number}号通知");
            let id = stage.accept_one(message).await;
            let out = stage.claim_at(home, FIRST, &[(stream(1, None), 1)]).await.outgoing.remove(0);
            if (round + number) % 4 == 0 {
                stage.settle(&out, FIRST, failed(Reason::CarrierRate)).await;
            } else {
                stage.submit(&out).await;
                expected.entry(number).or_default().push(id);
            }
        }
        if round % 5 == 4 {
            stage = stage.reopen().await;
        }
        let facts = stage.ledger.facts(home, (0..5).map(phone).collect()).await.unwrap();
        for (number, person) in (0..5).zip(facts) {
            let mut known: Vec<MessageId> = person.recents.iter().map(|recent| recent.message).collect();
            known.sort_unstable();
            assert_eq!(
                Some(&known),
                expected.get(&number).or(Some(&Vec::new())),
                "round {round}, phone {number}"
            );
        }
        stage.pass(61);
    }
}
