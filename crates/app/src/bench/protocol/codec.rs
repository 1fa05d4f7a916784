//! What the wire alone costs: a submit written and read, an answer and a report read. Nothing is sent.

use std::hint::black_box;

use serde_json::{Value, json};
use wire::{Content, Octets, TerminalId, cmpp, sgip, smgp, smpp};

use super::super::allocations::allocations;
use super::super::campaign::round;
use super::super::spoken::Spoken;
use super::super::stopwatch::Stopwatch;

/// A part of 70 characters.
const TEXT: &[u8] = &[0x4E; 140];
const PHONE: &str = "8613800138000";
/// Rounds before the measured ones: the buffer has its size, the code is in the caches.
const WARM: u32 = 1_000;

/// A protocol's PDUs as a measurement needs them.
trait Codec {
    /// Writes a submit.
    fn submit(&self, sequence: u32, out: &mut Vec<u8>);
    /// An answer to one, whole.
    fn answer(&self) -> Vec<u8>;
    /// A report, whole.
    fn report(&self) -> Vec<u8>;
    /// Reads any PDU, and the report in it.
    fn read(&self, octets: &[u8]);
}

fn phone() -> TerminalId {
    TerminalId::new(PHONE).expect("digits")
}

fn date<const N: usize>() -> Octets<N> {
    Octets::new("2611270900").expect("ten digits")
}

fn stat() -> Octets<7> {
    Octets::new("DELIVRD").expect("seven letters")
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> Result<(), wire::EncodeError>) -> Vec<u8> {
    let mut octets = Vec::new();
    write(&mut octets).expect("a sample fits");
    octets
}

struct Cmpp(cmpp::Version);

impl Codec for Cmpp {
    fn submit(&self, sequence: u32, out: &mut Vec<u8>) {
        let submit = cmpp::Pdu::Submit(cmpp::Submit::to(phone(), 8, TEXT));
        cmpp::encode(&submit, sequence, self.0, out).expect("a sample fits");
    }

    fn answer(&self) -> Vec<u8> {
        let answer = cmpp::Pdu::SubmitResp(cmpp::SubmitResp { msg_id: cmpp::MsgId(7), result: 0 });
        written(|out| cmpp::encode(&answer, 7, self.0, out))
    }

    fn report(&self) -> Vec<u8> {
        let report = cmpp::Report {
            msg_id: cmpp::MsgId(7),
            stat: stat(),
            submit_time: date(),
            done_time: date(),
            dest_terminal_id: phone(),
            smsc_sequence: 1,
        };
        let content = written(|out| report.encode(self.0, out));
        let deliver = cmpp::Pdu::Deliver(cmpp::Deliver::report(phone(), Octets::EMPTY, &content));
        written(|out| cmpp::encode(&deliver, 7, self.0, out))
    }

    fn read(&self, octets: &[u8]) {
        let (header, pdu) = cmpp::decode(octets, self.0).expect("as written");
        if let cmpp::Pdu::Deliver(deliver) = &pdu {
            black_box(cmpp::Report::decode(deliver.content).expect("as written"));
        }
        black_box((header, pdu));
    }
}

struct Sgip;

impl Codec for Sgip {
    fn submit(&self, number: u32, out: &mut Vec<u8>) {
        let submit = sgip::Pdu::Submit(sgip::Submit::to(phone(), 8, TEXT));
        sgip::encode(&submit, sequence(number), out).expect("a sample fits");
    }

    fn answer(&self) -> Vec<u8> {
        written(|out| sgip::encode(&sgip::Pdu::SubmitResp(0), sequence(7), out))
    }

    fn report(&self) -> Vec<u8> {
        let report = sgip::Pdu::Report(sgip::Report {
            submit: sequence(7),
            report_type: 0,
            user_number: phone(),
            state: 0,
            error_code: 0,
            reserve: Octets::EMPTY,
        });
        written(|out| sgip::encode(&report, sequence(8), out))
    }

    fn read(&self, octets: &[u8]) {
        black_box(sgip::decode(octets).expect("as written"));
    }
}

fn sequence(number: u32) -> sgip::Sequence {
    sgip::Sequence { node: 3_010_092_008, time: 1_021_080_510, number }
}

struct Smgp;

impl Codec for Smgp {
    fn submit(&self, sequence: u32, out: &mut Vec<u8>) {
        let submit = smgp::Pdu::Submit(smgp::Submit::to(phone(), 8, TEXT));
        smgp::encode(&submit, sequence, smgp::Version::V30, out).expect("a sample fits");
    }

    fn answer(&self) -> Vec<u8> {
        let answer = smgp::Pdu::SubmitResp(smgp::SubmitResp { msg_id: smgp::MsgId::default(), status: 0 });
        written(|out| smgp::encode(&answer, 7, smgp::Version::V30, out))
    }

