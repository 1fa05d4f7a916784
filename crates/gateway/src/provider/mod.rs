//! Channels over providers' HTTP interfaces: one front, queue and set of requests under way for all of them.
//!
//! What a provider adds is a [`dialect::Dialect`]: pure, it writes requests and reads answers, callbacks and polls. A request
//! is tried once. What certainly was not written is given back, what may have been written and was not answered is uncertain.

mod aliyun;
mod approved;
mod asking;
mod awaited;
mod channel;
mod client;
mod dialect;
mod form;
mod port;
pub(crate) mod sign;
mod tencent;
mod twilio;
mod work;

pub(crate) use channel::ProviderChannel;
pub use port::HttpProviders;

use domain::channel::SettingsFault;
use domain::control::{ChannelConfig, Protocol, Provider};
use domain::text::Bilingual;

use dialect::Dialect;

/// The dialect of a channel.
///
/// # Errors
/// [`SettingsFault`] when its settings are not understood.
pub(crate) fn dialect_of(config: &ChannelConfig) -> Result<Box<dyn Dialect>, SettingsFault> {
    let usual = std::sync::Arc::new(Provider::default());
    let provider = config.provider.as_ref().unwrap_or(&usual);
    port::check_common(provider)?;
    Ok(match config.protocol {
        Protocol::Aliyun => Box::new(aliyun::Aliyun::new(config, provider)?),
        Protocol::Tencent => Box::new(tencent::Tencent::new(config, provider)?),
        Protocol::Twilio => Box::new(twilio::Twilio::new(config, provider)?),
        Protocol::Http => Box::new(form::Form::new(config, provider)?),
        _ => return Err(fault("", "此协议不是服务商接口", "this protocol is not a provider's")),
    })
}

/// Where the provider of a channel reaches us, without a slash at the end; empty when that is not configured.
fn public_url(provider: &Provider) -> &str {
    provider.public_url.as_deref().unwrap_or("").trim_end_matches('/')
}

/// Where it sends receipts and messages; none without a token.
fn callback_url(config: &ChannelConfig, provider: &Provider) -> Option<String> {
    let token = provider.callback_token.as_ref()?;
    Some(format!("{}/callbacks/{}/{}", public_url(provider), config.id, token.0))
}

fn fault(
    pointer: impl Into<String>,
    zh: impl Into<std::borrow::Cow<'static, str>>,
    en: impl Into<std::borrow::Cow<'static, str>>,
) -> SettingsFault {
    SettingsFault { pointer: pointer.into(), said: Bilingual { zh: zh.into(), en: en.into() } }
}
