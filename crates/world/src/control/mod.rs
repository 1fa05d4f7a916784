//! The control database in memory: what of it the engine needs to send. It survives every crash, as if each write were
//! on the disk when it returns. Audiences come into it frozen. There are no contacts, imports, uploads, customers and people in the world;
//! asking for them finds nothing, and writing them is refused.

mod absent;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::control::{
    Account, Accounts, ApiKey, Audience, AudienceRow, AudienceStats, Audiences, AuditLine, Campaign,
    CampaignState, Campaigns, ChannelConfig, Channels, Conditions, Contact, ContactFilter, ContactRow,
    Contacts, ControlError, Edit, Editable, Edits, Entity, Idempotency, IdempotentStart, Import, Imports,
    PriceLine, ReadSeek, RejectedRow, RouteConfig, TemplateRecord, Templates, Uploads, Upserted,
};
use domain::ids::{AccountId, AudienceId, CampaignId, ImportId, MessageId, TemplateId};
use domain::time::Timestamp;

use crate::books::Ledgers;
use crate::cast;
use crate::faults::Fault;
use crate::model::SharedModel;
use crate::random::Random;

type Asked<T> = Result<T, ControlError>;

/// How long a repeatable request is remembered (the port's bound).
const KEY_KEPT: Duration = Duration::from_secs(86_400);

struct Request {
    body_sha256: [u8; 32],
    ids: Vec<MessageId>,
    at: Timestamp,
}

#[derive(Default)]
struct Tables {
    campaigns: BTreeMap<CampaignId, Campaign>,
    settings: BTreeMap<String, String>,
    requests: BTreeMap<(AccountId, String), Request>,
    audiences: BTreeMap<AudienceId, (Audience, Vec<Vec<AudienceRow>>)>,
}

/// [`domain::control::Control`] without a disk.
pub(crate) struct MemoryControl {
    tables: Mutex<Tables>,
    books: Mutex<Ledgers>,
    /// Held by whoever posts.
    pub(crate) duty: Arc<tokio::sync::Mutex<()>>,
    pub(crate) fault: Fault,
    random: Mutex<Random>,
    pub(crate) model: SharedModel,
}

impl MemoryControl {
    pub(crate) fn new(fault: Fault, random: Random, model: SharedModel) -> Self {
        Self {
            tables: Mutex::default(),
            books: Mutex::default(),
            duty: Arc::default(),
            fault,
            random: Mutex::new(random),
            model,
        }
    }

