//! Running an import: one blocking task reads and maps, one async task makes durable, a bounded queue between them.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::control::{
    ContactRow, Control, ControlError, Import, ImportCounts, ImportMapping, ImportState, ReadSeek,
    RejectedRow,
};
use domain::ids::{AccountId, EntityId, ImportId, PartitionId};
use domain::ledger::ConsentGrant;
use domain::nodes::{Lease, LeaseName};
use domain::policy::{Consented, LegalBasis};
use tokio::sync::{mpsc, watch};

use super::map::{Mapped, Mapper};
use super::{ImportError, MAX_ROWS, read_rows};
use crate::Engine;
use sheets::{SheetError, sniff};

/// Rows of one window. The store writes a window in the order of its phones' indexes, which are random: the more rows
/// there are, the more of them share a page, so that fewer pages are written for each.
const WINDOW_ROWS: u64 = 40_000;
/// What the rows of one window may weigh, in bytes of memory, about: three windows are in memory at a time, one
/// each being read, waiting and being written.
const WINDOW_BYTES: usize = 28 << 20;
/// Windows that may wait to be written, besides the one that is being read.
const WINDOWS_WAITING: usize = 1;
/// Imports looked at per account when the program starts.
const IMPORTS_LOOKED_AT: u32 = 1_000;

/// What the user decided about a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportOrder {
    /// What each column becomes.
    pub mapping: ImportMapping,
    /// Given to every row.
    pub tags: Vec<String>,
    /// Where the list came from.
    pub source: String,
    /// The legal ground on which marketing may be sent to these people; none records no consent.
    pub basis: Option<LegalBasis>,
}

/// How far an import is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImportProgress {
    /// Where it is.
    pub state: ImportState,
    /// What became of the rows so far.
    pub counts: ImportCounts,
    /// Bytes of the file behind us, and in all.
    pub bytes_read: u64,
    /// The size of the file.
    pub bytes: u64,
}

/// Imports that this process is running, for those who watch.
#[derive(Default)]
pub(crate) struct RunningImports(Mutex<HashMap<ImportId, watch::Receiver<ImportProgress>>>);

impl RunningImports {
    fn change<T>(
        &self,
        with: impl FnOnce(&mut HashMap<ImportId, watch::Receiver<ImportProgress>>) -> T,
    ) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn count(&self) -> usize {
        self.change(|running| running.len())
    }
}

/// Rows on their way from the reader to the writer.
#[derive(Default)]
struct Window {
    contacts: Vec<ContactRow>,
    rejected: Vec<RejectedRow>,
    counts: ImportCounts,
    bytes: usize,
}

impl Engine {
    /// Begins to import an uploaded file; returns when the order is durable. Progress is watched by
    /// [`Engine::import_progress`].
    ///
    /// # Errors
    /// [`ImportError::NoSuchFile`], [`ImportError::AlreadyStarted`], or a mapping that cannot be.
    pub async fn start_import(
        self: &Arc<Self>,
        account: AccountId,
        id: ImportId,
        order: ImportOrder,
    ) -> Result<Import, ImportError> {
        let mut import = self.control.import(account, id).await?.ok_or(ImportError::NoSuchFile)?;
        // One that is said to run, but not here, could not record its end (a full disk): it may be started again.
        if import.state == ImportState::Finished {
            return Err(ImportError::AlreadyStarted { state: import.state.word() });
        }
        let mapper = Mapper::new(&order.mapping, &order.tags, self.settings.country)?;
        let entity = self.entity_of(account).await?;
        import.mapping = order.mapping;
        import.tags = order.tags;
        import.source = order.source;
        import.basis = order.basis;
        import.counts = ImportCounts::default();
        import.trouble = None;
        import.state = ImportState::Running;
        let (sender, receiver) = watch::channel(progress_of(&import, 0));
        let first = self.imports.change(|running| {
            let first = !running.contains_key(&id);
            running.entry(id).or_insert(receiver);
            first
        });
        if !first {
            return Err(ImportError::AlreadyStarted { state: ImportState::Running.word() });
        }
        let held = match self.hold_import(&import).await {
            Ok(held) => held,
            Err(error) => {
                self.imports.change(|running| running.remove(&id));
                return Err(error);
            }
        };
        let (engine, started) = (Arc::clone(self), import.clone());
        self.tasks.spawn(async move {
            engine.run_import(started, mapper, entity, sender).await;
            engine.let_go(held).await;
        });
        Ok(import)
    }

