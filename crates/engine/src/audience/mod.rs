//! Freezing audiences: the exact set of people that a preflight counts and a launch sends to.
//!
//! Owns the reading of an audience's source and the rule of who is in it how often. Invariants: a frozen audience
//! never changes; rows keep the order of their source, test numbers first; memory holds a few chunks and, for files,
//! sixteen bytes per phone.

mod freeze;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use domain::control::{
    Audience, AudienceRow, AudienceSource, AudienceStats, Campaign, Contact, ContactFilter, Control,
    ImportMapping,
};
use domain::ids::{AccountId, AudienceId, ImportId};
use domain::phone::{Country, Phone};
use domain::template::Template;
use tokio::sync::mpsc;

use crate::Engine;
use crate::campaign::CampaignTrouble;
use crate::import::{ImportError, MAX_ROWS, is_header, phone_place, read_rows, sniff};
use freeze::Freezer;

/// Contacts per page.
const CONTACTS_PER_PAGE: u32 = 5_000;
/// Chunks per transaction: ten thousand rows, a few megabytes.
const CHUNKS_PER_WRITE: usize = 10;
/// Writes that may wait between the reader of a file and the database.
const WRITES_WAITING: usize = 2;

/// A frozen audience and what only its making knew.
pub(crate) struct Frozen {
    pub audience: Audience,
    /// Phones that are in it more than once.
    pub repeated: HashSet<u64>,
}

/// Chunks in order, then the counts.
enum Piece {
    Chunks(Vec<Vec<AudienceRow>>),
    End(Vec<Vec<AudienceRow>>, AudienceStats, HashSet<u64>),
}

