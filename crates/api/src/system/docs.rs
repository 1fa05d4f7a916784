//! A reference page for people: the OpenAPI document as HTML, without scripts or anything from elsewhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::response::Html;
use serde_json::Value;

use crate::openapi::DOCUMENT;
use crate::problem::Kind;

const STYLE: &str = "body{font:15px/1.6 system-ui,'PingFang SC','Microsoft YaHei',sans-serif;margin:2rem auto;\
    max-width:62rem;padding:0 1rem;color:#1c2430}code,pre{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}\
    pre{background:#f4f6f8;padding:.8rem;overflow:auto;border-radius:6px}summary{cursor:pointer;padding:.3rem 0}\
    summary b{display:inline-block;min-width:4.2rem}h2{margin-top:2.4rem;border-bottom:1px solid #dde2e8}\
    table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

static PAGE: LazyLock<String> = LazyLock::new(|| {
    // The document is our own; if it were not JSON its own test would say so.
    page(&serde_json::from_str(&DOCUMENT).unwrap_or_default())
});

/// 接口文档 · The reference
///
/// Every operation with its parameters and an example.
#[utoipa::path(
    get, path = "/docs", tag = "system",
    responses((status = 200, content_type = "text/html", body = String, description = "This reference as a page.",
        example = "<!doctype html>…"))
)]
pub(crate) async fn docs() -> Html<&'static str> {
    Html(PAGE.as_str())
}

fn page(document: &Value) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>鸿雁 API · Hongyan API</title><style>{STYLE}</style></head><body>\
         <h1>鸿雁 API · Hongyan API</h1><p>{}</p>",
        escaped(text(&document["info"]["description"]))
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(&tag["name"]);
        let _ = write!(html, "<h2>{}</h2>", escaped(text(&tag["description"])));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                if item[method]["tags"][0] == name {
                    operation(&mut html, document, method, path, &item[method]);
                }
            }
        }
    }
    problems(&mut html);
    html.push_str("</body></html>");
    html
}

fn operation(html: &mut String, document: &Value, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        html,
        "<details><summary><b>{}</b><code>{}</code> {}</summary><p>{}</p>",
        method.to_uppercase(),
        escaped(path),
        escaped(text(&operation["summary"])),
        escaped(text(&operation["description"])),
    );
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if !parameters.is_empty() {
        html.push_str("<table>");
        for parameter in parameters {
            let _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escaped(text(&parameter["name"])),
                escaped(text(&parameter["in"])),
                escaped(text(&parameter["description"])),
            );
        }
        html.push_str("</table>");
    }
    example(html, document, "请求 · Request", &operation["requestBody"]["content"]);
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        if status != "default" {
            let title = format!("{status} {}", text(&response["description"]));
            example(html, document, &title, &response["content"]);
        }
    }
    html.push_str("</details>");
}

fn example(html: &mut String, document: &Value, title: &str, content: &Value) {
    let Some((_, media)) = content.as_object().and_then(|content| content.iter().next()) else { return };
    let _ = write!(html, "<p>{}</p>", escaped(title));
    if let Some(found) = example_of(document, media) {
        let shown = match found {
            Value::String(text) => text,
            other => serde_json::to_string_pretty(&other).unwrap_or_default(),
        };
        let _ = write!(html, "<pre>{}</pre>", escaped(&shown));
    }
}

/// The example of a media type: its own, its schema's, or a page of its items' one.
fn example_of(document: &Value, media: &Value) -> Option<Value> {
    let schema = &media["schema"];
    let named = schema["$ref"].as_str().and_then(|pointer| document.pointer(pointer.trim_start_matches('#')));
    let own = [media.get("example"), schema.get("example"), named.and_then(|schema| schema.get("example"))];
    own.into_iter().flatten().next().cloned().or_else(|| {
        let item = named?["properties"]["items"]["items"].get("example")?;
        Some(serde_json::json!({"items": [item], "next": "…"}))
    })
}

fn problems(html: &mut String) {
    html.push_str("<h2>错误 · Problems (RFC 9457)</h2><table>");
    for kind in Kind::ALL {
        let (zh, en) = kind.title();
        let _ = write!(
            html,
            "<tr><td>{}</td><td><code>urn:hongyan:problem:{}</code></td><td>{} · {}</td></tr>",
            kind.status().as_u16(),
            kind.word(),
            escaped(zh),
            escaped(en),
        );
    }
    html.push_str("</table>");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
