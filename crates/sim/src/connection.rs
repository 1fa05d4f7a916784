//! One connection: reads in large pieces, does everything that is due under one lock, writes once.

use std::io;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio::time::{Duration, sleep_until, timeout};
use wire::session::{Event, Protocol, Session};
use wire::{Millis, Request, Secret, SendError};

use crate::books::{Books, Taken};
use crate::carrier::{Carrier, DialBack, Order};
use crate::delivery::{CarrierId, Delivery};
use crate::dialect::{Caller, Dialect};
use crate::dice::Dice;
use crate::fault::FaultKind;
use crate::in_flight::InFlight;
use crate::schedule::Schedule;
use crate::throttle::Throttle;

/// What one read takes at most: some 280 submits.
const READ_OCTETS: usize = 64 * 1024;
/// How long receipts are gathered before they are written.
const TICK_MS: u64 = 5;
/// A peer that has sent nothing for so long has a full window.
const FULL_AFTER_MS: u64 = 50;
/// Longest wait for a full window before the connection is cut anyway.
const HOLD_LIMIT_MS: u64 = 2000;
/// How long the last octets may take to be written.
const GOODBYE: Duration = Duration::from_secs(1);

/// An answer that waits for its time.
struct Answer<S> {
    sequence: S,
    id: CarrierId,
    result: u32,
}

/// Answers are withheld until the peer's window is full.
struct Hold {
    since: Millis,
    last_submit: Option<Millis>,
}

struct Connection<'a, D: Dialect> {
    carrier: &'a Carrier,
    number: u32,
    session: Session<D::Protocol>,
    account: Option<usize>,
    /// Whether reports and messages go over this connection.
    delivers: bool,
    answers: Schedule<Answer<Sequence<D>>>,
    unanswered: u64,
    throttle: Option<Throttle>,
    in_flight: InFlight,
    hold: Option<Hold>,
    content: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    /// Cut: nothing more is read or written.
    cut: bool,
    /// The session has told its end.
    over: bool,
}

type Sequence<D> = <<D as Dialect>::Protocol as Protocol>::Sequence;

