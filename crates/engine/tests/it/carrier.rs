//! A carrier in three calls: it takes what is claimed and delivers it, without wire or time.

use std::sync::Arc;

use domain::channel::{CarrierCode, CarrierMessageId, Receipt, ReceiptStatus};
use domain::ids::{ChannelId, GatewayId};
use domain::ledger::{ClaimRequest, Disposition, Ledger as _, Settlement, Take};
use domain::phone::{CarrierSet, Phone};
use domain::retry::RetryPolicy;
use domain::time::Clock as _;

use crate::house::House;

const CHANNEL: ChannelId = ChannelId(1);
const GATEWAY: GatewayId = GatewayId(1);
const CLAIM: u32 = 700;

/// Sends everything that is due until nothing is; returns each phone with its text in the order of sending.
pub(crate) async fn send_all(house: &House) -> Vec<(Phone, String)> {
    let mut sent = Vec::new();
    let mut next_id = 1;
    loop {
        let due = house.ledger.due();
        let now = house.clock.now();
        let Some(due) = due.into_iter().find(|due| due.earliest <= now) else { return sent };
        let request = ClaimRequest {
            partition: due.partition,
            channel: CHANNEL,
            gateway: GATEWAY,
            carriers: CarrierSet::ALL,
            takes: vec![Take { stream: due.stream, limit: CLAIM, reach: CarrierSet::ALL }],
            max_parts: u32::MAX,
            now,
            policy: Arc::clone(&house.policy),
        };
        let claim = house.ledger.claim(request).await.unwrap();
        let mut settlements = Vec::new();
        let mut receipts = Vec::new();
        for outgoing in claim.outgoing {
            let ids: Vec<CarrierMessageId> = (0..outgoing.parts)
                .map(|_| {
                    next_id += 1;
                    CarrierMessageId::Number(next_id)
                })
                .collect();
            receipts.extend(ids.iter().map(|id| Receipt {
                gateway: GATEWAY,
                carrier_id: id.clone(),
                phone: Some(outgoing.phone),
                status: ReceiptStatus::Delivered,
                code: CarrierCode::new(b"DELIVRD"),
                received_at: now,
            }));
            settlements.push(Settlement {
                ticket: outgoing.ticket,
                channel: CHANNEL,
                at: now,
                disposition: Disposition::Submitted { gateway: GATEWAY, ids },
            });
            sent.push((outgoing.phone, outgoing.text.to_string()));
        }
        house.ledger.settle(due.partition, settlements).await.unwrap();
        let retry = Arc::new(RetryPolicy::default());
        house.ledger.receipts(due.partition, receipts, true, retry, now).await.unwrap();
    }
}
