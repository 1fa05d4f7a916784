//! Texts against templates that a provider approved: which of them a text is, and with what in its places.
//!
//! Providers that send approved templates only want a template's code and its parameters, not a text. So a channel lists
//! its templates as they were approved, and an outgoing text is matched against them. The rule: the signature at the
//! head is taken off; every place takes at least one character and as few as lead to a match, from the left; the first
//! and last literal stand at the ends; a name that occurs twice has one value. Of several templates that fit, the one
//! with the most literal characters is meant, then the first listed. What fits none is not sent.

use std::fmt;

use text::Bilingual;

/// Longest template: twice what the longest message holds.
const MOST_CHARS: usize = 2_000;
/// Most places in one template; providers allow fewer.
const MOST_PLACES: usize = 50;

/// A template as the provider approved it, read.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What stands before the first place; all of it when there is none.
    head: String,
    /// Each place and the literal behind it; only the last literal may be empty.
    rest: Vec<(String, String)>,
}

/// Why a template is not understood: whoever wrote it is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// Nothing, or more than any message holds.
    #[error("a template has 1 to 2000 characters")]
    Length,
    /// `${` or `{` that nothing closes, or a name that is none.
    #[error("a place is written ${{name}} or {{1}}")]
    Place,
    /// Two places without anything between them: nobody could tell where one ends.
    #[error("two places have to have some text between them")]
    Adjacent,
    /// More places than any provider takes.
    #[error("a template has at most 50 places")]
    Many,
}

impl PatternError {
    /// What to tell the user.
    #[must_use]
    pub fn explain(self) -> Bilingual {
        let zh = match self {
            Self::Length => "模板应为 1 到 2000 个字符",
            Self::Place => "变量应写作 ${name} 或 {1}",
            Self::Adjacent => "两个变量之间必须有文字",
            Self::Many => "模板最多 50 个变量",
        };
        Bilingual { zh: zh.into(), en: self.to_string().into() }
    }
}

impl Pattern {
    /// Reads an approved text with its places, `${name}` or `{1}`. Braces around anything else are text.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MOST_CHARS {
            return Err(PatternError::Length);
        }
        let mut pattern = Self { head: String::new(), rest: Vec::new() };
        let mut left = text;
        while let Some(open) = left.find('{') {
            let (before, behind) = left.split_at(open);
            let close = behind.find('}').ok_or(PatternError::Place)?;
            let name = &behind[1..close];
            let named = before.strip_suffix('$');
            if named.is_none() && !name.bytes().all(|byte| byte.is_ascii_digit()) {
                pattern.literal(before);
                pattern.literal("{");
                left = &behind[1..];
                continue;
            }
            if name.is_empty() || !name.chars().all(|ch| ch.is_alphanumeric() || ch == '_') {
                return Err(PatternError::Place);
            }
            pattern.literal(named.unwrap_or(before));
            if pattern.rest.last().is_some_and(|(_, literal)| literal.is_empty()) {
                return Err(PatternError::Adjacent);
            }
            pattern.rest.push((name.to_owned(), String::new()));
            left = &behind[close + 1..];
        }
        pattern.literal(left);
        if pattern.rest.len() > MOST_PLACES {
            return Err(PatternError::Many);
        }
        Ok(pattern)
    }

    fn literal(&mut self, text: &str) {
        match self.rest.last_mut() {
            Some((_, literal)) => literal.push_str(text),
            None => self.head.push_str(text),
        }
    }

    /// The names of its places, each once, in their order.
    #[must_use]
    pub fn places(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.rest {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// What the text has in each place, in order of [`Self::places`]; none when the text is not of this template.
    #[must_use]
    pub fn values<'t>(&self, text: &'t str) -> Option<Vec<(&str, &'t str)>> {
        let mut left = text.strip_prefix(self.head.as_str())?;
        let Some((last, places)) = self.rest.split_last() else {
            return left.is_empty().then(Vec::new);
        };
        let mut found: Vec<(&str, &'t str)> = Vec::new();
        for (name, literal) in places {
            let first = left.chars().next()?.len_utf8();
            let end = first + left[first..].find(literal.as_str())?;
            note(&mut found, name, &left[..end])?;
            left = &left[end + literal.len()..];
        }
        let value = left.strip_suffix(last.1.as_str()).filter(|value| !value.is_empty())?;
        note(&mut found, &last.0, value)?;
        Some(found)
    }

    fn weight(&self) -> usize {
        self.head.chars().count()
            + self.rest.iter().map(|(_, literal)| literal.chars().count()).sum::<usize>()
    }
}

/// A template's text is the operator's, but what surrounds its places may be a customer's.
impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern").field("places", &self.rest.len()).finish_non_exhaustive()
    }
}

fn note<'p, 't>(found: &mut Vec<(&'p str, &'t str)>, name: &'p str, value: &'t str) -> Option<()> {
    match found.iter().find(|(known, _)| *known == name) {
        Some((_, before)) => (*before == value).then_some(()),
        None => {
            found.push((name, value));
            Some(())
        }
    }
}

