//! What a column is, guessed from its header and its cells.

use domain::control::ColumnUse;
use domain::phone::{Country, Phone};

/// Headers of phone columns, most certain first; compared without case, blanks and punctuation.
const PHONE_WORDS: [&str; 16] = [
    "手机号",
    "手机号码",
    "手机",
    "电话号码",
    "联系电话",
    "移动电话",
    "联系方式",
    "电话",
    "号码",
    "mobile",
    "mobilephone",
    "phone",
    "phonenumber",
    "cellphone",
    "msisdn",
    "tel",
];
/// A header that contains one of these is probably a phone column.
const PHONE_PARTS: [&str; 6] = ["手机", "电话", "mobile", "phone", "msisdn", "cell"];
/// What makes a person findable or is nobody's business: sealed.
const PERSONAL_PARTS: [&str; 20] = [
    "姓名",
    "名字",
    "称呼",
    "联系人",
    "地址",
    "住址",
    "身份证",
    "证件",
    "邮箱",
    "邮件",
    "微信",
    "银行卡",
    "生日",
    "name",
    "address",
    "email",
    "mail",
    "wechat",
    "birth",
    "card",
];
/// What audiences are chosen by: plain.
const QUERYABLE_PARTS: [&str; 29] = [
    "城市", "省", "地区", "区域", "等级", "级别", "会员", "金额", "消费", "积分", "余额", "次数", "性别",
    "年龄", "门店", "渠道", "状态", "类型", "city", "province", "region", "level", "tier", "amount",
    "points", "gender", "store", "status", "count",
];
const TAG_WORDS: [&str; 5] = ["标签", "分组", "tag", "tags", "labels"];
/// Share of sampled cells that must be phones for a column without a telling header, in percent.
const PHONE_SHARE_PERCENT: usize = 50;

/// A header without case, blanks and punctuation.
fn folded(header: &str) -> String {
    header.chars().filter(|ch| ch.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How much the header sounds like a phone column: 0 not at all, 2 certainly.
fn sounds_like_phone(header: &str) -> u8 {
    let header = folded(header);
    if PHONE_WORDS.contains(&header.as_str()) {
        2
    } else {
        u8::from(PHONE_PARTS.iter().any(|part| header.contains(part)))
    }
}

/// How many of the cells are phones, in percent of those that are not empty.
fn phone_share<'a>(cells: impl Iterator<Item = &'a str>, country: Country) -> usize {
    let (mut filled, mut phones) = (0_usize, 0_usize);
    for cell in cells.filter(|cell| !cell.is_empty()) {
        filled += 1;
        phones += usize::from(Phone::parse(cell, country).is_ok());
    }
    (phones * 100).checked_div(filled).unwrap_or(0)
}

/// Whether a row is a header: no cell of it is a phone, and it says something.
pub(super) fn is_header<'a>(mut cells: impl Iterator<Item = &'a str>, country: Country) -> bool {
    cells.all(|cell| Phone::parse(cell, country).is_err())
}

/// The phone column: by content among the headers that sound like one, else by content alone.
pub(super) fn phone_column(headers: &[String], sample: &[Vec<String>], country: Country) -> Option<usize> {
    let share = |column: usize| {
        phone_share(sample.iter().map(|row| row.get(column).map_or("", String::as_str)), country)
    };
    let best = (0..headers.len())
        .map(|column| (column, sounds_like_phone(&headers[column]), share(column)))
        .max_by_key(|(column, sounds, share)| (*share > 0, *sounds, *share, std::cmp::Reverse(*column)))?;
    let (column, sounds, share) = best;
    (sounds > 0 || share >= PHONE_SHARE_PERCENT).then_some(column)
}

/// What a column that is not the phone becomes. What nobody recognises is sealed: the careful guess.
pub(super) fn other_use(header: &str) -> ColumnUse {
    let header = folded(header);
    let contains = |parts: &[&str]| parts.iter().any(|part| header.contains(part));
    if TAG_WORDS.contains(&header.as_str()) {
        ColumnUse::Tags
    } else if !contains(&PERSONAL_PARTS) && contains(&QUERYABLE_PARTS) {
        ColumnUse::Queryable
    } else {
        ColumnUse::Personal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn the_phone_column_is_found_by_name_or_content() {
        let phones = [strings(&["1", "13800138000", "x"]), strings(&["2", "13900139000", "y"])];
        let found = |headers: &[&str]| phone_column(&strings(headers), &phones, Country::CN);
        assert_eq!(found(&["id", "手机号", "姓名"]), Some(1));
        assert_eq!(found(&["id", "Mobile Phone", "name"]), Some(1));
        assert_eq!(found(&["a", "b", "c"]), Some(1), "by content");
        assert_eq!(found(&["phone", "b", "c"]), Some(1), "content speaks against the header");
        assert_eq!(phone_column(&strings(&["a"]), &[strings(&["x"])], Country::CN), None);
        assert_eq!(phone_column(&strings(&["电话"]), &[], Country::CN), Some(0), "by name alone");
    }

    #[test]
    fn columns_are_sealed_unless_audiences_are_chosen_by_them() {
        for (header, expected) in [
            ("姓名", ColumnUse::Personal),
            ("会员姓名", ColumnUse::Personal),
            ("E-mail", ColumnUse::Personal),
            ("城市", ColumnUse::Queryable),
            ("消费金额", ColumnUse::Queryable),
            ("标签", ColumnUse::Tags),
            ("备注", ColumnUse::Personal),
        ] {
            assert_eq!(other_use(header), expected, "{header}");
        }
    }

    #[test]
    fn a_row_with_a_phone_is_no_header() {
        assert!(is_header(["姓名", "手机号"].into_iter(), Country::CN));
        assert!(!is_header(["张三", "138 0013 8000"].into_iter(), Country::CN));
    }
}
