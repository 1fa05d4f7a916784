//! The end of a run: nothing fails any more, every carrier answers and reports, days pass, and then everything must have
//! come to one end.

use std::time::Duration;

use domain::campaign::CanaryPhase;
use domain::control::{Campaign, CampaignState, Campaigns as _};
use domain::ids::{AccountId, MessageId, PartitionId};
use domain::lane::LaneState;
use domain::ledger::{Ledger, MessageFilter, MessageRecord};
use store::ledger::Trouble;

use crate::carrier::Delivery;
use crate::cast;
use crate::model::caps::{is_closed, local_day};
use crate::model::inspect::cover;
use crate::node::Node;
use crate::world::World;

/// Rows that the engine expands at once: four chunks.
const ROWS_OF_A_GROUP: u64 = 12;
/// Messages read at once.
const PAGE: u32 = 1_000;
/// Rounds in which what can move moves, at most; far more than are ever needed.
const ROUNDS: usize = 300;
/// How long a round is: a claim of one is written in the next, well before its deadline.
const ROUND: Duration = Duration::from_millis(700);
/// Rounds without any move after which nothing will move: two looks of the house are among them, and slow retries come
/// every few seconds.
const QUIET: usize = 9;
/// Looks at the clock after that: long enough for the longest validity and the wait for receipts after it.
const LONG_WAITS: usize = 16;
/// Times that the last post is waited for, or begun anew.
const LAST_POSTS: usize = 40;
const LONG_WAIT: Duration = Duration::from_secs(12 * 3_600);

impl World {
    /// Compares the ledger with the model.
    pub(crate) fn inspect(&mut self, end: bool) -> Result<(), String> {
        let Some(storage) = &self.storage else { return Ok(()) };
        let reader = std::sync::Arc::clone(&storage.reader);
        let records = self.look(read(&*reader))?;
        let lanes: Vec<_> = {
            let mut lanes: Vec<_> = records.iter().map(|record| record.lane).collect();
            lanes.sort();
            lanes.dedup();
            lanes
        };
        let tallies = self.look(reader.tallies(&lanes)).map_err(|error| error.to_string())?;
        self.model.lock().inspect(&records, &tallies, end);
        if end {
            cover(&records, &mut self.coverage());
        }
        self.check()
    }

    /// Ends everything that was begun.
    pub(crate) fn bring_to_an_end(&mut self) -> Result<(), String> {
        self.tell("the end begins");
        self.gather()?;
        self.calm_down(40)?;
        self.resume_all();
        self.calm_down(ROUNDS)?;
        for _ in 0..LONG_WAITS {
            self.advance(LONG_WAIT);
            self.calm_down(60)?;
        }
        self.check_campaigns()?;
        self.post_everything()?;
        self.inspect_numbers()?;
        self.inspect(true)
    }

    /// A last post, in rounds enough for whatever it has to grant or take back.
    fn post_everything(&mut self) -> Result<(), String> {
        let mut last = None;
        for _ in 0..LAST_POSTS {
            match last.take() {
                None => last = self.any_node().filter(Node::is_started).map(|node| self.post_last(&node)),
                Some(done) => match done.get() {
                    Some(Ok(())) => break,
                    // The node died, or its storage refused: somebody else posts.
                    Some(Err(_)) => {}
                    None => last = Some(done),
                },
            }
            self.calm_down(60)?;
        }
        let Some(storage) = &self.storage else { return Ok(()) };
        let reader = std::sync::Arc::clone(&storage.reader);
        let records = self.look(read(&*reader))?;
        self.inspect_books(&records)
    }

    /// Compares what the ledger knows of numbers with the model.
    fn inspect_numbers(&mut self) -> Result<(), String> {
        let Some(storage) = &self.storage else { return Ok(()) };
        let reader = std::sync::Arc::clone(&storage.reader);
        let mut known = Vec::new();
        for phone in self.phones.clone() {
            let partition = reader.partitions().of(phone.slot());
            let facts = self.look(reader.facts(partition, vec![phone])).map_err(|error| error.to_string())?;
            known.extend(facts.into_iter().map(|facts| (phone, facts)));
        }
        self.model.lock().inspect_numbers(&known);
        self.check()
    }

    /// Lets everything move without faults until nothing does, for so many rounds at most.
    fn calm_down(&mut self, rounds: usize) -> Result<(), String> {
        let mut quiet = 0;
        for round in 0..rounds {
            let before = self.model.lock().moves();
            for id in 0..cast::PARTITIONS {
                self.commit_in(PartitionId(id), Trouble::None);
            }
            self.take_turns();
            for node in self.running_nodes() {
                if node.is_started() && node.has_room() {
                    self.carriers_answer(&node);
                }
            }
            if round.is_multiple_of(4)
                && let Some(node) = self.any_node().filter(Node::is_started)
            {
                self.keep_house(&node);
            }
            self.bury()?;
            for place in self.startable() {
                self.start_node(place)?;
            }
            for place in self.silent() {
                self.take_over(place);
            }
            self.advance(ROUND);
            self.take_turns();
            self.check()?;
            quiet = if self.model.lock().moves() == before { quiet + 1 } else { 0 };
            if quiet > QUIET {
                break;
            }
        }
        self.tend_logs()
    }

