//! Measures imports and preflights: `engine_bench ROWS` prints one line per measurement.
//!
//! The figures that count come from `hongyan bench` on a release build; this one is for those who change the engine.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the real clock")]

use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use domain::control::{
    Accounts as _, AudienceSource, ChannelConfig, Channels as _, Control, Imports as _, Protocol, Quirks,
    RouteConfig, RouteStep, Secret,
};
use domain::ids::{ChannelId, GatewayId, IdGenerator, RouteId};
use domain::lane::WindowClose;
use domain::ledger::Ledger;
use domain::message::Category;
use domain::money::Money;
use domain::phone::Country;
use domain::policy::{LegalBasis, Policy};
use domain::time::{Clock, Timestamp};
use engine::campaign::CampaignDraft;
use engine::import::{ImportOrder, Mapped, Mapper, propose, read_rows};
use engine::{Engine, EngineParts, Settings};
use store::control::{ControlDb, OpenControl};
use store::ledger::{OpenOptions, SqliteLedger};
use store::sealing::Sealer;

/// 2026-11-25 10:30 in Shanghai.
const NOON: Timestamp = Timestamp::from_millis(1_795_573_800_000);

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        NOON
    }

    fn monotonic_millis(&self) -> u64 {
        0
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let rows: u64 = std::env::args().nth(1).map_or(Ok(100_000), |rows| rows.parse())?;
    let csv = list(rows);
    parse_and_map(&csv, rows)?;
    let place = tempfile::tempdir()?;
    let house = house(place.path()).await?;
    import(&house, &csv, rows, "import of new contacts").await?;
    import(&house, &csv, rows, "import of known contacts").await?;
    preflight(&house, AudienceSource::All, rows, "preflight of contacts").await?;
    let pieces = futures::stream::iter([Ok(csv)]);
    let (upload, proposal) = house.engine.upload(house.account, "list.csv", pieces).await?;
    let file = AudienceSource::File { upload: upload.id, mapping: proposal.mapping() };
    let id = preflight(&house, file, rows, "preflight of a file").await?;
    let started = Started::now();
    house.engine.start_campaign(house.account, id, None).await?;
    while !house.engine.campaign(house.account, id).await?.expanded {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    say("expansion", rows, &started);
    house.engine.stop().await;
    Ok(())
}

/// When a measurement began, on the wall and in the processor time of the whole process.
struct Started(Instant, f64);

impl Started {
    fn now() -> Self {
        Self(Instant::now(), cpu_seconds())
    }
}

/// User and system time of this process (Linux: fields 14 and 15 of its `stat`, in hundredths of a second).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn say(what: &str, rows: u64, started: &Started) {
    let seconds = started.0.elapsed().as_secs_f64();
    let cpu_micros = (cpu_seconds() - started.1) * 1e6 / rows as f64;
    let speed = rows as f64 / seconds;
    println!("{what}: {rows} rows in {seconds:.2} s, {speed:.0} rows/s, {cpu_micros:.1} µs of CPU per row");
}

fn list(rows: u64) -> Vec<u8> {
    let mut csv = String::from("姓名,手机号,城市,积分\n");
    for row in 0..rows {
        csv.push_str(&format!("张小{},138{row:08},北京,{}\n", row % 1000, row % 5000));
    }
    csv.into_bytes()
}

fn parse_and_map(csv: &[u8], rows: u64) -> Outcome<()> {
    let mut file = Cursor::new(csv.to_vec());
    let started = Started::now();
    let proposal = propose(&mut file, Country::CN)?;
    let mut mapper = Mapper::new(&proposal.mapping(), &[], Country::CN)?;
    let mut people = 0;
    read_rows(&mut file, proposal.kind, &mut |row| {
        people += u64::from(matches!(mapper.map(row), Mapped::Contact(_)));
        ControlFlow::Continue(())
    })?;
    say("parse and map", people, &started);
    if people == rows { Ok(()) } else { Err("rows were lost".into()) }
}