    /// Makes the order durable, under a lease where there are other nodes: whose import it is must be known before it is
    /// said to run, or another node would call it interrupted.
    async fn hold_import(&self, import: &Import) -> Result<Option<Lease>, ImportError> {
        let mut held = None;
        if let Some(joined) = self.node.joined() {
            if !self.node.may_act() {
                let waits = "this node cannot renew its life among the others".to_owned();
                return Err(ControlError::Unavailable(waits).into());
            }
            held = joined.take(LeaseName::Import(import.id)).await?;
            if held.is_none() {
                return Err(ImportError::AlreadyStarted { state: ImportState::Running.word() });
            }
        }
        if let Err(error) = self.control.put_import(import).await {
            self.let_go(held).await;
            return Err(error.into());
        }
        Ok(held)
    }

    async fn let_go(&self, held: Option<Lease>) {
        if let (Some(joined), Some(lease)) = (self.node.joined(), held)
            && let Err(error) = joined.port.give_back(&lease).await
        {
            tracing::warn!(%error, "the lease of an import could not be given back; it ends with this node");
        }
    }

    /// The live progress of an import that runs in this process.
    #[must_use]
    pub fn import_progress(&self, id: ImportId) -> Option<watch::Receiver<ImportProgress>> {
        self.imports.change(|running| running.get(&id).cloned())
    }

    /// After a restart, or the end of another node: what was running there is marked as failed, so that the user starts
    /// it again; what was imported before stays and is updated, not doubled.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn fail_interrupted_imports(&self) -> Result<(), ImportError> {
        for account in self.control.accounts().await? {
            for mut import in self.control.imports(account.id, IMPORTS_LOOKED_AT).await? {
                let runs_here = self.imports.change(|running| running.contains_key(&import.id));
                if import.state != ImportState::Running || runs_here {
                    continue;
                }
                let Some(joined) = self.node.joined() else {
                    self.end_import(&mut import, Err(ImportError::Interrupted)).await;
                    continue;
                };
                // One that runs is held; one that has ended since it was read is not, and says so now.
                if let Some(lease) = joined.take(LeaseName::Import(import.id)).await? {
                    let now = self.control.import(account.id, import.id).await;
                    if let Ok(Some(mut import)) = now
                        && import.state == ImportState::Running
                    {
                        self.end_import(&mut import, Err(ImportError::Interrupted)).await;
                    }
                    self.let_go(Some(lease)).await;
                }
            }
        }
        Ok(())
    }

    async fn run_import(
        &self,
        mut import: Import,
        mapper: Mapper,
        entity: EntityId,
        progress: watch::Sender<ImportProgress>,
    ) {
        let outcome = self.read_and_write(&mut import, mapper, entity, &progress).await;
        self.end_import(&mut import, outcome).await;
        progress.send_replace(progress_of(&import, import.bytes));
        self.imports.change(|running| running.remove(&import.id));
    }

    async fn end_import(&self, import: &mut Import, outcome: Result<(), ImportError>) {
        import.finished_at = Some(self.clock.now());
        import.state = ImportState::Finished;
        if let Err(error) = outcome {
            let words = error.explain();
            tracing::warn!(import = %import.id, %error, "an import failed");
            import.state = ImportState::Failed;
            import.trouble = Some(format!("{} / {}", words.zh, words.en));
        }
        if let Err(error) = self.control.put_import(import).await {
            tracing::error!(import = %import.id, %error, "the end of an import could not be recorded");
        }
    }

    async fn read_and_write(
        &self,
        import: &mut Import,
        mapper: Mapper,
        entity: EntityId,
        progress: &watch::Sender<ImportProgress>,
    ) -> Result<(), ImportError> {
        let (sender, mut windows) = mpsc::channel(WINDOWS_WAITING);
        let position = Arc::new(AtomicU64::new(0));
        let (control, account, id) = (Arc::clone(&self.control), import.account, import.id);
        let seen = Arc::clone(&position);
        let reading =
            tokio::task::spawn_blocking(move || read_file(&control, account, id, seen, mapper, &sender));
        while let Some(window) = windows.recv().await {
            let written = self.stop.run_until_cancelled(self.write_window(import, entity, window)).await;
            written.unwrap_or(Err(ImportError::Interrupted))?;
            progress.send_replace(progress_of(import, position.load(Ordering::Relaxed)));
            self.control.put_import(import).await?;
        }
        reading.await.map_err(|_| ImportError::Interrupted)?
    }

    async fn write_window(
        &self,
        import: &mut Import,
        entity: EntityId,
        window: Window,
    ) -> Result<(), ImportError> {
        let now = self.clock.now();
        let grants = import.basis.map(|basis| {
            let consent = Consented { entity, basis, since: now, until: None, withdrawn: false };
            self.by_partition(window.contacts.iter().map(|row| ConsentGrant { phone: row.phone, consent }))
        });
        let upserted = async {
            if window.contacts.is_empty() {
                return Ok(Default::default());
            }
            self.control.upsert_contacts(import.account, Some(import.id), window.contacts, now).await
        };
        let consented = futures::future::try_join_all(
            grants.into_iter().flatten().map(|(partition, grants)| self.ledger.consent(partition, grants)),
        );
        let (upserted, consented) = futures::future::join(upserted, consented).await;
        let upserted = upserted?;
        consented?;
        if !window.rejected.is_empty() {
            self.control.add_rejected(import.account, import.id, window.rejected).await?;
        }
        let counts = &mut import.counts;
        counts.new += upserted.new;
        counts.updated += upserted.updated;
        counts.read += window.counts.read;
        counts.duplicate += window.counts.duplicate;
        counts.invalid += window.counts.invalid;
        Ok(())
    }

    fn by_partition(
        &self,
        grants: impl Iterator<Item = ConsentGrant>,
    ) -> HashMap<PartitionId, Vec<ConsentGrant>> {
        let map = self.ledger.partitions();
        let mut parted: HashMap<PartitionId, Vec<ConsentGrant>> = HashMap::new();
        for grant in grants {
            parted.entry(map.of(grant.phone.slot())).or_default().push(grant);
        }
        parted
    }
}

