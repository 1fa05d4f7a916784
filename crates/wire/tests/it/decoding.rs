//! The published vectors decode to the published fields and encode to the published octets.

use wire::cmpp::{
    Connect, ConnectResp, Deliver, DeliverResp, Destinations, MsgId, MsgIdParts, Outcome, Pdu, Report,
    Submit, SubmitResp, Version, auth, decode, encode,
};
use wire::{Content, DecodeError, EncodeError, Octets, Secret, TerminalId};

use crate::vectors::{self, octets};

fn version(three: bool) -> Version {
    if three { Version::V30 } else { Version::V20 }
}

fn text<const N: usize>(text: &str) -> Octets<N> {
    Octets::new(text).unwrap()
}

fn phone(digits: &str) -> TerminalId {
    TerminalId::new(digits).unwrap()
}

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn array(hex: &str) -> [u8; 16] {
    octets(hex).try_into().unwrap()
}

fn assert_decodes(hex: &str, version: Version, sequence: u32, pdu: Pdu<'_>) {
    assert_eq!(decode(&octets(hex), version), Ok((sequence, pdu)));
}

#[test]
fn every_vector_encodes_to_its_own_octets() {
    for (name, hex, three) in vectors::PDUS {
        let wire = octets(hex);
        let (sequence, pdu) =
            decode(&wire, version(*three)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut written = vec![0xEE];
        encode(&pdu, sequence, version(*three), &mut written).unwrap();
        assert_eq!(written[1..], wire, "{name}");
    }
}

#[test]
fn connect_and_its_answers() {
    let connect = |version| {
        Pdu::Connect(Connect {
            source_addr: text("900001"),
            authenticator_source: array("90d00c1d517abd0b4f65f6bcf8535d16"),
            version,
            timestamp: 1_021_080_510,
        })
    };
    assert_decodes(vectors::C01, Version::V20, 23, connect(0x21));
    assert_decodes(vectors::C02, Version::V30, 23, connect(0x30));
    let resp = |authenticator: &str, version| {
        let authenticator_gateway = array(authenticator);
        Pdu::ConnectResp(ConnectResp { status: 0, authenticator_gateway, version })
    };
    assert_decodes(vectors::C03, Version::V21, 23, resp("6c0b846e25bab6daa4ed1c466e0f4bd8", 0x21));
    assert_decodes(vectors::C04, Version::V30, 23, resp("7942977274098cf210ab0c16c367bc8d", 0x30));
    assert_decodes(vectors::C05, Version::V20, 38, resp(&"00".repeat(16), 0));
}

#[test]
fn authenticators_are_the_published_hashes() {
    let secret = Secret::new("888888");
    let source = auth::source_authenticator(&text("900001"), &secret, 1_021_080_510);
    assert_eq!(source, array("90d00c1d517abd0b4f65f6bcf8535d16"));
    let two = auth::gateway_authenticator(Version::V21, 0, &source, &secret);
    assert_eq!(two, array("6c0b846e25bab6daa4ed1c466e0f4bd8"));
    let three = auth::gateway_authenticator(Version::V30, 0, &source, &secret);
    assert_eq!(three, array("7942977274098cf210ab0c16c367bc8d"));

    let wire = octets(vectors::C01);
    let Ok((_, Pdu::Connect(connect))) = decode(&wire, Version::V20) else { panic!("C01 is a CONNECT") };
    assert!(auth::verify(&connect, &secret));
    assert!(!auth::verify(&connect, &Secret::new("888889")));
    assert!(!auth::verify(&Connect { timestamp: 1_021_080_511, ..connect }, &secret));
}

#[test]
fn a_timestamp_before_october_keeps_its_leading_zero() {
    let secret = Secret::new("s");
    let source = text("1");
    // MD5 of "1", nine zeros, "s", "0102030405", computed with another implementation; then with "1" padded
    // to six octets.
    let raw = array("61e364c88a5c41b2739c2d45d3ec479b");
    let padded = array("f4c5bc6aa95daa25eef69e7a050206e5");
    let got = auth::source_authenticator(&source, &secret, 102_030_405);
    assert_eq!(got, raw);
    for authenticator_source in [raw, padded] {
        let connect =
            Connect { source_addr: source, authenticator_source, version: 0x20, timestamp: 102_030_405 };
        assert!(auth::verify(&connect, &secret), "a short Source_Addr may enter raw or padded");
    }
}

fn submit<'a>(content: &'a [u8], msg_fmt: u8) -> Submit<'a> {
    Submit {
        msg_level: 1,
        service_id: text("test"),
        fee_user_type: 2,
        fee_terminal_id: phone("13500002696"),
        msg_src: text("900001"),
        fee_type: text("02"),
        fee_code: text("10"),
        valid_time: text("151105131555101+"),
        src_id: text("900001"),
        ..Submit::to(phone("13500002696"), msg_fmt, content)
    }
}

