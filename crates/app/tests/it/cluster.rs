//! Three nodes on one PostgreSQL, two carriers, one campaign, and everything that may go wrong: nodes killed every few
//! seconds, the database restarted, its connections cut and slowed. At the end the carriers' truth is the ledger's.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::phone::{Country, Phone};
use serde_json::{Value, json};
use sim::{Handle, SimConfig};
use tokio_util::sync::CancellationToken;

use crate::house::{Said, csv, program};
use crate::proxy::Proxy;

/// How many get the campaign; 200,000 by hand: `HONGYAN_CLUSTER_RECIPIENTS=200000 cargo nextest run -p app cluster`.
const RECIPIENTS: &str = "HONGYAN_CLUSTER_RECIPIENTS";
const RECIPIENTS_DEFAULT: u64 = 6_000;
const NODES: usize = 3;
const CONFIG: &str = "log = \"warn\"\npartitions = 4\n[policy]\nmarketing_hours = \"00:00-00:00\"\n";
const CONNECTIONS: u64 = 3;
const WINDOW: u64 = 16;
/// Seconds that the sending would take if nothing happened: longer than all that happens.
const SENDING_SECONDS: u64 = 40;
/// Between two kills.
const KILL_EVERY: Duration = Duration::from_secs(4);
/// Starts, restarts and stops servers for tests.
const SERVER: &str = "../../scripts/postgres";
/// After all that happened, the rest must be over within this, and a second more for so many recipients.
const PATIENCE: Duration = Duration::from_secs(180);
const RECIPIENTS_A_SECOND: u64 = 400;

/// A throw-away database server of this test's own, since it is restarted.
struct Database {
    url: String,
}

impl Database {
    fn start() -> Self {
        let said = script(&["start"]);
        Self { url: said.trim().to_owned() }
    }

    fn restart(&self) {
        script(&["restart", &self.url]);
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from(self.url.rsplit("host=").next().expect("the URL names a folder"))
    }

    fn socket(&self) -> PathBuf {
        self.folder().join(".s.PGSQL.5432")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        script(&["stop", &self.url]);
    }
}

fn script(args: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(SERVER);
    // A server that goes on holds the error output open.
    let output =
        Command::new(script).args(args).stderr(Stdio::null()).output().expect("scripts/postgres runs");
    assert!(output.status.success(), "scripts/postgres {args:?}");
    String::from_utf8(output.stdout).expect("a URL")
}

/// One node; it can be killed and started again.
struct Node {
    server: Option<Child>,
    address: String,
}

