//! Campaigns: kept whole, changed by one person at a time.

use std::time::Duration;

use domain::campaign::{
    CampaignRoute, Canary, CanaryPhase, CanaryPlan, CanaryShare, CanaryThen, Finding, Limits, Observed,
    Resend, ResendFilter, StopRule, Stopped, Unrouted, Watch,
};
use domain::control::{
    AudienceSource, AudienceStats, Campaign, CampaignState, Campaigns as _, ColumnUse, ControlError,
    HeldSample, ImportMapping, PreflightReport, RouteLoad, Sample,
};
use domain::ids::RouteId;
use domain::lane::WindowClose;
use domain::message::{Category, MessageState, Reason};
use domain::money::Money;
use domain::phone::{Carrier, Country};

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage, person};

on_every_engine! {
    a_campaign_is_kept_whole
    of_two_who_change_a_campaign_the_second_is_told
    campaigns_are_listed_newest_first_and_found_by_state
    of_two_that_send_the_same_failures_again_one_is_added
}

fn report() -> PreflightReport {
    PreflightReport {
        at: NOW,
        decided_for: NOW,
        audience: AudienceStats { read: 10, invalid: 1, duplicate: 2, people: 7, tests: 1 },
        eligible: 5,
        parts: 6,
        cost: Money::from_micros(300_000),
        reserve: Money::from_micros(300_000),
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
        by_route: vec![RouteLoad {
            route: RouteId(2),
            people: 5,
            parts: 6,
            cost: Money::from_micros(300_000),
        }],
        unrouted: vec![Unrouted {
            carrier: Carrier::Foreign,
            country: Country::from_code("SG"),
            route: None,
            people: 2,
            sample: "+65****4567".to_owned(),
        }],
        audience_checksum: [9; 32],
    }
}

/// Every part of a course, none as it is by default.
fn set_out(stage: &Stage, campaign: &mut Campaign) {
    campaign.route = None;
    campaign.routes = vec![CampaignRoute {
        route: RouteId(2),
        carriers: vec![Carrier::Mobile, Carrier::Unicom],
        countries: vec![Country::CN],
        lane: campaign.lane,
        canary: Some(stage.ids.fresh(NOW).into()),
    }];
    let plan = CanaryPlan {
        share: CanaryShare::People(30),
        wait: Duration::from_secs(90),
        then: CanaryThen::WaitForPerson,
    };
    campaign.canary = Some(Canary {
        bounds: [u64::MAX, 5, 0, 1, 2],
        people: 30,
        phase: CanaryPhase::Judged,
        sent_at: Some(NOW),
        released_at: Some(NOW),
        ..Canary::planned(plan)
    });
    let since = Observed { unsent: 0, taken: 1, ended: 2, failed: 3, opted_out: 4, complained: 5 };
    let found = Finding { rule: StopRule::OptOuts, bad: 7, of: 90, per_10_000: 300 };
    let stopped = Some(Stopped { at: NOW, found, resumed_at: Some(NOW) });
    campaign.watch = Watch { limits: Limits::usual(Category::Marketing), since, stopped };
    campaign.resend = Some(Resend {
        of: stage.ids.fresh(NOW).into(),
        root: stage.ids.fresh(NOW).into(),
        filter: ResendFilter { states: vec![MessageState::Failed], reasons: vec![Reason::CarrierSystem] },
        asked_by: "key_1".to_owned(),
    });
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
    set_out(&stage, &mut campaign);
    stage.db.update_campaign(&mut campaign, NOW).await.unwrap();
    assert_eq!(campaign.version, 2);
    stage.restart().await;
    let read = stage.db.campaign(ours, campaign.id).await.unwrap().expect("it is there");
    assert!(read == campaign);
    campaign.audience = AudienceSource::Tags(vec!["vip".to_owned()]);
    campaign.window_close = WindowClose::PauseForHuman;
    campaign.speed = None;
    campaign.preflight = None;
    (campaign.canary, campaign.resend, campaign.routes) = (None, None, Vec::new());
    campaign.route = Some(RouteId(7));
    stage.db.update_campaign(&mut campaign, NOW).await.unwrap();
    assert!(stage.db.campaign(ours, campaign.id).await.unwrap() == Some(campaign.clone()));
    assert!(stage.db.campaign(theirs, campaign.id).await.unwrap().is_none());
    let mut stolen = campaign.clone();
    stolen.account = theirs;
    assert!(matches!(
        stage.db.update_campaign(&mut stolen, NOW).await,
        Err(ControlError::Changed("campaign"))
    ));
}

async fn of_two_who_change_a_campaign_the_second_is_told(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let campaign = stage.campaign(account, "您好");
    stage.db.add_campaign(&campaign).await.unwrap();
    let change = |name: &str| {
        let (db, mut campaign) = (stage.db.clone(), campaign.clone());
        campaign.name = name.to_owned();
        tokio::spawn(async move { db.update_campaign(&mut campaign, NOW).await.map(|()| campaign.version) })
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

async fn of_two_that_send_the_same_failures_again_one_is_added(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let root = stage.campaign(ours, "您好");
    stage.db.add_campaign(&root).await.unwrap();
    let again = |asked_by: &str| {
        let resend = Resend {
            of: root.id,
            root: root.id,
            filter: ResendFilter::default(),
            asked_by: asked_by.to_owned(),
        };
        let campaign = Campaign { resend: Some(resend), ..stage.campaign(ours, "您好") };
        let (db, mut root) = (stage.db.clone(), root.clone());
        tokio::spawn(
            async move { (db.add_resend(&campaign, &mut root, None).await, campaign.id, root.version) },
        )
    };
    let (first, second) = (again("甲"), again("乙"));
    let outcomes = [first.await.unwrap(), second.await.unwrap()];
    let added: Vec<_> = outcomes.iter().filter(|(outcome, ..)| outcome.is_ok()).collect();
    let [(_, id, version)] = added[..] else { panic!("one of two: {outcomes:?}") };
    assert_eq!(*version, root.version + 1);
    let refused =
        outcomes.iter().filter(|(outcome, ..)| matches!(outcome, Err(ControlError::Changed("campaign"))));
    assert_eq!(refused.count(), 1);
    let family = stage.db.resends(ours, root.id).await.unwrap();
    assert_eq!(family.iter().map(|campaign| campaign.id).collect::<Vec<_>>(), [*id]);
    assert!(stage.db.resends(theirs, root.id).await.unwrap().is_empty());
    assert!(stage.db.resends(ours, *id).await.unwrap().is_empty());
}
