//! The OpenAPI document, generated from the handlers.

use std::sync::LazyLock;

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};

use crate::callbacks::CALLBACK_PATH;
use crate::json::ProblemDocument;
use crate::problem::MEDIA_TYPE;
use crate::system::PUBLIC_PATHS;

const KEY_SCHEME: &str = "key";

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
        (name = "numbers", description = "号码 · Numbers"),
        (name = "codes", description = "运营商错误码 · Codes of carriers"),
        (name = "callbacks", description = "服务商回调 · Callbacks of providers"),
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
    components.add_security_scheme(
        KEY_SCHEME,
        SecurityScheme::Http(
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("hy_…")).build(),
        ),
    );
    for (path, item) in &mut document.paths.paths {
        let is_public = PUBLIC_PATHS.contains(&path.as_str()) || path == CALLBACK_PATH;
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        operations.into_iter().flatten().for_each(|operation| complete(operation, is_public));
    }
    document
}

/// Says of an operation what all have in common.
fn complete(operation: &mut Operation, is_public: bool) {
    let none: [&str; 0] = [];
    operation.security = (!is_public).then(|| vec![SecurityRequirement::new(KEY_SCHEME, none)]);
    let schema = RefOr::Ref(Ref::from_schema_name(ProblemDocument::name()));
    let problem = ResponseBuilder::new()
        .description("Why it was refused.")
        .content(MEDIA_TYPE, ContentBuilder::new().schema(Some(schema)).build())
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
}
