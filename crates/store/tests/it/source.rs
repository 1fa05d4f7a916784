//! Rows of tenants' databases: read as CSV, by one statement that only reads.

use domain::control::{Fetch as _, FetchFault, Fetched, Secret, SourceMemory, SourcePlace};
use domain::time::Timestamp;
use domain::webhooks::CallFault;
use sea_orm::sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use store::source::SourceSql;
use tokio::net::{TcpListener, UnixStream};

use crate::postgres_server::fresh_database;

const NOW: Timestamp = Timestamp::from_millis(1_772_330_400_000);

/// The tests' server listens on a socket of this machine only: a port of ours leads there.
async fn port_to(url: &str) -> u16 {
    let folder = url.split_once("host=").unwrap().1.split('&').next().unwrap();
    let socket = format!("{folder}/.s.PGSQL.5432");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move {
                let mut server = UnixStream::connect(socket).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

fn place(port: u16, query: &str) -> SourcePlace {
    SourcePlace::Postgres {
        host: "127.0.0.1".to_owned(),
        port,
        database: "postgres".to_owned(),
        user: "hongyan".to_owned(),
        password: Secret("unused".to_owned()),
        tls: false,
        query: query.to_owned(),
    }
}

async fn read(port: u16, query: &str) -> Result<std::io::Result<String>, FetchFault> {
    let fetched =
        SourceSql { private: true }.fetch(&place(port, query), &SourceMemory::default(), NOW).await?;
    let Fetched::File { mut body, .. } = fetched else { panic!("a query has no mark") };
    let mut text = Vec::new();
    loop {
        match body.next().await {
            Ok(Some(piece)) => text.extend(piece),
            Ok(None) => return Ok(Ok(String::from_utf8(text).unwrap())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

#[tokio::test]
async fn a_query_becomes_a_file_and_changes_nothing() {
    let url = fresh_database().await;
    let schema = url.rsplit("%3D").next().unwrap().to_owned();
    let port = port_to(&url).await;
    let mut admin = PgConnection::connect(&url).await.unwrap();
    let make = "CREATE TABLE person (phone text, name text, spent numeric, at timestamptz, tags text[])";
    admin.execute(make).await.unwrap();
    let fill = "INSERT INTO person SELECT '1380013' || lpad(n::text, 4, '0'), E'张,\"三\"', n * 1.5, \
                '2026-11-25 10:00+08', ARRAY['a','b'] FROM generate_series(0, 4999) n";
    admin.execute(fill).await.unwrap();

    let all = read(port, &format!("SELECT phone, name, spent FROM {schema}.person ORDER BY phone;")).await;
    let all = all.unwrap().unwrap();
    assert!(all.starts_with("phone,name,spent\n13800130000,\"张,\"\"三\"\"\",0.0\n"), "{}", &all[..80]);
    assert_eq!(all.lines().count(), 5_001);
    let any = read(port, &format!("SELECT tags, at FROM {schema}.person LIMIT 1 -- the end")).await;
    assert!(any.unwrap().unwrap().starts_with("tags,at\n\"{a,b}\",2026-11-25"), "any type is text");
    let none = read(port, &format!("SELECT phone FROM {schema}.person WHERE false")).await;
    assert_eq!(none.unwrap().unwrap(), "phone\n");

    for (query, code) in [
        (format!("DELETE FROM {schema}.person RETURNING phone"), "25006"),
        (format!("SELECT 1; DELETE FROM {schema}.person"), "42601"),
        (format!("SELECT 1) TO STDOUT; DELETE FROM {schema}.person; COPY (SELECT 1"), "42601"),
        ("SELECT nothing FROM nowhere".to_owned(), "42P01"),
        ("/* never closed".to_owned(), "42601"),
    ] {
        let refused = read(port, &query).await.unwrap_err();
        assert_eq!(refused, FetchFault::Query(code.to_owned()), "{query}");
    }
    // A failure in the middle is no end.
    let late = format!("SELECT 1 / (4000 - row_number() OVER (ORDER BY phone)) FROM {schema}.person");
    match read(port, &late).await {
        Ok(Err(error)) => {
            assert!(error.to_string().contains("22012") && !error.to_string().contains("SELECT"));
        }
        Err(fault) => assert_eq!(fault, FetchFault::Query("22012".to_owned())),
        Ok(Ok(text)) => panic!("{} bytes", text.len()),
    }
    let count = AssertSqlSafe("SELECT count(*) FROM person".to_owned());
    let left: i64 = sea_orm::sqlx::query_scalar(count).fetch_one(&mut admin).await.unwrap();
    assert_eq!(left, 5_000);
}

#[tokio::test]
async fn a_database_in_a_private_network_is_not_reached() {
    let guarded = SourceSql { private: false };
    let nothing = SourceMemory::default();
    let at = |host: &str| match place(9, "SELECT 1") {
        SourcePlace::Postgres { port, database, user, password, tls, query, .. } => {
            SourcePlace::Postgres { host: host.to_owned(), port, database, user, password, tls, query }
        }
        other => other,
    };
    let forbidden = FetchFault::Call(CallFault::Forbidden);
    for host in ["127.0.0.1", "10.0.0.1", "::1"] {
        assert_eq!(guarded.may_fetch(&at(host)), Err(forbidden.clone()), "{host}");
    }
    // A name is looked at when it is looked up.
    assert_eq!(guarded.may_fetch(&at("localhost")), Ok(()));
    assert_eq!(guarded.fetch(&at("localhost"), &nothing, NOW).await.err(), Some(forbidden));
    let malformed = FetchFault::Call(CallFault::Malformed);
    assert_eq!(guarded.may_fetch(&at("/var/run/postgresql")), Err(malformed));
    let open = SourceSql { private: true };
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = open.fetch(&place(nobody, "SELECT 1"), &nothing, NOW).await.err();
    assert_eq!(refused, Some(FetchFault::Call(CallFault::NotConnected)));
}
