//! The two READMEs say the same thing: same headings in level and number, same code blocks, same links.

use super::{Finding, documents::links};
use crate::tree::Tree;

const RULE: &str = "readme";
const ENGLISH: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";

/// What both must share; each item with its line.
#[derive(Default)]
struct Outline {
    headings: Vec<(String, usize)>,
    blocks: Vec<(String, usize)>,
    links: Vec<(String, usize)>,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut outlines = Vec::new();
    for path in [ENGLISH, CHINESE] {
        match tree.file(path) {
            Some(file) => outlines.push(outline(&file.text)),
            None => return vec![Finding::new(path, 1, RULE, "is missing: both languages have one")],
        }
    }
    let [english, chinese] = outlines.as_slice() else { return Vec::new() };
    let pairs = [
        ("heading levels", &english.headings, &chinese.headings),
        ("code blocks", &english.blocks, &chinese.blocks),
        ("links", &english.links, &chinese.links),
    ];
    pairs.into_iter().filter_map(|(what, english, chinese)| compare(what, english, chinese)).collect()
}

/// The first difference of two lists.
fn compare(what: &str, english: &[(String, usize)], chinese: &[(String, usize)]) -> Option<Finding> {
    let length = english.len().max(chinese.len());
    let differs =
        |at: &usize| english.get(*at).map(|(text, _)| text) != chinese.get(*at).map(|(text, _)| text);
    let at = (0..length).find(differs)?;
    let place = |list: &[(String, usize)]| list.get(at).or(list.last()).map_or(1, |(_, line)| *line);
    let first = |list: &[(String, usize)]| {
        let text = list.get(at).map_or("nothing", |(text, _)| text.lines().next().unwrap_or_default());
        format!("`{text}`")
    };
    let advice = format!(
        "{what} differ: {} here, {} in {ENGLISH} line {}: bring them in step",
        first(chinese),
        first(english),
        place(english)
    );
    Some(Finding::new(CHINESE, place(chinese), RULE, advice))
}

fn outline(text: &str) -> Outline {
    let mut outline = Outline::default();
    let mut block: Option<(String, usize)> = None;
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim_start().starts_with("```") {
            match block.take() {
                Some(closed) => outline.blocks.push(closed),
                None => block = Some((format!("{text}\n"), line)),
            }
        } else if let Some((block, _)) = &mut block {
            block.push_str(text);
            block.push('\n');
        } else {
            let level = text.len() - text.trim_start_matches('#').len();
            if level > 0 && text[level..].starts_with(' ') {
                outline.headings.push(("#".repeat(level), line));
            }
            // Each README links to the other; that pair counts as equal.
            outline.links.extend(links(text).into_iter().map(|link| (link.replace(CHINESE, ENGLISH), line)));
        }
    }
    outline
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn findings(english: &str, chinese: &str) -> Vec<String> {
        places(&check(&Tree::of(&[(ENGLISH, english), (CHINESE, chinese)])))
    }

    #[test]
    fn readmes_in_step_pass() {
        let english = "# A\n[中文](README.zh-CN.md)\n## B\n```sh\n# not a heading\nmake\n```\n";
        let chinese = "# 甲\n[English](README.md)\n## 乙\n```sh\n# not a heading\nmake\n```\n";
        assert!(findings(english, chinese).is_empty());
    }

    #[test]
    fn every_difference_bites() {
        assert_eq!(findings("# A\n## B\n", "# 甲\n### 乙\n"), ["README.zh-CN.md:2"]);
        assert_eq!(findings("# A\n## B\n", "# 甲\n"), ["README.zh-CN.md:1"]);
        assert_eq!(findings("```\na\n```\n", "\n```\nb\n```\n"), ["README.zh-CN.md:2"]);
        assert_eq!(findings("[a](b)\n", "[a](c)\n"), ["README.zh-CN.md:1"]);
        assert_eq!(places(&check(&Tree::of(&[(ENGLISH, "")]))), ["README.zh-CN.md:1"]);
    }
}
