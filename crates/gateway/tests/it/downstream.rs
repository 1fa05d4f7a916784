//! Connections of customers that behave badly, against an engine that only takes notes.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::control::{Protocol, Secret};
use domain::downstream::{
    Answer, Customer as Config, Delivery, DeliveryKey, Downstream, Fate, Handed, News, Question, Report,
    Signing, Submit, SubmitRefusal, WaitingKind, WaitingPlace,
};
use domain::ids::{AccountId, CustomerId, PartitionId};
use domain::ledger::SentCounts;
use domain::message::{Category, MessageState, Reason};
use domain::phone::{Country, Phone};
use domain::time::Timestamp;
use gateway::{DownstreamSettings, Family, listen};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::cmpp::{self, Cmpp};
use wire::smgp::{self, Smgp};
use wire::smpp::{self, BindKind, Smpp};
use wire::{Octets, Request, TerminalId};

use crate::bench_channel::clock;
use crate::customer::{Customer, PATIENCE, SOURCE, bind};

const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// An engine that takes everything, when it answers at all.
#[derive(Default)]
struct Paper {
    protocol: Option<Protocol>,
    silent: AtomicBool,
    next: AtomicI64,
    takers: AtomicI64,
    waiting: Mutex<VecDeque<Delivery>>,
    handed: Mutex<BTreeMap<DeliveryKey, Handed>>,
    due: Notify,
    /// What was changed since it was made; `None`: everybody was deleted.
    now: Mutex<Option<Change>>,
    /// Whether other nodes have all the connections.
    full: AtomicBool,
    left: AtomicI64,
    /// Whether the configuration cannot be read.
    unreadable: AtomicBool,
}

type Change = fn(&mut Config) -> bool;

impl Paper {
    fn config(&self) -> Config {
        Config {
            id: CustomerId(1),
            account: AccountId::from_raw(1),
            name: "银行".to_owned(),
            protocol: self.protocol.unwrap_or(Protocol::Smpp34),
            login: "bank".to_owned(),
            secret: Secret("secret".to_owned()),
            networks: Vec::new(),
            addresses: Vec::new(),
            connections: 2,
            window: 5,
            parts_per_second: None,
            category: Category::Notice,
            signature: None,
            signing: Signing::Own,
            route: None,
            enabled: true,
            call_back: None,
        }
    }

    /// As it is configured now.
    fn known(&self) -> Option<Arc<Config>> {
        let mut config = self.config();
        let there = self.now.lock().unwrap().is_none_or(|change| change(&mut config));
        there.then(|| Arc::new(config))
    }

    fn report(&self, number: i64) {
        let place = WaitingPlace { at: AT, item: number };
        let report = Report {
            id: u128::from(number.unsigned_abs()),
            phone: Phone::parse("13800138000", Country::CN).unwrap(),
            source: "10690001".into(),
            state: MessageState::Delivered,
            reason: Reason::None,
            code: domain::channel::CarrierCode::default(),
            submitted_at: AT,
            done_at: AT,
        };
        let key = DeliveryKey { place, kind: WaitingKind::Report, partition: PartitionId(0), part: 0 };
        self.waiting.lock().unwrap().push_back(Delivery { key, news: News::Report(report) });
        self.due.notify_waiters();
    }

    fn handed(&self) -> Vec<Handed> {
        self.handed.lock().unwrap().values().copied().collect()
    }
}

#[async_trait]
impl Downstream for Paper {
    async fn customer(&self, login: &str) -> Option<Arc<Config>> {
        self.known().filter(|_| login == "bank")
    }

    async fn customers(&self) -> Option<Vec<Arc<Config>>> {
        (!self.unreadable.load(Ordering::Relaxed)).then(|| self.known().into_iter().collect())
    }

    async fn submit(&self, _: &Arc<Config>, submits: Vec<Submit>) -> Vec<Result<u128, SubmitRefusal>> {
        while self.silent.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let id = || Ok(u128::from(self.next.fetch_add(1, Ordering::Relaxed).unsigned_abs()));
        submits.iter().map(|_| id()).collect()
    }

