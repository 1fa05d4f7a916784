//! Receipts and replies: when they are due, how they look, and what becomes of them.

use wire::Millis;

use super::{Books, DELIVERED, Part};
use crate::delivery::{CarrierId, Delivery, MessageRef, Receipt, Rendered, RenderedReceipt};
use crate::dice::Dice;

/// Pause before something refused by the service provider is sent again.
const AGAIN_AFTER_MS: u64 = 1000;
/// A number space that no real counter reaches: ids of messages that nobody sent.
const UNKNOWN_IDS: u64 = 0xF << 60;

/// The phone that invented receipts name first; the following ones count up.
const UNKNOWN_PHONE: u64 = 8_613_800_000_000;

impl Books {
    /// Puts something into an account's outbox.
    pub(crate) fn schedule(&mut self, account: usize, at: Millis, delivery: Delivery) {
        self.counters.add_pending();
        self.outboxes[account].schedule.push(at, delivery);
    }

    /// Schedules a receipt with its copies, or gives it back when it must be sent before the answer to its submit.
    pub(super) fn report(&mut self, part: &Part<'_>, receipt: Receipt, dice: &mut Dice) -> Option<Receipt> {
        let config = std::sync::Arc::clone(&self.config);
        let receipts = &config.receipts;
        let mut at = part.now.0 + receipts.delay.draw(dice);
        let copy = Receipt { message: MessageRef::Nobody, ..receipt };
        if dice.chance(receipts.out_of_order) {
            at += receipts.delay.draw(dice);
        }
        if dice.chance(receipts.duplicates) {
            let later = Millis(at + receipts.delay.draw(dice));
            self.schedule(part.account, later, Delivery::Receipt(copy));
        }
        if dice.chance(receipts.unknown) {
            self.counters.receipts_unknown += 1;
            let id = CarrierId { low: UNKNOWN_IDS | receipt.id.low, ..receipt.id };
            self.schedule(part.account, Millis(at), Delivery::Receipt(Receipt { id, ..copy }));
        }
        if dice.chance(receipts.before_answer) {
            return Some(receipt);
        }
        self.schedule(part.account, Millis(at), Delivery::Receipt(receipt));
        None
    }

    /// Schedules `count` receipts for messages that nobody sent.
    pub(crate) fn invent_receipts(&mut self, now: Millis, account: usize, count: u32) {
        for number in 0..u64::from(count) {
            self.counters.receipts_unknown += 1;
            let receipt = Receipt {
                id: CarrierId { low: UNKNOWN_IDS | number, high: 0 },
                phone: UNKNOWN_PHONE + number,
                message: MessageRef::Nobody,
                source: 0,
                submitted_s: (now.0 / 1000) as u32,
                stat: 0,
                without_phone: false,
                sent_before: false,
            };
            self.schedule(account, now, Delivery::Receipt(receipt));
        }
    }

    /// The next receipt or reply that is due for an account.
    pub(crate) fn next_delivery(&mut self, account: usize, now: Millis) -> Option<Delivery> {
        self.outboxes[account].schedule.pop(now)
    }

    /// A receipt or reply with everything that its PDU needs.
    pub(crate) fn render(&mut self, now: Millis, delivery: &Delivery) -> Rendered<'_> {
        let deliver_id = self.ids(now, 1).0;
        match delivery {
            Delivery::Receipt(receipt) => Rendered::Receipt(RenderedReceipt {
                id: receipt.id,
                deliver_id,
                phone: (!receipt.without_phone).then_some(receipt.phone),
                source: self.sources[receipt.source as usize],
                stat: self.stats[usize::from(receipt.stat)],
                submitted: self.calendar.minute(Millis(u64::from(receipt.submitted_s) * 1000)),
                done: self.calendar.minute(now),
                number: self.next_id as u32,
                decimal: self.config.receipts.decimal_ids,
            }),
            Delivery::Reply(reply) => Rendered::Reply {
                deliver_id,
                phone: reply.phone,
                source: self.sources[reply.source as usize],
                text: &self.reply_texts[usize::from(!reply.opt_out)][reply.text as usize],
            },
        }
    }

    /// Something was written to a connection.
    pub(crate) fn sent(&mut self, now: Millis, delivery: &mut Delivery) {
        match delivery {
            Delivery::Receipt(receipt) => {
                self.receipts_by_stat[usize::from(receipt.stat)] += 1;
                if !std::mem::replace(&mut receipt.sent_before, true) {
                    self.told(receipt);
                }
            }
            Delivery::Reply(reply) => {
                if std::mem::replace(&mut reply.sent_before, true) {
                    return;
                }
                self.counters.inbound += 1;
                if let Some(opt_out) = self.opt_outs.get_mut(&reply.phone).filter(|_| reply.opt_out) {
                    opt_out.sent = Some(now);
                    self.counters.opt_outs += 1;
                }
            }
        }
    }

    /// The service provider acknowledged something.
    pub(crate) fn acked(&mut self, now: Millis, delivery: &Delivery) {
        self.counters.pending -= 1;
        match delivery {
            Delivery::Receipt(_) => {
                self.counters.receipts_acked += 1;
                self.counters.first_receipt_acked_ms.get_or_insert(now.0);
                self.counters.last_receipt_acked_ms = Some(now.0);
            }
            Delivery::Reply(reply) => {
                self.counters.inbound_acked += 1;
                if let Some(opt_out) = self.opt_outs.get_mut(&reply.phone).filter(|_| reply.opt_out) {
                    opt_out.acked.get_or_insert(now);
                }
            }
        }
    }

    /// Something was refused, or not answered, or lost with its connection: it will be sent again.
    pub(crate) fn returned(&mut self, now: Millis, account: usize, delivery: Delivery, refused: bool) {
        self.counters.returned += 1;
        let outbox = &mut self.outboxes[account].schedule;
        if refused {
            outbox.push(Millis(now.0 + AGAIN_AFTER_MS), delivery);
        } else {
            outbox.push_front(delivery);
        }
    }

    /// Something could not be written now: it stays first.
    pub(crate) fn put_back(&mut self, account: usize, delivery: Delivery) {
        self.outboxes[account].schedule.push_front(delivery);
    }

    /// Something can never be written.
    pub(crate) fn dropped(&mut self) {
        self.counters.pending -= 1;
    }

    /// The first report of a part has gone out.
    fn told(&mut self, receipt: &Receipt) {
        let delivered = receipt.stat == 0;
        let message = match receipt.message {
            MessageRef::Single(hash) => delivered.then_some((receipt.phone, hash)),
            MessageRef::Long { slot, number } => self.assembly.reported(slot, number, delivered),
            MessageRef::Nobody => None,
        };
        if let Some((phone, hash)) = message {
            let mut first = false;
            self.messages.update(phone, [0, hash], |payload| {
                first = payload & DELIVERED == 0;
                payload | DELIVERED
            });
            self.counters.delivered += u64::from(first);
        }
    }
}
