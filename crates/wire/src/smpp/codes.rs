//! Numbers of SMPP by their names: commands, statuses, tags.

/// The commands served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Command {
    /// generic_nack
    GenericNack = 0x8000_0000,
    /// bind_receiver
    BindReceiver = 0x1,
    /// bind_receiver_resp
    BindReceiverResp = 0x8000_0001,
    /// bind_transmitter
    BindTransmitter = 0x2,
    /// bind_transmitter_resp
    BindTransmitterResp = 0x8000_0002,
    /// query_sm
    QuerySm = 0x3,
    /// query_sm_resp
    QuerySmResp = 0x8000_0003,
    /// submit_sm
    SubmitSm = 0x4,
    /// submit_sm_resp
    SubmitSmResp = 0x8000_0004,
    /// deliver_sm
    DeliverSm = 0x5,
    /// deliver_sm_resp
    DeliverSmResp = 0x8000_0005,
    /// unbind
    Unbind = 0x6,
    /// unbind_resp
    UnbindResp = 0x8000_0006,
    /// replace_sm
    ReplaceSm = 0x7,
    /// replace_sm_resp
    ReplaceSmResp = 0x8000_0007,
    /// cancel_sm
    CancelSm = 0x8,
    /// cancel_sm_resp
    CancelSmResp = 0x8000_0008,
    /// bind_transceiver
    BindTransceiver = 0x9,
    /// bind_transceiver_resp
    BindTransceiverResp = 0x8000_0009,
    /// outbind
    Outbind = 0xB,
    /// enquire_link
    EnquireLink = 0x15,
    /// enquire_link_resp
    EnquireLinkResp = 0x8000_0015,
    /// alert_notification
    AlertNotification = 0x102,
    /// data_sm
    DataSm = 0x103,
    /// data_sm_resp
    DataSmResp = 0x8000_0103,
}

impl Command {
    /// Every command with its name, those of the hot path first.
    const NAMES: [(Self, &'static str); 24] = [
        (Self::SubmitSmResp, "submit_sm_resp"),
        (Self::DeliverSm, "deliver_sm"),
        (Self::SubmitSm, "submit_sm"),
        (Self::DeliverSmResp, "deliver_sm_resp"),
        (Self::EnquireLink, "enquire_link"),
        (Self::EnquireLinkResp, "enquire_link_resp"),
        (Self::GenericNack, "generic_nack"),
        (Self::BindReceiver, "bind_receiver"),
        (Self::BindReceiverResp, "bind_receiver_resp"),
        (Self::BindTransmitter, "bind_transmitter"),
        (Self::BindTransmitterResp, "bind_transmitter_resp"),
        (Self::BindTransceiver, "bind_transceiver"),
        (Self::BindTransceiverResp, "bind_transceiver_resp"),
        (Self::Outbind, "outbind"),
        (Self::Unbind, "unbind"),
        (Self::UnbindResp, "unbind_resp"),
        (Self::QuerySm, "query_sm"),
        (Self::QuerySmResp, "query_sm_resp"),
        (Self::CancelSm, "cancel_sm"),
        (Self::CancelSmResp, "cancel_sm_resp"),
        (Self::ReplaceSm, "replace_sm"),
        (Self::ReplaceSmResp, "replace_sm_resp"),
        (Self::DataSm, "data_sm"),
        (Self::DataSmResp, "data_sm_resp"),
    ];

    /// `command_id`.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The command of a `command_id`; `None` for those not served and for nonsense.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let alert = Self::AlertNotification;
        let named = Self::NAMES.iter().map(|(command, _)| *command);
        named.chain([alert]).find(|command| command.number() == number)
    }

    /// The name in the specification, such as `submit_sm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(command, _)| *command == self);
        found.map_or("alert_notification", |(_, name)| name)
    }
}

