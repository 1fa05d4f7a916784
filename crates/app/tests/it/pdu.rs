//! `hongyan pdu decode` on captures of other people's programs, and on what is no PDU.

use std::io::Write as _;
use std::process::Stdio;

use crate::house::{program, run, run_zh};

/// A SUBMIT of version 3.0 (vector C07 of the protocol notes, from gocmpp's tests, Apache-2.0).
const SUBMIT: &str = "000000e10000000400000017000000000000000001010101746573740000000000000231333530303030323639360000\
    000000000000000000000000000000000000000000000839303030303130323130000000003135313130353133313535\
    353130312b00000000000000000000000000000000000039303030303100000000000000000000000000000001313335\
    3030303032363936000000000000000000000000000000000000000000001e6d4b8bd50067006f0063006d0070007000\
    20007300750062006d006900740000000000000000000000000000000000000000";
/// A DELIVER of version 3.0 (vector C12, the same source).
const DELIVER: &str = "0000007f0000000500000001b4c553000001000039303030303100000000000000000000000000000000000000000000\
    000000000000313334313233343030303000000000000000000000000000000000000000000000001254686973206973\
    20612074657374204d4f2e0000000000000000000000000000000000000000";

#[test]
fn a_submit_is_shown_field_by_field() {
    let decoded = run(&["pdu", "decode", "--protocol", "cmpp3", SUBMIT]).json();
    assert_eq!(decoded["command"], "CMPP_SUBMIT");
    let fields = &decoded["fields"];
    assert_eq!(fields["Sequence_Id"], 23);
    assert_eq!((&fields["Pk_total"], &fields["Msg_Fmt"]), (&1.into(), &8.into()));
    assert_eq!(fields["Service_Id"], "test");
    assert_eq!(fields["Msg_src"], "900001");
    assert_eq!(fields["Dest_terminal_Id"][0], "13500002696");
    assert_eq!(fields["text"], "测试gocmpp submit");
}

#[test]
fn a_deliver_comes_from_standard_input_with_whitespace() {
    let mut child = program()
        .args(["pdu", "decode", "--protocol", "cmpp3"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let spaced: String =
        DELIVER.as_bytes().chunks(8).map(|part| format!("{}\n", String::from_utf8_lossy(part))).collect();
    child.stdin.take().unwrap().write_all(spaced.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let decoded: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(decoded["command"], "CMPP_DELIVER");
    assert_eq!(decoded["fields"]["Src_terminal_Id"], "13412340000");
    assert_eq!(decoded["fields"]["text"], "This is a test MO.");
}

#[test]
fn what_is_no_pdu_is_refused_with_its_place() {
    let decode = |hex: &str| run(&["pdu", "decode", "--protocol", "cmpp2", hex]);
    assert!(decode("0000000xyz").failed(2).contains("character 8"));
    assert!(decode("000").failed(2).contains("even number"));
    assert!(decode("7fffffff0000000400000001").failed(2).contains("octet 0"));
    let second = format!("0000000c0000000800000017{}", "0000000b00000008000000");
    assert!(decode(&second).failed(2).contains("octet 12"));
    let zh = run_zh(&["pdu", "decode", "--protocol", "cmpp2", "zz"]).failed(2);
    assert!(zh.contains("第 1 个字符"), "{zh}");
}
