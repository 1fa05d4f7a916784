//! The section of the provider of identities over which people may sign in.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use api::Admission;
use domain::access::RoleRef;
use domain::control::Secret;
use serde::{Deserialize, Serialize};

use super::Config;

/// Where people sign in besides here. Without an issuer, nowhere.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OidcConfig {
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    redirect_uri: Option<String>,
    scopes: String,
    by_email: bool,
    create_as: Option<String>,
}

impl Default for OidcConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret_file: None,
            redirect_uri: None,
            scopes: "openid email profile".to_owned(),
            by_email: true,
            create_as: None,
        }
    }
}

impl Config {
    /// The provider, if one is set, and what its word may do.
    ///
    /// # Errors
    /// When half of it is missing, its secret cannot be read, or the role is none.
    pub(crate) fn oidc(&self) -> anyhow::Result<Option<(oidc::Settings, Admission)>> {
        let set = &self.oidc;
        let Some(issuer) = set.issuer.clone() else {
            if set.client_id.is_some() || set.redirect_uri.is_some() {
                bail!("设置 [oidc] 时须写 oidc.issuer · with [oidc], set oidc.issuer");
            }
            return Ok(None);
        };
        let read = |path: &PathBuf| {
            let secret = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            anyhow::Ok(Secret(secret.trim().to_owned()))
        };
        let role = |text: &String| {
            text.parse::<RoleRef>().map_err(|error| {
                anyhow::anyhow!("oidc.create_as 应为角色名，如 read_only · oidc.create_as is a role: {error}")
            })
        };
        let settings = oidc::Settings {
            issuer,
            client_id: set.client_id.clone().unwrap_or_default(),
            client_secret: set.client_secret_file.as_ref().map(read).transpose()?,
            redirect_uri: set.redirect_uri.clone().unwrap_or_default(),
            scopes: set.scopes.split_whitespace().map(str::to_owned).collect(),
        };
        settings.check().map_err(|error| {
            let told = error.explain();
            anyhow::anyhow!("{} · {}", told.zh, told.en)
        })?;
        let create_as = set.create_as.as_ref().map(role).transpose()?;
        Ok(Some((settings, Admission { by_email: set.by_email, create_as })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(oidc: OidcConfig) -> String {
        let config = Config { oidc, ..Config::default() };
        config.oidc().map_or_else(|error| error.to_string(), |set| format!("{}", set.is_some()))
    }

    #[test]
    fn half_a_provider_is_refused_and_none_is_none() {
        assert_eq!(told(OidcConfig::default()), "false");
        let whole = OidcConfig {
            issuer: Some("https://id.example.com".to_owned()),
            client_id: Some("hongyan".to_owned()),
            redirect_uri: Some("https://sms.example.com/v1/session/oidc/callback".to_owned()),
            create_as: Some("read_only".to_owned()),
            ..OidcConfig::default()
        };
        assert_eq!(told(whole.clone()), "true");
        let cases = [
            (OidcConfig { issuer: None, ..whole.clone() }, "oidc.issuer"),
            (OidcConfig { issuer: Some("http://id.example.com".to_owned()), ..whole.clone() }, "https"),
            (OidcConfig { client_id: None, ..whole.clone() }, "oidc.client_id"),
            (OidcConfig { redirect_uri: None, ..whole.clone() }, "oidc.redirect_uri"),
            (OidcConfig { create_as: Some("god".to_owned()), ..whole.clone() }, "oidc.create_as"),
            (OidcConfig { client_secret_file: Some("/nowhere/secret".into()), ..whole }, "/nowhere/secret"),
        ];
        for (oidc, word) in cases {
            let told = told(oidc);
            assert!(told.contains(word), "{word}: {told}");
        }
    }
}
