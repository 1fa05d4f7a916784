//! Accounts, keys and people from the command line, and the first start's link.

use crate::house::House;

#[test]
fn accounts_keys_and_people_are_kept_from_the_command_line() {
    let mut house = House::open();
    let account = house.ask(&["account", "create", "--name", "租户", "--json"]).json();
    let account = account["id"].as_str().expect("an id").to_owned();
    let made = house
        .ask(&["key", "create", "--name", "shop", "--scope", "contacts:read", "--for-account", &account])
        .ok();
    let secret = made.lines().last().expect("the secret is the last line").trim().to_owned();
    assert!(secret.starts_with("hy_"), "{made}");
    let with = |args: &[&str]| house.ask(&[args, &["--key", &secret]].concat());
    let refused = with(&["message", "show", "msg_0000000000000"]).failed(4);
    assert!(refused.contains("messages:read"), "{refused}");
    let keys = house.ask(&["key", "list", "--for-account", &account, "--json"]).json();
    let id = keys[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(keys[0]["scopes"][0], "contacts:read");
    house.ask(&["key", "revoke", &id, "--for-account", &account]).ok();
    let refused = with(&["message", "show", "msg_0000000000000"]).failed(4);
    assert!(refused.contains("Key revoked"), "{refused}");

    let invited =
        house.ask_zh(&["user", "invite", "--login", "zhang", "--name", "张伟", "--role", "support"]).ok();
    assert!(invited.contains("/welcome#hyl_"), "{invited}");
    let users = house.ask(&["user", "list", "--json"]).json();
    let logins: Vec<&str> =
        users.as_array().expect("a list").iter().filter_map(|user| user["login"].as_str()).collect();
    assert_eq!(logins, ["zhang", "owner"], "the first start made its owner");
    house.ask(&["account", "disable", &account]).ok();
    let shown = house.ask(&["account", "show", &account]).ok();
    assert!(shown.contains("disabled"), "{shown}");
    house.ask(&["account", "rename", &account, "--name", "改名"]).ok();
    assert!(house.ask(&["account", "list"]).ok().contains("改名"));
    assert_eq!(house.terminate(), 0);
}
