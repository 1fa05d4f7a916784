//! What receipts teach about numbers: who is dead, who has moved to another network, and codes that nobody knows.

use domain::channel::{CarrierMessageId, ReceiptStatus};
use domain::ids::{ChannelId, InboundId, MessageId};
use domain::lane::{Lane, Stream};
use domain::ledger::{Disposition, Entry, InboundRecord, NewMessage, Take};
use domain::message::{Category, MessageState, Reason};
use domain::phone::{Carrier, CarrierSet};
use domain::policy::RuleId;

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;

on_every_engine! {
    a_phone_called_dead_on_two_days_gets_nothing_until_it_shows_life
    what_is_under_way_when_a_phone_is_called_dead_still_shows_life
    a_phone_that_writes_is_alive
    a_ported_number_goes_over_another_network_where_the_route_leads_there
    codes_that_nobody_knows_are_counted_raw
}

const DAY: u64 = 86_400;

/// A message of the lane to phone 1, due now.
fn to_one(stage: &Stage, lane: &Lane) -> NewMessage {
    // Texts differ from moment to moment, so that none repeats another.
    NewMessage { text: text(stage.now.millis().unsigned_abs()), ..stage.message(lane, 1) }
}

/// Sends one message over a lane; returns what became of it when it was not taken.
async fn send(stage: &Stage, lane: &Lane) -> Result<MessageId, (Reason, RuleId)> {
    let id = stage.accept_one(to_one(stage, lane)).await;
    let claim = stage.claim(FIRST, stream(lane.id.raw(), None)).await;
    match claim.outgoing.as_slice() {
        [out] => {
            stage.submit(out).await;
            Ok(id)
        }
        _ => {
            let record = stage.look(id).await;
            assert_eq!(record.state, MessageState::Rejected);
            Err((record.reason, record.rule))
        }
    }
}

async fn is_dead(stage: &Stage, id: MessageId) {
    stage.receipt(id, 0, ReceiptStatus::Undelivered, "MK:0001").await;
    assert_eq!(stage.look(id).await.reason, Reason::UnknownNumber);
}

async fn failures(stage: &Stage) -> usize {
    let facts = stage.ledger.facts(stage.home(phone(1)), vec![phone(1)]).await.unwrap();
    facts[0].number.failures.len()
}

async fn begun(engine: Engine) -> (Stage, Lane, Lane) {
    let stage = Stage::new(engine, 1).await;
    let (notices, codes) = (lane(1, Category::Notice), lane(2, Category::Otp));
    stage.ledger.put_lane(notices.clone()).await.unwrap();
    stage.ledger.put_lane(codes.clone()).await.unwrap();
    (stage, notices, codes)
}

const DEAD: (Reason, RuleId) = (Reason::DeadNumber, RuleId::DEAD_NUMBER);

async fn a_phone_called_dead_on_two_days_gets_nothing_until_it_shows_life(engine: Engine) {
    let (mut stage, notices, codes) = begun(engine).await;
    for day in 0..2 {
        let id = send(&stage, &notices).await.expect("not dead yet");
        is_dead(&stage, id).await;
        assert_eq!(failures(&stage).await, day + 1);
        // The same day counts once, and so does a repeated receipt.
        stage.receipt(id, 0, ReceiptStatus::Undelivered, "MK:0001").await;
        stage.pass(60);
        if day == 0 {
            let id = send(&stage, &notices).await.expect("one day is not enough");
            is_dead(&stage, id).await;
            assert_eq!(failures(&stage).await, 1);
        }
        stage.pass(DAY);
    }
    assert_eq!(send(&stage, &notices).await, Err(DEAD));
    stage = stage.reopen().await;
    stage.pass(60);
    assert_eq!(send(&stage, &notices).await, Err(DEAD), "after a restart too");
    let id = send(&stage, &codes).await.expect("whoever asks for a code gets it");
    assert_eq!(failures(&stage).await, 2, "the carrier took it, which is no sign of life");
    stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    assert_eq!(failures(&stage).await, 0);
    stage.pass(60);
    assert!(send(&stage, &notices).await.is_ok());
}

