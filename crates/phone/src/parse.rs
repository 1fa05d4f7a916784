//! From what people really paste to a [`Phone`].
//!
//! Three steps: strip what is only notation, undo what spreadsheets do to numbers, then read the digits by the rules
//! of their country. Chinese numbers take a path of their own without the numbering-plan database, because they are
//! nearly all of the traffic.

use super::carrier::classify_cn;
use super::country::Country;
use super::error::PhoneError;
use super::{MAX_DIGITS, MIN_DIGITS, Phone, PhoneKind};

/// Longest input looked at, in bytes: a number with every ornament fits in far less, a whole document does not.
const MAX_INPUT_BYTES: usize = 256;
/// Digits kept while reading: enough for `00` + country code + the longest national number, and to count the excess.
const MAX_READ_DIGITS: usize = 24;
/// Digits of a Chinese mobile number.
const CN_DIGITS: usize = 11;
/// Digits of a Chinese machine-card number.
const CN_IOT_DIGITS: usize = 13;
/// A mantissa with this many digits came from a writer of full precision, so the digits it leaves out are zeros.
/// Spreadsheets that shorten for display show at most six.
const FULL_PRECISION_DIGITS: usize = 8;
/// Fewest digits before `.0` for it to be a number's decimal part and not a separator.
const MIN_DIGITS_BEFORE_POINT: usize = 10;

pub(super) fn parse(raw: &str, default_country: Country) -> Result<Phone, PhoneError> {
    if default_country == Country::CN && raw.len() == CN_DIGITS {
        let mut national = 0;
        if raw.bytes().all(|byte| {
            national = national * 10 + u64::from(byte.wrapping_sub(b'0'));
            byte.is_ascii_digit()
        }) && raw.starts_with('1')
        {
            return cn_mobile(national);
        }
    }
    if raw.len() > MAX_INPUT_BYTES {
        return Err(PhoneError::NotANumber);
    }
    let read = Reading::read(without_label(raw))?;
    read.interpret(default_country)
}

/// The country named by the numbering plan for a number outside China.
pub(super) fn country_of(phone: Phone) -> Option<Country> {
    let number = phonenumber::parse(None, phone.e164().as_str()).ok()?;
    number.country().id().and_then(Country::from_id)
}

/// Cuts a label such as `手机：` or `tel:` that stands before the number.
fn without_label(raw: &str) -> &str {
    match raw.find([':', '：']) {
        Some(at) if !raw[..at].chars().any(|ch| digit_of(ch).is_some()) => {
            raw[at..].trim_start_matches([':', '：'])
        }
        _ => raw,
    }
}

/// The decimal value of a digit in the scripts that keyboards of our users produce: ASCII, full-width, Arabic-Indic,
/// extended Arabic-Indic.
fn digit_of(ch: char) -> Option<u8> {
    let base = match ch {
        '0'..='9' => '0',
        '０'..='９' => '０',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        _ => return None,
    };
    Some((u32::from(ch) - u32::from(base)) as u8)
}

fn is_ornament(ch: char) -> bool {
    matches!(
        ch,
        '-' | '_' | '(' | ')' | '[' | ']' | '"' | '\'' | '`' | '=' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2212}'
                | '\u{ff0d}'
                | '\u{fe63}'
                | '\u{fe58}'
                | '（'
                | '）'
                | '【'
                | '】'
                | '［'
                | '］'
                | '「'
                | '」'
                | '‘'
                | '’'
                | '“'
                | '”'
                | '＂'
                | '＇'
                | '·'
                | '•'
                | '。'
                | '．'
    ) || is_invisible(ch)
}

/// White space of any script, zero-width and directional marks, the byte-order mark, controls.
fn is_invisible(ch: char) -> bool {
    ch.is_whitespace()
        || ch.is_control()
        || matches!(ch, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffc}')
}

/// The digits of an input and how they were marked.
struct Reading {
    digits: [u8; MAX_READ_DIGITS],
    /// Digits seen; those beyond [`MAX_READ_DIGITS`] are counted, not kept.
    count: usize,
    plus: bool,
    /// How many digits stood before each of the points seen, and how many points.
    digits_before_point: usize,
    points: usize,
    /// The exponent of `1.38E+10`, if there was one.
    exponent: Option<u32>,
    ornamented: bool,
}

