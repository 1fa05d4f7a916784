//! Word lists as operators write them: one word per line, `word<TAB>class<TAB>severity`.
//!
//! `#` begins a comment line. The severity `allow` makes the line a phrase inside which nothing is found.

use text::Bilingual;
use text::fold::Folder;

/// Most words of one list: the largest public lists have a tenth of it.
pub const MAX_LIST_WORDS: usize = 1_000_000;
/// Longest word in characters; longer entries are sentences, which match nothing in practice.
const MAX_WORD_CHARS: usize = 64;
/// Shortest word after folding: single characters hit everywhere.
const MIN_WORD_CHARS: usize = 2;

/// What happens to a message with the word in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Sent, with a note to the author.
    Warn,
    /// Held for a person to decide.
    Hold,
    /// Not sent.
    Block,
}

/// One entry of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// As the list has it.
    pub text: Box<str>,
    /// What the word is about (`gambling`, `absolute` …); free.
    pub class: Box<str>,
    /// What follows from it.
    pub severity: Severity,
}

/// A named list of words and allowed phrases.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WordList {
    /// For people.
    pub name: Box<str>,
    /// Of the content, for the record of what decided: equal lists have equal versions.
    pub version: u64,
    /// The words.
    pub entries: Vec<Word>,
    /// Phrases inside which nothing is found.
    pub allowed: Vec<Box<str>>,
}

/// Why a list was refused: the list's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListError {
    /// A line without the three columns.
    #[error("line {line}: expected word, class and severity, separated by tabs")]
    Columns {
        /// From 1.
        line: usize,
    },
    /// A severity that is none of the four words.
    #[error("line {line}: severity must be block, hold, warn or allow")]
    Severity {
        /// From 1.
        line: usize,
    },
    /// A word that has fewer than two characters once punctuation is dropped.
    #[error("line {line}: a word needs at least two letters, digits or Chinese characters")]
    TooShort {
        /// From 1.
        line: usize,
    },
    /// A word of more than 64 characters.
    #[error("line {line}: a word has at most {MAX_WORD_CHARS} characters")]
    TooLong {
        /// From 1.
        line: usize,
    },
    /// More words than any list has.
    #[error("the list has more than {MAX_LIST_WORDS} words")]
    TooMany,
}

impl ListError {
    /// What to tell the operator.
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            ListError::Columns { line } => {
                format!("第 {line} 行：应为用制表符分开的词、类别、级别三列").into()
            }
            ListError::Severity { line } => {
                format!("第 {line} 行：级别只能是 block、hold、warn 或 allow").into()
            }
            ListError::TooShort { line } => format!("第 {line} 行：词至少要有两个字母、数字或汉字").into(),
            ListError::TooLong { line } => format!("第 {line} 行：词最多 {MAX_WORD_CHARS} 个字符").into(),
            ListError::TooMany => format!("词表超过 {MAX_LIST_WORDS} 个词").into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}

impl Severity {
    /// The word used in files, the database and the console.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warn => "warn",
            Severity::Hold => "hold",
            Severity::Block => "block",
        }
    }

    /// The severity named by [`Severity::as_str`].
    pub fn from_word(word: &str) -> Option<Severity> {
        [Severity::Warn, Severity::Hold, Severity::Block]
            .into_iter()
            .find(|severity| severity.as_str() == word)
    }
}

impl WordList {
    /// Reads a list file.
    ///
    /// # Errors
    /// [`ListError`] with the line.
    pub fn parse(name: &str, file: &str) -> Result<WordList, ListError> {
        let mut list = WordList { name: name.into(), version: 0, entries: Vec::new(), allowed: Vec::new() };
        let file = file.strip_prefix('\u{feff}').unwrap_or(file);
        for (line, content) in (1..).zip(file.lines()) {
            let content = content.trim_end();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let mut columns = content.split('\t').map(str::trim);
            let (Some(text), Some(class), Some(severity), None) =
                (columns.next(), columns.next(), columns.next(), columns.next())
            else {
                return Err(ListError::Columns { line });
            };
            check_word(text, line)?;
            if list.entries.len() + list.allowed.len() >= MAX_LIST_WORDS {
                return Err(ListError::TooMany);
            }
            match Severity::from_word(severity) {
                Some(severity) => {
                    list.entries.push(Word { text: text.into(), class: class.into(), severity });
                }
                None if severity == "allow" => list.allowed.push(text.into()),
                None => return Err(ListError::Severity { line }),
            }
        }
        list.version = list.content_version();
        Ok(list)
    }

    /// FNV-1a over every entry, so that a record can name the exact list that decided.
    fn content_version(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |field: &str| {
            for byte in field.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        for word in &self.entries {
            add(&word.text);
            add(&word.class);
            add(word.severity.as_str());
        }
        self.allowed.iter().for_each(|phrase| add(phrase));
        hash
    }
}

fn check_word(text: &str, line: usize) -> Result<(), ListError> {
    if text.chars().count() > MAX_WORD_CHARS {
        return Err(ListError::TooLong { line });
    }
    if Folder::get().folded(text).chars().count() < MIN_WORD_CHARS {
        return Err(ListError::TooShort { line });
    }
    Ok(())
}
