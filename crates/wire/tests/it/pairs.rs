//! A client and a server of every protocol: log-in, full windows both ways, refusal, goodbye.

use wire::session::{Event, Protocol, Session};
use wire::{CloseCause, Content, Hidden, Millis, Octets, Request, Secret, TerminalId, sgip, smgp, smpp};

const TIME: u32 = 1_021_080_510;
const MESSAGES: u64 = 500;

/// One protocol's part of the story.
struct Parts<P: Protocol> {
    client: Session<P>,
    server: Session<P>,
    submit: P::Pdu<'static>,
    inbound: P::Pdu<'static>,
    report: P::Pdu<'static>,
    msg_id: P::MsgId,
    throttled: u32,
}

fn pass<P: Protocol>(from: &mut Session<P>, to: &mut Session<P>, now: Millis) {
    let mut octets = Vec::new();
    from.take_output(&mut octets);
    to.feed(now, &octets);
}

/// What a story has come to.
#[derive(Default)]
struct Told {
    sent: u64,
    /// Reports and messages that the server owes.
    owed: u64,
    delivered: u64,
    taken: u64,
    throttled: u64,
    reports: u64,
    messages: u64,
    closed: Vec<CloseCause>,
}

/// Every seventh submit is throttled; for the others a report or a message comes back.
fn exchange<P: Protocol>(mut parts: Parts<P>) -> Told {
    let mut told = Told::default();
    for tick in 0..2_000 {
        let now = Millis(tick * 5);
        while parts.client.is_connected() && told.sent < MESSAGES && parts.client.free_window() > 0 {
            parts.client.send(now, Request::Submit, told.sent, &parts.submit).unwrap();
            told.sent += 1;
        }
        pass(&mut parts.client, &mut parts.server, now);
        serve(&mut parts, &mut told, now);
        pass(&mut parts.server, &mut parts.client, now);
        receive(&mut parts, &mut told);
        if tick == 1_900 {
            parts.client.terminate(now);
        }
    }
    assert_eq!((parts.client.stray_answers(), parts.server.stray_answers()), (0, 0));
    told
}

fn serve<P: Protocol>(parts: &mut Parts<P>, told: &mut Told, now: Millis) {
    let server = &mut parts.server;
    let mut answers = Vec::new();
    while let Some(event) = server.poll_event() {
        match event {
            Event::ConnectRequested { log_in, .. } => {
                assert!(P::verify(&log_in, &Secret::new("secret")));
                assert!(!P::verify(&log_in, &Secret::new("secreT")));
                answers.push(None);
            }
            Event::Submit { sequence, .. } => answers.push(Some(sequence)),
            Event::DeliverAnswered { token, result, .. } => {
                assert_eq!((token, result), (told.delivered, 0), "answers keep their order here");
                told.delivered += 1;
            }
            Event::Closed { cause } => told.closed.push(cause),
            other => panic!("the server did not expect {other:?}"),
        }
    }
    for (number, answer) in answers.into_iter().enumerate() {
        match answer {
            None => server.accept(&Secret::new("secret")),
            Some(sequence) if number % 7 == 6 => {
                server.answer_submit(sequence, parts.msg_id, parts.throttled);
            }
            Some(sequence) => {
                server.answer_submit(sequence, parts.msg_id, 0);
                told.owed += 1;
            }
        }
    }
    let mut token = told.delivered + u64::try_from(server.open_requests()).unwrap();
    while told.owed > 0 && server.free_window() > 0 {
        let pdu = if told.owed.is_multiple_of(2) { &parts.inbound } else { &parts.report };
        server.send(now, Request::Deliver, token, pdu).unwrap();
        (told.owed, token) = (told.owed - 1, token + 1);
    }
}

fn receive<P: Protocol>(parts: &mut Parts<P>, told: &mut Told) {
    let mut acks = Vec::new();
    while let Some(event) = parts.client.poll_event() {
        match event {
            Event::Connected { .. } => {}
            Event::SubmitAnswered { result: 0, .. } => told.taken += 1,
            Event::SubmitAnswered { result, .. } => {
                assert_eq!(result, parts.throttled);
                told.throttled += 1;
            }
            Event::Report { sequence, .. } => {
                told.reports += 1;
                acks.push(sequence);
            }
            Event::Inbound { sequence, .. } => {
                told.messages += 1;
                acks.push(sequence);
            }
            Event::Closed { cause } => told.closed.push(cause),
            other => panic!("the client did not expect {other:?}"),
        }
    }
    for sequence in acks {
        parts.client.ack_deliver(sequence, parts.msg_id, 0);
    }
}

fn assert_complete(told: &Told) {
    assert_eq!(told.taken + told.throttled, MESSAGES);
    assert!(told.throttled > 0 && told.reports > 0 && told.messages > 0);
    assert_eq!(told.reports + told.messages, told.taken);
    assert_eq!(told.closed, [CloseCause::PeerTerminated, CloseCause::Terminated]);
}

fn phone() -> TerminalId {
    TerminalId::new("8613800000000").unwrap()
}

