//! Who may do what: accounts, keys, people, sessions, links, roles, attempts, and the log.

use std::time::Duration;

use control::secret_sha256;
use domain::access::{FREE_ATTEMPTS, KeyRules, Permission, PermissionSet, Principal, Role, RoleRef};
use domain::control::{
    Access as _, AccessChange, Account, AccountKind, ApiKey, AuditFilter, AuditLine, ControlError,
    CustomRole, Entity, KeyGrant, OneTimeLink, SecondFactor, Secret, Session, Tenant, User, Uses,
};
use domain::ids::{AccountId, EntityId};

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage};

on_every_engine! {
    accounts_have_parents_and_are_changed_only_as_they_were_read
    keys_keep_their_particulars_and_are_revoked_once
    people_are_found_by_login_and_changed_only_as_they_were_read
    a_link_is_good_for_one_use_and_sessions_end
    roles_have_names_of_their_own_within_the_account
    attempts_are_counted_and_locked_across_a_restart
    the_log_is_filtered_paged_and_scoped
}

fn line(stage: &Stage, account: AccountId, action: &str, object: &str) -> AuditLine {
    AuditLine {
        id: stage.ids.fresh(NOW).into(),
        at: NOW,
        account,
        principal: Principal::System,
        home: account,
        action: action.to_owned(),
        object: object.to_owned(),
        address: Some("10.0.0.7".parse().unwrap()),
        request: "req_1".to_owned(),
        before: None,
        after: Some([7; 16]),
        count: 1,
        detail: Vec::new(),
    }
}

async fn change(stage: &Stage, account: AccountId, changes: &[AccessChange]) -> Result<(), ControlError> {
    stage.db.change_access(changes, &line(stage, account, "test", "object")).await
}

fn user(stage: &Stage, account: AccountId, login: &str) -> User {
    User {
        id: stage.ids.fresh(NOW).into(),
        account,
        login: login.to_owned(),
        name: "张伟".to_owned(),
        password: None,
        second_factor: None,
        roles: vec![RoleRef::Builtin(Role::Marketer)],
        disabled_at: None,
        created_at: NOW,
        revision: 0,
    }
}

async fn accounts_have_parents_and_are_changed_only_as_they_were_read(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let operator = stage.account("operator").await;
    let (id, entity) = (AccountId::from(stage.ids.fresh(NOW)), EntityId::from(stage.ids.fresh(NOW)));
    let tenant = Tenant {
        account: Account { id, name: "分公司".to_owned(), entity, created_at: NOW },
        kind: AccountKind::Tenant,
        parent: Some(operator),
        disabled_at: None,
        revision: 0,
    };
    let entity = Entity { id: entity, name: "分公司".to_owned(), group: entity };
    change(&stage, id, &[AccessChange::AddTenant { tenant: tenant.clone(), entity }]).await.unwrap();
    assert_eq!(stage.db.tenant(id).await.unwrap().as_ref(), Some(&tenant));
    // The first account has no row of particulars yet.
    let mut first = stage.db.tenant(operator).await.unwrap().unwrap();
    assert_eq!((first.kind, first.parent, first.revision), (AccountKind::Operator, None, 0));
    first.account.name = "改名".to_owned();
    first.disabled_at = Some(NOW);
    change(&stage, operator, &[AccessChange::ChangeTenant(first.clone())]).await.unwrap();
    stage.restart().await;
    let all = stage.db.tenants().await.unwrap();
    assert_eq!((all[0].account.name.as_str(), all[0].disabled_at, all[0].revision), ("改名", Some(NOW), 1));
    assert_eq!(all[1], tenant);
    let stale = change(&stage, operator, &[AccessChange::ChangeTenant(first)]).await;
    assert!(matches!(stale, Err(ControlError::Changed("account"))), "{stale:?}");
    assert_eq!(stage.db.tenant(AccountId::from_raw(1)).await.unwrap(), None);
}

