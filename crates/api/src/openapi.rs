//! The OpenAPI document, generated from the handlers.

use std::sync::LazyLock;

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};

use crate::auth::COOKIE;
use crate::callbacks::CALLBACK_PATH;
use crate::json::ProblemDocument;
use crate::problem::{Kind, MEDIA_TYPE};
use crate::session::{OIDC_PATHS, SIGN_IN_PATHS};
use crate::system::PUBLIC_PATHS;

/// What an account must be able to pay for.
const PAID_PATHS: [&str; 3] = ["/v1/messages", "/v1/campaigns/{id}/start", "/v1/campaigns/{id}/resend"];

const KEY_SCHEME: &str = "key";
const SESSION_SCHEME: &str = "session";
const SIGNATURE_SCHEME: &str = "signature";

/// The document as it is served.
pub(crate) static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut json = document().to_pretty_json().unwrap_or_default();
    json.push('\n');
    json
});

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Hongyan 鸿雁",
        description = "鸿雁短信平台接口。错误按 RFC 9457 返回，语言取决于 Accept-Language（zh 或 en）；列表用 cursor 翻页；\
            手机号默认打码，reveal=true 时完整显示。\n\nThe API of the Hongyan SMS platform. Problems follow RFC 9457, in \
            the language of Accept-Language (zh or en); listings page by cursor; phones are masked unless reveal=true.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "messages", description = "短信 · Messages"),
        (name = "campaigns", description = "群发任务 · Campaigns"),
        (name = "exports", description = "导出 · Exports"),
        (name = "reports", description = "报表 · Reports"),
        (name = "templates", description = "模板 · Templates"),
        (name = "imports", description = "导入 · Imports"),
        (name = "contacts", description = "联系人 · Contacts"),
        (name = "suppressions", description = "退订与黑名单 · Suppressions"),
        (name = "inbound", description = "上行短信 · Inbound messages"),
        (name = "events", description = "事件 · Events"),
        (name = "webhooks", description = "回调 · Webhooks"),
        (name = "channels", description = "通道、路由与价格 · Channels, routes and prices"),
        (name = "money", description = "余额、账单与毛利 · Balances, statements and margins"),
        (name = "numbers", description = "号码 · Numbers"),
        (name = "codes", description = "运营商错误码 · Codes of carriers"),
        (name = "callbacks", description = "服务商回调 · Callbacks of providers"),
        (name = "access", description = "账户、密钥、用户与审计 · Accounts, keys, people and the audit log"),
        (name = "customers", description = "下游客户 · Customers that connect to us"),
        (name = "system", description = "系统 · System"),
    ),
    components(schemas(ProblemDocument))
)]
struct Base;

/// What does not come from handlers.
pub(crate) fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// The document that the code describes.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let (_, mut document) = crate::operations().split_for_parts();
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("hy_…")).build();
    components.add_security_scheme(KEY_SCHEME, SecurityScheme::Http(bearer));
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description(COOKIE, "POST /v1/session"));
    components.add_security_scheme(SESSION_SCHEME, SecurityScheme::ApiKey(cookie));
    let signature = ApiKey::Header(ApiKeyValue::with_description("Hongyan-Signature", "docs/access.md"));
    components.add_security_scheme(SIGNATURE_SCHEME, SecurityScheme::ApiKey(signature));
    for kind in Kind::ALL {
        let status = kind.status().as_u16();
        let response = components.responses.entry(name_of(status)).or_insert_with(|| RefOr::T(refusal()));
        if let RefOr::T(response) = response {
            response.description.push_str(&format!("`{}`: {}. ", kind.word(), kind.title().1));
        }
    }
    for (path, item) in &mut document.paths.paths {
        let is_public = PUBLIC_PATHS.contains(&path.as_str()) || path == CALLBACK_PATH;
        let over_provider = OIDC_PATHS.contains(&path.as_str());
        let opens = SIGN_IN_PATHS.contains(&path.as_str());
        let changes = [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for (place, operation) in changes.into_iter().enumerate() {
            let is_public = is_public || (opens && place == 0);
            if let Some(operation) = operation {
                complete(operation, is_public, true);
                if PAID_PATHS.contains(&path.as_str()) {
                    refuse(operation, &[Kind::InsufficientBalance, Kind::LimitReached]);
                }
                if opens && place == 0 {
                    let kinds = [Kind::WrongPassword, Kind::AccountDisabled, Kind::LinkGone, Kind::LockedOut];
                    refuse(operation, &kinds);
                }
            }
        }
        if let Some(operation) = &mut item.get {
            complete(operation, is_public || over_provider, false);
            if over_provider {
                let kinds = [Kind::SignInRefused, Kind::NotInvited, Kind::NotFound, Kind::RateLimited];
                refuse(operation, &kinds);
            }
        }
    }
    document
}

