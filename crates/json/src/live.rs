//! The live state of campaigns and channels, as streams tell it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CampaignProgress, ChannelLive};

/// A campaign under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CampaignLive {
    pub id: String,
    pub name: String,
    pub progress: CampaignProgress,
}

/// One event of the stream of campaigns: `snapshot` has all of them, `change` those that changed since the event before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"campaigns": [{"id": "cmp_0d4x0k1g00000", "name": "双十一会员日", "progress": {
    "state": "running", "preflight": "done", "preflight_done": 10000, "preflight_total": 10000, "people": 10000,
    "expanded": true, "queued": 4000, "sending": 120, "submitted": 5500, "delivered": 5300, "failed": 40,
    "rejected": 220, "cancelled": 0, "uncertain": 0}}], "gone": []}))]
pub struct CampaignsLive {
    pub campaigns: Vec<CampaignLive>,
    /// Those that ended a while ago: nothing more comes of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
}

/// A channel and what it is doing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChannelState {
    pub id: String,
    pub name: String,
    pub enabled: bool,
    /// Absent when it is not running on this node. Without `history` and without `down_for_seconds`, which change by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<ChannelLive>,
}

/// One event of the stream of channels: `snapshot` has all of them, `change` those that changed since the event before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"channels": [{"id": "chn_1", "name": "移动主通道", "enabled": true, "live": {
    "connections_up": 4, "condition": "up", "history": [], "free_parts": 60, "claimed": 10, "submitted": 10, "throttled": 0,
    "refused": 0, "uncertain": 0, "receipts": 9, "inbound": 1}}], "gone": []}))]
pub struct ChannelsLive {
    pub channels: Vec<ChannelState>,
    /// Those that were taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
}
