//! What carriers send by themselves: receipts, and messages from phones. They go over any node's connection to the
//! gateway, and again until they are acknowledged.

use domain::channel::{CarrierCode, CarrierMessageId, ChannelEvent, Inbound, Receipt, ReceiptStatus};
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::Scope;
use domain::time::Clock as _;
use wire::cmpp::MsgId;

use crate::carrier::{Answer, Delivery};
use crate::cast;
use crate::node::Node;
use crate::world::World;

/// Words by which people refuse.
const REFUSALS: [&str; 3] = ["TD", "退订", "T退订"];
/// From here on deliveries are messages from phones, below receipts.
const FROM_PHONES: u64 = 1 << 32;
/// The delivery of a receipt that nobody waits for.
const FOREIGN: u64 = u64::MAX;

impl World {
    /// Some receipts of one gateway, of those that were not delivered yet or of those that were.
    pub(crate) fn receipts(&mut self, node: &Node, of: Delivery) {
        let places: Vec<usize> = {
            let carriers = self.carriers.lock();
            let all = carriers.reports.iter().enumerate();
            let line = |place: &usize| cast::line_to(node.place, carriers.reports[*place].receipt.gateway);
            let connected = |place: &usize| carriers.lines[line(place)].can_deliver();
            let of_kind = all.filter(|(_, report)| report.delivery == of).map(|(place, _)| place);
            of_kind.filter(connected).collect()
        };
        let Some(&first) = self.random.pick(&places) else { return };
        let gateway = self.carriers.lock().reports[first].receipt.gateway;
        let line = cast::line_to(node.place, gateway);
        let mut chosen = vec![first];
        for _ in 0..self.random.below(3) {
            let other = self.random.pick(&places).copied().unwrap_or(first);
            if !chosen.contains(&other) && self.carriers.lock().reports[other].receipt.gateway == gateway {
                chosen.push(other);
            }
        }
        let now = self.clock.monotonic_millis();
        for place in chosen {
            let mut carriers = self.carriers.lock();
            let receipt = carriers.reports[place].receipt.clone();
            let link = carriers.lines[line].link.as_mut();
            if link.is_some_and(|link| link.deliver_receipt(now, place as u64, &receipt)) {
                carriers.reports[place].delivery = Delivery::Out(node.place);
            }
        }
    }

    /// A receipt for something that we never sent.
    pub(crate) fn foreign_receipt(&mut self, node: &Node) {
        let Some(line) = self.line_with(node, |line| line.can_deliver()) else { return };
        let id = self.carriers.lock().foreign_id();
        let place = self.random.below(self.phones.len());
        let receipt = Receipt {
            gateway: cast::gateway_of(line),
            carrier_id: CarrierMessageId::Number(id),
            phone: self.random.chance(500).then(|| self.phones[place]),
            status: ReceiptStatus::Delivered,
            code: CarrierCode::new(b"DELIVRD"),
            received_at: self.clock.now(),
        };
        self.tell("a receipt of nothing");
        let now = self.clock.monotonic_millis();
        if let Some(link) = &mut self.carriers.lock().lines[line].link {
            link.deliver_receipt(now, FOREIGN, &receipt);
        }
    }

