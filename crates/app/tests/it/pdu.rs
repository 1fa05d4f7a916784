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

/// A vector of the fuzz corpus (G03 and M03 from go-sms-protocol, MIT; P10 from cloudhopper-smpp, Apache-2.0).
fn vector(target: &str, name: &str) -> String {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target).join(name);
    std::fs::read(path).unwrap().iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn the_other_protocols_are_shown_by_their_own_names() {
    let decode = |protocol: &str, name| {
        let hex = vector(&format!("{protocol}_decode"), name);
        run(&["pdu", "decode", "--protocol", protocol, &hex]).json()
    };
    let sgip = decode("sgip", "G03");
    assert_eq!(sgip["command"], "SGIP_SUBMIT");
    assert_eq!(sgip["fields"]["UserNumber"][1], "17611111111");
    assert_eq!((&sgip["fields"]["CorpId"], &sgip["fields"]["text"]), (&"12345".into(), &"test msg".into()));
    let smgp = decode("smgp", "M03");
    assert_eq!(smgp["command"], "Submit");
    assert_eq!(
        (&smgp["fields"]["MsgFormat"], &smgp["fields"]["text"]),
        (&15.into(), &"hello test msg".into())
    );
    let smpp = decode("smpp", "P10");
    assert_eq!(smpp["command"], "deliver_sm");
    assert_eq!(smpp["fields"]["short_message"]["stat"], "DELIVRD");
    assert_eq!(
        (&smpp["fields"]["message_state"], &smpp["fields"]["receipted_message_id"]),
        (&2.into(), &"38601fa".into())
    );
    assert!(smpp["fields"].get("text").is_none(), "a receipt is no text");
    let failed = run(&["pdu", "decode", "--protocol", "smgp", &vector("sgip_decode", "G08")]).failed(2);
    assert!(failed.contains("octet 0"), "{failed}");
}

#[test]
fn a_text_is_planned_part_by_part() {
    let planned = run(&["text", "plan", "--json", "【鸿雁】您好"]).json();
    assert_eq!(
        (&planned["encoding"], &planned["coding"], &planned["parts"]),
        (&"ucs2".into(), &8.into(), &1.into())
    );
    assert_eq!(planned["segments"][0]["hex"], "30109e3f96c130116 0a8597d".replace(' ', ""));
    let long = "长".repeat(71);
    let planned = run(&["text", "plan", "--protocol", "smpp", "--json", &long]).json();
    assert_eq!((&planned["parts"], &planned["segments"][0]["bytes"]), (&2.into(), &140.into()));
    assert!(planned["segments"][1]["hex"].as_str().unwrap().starts_with("050003010202957f"));
    let gbk = run(&["text", "plan", "--gbk", "--json", &long]).json();
    assert_eq!((&gbk["encoding"], &gbk["coding"]), (&"gbk".into(), &15.into()));
    let ascii = "a".repeat(150);
    let parts =
        |protocol| run(&["text", "plan", "--protocol", protocol, "--json", &ascii]).json()["parts"].clone();
    assert_eq!((parts("cmpp"), parts("sgip"), parts("smpp")), (1.into(), 2.into(), 1.into()));
    let shown = run_zh(&["text", "plan", "您好"]).ok();
    assert!(shown.contains("编码") && shown.contains("第 1 条") && shown.contains("60a8597d"), "{shown}");
    assert!(run(&["text", "plan", "--help"]).ok().contains("bytes of each part"));
    assert!(run_zh(&["text", "plan", ""]).failed(2).contains("内容为空"));
}
