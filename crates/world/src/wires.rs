//! What passes over the nodes' connections: writes, octets that arrive, answers, breaks.

use domain::channel::{ChannelEvent, SubmitOutcome, Submitted};
use domain::time::Clock as _;

use crate::carrier::{self, Delivery, Judged};
use crate::cast;
use crate::events::Event;
use crate::link::{AtCarrier, AtUs, Link};
use crate::node::Node;
use crate::world::World;

/// The most octets that arrive at once: some PDUs, and rarely a whole number of them.
const PIECE: u64 = 700;

impl World {
    pub(crate) fn carriers_act(&mut self, event: Event, node: &Node) {
        match event {
            Event::Write => self.write(node),
            Event::Carry => self.carry(node, false),
            Event::Read => self.read(node, false),
            Event::Answer => self.answer(node),
            Event::Receipt => self.receipts(node, Delivery::Waiting),
            Event::ReceiptTwice => self.receipts(node, Delivery::Acknowledged),
            Event::ReceiptUnknown => self.foreign_receipt(node),
            Event::OptOut => self.inbound(node, true),
            Event::Chat => self.inbound(node, false),
            Event::InboundTwice => self.inbound_again(node),
            Event::Disconnect => self.disconnect(node),
            Event::Connect => self.connect(node),
            _ => {}
        }
    }

    pub(crate) fn line_with(&mut self, node: &Node, able: impl Fn(&carrier::Line) -> bool) -> Option<usize> {
        let lines: Vec<usize> = {
            let carriers = self.carriers.lock();
            cast::lines(node.place).filter(|line| able(&carriers.lines[*line])).collect()
        };
        self.random.pick(&lines).copied()
    }

    /// A connection writes what it was handed, as long as it may; what was taken back it gives back.
    pub(crate) fn write(&mut self, node: &Node) {
        let Some(line) = self.line_with(node, carrier::Line::has_to_write) else { return };
        let (now, monotonic) = (node.clock.now(), self.clock.monotonic_millis());
        let recalled: Vec<_> = std::mem::take(&mut self.carriers.lock().lines[line].recalled);
        let mut back: Vec<Submitted> = recalled
            .into_iter()
            .map(|o| carrier::submitted(o, now, SubmitOutcome::NotWritten { recalled: true }))
            .collect();
        if let Some(link) = &mut self.carriers.lock().lines[line].link {
            link.write_acks();
        }
        for _ in 0..1 + self.random.below(3) {
            let next = self.carriers.lock().lines[line].next_to_write(monotonic);
            let Some((outgoing, deadline)) = next else { break };
            if deadline < monotonic {
                self.count("fault", "write too late");
                let outcome = SubmitOutcome::NotWritten { recalled: false };
                back.push(carrier::submitted(outgoing, now, outcome));
                continue;
            }
            self.tell(&format!("write {} on {line}", outgoing.ticket.message));
            self.model.lock().wrote(&outgoing, monotonic, node.place);
            let link = &mut self.carriers.lock().lines[line].link;
            if let Some(Err(what)) = link.as_mut().map(|link| link.write(monotonic, &outgoing)) {
                self.model.lock().violation(format!("{} was not written: {what}", outgoing.ticket.message));
            }
        }
        self.tell_answers(node, line, back);
    }

    /// Octets reach the carrier of a connection: some, or all that are on their way.
    pub(crate) fn carry(&mut self, node: &Node, all: bool) {
        let on_their_way = |l: &carrier::Line| l.link.as_ref().is_some_and(Link::has_octets_for_carrier);
        let Some(line) = self.line_with(node, on_their_way) else { return };
        let octets = if all { usize::MAX } else { self.random.between(1, PIECE) as usize };
        self.carry_on(line, octets);
    }

    fn carry_on(&mut self, line: usize, octets: usize) {
        let now = self.clock.monotonic_millis();
        let arrived = {
            let mut carriers = self.carriers.lock();
            carriers.lines[line].link.as_mut().map(|link| link.carry(now, octets))
        };
        if let Some(arrived) = arrived {
            self.carrier_got(line, arrived);
        }
    }

    /// The carrier decides about what arrived, and owes an answer for each part.
    pub(crate) fn carrier_got(&mut self, line: usize, at: AtCarrier) {
        self.model.lock().changes += u64::from(!at.parts.is_empty() || !at.acknowledged.is_empty());
        let (now, gateway) = (self.clock.now(), cast::gateway_of(line));
        for part in at.parts {
            let ticket = part.outgoing.ticket;
            let Judged { id, result } = self.carriers.lock().judge(&part.outgoing, part.part, line, now);
            if result == 0 {
                self.model.lock().took(ticket, gateway, id, part.part);
            }
            self.tell(&format!("part {} of {} reaches {line}: {result}", part.part, ticket.message));
            if let Some(link) = &mut self.carriers.lock().lines[line].link {
                link.owe(part.sequence, id, result);
            }
        }
        self.deliveries_answered(at.acknowledged, at.returned);
        if let Some(what) = at.wrong {
            self.model.lock().violation(what);
        }
    }

    /// The carrier answers some of what reached it, in any order; now and then it forgets one.
    pub(crate) fn answer(&mut self, node: &Node) {
        let owes = |l: &carrier::Line| l.link.as_ref().is_some_and(|link| link.owes() > 0);
        let Some(line) = self.line_with(node, owes) else { return };
        for _ in 0..1 + self.random.below(4) {
            let owed = self.carriers.lock().lines[line].link.as_ref().map_or(0, Link::owes);
            let (place, forget) = (self.random.below(owed), self.random.chance(40));
            if owed == 0 {
                break;
            }
            if forget {
                self.count("fault", "answer lost");
            }
            if let Some(link) = &mut self.carriers.lock().lines[line].link {
                link.answer(place, forget);
            }
            self.model.lock().changes += 1;
        }
        self.tell(&format!("answers on {line}"));
    }

