//! What documents point at exists: relative links, paths of this repository in backticks, targets of the Makefile.

use super::Finding;
use crate::tree::Tree;

const RULE: &str = "document";
/// A backticked path is one when it begins with a folder of the repository.
const FOLDERS: [&str; 5] = ["crates/", "docs/", "scripts/", "fuzz/", ".ci/"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let makefile = tree.file("Makefile").map_or("", |file| &file.text);
    for file in tree.files().iter().filter(|file| file.path.ends_with(".md") && !file.path.contains("tests/"))
    {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut say = |line, advice| findings.push(Finding::new(&file.path, line, RULE, advice));
        for (line, text) in (1..).zip(file.text.lines()) {
            for link in links(text).into_iter().filter(|link| !link.contains(':') && !link.starts_with('#')) {
                let target = resolve(folder, link.split('#').next().unwrap_or_default());
                if !tree.has(&target) {
                    say(line, format!("links to {target}, which does not exist: mend the link"));
                }
            }
            for path in backticked(text).filter(|path| FOLDERS.iter().any(|folder| path.starts_with(folder)))
            {
                let path = path.split([':', '#', ' ']).next().unwrap_or_default().trim_end_matches('/');
                if !path.contains(['*', '{', '<', '…']) && !tree.has(path) {
                    say(line, format!("names {path}, which does not exist: mend the name"));
                }
            }
            for target in make_targets(text).filter(|target| !has_target(makefile, target)) {
                say(line, format!("names `make {target}`, which the Makefile does not know"));
            }
        }
    }
    findings
}

/// Targets of `[text](target)`, `src="target"` and `href="target"` in one line, in order.
pub(super) fn links(text: &str) -> Vec<&str> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"'), ("srcset=\"", '"')] {
        for (at, _) in text.match_indices(opening) {
            let from = at + opening.len();
            if let Some(length) = text[from..].find(closing) {
                found.push((from, &text[from..from + length]));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, link)| link).collect()
}

/// The path that `link` means in a file of `folder`.
pub(super) fn resolve(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn backticked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `make x` at the start of a line of a code block, or in backticks.
fn make_targets(text: &str) -> impl Iterator<Item = &str> {
    let commands = backticked(text).chain([text.trim()]);
    commands
        .filter_map(|command| command.strip_prefix("make ")?.split_whitespace().next())
        .filter(|target| target.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
}

fn has_target(makefile: &str, target: &str) -> bool {
    makefile.lines().any(|line| line.strip_prefix(target).is_some_and(|rest| rest.starts_with(':')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn what_exists_passes() {
        let tree = Tree::of(&[
            (
                "docs/a.md",
                "[b](../crates/a/src/lib.rs#L1) [c](https://example.org) `crates/a/` `crates/{a,b}/x` `make test`",
            ),
            ("crates/a/src/lib.rs", ""),
            ("Makefile", "test: build\n"),
        ]);
        assert!(check(&tree).is_empty());
    }

    #[test]
    fn what_does_not_exist_bites() {
        let text =
            "[b](b.md)\n`crates/gone/src/lib.rs`\n`make gone`\n    make gone\n<img src=\"picture.svg\">\n";
        let expected: Vec<String> = (1..=5).map(|line| format!("docs/a.md:{line}")).collect();
        assert_eq!(places(&check(&Tree::of(&[("docs/a.md", text)]))), expected);
    }
}
