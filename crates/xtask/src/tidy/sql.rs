//! SQL is written in `store` and what it stands on, and nowhere else.
//!
//! A heuristic over string literals: it asks for the shape of a statement, so that a sentence may begin with "Select".

use super::Finding;
use crate::scan::Kind;
use crate::tree::Tree;

const RULE: &str = "sql";
/// `xtask` names statements in order to find them.
const HOMES: [&str; 5] = ["store", "control", "pg", "files", "xtask"];

/// First words of a statement and a word that must follow somewhere.
const SHAPES: [(&str, &str); 11] = [
    ("select ", " from "),
    ("insert ", "into "),
    ("replace into ", ""),
    ("update ", " set "),
    ("delete from ", ""),
    ("create table ", ""),
    ("create index ", ""),
    ("alter table ", ""),
    ("drop table ", ""),
    ("pragma ", ""),
    ("begin immediate", ""),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, scan) in tree.sources().filter(|(file, _)| !file.is_test_place()) {
        if file.crate_name().is_some_and(|name| HOMES.contains(&name)) {
            continue;
        }
        for token in
            scan.product_tokens().filter(|token| token.kind == Kind::Text && is_statement(&token.text))
        {
            let advice = "SQL outside `store`: give the port a method and write the statement there";
            findings.push(Finding::new(&file.path, token.line, RULE, advice));
        }
    }
    findings
}

fn is_statement(text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let text = format!("{} ", words.join(" "));
    SHAPES
        .iter()
        .any(|(first, later)| text.strip_prefix(first).is_some_and(|rest| format!(" {rest}").contains(later)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn statements_bite_outside_their_home() {
        let source = "const A: &str = \"SELECT a\\n  FROM b\";\nconst B: &str = \"update lane set x = 1\";\nconst C: &str = \"Select a file\";\nconst D: &str = \"update the console\";\n";
        let source = source.replace("\\n", "\n");
        let tree = Tree::of(&[("crates/engine/src/lib.rs", &source), ("crates/store/src/lib.rs", &source)]);
        assert_eq!(places(&check(&tree)), ["crates/engine/src/lib.rs:1", "crates/engine/src/lib.rs:3"]);
    }

    #[test]
    fn tests_may_look_into_a_file_by_hand() {
        let source = "#[test]\nfn t() { run(\"DELETE FROM message\"); }\n";
        assert!(check(&Tree::of(&[("crates/engine/src/lib.rs", source)])).is_empty());
    }
}
