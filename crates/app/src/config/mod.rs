//! What an operator may set: a file over the defaults compiled in, the environment over the file, flags over both.
//!
//! Invariants: the defaults of the code and of the commented file are the same; nothing unknown is overlooked; a secret
//! is shown nowhere.

mod command;
mod http;
mod kind;
mod load;
mod oidc;
mod settings;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::audit::{Auditor, WordList, seed_list};
use domain::carrier_code::CodeBook;
use domain::currency::Currency;
use domain::numbers::DeadNumber;
use domain::policy::{Hours, Policy, PolicyBuilder, RuleId, Zone};
use gateway::{Family, TlsError, TlsServer};
use jiff::civil::Time;
use serde::{Deserialize, Serialize};

pub(crate) use command::{ConfigCommand, run};
pub(crate) use http::{HttpConfig, MetricsConfig, TlsConfig, TracesConfig};
pub(crate) use load::{Loaded, Origin, environment, load};
use oidc::OidcConfig;

use crate::storage::{Home, StorageConfig};

/// The commented defaults: what `hongyan serve --print-config` shows, and what a file is laid over.
pub(crate) const DEFAULTS: &str = include_str!("../../hongyan.toml");

/// The configuration of one process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) partitions: u16,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) response_timeout_seconds: u64,
    pub(crate) private_callbacks: bool,
    currency: String,
    pub(crate) http: HttpConfig,
    pub(crate) tls: TlsConfig,
    pub(crate) metrics: MetricsConfig,
    pub(crate) traces: TracesConfig,
    oidc: OidcConfig,
    pub(crate) storage: StorageConfig,
    pub(crate) downstream: DownstreamConfig,
    pub(crate) policy: PolicyConfig,
    codes: CodesConfig,
}

/// The operator's own lines of the catalogue of codes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CodesConfig {
    file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "hongyan-data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8_520)),
            key_file: None,
            partitions: 8,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            response_timeout_seconds: 60,
            private_callbacks: false,
            currency: Currency::CNY.to_string(),
            http: HttpConfig::default(),
            tls: TlsConfig::default(),
            metrics: MetricsConfig::default(),
            traces: TracesConfig::default(),
            oidc: OidcConfig::default(),
            storage: StorageConfig::default(),
            downstream: DownstreamConfig::default(),
            policy: PolicyConfig::default(),
            codes: CodesConfig::default(),
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object on each line.
    Json,
}

/// Where customers connect to us.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
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

impl Default for DownstreamConfig {
    fn default() -> Self {
        Self {
            cmpp: None,
            sgip: None,
            smgp: None,
            smpp: None,
            smpp_tls: None,
            tls_certificate: None,
            tls_key: None,
            connections: 500,
        }
    }
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
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
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

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            marketing_hours: "08:00-20:00".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
            marketing_per_day: 1,
            marketing_per_week: 2,
            dead_number_days: 2,
            dead_number_within_days: 30,
            dead_number_kept_days: 90,
            word_lists: Vec::new(),
        }
    }
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
    /// The defaults, with what is in `table` laid over them.
    ///
    /// # Errors
    /// When something in it is unknown or of another type.
    pub(crate) fn from_table(table: toml::Table) -> Result<Self, toml::de::Error> {
        table.try_into()
    }

    /// What only shows when everything is put together and files are read: the storage, certificates, the rules and their
    /// word lists, the catalogue of codes.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.storage.storage()?;
        self.serving()?;
        self.downstream.smpp_tls()?;
        self.policy()?;
        self.codes()?;
        Ok(())
    }

    /// What everything is priced and paid in. The setting was read by the same code.
    pub(crate) fn currency(&self) -> Currency {
        self.currency.parse().unwrap_or(Currency::CNY)
    }

    /// How many connections all bounds together allow: of the API and of customers.
    pub(crate) fn connections(&self) -> u64 {
        let customers = self.downstream.ports().count() * self.downstream.connections;
        self.http.connections().saturating_add(customers) as u64
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

/// `08:00-20:00` in a zone.
fn hours(text: &str, zone: &str) -> anyhow::Result<Hours> {
    let wrong = || format!("policy.marketing_hours = {text:?}: write 08:00-20:00");
    let (open, close) = span(text).with_context(wrong)?;
    Hours::new(open, close, Zone::named(zone)?).with_context(wrong)
}

/// The two ends of `08:00-20:00`.
fn span(text: &str) -> Option<(Time, Time)> {
    let (open, close) = text.split_once('-')?;
    Some((open.trim().parse().ok()?, close.trim().parse().ok()?))
}