    /// Octets reach us over a connection: some, or all that are on their way.
    pub(crate) fn read(&mut self, node: &Node, all: bool) {
        let on_their_way = |l: &carrier::Line| l.link.as_ref().is_some_and(Link::has_octets_for_us);
        let Some(line) = self.line_with(node, on_their_way) else { return };
        let octets = if all { usize::MAX } else { self.random.between(1, PIECE) as usize };
        let now = self.clock.monotonic_millis();
        let at = {
            let mut carriers = self.carriers.lock();
            carriers.lines[line].link.as_mut().map(|link| link.read(now, octets, cast::channel_of(line).0))
        };
        if let Some(at) = at {
            self.we_got(node, line, at);
        }
    }

    /// The driver tells the engine what a read led to.
    fn we_got(&mut self, node: &Node, line: usize, at: AtUs) {
        let now = node.clock.now();
        let answers: Vec<Submitted> = at
            .submitted
            .into_iter()
            .map(|(outgoing, outcome)| carrier::submitted(outgoing, now, outcome))
            .collect();
        self.tell_answers(node, line, answers);
        for _ in 0..at.early {
            self.count("fault", "receipt early");
        }
        if !at.receipts.is_empty() {
            self.receipts_read(node, line, at.receipts, at.receipt_acks);
        }
        for (inbound, ack) in at.inbound.into_iter().zip(at.inbound_acks) {
            self.inbound_read(node, line, inbound, ack);
        }
        if at.closed {
            self.count("fault", "session closed");
            self.disconnect_line(node, line);
        }
    }

    fn tell_answers(&mut self, node: &Node, line: usize, answers: Vec<Submitted>) {
        if answers.is_empty() {
            return;
        }
        for Submitted { outgoing, outcome, .. } in &answers {
            self.count("answer", carrier::word(outcome));
            self.tell(&format!("answer to {} on {line}: {outcome:?}", outgoing.ticket.message));
        }
        {
            let mut model = self.model.lock();
            answers.iter().for_each(|answer| model.answered(answer.outgoing.ticket, &answer.outcome));
        }
        if !node.tell(cast::channel_of(line), ChannelEvent::Submitted(answers)) {
            self.model
                .lock()
                .violation("the engine's queue of events was full although it had room".to_owned());
        }
        self.carriers.lock().nudge(line);
    }

    /// Sessions notice that time has passed: tests of the peer, answers that do not come.
    pub(crate) fn sessions_wait(&mut self) {
        let now = self.clock.monotonic_millis();
        for node in self.running_nodes() {
            for line in cast::lines(node.place) {
                let noticed = {
                    let mut carriers = self.carriers.lock();
                    let link = carriers.lines[line].link.as_mut();
                    link.map(|link| link.time(now, cast::channel_of(line).0))
                };
                if let Some((at_us, at_carrier)) = noticed {
                    self.carrier_got(line, at_carrier);
                    self.we_got(&node, line, at_us);
                }
            }
        }
    }

    /// A connection breaks: nobody knows what became of what was written on it.
    fn disconnect(&mut self, node: &Node) {
        if let Some(line) = self.line_with(node, |line| line.link.is_some()) {
            self.disconnect_line(node, line);
        }
    }

    pub(crate) fn disconnect_line(&mut self, node: &Node, line: usize) {
        self.lose_octets(line);
        let now = node.clock.now();
        let (lost, unwritten) = {
            let mut carriers = self.carriers.lock();
            carriers.broke(node.place, cast::gateway_of(line));
            let line_ = &mut carriers.lines[line];
            let lost = line_.link.take().map(|mut link| link.break_off(cast::channel_of(line).0));
            (lost, std::mem::take(&mut line_.waiting))
        };
        let lost = lost.into_iter().flat_map(|at| at.submitted);
        let unwritten = unwritten
            .into_iter()
            .map(|(outgoing, _)| (outgoing, SubmitOutcome::NotWritten { recalled: false }));
        let back = lost.chain(unwritten);
        let back = back.map(|(outgoing, outcome)| carrier::submitted(outgoing, now, outcome)).collect();
        self.tell(&format!("disconnect {line}"));
        self.tell_answers(node, line, back);
        let channel = cast::channel_of(line);
        node.tell(channel, ChannelEvent::Connections { up: 0, configured: 1, trouble: None });
    }

    /// Of what is on its way on a connection that breaks, some still reaches the carrier.
    pub(crate) fn lose_octets(&mut self, line: usize) {
        let on_their_way =
            self.carriers.lock().lines[line].link.as_ref().is_some_and(Link::has_octets_for_carrier);
        if on_their_way {
            let octets = self.random.between(0, 2 * PIECE) as usize;
            self.count("fault", "octets lost");
            self.carry_on(line, octets);
        }
    }

    pub(crate) fn connect(&mut self, node: &Node) {
        let Some(line) = self.line_with(node, |line| line.link.is_none()) else { return };
        self.tell(&format!("connect {line}"));
        let link = Link::open(self.clock.monotonic_millis(), self.fault);
        let up = u16::from(link.is_some());
        self.carriers.lock().lines[line].link = link;
        let channel = cast::channel_of(line);
        node.tell(channel, ChannelEvent::Connections { up, configured: 1, trouble: None });
        self.carriers.lock().nudge(line);
    }
}