/// A refusal, not yet saying which.
fn refusal() -> utoipa::openapi::Response {
    let schema = RefOr::Ref(Ref::from_schema_name(ProblemDocument::name()));
    ResponseBuilder::new().content(MEDIA_TYPE, ContentBuilder::new().schema(Some(schema)).build()).build()
}

/// The name of the refusals of one status.
fn name_of(status: u16) -> String {
    format!("Refused{status}")
}

/// Says of an operation what all of its kind have in common.
fn complete(operation: &mut Operation, is_public: bool, changes: bool) {
    operation.security = (!is_public).then(|| {
        let permissions = permissions(operation);
        let schemes = [KEY_SCHEME, SESSION_SCHEME, SIGNATURE_SCHEME];
        schemes.into_iter().map(|scheme| SecurityRequirement::new(scheme, permissions.clone())).collect()
    });
    refuse(operation, &refusals(operation, is_public, changes));
}

/// Says that an operation may be refused so.
fn refuse(operation: &mut Operation, kinds: &[Kind]) {
    for kind in kinds {
        let status = kind.status().as_u16();
        let response = RefOr::Ref(Ref::from_response_name(name_of(status)));
        operation.responses.responses.entry(status.to_string()).or_insert(response);
    }
}

/// The problems that an operation can answer with, one of each status.
fn refusals(operation: &Operation, is_public: bool, changes: bool) -> Vec<Kind> {
    // All are written out where they are taken, none is a reference.
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    let parameters: Vec<&Parameter> = parameters.collect();
    let takes = |place: &ParameterIn| parameters.iter().any(|parameter| parameter.parameter_in == *place);
    let body = match &operation.request_body {
        Some(RefOr::T(body)) => Some(body),
        _ => None,
    };
    let takes_json = body.is_some_and(|body| body.content.contains_key("application/json"));
    let is_versioned = parameters.iter().any(|parameter| parameter.name == "If-Match");
    let follows = ["cursor", "from"].iter().all(|name| parameters.iter().any(|known| known.name == *name));
    let mut kinds = vec![Kind::Internal, Kind::Unavailable, Kind::TimedOut];
    let mut also = |applies: bool, more: &[Kind]| {
        if applies {
            kinds.extend_from_slice(more);
        }
    };
    // Whoever signs has their body read first; whoever acts for another account names it in a header.
    let entered = [
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::Conflict,
        Kind::TooLarge,
        Kind::RateLimited,
    ];
    also(!is_public, &entered);
    also(takes(&ParameterIn::Path), &[Kind::NotFound]);
    also(takes(&ParameterIn::Query) || takes(&ParameterIn::Header) || body.is_some(), &[Kind::InvalidField]);
    also(body.is_some(), &[Kind::TooLarge]);
    also(takes_json, &[Kind::InvalidJson, Kind::UnsupportedMediaType]);
    // What comes next is kept for a while only.
    also(follows, &[Kind::Gone]);
    also(is_versioned, &[Kind::ChangedMeanwhile]);
    also(changes, &[Kind::DiskFull]);
    kinds
}

/// The permissions that a handler says it asks for.
fn permissions(operation: &Operation) -> Vec<String> {
    let said = serde_json::to_value(&operation.security).unwrap_or_default();
    let said = said[0][KEY_SCHEME].as_array().cloned().unwrap_or_default();
    said.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}
