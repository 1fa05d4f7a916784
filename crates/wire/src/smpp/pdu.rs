//! The PDUs of SMPP as values. Widths and meanings: SMPP 3.4, chapter 4; SMPP 5.0 adds optional parameters only.

use super::{Command, tag};
use crate::concat::{Concat, Reference};
use crate::octets::{Content, Hidden, Octets, TerminalId};
use crate::tlv::Tlvs;

/// Bit of `esm_class`: the content begins with a user data header.
const ESM_UDHI: u8 = 0x40;
/// Bits of `esm_class` that say what a deliver_sm is.
const ESM_TYPE: u8 = 0x3C;
/// `esm_class` of a delivery receipt.
const ESM_RECEIPT: u8 = 0x04;
/// `esm_class` of an intermediate notification.
const ESM_INTERMEDIATE: u8 = 0x20;

/// The header that every PDU begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `command_id`, known or not.
    pub command: u32,
    /// `command_status`: 0 in requests.
    pub status: u32,
    /// `sequence_number`; an answer repeats its request's. Some peers go beyond 0x7FFFFFFF.
    pub sequence: u32,
}

/// What a bound connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindKind {
    /// The client receives.
    Receiver,
    /// The client submits.
    Transmitter,
    /// Both.
    Transceiver,
}

impl BindKind {
    /// The request.
    #[must_use]
    pub fn command(self) -> Command {
        match self {
            Self::Receiver => Command::BindReceiver,
            Self::Transmitter => Command::BindTransmitter,
            Self::Transceiver => Command::BindTransceiver,
        }
    }

    /// The answer.
    #[must_use]
    pub fn answer(self) -> Command {
        match self {
            Self::Receiver => Command::BindReceiverResp,
            Self::Transmitter => Command::BindTransmitterResp,
            Self::Transceiver => Command::BindTransceiverResp,
        }
    }
}

/// A bind request, with its password in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// Which of the three.
    pub kind: BindKind,
    /// `system_id`, at most 15 octets.
    pub system_id: Octets<16>,
    /// `password`, at most 8 octets by the specification; received ones may be longer.
    pub password: Hidden<16>,
    /// `system_type`, at most 12 octets.
    pub system_type: Octets<13>,
    /// `interface_version`.
    pub interface_version: u8,
    /// `addr_ton`.
    pub addr_ton: u8,
    /// `addr_npi`.
    pub addr_npi: u8,
    /// `address_range`, at most 40 octets.
    pub address_range: Octets<41>,
}

/// The answer to a bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindResp<'a> {
    /// Which of the three.
    pub kind: BindKind,
    /// `command_status`.
    pub status: u32,
    /// `system_id` of the message centre.
    pub system_id: Octets<16>,
    /// Optional parameters: `sc_interface_version`.
    pub tlvs: Tlvs<'a>,
}

/// outbind: a message centre asks a client to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbind {
    /// `system_id`.
    pub system_id: Octets<16>,
    /// `password`.
    pub password: Hidden<16>,
}

/// An address with its type and plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Address {
    /// Type of number: 0 unknown, 1 international, 2 national, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan: 0 unknown, 1 E.164.
    pub npi: u8,
    /// The number or name, at most 20 octets.
    pub number: TerminalId,
}

/// submit_sm or deliver_sm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortMessage<'a> {
    /// `service_type`, at most 5 octets.
    pub service_type: Octets<6>,
    /// The sender.
    pub source: Address,
    /// The receiver.
    pub destination: Address,
    /// `esm_class`: see [`ShortMessage::has_header`] and [`ShortMessage::is_receipt`].
    pub esm_class: u8,
    /// `protocol_id`.
    pub protocol_id: u8,
    /// `priority_flag`.
    pub priority_flag: u8,
    /// `schedule_delivery_time`: empty or 16 octets.
    pub schedule_delivery_time: Octets<17>,
    /// `validity_period`: empty or 16 octets.
    pub validity_period: Octets<17>,
    /// `registered_delivery`: 1 asks for a receipt.
    pub registered_delivery: u8,
    /// `replace_if_present_flag`.
    pub replace_if_present: u8,
    /// `data_coding`: 0 the message centre's default alphabet, 1 ASCII, 3 Latin-1, 8 UCS-2.
    pub data_coding: u8,
    /// `sm_default_msg_id`.
    pub sm_default_msg_id: u8,
    /// `short_message`, header included; empty when `message_payload` is used.
    pub short_message: Content<'a>,
    /// Optional parameters.
    pub tlvs: Tlvs<'a>,
}