#[test]
fn submit_in_both_versions() {
    let content = ucs2("测试gocmpp submit");
    assert_eq!(content.len(), 30);
    assert_decodes(vectors::C06, Version::V20, 23, Pdu::Submit(submit(&content, 8)));
    assert_decodes(vectors::C07, Version::V30, 23, Pdu::Submit(submit(&content, 8)));
    assert_decodes(vectors::C08, Version::V20, 23, Pdu::Submit(submit(b"go submit content", 0)));
}

#[test]
fn long_submit_parts_tell_their_place_in_the_header() {
    for (hex, sequence, number, at, start) in [
        (vectors::C23, 8_183_876, 1, "", "“#疯狂大降价"),
        (vectors::C24, 8_183_877, 2, "150731224820032+", "85爆款手机"),
    ] {
        let wire = octets(hex);
        let Ok((got_sequence, Pdu::Submit(submit))) = decode(&wire, Version::V20) else { panic!("a SUBMIT") };
        assert_eq!(got_sequence, sequence);
        let expected = Submit {
            registered_delivery: 0,
            fee_user_type: 0,
            tp_udhi: 1,
            msg_src: text("400437"),
            fee_code: Octets::EMPTY,
            at_time: text(at),
            src_id: text("10085"),
            ..Submit::to(phone("18164835687"), 8, submit.content.as_bytes())
        };
        assert_eq!(submit, expected);
        assert!(submit.has_header());
        let parts = wire::concat::take_apart(submit.content.as_bytes()).unwrap();
        let concat = parts.concat.unwrap();
        assert_eq!(
            (concat.reference, concat.total, concat.number),
            (wire::concat::Reference::Eight(0x2e), 3, number)
        );
        assert!(parts.body.starts_with(&ucs2(start)), "the body begins after the header");
        assert_eq!(parts.body.len(), 134);
    }
}

#[test]
fn answers_to_submit_and_deliver() {
    let id = MsgId(0xb2b9_da80_0001_0000);
    assert_decodes(vectors::C09, Version::V20, 23, Pdu::SubmitResp(SubmitResp { msg_id: id, result: 0 }));
    assert_decodes(vectors::C10, Version::V30, 23, Pdu::SubmitResp(SubmitResp { msg_id: id, result: 0 }));
    let parts = MsgIdParts { month: 11, day: 5, hour: 14, minute: 29, second: 42, gateway: 1, sequence: 0 };
    assert_eq!(id.parts(), parts);
    assert_eq!(MsgId::from_parts(parts), id);
    let id = MsgId(0xb525_6280_0001_0000);
    assert_decodes(vectors::C13, Version::V20, 5, Pdu::DeliverResp(DeliverResp { msg_id: id, result: 0 }));
    let id = MsgId(0xb4c5_5300_0001_0000);
    assert_decodes(vectors::C14, Version::V30, 1, Pdu::DeliverResp(DeliverResp { msg_id: id, result: 0 }));
}

#[test]
fn deliver_from_a_phone() {
    let inbound = Deliver::inbound(phone("13412340000"), text("900001"), 0, b"This is a test MO.");
    let two = Deliver { msg_id: MsgId(0xb525_6280_0001_0000), ..inbound };
    assert_decodes(vectors::C11, Version::V20, 5, Pdu::Deliver(two));
    let three = Deliver { msg_id: MsgId(0xb4c5_5300_0001_0000), ..inbound };
    assert_decodes(vectors::C12, Version::V30, 1, Pdu::Deliver(three));
    assert!(!inbound.is_report());
}

