//! The ledger without threads: transactions that storage breaks anywhere, kills, and losses of power.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::ids::{IdGenerator, PartitionId};
use domain::ledger::{Claim, ClaimRequest, Disposition, LedgerError, Settlement, Take};
use domain::message::{Category, MessageState, Reason};
use store::ledger::{Loss, OpenOptions, SqliteLedger, Stepper, Trouble};
use store::sealing::Sealer;
use tempfile::TempDir;

use crate::ledger_stage::{FIRST, GATEWAY, NOW, Stage, lane, stream};

const ONLY: PartitionId = PartitionId(0);

fn open(folder: &TempDir) -> (Stage, Stepper) {
    let sealer = Sealer::open(&folder.path().join("key"), folder.path()).unwrap();
    let options = OpenOptions { partitions: 1, ..OpenOptions::new(folder.path(), sealer) };
    let (ledger, stepper) = SqliteLedger::open_stepped(&options).unwrap();
    (Stage::with(ledger, IdGenerator::new(0), NOW), stepper)
}

/// Asks, lets the writer do one step, and takes the answer.
async fn answer<T: Send + 'static>(
    stepper: &mut Stepper,
    trouble: Trouble,
    asked: impl Future<Output = Result<T, LedgerError>> + Send + 'static,
) -> Result<T, LedgerError> {
    let task = tokio::spawn(asked);
    tokio::task::yield_now().await;
    assert_eq!(stepper.waiting(ONLY), 1);
    stepper.step(ONLY, trouble).unwrap();
    task.await.unwrap()
}

async fn accept(stage: &Stage, stepper: &mut Stepper, numbers: std::ops::Range<u64>) {
    let messages: Vec<_> = numbers.map(|n| stage.message(&lane(1, Category::Notice), n)).collect();
    let (ledger, now) = (Arc::clone(&stage.ledger), stage.now);
    let accepting = async move { ledger.accept(ONLY, messages, None, now).await };
    answer(stepper, Trouble::None, accepting).await.unwrap();
}

async fn open_lane(stage: &Stage, stepper: &mut Stepper) {
    let ledger = Arc::clone(&stage.ledger);
    let opening = async move { ledger.put_lane(lane(1, Category::Notice)).await };
    answer(stepper, Trouble::None, opening).await.unwrap();
}

async fn claim(stage: &Stage, stepper: &mut Stepper, trouble: Trouble) -> Result<Claim, LedgerError> {
    let request = ClaimRequest {
        partition: ONLY,
        channel: FIRST,
        gateway: GATEWAY,
        carriers: stage.reached,
        takes: vec![Take { stream: stream(1, None), limit: 100, reach: domain::phone::CarrierSet::ALL }],
        max_parts: 100,
        now: stage.now,
        policy: Arc::clone(&stage.policy),
    };
    let ledger = Arc::clone(&stage.ledger);
    answer(stepper, trouble, async move { ledger.claim(request).await }).await
}

/// Messages by state, as they lie there and as the tallies tell.
async fn counts(stage: &Stage) -> (BTreeMap<MessageState, i64>, BTreeMap<MessageState, i64>) {
    let (mut there, mut told) = (BTreeMap::new(), BTreeMap::new());
    for message in stage.all_messages().await {
        *there.entry(message.state).or_default() += 1;
    }
    for tally in stage.ledger.tallies(&[lane(1, Category::Notice).id]).await.unwrap() {
        *told.entry(tally.to).or_default() += tally.messages;
        if let Some(from) = tally.from {
            *told.entry(from).or_default() -= tally.messages;
        }
    }
    told.retain(|_, count| *count != 0);
    (there, told)
}

#[tokio::test]
async fn a_transaction_that_breaks_anywhere_is_done_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, mut stepper) = open(&folder);
    open_lane(&stage, &mut stepper).await;
    let mut broken = 0;
    for round in 0..60 {
        accept(&stage, &mut stepper, round * 20..round * 20 + 20).await;
        let after = 8 * (1 + 7 * round as u32);
        for trouble in [Trouble::Once(after), Trouble::Always(after)] {
            broken += usize::from(claim(&stage, &mut stepper, trouble).await.is_err());
            let (there, told) = counts(&stage).await;
            assert_eq!(there, told, "{trouble:?}");
        }
    }
    assert!(broken > 20, "only {broken} claims were stopped");
}

#[tokio::test]
async fn a_kill_keeps_answers_and_a_loss_of_power_may_lose_them() {
    for loss in [Loss::Process, Loss::Power { kept: 0 }, Loss::Power { kept: 999 }] {
        let folder = tempfile::tempdir().unwrap();
        let (stage, mut stepper) = open(&folder);
        open_lane(&stage, &mut stepper).await;
        accept(&stage, &mut stepper, 1..2).await;
        let out = claim(&stage, &mut stepper, Trouble::None).await.unwrap().outgoing.remove(0);
        let disposition = Disposition::Failed {
            reason: Reason::CarrierContent,
            code: domain::channel::CarrierCode::default(),
            gateway: GATEWAY,
            ids: Vec::new(),
        };
        let settled = vec![Settlement { ticket: out.ticket, channel: FIRST, at: stage.now, disposition }];
        let ledger = Arc::clone(&stage.ledger);
        answer(&mut stepper, Trouble::None, async move { ledger.settle(ONLY, settled).await }).await.unwrap();
        drop(stage);
        stepper.kill(loss).unwrap();

        let (stage, stepper) = open(&folder);
        let expected = if loss == Loss::Process { MessageState::Failed } else { MessageState::Sending };
        assert_eq!(stage.all_messages().await[0].state, expected, "{loss:?}");
        drop(stage);
        stepper.kill(Loss::Process).unwrap();
    }
}
