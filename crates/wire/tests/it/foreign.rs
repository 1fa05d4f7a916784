//! PDUs as programs of others write them (`interop/README.md`): each is read as its program meant it.

use wire::cmpp::{self, Version};
use wire::concat::{Concat, Reference};
use wire::smpp::{self, BindKind, Receipt, ShortMessage};

use crate::vectors::octets;

/// `smpplib` 2.2.4: a bind_transceiver without a name of a range.
const SMPPLIB_BIND: &str = "00000022000000090000000000000003757365723100736563726574000034000000";
/// `smpplib` 2.2.4: the second of two parts.
const SMPPLIB_PART: &str = "00000044000000040000000000000002000000313036393030303100010138363133383030313338303030004000000000010008\
     000e0500032a0202957f957f957f957f";
/// node's `smpp` 0.5.1: a text in `message_payload`.
const NODE_PAYLOAD: &str = "0000003e0000000400000000000000030000003130363930303031000101383631333830303133383030300000000000000100080000\
     042400044f60597d";
/// node's `smpp` 0.5.1: a receipt in text and parameters; the id's NUL counts.
const NODE_RECEIPT: &str = "000000ac0000000500000000000000040001013836313338303031333830303000000031303639303132330004000000000000010064\
     69643a3030303030303061207375623a30303120646c7672643a303031207375626d697420646174653a32363131323830373030\
     20646f6e6520646174653a3236313132383037303020737461743a44454c49565244206572723a30303020746578743a001e0009\
     3030303030303061000427000102";
/// `smppy` 0.3.2: the first of two parts, by `sar_*`.
const SMPPY_PART: &str = "0000004a00000005000000000000000200010138363133383030313338303030000000313036393031323300000000000000000800\
     044f60597d020c00020001020e000102020f000101";
/// `pycmpp` 2.0.2: the first of two parts; no source, no service, seventeen NULs as times.
const PYCMPP_PART: &str = "000000a9000000040000000100000000000000000201010000000000000000000000020000000000000000000000000000000000\
     00000000010108393031303032303130303030303000000000000000000000000000000000000000000000000000000000000000\
     000000000000000000000000000000000000000000000000013133383030313338303030000000000000000000000a0500032a02\
     014f60597d0000000000000000";

fn message(vector: &[u8]) -> ShortMessage<'_> {
    match smpp::decode(vector).unwrap().1 {
        smpp::Pdu::SubmitSm(message) | smpp::Pdu::DeliverSm(message) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn binds_and_parts_of_smpp_clients() {
    let bind = octets(SMPPLIB_BIND);
    let smpp::Pdu::Bind(bind) = smpp::decode(&bind).unwrap().1 else { panic!() };
    assert_eq!((bind.kind, bind.system_id.as_str()), (BindKind::Transceiver, Some("user1")));
    assert_eq!((bind.password.0.as_bytes(), bind.interface_version), (&b"secret"[..], 0x34));

    let part = octets(SMPPLIB_PART);
    let part = message(&part);
    let apart = wire::concat::take_apart(part.content().as_bytes()).unwrap();
    assert!(part.has_header() && part.registered_delivery == 1);
    assert_eq!(apart.concat, Some(Concat { reference: Reference::Eight(42), total: 2, number: 2 }));
    assert_eq!(apart.body, [0x95, 0x7F].repeat(4), "长长长长");

    let payload = octets(NODE_PAYLOAD);
    let payload = message(&payload);
    assert!(payload.short_message.as_bytes().is_empty());
    assert_eq!((payload.content().as_bytes(), payload.data_coding), (&octets("4f60597d")[..], 8));
}

#[test]
fn receipts_and_parts_of_message_centres() {
    let receipt = octets(NODE_RECEIPT);
    let receipt = message(&receipt);
    assert!(receipt.is_receipt());
    let receipt = Receipt::of(&receipt).unwrap();
    assert_eq!((receipt.message_id.as_str(), receipt.stat.as_str()), (Some("0000000a"), Some("DELIVRD")));

    let part = octets(SMPPY_PART);
    let segment = message(&part).segment();
    assert_eq!(segment, Some(Concat { reference: Reference::Sixteen(1), total: 2, number: 1 }));
}

#[test]
fn submits_of_a_cmpp_client() {
    let part = octets(PYCMPP_PART);
    let (_, cmpp::Pdu::Submit(submit)) = cmpp::decode(&part, Version::V21).unwrap() else { panic!() };
    assert_eq!((submit.pk_total, submit.pk_number, submit.registered_delivery), (2, 1, 1));
    assert!(submit.src_id.is_empty() && submit.valid_time.is_empty() && submit.at_time.is_empty());
    let phones: Vec<_> = submit.destinations.iter().collect();
    assert_eq!(phones.len(), 1);
    assert_eq!(phones[0].as_bytes(), b"13800138000");
    assert_eq!(submit.content.as_bytes(), octets("0500032a02014f60597d"));
}
