use proptest::prelude::*;

use super::*;

const CHINA: TextRules = TextRules::CMPP;

fn shape(text: &str, rules: &TextRules) -> (Encoding, u16, u8, u8) {
    let plan = plan(text, rules).expect("fits");
    (plan.encoding, plan.length, plan.parts, plan.billed_parts)
}

/// The body of the `text_segment` fuzz target.
fn fuzz_text_segment(text: &str) {
    let gbk = TextRules { wide: Wide::Gbk, narrow: Narrow::Off, ..CHINA };
    for header in [ConcatHeader::Eight, ConcatHeader::Sixteen] {
        for rules in [CHINA, TextRules::SGIP, TextRules::SMPP, gbk] {
            let rules = TextRules { header, ..rules };
            let Ok(plan) = plan(text, &rules) else { continue };
            let segments = segment(text, plan.encoding, &rules, 0x1234).expect("what was planned can be cut");
            assert_eq!(segments.len(), usize::from(plan.parts), "{:?}", plan.encoding);
            check_parts(text, plan.encoding, &rules, &segments);
        }
    }
}

fn check_parts(text: &str, encoding: Encoding, rules: &TextRules, segments: &Segments) {
    let dialect = if encoding == Encoding::Gsm7 { Dialect::Smpp } else { Dialect::China };
    let long = segments.len() > 1;
    let mut joined = String::new();
    for (index, part) in segments.iter().enumerate() {
        let limit = match (encoding, long) {
            (Encoding::Gsm7, false) => 160,
            (Encoding::Gsm7, true) if rules.header == ConcatHeader::Eight => 6 + 153,
            (Encoding::Gsm7, true) => 7 + 152,
            (Encoding::Ascii, false) => usize::from(rules.ascii_single),
            _ => 140,
        };
        assert!(part.len() <= limit, "{encoding:?} part of {} octets", part.len());
        let decoded = decode(part, encoding.code(), segments.has_header(), dialect);
        assert!(!decoded.lossy, "a character was split: {encoding:?}");
        let reference = if rules.header == ConcatHeader::Eight { 0x34 } else { 0x1234 };
        let concat = Concat { reference, total: segments.len() as u8, number: index as u8 + 1 };
        assert_eq!(decoded.concat, long.then_some(concat));
        joined += &decoded.text;
    }
    assert_eq!(joined, text);
}

#[test]
fn counts_as_carriers_bill() {
    use Encoding::{Ascii, Gsm7, Ucs2};
    let han = |count: usize| "鸿".repeat(count);
    for (count, parts) in
        [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (160, 3), (201, 3), (202, 4), (1340, 20)]
    {
        assert_eq!(shape(&han(count), &CHINA), (Ucs2, count as u16, parts, parts));
    }
    assert_eq!(plan(&han(1341), &CHINA), Err(TextError::TooLong { parts: 21, max: 20 }));
    assert_eq!(plan("", &CHINA), Err(TextError::Empty));
    let ascii = |count: usize| "a".repeat(count);
    assert_eq!(shape(&ascii(70), &CHINA), (Ascii, 70, 1, 1));
    assert_eq!(shape(&ascii(71), &CHINA), (Ascii, 71, 1, 2));
    assert_eq!(shape(&ascii(159), &CHINA), (Ascii, 159, 1, 3));
    assert_eq!(shape(&ascii(160), &CHINA), (Ascii, 160, 2, 3));
    assert_eq!(shape(&ascii(140), &TextRules::SGIP), (Ascii, 140, 1, 3));
    assert_eq!(shape(&ascii(141), &TextRules::SGIP), (Ascii, 141, 2, 3));
    assert_eq!(shape(&ascii(269), &TextRules::SMGP), (Ascii, 269, 3, 5));
    assert_eq!(shape("a@b", &CHINA), (Ucs2, 3, 1, 1), "@ is ambiguous under code 0");
    for (count, parts) in [(160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4)] {
        assert_eq!(shape(&ascii(count), &TextRules::SMPP), (Gsm7, count as u16, parts, parts));
    }
    assert_eq!(shape("10 €", &TextRules::SMPP), (Gsm7, 5, 1, 1));
    assert_eq!(shape(&"€".repeat(80), &TextRules::SMPP), (Gsm7, 160, 1, 1));
    assert_eq!(shape(&"€".repeat(81), &TextRules::SMPP), (Gsm7, 162, 2, 2));
    // 153 is odd, so a part holds 76 pairs: 152 septets each, and the 153rd pair needs a third part.
    assert_eq!(shape(&"€".repeat(153), &TextRules::SMPP).2, 3);
    assert_eq!(shape("çok", &TextRules::SMPP).0, Ucs2, "only capital Ç is in the alphabet");
    let sixteen = TextRules { header: ConcatHeader::Sixteen, ..CHINA };
    assert_eq!(shape(&han(132), &sixteen), (Ucs2, 132, 2, 2));
    assert_eq!(shape(&han(133), &sixteen), (Ucs2, 133, 3, 3));
    assert_eq!(shape(&ascii(305), &TextRules { header: ConcatHeader::Sixteen, ..TextRules::SMPP }).2, 3);
}

