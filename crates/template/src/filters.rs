//! Filters that texts need beyond the template language's own: `money`, `date`, `mask`.

use std::fmt;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};

/// A value that a filter cannot read; names the filter only, because the value is personal.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilterError {
    pub(super) filter: &'static str,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value does not suit the filter {}", self.filter)
    }
}

impl std::error::Error for FilterError {}

/// How a date is written when no format is given.
const DATE_FORMAT: &str = "%-m月%-d日";
/// Longest integer part of an amount: beyond it nobody means money.
const MAX_AMOUNT_DIGITS: usize = 15;
/// Digits from which a value is masked as a number and not as a name.
const MIN_MASKED_NUMBER: usize = 7;

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("money", |value: &Value| amount(&text_of(value)?).ok_or_else(|| refuse("money")));
    environment.add_filter("date", |value: &Value, format: Option<&str>| {
        date(&text_of(value)?, format.unwrap_or(DATE_FORMAT)).ok_or_else(|| refuse("date"))
    });
    environment.add_filter("mask", |value: &Value| text_of(value).map(|text| mask(&text)));
}

fn text_of(value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn refuse(filter: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, "unsuitable value").with_source(FilterError { filter })
}

/// `1234.5` to `1,234.50`: exact decimal arithmetic on the digits, half a cent rounds away from zero.
fn amount(raw: &str) -> Option<String> {
    let raw = raw.trim();
    let (sign, digits) = match raw.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", raw.strip_prefix('+').unwrap_or(raw)),
    };
    let digits: String = digits.chars().filter(|ch| !matches!(ch, ',' | '，')).collect();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > MAX_AMOUNT_DIGITS || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let place = |index: usize| fraction.as_bytes().get(index).map_or(0, |digit| u64::from(digit - b'0'));
    let round_up = u64::from(place(2) >= 5);
    let cents = whole.parse::<u64>().ok()? * 100 + place(0) * 10 + place(1) + round_up;
    let whole = (cents / 100).to_string();
    let sign = if cents == 0 { "" } else { sign };
    let mut text = String::with_capacity(whole.len() * 2);
    text.push_str(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    Some(format!("{text}.{:02}", cents % 100))
}

/// Reads `2026-11-25`, `2026/1/5 9:30`, `20261125`, `2026年11月25日`, ISO date-times; writes by strftime's rules.
fn date(raw: &str, format: &str) -> Option<String> {
    let raw = raw.trim();
    let mut numbers: Vec<i16> = Vec::with_capacity(6);
    if raw.len() == 8 && raw.bytes().all(|byte| byte.is_ascii_digit()) {
        numbers =
            [&raw[..4], &raw[4..6], &raw[6..]].into_iter().filter_map(|part| part.parse().ok()).collect();
    } else {
        for part in raw.split(|ch: char| !ch.is_ascii_digit()).filter(|part| !part.is_empty()).take(6) {
            numbers.push(part.parse().ok()?);
        }
    }
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    let small = |index: usize| i8::try_from(at(index)).ok();
    if numbers.len() < 3 || at(0) < 1000 {
        return None;
    }
    let moment =
        jiff::civil::DateTime::new(at(0), small(1)?, small(2)?, small(3)?, small(4)?, small(5)?, 0).ok()?;
    jiff::fmt::strtime::format(format, moment).ok()
}

/// `138****0000` for numbers, `张*` and `欧*修` for names.
fn mask(value: &str) -> String {
    let chars: Vec<char> = value.trim().chars().collect();
    let is_number = chars.len() >= MIN_MASKED_NUMBER && chars.iter().all(char::is_ascii_digit);
    let (head, tail) = match chars.len() {
        0 | 1 => (0, 0),
        2 => (1, 0),
        _ if is_number => (3, 4.min(chars.len() - MIN_MASKED_NUMBER + 1)),
        _ => (1, 1),
    };
    let hidden = chars.len() - head - tail;
    let mut text: String = chars[..head].iter().collect();
    text.extend(std::iter::repeat_n('*', hidden));
    text.extend(&chars[head + hidden..]);
    text
}
