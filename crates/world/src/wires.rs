//! What carriers and their connections do.

use domain::channel::{
    CarrierCode, CarrierMessageId, ChannelEvent, Inbound, Receipt, ReceiptStatus, SubmitOutcome, Submitted,
};
use domain::ids::{ChannelId, GatewayId};
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::Scope;
use domain::time::Clock as _;

use crate::carrier::{self, Answer, Delivery, Fate, Written};
use crate::events::Event;
use crate::node::Node;
use crate::world::World;

/// Words by which people refuse.
const REFUSALS: [&str; 3] = ["TD", "退订", "T退订"];

impl World {
    pub(crate) fn carriers_act(&mut self, event: Event, node: &Node) {
        match event {
            Event::Write => self.write(node),
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

    fn line_with(&mut self, able: impl Fn(&carrier::Line) -> bool) -> Option<usize> {
        let lines: Vec<usize> = {
            let carriers = self.carriers.lock();
            (0..carriers.lines.len()).filter(|place| able(&carriers.lines[*place])).collect()
        };
        self.random.pick(&lines).copied()
    }

    /// A connection writes what it was handed, as long as it may; what was taken back it gives back.
    pub(crate) fn write(&mut self, node: &Node) {
        let Some(line) = self.line_with(|l| !l.waiting.is_empty() || !l.recalled.is_empty()) else { return };
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic_millis());
        let recalled: Vec<_> = std::mem::take(&mut self.carriers.lock().lines[line].recalled);
        let mut back: Vec<Submitted> = recalled
            .into_iter()
            .map(|o| carrier::submitted(o, now, SubmitOutcome::NotWritten { recalled: true }))
            .collect();
        back.iter().for_each(|_| self.count("answer", "recalled"));
        for _ in 0..1 + self.random.below(3) {
            let next = self.carriers.lock().lines[line].waiting.pop_front();
            let Some((outgoing, deadline)) = next else { break };
            if deadline < monotonic {
                self.count("fault", "write too late");
                let outcome = SubmitOutcome::NotWritten { recalled: false };
                back.push(carrier::submitted(outgoing, now, outcome));
                continue;
            }
            self.tell(&format!("write {} on {line}", outgoing.ticket.message));
            self.model.lock().wrote(&outgoing, monotonic);
            let fate = self.carriers.lock().take(&outgoing, line, now);
            if let Fate::Taken(ids) | Fate::Partial(ids, _) = &fate {
                self.model.lock().took(outgoing.ticket, GatewayId(line as u16 + 1), ids);
            }
            self.carriers.lock().lines[line].written.push(Written { outgoing, fate });
        }
        self.tell_answers(node, line, back);
    }

    /// Answers to some of what was written, in any order; now and then one never comes.
    pub(crate) fn answer(&mut self, node: &Node) {
        let Some(line) = self.line_with(|l| !l.written.is_empty() || !l.late.is_empty()) else { return };
        let now = self.clock.now();
        let mut answers = Vec::new();
        if self.random.chance(300)
            && let Some((outgoing, ids)) = self.carriers.lock().lines[line].late.pop()
        {
            self.count("answer", "late");
            let ids = ids.into_iter().map(CarrierMessageId::Number).collect();
            answers.push(carrier::submitted(outgoing, now, SubmitOutcome::TakenLate(ids)));
        }
        for _ in 0..1 + self.random.below(4) {
            let written = {
                let mut carriers = self.carriers.lock();
                let written = &mut carriers.lines[line].written;
                if written.is_empty() {
                    break;
                }
                let place = self.random.below(written.len());
                written.remove(place)
            };
            let outcome = if self.random.chance(40) {
                self.count("fault", "answer lost");
                if let Fate::Taken(ids) = &written.fate
                    && self.random.chance(600)
                {
                    let late = (written.outgoing.clone(), ids.clone());
                    self.carriers.lock().lines[line].late.push(late);
                }
                SubmitOutcome::Uncertain { taken: Vec::new() }
            } else {
                let word = match &written.fate {
                    Fate::Taken(_) => "taken",
                    Fate::Throttled => "throttled",
                    Fate::Refused(_) => "refused",
                    Fate::Partial(..) => "partial",
                };
                self.count("answer", word);
                carrier::answer(&written.fate)
            };
            answers.push(carrier::submitted(written.outgoing, now, outcome));
        }
        self.tell_answers(node, line, answers);
    }

    fn tell_answers(&mut self, node: &Node, line: usize, answers: Vec<Submitted>) {
        if answers.is_empty() {
            return;
        }
        for Submitted { outgoing, outcome, .. } in &answers {
            self.tell(&format!("answer to {} on {line}: {outcome:?}", outgoing.ticket.message));
        }
        {
            let mut model = self.model.lock();
            answers.iter().for_each(|answer| model.answered(answer.outgoing.ticket, &answer.outcome));
        }
        if !node.tell(line, ChannelEvent::Submitted(answers)) {
            self.model
                .lock()
                .violation("the engine's queue of events was full although it had room".to_owned());
        }
        self.carriers.lock().nudge(line);
    }

    /// Some receipts of one gateway, of those that were not delivered yet or of those that were.
    pub(crate) fn receipts(&mut self, node: &Node, of: Delivery) {
        let places: Vec<usize> = {
            let carriers = self.carriers.lock();
            let all = carriers.reports.iter().enumerate();
            all.filter(|(_, report)| report.delivery == of).map(|(place, _)| place).collect()
        };
        let Some(&first) = self.random.pick(&places) else { return };
        let gateway = self.carriers.lock().reports[first].receipt.gateway;
        let mut chosen = vec![first];
        for _ in 0..self.random.below(3) {
            let other = self.random.pick(&places).copied().unwrap_or(first);
            if !chosen.contains(&other) && self.carriers.lock().reports[other].receipt.gateway == gateway {
                chosen.push(other);
            }
        }
        self.deliver(node, &chosen, usize::from(gateway.0) - 1);
    }

    fn deliver(&mut self, node: &Node, chosen: &[usize], line: usize) {
        let now = self.clock.now();
        let mut receipts = Vec::new();
        for &place in chosen {
            let early = {
                let mut carriers = self.carriers.lock();
                carriers.reports[place].delivery = Delivery::Out;
                let receipt = Receipt { received_at: now, ..carriers.reports[place].receipt.clone() };
                let id = receipt.carrier_id.clone();
                receipts.push(receipt);
                carriers.lines[line].written.iter().any(|written| is_of(&written.fate, &id))
            };
            if early {
                self.count("fault", "receipt early");
            }
        }
        for receipt in &receipts {
            let word = match receipt.status {
                ReceiptStatus::Delivered => "delivered",
                ReceiptStatus::Undelivered => "undelivered",
                ReceiptStatus::Expired => "expired",
            };
            self.count("receipt", word);
            if receipt.phone.is_none() {
                self.count("fault", "receipt without phone");
            }
            let of = (receipt.gateway, &receipt.carrier_id);
            self.model.lock().reported(of, receipt.status, false, now);
        }
        for receipt in &receipts {
            let message = self.model.lock().message_of(receipt.gateway, &receipt.carrier_id);
            let (id, status) = (&receipt.carrier_id, receipt.status);
            self.tell(&format!("receipt of {message} ({id:?}) on {line}: {status:?}"));
        }
        let (carriers, model, clock) = (self.carriers.clone(), self.model.clone(), self.clock.clone());
        let (chosen, told) = (chosen.to_vec(), receipts.clone());
        let acknowledge = Box::new(move || {
            for receipt in &told {
                let of = (receipt.gateway, &receipt.carrier_id);
                model.lock().reported(of, receipt.status, true, clock.now());
            }
            let mut carriers = carriers.lock();
            chosen.iter().for_each(|place| carriers.reports[*place].delivery = Delivery::Acknowledged);
        });
        node.tell(line, ChannelEvent::Arrived { receipts, inbound: Vec::new(), acknowledge });
    }

    /// A receipt for something that we never sent.
    fn foreign_receipt(&mut self, node: &Node) {
        let id = self.carriers.lock().foreign_id();
        let line = self.random.below(3);
        let place = self.random.below(self.phones.len());
        let receipt = Receipt {
            gateway: GatewayId(line as u16 + 1),
            carrier_id: CarrierMessageId::Number(id),
            phone: self.random.chance(500).then(|| self.phones[place]),
            status: ReceiptStatus::Delivered,
            code: CarrierCode::new(b"DELIVRD"),
            received_at: self.clock.now(),
        };
        self.tell("a receipt of nothing");
        let acknowledge = Box::new(|| ());
        node.tell(line, ChannelEvent::Arrived { receipts: vec![receipt], inbound: Vec::new(), acknowledge });
    }

    /// Somebody answers; whoever refuses was perhaps sent something a moment ago.
    fn inbound(&mut self, node: &Node, opts_out: bool) {
        let line = self.random.below(3);
        let phone = self.phone_of_interest(line);
        let id = self.carriers.lock().foreign_id();
        let text = if opts_out { REFUSALS[self.random.below(REFUSALS.len())] } else { "谢谢" };
        let inbound = Inbound {
            gateway: GatewayId(line as u16 + 1),
            channel: ChannelId(line as u16 + 1),
            carrier_id: CarrierMessageId::Number(id),
            from: phone,
            to: "10690001".into(),
            text: text.to_owned(),
            received_at: self.clock.now(),
        };
        let place = {
            let mut carriers = self.carriers.lock();
            carriers.answers.push(Answer { inbound, opts_out, refuses: None, delivery: Delivery::Waiting });
            carriers.answers.len() - 1
        };
        self.tell(&format!("{phone:?} answers {text}"));
        self.bring_in(node, place);
    }

    /// Most people answer what is on its way to them.
    fn phone_of_interest(&mut self, line: usize) -> Phone {
        let out: Vec<Phone> = {
            let carriers = self.carriers.lock();
            let line = &carriers.lines[line];
            let written = line.written.iter().map(|written| written.outgoing.phone);
            line.waiting.iter().map(|(outgoing, _)| outgoing.phone).chain(written).collect()
        };
        let anybody = self.random.below(self.phones.len());
        if self.random.chance(700) && !out.is_empty() {
            return out[self.random.below(out.len())];
        }
        self.phones[anybody]
    }

    fn inbound_again(&mut self, node: &Node) {
        let count = self.carriers.lock().answers.len();
        let place = self.random.below(count);
        self.tell("an answer comes again");
        self.bring_in(node, place);
    }

    /// Delivers an inbound message. What it must refuse at least is decided by what was settled before it came and has
    /// not moved since.
    fn bring_in(&mut self, node: &Node, place: usize) {
        let (inbound, opts_out) = {
            let mut carriers = self.carriers.lock();
            let answer = &mut carriers.answers[place];
            let first = answer.delivery != Delivery::Acknowledged;
            if first {
                answer.delivery = Delivery::Out;
            }
            (answer.inbound.clone(), answer.opts_out && first)
        };
        let (phone, gateway, line) = (inbound.from, inbound.gateway, usize::from(inbound.gateway.0) - 1);
        let now: Vec<(Scope, Category)> =
            if opts_out { self.model.lock().must_refuse(phone, gateway) } else { Vec::new() };
        let expected = self.carriers.lock().answers[place].refuses.get_or_insert(now).clone();
        let (model, carriers) = (self.model.clone(), self.carriers.clone());
        let acknowledge = Box::new(move || {
            let mut carriers = carriers.lock();
            let answer = &mut carriers.answers[place];
            let valid = answer.opts_out && answer.delivery != Delivery::Acknowledged;
            answer.delivery = Delivery::Acknowledged;
            drop(carriers);
            let mut model = model.lock();
            let still = model.must_refuse(phone, gateway);
            for (scope, category) in expected.iter().filter(|refused| valid && still.contains(refused)) {
                model.refused(phone, *scope, Some(*category));
            }
        });
        node.tell(line, ChannelEvent::Arrived { receipts: Vec::new(), inbound: vec![inbound], acknowledge });
    }

    /// A connection breaks: nobody knows what became of what was written on it.
    fn disconnect(&mut self, node: &Node) {
        let Some(line) = self.line_with(|line| line.up) else { return };
        let now = self.clock.now();
        let mut back = Vec::new();
        {
            let mut carriers = self.carriers.lock();
            let gateway = GatewayId(line as u16 + 1);
            let line = &mut carriers.lines[line];
            line.up = false;
            line.late.clear();
            let lost = line.written.drain(..).map(|written| {
                carrier::submitted(written.outgoing, now, SubmitOutcome::Uncertain { taken: Vec::new() })
            });
            back.extend(lost);
            let unwritten = line.waiting.drain(..).map(|(outgoing, _)| outgoing);
            let not_written = |o| carrier::submitted(o, now, SubmitOutcome::NotWritten { recalled: false });
            back.extend(unwritten.map(not_written));
            // What was not acknowledged on this connection comes again on the next.
            for report in carriers.reports.iter_mut().filter(|report| report.receipt.gateway == gateway) {
                if report.delivery == Delivery::Out {
                    report.delivery = Delivery::Waiting;
                }
            }
        }
        self.tell(&format!("disconnect {line}"));
        self.tell_answers(node, line, back);
        node.tell(line, ChannelEvent::Connections { up: 0, configured: 1, trouble: None });
    }

    pub(crate) fn connect(&mut self, node: &Node) {
        let Some(line) = self.line_with(|line| !line.up) else { return };
        self.tell(&format!("connect {line}"));
        self.carriers.lock().lines[line].up = true;
        node.tell(line, ChannelEvent::Connections { up: 1, configured: 1, trouble: None });
        self.carriers.lock().nudge(line);
    }
}

fn is_of(fate: &Fate, id: &CarrierMessageId) -> bool {
    match (fate, id) {
        (Fate::Taken(ids) | Fate::Partial(ids, _), CarrierMessageId::Number(id)) => ids.contains(id),
        _ => false,
    }
}