fn grant(stage: &Stage, account: AccountId, secret: &str) -> KeyGrant {
    let key = ApiKey {
        id: stage.ids.fresh(NOW).into(),
        account,
        name: "shop".to_owned(),
        secret_sha256: secret_sha256(secret),
        created_at: NOW,
        revoked_at: None,
    };
    KeyGrant {
        key,
        scopes: [Permission::SendMessages, Permission::ReadMessages].into_iter().collect(),
        rules: KeyRules {
            networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            expires_at: Some(NOW.plus(Duration::from_secs(60))),
            revoked_at: None,
        },
        signing: None,
        per_minute: Some(600),
        used_at: None,
    }
}

async fn keys_keep_their_particulars_and_are_revoked_once(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let old = stage.db.bearer_key(&secret_sha256("ours")).await.unwrap().unwrap();
    assert_eq!(
        (old.scopes, old.rules),
        (PermissionSet::all(), KeyRules::default()),
        "a key of before scopes"
    );
    let bearer = grant(&stage, ours, "hy_one");
    let signing =
        KeyGrant { signing: Some(Secret("hys_secret".to_owned())), ..grant(&stage, ours, "unused") };
    let both = [AccessChange::AddKey(bearer.clone()), AccessChange::AddKey(signing.clone())];
    change(&stage, ours, &both).await.unwrap();
    stage.restart().await;
    assert_eq!(stage.db.bearer_key(&secret_sha256("hy_one")).await.unwrap().as_ref(), Some(&bearer));
    assert_eq!(stage.db.signing_key(signing.key.id).await.unwrap().as_ref(), Some(&signing));
    assert_eq!(stage.db.signing_key(bearer.key.id).await.unwrap(), None, "a bearer key signs nothing");
    assert_eq!(
        stage.db.bearer_key(&secret_sha256("unused")).await.unwrap(),
        None,
        "a signing key bears nothing"
    );

    let uses = Uses { keys: vec![(bearer.key.id, NOW)], sessions: Vec::new() };
    stage.db.note_uses(&uses).await.unwrap();
    stage.db.note_uses(&uses).await.unwrap();
    let listed = stage.db.keys(ours, None, 10).await.unwrap();
    assert_eq!(
        listed.iter().map(|grant| grant.key.id).collect::<Vec<_>>(),
        [signing.key.id, bearer.key.id, old.key.id]
    );
    assert_eq!((listed[0].signing.clone(), listed[1].used_at), (Some(Secret(String::new())), Some(NOW)));
    assert_eq!(stage.db.keys(ours, Some(bearer.key.id), 10).await.unwrap().len(), 1);

    let revoke = |account| AccessChange::RevokeKey { account, id: bearer.key.id, at: NOW };
    let foreign = change(&stage, theirs, &[revoke(theirs)]).await;
    assert!(matches!(foreign, Err(ControlError::Changed("key"))), "{foreign:?}");
    change(&stage, ours, &[revoke(ours)]).await.unwrap();
    let revoked = stage.db.bearer_key(&secret_sha256("hy_one")).await.unwrap().unwrap();
    assert_eq!(revoked.rules.revoked_at, Some(NOW));
    assert!(change(&stage, ours, &[revoke(ours)]).await.is_err(), "once");
}

async fn people_are_found_by_login_and_changed_only_as_they_were_read(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut zhang = user(&stage, ours, "zhang@example.com");
    change(&stage, ours, &[AccessChange::AddUser(zhang.clone())]).await.unwrap();
    let twice =
        change(&stage, theirs, &[AccessChange::AddUser(user(&stage, theirs, "zhang@example.com"))]).await;
    assert!(matches!(twice, Err(ControlError::Exists("user"))), "{twice:?}");
    zhang.password = Some(Secret("$argon2id$…".to_owned()));
    zhang.second_factor = Some(SecondFactor {
        secret: Secret("BASE32".to_owned()),
        confirmed: true,
        last_step: 59_852_460,
        recovery: vec![[1; 32], [2; 32]],
    });
    zhang.roles = vec![RoleRef::Builtin(Role::Owner), RoleRef::Custom(stage.ids.fresh(NOW).into())];
    zhang.disabled_at = Some(NOW);
    change(&stage, ours, &[AccessChange::ChangeUser(zhang.clone())]).await.unwrap();
    let stale = change(&stage, ours, &[AccessChange::ChangeUser(zhang.clone())]).await;
    assert!(matches!(stale, Err(ControlError::Changed("user"))), "{stale:?}");
    stage.restart().await;
    zhang.revision = 1;
    assert_eq!(stage.db.user_by_login("zhang@example.com").await.unwrap().as_ref(), Some(&zhang));
    assert_eq!(stage.db.user_by_login("zhang@example.org").await.unwrap(), None);
    assert_eq!(stage.db.user(ours, zhang.id).await.unwrap().as_ref(), Some(&zhang));
    assert_eq!(stage.db.user(theirs, zhang.id).await.unwrap(), None, "another tenant's");
    assert_eq!(stage.db.users(ours, None, 10).await.unwrap(), [zhang.clone()]);
    assert_eq!(stage.db.users(ours, Some(zhang.id), 10).await.unwrap(), []);
    assert_eq!(stage.db.users(theirs, None, 10).await.unwrap(), []);
}

