//! The promise of the preflight: what it counts is what happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::audit::{Auditor, seed_list};
use domain::control::{AudienceSource, CampaignState};
use domain::ledger::{Ledger as _, SuppressionOrder};
use domain::message::Reason;
use domain::policy::{Policy, PolicyBuilder, Scope, Suppressed, SuppressionSource};

use crate::carrier::send_all;
use crate::house::{House, NOON, phone};

fn strict() -> Policy {
    let auditor = Auditor::build(&[seed_list().unwrap()]).unwrap();
    PolicyBuilder::builtin().with_auditor(Arc::new(auditor)).build().unwrap()
}

async fn suppress(house: &House, number: u64) {
    let phone = phone(number);
    let suppressed = Suppressed {
        scope: Scope::Entity(house.entity),
        category: None,
        source: SuppressionSource::Manual,
        at: NOON,
    };
    let order = SuppressionOrder { phone, account: house.account, suppressed, inbound: None };
    let partition = house.ledger.partitions().of(phone.slot());
    house.ledger.suppress(partition, vec![order]).await.unwrap();
}

/// Everybody of 0..60 consented, except that 50..60 are never imported.
async fn consent(house: &House) {
    let list: String = (0..50).map(|number| format!("138{number:08}\n")).collect();
    house.import(format!("手机号\n{list}").as_bytes(), "all").await;
}

const TWO_PARTS: &str = "满一百减二十，满两百减五十，满三百减八十，满四百减一百二，满五百减两百，满六百减三百，\
    满七百减四百，满八百减五百，满九百减六百，满一千减七百";

fn audience() -> String {
    let mut csv = String::from("手机号,姓名,福利\n");
    let mut row = |number: u64, name: &str, gift: &str| {
        csv.push_str(&format!("138{number:08},{name},{gift}\n"));
    };
    for number in 0..60 {
        let gift = match number {
            7 => "国家级好礼",
            8 => "网络赌博",
            9 => "",
            10..20 => TWO_PARTS,
            _ => "八折",
        };
        row(number, &format!("客户{number}"), gift);
    }
    row(20, "客户20", "八折"); // the same again
    row(21, "客户21", "七折"); // another text for the same phone
    row(21, "客户21", "六折");
    csv.push_str("12345,坏号,八折\n+14155552671,Foreign,八折\n");
    csv
}

#[tokio::test]
async fn its_numbers_equal_the_reports() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), strict()).await;
    consent(&house).await;
    suppress(&house, 30).await;
    // Somebody got another campaign this morning.
    let early = house.file_audience("手机号\n13800000040\n13800000041\n").await;
    let early = house.engine.create_campaign(house.account, house.draft("早安", early), None).await.unwrap();
    house.engine.preflight(house.account, early.id).await.unwrap();
    house.engine.start_campaign(house.account, early.id, None).await.unwrap();
    expanded(&house, early.id).await;
    assert_eq!(send_all(&house).await.len(), 2);

    let file = house.file_audience(&audience()).await;
    let mut draft = house.draft("{{ 姓名 }}您好，{{ 福利 }}等您来", file);
    draft.test_numbers = vec!["13900000000".to_owned()];
    let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
    let counted = house.engine.preflight(house.account, campaign.id).await.unwrap();
    let why: BTreeMap<Reason, u64> = counted.rejected.iter().copied().collect();
    let expected = BTreeMap::from([
        (Reason::NoConsent, 10),
        (Reason::Suppressed, 1),
        (Reason::Capped, 4),
        (Reason::ContentHeld, 1),
        (Reason::ContentBlocked, 1),
        (Reason::MissingVariable, 1),
        (Reason::NoRoute, 1),
    ]);
    assert_eq!(why, expected);
    assert_eq!((counted.audience.invalid, counted.audience.duplicate), (1, 1));
    assert_eq!(
        counted.eligible,
        counted.audience.people - 1 - 19,
        "all but the test number and the rejected"
    );
    assert_eq!(counted.parts, counted.eligible + 10);
    assert_eq!(counted.samples.len(), 5);
    assert!(counted.samples.iter().all(|sample| sample.text.starts_with("【鸿雁】")));
    let held = counted.held.iter().find(|held| held.text.contains("国家级")).unwrap();
    let (start, end, class, severity) = &held.spans[0];
    assert_eq!(&held.text[*start as usize..*end as usize], "国家级");
    assert_eq!((class.as_str(), severity.as_str()), ("absolute", "hold"));

    house.engine.start_campaign(house.account, campaign.id, None).await.unwrap();
    expanded(&house, campaign.id).await;
    let sent = send_all(&house).await;
    assert_eq!(sent.len() as u64, counted.eligible + 1, "and the test number");
    house.engine.keep_campaigns().await.unwrap();
    let report = house.engine.campaign_report(house.account, campaign.id).await.unwrap();
    assert_eq!(report.campaign.state, CampaignState::Finished);
    let funnel = report.funnel;
    let count = |number: i64| u64::try_from(number).unwrap();
    let happened: BTreeMap<Reason, u64> =
        funnel.rejections.iter().map(|(reason, amount)| (*reason, count(amount.messages))).collect();
    assert_eq!(happened, why);
    assert_eq!(count(funnel.delivered.messages), counted.eligible);
    assert_eq!(count(funnel.parts), counted.parts);
    assert_eq!(funnel.cost, counted.cost);
    let by_carrier: Vec<_> = report
        .by_carrier
        .iter()
        .map(|(carrier, amount)| (carrier.as_str().to_owned(), count(amount.parts), amount.price))
        .collect();
    assert_eq!(by_carrier, counted.by_carrier);
    assert_eq!(report.tests.delivered.messages, 1);
    house.close().await;
}

#[tokio::test]
async fn quiet_hours_put_off_and_are_counted_as_put_off() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), strict()).await;
    consent(&house).await;
    let mut draft = house.draft("{{ 姓名 | default('您') }}好", AudienceSource::All);
    // 22:30 in Shanghai.
    draft.scheduled_at = Some(NOON.plus(std::time::Duration::from_secs(12 * 3600)));
    let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
    let counted = house.engine.preflight(house.account, campaign.id).await.unwrap();
    assert_eq!((counted.eligible, counted.deferred), (50, 50));
    let opening = NOON.plus(std::time::Duration::from_secs(21 * 3600 + 1800));
    let until = counted.deferred_until.unwrap();
    assert!(until >= opening && until < opening.plus(std::time::Duration::from_secs(3600)), "{until:?}");
    assert!(counted.done_at.unwrap() >= opening);
    house.close().await;
}

/// Waits until every row of a campaign is in the ledger.
pub(crate) async fn expanded(house: &House, id: domain::ids::CampaignId) {
    for _ in 0..2_000 {
        if house.engine.campaign(house.account, id).await.unwrap().expanded {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the campaign was not expanded in ten seconds");
}
