//! `describe` names every octet of a PDU as the specification does.

use wire::cmpp::{Version, describe};
use wire::describe::Value;

use crate::vectors::{self, octets};

fn names(hex: &str, version: Version) -> Vec<&'static str> {
    describe(&octets(hex), version).unwrap().fields.iter().map(|field| field.name).collect()
}

fn value(hex: &str, version: Version, name: &str) -> Value {
    let described = describe(&octets(hex), version).unwrap();
    described.fields.into_iter().find(|field| field.name == name).unwrap().value
}

#[test]
fn fields_lie_side_by_side_and_cover_the_pdu() {
    for (name, hex, three) in vectors::PDUS {
        let wire = octets(hex);
        let version = if *three { Version::V30 } else { Version::V20 };
        let described = describe(&wire, version).unwrap();
        let mut next = 0;
        for field in &described.fields {
            assert_eq!(field.offset, next, "{name} {}", field.name);
            next += field.octets.len();
            assert_eq!(field.octets, wire[field.offset..next], "{name} {}", field.name);
        }
        assert_eq!(next, wire.len(), "{name}");
    }
}

#[test]
fn submit_by_the_names_of_the_specification() {
    let two = names(vectors::C06, Version::V20);
    let three = names(vectors::C07, Version::V30);
    assert_eq!(
        three,
        [
            "Total_Length",
            "Command_Id",
            "Sequence_Id",
            "Msg_Id",
            "Pk_total",
            "Pk_number",
            "Registered_Delivery",
            "Msg_level",
            "Service_Id",
            "Fee_UserType",
            "Fee_terminal_Id",
            "Fee_terminal_type",
            "TP_pId",
            "TP_udhi",
            "Msg_Fmt",
            "Msg_src",
            "FeeType",
            "FeeCode",
            "ValId_Time",
            "At_Time",
            "Src_Id",
            "DestUsr_tl",
            "Dest_terminal_Id",
            "Dest_terminal_type",
            "Msg_Length",
            "Msg_Content",
            "LinkID",
        ]
    );
    assert!(!two.contains(&"Fee_terminal_type"));
    assert_eq!(two.last(), Some(&"Reserve"));
    let phone = Value::Text(b"13500002696".to_vec());
    assert!(value(vectors::C07, Version::V30, "Dest_terminal_Id") == Value::List(vec![phone]));
    assert!(value(vectors::C06, Version::V20, "Msg_Length") == Value::Number(30));
    assert_eq!(describe(&octets(vectors::C06), Version::V20).unwrap().command, "CMPP_SUBMIT");
}

#[test]
fn a_report_is_opened_up() {
    let Value::Group(report) = value(vectors::C15, Version::V20, "Msg_Content") else { panic!("a report") };
    let names: Vec<&str> = report.iter().map(|field| field.name).collect();
    assert_eq!(names, ["Msg_Id", "Stat", "Submit_time", "Done_time", "Dest_terminal_Id", "SMSC_sequence"]);
    assert!(report[0].value == Value::MsgId("ae5c6bc0000b0001".to_owned()));
    assert!(report[1].value == Value::Text(b"DELIVRD".to_vec()));
    assert_eq!(report[1].hex(), "44454c49565244");
    assert_eq!(report[0].offset, 12 + 8 + 21 + 10 + 3 + 21 + 2, "offsets count from the PDU's first octet");
}

#[test]
fn a_user_data_header_is_opened_up() {
    let Value::Group(content) = value(vectors::C23, Version::V20, "Msg_Content") else { panic!("a header") };
    let names: Vec<&str> = content.iter().map(|field| field.name).collect();
    assert_eq!(names, ["UDHL", "UDH", "UD"]);
    let Value::Group(concat) = &content[1].value else { panic!("concatenation") };
    let numbers: Vec<bool> =
        concat.iter().zip([0x2e, 3, 1]).map(|(field, number)| field.value == Value::Number(number)).collect();
    assert_eq!(numbers, [true; 3]);
    assert_eq!(content[2].octets.len(), 134);
}