/// `command_status` values that mean something to a session (SMPP 3.4, 5.1.3).
pub mod status {
    /// ESME_ROK
    pub const OK: u32 = 0;
    /// ESME_RINVCMDLEN: the PDU's structure is wrong.
    pub const BAD_LENGTH: u32 = 0x02;
    /// ESME_RINVCMDID: unknown or not allowed.
    pub const BAD_COMMAND: u32 = 0x03;
    /// ESME_RSYSERR
    pub const SYSTEM_ERROR: u32 = 0x08;
    /// ESME_RINVDSTADR: the destination is wrong.
    pub const BAD_DESTINATION: u32 = 0x0B;
    /// ESME_RCANCELFAIL
    pub const CANCEL_FAILED: u32 = 0x11;
    /// ESME_RREPLACEFAIL
    pub const REPLACE_FAILED: u32 = 0x13;
    /// ESME_RQUERYFAIL
    pub const QUERY_FAILED: u32 = 0x67;
    /// ESME_RINVPASWD
    pub const BAD_PASSWORD: u32 = 0x0E;
    /// ESME_RINVSYSID
    pub const BAD_SYSTEM_ID: u32 = 0x0F;
    /// ESME_RMSGQFUL: the queue is full.
    pub const QUEUE_FULL: u32 = 0x14;
    /// ESME_RTHROTTLED
    pub const THROTTLED: u32 = 0x58;
}

/// Tags of optional parameters (SMPP 3.4, 5.3.2).
pub mod tag {
    /// `receipted_message_id`
    pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    /// `user_message_reference`
    pub const USER_MESSAGE_REFERENCE: u16 = 0x0204;
    /// `sar_msg_ref_num`
    pub const SAR_MSG_REF_NUM: u16 = 0x020C;
    /// `sar_total_segments`
    pub const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    /// `sar_segment_seqnum`
    pub const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    /// `sc_interface_version`
    pub const SC_INTERFACE_VERSION: u16 = 0x0210;
    /// `network_error_code`
    pub const NETWORK_ERROR_CODE: u16 = 0x0423;
    /// `message_payload`
    pub const MESSAGE_PAYLOAD: u16 = 0x0424;
    /// `message_state`
    pub const MESSAGE_STATE: u16 = 0x0427;
    /// `congestion_state` (5.0): 0 to 99.
    pub const CONGESTION_STATE: u16 = 0x0428;

    /// The name of a tag in the specification.
    #[must_use]
    pub fn name(tag: u16) -> &'static str {
        match tag {
            0x0005 => "dest_addr_subunit",
            0x0006 => "dest_network_type",
            0x0007 => "dest_bearer_type",
            0x000D => "source_addr_subunit",
            0x000E => "source_network_type",
            0x000F => "source_bearer_type",
            0x0017 => "qos_time_to_live",
            0x0019 => "payload_type",
            0x001D => "additional_status_info_text",
            RECEIPTED_MESSAGE_ID => "receipted_message_id",
            0x0030 => "ms_msg_wait_facilities",
            0x0201 => "privacy_indicator",
            0x0202 => "source_subaddress",
            0x0203 => "dest_subaddress",
            USER_MESSAGE_REFERENCE => "user_message_reference",
            0x0205 => "user_response_code",
            0x020A => "source_port",
            0x020B => "destination_port",
            SAR_MSG_REF_NUM => "sar_msg_ref_num",
            0x020D => "language_indicator",
            SAR_TOTAL_SEGMENTS => "sar_total_segments",
            SAR_SEGMENT_SEQNUM => "sar_segment_seqnum",
            SC_INTERFACE_VERSION => "sc_interface_version",
            0x0302 => "callback_num_pres_ind",
            0x0304 => "number_of_messages",
            0x0381 => "callback_num",
            0x0420 => "dpf_result",
            0x0421 => "set_dpf",
            0x0422 => "ms_availability_status",
            NETWORK_ERROR_CODE => "network_error_code",
            MESSAGE_PAYLOAD => "message_payload",
            0x0425 => "delivery_failure_reason",
            0x0426 => "more_messages_to_send",
            MESSAGE_STATE => "message_state",
            CONGESTION_STATE => "congestion_state",
            0x0501 => "ussd_service_op",
            _ => "TLV",
        }
    }
}
