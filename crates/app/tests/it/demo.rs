//! The demonstration, smaller: every number adds up, and ledger and carriers agree.

use serde_json::Value;

use crate::house::program;

/// Enough that both carriers get some and every kind of rejection occurs.
pub(crate) const PEOPLE: u64 = 400;

#[test]
fn the_demonstration_adds_up() {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("demo");
    let output = program()
        .args(["demo", "--once", "--json", "--listen", "127.0.0.1:0", "--people"])
        .arg(PEOPLE.to_string())
        .arg("--data")
        .arg(&data)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    check(&serde_json::from_slice(&output.stdout).expect("one JSON object"));
    assert!(home.path().join("demo.xlsx").exists(), "the spreadsheet lies beside the folder");
}

pub(crate) fn check(totals: &Value) {
    assert_eq!(totals["agree"], true, "{totals:#}");
    let number = |pointer: &str| totals.pointer(pointer).and_then(Value::as_u64).expect(pointer);
    assert_eq!(number("/imports/0/read"), PEOPLE);
    let rows: u64 = ["new", "updated", "duplicate", "invalid"]
        .iter()
        .map(|name| number(&format!("/imports/0/{name}")))
        .sum();
    assert_eq!(rows, PEOPLE, "each row is counted once");
    assert_eq!(number("/preflight/rejected/content_held"), 1, "one name holds a listed word");
    assert!(number("/preflight/rejected/no_consent") > 0);
    assert!(number("/preflight/rejected/suppressed") > 0);
    assert_eq!(number("/preflight/samples"), 5);
    for reason in ["content_held", "no_consent", "suppressed"] {
        let (before, after) = (format!("/preflight/rejected/{reason}"), format!("/report/rejected/{reason}"));
        assert_eq!(number(&before), number(&after), "{reason}");
    }
    assert_eq!(totals["carriers"][0]["listening"], false, "the first carrier broke down");
    assert!(number("/carriers/0/messages") > 50 && number("/carriers/1/messages") > 50, "{totals:#}");
    assert_eq!(number("/reckoning/lost") + number("/reckoning/duplicated"), 0);
}
