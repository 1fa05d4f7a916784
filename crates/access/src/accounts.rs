//! Accounts: the operator's, its tenants, and their sub-accounts one level down.

use domain::control::{AccessChange, Account, AccountKind, Entity, Tenant};
use domain::ids::{AccountId, EntityId};

use crate::Access;
use crate::{AccessTrouble, Actor, Digest, as_read, checked_name, digest_of};

/// An account to be opened.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    /// For people.
    pub name: String,
    /// The account above it; only the operator names another than its own.
    pub parent: Option<AccountId>,
    /// The legal entity's name; absent: a sub-account shares its parent's, a tenant's is called as the account.
    pub entity: Option<String>,
}

impl Access {
    /// Opens an account: from the operator's account a tenant, or a sub-account of one; from a tenant's a sub-account.
    ///
    /// # Errors
    /// [`AccessTrouble`]: a name that is none, a parent that is not there or is a sub-account itself.
    pub async fn open_account(&self, actor: &Actor, new: NewAccount) -> Result<Tenant, AccessTrouble> {
        let name = checked_name(&new.name, "/name")?;
        let parent = self.parent_of(actor, new.parent).await?;
        let now = self.clock.now();
        let own_entity = match (&new.entity, &parent) {
            (Some(entity), _) => Some(checked_name(entity, "/entity")?),
            (None, None) => Some(name.clone()),
            (None, Some(_)) => None,
        };
        let entity = match (own_entity, &parent) {
            (None, Some(parent)) => {
                let id = parent.account.entity;
                // There already, and left as it is.
                Entity { id, name: String::new(), group: id }
            }
            (own, _) => {
                let id = EntityId::from(self.ids.fresh(now));
                Entity { id, name: own.unwrap_or_default(), group: id }
            }
        };
        let tenant = Tenant {
            account: Account { id: self.ids.fresh(now).into(), name, entity: entity.id, created_at: now },
            kind: AccountKind::Tenant,
            parent: parent.map(|parent| parent.account.id),
            disabled_at: None,
            revision: 0,
        };
        let mut line = self.audit_line(actor, "accounts.create", &tenant.account.id);
        line.after = Some(digest(&tenant));
        let change = AccessChange::AddTenant { tenant: tenant.clone(), entity };
        self.control.change_access(&[change], &line).await?;
        Ok(tenant)
    }

    async fn parent_of(
        &self,
        actor: &Actor,
        asked: Option<AccountId>,
    ) -> Result<Option<Tenant>, AccessTrouble> {
        let too_deep = || {
            AccessTrouble::field(
                "/parent",
                "子账户下不能再开子账户",
                "A sub-account has no sub-accounts of its own",
            )
        };
        if !actor.is_operators() {
            let own = asked.is_none_or(|asked| asked == actor.id());
            let parent = own.then(|| actor.account.clone());
            let parent =
                parent.ok_or_else(|| AccessTrouble::field("/parent", "没有这个账户", "No such account"))?;
            return if parent.parent.is_some() { Err(too_deep()) } else { Ok(Some(parent)) };
        }
        let Some(asked) = asked else { return Ok(None) };
        let parent = self.control.tenant(asked).await?;
        let parent =
            parent.ok_or_else(|| AccessTrouble::field("/parent", "没有这个账户", "No such account"))?;
        if parent.parent.is_some() || parent.kind == AccountKind::Operator {
            return Err(too_deep());
        }
        Ok(Some(parent))
    }

    /// The accounts that `actor` sees, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn visible_accounts(&self, actor: &Actor) -> Result<Vec<Tenant>, AccessTrouble> {
        let all = self.control.tenants().await?;
        Ok(all.into_iter().filter(|tenant| actor.sees(tenant)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// [`AccessTrouble::NoSuch`] for any other.
    pub async fn visible_account(&self, actor: &Actor, id: AccountId) -> Result<Tenant, AccessTrouble> {
        let tenant = self.control.tenant(id).await?.filter(|tenant| actor.sees(tenant));
        tenant.ok_or_else(|| AccessTrouble::no_such("账户", "account"))
    }

    /// Renames, disables or enables an account.
    ///
    /// # Errors
    /// [`AccessTrouble`]: nobody disables the account they act in, nor the operator's; somebody was faster.
    pub async fn change_account(
        &self,
        actor: &Actor,
        id: AccountId,
        name: Option<&str>,
        disabled: Option<bool>,
        expected: Option<u32>,
    ) -> Result<Tenant, AccessTrouble> {
        let mut tenant = self.visible_account(actor, id).await?;
        as_read(expected, tenant.revision, "account")?;
        let before = digest(&tenant);
        if let Some(name) = name {
            tenant.account.name = checked_name(name, "/name")?;
        }
        match disabled {
            Some(true) if id == actor.id() || id == actor.home || tenant.kind == AccountKind::Operator => {
                return Err(AccessTrouble::conflict(
                    "不能停用自己所在的账户或运营账户",
                    "Nobody disables their own account or the operator's",
                ));
            }
            Some(true) => tenant.disabled_at = tenant.disabled_at.or(Some(self.clock.now())),
            Some(false) => tenant.disabled_at = None,
            None => {}
        }
        let mut line = self.audit_line(actor, "accounts.change", &id);
        (line.before, line.after) = (Some(before), Some(digest(&tenant)));
        self.control.change_access(&[AccessChange::ChangeTenant(tenant.clone())], &line).await?;
        tenant.revision += 1;
        Ok(tenant)
    }
}

fn digest(tenant: &Tenant) -> Digest {
    let parent = tenant.parent.map_or_else(String::new, |parent| parent.to_string());
    digest_of(&[&tenant.account.name, &parent, &format!("{:?}", tenant.disabled_at)])
}
