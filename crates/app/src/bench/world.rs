//! The people and texts of the measurements: the same in every process that takes part, from numbers alone.

use std::io::{self, BufWriter, Write};

use domain::phone::Phone;

/// Ranges of the four networks, ten of them.
const RANGES: [u64; 10] = [135, 136, 138, 139, 150, 187, 130, 186, 133, 192];
/// A step through the numbers of one range that shares no factor with their count, so that none comes twice.
const STEP: u64 = 7_368_787;
const NUMBERS_PER_RANGE: u64 = 100_000_000;
/// A step through the people, prime and so without a common factor with any size in use: neighbours in an audience
/// are no neighbours in the index.
const STRIDE: u64 = 982_451_653;
/// One recipient in so many gets a text of two parts.
const TWO_PARTS_EVERY: u64 = 10;

/// Headers of the audience's file.
pub(super) const HEADERS: &str = "手机号,姓名,权益";
/// The campaign's text: two variables; signature and opt-out words come on top.
pub(super) const TEMPLATE: &str =
    "{{ 姓名 }}您好，您的{{ 权益 }}已到账，凭本短信到店即可使用，活动截止本周日。";
/// Who sends.
pub(super) const SIGNATURE: &str = "鸿雁商城";
const SHORT_GIFT: &str = "会员专享八折券";
const LONG_GIFT: &str = "会员专享八折券、生日双倍积分卡、满三百减五十元券以及新品试用装一份（数量有限，先到先得，详询各门店会员顾问）";
const NAMES: [&str; 8] = ["王伟", "李娜", "张建国", "刘洋", "陈静", "杨秀英", "赵子涵", "欧阳明"];

/// The `number`-th person, for numbers below a thousand million.
pub(super) fn phone(number: u64) -> Phone {
    let range = RANGES[(number % 10) as usize];
    let within = (number / 10 % NUMBERS_PER_RANGE) * STEP % NUMBERS_PER_RANGE;
    let national = range * NUMBERS_PER_RANGE + within;
    Phone::from_u64(86 * 100_000_000_000 + national).expect("a number of a range that a network has")
}

/// The `place`-th recipient out of `people`: scattered, none twice.
pub(super) fn recipient(place: u64, people: u64) -> Phone {
    phone((u128::from(place) * u128::from(STRIDE) % u128::from(people.max(1))) as u64)
}

/// The values of the two variables for the `place`-th recipient.
pub(super) fn values(place: u64) -> (&'static str, &'static str) {
    let gift = if place.is_multiple_of(TWO_PARTS_EVERY) { LONG_GIFT } else { SHORT_GIFT };
    (NAMES[(place / TWO_PARTS_EVERY % 8) as usize], gift)
}

/// The finished text for the `place`-th recipient.
pub(super) fn text(place: u64) -> String {
    let (name, gift) = values(place);
    let body = TEMPLATE.replace("{{ 姓名 }}", name).replace("{{ 权益 }}", gift);
    format!("【{SIGNATURE}】{body}{}", domain::text::DEFAULT_OPT_OUT)
}

/// Writes recipients `from..to` out of `people` as a CSV file.
///
/// # Errors
/// What `out` says.
pub(super) fn write_audience(out: impl Write, from: u64, to: u64, people: u64) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    writeln!(out, "{HEADERS}")?;
    for place in from..to {
        let (name, gift) = values(place);
        let national = recipient(place, people).to_u64() % 100_000_000_000;
        writeln!(out, "{national},{name},{gift}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::text::{TextRules, plan};
    use std::collections::HashSet;

    #[test]
    fn nobody_comes_twice() {
        let people: HashSet<u64> = (0..20_000).map(|number| phone(number).to_u64()).collect();
        assert_eq!(people.len(), 20_000);
        let recipients: HashSet<u64> = (0..10_000).map(|place| recipient(place, 20_000).to_u64()).collect();
        assert_eq!(recipients.len(), 10_000);
        assert!(recipients.is_subset(&people));
    }

    #[test]
    fn one_text_in_ten_has_two_parts() {
        let parts = |place| plan(&text(place), &TextRules::CMPP).expect("a text").parts;
        let counted: Vec<u8> = (0..200).map(parts).collect();
        assert_eq!(counted.iter().filter(|parts| **parts == 2).count(), 20);
        assert!(counted.iter().all(|parts| matches!(parts, 1 | 2)));
    }
}
