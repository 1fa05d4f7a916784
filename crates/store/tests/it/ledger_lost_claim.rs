//! A claim whose commit is never answered, because the database is away for longer than anybody tries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use domain::ledger::LedgerError;
use domain::message::{Category, MessageState};
use domain::nodes::NodeId;
use sea_orm::sqlx::postgres::PgConnectOptions;
use store::postgres::{PostgresLedger, PostgresOptions, PostgresPlace};
use store::sealing::Sealer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::engines::Engine;
use super::ledger_stage::*;

const OPEN: u8 = 0;
/// The next commit that comes by ends its connection: before the server has it, or after.
const CUT_BEFORE_COMMIT: u8 = 1;
const CUT_AFTER_COMMIT: u8 = 2;
const CLOSED: u8 = 3;

/// A way to the server that can lose a commit's answer, and is closed from then on until it is opened.
struct Road {
    addr: SocketAddr,
    state: Arc<AtomicU8>,
    cuts: Arc<AtomicUsize>,
}

impl Road {
    async fn to(url: &str) -> Self {
        let options: PgConnectOptions = url.parse().unwrap();
        let folder = options.get_socket().expect("the tests' server listens on a socket").clone();
        let socket = folder.join(format!(".s.PGSQL.{}", options.get_port()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (addr, state, cuts) =
            (listener.local_addr().unwrap(), Arc::new(AtomicU8::new(OPEN)), Arc::default());
        let road = Self { addr, state: Arc::clone(&state), cuts: Arc::clone(&cuts) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if state.load(Ordering::SeqCst) == CLOSED {
                    continue;
                }
                let server = UnixStream::connect(&socket).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&state), Arc::clone(&cuts)));
            }
        });
        road
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }
}

async fn carry(mut client: TcpStream, mut server: UnixStream, state: Arc<AtomicU8>, cuts: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let there = async {
        let mut piece = [0; 4_096];
        while let Ok(count @ 1..) = from_client.read(&mut piece).await {
            let commits = piece[..count].windows(7).any(|bytes| bytes == b"COMMIT\0");
            let cut = state.load(Ordering::SeqCst);
            if commits && matches!(cut, CUT_BEFORE_COMMIT | CUT_AFTER_COMMIT) {
                state.store(CLOSED, Ordering::SeqCst);
                cuts.fetch_add(1, Ordering::SeqCst);
                if cut == CUT_AFTER_COMMIT {
                    to_server.write_all(&piece[..count]).await.unwrap();
                    // Long enough for a server on the same machine.
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                return;
            }
            if state.load(Ordering::SeqCst) == CLOSED || to_server.write_all(&piece[..count]).await.is_err() {
                return;
            }
        }
    };
    let back = async {
        // Whatever is answered to a commit that is being cut is not heard.
        let mut piece = [0; 4_096];
        while let Ok(count @ 1..) = from_server.read(&mut piece).await {
            if state.load(Ordering::SeqCst) == CLOSED || to_client.write_all(&piece[..count]).await.is_err() {
                return std::future::pending().await;
            }
        }
    };
    tokio::select! { () = there => {} () = back => {} }
}

/// A node whose only way to the database is the road.
async fn node_on(stage: &Stage, road: &Road) -> Stage {
    let url = stage.url();
    let schema = url.split("search_path%3D").nth(1).unwrap();
    let url = format!("postgres://hongyan@{}/postgres?options=-csearch_path%3D{schema}", road.addr);
    let (data, keys) = (stage.path().join("data"), stage.path().join("keys/key"));
    let node = NodeId { number: 3, epoch: 1 };
    let sealer = Sealer::open(&keys, &data).unwrap();
    let options = PostgresOptions { place: PostgresPlace::new(&url), node, sealer };
    let ledger = PostgresLedger::open(&options).await.unwrap();
    Stage::with(ledger, domain::ids::IdGenerator::new(3), stage.now)
}

async fn states(stage: &Stage) -> Vec<MessageState> {
    stage.all_messages().await.into_iter().map(|message| message.state).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_unanswered_claim_took_comes_back_once() {
    let stage = Stage::new(Engine::Postgres, 1).await;
    let lane = lane(1, Category::Otp);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let road = Road::to(stage.url()).await;
    let mine = node_on(&stage, &road).await;
    let messages: Vec<_> = (0..4).map(|number| stage.message(&lane, number)).collect();
    stage.accept(&messages).await;

    for (cut, then) in [(CUT_BEFORE_COMMIT, MessageState::Queued), (CUT_AFTER_COMMIT, MessageState::Sending)]
    {
        road.set(cut);
        let asked = stage.request(stage.home(phone(0)), FIRST, &[(stream(1, None), 4)]);
        let failed = mine.ledger.claim(asked).await.unwrap_err();
        assert!(matches!(failed, LedgerError::Unavailable(_)), "{failed}");
        assert_eq!(states(&stage).await, [then; 4], "what the server made of it");
        road.set(OPEN);
        // Nobody asks for another claim: the poll finds it out.
        let mut tries = 0;
        while states(&stage).await != [MessageState::Queued; 4] {
            tries += 1;
            assert!(tries < 200, "the messages are sending for ever: {:?}", states(&stage).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(road.cuts.load(Ordering::SeqCst), 2);

    // One-time passwords may go to a phone once a minute: the lost claim counts for no cap, and spent no attempt.
    let claim = mine.claim(FIRST, stream(1, None)).await;
    let attempts: Vec<u8> = claim.outgoing.iter().map(|out| out.ticket.attempt).collect();
    assert_eq!(attempts, [1; 4]);
    let duplicates = claim.outgoing.iter().filter(|out| out.possible_duplicate).count();
    assert_eq!(duplicates, 0, "no carrier has them");
    assert!(mine.claim(FIRST, stream(1, None)).await.outgoing.is_empty(), "each came back once");
    for out in &claim.outgoing {
        mine.submit(out).await;
    }
    assert_eq!(states(&stage).await, [MessageState::Submitted; 4]);
}
