//! The life of a campaign, and what is refused before it begins.

use std::time::Duration;

use domain::control::{AudienceSource, CampaignState};
use domain::ledger::Ledger as _;
use domain::time::Clock as _;
use engine::CampaignTrouble;

use crate::carrier::send_all;
use crate::files::people;
use crate::house::{House, NOON, lenient};
use crate::preflight::expanded;

async fn started(house: &House, count: u64) -> domain::ids::CampaignId {
    let file = house.file_audience(&people(0, count)).await;
    let draft = house.draft("{{ 姓名 }}您好", file);
    let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
    house.engine.preflight(house.account, campaign.id).await.unwrap();
    house.engine.start_campaign(house.account, campaign.id, None).await.unwrap();
    expanded(house, campaign.id).await;
    campaign.id
}

#[tokio::test]
async fn a_paused_campaign_sends_nothing_and_forgets_nothing() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let id = started(&house, 100).await;
    house.engine.pause_campaign(house.account, id, None).await.unwrap();
    assert_eq!(send_all(&house).await.len(), 0);
    house.engine.keep_campaigns().await.unwrap();
    assert_eq!(house.engine.campaign(house.account, id).await.unwrap().state, CampaignState::Paused);
    house.engine.resume_campaign(house.account, id, None).await.unwrap();
    assert_eq!(send_all(&house).await.len(), 100);
    house.engine.keep_campaigns().await.unwrap();
    assert_eq!(house.engine.campaign(house.account, id).await.unwrap().state, CampaignState::Finished);
    let error = house.engine.cancel_campaign(house.account, id, None).await.unwrap_err();
    assert!(matches!(error, CampaignTrouble::State(_)));
    house.close().await;
}

#[tokio::test]
async fn a_cancelled_campaign_never_sends_again() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let id = started(&house, 50).await;
    house.engine.cancel_campaign(house.account, id, None).await.unwrap();
    assert_eq!(send_all(&house).await.len(), 0);
    house.engine.resume_all().await.unwrap();
    assert_eq!(send_all(&house).await.len(), 0);
    let report = house.engine.campaign_report(house.account, id).await.unwrap();
    assert_eq!(report.campaign.state, CampaignState::Cancelled);
    assert_eq!(report.funnel.submitted.messages, 0);
    house.close().await;
}

#[tokio::test]
async fn a_scheduled_campaign_waits_for_its_time() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let file = house.file_audience(&people(0, 3)).await;
    let mut draft = house.draft("您好", file);
    draft.scheduled_at = Some(NOON.plus(Duration::from_secs(600)));
    let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
    let early = house.engine.start_campaign(house.account, campaign.id, None).await.unwrap_err();
    assert!(matches!(early, CampaignTrouble::State(_)), "nothing starts unseen");
    house.engine.preflight(house.account, campaign.id).await.unwrap();
    let scheduled = house.engine.start_campaign(house.account, campaign.id, None).await.unwrap();
    assert_eq!(scheduled.state, CampaignState::Scheduled);
    house.engine.keep_campaigns().await.unwrap();
    assert_eq!(send_all(&house).await.len(), 0);
    house.clock.advance(Duration::from_secs(601));
    house.engine.keep_campaigns().await.unwrap();
    expanded(&house, campaign.id).await;
    assert_eq!(send_all(&house).await.len(), 3);
    house.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_draft_is_said_at_once() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let file = house.file_audience(&people(0, 3)).await;
    let refused = async |change: &dyn Fn(&mut engine::campaign::CampaignDraft)| {
        let mut draft = house.draft("{{ 姓名 }}您好", file.clone());
        change(&mut draft);
        house.engine.create_campaign(house.account, draft, None).await.unwrap_err()
    };
    let error = refused(&|draft| draft.text = Some("{{ 姓 }}{{ 姓名 }}".to_owned())).await;
    match &error {
        CampaignTrouble::UnknownVariables { unknown, known } => {
            assert_eq!(unknown, "姓");
            assert!(known.contains("姓名") && known.contains("手机号"), "{known}");
        }
        other => panic!("{other}"),
    }
    assert!(error.explain().zh.contains("姓名"));
    assert!(matches!(
        refused(&|draft| draft.text = Some("{{ 姓名".to_owned())).await,
        CampaignTrouble::Template(_)
    ));
    assert!(matches!(
        refused(&|draft| draft.text = Some("长".repeat(10_000))).await,
        CampaignTrouble::Template(_)
    ));
    let past = house.clock.now();
    assert!(matches!(
        refused(&|draft| draft.scheduled_at = Some(past)).await,
        CampaignTrouble::ScheduleInPast
    ));
    assert!(matches!(
        refused(&|draft| draft.name = "长".repeat(31)).await,
        CampaignTrouble::Name { chars: 31 }
    ));
    assert!(matches!(
        refused(&|draft| draft.signature = "【】".to_owned()).await,
        CampaignTrouble::Signature(_)
    ));
    assert!(matches!(
        refused(&|draft| draft.test_numbers = vec!["13800000001".to_owned(), "1".to_owned()]).await,
        CampaignTrouble::TestNumber { place: 2, .. }
    ));
    assert!(matches!(
        refused(&|draft| draft.audience = AudienceSource::Tags(Vec::new())).await,
        CampaignTrouble::NoTags
    ));
    house.close().await;
}

#[tokio::test]
async fn nobody_is_no_audience_and_an_endless_loop_ends() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let draft = house.draft("您好", AudienceSource::Tags(vec!["nobody".to_owned()]));
    let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
    let error = house.engine.preflight(house.account, campaign.id).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, CampaignTrouble::NobodyThere), "{error}");

    let file = house.file_audience(&people(0, 3)).await;
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ 姓名 }}{% endfor %}{% endfor %}";
    let draft = house.draft(endless, file);
    let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
    let counted = house.engine.preflight(house.account, campaign.id).await.unwrap();
    assert_eq!((counted.eligible, counted.rejected.len()), (0, 1));
    assert_eq!(counted.rejected[0].1, 3);
    house.close().await;
}

#[tokio::test]
async fn a_policy_pause_of_one_lane_pauses_its_campaign() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let id = started(&house, 10).await;
    let lane = house.engine.campaign(house.account, id).await.unwrap().lane;
    house.engine.pause_for_human(lane).await.unwrap();
    assert_eq!(house.engine.campaign(house.account, id).await.unwrap().state, CampaignState::Paused);
    let lanes = house.ledger.lanes().await.unwrap();
    assert!(lanes.iter().any(|known| known.id == lane && known.state == domain::lane::LaneState::Paused));
    house.close().await;
}