impl Reading {
    fn read(raw: &str) -> Result<Reading, PhoneError> {
        let mut reading = Reading {
            digits: [0; MAX_READ_DIGITS],
            count: 0,
            plus: false,
            digits_before_point: 0,
            points: 0,
            exponent: None,
            ornamented: false,
        };
        let mut separators = 0;
        for (at, ch) in raw.char_indices() {
            if let Some(digit) = digit_of(ch) {
                reading.push(digit);
                continue;
            }
            match ch {
                '+' | '＋' | '\u{fe62}' if reading.count == 0 => reading.plus = true,
                '.' => {
                    reading.points += 1;
                    reading.digits_before_point = reading.count;
                }
                'e' | 'E' | 'ｅ' | 'Ｅ' if reading.count > 0 => {
                    reading.exponent = Some(exponent(&raw[at + ch.len_utf8()..])?);
                    break;
                }
                '/' | ',' | ';' | '|' | '、' | '，' | '；' | '／' if reading.count > 0 => separators += 1,
                _ if is_invisible(ch) => {}
                _ if is_ornament(ch) => reading.ornamented = reading.ornamented || reading.count > 0,
                _ => return Err(PhoneError::NotANumber),
            }
        }
        if separators > 0 {
            let several = reading.count >= 2 * MIN_DIGITS;
            return Err(if several { PhoneError::SeveralNumbers } else { PhoneError::NotANumber });
        }
        if reading.count == 0 {
            return Err(PhoneError::Empty);
        }
        Ok(reading)
    }

    fn push(&mut self, digit: u8) {
        if let Some(place) = self.digits.get_mut(self.count) {
            *place = digit;
        }
        self.count += 1;
    }

    fn interpret(mut self, default_country: Country) -> Result<Phone, PhoneError> {
        if self.count > MAX_READ_DIGITS {
            return Err(PhoneError::TooLong { digits: self.count });
        }
        match self.exponent {
            Some(exponent) => self.expand(exponent)?,
            None => self.drop_decimal_part(),
        }
        let mut digits = &self.digits[..self.count];
        let mut international = self.plus;
        if let Some(rest) = digits.strip_prefix(&[0, 0]) {
            digits = rest;
            international = true;
        }
        if let Some(national) = cn_national(digits, international, default_country) {
            return parse_cn(national);
        }
        if international && digits.len() > MAX_DIGITS {
            return Err(PhoneError::TooLong { digits: digits.len() });
        }
        parse_foreign(digits, international, default_country)
    }

    /// Cuts the `.0` of a number that a spreadsheet kept as a decimal.
    fn drop_decimal_part(&mut self) {
        let before = self.digits_before_point;
        let fraction = &self.digits[before.min(self.count)..self.count];
        let is_decimal = self.points == 1
            && !self.ornamented
            && before >= MIN_DIGITS_BEFORE_POINT
            && matches!(fraction.len(), 1 | 2)
            && fraction.iter().all(|digit| *digit == 0);
        if is_decimal {
            self.count = before;
        }
    }

    /// Undoes the exponent form, if every digit is still there.
    fn expand(&mut self, exponent: u32) -> Result<(), PhoneError> {
        let integer = if self.points == 0 { self.count } else { self.digits_before_point };
        let fraction = self.count - integer;
        let exponent = exponent as usize;
        if self.points > 1 || self.ornamented || integer == 0 || exponent > MAX_READ_DIGITS {
            return Err(PhoneError::NotANumber);
        }
        if exponent < fraction {
            let whole = integer + exponent;
            if self.digits[whole..self.count].iter().any(|digit| *digit != 0) {
                return Err(PhoneError::LossyNumber);
            }
            self.count = whole;
            return Ok(());
        }
        if exponent > fraction && self.count < FULL_PRECISION_DIGITS {
            return Err(PhoneError::LossyNumber);
        }
        for _ in fraction..exponent {
            self.push(0);
        }
        if self.count > MAX_READ_DIGITS {
            return Err(PhoneError::TooLong { digits: self.count });
        }
        Ok(())
    }
}

/// Reads what follows the `E`.
fn exponent(raw: &str) -> Result<u32, PhoneError> {
    let mut value: u32 = 0;
    let mut digits = 0;
    for ch in raw.chars() {
        match digit_of(ch) {
            Some(digit) => {
                value = value.saturating_mul(10).saturating_add(u32::from(digit));
                digits += 1;
            }
            None if digits == 0 && matches!(ch, '+' | '＋') => {}
            None if is_ornament(ch) && ch != '-' => {}
            None => return Err(PhoneError::NotANumber),
        }
    }
    if digits == 0 { Err(PhoneError::NotANumber) } else { Ok(value) }
}

