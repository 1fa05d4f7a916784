//! People who sign in.

use domain::access::RoleRef;
use domain::control::{ControlError, SecondFactor, Secret, User};
use domain::ids::{AccountId, UserId};
use domain::time::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use sealing::Sealer;
use serde::{Deserialize, Serialize};

use crate::ControlDb;
use crate::error::of_database;
use crate::reading::{PAGE_LIMIT, Reading, seal};
use crate::row::app_user;

pub(super) const TABLE: &str = "app_user";

/// What of a person is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    login: String,
    name: String,
    password: Option<String>,
    second_factor: Option<Factor>,
}

#[derive(Serialize, Deserialize)]
struct Factor {
    secret: String,
    confirmed: bool,
    last_step: u64,
    recovery: Vec<[u8; 32]>,
}

/// Under what a login is found.
pub(super) fn login_index(sealer: &Sealer, login: &str) -> i64 {
    sealer.personal_index(TABLE, login.as_bytes())
}

pub(super) fn row_of(sealer: &Sealer, user: &User) -> app_user::Model {
    let factor = user.second_factor.as_ref().map(|factor| Factor {
        secret: factor.secret.0.clone(),
        confirmed: factor.confirmed,
        last_step: factor.last_step,
        recovery: factor.recovery.clone(),
    });
    let sealed = Sealed {
        login: user.login.clone(),
        name: user.name.clone(),
        password: user.password.as_ref().map(|password| password.0.clone()),
        second_factor: factor,
    };
    app_user::Model {
        id: user.id.raw(),
        account: user.account.raw(),
        login_index: login_index(sealer, &user.login),
        sealed: seal(sealer, TABLE, user.id.raw(), &sealed),
        roles: user.roles.iter().map(RoleRef::to_string).collect::<Vec<_>>().join(" "),
        disabled_at: user.disabled_at.map(Timestamp::millis),
        created_at: user.created_at.millis(),
        revision: i32::try_from(user.revision).unwrap_or(i32::MAX),
    }
}

impl ControlDb {
    pub(super) async fn page_of_users(
        &self,
        account: AccountId,
        before: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<User>, ControlError> {
        let mut query = app_user::Entity::find().filter(app_user::Column::Account.eq(account.raw()));
        if let Some(before) = before {
            query = query.filter(app_user::Column::Id.lt(before.raw()));
        }
        let rows = query
            .order_by_desc(app_user::Column::Id)
            .limit(u64::from(limit.min(PAGE_LIMIT)))
            .all(&self.db)
            .await;
        rows.map_err(|e| of_database(&e, TABLE))?.iter().map(|row| self.user_of(row)).collect()
    }

    pub(super) async fn one_user(
        &self,
        account: AccountId,
        id: UserId,
    ) -> Result<Option<User>, ControlError> {
        let query =
            app_user::Entity::find_by_id(id.raw()).filter(app_user::Column::Account.eq(account.raw()));
        let row = query.one(&self.db).await.map_err(|e| of_database(&e, TABLE))?;
        row.map(|row| self.user_of(&row)).transpose()
    }

    pub(super) async fn user_of_login(&self, login: &str) -> Result<Option<User>, ControlError> {
        let index = login_index(&self.sealer, login);
        let query = app_user::Entity::find().filter(app_user::Column::LoginIndex.eq(index));
        let row = query.one(&self.db).await.map_err(|e| of_database(&e, TABLE))?;
        let user = row.map(|row| self.user_of(&row)).transpose()?;
        Ok(user.filter(|user| user.login == login))
    }

    fn user_of(&self, row: &app_user::Model) -> Result<User, ControlError> {
        let reading = Reading(TABLE);
        let Sealed { login, name, password, second_factor } =
            reading.open(&self.sealer, row.id, &row.sealed)?;
        let role = |text: &str| text.parse::<RoleRef>().map_err(|_| reading.odd("roles"));
        Ok(User {
            id: UserId::from_raw(row.id),
            account: AccountId::from_raw(row.account),
            login,
            name,
            password: password.map(Secret),
            second_factor: second_factor.map(|factor| SecondFactor {
                secret: Secret(factor.secret),
                confirmed: factor.confirmed,
                last_step: factor.last_step,
                recovery: factor.recovery,
            }),
            roles: row.roles.split_whitespace().map(role).collect::<Result<_, _>>()?,
            disabled_at: row.disabled_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
            revision: reading.number("revision", row.revision)?,
        })
    }
}
