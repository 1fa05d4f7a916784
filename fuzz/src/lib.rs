//! The bodies of the fuzz targets, one per decoder. Each panics when a promise of `wire` is broken.
//!
//! Tests of `wire` include this file and run the bodies over the corpus and over mutations of it, so the
//! promises are also checked where libFuzzer is missing.

mod session;

use std::fmt::Debug;

use wire::concat::take_apart;
use wire::describe::Described;
use wire::{Content, DecodeError, EncodeError, cmpp, sgip, smgp, smpp, tlv};

pub use session::{cmpp_session, sgip_session, smgp_session, smpp_session};

/// Decoding never panics; what was decoded and can be written decodes to the same; a description covers every
/// octet.
fn pdu<P: PartialEq + Debug>(
    data: &[u8],
    decoded: Result<P, DecodeError>,
    described: Result<Described, DecodeError>,
    encode: impl Fn(&P, &mut Vec<u8>) -> Result<(), EncodeError>,
    again: impl Fn(&[u8], &P) -> bool,
) {
    let error = decoded.as_ref().err().copied();
    assert_eq!(error, described.as_ref().err().copied(), "decoder and description disagree");
    let (Ok(pdu), Ok(described)) = (decoded, described) else { return };
    let covered: usize = described.fields.iter().map(|field| field.octets.len()).sum();
    assert_eq!(covered, data.len(), "the description misses octets");
    let mut written = Vec::new();
    if encode(&pdu, &mut written).is_ok() {
        assert!(again(&written, &pdu), "a PDU changes when it is written and read: {pdu:?}");
    } else {
        assert!(written.is_empty(), "a failed encoding leaves octets behind");
    }
}

/// CMPP PDUs of both versions, and their reports.
pub fn cmpp_decode(data: &[u8]) {
    for version in [cmpp::Version::V20, cmpp::Version::V30] {
        pdu(
            data,
            cmpp::decode(data, version),
            cmpp::describe(data, version),
            |(sequence, pdu), out| cmpp::encode(pdu, *sequence, version, out),
            |written, pdu| cmpp::decode(written, version).as_ref() == Ok(pdu),
        );
        if let Ok((_, cmpp::Pdu::Deliver(deliver))) = cmpp::decode(data, version) {
            cmpp_report(deliver.content);
        }
    }
    cmpp_report(Content(data));
}

fn cmpp_report(content: Content<'_>) {
    let Ok(report) = cmpp::Report::decode(content) else { return };
    for version in [cmpp::Version::V20, cmpp::Version::V30] {
        let mut written = Vec::new();
        if report.encode(version, &mut written).is_ok() {
            assert_eq!(
                cmpp::Report::decode(Content(&written)),
                Ok(report),
                "a report changes when it is written and read"
            );
        }
    }
}

/// SGIP PDUs.
pub fn sgip_decode(data: &[u8]) {
    pdu(
        data,
        sgip::decode(data),
        sgip::describe(data),
        |(sequence, pdu), out| sgip::encode(pdu, *sequence, out),
        |written, pdu| sgip::decode(written).as_ref() == Ok(pdu),
    );
}

/// SMGP PDUs of both versions, and their reports.
pub fn smgp_decode(data: &[u8]) {
    for version in [smgp::Version::V13, smgp::Version::V30] {
        pdu(
            data,
            smgp::decode(data, version),
            smgp::describe(data, version),
            |(sequence, pdu), out| smgp::encode(pdu, *sequence, version, out),
            |written, pdu| smgp::decode(written, version).as_ref() == Ok(pdu),
        );
        if let Ok((_, smgp::Pdu::Deliver(deliver))) = smgp::decode(data, version) {
            smgp_report(deliver.content);
        }
    }
    smgp_report(Content(data));
}

fn smgp_report(content: Content<'_>) {
    let Ok(report) = smgp::Report::decode(content) else { return };
    let mut written = Vec::new();
    report.encode(&mut written);
    assert_eq!(
        smgp::Report::decode(Content(&written)),
        Ok(report),
        "a report changes when it is written and read"
    );
}

/// SMPP PDUs, and their receipts.
pub fn smpp_decode(data: &[u8]) {
    pdu(
        data,
        smpp::decode(data),
        smpp::describe(data),
        |(sequence, pdu), out| smpp::encode(pdu, *sequence, out),
        |written, pdu| smpp::decode(written).as_ref() == Ok(pdu),
    );
    if let Ok((_, smpp::Pdu::DeliverSm(deliver))) = smpp::decode(data) {
        smpp_receipt(&deliver);
    }
    smpp_receipt(&smpp::ShortMessage::to(smpp::Address::default(), 0, data));
}

fn smpp_receipt(message: &smpp::ShortMessage<'_>) {
    let Ok(receipt) = smpp::Receipt::of(message) else { return };
    // The text cannot say a value that looks like one of its own labels.
    let values = [receipt.message_id.as_bytes(), receipt.stat.as_bytes(), receipt.err.as_bytes()].concat();
    let dates = [receipt.submit_date.as_bytes(), receipt.done_date.as_bytes()].concat();
    if !values.iter().chain(&dates).all(u8::is_ascii_digit) {
        return;
    }
    let mut written = Vec::new();
    receipt.write_text(&mut written);
    let again = smpp::ShortMessage::to(smpp::Address::default(), 0, &written);
    assert_eq!(smpp::Receipt::of(&again), Ok(receipt), "a receipt changes when it is written and read");
}

/// A header is taken apart without losing octets, and its concatenation survives being written; whole optional
/// parameters are a prefix.
pub fn concat_header(data: &[u8]) {
    let tlvs = tlv::Tlvs::new(data);
    assert!(data.starts_with(tlvs.as_bytes()));
    assert_eq!(tlvs.iter().map(|tlv| tlv.value.len() + 4).sum::<usize>(), tlvs.as_bytes().len());
    let Ok(parts) = take_apart(data) else { return };
    assert_eq!(1 + parts.elements.len() + parts.body.len(), data.len(), "octets are lost");
    if let Some(concat) = parts.concat {
        assert!(concat.number >= 1 && concat.number <= concat.total, "a part outside its message");
        let mut written = Vec::new();
        concat.write(&mut written);
        assert_eq!(written.len(), concat.header_octets());
        let again = take_apart(&written).expect("a header we wrote fits itself");
        assert_eq!(again.concat, Some(concat), "a header changes when it is written and read");
    }
}
