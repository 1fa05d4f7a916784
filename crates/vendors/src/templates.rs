//! Templates by the codes under which an application knows them: our template of that name, or of that id.

use domain::control::{ControlError, TemplateRecord};
use domain::ids::AccountId;

use super::Desk;

/// Templates of an account that are looked through.
const TEMPLATES: u32 = 1_000;

/// The template of a code.
///
/// # Errors
/// [`ControlError`].
pub(super) async fn of_code(
    desk: &Desk,
    account: AccountId,
    code: &str,
) -> Result<Option<TemplateRecord>, ControlError> {
    let control = desk.api.control();
    if let Ok(id) = code.parse()
        && let Some(found) = control.template(account, id).await?
    {
        return Ok(Some(found));
    }
    let all = control.templates(account, TEMPLATES).await?;
    Ok(all.into_iter().find(|template| template.name == code))
}
