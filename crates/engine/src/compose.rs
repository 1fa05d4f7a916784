//! From a recipient to a finished text with its count and price: the one way for preflight, expansion and API.

use std::sync::Arc;

use domain::message::{Category, Reason};
use domain::money::Money;
use domain::numbers::PrefixTable;
use domain::phone::{Carrier, Phone};
use domain::routing::Reach;
use domain::template::{RenderError, Template, Values};
use domain::text::{Encoding, Signature, TextError, TextRules, compose, plan};

use crate::PriceTable;

/// A text that can be sent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Composed {
    pub text: String,
    pub encoding: Encoding,
    /// Billed characters.
    pub length: u16,
    pub parts: u8,
    pub carrier: Carrier,
    /// It waits in the stream of its carrier.
    pub by_carrier: bool,
    pub price: Money,
}

/// What is the same for every recipient of a stream of messages.
pub(crate) struct Composer {
    signature: Option<Signature>,
    suffix: Option<String>,
    rules: TextRules,
    reach: Reach,
    prices: PriceTable,
    by_carrier: bool,
    numbers: Arc<PrefixTable>,
}

impl Composer {
    /// Marketing gets the opt-out words; `reach` says which carriers the route leads to, the table whose a phone is.
    pub(crate) fn new(
        category: Category,
        signature: Option<Signature>,
        opt_out_suffix: &str,
        rules: TextRules,
        prices: PriceTable,
        (reach, numbers): (Reach, Arc<PrefixTable>),
    ) -> Self {
        Self {
            signature,
            suffix: (category == Category::Marketing).then(|| opt_out_suffix.to_owned()),
            rules,
            by_carrier: reach.is_by_carrier(),
            reach,
            prices,
            numbers,
        }
    }

    /// The whole text for one phone.
    ///
    /// # Errors
    /// The reason for which this recipient gets nothing.
    pub(crate) fn compose(&self, body: &str, phone: Phone) -> Result<Composed, Reason> {
        let carrier = self.numbers.carrier(phone);
        if !self.reach.leads_to(carrier) {
            return Err(Reason::NoRoute);
        }
        let per_part = self.prices.of(carrier, phone);
        let text = compose(self.signature.as_ref(), body, self.suffix.as_deref());
        let plan = plan(&text, &self.rules).map_err(|error| match error {
            TextError::TooLong { .. } => Reason::TextTooLong,
            TextError::Empty | TextError::NotRepresentable { .. } => Reason::RenderFailed,
        })?;
        Ok(Composed {
            text,
            encoding: plan.encoding,
            length: plan.length,
            parts: plan.parts,
            carrier,
            by_carrier: self.by_carrier,
            price: per_part * i64::from(plan.billed_parts),
        })
    }

    /// As [`Self::compose`], with the body from a template and one recipient's values.
    ///
    /// # Errors
    /// The reason for which this recipient gets nothing.
    pub(crate) fn render(
        &self,
        template: &Template,
        values: &Values<'_>,
        phone: Phone,
    ) -> Result<Composed, Reason> {
        let body = template.render(values).map_err(|error| match error {
            RenderError::MissingVariable { .. } => Reason::MissingVariable,
            RenderError::TooLong { .. } => Reason::TextTooLong,
            RenderError::BadValue { .. } | RenderError::TooMuchWork | RenderError::Failed { .. } => {
                Reason::RenderFailed
            }
        })?;
        self.compose(&body, phone)
    }
}
