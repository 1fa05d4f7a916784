//! Every source file is reached by a `mod` from a root of its crate; a file that is not is never compiled.

use std::collections::BTreeSet;

use super::{Finding, documents::resolve};
use crate::scan::{Kind, OutlineModule, Scan};
use crate::tree::{File, Tree};

const RULE: &str = "dead";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut findings = Vec::new();
    let mut waiting: Vec<&File> =
        tree.sources().map(|(file, _)| file).filter(|file| is_root(tree, &file.path)).collect();
    while let Some(file) = waiting.pop() {
        if !reached.insert(file.path.clone()) {
            continue;
        }
        let Some(scan) = &file.scan else { continue };
        waiting.extend(included(&file.path, scan).iter().filter_map(|path| tree.file(path)));
        for module in scan.outline_modules() {
            let candidates = candidates(&file.path, is_root(tree, &file.path), &module);
            match candidates.iter().find_map(|path| tree.file(path)) {
                Some(next) => waiting.push(next),
                None => {
                    let advice = format!("`mod {}` finds no file: add it to git", module.path.join("::"));
                    findings.push(Finding::new(&file.path, module.line, RULE, advice));
                }
            }
        }
    }
    for (file, _) in tree.sources().filter(|(file, _)| !reached.contains(&file.path)) {
        findings.push(Finding::new(
            &file.path,
            1,
            RULE,
            "no `mod` leads here: declare the module or delete the file",
        ));
    }
    findings
}

/// Whether cargo starts compiling at this file, by place or by a `path` in the crate's manifest.
fn is_root(tree: &Tree, path: &str) -> bool {
    let folder = match path.strip_prefix("crates/").and_then(|rest| rest.split_once('/')) {
        Some((name, _)) => &path[..="crates/".len() + name.len()],
        None => path.split_inclusive('/').next().filter(|first| first.ends_with('/')).unwrap_or(""),
    };
    let inner = &path[folder.len()..];
    let parts: Vec<&str> = inner.split('/').collect();
    let by_place = matches!(
        parts.as_slice(),
        ["build.rs"]
            | ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["src", "bin", _, "main.rs"]
            | ["tests" | "benches" | "examples", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
    );
    let manifest = tree.file(&format!("{folder}Cargo.toml")).map_or("", |file| &file.text);
    by_place || manifest.contains(&format!("\"{inner}\""))
}

/// Where the file of a module may lie.
fn candidates(path: &str, root: bool, module: &OutlineModule) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    if let Some(file) = &module.file {
        return vec![resolve(folder, file)];
    }
    let base = if root || stem == "mod" { folder.to_owned() } else { format!("{folder}/{stem}") };
    let inner = module.path.iter().map(|part| part.trim_start_matches("r#")).collect::<Vec<_>>().join("/");
    vec![format!("{base}/{inner}.rs"), format!("{base}/{inner}/mod.rs")]
}

/// Files taken in by `include!("…")`.
fn included(path: &str, scan: &Scan) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let calls = scan.tokens.windows(4).filter(|four| {
        four[0].is_word("include")
            && four[1].is_mark('!')
            && four[2].is_mark('(')
            && four[3].kind == Kind::Text
    });
    calls.map(|four| resolve(folder, &four[3].text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn reached_files_pass() {
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", "[[bin]]\npath = \"src/odd.rs\"\n"),
            (
                "crates/a/src/lib.rs",
                "mod b;\nmod c { mod d; }\n#[path = \"strange.rs\"]\nmod e;\ninclude!(\"table.rs\");",
            ),
            ("crates/a/src/b.rs", "mod f;"),
            ("crates/a/src/b/f.rs", ""),
            ("crates/a/src/c/d/mod.rs", "mod g;"),
            ("crates/a/src/c/d/g.rs", ""),
            ("crates/a/src/strange.rs", ""),
            ("crates/a/src/table.rs", ""),
            ("crates/a/src/odd.rs", ""),
            (
                "crates/a/tests/it/main.rs",
                "mod story;\n#[path = \"../../../../fuzz/src/lib.rs\"]\n#[cfg(test)]\nmod bodies;",
            ),
            ("fuzz/src/lib.rs", ""),
            ("crates/a/tests/it/story.rs", ""),
            ("fuzz/Cargo.toml", "path = \"fuzz_targets/x.rs\""),
            ("fuzz/fuzz_targets/x.rs", ""),
        ]);
        assert!(check(&tree).is_empty());
    }

    #[test]
    fn dead_files_and_missing_modules_bite() {
        let tree =
            Tree::of(&[("crates/a/src/lib.rs", "\nmod gone;"), ("crates/a/src/b.rs", ""), ("fuzz/x.rs", "")]);
        assert_eq!(places(&check(&tree)), ["crates/a/src/lib.rs:2", "crates/a/src/b.rs:1", "fuzz/x.rs:1"]);
    }
}