#[test]
fn deliver_with_a_status_report() {
    let wire = octets(vectors::C15);
    let Ok((0, Pdu::Deliver(deliver))) = decode(&wire, Version::V20) else { panic!("C15 is a DELIVER") };
    let id = MsgId(0xae5c_6bc0_000b_0001);
    let expected = Deliver {
        msg_id: id,
        service_id: text("test"),
        ..Deliver::report(phone("18026901024"), text("10690549222223"), deliver.content.as_bytes())
    };
    assert_eq!(deliver, expected);
    assert!(deliver.is_report());
    let report = Report::decode(deliver.content).unwrap();
    let expected = Report {
        msg_id: id,
        stat: text("DELIVRD"),
        submit_time: text("2210282306"),
        done_time: text("2210282306"),
        dest_terminal_id: phone("18026901024"),
        smsc_sequence: 1,
    };
    assert_eq!(report, expected);
    assert_eq!(report.outcome(), Outcome::Delivered);
}

#[test]
fn a_report_of_any_width() {
    let sixty = octets(vectors::C16);
    let report = Report::decode(Content(&sixty)).unwrap();
    let expected = Report {
        msg_id: MsgId(0xb4c5_5300_0001_0000),
        stat: text("DELIVRD"),
        submit_time: text("1511120955"),
        done_time: text("1511120957"),
        dest_terminal_id: phone("13412340000"),
        smsc_sequence: 0x1234_5678,
    };
    assert_eq!(report, expected);
    let mut written = Vec::new();
    report.encode(Version::V20, &mut written).unwrap();
    assert_eq!(written, sixty);
    written.clear();
    report.encode(Version::V30, &mut written).unwrap();
    assert_eq!(written.len(), 71);
    assert_eq!(Report::decode(Content(&written)), Ok(report));

    let mut narrow = sixty[..35].to_vec();
    narrow.extend_from_slice(b"13412340000\x12\x34\x56\x78");
    assert_eq!(Report::decode(Content(&narrow)), Ok(report));
    assert!(matches!(Report::decode(Content(&sixty[..39])), Err(DecodeError::Truncated { .. })));
    let outcome = |stat| Report { stat: text(stat), ..report }.outcome();
    assert_eq!(outcome("ACCEPTD"), Outcome::Intermediate);
    assert_eq!(outcome("MK:0001"), Outcome::Failed);
}

#[test]
fn heartbeat_and_goodbye() {
    assert_decodes(vectors::C17, Version::V20, 23, Pdu::ActiveTest);
    assert_decodes(vectors::C18, Version::V30, 23, Pdu::ActiveTestResp);
    assert_decodes("0000000c8000000800000017", Version::V20, 23, Pdu::ActiveTestResp);
    assert_decodes(vectors::C19, Version::V20, 23, Pdu::Terminate);
    assert_decodes(vectors::C20, Version::V30, 23, Pdu::TerminateResp);
}

#[test]
fn oddities_of_real_gateways_are_understood() {
    // CANCEL_RESP in four octets on a 2.0 link, and SUBMIT_RESP in one octet on a 3.0 link.
    assert_decodes("00000010800000070000000100000001", Version::V20, 1, Pdu::CancelResp(1));
    let resp = SubmitResp { msg_id: MsgId(0xb2b9_da80_0001_0000), result: 0 };
    assert_decodes(vectors::C09, Version::V30, 23, Pdu::SubmitResp(resp));
    // Strings padded with spaces, and 0x40 for a user data header.
    let padded = vectors::C11.replace("3930303030310000", "3930303030312020");
    let wire = octets(&padded);
    let Ok((_, Pdu::Deliver(deliver))) = decode(&wire, Version::V20) else { panic!("a DELIVER") };
    assert_eq!(deliver.dest_id, text("900001"));
    assert!(Deliver { tp_udhi: 0x40, ..deliver }.has_header());
    assert!(!Deliver { tp_udhi: 0x02, ..deliver }.has_header());
}