async fn what_is_under_way_when_a_phone_is_called_dead_still_shows_life(engine: Engine) {
    let (mut stage, notices, _) = begun(engine).await;
    let id = send(&stage, &notices).await.unwrap();
    is_dead(&stage, id).await;
    stage.pass(DAY);
    let one = send(&stage, &notices).await.unwrap();
    stage.pass(60);
    let other = send(&stage, &notices).await.unwrap();
    is_dead(&stage, one).await;
    stage.pass(60);
    assert_eq!(send(&stage, &notices).await, Err(DEAD));
    stage.receipt(other, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    stage.pass(60);
    assert!(send(&stage, &notices).await.is_ok());
    // The very message that was called dead may turn out to have arrived.
    stage.pass(DAY);
    let late = send(&stage, &notices).await.unwrap();
    is_dead(&stage, late).await;
    stage.receipt(late, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    assert_eq!((failures(&stage).await, stage.look(late).await.state), (0, MessageState::Delivered));
}

async fn a_phone_that_writes_is_alive(engine: Engine) {
    let (mut stage, notices, _) = begun(engine).await;
    for _ in 0..2 {
        let id = send(&stage, &notices).await.unwrap();
        is_dead(&stage, id).await;
        stage.pass(DAY);
    }
    assert_eq!(send(&stage, &notices).await, Err(DEAD));
    let record = InboundRecord {
        id: InboundId::from(stage.ids.next(stage.now, phone(1).slot())),
        account: Some(ACCOUNT),
        gateway: GATEWAY,
        channel: FIRST,
        carrier_id: CarrierMessageId::Number(77),
        from: phone(1),
        to: "10690001".into(),
        text: "你好".to_owned(),
        answers: None,
        campaign: None,
        opted_out: false,
        received_at: stage.now,
    };
    assert!(stage.ledger.inbound(record, Vec::new()).await.unwrap());
    assert_eq!(failures(&stage).await, 0);
    stage.pass(60);
    assert!(send(&stage, &notices).await.is_ok());
}

fn only(carrier: Carrier) -> CarrierSet {
    [carrier].into_iter().collect()
}

/// A claim of phone 1's partition over a channel that reaches one network.
async fn claim_over(stage: &mut Stage, channel: ChannelId, of: Carrier, reach: CarrierSet) -> usize {
    stage.reached = only(of);
    let stream = Stream { carrier: Some(of), ..stream(1, None) };
    let takes = vec![Take { stream, limit: 9, reach }];
    let claim = stage.claim_parts(stage.home(phone(1)), channel, takes, 99).await;
    let taken = claim.outgoing.len();
    for out in &claim.outgoing {
        stage.submit(out).await;
    }
    taken
}

async fn a_ported_number_goes_over_another_network_where_the_route_leads_there(engine: Engine) {
    let (mut stage, notices, _) = begun(engine).await;
    let queued = |stage: &Stage| NewMessage {
        entry: Entry::Queue { due_at: stage.now, by_carrier: true },
        ..to_one(stage, &notices)
    };
    let first = stage.accept_one(queued(&stage)).await;
    assert_eq!(claim_over(&mut stage, FIRST, Carrier::Mobile, CarrierSet::ALL).await, 1);
    // The network says that the number is not its own; the try after that avoids its channel.
    stage.receipt(first, 0, ReceiptStatus::Undelivered, "ID:0013").await;
    let record = stage.look(first).await;
    assert_eq!((record.state, record.reason), (MessageState::Queued, Reason::NumberPorted));
    stage.pass(60);

    let next = stage.accept_one(queued(&stage)).await;
    assert_eq!(claim_over(&mut stage, FIRST, Carrier::Mobile, CarrierSet::ALL).await, 0);
    assert_eq!(stage.look(next).await.state, MessageState::Queued);
    stage = stage.reopen().await;
    assert_eq!(claim_over(&mut stage, SECOND, Carrier::Unicom, CarrierSet::ALL).await, 1, "set apart");
    let record = stage.look(next).await;
    assert_eq!((record.state, record.carrier), (MessageState::Submitted, Carrier::Unicom));
    stage.receipt(next, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    stage.pass(60);

    // A route that leads to the range's network alone is followed all the same.
    let last = stage.accept_one(queued(&stage)).await;
    assert_eq!(claim_over(&mut stage, FIRST, Carrier::Mobile, only(Carrier::Mobile)).await, 1);
    assert_eq!(stage.look(last).await.carrier, Carrier::Mobile);
    // What was learned is forgotten with age.
    stage.pass(130 * DAY);
    stage.accept_one(queued(&stage)).await;
    assert_eq!(claim_over(&mut stage, FIRST, Carrier::Mobile, CarrierSet::ALL).await, 1);
}

async fn codes_that_nobody_knows_are_counted_raw(engine: Engine) {
    let (mut stage, notices, _) = begun(engine).await;
    for _ in 0..2 {
        let id = send(&stage, &notices).await.unwrap();
        stage.receipt(id, 0, ReceiptStatus::Undelivered, "ZZ:0042").await;
        stage.receipt(id, 0, ReceiptStatus::Undelivered, "ZZ:0042").await;
        stage.pass(DAY);
    }
    let id = stage.accept_one(to_one(&stage, &notices)).await;
    let claim = stage.claim(FIRST, stream(1, None)).await;
    let code = domain::channel::CarrierCode::new(b"YY:7");
    let refused =
        Disposition::Failed { reason: Reason::CarrierSystem, code, gateway: GATEWAY, ids: Vec::new() };
    stage.settle(&claim.outgoing[0], FIRST, refused).await;
    assert_eq!(stage.look(id).await.state, MessageState::Failed);
    stage = stage.reopen().await;
    let seen = |codes: Vec<domain::ledger::UnknownCode>| -> Vec<(String, u64)> {
        codes.into_iter().map(|code| (code.code.as_str().to_owned(), code.times)).collect()
    };
    let codes = stage.ledger.unknown_codes().await.unwrap();
    assert_eq!((codes[0].gateway, codes[0].last_at.since(codes[0].first_at).as_secs()), (GATEWAY, DAY));
    assert_eq!(seen(codes), [("ZZ:0042".to_owned(), 2), ("YY:7".to_owned(), 1)]);
    stage.pass(181 * DAY);
    stage.sweep().await;
    assert_eq!(seen(stage.ledger.unknown_codes().await.unwrap()), []);
}
