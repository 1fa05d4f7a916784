//! What becomes of nodes: they start, die, stand still and come back, their clocks are set, and their peers take over
//! what they had in flight.
//!
//! The world plays the part of the leases: who has not been heard of for [`LEASE`] may be taken over, from that moment on
//! it may claim nothing, and a node that finds itself taken over ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::time::Clock as _;
use store::ledger::Loss;

use crate::cast;
use crate::node::{Life, Node};
use crate::storage::Disk;
use crate::world::World;

/// A node is taken over after so many milliseconds of silence: longer than any claim's write deadline.
const LEASE: u64 = 15_000;
/// Carriers close a connection on which nobody has answered their tests for so long.
const SILENCE: u64 = 60_000;
/// Between two tries of a takeover, which ends with whoever is at it.
const TAKEOVER_PAUSE: Duration = Duration::from_millis(400);

impl World {
    fn places(&self, able: impl Fn(&Self, usize) -> bool) -> Vec<usize> {
        (0..self.seats.len()).filter(|place| able(self, *place)).collect()
    }

    /// A node that acts now, if there is one.
    pub(crate) fn any_node(&mut self) -> Option<Node> {
        let running = self.places(|world, place| world.seats[place].running().is_some());
        let place = *self.random.pick(&running)?;
        self.node(place)
    }

    pub(crate) fn node(&self, place: usize) -> Option<Node> {
        self.seats[place].running().map(|life| life.node.clone())
    }

    /// Nodes that act now, in order.
    pub(crate) fn running_nodes(&self) -> Vec<Node> {
        (0..self.seats.len()).filter_map(|place| self.node(place)).collect()
    }

    /// Dead nodes that may be started.
    pub(crate) fn startable(&self) -> Vec<usize> {
        self.places(|world, place| {
            let seat = &world.seats[place];
            seat.life.is_none() && !seat.gone && !seat.is_being_taken_over()
        })
    }

    pub(crate) fn frozen(&self) -> Vec<usize> {
        self.places(|world, place| world.seats[place].frozen)
    }

    /// Running nodes that have been taken over.
    pub(crate) fn overtaken(&self) -> Vec<usize> {
        self.places(|world, place| world.seats[place].running().is_some() && world.seats[place].is_fenced())
    }

    /// Silent nodes whose lease has ended, when there is somebody to take them over.
    pub(crate) fn silent(&self) -> Vec<usize> {
        let now = self.clock.monotonic_millis();
        self.places(|world, place| {
            let seat = &world.seats[place];
            let silent = (seat.life.is_none() || seat.frozen) && now >= seat.since + LEASE;
            silent && seat.takeover.is_none() && world.helper(place).is_some()
        })
    }

    fn helper(&self, of: usize) -> Option<Node> {
        let able = |node: &Node| node.place != of && node.is_started() && !self.seats[node.place].is_fenced();
        self.running_nodes().into_iter().find(able)
    }

    pub(crate) fn start_node(&mut self, place: usize) -> Result<(), String> {
        if self.storage.is_none() {
            self.open_storage()?;
        }
        self.count_life()?;
        self.tell(&format!("node {place} starts"));
        self.seats[place].takeover = None;
        let life = Life::start(self, place)?;
        self.seats[place].life = Some(life);
        Ok(())
    }

    /// A node dies. Alone on its ledger it takes that with it, as a process does with its files.
    pub(crate) fn kill_node(&mut self, place: usize) -> Result<(), String> {
        self.forget_node(place);
        if self.seats.len() == 1 {
            return self.close_storage(Loss::Process);
        }
        if let Some(storage) = &mut self.storage {
            let forgotten = storage.stepper.forget_abandoned();
            if forgotten > 0 {
                self.count("fault", "request lost with its node");
            }
        }
        let others = self.seats.iter().filter(|seat| !seat.gone).count();
        self.seats[place].gone = others > 1 && self.random.chance(250);
        Ok(())
    }

    /// All nodes die, and their storage with them.
    pub(crate) fn kill_all(&mut self, loss: Loss) -> Result<(), String> {
        for place in 0..self.seats.len() {
            if self.seats[place].life.is_some() {
                self.forget_node(place);
            }
        }
        self.close_storage(loss)
    }

    fn forget_node(&mut self, place: usize) {
        for line in cast::lines(place) {
            self.lose_octets(line);
        }
        for seat in self.seats.iter_mut().filter(|seat| seat.is_being_taken_over_by(place)) {
            seat.takeover = None;
        }
        let seat = &mut self.seats[place];
        drop(seat.life.take());
        seat.frozen = false;
        seat.missed = Duration::ZERO;
        seat.since = self.clock.monotonic_millis();
        self.carriers.lock().node_died(place);
        self.model.lock().node_died(place);
    }

    pub(crate) fn freeze(&mut self, place: usize) {
        self.tell(&format!("node {place} stands still"));
        self.count("fault", "node frozen");
        let seat = &mut self.seats[place];
        seat.frozen = true;
        seat.since = self.clock.monotonic_millis();
    }

    /// A node goes on where it stood still; its timers notice that time has passed, and its carriers may have gone.
    pub(crate) fn thaw(&mut self, place: usize) {
        self.tell(&format!("node {place} goes on"));
        let silent_for = self.clock.monotonic_millis() - self.seats[place].since;
        let seat = &mut self.seats[place];
        seat.frozen = false;
        let missed = std::mem::take(&mut seat.missed);
        let fenced = seat.is_fenced();
        let Some(life) = seat.running() else { return };
        let node = life.node.clone();
        life.runtime.block_on(tokio::time::advance(missed));
        if fenced {
            self.count("fault", "node came back after it was taken over");
        }
        if silent_for > SILENCE && node.is_started() {
            for line in cast::lines(place) {
                if self.carriers.lock().lines[line].link.is_some() && node.has_room() {
                    self.disconnect_line(&node, line);
                }
            }
        }
    }

    /// A peer ends the claims of a node that has been silent for longer than its lease.
    pub(crate) fn take_over(&mut self, place: usize) {
        let Some(helper) = self.helper(place) else { return };
        self.tell(&format!("node {} takes over from node {place}", helper.place));
        self.count(
            "fault",
            if self.seats[place].frozen { "frozen node taken over" } else { "dead node taken over" },
        );
        let done = Arc::new(AtomicBool::new(false));
        let seat = &mut self.seats[place];
        seat.fenced.store(true, Ordering::Relaxed);
        seat.takeover = Some((helper.place, Arc::clone(&done)));
        self.carriers.lock().node_silent(place);
        self.model.lock().taken_over(place);
        let (ledger, engine, fault) = (Arc::clone(&helper.ledger), Arc::clone(&helper.engine), self.fault);
        helper.spawn(async move {
            while ledger.take_over(cast::node(place), fault.retry()).await.is_err() {
                tokio::time::sleep(TAKEOVER_PAUSE).await;
            }
            done.store(true, Ordering::Relaxed);
            // Whoever takes over the duty of a dead keeper goes on with the campaigns that it had begun with.
            while engine.resume_all().await.is_err() {
                tokio::time::sleep(TAKEOVER_PAUSE).await;
            }
        });
    }

    /// Everybody is there and on time from now on, but for those who are gone for good: these are taken over.
    pub(crate) fn gather(&mut self) -> Result<(), String> {
        self.disk = Disk::Sound;
        for place in 0..self.seats.len() {
            self.seats[place].clock.correct();
            if self.seats[place].frozen {
                self.thaw(place);
            }
        }
        for place in self.overtaken() {
            self.kill_node(place)?;
            self.seats[place].gone = false;
        }
        Ok(())
    }
}
