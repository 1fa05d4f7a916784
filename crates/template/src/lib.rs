//! Message templates: compiled once, rendered strictly for each recipient, bounded in every direction.
//!
//! Owns compiling (MiniJinja syntax; variable names may be Chinese), rendering, our own filters, and the advice that
//! vendors' template rules call for. Refuses sources over [`MAX_SOURCE_CHARS`], work over a fixed budget, texts over
//! [`MAX_OUTPUT_CHARS`], and a recipient whose value for a written-out variable is missing or blank: a text never has
//! an empty hole. Nothing outside the template can be reached: there are no includes, imports, macros or files.
//!
//! A template of literal text and plain variables is rendered without the engine; a property test holds the two
//! ways equal.

mod advice;
mod engine;
mod error;
mod filters;
mod plain;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use advice::{Advice, AdviceKind};
pub use error::{RenderError, TemplateError};

use engine::Engine;
use plain::Piece;

/// Longest template source in characters: four times the longest text, room for two or three branches.
pub const MAX_SOURCE_CHARS: usize = 4_000;
/// Longest rendered text in characters: twice what providers take (500), still within fifteen parts.
pub const MAX_OUTPUT_CHARS: usize = 1_000;

/// A compiled template.
pub struct Template {
    source: Arc<str>,
    engine: Engine,
    /// Present when the template is simple enough to do without the engine.
    plain: Option<Vec<Piece>>,
    advice: Vec<Advice>,
}

/// What is known of one recipient: names and values, looked up where they lie. Blank values count as absent.
#[derive(Clone, Copy)]
pub struct Values<'a>(pub &'a [(&'a str, &'a str)]);

impl<'a> Values<'a> {
    /// The value of a variable unless it is absent or blank.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        // The first byte settles it for nearly every value.
        let blank = match value.as_bytes().first() {
            None => true,
            Some(byte) if byte.is_ascii_graphic() => false,
            Some(_) => value.trim().is_empty(),
        };
        (!blank).then_some(value)
    }
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({} of one recipient)", self.0.len())
    }
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// [`TemplateError`]: the author's fault, with the line where there is one.
    pub fn compile(source: &str) -> Result<Template, TemplateError> {
        let chars = source.chars().count();
        if chars > MAX_SOURCE_CHARS {
            return Err(TemplateError::TooLong { chars });
        }
        if source.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        let engine = Engine::compile(source)?;
        Ok(Template {
            plain: plain::pieces(source),
            advice: advice::advise(source),
            engine,
            source: source.into(),
        })
    }

    /// The source as given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables that a recipient may have to supply, in the order of their first appearance.
    pub fn variables(&self) -> impl ExactSizeIterator<Item = &str> {
        self.engine.variables().iter().map(|name| &**name)
    }

    /// What vendors' rules would say about it; advice only.
    pub fn advice(&self) -> &[Advice] {
        &self.advice
    }

    /// The text for one recipient.
    ///
    /// # Errors
    /// [`RenderError`]: the recipient's row lacks or garbles a value, or the template asks for too much.
    pub fn render(&self, values: &Values<'_>) -> Result<String, RenderError> {
        let mut text = String::new();
        self.render_into(values, &mut text)?;
        Ok(text)
    }

    /// As [`Template::render`], into a buffer that is cleared first and may be used again and again.
    ///
    /// # Errors
    /// As [`Template::render`]; the buffer's content is then of no meaning.
    pub fn render_into(&self, values: &Values<'_>, text: &mut String) -> Result<(), RenderError> {
        match &self.plain {
            Some(pieces) => plain::render(pieces, values, text)?,
            None => self.engine.render(values, text)?,
        }
        // A text of fewer bytes cannot have more characters; only a long one need be counted.
        let chars = if text.len() <= MAX_OUTPUT_CHARS { 0 } else { text.chars().count() };
        if chars > MAX_OUTPUT_CHARS {
            return Err(RenderError::TooLong { chars });
        }
        Ok(())
    }

    #[cfg(test)]
    fn render_by_engine(&self, values: &Values<'_>) -> Result<String, RenderError> {
        let mut text = String::new();
        self.engine.render(values, &mut text)?;
        Ok(text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("variables", &self.engine.variables()).finish_non_exhaustive()
    }
}
