//! A text as it would be sent, for editors.

use domain::message::Category;
use domain::text::{Preview, Signature, compose, preview};

use super::SendError;
use crate::Engine;

impl Engine {
    /// The whole text, signature and opt-out words included, with encoding, length and parts.
    ///
    /// # Errors
    /// [`SendError::Signature`] and [`SendError::Text`].
    pub fn preview_text(
        &self,
        category: Category,
        signature: Option<&str>,
        body: &str,
    ) -> Result<Preview, SendError> {
        let signature = signature.map(Signature::parse).transpose().map_err(SendError::Signature)?;
        let suffix = (category == Category::Marketing).then_some(self.settings.opt_out_suffix.as_str());
        preview(compose(signature.as_ref(), body, suffix), &self.settings.text_rules).map_err(SendError::Text)
    }
}
