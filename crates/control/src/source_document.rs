//! What people set of a source, as it is sealed.

use domain::control::{ControlError, ImportSource, Secret, SourcePlace};
use domain::ids::{AccountId, SourceId};
use domain::policy::{LegalBasis, Zone};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::MappingDocument;
use super::reading::Reading;

#[derive(Serialize, Deserialize)]
pub(super) struct SourceDocument {
    name: String,
    place: PlaceDocument,
    schedule: String,
    zone: String,
    mapping: MappingDocument,
    tags: Vec<String>,
    origin: String,
    basis: Option<String>,
    enabled: bool,
    created_at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum PlaceDocument {
    Http {
        url: String,
        authorization: Option<String>,
    },
    S3 {
        endpoint: String,
        region: String,
        bucket: String,
        object: String,
        key_id: String,
        secret: String,
    },
    Postgres {
        host: String,
        port: u16,
        database: String,
        user: String,
        password: String,
        tls: bool,
        query: String,
    },
}

impl SourceDocument {
    pub(super) fn of(source: &ImportSource) -> Self {
        Self {
            name: source.name.clone(),
            place: PlaceDocument::of(&source.place),
            schedule: source.schedule.clone(),
            zone: source.zone.name().to_owned(),
            mapping: MappingDocument::of(&source.mapping),
            tags: source.tags.clone(),
            origin: source.origin.clone(),
            basis: source.basis.map(|basis| basis.word().to_owned()),
            enabled: source.enabled,
            created_at: source.created_at.millis(),
        }
    }

    pub(super) fn read(
        self,
        reading: Reading,
        (id, account): (SourceId, AccountId),
        next_at: Option<Timestamp>,
    ) -> Result<ImportSource, ControlError> {
        let basis = self.basis.map(|word| reading.word("sealed", &word, LegalBasis::from_word));
        Ok(ImportSource {
            id,
            account,
            name: self.name,
            place: self.place.read(),
            schedule: self.schedule,
            zone: Zone::named(&self.zone).map_err(|_| reading.odd("sealed"))?,
            mapping: self.mapping.read(reading)?,
            tags: self.tags,
            origin: self.origin,
            basis: basis.transpose()?,
            enabled: self.enabled,
            created_at: Timestamp::from_millis(self.created_at),
            next_at,
        })
    }
}

impl PlaceDocument {
    fn of(place: &SourcePlace) -> Self {
        match place.clone() {
            SourcePlace::Http { url, authorization } => {
                Self::Http { url, authorization: authorization.map(|secret| secret.0) }
            }
            SourcePlace::S3 { endpoint, region, bucket, object, key_id, secret } => {
                Self::S3 { endpoint, region, bucket, object, key_id, secret: secret.0 }
            }
            SourcePlace::Postgres { host, port, database, user, password, tls, query } => {
                Self::Postgres { host, port, database, user, password: password.0, tls, query }
            }
        }
    }

    fn read(self) -> SourcePlace {
        match self {
            Self::Http { url, authorization } => {
                SourcePlace::Http { url, authorization: authorization.map(Secret) }
            }
            Self::S3 { endpoint, region, bucket, object, key_id, secret } => {
                SourcePlace::S3 { endpoint, region, bucket, object, key_id, secret: Secret(secret) }
            }
            Self::Postgres { host, port, database, user, password, tls, query } => {
                SourcePlace::Postgres { host, port, database, user, password: Secret(password), tls, query }
            }
        }
    }
}
