//! SMGP: the vectors, the oddities, round trips.

use proptest::prelude::*;
use wire::smgp::{
    Deliver, MsgId, Pdu, Report, Submit, SubmitResp, Version, auth, decode, describe, encode, tag,
};
use wire::tlv::{self, Tlvs};
use wire::{Content, Octets, Secret, TerminalId};

use crate::vectors::corpus;

fn vector(name: &str) -> Vec<u8> {
    corpus("smgp_decode", name)
}

#[test]
fn every_vector_is_written_again_octet_by_octet() {
    for name in ["M01", "M02", "M03", "M04", "M05", "M06", "M07", "M08"] {
        let octets = vector(name);
        let (sequence, pdu) = decode(&octets, Version::V30).unwrap();
        let mut written = Vec::new();
        encode(&pdu, sequence, Version::V30, &mut written).unwrap();
        assert_eq!(written, octets, "{name}");
    }
}

#[test]
fn the_authenticator_of_the_published_log_in() {
    let octets = vector("M01");
    let (_, Pdu::Login(login)) = decode(&octets, Version::V30).unwrap() else { panic!("a log-in") };
    assert_eq!(login.client_id.as_str(), Some("testid"));
    assert!(auth::verify(&login, &Secret::new("testauth")));
    assert!(!auth::verify(&login, &Secret::new("testautH")));
}

#[test]
fn fields_of_the_vectors() {
    let octets = vector("M03");
    let (sequence, Pdu::Submit(submit)) = decode(&octets, Version::V30).unwrap() else { panic!("a submit") };
    assert_eq!((sequence, submit.msg_format, submit.need_report), (1234, 15, 1));
    assert_eq!(submit.src_term_id.as_str(), Some("10690001111"));
    assert_eq!(submit.content.as_bytes(), b"hello test msg");
    let octets = vector("M04");
    let (_, Pdu::SubmitResp(SubmitResp { msg_id, status })) = decode(&octets, Version::V30).unwrap() else {
        panic!("an answer")
    };
    assert_eq!((msg_id.to_string().as_str(), status), ("01020304050607080901", 0));
}

#[test]
fn reports_as_specified() {
    let report = Report::decode(Content(&vector("M09"))).unwrap();
    assert_eq!(report.msg_id.to_string(), "01601712291424100007");
    assert_eq!((report.stat.as_str(), report.err.as_str()), (Some("RT:0148"), Some("148")));
    assert_eq!(report.submit_date.as_str(), Some("2312291424"));
    let octets = vector("M12");
    let report = Report::decode(Content(&octets)).unwrap();
    assert_eq!((report.stat.as_str(), report.err.as_str()), (Some("DELIVRD"), Some("000")));
    let mut written = Vec::new();
    report.encode(&mut written);
    assert_eq!(written.len(), 122);
    assert_eq!(Report::decode(Content(&written)), Ok(report));
}

/// Labels, separators and lengths as gateways vary them; the id may look like anything.
#[test]
fn reports_as_gateways_write_them() {
    let id = b"stat:\xFFerr:";
    let variants: [&[u8]; 4] = [
        b"sSub:001sDlvrd:000sSubmit_Date:2611270900sDone_Date:2611270901sStat:UNDELIVsErr:003sText:",
        b"sub:001 dlvrd:001 submit date:2611270900 done date:2611270901 stat:UNDELIV err:003",
        b" sub:001 dlvrd:001 submit_date:2611270900 done_date:2611270901 stat:UNDELIV err:003 txt:\xc4\xe3\xba\xc3",
        b" Stat:UNDELIV Err:003 Submit date:2611270900 done date:2611270901",
    ];
    for variant in variants {
        let content = [b"id:", &id[..], variant].concat();
        let report = Report::decode(Content(&content)).unwrap();
        assert_eq!(report.msg_id, MsgId(*id));
        assert_eq!((report.stat.as_str(), report.err.as_str()), (Some("UNDELIV"), Some("003")));
        assert_eq!(
            (report.submit_date.as_str(), report.done_date.as_str()),
            (Some("2611270900"), Some("2611270901"))
        );
    }
    assert!(Report::decode(Content(b"id:0123456789 no state")).is_err());
    assert!(Report::decode(Content(b"id:012")).is_err());
}

