//! The whole program on PostgreSQL: migrate, serve, what doctor and `readyz` say, the demonstration, and moving over.

use serde_json::{Value, json};
use sim::SimConfig;
use tokio_util::sync::CancellationToken;

use crate::house::{Channel, House, anywhere, csv, program};
use crate::postgres_server::fresh_database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_on_a_server_from_migration_to_verification() {
    let mut house = House::on(Some(fresh_database().await));
    let en = refused(&house, "en");
    assert!(en.contains("hongyan migrate"), "{en}");
    assert!(refused(&house, "zh").contains("请停止所有节点，然后执行 hongyan migrate"));
    let doctor = house.command("doctor --json");
    assert_eq!(doctor.code, 4, "{}", doctor.err);
    assert_eq!(finding(&doctor.out, "schema")["good"], false);

    assert!(house.command("migrate").ok().contains("8 partitions"));
    assert!(house.command_zh("migrate").ok().contains("8 个分区"), "again, and nothing changes");
    house.start();
    assert_eq!(house.get("/readyz").await, (200, "ready".to_owned()));

    let stop = CancellationToken::new();
    let carrier = sim::run(SimConfig::ideal(), stop.clone()).await.unwrap();
    house.open_channel(carrier.addr(), &Channel::PLAIN).await;
    let list = house.write("members.csv", csv(200));
    let options = ["--tag", "会员", "--source", "门店登记", "--basis", "consent", "--json"];
    let imported = house.ask(&[&["import", &list], &options[..]].concat()).json();
    assert_eq!(imported["counts"]["new"], 200);
    let draft = ["--name", "会员日", "--signature", "鸿雁", "--text", "您好，会员日到了", "--tag", "会员"];
    let id = house.ask(&[&["campaign", "create"], &draft[..]].concat()).ok().trim().to_owned();
    let counted = house.ask(&["campaign", "preflight", &id, "--json"]).json();
    assert_eq!(counted["eligible"], 200);
    house.ask(&["campaign", "start", &id]).ok();
    let watched = house.ask(&["campaign", "watch", &id, "--json"]).json();
    assert_eq!((&watched["state"], &watched["delivered"]), (&json!("finished"), &json!(200)));
    assert_eq!(carrier.truth().delivered(), 200);

    house.kill();
    house.start();
    let report = house.ask(&["campaign", "report", &id, "--json"]).json();
    assert_eq!(report["funnel"]["delivered"]["messages"], 200);
    // While it serves: on a server, looking disturbs nobody.
    let verified = house.verify().json();
    assert_eq!((&verified["found"], &verified["messages"]), (&json!(0), &json!(200)));
    let doctor = house.command("doctor --json");
    assert_eq!(finding(&doctor.out, "schema")["good"], true, "{}", doctor.out);
    assert_eq!(finding(&doctor.out, "channel")["good"], true, "{}", doctor.out);
    assert_eq!(house.terminate(), 0);
    assert!(!anywhere(&house.path("data"), b"13800000011"), "no phone is in the data folder in clear");
    stop.cancel();
}

