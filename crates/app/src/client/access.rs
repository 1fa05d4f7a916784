//! `hongyan key`, `hongyan account` and `hongyan user`.

use api::json::{
    Account, AccountChange, AccountCreate, Done, Key, KeyCreate, KeyCreated, Moment, Page, User, UserInvite,
    UserInvited, UserReset,
};
use clap::Subcommand;
use serde::de::DeserializeOwned;

use super::Connection;
use crate::exit::Failure;
use crate::show::json;

/// 密钥 / keys
#[derive(Subcommand, Debug)]
pub(crate) enum KeyCommand {
    /// 创建密钥；密钥只显示一次 / make a key; its secret is shown once
    Create {
        /// 名称 / name
        #[arg(long)]
        name: String,
        /// 权限，如 messages:send，可多次 / a permission such as messages:send; may be repeated
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// 允许的网段，如 10.0.0.0/8，可多次 / an allowed network; may be repeated
        #[arg(long = "network")]
        networks: Vec<String>,
        /// 到期时间，RFC 3339 / when it ends
        #[arg(long)]
        expires_at: Option<String>,
        /// 签名密钥，见 docs/access.md / signs its requests instead of being shown
        #[arg(long)]
        signs: bool,
        /// 每分钟请求数 / requests per minute
        #[arg(long)]
        per_minute: Option<u32>,
    },
    /// 密钥列表 / list keys
    List,
    /// 吊销密钥 / revoke a key
    Revoke {
        /// 编号 key_… / id
        id: String,
    },
}

/// 账户 / accounts
#[derive(Subcommand, Debug)]
pub(crate) enum AccountCommand {
    /// 开立账户 / open an account
    Create {
        /// 名称 / name
        #[arg(long)]
        name: String,
        /// 上级账户 acc_… / the account above it
        #[arg(long)]
        parent: Option<String>,
        /// 法律主体名称；子账户省略时与上级相同 / name of its legal entity; a sub-account shares its parent's when left out
        #[arg(long)]
        entity: Option<String>,
    },
    /// 账户列表 / list accounts
    List,
    /// 账户详情 / show an account
    Show {
        /// 编号 acc_… / id
        id: String,
    },
    /// 改名 / rename an account
    Rename {
        /// 编号 acc_… / id
        id: String,
        /// 新名称 / its new name
        #[arg(long)]
        name: String,
    },
    /// 停用账户：密钥和用户都不能再登录 / disable an account: neither keys nor people are let in
    Disable {
        /// 编号 acc_… / id
        id: String,
    },
    /// 启用账户 / enable an account
    Enable {
        /// 编号 acc_… / id
        id: String,
    },
}

