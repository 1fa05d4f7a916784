//! Campaigns: kept whole, changed by one person at a time.

use domain::control::{
    AudienceSource, AudienceStats, CampaignState, Campaigns as _, ColumnUse, ControlError, HeldSample,
    ImportMapping, PreflightReport, Sample,
};
use domain::lane::WindowClose;
use domain::message::Reason;
use domain::money::Money;

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage, person};

on_every_engine! {
    a_campaign_is_kept_whole
    of_two_who_change_a_campaign_the_second_is_told
    campaigns_are_listed_newest_first_and_found_by_state
}

fn report() -> PreflightReport {
    PreflightReport {
        at: NOW,
        decided_for: NOW,
        audience: AudienceStats { read: 10, invalid: 1, duplicate: 2, people: 7, tests: 1 },
        eligible: 5,
        parts: 6,
        cost: Money::from_micros(300_000),
        rejected: vec![(Reason::NoConsent, 2), (Reason::Suppressed, 1)],
        deferred: 3,
        deferred_until: Some(NOW),
        held: vec![HeldSample {
            text: "最高级的茶".to_owned(),
            spans: vec![(0, 9, "ad_law".to_owned(), "hold".to_owned())],
            people: 4,
        }],
        samples: vec![Sample {
            phone: "+86138****0001".to_owned(),
            text: "【鸿雁商城】张伟您好".to_owned(),
            encoding: "ucs2".to_owned(),
            length: 10,
            parts: 1,
            price: Money::from_micros(50_000),
        }],
        done_at: None,
        by_carrier: vec![("mobile".to_owned(), 6, Money::from_micros(300_000))],
        by_province: vec![("北京".to_owned(), 3)],
        audience_checksum: [9; 32],
    }
}

async fn a_campaign_is_kept_whole(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut campaign = stage.campaign(ours, "您好{{ 姓名 }}，拒收请回复R");
    stage.db.add_campaign(&campaign).await.unwrap();
    assert!(matches!(stage.db.add_campaign(&campaign).await, Err(ControlError::Exists("campaign"))));
    let mapping = ImportMapping { columns: vec![("手机".to_owned(), ColumnUse::Phone)] };
    campaign.audience = AudienceSource::File { upload: stage.ids.fresh(NOW).into(), mapping };
    campaign.test_numbers.push(person(5));
    campaign.template = Some(stage.ids.fresh(NOW).into());
    campaign.window_close = WindowClose::DropAfter(NOW);
    campaign.preflight = Some(report());
    campaign.frozen = Some(stage.ids.fresh(NOW).into());
    campaign.scheduled_at = Some(NOW);
    campaign.state = CampaignState::Preflighted;
    stage.db.update_campaign(&mut campaign).await.unwrap();
    assert_eq!(campaign.version, 2);
    stage.restart().await;
    let read = stage.db.campaign(ours, campaign.id).await.unwrap().expect("it is there");
    assert!(read == campaign);
    campaign.audience = AudienceSource::Tags(vec!["vip".to_owned()]);
    campaign.window_close = WindowClose::PauseForHuman;
    campaign.speed = None;
    campaign.preflight = None;
    stage.db.update_campaign(&mut campaign).await.unwrap();
    assert!(stage.db.campaign(ours, campaign.id).await.unwrap() == Some(campaign.clone()));
    assert!(stage.db.campaign(theirs, campaign.id).await.unwrap().is_none());
    let mut stolen = campaign.clone();
    stolen.account = theirs;
    assert!(matches!(stage.db.update_campaign(&mut stolen).await, Err(ControlError::Changed("campaign"))));
}

async fn of_two_who_change_a_campaign_the_second_is_told(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let campaign = stage.campaign(account, "您好");
    stage.db.add_campaign(&campaign).await.unwrap();
    let change = |name: &str| {
        let (db, mut campaign) = (stage.db.clone(), campaign.clone());
        campaign.name = name.to_owned();
        tokio::spawn(async move { db.update_campaign(&mut campaign).await.map(|()| campaign.version) })
    };
    let (first, second) = (change("甲"), change("乙"));
    let outcomes = [first.await.unwrap(), second.await.unwrap()];
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(2))).count(), 1);
    let refused =
        |outcome: &&Result<i64, ControlError>| matches!(outcome, Err(ControlError::Changed("campaign")));
    assert_eq!(outcomes.iter().filter(refused).count(), 1);
}

async fn campaigns_are_listed_newest_first_and_found_by_state(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut all = Vec::new();
    for (account, state) in [
        (ours, CampaignState::Draft),
        (ours, CampaignState::Running),
        (theirs, CampaignState::Scheduled),
        (ours, CampaignState::Finished),
    ] {
        let mut campaign = stage.campaign(account, "您好");
        campaign.state = state;
        stage.db.add_campaign(&campaign).await.unwrap();
        all.push(campaign.id);
    }
    let ids =
        |page: Vec<domain::control::Campaign>| page.iter().map(|campaign| campaign.id).collect::<Vec<_>>();
    assert_eq!(ids(stage.db.campaigns(ours, None, 2).await.unwrap()), [all[3], all[1]]);
    assert_eq!(ids(stage.db.campaigns(ours, Some(all[1]), 2).await.unwrap()), [all[0]]);
    let busy = stage.db.campaigns_in(&[CampaignState::Running, CampaignState::Scheduled]).await.unwrap();
    assert_eq!(ids(busy), [all[1], all[2]], "of all accounts");
    assert!(stage.db.campaigns_in(&[]).await.unwrap().is_empty());
}
