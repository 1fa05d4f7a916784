//! The long way: MiniJinja with a budget of work and strict variables.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::error::{RenderError, TemplateError};
use super::filters::{self, FilterError};
use super::{MAX_OUTPUT_CHARS, Values};

/// The one name in a template's environment.
const NAME: &str = "template";
/// Work allowed per text, in the engine's unit (one instruction, or 64 bytes moved). A text with twenty variables and
/// ten branches needs about two hundred; the whole budget is spent in well under a millisecond.
const WORK_BUDGET: u64 = 10_000;
/// Bytes written before a text is given up as too long: four bytes are the longest character.
const MAX_OUTPUT_BYTES: usize = 4 * MAX_OUTPUT_CHARS;
/// [`Recipient::missing`] while nothing was missing.
const NOTHING: usize = usize::MAX;

pub(super) struct Engine {
    environment: Environment<'static>,
    variables: Arc<[Box<str>]>,
}

impl Engine {
    pub(super) fn compile(source: &str) -> Result<Engine, TemplateError> {
        let mut environment = base().clone();
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| refusal(&error))?;
        let template = environment.get_template(NAME).map_err(|error| refusal(&error))?;
        let mut found: Vec<(usize, Box<str>)> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !environment.globals().any(|(global, _)| global == name))
            .map(|name| (source.find(&name).unwrap_or(source.len()), name.into_boxed_str()))
            .collect();
        found.sort_unstable();
        let variables = found.into_iter().map(|(_, name)| name).collect();
        let engine = Engine { environment, variables };
        engine.try_names()?;
        Ok(engine)
    }

    pub(super) fn variables(&self) -> &[Box<str>] {
        &self.variables
    }

    /// Renders into the cleared buffer; a text that grows too long is cut there, which the caller sees by its length.
    pub(super) fn render(&self, values: &Values<'_>, text: &mut String) -> Result<(), RenderError> {
        text.clear();
        let found = self.variables.iter().map(|name| values.get(name).map(Value::from)).collect();
        let recipient = Arc::new(Recipient::new(&self.variables, found));
        self.run(&recipient, text).map_err(|error| self.failure(&error, &recipient))
    }

    fn run(&self, recipient: &Arc<Recipient>, text: &mut String) -> Result<(), Error> {
        let template = self.environment.get_template(NAME)?;
        let mut out = Bounded { bytes: std::mem::take(text).into_bytes() };
        let done = template.render_captured_to(Value::from_dyn_object(recipient.clone()), &mut out).map(drop);
        let full = out.bytes.len() > MAX_OUTPUT_BYTES;
        *text = String::from_utf8(out.bytes)
            .unwrap_or_else(|cut| String::from_utf8_lossy(cut.as_bytes()).into_owned());
        if full { Ok(()) } else { done }
    }

    /// Filters, tests and functions are bound while rendering, so a misspelt one would only show with the first
    /// recipient; trials with one recipient who has everything and one who has nothing show it to the author.
    fn try_names(&self) -> Result<(), TemplateError> {
        for trial in [Some(Value::from("1")), None] {
            let found = vec![trial; self.variables.len()];
            let recipient = Arc::new(Recipient::new(&self.variables, found));
            match self.run(&recipient, &mut String::new()) {
                Err(error) if is_unknown_name(error.kind()) => return Err(refusal(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn failure(&self, error: &Error, recipient: &Recipient) -> RenderError {
        if let Some(FilterError { filter }) = filter_error(error) {
            return RenderError::BadValue { filter };
        }
        match error.kind() {
            ErrorKind::OutOfFuel => RenderError::TooMuchWork,
            ErrorKind::UndefinedError if recipient.missing().is_some() => {
                RenderError::MissingVariable { name: recipient.missing().unwrap_or_default().to_owned() }
            }
            kind => RenderError::Failed { line: error.line().unwrap_or(1), kind: kind.to_string() },
        }
    }
}

/// The environment that all templates start from: strict, fuelled, with our filters.
fn base() -> &'static Environment<'static> {
    static BASE: OnceLock<Environment<'static>> = OnceLock::new();
    BASE.get_or_init(|| {
        let mut environment = Environment::new();
        // An absent value is false in a condition but an error wherever it would have to be written or compared.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(WORK_BUDGET));
        environment.remove_global("debug");
        filters::add(&mut environment);
        environment
    })
}

fn is_unknown_name(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
    )
}

fn refusal(error: &Error) -> TemplateError {
    let line = error.line().unwrap_or(1);
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    if is_unknown_name(error.kind()) {
        TemplateError::UnknownName { line, detail }
    } else {
        TemplateError::Syntax { line, detail }
    }
}

fn filter_error(error: &Error) -> Option<FilterError> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<FilterError>() {
            return Some(*found);
        }
        source = error.source();
    }
    None
}

/// One recipient's values as the engine sees them: only the variables that the template names.
struct Recipient {
    names: Arc<[Box<str>]>,
    values: Vec<Option<Value>>,
    /// Which variable was last looked up in vain: the one a strict failure is about.
    missing: AtomicUsize,
}

impl Recipient {
    fn new(names: &Arc<[Box<str>]>, values: Vec<Option<Value>>) -> Recipient {
        Recipient { names: names.clone(), values, missing: AtomicUsize::new(NOTHING) }
    }

    fn missing(&self) -> Option<&str> {
        self.names.get(self.missing.load(Ordering::Relaxed)).map(|name| &**name)
    }
}

impl Object for Recipient {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let index = self.names.iter().position(|name| **name == *key)?;
        let value = self.values.get(index)?.clone();
        if value.is_none() {
            self.missing.store(index, Ordering::Relaxed);
        }
        value
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient(redacted)")
    }
}

/// Stops the engine as soon as the text is certainly too long.
struct Bounded {
    bytes: Vec<u8>,
}

impl io::Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(buf);
        if self.bytes.len() > MAX_OUTPUT_BYTES {
            return Err(io::Error::other("the text is too long"));
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
