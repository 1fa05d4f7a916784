use std::time::Duration;

use super::*;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_795_573_800_000);

#[test]
fn words_and_places_are_unique_and_come_back() {
    for (place, permission) in Permission::ALL.iter().enumerate() {
        let others = &Permission::ALL[..place];
        assert!(
            others.iter().all(|other| other.word() != permission.word() && other.bit() != permission.bit())
        );
        assert_eq!(Permission::from_word(permission.word()), Some(*permission));
        assert!(!permission.chinese().is_ascii());
    }
    let set = PermissionSet::all();
    assert_eq!(PermissionSet::from_words(set.words().split(' ')), Ok(set));
    assert_eq!(PermissionSet::from_words(["messages:read", "messages:eat"]), Err(1));
}

#[test]
fn roles_hold_what_their_names_promise() {
    let holds = |role: Role, permission| role.permissions().holds(permission);
    assert_eq!(Role::Owner.permissions(), PermissionSet::all());
    assert!(
        holds(Role::Marketer, Permission::RunCampaigns)
            && !holds(Role::Marketer, Permission::ApproveCampaigns)
    );
    assert!(
        holds(Role::Approver, Permission::ApproveCampaigns)
            && !holds(Role::Approver, Permission::WriteCampaigns)
    );
    assert!(holds(Role::Auditor, Permission::ReadAudit) && !holds(Role::ReadOnly, Permission::ReadAudit));
    for role in [Role::Auditor, Role::ReadOnly] {
        assert!(role.permissions().iter().all(|permission| permission.word().ends_with(":read")), "{role:?}");
    }
    for role in Role::ALL {
        let (zh, en) = role.names();
        assert!(!zh.is_ascii() && en.is_ascii());
        assert_eq!(role.word().parse(), Ok(RoleRef::Builtin(*role)));
        assert!(role.permissions().of_tenant().iter().all(|permission| !permission.is_operators()));
    }
    assert!("rol_0000000000001".parse::<RoleRef>().is_ok() && "king".parse::<RoleRef>().is_err());
}

#[test]
fn nobody_gives_what_they_do_not_have() {
    let marketer = Role::Marketer.permissions();
    assert_eq!(marketer.may_grant(marketer), Ok(()));
    assert_eq!(marketer.may_grant(PermissionSet::all()), Err(Permission::ApproveCampaigns));
    assert_eq!(PermissionSet::EMPTY.may_grant(PermissionSet::EMPTY), Ok(()));
}

#[test]
fn a_key_is_let_in_from_its_networks_until_it_ends() {
    let rules = KeyRules {
        networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        expires_at: Some(NOW.plus(Duration::from_secs(1))),
        revoked_at: None,
    };
    let from = |text: &str| Some(text.parse().unwrap());
    assert_eq!(rules.admit(from("10.9.8.7"), NOW), Ok(()));
    assert_eq!(rules.admit(from("::ffff:10.9.8.7"), NOW), Ok(()), "the same peer over the other socket");
    assert_eq!(rules.admit(from("2001:db8::1"), NOW), Ok(()));
    assert_eq!(rules.admit(from("11.0.0.1"), NOW), Err(KeyRefusal::ForeignAddress));
    assert_eq!(rules.admit(None, NOW), Err(KeyRefusal::ForeignAddress));
    assert_eq!(rules.admit(from("10.9.8.7"), NOW.plus(Duration::from_secs(1))), Err(KeyRefusal::Expired));
    let revoked = KeyRules { revoked_at: Some(NOW), ..rules };
    assert_eq!(revoked.admit(from("10.9.8.7"), NOW), Err(KeyRefusal::Revoked));
    assert_eq!(KeyRules::default().admit(None, NOW), Ok(()));
}

#[test]
fn guessing_takes_longer_each_time_and_is_forgotten_after_a_day() {
    let mut failures = Failures::default();
    for _ in 0..FREE_ATTEMPTS {
        failures = failures.attempt(NOW).unwrap();
    }
    let mut now = NOW;
    for seconds in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
        let locked = failures.attempt(now).unwrap_err();
        assert_eq!(locked.until.since(now), Duration::from_secs(seconds));
        now = locked.until;
        failures = failures.attempt(now).unwrap();
    }
    assert!(!failures.is_forgotten(now));
    let tomorrow = now.plus(Duration::from_secs(2 * 86_400));
    assert!(failures.is_forgotten(tomorrow));
    assert_eq!(failures.attempt(tomorrow).unwrap().count, 1);
}

#[test]
fn passwords_are_long_and_not_the_login() {
    assert_eq!(check_password("correct horse battery", "owner"), Ok(()));
    assert_eq!(check_password("短的密码", "owner"), Err(PasswordError::Length));
    assert_eq!(check_password(&"abcde".repeat(26), "owner"), Err(PasswordError::Length));
    assert_eq!(check_password("My-Owner-2026!", "owner"), Err(PasswordError::HoldsLogin));
    assert_eq!(check_password("aaaaaaaaaaaabbb", "owner"), Err(PasswordError::Monotonous));
    assert_eq!(read_login("  Zhang@Example.com "), Ok("zhang@example.com".to_owned()));
    assert_eq!(read_login("a b c"), Err(LoginError));
    assert_eq!(read_login("ab"), Err(LoginError));
}

#[test]
fn the_signature_header_is_read_and_its_clock_compared() {
    let value =
        format!("key=key_0000000000001, t=1795573800, n=abcdef0123, v1={}, v9=later", "0f".repeat(32));
    let header = SignatureHeader::parse(&value).ok().unwrap();
    assert_eq!((header.at, header.nonce.as_str(), header.mac), (1_795_573_800, "abcdef0123", [15; 32]));
    assert_eq!(header.check_clock(1_795_574_100), Ok(()));
    assert_eq!(header.check_clock(1_795_574_101), Err(SignatureError::Clock));
    assert_eq!(header.check_clock(1_795_573_499), Err(SignatureError::Clock));
    for broken in [
        value.replace("key=key_", "key="),
        value.replace("n=abcdef0123", "n=short"),
        value.replace("n=abcdef0123", "n=abc-def-0123"),
        value.replace("0f0f", "0f0g"),
        value.replace("t=1795573800", "t=now"),
        String::new(),
    ] {
        assert!(matches!(SignatureHeader::parse(&broken), Err(SignatureError::Form)), "{broken}");
    }
    let parts = SignedParts {
        method: "POST",
        target: "/v1/messages?a=b",
        account: "",
        idempotency_key: "order-1",
        body_sha256: &[0xab; 32],
    };
    let text = signed_text(header.at, &header.nonce, &parts);
    let expected = format!(
        "hongyan-hmac-sha256-v1\n1795573800\nabcdef0123\nPOST\n/v1/messages?a=b\n\norder-1\n{}",
        "ab".repeat(32)
    );
    assert_eq!(text, expected);
}

#[test]
fn secrets_hold_all_their_bits_and_say_what_they_open() {
    let text = |kind: SecretKind, bytes| kind.write(&bytes).0;
    assert_eq!(text(SecretKind::Bearer, [0; 32]), format!("hy_{}", "0".repeat(52)));
    let mut last = [0; 32];
    last[31] = 1;
    assert!(
        text(SecretKind::Link, last).starts_with("hyl_0") && text(SecretKind::Link, last).ends_with("0g")
    );
    assert_eq!(text(SecretKind::Signing, [255; 32]), format!("hys_{}g", "z".repeat(51)));
}
