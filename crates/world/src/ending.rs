//! The end of a run: nothing fails any more, every carrier answers and reports, days pass, and then everything must have
//! come to one end.

use std::time::Duration;

use domain::control::{CampaignState, Campaigns as _};
use domain::ids::{AccountId, MessageId, PartitionId};
use domain::lane::LaneState;
use domain::ledger::{MessageFilter, MessageRecord};
use store::ledger::Trouble;

use crate::carrier::Delivery;
use crate::cast;
use crate::model::inspect::cover;
use crate::node::Node;
use crate::world::World;

/// Messages read at once.
const PAGE: u32 = 1_000;
/// Rounds in which what can move moves, at most; far more than are ever needed.
const ROUNDS: usize = 400;
/// Looks at the clock after that: long enough for the longest validity and the wait for receipts after it.
const LONG_WAITS: usize = 16;
const LONG_WAIT: Duration = Duration::from_secs(12 * 3_600);

impl World {
    /// Compares the ledger with the model.
    pub(crate) async fn inspect(&mut self, node: &Node, end: bool) -> Result<(), String> {
        let records = self.read(node).await?;
        let lanes: Vec<_> = {
            let mut lanes: Vec<_> = records.iter().map(|record| record.lane).collect();
            lanes.sort();
            lanes.dedup();
            lanes
        };
        let tallies = node.reader.tallies(&lanes).await.map_err(|error| error.to_string())?;
        self.model.lock().inspect(&records, &tallies, end);
        if end {
            cover(&records, &mut self.coverage());
        }
        self.check()
    }

    async fn read(&self, node: &Node) -> Result<Vec<MessageRecord>, String> {
        let mut records = Vec::new();
        for account in 1..=cast::ACCOUNTS {
            let mut after: Option<MessageId> = None;
            loop {
                let account = AccountId::from_raw(account);
                let filter = MessageFilter { account, campaign: None, state: None, phone: None, after };
                let (page, next) =
                    node.reader.messages(&filter, PAGE).await.map_err(|error| error.to_string())?;
                records.extend(page);
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(records)
    }

    /// Ends everything that was begun.
    pub(crate) async fn bring_to_an_end(&mut self, node: &mut Node) -> Result<(), String> {
        self.tell("the end begins");
        self.calm_down(node, 40).await?;
        self.resume_all(node);
        for plan in 0..self.plans.len() {
            if self.plans[plan].is_idle() {
                self.expand(node);
            }
        }
        self.calm_down(node, ROUNDS).await?;
        for _ in 0..LONG_WAITS {
            self.advance(LONG_WAIT).await;
            self.calm_down(node, 60).await?;
        }
        self.check_lanes(node).await?;
        self.inspect(node, true).await
    }

    /// Lets everything move without faults until nothing does, for so many rounds at most.
    async fn calm_down(&mut self, node: &mut Node, rounds: usize) -> Result<(), String> {
        let mut quiet = 0;
        for round in 0..rounds {
            let before = self.model.lock().changes;
            for id in 0..cast::PARTITIONS {
                self.commit_in(node, PartitionId(id), Trouble::None);
            }
            self.take_turns().await;
            if node.is_started() && node.has_room() {
                self.carriers_answer(node);
            }
            if round.is_multiple_of(8) && node.is_started() {
                let engine = std::sync::Arc::clone(&node.engine);
                tokio::spawn(async move {
                    engine.sweep_round().await;
                    let _tried_again_by_the_next = engine.catch_up_lanes().await;
                });
            }
            self.advance(Duration::from_millis(300)).await;
            self.take_turns().await;
            self.check()?;
            node.stepper.tend_logs(1 << 20).map_err(|error| error.to_string())?;
            quiet = if self.model.lock().changes == before { quiet + 1 } else { 0 };
            // A sweep is among any eight rounds, and slow retries come every few seconds.
            if quiet > 24 {
                break;
            }
        }
        Ok(())
    }

    fn carriers_answer(&mut self, node: &Node) {
        self.connect(node);
        for _ in 0..3 {
            self.write(node);
            self.answer(node);
        }
        {
            let mut carriers = self.carriers.lock();
            // What was never acknowledged comes again, sooner or later.
            if self.step_of_chance() {
                for report in &mut carriers.reports {
                    if report.delivery == Delivery::Out {
                        report.delivery = Delivery::Waiting;
                    }
                }
            }
        }
        self.receipts(node, Delivery::Waiting);
        self.receipts(node, Delivery::Waiting);
    }

    /// True every few rounds.
    fn step_of_chance(&self) -> bool {
        self.model.lock().changes.is_multiple_of(7)
    }

    fn resume_all(&mut self, node: &Node) {
        let campaigns: Vec<_> = self.plans.iter().filter(|plan| !plan.cancelled).collect();
        for plan in campaigns {
            let campaign = &plan.campaign;
            self.ask_for_lane(node, (campaign.account, campaign.id, campaign.lane), LaneState::Open);
        }
    }

    /// What the control database says of a campaign is what its lane is.
    async fn check_lanes(&self, node: &Node) -> Result<(), String> {
        let lanes = node.reader.lanes().await.map_err(|error| error.to_string())?;
        for plan in &self.plans {
            let id = plan.campaign.id;
            let campaign = self.control.campaign(plan.campaign.account, id).await;
            let state = campaign.ok().flatten().map(|campaign| campaign.state);
            let lane = lanes.iter().find(|lane| lane.id == plan.campaign.lane).map(|lane| lane.state);
            let expected = match state {
                Some(CampaignState::Running) => LaneState::Open,
                Some(CampaignState::Paused) => LaneState::Paused,
                Some(CampaignState::Cancelled) => LaneState::Cancelled,
                _ => continue,
            };
            if lane.is_some_and(|lane| lane != expected) {
                return Err(format!("{id} is {expected} and its lane is {lane:?}"));
            }
        }
        Ok(())
    }
}
