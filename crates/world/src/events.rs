//! What may happen next, how likely it is, and the step that lets one of it happen.

use std::time::Duration;

use domain::ids::PartitionId;
use domain::time::Clock as _;
use store::ledger::{Loss, Trouble};

use crate::carrier::Delivery;
use crate::cast;
use crate::node::Node;
use crate::world::{End, World};

/// Campaigns of one world, at most.
const CAMPAIGNS: usize = 5;
/// Bytes of a log that are copied into the file between two steps.
const LOG_BYTES: u64 = 1 << 20;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
/// China's clocks are ahead of UTC.
const EAST: u64 = 8 * HOUR;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    Send,
    Campaign,
    Expand,
    Commit,
    Tick,
    Jump,
    Write,
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
    Speed,
    Disconnect,
    Connect,
    Sweep,
    Inspect,
    Kill,
    PowerLoss,
}

impl Event {
    const ALL: [Self; 27] = [
        Self::Send,
        Self::Campaign,
        Self::Expand,
        Self::Commit,
        Self::Tick,
        Self::Jump,
        Self::Write,
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
        Self::Speed,
        Self::Disconnect,
        Self::Connect,
        Self::Sweep,
        Self::Inspect,
        Self::Kill,
        Self::PowerLoss,
    ];

    /// The word in stories and coverage.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Campaign => "campaign",
            Self::Expand => "expand",
            Self::Commit => "commit",
            Self::Tick => "tick",
            Self::Jump => "jump",
            Self::Write => "write",
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
            Self::Speed => "speed",
            Self::Disconnect => "disconnect",
            Self::Connect => "connect",
            Self::Sweep => "sweep",
            Self::Inspect => "inspect",
            Self::Kill => "kill",
            Self::PowerLoss => "power loss",
        }
    }
}

/// What can happen at this moment.
struct Chances {
    started: bool,
    room: bool,
    waiting: bool,
    to_write: bool,
    written: bool,
    reports: bool,
    reported: bool,
    answers: bool,
    down: usize,
    campaigns: usize,
    to_expand: bool,
}

impl Chances {
    fn of(world: &World, node: &Node) -> Self {
        let carriers = world.carriers.lock();
        let is = |delivery: Delivery| move |report: &&crate::carrier::Report| report.delivery == delivery;
        Self {
            started: node.is_started(),
            room: node.has_room(),
            waiting: (0..cast::PARTITIONS).any(|id| node.stepper.waiting(PartitionId(id)) > 0),
            to_write: carriers.lines.iter().any(|l| !l.waiting.is_empty() || !l.recalled.is_empty()),
            written: carriers.lines.iter().any(|l| !l.written.is_empty() || !l.late.is_empty()),
            reports: carriers.reports.iter().any(|report| is(Delivery::Waiting)(&report)),
            reported: carriers.reports.iter().any(|report| is(Delivery::Acknowledged)(&report)),
            answers: !carriers.answers.is_empty(),
            down: carriers.lines.iter().filter(|line| !line.up).count(),
            campaigns: world.plans.len(),
            to_expand: world.plans.iter().any(|plan| plan.is_idle() || plan.is_done()),
        }
    }

    /// How likely an event is among the others.
    fn weight(&self, event: Event) -> u32 {
        let told = |able: bool, weight| if self.started && self.room && able { weight } else { 0 };
        let asked = |able: bool, weight| if self.started && able { weight } else { 0 };
        match event {
            Event::Commit if self.waiting => 260,
            Event::Commit => 0,
            Event::Tick => 110,
            Event::Jump => asked(true, 3),
            Event::Send => asked(true, 36),
            Event::Campaign => asked(self.campaigns < CAMPAIGNS, 14),
            Event::Expand => asked(self.to_expand, 12),
            Event::Write => told(self.to_write, 150),
            Event::Answer => told(self.written, 110),
            Event::Receipt => told(self.reports, 70),
            Event::ReceiptTwice => told(self.reported, 5),
            Event::ReceiptUnknown => told(true, 2),
            Event::OptOut => told(true, 7),
            Event::Chat => told(true, 3),
            Event::InboundTwice => told(self.answers, 3),
            Event::Suppress | Event::Unsuppress => asked(true, 4),
            Event::Consent => asked(true, 14),
            Event::Pause | Event::Resume | Event::Speed => asked(self.campaigns > 0, 4),
            Event::Cancel => asked(self.campaigns > 1, 1),
            Event::Disconnect => told(self.down < 3, 4),
            Event::Connect => told(self.down > 0, 60),
            Event::Sweep => asked(true, 6),
            Event::Inspect => 8,
            Event::Kill | Event::PowerLoss => 2,
        }
    }
}

