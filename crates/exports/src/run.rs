//! Writing files: one after the other, by the node that keeps the house.

use std::sync::Arc;

use domain::control::{ControlError, Export, ExportState};
use domain::ids::ImportId;
use domain::ledger::LedgerError;
use tokio::sync::mpsc;

use crate::Exporter;
use crate::rows::{PageTrouble, Pages};
use crate::write::{Piece, Task, write_file};

/// Exports of one round.
const AT_ONCE: u32 = 10;
/// Times that one is begun: more means that it fails for a reason of its own.
const MAX_TRIES: u32 = 5;
/// Pages between the reader and the writer.
const PAGES_AHEAD: usize = 2;
/// Pages between two notes of how far it is.
const PAGES_TO_NOTE: u32 = 20;

/// Whether this node may go on: it is not stopping, and nobody else has taken over.
pub type MayGoOn<'a> = &'a (dyn Fn() -> bool + Send + Sync);

#[derive(Debug, thiserror::Error)]
enum RunTrouble {
    #[error("interrupted")]
    Interrupted,
    #[error("the file could not be written: {0}")]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<PageTrouble> for RunTrouble {
    fn from(trouble: PageTrouble) -> Self {
        match trouble {
            PageTrouble::Control(error) => Self::Control(error),
            PageTrouble::Ledger(error) => Self::Ledger(error),
        }
    }
}

impl Exporter {
    /// Writes the exports that wait, and those that were interrupted, each to its end. By one node at a time.
    pub async fn run(&self, may_go_on: MayGoOn<'_>) {
        let waiting = match self.parts.control.unfinished_exports(AT_ONCE).await {
            Ok(waiting) => waiting,
            Err(error) => return tracing::warn!(%error, "exports could not be looked for"),
        };
        for export in waiting {
            if !may_go_on() {
                return;
            }
            let id = export.id;
            if let Err(error) = self.run_one(export, may_go_on).await {
                tracing::warn!(export = %id, %error, "an export was not finished; it is begun anew");
            }
        }
    }

    async fn run_one(&self, mut export: Export, may_go_on: MayGoOn<'_>) -> Result<(), RunTrouble> {
        let control = &self.parts.control;
        if export.tries >= MAX_TRIES {
            export.state = ExportState::Failed;
            export.finished_at = Some(self.parts.clock.now());
            return Ok(control.put_export(&export).await?);
        }
        (export.state, export.rows) = (ExportState::Running, 0);
        export.tries += 1;
        control.put_export(&export).await?;
        // Of each try another one: what an interrupted try has left behind is never taken for a part of it.
        let file = ImportId::from(self.parts.ids.fresh(self.parts.clock.now()));
        let (send, receive) = mpsc::channel(PAGES_AHEAD);
        let uploads = Arc::clone(control);
        let task = Task { export: export.clone(), file, zone: self.zone_of(&export) };
        let writing = tokio::task::spawn_blocking(move || write_file(uploads.as_ref(), &task, receive));
        let read = self.read_rows(&mut export, send, may_go_on).await;
        let written = writing.await.map_err(|_| RunTrouble::Interrupted)?;
        // Whoever stopped first knows why: a reader whose writer is gone does not.
        if !matches!(read, Err(RunTrouble::Interrupted)) || written.is_ok() {
            read?;
        }
        export.bytes = written?;
        export.file = Some(file);
        export.state = ExportState::Finished;
        export.finished_at = Some(self.parts.clock.now());
        Ok(control.put_export(&export).await?)
    }

    /// A statement's times are of the clock by which its month was cut.
    fn zone_of(&self, export: &Export) -> jiff::tz::TimeZone {
        export.month.as_ref().map_or_else(|| self.parts.zone.clone(), |month| month.zone.rules().clone())
    }

    async fn read_rows(
        &self,
        export: &mut Export,
        send: mpsc::Sender<Piece>,
        may_go_on: MayGoOn<'_>,
    ) -> Result<(), RunTrouble> {
        let gone = |_| RunTrouble::Interrupted;
        let (ledger, control) = (self.parts.ledger.as_ref(), self.parts.control.as_ref());
        let mut pages = Pages::of(export, ledger).await?;
        let mut noted = 0;
        while let Some(rows) = pages.next(ledger, control).await? {
            if !may_go_on() {
                return Err(RunTrouble::Interrupted);
            }
            export.rows += rows.len() as u64;
            send.send(Piece::Rows(rows)).await.map_err(gone)?;
            noted += 1;
            if noted % PAGES_TO_NOTE == 0 {
                control.put_export(export).await?;
            }
        }
        send.send(Piece::End).await.map_err(gone)
    }
}