impl Engine {
    /// Freezes a campaign's audience; `frozen_rows` hears how many people are in so far.
    ///
    /// # Errors
    /// When the source cannot be read or the disk is full; nothing usable is left behind then.
    pub(crate) async fn freeze_audience(
        &self,
        campaign: &Campaign,
        template: &Template,
        frozen_rows: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Frozen, CampaignTrouble> {
        let columns = columns_of(campaign, template);
        let audience = Audience {
            id: AudienceId::from(self.ids.fresh(self.clock.now())),
            account: campaign.account,
            campaign: campaign.id,
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            stats: AudienceStats::default(),
            chunks: 0,
            checksum: None,
        };
        self.control.begin_audience(&audience).await?;
        let (sender, pieces) = mpsc::channel(WRITES_WAITING);
        let reading = self.read_source(campaign, columns, sender);
        let writing = self.write_pieces(campaign.account, audience.id, pieces, frozen_rows);
        match futures::future::join(reading, writing).await {
            (Ok(()), Ok(frozen)) => Ok(frozen),
            // The reader's error is the cause when both fail: the writer then only found nobody sending.
            (Err(error), _) | (Ok(()), Err(error)) => {
                self.control.drop_audience(campaign.account, audience.id).await?;
                Err(error)
            }
        }
    }

    async fn write_pieces(
        &self,
        account: AccountId,
        audience: AudienceId,
        mut pieces: mpsc::Receiver<Result<Piece, CampaignTrouble>>,
        frozen_rows: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Frozen, CampaignTrouble> {
        let (mut next, mut rows) = (0, 0);
        while let Some(piece) = pieces.recv().await {
            let (chunks, end) = match piece? {
                Piece::Chunks(chunks) => (chunks, None),
                Piece::End(chunks, stats, repeated) => (chunks, Some((stats, repeated))),
            };
            rows += chunks.iter().map(Vec::len).sum::<usize>() as u64;
            let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
            if count > 0 {
                self.control.append_chunks(account, audience, next, chunks).await?;
                next += count;
                frozen_rows(rows);
            }
            if let Some((stats, repeated)) = end {
                let audience = self.control.finish_audience(account, audience, stats).await?;
                return Ok(Frozen { audience, repeated });
            }
            if self.stop.is_cancelled() {
                break;
            }
        }
        Err(CampaignTrouble::Interrupted)
    }

    async fn read_source(
        &self,
        campaign: &Campaign,
        columns: Vec<Column>,
        pieces: mpsc::Sender<Result<Piece, CampaignTrouble>>,
    ) -> Result<(), CampaignTrouble> {
        let tests = campaign.test_numbers.clone();
        match &campaign.audience {
            AudienceSource::File { upload, mapping } => {
                let file = FileSource {
                    control: Arc::clone(&self.control),
                    account: campaign.account,
                    upload: *upload,
                    country: self.settings.country,
                    phone: phone_place(mapping)?,
                    columns,
                };
                let freezer = Freezer::new(tests, false);
                let reading = tokio::task::spawn_blocking(move || {
                    if let Err(error) = file.read(freezer, &pieces) {
                        // Nobody listening is no news: the writer has its own error then.
                        let _ = pieces.blocking_send(Err(error.into()));
                    }
                });
                reading.await.map_err(|_| CampaignTrouble::Interrupted)
            }
            AudienceSource::Tags(tags) => {
                self.read_contacts(campaign.account, tags.clone(), tests, columns, pieces).await
            }
            AudienceSource::All => {
                self.read_contacts(campaign.account, Vec::new(), tests, columns, pieces).await
            }
        }
    }

    async fn read_contacts(
        &self,
        account: AccountId,
        tags: Vec<String>,
        tests: Vec<Phone>,
        columns: Vec<Column>,
        pieces: mpsc::Sender<Result<Piece, CampaignTrouble>>,
    ) -> Result<(), CampaignTrouble> {
        let mut freezer = Freezer::new(tests, true);
        let mut filter = ContactFilter { tags, phone: None, after: None };
        loop {
            let page = self.control.contacts(account, &filter, CONTACTS_PER_PAGE).await?;
            let Some(last) = page.last() else { break };
            filter.after = Some(last.id);
            for contact in page {
                let values = columns.iter().map(|column| attribute(&contact, &column.name)).collect();
                freezer.push(Some(contact.id), contact.phone, values);
            }
            if pieces.send(Ok(Piece::Chunks(freezer.full_chunks()))).await.is_err() {
                return Ok(());
            }
        }
        let (chunks, stats, repeated) = freezer.finish();
        // Nobody listening is no news: the writer has its own error then.
        let _ = pieces.send(Ok(Piece::End(chunks, stats, repeated))).await;
        Ok(())
    }
}

/// A variable that rows carry a value for.
struct Column {
    name: String,
    /// Its place in the file.
    place: usize,
}

/// The template's variables that the source has; a variable with a default may have no column.
fn columns_of(campaign: &Campaign, template: &Template) -> Vec<Column> {
    let places: HashMap<&str, usize> = match &campaign.audience {
        AudienceSource::File { mapping, .. } => places(mapping),
        AudienceSource::Tags(_) | AudienceSource::All => {
            return template.variables().map(|name| Column { name: name.to_owned(), place: 0 }).collect();
        }
    };
    template
        .variables()
        .filter_map(|name| places.get(name).map(|place| Column { name: name.to_owned(), place: *place }))
        .collect()
}

fn places(mapping: &ImportMapping) -> HashMap<&str, usize> {
    let columns = mapping.columns.iter().enumerate();
    columns
        .filter(|(_, (_, becomes))| *becomes != domain::control::ColumnUse::Ignore)
        .map(|(place, (name, _))| (name.as_str(), place))
        .collect()
}

fn attribute(contact: &Contact, name: &str) -> String {
    let mut attributes = contact.personal.iter().chain(&contact.queryable);
    attributes.find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

struct FileSource {
    control: Arc<dyn Control>,
    account: AccountId,
    upload: ImportId,
    country: Country,
    phone: usize,
    columns: Vec<Column>,
}

impl FileSource {
    fn read(
        &self,
        mut freezer: Freezer,
        pieces: &mpsc::Sender<Result<Piece, CampaignTrouble>>,
    ) -> Result<(), ImportError> {
        let mut file = self.control.open_upload(self.account, self.upload)?;
        let kind = sniff(file.as_mut())?;
        let mut waiting = Vec::new();
        let mut at_first_row = true;
        let mut rows: u64 = 0;
        read_rows(file.as_mut(), kind, &mut |row| {
            if std::mem::take(&mut at_first_row) && is_header(row, self.country) {
                return ControlFlow::Continue(());
            }
            rows += 1;
            if rows > MAX_ROWS {
                return ControlFlow::Break(());
            }
            match Phone::parse(row.cell(self.phone), self.country) {
                Ok(phone) if row.trouble.is_none() => {
                    let values = self.columns.iter().map(|column| row.cell(column.place).to_owned());
                    freezer.push(None, phone, values.collect());
                }
                _ => freezer.push_invalid(),
            }
            waiting.append(&mut freezer.full_chunks());
            if waiting.len() < CHUNKS_PER_WRITE {
                return ControlFlow::Continue(());
            }
            match pieces.blocking_send(Ok(Piece::Chunks(std::mem::take(&mut waiting)))) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        if rows > MAX_ROWS {
            return Err(ImportError::TooManyRows { limit: MAX_ROWS });
        }
        let (chunks, stats, repeated) = freezer.finish();
        waiting.extend(chunks);
        // Nobody listening is no news: the writer has its own error then.
        let _ = pieces.blocking_send(Ok(Piece::End(waiting, stats, repeated)));
        Ok(())
    }
}
