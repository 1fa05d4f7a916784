//! The changelog keeps its shape: unreleased changes first, then releases by number and date, known headings, no empty
//! section.

use super::Finding;
use crate::tree::Tree;

const RULE: &str = "changelog";
const PATH: &str = "CHANGELOG.md";
const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.file(PATH) else {
        return vec![Finding::new(PATH, 1, RULE, "is missing: begin with `# Changelog` and `## Unreleased`")];
    };
    let mut findings = Vec::new();
    let mut say = |line, advice: &str| findings.push(Finding::new(PATH, line, RULE, advice));
    let mut releases = 0;
    let mut open_section: Option<usize> = None;
    if !file.text.starts_with("# Changelog\n") {
        say(1, "begins with `# Changelog`");
    }
    for (line, text) in (1..).zip(file.text.lines()) {
        if text.starts_with('#')
            && let Some(section) = open_section.take()
        {
            say(section, "an empty section: say what changed or delete the heading");
        }
        if let Some(release) = text.strip_prefix("## ") {
            releases += 1;
            match (releases, release) {
                (1, "Unreleased") => {}
                (1, _) => say(line, "the first section is `## Unreleased`"),
                _ if is_release(release) => {}
                _ => say(line, "a release is written `## 1.2.3 - 2026-01-31`"),
            }
        } else if let Some(kind) = text.strip_prefix("### ") {
            open_section = Some(line);
            if !KINDS.contains(&kind) {
                say(line, "a section is one of Added, Changed, Deprecated, Removed, Fixed, Security");
            }
        } else if !text.trim().is_empty() && !text.starts_with('#') {
            open_section = None;
        }
    }
    if let Some(section) = open_section {
        say(section, "an empty section: say what changed or delete the heading");
    }
    if releases == 0 {
        say(1, "has a section `## Unreleased`");
    }
    findings
}

/// `1.2.3 - 2026-01-31`
fn is_release(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((version, date)) = text.split_once(" - ") else { return false };
    let lengths: Vec<usize> = date.split('-').map(|part| if digits(part) { part.len() } else { 0 }).collect();
    version.split('.').count() == 3 && version.split('.').all(digits) && lengths == [4, 2, 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    fn findings(text: &str) -> Vec<String> {
        places(&check(&Tree::of(&[(PATH, text)])))
    }

    #[test]
    fn the_known_shape_passes() {
        let text =
            "# Changelog\n\n## Unreleased\n\n### Added\n\n- a\n\n## 0.1.0 - 2026-01-31\n\n### Fixed\n- b\n";
        assert!(findings(text).is_empty());
    }

    #[test]
    fn another_shape_bites() {
        assert_eq!(places(&check(&Tree::of(&[]))), ["CHANGELOG.md:1"]);
        assert_eq!(findings("# Changes\n\n## Unreleased\n"), ["CHANGELOG.md:1"]);
        assert_eq!(findings("# Changelog\n"), ["CHANGELOG.md:1"]);
        assert_eq!(findings("# Changelog\n## 0.1.0 - 2026-01-31\n"), ["CHANGELOG.md:2"]);
        assert_eq!(findings("# Changelog\n## Unreleased\n## 0.1 - yesterday\n"), ["CHANGELOG.md:3"]);
        assert_eq!(findings("# Changelog\n## Unreleased\n### News\n- a\n"), ["CHANGELOG.md:3"]);
        assert_eq!(findings("# Changelog\n## Unreleased\n### Added\n\n### Fixed\n- a\n"), ["CHANGELOG.md:3"]);
    }
}
