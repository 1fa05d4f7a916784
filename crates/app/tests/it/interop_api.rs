//! The API as its own document describes it: schemathesis reads the document and asks whatever fits it and whatever does
//! not, of a server that runs as it does for everybody.

use std::process::Command;

use crate::house::House;
use crate::peer::{installed, scripts};

/// The same requests each time.
const SEED: &str = "20261128";
/// What is looked at in each answer. Left out: that whatever fits the schema succeeds, since a schema does not know which
/// ids there are and which words mean something; and what follows from that.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,\
    allow_header_conformance,ignored_auth";

/// Asks everything in the document, `examples` times each at most, with a key or without.
fn asked(house: &House, key: Option<&str>, examples: u32) {
    let mut command = Command::new(installed().join("python/bin/python"));
    command.args(["-m", "schemathesis.cli"]);
    command.current_dir(house.path(""));
    command.env("PYTHONPATH", scripts()).env("SCHEMATHESIS_HOOKS", "schemathesis_hooks");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("run").arg(format!("{}/v1/openapi.json", house.url()));
    command.args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--seed", SEED]);
    command.args(["--max-examples", &examples.to_string(), "--generation-database", "none"]);
    // What goes on until somebody hangs up.
    command.args(["--exclude-path-regex", "^/v1/live/"]);
    command.args(["--continue-on-failure", "--no-shrink", "--no-color", "--warnings", "off"]);
    if let Some(key) = key {
        command.args(["--header", &format!("Authorization: Bearer {key}")]);
    }
    let output = command.output().unwrap_or_else(|error| panic!("{error}; run scripts/setup --tests"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let operations = said.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
    let operations: usize = operations.and_then(|count| count.parse().ok()).unwrap_or_default();
    assert!(operations >= 80, "only {operations} operations were asked:\n{said}");
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let mut house = House::open();
    let key = std::fs::read_to_string(house.path("data.owner")).unwrap();
    let key =
        key.split_whitespace().find(|word| word.starts_with("hy_")).expect("the owner's key").to_owned();
    asked(&house, Some(&key), 25);
    asked(&house, None, 3);
    // It asked as somebody who was let in to the end, and the server is as well as before.
    house.api(reqwest::Method::GET, "/v1/tags", None).await;
    assert_eq!(house.get("/healthz").await.0, 200);
    assert_eq!(house.terminate(), 0);
}
