//! The short way: literal text and plain variables, without the engine.

use super::Values;
use super::error::RenderError;

/// One run of a plain template.
#[derive(Debug)]
pub(super) enum Piece {
    Literal(Box<str>),
    Variable { name: Box<str>, default: Option<Box<str>> },
}

/// Words that the template language does not look up among the recipient's values, or that its globals share.
const RESERVED: [&str; 22] = [
    "true",
    "True",
    "false",
    "False",
    "none",
    "None",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
    "loop",
    "range",
    "dict",
    "namespace",
    "debug",
    "for",
    "recursive",
    "self",
    "super",
];

/// The template as a list of pieces; `None` when it has anything else in it.
pub(super) fn pieces(source: &str) -> Option<Vec<Piece>> {
    if source.contains("{%") || source.contains("{#") {
        return None;
    }
    // The template language drops one line break at the very end.
    let source = source.strip_suffix('\n').unwrap_or(source);
    let source = source.strip_suffix('\r').unwrap_or(source);
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some((literal, after)) = rest.split_once("{{") {
        let (inner, next) = after.split_once("}}")?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.into()));
        }
        pieces.push(variable(inner)?);
        rest = next;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.into()));
    }
    Some(pieces)
}

fn variable(inner: &str) -> Option<Piece> {
    let (name, filter) = match inner.split_once('|') {
        Some((name, filter)) => (name, Some(filter)),
        None => (inner, None),
    };
    let name = trim(name);
    if !is_name(name) || RESERVED.contains(&name) {
        return None;
    }
    let default = match filter {
        None => None,
        Some(filter) => Some(default_literal(trim(filter))?.into()),
    };
    Some(Piece::Variable { name: name.into(), default })
}

/// The literal of `default("…")`, when it is one simple string.
fn default_literal(filter: &str) -> Option<&str> {
    let arguments = trim(filter.strip_prefix("default").or_else(|| filter.strip_prefix('d'))?);
    let literal = trim(arguments.strip_prefix('(')?.strip_suffix(')')?);
    let quote = literal.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let text = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    (!text.contains([quote, '\\', '{', '}'])).then_some(text)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Names that are names in the template language for certain: ASCII and Chinese. Others go by the engine.
fn is_name(name: &str) -> bool {
    let starts = |ch: char| ch == '_' || ch.is_ascii_alphabetic() || ('\u{4e00}'..='\u{9fff}').contains(&ch);
    name.chars().next().is_some_and(starts) && name.chars().all(|ch| starts(ch) || ch.is_ascii_digit())
}

pub(super) fn render(pieces: &[Piece], values: &Values<'_>, text: &mut String) -> Result<(), RenderError> {
    text.clear();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Variable { name, default } => match (values.get(name), default) {
                (Some(value), _) => text.push_str(value),
                (None, Some(default)) => text.push_str(default),
                (None, None) => return Err(RenderError::MissingVariable { name: name.to_string() }),
            },
        }
    }
    Ok(())
}
