//! Where in an answer or a callback something stands.

use domain::channel::SettingsFault;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::super::fault;

/// Longest place that an operator may write.
const MOST_CHARS: usize = 500;
/// Memory of one compiled expression.
const REGEX_BYTES: usize = 1 << 20;
/// Items of one callback: more than any provider sends at once.
const MOST_ITEMS: usize = 5_000;

/// A place: in JSON or a form by pointer, in anything by an expression.
pub(super) enum Place {
    /// RFC 6901.
    Pointer(String),
    /// Its first group, or the whole when it has none.
    Regex(Regex),
}

/// What came, as text and, where it is JSON or a form, as a tree.
pub(super) struct Document {
    text: String,
    tree: Value,
}

impl Document {
    /// A body; a form when its media type says so and it is not JSON.
    pub(super) fn new(body: &[u8], content_type: &str) -> Self {
        if let Ok(tree) = serde_json::from_slice(body) {
            return Self { text: String::from_utf8_lossy(body).into_owned(), tree };
        }
        if content_type.to_ascii_lowercase().contains("form-urlencoded") {
            return Self::of_form(body);
        }
        Self { text: String::from_utf8_lossy(body).into_owned(), tree: Value::Null }
    }

    /// A form or a query, as an object of texts.
    pub(super) fn of_form(form: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(form).into_owned();
        let tree = pairs.map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>();
        Self { text: String::from_utf8_lossy(form).into_owned(), tree: Value::Object(tree) }
    }

    /// All of it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn of(tree: &Value) -> Self {
        Self { text: tree.to_string(), tree: tree.clone() }
    }
}

impl Place {
    /// Reads a place as the operator wrote it.
    ///
    /// # Errors
    /// [`SettingsFault`] at `pointer`.
    pub(super) fn parse(written: &str, pointer: &str) -> Result<Self, SettingsFault> {
        let odd = || {
            fault(
                pointer,
                "应为 /data/0/id、$.data[0].id 或 regex:表达式",
                "/data/0/id, $.data[0].id or regex: and an expression is expected",
            )
        };
        if written.chars().count() > MOST_CHARS {
            return Err(odd());
        }
        if let Some(expression) = written.strip_prefix("regex:") {
            let built = RegexBuilder::new(expression).size_limit(REGEX_BYTES).build();
            return built.map(Self::Regex).map_err(|_| odd());
        }
        if written.is_empty() || written.starts_with('/') {
            return Ok(Self::Pointer(written.to_owned()));
        }
        let path = written.strip_prefix('$').ok_or_else(odd)?;
        pointer_of(path).map(Self::Pointer).ok_or_else(odd)
    }

    /// One that may be left out.
    pub(super) fn optional(written: Option<&str>, pointer: &str) -> Result<Option<Self>, SettingsFault> {
        written.map(|written| Self::parse(written, pointer)).transpose()
    }

    /// What stands there, as text.
    pub(super) fn read(&self, document: &Document) -> Option<String> {
        match self {
            Self::Pointer(pointer) => match document.tree.pointer(pointer)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(flag) => Some(flag.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            },
            Self::Regex(expression) => {
                let found = expression.captures(&document.text)?;
                found.get(1).or_else(|| found.get(0)).map(|part| part.as_str().to_owned())
            }
        }
    }

    /// The items of a list: those that stand there, or the whole when nothing says where. What is not a list is the
    /// only item; a list that stands in a text is read too.
    pub(super) fn items(place: Option<&Self>, document: &Document) -> Vec<Document> {
        let tree = match place {
            None if document.tree.is_null() => {
                return vec![Document { text: document.text.clone(), tree: Value::Null }];
            }
            None => Some(document.tree.clone()),
            Some(Self::Pointer(pointer)) => document.tree.pointer(pointer).map(|tree| match tree {
                Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| tree.clone()),
                tree => tree.clone(),
            }),
            Some(Self::Regex(expression)) => {
                let found = expression.captures_iter(&document.text).take(MOST_ITEMS);
                let part = found.filter_map(|found| found.get(1).or_else(|| found.get(0)));
                let item = |text: &str| Document { text: text.to_owned(), tree: Value::Null };
                return part.map(|part| item(part.as_str())).collect();
            }
        };
        match tree {
            Some(Value::Array(items)) => items.iter().take(MOST_ITEMS).map(Document::of).collect(),
            Some(tree) => vec![Document::of(&tree)],
            None => Vec::new(),
        }
    }
}

/// `.data[0].id` as `/data/0/id`.
fn pointer_of(path: &str) -> Option<String> {
    let mut pointer = String::new();
    for step in path.split('.') {
        let (name, indexes) = step.split_once('[').map_or((step, None), |(name, rest)| (name, Some(rest)));
        if !name.is_empty() {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        for index in indexes.into_iter().flat_map(|rest| rest.split('[')) {
            let index = index.strip_suffix(']')?;
            if index.is_empty() || !index.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            pointer.push('/');
            pointer.push_str(index);
        }
    }
    Some(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: &str, body: &str) -> Option<String> {
        Place::parse(place, "/x").unwrap().read(&Document::new(body.as_bytes(), ""))
    }

    #[test]
    fn places_of_all_kinds_are_read() {
        let body = r#"{"code":0,"data":[{"id":"a/1","ok":true}],"x":null}"#;
        assert_eq!(read("/code", body).as_deref(), Some("0"));
        assert_eq!(read("$.data[0].id", body).as_deref(), Some("a/1"));
        assert_eq!(read("/data/0/ok", body).as_deref(), Some("true"));
        assert_eq!((read("/x", body), read("/data", body), read("$.no", body)), (None, None, None));
        assert_eq!(read("regex:<id>(\\d+)</id>", "<r><id>17</id></r>").as_deref(), Some("17"));
        assert_eq!(read("regex:^OK", "OK:1").as_deref(), Some("OK"));
        for odd in ["code", "$.a[x]", "$.a[1", "regex:(", &"/".repeat(501)] {
            assert!(Place::parse(odd, "/x").is_err(), "{odd}");
        }
    }

    #[test]
    fn items_are_found_in_lists_texts_and_forms() {
        let count = |place: Option<&str>, document: &Document| {
            let place = place.map(|place| Place::parse(place, "/x").unwrap());
            Place::items(place.as_ref(), document).len()
        };
        let list = Document::new(br#"{"r":[{"a":1},{"a":2}]}"#, "");
        assert_eq!((count(None, &list), count(Some("/r"), &list), count(Some("/s"), &list)), (1, 2, 0));
        let form = Document::new(b"r=%5B%7B%22a%22%3A1%7D%5D&b=2", "application/x-www-form-urlencoded");
        assert_eq!((count(Some("/r"), &form), count(None, &form)), (1, 1));
        let xml = Document::new(b"<m>1</m><m>2</m>", "text/xml");
        assert_eq!((count(Some("regex:<m>(.*?)</m>"), &xml), count(None, &xml)), (2, 1));
    }
}
