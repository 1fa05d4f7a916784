//! The loop that reads for customers what waits in the ledger, lets it forget what was delivered, and ends texts whose
//! parts never came.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::control::ControlError;
use domain::downstream::{Waiting, WaitingKind, WaitingPlace, What};
use domain::ids::{CustomerId, PartitionId};
use domain::ledger::LedgerError;
use domain::message::Reason;

use super::desk::{Desk, Row};
use crate::Engine;
use crate::nodes::millis;

/// The shortest time between two rounds: reports that come together are read together.
const GATHER: Duration = Duration::from_millis(5);
/// The longest.
const ROUND: Duration = Duration::from_millis(200);
/// Rows read of one partition at once.
pub(super) const PAGE: u32 = 512;
/// How often reading begins anew, and everywhere: a transaction may commit after another one whose rows lie behind its own, and
/// what another node wrote is in no hint.
const ANEW: Duration = Duration::from_secs(1);
/// Kinds that are delivered.
const KINDS: [WaitingKind; 2] = [WaitingKind::Report, WaitingKind::Inbound];
/// Between two tries to read the parts that were kept.
const AGAIN: Duration = Duration::from_secs(1);

/// Where reading stands.
#[derive(Default)]
struct Marks {
    after: HashMap<(CustomerId, PartitionId, WaitingKind), WaitingPlace>,
    since: u64,
    /// When all texts that nodes have kept were last looked through.
    all_texts_at: u64,
    /// Where something may wait for whom. What is not in it is found when reading begins anew.
    hints: HashMap<CustomerId, BTreeSet<PartitionId>>,
}

impl Engine {
    /// Starts what serves customers that connect to us; it ends with the engine.
    ///
    /// # Errors
    /// When customers, or the parts that were kept for them, cannot be read.
    pub async fn start_downstream(self: &Arc<Self>) -> Result<(), DownstreamError> {
        // Several nodes put texts together from what is durable, and keep none in memory.
        if self.node.joined().is_none() {
            for customer in self.all_customers().await?.iter() {
                for partition in self.ledger.partitions().all() {
                    self.restore(customer.id, partition).await?;
                }
            }
        }
        self.tasks.spawn(pump(Arc::clone(self)));
        Ok(())
    }

