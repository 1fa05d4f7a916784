//! A campaign's message as a whole: what turns each row of its frozen audience into a text.

use domain::control::{AudienceRow, Campaign};
use domain::message::Reason;
use domain::numbers::PrefixTable;
use domain::phone::Phone;
use domain::template::{Template, Values};
use domain::text::Signature;

use super::CampaignTrouble;
use crate::Engine;
use crate::compose::{Composed, Composer};

/// A compiled campaign.
pub(super) struct Letter {
    pub template: Template,
    composer: Composer,
}

impl Engine {
    /// Compiles a campaign's message with the prices and channels of now.
    pub(super) async fn letter(&self, campaign: &Campaign) -> Result<Letter, CampaignTrouble> {
        let template = Template::compile(&campaign.text).map_err(CampaignTrouble::Template)?;
        let signature = Signature::parse(&campaign.signature).map_err(CampaignTrouble::Signature)?;
        let prices = self.prices(campaign.account).await?;
        let reach = self.reach(campaign.route, campaign.category).await?;
        let composer = Composer::new(
            campaign.category,
            Some(signature),
            &self.settings.opt_out_suffix,
            self.settings.text_rules,
            &prices,
            (reach.ok_or(CampaignTrouble::NoSuchRoute)?, self.numbers().await?),
        );
        Ok(Letter { template, composer })
    }
}

impl Letter {
    /// Where the phones' ranges were sold.
    pub(super) fn numbers(&self) -> &PrefixTable {
        self.composer.numbers()
    }

    /// The text for one row; `columns` names its values.
    ///
    /// # Errors
    /// The reason for which this person gets nothing.
    pub(super) fn for_row(&self, row: &AudienceRow, columns: &[String]) -> Result<Composed, Reason> {
        let values: Vec<(&str, &str)> =
            columns.iter().map(String::as_str).zip(row.values.iter().map(String::as_str)).collect();
        self.for_values(&values, row.phone)
    }

    fn for_values(&self, values: &[(&str, &str)], phone: Phone) -> Result<Composed, Reason> {
        self.composer.render(&self.template, &Values(values), phone)
    }
}