#[test]
fn never_splits_a_surrogate_pair() {
    assert_eq!(shape("🎉", &CHINA), (Encoding::Ucs2, 2, 1, 1));
    // 66 units, then a pair across the border of the first part: it moves to the second as a whole.
    let text = format!("{}🎉{}", "鸿".repeat(66), "雁".repeat(66));
    assert_eq!(shape(&text, &CHINA), (Encoding::Ucs2, 134, 3, 3));
    let segments = segment(&text, Encoding::Ucs2, &CHINA, 7).expect("fits");
    assert_eq!(segments.get(0).map(<[u8]>::len), Some(6 + 132));
    assert_eq!(&segments.get(1).expect("second")[..10], [5, 0, 3, 7, 3, 2, 0xd8, 0x3c, 0xdf, 0x89]);
    assert_eq!(segments.get(3), None);
}

#[test]
fn never_splits_an_escape_pair() {
    let text = format!("{}€{}", "a".repeat(152), "b".repeat(10));
    let segments = segment(&text, Encoding::Gsm7, &TextRules::SMPP, 1).expect("fits");
    assert_eq!((segments.len(), segments.get(0).map(<[u8]>::len)), (2, Some(6 + 152)));
    assert_eq!(&segments.get(1).expect("second")[..9], [5, 0, 3, 1, 2, 2, 0x1b, 0x65, b'b']);
}

#[test]
fn gbk_only_where_double_bytes_carry_all() {
    let rules = TextRules { wide: Wide::Gbk, ..CHINA };
    assert_eq!(shape("鸿雁", &rules).0, Encoding::Gbk);
    assert_eq!(shape("鸿雁🎉", &rules).0, Encoding::Ucs2);
    assert_eq!(
        segment("鸿雁a", Encoding::Gbk, &rules, 0).expect("fits").get(0),
        Some(&b"\xba\xe8\xd1\xe3a"[..])
    );
    // One octet first makes every later character straddle an even border.
    let text = format!("a{}", "鸿".repeat(100));
    let segments = segment(&text, Encoding::Gbk, &rules, 0).expect("fits");
    assert_eq!(segments.get(0).map(<[u8]>::len), Some(6 + 133));
    let refused = segment("🎉", Encoding::Gbk, &rules, 0);
    assert_eq!(refused, Err(TextError::NotRepresentable { encoding: Encoding::Gbk }));
}

#[test]
fn gsm_alphabet_matches_the_standard() {
    let text = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¤¡ÄÖÑÜ§¿äöñüà";
    let octets = segment(text, Encoding::Gsm7, &TextRules::SMPP, 0).expect("fits");
    let expected: Vec<u8> =
        (0..0x1b).chain(0x1c..0x21).chain([0x24, 0x40]).chain(0x5b..0x61).chain(0x7b..0x80).collect();
    assert_eq!(octets.get(0), Some(&expected[..]));
    let extension = segment("^{}\\[~]|€", Encoding::Gsm7, &TextRules::SMPP, 0).expect("fits");
    let codes: Vec<u8> =
        extension.get(0).expect("one part").iter().copied().filter(|octet| *octet != 0x1b).collect();
    assert_eq!(codes, [0x14, 0x28, 0x29, 0x2f, 0x3c, 0x3d, 0x3e, 0x40, 0x65]);
}

#[test]
fn decodes_what_gateways_send() {
    let china = |octets: &[u8], code| {
        let decoded = decode(octets, code, false, Dialect::China);
        (decoded.text, decoded.lossy)
    };
    let ok = |text: &str| (text.to_owned(), false);
    assert_eq!(china(b"This is a test MO.", 0), ok("This is a test MO."));
    assert_eq!(china(b"TD\0\0", 0), ok("TD"));
    assert_eq!(china(b"\xcd\xcb\xb6\xa9", 15), ok("退订"));
    assert_eq!(china(b"\xcd\xcb\xb6\xa9", 0), ok("退订"), "code 0 with high octets is GBK");
    assert_eq!(china(b"\x90\x00\x8b\xa2", 8), ok("退订"));
    assert_eq!(china(b"\x90\x00\x8b\xa2", 9), ok("退订"));
    assert_eq!(china(b"\x90\x00\x8b\xa2", 24), ok("退订"));
    assert_eq!(
        china(b"\x90\x00\x8b\xa2\x00", 8),
        ("退订".into(), true),
        "an odd octet is dropped and marked"
    );
    assert_eq!(china(b"\xd8\x3c", 8), ("\u{fffd}".into(), true));
    assert_eq!(china(b"\x90\x00\x8b\xa2", 99), ok("退订"));
    assert_eq!(china("退订了".as_bytes(), 99), ok("退订了"));
    assert_eq!(china(b"\xcd\xcb\xb6\xa9\xc1\xcb\xa3", 99).0.chars().take(3).collect::<String>(), "退订了");
    assert_eq!(china(b"R", 99), ok("R"));
    assert_eq!(china(b"", 8), ok(""));
    let smpp = |octets: &[u8], code| decode(octets, code, false, Dialect::Smpp).text;
    assert_eq!(smpp(b"\x00\x11\x1b\x65", 0), "@_€");
    assert_eq!(smpp(b"caf\xe9", 3), "café");
    assert_eq!(smpp(b"a@b", 1), "a@b");
    let long = |octets: &[u8]| decode(octets, 8, true, Dialect::China);
    let element = b"\x0b\x05\x04\x15\x8a\x00\x00\x00\x03\xba\x01\x01\x90\x00";
    assert_eq!(long(element).concat, Some(Concat { reference: 0xba, total: 1, number: 1 }));
    assert_eq!(long(b"\x06\x08\x04\x12\x34\x02\x01\x90\x00").concat.map(|c| c.reference), Some(0x1234));
    assert!(long(b"\xff\x00").lossy && long(b"").lossy, "a header longer than its octets is text");
    assert_eq!(long(b"\x05\x00\x03\x01\x02\x03\x90\x00").concat, None, "part 3 of 2");
}