#[test]
fn version_1_3_has_no_fixed_fee() {
    let submit = Submit::to(TerminalId::new("13800000000").unwrap(), 8, b"\x4f\x60");
    let (mut three, mut one) = (Vec::new(), Vec::new());
    encode(&Pdu::Submit(submit), 1, Version::V30, &mut three).unwrap();
    encode(&Pdu::Submit(submit), 1, Version::V13, &mut one).unwrap();
    assert_eq!((three.len(), one.len()), (126 + 21 + 2, 126 + 21 + 2 - 6));
    let (_, Pdu::Submit(read)) = decode(&one, Version::V13).unwrap() else { panic!("a submit") };
    assert_eq!(read, Submit { fixed_fee: Octets::EMPTY, ..submit });
}

#[test]
fn optional_parameters_are_skipped_when_unknown_and_dropped_when_cut_off() {
    let mut tlvs = Vec::new();
    tlv::append(tag::TP_UDHI, &[1], &mut tlvs).unwrap();
    tlv::append(0x14, b"?", &mut tlvs).unwrap();
    let whole = tlvs.len();
    tlvs.extend_from_slice(&[0, 1]);
    let submit = Submit::to(TerminalId::new("13800000000").unwrap(), 8, b"\x05\x00\x03\x01\x02\x01\x4f\x60");
    let mut octets = Vec::new();
    encode(&Pdu::Submit(submit), 1, Version::V30, &mut octets).unwrap();
    octets.extend_from_slice(&tlvs);
    let length = u32::try_from(octets.len()).unwrap();
    octets[..4].copy_from_slice(&length.to_be_bytes());
    let (_, Pdu::Submit(read)) = decode(&octets, Version::V30).unwrap() else { panic!("a submit") };
    assert!(read.has_header());
    assert_eq!(read.tlvs.as_bytes(), &tlvs[..whole]);
    let described = describe(&octets, Version::V30).unwrap();
    let names: Vec<_> = described.fields.iter().rev().take(3).map(|field| field.name).collect();
    assert_eq!(names, ["trailing octets", "TLV", "TP_udhi"]);
}

#[test]
fn a_heartbeats_answer_may_have_a_body() {
    let octets = [0, 0, 0, 13, 0x80, 0, 0, 4, 0, 0, 0, 1, 0];
    assert_eq!(decode(&octets, Version::V30), Ok((1, Pdu::ActiveTestResp)));
}

fn string<const N: usize>() -> impl Strategy<Value = Octets<N>> {
    prop::collection::vec(0x20_u8..0x7F, 0..=N).prop_map(|text| Octets::new(text).unwrap())
}

fn terminal() -> impl Strategy<Value = TerminalId> {
    string::<21>().prop_map(|text| TerminalId::new(text.as_bytes()).unwrap())
}

proptest! {
    #[test]
    fn submits_and_delivers_survive(
        strings in (string(), string(), string(), string(), string(), string(), string(), string(), string()),
        terminals in (terminal(), terminal()), numbers: [u8; 5], msg_id: [u8; 10], sequence: u32,
        phones in prop::collection::vec(terminal(), 1..=100), content in prop::collection::vec(any::<u8>(), 0..=140),
        values in prop::collection::vec((1_u16..0x20, prop::collection::vec(any::<u8>(), 0..30)), 0..5),
    ) {
        let mut tlvs = Vec::new();
        for (tag, value) in &values {
            tlv::append(*tag, value, &mut tlvs).unwrap();
        }
        let submit = Submit {
            msg_type: numbers[0], need_report: numbers[1], priority: numbers[2], service_id: strings.0,
            fee_type: strings.1, fee_code: strings.2, fixed_fee: strings.3, valid_time: strings.4,
            at_time: strings.5, src_term_id: strings.6, charge_term_id: terminals.0, reserve: strings.7,
            destinations: wire::destinations::Destinations::many(&phones), tlvs: Tlvs::new(&tlvs),
            ..Submit::to(TerminalId::default(), numbers[3], &content)
        };
        let deliver = Deliver {
            msg_id: MsgId(msg_id), is_report: numbers[4], recv_time: strings.8, reserve: strings.7,
            tlvs: Tlvs::new(&tlvs), ..Deliver::inbound(terminals.1, strings.6, numbers[3], &content)
        };
        for pdu in [Pdu::Submit(submit), Pdu::Deliver(deliver)] {
            let mut out = Vec::new();
            encode(&pdu, sequence, Version::V30, &mut out).unwrap();
            prop_assert_eq!(decode(&out, Version::V30), Ok((sequence, pdu)));
        }
    }
}
