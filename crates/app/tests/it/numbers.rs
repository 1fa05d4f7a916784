//! Number ranges and codes from the command line: imported, shown, refused with their lines, and there after `kill -9`.

use crate::house::{House, run, run_zh};

/// The binary format of phone.dat, with one record.
fn phone_dat(entries: &[(u32, u8)]) -> Vec<u8> {
    let record = "广东|深圳|518000|0755\0".as_bytes();
    let mut bytes = b"2611".to_vec();
    bytes.extend_from_slice(&(8 + record.len() as u32).to_le_bytes());
    bytes.extend_from_slice(record);
    for (prefix, kind) in entries {
        bytes.extend_from_slice(&prefix.to_le_bytes());
        bytes.extend_from_slice(&8u32.to_le_bytes());
        bytes.push(*kind);
    }
    bytes
}

#[test]
fn ranges_are_imported_shown_and_there_after_a_kill() {
    let mut house = House::open();
    let dat = house.write("phone.dat", phone_dat(&[(1_380_013, 1), (1_390_013, 1)]));
    let told = house.ask(&["numbers", "import", &dat]).ok();
    assert!(told.contains("phone.dat 2611"), "{told}");
    house.kill();
    house.start();
    let table = house.ask(&["numbers", "table", "--json"]).json();
    assert_eq!((&table["version"], &table["ranges"]), (&1.into(), &2.into()));
    let shown = house.ask_zh(&["numbers", "show", "138 0013 8000"]).ok();
    assert!(
        shown.contains("广东 深圳") && shown.contains("中国移动") && !shown.contains("13800138000"),
        "{shown}"
    );

    let csv = "号段,省份,城市,运营商\n1380013,北京,北京,移动\n1390013,北京,,火星\n";
    let bad = house.write("ranges.csv", csv);
    let said = house.ask_zh(&["numbers", "import", &bad]).failed(4);
    assert!(said.contains("第 3 行") && said.contains("运营商"), "{said}");
    let said = house.ask(&["numbers", "import", &bad]).failed(4);
    assert!(said.contains("line 3") && said.contains("nothing was imported"), "{said}");
    assert_eq!(house.ask(&["numbers", "table", "--json"]).json()["version"], 1);
    let missing = house.path("nowhere.dat").display().to_string();
    assert!(house.ask(&["numbers", "import", &missing]).failed(2).contains("nowhere.dat"));

    let report = house.path("dead.csv").display().to_string();
    let saved = house.ask(&["numbers", "report", "--csv", &report, "--json"]).json();
    assert_eq!(saved["total"]["messages"], 0);
    assert!(std::fs::read_to_string(report).unwrap().contains("手机号 phone"));
}

#[test]
fn codes_are_explained_and_a_file_of_own_lines_is_checked() {
    let house = House::on(None);
    let own = house
        .write("codes.csv", "scope,code,reason,zh,en\ncmpp,ZZ:0001,carrier_rate,夜间限速,slow at night\n");
    assert!(run(&["codes", "check", &own]).ok().contains('1'));
    let bad = house.write("bad.csv", "code,reason\nZZ:1,late\n");
    let told = run_zh(&["codes", "check", &bad]).failed(2);
    assert!(told.contains("第 2 行") && told.contains("bad.csv"), "{told}");

    let config = format!("{}[codes]\nfile = {own:?}\n", crate::house::CONFIG);
    house.write("hongyan.toml", config);
    let mut house = house;
    house.start();
    let told = house.ask(&["codes", "explain", "--protocol", "cmpp", "ZZ:0001"]).ok();
    assert!(told.contains("slow at night") && told.contains("your own file"), "{told}");
    let told = house.ask_zh(&["codes", "explain", "MK:0012"]).ok();
    assert!(told.contains("空号") && told.contains("建议"), "{told}");
    assert_eq!(house.ask(&["codes", "unknown", "--json"]).json()["codes"].as_array().unwrap().len(), 0);
    let listed = house.ask(&["codes", "list", "--json"]).json();
    assert_eq!(listed["codes"][0]["code"], "ZZ:0001");
    house.ask(&["codes", "explain", "X", "--protocol", "pigeon"]).failed(4);
    assert_eq!(house.terminate(), 0);

    house.write("hongyan.toml", format!("{}[codes]\nfile = {bad:?}\n", crate::house::CONFIG));
    let said = house.serve().output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("line 2"), "{said}");
}