    fn keep_house(&self, node: &Node) {
        let engine = std::sync::Arc::clone(&node.engine);
        node.spawn(async move {
            engine.sweep_round().await;
            let _tried_again_by_the_next = engine.keep_campaigns().await;
        });
    }

    fn carriers_answer(&mut self, node: &Node) {
        self.connect(node);
        self.sessions_wait();
        for _ in 0..3 {
            self.write(node);
            self.carry(node, true);
            self.answer(node);
            self.read(node, true);
        }
        {
            let mut carriers = self.carriers.lock();
            // What was never acknowledged comes again, sooner or later.
            if self.step_of_chance() {
                for report in &mut carriers.reports {
                    if matches!(report.delivery, Delivery::Out(_)) {
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

    fn resume_all(&mut self) {
        let Some(node) = self.any_node() else { return };
        let campaigns: Vec<_> = self.plans.iter().filter(|plan| !plan.cancelled).collect();
        for plan in campaigns {
            let campaign = &plan.campaign;
            self.ask_for_lane(&node, (campaign.account, campaign.id, campaign.lane), LaneState::Open);
        }
    }

    /// What the control database says of a campaign is what its lane is, and what is running has all its people.
    fn check_campaigns(&self) -> Result<(), String> {
        let Some(storage) = &self.storage else { return Err("the storage is down at the end".to_owned()) };
        let lanes = self.look(storage.reader.lanes()).map_err(|error| error.to_string())?;
        for plan in &self.plans {
            let id = plan.campaign.id;
            let campaign = self.look(self.control.campaign(plan.campaign.account, id));
            let Some(campaign) = campaign.ok().flatten() else { continue };
            let lane = lanes.iter().find(|lane| lane.id == campaign.lane).map(|lane| lane.state);
            self.cover_campaign(&campaign, plan.rows);
            let expected = match campaign.state {
                CampaignState::Running if campaign.holds_back() => LaneState::Paused,
                CampaignState::Running => LaneState::Open,
                CampaignState::Paused => LaneState::Paused,
                CampaignState::Cancelled if campaign.started_at.is_some() => LaneState::Cancelled,
                CampaignState::Finished | CampaignState::Cancelled => {
                    continue;
                }
                state if self.model.lock().is_started(campaign.lane) => {
                    return Err(format!("{id} was started and is {state} at the end"));
                }
                _ => continue,
            };
            if lane.is_some_and(|lane| lane != expected) {
                return Err(format!("{id} is {expected} and its lane is {lane:?}"));
            }
        }
        Ok(())
    }

    fn cover_campaign(&self, campaign: &Campaign, rows: u64) {
        let ended = matches!(campaign.state, CampaignState::Cancelled);
        if campaign.started_at.is_some() && !ended {
            self.model.lock().expanded(campaign.lane, rows);
        }
        let canary = campaign.canary.as_ref().map(|canary| canary.phase);
        if canary == Some(CanaryPhase::Released) {
            self.count("campaign", "went on after its canary");
        }
        if campaign.watch.stopped.is_some() {
            self.count("campaign", "stopped itself");
        }
        if campaign.routes.len() > 1 && campaign.expanded {
            self.count("campaign", "went over several routes");
        }
        if campaign.state == CampaignState::Finished {
            self.count("campaign", "finished");
        }
        if campaign.expanded && rows > ROWS_OF_A_GROUP {
            self.count("campaign", "expanded in several groups");
        }
        if let (Some(at), Some(started)) = (campaign.scheduled_at, campaign.started_at) {
            self.count("campaign", "launched at its time");
            if local_day(campaign.created_at.millis()) != local_day(started.millis()) {
                self.count("campaign", "launched on another day");
            }
            if is_closed(at.millis()) {
                self.count("campaign", "launched outside sending hours");
            }
        }
    }
}

/// Every message of the ledger.
async fn read(reader: &dyn Ledger) -> Result<Vec<MessageRecord>, String> {
    let mut records = Vec::new();
    for account in 1..=cast::ACCOUNTS {
        let mut after: Option<MessageId> = None;
        loop {
            let account = AccountId::from_raw(account);
            let filter = MessageFilter { account, campaign: None, state: None, phone: None, after };
            let (page, next) = reader.messages(&filter, PAGE).await.map_err(|error| error.to_string())?;
            records.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(records)
}
