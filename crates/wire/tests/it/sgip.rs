//! SGIP: the vectors, the oddities, round trips.

use proptest::prelude::*;
use wire::sgip::{
    Bind, ClientConfig, Command, Event, ListenerConfig, LoginType, Pdu, Report, Sequence, Session, State,
    Submit, decode, describe, encode,
};
use wire::{Content, DecodeError, Hidden, Millis, Octets, Request, Secret, TerminalId};

use crate::vectors::corpus;

fn vector(name: &str) -> Vec<u8> {
    corpus("sgip_decode", name)
}

#[test]
fn every_vector_is_written_again_octet_by_octet() {
    for name in ["G01", "G02", "G03", "G05", "G06", "G07", "G08", "G09", "G10"] {
        let octets = vector(name);
        let (sequence, pdu) = decode(&octets).unwrap();
        let mut written = Vec::new();
        encode(&pdu, sequence, &mut written).unwrap();
        assert_eq!(written, octets, "{name}");
    }
}

#[test]
fn fields_of_the_vectors() {
    let octets = vector("G01");
    let (_, Pdu::Bind(bind)) = decode(&octets).unwrap() else { panic!("a bind") };
    assert_eq!(bind.login_type, LoginType::ServiceProvider);
    assert_eq!(bind.login_name.as_str(), Some("testusername"));
    assert_eq!(bind.login_password.0.as_str(), Some("testpwd"));
    assert!(!format!("{bind:?}").contains("testpwd"), "a password is never shown");

    let octets = vector("G03");
    let (_, Pdu::Submit(submit)) = decode(&octets).unwrap() else { panic!("a submit") };
    let phones: Vec<_> = submit.destinations.iter().map(|phone| phone.as_bytes().to_vec()).collect();
    assert_eq!(phones, [b"17600000000", b"17611111111"]);
    assert_eq!((submit.corp_id.as_bytes(), submit.content.as_bytes()), (&b"12345"[..], &b"test msg"[..]));

    let octets = vector("G08");
    let (_, Pdu::Report(report)) = decode(&octets).unwrap() else { panic!("a report") };
    assert_eq!(report.submit, Sequence { node: 0, time: 0, number: 2 });
    assert_eq!((report.outcome(), report.error_code), (State::Failed, 9));
}

#[test]
fn answers_without_their_reserve_are_read() {
    let mut octets = vector("G05");
    octets.truncate(21);
    octets[3] = 21;
    assert_eq!(decode(&octets).unwrap().1, Pdu::SubmitResp(0));
}

#[test]
fn a_length_of_four_gigabytes_is_refused_without_an_allocation() {
    let mut octets = vector("G06");
    let place = octets.len() - 22 - 8 - 4;
    octets[place..place + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(
        decode(&octets),
        Err(DecodeError::Truncated { field: "MessageContent", available: 30, .. })
    ));
}

#[test]
fn a_description_names_the_three_parts_of_a_sequence_number() {
    let described = describe(&vector("G08")).unwrap();
    assert_eq!(described.command, Command::Report.name());
    let submit = described.fields.iter().find(|field| field.name == "SubmitSequenceNumber").unwrap();
    let wire::describe::Value::Group(parts) = &submit.value else { panic!("three parts") };
    let numbers: Vec<bool> = parts
        .iter()
        .zip([0, 0, 2])
        .map(|(part, number)| part.value == wire::describe::Value::Number(number))
        .collect();
    assert_eq!(numbers, [true; 3]);
}

fn string<const N: usize>() -> impl Strategy<Value = Octets<N>> {
    prop::collection::vec(0x20_u8..0x7F, 0..=N).prop_map(|text| Octets::new(text).unwrap())
}

fn terminal() -> impl Strategy<Value = TerminalId> {
    string::<21>().prop_map(|text| TerminalId::new(text.as_bytes()).unwrap())
}

fn survives(pdu: Pdu<'_>, sequence: Sequence) {
    let mut out = Vec::new();
    encode(&pdu, sequence, &mut out).unwrap();
    assert_eq!(decode(&out), Ok((sequence, pdu)));
    for end in 0..out.len() {
        assert!(decode(&out[..end]).is_err(), "a PDU cut at {end} decodes");
    }
}

