//! `hongyan simulate`: seeds, counters for people and for machines, exit codes.

use crate::house::{run, run_zh};

#[test]
fn seeds_are_run_and_told_in_both_languages_and_as_json() {
    let told = run(&["simulate", "--seeds", "2", "--first", "7", "--steps", "60", "--json"]).json();
    assert_eq!(told["seeds"], 2);
    assert!(told["steps"].as_u64().is_some_and(|steps| steps >= 120), "{told}");
    assert!(told["coverage"]["event commit"].as_u64().is_some_and(|count| count > 0), "{told}");
    assert_eq!(told["failures"], serde_json::json!([]));
    let again = run(&["simulate", "--seeds", "2", "--first", "7", "--steps", "60", "--json"]).json();
    assert_eq!(told, again, "equal seeds, equal stories");

    let en = run(&["simulate", "--seeds", "1", "--steps", "30"]).ok();
    assert!(en.contains("Simulated") && en.contains("event:"), "{en}");
    let zh = run_zh(&["simulate", "--seeds", "1", "--steps", "30"]).ok();
    assert!(zh.contains("种子"), "{zh}");
    assert!(run(&["simulate", "--seeds", "0"]).failed(2).contains("--seeds"));
}
