//! What may happen next, how likely it is, and the step that lets one of it happen.

use std::time::Duration;

use domain::time::Clock as _;
use store::ledger::Loss;

use crate::carrier::{Delivery, Line};
use crate::cast;
use crate::link::Link;
use crate::node::Node;
use crate::storage::Disk;
use crate::world::World;

/// Campaigns of one world, at most.
const CAMPAIGNS: usize = 5;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
/// China's clocks are ahead of UTC.
const EAST: u64 = 8 * HOUR;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    Send,
    Campaign,
    Keep,
    Commit,
    Tick,
    Jump,
    Write,
    Carry,
    Read,
    Answer,
    Receipt,
    ReceiptTwice,
    ReceiptUnknown,
    OptOut,
    Chat,
    InboundTwice,
    Suppress,
    Unsuppress,
    Consent,
    Pause,
    Resume,
    Cancel,
    CancelOne,
    Redact,
    Speed,
    Disconnect,
    Connect,
    Sweep,
    Inspect,
    Kill,
    PowerLoss,
    Start,
    Freeze,
    Thaw,
    TakeOver,
    Fence,
    SetBack,
    Correct,
    DiskFails,
    DiskMended,
}

impl Event {
    const ALL: [Self; 40] = [
        Self::Send,
        Self::Campaign,
        Self::Keep,
        Self::Commit,
        Self::Tick,
        Self::Jump,
        Self::Write,
        Self::Carry,
        Self::Read,
        Self::Answer,
        Self::Receipt,
        Self::ReceiptTwice,
        Self::ReceiptUnknown,
        Self::OptOut,
        Self::Chat,
        Self::InboundTwice,
        Self::Suppress,
        Self::Unsuppress,
        Self::Consent,
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::CancelOne,
        Self::Redact,
        Self::Speed,
        Self::Disconnect,
        Self::Connect,
        Self::Sweep,
        Self::Inspect,
        Self::Kill,
        Self::PowerLoss,
        Self::Start,
        Self::Freeze,
        Self::Thaw,
        Self::TakeOver,
        Self::Fence,
        Self::SetBack,
        Self::Correct,
        Self::DiskFails,
        Self::DiskMended,
    ];

    /// The word in stories and coverage.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Campaign => "campaign",
            Self::Keep => "keep",
            Self::Commit => "commit",
            Self::Tick => "tick",
            Self::Jump => "jump",
            Self::Write => "write",
            Self::Carry => "carry",
            Self::Read => "read",
            Self::Answer => "answer",
            Self::Receipt => "receipt",
            Self::ReceiptTwice => "receipt twice",
            Self::ReceiptUnknown => "receipt unknown",
            Self::OptOut => "opt-out",
            Self::Chat => "chat",
            Self::InboundTwice => "inbound twice",
            Self::Suppress => "suppress",
            Self::Unsuppress => "unsuppress",
            Self::Consent => "consent",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::CancelOne => "cancel one",
            Self::Redact => "redact",
            Self::Speed => "speed",
            Self::Disconnect => "disconnect",
            Self::Connect => "connect",
            Self::Sweep => "sweep",
            Self::Inspect => "inspect",
            Self::Kill => "kill",
            Self::PowerLoss => "power loss",
            Self::Start => "start",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::TakeOver => "take over",
            Self::Fence => "fence",
            Self::SetBack => "clock set back",
            Self::Correct => "clock corrected",
            Self::DiskFails => "disk fails",
            Self::DiskMended => "disk mended",
        }
    }

    /// Whether one running node does it or is told it.
    fn is_of_a_node(self) -> bool {
        let of_the_world = [
            Self::Kill,
            Self::PowerLoss,
            Self::Start,
            Self::Freeze,
            Self::Thaw,
            Self::TakeOver,
            Self::Fence,
            Self::SetBack,
            Self::Correct,
            Self::DiskFails,
            Self::DiskMended,
        ];
        !of_the_world.contains(&self)
    }
}

/// What can happen at this moment.
#[derive(Default)]
struct Chances {
    storage: bool,
    waiting: bool,
    campaigns: usize,
    /// Nodes: several there are, alive, running, to be started, standing still, silent for too long, taken over.
    several: bool,
    alive: usize,
    running: usize,
    startable: usize,
    frozen: usize,
    silent: usize,
    overtaken: usize,
    set_back: usize,
    disk: Disk,
    /// Of the node that acts.
    started: bool,
    room: bool,
    to_write: bool,
    to_carry: bool,
    to_read: bool,
    owed: bool,
    reports: bool,
    reported: bool,
    answers: bool,
    up: usize,
    down: usize,
}