/// 用户 / people
#[derive(Subcommand, Debug)]
pub(crate) enum UserCommand {
    /// 邀请用户，得到一次性链接 / invite somebody; prints a one-time link
    Invite {
        /// 登录名，如邮箱 / login, such as an e-mail address
        #[arg(long)]
        login: String,
        /// 姓名 / name
        #[arg(long)]
        name: String,
        /// 角色，可多次 / a role; may be repeated
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    /// 用户列表 / list users
    List,
    /// 重新生成一次性链接（忘记密码） / a new one-time link, for who forgot the password
    Link {
        /// 编号 usr_… / id
        id: String,
        /// 同时移除两步验证 / take the second factor away as well
        #[arg(long)]
        remove_second_factor: bool,
    },
}

pub(super) async fn keys(connection: &Connection, command: KeyCommand) -> Result<(), Failure> {
    let show = connection.show;
    match command {
        KeyCommand::Create { name, scopes, networks, expires_at, signs, per_minute } => {
            let expires_at = expires_at.map(Moment);
            let body = KeyCreate { name, scopes, networks, expires_at, signs, per_minute };
            let made: KeyCreated = connection.post("/v1/keys", &body).await?;
            if connection.json {
                return Ok(json(&made)?);
            }
            show.row(0, &made.key.id, &made.key.scopes.join(" "), "");
            show.say("密钥只显示这一次：", "The secret is shown this once:");
            show.line(&made.secret);
        }
        KeyCommand::List => {
            let keys: Vec<Key> = all(connection, "/v1/keys").await?;
            if connection.json {
                return Ok(json(&keys)?);
            }
            for key in keys {
                let state = if key.revoked_at.is_some() { show.of("已吊销", "revoked") } else { "" };
                let used = key.used_at.as_ref().map_or("", |at| at.0.as_str());
                show.row(0, &key.id, &key.name, &format!("{} {used} {state}", key.scopes.join(" ")));
            }
        }
        KeyCommand::Revoke { id } => {
            let done: Done = connection.delete(&format!("/v1/keys/{id}")).await?;
            if connection.json {
                return Ok(json(&done)?);
            }
            show.say("已吊销", "revoked");
        }
    }
    Ok(())
}

pub(super) async fn accounts(connection: &Connection, command: AccountCommand) -> Result<(), Failure> {
    let change = async |id: String, change: AccountChange| {
        connection.patch::<Account>(&format!("/v1/accounts/{id}"), &change).await
    };
    let account = match command {
        AccountCommand::List => {
            let accounts: Vec<Account> = all(connection, "/v1/accounts").await?;
            if connection.json {
                return Ok(json(&accounts)?);
            }
            accounts.iter().for_each(|account| tell(connection, account));
            return Ok(());
        }
        AccountCommand::Create { name, parent, entity } => {
            connection.post("/v1/accounts", &AccountCreate { name, parent, entity }).await?
        }
        AccountCommand::Show { id } => connection.get(&format!("/v1/accounts/{id}")).await?,
        AccountCommand::Rename { id, name } => {
            change(id, AccountChange { name: Some(name), disabled: None }).await?
        }
        AccountCommand::Disable { id } => {
            change(id, AccountChange { name: None, disabled: Some(true) }).await?
        }
        AccountCommand::Enable { id } => {
            change(id, AccountChange { name: None, disabled: Some(false) }).await?
        }
    };
    if connection.json {
        return Ok(json(&account)?);
    }
    tell(connection, &account);
    Ok(())
}

fn tell(connection: &Connection, account: &Account) {
    let show = connection.show;
    let state = if account.disabled { show.of("已停用", "disabled") } else { "" };
    let above = account.parent.as_deref().unwrap_or(&account.kind);
    show.row(0, &account.id, &account.name, &format!("{above} {state}"));
}

pub(super) async fn users(connection: &Connection, command: UserCommand) -> Result<(), Failure> {
    let invited: UserInvited = match command {
        UserCommand::List => {
            let users: Vec<User> = all(connection, "/v1/users").await?;
            if connection.json {
                return Ok(json(&users)?);
            }
            for user in users {
                connection.show.row(0, &user.id, &user.login, &user.roles.join(" "));
            }
            return Ok(());
        }
        UserCommand::Invite { login, name, roles } => {
            connection.post("/v1/users", &UserInvite { login, name, roles }).await?
        }
        UserCommand::Link { id, remove_second_factor } => {
            connection.post(&format!("/v1/users/{id}/link"), &UserReset { remove_second_factor }).await?
        }
    };
    if connection.json {
        return Ok(json(&invited)?);
    }
    connection.show.say("一次性链接，三天内有效：", "A one-time link, good for three days:");
    connection.show.line(&connection.address_of(&invited.path));
    Ok(())
}

/// Every page of a listing.
pub(super) async fn all<T: DeserializeOwned>(connection: &Connection, path: &str) -> Result<Vec<T>, Failure> {
    let (mut items, mut asked) = (Vec::new(), format!("{path}?limit=1000"));
    loop {
        let page: Page<T> = connection.get(&asked).await?;
        items.extend(page.items);
        let Some(next) = page.next else { return Ok(items) };
        asked = format!("{path}?limit=1000&cursor={next}");
    }
}
