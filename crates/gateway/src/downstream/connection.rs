//! One connection of a customer: everything that is due is done at each turn, and written once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::downstream::{Answer, Customer, Delivery, Handed, Question, Submit, SubmitRefusal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::session::{Event, Protocol, Session};
use wire::{Millis, Request, Secret, SendError};

use super::delivering::UnderWay;
use super::dialect::{Asked, Dialect, LoggingIn, Writer, Writing};
use super::door::{Door, Unwelcome};
use super::stream::Wire;
use crate::socket::Socket;

/// How long the last octets may take to be written.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long a customer that is let go may take to say goodbye.
const FAREWELL: Duration = Duration::from_millis(500);
/// The longest sleep: what is due may also be looked for.
const TICK: Duration = Duration::from_millis(500);

type Sequence<D> = <<D as Dialect>::Protocol as Protocol>::Sequence;
type LogIn<D> = <<D as Dialect>::Protocol as Protocol>::LogIn;
type Answers<D> = Vec<(Sequence<D>, Result<u128, SubmitRefusal>)>;

/// What the engine answered.
enum Done<D: Dialect> {
    Submits(Answers<D>),
    Question(Sequence<D>, Answer, Writer<D>),
}

/// Questions of one connection without an answer: each may read much.
const QUESTIONS: usize = 4;

struct Connection<D: Dialect> {
    door: Arc<Door>,
    from: IpAddr,
    session: Session<D::Protocol>,
    customer: Option<Arc<Customer>>,
    sends: bool,
    /// Deliveries go over this connection.
    receives: bool,
    /// Read and not given to the engine yet.
    batch: Vec<(Sequence<D>, Submit)>,
    unanswered: usize,
    /// Asked and not given to the engine yet.
    to_ask: Vec<(Sequence<D>, Question, Writer<D>)>,
    /// Without an answer.
    questions: usize,
    under_way: UnderWay,
    /// Needs more of the window than is free.
    stalled: Option<Delivery>,
    /// Counted among the customer's connections; cancelled when it is not let in any more.
    entered: Option<CancellationToken>,
    /// Since when it is let go: nothing more is taken.
    leaving_since: Option<Millis>,
    /// Since when nobody is logged in, or it says goodbye.
    apart_since: Millis,
    over: bool,
}

/// What one step of a turn asks for.
enum Step<L> {
    More,
    LogIn(L),
    Done,
}

/// Who names no number sends from the first of its own: some programs leave that field to the gateway.
fn from_its_number(customer: &Customer, submit: Submit) -> Submit {
    match customer.addresses.first().filter(|_| submit.source.is_empty()) {
        Some(number) => Submit { source: number.as_str().into(), ..submit },
        None => submit,
    }
}

