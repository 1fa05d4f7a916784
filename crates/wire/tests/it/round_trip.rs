//! Every PDU of both versions survives being written and read.

use proptest::prelude::*;
use wire::cmpp::{
    Connect, ConnectResp, Deliver, DeliverResp, Destinations, MsgId, Pdu, Query, QueryCounts, QueryResp,
    Report, Submit, SubmitResp, Version, decode, encode,
};
use wire::concat::{Concat, Reference, take_apart};
use wire::{Content, Octets, TerminalId};

fn string<const N: usize>(longest: usize) -> impl Strategy<Value = Octets<N>> {
    // Printable ASCII; trailing spaces are dropped by `new`, as by every receiver.
    prop::collection::vec(0x20_u8..0x7F, 0..=longest).prop_map(|text| Octets::new(text).unwrap())
}

fn phone(version: Version) -> impl Strategy<Value = TerminalId> {
    string(if version.is_three() { 32 } else { 21 }).prop_map(TerminalId)
}

fn link(version: Version) -> impl Strategy<Value = Octets<20>> {
    string(if version.is_three() { 20 } else { 8 })
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V20), Just(Version::V21), Just(Version::V30)]
}

/// A result code in the version's width.
fn result(version: Version) -> BoxedStrategy<u32> {
    if version.is_three() { any::<u32>().boxed() } else { (0_u32..256).boxed() }
}

/// `None` keeps the octet of 3.0 at 0 where 2.0 has none.
fn octet_of_three(version: Version) -> impl Strategy<Value = u8> {
    any::<u8>().prop_map(move |octet| if version.is_three() { octet } else { 0 })
}

fn assert_survives(pdu: Pdu<'_>, sequence: u32, version: Version) {
    let mut out = Vec::new();
    encode(&pdu, sequence, version, &mut out).unwrap();
    assert_eq!(usize::try_from(u32::from_be_bytes(*out.first_chunk().unwrap())).unwrap(), out.len());
    assert_eq!(decode(&out, version), Ok((sequence, pdu)));
    for end in 0..out.len() {
        assert!(decode(&out[..end], version).is_err(), "a PDU cut at {end} decodes");
    }
}

type Numbers = (u64, [u8; 9]);

fn submit_parts(version: Version) -> impl Strategy<Value = (Submit<'static>, Vec<TerminalId>, Vec<u8>)> {
    let numbers = (any::<u64>(), any::<[u8; 9]>());
    let strings =
        (string(10), phone(version), string(6), string(2), string(6), string(17), string(17), string(21));
    let types = (octet_of_three(version), octet_of_three(version), link(version));
    let phones = prop::collection::vec(phone(version), 1..=100);
    let content = prop::collection::vec(any::<u8>(), 0..=140);
    (numbers, strings, types, phones, content).prop_map(|(numbers, strings, types, phones, content)| {
        let (msg_id, [total, number, report, level, fee, pid, udhi, fmt, _]): Numbers = numbers;
        let submit = Submit {
            msg_id: MsgId(msg_id),
            pk_total: total,
            pk_number: number,
            registered_delivery: report,
            msg_level: level,
            service_id: strings.0,
            fee_user_type: fee,
            fee_terminal_id: strings.1,
            fee_terminal_type: types.0,
            tp_pid: pid,
            tp_udhi: udhi,
            msg_fmt: fmt,
            msg_src: strings.2,
            fee_type: strings.3,
            fee_code: strings.4,
            valid_time: strings.5,
            at_time: strings.6,
            src_id: strings.7,
            destinations: Destinations::one(TerminalId::default()),
            dest_terminal_type: types.1,
            content: Content(&[]),
            link_id: types.2,
        };
        (submit, phones, content)
    })
}

fn deliver_parts(version: Version) -> impl Strategy<Value = (Deliver<'static>, Vec<u8>)> {
    let strings = (string(21), string(10), phone(version), octet_of_three(version), link(version));
    let content = prop::collection::vec(any::<u8>(), 0..=140);
    (any::<u64>(), any::<[u8; 4]>(), strings, content).prop_map(|(msg_id, octets, strings, content)| {
        let [pid, udhi, fmt, registered] = octets;
        let deliver = Deliver {
            msg_id: MsgId(msg_id),
            service_id: strings.1,
            tp_pid: pid,
            tp_udhi: udhi,
            src_terminal_type: strings.3,
            registered_delivery: registered,
            link_id: strings.4,
            ..Deliver::inbound(strings.2, strings.0, fmt, &[])
        };
        (deliver, content)
    })
}

