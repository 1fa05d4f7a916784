//! SMPP: the vectors, the oddities, round trips.

use proptest::prelude::*;
use wire::concat::{Concat, Reference};
use wire::session::Event;
use wire::smpp::{
    Address, Bind, BindKind, MessageResp, Pdu, Receipt, Refusal, Session, ShortMessage, Version, decode,
    describe, encode, status, tag,
};
use wire::tlv::{self, Tlvs};
use wire::{CloseCause, DecodeError, Hidden, Millis, Octets, Request, Secret, TerminalId, smpp};

use crate::vectors::corpus;

fn vector(name: &str) -> Vec<u8> {
    corpus("smpp_decode", name)
}

#[test]
fn every_vector_is_written_again_octet_by_octet() {
    for name in [
        "P01", "P02", "P03", "P04", "P05", "P06", "P07", "P08", "P10", "P14", "P18", "P19", "P20", "P21",
        "P22", "P23", "P24", "P25",
    ] {
        let octets = vector(name);
        let (sequence, pdu) = decode(&octets).unwrap();
        let mut written = Vec::new();
        encode(&pdu, sequence, &mut written).unwrap();
        assert_eq!(written, octets, "{name}");
    }
}

#[test]
fn fields_of_the_vectors() {
    let octets = vector("P03");
    let (_, Pdu::Bind(bind)) = decode(&octets).unwrap() else { panic!("a bind") };
    assert_eq!((bind.kind, bind.interface_version, bind.addr_npi), (BindKind::Transceiver, 0x34, 2));
    assert_eq!((bind.system_id.as_str(), bind.password.0.as_str()), (Some("ALL_TW"), Some("ALL_TW")));
    let octets = vector("P05");
    let (_, Pdu::BindResp(resp)) = decode(&octets).unwrap() else { panic!("an answer") };
    assert_eq!(resp.tlvs.number(tag::SC_INTERFACE_VERSION), Some(0x34));
    let octets = vector("P07");
    let (_, Pdu::SubmitSm(submit)) = decode(&octets).unwrap() else { panic!("a submit") };
    assert_eq!(submit.destination.number.as_str(), Some("44951361920"));
    assert_eq!(submit.content().as_bytes(), b"@$#!%&/:");
    let octets = vector("P08");
    let (_, Pdu::SubmitSmResp(resp)) = decode(&octets).unwrap() else { panic!("an answer") };
    assert_eq!(resp.message_id.as_str(), Some("94258431594"));
    let octets = vector("P18");
    let (_, Pdu::DataSm(data)) = decode(&octets).unwrap() else { panic!("data") };
    assert_eq!(ShortMessage::of_data(&data).content().as_bytes(), b"Test");
    let octets = vector("P21");
    let (_, Pdu::QuerySmResp(resp)) = decode(&octets).unwrap() else { panic!("an answer") };
    assert_eq!(smpp::state_word(resp.message_state), Some("ACCEPTD"));
}

#[test]
fn a_failed_answer_may_lack_its_body() {
    assert_eq!(decode(&vector("P09")).unwrap().1, Pdu::SubmitSmResp(MessageResp::new(0, Octets::EMPTY)));
}

#[test]
fn a_message_id_may_lack_its_nul_at_the_end() {
    let mut octets = vector("P08");
    octets.pop();
    octets[3] -= 1;
    let (_, Pdu::SubmitSmResp(resp)) = decode(&octets).unwrap() else { panic!("an answer") };
    assert_eq!(resp.message_id.as_str(), Some("94258431594"));
}

#[test]
fn a_parameter_that_claims_too_much_is_refused() {
    assert_eq!(
        decode(&vector("P11")).unwrap_err(),
        DecodeError::Truncated { field: "TLV", offset: 159, needed: 65, available: 5 }
    );
}

#[test]
fn receipts_prefer_their_parameters() {
    let octets = vector("P10");
    let (_, Pdu::DeliverSm(deliver)) = decode(&octets).unwrap() else { panic!("a receipt") };
    assert!(deliver.is_receipt());
    let receipt = Receipt::of(&deliver).unwrap();
    assert_eq!((receipt.message_id.as_str(), receipt.stat.as_str()), (Some("38601fa"), Some("DELIVRD")));
    assert_eq!((receipt.err.as_str(), receipt.done_date.as_str()), (Some("000"), Some("1002101731")));
    let text_alone = Receipt::of(&ShortMessage { tlvs: Tlvs::NONE, ..deliver }).unwrap();
    assert_eq!(text_alone.message_id.as_str(), Some("0059113978"));
    let parameters_alone = ShortMessage { esm_class: 0, short_message: wire::Content(b""), ..deliver };
    assert!(parameters_alone.is_receipt(), "the class is sometimes forgotten");
    assert_eq!(Receipt::of(&parameters_alone).unwrap().message_id.as_str(), Some("38601fa"));
}

