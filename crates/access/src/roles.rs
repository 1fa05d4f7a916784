//! Roles that an account makes for itself.

use domain::access::PermissionSet;
use domain::control::{AccessChange, CustomRole};
use domain::ids::RoleId;

use crate::Access;
use crate::identity::held_in;
use crate::{AccessTrouble, Actor, as_read, checked_name, digest_of};

/// Roles of one account: more than anybody tells apart.
const MAX_ROLES: usize = 100;

impl Access {
    /// Makes a role.
    ///
    /// # Errors
    /// [`AccessTrouble`]: a name that is none or taken, permissions that are not the actor's to give.
    pub async fn create_role(
        &self,
        actor: &Actor,
        name: &str,
        permissions: PermissionSet,
    ) -> Result<CustomRole, AccessTrouble> {
        let name = checked_name(name, "/name")?;
        may_give(actor, permissions)?;
        if self.control.roles(actor.id()).await?.len() >= MAX_ROLES {
            return Err(AccessTrouble::conflict("角色数量已达上限 100", "There are 100 roles already"));
        }
        let id = RoleId::from(self.ids.fresh(self.clock.now()));
        let role = CustomRole { id, account: actor.id(), name, permissions, revision: 0 };
        let mut line = self.audit_line(actor, "roles.create", &id);
        line.after = Some(digest_of(&[&role.name, &permissions.words()]));
        self.control.change_access(&[AccessChange::AddRole(role.clone())], &line).await?;
        Ok(role)
    }

    /// One of the account's own roles.
    ///
    /// # Errors
    /// [`AccessTrouble::NoSuch`] for any other.
    pub async fn role(&self, actor: &Actor, id: RoleId) -> Result<CustomRole, AccessTrouble> {
        let roles = self.control.roles(actor.id()).await?;
        roles.into_iter().find(|role| role.id == id).ok_or_else(|| AccessTrouble::no_such("角色", "role"))
    }

    /// Changes a role; whoever has it may do what it holds from now on.
    ///
    /// # Errors
    /// As [`Access::create_role`]; also for a role that holds more than the actor does.
    pub async fn change_role(
        &self,
        actor: &Actor,
        id: RoleId,
        name: Option<&str>,
        permissions: Option<PermissionSet>,
        expected: Option<u32>,
    ) -> Result<CustomRole, AccessTrouble> {
        let mut role = self.role(actor, id).await?;
        as_read(expected, role.revision, "role")?;
        may_give(actor, role.permissions)?;
        let before = digest_of(&[&role.name, &role.permissions.words()]);
        if let Some(name) = name {
            role.name = checked_name(name, "/name")?;
        }
        if let Some(permissions) = permissions {
            may_give(actor, permissions)?;
            role.permissions = permissions;
        }
        let mut line = self.audit_line(actor, "roles.change", &id);
        (line.before, line.after) = (Some(before), Some(digest_of(&[&role.name, &role.permissions.words()])));
        self.control.change_access(&[AccessChange::ChangeRole(role.clone())], &line).await?;
        role.revision += 1;
        Ok(role)
    }

    /// Removes a role; whoever has it loses what it holds.
    ///
    /// # Errors
    /// As [`Access::change_role`].
    pub async fn remove_role(&self, actor: &Actor, id: RoleId) -> Result<(), AccessTrouble> {
        let role = self.role(actor, id).await?;
        may_give(actor, role.permissions)?;
        let mut line = self.audit_line(actor, "roles.remove", &id);
        line.before = Some(digest_of(&[&role.name, &role.permissions.words()]));
        Ok(self.control.change_access(&[AccessChange::RemoveRole(role)], &line).await?)
    }
}

fn may_give(actor: &Actor, permissions: PermissionSet) -> Result<(), AccessTrouble> {
    let held = held_in(&actor.account, actor.permissions);
    held.may_grant(permissions).map_err(|missing| AccessTrouble::not_yours_to_give("/permissions", missing))
}
