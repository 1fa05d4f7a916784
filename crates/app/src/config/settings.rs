//! Every setting by its path: the one list against which files and the environment are read.

use super::kind::Kind;

/// One setting.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Section and key, `storage.connections`.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// Shown nowhere; there is a setting `…_file` beside it.
    pub(crate) is_secret: bool,
}

impl Setting {
    /// What sets it in the environment: `HONGYAN__STORAGE__CONNECTIONS`.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.replace('.', "__").to_ascii_uppercase())
    }
}

/// What the names of all variables begin with that stand for settings. Two lines, so that the variables of single
/// commands (`HONGYAN_KEY`) are none of them.
pub(crate) const PREFIX: &str = "HONGYAN__";

const fn open(path: &'static str, kind: Kind) -> Setting {
    Setting { path, kind, is_secret: false }
}

/// Longest time that a setting in seconds may name: an hour.
const SECONDS: i64 = 3_600;

/// All of them, in the order of the file.
pub(crate) static SETTINGS: &[Setting] = &[
    open("data", Kind::Path),
    open("listen", Kind::Address),
    open("key_file", Kind::Path),
    // Phones are in one of 4,096 classes.
    open("partitions", Kind::Number(1..=4_096)),
    open("log", Kind::Text),
    open("log_format", Kind::Word(&["text", "json"])),
    open("response_timeout_seconds", Kind::Number(1..=SECONDS)),
    open("private_callbacks", Kind::Switch),
    open("currency", Kind::Currency),
    open("http.connections", Kind::Number(1..=1_000_000)),
    open("http.connections_per_address", Kind::Number(1..=1_000_000)),
    open("http.head_timeout_seconds", Kind::Number(1..=SECONDS)),
    open("http.body_timeout_seconds", Kind::Number(1..=SECONDS)),
    open("http.write_timeout_seconds", Kind::Number(1..=SECONDS)),
    open("http.trusted_proxies", Kind::Networks),
    open("tls.cert_file", Kind::Path),
    open("tls.key_file", Kind::Path),
    open("metrics.enabled", Kind::Switch),
    open("metrics.listen", Kind::Address),
    open("traces.otlp_endpoint", Kind::HttpUrl),
    open("traces.sample_per_million", Kind::Number(0..=1_000_000)),
    open("oidc.issuer", Kind::Text),
    open("oidc.client_id", Kind::Text),
    open("oidc.client_secret_file", Kind::Path),
    open("oidc.redirect_uri", Kind::Text),
    open("oidc.scopes", Kind::Text),
    open("oidc.by_email", Kind::Switch),
    open("oidc.create_as", Kind::Text),
    open("storage.engine", Kind::Word(&["sqlite", "postgres"])),
    open("storage.url_file", Kind::Path),
    Setting { path: "storage.url", kind: Kind::Text, is_secret: true },
    open("storage.connections", Kind::Number(2..=200)),
    open("downstream.cmpp", Kind::Address),
    open("downstream.sgip", Kind::Address),
    open("downstream.smgp", Kind::Address),
    open("downstream.smpp", Kind::Address),
    open("downstream.smpp_tls", Kind::Address),
    open("downstream.tls_certificate", Kind::Path),
    open("downstream.tls_key", Kind::Path),
    open("downstream.connections", Kind::Number(1..=100_000)),
    open("policy.marketing_hours", Kind::Hours),
    open("policy.zone", Kind::Zone),
    open("policy.marketing_per_day", Kind::Number(0..=1_000)),
    open("policy.marketing_per_week", Kind::Number(0..=1_000)),
    open("policy.dead_number_days", Kind::Number(1..=8)),
    open("policy.dead_number_within_days", Kind::Number(1..=120)),
    open("policy.dead_number_kept_days", Kind::Number(1..=120)),
    open("policy.word_lists", Kind::Paths),
    open("codes.file", Kind::Path),
];

/// The setting of a path.
pub(crate) fn setting(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.path == path)
}

/// Whether a path names a section.
pub(crate) fn is_section(path: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.path.split_once('.').is_some_and(|(section, _)| section == path))
}

/// The setting whose path is written most like `path`, if any is near.
pub(crate) fn nearest(path: &str) -> Option<&'static str> {
    let all = SETTINGS.iter().map(|setting| (distance(setting.path, path), setting.path));
    all.min().filter(|(steps, _)| *steps <= 3).map(|(_, path)| path)
}

/// Letters to add, drop or change to make one of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