/// Serves a connection to its end: one that a customer made, or one towards `customer`.
pub(super) async fn serve<D: Dialect>(
    socket: Socket,
    from: IpAddr,
    door: Arc<Door>,
    session: Session<D::Protocol>,
    customer: Option<Arc<Customer>>,
) {
    let downstream = Arc::clone(&door.downstream);
    let mut wire = Wire::new(socket);
    let mut connection = Connection::<D>::new(door, from, session, customer);
    let mut answers: JoinSet<Done<D>> = JoinSet::new();
    let stop = connection.door.stop.clone();
    let mut stopping = false;
    while !connection.over {
        let wake = connection.wait();
        let waits_for = connection.waits_for_deliveries();
        let due = async {
            match &waits_for {
                Some(customer) => downstream.due(customer.id).await,
                None => std::future::pending().await,
            }
        };
        let leave = connection.entered.clone().filter(|_| connection.leaving_since.is_none());
        let let_go = async {
            match &leave {
                Some(leave) => leave.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let mut readable = false;
        let mut answered = None;
        tokio::select! {
            ready = wire.ready() => readable = ready,
            Some(done) = answers.join_next() => answered = done.ok(),
            () = due => {}
            () = tokio::time::sleep(wake) => {}
            () = let_go => connection.let_go(),
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.session.terminate(connection.door.now());
            }
        }
        let now = connection.door.now();
        if readable {
            wire.read(&mut connection.session, now);
        }
        connection.answer(answered);
        while let Some(more) = answers.try_join_next() {
            connection.answer(more.ok());
        }
        while let Some(log_in) = connection.turn(now) {
            if connection.log_in(&log_in).await {
                wire.widen();
            }
        }
        connection.hand_over(&mut answers);
        connection.deliver(now);
        wire.write(&mut connection.session);
    }
    let _goodbye = tokio::time::timeout(GOODBYE, wire.flush(&mut connection.session)).await;
    // What the engine has begun to take it takes to the end; nobody hears the answers.
    answers.detach_all();
}

impl<D: Dialect> Connection<D> {
    fn new(
        door: Arc<Door>,
        from: IpAddr,
        session: Session<D::Protocol>,
        customer: Option<Arc<Customer>>,
    ) -> Self {
        Self {
            apart_since: door.now(),
            door,
            from,
            session,
            customer,
            sends: false,
            receives: false,
            batch: Vec::new(),
            unanswered: 0,
            to_ask: Vec::new(),
            questions: 0,
            under_way: UnderWay::default(),
            stalled: None,
            entered: None,
            leaving_since: None,
            over: false,
        }
    }

    fn wait(&self) -> Duration {
        let now = self.door.now();
        let due = self.session.poll_timeout().map(|at| Duration::from_millis(at.since(now)));
        let most = if self.leaving_since.is_some() { FAREWELL / 4 } else { TICK };
        due.unwrap_or(most).clamp(Duration::from_millis(1), most)
    }

    fn waits_for_deliveries(&self) -> Option<Arc<Customer>> {
        let waits = self.receives && self.stalled.is_none() && self.session.free_window() > 0;
        self.customer.clone().filter(|_| waits)
    }

    /// The customer was changed, switched off or deleted: it hears goodbye.
    fn let_go(&mut self) {
        let now = self.door.now();
        tracing::info!(customer = ?self.customer.as_ref().map(|known| known.id), "a customer's connection is closed: it is configured otherwise now");
        self.leaving_since = Some(now);
        self.session.terminate(now);
    }

    /// Everything that can be done now, up to a log-in.
    fn turn(&mut self, now: Millis) -> Option<LogIn<D>> {
        self.session.handle_timeout(now);
        if self.leaving_since.is_some_and(|since| now.since(since) > millis(FAREWELL)) {
            self.session.close();
        }
        if self.session.is_connected() {
            self.apart_since = now;
        } else if now.since(self.apart_since) > millis(self.door.settings.log_in_timeout) {
            self.session.close();
        }
        loop {
            match self.step() {
                Step::More => {}
                Step::LogIn(log_in) => return Some(log_in),
                Step::Done => return None,
            }
        }
    }

    fn step(&mut self) -> Step<LogIn<D>> {
        let Some(event) = self.session.poll_event() else { return Step::Done };
        match event {
            Event::ConnectRequested { log_in, .. } => return Step::LogIn(log_in),
            Event::Connected { .. } => self.begin_to_receive(),
            Event::Submit { sequence, submit } => {
                let read = D::read(sequence, &submit, self.door.settings.clock.now());
                self.submitted(sequence, read);
            }
            Event::DeliverAnswered { token, result, .. } => {
                self.handed(token, if result == 0 { Handed::Taken } else { Handed::Refused });
            }
            Event::Unanswered { request: Request::Deliver, token }
            | Event::Lost { request: Request::Deliver, token } => self.handed(token, Handed::Lost),
            Event::Asked { sequence, ask } => {
                let asked = D::ask(&ask);
                self.asked(sequence, asked);
            }
            Event::Closed { cause } => {
                tracing::debug!(customer = ?self.customer.as_ref().map(|known| known.id), %cause, "a customer's connection is over");
                self.over = true;
            }
            _ => {}
        }
        Step::More
    }

    /// Lets a customer in, or says why not.
    async fn log_in(&mut self, log_in: &LogIn<D>) -> bool {
        let LoggingIn { login, sends, receives } = D::logging_in(log_in);
        let (door, version) = (Arc::clone(&self.door), self.session.version());
        match welcome::<D>(&door, self.from, version, log_in, &login).await {
            Ok((customer, leave)) => {
                self.session.accept(&Secret::new(customer.secret.0.as_bytes()));
                tracing::info!(customer = %customer.id, "a customer connected");
                self.customer = Some(customer);
                self.entered = Some(leave);
                self.sends = sends;
                if receives {
                    self.begin_to_receive();
                }
                true
            }
            Err(why) => {
                tracing::info!(?why, family = ?self.door.family, "a log-in was refused");
                self.session.refuse(D::unwelcome(why));
                false
            }
        }
    }

    fn begin_to_receive(&mut self) {
        if let Some(customer) = &self.customer
            && !self.receives
        {
            self.receives = true;
            self.door.downstream.attach(customer.id);
        }
    }

    /// Another request than a submit: answered at once, or taken to the engine with what was read in this turn.
    fn asked(&mut self, sequence: Sequence<D>, asked: Asked<D>) {
        let reply = match asked {
            Asked::Reply(reply) => reply,
            Asked::Question(question, writer) => {
                let may_ask = self.customer.as_ref().is_some_and(|customer| {
                    self.questions < QUESTIONS
                        && self.leaving_since.is_none()
                        && self.door.may_send(customer.id, 1)
                });
                if may_ask {
                    self.questions += 1;
                    self.to_ask.push((sequence, question, writer));
                    return;
                }
                writer(Answer::Unavailable)
            }
        };
        if let Some(reply) = reply {
            self.session.reply(sequence, &reply);
        }
    }

    fn submitted(&mut self, sequence: Sequence<D>, read: Result<Submit, SubmitRefusal>) {
        let Some(customer) = &self.customer else { return };
        let submit = match read {
            _ if self.leaving_since.is_some() => {
                let result = D::refusal(SubmitRefusal::Unavailable);
                return self.session.answer_submit(sequence, D::no_id(), result);
            }
            _ if !self.sends => return self.session.answer_submit(sequence, D::no_id(), D::WRONG_DIRECTION),
            Ok(submit) => from_its_number(customer, submit),
            Err(refusal) => return self.session.answer_submit(sequence, D::no_id(), D::refusal(refusal)),
        };
        let full = self.unanswered >= usize::from(customer.window);
        let parts = u32::try_from(submit.phones.len().max(1)).unwrap_or(u32::MAX);
        if full || !self.door.may_send(customer.id, parts) {
            let result = D::refusal(SubmitRefusal::Throttled);
            return self.session.answer_submit(sequence, D::no_id(), result);
        }
        self.unanswered += 1;
        self.batch.push((sequence, submit));
    }

    /// Gives the engine what was read in this turn.
    fn hand_over(&mut self, answers: &mut JoinSet<Done<D>>) {
        let Some(customer) = &self.customer else { return };
        for (sequence, question, writer) in std::mem::take(&mut self.to_ask) {
            let (downstream, customer) = (Arc::clone(&self.door.downstream), Arc::clone(customer));
            answers.spawn(async move {
                Done::Question(sequence, downstream.ask(&customer, question).await, writer)
            });
        }
        if self.batch.is_empty() {
            return;
        }
        let (sequences, submits): (Vec<_>, Vec<_>) = std::mem::take(&mut self.batch).into_iter().unzip();
        let (downstream, customer) = (Arc::clone(&self.door.downstream), Arc::clone(customer));
        answers.spawn(async move {
            let answers = downstream.submit(&customer, submits).await;
            Done::Submits(sequences.into_iter().zip(answers).collect())
        });
    }

    fn answer(&mut self, done: Option<Done<D>>) {
        let answers = match done {
            None => return,
            Some(Done::Submits(answers)) => answers,
            Some(Done::Question(sequence, answer, writer)) => {
                self.questions = self.questions.saturating_sub(1);
                if let Some(reply) = writer(answer) {
                    self.session.reply(sequence, &reply);
                }
                return;
            }
        };
        for (sequence, answer) in answers {
            self.unanswered = self.unanswered.saturating_sub(1);
            match answer {
                Ok(id) => self.session.answer_submit(sequence, D::msg_id(id), 0),
                Err(refusal) => self.session.answer_submit(sequence, D::no_id(), D::refusal(refusal)),
            }
        }
    }

    /// Writes what waits, as far as the window goes.
    fn deliver(&mut self, now: Millis) {
        let Some(customer) = self.customer.clone().filter(|_| self.receives && self.session.is_connected())
        else {
            return;
        };
        loop {
            let room = self.session.free_window();
            let next = match self.stalled.take() {
                None if room == 0 => None,
                None => self.door.downstream.take(customer.id, 1).pop(),
                stalled => stalled,
            };
            let Some(delivery) = next else { return };
            let writing = Writing::new(&delivery);
            if writing.len() <= room {
                self.write_delivery(&delivery, &writing, now);
            } else if self.session.open_requests() > 0 {
                self.stalled = Some(delivery);
                return;
            } else {
                // It is more than the whole window.
                self.door.downstream.done(customer.id, delivery.key, Handed::Impossible);
            }
        }
    }

    fn write_delivery(&mut self, delivery: &Delivery, writing: &Writing, now: Millis) {
        D::tick(&mut self.session, self.door.settings.clock.now());
        let version = self.session.version();
        for piece in writing.pieces() {
            let token = self.under_way.add(delivery.key);
            let mut scratch = Vec::new();
            let failed = match D::pdu(version, delivery, piece, &mut scratch) {
                // Our own values do not fit: they never will.
                Err(_) => Handed::Impossible,
                Ok(pdu) => match self.session.send(now, Request::Deliver, token, &pdu) {
                    Ok(()) => continue,
                    Err(SendError::Encode(_)) => Handed::Impossible,
                    Err(_) => Handed::Lost,
                },
            };
            // The piece that was not written has no answer to come; those before it have.
            return self.handed(token, failed);
        }
    }

    fn handed(&mut self, token: u64, handed: Handed) {
        if let (Some((key, handed)), Some(customer)) =
            (self.under_way.answered(token, handed), &self.customer)
        {
            self.door.downstream.done(customer.id, key, handed);
        }
    }

    /// Gives everything back.
    fn end(&mut self) {
        let Some(customer) = self.customer.take() else { return };
        for key in self.under_way.rest().into_iter().chain(self.stalled.take().map(|stalled| stalled.key)) {
            self.door.downstream.done(customer.id, key, Handed::Lost);
        }
        if self.receives {
            self.door.downstream.detach(customer.id);
        }
        if self.entered.is_some() {
            self.door.leave(customer.id);
        }
    }
}

/// However it ends, what was under way is given back, and its place is free again.
impl<D: Dialect> Drop for Connection<D> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether somebody is let in: counted among the customer's connections if so.
async fn welcome<D: Dialect>(
    door: &Door,
    from: IpAddr,
    version: <D::Protocol as Protocol>::Version,
    log_in: &LogIn<D>,
    login: &str,
) -> Result<(Arc<Customer>, CancellationToken), Unwelcome> {
    let customer = door.known(login, from).await?;
    if !D::Protocol::verify(log_in, &Secret::new(customer.secret.0.as_bytes())) {
        return Err(Unwelcome::Secret);
    }
    if !D::serves(customer.protocol, version) {
        return Err(Unwelcome::Version);
    }
    let leave = door.let_in(&customer).await?;
    Ok((customer, leave))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
