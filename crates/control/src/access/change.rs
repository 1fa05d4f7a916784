//! Changes of access, each within the caller's transaction.

use domain::control::{AccessChange, ControlError, CustomRole, KeyGrant, OneTimeLink, Session, Tenant, User};
use domain::time::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};
use sealing::Sealer;

use super::user::{login_index, row_of};
use super::{key, user};
use crate::account::{insert_key, insert_tenant};
use crate::error::of_database;
use crate::reading::seal;
use crate::row::{
    access_link, access_role, account, account_detail, api_key, app_session, app_user, key_detail,
    login_attempt,
};

/// Makes one change.
pub(crate) async fn apply<C: ConnectionTrait>(
    db: &C,
    sealer: &Sealer,
    change: &AccessChange,
) -> Result<(), ControlError> {
    match change {
        AccessChange::AddTenant { tenant, entity } => {
            insert_tenant(db, &tenant.account, entity).await?;
            insert_detail(db, tenant).await
        }
        AccessChange::ChangeTenant(tenant) => change_tenant(db, tenant).await,
        AccessChange::AddKey(grant) => add_key(db, sealer, grant).await,
        AccessChange::RevokeKey { account, id, at } => {
            let revoke = api_key::Entity::update_many()
                .col_expr(api_key::Column::RevokedAt, Expr::value(at.millis()))
                .filter(api_key::Column::Id.eq(id.raw()))
                .filter(api_key::Column::Account.eq(account.raw()))
                .filter(api_key::Column::RevokedAt.is_null());
            one(revoke.exec(db).await.map_err(|e| of_database(&e, "api_key"))?.rows_affected, "key")
        }
        AccessChange::AddUser(user) => {
            let row = row_of(sealer, user).into_active_model();
            let added = app_user::Entity::insert(row).exec_without_returning(db).await;
            added.map(|_| ()).map_err(|e| of_database(&e, "user"))
        }
        AccessChange::ChangeUser(user) => change_user(db, sealer, user).await,
        AccessChange::AddRole(role) => {
            let added = access_role::Entity::insert(role_row(role).into_active_model());
            added.exec_without_returning(db).await.map(|_| ()).map_err(|e| of_database(&e, "role"))
        }
        AccessChange::ChangeRole(role) => change_role(db, role).await,
        AccessChange::RemoveRole(role) => {
            let gone = access_role::Entity::delete_many()
                .filter(access_role::Column::Id.eq(role.id.raw()))
                .filter(access_role::Column::Account.eq(role.account.raw()))
                .filter(access_role::Column::Revision.eq(small(role.revision)));
            one(gone.exec(db).await.map_err(|e| of_database(&e, "role"))?.rows_affected, "role")
        }
        AccessChange::AddLink(link) => add_link(db, link).await,
        AccessChange::UseLink { id, at } => {
            let unused = access_link::Column::Id.eq(id.raw());
            one(end_links(db, unused, *at).await?, "link")
        }
        AccessChange::EndLinks { user, at } => {
            end_links(db, access_link::Column::UserId.eq(user.raw()), *at).await.map(|_| ())
        }
        AccessChange::AddSession(session) => add_session(db, session).await,
        AccessChange::EndSession { id, at } => {
            end_sessions(db, app_session::Column::Id.eq(id.raw()), *at).await
        }
        AccessChange::EndSessions { user, but, at } => {
            let mut whose = app_session::Column::UserId.eq(user.raw());
            if let Some(but) = but {
                whose = ExprTrait::and(whose, app_session::Column::Id.ne(but.raw()));
            }
            end_sessions(db, whose, *at).await
        }
        AccessChange::Forgive { login } => {
            let index = login_index(sealer, login);
            let gone = login_attempt::Entity::delete_by_id(index).exec(db).await;
            gone.map(|_| ()).map_err(|e| of_database(&e, "login_attempt"))
        }
    }
}

