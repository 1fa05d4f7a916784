//! A throw-away PostgreSQL for tests.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};

/// Names a server that is there for tests: `scripts/postgres start` prints one. Without it, each process of tests starts
/// its own.
const SERVER: &str = "HONGYAN_TEST_POSTGRES";

fn server() -> &'static str {
    static STARTED: OnceLock<String> = OnceLock::new();
    STARTED.get_or_init(|| std::env::var(SERVER).unwrap_or_else(|_| start()))
}

/// Starts a server that ends with this process: it watches the pipe that is left open here.
fn start() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres");
    let mut child = Command::new(script)
        .arg("hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/postgres runs");
    let mut url = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut url).expect("scripts/postgres prints a URL");
    let url = url.trim().to_owned();
    assert!(
        url.starts_with("postgres://"),
        "no PostgreSQL for the tests: scripts/postgres said why above; install it with scripts/setup --tests, or name a server in {SERVER}"
    );
    // Never dropped: the pipe closes when this process ends, however it ends.
    std::mem::forget(child);
    url
}

/// A URL under which everything lies in a schema of its own.
pub(crate) async fn fresh_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(server()).await.expect("the tests' server answers");
    // Another process may have had this number.
    for statement in ["DROP SCHEMA IF EXISTS", "CREATE SCHEMA"] {
        let end = if statement.starts_with("DROP") { " CASCADE" } else { "" };
        let text = format!("{statement} {name}{end}");
        sqlx::query(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    format!("{}&options=-csearch_path%3D{name}", server())
}