impl Chances {
    fn of(world: &World, node: Option<&Node>) -> Self {
        let seats = &world.seats;
        let of_the_node = node.map_or_else(Self::default, |node| Self::of_node(world, node));
        Self {
            storage: world.storage.is_some(),
            waiting: !world.waiting().is_empty(),
            campaigns: world.plans.len(),
            several: seats.len() > 1,
            alive: seats.iter().filter(|seat| seat.life.is_some()).count(),
            running: seats.iter().filter(|seat| seat.running().is_some()).count(),
            startable: world.startable().len(),
            frozen: world.frozen().len(),
            silent: world.silent().len(),
            overtaken: world.overtaken().len(),
            disk: world.disk,
            set_back: seats.iter().filter(|seat| seat.clock.is_set_back()).count(),
            ..of_the_node
        }
    }

    fn of_node(world: &World, node: &Node) -> Self {
        let carriers = world.carriers.lock();
        let lines = &carriers.lines[cast::lines(node.place)];
        let links = || lines.iter().filter_map(|line| line.link.as_ref());
        let up = links().count();
        Self {
            started: node.is_started(),
            room: node.has_room(),
            to_write: lines.iter().any(Line::has_to_write),
            to_carry: links().any(Link::has_octets_for_carrier),
            to_read: links().any(Link::has_octets_for_us),
            owed: links().any(|link| link.owes() > 0),
            reports: carriers.reports.iter().any(|report| report.delivery == Delivery::Waiting),
            reported: carriers.reports.iter().any(|report| report.delivery == Delivery::Acknowledged),
            answers: !carriers.answers.is_empty(),
            up,
            down: lines.len() - up,
            ..Self::default()
        }
    }

    /// How likely an event is among the others.
    fn weight(&self, event: Event) -> u32 {
        let told = |able: bool, weight| if self.started && self.room && able { weight } else { 0 };
        let asked = |able: bool, weight| if self.started && able { weight } else { 0 };
        let when = |able: bool, weight| if able { weight } else { 0 };
        match event {
            Event::Commit => when(self.waiting, 260),
            Event::Tick => 110,
            Event::Jump => asked(true, 3),
            Event::Send => asked(true, 36),
            Event::Campaign => asked(self.campaigns < CAMPAIGNS, 14),
            Event::Keep => asked(self.campaigns > 0, 12),
            Event::Write => told(self.to_write, 150),
            Event::Carry => told(self.to_carry, 110),
            Event::Read => told(self.to_read, 110),
            Event::Answer => told(self.owed, 110),
            Event::Receipt => told(self.reports && self.up > 0, 50),
            Event::ReceiptTwice => told(self.reported && self.up > 0, 5),
            Event::ReceiptUnknown => told(self.up > 0, 2),
            Event::OptOut => told(self.up > 0, 7),
            Event::Chat => told(self.up > 0, 3),
            Event::InboundTwice => told(self.answers && self.up > 0, 3),
            Event::Suppress | Event::Unsuppress => asked(true, 4),
            Event::Consent => asked(true, 14),
            Event::Pause | Event::Resume | Event::Speed => asked(self.campaigns > 0, 4),
            Event::Cancel => asked(self.campaigns > 1, 1),
            Event::CancelOne => asked(true, 8),
            Event::Redact => asked(true, 3),
            Event::Disconnect => told(self.up > 0, 4),
            Event::Connect => told(self.down > 0, 60),
            Event::Sweep => asked(true, 6),
            Event::Inspect => when(self.storage, 8),
            Event::Kill => when(self.alive > 0, if self.several { 4 } else { 2 }),
            Event::PowerLoss => when(self.alive > 0, 2),
            Event::Start => when(self.startable > 0, if self.running == 0 { 600 } else { 10 }),
            Event::Freeze => when(self.running > 0, if self.several { 4 } else { 1 }),
            Event::Thaw => when(self.frozen > 0, if self.running == 0 { 200 } else { 9 }),
            Event::TakeOver => when(self.silent > 0, 40),
            Event::Fence => when(self.overtaken > 0, 25),
            Event::SetBack => when(self.running > 0 && self.set_back == 0, 1),
            Event::Correct => when(self.set_back > 0, 8),
            Event::DiskFails => when(self.disk == Disk::Sound, 2),
            Event::DiskMended => when(self.disk != Disk::Sound, 25),
        }
    }
}

impl World {
    /// One step.
    pub(crate) fn next_step(&mut self) -> Result<(), String> {
        let node = self.any_node();
        let chances = Chances::of(self, node.as_ref());
        let place = self.random.weighed(Event::ALL.iter().map(|event| chances.weight(*event)));
        let event = place.map_or(Event::Tick, |place| Event::ALL[place]);
        self.count("event", event.word());
        match (event, node) {
            (Event::Commit, _) => {
                self.commit();
                self.tend_logs()?;
            }
            (Event::Tick, _) => {
                let millis = self.tick_millis(chances.several && chances.running < chances.alive.max(2));
                self.tell(&format!("tick {millis} ms"));
                self.advance(Duration::from_millis(millis));
            }
            (Event::Jump, _) => {
                let millis = self.jump();
                self.tell(&format!("jump {} min", millis / 60_000));
                self.advance(Duration::from_millis(millis));
            }
            (Event::Inspect, _) => self.inspect(false)?,
            (event, Some(node)) if event.is_of_a_node() => self.act(event, &node),
            (event, node) => {
                // What dies must not be held.
                drop(node);
                self.nodes_change(event)?;
            }
        }
        self.sessions_wait();
        Ok(())
    }