impl World {
    /// One step. `Some`: the node dies by it.
    pub(crate) async fn next_step(&mut self, node: &mut Node) -> Result<Option<End>, String> {
        let chances = Chances::of(self, node);
        let place = self.random.weighed(Event::ALL.iter().map(|event| chances.weight(*event)));
        let event = place.map_or(Event::Tick, |place| Event::ALL[place]);
        self.count("event", event.word());
        match event {
            Event::Commit => self.commit(node),
            Event::Tick => {
                let millis = if self.random.chance(800) {
                    self.random.between(1, 150)
                } else {
                    self.random.between(150, 3_000)
                };
                self.tell(&format!("tick {millis} ms"));
                self.advance(Duration::from_millis(millis)).await;
            }
            Event::Jump => {
                let millis = self.jump();
                self.tell(&format!("jump {} min", millis / 60_000));
                self.advance(Duration::from_millis(millis)).await;
            }
            Event::Inspect => self.inspect(node, false).await?,
            Event::Kill => {
                self.tell("killed");
                self.count("fault", "killed");
                return Ok(Some(End::Died(Loss::Process)));
            }
            Event::PowerLoss => {
                let kept = self.random.between(0, 1_000) as u16;
                self.tell("power lost");
                self.count("fault", "power lost");
                return Ok(Some(End::Died(Loss::Power { kept })));
            }
            event => self.act(event, node),
        }
        node.stepper.tend_logs(LOG_BYTES).map_err(|error| error.to_string())?;
        Ok(None)
    }

    fn act(&mut self, event: Event, node: &Node) {
        match event {
            Event::Send => self.send(node),
            Event::Campaign => self.launch(node),
            Event::Expand => self.expand(node),
            Event::Suppress => self.suppress(node),
            Event::Unsuppress => self.unsuppress(node),
            Event::Consent => self.consent(node),
            Event::Pause | Event::Resume | Event::Cancel => self.change_campaign(event, node),
            Event::Speed => self.change_speed(node),
            Event::Sweep => {
                let engine = std::sync::Arc::clone(&node.engine);
                self.tell("sweep");
                tokio::spawn(async move {
                    engine.sweep_round().await;
                    let _tried_again_by_the_next = engine.catch_up_lanes().await;
                });
            }
            event => self.carriers_act(event, node),
        }
    }

    /// A partition does what waits; sometimes its storage does not let it.
    fn commit(&mut self, node: &mut Node) {
        let waiting: Vec<PartitionId> =
            (0..cast::PARTITIONS).map(PartitionId).filter(|id| node.stepper.waiting(*id) > 0).collect();
        let Some(&id) = self.random.pick(&waiting) else { return };
        let trouble = match self.random.below(1_000) {
            0..12 => Trouble::Once(self.random.between(1, 1_500) as u32),
            12..20 => Trouble::Always(self.random.between(1, 1_500) as u32),
            _ => Trouble::None,
        };
        self.commit_in(node, id, trouble);
    }

    /// One step of a partition's writer.
    pub(crate) fn commit_in(&mut self, node: &mut Node, id: PartitionId, trouble: Trouble) {
        let Some(stepped) = node.stepper.step(id, trouble) else { return };
        if stepped.interrupted {
            let kind = if matches!(trouble, Trouble::Always(_)) { "storage always" } else { "storage once" };
            self.count("fault", kind);
        }
        let mut model = self.model.lock();
        model.changes += u64::from(stepped.failed < stepped.commands);
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

    /// Milliseconds to a moment of interest, or to any.
    fn jump(&mut self) -> u64 {
        let now = self.clock.now().millis().unsigned_abs() + EAST;
        let of_day = now % DAY;
        let until = |moment: u64| (moment + DAY - of_day) % DAY;
        let near = self.random.between(0, 90_000);
        match self.random.below(10) {
            0..2 => until(20 * HOUR).saturating_sub(near),
            2..4 => until(0).saturating_sub(near),
            4..7 => until(8 * HOUR) + near,
            7..9 => self.random.between(60_000, 6 * HOUR),
            _ => self.random.between(DAY, 4 * DAY),
        }
        .max(1)
    }
}
