//! Add or change a channel.

use std::sync::Arc;

use axum::extract::State;
use domain::control::{ChannelConfig, Conditions, Edit, Editable, Protocol, Provider, Quirks, Secret};
use domain::ids::{ChannelId, GatewayId};
use engine::dispatch::DispatchError;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::problem::{Kind, Problem, report, say};
use crate::request::{self, Body, Id};
use crate::state::ApiState;

/// 配置通道 · Add or change a channel
///
/// Its connections are closed and made anew; what it had in flight is settled as after a lost connection. It carries
/// only messages to its carriers; what waits for a carrier that no channel of the route reaches any more waits on, until
/// a channel does or its validity ends.
#[utoipa::path(
    put, path = "/v1/channels/{id}", tag = "channels", security(("key" = ["channels:write"])),
    params(
        ("id" = String, Path, description = "`chn_` and a number from 1 to 65535.", example = "chn_1"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::ChannelPut,
    responses((status = 200, body = json::Channel, description = "Stored, and started if enabled."))
)]
pub(crate) async fn put(
    caller: Allowed<can::WriteChannels>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<ChannelId>,
    body: Body<json::ChannelPut>,
) -> Result<Tagged<json::Channel>, Problem> {
    let edition = state.control().edition(Editable::Channel(id)).await?;
    let known = state.control().channels().await?.into_iter().find(|known| known.id == id);
    if_match.check_some(known.as_ref().map(|known| Tag::of(&super::document(known, None))))?;
    let config = config(id, body.value, known)?;
    let tag = Tag::of(&super::document(&config, None));
    let line = context.line(&state, &caller, "channels.put", &id, Some(tag));
    let terms = Conditions { expected: if_match.expects(edition), line: Some(&line) };
    match state.engine().put_channel_on(&config, terms).await {
        Ok(()) => {}
        // Without dispatch (a maintenance start) the configuration is kept for the next one.
        Err(DispatchError::NotRunning) => {
            let edit = Edit::Channel(&config);
            state.engine().edit(edit, terms).await.map_err(|error| if_match.settle(error))?;
        }
        Err(error) => return Err(if_match.settle(refused(error))),
    }
    let status = state.engine().channel_statuses().into_iter().find(|status| status.id == id);
    Ok(Tagged(super::document(&config, status), tag))
}

fn config(
    id: ChannelId,
    put: json::ChannelPut,
    known: Option<ChannelConfig>,
) -> Result<ChannelConfig, Problem> {
    let protocol = super::protocol(&put.protocol, |_| true)?;
    let before = known.as_ref().and_then(|known| known.provider.clone());
    let provider = provider(put.provider, before.as_deref(), protocol)?;
    let (host, port) = address(&put.host, put.port, protocol, provider.as_deref())?;
    let secret = put.secret.map(Secret).or(known.map(|known| known.secret)).ok_or_else(|| {
        Problem::field("/secret", say("新通道需要密码", "A new channel needs its password"))
    })?;
    let named = put.quirks.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let quirks = Quirks::read(named).map_err(|error| {
        Problem::field("/quirks", say(format!("通道设置有误：{error}"), error.to_string()))
    })?;
    encipherable(protocol, &quirks)?;
    if id.0 == 0 || put.connections == 0 || put.window == 0 {
        let field = if put.window == 0 { "/window" } else { "/connections" };
        return Err(Problem::field(field, say("至少为 1", "At least 1")));
    }
    Ok(ChannelConfig {
        id,
        gateway: request::read::<GatewayId>(
            &put.gateway,
            "/gateway",
            "应为 gwy_1 形式的编号",
            "An id of the form gwy_1",
        )?,
        name: put.name,
        protocol,
        host,
        port,
        login: put.login,
        secret,
        access_code: put.access_code,
        service_id: put.service_id,
        connections: put.connections,
        window: put.window,
        parts_per_second: put.parts_per_second,
        carriers: put.carriers.into_iter().map(Into::into).collect(),
        categories: put.categories.into_iter().map(Into::into).collect(),
        cost: (&put.cost).into(),
        enabled: put.enabled,
        quirks,
        provider,
    })
}

/// Who asks for TLS gets it, or is told that there is none: never a connection in clear.
fn encipherable(protocol: Protocol, quirks: &Quirks) -> Result<(), Problem> {
    let asked = quirks.tls || !quirks.tls_ca.is_empty() || !quirks.tls_name.is_empty();
    let said = if asked && !protocol.enciphers() {
        say(
            "只有 SMPP 通道支持 TLS（tls、tls_name、tls_ca）",
            "Only SMPP channels have TLS (tls, tls_name, tls_ca)",
        )
    } else if asked && !quirks.tls {
        say("设置 tls_name 或 tls_ca 时须同时设置 tls = yes", "With tls_name or tls_ca, set tls to yes too")
    } else if quirks.tls && quirks.listen.is_some() {
        say(
            "tls 与 listen 不能同时设置：运营商呼入的连接不加密",
            "tls and listen exclude each other: connections that the carrier makes are in clear",
        )
    } else {
        return Ok(());
    };
    Err(Problem::field("/quirks", said))
}

/// The settings of a provider's channel; the secret part of the callback's address is never shown, so it may be left out.
fn provider(
    put: Option<Provider>,
    before: Option<&Provider>,
    protocol: Protocol,
) -> Result<Option<Arc<Provider>>, Problem> {
    if !protocol.is_provider() {
        return match put {
            None => Ok(None),
            Some(_) => {
                let said = say("此协议没有服务商设置", "This protocol has no settings of a provider");
                Err(Problem::field("/provider", said))
            }
        };
    }
    let mut provider = put.unwrap_or_default();
    if provider.callback_token.is_none() {
        provider.callback_token = before.and_then(|before| before.callback_token.clone());
    }
    Ok(Some(Arc::new(provider)))
}

/// Where the other side is.
fn address(
    host: &str,
    port: u16,
    protocol: Protocol,
    provider: Option<&Provider>,
) -> Result<(String, u16), Problem> {
    let missing = || say("缺少这个字段", "This field is missing");
    let host = match host.trim() {
        "" => protocol.usual_host().ok_or_else(|| Problem::field("/host", missing()))?.to_owned(),
        host => host.to_owned(),
    };
    let port = match (port, provider) {
        (0, None) => return Err(Problem::field("/port", missing())),
        (0, Some(provider)) if provider.tls => 443,
        (0, Some(_)) => 80,
        (port, _) => port,
    };
    Ok((host, port))
}

fn refused(error: DispatchError) -> Problem {
    match error {
        DispatchError::Control(error) => error.into(),
        DispatchError::Ledger(error) => error.into(),
        DispatchError::Settings { fault, .. } => {
            Problem::field(format!("/provider{}", fault.pointer), fault.said)
        }
        DispatchError::Channel { detail, .. } => {
            Problem::new(Kind::InvalidField).with(say(format!("通道无法启动：{detail}"), detail))
        }
        other => {
            report(Kind::Unavailable, &other);
            Problem::new(Kind::Unavailable)
        }
    }
}