/// The national part when the digits are to be read by the Chinese plan: after `86`, or bare with China as default.
fn cn_national(digits: &[u8], international: bool, default_country: Country) -> Option<&[u8]> {
    let after_code = digits.strip_prefix(&[8, 6]);
    if international {
        return after_code;
    }
    let bare_code = after_code.filter(|rest| rest.len() >= CN_DIGITS && matches!(rest[0], 0 | 1));
    if default_country == Country::CN { Some(bare_code.unwrap_or(digits)) } else { None }
}

fn parse_cn(national: &[u8]) -> Result<Phone, PhoneError> {
    // A trunk zero before a mobile number is an old long-distance habit; a landline keeps its zero and is refused.
    let national = match national {
        [0, rest @ ..] if rest.len() == CN_DIGITS && rest[0] == 1 => rest,
        other => other,
    };
    match (national.len(), national) {
        (CN_DIGITS, [1, ..]) => cn_mobile(number_of(national)),
        (CN_IOT_DIGITS, [1, 4, 0..=4, ..] | [1, 0, 6, 4, ..]) => {
            Err(PhoneError::NotSmsCapable { kind: PhoneKind::Iot })
        }
        (_, [0, ..]) | (CN_DIGITS, _) => Err(PhoneError::NotMobile),
        (digits, _) if digits < CN_DIGITS => Err(PhoneError::TooShort { digits }),
        (digits, _) => Err(PhoneError::TooLong { digits }),
    }
}

fn cn_mobile(national: u64) -> Result<Phone, PhoneError> {
    match classify_cn(national) {
        Some((_, kind)) if kind.is_sms_capable() => Ok(Phone::from_cn_national(national)),
        Some((_, kind)) => Err(PhoneError::NotSmsCapable { kind }),
        None => Err(PhoneError::NotMobile),
    }
}

fn parse_foreign(digits: &[u8], international: bool, default_country: Country) -> Result<Phone, PhoneError> {
    if digits.len() < MIN_DIGITS {
        return Err(PhoneError::TooShort { digits: digits.len() });
    }
    let mut text = String::with_capacity(digits.len() + 1);
    if international {
        text.push('+');
    }
    text.extend(digits.iter().map(|digit| char::from(b'0' + digit)));
    let country = if international { None } else { default_country.id() };
    let number = phonenumber::parse(country, &text).map_err(|_| PhoneError::InvalidForCountry)?;
    let code = number.code().value();
    let national = number.national().to_string();
    match can_be_mobile(code, &national) {
        Some(true) => {}
        Some(false) => return Err(PhoneError::NotMobile),
        None => return Err(PhoneError::InvalidForCountry),
    }
    let value = format!("{code}{national}").parse().ok();
    value.and_then(Phone::from_u64).ok_or(PhoneError::InvalidForCountry)
}

/// Whether a valid number may be a mobile's; `None` when no country of the code has such numbers.
///
/// The library's own type query drops the zeros that Italian landlines and Ivorian mobiles begin with, and walks the
/// plans twice; so the plans are asked here.
fn can_be_mobile(code: u16, national: &str) -> Option<bool> {
    let plans = &phonenumber::metadata::DATABASE;
    for region in plans.region(&code)? {
        let Some(plan) = plans.by_id(region) else { continue };
        let elsewhere = plan
            .leading_digits()
            .is_some_and(|leading| leading.find(national).is_none_or(|found| found.start() > 0));
        let kinds = plan.descriptors();
        if elsewhere || !kinds.general().is_match(national) {
            continue;
        }
        let any = |of: &[Option<&phonenumber::metadata::Descriptor>]| {
            of.iter().flatten().any(|descriptor| descriptor.is_match(national))
        };
        // Where a plan does not tell mobiles from landlines (North America), both match and the number goes through.
        if any(&[kinds.mobile(), kinds.personal_number(), kinds.voip(), kinds.pager()]) {
            return Some(true);
        }
        if any(&[
            kinds.fixed_line(),
            kinds.toll_free(),
            kinds.premium_rate(),
            kinds.shared_cost(),
            kinds.uan(),
        ]) {
            return Some(false);
        }
    }
    None
}

fn number_of(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(*digit))
}
