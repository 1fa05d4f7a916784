//! The test that the repository keeps its own shape.
//!
//! Owns: the list of checks. Each is a function from the tree to findings, in a module with tests that prove it bites.
//! Invariant: a finding says where, which rule, what is wrong and how to mend it.

mod arrows;
mod changelog;
mod dead_files;
mod documents;
mod manners;
mod names;
mod purity;
mod readmes;
mod sizes;
mod sql;
mod words;

use std::fmt;

use crate::tree::Tree;

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// From 1; the first line stands for the whole file.
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) advice: String,
}

impl Finding {
    fn new(path: impl Into<String>, line: usize, rule: &'static str, advice: impl Into<String>) -> Self {
        Self { path: path.into(), line, rule, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

const CHECKS: [fn(&Tree) -> Vec<Finding>; 11] = [
    arrows::check,
    changelog::check,
    dead_files::check,
    documents::check,
    manners::check,
    names::check,
    purity::check,
    readmes::check,
    sizes::check,
    sql::check,
    words::check,
];

/// Runs every check; the findings come sorted by place.
pub(crate) fn run(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}

/// What the tests of the checks compare: `path:line` of each finding.
#[cfg(test)]
fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
}
