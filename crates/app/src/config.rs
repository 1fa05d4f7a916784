//! What an operator may set: a file over the defaults compiled in, flags over the file.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::audit::{Auditor, WordList, seed_list};
use domain::carrier_code::CodeBook;
use domain::numbers::DeadNumber;
use domain::policy::{Hours, Policy, PolicyBuilder, RuleId, Zone};
use gateway::{Family, TlsError, TlsServer};
use jiff::civil::Time;
use serde::Deserialize;

use crate::storage::{Home, StorageConfig};

/// The commented defaults: what `hongyan serve --print-config` shows, and what a file is laid over.
pub(crate) const DEFAULTS: &str = include_str!("../hongyan.toml");

/// The configuration of one process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) partitions: u16,
    pub(crate) log: String,
    pub(crate) response_timeout_seconds: u64,
    pub(crate) storage: StorageConfig,
    pub(crate) downstream: DownstreamConfig,
    pub(crate) policy: PolicyConfig,
    codes: CodesConfig,
}

/// The operator's own lines of the catalogue of codes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CodesConfig {
    file: Option<PathBuf>,
}

/// Where customers connect to us.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DownstreamConfig {
    cmpp: Option<SocketAddr>,
    sgip: Option<SocketAddr>,
    smgp: Option<SocketAddr>,
    smpp: Option<SocketAddr>,
    /// The same over TLS.
    smpp_tls: Option<SocketAddr>,
    /// Our certificate with its chain, PEM.
    tls_certificate: Option<PathBuf>,
    /// Its key, PEM.
    tls_key: Option<PathBuf>,
    pub(crate) connections: usize,
}

/// Why the port over TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortTlsError {
    #[error("downstream.smpp_tls needs downstream.tls_certificate and downstream.tls_key")]
    Missing,
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("downstream.tls_certificate, downstream.tls_key: {0}")]
    Wrong(#[from] TlsError),
}

impl DownstreamConfig {
    /// Every protocol at any free port of this machine: for the measurements.
    pub(crate) fn anywhere() -> Self {
        let any = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        Self { cmpp: any, sgip: any, smgp: any, smpp: any, connections: 16, ..Self::default() }
    }

    /// The port over TLS, if one is named, and who we are on it.
    ///
    /// # Errors
    /// [`PortTlsError`], for a person to mend.
    pub(crate) fn smpp_tls(&self) -> Result<Option<(SocketAddr, TlsServer)>, PortTlsError> {
        let Some(address) = self.smpp_tls else { return Ok(None) };
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else {
            return Err(PortTlsError::Missing);
        };
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|source| PortTlsError::Read { path: path.clone(), source })
        };
        Ok(Some((address, TlsServer::from_pem(&read(certificate)?, &read(key)?)?)))
    }

    /// The ports in clear that are named.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (Family, SocketAddr)> {
        let all = [
            (Family::Cmpp, self.cmpp),
            (Family::Sgip, self.sgip),
            (Family::Smgp, self.smgp),
            (Family::Smpp, self.smpp),
        ];
        all.into_iter().filter_map(|(family, address)| Some((family, address?)))
    }
}

/// What may be changed of the built-in rules without a lawyer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyConfig {
    pub(crate) marketing_hours: String,
    pub(crate) zone: String,
    pub(crate) marketing_per_day: u32,
    pub(crate) marketing_per_week: u32,
    pub(crate) dead_number_days: u8,
    pub(crate) dead_number_within_days: u16,
    pub(crate) dead_number_kept_days: u16,
    pub(crate) word_lists: Vec<PathBuf>,
}

impl PolicyConfig {
    fn dead_number(&self) -> DeadNumber {
        let days = |days: u16| Duration::from_secs(u64::from(days) * 86_400);
        DeadNumber {
            failures: self.dead_number_days,
            within: days(self.dead_number_within_days),
            kept: days(self.dead_number_kept_days),
        }
    }
}

