use super::*;

fn words(source: &str) -> Vec<String> {
    Scan::of(source)
        .tokens
        .into_iter()
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.text)
        .collect()
}

#[test]
fn comments_strings_and_characters_hide_words() {
    let source = "a /* b /* c */ d */ // e\n\"f \\\" g\" r#\"h \" i\"# 'j' '\\'' b\"k\" '\\u{1F600}' l";
    assert_eq!(words(source), ["a", "l"]);
}

#[test]
fn a_lifetime_is_no_character() {
    assert_eq!(
        words("fn f<'a>(x: &'a str, c: char) { c == 'a' }"),
        ["fn", "f", "x", "str", "c", "char", "c"]
    );
}

#[test]
fn a_raw_string_ends_at_its_quote_even_after_a_backslash() {
    assert_eq!(words(r#"r"a\" b"#), ["b"]);
}

#[test]
fn lines_are_counted_through_strings() {
    let scan = Scan::of("\"a\nb\"\nx");
    assert_eq!((scan.tokens[0].line, scan.tokens[1].line), (1, 3));
}

#[test]
fn functions_have_their_whole_extent() {
    let source = "trait T { fn none(&self); }\nfn long<const N: usize>(a: [u8; 3]) -> u8\nwhere\n{\n    fn inner() {}\n}\n";
    let found = Scan::of(source).functions();
    let expected = [("long", 2, 6), ("inner", 5, 5)];
    assert_eq!(found.iter().map(|f| (f.name.as_str(), f.first, f.last)).collect::<Vec<_>>(), expected);
}

#[test]
fn test_items_are_told_from_product_code() {
    let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(not(test))]\nfn c() {}\n#[tokio::test]\nasync fn d() {\n}\n";
    let scan = Scan::of(source);
    assert_eq!((1..=10).filter(|line| scan.is_test(*line)).collect::<Vec<_>>(), [2, 3, 4, 5, 8, 9, 10]);
}

#[test]
fn outline_modules_know_their_inline_parents() {
    let scan = Scan::of("mod a;\nmod b { mod c; }\n#[path = \"x/y.rs\"]\npub(crate) mod d;\nmod e {}\n");
    let found: Vec<_> =
        scan.outline_modules().into_iter().map(|m| (m.path.join("/"), m.file, m.line)).collect();
    let expected = [
        ("a".to_owned(), None, 1),
        ("b/c".to_owned(), None, 2),
        ("d".to_owned(), Some("x/y.rs".to_owned()), 4),
    ];
    assert_eq!(found, expected);
}