struct House {
    engine: Arc<Engine>,
    control: Arc<ControlDb>,
    account: domain::ids::AccountId,
}

async fn house(place: &std::path::Path) -> Outcome<House> {
    let data = place.join("data");
    std::fs::create_dir_all(&data)?;
    let sealer = Sealer::open(&place.join("key"), &data)?;
    let ids = Arc::new(IdGenerator::new(0));
    let options = OpenControl { folder: data.clone(), sealer: sealer.clone(), ids: ids.clone() };
    let control = ControlDb::open(options).await?;
    let ledger = SqliteLedger::open(&OpenOptions::new(&data, sealer))?;
    control.first_start(NOON, &ids, |_| Ok(())).await?;
    let account = control.accounts().await?.first().ok_or("no account")?.id;
    let config = ChannelConfig {
        id: ChannelId(1),
        gateway: GatewayId(1),
        name: "bench".to_owned(),
        protocol: Protocol::Cmpp30,
        host: "127.0.0.1".to_owned(),
        port: 7890,
        login: String::new(),
        secret: Secret(String::new()),
        access_code: "1069".to_owned(),
        service_id: String::new(),
        connections: 4,
        window: 256,
        parts_per_second: None,
        carriers: Vec::new(),
        categories: Vec::new(),
        cost: Money::ZERO,
        enabled: true,
        quirks: Quirks::default(),
        provider: None,
    };
    control.put_channel(&config).await?;
    let steps = vec![RouteStep::by_weight(vec![(ChannelId(1), 1)])];
    control.put_route(&RouteConfig::for_all(RouteId(1), "bench", steps)).await?;
    let engine = Engine::new(EngineParts {
        ledger: ledger as Arc<dyn Ledger>,
        control: control.clone() as Arc<dyn Control>,
        clock: Arc::new(Noon),
        ids,
        policy: Arc::new(Policy::builtin()),
        settings: Settings::default(),
    });
    Ok(House { engine, control, account })
}

async fn import(house: &House, csv: &[u8], rows: u64, what: &str) -> Outcome<()> {
    let pieces = futures::stream::iter([Ok(csv.to_vec())]);
    let (import, proposal) = house.engine.upload(house.account, "list.csv", pieces).await?;
    let order = ImportOrder {
        mapping: proposal.mapping(),
        tags: vec!["bench".to_owned()],
        source: "bench".to_owned(),
        basis: Some(LegalBasis::Consent),
    };
    let started = Started::now();
    house.engine.start_import(house.account, import.id, order).await?;
    if let Some(mut progress) = house.engine.import_progress(import.id) {
        while progress.changed().await.is_ok() {}
    }
    say(what, rows, &started);
    let import = house.control.import(house.account, import.id).await?.ok_or("the import is gone")?;
    if import.counts.new + import.counts.updated == rows { Ok(()) } else { Err("rows were lost".into()) }
}

async fn preflight(
    house: &House,
    audience: AudienceSource,
    rows: u64,
    what: &str,
) -> Outcome<domain::ids::CampaignId> {
    let draft = CampaignDraft {
        name: "bench".to_owned(),
        category: Category::Marketing,
        signature: "鸿雁".to_owned(),
        template: None,
        text: Some(
            "尊敬的{{ 姓名 }}，您在{{ 城市 }}门店的积分即将到期，凭短信到店可享满二百减五十".to_owned(),
        ),
        audience,
        test_numbers: Vec::new(),
        scheduled_at: None,
        speed: None,
        window_close: WindowClose::Hold,
        valid_for: None,
        route: None,
        canary: None,
        limits: None,
    };
    let campaign = house.engine.create_campaign(house.account, draft, None).await?;
    let started = Started::now();
    let report = house.engine.preflight(house.account, campaign.id).await?;
    say(what, rows, &started);
    if report.eligible == rows { Ok(campaign.id) } else { Err("people were lost".into()) }
}
