//! Streams as the queue is ordered by them.

use domain::ids::{ChannelId, LaneId};
use domain::lane::Stream;

use super::life::{carrier_code, carrier_from};

/// A stream's lane, and a number that holds the avoided channel in its lower 16 bits and the carrier above them. No
/// channel is number 0, and no carrier has code 0.
pub fn stream_key(stream: Stream) -> (i64, u32) {
    let avoid = stream.avoid.map_or(0, |channel| channel.0);
    let carrier = stream.carrier.map_or(0, carrier_code);
    (stream.lane.raw(), u32::from(carrier) << u16::BITS | u32::from(avoid))
}

/// What [`stream_key`] was made of.
pub fn stream(lane: i64, which: u32) -> Stream {
    let avoid = (which & u32::from(u16::MAX)) as u16;
    Stream {
        lane: LaneId::from_raw(lane),
        carrier: carrier_from((which >> u16::BITS) as u8),
        avoid: Some(avoid).filter(|avoid| *avoid != 0).map(ChannelId),
    }
}