    /// A connection has read receipts.
    pub(crate) fn receipts_read(
        &mut self,
        node: &Node,
        line: usize,
        mut receipts: Vec<Receipt>,
        acks: Vec<(u32, MsgId)>,
    ) {
        receipts.iter_mut().for_each(|receipt| receipt.received_at = node.clock.now());
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
            self.model.lock().reported(of, receipt.status, false, self.clock.now());
            let message = self.model.lock().message_of(receipt.gateway, &receipt.carrier_id);
            let (id, status) = (&receipt.carrier_id, receipt.status);
            self.tell(&format!("receipt of {message} ({id:?}) on {line}: {status:?}"));
        }
        let Some(acknowledge) = self.acknowledger(line, acks) else { return };
        let arrived =
            ChannelEvent::Arrived { receipts, inbound: Vec::new(), acknowledge: Box::new(acknowledge) };
        node.tell(cast::channel_of(line), arrived);
    }

    fn acknowledger(&self, line: usize, acks: Vec<(u32, MsgId)>) -> Option<impl FnOnce() + Send + use<>> {
        self.carriers.lock().lines[line].link.as_ref().map(|link| link.acknowledger(acks))
    }

    /// The carrier heard what became of its deliveries: it forgets what was acknowledged, and repeats the rest.
    pub(crate) fn deliveries_answered(&mut self, acknowledged: Vec<u64>, returned: Vec<u64>) {
        let mut carriers = self.carriers.lock();
        for token in acknowledged {
            if token == FOREIGN {
                continue;
            }
            if token >= FROM_PHONES {
                carriers.answers[(token - FROM_PHONES) as usize].delivery = Delivery::Acknowledged;
                continue;
            }
            let report = &mut carriers.reports[token as usize];
            report.delivery = Delivery::Acknowledged;
            let of = (report.receipt.gateway, &report.receipt.carrier_id);
            self.model.lock().reported(of, report.receipt.status, true, self.clock.now());
        }
        for token in returned.into_iter().filter(|token| *token < FROM_PHONES) {
            let report = &mut carriers.reports[token as usize];
            if report.delivery != Delivery::Acknowledged {
                report.delivery = Delivery::Waiting;
            }
        }
    }

    /// Somebody answers; whoever refuses was perhaps sent something a moment ago.
    pub(crate) fn inbound(&mut self, node: &Node, opts_out: bool) {
        let Some(line) = self.line_with(node, |line| line.can_deliver()) else { return };
        let phone = self.phone_of_interest();
        let id = self.carriers.lock().foreign_id();
        let text = if opts_out { REFUSALS[self.random.below(REFUSALS.len())] } else { "谢谢" };
        let inbound = Inbound {
            gateway: cast::gateway_of(line),
            channel: cast::channel_of(line),
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

    /// Most people answer what is on its way to them, over whichever node.
    fn phone_of_interest(&mut self) -> Phone {
        let out: Vec<Phone> = {
            let carriers = self.carriers.lock();
            let written = carriers.lines.iter().filter_map(|line| line.link.as_ref());
            let written = written.flat_map(|link| link.phones().collect::<Vec<_>>());
            let waiting = carriers.lines.iter().flat_map(|line| &line.waiting).map(|(o, _)| o.phone);
            waiting.chain(written).collect()
        };
        let anybody = self.random.below(self.phones.len());
        if self.random.chance(700) && !out.is_empty() {
            return out[self.random.below(out.len())];
        }
        self.phones[anybody]
    }

    pub(crate) fn inbound_again(&mut self, node: &Node) {
        let count = self.carriers.lock().answers.len();
        let place = self.random.below(count);
        self.tell("an answer comes again");
        self.bring_in(node, place);
    }

    fn bring_in(&mut self, node: &Node, place: usize) {
        let now = self.clock.monotonic_millis();
        let mut carriers = self.carriers.lock();
        let inbound = carriers.answers[place].inbound.clone();
        let line = cast::line_to(node.place, inbound.gateway);
        let token = FROM_PHONES + place as u64;
        let link = carriers.lines[line].link.as_mut();
        let sent = link.is_some_and(|link| link.deliver_inbound(now, token, &inbound));
        let answer = &mut carriers.answers[place];
        if sent && answer.delivery != Delivery::Acknowledged {
            answer.delivery = Delivery::Out(node.place);
        }
    }

    /// A connection has read a message from a phone. What it must refuse at least is decided by what was settled before
    /// it came for the first time and has not moved since.
    pub(crate) fn inbound_read(&mut self, node: &Node, line: usize, read: Inbound, ack: (u32, MsgId)) {
        let found = {
            let carriers = self.carriers.lock();
            let same = |answer: &Answer| answer.inbound.carrier_id == read.carrier_id;
            carriers.answers.iter().position(same).map(|place| {
                let answer = &carriers.answers[place];
                (place, answer.opts_out && answer.delivery != Delivery::Acknowledged)
            })
        };
        let Some((place, opts_out)) = found else {
            self.model.lock().violation("somebody's message was read and nobody wrote it".to_owned());
            return;
        };
        let (phone, gateway) = (read.from, read.gateway);
        let now: Vec<(Scope, Category)> =
            if opts_out { self.model.lock().must_refuse(phone, gateway) } else { Vec::new() };
        let expected = self.carriers.lock().answers[place].refuses.get_or_insert(now).clone();
        let Some(write_ack) = self.acknowledger(line, vec![ack]) else { return };
        let (model, carriers, by) = (self.model.clone(), self.carriers.clone(), node.ledger.witness());
        let acknowledge = Box::new(move || {
            write_ack();
            let valid = {
                let carriers = carriers.lock();
                let answer = &carriers.answers[place];
                answer.opts_out && answer.delivery != Delivery::Acknowledged
            };
            let mut model = model.lock();
            let still = model.must_refuse(phone, gateway);
            for (scope, category) in expected.iter().filter(|refused| valid && still.contains(refused)) {
                model.refused(phone, *scope, Some(*category), by());
            }
        });
        let inbound = vec![Inbound { received_at: node.clock.now(), ..read }];
        let arrived = ChannelEvent::Arrived { receipts: Vec::new(), inbound, acknowledge };
        node.tell(cast::channel_of(line), arrived);
    }
}
