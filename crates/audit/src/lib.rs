//! The first content audit: finding listed words in a text however they are dressed up.
//!
//! Owns the word lists' file format, the matching over folded text (width, case, traditional and simplified,
//! numbers in circles, up to [`MAX_SKIPS`] characters of punctuation, blanks or emoji inserted between two
//! characters) and the spans in the original. Refuses words of one character. Invariants: every span lies on
//! character boundaries of the original; a hit inside an allowed phrase is none; Latin words hit only as whole words.

mod list;
#[cfg(test)]
mod tests;

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

pub use list::{ListError, MAX_LIST_WORDS, Severity, Word, WordList};

use text::fold::Folder;

/// Most overlooked characters between two neighbouring characters of a word. More than three and a reader no longer
/// reads one word.
pub const MAX_SKIPS: u8 = 3;

/// The list that is shipped: absolute advertising words, bait for gambling, fraud and loans, restricted trades.
const SEED: &str = include_str!("../data/audit_seed.tsv");

/// The shipped list.
///
/// # Errors
/// Never in a released build: a test reads the same file.
pub fn seed_list() -> Result<WordList, ListError> {
    WordList::parse("seed", SEED)
}

/// Which word of which list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WordId {
    /// Index of the list in what the auditor was built from.
    pub list: u16,
    /// Index in the list's entries.
    pub entry: u32,
}

/// A word found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit<'a> {
    /// Of the word.
    pub class: &'a str,
    /// Of the word.
    pub severity: Severity,
    /// Bytes of the original text.
    pub span: Range<usize>,
    /// For the record.
    pub word: WordId,
}

/// Buffers that one thread uses again and again.
#[derive(Default)]
pub struct AuditScratch {
    folded: String,
    marks: Vec<Mark>,
    found: Vec<Found>,
    allowed: Vec<Range<u32>>,
}

/// All lists compiled into one automaton.
pub struct Auditor {
    automaton: AhoCorasick,
    /// By pattern.
    patterns: Vec<Pattern>,
    words: Vec<Word>,
    versions: Vec<(Box<str>, u64)>,
}

/// Too many words or too large an automaton; the lists' fault.
#[derive(Debug, thiserror::Error)]
pub enum AuditorError {
    /// More lists than ids can name.
    #[error("too many word lists")]
    TooManyLists,
    /// The automaton does not fit.
    #[error("the word lists are too large together")]
    TooLarge(#[from] aho_corasick::BuildError),
}

struct Pattern {
    /// Index into `words`; `None` for an allowed phrase.
    word: Option<u32>,
    id: WordId,
    /// The word begins or ends with a Latin letter or digit and must not be part of a longer one.
    edges: (Option<Edge>, Option<Edge>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Letter,
    Digit,
}

/// One character of the folded text and where it came from.
struct Mark {
    /// Byte in the folded text.
    folded: u32,
    start: u32,
    end: u32,
    /// Overlooked characters just before it, saturating.
    skips: u8,
    /// Whether the original was a Latin letter or a digit, of any width.
    edge: Option<Edge>,
}

struct Found {
    span: Range<u32>,
    pattern: u32,
    severity: Severity,
}

impl Auditor {
    /// Compiles the lists.
    ///
    /// # Errors
    /// [`AuditorError`].
    pub fn build(lists: &[WordList]) -> Result<Auditor, AuditorError> {
        let folder = Folder::get();
        let (mut folded, mut patterns, mut words) = (Vec::new(), Vec::new(), Vec::new());
        let mut push = |text: &str, word: Option<u32>, id: WordId| {
            let text = folder.folded(text);
            let edges = (text.chars().next().and_then(edge_of), text.chars().next_back().and_then(edge_of));
            // A list made by hand may hold what the parser refuses; an empty pattern would hit everywhere.
            if text.chars().nth(1).is_some() {
                folded.push(text);
                patterns.push(Pattern { word, id, edges });
            }
        };
        for (list, number) in lists.iter().zip(0u32..) {
            let list_number = u16::try_from(number).map_err(|_| AuditorError::TooManyLists)?;
            for (word, entry) in list.entries.iter().zip(0..) {
                push(&word.text, Some(words.len() as u32), WordId { list: list_number, entry });
                words.push(word.clone());
            }
            for (phrase, entry) in list.allowed.iter().zip(0..) {
                push(phrase, None, WordId { list: list_number, entry });
            }
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&folded)?;
        let versions = lists.iter().map(|list| (list.name.clone(), list.version)).collect();
        Ok(Auditor { automaton, patterns, words, versions })
    }

    /// Name and version of each list, for the record.
    pub fn versions(&self) -> &[(Box<str>, u64)] {
        &self.versions
    }

    /// The word behind a hit.
    pub fn word(&self, id: WordId) -> Option<&Word> {
        let pattern = self.patterns.iter().find(|pattern| pattern.id == id && pattern.word.is_some())?;
        self.words.get(pattern.word? as usize)
    }