    async fn restore(&self, customer: CustomerId, partition: PartitionId) -> Result<(), LedgerError> {
        let mut after = WaitingPlace::START;
        loop {
            let page = self.ledger.waiting(partition, customer, WaitingKind::Fragment, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.place;
            for Waiting { place, phone, what } in &page {
                let What::Fragment { body } = what else { continue };
                if self.counter.assembly().restore(customer, *phone, *place, body).is_none() {
                    tracing::warn!(%customer, "a part that was kept is not readable; it will be dropped when it is old");
                }
            }
        }
    }

    async fn serve_desks(&self, marks: &mut Marks) {
        let now = self.clock.monotonic_millis();
        for (partition, customer) in self.ledger.told() {
            marks.hints.entry(customer).or_default().insert(partition);
        }
        let everywhere = now.saturating_sub(marks.since) >= millis(ANEW);
        if everywhere {
            marks.after.clear();
            marks.hints.clear();
            marks.since = now;
        }
        let desks = self.counter.desks();
        self.keep_leases(&desks).await;
        for desk in desks {
            self.forget_finished(&desk).await;
            desk.unpark(now);
            if !self.holds_desk(desk.customer) {
                continue;
            }
            if let Err(error) = self.fill(&desk, marks, everywhere).await {
                tracing::warn!(customer = %desk.customer, %error, "what waits for a customer could not be read");
            }
        }
    }

    async fn fill(&self, desk: &Desk, marks: &mut Marks, everywhere: bool) -> Result<(), LedgerError> {
        let customer = desk.customer;
        let hinted = marks.hints.remove(&customer).unwrap_or_default();
        // Who has just come has missed all hints.
        let everywhere = desk.is_new() || everywhere;
        let partitions: Vec<PartitionId> =
            if everywhere { self.ledger.partitions().all().collect() } else { hinted.into_iter().collect() };
        if partitions.is_empty() {
            return Ok(());
        }
        let room = desk.room();
        if room == 0 {
            if desk.is_attended() {
                marks.hints.insert(customer, partitions.into_iter().collect());
            }
            return Ok(());
        }
        let places: Vec<(PartitionId, WaitingKind)> =
            partitions.into_iter().flat_map(|id| KINDS.map(|kind| (id, kind))).collect();
        // Together no more than there is room for.
        let page = PAGE.min(u32::try_from(room / places.len().max(1)).unwrap_or(PAGE).max(1));
        let mut limits = Vec::with_capacity(places.len());
        let looks: Vec<_> = places
            .iter()
            .map(|&(partition, kind)| {
                let after = marks.after.get(&(customer, partition, kind)).copied();
                // A page from the start holds what is under way already.
                let known = if after.is_some() { 0 } else { desk.known(partition, kind) };
                let limit = page.saturating_add(u32::try_from(known).unwrap_or(PAGE));
                limits.push(limit);
                self.ledger.waiting(partition, customer, kind, after.unwrap_or(WaitingPlace::START), limit)
            })
            .collect();
        let pages = futures::future::try_join_all(looks).await?;
        let mut read = Vec::new();
        for (((partition, kind), page), limit) in places.into_iter().zip(pages).zip(limits) {
            if page.len() >= limit as usize {
                marks.hints.entry(customer).or_default().insert(partition);
            }
            if let Some(last) = page.last() {
                marks.after.insert((customer, partition, kind), last.place);
            }
            read.extend(page.into_iter().map(|waiting| (partition, kind, waiting)));
        }
        desk.fill(read);
        Ok(())
    }

    async fn forget_finished(&self, desk: &Desk) {
        let mut parted: HashMap<(PartitionId, WaitingKind), Vec<Row>> = HashMap::new();
        for row in desk.finished() {
            parted.entry((row.0, row.1)).or_default().push(row);
        }
        let forgetting = parted.into_iter().map(async |((partition, kind), rows)| {
            let places = rows.iter().map(|row| row.2).collect();
            let forgotten = self.ledger.forget_waiting(partition, desk.customer, kind, places).await;
            if let Err(error) = &forgotten {
                tracing::warn!(customer = %desk.customer, %error, "what was delivered could not be forgotten yet");
            }
            desk.forgotten(rows, forgotten.is_ok());
        });
        futures::future::join_all(forgetting).await;
    }

    async fn end_old_texts(&self) {
        let mut old = self.counter.assembly().expire(self.clock.now()).into_iter();
        while let Some(whole) = old.next() {
            if let Err(error) = self.reject_whole(&whole, Reason::PartsMissing).await {
                tracing::warn!(%error, "a text of which parts are missing could not be ended yet");
                let mut assembly = self.counter.assembly();
                std::iter::once(whole).chain(old).for_each(|whole| assembly.put_back(whole));
                return;
            }
        }
    }
}

/// Why serving customers could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DownstreamError {
    /// The control database refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

async fn pump(engine: Arc<Engine>) {
    let mut marks = Marks::default();
    let mut ended_at = 0;
    loop {
        tokio::select! {
            () = engine.stop.cancelled() => return,
            () = engine.counter.changed() => {}
            () = tokio::time::sleep(ROUND) => {}
        }
        engine.serve_desks(&mut marks).await;
        let now = engine.clock.monotonic_millis();
        if now.saturating_sub(ended_at) >= millis(AGAIN) {
            ended_at = now;
            engine.end_old_texts().await;
            engine.finish_kept_texts(&mut marks.all_texts_at).await;
        }
        tokio::time::sleep(GATHER).await;
    }
}