fn refused(house: &House, lang: &str) -> String {
    let output = house.serve().env("HONGYAN_LANG", lang).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn finding(out: &str, check: &str) -> Value {
    let findings: Vec<Value> = serde_json::from_str(out).unwrap();
    findings
        .into_iter()
        .find(|finding| finding["check"] == check)
        .unwrap_or_else(|| panic!("no {check}: {out}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_the_keys_of_the_others_is_refused_and_makes_none() {
    let house = House::open_postgres().await;
    let url = house.database().to_owned();
    let stranger = House::on(Some(url));
    let en = refused(&stranger, "en");
    assert!(en.contains("key file") && en.contains("is missing"), "{en}");
    assert!(!stranger.path("data.key").exists(), "no key is made over sealed data");
    std::fs::write(stranger.path("data.key"), format!("hongyan-keys 1\n1 {}\n", "ab".repeat(32))).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(stranger.path("data.key"), mode).unwrap();
    assert!(refused(&stranger, "zh").contains("别的密钥"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_or_wrong_about_a_database_is_said() {
    let house = House::on(None);
    let args = ["serve", "--engine", "postgres", "--data", "nowhere"];
    let said = program().args(args).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).contains("HONGYAN_DATABASE_URL"));
    for (url, words) in [
        ("mysql://hongyan:s3cret@db/hongyan", "not understood"),
        ("postgres://hongyan:s3cret@127.0.0.1:1/hongyan", "cannot reach the database"),
    ] {
        let mut command = house.serve();
        command.env("HONGYAN_ENGINE", "postgres").env("HONGYAN_DATABASE_URL", url);
        let said = command.output().unwrap();
        let err = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(err.contains(words), "{err}");
        assert!(!err.contains("s3cret"), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_moves_over_and_goes_on_where_it_was() {
    let mut house = House::open();
    let stop = CancellationToken::new();
    let carrier = sim::run(SimConfig::ideal(), stop.clone()).await.unwrap();
    // Slow, so that a part is left when the server is stopped.
    let slow = Channel { connections: 1, window: 8, parts_per_second: 200 };
    house.open_channel(carrier.addr(), &slow).await;
    let list = house.write("members.csv", csv(600));
    let options = ["--tag", "会员", "--source", "门店登记", "--basis", "consent", "--json"];
    house.ask(&[&["import", &list], &options[..]].concat()).json();
    let draft = ["--name", "会员日", "--signature", "鸿雁", "--text", "您好，会员日到了", "--tag", "会员"];
    let id = house.ask(&[&["campaign", "create"], &draft[..]].concat()).ok().trim().to_owned();
    house.ask(&["campaign", "preflight", &id, "--json"]).json();
    house.ask(&["campaign", "start", &id]).ok();
    house.progress_until(&id, 400, |now| now["delivered"].as_u64().unwrap_or(0) > 100).await;
    assert_eq!(house.terminate(), 0);

    house.move_to(Some(fresh_database().await));
    let early = house.command("copy --from sqlite --to postgres");
    assert!(early.failed(2).contains("hongyan migrate"));
    std::fs::write(house.path("hongyan.toml"), format!("partitions = 16\n{}", crate::house::CONFIG)).unwrap();
    house.command("migrate").ok();
    let copied = house.command("copy --from sqlite --to postgres --json").json();
    assert_eq!((&copied["partitions"], &copied["tables"]["ledger_message"]), (&json!(16), &json!(600)));
    assert!(house.command_zh("copy --from sqlite --to postgres").failed(2).contains("已经搬完"));
    assert_eq!(house.verify().json()["found"], 0);

    house.start();
    let watched = house.ask(&["campaign", "watch", &id, "--json"]).json();
    assert_eq!((&watched["state"], &watched["delivered"]), (&json!("finished"), &json!(600)));
    let truth = carrier.truth();
    assert!(truth.messages.iter().all(|message| message.count == 1), "nobody got it twice");
    assert_eq!(truth.delivered(), 600);
    assert_eq!(house.verify().json()["found"], 0);
    house.terminate();

    house.move_to(None);
    let moved = refused(&house, "zh");
    assert!(moved.contains("已搬到 PostgreSQL"), "{moved}");
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_adds_up_on_a_server() {
    let url = fresh_database().await;
    let home = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = program();
        command.args(["demo", "--once", "--json", "--listen", "127.0.0.1:0", "--people", "400", "--data"]);
        command
            .arg(home.path().join("demo"))
            .env("HONGYAN_ENGINE", "postgres")
            .env("HONGYAN_DATABASE_URL", &url);
        command.output().unwrap()
    };
    let output = run();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    crate::demo::check(&serde_json::from_slice(&output.stdout).unwrap());
    let again = run();
    assert!(!again.status.success(), "the database is not empty any more");
}
