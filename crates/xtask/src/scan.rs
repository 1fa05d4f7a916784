//! A small scanner of Rust source: tokens with their lines, the extent of functions, and which lines are test code.
//!
//! Owns: telling code from comments and strings, so that a check never trips over a word in prose.
//! Refuses: to understand types or macros; whoever needs that needs a compiler.
//! Invariant: any input yields a scan; broken source only yields fewer facts.

mod reader;

#[cfg(test)]
mod tests;

/// What a token is; comments and white space are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Text,
    Character,
    Number,
    Lifetime,
    Punctuation,
}

/// One token: its kind, its text (for a string: what stands between the quotes, unescaped) and its line from 1.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    pub(crate) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Punctuation && self.text.starts_with(mark)
    }
}

/// A function: its name, first and last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// A `mod name;` that sends the compiler to another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutlineModule {
    /// The inline modules around it, then its own name.
    pub(crate) path: Vec<String>,
    /// The value of `#[path = "…"]`, when there is one.
    pub(crate) file: Option<String>,
    pub(crate) line: usize,
}

/// The facts of one source file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    pub(crate) tokens: Vec<Token>,
    test_lines: Vec<(usize, usize)>,
}

impl Scan {
    pub(crate) fn of(source: &str) -> Self {
        let tokens = reader::tokens(source);
        let test_lines = test_lines(&tokens);
        Self { tokens, test_lines }
    }

    /// Whether a line belongs to an item marked `#[test]` or `#[cfg(test)]`.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test_lines.iter().any(|(first, last)| (*first..=*last).contains(&line))
    }

    /// Tokens outside test code.
    pub(crate) fn product_tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| !self.is_test(token.line))
    }

    /// Functions with a body, nested ones included.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (at, pair) in self.tokens.windows(2).enumerate() {
            let [keyword, name] = pair else { continue };
            if !keyword.is_word("fn") || name.kind != Kind::Word {
                continue;
            }
            if let Some(end) = item_end(&self.tokens, at)
                && self.tokens[end].is_mark('}')
            {
                let last = self.tokens[end].line;
                found.push(Function { name: name.text.clone(), first: keyword.line, last });
            }
        }
        found
    }

    /// Every `mod name;` of the file.
    pub(crate) fn outline_modules(&self) -> Vec<OutlineModule> {
        let mut found = Vec::new();
        let mut inline: Vec<(String, usize)> = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            inline.retain(|(_, end)| at <= *end);
            let [Some(name), Some(next)] = [self.tokens.get(at + 1), self.tokens.get(at + 2)] else {
                continue;
            };
            if !token.is_word("mod") || name.kind != Kind::Word {
                continue;
            }
            if next.is_mark('{') {
                let end = matching(&self.tokens, at + 2).unwrap_or(self.tokens.len());
                inline.push((name.text.clone(), end));
            } else if next.is_mark(';') {
                let mut path: Vec<String> = inline.iter().map(|(name, _)| name.clone()).collect();
                path.push(name.text.clone());
                found.push(OutlineModule { path, file: self.path_attribute(at), line: token.line });
            }
        }
        found
    }

    /// The `#[path = "…"]` that stands right before the item at `at`.
    fn path_attribute(&self, at: usize) -> Option<String> {
        let before = &self.tokens[..at];
        let start =
            before.iter().rposition(|token| token.is_mark(';') || token.is_mark('}')).map_or(0, |at| at + 1);
        let at =
            before[start..].windows(2).position(|pair| pair[0].is_word("path") && pair[1].is_mark('='))?;
        before.get(start + at + 2).filter(|token| token.kind == Kind::Text).map(|token| token.text.clone())
    }
}

/// The token that closes the bracket at `open`.
pub(crate) fn matching(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind != Kind::Punctuation {
            continue;
        }
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The last token of the item that starts at `start`: the brace that closes its body, or its semicolon.
fn item_end(tokens: &[Token], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        if token.is_mark(';') {
            return Some(at);
        }
        if token.is_mark('{') {
            return matching(tokens, at);
        }
        at = if token.is_mark('(') || token.is_mark('[') { matching(tokens, at)? + 1 } else { at + 1 };
    }
    None
}

/// Line ranges of items that only tests compile: `#[test]`, `#[some::test]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn test_lines(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let inner = tokens.get(at + 1).is_some_and(|next| next.is_mark('!'));
        let open = if inner { at + 2 } else { at + 1 };
        if !token.is_mark('#') || !tokens.get(open).is_some_and(|next| next.is_mark('[')) {
            continue;
        }
        let Some(close) = matching(tokens, open) else { continue };
        let names = |word: &str| tokens[open..close].iter().any(|token| token.is_word(word));
        if !names("test") || names("not") || names("cfg_attr") {
            continue;
        }
        if inner {
            found.push((1, usize::MAX));
        } else if let Some(end) = item_end(tokens, close + 1) {
            found.push((token.line, tokens[end].line));
        }
    }
    found
}
