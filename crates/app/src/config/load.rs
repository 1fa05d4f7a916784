//! Defaults, file, environment: laid over each other setting by setting, and every mistake told with its place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use domain::text::Bilingual;
use toml::de::DeTable;
use toml::{Table, Value};

use super::Config;
use super::settings::{PREFIX, SETTINGS, is_section, nearest, setting};

/// Mistakes told at once; who made more mends these first.
const FAULTS_TOLD: usize = 20;

/// Where a setting has its value from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// A line of the file.
    Line(usize),
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line, or a variable that stands for one.
    Flag,
}

/// A configuration, and where each setting that is not the default came from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) origins: BTreeMap<&'static str, Origin>,
}

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    /// `hongyan.toml:12`, or a variable's name.
    place: String,
    what: Bilingual,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// All of it for one reader, a line for each mistake.
    pub(crate) fn told(&self, chinese: bool) -> String {
        let colon = if chinese { "：" } else { ": " };
        let line = |fault: &Fault| {
            let what = if chinese { &fault.what.zh } else { &fault.what.en };
            format!("{}{colon}{what}", fault.place)
        };
        self.0.iter().take(FAULTS_TOLD).map(line).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(false))
    }
}

impl std::error::Error for Faults {}

/// The defaults, with the file laid over them and the environment over both.
///
/// # Errors
/// Every mistake in file and environment: what is unknown, of another form, or not TOML.
pub(crate) fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, Faults> {
    let mut layers = Layers::default();
    if let Some(path) = file {
        match std::fs::read_to_string(path) {
            Ok(text) => layers.file(path, &text),
            Err(error) => layers.fault(
                path.display().to_string(),
                format!("无法读取：{error}"),
                format!("cannot be read: {error}"),
            ),
        }
    }
    for (name, text) in environment {
        layers.variable(name, &text);
    }
    layers.end(file)
}

/// The variables of this process that may be settings.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
        Some((name, value.to_string_lossy().into_owned()))
    })
}

#[derive(Default)]
struct Layers {
    values: BTreeMap<&'static str, (Value, Origin)>,
    faults: Vec<Fault>,
}

impl Layers {
    fn fault(&mut self, place: String, zh: String, en: String) {
        self.faults.push(Fault { place, what: Bilingual { zh: zh.into(), en: en.into() } });
    }

    fn file(&mut self, path: &Path, text: &str) {
        let name = path.display();
        let parsed = DeTable::parse(text).and_then(|places| Ok((places, text.parse::<Table>()?)));
        match parsed {
            Ok((places, values)) => self.table("", places.get_ref(), &values, &(path, text)),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                let what = error.message();
                self.fault(
                    format!("{name}:{line}"),
                    format!("不是 TOML：{what}"),
                    format!("this is not TOML: {what}"),
                );
            }
        }
    }

    fn table(&mut self, section: &str, places: &DeTable<'_>, values: &Table, source: &(&Path, &str)) {
        for (key, place) in places {
            let name: &str = key.get_ref();
            let Some(value) = values.get(name) else { continue };
            let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let line = line_of(source.1, key.span().start);
            let shown = format!("{}:{line}", source.0.display());
            match (setting(&path), place.get_ref().as_table(), value) {
                (None, Some(places), Value::Table(values)) if is_section(&path) => {
                    self.table(&path, places, values, source);
                }
                (None, ..) => self.unknown(shown, &path),
                (Some(_), ..) => self.value(shown, &path, value.clone(), Origin::Line(line)),
            }
        }
    }

    fn variable(&mut self, name: String, text: &str) {
        let path = name.trim_start_matches(PREFIX).to_ascii_lowercase().replace("__", ".");
        match setting(&path) {
            None => self.unknown(name, &path),
            Some(setting) => {
                let value = setting.kind.read_variable(text);
                self.value(name.clone(), &path, value, Origin::Variable(name));
            }
        }
    }

    fn unknown(&mut self, place: String, path: &str) {
        let (mut zh, mut en) = (format!("没有设置项 {path}"), format!("there is no setting {path}"));
        if is_section(path) {
            zh = format!("{path} 是一节，应写作 [{path}]");
            en = format!("{path} is a section: write [{path}]");
        } else if let Some(near) = nearest(path) {
            zh.push_str(&format!("；是不是想写 {near}？"));
            en.push_str(&format!("; is {near} meant?"));
        }
        self.fault(place, zh, en);
    }

    /// Takes a value if it fits. What was written is not repeated: it may be a password in the wrong place.
    fn value(&mut self, place: String, path: &str, value: Value, origin: Origin) {
        let Some(setting) = setting(path) else { return };
        if setting.kind.takes(&value) {
            self.values.insert(setting.path, (value, origin));
        } else {
            let Bilingual { zh, en } = setting.kind.allowed();
            self.fault(
                place,
                format!("{path} 的值不对，应为{zh}"),
                format!("the value of {path} does not fit: it is {en}"),
            );
        }
    }

    fn end(mut self, file: Option<&Path>) -> Result<Loaded, Faults> {
        let mut table = Table::new();
        for (path, (value, _)) in &self.values {
            match path.split_once('.') {
                None => {
                    table.insert((*path).to_owned(), value.clone());
                }
                Some((section, key)) => {
                    let section =
                        table.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
                    if let Some(section) = section.as_table_mut() {
                        section.insert(key.to_owned(), value.clone());
                    }
                }
            }
        }
        if !self.faults.is_empty() {
            return Err(Faults(self.faults));
        }
        match Config::from_table(table) {
            Ok(config) => {
                let origins = self.values.into_iter().map(|(path, (_, origin))| (path, origin)).collect();
                Ok(Loaded { config, origins })
            }
            Err(error) => {
                let place = file.map_or_else(PathBuf::new, Path::to_owned).display().to_string();
                self.fault(place, error.to_string(), error.to_string());
                Err(Faults(self.faults))
            }
        }
    }
}

/// Counted from one.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// Every setting with the value that it has, in the order of the file; none where nothing is set.
pub(crate) fn values(config: &Config) -> Vec<(&'static super::settings::Setting, Option<serde_json::Value>)> {
    let tree = serde_json::to_value(config).unwrap_or_default();
    let value = |path: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        tree.pointer(&pointer).filter(|value| !value.is_null()).cloned()
    };
    SETTINGS.iter().map(|setting| (setting, value(setting.path))).collect()
}