proptest! {
    #[test]
    fn submit((version, (submit, phones, content)) in version().prop_flat_map(|v| (Just(v), submit_parts(v))), sequence: u32) {
        let submit = Submit { destinations: Destinations::many(&phones), content: Content(&content), ..submit };
        let mut out = Vec::new();
        encode(&Pdu::Submit(submit), sequence, version, &mut out).unwrap();
        let (fixed, each) = if version.is_three() { (163, 32) } else { (138, 21) };
        prop_assert_eq!(out.len(), fixed + each * phones.len() + content.len());
        prop_assert_eq!(decode(&out, version), Ok((sequence, Pdu::Submit(submit))));
    }

    #[test]
    fn deliver((version, (deliver, content)) in version().prop_flat_map(|v| (Just(v), deliver_parts(v))), sequence: u32) {
        let deliver = Deliver { content: Content(&content), ..deliver };
        assert_survives(Pdu::Deliver(deliver), sequence, version);
    }

    #[test]
    fn connect(source in string(6), authenticator_source: [u8; 16], octet: u8, timestamp: u32, sequence: u32) {
        let connect = Connect { source_addr: source, authenticator_source, version: octet, timestamp };
        assert_survives(Pdu::Connect(connect), sequence, Version::V20);
    }

    #[test]
    fn answers(
        (version, result) in version().prop_flat_map(|v| (Just(v), result(v))),
        id: u64,
        authenticator_gateway: [u8; 16],
        octet: u8,
        sequence: u32,
    ) {
        let msg_id = MsgId(id);
        // whole ones here.
        for pdu in [
            Pdu::SubmitResp(SubmitResp { msg_id, result }),
            Pdu::DeliverResp(DeliverResp { msg_id, result }),
            Pdu::CancelResp(result),
            Pdu::ConnectResp(ConnectResp { status: result, authenticator_gateway, version: octet }),
            Pdu::Cancel(msg_id),
            Pdu::Terminate,
            Pdu::TerminateResp,
            Pdu::ActiveTest,
            Pdu::ActiveTestResp,
        ] {
            assert_survives(pdu, sequence, version);
        }
    }

    #[test]
    fn query(time in string(8), query_type: u8, query_code in string(10), counts: [u32; 8], sequence: u32) {
        let query = Query { time, query_type, query_code };
        assert_survives(Pdu::Query(query), sequence, Version::V20);
        let [mt_messages, mt_users, mt_success, mt_waiting, mt_failed, mo_success, mo_waiting, mo_failed] = counts;
        let counts =
            QueryCounts { mt_messages, mt_users, mt_success, mt_waiting, mt_failed, mo_success, mo_waiting, mo_failed };
        assert_survives(Pdu::QueryResp(QueryResp { query, counts }), sequence, Version::V30);
    }

    #[test]
    fn report(
        (version, phone) in version().prop_flat_map(|v| (Just(v), phone(v))),
        id: u64, stat in string(7), submit_time in string(10), done_time in string(10), smsc_sequence: u32,
    ) {
        let report =
            Report { msg_id: MsgId(id), stat, submit_time, done_time, dest_terminal_id: phone, smsc_sequence };
        let mut out = Vec::new();
        report.encode(version, &mut out).unwrap();
        prop_assert_eq!(out.len(), if version.is_three() { 71 } else { 60 });
        prop_assert_eq!(Report::decode(Content(&out)), Ok(report));
    }

    #[test]
    fn message_id(id: u64, index: u16) {
        prop_assert_eq!(MsgId::from_parts(MsgId(id).parts()), MsgId(id));
        let next = MsgId(id).of_destination(index);
        prop_assert_eq!(next.0 >> 16, id >> 16);
        prop_assert_eq!(next.parts().sequence, MsgId(id).parts().sequence.wrapping_add(index));
    }

    #[test]
    fn concatenation(wide: bool, reference: u16, total in 1_u8.., number in 1_u8.., body: Vec<u8>) {
        let number = number.min(total);
        let reference = if wide { Reference::Sixteen(reference) } else { Reference::Eight(reference.to_be_bytes()[1]) };
        let concat = Concat { reference, total, number };
        let mut content = Vec::new();
        concat.write(&mut content);
        content.extend_from_slice(&body);
        let parts = take_apart(&content).unwrap();
        prop_assert_eq!(parts.concat, Some(concat));
        prop_assert_eq!(parts.body, body);
    }
}

#[test]
fn concatenation_among_other_elements() {
    // BA is unknown, 05 is ports, 08 the 16-bit reference; a part number 0 and a broken tail say nothing.
    let content = [16, 0xBA, 1, 1, 5, 4, 0x15, 0x8A, 0, 0, 8, 4, 0x12, 0x34, 3, 2, 7, b'x'];
    let parts = take_apart(&content).unwrap();
    let expected = Concat { reference: Reference::Sixteen(0x1234), total: 3, number: 2 };
    assert_eq!(parts.concat, Some(expected));
    assert_eq!(parts.body, b"x");
    assert_eq!(take_apart(&[5, 0, 3, 1, 2, 0]).unwrap().concat, None);
    assert_eq!(take_apart(&[5, 0, 3, 1, 2, 3]).unwrap().concat, None);
    assert!(take_apart(&[6, 0, 3, 1, 2, 1]).is_err());
    assert!(take_apart(&[]).is_err());
}