    /// Every word found, in the order of the text. A hit inside a longer one that is at least as severe is left out.
    pub fn audit(&self, text: &str) -> Vec<Hit<'_>> {
        let mut scratch = AuditScratch::default();
        self.search(text, &mut scratch);
        let found = &mut scratch.found;
        found.sort_by_key(|found| {
            (found.span.start, std::cmp::Reverse(found.span.end), std::cmp::Reverse(found.severity))
        });
        let mut hits: Vec<Hit<'_>> = Vec::new();
        for found in found.iter() {
            let span = found.span.start as usize..found.span.end as usize;
            let covered = |hit: &Hit<'_>| {
                hit.span.start <= span.start && span.end <= hit.span.end && hit.severity >= found.severity
            };
            let pattern = &self.patterns[found.pattern as usize];
            let word = pattern.word.and_then(|word| self.words.get(word as usize));
            if let Some(word) = word.filter(|_| !hits.iter().any(covered)) {
                hits.push(Hit { class: &word.class, severity: word.severity, span, word: pattern.id });
            }
        }
        hits
    }

    /// The severest word's severity; about a microsecond for a usual text, without allocating once the scratch has
    /// grown.
    pub fn worst(&self, text: &str, scratch: &mut AuditScratch) -> Option<Severity> {
        self.search(text, scratch);
        scratch.found.iter().map(|found| found.severity).max()
    }

    /// Fills `scratch.found` with everything that counts as found.
    fn search(&self, text: &str, scratch: &mut AuditScratch) {
        let AuditScratch { folded, marks, found, allowed } = scratch;
        fold_text(text, folded, marks);
        found.clear();
        allowed.clear();
        for hit in self.automaton.find_overlapping_iter(folded.as_str()) {
            let Some(pattern) = self.patterns.get(hit.pattern().as_usize()) else { continue };
            let Some(span) = span_of(marks, hit.range(), pattern) else { continue };
            match pattern.word.and_then(|word| self.words.get(word as usize)) {
                Some(word) => {
                    found.push(Found { span, pattern: hit.pattern().as_u32(), severity: word.severity });
                }
                None => allowed.push(span),
            }
        }
        if !allowed.is_empty() {
            found.retain(|found| {
                !allowed.iter().any(|phrase| phrase.start <= found.span.start && found.span.end <= phrase.end)
            });
        }
    }
}

fn edge_of(ch: char) -> Option<Edge> {
    match ch {
        'a'..='z' => Some(Edge::Letter),
        '0'..='9' => Some(Edge::Digit),
        _ => None,
    }
}

/// As [`edge_of`], of the original: a Chinese numeral is no Latin digit although it folds to one.
fn original_edge(ch: char) -> Option<Edge> {
    match ch {
        'a'..='z' | 'A'..='Z' | 'ａ'..='ｚ' | 'Ａ'..='Ｚ' => Some(Edge::Letter),
        '0'..='9' | '０'..='９' => Some(Edge::Digit),
        _ => None,
    }
}

fn fold_text(text: &str, folded: &mut String, marks: &mut Vec<Mark>) {
    folded.clear();
    marks.clear();
    let folder = Folder::get();
    let mut skips = 0u8;
    for (start, ch) in text.char_indices() {
        let before = marks.len();
        let edge = original_edge(ch);
        folder.fold(ch, |part| {
            let mark = Mark {
                folded: folded.len() as u32,
                start: start as u32,
                end: (start + ch.len_utf8()) as u32,
                skips,
                edge,
            };
            marks.push(mark);
            folded.push(part);
            skips = 0;
        });
        if marks.len() == before {
            skips = skips.saturating_add(1);
        }
    }
}

/// The original bytes of a match in the folded text, if it is one to a reader: few enough characters inserted, and
/// Latin edges at word boundaries.
fn span_of(marks: &[Mark], folded: Range<usize>, pattern: &Pattern) -> Option<Range<u32>> {
    let first = marks.partition_point(|mark| (mark.folded as usize) < folded.start);
    let end = marks.partition_point(|mark| (mark.folded as usize) < folded.end);
    let inside = marks.get(first..end)?;
    let (head, tail) = (inside.first()?, inside.last()?);
    if inside.iter().skip(1).any(|mark| mark.skips > MAX_SKIPS) {
        return None;
    }
    // Letters against digits is a boundary: the qq in qq12345 stands for itself.
    let joined = |left: Option<&Mark>, right: Option<&Mark>, edge: Option<Edge>| {
        let (Some(left), Some(right), Some(_)) = (left, right, edge) else { return false };
        right.skips == 0 && left.edge.is_some() && left.edge == right.edge
    };
    let before = first.checked_sub(1).and_then(|index| marks.get(index));
    if joined(before, Some(head), pattern.edges.0) || joined(Some(tail), marks.get(end), pattern.edges.1) {
        return None;
    }
    Some(head.start..tail.end)
}