#[test]
fn an_error_names_the_field_and_its_offset() {
    let wire = octets(vectors::C06);
    let mut short = wire[..100].to_vec();
    short[..4].copy_from_slice(&100_u32.to_be_bytes());
    let expected = DecodeError::Truncated { field: "At_Time", offset: 90, needed: 17, available: 10 };
    assert_eq!(decode(&short, Version::V20), Err(expected));
    let expected = DecodeError::LengthMismatch { claimed: 189, given: 100 };
    assert_eq!(decode(&wire[..100], Version::V20), Err(expected));
    let forward = octets("0000000c0000000900000001");
    assert_eq!(decode(&forward, Version::V20), Err(DecodeError::UnknownCommand { command: 9 }));
    let trailing = octets("0000000e000000080000000100ff");
    assert_eq!(decode(&trailing, Version::V20), Err(DecodeError::Trailing { offset: 12, octets: 2 }));
    let mut nobody = octets(vectors::C06);
    nobody[12 + 8 + 4 + 10 + 1 + 21 + 3 + 6 + 2 + 6 + 17 + 17 + 21] = 0;
    let expected = DecodeError::OutOfRange { field: "DestUsr_tl", offset: 128, value: 0 };
    assert_eq!(decode(&nobody, Version::V20), Err(expected));
}

#[test]
fn sending_is_strict() {
    let refuses = |submit: Submit<'_>, version, expected| {
        let mut out = b"before".to_vec();
        assert_eq!(encode(&Pdu::Submit(submit), 1, version, &mut out), Err(expected));
        assert_eq!(out, b"before");
    };
    let long = [b'a'; 160];
    let too_long = |octets, limit| EncodeError::TooLong { field: "Msg_Content", octets, limit };
    refuses(submit(&long, 0), Version::V20, too_long(160, 159));
    refuses(submit(&long[..141], 8), Version::V30, too_long(141, 140));
    refuses(Submit { tp_udhi: 1, ..submit(&long[..141], 0) }, Version::V30, too_long(141, 140));
    let wide = Submit { destinations: Destinations::one(phone(&"1".repeat(22))), ..submit(b"a", 0) };
    let field = "Dest_terminal_Id";
    refuses(wide, Version::V20, EncodeError::TooLong { field, octets: 22, limit: 21 });
    let nobody = Submit { destinations: Destinations::many(&[]), ..submit(b"a", 0) };
    refuses(nobody, Version::V30, EncodeError::Destinations { count: 0, limit: 100 });
    let crowd = [phone("13800000000"); 101];
    let crowded = Submit { destinations: Destinations::many(&crowd), ..submit(b"a", 0) };
    refuses(crowded, Version::V30, EncodeError::Destinations { count: 101, limit: 100 });
    assert_eq!(
        Octets::<6>::new("1234567"),
        Err(EncodeError::TooLong { field: "string", octets: 7, limit: 6 })
    );
    assert_eq!(Octets::<6>::new("鸿"), Err(EncodeError::NotAscii));
    assert_eq!(Octets::<6>::new("a\0"), Err(EncodeError::NotAscii));
}

#[test]
fn a_submit_to_many_names_each_phone_and_id() {
    let phones: Vec<TerminalId> = (0..100).map(|index| phone(&format!("138000000{index:02}"))).collect();
    let many = Submit { destinations: Destinations::many(&phones), ..submit(b"hello", 0) };
    for version in [Version::V20, Version::V30] {
        let mut out = Vec::new();
        encode(&Pdu::Submit(many), 1, version, &mut out).unwrap();
        let Ok((1, Pdu::Submit(read))) = decode(&out, version) else { panic!("a SUBMIT") };
        assert!(read.destinations.iter().eq(phones.iter().copied()));
        assert_eq!(read, many);
    }
    let last = MsgId(0xae5c_6bc0_000b_ffff);
    assert_eq!(last.of_destination(0), last);
    assert_eq!(last.of_destination(2), MsgId(0xae5c_6bc0_000b_0001), "only the last 16 bits count");
}

#[test]
fn debug_output_hides_people_and_secrets() {
    let wire = octets(vectors::C15);
    let (_, pdu) = decode(&wire, Version::V20).unwrap();
    let Pdu::Deliver(deliver) = pdu else { panic!("a DELIVER") };
    let report = Report::decode(deliver.content).unwrap();
    let described = wire::cmpp::describe(&wire, Version::V20).unwrap();
    let secret = Secret::new("888888");
    let shown = format!("{pdu:?} {report:?} {described:?} {secret:?} {:?}", submit(b"hello", 0));
    for hidden in ["18026901024", "13500002696", "888888", "hello", "104, 101"] {
        assert!(!shown.contains(hidden), "{hidden} is shown");
    }
    assert!(shown.contains("10690549222223"), "access codes are not personal");
}
