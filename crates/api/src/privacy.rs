//! What is shown of people: as little as recognising them takes, unless everything is asked for.

use domain::numbers::PrefixTable;
use domain::phone::Phone;

/// A phone, masked unless `reveal`.
pub(crate) fn phone(phone: Phone, reveal: bool) -> String {
    if reveal { phone.e164().to_string() } else { phone.masked() }
}

/// Province and city of a phone, as far as they are known: no more than its shown digits say.
pub(crate) fn place(numbers: &PrefixTable, phone: Phone) -> (Option<String>, Option<String>) {
    let place = numbers.place(phone);
    let known = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    (place.and_then(|place| known(&place.province)), place.and_then(|place| known(&place.city)))
}

/// A personal attribute: its first character unless `reveal`.
pub(crate) fn attribute(value: String, reveal: bool) -> String {
    if reveal {
        return value;
    }
    value.chars().take(1).chain("**".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_beginning_is_shown() {
        assert_eq!(attribute("张三丰".to_owned(), false), "张**");
        assert_eq!(attribute("张三丰".to_owned(), true), "张三丰");
    }
}
