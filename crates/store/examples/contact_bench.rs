//! How fast contacts are imported: rows a second and CPU a row, into a folder that holds many already.
//!
//! ```text
//! cargo run --release -p store --example contact_bench -- FOLDER [EXISTING] [IMPORTED] [BATCH] [CALLS]
//! ```
//!
//! `CALLS` is how many upserts are under way at once. Prints one line of JSON per phase.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::control::{
    Audience, AudienceRow, AudienceStats, Audiences as _, ContactFilter, ContactRow, Contacts as _, Upserted,
};
use domain::ids::{AccountId, AudienceId, CampaignId, IdGenerator};
use domain::phone::Phone;
use domain::time::Timestamp;
use store::control::{ControlDb, OpenControl};
use store::sealing::Sealer;
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ACCOUNT: AccountId = AccountId::from_raw(1);
const FIRST_PHONE: u64 = 8_613_800_000_000;
const PAGE: u32 = 5_000;
const CITIES: [&str; 4] = ["北京", "上海", "广州", "成都"];
/// The kernel counts CPU time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("name a folder for the data")?;
    let mut number = |default: u64| words.next().map_or(Ok(default), |word| word.parse());
    let (existing, imported) = (number(1_000_000)?, number(300_000)?);
    let (batch, calls) = (number(5_000)?, number(2)?);
    let db = open(Path::new(&folder)).await?;
    let start = db.count_contacts(ACCOUNT).await?;
    if start < existing {
        import(&db, "fill", start..existing, 20_000, 3).await?;
    }
    let start = db.count_contacts(ACCOUNT).await?;
    import(&db, "import of new people", start..start + imported, batch, calls).await?;
    import(&db, "the same file again", start..start + imported, batch, calls).await?;
    read(&db).await?;
    freeze(&db, existing).await?;
    db.close().await?;
    Ok(())
}

async fn open(folder: &Path) -> Result<Arc<ControlDb>, Failure> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let sealer = Sealer::open(&folder.join("keys"), &data)?;
    let ids = Arc::new(IdGenerator::new(0));
    Ok(ControlDb::open(OpenControl { folder: data, sealer, ids }).await?)
}

fn person(number: u64) -> Option<ContactRow> {
    let city = usize::try_from(number % 4).ok()?;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Some(ContactRow {
        phone: Phone::from_u64(FIRST_PHONE + number)?,
        personal: vec![pair("姓名", "欧阳震华"), pair("地址", "天河路三百八十五号")],
        queryable: vec![pair("城市", CITIES.get(city)?), pair("等级", "金卡")],
        tags: vec!["三月名单".to_owned()],
    })
}

async fn import(
    db: &Arc<ControlDb>,
    what: &str,
    people: std::ops::Range<u64>,
    batch: u64,
    calls: u64,
) -> Result<(), Failure> {
    let meter = Meter::start();
    let mut under_way: JoinSet<Result<Upserted, Failure>> = JoinSet::new();
    let (mut done, mut next) = (Upserted::default(), people.start);
    loop {
        while next < people.end && (under_way.len() as u64) < calls {
            let end = people.end.min(next + batch);
            let (db, some) = (Arc::clone(db), next..end);
            under_way.spawn(async move {
                let rows = some.filter_map(person).collect();
                Ok(db.upsert_contacts(ACCOUNT, None, rows, now()).await?)
            });
            next = end;
        }
        let Some(finished) = under_way.join_next().await else { break };
        let some = finished??;
        done.new += some.new;
        done.updated += some.updated;
    }
    meter.print(what, done.new + done.updated);
    Ok(())
}

async fn read(db: &ControlDb) -> Result<(), Failure> {
    for (what, tags) in [("read all", vec![]), ("read by tag", vec!["三月名单".to_owned()])] {
        let meter = Meter::start();
        let (mut count, mut filter) = (0, ContactFilter { tags, ..ContactFilter::default() });
        loop {
            let page = db.contacts(ACCOUNT, &filter, PAGE).await?;
            let Some(last) = page.last() else { break };
            count += page.len() as u64;
            filter.after = Some(last.id);
        }
        meter.print(what, count);
    }
    Ok(())
}

async fn freeze(db: &ControlDb, people: u64) -> Result<(), Failure> {
    let id = AudienceId::from_raw(now().millis());
    let header = Audience {
        id,
        account: ACCOUNT,
        campaign: CampaignId::from_raw(1),
        columns: vec!["姓名".to_owned(), "城市".to_owned()],
        stats: AudienceStats::default(),
        chunks: 0,
        checksum: None,
    };
    db.begin_audience(&header).await?;
    let meter = Meter::start();
    let chunk = |first: u64| {
        let row = |number| {
            let values = vec!["欧阳震华".to_owned(), "北京".to_owned()];
            Some(AudienceRow { contact: None, phone: person(number)?.phone, test: false, values })
        };
        (first..first + 1000).filter_map(row).collect()
    };
    for first in (0..people / 1000).step_by(20) {
        let chunks = (first..first + 20).map(|number| chunk(number * 1000)).collect();
        db.append_chunks(ACCOUNT, id, u32::try_from(first)?, chunks).await?;
    }
    let frozen = db.finish_audience(ACCOUNT, id, AudienceStats::default()).await?;
    meter.print("freeze", people);
    let meter = Meter::start();
    for number in 0..frozen.chunks {
        db.chunk(ACCOUNT, id, number).await?;
    }
    meter.print("read the frozen", people);
    let meter = Meter::start();
    db.drop_audience(ACCOUNT, id).await?;
    meter.print("drop the frozen", people);
    Ok(())
}

struct Meter {
    started: Instant,
    cpu: Duration,
}

impl Meter {
    #[expect(clippy::disallowed_methods, reason = "a bench measures the real clock")]
    fn start() -> Self {
        Self { started: Instant::now(), cpu: cpu() }
    }

    fn print(&self, what: &str, rows: u64) {
        let (taken, cpu) = (self.started.elapsed(), cpu().saturating_sub(self.cpu));
        let (second, micros) = (rows as f64 / taken.as_secs_f64(), cpu.as_secs_f64() * 1e6 / rows as f64);
        println!(
            "{{\"phase\":\"{what}\",\"rows\":{rows},\"rows_per_second\":{second:.0},\"cpu_us_per_row\":{micros:.2}}}"
        );
    }
}

/// User and system time of this process so far; zero where the kernel does not tell.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().into_iter().flat_map(str::split_whitespace);
    // Fields 14 and 15; the name in brackets is the second, so they are the 12th and 13th after it.
    let ticks: u32 = ticks.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

#[expect(clippy::disallowed_methods, reason = "a bench lives in the real time")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
