//! Inbound messages: whose they are, what they mean, and that a refusal is in force before it is acknowledged.
//!
//! Invariants: a redelivered message acts once; a refusal that could mean several entities applies to all of them;
//! when it is acknowledged to the carrier, no claim made afterwards sends to the phone, and what was claimed and not
//! yet written is taken back.

use std::sync::Arc;
use std::time::Duration;

use domain::channel::Inbound;
use domain::control::AccountKind;
use domain::ids::{AccountId, ChannelId, GatewayId, InboundId};
use domain::ledger::{InboundRecord, LastSent, LedgerError, SentOver, SuppressionOrder};
use domain::message::Category;
use domain::opt_out::{Offered, Reply, classify};
use domain::policy::{Scope, Suppressed, SuppressionSource};

use crate::Engine;

/// How far back an answer may refer.
const ATTRIBUTION: Duration = Duration::from_secs(30 * 86_400);

impl Engine {
    /// Records an inbound message and does what it asks.
    ///
    /// # Errors
    /// When the ledger refuses; then nothing was recorded, and the carrier must deliver it again.
    pub(crate) async fn take_inbound(self: &Arc<Self>, message: Inbound) -> Result<(), LedgerError> {
        let since = message.received_at.minus(ATTRIBUTION);
        let over = self.sent_over(message.gateway, message.channel).await;
        let sent = self.ledger.last_sent(message.from, &over, since).await?;
        let reply = classify(&message.text, offered(&sent));
        let id = InboundId::from(self.ids.next(self.clock.now(), message.from.slot()));
        let orders = match reply {
            Reply::OptOut => refusals(&message, &sent, id),
            Reply::OptIn | Reply::Help | Reply::Other => Vec::new(),
        };
        let refused = !orders.is_empty();
        let from = message.from;
        let mut record = record(message, &sent, id, refused);
        let mut orders = orders;
        if sent.is_empty()
            && let Some(operator) = self.operator().await
        {
            // Nobody else would ever see it, nor the refusal that holds for all.
            record.account = Some(operator);
            orders.iter_mut().for_each(|order| order.account = operator);
        }
        let new = self.ledger.inbound(record, orders).await?;
        self.counter.look();
        if new && refused {
            self.recall(from);
        }
        Ok(())
    }

    /// A gateway with its channels. What is not known for the moment is left out: the last try is found without it.
    async fn sent_over(&self, gateway: GatewayId, channel: ChannelId) -> SentOver {
        let configured = match self.channels().await {
            Ok(channels) => channels,
            Err(error) => {
                tracing::warn!(%error, "an answer is attributed without the channels of its gateway");
                return SentOver { gateway, channels: vec![channel] };
            }
        };
        let of_gateway = configured.iter().filter(|config| config.gateway == gateway);
        SentOver { gateway, channels: of_gateway.map(|config| config.id).collect() }
    }

    /// The operator's account; none while it cannot be read.
    async fn operator(&self) -> Option<AccountId> {
        if let Some(known) = self.operator.get() {
            return Some(*known);
        }
        let tenants = match self.control.tenants().await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::warn!(%error, "the operator's account could not be read");
                return None;
            }
        };
        let found = tenants.iter().find(|tenant| tenant.kind == AccountKind::Operator)?.account.id;
        Some(*self.operator.get_or_init(|| found))
    }

    /// Suppresses a phone for all that is not on the wire yet: later claims, and what is claimed already.
    ///
    /// # Errors
    /// When the ledger refuses; then nothing was recorded.
    pub async fn suppress(&self, order: SuppressionOrder) -> Result<(), LedgerError> {
        let phone = order.phone;
        let partition = self.ledger.partitions().of(phone.slot());
        self.ledger.suppress(partition, vec![order]).await?;
        self.recall(phone);
        Ok(())
    }

    /// Takes back what is claimed for a phone and not yet written, on every channel.
    pub(crate) fn recall(&self, phone: domain::phone::Phone) {
        if let Some(dispatch) = self.dispatch() {
            dispatch.recall(phone);
        }
    }
}

/// Whether a single letter may mean a refusal.
fn offered(sent: &[LastSent]) -> Offered {
    match sent.first() {
        Some(last) if last.category == Category::Marketing || last.offered_opt_out => Offered::Yes,
        _ => Offered::No,
    }
}

