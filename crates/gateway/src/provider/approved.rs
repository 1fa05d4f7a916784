//! The templates that a provider approved, and which of them a text is.

use domain::approved::{Pattern, choose};
use domain::channel::{CarrierCode, SettingsFault};
use domain::control::Provider;
use domain::text::divide;

use super::dialect::Prepared;
use super::fault;

/// Templates of one channel; the matching of a text walks over all of them.
const MOST_TEMPLATES: usize = 500;
/// The text is of none of the templates.
const NO_TEMPLATE: &[u8] = b"NOTEMPLATE";
/// Neither text, template nor channel names a signature.
const NO_SIGN: &[u8] = b"SIGNERR";

pub(super) struct Templates {
    patterns: Vec<Pattern>,
    codes: Vec<(String, Option<String>)>,
    sign: Option<String>,
}

impl Templates {
    /// `names` says whether places may have these names.
    ///
    /// # Errors
    /// [`SettingsFault`] at the first template that is not understood.
    pub(super) fn new(
        provider: &Provider,
        names: fn(&[&str]) -> bool,
        form: (&'static str, &'static str),
    ) -> Result<Self, SettingsFault> {
        if provider.templates.is_empty() || provider.templates.len() > MOST_TEMPLATES {
            return Err(fault(
                "/templates",
                "需要 1 到 500 个已审模板",
                "1 to 500 approved templates are needed",
            ));
        }
        let (mut patterns, mut codes) = (Vec::new(), Vec::new());
        for (place, template) in provider.templates.iter().enumerate() {
            if template.code.trim().is_empty() {
                return Err(fault(
                    format!("/templates/{place}/code"),
                    "缺少模板代码",
                    "the template's code is missing",
                ));
            }
            let pattern = Pattern::parse(&template.text).map_err(|error| SettingsFault {
                pointer: format!("/templates/{place}/text"),
                said: error.explain(),
            })?;
            if !names(&pattern.places()) {
                return Err(fault(format!("/templates/{place}/text"), form.0, form.1));
            }
            patterns.push(pattern);
            codes.push((template.code.trim().to_owned(), template.sign.clone()));
        }
        Ok(Self { patterns, codes, sign: provider.sign.clone() })
    }

    /// The template of a text.
    ///
    /// # Errors
    /// The code under which it is refused, when it is of none, or nothing names its signature.
    pub(super) fn of(&self, text: &str) -> Result<Prepared, CarrierCode> {
        let (signature, body) = divide(text);
        let (place, params) = choose(&self.patterns, body).ok_or_else(|| CarrierCode::new(NO_TEMPLATE))?;
        let (code, own) = &self.codes[place];
        let sign = own.as_deref().or(signature).or(self.sign.as_deref());
        let sign = sign.ok_or_else(|| CarrierCode::new(NO_SIGN))?;
        Ok(Prepared {
            alike: String::new(),
            template: code.clone(),
            sign: sign.to_owned(),
            params: params.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })
    }
}
