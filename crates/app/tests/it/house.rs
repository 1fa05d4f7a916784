//! A platform in a throw-away folder: the server as a process of its own, a simulated carrier in this one.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::postgres_server::fresh_database;

/// What the tests change: all hours of the day, so that they can run at any of them.
pub(crate) const CONFIG: &str = "log = \"error\"\n[policy]\nmarketing_hours = \"00:00-00:00\"\n";
/// Between two looks at something that takes a while.
const LOOK: Duration = Duration::from_millis(50);

/// What a command said and how it ended.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The output of a command that succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// As JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// The error output of a command that ended with `code`.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.err
    }
}

/// The program, in English and far from this machine's own settings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hongyan"));
    let names = [
        "HONGYAN_SERVER",
        "HONGYAN_KEY",
        "HONGYAN_KEY_FILE",
        "HONGYAN_CONFIG",
        "HONGYAN_DATA",
        "HONGYAN_ENGINE",
        "HONGYAN_DATABASE_URL",
        "HONGYAN_DATABASE_URL_FILE",
    ];
    names.iter().for_each(|name| {
        command.env_remove(name);
    });
    // Tests run side by side: each server tells its metrics at any free port.
    command.env("HONGYAN__METRICS__LISTEN", "127.0.0.1:0");
    command.env("HONGYAN_LANG", "en").stdin(Stdio::null());
    command
}

/// Runs the program with `args` to its end.
pub(crate) fn run(args: &[&str]) -> Said {
    Said::of(&program().args(args).output().unwrap())
}

/// The same in Chinese.
pub(crate) fn run_zh(args: &[&str]) -> Said {
    Said::of(&program().env("HONGYAN_LANG", "zh").args(args).output().unwrap())
}

/// A data folder, and a server on it while there is one.
pub(crate) struct House {
    folder: TempDir,
    /// Of PostgreSQL.
    database: Option<String>,
    server: Option<Child>,
    url: String,
}

impl House {
    /// Starts a server on a new folder.
    pub(crate) fn open() -> Self {
        Self::open_in(tempfile::tempdir().unwrap())
    }

    /// Starts a server whose data folder is `data` in this one.
    pub(crate) fn open_in(folder: TempDir) -> Self {
        let mut house = Self::within(folder, None);
        house.start();
        house
    }

    /// Starts a server on a new folder and an empty database.
    pub(crate) async fn open_postgres() -> Self {
        let mut house = Self::on(Some(fresh_database().await));
        house.command("migrate").ok();
        house.start();
        house
    }

    /// A new folder that nobody works on yet.
    pub(crate) fn on(database: Option<String>) -> Self {
        Self::within(tempfile::tempdir().unwrap(), database)
    }

