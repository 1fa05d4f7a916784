//! An installation counts in one currency for ever: what was priced and paid in one is not called another.

use domain::control::{Control, ControlError};
use domain::currency::Currency;
use domain::money::Money;

/// Where it is kept what the books are in.
const KEPT: &str = "billing.currency";

/// Why an installation does not count in the currency that was set.
#[derive(Debug, thiserror::Error)]
pub enum CurrencyTrouble {
    /// It has prices or money in another.
    #[error("the prices and books here are in {kept}, not in {set}: set currency = \"{kept}\"")]
    Other {
        /// What they are in.
        kept: Currency,
        /// What was set.
        set: Currency,
    },
    /// This process counts in another already.
    #[error("this process counts in another currency already")]
    Installed,
    /// The control database refused.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// Makes this process count in a currency, if that is what the installation counts in. What has neither prices nor money takes it on.
///
/// # Errors
/// [`CurrencyTrouble`]; nothing may be started then.
pub async fn keep_currency(control: &dyn Control, set: Currency) -> Result<(), CurrencyTrouble> {
    let kept = control.setting(KEPT).await?.and_then(|code| code.parse::<Currency>().ok());
    let kept = match kept {
        // Installations from before there was a choice counted in this one.
        None if has_money(control).await? => Some(Currency::CNY),
        kept => kept,
    };
    if let Some(kept) = kept.filter(|kept| *kept != set) {
        return Err(CurrencyTrouble::Other { kept, set });
    }
    control.put_setting(KEPT, set.code()).await?;
    if set.install() { Ok(()) } else { Err(CurrencyTrouble::Installed) }
}

/// Whether anything here has a price, or anybody a balance.
async fn has_money(control: &dyn Control) -> Result<bool, ControlError> {
    if control.channels().await?.iter().any(|channel| channel.cost != Money::ZERO) {
        return Ok(true);
    }
    for account in control.accounts().await? {
        let balance = control.balance(account.id).await?;
        let moved = [balance.funds, balance.allowance, balance.held, balance.reserved];
        if moved.iter().any(|amount| *amount != Money::ZERO) || !control.prices(account.id).await?.is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}
