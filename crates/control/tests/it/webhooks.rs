//! Webhooks and notices: a batch is kept once, what waits is counted, numbers come in the order of commits.

use std::time::Duration;

use domain::control::{ControlError, Secret};
use domain::events::{
    EVENT_AGE, Event, EventCursor, EventKind, EventPlace, EventSubject, Notice, NoticeRead, Notices as _,
};
use domain::ids::{AccountId, MessageId, WebhookId};
use domain::time::Timestamp;
use domain::webhooks::{
    Again, CallFault, Called, Delivery, Followed, LOG_AGE, Settlement, Standing, Webhook, WebhookFormat,
    WebhookOff, WebhookSigning, Webhooks as _,
};

use super::engines::{Engine, on_every_engine};
use super::stage::{NOW, Stage};

on_every_engine! {
    of_two_who_keep_a_batch_the_second_keeps_nothing
    a_webhook_is_changed_switched_off_and_forgotten_with_all_of_it
    notices_are_numbered_in_the_order_of_commits_and_dropped_when_old
    what_is_followed_is_found_by_its_account_and_for_a_time
}

fn event(number: i64) -> Event {
    Event::plain(EventKind::Delivered, EventSubject::Message(MessageId::from_raw(number)), NOW)
}

async fn added(stage: &Stage, account: AccountId) -> Webhook {
    let mut webhook = Webhook {
        id: stage.ids.fresh(NOW).into(),
        account,
        name: "CRM".to_owned(),
        url: Secret("https://example.com/secret-path".to_owned()),
        kinds: vec![EventKind::Delivered, EventKind::BalanceLow],
        format: WebhookFormat::Standard,
        secrets: Vec::new(),
        off: None,
        created_at: NOW,
        version: 1,
    };
    assert!(webhook.rotate(WebhookSigning::Hmac, Secret("whsec_1".to_owned()), NOW));
    assert!(webhook.rotate(WebhookSigning::Ed25519, Secret("whsk_2".to_owned()), NOW));
    stage.db.add_webhook(&webhook, &standing()).await.unwrap();
    webhook
}

fn standing() -> Standing {
    Standing::at(EventCursor { places: vec![EventPlace::START; 3] })
}

fn settlement(webhook: WebhookId, standing: Standing) -> Settlement {
    Settlement {
        webhook,
        standing,
        again: Vec::new(),
        done: Vec::new(),
        release: false,
        log: Vec::new(),
        off: None,
        now: NOW,
    }
}

async fn of_two_who_keep_a_batch_the_second_keeps_nothing(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let webhook = added(&stage, account).await;
    let due = NOW.plus(Duration::from_secs(5));
    let line = |number, called| Delivery {
        event: event(number),
        at: NOW,
        tries: 1,
        millis: 7,
        called,
        given_up: false,
    };
    let answered = Called::Answered {
        status: 500,
        headers: vec![("server".to_owned(), "x".to_owned())],
        body: "13800138000".to_owned(),
    };
    let moved = Standing { failures: 2, failing_since: Some(NOW), ..standing() };
    let first = Settlement {
        again: (0..700).map(|n| Again { event: event(n), tries: 1, due }).collect(),
        log: vec![line(1, answered), line(2, Called::Failed(CallFault::TimedOut))],
        ..settlement(webhook.id, moved.clone())
    };
    let (one, other) = tokio::join!(stage.db.settle(&first), stage.db.settle(&first));
    let kept = [one.unwrap(), other.unwrap()];
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 1, "{kept:?}");
    stage.restart().await;
    let read = stage.db.standing(webhook.id).await.unwrap().unwrap();
    assert_eq!(read, Standing { revision: 2, waiting: 700, ..moved });
    let pages = stage.db.deliveries(webhook.id, None, 10).await.unwrap();
    assert!(pages.len() == 1 && pages[0].deliveries == first.log, "once: {}", pages.len());
    assert!(stage.db.due(webhook.id, NOW, 10).await.unwrap().is_empty());
    assert_eq!(stage.db.due(webhook.id, due, 10).await.unwrap().len(), 10);

    let done = (0..699).map(|n| event(n).id()).collect();
    let again = vec![Again { event: event(699), tries: 2, due: due.plus(Duration::from_secs(60)) }];
    let second = Settlement { done, again, release: true, ..settlement(webhook.id, read) };
    assert!(stage.db.settle(&second).await.unwrap());
    let due = stage.db.due(webhook.id, NOW, 10).await.unwrap();
    assert!(matches!(due[..], [Again { tries: 2, due: NOW, .. }]), "released: {due:?}");
    assert_eq!(stage.db.standing(webhook.id).await.unwrap().unwrap().waiting, 1);

    stage.db.replay(webhook.id, &[Again { event: event(699), tries: 0, due: NOW }]).await.unwrap();
    assert_eq!(stage.db.due(webhook.id, NOW, 10).await.unwrap()[0].tries, 2, "it waits already");
    stage.db.add_to_log(webhook.id, &line(5, Called::Failed(CallFault::Broken))).await.unwrap();
    let newest = stage.db.deliveries(webhook.id, None, 1).await.unwrap();
    assert_eq!(newest[0].deliveries[0].event, event(5));
    assert_eq!(stage.db.deliveries(webhook.id, Some(newest[0].number), 9).await.unwrap().len(), 1);
    stage.db.expire_webhooks(NOW.plus(LOG_AGE).plus(Duration::from_millis(1))).await.unwrap();
    assert!(stage.db.deliveries(webhook.id, None, 9).await.unwrap().is_empty());
}

