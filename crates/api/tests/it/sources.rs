//! Sources of contacts: fetched by their schedule from a server of ours, imported as uploads are, and reported.

mod place;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use domain::control::{RunState, Sources as _};
use domain::ids::SourceId;
use feeds::Fetchers;
use serde_json::{Value, json};

use crate::house::{House, Who, json_request, request};
use place::{Answered, Place};

const FILE: &str = "手机号,姓名,城市\n13800138000,张三,杭州\n13900139000,李四,上海\n12,坏,北京\n";

fn fetchers(private: bool) -> Fetchers {
    Fetchers {
        http: Arc::new(gateway::SourceHttp::new(private).unwrap()),
        sql: Arc::new(store::source::SourceSql { private }),
    }
}

async fn opened(folder: &tempfile::TempDir) -> House {
    let house = House::open(folder.path()).await;
    house.engine.feeds().set_fetchers(fetchers(true));
    house
}

async fn newest(house: &House, source: &str) -> Value {
    let runs = house.get(&format!("/v1/import-sources/{source}/runs")).await.ok(200);
    runs["items"][0].clone()
}

/// Runs a source by hand, to its end.
async fn run(house: &House, source: &str) -> Value {
    house.post(&format!("/v1/import-sources/{source}/run"), json!({})).await.ok(202);
    house.engine.run_feeds().await;
    newest(house, source).await
}

