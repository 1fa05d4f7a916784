//! `hongyan simulate`: the system in worlds that seeds decide, and what is found there.

use std::sync::atomic::Ordering;

use clap::Args;
use serde_json::json;
use world::{Options, Report, simulate};

use crate::exit::Failure;
use crate::serve::wait_for_signal;
use crate::show::Show;

/// 按种子模拟整个系统并核对不变量 / run the system in simulated worlds, one for each seed, and check what must hold
#[derive(Args, Debug)]
pub(crate) struct SimulateArgs {
    /// 种子个数 / how many seeds
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// 第一个种子 / the first seed
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// 每个种子的步数 / steps of each seed
    #[arg(long, default_value_t = 1_000)]
    steps: usize,
    /// 以 JSON 输出 / print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the seeds and says what happened in them. A signal ends the run after the seeds that are under way.
///
/// # Errors
/// [`Failure::Other`] when a seed found something wrong, or when the run was blind to what it should have met.
pub(crate) async fn run(args: SimulateArgs, show: Show) -> Result<(), Failure> {
    let mut options = Options::new(args.seeds, args.steps);
    options.first_seed = args.first;
    options.threads = std::thread::available_parallelism().map_or(1, usize::from);
    let stop = std::sync::Arc::clone(&options.stop);
    let waiter = tokio::spawn(async move {
        let _waited = wait_for_signal().await;
        stop.store(true, Ordering::Relaxed);
    });
    let report = tokio::task::spawn_blocking(move || simulate(&options)).await;
    waiter.abort();
    let report = report.map_err(|error| Failure::Other(error.into()))?;
    let shortcomings = report.shortcomings();
    if args.json {
        crate::show::json(&document(&report, &shortcomings))?;
    } else {
        tell(&report, show);
    }
    if !report.failures.is_empty() {
        let what = show.of("有种子发现了错误", "a seed found something wrong");
        return Err(Failure::Other(anyhow::anyhow!(what.to_owned())));
    }
    if !shortcomings.is_empty() {
        let what = show.of("模拟没有遇到它应遇到的", "the simulation did not meet what it should");
        return Err(Failure::Other(anyhow::anyhow!("{what}: {}", shortcomings.join(", "))));
    }
    Ok(())
}

fn document(report: &Report, shortcomings: &[String]) -> serde_json::Value {
    let failures: Vec<_> = report
        .failures
        .iter()
        .map(|failure| {
            json!({ "seed": failure.seed, "step": failure.step, "what": failure.what, "story": failure.story })
        })
        .collect();
    let coverage: serde_json::Map<_, _> =
        report.coverage.iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
    json!({
        "seeds": report.seeds,
        "steps": report.steps,
        "moved": report.moved,
        "failures": failures,
        "shortcomings": shortcomings,
        "coverage": coverage,
    })
}

fn tell(report: &Report, show: Show) {
    show.head("模拟", "Simulated");
    for (zh, en, count) in [
        ("种子", "seeds", report.seeds),
        ("步", "steps", report.steps),
        ("其中有进展的步", "of them moved something", report.moved),
        ("发现错误的种子", "seeds that found something", report.failures.len() as u64),
    ] {
        show.count(0, show.of(zh, en), i64::try_from(count).unwrap_or(i64::MAX));
    }
    show.head("发生过的", "What happened");
    report.coverage.to_string().lines().for_each(|line| show.line(line));
    for failure in &report.failures {
        show.head("错误", "Found");
        failure.to_string().lines().for_each(|line| show.line(line));
    }
}