    async fn ask(&self, _: &Arc<Config>, question: Question) -> Answer {
        let since = Timestamp::from_millis(1_795_573_800_000);
        match question {
            Question::Fate { id: 7, source } if &*source == "10690001" => {
                Answer::Fate(Fate { state: MessageState::Expired, reason: Reason::Unreachable, since })
            }
            Question::Fate { id: 8, .. } => {
                Answer::Fate(Fate { state: MessageState::Queued, reason: Reason::None, since })
            }
            Question::Cancel { id: 8, .. } => Answer::Cancelled,
            Question::Cancel { id: 7, .. } => Answer::TooLate,
            Question::Counts { from, until } if until.since(from).as_secs() == 86_400 => {
                let counts = SentCounts { messages: 2, forwarded: 3, waiting: 2, failed: 1 };
                Answer::Counts(counts)
            }
            _ => Answer::Unknown,
        }
    }

    async fn enter(&self, _: &Arc<Config>) -> bool {
        !self.full.load(Ordering::Relaxed)
    }

    fn leave(&self, _: CustomerId) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    fn pace(&self, customer: &Config) -> Option<u32> {
        customer.parts_per_second
    }

    fn attach(&self, _: CustomerId) {
        self.takers.fetch_add(1, Ordering::Relaxed);
    }

    fn detach(&self, _: CustomerId) {
        self.takers.fetch_sub(1, Ordering::Relaxed);
    }

    async fn due(&self, _: CustomerId) {
        let notified = self.due.notified();
        if self.waiting.lock().unwrap().is_empty() {
            notified.await;
        }
    }

    fn take(&self, _: CustomerId, limit: usize) -> Vec<Delivery> {
        let mut waiting = self.waiting.lock().unwrap();
        let count = limit.min(waiting.len());
        waiting.drain(..count).collect()
    }

    fn done(&self, _: CustomerId, key: DeliveryKey, handed: Handed) {
        assert_eq!(self.handed.lock().unwrap().insert(key, handed), None, "a delivery comes back once");
    }
}

struct Port {
    address: SocketAddr,
    engine: Arc<Paper>,
    stop: CancellationToken,
}