    fn report(&self) -> Vec<u8> {
        let report = smgp::Report {
            msg_id: smgp::MsgId::default(),
            stat: stat(),
            err: Octets::new("000").expect("three digits"),
            submit_date: date(),
            done_date: date(),
        };
        let mut content = Vec::new();
        report.encode(&mut content);
        let deliver = smgp::Pdu::Deliver(smgp::Deliver {
            is_report: 1,
            ..smgp::Deliver::inbound(phone(), Octets::EMPTY, 0, &content)
        });
        written(|out| smgp::encode(&deliver, 7, smgp::Version::V30, out))
    }

    fn read(&self, octets: &[u8]) {
        let (header, pdu) = smgp::decode(octets, smgp::Version::V30).expect("as written");
        if let smgp::Pdu::Deliver(deliver) = &pdu {
            black_box(smgp::Report::decode(Content(deliver.content.as_bytes())).expect("as written"));
        }
        black_box((header, pdu));
    }
}

struct Smpp;

impl Codec for Smpp {
    fn submit(&self, sequence: u32, out: &mut Vec<u8>) {
        let address = smpp::Address { ton: 1, npi: 1, number: phone() };
        let submit = smpp::Pdu::SubmitSm(smpp::ShortMessage::to(address, 8, TEXT));
        smpp::encode(&submit, sequence, out).expect("a sample fits");
    }

    fn answer(&self) -> Vec<u8> {
        let id = Octets::new("7f3a9c0d").expect("it fits");
        let answer = smpp::Pdu::SubmitSmResp(smpp::MessageResp::new(smpp::status::OK, id));
        written(|out| smpp::encode(&answer, 7, out))
    }

    fn report(&self) -> Vec<u8> {
        let receipt = smpp::Receipt {
            message_id: Octets::new("7f3a9c0d").expect("it fits"),
            stat: stat(),
            err: Octets::new("000").expect("three digits"),
            submit_date: date(),
            done_date: date(),
        };
        let mut content = Vec::new();
        receipt.write_text(&mut content);
        let address = smpp::Address { ton: 1, npi: 1, number: phone() };
        let deliver = smpp::Pdu::DeliverSm(smpp::ShortMessage {
            esm_class: 0x04,
            ..smpp::ShortMessage::to(address, 0, &content)
        });
        written(|out| smpp::encode(&deliver, 7, out))
    }

    fn read(&self, octets: &[u8]) {
        let (header, pdu) = smpp::decode(octets).expect("as written");
        if let smpp::Pdu::DeliverSm(deliver) = &pdu {
            black_box(smpp::Receipt::of(deliver).expect("as written"));
        }
        black_box((header, pdu));
    }
}

/// Nanoseconds and allocations of one round.
fn each(rounds: u32, mut round: impl FnMut(u32)) -> (f64, f64) {
    (0..WARM).for_each(&mut round);
    let rounds = rounds.max(1);
    let watch = Stopwatch::start();
    let allocated = allocations(|| (0..rounds).for_each(&mut round));
    let nanoseconds = watch.micros() as f64 * 1_000.0 / f64::from(rounds);
    (nanoseconds, allocated as f64 / f64::from(rounds))
}

fn figures(spoken: Spoken, codec: &dyn Codec, rounds: u32) -> Value {
    let mut out = Vec::new();
    let (submit_ns, submit_allocations) = each(rounds, |number| {
        out.clear();
        codec.submit(number, &mut out);
        codec.read(black_box(&out));
    });
    let (answer, report) = (codec.answer(), codec.report());
    let (answer_ns, answer_allocations) = each(rounds, |_| codec.read(black_box(&answer)));
    let (report_ns, report_allocations) = each(rounds, |_| codec.read(black_box(&report)));
    json!({
        "protocol": spoken.word(),
        "submit_octets": out.len(),
        "submit_write_and_read_ns": round(submit_ns),
        "submit_allocations": submit_allocations,
        "answer_read_ns": round(answer_ns),
        "answer_allocations": answer_allocations,
        "report_read_ns": round(report_ns),
        "report_allocations": report_allocations,
    })
}

/// Every protocol's figures, one after the other.
pub(super) fn measure(rounds: u32) -> Vec<Value> {
    let all: [(Spoken, &dyn Codec); 5] = [
        (Spoken::Cmpp20, &Cmpp(cmpp::Version::V20)),
        (Spoken::Cmpp30, &Cmpp(cmpp::Version::V30)),
        (Spoken::Sgip12, &Sgip),
        (Spoken::Smgp30, &Smgp),
        (Spoken::Smpp34, &Smpp),
    ];
    all.into_iter().map(|(spoken, codec)| figures(spoken, codec, rounds)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_protocol_allocates_where_a_message_is_written_and_read() {
        for figures in measure(100) {
            for what in ["submit_allocations", "answer_allocations", "report_allocations"] {
                assert_eq!(figures[what], 0.0, "{figures}");
            }
            assert!(figures["submit_octets"].as_u64().is_some_and(|octets| octets > 140), "{figures}");
        }
    }
}