#[test]
fn composes_each_piece_once() {
    let signature = Signature::parse("鸿雁").expect("valid");
    let with = |body: &str, suffix| compose(Some(&signature), body, suffix);
    let r = Some(DEFAULT_OPT_OUT);
    assert_eq!(with("您好", r), "【鸿雁】您好拒收请回复R");
    assert_eq!(with("【鸿雁】您好", r), "【鸿雁】您好拒收请回复R");
    assert_eq!(with(" 【鸿雁】【鸿雁】 您好，拒收请回复R ", r), "【鸿雁】您好，拒收请回复R");
    assert_eq!(with("【雁】您好", None), "【鸿雁】【雁】您好");
    assert_eq!(compose(None, "您好", None), "您好");
    assert_eq!((signature.bracketed(), signature.inner()), ("【鸿雁】", "鸿雁"));
    assert_eq!(Signature::parse(" 【鸿雁】 "), Ok(signature));
    assert_eq!(Signature::parse("鸿"), Err(SignatureError::Length { chars: 1 }));
    assert_eq!(Signature::parse(&"鸿".repeat(21)), Err(SignatureError::Length { chars: 21 }));
    assert_eq!(Signature::parse("鸿[雁"), Err(SignatureError::Brackets));
    assert_eq!(Signature::parse("１0086"), Err(SignatureError::OnlyDigits));
    assert_eq!(Signature::parse("鸿\n雁"), Err(SignatureError::Invisible));
}

#[test]
fn knows_the_forms_of_opt_out_words() {
    let yes = [
        "拒收请回复R",
        "优惠，拒收请回复R。",
        "回T退订",
        "回TD退订",
        "回复TD退订",
        "退订回N",
        "退订回T",
        "退订请回复TD",
        "拒收回R",
        "回复 T 退订",
        "回复“TD”退订！",
        "退訂請回覆T",
        "拒收请回复ｒ",
        "退订回复0000",
        "回复退订",
        "拒收请回复R【鸿雁】",
        "Reply STOP to opt out.",
        "Text STOP to end",
        "STOP to unsubscribe",
    ];
    for text in yes {
        assert!(ends_with_opt_out(text), "{text}");
        assert!(ends_with_opt_out(&format!("全场八折起{text}")), "{text}");
    }
    let no = [
        "",
        "您好",
        "订单已退回取消",
        "拒收请回复R可享优惠",
        "型号R",
        "回T",
        "退订",
        "R",
        "请勿拒收",
        "【】",
        "不能取消",
    ];
    for text in no {
        assert!(!ends_with_opt_out(text), "{text}");
    }
}

proptest! {
    #[test]
    fn cutting_and_joining_gives_the_text(text in "[a-z€\\[{鸿雁🎉é@\\n]{1,420}") {
        fuzz_text_segment(&text);
    }

    #[test]
    fn any_text_can_be_cut(text in "[^\\x00\u{feff}]{1,200}") {
        fuzz_text_segment(&text);
    }

    #[test]
    fn decoding_never_panics(octets in prop::collection::vec(any::<u8>(), 0..180), code: u8, header: bool, smpp: bool) {
        decode(&octets, code, header, if smpp { Dialect::Smpp } else { Dialect::China });
    }

    #[test]
    fn composing_is_idempotent(body in "[a-zR【】鸿雁拒收回复 ]{0,40}") {
        let signature = Signature::parse("鸿雁").expect("valid");
        let once = compose(Some(&signature), &body, Some(DEFAULT_OPT_OUT));
        prop_assert!(once.starts_with(signature.bracketed()));
        prop_assert_eq!(compose(Some(&signature), &once, Some(DEFAULT_OPT_OUT)), once);
    }
}
