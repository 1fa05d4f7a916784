//! The product as it is, under many seeds.

use world::{Options, Report, simulate};

/// Seeds of a run that nobody asked to be longer: about two minutes on two cores that do nothing else.
const SEEDS: u64 = 2_000;
const STEPS: usize = 1_000;

/// A number from the environment: `WORLD_SEEDS`, `WORLD_FIRST_SEED`, `WORLD_STEPS`.
fn asked<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn told(report: &Report) -> String {
    report.failures.iter().map(|failure| format!("{failure}\n")).collect()
}

#[test]
fn nothing_is_lost_whatever_happens() {
    let seeds = asked("WORLD_SEEDS", SEEDS);
    let mut options = Options::new(seeds, asked("WORLD_STEPS", STEPS));
    options.first_seed = asked("WORLD_FIRST_SEED", 1);
    let report = simulate(&options);
    println!("{} seeds, {} steps, {} of them moved something", report.seeds, report.steps, report.moved);
    println!("{}", report.coverage);
    assert!(report.failures.is_empty(), "{}", told(&report));
    assert_eq!(report.shortcomings(), Vec::<String>::new(), "never happened");
}

#[test]
fn equal_seeds_tell_equal_stories() {
    let options = Options { first_seed: 77, ..Options::new(2, 400) };
    let (one, other) = (simulate(&options), simulate(&options));
    assert!(one.failures.is_empty(), "{}", told(&one));
    assert_eq!((one.digest, one.coverage), (other.digest, other.coverage));
    let next = simulate(&Options { first_seed: 79, ..options });
    assert_ne!(one.digest, next.digest);
}