async fn a_link_is_good_for_one_use_and_sessions_end(engine: Engine) {
    let stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    let zhang = user(&stage, ours, "zhang");
    let link = |secret: &str| OneTimeLink {
        id: stage.ids.fresh(NOW).into(),
        account: ours,
        user: zhang.id,
        secret_sha256: secret_sha256(secret),
        expires_at: NOW.plus(Duration::from_secs(60)),
    };
    let (first, second) = (link("hyl_1"), link("hyl_2"));
    let session = |secret: &str| Session {
        id: stage.ids.fresh(NOW).into(),
        account: ours,
        user: zhang.id,
        secret_sha256: secret_sha256(secret),
        created_at: NOW,
        seen_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(60)),
    };
    let (here, there, third) = (session("hyc_1"), session("hyc_2"), session("hyc_3"));
    let all = [
        AccessChange::AddUser(zhang.clone()),
        AccessChange::AddLink(first.clone()),
        AccessChange::AddLink(second.clone()),
        AccessChange::AddSession(here.clone()),
        AccessChange::AddSession(there.clone()),
        AccessChange::AddSession(third.clone()),
    ];
    change(&stage, ours, &all).await.unwrap();
    assert_eq!(stage.db.link(&first.secret_sha256).await.unwrap().as_ref(), Some(&first));
    let used = AccessChange::UseLink { id: first.id, at: NOW };
    change(&stage, ours, std::slice::from_ref(&used)).await.unwrap();
    let twice = change(&stage, ours, &[used, AccessChange::EndSession { id: here.id, at: NOW }]).await;
    assert!(matches!(twice, Err(ControlError::Changed("link"))), "{twice:?}");
    assert!(stage.db.session(&here.secret_sha256).await.unwrap().is_some(), "all or nothing");
    change(&stage, ours, &[AccessChange::EndLinks { user: zhang.id, at: NOW }]).await.unwrap();
    assert_eq!(stage.db.link(&second.secret_sha256).await.unwrap(), None);

    let later = NOW.plus(Duration::from_secs(5));
    stage.db.note_uses(&Uses { keys: Vec::new(), sessions: vec![(here.id, later)] }).await.unwrap();
    let seen = stage.db.session(&here.secret_sha256).await.unwrap().unwrap();
    assert_eq!(seen, Session { seen_at: later, ..here.clone() });
    change(&stage, ours, &[AccessChange::EndSession { id: third.id, at: NOW }]).await.unwrap();
    assert_eq!(stage.db.session(&third.secret_sha256).await.unwrap(), None);
    let others = AccessChange::EndSessions { user: zhang.id, but: Some(here.id), at: NOW };
    change(&stage, ours, &[others]).await.unwrap();
    assert_eq!(stage.db.session(&there.secret_sha256).await.unwrap(), None);
    assert!(stage.db.session(&here.secret_sha256).await.unwrap().is_some());
    assert_eq!(stage.db.expire_access(NOW).await.unwrap(), 4, "two links and two sessions that ended");
    assert_eq!(stage.db.expire_access(NOW.plus(Duration::from_secs(61))).await.unwrap(), 1);
}

