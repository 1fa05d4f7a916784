//! The reader's language, from `Accept-Language`.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use domain::text::Bilingual;

/// The two languages of the product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Language {
    /// Simplified Chinese.
    Chinese,
    /// English.
    English,
}

impl Language {
    /// The better of the two for these headers (RFC 9110 §12.5.4); English when they do not say.
    #[must_use]
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let ranges = wanted.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let language = Self::from_tag(parts.next()?)?;
            let weight = parts.find_map(|part| part.strip_prefix("q=")).unwrap_or("1");
            Some((weight.parse::<f32>().unwrap_or(0.0), language))
        });
        // Of equal weights the first wins.
        ranges
            .fold(None, |best: Option<(f32, Self)>, range| match best {
                Some(best) if best.0 >= range.0 => Some(best),
                _ => Some(range),
            })
            .filter(|(weight, _)| *weight > 0.0)
            .map_or(Self::English, |(_, language)| language)
    }

    fn from_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next()? {
            primary if primary.eq_ignore_ascii_case("zh") => Some(Self::Chinese),
            primary if primary.eq_ignore_ascii_case("en") => Some(Self::English),
            _ => None,
        }
    }

    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// The reader's of two languages.
    pub(crate) fn of_two(self, words: (&'static str, &'static str)) -> &'static str {
        match self {
            Self::Chinese => words.0,
            Self::English => words.1,
        }
    }

    pub(crate) fn choose(self, words: &Bilingual) -> &str {
        match self {
            Self::Chinese => &words.zh,
            Self::English => &words.en,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_language_wins() {
        for (header, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en;q=0.5, zh;q=0.7", Language::Chinese),
            ("en-US,en;q=0.9,zh;q=0.9", Language::English),
            ("fr", Language::English),
            ("zh;q=0", Language::English),
            ("zh;q=x", Language::English),
            ("", Language::English),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, header.parse().unwrap());
            assert_eq!(Language::of(&headers), expected, "{header}");
        }
    }
}