    /// Most ticks are short; while a node is missing some are long enough for its lease to end.
    fn tick_millis(&mut self, missing: bool) -> u64 {
        match self.random.below(1_000) {
            0..120 if missing => self.random.between(3_000, 20_000),
            0..800 => self.random.between(1, 150),
            _ => self.random.between(150, 3_000),
        }
    }

    fn nodes_change(&mut self, event: Event) -> Result<(), String> {
        let alive = |world: &Self| -> Vec<usize> {
            (0..world.seats.len()).filter(|place| world.seats[*place].life.is_some()).collect()
        };
        let running = |world: &Self| -> Vec<usize> {
            (0..world.seats.len()).filter(|place| world.seats[*place].running().is_some()).collect()
        };
        let places = match event {
            Event::Kill => alive(self),
            Event::Start => self.startable(),
            Event::Freeze | Event::SetBack => running(self),
            Event::Thaw => self.frozen(),
            Event::TakeOver => self.silent(),
            Event::Fence => self.overtaken(),
            Event::Correct => (0..self.seats.len()).collect(),
            _ => vec![0],
        };
        let Some(&place) = self.random.pick(&places) else { return Ok(()) };
        match event {
            Event::Kill => {
                self.tell(&format!("node {place} is killed"));
                self.count("fault", "killed");
                self.kill_node(place)?;
            }
            Event::PowerLoss => {
                let kept = self.random.between(0, 1_000) as u16;
                self.tell("power lost");
                self.count("fault", "power lost");
                self.kill_all(Loss::Power { kept })?;
            }
            Event::Start => {
                // Nobody restarts a machine within a second.
                let millis = self.random.between(1_000, 4_000);
                self.advance(Duration::from_millis(millis));
                self.start_node(place)?;
            }
            Event::Freeze => self.freeze(place),
            Event::Thaw => self.thaw(place),
            Event::TakeOver => self.take_over(place),
            Event::Fence => {
                self.tell(&format!("node {place} finds that it was taken over and ends"));
                self.kill_node(place)?;
            }
            Event::SetBack => {
                let millis = self.random.between(500, 12_000);
                self.tell(&format!("node {place}: clock set back by {millis} ms"));
                self.count("fault", "clock set back");
                self.seats[place].clock.set_back(millis);
            }
            Event::Correct => {
                self.tell("clocks are corrected");
                self.seats.iter().for_each(|seat| seat.clock.correct());
            }
            Event::DiskFails => {
                self.disk = if self.random.chance(500) { Disk::Full } else { Disk::ReadOnly };
                self.tell(&format!("the disk is {:?}", self.disk));
            }
            _ => {
                self.tell("the disk is sound again");
                self.disk = Disk::Sound;
            }
        }
        Ok(())
    }

    fn act(&mut self, event: Event, node: &Node) {
        match event {
            Event::Send => self.send(node),
            Event::Campaign => self.launch(node),
            Event::Keep => self.keep(node),
            Event::Suppress => self.suppress(node),
            Event::Unsuppress => self.unsuppress(node),
            Event::Consent => self.consent(node),
            Event::Pause | Event::Resume | Event::Cancel => self.change_campaign(event, node),
            Event::CancelOne => self.cancel_one(node),
            Event::Redact => self.redact_one(node),
            Event::Speed => self.change_speed(node),
            Event::Sweep => {
                let engine = std::sync::Arc::clone(&node.engine);
                self.tell("sweep");
                self.top_ups();
                self.post(node);
                node.spawn(async move {
                    engine.sweep_round().await;
                });
            }
            event => self.carriers_act(event, node),
        }
    }

    /// The scheduler and the finisher look.
    pub(crate) fn keep(&mut self, node: &Node) {
        self.tell("keep");
        let engine = std::sync::Arc::clone(&node.engine);
        node.spawn(async move {
            let _tried_again_by_the_next = engine.keep_campaigns().await;
        });
    }

    /// Milliseconds until marketing must stop, until midnight, and until marketing may be sent.
    pub(crate) fn moments(&self) -> [u64; 3] {
        let now = self.clock.now().millis().unsigned_abs() + EAST;
        [20 * HOUR, 0, 8 * HOUR].map(|moment| (moment + DAY - now % DAY) % DAY)
    }

    /// Milliseconds to a moment of interest, or to any.
    fn jump(&mut self) -> u64 {
        let [closing, midnight, opening] = self.moments();
        let near = self.random.between(0, 90_000);
        match self.random.below(10) {
            0..2 => closing.saturating_sub(near),
            2..4 => midnight.saturating_sub(near),
            4..7 => opening + near,
            7..9 => self.random.between(60_000, 6 * HOUR),
            _ => self.random.between(DAY, 4 * DAY),
        }
        .max(1)
    }
}
