//! The storage that all nodes share: opened, closed by deaths, and driven one transaction at a time.

use std::sync::Arc;

use domain::ids::PartitionId;
use domain::ledger::Ledger;
use store::ledger::{Loss, OpenOptions, SqliteLedger, Stepper, Trouble};

use crate::cast;
use crate::world::World;

/// Memory for the pages of one partition, in KiB: the files are small.
const CACHE_KIB: u32 = 512;
/// Few, so that passes over the people's rows begin within a run.
const HAND_OVERS_IN_MEMORY: usize = 24;
/// Bytes of a log that are copied into the file between two steps.
const LOG_BYTES: u64 = 1 << 20;

/// What the disk does for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Disk {
    #[default]
    Sound,
    Full,
    ReadOnly,
}

/// The open ledger.
pub(crate) struct Storage {
    pub ledger: Arc<SqliteLedger>,
    /// Looks that nobody watches.
    pub reader: Arc<dyn Ledger>,
    pub stepper: Stepper,
}

impl World {
    pub(crate) fn open_storage(&mut self) -> Result<(), String> {
        let options = OpenOptions {
            partitions: cast::PARTITIONS,
            cache_kib: CACHE_KIB,
            hand_overs_in_memory: HAND_OVERS_IN_MEMORY,
            ..OpenOptions::new(self.folder(), Arc::clone(&self.sealer))
        };
        let (ledger, stepper) = SqliteLedger::open_stepped(&options).map_err(|error| error.to_string())?;
        let reader = self.fault.ledger(Arc::clone(&ledger) as Arc<dyn Ledger>, &self.memory);
        self.storage = Some(Storage { ledger, reader, stepper });
        Ok(())
    }

    /// The storage ends; every node that was on it is dead.
    pub(crate) fn close_storage(&mut self, loss: Loss) -> Result<(), String> {
        let Some(Storage { ledger, reader, stepper }) = self.storage.take() else { return Ok(()) };
        drop((ledger, reader));
        stepper.kill(loss).map_err(|error| error.to_string())?;
        if matches!(loss, Loss::Power { .. }) && self.model.lock().power_lost() > 0 {
            self.count("fault", "settlement lost");
        }
        Ok(())
    }

    /// Partitions in which something waits.
    pub(crate) fn waiting(&self) -> Vec<PartitionId> {
        let Some(storage) = &self.storage else { return Vec::new() };
        // Alone on its ledger, a node that stands still has writers that do so too.
        if self.seats.len() == 1 && self.seats[0].frozen {
            return Vec::new();
        }
        let all = (0..cast::PARTITIONS).map(PartitionId);
        all.filter(|id| storage.stepper.waiting(*id) > 0).collect()
    }

    /// A partition does what waits; sometimes its storage does not let it.
    pub(crate) fn commit(&mut self) {
        let waiting = self.waiting();
        let Some(&id) = self.random.pick(&waiting) else { return };
        let trouble = match self.random.below(1_000) {
            _ if self.disk == Disk::Full => Trouble::Full,
            _ if self.disk == Disk::ReadOnly => Trouble::ReadOnly,
            0..12 => Trouble::Once(self.random.between(1, 1_500) as u32),
            12..20 => Trouble::Always(self.random.between(1, 1_500) as u32),
            _ => Trouble::None,
        };
        self.commit_in(id, trouble);
    }

    /// One step of a partition's writer.
    pub(crate) fn commit_in(&mut self, id: PartitionId, trouble: Trouble) {
        let Some(storage) = &mut self.storage else { return };
        let Some(stepped) = storage.stepper.step(id, trouble) else { return };
        if stepped.interrupted {
            self.count(
                "fault",
                match trouble {
                    Trouble::None | Trouble::Once(_) => "storage once",
                    Trouble::Always(_) => "storage always",
                    Trouble::Full => "disk full",
                    Trouble::ReadOnly => "disk read-only",
                },
            );
        }
        let mut model = self.model.lock();
        let did = u64::from(stepped.failed < stepped.commands);
        (model.changes, model.commits) = (model.changes + did, model.commits + did);
        if stepped.durable {
            model.synced(id);
        }
        drop(model);
        let interrupted = if stepped.interrupted { format!(", {trouble:?}") } else { String::new() };
        self.tell(&format!(
            "commit {} of {} ({} failed{interrupted})",
            id.0, stepped.commands, stepped.failed
        ));
    }

    /// Copies logs that have become long.
    pub(crate) fn tend_logs(&mut self) -> Result<(), String> {
        let Some(storage) = &mut self.storage else { return Ok(()) };
        storage.stepper.tend_logs(LOG_BYTES).map(drop).map_err(|error| error.to_string())
    }
}
