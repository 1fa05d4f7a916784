//! Words that have no place in a tracked file: paths of somebody's machine, hosts of package registries, promises.
//!
//! Invariant: the words are put together from halves, so that this file passes its own check.

use std::sync::LazyLock;

use super::Finding;
use crate::tree::{File, Tree};

const RULE: &str = "word";

/// How a word must stand to be meant.
#[derive(Clone, Copy)]
enum Stand {
    /// Not as the continuation of another path.
    Path,
    /// As a word of its own, in this case.
    Alone,
    /// Wherever it stands.
    Anywhere,
}

struct Banned {
    word: String,
    stand: Stand,
    advice: &'static str,
}

static BANNED: LazyLock<Vec<Banned>> = LazyLock::new(|| {
    let entry = |halves: [&str; 2], stand, advice| Banned { word: halves.concat(), stand, advice };
    let machine = "a path of one machine: make it relative or an argument";
    let registry = "the address of a package registry: leave it to the package manager's configuration";
    let promise = "a promise: keep it now, or file an issue and say what is missing in the documents";
    let paths = [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"], ["/tmp", "/bash"], ["/Use", "rs/"]];
    let hosts = [
        ["index.", "crates.io"],
        ["static.", "crates.io"],
        ["crates.io", "-index"],
        ["rs", "proxy."],
        ["registry.", "npmjs"],
        ["registry.", "yarnpkg"],
        ["registry.", "npmmirror"],
        ["npm", "mirror."],
        ["pythonhosted", ".org"],
        ["pypi", ".org"],
        ["proxy.", "golang"],
        ["mirrors.", "aliyun"],
        ["mirrors.", "ustc"],
        ["mirrors.", "tuna"],
    ];
    let promises = [["TO", "DO"], ["FIX", "ME"]];
    let mut all: Vec<Banned> = paths.into_iter().map(|halves| entry(halves, Stand::Path, machine)).collect();
    all.extend(hosts.into_iter().map(|halves| entry(halves, Stand::Anywhere, registry)));
    all.extend(promises.into_iter().map(|halves| entry(halves, Stand::Alone, promise)));
    all
});

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        let locks = lock_words(file);
        for (line, text) in (1..).zip(file.text.lines()) {
            findings.extend(
                locks
                    .and_then(|check| check(text))
                    .map(|advice| Finding::new(&file.path, line, RULE, advice)),
            );
            if file.path.ends_with("Cargo.lock") {
                continue;
            }
            for banned in BANNED.iter().filter(|banned| stands(text, banned)) {
                let advice = format!("`{}` is {}", banned.word, banned.advice);
                findings.push(Finding::new(&file.path, line, RULE, advice));
            }
        }
    }
    findings
}

fn stands(text: &str, banned: &Banned) -> bool {
    text.match_indices(banned.word.as_str()).any(|(at, word)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        match banned.stand {
            Stand::Path => !joins(before) && !matches!(before, Some('.' | '-' | '}' | '~' | ')' | '>')),
            Stand::Alone => !joins(before) && !joins(after),
            Stand::Anywhere => true,
        }
    })
}

type LineCheck = fn(&str) -> Option<String>;

/// What a lock file may not say.
fn lock_words(file: &File) -> Option<LineCheck> {
    match file.path.rsplit('/').next()? {
        "Cargo.lock" => Some(|line| {
            let source = line.strip_prefix("source = \"")?;
            (!source.starts_with("registry+https://github.com/rust-lang/crates")).then(|| {
                "a dependency from elsewhere than the public registry: depend on a release".to_owned()
            })
        }),
        "package-lock.json" | "npm-shrinkwrap.json" | "yarn.lock" | "pnpm-lock.yaml" => Some(|line| {
            let (key, value) = line.trim().trim_start_matches('"').split_once(['"', ' '])?;
            (["resolved", "tarball:"].contains(&key) && value.contains("://")).then(|| {
                "a download address: write the lock with `omit-lockfile-registry-resolved`".to_owned()
            })
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn bites(path: &str, text: &str) -> bool {
        !places(&check(&Tree::of(&[(path, text)]))).is_empty()
    }

    #[test]
    fn every_banned_word_bites() {
        for banned in BANNED.iter() {
            assert!(bites("a.md", &format!("see {} now", banned.word)), "{}", banned.word);
        }
    }

    #[test]
    fn words_that_only_contain_one_pass() {
        for text in
            [["mas", "TODON"].concat(), ["data/ro", "ot/x"].concat(), ["\"$DIR\"/tmp", "/base"].concat()]
        {
            assert!(!bites("a.md", &text), "{text}");
        }
    }

    #[test]
    fn a_finding_names_its_line() {
        let text = ["one\n/ho", "me/somebody\n"].concat();
        assert_eq!(places(&check(&Tree::of(&[("a.sh", &text)]))), ["a.sh:2"]);
    }

    #[test]
    fn lock_files_name_no_address() {
        let npm = "      \"resolved\": \"https://example.org/a.tgz\",";
        assert!(bites("web/package-lock.json", npm));
        assert!(!bites("web/package-lock.json", "      \"funding\": \"https://example.org/\","));
        assert!(bites("Cargo.lock", "source = \"git+https://example.org/a\""));
        let usual = ["source = \"registry+https://github.com/rust-lang/crates.io", "-index\""].concat();
        assert!(!bites("Cargo.lock", &usual));
    }
}
