use proptest::prelude::*;

use super::{Carrier, Country, Phone, PhoneError, PhoneKind, Slot};

fn cn(raw: &str) -> Result<String, PhoneError> {
    Phone::parse(raw, Country::CN).map(|phone| phone.e164().to_string())
}

/// The body of the `phone_parse` fuzz target.
fn fuzz_phone_parse(raw: &str) {
    for country in ["CN", "US", "GB", "IT", "HK"] {
        let country = Country::from_code(country).expect("a known country");
        if let Ok(phone) = Phone::parse(raw, country) {
            assert_eq!(Phone::parse(phone.e164().as_str(), country), Ok(phone));
            assert_eq!(Phone::from_u64(phone.to_u64()), Some(phone));
        }
    }
}

#[test]
fn reads_what_people_paste() {
    let same = [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "+8613800138000",
        "+86-138-0013-8000",
        "+86 (138) 0013 8000",
        "（+86）13800138000",
        "008613800138000",
        "00 86 138 0013 8000",
        "8613800138000",
        "86-13800138000",
        "013800138000",
        "+86 013800138000",
        "１３８００１３８０００",
        "＋８６１３８００１３８０００",
        "\u{feff}13800138000",
        "138\u{a0}0013\u{a0}8000",
        "138\u{200b}0013\u{200d}8000",
        "\u{202d}13800138000\u{202c}",
        "138.0013.8000",
        "13800138000.0",
        "13800138000.00",
        "8613800138000.0",
        "'13800138000",
        "\"13800138000\"",
        "=\"13800138000\"",
        "“13800138000”",
        "[13800138000]",
        " 13800138000\r\n",
        "\t13800138000",
        "手机：13800138000",
        "tel:+86-138-0013-8000",
        "1.3800138E+10",
        "1.3800138000E+10",
        "1.3800138e10",
        "8.6138001380000E+12",
        "1.38001380000E+10",
        "13800138000E0",
    ];
    for raw in same {
        assert_eq!(cn(raw).as_deref(), Ok("+8613800138000"), "{raw:?}");
    }
    assert_eq!(cn("138.0013.0000").as_deref(), Ok("+8613800130000"), "points as separators keep their zeros");
}

#[test]
fn says_why_it_refuses() {
    let lossy = PhoneError::LossyNumber;
    let iot = PhoneError::NotSmsCapable { kind: PhoneKind::Iot };
    let satellite = PhoneError::NotSmsCapable { kind: PhoneKind::Satellite };
    let cases = [
        ("", PhoneError::Empty),
        ("  -- ", PhoneError::Empty),
        ("张三", PhoneError::NotANumber),
        ("138****8000", PhoneError::NotANumber),
        ("13800138000 转 3", PhoneError::NotANumber),
        ("12-3E", PhoneError::NotANumber),
        ("138001380", PhoneError::TooShort { digits: 9 }),
        ("138001380001", PhoneError::TooLong { digits: 12 }),
        ("13800138000/13900139000", PhoneError::SeveralNumbers),
        ("13800138000、13900139000", PhoneError::SeveralNumbers),
        ("1.38E+10", lossy),
        ("1.38001E+10", lossy),
        ("8.6138E+12", lossy),
        ("1.38001380005E+9", lossy),
        ("1.38E+99", PhoneError::NotANumber),
        ("1.38E-10", PhoneError::NotANumber),
        ("010-62345678", PhoneError::NotMobile),
        ("0571 8765 4321", PhoneError::NotMobile),
        ("12345678901", PhoneError::NotMobile),
        ("15400000000", PhoneError::NotMobile),
        ("13490001111", satellite),
        ("17400001111", satellite),
        ("1440012345678", iot),
        ("1064812345678", iot),
        ("+861440012345678", iot),
        ("+15551234", PhoneError::InvalidForCountry),
        ("+999123456789", PhoneError::InvalidForCountry),
    ];
    for (raw, error) in cases {
        assert_eq!(cn(raw), Err(error), "{raw:?}");
        let explained = error.explain();
        assert!(!explained.zh.is_ascii() && explained.en.is_ascii());
    }
    assert!(cn(&"1".repeat(100_000)).is_err());
}

#[test]
fn reads_the_rest_of_the_world() {
    assert_eq!(cn("+1 650-253-0000").as_deref(), Ok("+16502530000"));
    assert_eq!(cn("0044 7911 123456").as_deref(), Ok("+447911123456"));
    assert_eq!(cn("+852 5123 4567").as_deref(), Ok("+85251234567"));
    assert_eq!(cn("+886 912 345 678").as_deref(), Ok("+886912345678"));
    assert_eq!(cn("+44 20 7946 0958"), Err(PhoneError::NotMobile), "a London landline");
    assert_eq!(cn("+39 0341 123456"), Err(PhoneError::NotMobile), "an Italian landline keeps its zero");
    assert_eq!(cn("+39 347 1234567").as_deref(), Ok("+393471234567"));
    assert_eq!(
        cn("+225 07 07 12 34 56").as_deref(),
        Ok("+2250707123456"),
        "an Ivorian mobile keeps its zero"
    );
    assert_eq!(cn("+1 242 359 1234").as_deref(), Ok("+12423591234"), "the Bahamas share the code 1");
    assert_eq!(cn("+800 1234 5678"), Err(PhoneError::InvalidForCountry), "a service without country");
    let us = Country::from_code("us").expect("a known country");
    let phone = Phone::parse("(650) 253-0000", us).expect("a valid number");
    assert_eq!(phone.e164().as_str(), "+16502530000");
    assert_eq!(phone.country(), Some(us));
    assert_eq!(
        (phone.carrier(), phone.kind(), phone.national_cn()),
        (Carrier::Foreign, PhoneKind::Normal, None)
    );
    let hk = Country::from_code("HK").expect("a known country");
    assert_eq!(Phone::parse("5123 4567", hk).map(Phone::to_u64), Ok(85_251_234_567));
    assert_eq!(Phone::parse("+86 138 0013 8000", us).map(Phone::to_u64), Ok(8_613_800_138_000));
    assert_eq!(Country::from_code("XX"), None);
}

