//! Files that are streamed to the caller.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;

/// A file to be saved. `name` is made of an id and needs no quoting.
pub(crate) fn csv(name: &str, media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// Appends a line of CSV (RFC 4180); what a spreadsheet program would run is disarmed by an apostrophe.
pub(crate) fn push_row(text: &mut String, cells: &[String]) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        let runs = cell.starts_with(['=', '+', '-', '@', '\r']);
        let quoted = cell.contains([',', '"', '\r', '\n']);
        if quoted {
            text.push('"');
        }
        if runs {
            text.push('\'');
        }
        if quoted {
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push_str("\r\n");
}

/// [`push_row`] for rows of ours that hold nothing from outside, so that amounts below zero stay numbers.
pub(crate) fn push_numbers(text: &mut String, cells: &[String]) {
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_disarmed() {
        let mut text = String::new();
        push_row(&mut text, &["=1+1".to_owned(), "a,\"b\"".to_owned(), "\t+86138".to_owned(), String::new()]);
        assert_eq!(text, "'=1+1,\"a,\"\"b\"\"\",\t+86138,\r\n");
    }
}
