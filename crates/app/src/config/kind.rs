//! What a setting may hold, said once: it checks a value, tells a person what is allowed, and reads the environment.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use api::Networks;
use domain::currency::Currency;
use domain::text::Bilingual;
use toml::Value;

/// The form of a setting.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Any text that is not empty.
    Text,
    /// The path of a file or folder.
    Path,
    /// Paths, possibly none.
    Paths,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number within bounds.
    Number(RangeInclusive<i64>),
    /// `http://host:port`.
    HttpUrl,
    /// True or false.
    Switch,
    /// Addresses and networks, possibly none.
    Networks,
    /// `address:port`.
    Address,
    /// `08:00-20:00`, a span of local time.
    Hours,
    /// The name of a time zone.
    Zone,
    /// Three letters of ISO 4217.
    Currency,
}

impl Kind {
    /// Whether a value fits.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Path => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Paths => value.as_array().is_some_and(|all| all.iter().all(|one| Self::Path.takes(one))),
            Self::HttpUrl => value.as_str().is_some_and(|text| {
                text.starts_with("http://") && reqwest::Url::parse(text).is_ok_and(|url| url.has_host())
            }),
            Self::Switch => value.as_bool().is_some(),
            Self::Networks => value.as_array().is_some_and(|all| {
                all.iter().all(|one| one.as_str().is_some_and(|text| Networks::read([text]).is_ok()))
            }),
            Self::Word(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Self::Number(range) => value.as_integer().is_some_and(|number| range.contains(&number)),
            Self::Address => value.as_str().is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
            Self::Hours => value.as_str().is_some_and(|text| super::span(text).is_some()),
            Self::Zone => value.as_str().is_some_and(|text| domain::policy::Zone::named(text).is_ok()),
            Self::Currency => value.as_str().is_some_and(|text| text.parse::<Currency>().is_ok()),
        }
    }

    /// What is allowed, for who wrote something else.
    pub(crate) fn allowed(&self) -> Bilingual {
        let say = |zh: &str, en: &str| Bilingual { zh: zh.to_owned().into(), en: en.to_owned().into() };
        match self {
            Self::Text => say("一段文字，写在引号里", "a text in quotes"),
            Self::Path => say("一个路径，写在引号里", "a path in quotes"),
            Self::Paths => say("一组路径，如 [\"a\", \"b\"]", "a list of paths, as in [\"a\", \"b\"]"),
            Self::HttpUrl => say(
                "http:// 开头的地址，如 \"http://127.0.0.1:4318\"",
                "an address that begins with http://, as in \"http://127.0.0.1:4318\"",
            ),
            Self::Switch => say("true 或 false", "true or false"),
            Self::Networks => say(
                "一组地址或网段，如 [\"127.0.0.1\", \"10.0.0.0/8\"]",
                "a list of addresses or networks, as in [\"127.0.0.1\", \"10.0.0.0/8\"]",
            ),
            Self::Word(words) => {
                let words = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>();
                say(&format!("以下之一：{}", words.join("、")), &format!("one of {}", words.join(", ")))
            }
            Self::Number(range) => {
                let (least, most) = (range.start(), range.end());
                say(
                    &format!("{least} 到 {most} 的整数，不加引号"),
                    &format!("a whole number from {least} to {most}, without quotes"),
                )
            }
            Self::Address => say(
                "地址:端口，如 \"127.0.0.1:8520\" 或 \"[::1]:8520\"",
                "address:port, as in \"127.0.0.1:8520\" or \"[::1]:8520\"",
            ),
            Self::Hours => say("时段，如 \"08:00-20:00\"", "hours, as in \"08:00-20:00\""),
            Self::Currency => say(
                "ISO 4217 的三个大写字母，如 \"CNY\"",
                "the three capital letters of ISO 4217, as in \"CNY\"",
            ),
            Self::Zone => say("时区名，如 \"Asia/Shanghai\"", "a time zone, as in \"Asia/Shanghai\""),
        }
    }

    /// The value that a text of the environment stands for: no quotes there, and commas between the items of a list.
    pub(crate) fn read_variable(&self, text: &str) -> Value {
        match self {
            Self::Number(_) => text.trim().parse().map_or_else(|_| Value::from(text), Value::Integer),
            Self::Switch => text.trim().parse().map_or_else(|_| Value::from(text), Value::Boolean),
            Self::Paths | Self::Networks => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::Array(items.map(Value::from).collect())
            }
            _ => Value::from(text),
        }
    }
}
