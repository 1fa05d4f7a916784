//! Manners of the code that the compiler does not enforce everywhere: no macro that promises, no lint switched off
//! for good, the workspace's lints in every crate.

use super::Finding;
use crate::scan::Token;
use crate::tree::Tree;

const RULE: &str = "manners";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, scan) in tree.sources() {
        for (line, advice) in promises(&scan.tokens).into_iter().chain(switched_off(&scan.tokens)) {
            findings.push(Finding::new(&file.path, line, RULE, advice));
        }
    }
    for name in tree.crates() {
        let path = format!("crates/{name}/Cargo.toml");
        let manifest = tree.file(&path).map_or("", |file| &file.text);
        if !manifest.contains("[lints]\nworkspace = true") {
            findings.push(Finding::new(path, 1, RULE, "add `[lints]` with `workspace = true`"));
        }
    }
    findings
}

fn promises(tokens: &[Token]) -> Vec<(usize, String)> {
    let macros = ["todo", "unimplemented"];
    let found = tokens
        .windows(2)
        .filter(|pair| macros.iter().any(|name| pair[0].is_word(name)) && pair[1].is_mark('!'));
    found.map(|pair| (pair[0].line, format!("`{}!` is a promise: write the code", pair[0].text))).collect()
}

/// `allow(…)` right inside an attribute, or inside its `cfg_attr`.
fn switched_off(tokens: &[Token]) -> Vec<(usize, String)> {
    let found = tokens.windows(3).filter(|three| {
        let opens = ['[', ',', '('].iter().any(|mark| three[0].is_mark(*mark));
        opens && three[1].is_word("allow") && three[2].is_mark('(')
    });
    found
        .map(|three| (three[1].line, "write `expect(lint, reason = \"…\")` instead of `allow`".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn promises_and_switched_off_lints_bite() {
        let source = "#![allow(dead_code)]\nfn f() { todo!() }\nfn g() { unimplemented!() }\n#[cfg_attr(test, allow(x))]\nfn h(a: A) { a.allow(1); allow(2) }\n#[expect(x, reason = \"allow(y)\")]\nfn todo() {}\n";
        let found = places(&check(&Tree::of(&[("a.rs", source)])));
        assert_eq!(found, ["a.rs:2", "a.rs:3", "a.rs:1", "a.rs:4"]);
    }

    #[test]
    fn a_crate_takes_the_lints_of_the_workspace() {
        let with = Tree::of(&[("crates/a/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n")]);
        assert!(check(&with).is_empty());
        assert_eq!(
            places(&check(&Tree::of(&[("crates/a/Cargo.toml", "[package]\n")]))),
            ["crates/a/Cargo.toml:1"]
        );
    }
}
