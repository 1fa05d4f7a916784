//! Which crate may use which, read from the manifests.
//!
//! Owns: the table of arrows of ARCHITECTURE.md, and which crates may touch which outside worlds.
//! Invariants: normal dependencies follow the table; no cycle, dev-dependencies included; `store` and `gateway` never
//! see each other.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::manifest::{Dependency, Use, dependencies};
use crate::tree::Tree;

const RULE: &str = "arrow";

/// Crate and what it may use of the others.
const ARROWS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("text", &[]),
    ("template", &["text"]),
    ("phone", &["text"]),
    ("audit", &["text"]),
    ("domain", &["text", "template", "phone", "audit"]),
    ("sheets", &["domain"]),
    ("json", &["domain"]),
    ("psi", &[]),
    ("sealing", &["domain"]),
    ("moves", &["domain", "sealing"]),
    ("files", &["domain"]),
    ("pg", &[]),
    ("control", &["domain", "sealing", "files", "pg"]),
    ("store", &["domain", "sealing", "moves", "files", "pg", "control"]),
    ("gateway", &["domain", "wire"]),
    ("access", &["domain"]),
    ("exports", &["domain", "sheets"]),
    ("feeds", &["domain"]),
    ("oidc", &["domain"]),
    ("engine", &["domain", "psi", "sheets", "access", "exports", "feeds"]),
    ("api", &["domain", "access", "exports", "feeds", "oidc", "engine", "json"]),
    ("vendors", &["domain", "access", "engine", "api"]),
    ("sim", &["domain", "wire"]),
    ("world", &["wire", "domain", "store", "engine"]),
    (
        "app",
        &[
            "wire", "domain", "psi", "store", "gateway", "feeds", "oidc", "engine", "api", "vendors", "sim",
            "world",
        ],
    ),
    ("xtask", &[]),
];

/// Never together, not even for tests.
const STRANGERS: (&str, &str) = ("store", "gateway");

/// Crates without I/O, clock and randomness.
pub(super) const PURE: [&str; 7] = ["wire", "text", "phone", "template", "audit", "domain", "psi"];

/// Packages that only the named crates may use in product code, and why.
const OUTSIDE: &[(&[&str], &[&str], &str)] = &[
    (
        &["rusqlite", "sqlx", "sea-orm", "sea-orm-migration"],
        &["store", "control", "pg", "files"],
        "SQL lives in `store`",
    ),
    (&["axum"], &["api", "vendors"], "HTTP is served by `api`, and `vendors` beside it"),
];

/// Packages that the pure crates never name.
const IMPURE: [&str; 12] = [
    "tokio",
    "tokio-util",
    "sqlx",
    "rusqlite",
    "sea-orm",
    "sea-orm-migration",
    "axum",
    "reqwest",
    "rand",
    "getrandom",
    "tempfile",
    "libc",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut graph: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let crates = tree.crates();
    for name in &crates {
        let path = format!("crates/{name}/Cargo.toml");
        let Some(file) = tree.file(&path) else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| known == name) else {
            findings.push(Finding::new(
                path,
                1,
                RULE,
                format!("`{name}` is not in the table of arrows: add it there"),
            ));
            continue;
        };
        if !file.text.lines().any(|line| line.trim() == format!("name = \"{name}\"")) {
            findings.push(Finding::new(&path, 1, RULE, "a folder is named as its crate: rename one"));
        }
        for dependency in dependencies(&file.text) {
            if let Some(advice) = objection(name, allowed, &dependency, &crates) {
                findings.push(Finding::new(&path, dependency.line, RULE, advice));
            }
            if crates.contains(&dependency.package.as_str()) {
                graph.entry(name).or_default().insert(dependency.package);
            }
        }
    }
    if let Some(cycle) = cycle(&graph) {
        let path = format!("crates/{}/Cargo.toml", cycle[0]);
        let advice = format!("cycle {}: take one of these arrows out", cycle.join(" -> "));
        findings.push(Finding::new(path, 1, RULE, advice));
    }
    findings
}