async fn added(house: &House, source: Value) -> String {
    house.post("/v1/import-sources", source).await.ok(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_fetched_when_it_is_due_and_only_when_it_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let house = opened(&folder).await;
    let place = Place::open().await;
    place.answers(|request| {
        assert_eq!(request.headers["authorization"], "Bearer open sesame");
        match request.headers.get("if-none-match").map(String::as_str) {
            Some("\"1\"") => Answered::new(304, ""),
            _ => Answered::new(200, FILE).with("ETag", "\"1\""),
        }
    });
    let source = json!({
        "name": "CRM", "schedule": "every 30", "tags": ["会员"], "source": "CRM", "basis": "consent",
        "place": {"kind": "http", "url": place.url("/members.csv"), "authorization": "Bearer open sesame"},
    });
    let made = house.post("/v1/import-sources", source).await.ok(201);
    assert_eq!(made["next_at"], "2026-11-25T11:00:00.000+08:00");
    assert!(!made.to_string().contains("sesame"), "a secret is never shown");
    let id = made["id"].as_str().unwrap();
    house.engine.run_feeds().await;
    assert_eq!(place.asked(), 0, "not due yet");

    house.pass(Duration::from_secs(1_800));
    house.engine.run_feeds().await;
    let first = newest(&house, id).await;
    assert_eq!((&first["state"], &first["by_hand"]), (&json!("finished"), &json!(false)), "{first}");
    assert_eq!(first["counts"], json!({"read": 3, "new": 2, "updated": 0, "duplicate": 0, "invalid": 1}));
    assert_eq!(first["bytes"], FILE.len());
    let people = house.get("/v1/contacts?tag=%E4%BC%9A%E5%91%98&reveal=true").await.ok(200);
    assert_eq!(people["items"].as_array().unwrap().len(), 2);
    let import = house.get(&format!("/v1/imports/{}", first["import"].as_str().unwrap())).await.ok(200);
    assert_eq!(
        (&import["file_name"], &import["source"]),
        (&json!("CRM"), &json!("CRM")),
        "the way of uploads"
    );
    let shown = house.get(&format!("/v1/import-sources/{id}")).await.ok(200);
    assert_eq!(shown["next_at"], "2026-11-25T11:30:00.000+08:00");

    // The place says that nothing changed.
    house.pass(Duration::from_secs(1_800));
    house.engine.run_feeds().await;
    let second = newest(&house, id).await;
    assert_eq!((&second["state"], &second["import"]), (&json!("unchanged"), &Value::Null), "{second}");
    // Or it says nothing, but the file is the same.
    place.answers(|_| Answered::new(200, FILE));
    assert_eq!(run(&house, id).await["state"], "unchanged");
    // Another file; a row that says nothing new is not written.
    place.answers(|_| Answered::new(200, &FILE.replace("李四", "李五")));
    house.pass(Duration::from_secs(60));
    let third = run(&house, id).await;
    assert_eq!((&third["state"], &third["by_hand"]), (&json!("finished"), &json!(true)), "{third}");
    assert_eq!(third["counts"]["updated"], 2);
    let people = house.get("/v1/contacts?reveal=true").await.ok(200);
    let people = people["items"].as_array().unwrap();
    let changed: Vec<&Value> = people.iter().filter(|one| one["updated_at"] != one["created_at"]).collect();
    assert_eq!(changed.len(), 1, "{people:?}");
    assert_eq!(changed[0]["personal"]["姓名"], "李五");
    // One that is being fetched is not begun a second time; it is when that has ended.
    house.pass(Duration::from_secs(1_800));
    house.post(&format!("/v1/import-sources/{id}/run"), json!({})).await.ok(202);
    for runs in [5, 6] {
        house.engine.run_feeds().await;
        let all = house.get(&format!("/v1/import-sources/{id}/runs")).await.ok(200);
        assert_eq!(all["items"].as_array().unwrap().len(), runs);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_asked_for_with_a_signature_that_the_store_takes() {
    let folder = tempfile::tempdir().unwrap();
    let house = opened(&folder).await;
    let place = Place::open().await;
    place.answers(|request| {
        if request.path == "/people/daily/%E4%BC%9A%E5%91%98%201.csv"
            && request.is_signed_by("AKID", "s3-secret")
        {
            Answered::new(200, FILE).with("ETag", "\"s3\"")
        } else {
            Answered::new(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")
        }
    });
    let at = |secret: &str| {
        json!({"kind": "s3", "endpoint": place.url(""), "region": "cn-north-1", "bucket": "people",
            "object": "daily/会员 1.csv", "key_id": "AKID", "secret": secret})
    };
    let mapping = json!([{"name": "手机号", "use": "phone"}, {"name": "城市", "use": "queryable"}]);
    let id = added(&house, json!({"name": "S3", "place": at("s3-secret"), "mapping": mapping})).await;
    let taken = run(&house, &id).await;
    assert_eq!((&taken["state"], &taken["counts"]["new"]), (&json!("finished"), &json!(2)), "{taken}");
    let people = house.get("/v1/contacts?reveal=true").await.ok(200);
    assert_eq!(people["items"][0]["personal"], json!({}), "what the mapping does not name is left aside");
    let path = format!("/v1/import-sources/{id}");
    house.ask("PATCH", &path, json!({"place": at("another")})).await.ok(200);
    let refused = run(&house, &id).await;
    assert_eq!(refused["state"], "failed");
    let said = refused["trouble"].as_str().unwrap();
    assert!(said.contains("403") && said.contains("凭据") && said.contains("credentials"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let house = opened(&folder).await;
    let place = Place::open().await;
    let source = json!({"name": "x", "place": {"kind": "http", "url": place.url("/a.csv")},
        "mapping": [{"name": "手机号", "use": "phone"}, {"name": "等级", "use": "queryable"}]});
    let id = added(&house, source).await;
    let said = async |status: u16, body: &str| {
        let body = body.to_owned();
        place.answers(move |_| Answered::new(status, &body).with("Location", "http://127.0.0.1:1/"));
        let failed = run(&house, &id).await;
        assert_eq!(failed["state"], "failed", "{failed}");
        failed["trouble"].as_str().unwrap().to_owned()
    };
    assert!(said(404, "").await.contains("404"));
    assert!(said(302, "").await.contains("redirects are not followed"));
    assert!(said(200, FILE).await.contains("等级"), "a column that the file lacks");
    assert!(said(200, "").await.contains(" / "), "in both languages");
    place.breaks_off(FILE);
    let broken = run(&house, &id).await;
    assert_eq!(broken["state"], "failed", "{broken}");
    assert_eq!(house.get("/v1/contacts").await.ok(200)["items"], json!([]), "nothing of half a file");

    // One that was being fetched when its node died begins anew, and not for ever.
    place.answers(|_| Answered::new(200, &FILE.replace("城市", "等级")));
    for (tries, state) in [(1, "finished"), (3, "failed")] {
        house.post(&format!("/v1/import-sources/{id}/run"), json!({})).await.ok(202);
        house.post(&format!("/v1/import-sources/{id}/run"), json!({})).await.problem(409, "conflict");
        let of: SourceId = id.parse().unwrap();
        let mut killed = house.control.runs(house.accounts.0, of, 1).await.unwrap().remove(0);
        (killed.state, killed.tries) = (RunState::Running, tries);
        house.control.put_run(&killed, None).await.unwrap();
        house.engine.run_feeds().await;
        assert_eq!(newest(&house, &id).await["state"], state);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_its_accounts_and_leads_into_no_private_network() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    house.engine.feeds().set_fetchers(fetchers(false));
    let http = |url: &str| json!({"kind": "http", "url": url});
    let of = |place: Value| json!({"name": "x", "place": place});
    let sql = json!({"kind": "postgres", "host": "10.0.0.1", "database": "d", "user": "u", "password": "p", "query": "SELECT 1"});
    let mut socket = sql.clone();
    socket["host"] = json!("/var/run/postgresql");
    let s3 = json!({"kind": "s3", "endpoint": "http://169.254.169.254", "region": "r", "bucket": "b", "object": "o",
        "key_id": "k", "secret": "s"});
    for (source, pointer) in [
        (of(http("http://127.0.0.1:9/")), "/place"),
        (of(http("ftp://example.com/")), "/place"),
        (of(sql), "/place"),
        (of(socket), "/place"),
        (of(s3), "/place"),
        (json!({"name": "x", "place": http("https://example.com/"), "schedule": "61 * * * *"}), "/schedule"),
        (json!({"name": "", "place": http("https://example.com/")}), "/name"),
        (
            json!({"name": "x", "place": http("https://example.com/"), "time_zone": "Mars/Olympus"}),
            "/time_zone",
        ),
        (
            json!({"name": "x", "place": http("https://example.com/"), "mapping": [{"name": "a", "use": "tags"}]}),
            "/mapping",
        ),
    ] {
        let refused = house.post("/v1/import-sources", source.clone()).await.problem(422, "invalid_field");
        assert_eq!(refused["pointer"], pointer, "{source}");
    }
    let id = added(&house, of(http("https://example.com/a.csv"))).await;
    let path = format!("/v1/import-sources/{id}");
    for (method, more) in [("GET", ""), ("GET", "/runs"), ("PATCH", ""), ("POST", "/run"), ("DELETE", "")] {
        let path = format!("{path}{more}");
        let asked = match method {
            "PATCH" => json_request(method, &path, &json!({"name": "y"})),
            _ => request(method, &path, Body::empty()),
        };
        house.send(Who::Stranger, asked).await.problem(404, "not_found");
    }
    let tag = house.get(&path).await.headers["etag"].clone();
    house.ask("PATCH", &path, json!({"schedule": "0 3 * * *"})).await.ok(200);
    let mut outrun = json_request("PATCH", &path, &json!({"name": "y"}));
    outrun.headers_mut().insert("if-match", tag);
    house.send(Who::Owner, outrun).await.problem(412, "changed_meanwhile");
    assert_eq!(house.get(&path).await.ok(200)["next_at"], "2026-11-26T03:00:00.000+08:00");
    house.ask("PATCH", &path, json!({"enabled": false})).await.ok(200);
    assert_eq!(house.get(&path).await.ok(200)["next_at"], Value::Null);
    house.send(Who::Owner, request("DELETE", &path, Body::empty())).await;
    house.get(&path).await.problem(404, "not_found");
}
