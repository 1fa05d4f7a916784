//! Why a pasted phone number was refused, in both languages.

use super::PhoneKind;
use text::Bilingual;

/// Why an input is not a phone that can be sent to. Always the input's fault; a retry changes nothing.
///
/// Carries counts and kinds only, never the digits, so it may be logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PhoneError {
    /// No digit in it.
    #[error("no phone number given")]
    Empty,
    /// Letters or symbols that belong to no way of writing a number.
    #[error("contains characters that do not belong to a phone number")]
    NotANumber,
    /// Fewer digits than the country's mobiles have.
    #[error("too short: {digits} digits")]
    TooShort {
        /// How many digits were found.
        digits: usize,
    },
    /// More digits than the country's mobiles have.
    #[error("too long: {digits} digits")]
    TooLong {
        /// How many digits were found.
        digits: usize,
    },
    /// Two or more numbers in one cell.
    #[error("several numbers in one field: put each on its own row")]
    SeveralNumbers,
    /// A spreadsheet turned the number into exponent form and dropped digits (`1.38E+10`).
    #[error("the spreadsheet cut digits off (exponent form): format the column as text and export again")]
    LossyNumber,
    /// A landline, or a range that is not allocated to mobiles.
    #[error("not a mobile number: landline or unallocated range")]
    NotMobile,
    /// An allocated range whose terminals receive no SMS.
    #[error("this kind of number cannot receive SMS ({kind:?})")]
    NotSmsCapable {
        /// Satellite or machine card.
        kind: PhoneKind,
    },
    /// Not valid in the numbering plan of its country.
    #[error("not a valid number in its country's numbering plan")]
    InvalidForCountry,
}

impl PhoneError {
    /// A stable word for reports, files and the API.
    pub fn code(&self) -> &'static str {
        match self {
            PhoneError::Empty => "phone_empty",
            PhoneError::NotANumber => "phone_not_a_number",
            PhoneError::TooShort { .. } => "phone_too_short",
            PhoneError::TooLong { .. } => "phone_too_long",
            PhoneError::SeveralNumbers => "phone_several_numbers",
            PhoneError::LossyNumber => "phone_lossy_number",
            PhoneError::NotMobile => "phone_not_mobile",
            PhoneError::NotSmsCapable { .. } => "phone_not_sms_capable",
            PhoneError::InvalidForCountry => "phone_invalid_for_country",
        }
    }

    /// What to tell the user.
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            PhoneError::Empty => "没有填写手机号".into(),
            PhoneError::NotANumber => "含有不属于手机号的字符".into(),
            PhoneError::TooShort { digits } => format!("号码太短：只有 {digits} 位").into(),
            PhoneError::TooLong { digits } => format!("号码太长：有 {digits} 位").into(),
            PhoneError::SeveralNumbers => "一个单元格里有多个号码：请每行只放一个".into(),
            PhoneError::LossyNumber => {
                "表格软件把号码变成了科学计数法并丢失了数字：请把该列设为文本格式后重新导出".into()
            }
            PhoneError::NotMobile => "不是手机号：固定电话或未分配的号段".into(),
            PhoneError::NotSmsCapable { kind: PhoneKind::Satellite } => "卫星电话号段，无法接收短信".into(),
            PhoneError::NotSmsCapable { .. } => "物联网号码，无法接收短信".into(),
            PhoneError::InvalidForCountry => "不符合所在国家或地区的号码规则".into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}