/// Why the crate may not use the dependency.
fn objection(name: &str, allowed: &[&str], dependency: &Dependency, crates: &[&str]) -> Option<String> {
    let package = dependency.package.as_str();
    if [(name, package), (package, name)].contains(&STRANGERS) {
        return Some(format!(
            "`{name}` never sees `{package}`: let them meet in `app` over a port of `domain`"
        ));
    }
    if dependency.used_for == Use::Dev {
        return None;
    }
    if crates.contains(&package) && !allowed.contains(&package) {
        return Some(format!(
            "`{name}` may not use `{package}`: go through a port, or argue for a new arrow"
        ));
    }
    if PURE.contains(&name) && IMPURE.contains(&package) {
        return Some(format!("`{name}` is pure and may not use `{package}`: take its result as an argument"));
    }
    OUTSIDE.iter().find(|(packages, homes, _)| packages.contains(&package) && !homes.contains(&name)).map(
        |(_, homes, why)| {
            format!("`{package}` is used by `{}` only, since {why}: move the code", homes.join("`, `"))
        },
    )
}

/// The first cycle found, its start repeated at the end.
fn cycle<'a>(graph: &'a BTreeMap<&'a str, BTreeSet<String>>) -> Option<Vec<&'a str>> {
    graph.keys().find_map(|start| {
        let mut seen = BTreeSet::new();
        let mut trails: Vec<Vec<&str>> = vec![vec![start]];
        while let Some(trail) = trails.pop() {
            let last = trail.last()?;
            for next in graph.get(last).into_iter().flatten() {
                let longer: Vec<&str> = trail.iter().copied().chain([next.as_str()]).collect();
                if next == start {
                    return Some(longer);
                }
                if seen.insert(next.as_str()) {
                    trails.push(longer);
                }
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn findings(manifests: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, String)> = manifests
            .iter()
            .map(|(name, rest)| {
                (format!("crates/{name}/Cargo.toml"), format!("[package]\nname = \"{name}\"\n{rest}\n"))
            })
            .collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        places(&check(&Tree::of(&files)))
    }

    #[test]
    fn allowed_arrows_pass() {
        let store = "[dependencies]\ndomain.workspace = true\nrusqlite = \"0\"";
        assert!(findings(&[("domain", ""), ("store", store)]).is_empty());
    }

    #[test]
    fn a_forbidden_arrow_bites() {
        let api = "[dependencies]\nstore.workspace = true";
        assert_eq!(findings(&[("store", ""), ("api", api)]), ["crates/api/Cargo.toml:4"]);
    }

    #[test]
    fn strangers_do_not_meet_even_in_tests() {
        let gateway = "[dev-dependencies]\nstore.workspace = true";
        assert_eq!(findings(&[("store", ""), ("gateway", gateway)]), ["crates/gateway/Cargo.toml:4"]);
    }

    #[test]
    fn tests_may_see_more_but_never_in_a_circle() {
        let engine = "[dev-dependencies]\nstore.workspace = true";
        assert!(findings(&[("store", ""), ("engine", engine)]).is_empty());
        let domain = "[dev-dependencies]\nstore.workspace = true";
        let store = "[dependencies]\ndomain.workspace = true";
        assert_eq!(findings(&[("domain", domain), ("store", store)]), ["crates/domain/Cargo.toml:1"]);
    }

    #[test]
    fn pure_crates_name_no_runtime_and_others_no_database() {
        let bad = [("wire", "[dependencies]\ntokio = \"1\""), ("engine", "[dependencies]\nsea-orm = \"2\"")];
        assert_eq!(findings(&bad), ["crates/wire/Cargo.toml:4", "crates/engine/Cargo.toml:4"]);
    }

    #[test]
    fn an_unknown_or_misnamed_crate_bites() {
        assert_eq!(findings(&[("stuff", "")]), ["crates/stuff/Cargo.toml:1"]);
        let tree = Tree::of(&[("crates/wire/Cargo.toml", "[package]\nname = \"wires\"\n")]);
        assert_eq!(places(&check(&tree)), ["crates/wire/Cargo.toml:1"]);
    }
}