/// Serves a connection to its end: one that a client made, or one towards a client.
pub(crate) async fn serve<D: Dialect>(
    stream: TcpStream,
    carrier: &Carrier,
    number: u32,
    mut orders: broadcast::Receiver<Order>,
    towards: Option<DialBack>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(mut connection) = Connection::<D>::new(carrier, number, towards) else { return Ok(()) };
    let mut buffer = vec![0; READ_OCTETS];
    while !connection.over && !connection.cut {
        let interest = if connection.wants_to_write() {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let wake = carrier.clock.instant(connection.wake_at(carrier.clock.now()));
        let mut order = None;
        let mut readable = false;
        tokio::select! {
            ready = stream.ready(interest) => readable = ready?.is_readable(),
            () = sleep_until(wake) => {}
            Ok(given) = orders.recv() => order = Some(given),
            () = carrier.stop.cancelled() => break,
        }
        let now = carrier.clock.now();
        if readable {
            match stream.try_read(&mut buffer) {
                Ok(0) => connection.session.close(),
                Ok(octets) => connection.session.feed(now, &buffer[..octets]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => connection.session.close(),
            }
        }
        if let Some(order) = order {
            connection.obey(order, now);
        }
        connection.turn(now);
        if !connection.cut {
            connection.write(&stream);
        }
    }
    connection.end(&stream).await;
    Ok(())
}

impl<'a, D: Dialect> Connection<'a, D> {
    /// `None` when the protocol knows no connection towards a client.
    fn new(carrier: &'a Carrier, number: u32, towards: Option<DialBack>) -> Option<Self> {
        let (config, now) = (&carrier.config, carrier.clock.now());
        let time = carrier.books().clock_number(now);
        let session = match &towards {
            None => D::session(config, now, time),
            Some(towards) => D::dialling(config, &towards.caller, now, time)?,
        };
        Some(Self {
            carrier,
            number,
            session,
            account: towards.map(|towards| towards.account),
            delivers: false,
            answers: Schedule::new(1),
            unanswered: 0,
            throttle: config.tps_per_connection.map(|rate| Throttle::new(rate, now)),
            in_flight: InFlight::default(),
            hold: None,
            content: Vec::new(),
            out: Vec::new(),
            written: 0,
            cut: false,
            over: false,
        })
    }

    fn wants_to_write(&self) -> bool {
        self.written < self.out.len() && !self.is_silent()
    }

    fn is_silent(&self) -> bool {
        self.carrier.clock.now() < self.carrier.silent_until()
    }

    fn wake_at(&self, now: Millis) -> Millis {
        let tick = self.account.map(|_| Millis(now.0 + TICK_MS));
        let silent = Some(self.carrier.silent_until()).filter(|until| *until > now);
        let times = [tick, self.answers.next_due(), self.session.poll_timeout(), silent];
        times.into_iter().flatten().min().unwrap_or(Millis(now.0 + TICK_MS))
    }

    fn obey(&mut self, order: Order, now: Millis) {
        match order {
            Order::Cut => self.cut = true,
            Order::Strike { connection, kind } if connection == self.number => self.strike(kind, now),
            Order::Strike { .. } => {}
        }
    }

    /// Everything that can be done now: events, answers, receipts.
    fn turn(&mut self, now: Millis) {
        let carrier = self.carrier;
        self.session.handle_timeout(now);
        loop {
            let mut books = carrier.books();
            let mut struck = None;
            while struck.is_none() && !self.cut && self.step(&mut books, now) {
                let submits = books.counters.submits;
                struck = books.script.due_by_submits(submits);
            }
            let Some(kind) = struck else {
                self.answer_due(now);
                if !self.is_silent() {
                    self.deliver_due(&mut books, now);
                }
                break;
            };
            books.counters.faults += 1;
            drop(books);
            self.strike(kind, now);
        }
        if let Some(hold) = &self.hold {
            let full = hold.last_submit.is_some_and(|last| now.since(last) >= FULL_AFTER_MS);
            self.cut |= full || now.since(hold.since) >= HOLD_LIMIT_MS;
        }
    }

    /// Handles one event; `false` when there is none.
    fn step(&mut self, books: &mut Books, now: Millis) -> bool {
        let Some(event) = self.session.poll_event() else { return false };
        match event {
            Event::Submit { sequence, submit } => {
                if let Some(account) = self.account {
                    let given = D::given(sequence, &submit);
                    let taken = books.submit(now, account, &mut self.throttle, &given);
                    self.submitted(books, now, sequence, &taken);
                }
            }
            Event::DeliverAnswered { token, result, .. } => self.acked(books, now, token, result),
            Event::Unanswered { request: Request::Deliver, token }
            | Event::Lost { request: Request::Deliver, token } => {
                if let (Some(account), Some(delivery)) = (self.account, self.in_flight.take(token)) {
                    books.returned(now, account, delivery, false);
                }
            }
            Event::ConnectRequested { log_in, .. } => self.log_in(books, &log_in),
            Event::Connected { .. } => self.delivers = true,
            Event::Asked { sequence, ask } => {
                let reply = D::reply(&ask, &books.counters);
                if let Some(reply) = reply {
                    self.session.reply(sequence, &reply);
                }
            }
            Event::Malformed { .. } => books.counters.malformed += 1,
            Event::Unsupported { .. } => books.counters.unsupported += 1,
            Event::Closed { cause } => {
                tracing::debug!(number = self.number, %cause, "connection over");
                self.over = true;
            }
            // A late acknowledgement comes after its delivery went back to be sent again; the rest is a client's.
            _ => {}
        }
        true
    }

    fn log_in(&mut self, books: &mut Books, log_in: &<D::Protocol as Protocol>::LogIn) {
        let caller @ Caller { login, receives, .. } = D::caller(log_in);
        let refused = match self.carrier.config.accounts.find(&login) {
            None => D::UNKNOWN_LOGIN,
            Some(Some(secret)) if !D::Protocol::verify(log_in, &secret) => D::WRONG_SECRET,
            Some(secret) => {
                self.session.accept(&secret.unwrap_or_else(|| Secret::new("")));
                let account = books.account(login);
                self.account = Some(account);
                self.delivers = receives && !self.carrier.dial_back(DialBack { account, caller });
                books.counters.logins += 1;
                return;
            }
        };
        self.session.refuse(refused);
        books.counters.logins_refused += 1;
    }

    fn submitted(&mut self, books: &mut Books, now: Millis, sequence: Sequence<D>, taken: &Taken) {
        if let (Some(receipt), Some(account)) = (taken.early, self.account) {
            let delivery = Delivery::Receipt(receipt);
            books.counters.add_pending();
            if self.send(books, now, account, delivery) {
                books.counters.receipts_early += 1;
            }
        }
        if let Some(hold) = &mut self.hold {
            hold.last_submit = Some(now);
            self.unanswered += 1;
        } else if taken.answer_after == 0 {
            self.session.answer_submit(sequence, D::msg_id(taken.id), taken.result);
            return;
        } else {
            let answer = Answer { sequence, id: taken.id, result: taken.result };
            self.answers.push(Millis(now.0 + taken.answer_after), answer);
            self.unanswered += 1;
        }
        let peak = &mut books.counters.peak_unanswered;
        *peak = (*peak).max(self.unanswered);
    }

    fn answer_due(&mut self, now: Millis) {
        while self.hold.is_none()
            && let Some(answer) = self.answers.pop(now)
        {
            self.unanswered -= 1;
            self.session.answer_submit(answer.sequence, D::msg_id(answer.id), answer.result);
        }
    }

    fn deliver_due(&mut self, books: &mut Books, now: Millis) {
        let Some(account) = self.account.filter(|_| self.delivers) else { return };
        while self.session.free_window() > 0
            && let Some(delivery) = books.next_delivery(account, now)
            && self.send(books, now, account, delivery)
        {}
    }

    /// Sends one delivery; `false` when the connection takes no more now, and the delivery waits on.
    fn send(&mut self, books: &mut Books, now: Millis, account: usize, mut delivery: Delivery) -> bool {
        let version = self.session.version();
        self.content.clear();
        let Ok(pdu) = D::deliver(version, &books.render(now, &delivery), &mut self.content) else {
            books.dropped();
            return true;
        };
        let token = self.in_flight.put(delivery);
        match self.session.send(now, Request::Deliver, token, &pdu) {
            Ok(()) => {
                books.sent(now, &mut delivery);
                self.in_flight.replace(token, delivery);
                true
            }
            Err(SendError::WindowFull | SendError::NotConnected) => {
                self.in_flight.take(token);
                books.put_back(account, delivery);
                false
            }
            Err(SendError::WrongRole | SendError::Encode(_)) => {
                self.in_flight.take(token);
                books.dropped();
                true
            }
        }
    }

    fn acked(&mut self, books: &mut Books, now: Millis, token: u64, result: u32) {
        let (Some(account), Some(delivery)) = (self.account, self.in_flight.take(token)) else { return };
        if result == 0 {
            books.acked(now, &delivery);
        } else {
            books.returned(now, account, delivery, true);
        }
    }

    fn strike(&mut self, kind: FaultKind, now: Millis) {
        tracing::debug!(number = self.number, ?kind, "fault strikes");
        match kind {
            FaultKind::Disconnect => self.cut = true,
            FaultKind::DisconnectFullWindow => self.hold = Some(Hold { since: now, last_submit: None }),
            FaultKind::Garbage => self.send_garbage(),
            // 2 GiB less one octet, then the command of a DELIVER.
            FaultKind::HugeLength => self.interject(&[0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 5, 0, 0, 0, 1]),
            FaultKind::UnknownReceipts { count } => {
                if let Some(account) = self.account {
                    self.carrier.books().invent_receipts(now, account, count);
                }
            }
            FaultKind::DisconnectAll
            | FaultKind::StopListening
            | FaultKind::ThrottleAll { .. }
            | FaultKind::RefuseAll { .. }
            | FaultKind::Silent { .. } => {
                self.cut |= matches!(kind, FaultKind::DisconnectAll | FaultKind::StopListening);
                self.carrier.strike_all(kind);
            }
        }
    }

    /// A PDU of an unknown command, an answer that is too short, and then octets without any sense.
    fn send_garbage(&mut self) {
        self.interject(&[0, 0, 0, 16, 0xDE, 0xAD, 0xBE, 0xEF, 0, 0, 0, 1, 1, 2, 3, 4]);
        self.interject(&[0, 0, 0, 14, 0x80, 0, 0, 4, 0, 0, 0, 1, 0xFF, 0xFF]);
        let mut dice = Dice::new(self.carrier.config.seed, u64::from(self.number), 0);
        let noise: Vec<u8> = (0..64).flat_map(|_| (dice.next() | 1 << 63).to_be_bytes()).collect();
        self.interject(&noise);
    }

    /// Writes octets behind the session's back.
    fn interject(&mut self, octets: &[u8]) {
        self.collect();
        self.out.extend_from_slice(octets);
    }

    fn collect(&mut self) {
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        self.session.take_output(&mut self.out);
    }

    /// Writes what can be written without waiting.
    fn write(&mut self, stream: &TcpStream) {
        if self.is_silent() {
            return;
        }
        self.collect();
        while self.wants_to_write() {
            match stream.try_write(&self.out[self.written..]) {
                Ok(octets) => self.written += octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.session.close(),
            }
        }
    }

    fn drain(&mut self, now: Millis) {
        let carrier = self.carrier;
        let mut books = carrier.books();
        while self.step(&mut books, now) {}
    }

    /// Gives back what was not acknowledged, and writes the last octets unless the connection was cut.
    async fn end(&mut self, stream: &TcpStream) {
        let now = self.carrier.clock.now();
        if !self.over && !self.cut {
            self.session.terminate(now);
        }
        self.session.close();
        self.drain(now);
        self.collect();
        while !self.cut && self.wants_to_write() {
            match timeout(GOODBYE, stream.writable()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
            match stream.try_write(&self.out[self.written..]) {
                Ok(octets) => self.written += octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
