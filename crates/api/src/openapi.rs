//! The OpenAPI document, generated from the handlers.

use std::sync::LazyLock;

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};

use crate::auth::COOKIE;
use crate::callbacks::CALLBACK_PATH;
use crate::json::ProblemDocument;
use crate::problem::MEDIA_TYPE;
use crate::session::SIGN_IN_PATHS;
use crate::system::PUBLIC_PATHS;

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
        (name = "templates", description = "模板 · Templates"),
        (name = "imports", description = "导入 · Imports"),
        (name = "contacts", description = "联系人 · Contacts"),
        (name = "suppressions", description = "退订与黑名单 · Suppressions"),
        (name = "inbound", description = "上行短信 · Inbound messages"),
        (name = "events", description = "事件 · Events"),
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
    for (path, item) in &mut document.paths.paths {
        let is_public = PUBLIC_PATHS.contains(&path.as_str()) || path == CALLBACK_PATH;
        if SIGN_IN_PATHS.contains(&path.as_str())
            && let Some(operation) = &mut item.post
        {
            complete(operation, true);
        }
        let mut operations = vec![&mut item.get, &mut item.put, &mut item.patch, &mut item.delete];
        if !SIGN_IN_PATHS.contains(&path.as_str()) {
            operations.push(&mut item.post);
        }
        operations.into_iter().flatten().for_each(|operation| complete(operation, is_public));
    }
    document
}

/// Says of an operation what all have in common.
fn complete(operation: &mut Operation, is_public: bool) {
    operation.security = (!is_public).then(|| {
        let permissions = permissions(operation);
        let schemes = [KEY_SCHEME, SESSION_SCHEME, SIGNATURE_SCHEME];
        schemes.into_iter().map(|scheme| SecurityRequirement::new(scheme, permissions.clone())).collect()
    });
    let schema = RefOr::Ref(Ref::from_schema_name(ProblemDocument::name()));
    let problem = ResponseBuilder::new()
        .description("Why it was refused.")
        .content(MEDIA_TYPE, ContentBuilder::new().schema(Some(schema)).build())
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
}

/// The permissions that a handler says it asks for.
fn permissions(operation: &Operation) -> Vec<String> {
    let said = serde_json::to_value(&operation.security).unwrap_or_default();
    let said = said[0][KEY_SCHEME].as_array().cloned().unwrap_or_default();
    said.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}