#[test]
fn sgip() {
    let name = Octets::new("sp").unwrap();
    let config = sgip::ClientConfig::new(name, Hidden(Octets::new("secret").unwrap()), 3_010_092_008);
    let listener = sgip::ListenerConfig::new(sgip::LoginType::ServiceProvider, 101);
    let report = sgip::Report {
        submit: sgip::Sequence { node: 3_010_092_008, time: TIME, number: 2 },
        report_type: 0,
        user_number: phone(),
        state: 0,
        error_code: 0,
        reserve: Octets::EMPTY,
    };
    let inbound = sgip::Deliver {
        user_number: phone(),
        sp_number: Octets::new("10655").unwrap(),
        tp_pid: 0,
        tp_udhi: 0,
        message_coding: 0,
        content: Content(b"TD"),
        reserve: Octets::EMPTY,
    };
    assert_complete(&exchange(Parts {
        client: sgip::Session::client(&config, Millis(0), TIME),
        server: sgip::Session::listener(&listener, Millis(0), TIME),
        submit: sgip::Pdu::Submit(sgip::Submit::to(phone(), 0, b"hello")),
        inbound: sgip::Pdu::Deliver(inbound),
        report: sgip::Pdu::Report(report),
        msg_id: sgip::Sequence::default(),
        throttled: sgip::result::FLOW,
    }));
}

/// The gateway opens the connection for what it has to deliver.
#[test]
fn sgip_the_other_way_round() {
    let name = Octets::new("smg").unwrap();
    let config = sgip::ClientConfig {
        login_type: sgip::LoginType::Gateway,
        ..sgip::ClientConfig::new(name, Hidden(Octets::new("secret").unwrap()), 101)
    };
    let mut gateway = sgip::Session::client(&config, Millis(0), TIME);
    let listener = sgip::ListenerConfig::new(sgip::LoginType::Gateway, 3_010_092_008);
    let mut provider = sgip::Session::listener(&listener, Millis(0), TIME);
    pass(&mut gateway, &mut provider, Millis(0));
    assert!(matches!(provider.poll_event(), Some(Event::ConnectRequested { .. })));
    provider.accept(&Secret::new("secret"));
    pass(&mut provider, &mut gateway, Millis(0));
    assert!(matches!(gateway.poll_event(), Some(Event::Connected { .. })));
    let report = sgip::Report {
        submit: sgip::Sequence { node: 3_010_092_008, time: TIME, number: 7 },
        report_type: 0,
        user_number: phone(),
        state: 2,
        error_code: 5,
        reserve: Octets::EMPTY,
    };
    gateway.send(Millis(1), Request::Deliver, 1, &sgip::Pdu::Report(report)).unwrap();
    pass(&mut gateway, &mut provider, Millis(1));
    let Some(Event::Report { sequence, report: told }) = provider.poll_event() else { panic!("a report") };
    assert_eq!(told, report);
    provider.ack_deliver(sequence, told.submit, 0);
    assert_eq!(provider.output()[4..8], [0x80, 0, 0, 5], "REPORT_RESP, not DELIVER_RESP");
    pass(&mut provider, &mut gateway, Millis(2));
    assert!(matches!(gateway.poll_event(), Some(Event::DeliverAnswered { token: 1, result: 0, .. })));
}

#[test]
fn smgp() {
    let config = smgp::ClientConfig::new(Octets::new("testid").unwrap(), Secret::new("secret"));
    let report = {
        let mut content = Vec::new();
        smgp::Report {
            msg_id: smgp::MsgId([7; 10]),
            stat: Octets::new("DELIVRD").unwrap(),
            err: Octets::new("000").unwrap(),
            submit_date: Octets::new("2611270900").unwrap(),
            done_date: Octets::new("2611270901").unwrap(),
        }
        .encode(&mut content);
        content
    };
    let dest = Octets::new("10659").unwrap();
    let report: &'static [u8] = report.leak();
    assert_complete(&exchange(Parts {
        client: smgp::Session::client(&config, Millis(0), TIME),
        server: smgp::Session::server(&smgp::ServerConfig::default(), Millis(0)),
        submit: smgp::Pdu::Submit(smgp::Submit::to(phone(), 0, b"hello")),
        inbound: smgp::Pdu::Deliver(smgp::Deliver::inbound(phone(), dest, 0, b"TD")),
        report: smgp::Pdu::Deliver(smgp::Deliver {
            is_report: 1,
            ..smgp::Deliver::inbound(phone(), dest, 0, report)
        }),
        msg_id: smgp::MsgId([7; 10]),
        throttled: 1,
    }));
}

#[test]
fn smpp() {
    let password = Hidden(Octets::new("secret").unwrap());
    let config = smpp::ClientConfig::new(Octets::new("esme").unwrap(), password);
    let address = smpp::Address { ton: 1, npi: 1, number: phone() };
    let receipt: &'static [u8] =
        b"id:42 sub:001 dlvrd:001 submit date:2611270900 done date:2611270901 stat:DELIVRD err:000 text:";
    assert_complete(&exchange(Parts {
        client: smpp::Session::client(&config, Millis(0)),
        server: smpp::Session::server(&smpp::ServerConfig::default(), Millis(0)),
        submit: smpp::Pdu::SubmitSm(smpp::ShortMessage::to(address, 0, b"hello")),
        inbound: smpp::Pdu::DeliverSm(smpp::ShortMessage::to(address, 0, b"TD")),
        report: smpp::Pdu::DeliverSm(smpp::ShortMessage {
            esm_class: 4,
            ..smpp::ShortMessage::to(address, 0, receipt)
        }),
        msg_id: Octets::new("42").unwrap(),
        throttled: smpp::status::THROTTLED,
    }));
}
