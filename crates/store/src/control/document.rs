//! The documents that rows hold as JSON: written by hand, so that a change in the domain is a compile error here and
//! never a silent change of what is stored. Words are those of the glossary.

use domain::control::{AudienceSource, AudienceStats, ColumnUse, ControlError, ImportMapping, RouteStep};
use domain::ids::{ChannelId, ImportId};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

use super::reading::Reading;

/// What the columns of a file become: `[["手机号","phone"], …]`.
#[derive(Serialize, Deserialize)]
pub(super) struct MappingDocument(Vec<(String, String)>);

impl MappingDocument {
    pub(super) fn of(mapping: &ImportMapping) -> Self {
        Self(mapping.columns.iter().map(|(name, used)| (name.clone(), used.word().to_owned())).collect())
    }

    pub(super) fn read(self, reading: Reading) -> Result<ImportMapping, ControlError> {
        let columns = self
            .0
            .into_iter()
            .map(|(name, word)| Ok((name, reading.word("mapping", &word, ColumnUse::from_word)?)));
        Ok(ImportMapping { columns: columns.collect::<Result<_, ControlError>>()? })
    }
}

/// Who is to get a campaign: `{"from":"file","upload":…,"mapping":[…]}`, `{"from":"tags","tags":[…]}`,
/// `{"from":"all"}`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub(super) enum SourceDocument {
    File { upload: i64, mapping: MappingDocument },
    Tags { tags: Vec<String> },
    All,
}

impl SourceDocument {
    pub(super) fn of(source: &AudienceSource) -> Self {
        match source {
            AudienceSource::File { upload, mapping } => {
                Self::File { upload: upload.raw(), mapping: MappingDocument::of(mapping) }
            }
            AudienceSource::Tags(tags) => Self::Tags { tags: tags.clone() },
            AudienceSource::All => Self::All,
        }
    }

    pub(super) fn read(self, reading: Reading) -> Result<AudienceSource, ControlError> {
        Ok(match self {
            Self::File { upload, mapping } => {
                AudienceSource::File { upload: ImportId::from_raw(upload), mapping: mapping.read(reading)? }
            }
            Self::Tags { tags } => AudienceSource::Tags(tags),
            Self::All => AudienceSource::All,
        })
    }
}

/// The steps of a route: per step, pairs of channel and weight.
#[derive(Serialize, Deserialize)]
pub(super) struct StepsDocument(Vec<Vec<(u16, u16)>>);

impl StepsDocument {
    pub(super) fn of(steps: &[RouteStep]) -> Self {
        let pairs =
            |step: &RouteStep| step.channels.iter().map(|(channel, weight)| (channel.0, *weight)).collect();
        Self(steps.iter().map(pairs).collect())
    }

    pub(super) fn read(self) -> Vec<RouteStep> {
        let step = |pairs: Vec<(u16, u16)>| RouteStep {
            channels: pairs.into_iter().map(|(channel, weight)| (ChannelId(channel), weight)).collect(),
        };
        self.0.into_iter().map(step).collect()
    }
}

/// Counts of an audience inside a preflight.
#[derive(Serialize, Deserialize)]
pub(super) struct StatsDocument {
    read: u64,
    invalid: u64,
    duplicate: u64,
    people: u64,
    tests: u64,
}

impl From<AudienceStats> for StatsDocument {
    fn from(stats: AudienceStats) -> Self {
        let AudienceStats { read, invalid, duplicate, people, tests } = stats;
        Self { read, invalid, duplicate, people, tests }
    }
}

impl From<StatsDocument> for AudienceStats {
    fn from(stats: StatsDocument) -> Self {
        let StatsDocument { read, invalid, duplicate, people, tests } = stats;
        Self { read, invalid, duplicate, people, tests }
    }
}

/// Attributes as one JSON object in their own order: segments look into it by name on either engine.
pub(super) struct Attributes(pub(super) Vec<(String, String)>);

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Attributes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Attributes(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
