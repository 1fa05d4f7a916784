//! The thread that drives one partition's writer: it gathers what waits, commits once, answers all. Without a thread
//! (`stepped.rs`) a scheduler does the same, one transaction at a time.
//!
//! Two bounded queues: somebody waits at the interactive one; imports, expansions and housekeeping take the bulk one
//! and never more than one transaction's worth at a time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::ids::PartitionId;
use domain::ledger::LedgerError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::command::{Command, Reply};
use super::partition::PartitionWriter;
use crate::moves::board::Board;
use files::Log;

/// Commands that may wait to be gathered; more callers wait at the door.
const INTERACTIVE_BOUND: usize = 1_024;
const BULK_BOUND: usize = 16;
/// Rows of one transaction, about: keeps a commit near 20 ms.
const TRANSACTION_ROWS: usize = 1_024;
/// After so long without work the log is emptied and cut.
const IDLE: Duration = Duration::from_secs(2);

pub(super) struct Job {
    pub command: Command,
    reply: oneshot::Sender<Result<Reply, LedgerError>>,
    permit: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Waiting {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    closing: bool,
}

#[derive(Default)]
pub(super) struct Queues {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

enum Gathered {
    Jobs(Vec<Job>),
    Idle,
    Closed,
}

/// The way to a partition's writer.
pub(super) struct WriterHandle {
    queues: Arc<Queues>,
    interactive: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl WriterHandle {
    pub(super) fn start(
        id: PartitionId,
        writer: PartitionWriter,
        path: PathBuf,
        board: Arc<Board>,
    ) -> std::io::Result<Self> {
        let queues = Arc::new(Queues::default());
        let thread = std::thread::Builder::new().name(format!("ledger-{}", id.0)).spawn({
            let queues = Arc::clone(&queues);
            move || drive(id, writer, path, &queues, &board)
        })?;
        Ok(Self { thread: Mutex::new(Some(thread)), ..Self::without_thread(queues) })
    }

    /// A way to queues that somebody else empties.
    pub(super) fn without_thread(queues: Arc<Queues>) -> Self {
        Self {
            queues,
            interactive: Arc::new(Semaphore::new(INTERACTIVE_BOUND)),
            bulk: Arc::new(Semaphore::new(BULK_BOUND)),
            thread: Mutex::new(None),
        }
    }

    /// Waits for a place in the queue, then for the commit.
    pub(super) async fn ask(&self, command: Command) -> Result<Reply, LedgerError> {
        let interactive = command.is_interactive();
        let door = if interactive { &self.interactive } else { &self.bulk };
        let permit = Arc::clone(door).acquire_owned().await.map_err(|_| LedgerError::Closed)?;
        let (reply, answer) = oneshot::channel();
        {
            let mut waiting = self.queues.lock();
            if waiting.closing {
                return Err(LedgerError::Closed);
            }
            let queue = if interactive { &mut waiting.interactive } else { &mut waiting.bulk };
            queue.push_back(Job { command, reply, permit });
        }
        self.queues.wake.notify_one();
        answer.await.unwrap_or(Err(LedgerError::Closed))
    }

    /// Lets the writer finish what waits. [`Self::join`] waits for it.
    pub(super) fn close(&self) {
        self.queues.lock().closing = true;
        self.queues.wake.notify_one();
    }

    pub(super) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a partition's writer ended by a panic");
        }
    }
}

impl Queues {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many commands wait.
    pub(super) fn len(&self) -> usize {
        let waiting = self.lock();
        waiting.interactive.len() + waiting.bulk.len()
    }

    /// Drops the commands of callers that are gone.
    pub(super) fn forget_abandoned(&self) -> usize {
        let mut waiting = self.lock();
        let before = waiting.interactive.len() + waiting.bulk.len();
        waiting.interactive.retain(|job| !job.reply.is_closed());
        waiting.bulk.retain(|job| !job.reply.is_closed());
        before - waiting.interactive.len() - waiting.bulk.len()
    }

    /// What the next transaction is to do, without waiting for it; may be nothing.
    pub(super) fn take(&self) -> Vec<Job> {
        self.lock().take_some()
    }

    /// What is to be done next: everything that waits, within one transaction's bound.
    fn gather(&self) -> Gathered {
        let mut waiting = self.lock();
        loop {
            if !waiting.interactive.is_empty() || !waiting.bulk.is_empty() {
                return Gathered::Jobs(waiting.take_some());
            }
            if waiting.closing {
                return Gathered::Closed;
            }
            let (guard, timeout) =
                self.wake.wait_timeout(waiting, IDLE).unwrap_or_else(PoisonError::into_inner);
            waiting = guard;
            if timeout.timed_out()
                && waiting.interactive.is_empty()
                && waiting.bulk.is_empty()
                && !waiting.closing
            {
                return Gathered::Idle;
            }
        }
    }
}

impl Waiting {
    fn take_some(&mut self) -> Vec<Job> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut rows = 0;
        // One bulk job has its turn in every transaction, however much else waits.
        let mut bulk_turn = self.bulk.pop_front();
        while rows < TRANSACTION_ROWS {
            let next =
                self.interactive.pop_front().or_else(|| bulk_turn.take()).or_else(|| self.bulk.pop_front());
            let Some(job) = next else { break };
            rows += job.command.weight();
            jobs.push(job);
        }
        jobs.extend(bulk_turn);
        jobs
    }
}

fn drive(id: PartitionId, mut writer: PartitionWriter, path: PathBuf, queues: &Queues, board: &Board) {
    let mut log = Log::watch(writer.connection(), path);
    board.publish(id, writer.due());
    let mut truncated = false;
    loop {
        match queues.gather() {
            Gathered::Jobs(jobs) => {
                let _answered = work(id, &mut writer, jobs, board);
                truncated = false;
                log.tend(writer.connection());
            }
            Gathered::Idle if truncated => (),
            Gathered::Idle => truncated = log.empty(writer.connection()),
            Gathered::Closed => break,
        }
    }
    log.empty(writer.connection());
}

/// Does what waits in one transaction and answers. Returns how many of the commands failed.
pub(super) fn work(id: PartitionId, writer: &mut PartitionWriter, jobs: Vec<Job>, board: &Board) -> usize {
    let mut commands = Vec::with_capacity(jobs.len());
    let mut callers = Vec::with_capacity(jobs.len());
    for Job { command, reply, permit } in jobs {
        commands.push(command);
        callers.push((reply, permit));
    }
    let replies = writer.run(&commands);
    board.publish(id, writer.due());
    board.told.add(id, writer.take_told());
    let failed = replies.iter().filter(|reply| reply.is_err()).count();
    for ((caller, permit), reply) in callers.into_iter().zip(replies) {
        drop(permit);
        // A caller that went away does not need to know; what was done is done.
        let _ = caller.send(reply);
    }
    failed
}