    /// What others do meanwhile.
    pub(crate) async fn linger(&self) {
        let turns = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            match random.below(100) {
                0..75 => 0,
                75..98 => random.between(1, 12),
                // So slow that others read, change and write meanwhile.
                _ => random.between(40, 400),
            }
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Adds an audience with its chunks.
    pub(crate) fn put_audience(&self, audience: Audience, chunks: Vec<Vec<AudienceRow>>) {
        self.tables().audiences.insert(audience.id, (audience, chunks));
    }

    pub(crate) fn settings<T>(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        change(&mut self.tables().settings)
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Ledgers> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn not_here<T>() -> Asked<T> {
    Err(ControlError::Unavailable("this is not part of the simulated world".to_owned()))
}

#[async_trait]
impl Accounts for MemoryControl {
    async fn accounts(&self) -> Asked<Vec<Account>> {
        Ok((1..=cast::ACCOUNTS).map(cast::account).collect())
    }
    async fn account(&self, id: AccountId) -> Asked<Option<Account>> {
        Ok((1..=cast::ACCOUNTS).contains(&id.raw()).then(|| cast::account(id.raw())))
    }
    async fn entities(&self) -> Asked<Vec<Entity>> {
        Ok(Vec::new())
    }
    async fn add_account(&self, _: &Account, _: &Entity, _: &ApiKey) -> Asked<()> {
        not_here()
    }
    async fn add_key(&self, _: &ApiKey) -> Asked<()> {
        not_here()
    }
    async fn key(&self, _: &[u8; 32]) -> Asked<Option<ApiKey>> {
        Ok(None)
    }
}

#[async_trait]
impl Channels for MemoryControl {
    async fn channels(&self) -> Asked<Vec<ChannelConfig>> {
        Ok((1..=cast::CHANNELS).map(cast::channel).collect())
    }
    async fn put_channel(&self, _: &ChannelConfig) -> Asked<()> {
        not_here()
    }
    async fn routes(&self) -> Asked<Vec<RouteConfig>> {
        Ok(vec![cast::route(), cast::second_route()])
    }
    async fn put_route(&self, _: &RouteConfig) -> Asked<()> {
        not_here()
    }
    async fn prices(&self, account: AccountId) -> Asked<Vec<PriceLine>> {
        Ok(cast::prices(account))
    }
    async fn put_prices(&self, _: AccountId, _: &[PriceLine]) -> Asked<()> {
        not_here()
    }
    async fn setting(&self, name: &str) -> Asked<Option<String>> {
        Ok(self.tables().settings.get(name).cloned())
    }
    async fn put_setting(&self, name: &str, value: &str) -> Asked<()> {
        self.tables().settings.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}

/// Nobody asks what happened to the channels of a simulated world: the health of each node is looked at itself.
#[async_trait]
impl Edits for MemoryControl {
    async fn edition(&self, _: Editable) -> Asked<u64> {
        not_here()
    }
    async fn edit(&self, edit: Edit<'_>, _: Conditions<'_>) -> Asked<bool> {
        match edit {
            Edit::AddCampaign(campaign) => self.add_campaign(campaign).await?,
            Edit::ChangeCampaign(campaign, now) => self.update_campaign(&mut campaign.clone(), now).await?,
            _ => not_here()?,
        }
        Ok(true)
    }
}

#[async_trait]
impl Campaigns for MemoryControl {
    async fn add_campaign(&self, campaign: &Campaign) -> Asked<()> {
        self.tables().campaigns.insert(campaign.id, campaign.clone());
        Ok(())
    }
    async fn update_campaign(&self, campaign: &mut Campaign, _: Timestamp) -> Asked<()> {
        self.linger().await;
        {
            let mut tables = self.tables();
            let known = tables.campaigns.get_mut(&campaign.id);
            let known = known.filter(|known| known.version == campaign.version);
            let known = known.ok_or(ControlError::Changed("campaign"))?;
            self.model.lock().canary_changed(known, campaign);
            campaign.version += 1;
            known.clone_from(campaign);
        }
        self.linger().await;
        Ok(())
    }
    async fn campaign(&self, account: AccountId, id: CampaignId) -> Asked<Option<Campaign>> {
        self.linger().await;
        let found = self.tables().campaigns.get(&id).filter(|campaign| campaign.account == account).cloned();
        self.linger().await;
        Ok(found.map(|campaign| self.fault.read(campaign)))
    }
    async fn campaigns(
        &self,
        account: AccountId,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Asked<Vec<Campaign>> {
        let tables = self.tables();
        let newest = tables.campaigns.values().rev().filter(|campaign| campaign.account == account);
        let page = newest.filter(|campaign| before.is_none_or(|before| campaign.id < before));
        Ok(page.take(limit as usize).cloned().collect())
    }
    async fn add_resend(&self, _: &Campaign, _: &mut Campaign, _: Option<&AuditLine>) -> Asked<()> {
        not_here()
    }
    async fn resends(&self, _: AccountId, _: CampaignId) -> Asked<Vec<Campaign>> {
        Ok(Vec::new())
    }
    async fn campaigns_in(&self, states: &[CampaignState]) -> Asked<Vec<Campaign>> {
        let tables = self.tables();
        let found = tables.campaigns.values().filter(|campaign| states.contains(&campaign.state));
        Ok(found.cloned().map(|campaign| self.fault.listed(campaign)).collect())
    }
}

#[async_trait]
impl Idempotency for MemoryControl {
    async fn begin_idempotent(
        &self,
        account: AccountId,
        key: &str,
        body_sha256: [u8; 32],
        ids: &[MessageId],
        now: Timestamp,
    ) -> Asked<IdempotentStart> {
        let mut tables = self.tables();
        let place = (account, key.to_owned());
        match tables.requests.get(&place).filter(|request| now.since(request.at) < KEY_KEPT) {
            Some(request) if request.body_sha256 == body_sha256 => {
                Ok(IdempotentStart::Replay(request.ids.clone()))
            }
            Some(_) => Ok(IdempotentStart::Mismatch),
            None => {
                tables.requests.insert(place, Request { body_sha256, ids: ids.to_vec(), at: now });
                Ok(IdempotentStart::Fresh)
            }
        }
    }
    async fn expire_idempotent(&self, now: Timestamp) -> Asked<u64> {
        let mut tables = self.tables();
        let before = tables.requests.len();
        tables.requests.retain(|_, request| now.since(request.at) < KEY_KEPT);
        Ok((before - tables.requests.len()) as u64)
    }
}

#[async_trait]
impl Contacts for MemoryControl {
    async fn upsert_contacts(
        &self,
        _: AccountId,
        _: Option<ImportId>,
        _: Vec<ContactRow>,
        _: Timestamp,
    ) -> Asked<Upserted> {
        not_here()
    }
    async fn contacts(&self, _: AccountId, _: &ContactFilter, _: u32) -> Asked<Vec<Contact>> {
        Ok(Vec::new())
    }
    async fn count_contacts(&self, _: AccountId) -> Asked<u64> {
        Ok(0)
    }
    async fn tags(&self, _: AccountId) -> Asked<Vec<(String, u64)>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Audiences for MemoryControl {
    async fn begin_audience(&self, _: &Audience) -> Asked<()> {
        not_here()
    }
    async fn append_chunks(
        &self,
        _: AccountId,
        _: AudienceId,
        _: u32,
        _: Vec<Vec<AudienceRow>>,
    ) -> Asked<()> {
        not_here()
    }
    async fn finish_audience(&self, _: AccountId, _: AudienceId, _: AudienceStats) -> Asked<Audience> {
        not_here()
    }
    async fn audience(&self, account: AccountId, id: AudienceId) -> Asked<Option<Audience>> {
        let tables = self.tables();
        let found = tables.audiences.get(&id).map(|(audience, _)| audience);
        Ok(found.filter(|audience| audience.account == account).cloned())
    }
    async fn chunk(&self, _: AccountId, id: AudienceId, number: u32) -> Asked<Option<Vec<AudienceRow>>> {
        let tables = self.tables();
        Ok(tables.audiences.get(&id).and_then(|(_, chunks)| chunks.get(number as usize)).cloned())
    }
    async fn forgotten_audiences(&self, _: Timestamp, _: u64) -> Asked<Vec<(AccountId, AudienceId)>> {
        Ok(Vec::new())
    }
    async fn drop_audience(&self, _: AccountId, _: AudienceId) -> Asked<()> {
        Ok(())
    }
}

#[async_trait]
impl Imports for MemoryControl {
    async fn put_import(&self, _: &Import) -> Asked<()> {
        not_here()
    }
    async fn import(&self, _: AccountId, _: ImportId) -> Asked<Option<Import>> {
        Ok(None)
    }
    async fn imports(&self, _: AccountId, _: u32) -> Asked<Vec<Import>> {
        Ok(Vec::new())
    }
    async fn add_rejected(&self, _: AccountId, _: ImportId, _: Vec<RejectedRow>) -> Asked<()> {
        not_here()
    }
    async fn rejected(&self, _: AccountId, _: ImportId, _: u64, _: u32) -> Asked<Vec<RejectedRow>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Templates for MemoryControl {
    async fn add_template(&self, _: &TemplateRecord) -> Asked<()> {
        not_here()
    }
    async fn template(&self, _: AccountId, _: TemplateId) -> Asked<Option<TemplateRecord>> {
        Ok(None)
    }
    async fn templates(&self, _: AccountId, _: u32) -> Asked<Vec<TemplateRecord>> {
        Ok(Vec::new())
    }
}

impl Uploads for MemoryControl {
    fn create_upload(&self, _: AccountId, _: ImportId) -> io::Result<Box<dyn Write + Send>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn open_upload(&self, _: AccountId, _: ImportId) -> io::Result<Box<dyn ReadSeek>> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn expire_uploads(&self, _: Timestamp) -> io::Result<u64> {
        Ok(0)
    }
}