async fn roles_have_names_of_their_own_within_the_account(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let role = |account| CustomRole {
        id: stage.ids.fresh(NOW).into(),
        account,
        name: "值班".to_owned(),
        permissions: [Permission::ReadMessages].into_iter().collect(),
        revision: 0,
    };
    let mut first = role(ours);
    change(&stage, ours, &[AccessChange::AddRole(first.clone())]).await.unwrap();
    change(&stage, theirs, &[AccessChange::AddRole(role(theirs))]).await.unwrap();
    let twice = change(&stage, ours, &[AccessChange::AddRole(role(ours))]).await;
    assert!(matches!(twice, Err(ControlError::Exists("role"))), "{twice:?}");
    first.permissions = PermissionSet::all();
    change(&stage, ours, &[AccessChange::ChangeRole(first.clone())]).await.unwrap();
    assert!(
        change(&stage, ours, &[AccessChange::RemoveRole(first.clone())]).await.is_err(),
        "as it was read"
    );
    first.revision = 1;
    assert_eq!(stage.db.roles(ours).await.unwrap(), [first.clone()]);
    change(&stage, ours, &[AccessChange::RemoveRole(first)]).await.unwrap();
    assert_eq!(stage.db.roles(ours).await.unwrap(), []);
    assert_eq!(stage.db.roles(theirs).await.unwrap().len(), 1);
}

async fn attempts_are_counted_and_locked_across_a_restart(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    for count in 1..=FREE_ATTEMPTS {
        assert_eq!(stage.db.attempt("zhang", NOW).await.unwrap().unwrap().count, count);
    }
    stage.restart().await;
    let locked = stage.db.attempt("zhang", NOW).await.unwrap().unwrap_err();
    assert!(locked.until > NOW);
    assert_eq!(stage.db.attempt("wang", NOW).await.unwrap().unwrap().count, 1, "others are not concerned");
    change(&stage, ours, &[AccessChange::Forgive { login: "zhang".to_owned() }]).await.unwrap();
    assert_eq!(stage.db.attempt("zhang", NOW).await.unwrap().unwrap().count, 1);
    assert_eq!(stage.db.expire_access(NOW).await.unwrap(), 0);
    assert_eq!(stage.db.expire_access(NOW.plus(Duration::from_secs(2 * 86_400))).await.unwrap(), 2);
}

async fn the_log_is_filtered_paged_and_scoped(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let user = user(&stage, ours, "zhang").id;
    let lines = [
        line(&stage, ours, "keys.create", "key_1"),
        AuditLine { principal: Principal::User(user), ..line(&stage, ours, "keys.revoke", "key_1") },
        line(&stage, ours, "users.create", "usr_1"),
    ];
    stage.db.log(&lines).await.unwrap();
    stage.db.log(&[line(&stage, theirs, "keys.create", "key_2")]).await.unwrap();
    stage.restart().await;
    let ask = async |filter: AuditFilter| {
        let found = stage.db.audit_log(&filter, 10).await.unwrap();
        found.into_iter().map(|line| line.action).collect::<Vec<_>>()
    };
    assert_eq!(stage.db.audit_log(&AuditFilter::of(ours), 1).await.unwrap(), [lines[2].clone()]);
    let next = AuditFilter { before: Some(lines[2].id), ..AuditFilter::of(ours) };
    assert_eq!(ask(next).await, ["keys.revoke", "keys.create"]);
    let of_object = AuditFilter { object: Some("key_1".to_owned()), ..AuditFilter::of(ours) };
    assert_eq!(ask(of_object).await, ["keys.revoke", "keys.create"]);
    let by_person = AuditFilter { principal: Some(Principal::User(user)), ..AuditFilter::of(ours) };
    assert_eq!(ask(by_person).await, ["keys.revoke"]);
    let done = AuditFilter { action: Some("users.create".to_owned()), ..AuditFilter::of(ours) };
    assert_eq!(ask(done).await, ["users.create"]);
    assert_eq!(ask(AuditFilter { until: Some(NOW), ..AuditFilter::of(ours) }).await, Vec::<String>::new());
    assert_eq!(ask(AuditFilter { since: Some(NOW), ..AuditFilter::of(theirs) }).await, ["keys.create"]);
}
