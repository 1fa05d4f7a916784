//! What needs no connection: checking settings, and reading callbacks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::channel::{Callback, CallbackRequest, Providers, SettingsFault};
use domain::control::{ChannelConfig, LEAST_TOKEN, MOST_TOKEN, Provider};
use domain::ids::ChannelId;
use domain::time::Timestamp;
use subtle::ConstantTimeEq as _;

use super::dialect::Dialect;
use super::{dialect_of, fault};

/// Most seconds between two questions: an hour.
const LONGEST_POLL: u32 = 3_600;

/// The providers that this crate speaks to.
#[derive(Default)]
pub struct HttpProviders {
    /// The dialects of channels that were called, with the settings that they were made of.
    known: Mutex<HashMap<ChannelId, Known>>,
}

type Known = (ChannelConfig, Arc<dyn Dialect>);

impl HttpProviders {
    fn dialect(&self, config: &ChannelConfig) -> Result<Arc<dyn Dialect>, SettingsFault> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_of, dialect)) = known.get(&config.id)
            && made_of == config
        {
            return Ok(Arc::clone(dialect));
        }
        let dialect: Arc<dyn Dialect> = dialect_of(config)?.into();
        known.insert(config.id, (config.clone(), Arc::clone(&dialect)));
        Ok(dialect)
    }
}

impl Providers for HttpProviders {
    fn check(&self, config: &ChannelConfig) -> Result<(), SettingsFault> {
        if config.protocol.is_provider() { dialect_of(config).map(drop) } else { Ok(()) }
    }

    fn called(&self, config: &ChannelConfig, request: &CallbackRequest, now: Timestamp) -> Callback {
        let token = config.provider.as_ref().and_then(|provider| provider.callback_token.as_ref());
        let Some(token) = token.filter(|_| config.protocol.is_provider()) else { return Callback::Nowhere };
        if !bool::from(token.0.as_bytes().ct_eq(request.token.as_bytes())) {
            return Callback::Nowhere;
        }
        match self.dialect(config) {
            Ok(dialect) => dialect.called(request, now),
            Err(_) => Callback::Nowhere,
        }
    }
}

/// What is the same for all providers.
pub(super) fn check_common(provider: &Provider) -> Result<(), SettingsFault> {
    if let Some(token) = &provider.callback_token {
        let fits = (LEAST_TOKEN..=MOST_TOKEN).contains(&token.0.len())
            && token.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !fits {
            return Err(fault(
                "/callback_token",
                "应为 16 到 64 个字母、数字、- 或 _",
                "16 to 64 letters, digits, - and _ are expected",
            ));
        }
    }
    if provider.poll_seconds.is_some_and(|seconds| !(1..=LONGEST_POLL).contains(&seconds)) {
        return Err(fault("/poll_seconds", "应为 1 到 3600 秒", "1 to 3600 seconds are expected"));
    }
    Ok(())
}