#[test]
fn tells_the_carrier_by_the_official_table() {
    use Carrier::{Broadnet, Mobile, Telecom, Unicom};
    use PhoneKind::{Normal, Virtual};
    // Every allocated three-digit range of the table as of 2023-03-31, spelt out independently of the code.
    let normal = [
        (Telecom, "133 149 153 173 177 180 181 189 190 191 193 199"),
        (
            Mobile,
            "134 135 136 137 138 139 147 148 150 151 152 157 158 159 172 178 182 183 184 187 188 195 197 198",
        ),
        (Unicom, "130 131 132 145 146 155 156 166 175 176 185 186 196"),
        (Broadnet, "192"),
    ];
    let resale = [
        (Telecom, "162 1700 1701 1702"),
        (Mobile, "165 1703 1705 1706"),
        (Unicom, "167 171 1704 1707 1708 1709"),
    ];
    let mut seen = 0;
    for (table, kind) in [(&normal[..], Normal), (&resale[..], Virtual)] {
        for (carrier, prefixes) in table {
            for prefix in prefixes.split(' ') {
                let phone = Phone::parse(&format!("{prefix:0<11}"), Country::CN).expect(prefix);
                assert_eq!((phone.carrier(), phone.kind()), (*carrier, kind), "{prefix}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 64);
    let accepted = (100..200).filter(|prefix| cn(&format!("{prefix}00000000")).is_ok()).count();
    assert_eq!(accepted, 50 + 5, "50 ranges of the networks, 162 165 167 170 171 for resale, nothing else");
    for carrier in Carrier::ALL {
        assert_eq!(Carrier::from_word(carrier.as_str()), Some(carrier));
    }
}

#[test]
fn never_shows_a_whole_number_by_accident() {
    let phone = Phone::parse("13800138000", Country::CN).expect("valid");
    assert_eq!(format!("{phone:?}"), "+86138****8000");
    assert!(!format!("{:?}", phone.e164()).contains("8000"));
    assert_eq!(phone.national_cn().expect("Chinese").as_str(), "13800138000");
    assert_eq!(phone.digits().as_str(), "8613800138000");
    let foreign = Phone::parse("+447911123456", Country::CN).expect("valid");
    assert_eq!(format!("{foreign:?}"), "+44********56");
    assert_eq!(Phone::from_u64(8_612_345_678_901), None, "an unallocated Chinese range");
    assert_eq!((Phone::from_u64(0), Phone::from_u64(999_999), Phone::from_u64(u64::MAX)), (None, None, None));
}

#[test]
fn slots_are_frozen() {
    // Changing any of these re-homes every message ever stored. The values were computed by a separate implementation.
    let frozen = [
        (8613800138000, 1180),
        (8613912345678, 2697),
        (8619900000000, 1960),
        (16502530000, 3976),
        (447911123456, 3670),
        (85251234567, 1365),
    ];
    for (digits, slot) in frozen {
        let phone = Phone::from_u64(digits).expect("valid");
        assert_eq!(phone.slot().get(), slot, "{digits}");
    }
    assert_eq!((Slot::new(4095).map(Slot::get), Slot::new(4096)), (Some(4095), None));
}

#[test]
fn slots_spread_evenly() {
    let mut counts = [0u32; 4096];
    for subscriber in 0..409_600 {
        let phone = Phone::from_u64(8_613_800_000_000 + subscriber).expect("valid");
        counts[usize::from(phone.slot().get())] += 1;
    }
    let (least, most) = (counts.iter().min(), counts.iter().max());
    assert!(least > Some(&50) && most < Some(&160), "consecutive numbers cluster: {least:?}..{most:?}");
}

proptest! {
    #[test]
    fn parse_never_panics_and_round_trips(raw in "\\PC{0,24}") {
        fuzz_phone_parse(&raw);
    }

    #[test]
    fn digits_and_notation_never_panic(raw in "[+０0-9 ()\\-.eE'/：]{0,28}") {
        fuzz_phone_parse(&raw);
    }

    #[test]
    fn foreign_numbers_round_trip(prefix in prop::sample::select(vec!["+1", "+44", "+852", "+39", "+49", "+91", "+7"]),
                                  rest in "[0-9]{6,12}") {
        fuzz_phone_parse(&format!("{prefix}{rest}"));
    }

    #[test]
    fn notation_never_changes_a_chinese_number(subscriber in 0u64..100_000_000, gaps in prop::collection::vec("[ \\-.\u{a0}（）]{0,2}", 11)) {
        let plain = format!("138{subscriber:08}");
        let noisy: String = plain.chars().zip(&gaps).flat_map(|(digit, gap)| [gap.clone(), digit.to_string()]).collect();
        let expected = Phone::parse(&plain, Country::CN);
        prop_assert!(expected.is_ok());
        // A single point before a lone final zero is a spreadsheet's decimal part; every other notation is separators.
        prop_assume!(noisy.matches('.').count() != 1 || !plain.ends_with('0'));
        prop_assert_eq!(Phone::parse(&noisy, Country::CN), expected);
    }
}
