//! What people do wrong: each is refused with its own exit code, in both languages, and harms nothing.

use crate::house::{Channel, House, csv, run, run_zh};

#[test]
fn files_that_are_no_lists_are_refused() {
    let house = House::open();
    let import = |name: &str, content: &[u8], lang: &str| {
        let path = house.write(name, content);
        if lang == "zh" { house.ask_zh(&["import", &path]) } else { house.ask(&["import", &path]) }
    };
    let program = [b"MZ\x90\x00\x03\x00\x00\x00".as_slice(), &[0; 500]].concat();
    let en = import("customers.xlsx", &program, "en").failed(4);
    assert!(en.contains("not a spreadsheet"), "{en}");
    let zh = import("customers.csv", &program, "zh").failed(4);
    assert!(zh.contains("不是表格"), "{zh}");

    let no_phones = "姓名,城市\n张三,杭州\n李四,上海\n".as_bytes();
    let zh = import("names.csv", no_phones, "zh").failed(4);
    assert!(zh.contains("手机号"), "{zh}");
    let en = import("names.csv", no_phones, "en").failed(4);
    assert!(en.contains("phone"), "{en}");
    assert_ne!(import("empty.csv", b"", "en").code, 0);
    assert_ne!(import("header.csv", "手机号,姓名\n".as_bytes(), "en").code, 0);

    let missing = house.path("nowhere.csv").display().to_string();
    assert!(house.ask(&["import", &missing]).failed(2).contains("nowhere.csv"));
    let list = house.write("good.csv", csv(3));
    let err = house.ask(&["import", &list, "--map", "性别=queryable"]).failed(2);
    assert!(err.contains("性别") && err.contains("手机号"), "{err}");
    house.ask(&["import", &list, "--basis", "because"]).failed(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaigns_that_cannot_be_are_refused() {
    let house = House::open();
    // Nobody listens there: the campaigns of this test never get so far.
    house.open_channel("127.0.0.1:9".parse().unwrap(), &Channel::PLAIN).await;
    let list = house.write("good.csv", csv(3));
    house.ask(&["import", &list, "--basis", "consent", "--tag", "t"]).ok();
    let create = |text: &str, more: &[&str]| {
        let args = ["campaign", "create", "--name", "n", "--signature", "鸿雁", "--text", text];
        [&args[..], more].concat().iter().map(|arg| (*arg).to_owned()).collect::<Vec<String>>()
    };
    let ask = |args: &[String], chinese: bool| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if chinese { house.ask_zh(&args) } else { house.ask(&args) }
    };
    let unknown = create("{{ 昵称 }}您好", &["--file", &list]);
    let refused = [ask(&unknown, false), ask(&unknown, true)];
    for said in refused {
        // Told at once, or by the preflight: never by an empty hole in a text.
        let err = if said.code == 0 {
            house.ask(&["campaign", "preflight", said.out.trim()]).failed(4)
        } else {
            said.failed(4)
        };
        assert!(err.contains("昵称"), "{err}");
    }
    let past = create("您好", &["--all", "--at", "2026-01-02T10:00:00+08:00"]);
    assert!(ask(&past, false).failed(4).contains("passed"));
    assert!(ask(&past, true).failed(4).contains("定时时间已过"));
    assert!(ask(&create("您好", &["--all", "--at", "tomorrow"]), false).code > 1);
    ask(&create("{% for x in y %}", &["--all"]), false).failed(4);
    ask(&create("您好", &[]), false).failed(2);
    let long = "长".repeat(10_000);
    assert_eq!(ask(&create(&long, &["--all"]), false).code, 4);

    let id = ask(&create("您好", &["--all"]), false).ok();
    let err = house.ask(&["campaign", "start", id.trim()]).failed(4);
    assert!(err.contains("→"), "there is advice: {err}");
    house.ask(&["campaign", "report", "cmp_0000000000000"]).failed(4);
    house.ask(&["campaign", "report", "nonsense"]).failed(4);
}

#[test]
fn who_cannot_be_reached_and_who_may_not_ask() {
    let house = House::open();
    let unknown = ["campaign", "list", "--key", "hy_nobody"];
    assert!(house.ask(&unknown).failed(4).contains("key"));
    assert!(house.ask_zh(&unknown).failed(4).contains("密钥"));
    let nobody = ["campaign", "list", "--server", "http://127.0.0.1:9", "--key", "k"];
    assert!(run(&nobody).failed(3).contains("hongyan serve"));
    assert!(run_zh(&nobody).failed(3).contains("连不上"));
    let no_key = ["campaign", "list", "--key-file", "/nonexistent/key"];
    assert!(run(&no_key).failed(2).contains("--key"));
    assert!(run_zh(&no_key).failed(2).contains("没有密钥"));
    run(&["campaign", "frobnicate"]).failed(2);
    run(&["sim", "--acceptance", "7", "--listen", "127.0.0.1:0"]).failed(2);
}
