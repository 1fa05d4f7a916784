//! Accounts, keys, templates, channels, prices, settings, idempotency.

use std::sync::Arc;
use std::time::Duration;

use control::secret_sha256;
use domain::control::{
    Accounts as _, ChannelConfig, Channels as _, ControlError, Customers as _, Idempotency as _,
    IdempotentStart, PriceLine, Protocol, Quirks, RouteConfig, RouteStep, Secret, TemplateRecord,
    Templates as _,
};
use domain::downstream::{Customer, Signing};
use domain::ids::{AccountId, ChannelId, CustomerId, GatewayId, MessageId, RouteId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::{Carrier, Country};

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage, person};

on_every_engine! {
    the_first_start_makes_one_account_and_shows_its_key_once
    templates_have_a_name_of_their_own_within_the_account
    channels_routes_prices_and_settings_are_kept_and_replaced
    a_repeated_request_gets_its_first_ids_and_a_different_one_is_noticed
    a_deleted_customer_leaves_its_login_and_keeps_its_number
}

async fn the_first_start_makes_one_account_and_shows_its_key_once(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let no_room = |_: &Secret| Err(std::io::ErrorKind::StorageFull.into());
    stage.db.first_start(NOW, &stage.ids, no_room).await.expect_err("a key that cannot be kept");
    let mut kept = None;
    let keep = |key: &Secret| {
        kept = Some(key.clone());
        Ok(())
    };
    let first = stage.db.first_start(NOW, &stage.ids, keep).await.unwrap().expect("nothing was made before");
    assert_eq!(kept.as_ref(), Some(&first.key));
    assert!(first.key.0.starts_with("hy_") && first.key.0.len() == 55, "256 bits in base 32");
    assert!(stage.db.first_start(NOW, &stage.ids, |_| Ok(())).await.unwrap().is_none());
    stage.restart().await;
    assert!(stage.db.first_start(NOW, &stage.ids, |_| Ok(())).await.unwrap().is_none());
    assert_eq!(stage.db.accounts().await.unwrap(), std::slice::from_ref(&first.account));
    assert_eq!(stage.db.entities().await.unwrap(), [first.entity]);
    let key = stage.db.key(&secret_sha256(&first.key.0)).await.unwrap().expect("the key works");
    assert_eq!(key.account, first.account.id);
    assert_eq!(stage.db.key(&secret_sha256("hy_guess")).await.unwrap(), None);

    let mut revoked = key.clone();
    revoked.id = stage.ids.fresh(NOW).into();
    revoked.secret_sha256 = secret_sha256("hy_old");
    revoked.revoked_at = Some(NOW);
    stage.db.add_key(&revoked).await.unwrap();
    assert_eq!(stage.db.key(&revoked.secret_sha256).await.unwrap(), None, "a revoked key opens nothing");
    let twice = stage.db.add_key(&revoked).await;
    assert!(matches!(twice, Err(ControlError::Exists("api_key"))));
}