impl<'a> ShortMessage<'a> {
    /// A message to one address that asks for a receipt; change other fields by struct update.
    #[must_use]
    pub fn to(destination: Address, data_coding: u8, short_message: &'a [u8]) -> Self {
        Self {
            service_type: Octets::EMPTY,
            source: Address::default(),
            destination,
            esm_class: 0,
            protocol_id: 0,
            priority_flag: 0,
            schedule_delivery_time: Octets::EMPTY,
            validity_period: Octets::EMPTY,
            registered_delivery: 1,
            replace_if_present: 0,
            data_coding,
            sm_default_msg_id: 0,
            short_message: Content(short_message),
            tlvs: Tlvs::NONE,
        }
    }

    /// The same message as it stands in a data_sm.
    #[must_use]
    pub fn of_data(data: &DataSm<'a>) -> Self {
        Self {
            service_type: data.service_type,
            source: data.source,
            esm_class: data.esm_class,
            registered_delivery: data.registered_delivery,
            tlvs: data.tlvs,
            ..Self::to(data.destination, data.data_coding, &[])
        }
    }

    /// The content: `short_message`, or `message_payload` when that is empty.
    #[must_use]
    pub fn content(&self) -> Content<'a> {
        if !self.short_message.as_bytes().is_empty() {
            return self.short_message;
        }
        Content(self.tlvs.get(tag::MESSAGE_PAYLOAD).unwrap_or_default())
    }

    /// Whether the content begins with a user data header.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.esm_class & ESM_UDHI != 0
    }

    /// Whether it is a delivery receipt or an intermediate notification. Some message centres forget the class but
    /// send the parameters that only receipts have.
    #[must_use]
    pub fn is_receipt(&self) -> bool {
        matches!(self.esm_class & ESM_TYPE, ESM_RECEIPT | ESM_INTERMEDIATE)
            || (self.tlvs.get(tag::RECEIPTED_MESSAGE_ID).is_some()
                && self.tlvs.get(tag::MESSAGE_STATE).is_some())
    }

    /// Which part of a long message it is by its `sar_*` parameters. A user data header counts more: with one there
    /// is none.
    #[must_use]
    pub fn segment(&self) -> Option<Concat> {
        if self.has_header() {
            return None;
        }
        let reference = self.tlvs.number(tag::SAR_MSG_REF_NUM)?;
        let total = u8::try_from(self.tlvs.number(tag::SAR_TOTAL_SEGMENTS)?).ok()?;
        let number = u8::try_from(self.tlvs.number(tag::SAR_SEGMENT_SEQNUM)?).ok()?;
        let sensible = number >= 1 && number <= total;
        sensible.then_some(Concat { reference: Reference::Sixteen(reference), total, number })
    }
}

/// data_sm: a message whose content is always in `message_payload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSm<'a> {
    /// `service_type`.
    pub service_type: Octets<6>,
    /// The sender.
    pub source: Address,
    /// The receiver.
    pub destination: Address,
    /// `esm_class`.
    pub esm_class: u8,
    /// `registered_delivery`.
    pub registered_delivery: u8,
    /// `data_coding`.
    pub data_coding: u8,
    /// Optional parameters.
    pub tlvs: Tlvs<'a>,
}

/// The answer to submit_sm, deliver_sm or data_sm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageResp<'a> {
    /// `command_status`.
    pub status: u32,
    /// `message_id`, at most 64 octets; empty in a failure and towards a message centre.
    pub message_id: Octets<65>,
    /// Optional parameters.
    pub tlvs: Tlvs<'a>,
}

impl MessageResp<'static> {
    /// An answer without optional parameters.
    #[must_use]
    pub fn new(status: u32, message_id: Octets<65>) -> Self {
        Self { status, message_id, tlvs: Tlvs::NONE }
    }
}

/// query_sm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuerySm {
    /// `message_id`.
    pub message_id: Octets<65>,
    /// The message's sender.
    pub source: Address,
}

/// query_sm_resp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuerySmResp {
    /// `command_status`.
    pub status: u32,
    /// `message_id`.
    pub message_id: Octets<65>,
    /// `final_date`: empty or 16 octets.
    pub final_date: Octets<17>,
    /// `message_state`: see [`super::state_word`].
    pub message_state: u8,
    /// `error_code`.
    pub error_code: u8,
}

/// cancel_sm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelSm {
    /// `service_type`.
    pub service_type: Octets<6>,
    /// `message_id`.
    pub message_id: Octets<65>,
    /// The message's sender.
    pub source: Address,
    /// The message's receiver.
    pub destination: Address,
}

