//! Pure crates read no clock, touch no file and open no socket; `api` and `engine` speak no carrier protocol.

use super::{Finding, arrows::PURE};
use crate::scan::{Kind, Token};
use crate::tree::Tree;

const RULE: &str = "purity";

/// Modules of `std` that reach outside.
const OUTSIDE_MODULES: [&str; 5] = ["fs", "net", "process", "env", "thread"];
/// Types whose `now` reads a clock.
const CLOCKS: [&str; 4] = ["SystemTime", "Instant", "Timestamp", "Zoned"];
/// Carrier protocols by name; a channel's configuration may say them in strings, code may not.
const PROTOCOLS: [&str; 4] = ["cmpp", "smpp", "sgip", "smgp"];
/// Crates to which a carrier protocol is none of their business.
const PROTOCOL_BLIND: [&str; 2] = ["api", "engine"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, scan) in tree.sources().filter(|(file, _)| !file.is_test_place()) {
        let Some(name) = file.crate_name() else { continue };
        let tokens: Vec<&Token> = scan.product_tokens().collect();
        if PURE.contains(&name) {
            for (line, what) in impurities(&tokens) {
                let advice = format!("`{name}` is pure: take the result of `{what}` as an argument");
                findings.push(Finding::new(&file.path, line, RULE, advice));
            }
        }
        if PROTOCOL_BLIND.contains(&name) {
            for token in tokens.iter().filter(|token| names_protocol(token)) {
                let advice = format!(
                    "`{}` names a carrier protocol: say it as a channel's fact in `domain`",
                    token.text
                );
                findings.push(Finding::new(&file.path, token.line, RULE, advice));
            }
        }
    }
    findings
}

fn names_protocol(token: &Token) -> bool {
    let lower = token.text.to_lowercase();
    token.kind == Kind::Word && PROTOCOLS.iter().any(|protocol| lower.contains(protocol))
}

/// Lines with a way out: `std::fs`, `use std::{…, net::…}`, `Instant::now`.
fn impurities(tokens: &[&Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let Some(second) = after_colons(tokens, at) else { continue };
        if tokens[at].is_word("std") {
            for module in modules(tokens, second) {
                if OUTSIDE_MODULES.contains(&module.text.as_str()) {
                    found.push((module.line, format!("std::{}", module.text)));
                }
            }
        }
        let clock = tokens[at].text.as_str();
        if CLOCKS.contains(&clock) && tokens[second].is_word("now") {
            found.push((tokens[at].line, format!("{clock}::now")));
        }
    }
    found
}

/// The index of what follows `tokens[at] ::`.
fn after_colons(tokens: &[&Token], at: usize) -> Option<usize> {
    let colons = tokens.get(at + 1)?.is_mark(':') && tokens.get(at + 2)?.is_mark(':');
    (colons && at + 3 < tokens.len()).then_some(at + 3)
}

/// The module after `std::`, or the first names of each branch of `std::{…}`.
fn modules<'a>(tokens: &[&'a Token], at: usize) -> Vec<&'a Token> {
    if !tokens[at].is_mark('{') {
        return vec![tokens[at]];
    }
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for pair in tokens[at..].windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && (pair[0].is_mark('{') || pair[0].is_mark(',')) {
            found.push(pair[1]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn findings(path: &str, source: &str) -> Vec<String> {
        places(&check(&Tree::of(&[(path, source)])))
    }

    #[test]
    fn ways_out_of_a_pure_crate_bite() {
        let source = "use std::fs;\nuse std::{fmt, collections::{self, env}, net::TcpStream};\nfn f() { Instant::now(); }\n// std::fs\n";
        assert_eq!(
            findings("crates/wire/src/lib.rs", source),
            ["crates/wire/src/lib.rs:1", "crates/wire/src/lib.rs:2", "crates/wire/src/lib.rs:3"]
        );
        assert!(findings("crates/store/src/lib.rs", source).is_empty());
    }

    #[test]
    fn tests_of_a_pure_crate_may_read_files() {
        assert!(
            findings("crates/wire/src/lib.rs", "#[cfg(test)]\nmod tests {\n use std::fs;\n}\n").is_empty()
        );
        assert!(findings("crates/wire/tests/it/main.rs", "use std::fs;\n").is_empty());
    }

    #[test]
    fn the_api_names_no_protocol_but_in_configuration_strings() {
        let source = "fn f() { let name = \"cmpp3\"; }\nstruct CmppChannel;\n";
        assert_eq!(findings("crates/api/src/lib.rs", source), ["crates/api/src/lib.rs:2"]);
        assert!(findings("crates/gateway/src/lib.rs", source).is_empty());
    }
}