async fn a_webhook_is_changed_switched_off_and_forgotten_with_all_of_it(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut webhook = added(&stage, ours).await;
    stage.restart().await;
    assert!(stage.db.webhook(ours, webhook.id).await.unwrap() == Some(webhook.clone()));
    assert!(stage.db.webhook(theirs, webhook.id).await.unwrap().is_none());
    assert_eq!(stage.db.live_webhooks().await.unwrap(), [(ours, webhook.id)]);
    let mut late = webhook.clone();
    webhook.name = "other".to_owned();
    stage.db.update_webhook(&mut webhook, false, NOW).await.unwrap();
    let refused = stage.db.update_webhook(&mut late, false, NOW).await;
    assert!(matches!(refused, Err(ControlError::Changed("webhook"))));

    let down = Standing { failures: 99, failing_since: Some(NOW), held_until: Some(NOW), ..standing() };
    let off = Settlement { off: Some(WebhookOff::Failing), ..settlement(webhook.id, down) };
    assert!(stage.db.settle(&off).await.unwrap());
    let mut read = stage.db.webhook(ours, webhook.id).await.unwrap().unwrap();
    assert_eq!(read.off, Some((WebhookOff::Failing, NOW)));
    assert!(stage.db.live_webhooks().await.unwrap().is_empty());
    let head = stage.db.notice_head().await.unwrap();
    let NoticeRead::Page { events, .. } = stage.db.notices(ours, head, head, 9).await.unwrap() else {
        panic!("nothing was dropped")
    };
    assert!(events.len() == 1 && events[0].kind == EventKind::WebhookDisabled);
    read.off = None;
    stage.db.update_webhook(&mut read, true, NOW).await.unwrap();
    let forgiven = stage.db.standing(webhook.id).await.unwrap().unwrap();
    assert_eq!((forgiven.failures, forgiven.failing_since, forgiven.held_until), (0, None, None));

    assert!(!stage.db.delete_webhook(theirs, webhook.id).await.unwrap());
    assert!(stage.db.delete_webhook(ours, webhook.id).await.unwrap());
    assert!(stage.db.standing(webhook.id).await.unwrap().is_none());
    assert!(stage.db.webhooks(ours).await.unwrap().is_empty());
}

async fn notices_are_numbered_in_the_order_of_commits_and_dropped_when_old(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let writers = (0..20i64).map(|n| {
        let db = stage.db.clone();
        let account = if n % 2 == 0 { ours } else { theirs };
        tokio::spawn(async move { db.add_notices(&[Notice { account, event: event(n) }; 3]).await })
    });
    // Whoever reads while they write sees no number before a smaller one is there.
    let mut tasks: Vec<_> = writers.collect();
    let mut seen = 0;
    while !tasks.is_empty() {
        let head = stage.db.notice_head().await.unwrap();
        let mut count = 0;
        for account in [ours, theirs] {
            if let NoticeRead::Page { events, .. } = stage.db.notices(account, 1, head, 1_000).await.unwrap()
            {
                count += events.len();
            }
        }
        assert!(i64::try_from(count).unwrap() == head && count >= seen, "{count} up to {head}");
        seen = count;
        tasks.retain(|task| !task.is_finished());
    }
    let NoticeRead::Page { events, next } = stage.db.notices(ours, 1, 60, 7).await.unwrap() else {
        panic!("all are kept")
    };
    assert_eq!(events.len(), 7);
    let NoticeRead::Page { events: rest, next } = stage.db.notices(ours, next, 60, 100).await.unwrap() else {
        panic!("all are kept")
    };
    assert_eq!((rest.len(), next), (23, 61));
    stage.db.expire_notices(NOW.plus(EVENT_AGE)).await.unwrap();
    assert!(matches!(stage.db.notices(ours, 1, 60, 7).await.unwrap(), NoticeRead::Page { .. }));
    stage.db.expire_notices(NOW.plus(EVENT_AGE).plus(Duration::from_millis(1))).await.unwrap();
    assert_eq!(stage.db.notices(ours, 60, 60, 7).await.unwrap(), NoticeRead::Gone { oldest: 61 });
    let empty = NoticeRead::Page { events: Vec::new(), next: 61 };
    assert_eq!(stage.db.notices(ours, 61, 60, 7).await.unwrap(), empty);
}

async fn what_is_followed_is_found_by_its_account_and_for_a_time(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let message = MessageId::from_raw(77);
    let followed = Followed { account: ours, message, document: "{\"url\":\"x\"}".to_owned(), until: NOW };
    stage.db.follow(&followed).await.unwrap();
    stage.db.follow(&followed).await.unwrap();
    let all = [message, MessageId::from_raw(78)];
    assert!(stage.db.followed(ours, &all).await.unwrap() == [followed]);
    assert!(stage.db.followed(theirs, &all).await.unwrap().is_empty());
    stage.db.expire_webhooks(NOW).await.unwrap();
    assert_eq!(stage.db.followed(ours, &all).await.unwrap().len(), 1);
    stage.db.expire_webhooks(Timestamp::from_millis(NOW.millis() + 1)).await.unwrap();
    assert!(stage.db.followed(ours, &all).await.unwrap().is_empty());
}
