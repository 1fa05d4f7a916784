//! Names that say nothing are refused for crates, modules and source files.

use super::Finding;
use crate::tree::Tree;

const RULE: &str = "name";

/// Drawers into which anything fits.
const EMPTY_NAMES: [&str; 10] =
    ["common", "utils", "util", "types", "helpers", "helper", "shared", "misc", "stuff", "prelude"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, scan) in tree.sources() {
        let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
        for part in stem.split('/').filter(|part| EMPTY_NAMES.contains(part)) {
            findings.push(Finding::new(&file.path, 1, RULE, advice(part)));
        }
        for pair in scan.tokens.windows(2) {
            let [keyword, name] = pair else { continue };
            if keyword.is_word("mod") && EMPTY_NAMES.contains(&name.text.as_str()) {
                findings.push(Finding::new(&file.path, name.line, RULE, advice(&name.text)));
            }
        }
    }
    findings
}

fn advice(name: &str) -> String {
    format!("`{name}` names nothing: call the module after the noun that it owns")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn empty_names_bite_in_paths_and_in_code() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "mod phone;\nmod utils { }\n"),
            ("crates/a/src/helpers/x.rs", ""),
            ("crates/a/src/types.rs", ""),
            ("crates/a/src/commonwealth.rs", ""),
        ]);
        let expected = ["crates/a/src/lib.rs:2", "crates/a/src/helpers/x.rs:1", "crates/a/src/types.rs:1"];
        assert_eq!(places(&check(&tree)), expected);
    }
}