#[test]
fn receipts_as_message_centres_write_them() {
    let address = Address::default();
    let of = |text: &[u8]| Receipt::of(&ShortMessage { esm_class: 4, ..ShortMessage::to(address, 0, text) });
    let text = b"id:A1-b sub:1 dlvrd:1 submit date:261127090000 done date:261127090102 stat:UNDELIV err:69 Text:stat:DELIVRD";
    let receipt = of(text).unwrap();
    assert_eq!((receipt.message_id.as_str(), receipt.stat.as_str()), (Some("A1-b"), Some("UNDELIV")));
    assert_eq!((receipt.err.as_str(), receipt.done_date.as_str()), (Some("69"), Some("261127090102")));
    let wide: Vec<u8> = text.iter().flat_map(|octet| [0, *octet]).collect();
    assert_eq!(of(&wide), Ok(receipt), "in UCS-2");
    assert_eq!(of(b"ID:7 STAT:FAILED").unwrap().stat.as_str(), Some("FAILED"));
    assert!(of(b"hello").is_err());
    assert!(of(b"").is_err());
}

#[test]
fn a_user_data_header_counts_more_than_sar() {
    let mut tlvs = Vec::new();
    tlv::append(tag::SAR_MSG_REF_NUM, &[1, 2], &mut tlvs).unwrap();
    tlv::append(tag::SAR_TOTAL_SEGMENTS, &[3], &mut tlvs).unwrap();
    tlv::append(tag::SAR_SEGMENT_SEQNUM, &[2], &mut tlvs).unwrap();
    let message = ShortMessage { tlvs: Tlvs::new(&tlvs), ..ShortMessage::to(Address::default(), 0, b"x") };
    let expected = Concat { reference: Reference::Sixteen(0x0102), total: 3, number: 2 };
    assert_eq!(message.segment(), Some(expected));
    assert_eq!(ShortMessage { esm_class: 0x40, ..message }.segment(), None);
}

#[test]
fn descriptions_show_receipts_and_parameters_by_name() {
    let described = describe(&vector("P10")).unwrap();
    assert_eq!(described.command, "deliver_sm");
    let names: Vec<_> = described.fields.iter().map(|field| field.name).collect();
    assert_eq!(
        names[names.len() - 5..],
        [
            "short_message",
            "source_network_type",
            "dest_network_type",
            "receipted_message_id",
            "message_state"
        ]
    );
}

fn client() -> Session {
    let config =
        smpp::ClientConfig::new(Octets::new("esme").unwrap(), Hidden(Octets::new("secret").unwrap()));
    Session::client(&config, Millis(0))
}

fn answer(pdu: Pdu<'_>, sequence: u32) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&pdu, sequence, &mut out).unwrap();
    out
}

fn bound() -> Session {
    let mut session = client();
    session.take_output(&mut Vec::new());
    let mut accepted = vector("P05");
    accepted[15] = 1;
    accepted[12..15].fill(0);
    session.feed(Millis(1), &accepted);
    assert_eq!(session.poll_event(), Some(Event::Connected { version: Version::V34, server_version: 0x34 }));
    session
}

#[test]
fn a_refused_bind_says_its_status() {
    let mut session = client();
    let mut refused = vector("P06");
    refused[12..16].copy_from_slice(&1_u32.to_be_bytes());
    session.feed(Millis(1), &refused);
    assert_eq!(session.poll_event(), Some(Event::ConnectRefused(Refusal::Status(status::BAD_PASSWORD))));
    assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::Refused }));
}

#[test]
fn a_negative_acknowledgement_answers_whatever_has_its_number() {
    let mut session = bound();
    let submit = Pdu::SubmitSm(ShortMessage::to(Address::default(), 0, b"x"));
    session.send(Millis(2), Request::Submit, 7, &submit).unwrap();
    session.feed(Millis(3), &answer(Pdu::GenericNack(0), 2));
    let Some(Event::SubmitAnswered { token: 7, result, .. }) = session.poll_event() else {
        panic!("an answer")
    };
    assert_eq!(result, status::SYSTEM_ERROR);
    assert_eq!(session.free_window(), smpp::DEFAULT_WINDOW);
}

