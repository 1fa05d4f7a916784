//! Budgets: a file, a function and a crate stay small enough to be read.
//!
//! Owns: the ratchet, a list of what is over budget and by how much. Its entries may only shrink.

use std::collections::BTreeMap;

use super::Finding;
use crate::tree::Tree;

const RULE: &str = "size";
const RATCHET: &str = "crates/xtask/ratchet.txt";

/// Ten times the 90th percentile of a healthy repository would still be readable; this is half of that.
const FILE_LINES: usize = 500;
/// What two screens show.
const FUNCTION_LINES: usize = 70;
/// What one person can hold in mind as one thing.
const CRATE_LINES: usize = 20_000;

/// A thing that is over its budget.
struct Oversize {
    /// `kind name`, as the ratchet writes it.
    key: String,
    path: String,
    line: usize,
    lines: usize,
    budget: usize,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ratchet = ratchet(tree, &mut findings);
    for over in oversizes(tree) {
        let Oversize { key, path, line, lines, budget } = over;
        match ratchet.remove(&key) {
            None => {
                findings.push(Finding::new(
                    path,
                    line,
                    RULE,
                    format!("{key} has {lines} lines of {budget}: split it"),
                ));
            }
            Some((entry, _)) if lines > entry => {
                let advice =
                    format!("{key} grew from {entry} to {lines} lines: entries of the ratchet only shrink");
                findings.push(Finding::new(path, line, RULE, advice));
            }
            Some((entry, at)) if lines < entry => {
                let advice = format!("{key} shrank from {entry} to {lines} lines: write {lines} here");
                findings.push(Finding::new(RATCHET, at, RULE, advice));
            }
            Some(_) => {}
        }
    }
    for (key, (_, at)) in ratchet {
        findings.push(Finding::new(
            RATCHET,
            at,
            RULE,
            format!("{key} is within its budget: delete this entry"),
        ));
    }
    findings
}

/// Entries by key with their value and line; a line that is none is a finding.
fn ratchet(tree: &Tree, findings: &mut Vec<Finding>) -> BTreeMap<String, (usize, usize)> {
    let mut entries = BTreeMap::new();
    let text = tree.file(RATCHET).map_or("", |file| &file.text);
    for (line, text) in (1..).zip(text.lines()) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match text.rsplit_once(' ').and_then(|(key, lines)| Some((key, lines.parse().ok()?))) {
            Some((key, lines)) => {
                entries.insert(key.to_owned(), (lines, line));
            }
            None => {
                findings.push(Finding::new(RATCHET, line, RULE, "write `file|function|crate NAME LINES`"));
            }
        }
    }
    entries
}

fn oversizes(tree: &Tree) -> Vec<Oversize> {
    let mut found = Vec::new();
    let mut crates: BTreeMap<&str, usize> = BTreeMap::new();
    for (file, scan) in tree.sources() {
        let lines = file.text.lines().count();
        if let Some(name) = file.crate_name() {
            *crates.entry(name).or_default() += lines;
        }
        let path = file.path.clone();
        if lines > FILE_LINES {
            found.push(Oversize {
                key: format!("file {path}"),
                path: path.clone(),
                line: 1,
                lines,
                budget: FILE_LINES,
            });
        }
        // Methods of the same name in one file share an entry: the longest counts.
        let mut functions: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for function in scan.functions() {
            let lines = function.last - function.first + 1;
            let longest = functions.entry(function.name).or_default();
            *longest = (*longest).max((lines, function.first));
        }
        for (name, (lines, line)) in functions {
            if lines > FUNCTION_LINES {
                let key = format!("function {path}::{name}");
                found.push(Oversize { key, path: path.clone(), line, lines, budget: FUNCTION_LINES });
            }
        }
    }
    for (name, lines) in crates {
        if lines > CRATE_LINES {
            let path = format!("crates/{name}/Cargo.toml");
            found.push(Oversize { key: format!("crate {name}"), path, line: 1, lines, budget: CRATE_LINES });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn long_function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn budgets_bite_one_line_above_and_not_at_the_limit() {
        let tree = Tree::of(&[
            ("crates/a/src/at.rs", &"//\n".repeat(FILE_LINES)),
            ("crates/a/src/over.rs", &"//\n".repeat(FILE_LINES + 1)),
            ("crates/a/src/function_at.rs", &long_function(FUNCTION_LINES)),
            ("crates/a/src/function_over.rs", &long_function(FUNCTION_LINES + 1)),
        ]);
        assert_eq!(places(&check(&tree)), ["crates/a/src/over.rs:1", "crates/a/src/function_over.rs:1"]);
    }

    #[test]
    fn a_crate_has_a_budget_over_all_its_files() {
        let half = "//\n".repeat(FILE_LINES);
        let names: Vec<String> =
            (0..=CRATE_LINES / FILE_LINES).map(|n| format!("crates/a/src/f{n}.rs")).collect();
        let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), half.as_str())).collect();
        assert_eq!(places(&check(&Tree::of(&files))), ["crates/a/Cargo.toml:1"]);
        files.pop();
        assert!(check(&Tree::of(&files)).is_empty());
    }

    #[test]
    fn the_ratchet_turns_one_way() {
        let with = |entry: &str| {
            let entry = format!("# words\n{entry}\n");
            let tree = Tree::of(&[(RATCHET, &entry), ("crates/a/src/f.rs", &long_function(80))]);
            places(&check(&tree))
        };
        assert!(with("function crates/a/src/f.rs::long 80").is_empty());
        assert_eq!(with("function crates/a/src/f.rs::long 79"), ["crates/a/src/f.rs:1"]);
        assert_eq!(with("function crates/a/src/f.rs::long 81"), ["crates/xtask/ratchet.txt:2"]);
        assert_eq!(with("nonsense"), ["crates/xtask/ratchet.txt:2", "crates/a/src/f.rs:1"]);
        let unneeded = Tree::of(&[(RATCHET, "function crates/a/src/f.rs::long 80\n")]);
        assert_eq!(places(&check(&unneeded)), ["crates/xtask/ratchet.txt:1"]);
    }
}