/// One suppression per entity that the refusal may mean, for marketing and for the category it answers. An OTP is
/// never refused by an answer: whoever signs in must get it (PIPL 16). Nothing known was sent: nobody here may send
/// marketing to the phone.
fn refusals(message: &Inbound, sent: &[LastSent], id: InboundId) -> Vec<SuppressionOrder> {
    let order = |account, scope, category| SuppressionOrder {
        phone: message.from,
        account,
        suppressed: Suppressed {
            scope,
            category: Some(category),
            source: SuppressionSource::OptOut,
            at: message.received_at,
        },
        inbound: Some(id),
    };
    let mut orders: Vec<SuppressionOrder> = Vec::new();
    let mut add = |new: SuppressionOrder| {
        let same = |old: &SuppressionOrder| {
            old.suppressed.scope == new.suppressed.scope && old.suppressed.category == new.suppressed.category
        };
        if !orders.iter().any(same) {
            orders.push(new);
        }
    };
    for last in sent {
        let scope = Scope::Entity(last.entity);
        add(order(last.account, scope, Category::Marketing));
        if last.category == Category::Notice {
            add(order(last.account, scope, Category::Notice));
        }
    }
    if sent.is_empty() {
        add(order(AccountId::from_raw(0), Scope::Operator, Category::Marketing));
    }
    orders
}

fn record(message: Inbound, sent: &[LastSent], id: InboundId, opted_out: bool) -> InboundRecord {
    let last = sent.first();
    InboundRecord {
        id,
        account: last.map(|last| last.account),
        gateway: message.gateway,
        channel: message.channel,
        carrier_id: message.carrier_id,
        from: message.from,
        to: message.to,
        text: message.text,
        answers: last.map(|last| last.message),
        campaign: last.and_then(|last| last.campaign),
        opted_out,
        received_at: message.received_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::channel::CarrierMessageId;
    use domain::ids::{EntityId, MessageId};
    use domain::phone::{Country, Phone};
    use domain::time::Timestamp;

    const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn message() -> Inbound {
        Inbound {
            gateway: GatewayId(1),
            channel: ChannelId(1),
            carrier_id: CarrierMessageId::Number(1),
            from: Phone::parse("13800138000", Country::CN).unwrap(),
            to: "10690001".into(),
            text: "R".into(),
            received_at: AT,
        }
    }

    fn sent(entity: i64, category: Category) -> LastSent {
        LastSent {
            message: MessageId::from_raw(1),
            account: AccountId::from_raw(entity),
            entity: EntityId::from_raw(entity),
            campaign: None,
            category,
            channel: ChannelId(1),
            handed_at: AT,
            offered_opt_out: false,
        }
    }

    #[test]
    fn a_refusal_that_could_mean_several_entities_applies_to_all_of_them() {
        let id = InboundId::from_raw(9);
        let sent = [sent(1, Category::Marketing), sent(2, Category::Notice), sent(1, Category::Marketing)];
        let orders = refusals(&message(), &sent, id);
        let scopes: Vec<_> = orders.iter().map(|o| (o.suppressed.scope, o.suppressed.category)).collect();
        let entity = |n| Scope::Entity(EntityId::from_raw(n));
        assert_eq!(
            scopes,
            [
                (entity(1), Some(Category::Marketing)),
                (entity(2), Some(Category::Marketing)),
                (entity(2), Some(Category::Notice)),
            ]
        );
    }

    #[test]
    fn a_refusal_out_of_the_blue_holds_for_everybody_and_an_otp_is_never_refused() {
        let orders = refusals(&message(), &[], InboundId::from_raw(9));
        assert_eq!(orders.len(), 1);
        assert_eq!(orders[0].suppressed.scope, Scope::Operator);
        let orders = refusals(&message(), &[sent(1, Category::Otp)], InboundId::from_raw(9));
        assert!(orders.iter().all(|order| order.suppressed.category == Some(Category::Marketing)));
    }

    #[test]
    fn letters_count_only_after_marketing_or_an_offer() {
        assert_eq!(offered(&[]), Offered::No);
        assert_eq!(offered(&[sent(1, Category::Notice)]), Offered::No);
        assert_eq!(offered(&[sent(1, Category::Marketing)]), Offered::Yes);
    }
}
