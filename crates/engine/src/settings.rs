//! What an operator may set about the engine, with defaults that suit mainland China.

use std::time::Duration;

use domain::message::Category;
use domain::phone::Country;
use domain::text::{DEFAULT_OPT_OUT, TextRules};
use jiff::tz::TimeZone;

/// Where work that takes milliseconds is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HeavyWork {
    /// On a thread that may block, beside everything else.
    #[default]
    Beside,
    /// At once, on the caller's thread: for simulation, where nothing may depend on what threads do when.
    AtOnce,
}

impl HeavyWork {
    /// Does the work; `None` when its thread ended without an answer.
    pub(crate) async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        match self {
            Self::Beside => tokio::task::spawn_blocking(work).await.ok(),
            Self::AtOnce => Some(work()),
        }
    }
}

/// Settings of one process, fixed at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How a phone without country code is read.
    pub country: Country,
    /// The zone of schedules and suggestions.
    pub zone: TimeZone,
    /// How texts are cut and counted. All channels of this version speak CMPP.
    pub text_rules: TextRules,
    /// Appended to marketing texts that offer no way to refuse.
    pub opt_out_suffix: String,
    /// How long an OTP is of use.
    pub otp_valid_for: Duration,
    /// How long other messages of the API are of use.
    pub valid_for: Duration,
    /// How long a campaign's messages are of use: long enough for a pause over a weekend.
    pub campaign_valid_for: Duration,
    /// How often scheduler and finisher look.
    pub tick: Duration,
    /// How long a node that has channels may be without any connection before it says that it is not ready: longer than the
    /// wait between two tries to connect.
    pub unconnected: Duration,
    /// Whether what tenants name as addresses to be called may lie in private networks: off where tenants are strangers.
    pub private_callbacks: bool,
    /// Where an expansion composes its texts.
    pub heavy_work: HeavyWork,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            country: Country::CN,
            zone: TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC),
            text_rules: TextRules::MAINLAND,
            opt_out_suffix: DEFAULT_OPT_OUT.to_owned(),
            otp_valid_for: Duration::from_secs(5 * 60),
            valid_for: Duration::from_secs(24 * 3600),
            campaign_valid_for: Duration::from_secs(7 * 24 * 3600),
            tick: Duration::from_secs(1),
            unconnected: Duration::from_secs(30),
            private_callbacks: false,
            heavy_work: HeavyWork::default(),
        }
    }
}

impl Settings {
    /// How long an API message of a category is of use unless it says otherwise.
    #[must_use]
    pub fn validity(&self, category: Category) -> Duration {
        match category {
            Category::Otp => self.otp_valid_for,
            Category::Notice | Category::Marketing => self.valid_for,
        }
    }
}