async fn templates_have_a_name_of_their_own_within_the_account(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let template = |account| TemplateRecord {
        id: stage.ids.fresh(NOW).into(),
        account,
        name: "欢迎".to_owned(),
        category: Category::Notice,
        source: "您好{{ 姓名 }}".to_owned(),
        created_at: NOW,
    };
    let (first, foreign, second) = (template(ours), template(theirs), template(ours));
    stage.db.add_template(&first).await.unwrap();
    stage.db.add_template(&foreign).await.unwrap();
    assert!(matches!(stage.db.add_template(&second).await, Err(ControlError::Exists("template"))));
    assert_eq!(stage.db.template(ours, first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(stage.db.template(ours, foreign.id).await.unwrap(), None);
    assert_eq!(stage.db.templates(ours, 10).await.unwrap(), [first]);
    assert_eq!(stage.db.templates(ours, 0).await.unwrap(), []);
}

async fn channels_routes_prices_and_settings_are_kept_and_replaced(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut channel = ChannelConfig {
        id: ChannelId(7),
        gateway: GatewayId(3),
        name: "移动一号".to_owned(),
        protocol: Protocol::Cmpp30,
        host: "127.0.0.1".to_owned(),
        port: 7890,
        login: "901234".to_owned(),
        secret: Secret("s3cret".to_owned()),
        access_code: "1069000000".to_owned(),
        service_id: "HELP".to_owned(),
        connections: 4,
        window: 256,
        parts_per_second: Some(500),
        carriers: vec![Carrier::Mobile, Carrier::Foreign],
        categories: vec![Category::Otp],
        cost: Money::from_micros(30_000),
        enabled: true,
        quirks: Quirks::default(),
        provider: None,
    };
    stage.db.put_channel(&channel).await.unwrap();
    channel.parts_per_second = None;
    channel.enabled = false;
    channel.protocol = Protocol::Sgip12;
    let settings = [("listen", "0.0.0.0:8801"), ("node", "3010092008"), ("receipts", "first_part")];
    channel.quirks = Quirks::read(settings).unwrap();
    stage.db.put_channel(&channel).await.unwrap();
    assert_eq!(stage.db.channels().await.unwrap(), [channel.clone()]);
    channel.protocol = Protocol::Http;
    let form = serde_json::json!({"path": "/", "answer": {"code": "/code", "taken": ["0"], "id": "/id"}});
    for http in [Some(&form), None] {
        let provider =
            http.map(|form| serde_json::json!({"tls": false, "callback_token": "a", "http": form}));
        channel.provider = provider.map(|provider| Arc::new(serde_json::from_value(provider).unwrap()));
        stage.db.put_channel(&channel).await.unwrap();
        assert_eq!(stage.db.channels().await.unwrap(), [channel.clone()]);
    }

    let step = |channels| RouteStep::by_weight(channels);
    let route = RouteConfig::for_all(
        RouteId(1),
        "默认",
        vec![step(vec![(ChannelId(7), 3), (ChannelId(8), 1)]), step(vec![(ChannelId(9), 1)])],
    );
    stage.db.put_route(&route).await.unwrap();
    stage.db.put_route(&route).await.unwrap();
    assert_eq!(stage.db.routes().await.unwrap(), [route]);

    prices_are_kept(&stage, ours, theirs).await;
    settings_are_kept(&stage).await;
}

async fn prices_are_kept(stage: &Stage, ours: AccountId, theirs: AccountId) {
    let line = |category, carrier, micros| PriceLine {
        category,
        carrier,
        ..PriceLine::general(ours, Money::from_micros(micros))
    };
    let then = Some(NOW.plus(Duration::from_hours(24)));
    let lines = [
        line(None, None, 50_000),
        PriceLine { country: Country::from_code("JP"), ..line(None, Some(Carrier::Foreign), 70_000) },
        PriceLine { until: then, ..line(Some(Category::Otp), None, 46_000) },
        PriceLine { from: then, ..line(Some(Category::Otp), None, 47_000) },
        line(Some(Category::Otp), Some(Carrier::Unicom), 45_000),
    ];
    stage.db.put_prices(ours, &[line(None, None, 1)]).await.unwrap();
    stage.db.put_prices(ours, &lines).await.unwrap();
    assert_eq!(stage.db.prices(ours).await.unwrap(), lines);
    assert_eq!(stage.db.prices(theirs).await.unwrap(), []);
}

async fn settings_are_kept(stage: &Stage) {
    assert_eq!(stage.db.setting("words").await.unwrap(), None);
    stage.db.put_setting("words", "[]").await.unwrap();
    stage.db.put_setting("words", "[1]").await.unwrap();
    assert_eq!(stage.db.setting("words").await.unwrap(), Some("[1]".to_owned()));
}

async fn a_repeated_request_gets_its_first_ids_and_a_different_one_is_noticed(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let ids: Vec<MessageId> = (0..3).map(|n| stage.ids.next(NOW, person(n).slot()).into()).collect();
    let begin = |account, body, ids: Vec<MessageId>, now| {
        let db = stage.db.clone();
        async move { db.begin_idempotent(account, "order-1", [body; 32], &ids, now).await.unwrap() }
    };
    assert_eq!(begin(ours, 1, ids.clone(), NOW).await, IdempotentStart::Fresh);
    assert_eq!(begin(ours, 1, vec![], NOW).await, IdempotentStart::Replay(ids.clone()));
    assert_eq!(begin(ours, 2, vec![], NOW).await, IdempotentStart::Mismatch);
    assert_eq!(begin(theirs, 2, vec![], NOW).await, IdempotentStart::Fresh, "keys are the account's own");
    let day = Duration::from_hours(24);
    assert_eq!(begin(ours, 1, vec![], NOW.plus(day)).await, IdempotentStart::Replay(ids.clone()));
    let later = NOW.plus(day + Duration::from_millis(1));
    assert_eq!(begin(ours, 2, ids.clone(), later).await, IdempotentStart::Fresh, "forgotten after a day");
    stage.restart().await;
    assert_eq!(stage.db.expire_idempotent(later).await.unwrap(), 1, "the other account's");
    let replay = stage.db.begin_idempotent(ours, "order-1", [2; 32], &[], later).await.unwrap();
    assert_eq!(replay, IdempotentStart::Replay(ids));
}

fn customer(account: AccountId, number: u16, login: &str) -> Customer {
    Customer {
        id: CustomerId(number),
        account,
        name: "银行".to_owned(),
        protocol: Protocol::Smpp34,
        login: login.to_owned(),
        secret: Secret("pass".to_owned()),
        networks: Vec::new(),
        addresses: vec!["10690001".to_owned()],
        connections: 1,
        window: 16,
        parts_per_second: None,
        category: Category::Notice,
        signature: None,
        signing: Signing::Own,
        route: None,
        enabled: true,
        call_back: None,
    }
}

async fn a_deleted_customer_leaves_its_login_and_keeps_its_number(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    let (first, second) = (customer(ours, 1, "bank"), customer(ours, 2, "shop"));
    for customer in [&first, &second] {
        stage.db.put_customer(customer).await.unwrap();
    }
    let taken = stage.db.put_customer(&customer(ours, 3, "bank")).await;
    assert!(matches!(taken, Err(ControlError::Exists(_))), "{taken:?}");
    assert!(stage.db.delete_customer(first.id).await.unwrap());
    assert!(!stage.db.delete_customer(first.id).await.unwrap(), "it is gone already");
    assert!(!stage.db.delete_customer(CustomerId(9)).await.unwrap());
    stage.restart().await;
    assert_eq!(stage.db.customers().await.unwrap(), std::slice::from_ref(&second));
    let again = stage.db.put_customer(&first).await;
    assert!(matches!(again, Err(ControlError::Gone(_))), "{again:?}");
    let third = customer(ours, 3, "bank");
    stage.db.put_customer(&third).await.unwrap();
    assert_eq!(stage.db.customers().await.unwrap(), [second, third]);
}
