//! Programs that others wrote, as processes of their own: a script of `interop/` drives each. They tell what happens to
//! them in lines of JSON, and do what lines of JSON ask for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines that wait for the test: more than any peer writes.
const LINES: usize = 1_000;

/// One such program. It ends with the test.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<Value>,
    /// Everything that it has told and nobody has asked for.
    told: Vec<Value>,
}

impl Peer {
    /// Starts `script` (of node or Python, by its name) with a set-up.
    pub(crate) fn start(script: &str, setup: &Value) -> Self {
        let installed = installed();
        let mut command = if script.ends_with(".js") {
            let mut node = Command::new("node");
            node.env("NODE_PATH", installed.join("node_modules"));
            node
        } else {
            Command::new(installed.join("python/bin/python"))
        };
        command.arg(scripts().join(script)).arg(setup.to_string()).env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{script}: {error}; run scripts/setup --tests"));
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel(LINES);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let told =
                    serde_json::from_str(&line).unwrap_or_else(|_| json!({"event": "said", "line": line}));
                if send.blocking_send(told).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        Self { child, input, lines, told: Vec::new() }
    }

    /// Tells it to do something.
    pub(crate) fn order(&mut self, order: &Value) {
        writeln!(self.input, "{order}").expect("the peer runs");
    }

    /// The next event of this name; what else came before stays for later.
    pub(crate) async fn next(&mut self, event: &str) -> Value {
        let next = async {
            loop {
                if let Some(place) = self.told.iter().position(|told| told["event"] == event) {
                    return self.told.remove(place);
                }
                match self.lines.recv().await {
                    Some(told) => self.told.push(told),
                    None => panic!("the peer ended without {event}; it had told {:?}", self.told),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, next).await {
            Ok(told) => told,
            Err(_) => panic!("{event} did not come; what came instead: {:?}", self.told),
        }
    }

    /// The next `count` of them.
    pub(crate) async fn several(&mut self, event: &str, count: usize) -> Vec<Value> {
        let mut several = Vec::new();
        while several.len() < count {
            several.push(self.next(event).await);
        }
        several
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Where `interop/install` put the programs.
pub(crate) fn installed() -> PathBuf {
    let place = std::env::var_os("HONGYAN_INTEROP")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("../interop"), PathBuf::from);
    assert!(place.join("installed").exists(), "the peers are not installed: run scripts/setup --tests");
    place
}

/// Where the scripts are that drive them.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop")
}

/// The parts of one long text, put together.
pub(crate) fn whole(parts: &[Value]) -> String {
    let mut parts: Vec<&Value> = parts.iter().collect();
    parts.sort_by_key(|part| part["part"].as_u64());
    assert!(parts.iter().all(|part| part["parts"] == parts.len()), "{parts:?}");
    parts.iter().map(|part| part["text"].as_str().unwrap()).collect()
}