/// replace_sm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaceSm<'a> {
    /// `message_id`.
    pub message_id: Octets<65>,
    /// The message's sender.
    pub source: Address,
    /// `schedule_delivery_time`.
    pub schedule_delivery_time: Octets<17>,
    /// `validity_period`.
    pub validity_period: Octets<17>,
    /// `registered_delivery`.
    pub registered_delivery: u8,
    /// `sm_default_msg_id`.
    pub sm_default_msg_id: u8,
    /// `short_message`.
    pub short_message: Content<'a>,
    /// Optional parameters (5.0).
    pub tlvs: Tlvs<'a>,
}

/// alert_notification: a phone that was absent can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertNotification<'a> {
    /// The phone.
    pub source: Address,
    /// The client that waits for it.
    pub esme: Address,
    /// Optional parameters.
    pub tlvs: Tlvs<'a>,
}

/// Any PDU served. Answers without a body hold their `command_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// bind_receiver, bind_transmitter, bind_transceiver
    Bind(Bind),
    /// Their answers.
    BindResp(BindResp<'a>),
    /// outbind
    Outbind(Outbind),
    /// unbind
    Unbind,
    /// unbind_resp
    UnbindResp(u32),
    /// enquire_link
    EnquireLink,
    /// enquire_link_resp
    EnquireLinkResp(u32),
    /// submit_sm
    SubmitSm(ShortMessage<'a>),
    /// submit_sm_resp
    SubmitSmResp(MessageResp<'a>),
    /// deliver_sm
    DeliverSm(ShortMessage<'a>),
    /// deliver_sm_resp
    DeliverSmResp(MessageResp<'a>),
    /// data_sm
    DataSm(DataSm<'a>),
    /// data_sm_resp
    DataSmResp(MessageResp<'a>),
    /// query_sm
    QuerySm(QuerySm),
    /// query_sm_resp
    QuerySmResp(QuerySmResp),
    /// cancel_sm
    CancelSm(CancelSm),
    /// cancel_sm_resp
    CancelSmResp(u32),
    /// replace_sm
    ReplaceSm(ReplaceSm<'a>),
    /// replace_sm_resp
    ReplaceSmResp(u32),
    /// alert_notification
    AlertNotification(AlertNotification<'a>),
    /// generic_nack
    GenericNack(u32),
}

impl Pdu<'_> {
    /// The PDU's command.
    #[must_use]
    pub fn command(&self) -> Command {
        match self {
            Self::Bind(bind) => bind.kind.command(),
            Self::BindResp(resp) => resp.kind.answer(),
            Self::Outbind(_) => Command::Outbind,
            Self::Unbind => Command::Unbind,
            Self::UnbindResp(_) => Command::UnbindResp,
            Self::EnquireLink => Command::EnquireLink,
            Self::EnquireLinkResp(_) => Command::EnquireLinkResp,
            Self::SubmitSm(_) => Command::SubmitSm,
            Self::SubmitSmResp(_) => Command::SubmitSmResp,
            Self::DeliverSm(_) => Command::DeliverSm,
            Self::DeliverSmResp(_) => Command::DeliverSmResp,
            Self::DataSm(_) => Command::DataSm,
            Self::DataSmResp(_) => Command::DataSmResp,
            Self::QuerySm(_) => Command::QuerySm,
            Self::QuerySmResp(_) => Command::QuerySmResp,
            Self::CancelSm(_) => Command::CancelSm,
            Self::CancelSmResp(_) => Command::CancelSmResp,
            Self::ReplaceSm(_) => Command::ReplaceSm,
            Self::ReplaceSmResp(_) => Command::ReplaceSmResp,
            Self::AlertNotification(_) => Command::AlertNotification,
            Self::GenericNack(_) => Command::GenericNack,
        }
    }

    /// `command_status`: 0 in requests.
    #[must_use]
    pub fn status(&self) -> u32 {
        match self {
            Self::BindResp(resp) => resp.status,
            Self::SubmitSmResp(resp) | Self::DeliverSmResp(resp) | Self::DataSmResp(resp) => resp.status,
            Self::QuerySmResp(resp) => resp.status,
            Self::UnbindResp(status)
            | Self::EnquireLinkResp(status)
            | Self::CancelSmResp(status)
            | Self::ReplaceSmResp(status)
            | Self::GenericNack(status) => *status,
            _ => 0,
        }
    }
}
