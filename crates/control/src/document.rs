//! The documents that rows hold as JSON: written by hand, so that a change in the domain is a compile error here and
//! never a silent change of what is stored. Words are those of the glossary.

use domain::control::{
    AudienceSource, AudienceStats, ColumnUse, ControlError, ImportMapping, Pick, RouteConfig, RouteScope,
    RouteStep,
};
use domain::ids::{AccountId, ChannelId, ImportId, RouteId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::{Carrier, Country};
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

/// What a route holds besides its number and name. The first releases wrote the bare list of its steps.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum RouteDocument {
    Steps(Vec<Vec<(u16, u16)>>),
    Whole {
        steps: Vec<StepDocument>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ceiling: Option<i64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accounts: Vec<i64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        categories: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        carriers: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        countries: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signatures: Vec<String>,
    },
}

/// One step: pairs of channel and weight, and how they are picked.
#[derive(Serialize, Deserialize)]
pub(super) struct StepDocument {
    channels: Vec<(u16, u16)>,
    pick: String,
    #[serde(default)]
    above_ceiling: bool,
}

impl RouteDocument {
    pub(super) fn of(route: &RouteConfig) -> Self {
        let RouteConfig { steps, scope, ceiling, .. } = route;
        let step = |step: &RouteStep| StepDocument {
            channels: step.channels.iter().map(|(channel, weight)| (channel.0, *weight)).collect(),
            pick: step.pick.word().to_owned(),
            above_ceiling: step.above_ceiling,
        };
        Self::Whole {
            steps: steps.iter().map(step).collect(),
            ceiling: ceiling.map(Money::micros),
            accounts: scope.accounts.iter().map(|account| account.raw()).collect(),
            categories: scope.categories.iter().map(|category| category.word().to_owned()).collect(),
            carriers: scope.carriers.iter().map(|carrier| carrier.as_str().to_owned()).collect(),
            countries: scope.countries.iter().map(|country| country.code().to_owned()).collect(),
            signatures: scope.signatures.clone(),
        }
    }

    pub(super) fn read(
        self,
        id: RouteId,
        name: String,
        reading: Reading,
    ) -> Result<RouteConfig, ControlError> {
        let weighted = |pairs: Vec<(u16, u16)>| -> Vec<(ChannelId, u16)> {
            pairs.into_iter().map(|(channel, weight)| (ChannelId(channel), weight)).collect()
        };
        let (steps, ceiling, accounts, categories, carriers, countries, signatures) = match self {
            Self::Steps(steps) => {
                let steps = steps.into_iter().map(|pairs| RouteStep::by_weight(weighted(pairs)));
                return Ok(RouteConfig::for_all(id, name, steps.collect()));
            }
            Self::Whole { steps, ceiling, accounts, categories, carriers, countries, signatures } => {
                (steps, ceiling, accounts, categories, carriers, countries, signatures)
            }
        };
        let step = |step: StepDocument| {
            Ok(RouteStep {
                channels: weighted(step.channels),
                pick: reading.word("steps", &step.pick, Pick::from_word)?,
                above_ceiling: step.above_ceiling,
            })
        };
        fn all<T>(
            reading: Reading,
            words: &[String],
            read: fn(&str) -> Option<T>,
        ) -> Result<Vec<T>, ControlError> {
            words.iter().map(|word| reading.word("steps", word, read)).collect()
        }
        Ok(RouteConfig {
            id,
            name,
            steps: steps.into_iter().map(step).collect::<Result<_, ControlError>>()?,
            scope: RouteScope {
                accounts: accounts.into_iter().map(AccountId::from_raw).collect(),
                categories: all(reading, &categories, Category::from_word)?,
                carriers: all(reading, &carriers, Carrier::from_word)?,
                countries: all(reading, &countries, Country::from_code)?,
                signatures,
            },
            ceiling: ceiling.map(Money::from_micros),
        })
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
