//! Instants as people and programs read them.

use std::fmt;

use domain::time::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An instant in RFC 3339, with milliseconds and the offset of the installation's zone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime, example = "2026-11-25T10:00:00.000+08:00")]
pub struct Moment(pub String);

impl Moment {
    /// An instant as local time of `zone`.
    #[must_use]
    pub fn new(at: Timestamp, zone: &TimeZone) -> Self {
        let local = at.to_jiff().to_zoned_datetime(zone.clone());
        Self(local.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string())
    }

    /// The instant; `None` when this is not RFC 3339 with an offset.
    #[must_use]
    pub fn instant(&self) -> Option<Timestamp> {
        self.0.parse::<jiff::Timestamp>().ok().map(Timestamp::from)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_local_and_comes_back() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at = Timestamp::from_millis(1_795_572_000_123);
        let moment = Moment::new(at, &zone);
        assert!(moment.0.ends_with(".123+08:00"), "{moment}");
        assert_eq!(moment.instant(), Some(at));
        assert_eq!(Moment("2026-11-25 10:00".to_owned()).instant(), None, "no offset");
    }
}
