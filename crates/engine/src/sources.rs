//! When sources of contacts are fetched: by the node that keeps the house. What they are, crate `feeds` knows; what comes
//! in takes the way of any upload.

use std::sync::Arc;

use async_trait::async_trait;
use domain::control::{Import, ImportMapping, ImportSource, ImportState, Pieces};
use domain::ids::{AccountId, ImportId};
use domain::nodes::Duty;
use domain::text::Bilingual;
use feeds::{Feeds, Fetchers, Intake, StoredFile};
use futures::stream;

use crate::Engine;
use crate::import::{ImportError, ImportOrder};

/// The engine as it takes files in.
struct Imports(Arc<Engine>);

impl Engine {
    /// Places that contacts are fetched from.
    #[must_use]
    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// Starts what fetches; it ends with the engine.
    pub fn start_feeds_over(self: &Arc<Self>, fetchers: Fetchers) {
        self.feeds.set_fetchers(fetchers);
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            let intake = Imports(Arc::clone(&engine));
            let may_go_on = || engine.may_fetch();
            let serving = engine.feeds.serve(&intake, &may_go_on);
            engine.stop.run_until_cancelled(serving).await;
        });
    }

    /// Fetches what is due now, each to its end.
    pub async fn run_feeds(self: &Arc<Self>) {
        self.feeds.run_due(&Imports(Arc::clone(self)), &|| self.may_fetch()).await;
    }

    fn may_fetch(&self) -> bool {
        !self.stop.is_cancelled() && !self.is_draining() && self.node.holds(Duty::Housekeeping)
    }
}

#[async_trait]
impl Intake for Imports {
    async fn store(
        &self,
        account: AccountId,
        name: &str,
        body: Box<dyn Pieces>,
    ) -> Result<StoredFile, Bilingual> {
        let pieces = stream::try_unfold(body, |mut body| async move {
            let piece = body.next().await?;
            Ok(piece.map(|piece| (piece, body)))
        });
        let stored = self.0.upload(account, name, pieces).await;
        let (import, _) = stored.map_err(|error| error.explain())?;
        Ok(StoredFile { id: import.id, bytes: import.bytes, proposed: import.mapping })
    }

    async fn import(
        &self,
        source: &ImportSource,
        id: ImportId,
        mapping: ImportMapping,
    ) -> Result<Import, Bilingual> {
        let order = ImportOrder {
            mapping,
            tags: source.tags.clone(),
            source: source.origin.clone(),
            basis: source.basis,
        };
        self.import_to_end(source.account, id, order).await.map_err(|error| error.explain())
    }
}

impl Imports {
    async fn import_to_end(
        &self,
        account: AccountId,
        id: ImportId,
        order: ImportOrder,
    ) -> Result<Import, ImportError> {
        self.0.start_import(account, id, order).await?;
        if let Some(mut progress) = self.0.import_progress(id) {
            let is_over = |state| matches!(state, ImportState::Finished | ImportState::Failed);
            // An error is the end of whoever told; what it came to is read below.
            let _ = progress.wait_for(|progress| is_over(progress.state)).await;
        }
        self.0.control.import(account, id).await?.ok_or(ImportError::NoSuchFile)
    }
}
