//! What a simulated world has nothing of: nobody signs in, connects from outside, exports, or looks at what channels went through.

use async_trait::async_trait;
use domain::access::{Failures, Locked};
use domain::control::{
    Access, AccessChange, AuditFilter, AuditLine, ChannelTurn, ChannelTurns, CustomRole, Customers, Document,
    DocumentMark, Documents, Export, Exports, ImportSource, KeyGrant, OneTimeLink, Session, SourceMemory,
    SourceRun, Sources, Tenant, User, Uses,
};
use domain::downstream::Customer;
use domain::ids::{AccountId, ChannelId, CustomerId, ExportId, KeyId, SourceId, TurnId, UserId};
use domain::time::Timestamp;

use super::{Asked, MemoryControl, not_here};

#[async_trait]
impl Access for MemoryControl {
    async fn tenants(&self) -> Asked<Vec<Tenant>> {
        Ok(Vec::new())
    }
    async fn tenant(&self, _: AccountId) -> Asked<Option<Tenant>> {
        Ok(None)
    }
    async fn bearer_key(&self, _: &[u8; 32]) -> Asked<Option<KeyGrant>> {
        Ok(None)
    }
    async fn signing_key(&self, _: KeyId) -> Asked<Option<KeyGrant>> {
        Ok(None)
    }
    async fn keys(&self, _: AccountId, _: Option<KeyId>, _: u32) -> Asked<Vec<KeyGrant>> {
        Ok(Vec::new())
    }
    async fn users(&self, _: AccountId, _: Option<UserId>, _: u32) -> Asked<Vec<User>> {
        Ok(Vec::new())
    }
    async fn user(&self, _: AccountId, _: UserId) -> Asked<Option<User>> {
        Ok(None)
    }
    async fn user_by_login(&self, _: &str) -> Asked<Option<User>> {
        Ok(None)
    }
    async fn session(&self, _: &[u8; 32]) -> Asked<Option<Session>> {
        Ok(None)
    }
    async fn roles(&self, _: AccountId) -> Asked<Vec<CustomRole>> {
        Ok(Vec::new())
    }
    async fn link(&self, _: &[u8; 32]) -> Asked<Option<OneTimeLink>> {
        Ok(None)
    }
    async fn change_access(&self, _: &[AccessChange], _: &AuditLine) -> Asked<()> {
        not_here()
    }
    async fn log(&self, _: &[AuditLine]) -> Asked<()> {
        not_here()
    }
    async fn audit_log(&self, _: &AuditFilter, _: u32) -> Asked<Vec<AuditLine>> {
        Ok(Vec::new())
    }
    async fn attempt(&self, _: &str, _: Timestamp) -> Asked<Result<Failures, Locked>> {
        not_here()
    }
    async fn note_uses(&self, _: &Uses) -> Asked<()> {
        not_here()
    }
    async fn expire_access(&self, _: Timestamp) -> Asked<u64> {
        Ok(0)
    }
    fn random(&self, _: &mut [u8]) -> Asked<()> {
        not_here()
    }
}

#[async_trait]
impl ChannelTurns for MemoryControl {
    async fn add_turns(&self, _: &[ChannelTurn], _: Timestamp) -> Asked<()> {
        Ok(())
    }
    async fn turns(&self, _: ChannelId, _: Option<TurnId>, _: u32) -> Asked<Vec<ChannelTurn>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Documents for MemoryControl {
    async fn document_mark(&self, _: &str) -> Asked<Option<DocumentMark>> {
        Ok(None)
    }
    async fn document(&self, _: &str) -> Asked<Option<Document>> {
        Ok(None)
    }
    async fn put_document(&self, _: &str, _: &[u8], _: Timestamp) -> Asked<DocumentMark> {
        not_here()
    }
}

#[async_trait]
impl Customers for MemoryControl {
    async fn customers(&self) -> Asked<Vec<Customer>> {
        Ok(Vec::new())
    }
    async fn put_customer(&self, _: &Customer) -> Asked<()> {
        not_here()
    }
    async fn delete_customer(&self, _: CustomerId) -> Asked<bool> {
        not_here()
    }
}

#[async_trait]
impl Exports for MemoryControl {
    async fn put_export(&self, _: &Export) -> Asked<()> {
        not_here()
    }
    async fn export(&self, _: AccountId, _: ExportId) -> Asked<Option<Export>> {
        Ok(None)
    }
    async fn exports(&self, _: AccountId, _: u32) -> Asked<Vec<Export>> {
        Ok(Vec::new())
    }
    async fn unfinished_exports(&self, _: u32) -> Asked<Vec<Export>> {
        Ok(Vec::new())
    }
    async fn expire_exports(&self, _: Timestamp) -> Asked<u64> {
        Ok(0)
    }
}

#[async_trait]
impl Sources for MemoryControl {
    async fn sources(&self, _: AccountId) -> Asked<Vec<ImportSource>> {
        Ok(Vec::new())
    }
    async fn source(&self, _: AccountId, _: SourceId) -> Asked<Option<ImportSource>> {
        Ok(None)
    }
    async fn due_sources(&self, _: Timestamp, _: u32) -> Asked<Vec<ImportSource>> {
        Ok(Vec::new())
    }
    async fn source_memory(&self, _: SourceId) -> Asked<SourceMemory> {
        Ok(SourceMemory::default())
    }
    async fn begin_due(&self, _: &SourceRun, _: Timestamp, _: Option<Timestamp>) -> Asked<bool> {
        not_here()
    }
    async fn put_run(&self, _: &SourceRun, _: Option<&SourceMemory>) -> Asked<()> {
        not_here()
    }
    async fn unfinished_runs(&self, _: u32) -> Asked<Vec<SourceRun>> {
        Ok(Vec::new())
    }
    async fn runs(&self, _: AccountId, _: SourceId, _: u32) -> Asked<Vec<SourceRun>> {
        Ok(Vec::new())
    }
    async fn expire_runs(&self, _: Timestamp) -> Asked<u64> {
        Ok(0)
    }
}