fn progress_of(import: &Import, bytes_read: u64) -> ImportProgress {
    ImportProgress { state: import.state, counts: import.counts, bytes_read, bytes: import.bytes }
}

fn read_file(
    control: &Arc<dyn Control>,
    account: AccountId,
    id: ImportId,
    position: Arc<AtomicU64>,
    mut mapper: Mapper,
    windows: &mpsc::Sender<Window>,
) -> Result<(), ImportError> {
    let mut file = Watched { file: control.open_upload(account, id)?, position };
    let kind = sniff(&mut file)?;
    let mut window = Window::default();
    let mut total: u64 = 0;
    read_rows(&mut file, kind, &mut |row| {
        window.take(mapper.map(row));
        if !window.is_full() {
            return ControlFlow::Continue(());
        }
        total += window.counts.read;
        // A writer that gave up has said why itself.
        let sent = windows.blocking_send(std::mem::take(&mut window)).is_ok();
        if sent && total <= MAX_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if total > MAX_ROWS {
        return Err(ImportError::TooManyRows { limit: MAX_ROWS });
    }
    if total + window.counts.read == 0 {
        return Err(SheetError::NoRows.into());
    }
    let _ = windows.blocking_send(window);
    Ok(())
}

impl Window {
    fn take(&mut self, mapped: Mapped) {
        match mapped {
            Mapped::Header => return,
            Mapped::Contact(contact) => {
                self.bytes += weight(&contact);
                self.contacts.push(contact);
            }
            Mapped::Rejected { row, duplicate } => {
                self.counts.duplicate += u64::from(duplicate);
                self.counts.invalid += u64::from(!duplicate);
                self.bytes += size_of::<RejectedRow>() + row.reason.len() + row.record.len();
                self.rejected.push(row);
            }
        }
        self.counts.read += 1;
    }

    fn is_full(&self) -> bool {
        self.counts.read >= WINDOW_ROWS || self.bytes >= WINDOW_BYTES
    }
}

/// About how much memory a row takes, with what an allocator adds.
fn weight(contact: &ContactRow) -> usize {
    let text = |text: &String| size_of::<String>() + text.len() + size_of::<usize>();
    let pair = |(name, value): &(String, String)| text(name) + text(value);
    let pairs = contact.personal.iter().chain(&contact.queryable).map(pair).sum::<usize>();
    size_of::<ContactRow>() + pairs + contact.tags.iter().map(text).sum::<usize>()
}

/// A file that tells how far it has been read.
struct Watched {
    file: Box<dyn ReadSeek>,
    position: Arc<AtomicU64>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.file.seek(to)?;
        self.position.store(at, Ordering::Relaxed);
        Ok(at)
    }
}