async fn open(family: Family, engine: Paper) -> Port {
    let (engine, stop) = (Arc::new(engine), CancellationToken::new());
    let settings = DownstreamSettings {
        clock: clock(),
        active_test_interval: Duration::from_secs(30),
        response_timeout: Duration::from_secs(30),
        log_in_timeout: Duration::from_millis(300),
        connections: 8,
    };
    let downstream = Arc::clone(&engine) as Arc<dyn Downstream>;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    listen(family, listener, settings, downstream, &TaskTracker::new(), &stop);
    Port { address, engine, stop }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn who_says_nothing_is_left_and_makes_place_for_others() {
    let port = open(Family::Smpp, Paper::default()).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(port.address).await.unwrap());
    }
    // All places are taken: this one is served when they have been left.
    let customer = Customer::<Smpp>::log_in(port.address, "bank", "secret").await;
    assert!(customer.connected);
    for mut stream in silent {
        let end = timeout(PATIENCE, stream.read(&mut [0; 16])).await.expect("in time");
        assert!(matches!(end, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn more_than_the_window_is_throttled_in_the_words_of_each_protocol() {
    let engine = Paper { silent: true.into(), ..Paper::default() };
    let port = open(Family::Smpp, engine).await;
    let mut smpp = Customer::<Smpp>::log_in(port.address, "bank", "secret").await;
    let _tokens: Vec<u64> = (0..9).map(|_| smpp.send("13800138000", "您好")).collect();
    smpp.until(|customer| customer.answers.len() == 4).await;
    assert!(smpp.answers.values().all(|(result, _)| *result == 0x58), "ESME_RTHROTTLED");
    port.engine.silent.store(false, Ordering::Relaxed);
    smpp.until(|customer| customer.answers.len() == 9).await;
    assert_eq!(smpp.answers.values().filter(|(result, _)| *result == 0).count(), 5);

    let engine = Paper { silent: true.into(), protocol: Some(Protocol::Cmpp30), ..Paper::default() };
    let port = open(Family::Cmpp, engine).await;
    let mut cmpp = Customer::<Cmpp>::log_in(port.address, "bank", "secret").await;
    let _tokens: Vec<u64> = (0..9).map(|_| cmpp.send("13800138000", "您好")).collect();
    cmpp.until(|customer| customer.answers.len() == 4).await;
    assert!(cmpp.answers.values().all(|(result, _)| *result == 8), "flow control");
}

#[tokio::test]
async fn a_receiver_may_not_send_and_a_transmitter_is_told_nothing() {
    let port = open(Family::Smpp, Paper::default()).await;
    port.engine.report(1);
    let connect = async |kind| {
        let stream = TcpStream::connect(port.address).await.unwrap();
        let mut customer = Customer::on(stream, bind(kind, "bank", "secret"));
        customer.until(|customer| customer.connected).await;
        customer
    };
    let mut transmitter = connect(BindKind::Transmitter).await;
    transmitter.linger(100).await;
    assert_eq!((transmitter.told.len(), port.engine.takers.load(Ordering::Relaxed)), (0, 0));
    let mut receiver = connect(BindKind::Receiver).await;
    receiver.until(|customer| customer.told.len() == 1).await;
    receiver.send("13800138000", "您好");
    receiver.until(|customer| customer.answers.len() == 1).await;
    assert_eq!(receiver.answers[&1].0, 0x04, "ESME_RINVBNDSTS");
}

#[tokio::test]
async fn who_is_changed_or_gone_hears_goodbye_and_is_let_in_on_the_new_terms() {
    let port = open(Family::Smpp, Paper::default()).await;
    let change = |change: Change| *port.engine.now.lock().unwrap() = Some(change);
    let mut customer = Customer::<Smpp>::log_in(port.address, "bank", "secret").await;
    change(|config| {
        config.name = "改名".to_owned();
        true
    });
    customer.linger(1_000).await;
    assert!(!customer.closed, "a name changes nothing");
    port.engine.unreadable.store(true, Ordering::Relaxed);
    change(|config| {
        config.secret = Secret("other".to_owned());
        true
    });
    customer.linger(1_000).await;
    assert!(!customer.closed, "what cannot be read closes nothing");
    port.engine.unreadable.store(false, Ordering::Relaxed);
    customer.until(|customer| customer.closed).await;
    assert!(Customer::<Smpp>::log_in(port.address, "bank", "secret").await.refused.is_some());
    let mut customer = Customer::<Smpp>::log_in(port.address, "bank", "other").await;
    assert!(customer.connected);
    change(|_| false);
    customer.until(|customer| customer.closed).await;
}

#[tokio::test]
async fn a_submit_to_more_phones_than_a_second_allows_is_taken_once_and_owed() {
    let slow: Change = |config| {
        config.parts_per_second = Some(2);
        true
    };
    let port = open(Family::Cmpp, Paper { protocol: Some(Protocol::Cmpp30), ..Paper::default() }).await;
    *port.engine.now.lock().unwrap() = Some(slow);
    let mut customer = Customer::<Cmpp>::log_in(port.address, "bank", "secret").await;
    let phones: Vec<_> =
        (0..20).map(|number| TerminalId::new(format!("138001380{number:02}")).unwrap()).collect();
    customer.ask(&cmpp::Pdu::Submit(cmpp::Submit {
        src_id: Octets::new(SOURCE).unwrap(),
        destinations: cmpp::Destinations::many(&phones),
        ..cmpp::Submit::to(phones[0], 8, b"\x60\xA8")
    }));
    customer.send("13800138000", "您好");
    customer.until(|customer| customer.answers.len() == 2).await;
    let results: Vec<u32> = customer.answers.values().map(|(result, _)| *result).collect();
    assert_eq!(results, [0, 8]);
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_back_once_when_the_connection_ends() {
    let port = open(Family::Smpp, Paper::default()).await;
    let mut customer = Customer::<Smpp>::log_in(port.address, "bank", "secret").await;
    customer.acknowledges = false;
    (0..200).for_each(|number| port.engine.report(number));
    customer.until(|customer| customer.told.len() == 32).await;
    customer.linger(200).await;
    assert_eq!(customer.told.len(), 32, "no more than a window");
    drop(customer);
    let ended = async {
        while port.engine.takers.load(Ordering::Relaxed) != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("in time");
    assert_eq!(port.engine.handed(), [Handed::Lost; 32]);
}

#[tokio::test]
async fn questions_over_smpp_are_answered_in_its_words() {
    let port = open(Family::Smpp, Paper::default()).await;
    let mut asker = Customer::<Smpp>::log_in(port.address, "bank", "secret").await;
    let source = smpp::Address { ton: 0, npi: 0, number: TerminalId::new("10690001").unwrap() };
    let query = |id: &str| smpp::QuerySm { message_id: Octets::new(id).unwrap(), source };
    let cancel = |id: &str| smpp::CancelSm {
        service_type: Octets::EMPTY,
        message_id: Octets::new(id).unwrap(),
        source,
        destination: source,
    };
    for id in ["7", "8", "9", "x"] {
        asker.question(Request::Query, &smpp::Pdu::QuerySm(query(id))).await;
        asker.question(Request::Cancel, &smpp::Pdu::CancelSm(cancel(id))).await;
    }
    let replace = smpp::ReplaceSm {
        message_id: Octets::new("8").unwrap(),
        source,
        schedule_delivery_time: Octets::EMPTY,
        validity_period: Octets::EMPTY,
        registered_delivery: 0,
        sm_default_msg_id: 0,
        short_message: wire::Content(&[]),
        tlvs: wire::tlv::Tlvs::NONE,
    };
    asker.question(Request::Cancel, &smpp::Pdu::ReplaceSm(replace)).await;
    let told: Vec<(u32, u8, String)> = asker
        .others
        .iter()
        .map(|answer| match answer {
            smpp::Answer::Query(told) => {
                (told.status, told.message_state, String::from_utf8_lossy(told.final_date.as_bytes()).into())
            }
            smpp::Answer::Cancel(status) | smpp::Answer::Replace(status) => (*status, 0, String::new()),
        })
        .collect();
    let plain = |status, state| (status, state, String::new());
    assert_eq!(
        told,
        [
            // 3 is EXPIRED, 1 is ENROUTE; 12 no such id, 17 and 19 cannot be cancelled or replaced.
            (0, 3, "261125103000032+".to_owned()),
            plain(17, 0),
            plain(0, 1),
            plain(0, 0),
            plain(12, 0),
            plain(12, 0),
            plain(12, 0),
            plain(17, 0),
            plain(19, 0),
        ]
    );
}

#[tokio::test]
async fn questions_over_cmpp_and_smgp_are_answered_in_their_words() {
    let port = open(Family::Cmpp, Paper { protocol: Some(Protocol::Cmpp30), ..Paper::default() }).await;
    let mut asker = Customer::<Cmpp>::log_in(port.address, "bank", "secret").await;
    let query =
        cmpp::Query { time: Octets::new("20261125").unwrap(), query_type: 0, query_code: Octets::EMPTY };
    for query in [query, cmpp::Query { query_type: 1, ..query }] {
        asker.question(Request::Query, &cmpp::Pdu::Query(query)).await;
    }
    for id in [7, 8] {
        asker.question(Request::Cancel, &cmpp::Pdu::Cancel(cmpp::MsgId(id))).await;
    }
    let counts = cmpp::QueryCounts {
        mt_messages: 6,
        mt_users: 2,
        mt_success: 3,
        mt_waiting: 2,
        mt_failed: 1,
        ..cmpp::QueryCounts::default()
    };
    let by_service = cmpp::Query { query_type: 1, ..query };
    assert_eq!(
        asker.others,
        [
            cmpp::Answer::Query(cmpp::QueryResp { query, counts }),
            cmpp::Answer::Query(cmpp::QueryResp { query: by_service, ..cmpp::QueryResp::default() }),
            cmpp::Answer::Cancel(1),
            cmpp::Answer::Cancel(0),
        ]
    );

    let port = open(Family::Smgp, Paper { protocol: Some(Protocol::Smgp30), ..Paper::default() }).await;
    let mut asker = Customer::<Smgp>::log_in(port.address, "bank", "secret").await;
    let time = Octets::new("20261125").unwrap();
    let query = smgp::Query { query_time: time, query_type: 0, query_code: Octets::EMPTY };
    asker.question(Request::Query, &smgp::Pdu::Query(query)).await;
    assert_eq!(asker.others[0].counts, [6, 2, 3, 2, 1, 0, 0, 0]);
}

#[tokio::test]
async fn who_has_its_connections_on_other_nodes_is_not_let_in() {
    let port = open(Family::Smpp, Paper { full: true.into(), ..Paper::default() }).await;
    assert!(Customer::<Smpp>::log_in(port.address, "bank", "secret").await.refused.is_some());
    port.engine.full.store(false, Ordering::Relaxed);
    let customer = Customer::<Smpp>::log_in(port.address, "bank", "secret").await;
    assert!(customer.connected);
    assert_eq!(port.engine.left.load(Ordering::Relaxed), 0, "who was not let in does not leave");
    drop(customer);
    timeout(PATIENCE, async {
        while port.engine.left.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("in time");
}