impl Config {
    /// The defaults, with `file` laid over them section by section.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something unknown or ill-formed; the message names line and column.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut table: toml::Table = DEFAULTS.parse().context("the defaults compiled in")?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let over: toml::Table = text.parse().with_context(|| path.display().to_string())?;
            lay_over(&mut table, over);
        }
        let shown = file.map_or_else(String::new, |path| path.display().to_string());
        table.try_into().with_context(|| shown)
    }

    /// Outside the data folder, so that a copy of the folder alone opens nothing.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| beside(&self.data, "key"))
    }

    /// The data folder with what opens it.
    pub(crate) fn home<'a>(&'a self, key_file: &'a Path) -> Home<'a> {
        Home { data: &self.data, key_file, partitions: self.partitions }
    }

    /// Where the owner's key is kept after the first start.
    pub(crate) fn owner_file(&self) -> PathBuf {
        beside(&self.data, "owner")
    }

    pub(crate) fn response_timeout(&self) -> Duration {
        Duration::from_secs(self.response_timeout_seconds)
    }

    /// The rules in force.
    ///
    /// # Errors
    /// When the hours, the zone or a word list cannot be read.
    pub(crate) fn policy(&self) -> anyhow::Result<Policy> {
        let mut lists = vec![seed_list()?];
        for path in &self.policy.word_lists {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            lists.push(WordList::parse(&name, &text).with_context(|| path.display().to_string())?);
        }
        let hours = hours(&self.policy.marketing_hours, &self.policy.zone)?;
        let builder = PolicyBuilder::builtin()
            .with_auditor(Arc::new(Auditor::build(&lists)?))
            .with_hours(RuleId::QUIET_HOURS, hours)
            .with_cap(RuleId::MARKETING_DAY, self.policy.marketing_per_day)
            .with_cap(RuleId::MARKETING_WEEK, self.policy.marketing_per_week)
            .with_dead_number(RuleId::DEAD_NUMBER, self.policy.dead_number());
        Ok(builder.build()?)
    }

    /// What carriers' codes mean.
    ///
    /// # Errors
    /// When the file cannot be read or has mistakes; they are told in both languages, with their lines.
    pub(crate) fn codes(&self) -> anyhow::Result<CodeBook> {
        let Some(path) = &self.codes.file else { return Ok(CodeBook::default()) };
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        engine::codes::read_codes(bytes).map_err(|error| {
            let told = error.explain();
            anyhow::anyhow!("{}: {} / {}", path.display(), told.zh, told.en)
        })
    }
}

/// The built-in rules and the shipped word list, with marketing's hours open all day: for what must run at any hour, the
/// demonstration and the measurements.
///
/// # Errors
/// Never with the rules and the list as shipped.
pub(crate) fn open_all_day() -> anyhow::Result<Policy> {
    let midnight = Time::midnight();
    let always = Hours::new(midnight, midnight, Zone::china())?;
    let auditor = Arc::new(Auditor::build(&[seed_list()?])?);
    Ok(PolicyBuilder::builtin().with_auditor(auditor).with_hours(RuleId::QUIET_HOURS, always).build()?)
}

/// `<folder>.<extension>` next to the folder.
pub(crate) fn beside(folder: &Path, extension: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    folder.with_file_name(name)
}

fn lay_over(under: &mut toml::Table, over: toml::Table) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => lay_over(under, over),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}

/// `08:00-20:00` in a zone.
fn hours(text: &str, zone: &str) -> anyhow::Result<Hours> {
    let wrong = || format!("policy.marketing_hours = {text:?}: write 08:00-20:00");
    let (open, close) = text.split_once('-').with_context(wrong)?;
    let time = |text: &str| -> anyhow::Result<Time> { text.trim().parse().with_context(wrong) };
    Hours::new(time(open)?, time(close)?, Zone::named(zone)?).with_context(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_whole_and_make_a_policy() {
        let config = Config::load(None).unwrap();
        assert_eq!(config.partitions, 8);
        assert!(config.policy().is_ok());
        assert_eq!(config.key_file(), PathBuf::from("hongyan-data.key"));
    }

    #[test]
    fn a_file_changes_what_it_names_and_unknown_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hongyan.toml");
        std::fs::write(&path, "partitions = 4\n[policy]\nmarketing_per_day = 2\n").unwrap();
        let config = Config::load(Some(&path)).unwrap();
        assert_eq!((config.partitions, config.policy.marketing_per_day), (4, 2));
        std::fs::write(&path, "partition = 4\n").unwrap();
        let error = format!("{:#}", Config::load(Some(&path)).unwrap_err());
        assert!(error.contains("partition"), "{error}");
        std::fs::write(&path, "[policy]\nmarketing_hours = \"8 to 20\"\n").unwrap();
        assert!(Config::load(Some(&path)).unwrap().policy().is_err());
        std::fs::write(&path, "[policy]\ndead_number_days = 0\n").unwrap();
        assert!(Config::load(Some(&path)).unwrap().policy().is_err());
        let codes = folder.path().join("codes.csv");
        std::fs::write(&path, format!("[codes]\nfile = {codes:?}\n")).unwrap();
        std::fs::write(&codes, "code,reason\nZZ:1,unreachable\n").unwrap();
        assert_eq!(Config::load(Some(&path)).unwrap().codes().unwrap().entries().len(), 1);
        std::fs::write(&codes, "code,reason\nZZ:1,late\n").unwrap();
        let error = Config::load(Some(&path)).unwrap().codes().unwrap_err().to_string();
        assert!(error.contains("第 2 行") && error.contains("line 2"), "{error}");
    }
}