#[test]
fn an_unknown_command_is_refused_and_a_data_sm_answered_in_kind() {
    let mut session = bound();
    session.feed(Millis(2), &[0, 0, 0, 16, 0, 0, 1, 0x11, 0, 0, 0, 0, 0, 0, 0, 9]);
    assert!(matches!(session.poll_event(), Some(Event::Unsupported { command: 0x111, .. })));
    assert_eq!(session.output(), answer(Pdu::GenericNack(status::BAD_COMMAND), 9));
    session.take_output(&mut Vec::new());
    session.feed(Millis(3), &vector("P18"));
    let Some(Event::Inbound { sequence, deliver }) = session.poll_event() else { panic!("a message") };
    assert_eq!(deliver.content().as_bytes(), b"Test");
    session.ack_deliver(sequence, Octets::EMPTY, 0);
    assert_eq!(session.output(), answer(Pdu::DataSmResp(MessageResp::new(0, Octets::EMPTY)), 0));
}

#[test]
fn a_server_answers_a_data_sm_in_kind_too() {
    let mut client = client();
    let mut server = Session::server(&smpp::ServerConfig::default(), Millis(0));
    server.feed(Millis(1), client.output());
    client.take_output(&mut Vec::new());
    assert!(matches!(server.poll_event(), Some(Event::ConnectRequested { .. })));
    server.accept(&Secret::new("secret"));
    server.take_output(&mut Vec::new());
    server.feed(Millis(2), &vector("P18"));
    let mut submitted = None;
    while let Some(event) = server.poll_event() {
        if let Event::Submit { sequence, .. } = event {
            submitted = Some(sequence);
        }
    }
    let id = Octets::new("42").unwrap();
    server.answer_submit(submitted.expect("a submit"), id, 0);
    assert_eq!(server.output(), answer(Pdu::DataSmResp(MessageResp::new(0, id)), 0));
}

fn string<const N: usize>(longest: usize) -> impl Strategy<Value = Octets<N>> {
    prop::collection::vec(0x21_u8..0x7F, 0..=longest).prop_map(|text| Octets::new(text).unwrap())
}

fn address() -> impl Strategy<Value = Address> {
    (any::<u8>(), any::<u8>(), string::<20>(20)).prop_map(|(ton, npi, number)| Address {
        ton,
        npi,
        number: TerminalId::new(number.as_bytes()).unwrap(),
    })
}

proptest! {
    #[test]
    fn messages_and_binds_survive(
        service_type in string(5), source in address(), destination in address(), numbers: [u8; 7],
        content in prop::collection::vec(any::<u8>(), 0..=254), sequence: u32, message_id in string(64),
        names in (string(15), string(8), string(12), string(40)), status: u32,
        values in prop::collection::vec((1_u16..0x500, prop::collection::vec(any::<u8>(), 0..30)), 0..5),
    ) {
        let mut tlvs = Vec::new();
        for (tag, value) in &values {
            tlv::append(*tag, value, &mut tlvs).unwrap();
        }
        let message = ShortMessage {
            service_type, source, esm_class: numbers[0], protocol_id: numbers[1], priority_flag: numbers[2],
            registered_delivery: numbers[3], replace_if_present: numbers[4], sm_default_msg_id: numbers[5],
            tlvs: Tlvs::new(&tlvs), ..ShortMessage::to(destination, numbers[6], &content)
        };
        let bind = Bind {
            kind: BindKind::Receiver, system_id: names.0, password: Hidden(names.1), system_type: names.2,
            interface_version: numbers[0], addr_ton: numbers[1], addr_npi: numbers[2], address_range: names.3,
        };
        let resp = MessageResp { status, message_id, tlvs: Tlvs::new(&tlvs) };
        for pdu in [Pdu::SubmitSm(message), Pdu::DeliverSm(message), Pdu::Bind(bind), Pdu::SubmitSmResp(resp)] {
            let mut out = Vec::new();
            encode(&pdu, sequence, &mut out).unwrap();
            prop_assert_eq!(decode(&out), Ok((sequence, pdu)));
        }
    }
}
