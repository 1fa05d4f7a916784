//! Several tries of one message: whose part an id is, which try a receipt is about, and over what it went.

use domain::channel::{ReceiptStatus, TakenPart};
use domain::ids::GatewayId;
use domain::ledger::{ClaimRequest, Disposition, ReceiptOutcome, SentOver};
use domain::message::{Category, MessageState, Reason};

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::{FIRST, GATEWAY, NOW, SECOND, Stage, carrier_id, lane, phone, receipt, stream};

on_every_engine! {
    a_part_that_was_answered_keeps_its_place_when_the_others_are_answered_late
    a_receipt_between_two_tries_is_about_neither_of_them
    an_answer_over_the_gateway_of_an_earlier_try_finds_its_message
    what_is_sent_again_at_somebodys_word_is_marked_from_the_start
    refusals_are_told_by_reason
}

async fn a_part_that_was_answered_keeps_its_place_when_the_others_are_answered_late(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let mut message = stage.message(&lane, 1);
    message.parts = 2;
    let id = stage.accept_one(message).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    // The connection was lost after the answer to the second part.
    let ids = vec![TakenPart { part: 1, id: carrier_id(id, 1) }];
    let lost = Disposition::Uncertain { reason: Reason::ConnectionLost, gateway: GATEWAY, ids };
    stage.settle(&out, FIRST, lost).await;
    stage.receipt(id, 1, ReceiptStatus::Delivered, "DELIVRD").await;
    stage.submit(&out).await;
    let applied = ReceiptOutcome::Applied { message: id, state: MessageState::Delivered };
    assert_eq!(stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await, applied);
}

async fn a_receipt_between_two_tries_is_about_neither_of_them(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let id = stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    let queued = ReceiptOutcome::Applied { message: id, state: MessageState::Queued };
    assert_eq!(stage.receipt(id, 0, ReceiptStatus::Undelivered, "UNDELIV").await, queued);
    stage.pass(600);
    // The id that the second try will have was another message's before.
    let held = stage.receipt(id, 2, ReceiptStatus::Delivered, "DELIVRD").await;
    assert_eq!(held, ReceiptOutcome::Held);
    stage.pass(3_000);
    let out = stage.claim(SECOND, stream(1, Some(FIRST))).await.outgoing.remove(0);
    let ids = vec![carrier_id(id, 2)];
    stage.settle(&out, SECOND, Disposition::Submitted { gateway: GATEWAY, ids }).await;
    assert_eq!(stage.look(id).await.state, MessageState::Submitted, "it came before this try");
    // The first try's own may come as late as it likes.
    let late = receipt(
        carrier_id(id, 0),
        ReceiptStatus::Delivered,
        "DELIVRD",
        NOW.plus(std::time::Duration::from_secs(90)),
    );
    let (home, retry) = (stage.home(phone(1)), std::sync::Arc::clone(&stage.retry));
    let outcomes = stage.ledger.receipts(home, vec![late], true, retry, stage.now).await.unwrap();
    assert_eq!(outcomes, [ReceiptOutcome::Applied { message: id, state: MessageState::Delivered }]);
}

async fn an_answer_over_the_gateway_of_an_earlier_try_finds_its_message(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let id = stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    stage.receipt(id, 0, ReceiptStatus::Undelivered, "UNDELIV").await;
    stage.pass(3_600);
    let other = GatewayId(2);
    let takes = [(stream(1, Some(FIRST)), 9)];
    let request = ClaimRequest { gateway: other, ..stage.request(stage.home(phone(1)), SECOND, &takes) };
    let out = stage.ledger.claim(request).await.unwrap().outgoing.remove(0);
    let ids = vec![carrier_id(id, 2)];
    stage.settle(&out, SECOND, Disposition::Submitted { gateway: other, ids }).await;
    for (gateway, channels, found) in [
        (GATEWAY, vec![FIRST], Some(FIRST)),
        (other, vec![SECOND], Some(SECOND)),
        (other, Vec::new(), Some(SECOND)),
        (GATEWAY, Vec::new(), None),
        (GatewayId(3), vec![domain::ids::ChannelId(3)], None),
    ] {
        let over = SentOver { gateway, channels };
        let sent = stage.ledger.last_sent(phone(1), &over, NOW).await.unwrap();
        let told: Vec<_> = sent.iter().map(|sent| (sent.message, sent.channel)).collect();
        assert_eq!(told, found.map(|channel| (id, channel)).into_iter().collect::<Vec<_>>(), "{over:?}");
    }
}

async fn what_is_sent_again_at_somebodys_word_is_marked_from_the_start(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let mut again = stage.message(&lane, 1);
    again.possible_duplicate = true;
    let (again, first) = (stage.accept_one(again).await, stage.accept_one(stage.message(&lane, 2)).await);
    assert!(stage.look(again).await.possible_duplicate && !stage.look(first).await.possible_duplicate);
    let claim = stage.claim(FIRST, stream(1, None)).await;
    let marked: Vec<_> =
        claim.outgoing.iter().map(|out| (out.ticket.message, out.possible_duplicate)).collect();
    assert!(marked.contains(&(again, true)) && marked.contains(&(first, false)), "{marked:?}");
}

async fn refusals_are_told_by_reason(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Marketing);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.consent(1..3).await;
    stage.ledger.suppress(stage.home(phone(1)), vec![stage.opt_out(1)]).await.unwrap();
    stage.accept(&(1..6).map(|n| stage.message(&lane, n)).collect::<Vec<_>>()).await;
    let home = stage.home(phone(1));
    let mut claim = stage.claim_at(home, FIRST, &[(stream(1, None), 9)]).await;
    claim.rejected_for.sort();
    let mut expected = vec![(Reason::Suppressed, 1), (Reason::NoConsent, 3)];
    expected.sort();
    assert_eq!((claim.outgoing.len(), claim.rejected, claim.rejected_for), (1, 4, expected));
}
