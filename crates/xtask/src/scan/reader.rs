//! Cuts Rust source into tokens; comments and white space are dropped.

use super::{Kind, Token};

/// The tokens of a source; an unclosed string or comment runs to the end.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    Reader { rest: source, line: 1, tokens: Vec::new() }.read()
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

/// How a string literal begins and ends.
struct Quotes {
    /// Bytes of prefix, hashes and the opening quote.
    open: usize,
    close: String,
    /// Whether a backslash shields the next character.
    escapes: bool,
}

impl Reader<'_> {
    fn read(mut self) -> Vec<Token> {
        while let Some(first) = self.rest.chars().next() {
            if first.is_whitespace() {
                self.skip(first.len_utf8());
            } else if self.rest.starts_with("//") {
                self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.skip(block_comment_length(self.rest));
            } else if let Some(quotes) = quotes(self.rest) {
                self.string(&quotes);
            } else if first == '\'' {
                self.quote();
            } else if first.is_alphabetic() || first == '_' {
                let raw = if self.rest.starts_with("r#") { 2 } else { 0 };
                self.take(Kind::Word, raw + word_length(&self.rest[raw..]));
            } else if first.is_ascii_digit() {
                self.take(Kind::Number, number_length(self.rest));
            } else {
                self.take(Kind::Punctuation, first.len_utf8());
            }
        }
        self.tokens
    }

    fn skip(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.line += gone.matches('\n').count();
        self.rest = rest;
    }

    fn take(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, text: self.rest[..length].to_owned(), line: self.line });
        self.skip(length);
    }

    fn string(&mut self, quotes: &Quotes) {
        let line = self.line;
        self.skip(quotes.open);
        let end = string_end(self.rest, quotes);
        self.tokens.push(Token { kind: Kind::Text, text: self.rest[..end].to_owned(), line });
        self.skip((end + quotes.close.len()).min(self.rest.len()));
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        let mut inside = self.rest[1..].chars();
        let length = match inside.next() {
            Some('\\') => inside.next().and_then(|shielded| {
                let from = 2 + shielded.len_utf8();
                self.rest[from..].find('\'').map(|at| from + at + 1)
            }),
            Some(character) if inside.next() == Some('\'') => Some(2 + character.len_utf8()),
            _ => None,
        };
        match length {
            Some(length) => self.take(Kind::Character, length),
            None => self.take(Kind::Lifetime, 1 + word_length(&self.rest[1..])),
        }
    }
}

/// Recognises `"`, `r"`, `r#"` and the same after `b` or `c`; a byte literal `b'x'` is a word and a character.
fn quotes(rest: &str) -> Option<Quotes> {
    let after_prefix = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let after_raw = after_prefix.strip_prefix('r').unwrap_or(after_prefix);
    let raw = after_raw.len() < after_prefix.len();
    let hashes = if raw { after_raw.len() - after_raw.trim_start_matches('#').len() } else { 0 };
    if !after_raw[hashes..].starts_with('"') {
        return None;
    }
    let open = rest.len() - after_raw.len() + hashes + 1;
    Some(Quotes { open, close: format!("\"{}", "#".repeat(hashes)), escapes: !raw })
}

fn string_end(rest: &str, quotes: &Quotes) -> usize {
    if !quotes.escapes {
        return rest.find(&quotes.close).unwrap_or(rest.len());
    }
    let mut shielded = false;
    for (at, character) in rest.char_indices() {
        match character {
            _ if shielded => shielded = false,
            '\\' => shielded = true,
            '"' => return at,
            _ => {}
        }
    }
    rest.len()
}

/// Block comments nest in Rust.
fn block_comment_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (at, depth) = (at + 2, depth + 1),
            Some(b"*/") if depth == 1 => return at + 2,
            Some(b"*/") => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    rest.len()
}

fn word_length(rest: &str) -> usize {
    rest.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(rest.len())
}

/// Digits, suffixes and a decimal point that a digit follows; `1..2` stays a range.
fn number_length(rest: &str) -> usize {
    let whole = word_length(rest);
    let fraction =
        rest[whole..].strip_prefix('.').filter(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    fraction.map_or(whole, |after| whole + 1 + word_length(after))
}
