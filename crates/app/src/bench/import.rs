//! Importing contacts: rows a second that are durable, into contacts that are there already; and parsing alone.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::phone::Country;
use domain::time::Clock as _;
use engine::import::{Mapper, propose, read_rows, sniff};
use serde_json::{Value, json};

use super::process::Helper;
use super::server::{ServerOrder, ServerSetup};
use super::{PARTITIONS, Show, ledger, world};
use crate::clock::SystemClock;

const HEADERS: &str = "手机号,姓名,城市,会员等级,累计消费,标签";
const CITIES: [&str; 4] = ["杭州", "上海", "成都", "西安"];
const LEVELS: [&str; 3] = ["VIP", "新客", "老客"];

/// Measures.
///
/// # Errors
/// When a helper fails or the disk is full.
pub(super) async fn run(show: &Show, folder: &Path, rows: u64, existing: u64) -> anyhow::Result<Value> {
    let place = ledger::new_place(folder, PARTITIONS)?;
    ledger::filled(&place, 0).await?;
    let mut server = Helper::start("server", &ServerSetup::without_carrier(place)).await?;
    show.step("importing the contacts that are there already");
    let before = write_file(folder, "existing.csv", 0, existing)?;
    let first = if existing > 0 { server.ask(&ServerOrder::Import(before)).await? } else { Value::Null };
    show.done(&first);
    show.step("importing: half of the rows update, half are new");
    let from = existing.saturating_sub(rows / 2);
    let file = write_file(folder, "rows.csv", from, from + rows)?;
    let mut figures = server.ask(&ServerOrder::Import(file.clone())).await?;
    let usage = server.usage()?;
    server.stop().await?;
    show.done(&figures);
    show.step("parsing and mapping alone");
    let alone = tokio::task::spawn_blocking(move || parse(&file)).await??;
    figures["existing"] = Value::from(existing);
    figures["first_import_rows_per_second"] = first["import_rows_per_second"].clone();
    figures["parse_rows_per_second"] = alone;
    figures["peak_rss_bytes"] = Value::from(usage.peak_rss_bytes);
    Ok(json!(figures))
}

fn write_file(folder: &Path, name: &str, from: u64, to: u64) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    let mut out = BufWriter::new(File::create(&path)?);
    writeln!(out, "{HEADERS}")?;
    for number in from..to {
        let national = world::phone(number).to_u64() % 100_000_000_000;
        let (name, _) = world::values(number);
        let (city, level) = (CITIES[(number % 4) as usize], LEVELS[(number % 3) as usize]);
        writeln!(out, "{national},{name},{city},{level},{}.50,{level};{city}", number % 10_000)?;
    }
    out.flush()?;
    Ok(path)
}

/// Rows a second, read and mapped, kept nowhere.
fn parse(path: &Path) -> anyhow::Result<Value> {
    let clock = Arc::new(SystemClock::new());
    let mut file = File::open(path)?;
    let proposal = propose(&mut file, Country::CN)?;
    let mut mapper = Mapper::new(&proposal.mapping(), &[], Country::CN)?;
    let began = clock.monotonic_millis();
    let kind = sniff(&mut file)?;
    let mut rows = 0_u64;
    read_rows(&mut file, kind, &mut |row| {
        let mapped = std::hint::black_box(mapper.map(row));
        drop(mapped);
        rows += 1;
        ControlFlow::Continue(())
    })?;
    Ok(Value::from(rows * 1_000 / (clock.monotonic_millis() - began).max(1)))
}