/// What is changed by its id must be there as it was read.
fn one(affected: u64, what: &'static str) -> Result<(), ControlError> {
    if affected == 1 { Ok(()) } else { Err(ControlError::Changed(what)) }
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

async fn insert_detail<C: ConnectionTrait>(db: &C, tenant: &Tenant) -> Result<(), ControlError> {
    let row = account_detail::Model {
        id: tenant.account.id.raw(),
        parent: tenant.parent.map(domain::ids::AccountId::raw),
        disabled_at: tenant.disabled_at.map(Timestamp::millis),
        revision: small(tenant.revision),
    };
    let unless_there = OnConflict::column(account_detail::Column::Id).do_nothing().to_owned();
    let put = account_detail::Entity::insert(row.into_active_model()).on_conflict(unless_there);
    put.exec_without_returning(db).await.map(|_| ()).map_err(|e| of_database(&e, "account_detail"))
}

async fn change_tenant<C: ConnectionTrait>(db: &C, tenant: &Tenant) -> Result<(), ControlError> {
    // An account of before there were details gets its row now.
    insert_detail(db, tenant).await?;
    let changed = account_detail::Entity::update_many()
        .col_expr(account_detail::Column::DisabledAt, Expr::value(tenant.disabled_at.map(Timestamp::millis)))
        .col_expr(account_detail::Column::Revision, Expr::value(small(tenant.revision) + 1))
        .filter(account_detail::Column::Id.eq(tenant.account.id.raw()))
        .filter(account_detail::Column::Revision.eq(small(tenant.revision)));
    let changed = changed.exec(db).await.map_err(|e| of_database(&e, "account_detail"))?;
    one(changed.rows_affected, "account")?;
    let named = account::Entity::update_many()
        .col_expr(account::Column::Name, Expr::value(tenant.account.name.as_str()))
        .filter(account::Column::Id.eq(tenant.account.id.raw()));
    one(named.exec(db).await.map_err(|e| of_database(&e, "account"))?.rows_affected, "account")
}

async fn add_key<C: ConnectionTrait>(db: &C, sealer: &Sealer, grant: &KeyGrant) -> Result<(), ControlError> {
    insert_key(db, &grant.key).await?;
    let id = grant.key.id.raw();
    let networks: Vec<String> = grant.rules.networks.iter().map(ToString::to_string).collect();
    let row = key_detail::Model {
        id,
        account: grant.key.account.raw(),
        scopes: grant.scopes.words(),
        networks: networks.join(" "),
        expires_at: grant.rules.expires_at.map(Timestamp::millis),
        sealed: grant.signing.as_ref().map(|secret| seal(sealer, key::TABLE, id, &secret.0)),
        per_minute: grant.per_minute.map(i64::from),
    };
    let added = key_detail::Entity::insert(row.into_active_model()).exec_without_returning(db).await;
    added.map(|_| ()).map_err(|e| of_database(&e, key::TABLE))
}

async fn change_user<C: ConnectionTrait>(db: &C, sealer: &Sealer, user: &User) -> Result<(), ControlError> {
    let row = row_of(sealer, user);
    let changed = app_user::Entity::update_many()
        .col_expr(app_user::Column::LoginIndex, Expr::value(row.login_index))
        .col_expr(app_user::Column::Sealed, Expr::value(row.sealed))
        .col_expr(app_user::Column::Roles, Expr::value(row.roles))
        .col_expr(app_user::Column::DisabledAt, Expr::value(row.disabled_at))
        .col_expr(app_user::Column::Revision, Expr::value(row.revision.saturating_add(1)))
        .filter(app_user::Column::Id.eq(row.id))
        .filter(app_user::Column::Account.eq(row.account))
        .filter(app_user::Column::Revision.eq(row.revision));
    one(changed.exec(db).await.map_err(|e| of_database(&e, user::TABLE))?.rows_affected, "user")
}

fn role_row(role: &CustomRole) -> access_role::Model {
    access_role::Model {
        id: role.id.raw(),
        account: role.account.raw(),
        name: role.name.clone(),
        permissions: role.permissions.words(),
        revision: small(role.revision),
    }
}

async fn change_role<C: ConnectionTrait>(db: &C, role: &CustomRole) -> Result<(), ControlError> {
    let row = role_row(role);
    let changed = access_role::Entity::update_many()
        .col_expr(access_role::Column::Name, Expr::value(row.name))
        .col_expr(access_role::Column::Permissions, Expr::value(row.permissions))
        .col_expr(access_role::Column::Revision, Expr::value(row.revision.saturating_add(1)))
        .filter(access_role::Column::Id.eq(row.id))
        .filter(access_role::Column::Account.eq(row.account))
        .filter(access_role::Column::Revision.eq(row.revision));
    one(changed.exec(db).await.map_err(|e| of_database(&e, "role"))?.rows_affected, "role")
}

async fn add_link<C: ConnectionTrait>(db: &C, link: &OneTimeLink) -> Result<(), ControlError> {
    let row = access_link::Model {
        id: link.id.raw(),
        account: link.account.raw(),
        user_id: link.user.raw(),
        secret_sha256: link.secret_sha256.to_vec(),
        expires_at: link.expires_at.millis(),
        used_at: None,
    };
    let added = access_link::Entity::insert(row.into_active_model()).exec_without_returning(db).await;
    added.map(|_| ()).map_err(|e| of_database(&e, "link"))
}

async fn end_links<C: ConnectionTrait>(
    db: &C,
    which: SimpleExpr,
    at: Timestamp,
) -> Result<u64, ControlError> {
    let used = access_link::Entity::update_many()
        .col_expr(access_link::Column::UsedAt, Expr::value(at.millis()))
        .filter(which)
        .filter(access_link::Column::UsedAt.is_null());
    Ok(used.exec(db).await.map_err(|e| of_database(&e, "link"))?.rows_affected)
}

async fn add_session<C: ConnectionTrait>(db: &C, session: &Session) -> Result<(), ControlError> {
    let row = app_session::Model {
        id: session.id.raw(),
        account: session.account.raw(),
        user_id: session.user.raw(),
        secret_sha256: session.secret_sha256.to_vec(),
        created_at: session.created_at.millis(),
        seen_at: session.seen_at.millis(),
        expires_at: session.expires_at.millis(),
        ended_at: None,
    };
    let added = app_session::Entity::insert(row.into_active_model()).exec_without_returning(db).await;
    added.map(|_| ()).map_err(|e| of_database(&e, "session"))
}

async fn end_sessions<C: ConnectionTrait>(
    db: &C,
    which: SimpleExpr,
    at: Timestamp,
) -> Result<(), ControlError> {
    let ended = app_session::Entity::update_many()
        .col_expr(app_session::Column::EndedAt, Expr::value(at.millis()))
        .filter(which)
        .filter(app_session::Column::EndedAt.is_null());
    ended.exec(db).await.map(|_| ()).map_err(|e| of_database(&e, "session"))
}