proptest! {
    #[test]
    fn submits_survive(
        strings in (string(), terminal(), string(), string(), string(), string(), string(), string(), string()),
        numbers: [u8; 8], phones in prop::collection::vec(terminal(), 1..=100),
        content in prop::collection::vec(any::<u8>(), 0..=140), sequence: (u32, u32, u32),
    ) {
        let submit = Submit {
            sp_number: strings.0, charge_number: strings.1, corp_id: strings.2, service_type: strings.3,
            fee_value: strings.4, given_value: strings.5, expire_time: strings.6, schedule_time: strings.7,
            reserve: strings.8, fee_type: numbers[0], agent_flag: numbers[1], priority: numbers[2],
            report_flag: numbers[3], tp_pid: numbers[4], tp_udhi: numbers[5], message_type: numbers[6],
            destinations: wire::destinations::Destinations::many(&phones),
            ..Submit::to(TerminalId::default(), numbers[7], &content)
        };
        let (node, time, number) = sequence;
        survives(Pdu::Submit(submit), Sequence { node, time, number });
    }

    #[test]
    fn binds_and_reports_survive(
        name in string(), password in string(), user_number in terminal(), reserve in string(), numbers: [u8; 4],
        submit: (u32, u32, u32),
    ) {
        let sequence = Sequence { node: submit.0, time: submit.1, number: submit.2 };
        let login_type = LoginType::from_octet(numbers[0]);
        survives(Pdu::Bind(Bind { login_type, login_name: name, login_password: Hidden(password) }), sequence);
        let [report_type, state, error_code, _] = numbers;
        survives(
            Pdu::Report(Report { submit: sequence, report_type, user_number, state, error_code, reserve }),
            Sequence::default(),
        );
    }
}

/// There is no heartbeat: who opened the connection keeps it, who accepted it leaves it after a while, and silence with
/// something under way is death.
#[test]
fn silence_means_death_only_when_an_answer_is_due() {
    let config = ClientConfig::new(Octets::new("sp").unwrap(), Hidden(Octets::new("pw").unwrap()), 1);
    let mut client = Session::client(&config, Millis(0), 1_021_080_510);
    let listener = ListenerConfig::new(LoginType::ServiceProvider, 2);
    let mut server = Session::listener(&listener, Millis(0), 1_021_080_510);
    let mut octets = Vec::new();
    client.take_output(&mut octets);
    server.feed(Millis(0), &octets);
    assert!(matches!(server.poll_event(), Some(Event::ConnectRequested { .. })));
    server.accept(&Secret::new("pw"));
    octets.clear();
    server.take_output(&mut octets);
    client.feed(Millis(0), &octets);
    assert!(matches!(client.poll_event(), Some(Event::Connected { .. })));
    for minute in 1..100 {
        client.handle_timeout(Millis(minute * 60_000));
    }
    assert!(client.is_connected() && client.output().is_empty());
    server.handle_timeout(Millis(60_000));
    assert_eq!(server.output()[4..8], [0, 0, 0, 2], "UNBIND");

    let submit = Pdu::Submit(Submit::to(TerminalId::default(), 0, b"x"));
    client.send(Millis(6_000_000), Request::Submit, 1, &submit).unwrap();
    let mut events = Vec::new();
    for second in 0..200 {
        client.handle_timeout(Millis(6_000_000 + second * 1_000));
        events.extend(std::iter::from_fn(|| client.poll_event().map(|event| format!("{event:?}"))));
    }
    assert_eq!(events, ["Lost { request: Submit, token: 1 }", "Closed { cause: HeartbeatLost }"]);
}

#[test]
fn content_beyond_the_limit_is_not_written() {
    let long = [0; 161];
    let mut out = Vec::new();
    let submit = Submit { content: Content(&long), ..Submit::to(TerminalId::default(), 0, &[]) };
    assert!(encode(&Pdu::Submit(submit), Sequence::default(), &mut out).is_err());
    assert!(out.is_empty());
}
