use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use domain::phone::{Country, Phone};

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_value_opens_only_where_it_was_sealed() {
    let place = folder();
    let sealer = Sealer::open(&place.path().join("keys"), &place.path().join("data")).unwrap();
    let sealed = sealer.seal("contact", b"row-1", "张伟".as_bytes());
    assert_eq!(sealed.len(), "张伟".len() + SEALED_OVERHEAD);
    assert_eq!(sealer.open_sealed("contact", b"row-1", &sealed).unwrap(), "张伟".as_bytes());
    let fail = Err(UnsealError { table: "contact" });
    assert_eq!(sealer.open_sealed("contact", b"row-2", &sealed), fail);
    assert!(sealer.open_sealed("message", b"row-1", &sealed).is_err());
    assert_eq!(sealer.open_sealed("contact", b"row-1", &sealed[..10]), fail);
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert_eq!(sealer.open_sealed("contact", b"row-1", &damaged), fail, "byte {at}");
    }
    let long = b"a row id that is longer than a nonce";
    let sealed = sealer.seal("contact", long, b"x");
    assert_eq!(sealer.open_sealed("contact", long, &sealed).unwrap(), b"x");
}

#[test]
fn keys_survive_a_restart_and_a_rotation() {
    let place = folder();
    let (keys, data) = (place.path().join("keys"), place.path().join("data"));
    let phone = Phone::parse("13800138000", Country::CN).unwrap();
    let first = Sealer::open(&keys, &data).unwrap();
    let (sealed, index) = (first.seal("message", &7i64.to_be_bytes(), b"hello"), first.phone_index(phone));
    let text = fs::read_to_string(&keys).unwrap();
    fs::write(&keys, format!("{text}2 {}\n", "ab".repeat(32))).unwrap();
    let rotated = Sealer::open(&keys, &data).unwrap();
    assert_eq!(rotated.open_sealed("message", &7i64.to_be_bytes(), &sealed).unwrap(), b"hello");
    assert_eq!(rotated.phone_index(phone), index);
    assert_eq!(rotated.seal("message", &7i64.to_be_bytes(), b"hello")[1], 2, "sealed with the new key");
    fs::write(&keys, text).unwrap();
    assert!(matches!(Sealer::open(&keys, &data), Err(KeyFileError::Wrong { version: 2, .. })));
}

#[test]
fn a_missing_wrong_open_or_strange_key_file_is_refused() {
    let place = folder();
    let (keys, data) = (place.path().join("keys"), place.path().join("data"));
    Sealer::open(&keys, &data).unwrap();
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Sealer::open(&keys, &data), Err(KeyFileError::TooOpen { mode: 0o644, .. })));
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let right = fs::read_to_string(&keys).unwrap();
    fs::write(&keys, format!("hongyan-keys 1\n1 {}\n", "00".repeat(32))).unwrap();
    assert!(matches!(Sealer::open(&keys, &data), Err(KeyFileError::Wrong { version: 1, .. })));
    for strange in ["", "hello", "hongyan-keys 1\n", "hongyan-keys 1\n1 abc", "hongyan-keys 1\nx 00"] {
        fs::write(&keys, strange).unwrap();
        assert!(matches!(Sealer::open(&keys, &data), Err(KeyFileError::Malformed { .. })), "{strange}");
    }
    fs::remove_file(&keys).unwrap();
    assert!(matches!(Sealer::open(&keys, &data), Err(KeyFileError::Missing { .. })));
    fs::write(&keys, right).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    Sealer::open(&keys, &data).unwrap();
}

#[test]
fn nothing_secret_is_shown() {
    let place = folder();
    let sealer = Sealer::open(&place.path().join("keys"), &place.path().join("data")).unwrap();
    assert_eq!(format!("{sealer:?}"), "Sealer { current_key: 1, .. }");
    assert_eq!(format!("{:?}", sealer.for_table("message")), "TableSealer { table: \"message\", .. }");
}