struct Cluster {
    folder: tempfile::TempDir,
    database: Database,
    proxy: Proxy,
    nodes: Vec<Node>,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hongyan.toml"), CONFIG).unwrap();
        let database = Database::start();
        let proxy = Proxy::to(&database.socket());
        let mut cluster = Self { folder, database, proxy, nodes: Vec::new() };
        let migrated = cluster.command(0, "migrate").output().unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        for number in 0..NODES {
            cluster.nodes.push(Node { server: None, address: String::new() });
            cluster.begin(number);
            cluster.answers(number);
        }
        cluster
    }

    fn command(&self, number: usize, what: &str) -> Command {
        let path = |name: String| self.folder.path().join(name);
        let mut command = program();
        let proxied = format!("postgres://hongyan@{}/postgres", self.proxy.addr());
        command.env("HONGYAN_ENGINE", "postgres").env("HONGYAN_DATABASE_URL", proxied);
        command.arg(what).arg("--config").arg(path("hongyan.toml".to_owned()));
        command.arg("--data").arg(path(format!("node{number}")));
        command.arg("--seal-file").arg(path("keys".to_owned()));
        command.arg("--listen").arg("127.0.0.1:0");
        command
    }

    /// Starts a node, and does not wait for it.
    fn begin(&mut self, number: usize) {
        let child = self.command(number, "serve").stdout(Stdio::piped()).spawn().unwrap();
        self.nodes[number].server = Some(child);
    }

    /// Waits until a node says where it listens; `false`: it ended.
    fn answers(&mut self, number: usize) -> bool {
        let server = self.nodes[number].server.as_mut().expect("it was started");
        let mut lines = BufReader::new(server.stdout.take().expect("it is piped")).lines();
        let Some(line) = lines.by_ref().map_while(Result::ok).find(|line| line.contains("http://")) else {
            return false;
        };
        let address = line.split("http://").nth(1).unwrap().chars().take_while(|ch| *ch != ' ');
        self.nodes[number].address = format!("http://{}", address.collect::<String>());
        // Whatever else it says must find a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        true
    }

    /// Starts a node and tries again as a supervisor does: the database may be away.
    fn supervise(&mut self, number: usize) {
        for _ in 0..60 {
            self.begin(number);
            if self.answers(number) {
                return;
            }
            let _ended = self.nodes[number].server.take().expect("it was started").wait();
            std::thread::sleep(Duration::from_millis(500));
        }
        panic!("node {number} does not start");
    }

    fn ask(&self, number: usize, args: &[&str]) -> Said {
        let mut command = program();
        let key = self.folder.path().join("node0.owner");
        command.env("HONGYAN_SERVER", &self.nodes[number].address).env("HONGYAN_KEY_FILE", key);
        Said::of(&command.args(args).output().unwrap())
    }

    async fn api(
        &self,
        number: usize,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<Value> {
        let key = std::fs::read_to_string(self.folder.path().join("node0.owner")).unwrap();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let address = &self.nodes[number].address;
        let request = http.request(method, format!("{address}{path}")).bearer_auth(key.trim());
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.ok()?;
        let is_fine = response.status().is_success();
        let text = response.text().await.ok()?;
        assert!(is_fine || body.is_none(), "{path}: {text}");
        is_fine.then(|| serde_json::from_str(&text).unwrap())
    }

    /// Two channels on one route, and prices.
    async fn furnish(&self, carriers: &[Handle], recipients: u64) {
        for (number, carrier) in (1..).zip(carriers) {
            let addr = carrier.addr();
            let body = json!({
                "gateway": format!("gwy_{number}"), "name": format!("carrier {number}"), "protocol": "cmpp30",
                "host": addr.ip().to_string(), "port": addr.port(), "login": "901234", "secret": "secret",
                "access_code": "10690123", "service_id": "TEST", "connections": CONNECTIONS, "window": WINDOW,
                "parts_per_second": recipients / SENDING_SECONDS / 2, "cost": {"micros": 30_000}
            });
            let path = format!("/v1/channels/chn_{number}");
            self.api(0, reqwest::Method::PUT, &path, Some(body)).await.unwrap();
        }
        let channels = json!([{"channel": "chn_1", "weight": 1}, {"channel": "chn_2", "weight": 1}]);
        let route = json!({"name": "both", "steps": [{"channels": channels}]});
        self.api(0, reqwest::Method::PUT, "/v1/routes/rte_1", Some(route)).await.unwrap();
        let prices = json!({"prices": [{"per_part": {"micros": 45_000}}]});
        self.api(0, reqwest::Method::PUT, "/v1/prices", Some(prices)).await.unwrap();
    }

    /// A campaign, counted and not started.
    fn prepare(&self, category: &str, recipients: u64) -> String {
        let list = self.folder.path().join("list.csv");
        std::fs::write(&list, csv(recipients)).unwrap();
        let list = list.display().to_string();
        let text = "{{ 姓名 }}您好，您的会员券已到账，请到店使用。";
        self.ask(0, &["import", &list, "--tag", "all", "--source", "test", "--basis", "consent", "--json"])
            .json();
        let draft = [
            "--name",
            "cluster",
            "--signature",
            "鸿雁",
            "--text",
            text,
            "--tag",
            "all",
            "--category",
            category,
        ];
        let id = self.ask(0, &[&["campaign", "create"], &draft[..]].concat()).ok().trim().to_owned();
        let counted = self.ask(0, &["campaign", "preflight", &id, "--json"]).json();
        assert_eq!(counted["eligible"], recipients);
        id
    }

    fn kill(&mut self, number: usize) {
        let mut server = self.nodes[number].server.take().expect("a server runs");
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// Whatever a node says first of the campaign that is as wanted.
    async fn until(&self, id: &str, recipients: u64, wanted: impl Fn(&Value) -> bool) {
        let path = format!("/v1/campaigns/{id}/progress");
        let looked = async {
            loop {
                for number in 0..NODES {
                    let progress = self.api(number, reqwest::Method::GET, &path, None).await;
                    if progress.is_some_and(|progress| wanted(&progress)) {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let patience = PATIENCE + Duration::from_secs(recipients / RECIPIENTS_A_SECOND);
        tokio::time::timeout(patience, looked).await.expect("throughput recovers by itself");
    }

    async fn messages(&self, id: &str) -> Vec<Value> {
        let first = format!("/v1/messages?campaign={id}&reveal=true&limit=1000");
        let (mut path, mut messages) = (first.clone(), Vec::new());
        loop {
            let mut page = self.api(0, reqwest::Method::GET, &path, None).await.expect("it answers");
            messages.append(page["items"].as_array_mut().unwrap());
            match page["next"].as_str() {
                Some(next) => path = format!("{first}&cursor={next}"),
                None => return messages,
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for server in self.nodes.iter_mut().filter_map(|node| node.server.as_mut()) {
            let _gone_already = server.kill();
            let _status = server.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_lose_nothing_whatever_happens_to_them_and_their_database() {
    let recipients = std::env::var(RECIPIENTS).map_or(RECIPIENTS_DEFAULT, |text| text.parse().unwrap());
    let stop = CancellationToken::new();
    let mut carriers = Vec::new();
    for _ in 0..2 {
        carriers.push(sim::run(SimConfig::ideal(), stop.clone()).await.unwrap());
    }
    let mut cluster = Cluster::start();
    cluster.furnish(&carriers, recipients).await;
    let id = cluster.prepare("marketing", recipients);
    cluster.ask(1, &["campaign", "start", &id]).ok();
    let received = || carriers.iter().map(|carrier| carrier.counters().messages).sum::<u64>();
    // What happens between two kills, in this order, and again.
    let troubles: [fn(&Cluster); 4] = [
        |cluster| cluster.proxy.delay(Duration::from_millis(15)),
        |cluster| {
            cluster.proxy.delay(Duration::ZERO);
            assert!(cluster.proxy.cut() > 0, "the nodes are connected through it");
        },
        |cluster| cluster.database.restart(),
        |_| {},
    ];
    let mut kills = 0;
    for (round, trouble) in troubles.iter().cycle().take(2 * troubles.len()).enumerate() {
        tokio::time::sleep(KILL_EVERY / 2).await;
        trouble(&cluster);
        tokio::time::sleep(KILL_EVERY / 2).await;
        let victim = (round * 2 + 1) % NODES;
        cluster.kill(victim);
        kills += 1;
        cluster.supervise(victim);
    }
    cluster.proxy.delay(Duration::ZERO);
    assert!(received() < recipients, "all of it came too late to matter");
    cluster.until(&id, recipients, |progress| progress["state"] == "finished").await;
    cluster.until(&id, recipients, |progress| progress["submitted"] == progress["delivered"]).await;

    let mut at_carriers: HashMap<u64, (u64, bool)> = HashMap::new();
    for seen in carriers.iter().flat_map(|carrier| carrier.truth().messages) {
        let (count, delivered) = at_carriers.entry(seen.phone).or_default();
        *count += u64::from(seen.count);
        *delivered |= seen.delivered;
    }
    let messages = cluster.messages(&id).await;
    assert_eq!(messages.len() as u64, recipients, "everybody has one message");
    let mut uncertain = 0;
    for message in &messages {
        let phone = Phone::parse(message["phone"].as_str().unwrap(), Country::CN).unwrap().to_u64();
        let (count, delivered) = at_carriers.remove(&phone).unwrap_or_default();
        match message["state"].as_str().unwrap() {
            "delivered" => assert!(delivered, "delivered, says only the ledger"),
            "uncertain" => uncertain += 1,
            state => panic!("a message is {state} in the end"),
        }
        assert!(count <= 1, "marketing goes to nobody twice");
    }
    assert!(at_carriers.is_empty(), "the carriers have what the ledger does not know");
    let bound = kills * 2 * CONNECTIONS * WINDOW;
    assert!(uncertain <= bound, "{uncertain} uncertain, at most {bound} after {kills} kills");
    println!("{recipients} recipients, {kills} kills: {uncertain} uncertain");
    stop.cancel();
}