    fn within(folder: TempDir, database: Option<String>) -> Self {
        std::fs::write(folder.path().join("hongyan.toml"), CONFIG).unwrap();
        Self { folder, database, server: None, url: String::new() }
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> &str {
        self.database.as_deref().expect("a house on PostgreSQL")
    }

    /// The process that serves.
    pub(crate) fn server_id(&self) -> u32 {
        self.server.as_ref().expect("a server runs").id()
    }

    /// Where the server is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks without a key.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let response = http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The same folder on another engine from now on.
    pub(crate) fn move_to(&mut self, database: Option<String>) {
        self.database = database;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder; its path as text.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// `hongyan serve` on this folder, not yet run.
    pub(crate) fn serve(&self) -> Command {
        let mut command = self.prepared("serve");
        command.args(["--listen", "127.0.0.1:0"]);
        command
    }

    /// Runs a command on this folder that needs no server.
    pub(crate) fn command(&self, words: &str) -> Said {
        Said::of(&self.prepared(words).output().unwrap())
    }

    /// The same in Chinese.
    pub(crate) fn command_zh(&self, words: &str) -> Said {
        Said::of(&self.prepared(words).env("HONGYAN_LANG", "zh").output().unwrap())
    }

    fn prepared(&self, words: &str) -> Command {
        let mut command = program();
        command.args(words.split(' ')).arg("--config").arg(self.path("hongyan.toml"));
        command.arg("--data").arg(self.path("data"));
        if let Some(database) = &self.database {
            command.env("HONGYAN_ENGINE", "postgres").env("HONGYAN_DATABASE_URL", database);
        }
        command
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&mut self) {
        let mut child = self.serve().stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.map_while(Result::ok).find(|line| line.contains("http://"));
        self.server = Some(child);
        let line = line.expect("the server says where it listens");
        let address: String =
            line.split("http://").nth(1).unwrap().chars().take_while(|ch| *ch != ' ').collect();
        self.url = format!("http://{address}");
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().expect("a server runs");
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// SIGTERM; the exit code.
    pub(crate) fn terminate(&mut self) -> i32 {
        let mut server = self.server.take().expect("a server runs");
        let told = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
        assert!(told.success());
        server.wait().unwrap().code().unwrap_or(-1)
    }

    /// What `hongyan verify` says of the folder while no server is on it.
    pub(crate) fn verify(&self) -> Said {
        self.command("verify --json")
    }

    fn client(&self) -> Command {
        let mut command = program();
        command.env("HONGYAN_SERVER", &self.url).env("HONGYAN_KEY_FILE", self.path("data.owner"));
        command
    }

    /// Runs a command against the server.
    pub(crate) fn ask(&self, args: &[&str]) -> Said {
        Said::of(&self.client().args(args).output().unwrap())
    }

    /// The same in Chinese.
    pub(crate) fn ask_zh(&self, args: &[&str]) -> Said {
        Said::of(&self.client().env("HONGYAN_LANG", "zh").args(args).output().unwrap())
    }

    /// Asks the API itself, for what has no command.
    pub(crate) async fn api(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.answer(method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// The same where it may be refused.
    pub(crate) async fn answer(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> (reqwest::StatusCode, Value) {
        let key = std::fs::read_to_string(self.path("data.owner")).unwrap();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let request = http.request(method, format!("{}{path}", self.url)).bearer_auth(key.trim());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// A channel to `carrier`, a route over it, and prices.
    pub(crate) async fn open_channel(&self, carrier: SocketAddr, channel: &Channel) {
        let body = json!({
            "gateway": "gwy_1", "name": "test", "protocol": "cmpp30", "host": carrier.ip().to_string(),
            "port": carrier.port(), "login": "901234", "secret": "secret", "access_code": "10690123",
            "service_id": "TEST", "connections": channel.connections, "window": channel.window,
            "parts_per_second": channel.parts_per_second, "cost": {"micros": 30_000}
        });
        self.api(reqwest::Method::PUT, "/v1/channels/chn_1", Some(&body)).await;
        let steps = json!([{"channels": [{"channel": "chn_1", "weight": 1}]}]);
        let route = json!({"name": "test", "steps": steps});
        self.api(reqwest::Method::PUT, "/v1/routes/rte_1", Some(&route)).await;
        let prices = json!({"prices": [{"per_part": {"micros": 45_000}}]});
        self.api(reqwest::Method::PUT, "/v1/prices", Some(&prices)).await;
    }

    /// Asks for a campaign's progress until it is as wanted.
    pub(crate) async fn progress_until(
        &self,
        id: &str,
        looks: u32,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut progress = Value::Null;
        for _ in 0..looks {
            progress = self.api(reqwest::Method::GET, &format!("/v1/campaigns/{id}/progress"), None).await;
            if wanted(&progress) {
                return progress;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("the campaign does not get there: {progress}");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _gone_already = server.kill();
            let _status = server.wait();
        }
    }
}

/// What a test says about a channel.
pub(crate) struct Channel {
    pub(crate) connections: u16,
    pub(crate) window: u16,
    pub(crate) parts_per_second: u32,
}

impl Channel {
    /// Fast and ordinary.
    pub(crate) const PLAIN: Self = Self { connections: 2, window: 16, parts_per_second: 5_000 };
}

/// A list of `people` phones with names, as a spreadsheet program writes it.
pub(crate) fn csv(people: u64) -> String {
    let rows = (0..people)
        .map(|n| format!("138{:08},客户{n},{}\n", n * 7 + 11, if n % 5 == 0 { "VIP" } else { "新客" }));
    std::iter::once("手机号,姓名,等级\n".to_owned()).chain(rows).collect()
}

/// Whether any file below `folder` holds these octets.
pub(crate) fn anywhere(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            anywhere(&path, needle)
        } else {
            std::fs::read(&path).unwrap_or_default().windows(needle.len()).any(|part| part == needle)
        }
    })
}