/// The template that a text without its signature is of: its place in the list, and what is in its places.
#[must_use]
pub fn choose<'p, 't>(
    patterns: impl IntoIterator<Item = &'p Pattern>,
    body: &'t str,
) -> Option<(usize, Vec<(&'p str, &'t str)>)> {
    let (mut best, mut heaviest) = (None, 0);
    for (index, pattern) in patterns.into_iter().enumerate() {
        let weight = pattern.weight();
        if (best.is_none() || weight > heaviest)
            && let Some(values) = pattern.values(body)
        {
            (best, heaviest) = (Some((index, values)), weight);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use text::divide;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn places_of_both_kinds_are_read() {
        let aliyun = pattern("尊敬的${name}，验证码${code}，${name}请勿外传。");
        assert_eq!(aliyun.places(), ["name", "code"]);
        let text = "尊敬的张伟，验证码123456，张伟请勿外传。";
        assert_eq!(aliyun.values(text), Some(vec![("name", "张伟"), ("code", "123456")]));
        assert_eq!(aliyun.values("尊敬的张伟，验证码123456，李娜请勿外传。"), None, "one name, one value");
        let tencent = pattern("{1}为您的登录验证码，{2}分钟内有效");
        assert_eq!(
            tencent.values("8842为您的登录验证码，5分钟内有效"),
            Some(vec![("1", "8842"), ("2", "5")])
        );
        assert_eq!(pattern("全场{五}折，{1}").values("全场{五}折，来"), Some(vec![("1", "来")]));
        assert_eq!(pattern("您好").values("您好"), Some(vec![]));
        assert_eq!(pattern("您好").values("您好！"), None);
    }

    #[test]
    fn nothing_fits_that_the_provider_would_refuse() {
        let code = pattern("验证码${code}。");
        for odd in ["验证码。", "验证码12", "您的验证码12。", "验证码12。请勿外传"] {
            assert_eq!(code.values(odd), None, "{odd}");
        }
        assert_eq!(code.values("验证码1。2。"), Some(vec![("code", "1。2")]), "the end is at the end");
    }

    #[test]
    fn mistakes_in_templates_are_told() {
        assert_eq!(Pattern::parse("  "), Err(PatternError::Length));
        assert_eq!(Pattern::parse(&"字".repeat(2_001)), Err(PatternError::Length));
        assert_eq!(Pattern::parse("您好${name"), Err(PatternError::Place));
        assert_eq!(Pattern::parse("您好${}"), Err(PatternError::Place));
        assert_eq!(Pattern::parse("您好${a b}"), Err(PatternError::Place));
        assert_eq!(Pattern::parse("${a}${b}"), Err(PatternError::Adjacent));
        assert_eq!(Pattern::parse(&"{1}x".repeat(51)), Err(PatternError::Many));
    }

    #[test]
    fn the_most_particular_template_is_meant() {
        let all = ["${all}", "验证码${code}", "验证码${code}，请勿外传"].map(pattern);
        assert_eq!(choose(&all, "验证码1，请勿外传"), Some((2, vec![("code", "1")])));
        assert_eq!(choose(&all, "验证码1"), Some((1, vec![("code", "1")])));
        assert_eq!(choose(&all[1..], "您好"), None);
    }

    #[test]
    fn the_signature_is_taken_off() {
        assert_eq!(divide("【鸿雁】您好"), (Some("鸿雁"), "您好"));
        assert_eq!(divide("您好【鸿雁】"), (None, "您好【鸿雁】"));
        assert_eq!(divide("【鸿雁"), (None, "【鸿雁"));
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(
            literals in proptest::collection::vec("[甲-硕，。]{1,6}", 1..6),
            values in proptest::collection::vec("[0-9a-zA-Z]{1,8}", 6),
            open in any::<bool>(),
        ) {
            let (mut template, mut text, mut put) = (String::new(), String::new(), Vec::new());
            for (n, literal) in literals.iter().enumerate() {
                template.push_str(literal);
                text.push_str(literal);
                if n + 1 < literals.len() || open {
                    template.push_str(&format!("${{v{n}}}"));
                    text.push_str(&values[n]);
                    put.push((format!("v{n}"), values[n].clone()));
                }
            }
            let read = pattern(&template);
            let found = read.values(&text).expect("fits");
            let found: Vec<_> = found.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(found, put);
        }

        #[test]
        fn whatever_is_matched_makes_the_text_again(template in "[ab${}1]{0,12}", text in "[ab1]{0,12}") {
            if let Ok(read) = Pattern::parse(&template)
                && let Some(values) = read.values(&text)
            {
                let mut made = read.head.clone();
                for (name, literal) in &read.rest {
                    made.push_str(values.iter().find(|(known, _)| known == name).unwrap().1);
                    made.push_str(literal);
                }
                prop_assert_eq!(made, text);
            }
        }
    }
}
