//! What the wire alone costs: nanoseconds to write and read a submit of each protocol, and to carry a message through two
//! CMPP sessions (submit, answer, report, acknowledgement). Nothing is sent.
//!
//! `cargo run --release -p wire --example codec_bench [ROUNDS]`

use std::hint::black_box;
use std::time::Instant;

use wire::{Millis, Octets, Secret, TerminalId, cmpp, sgip, smgp, smpp};

/// Rounds of each measurement, unless the command line says otherwise.
const ROUNDS: u32 = 1_000_000;
const TEXT: &[u8] = &[0x4E; 140];

fn nanoseconds(rounds: u64, body: impl FnOnce()) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    let start = Instant::now();
    body();
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX) / rounds
}

fn phone() -> TerminalId {
    TerminalId::new("8613800138000").expect("digits")
}

/// Writes and reads one PDU again and again.
fn codec(name: &str, rounds: u32, mut round: impl FnMut(u32, &mut Vec<u8>)) {
    let mut out = Vec::new();
    let each = nanoseconds(rounds.into(), || {
        for sequence in 0..rounds {
            out.clear();
            round(sequence, &mut out);
        }
    });
    println!("{name}: {each} ns to write and read a submit of {} octets", out.len());
}

fn codecs(rounds: u32) {
    for (name, version) in [("cmpp20", cmpp::Version::V20), ("cmpp30", cmpp::Version::V30)] {
        let submit = cmpp::Pdu::Submit(cmpp::Submit::to(phone(), 8, TEXT));
        codec(name, rounds, |sequence, out| {
            cmpp::encode(&submit, sequence, version, out).expect("it fits");
            black_box(cmpp::decode(out, version).expect("as written"));
        });
    }
    let submit = sgip::Pdu::Submit(sgip::Submit::to(phone(), 8, TEXT));
    codec("sgip12", rounds, |number, out| {
        let sequence = sgip::Sequence { node: 3_010_092_008, time: 1_021_080_510, number };
        sgip::encode(&submit, sequence, out).expect("it fits");
        black_box(sgip::decode(out).expect("as written"));
    });
    let submit = smgp::Pdu::Submit(smgp::Submit::to(phone(), 8, TEXT));
    codec("smgp30", rounds, |sequence, out| {
        smgp::encode(&submit, sequence, smgp::Version::V30, out).expect("it fits");
        black_box(smgp::decode(out, smgp::Version::V30).expect("as written"));
    });
    let address = smpp::Address { ton: 1, npi: 1, number: phone() };
    let submit = smpp::Pdu::SubmitSm(smpp::ShortMessage::to(address, 8, TEXT));
    codec("smpp34", rounds, |sequence, out| {
        smpp::encode(&submit, sequence, out).expect("it fits");
        black_box(smpp::decode(out).expect("as written"));
    });
}

fn sessions() -> (cmpp::Session, cmpp::Session) {
    let source = Octets::new("900001").expect("six digits");
    let config = cmpp::ClientConfig::new(source, Secret::new("888888"), cmpp::Version::V30);
    let client =
        cmpp::Session::client(cmpp::ClientConfig { window: 256, ..config }, Millis(0), 1_021_080_510);
    let server = cmpp::ServerConfig { window: 256, ..cmpp::ServerConfig::default() };
    (client, cmpp::Session::server(&server, Millis(0)))
}

/// Each message is submitted, answered, reported and acknowledged.
#[inline(never)]
fn pump(messages: u64) {
    let (mut client, mut server) = sessions();
    let (mut sent, mut done, mut octets, mut content) = (0, 0, Vec::new(), Vec::new());
    let mut owed = Vec::new();
    let submit = cmpp::Submit::to(phone(), 8, TEXT);
    let each = nanoseconds(messages, || {
        while done < messages {
            let now = Millis(done / 20);
            while client.is_connected() && sent < messages && client.free_window() > 0 {
                client.submit(now, sent, &submit).expect("the window is open");
                sent += 1;
            }
            octets.clear();
            client.take_output(&mut octets);
            server.feed(now, &octets);
            done += serve(&mut server, &mut owed);
            while server.free_window() > 0
                && let Some(msg_id) = owed.pop()
            {
                content.clear();
                report(msg_id, &mut content);
                let deliver = cmpp::Deliver::report(phone(), Octets::EMPTY, &content);
                server.deliver(now, msg_id.0, &deliver).expect("the window is open");
            }
            octets.clear();
            server.take_output(&mut octets);
            client.feed(now, &octets);
            receive(&mut client);
        }
    });
    println!("cmpp30: {each} ns to carry a message through two sessions, report included");
}

fn report(msg_id: cmpp::MsgId, content: &mut Vec<u8>) {
    let time = Octets::new("2611270900").expect("ten digits");
    let report = cmpp::Report {
        msg_id,
        stat: Octets::new("DELIVRD").expect("seven letters"),
        submit_time: time,
        done_time: time,
        dest_terminal_id: phone(),
        smsc_sequence: 1,
    };
    report.encode(cmpp::Version::V30, content).expect("it fits");
}

/// Returns how many reports were acknowledged.
fn serve(server: &mut cmpp::Session, owed: &mut Vec<cmpp::MsgId>) -> u64 {
    let mut acknowledged = 0;
    loop {
        let sequence = match server.poll_event() {
            None => return acknowledged,
            Some(cmpp::Event::Submit { sequence, .. }) => Some(sequence),
            Some(cmpp::Event::DeliverAnswered { .. }) => {
                acknowledged += 1;
                continue;
            }
            Some(_) => None,
        };
        match sequence {
            Some(sequence) => {
                let msg_id = cmpp::MsgId(sequence.into());
                server.answer_submit(sequence, msg_id, 0);
                owed.push(msg_id);
            }
            None => server.accept(&Secret::new("888888")),
        }
    }
}

fn receive(client: &mut cmpp::Session) {
    while let Some(event) = client.poll_event() {
        let (sequence, msg_id) = match event {
            cmpp::Event::Report { sequence, report, .. } => (sequence, report.deliver.msg_id),
            other => {
                black_box(other);
                continue;
            }
        };
        client.ack_deliver(sequence, msg_id, 0);
    }
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    codecs(rounds);
    pump(rounds.into());
}
