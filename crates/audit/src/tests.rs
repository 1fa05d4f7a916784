use proptest::prelude::*;

use super::*;

fn auditor(file: &str) -> Auditor {
    Auditor::build(&[WordList::parse("test", file).expect("a good list")]).expect("builds")
}

fn found<'a>(auditor: &Auditor, text: &'a str) -> Vec<&'a str> {
    auditor.audit(text).into_iter().map(|hit| &text[hit.span]).collect()
}

const LIST: &str = "赌博\tgambling\tblock\n最佳\tabsolute\thold\n最佳选择\tabsolute\twarn\nVIP\tx\twarn\n100%\tx\thold\nNO.1\tx\thold\n\
                    第一\tx\thold\n退訂\tx\twarn\n顾客第一\tx\tallow\n";

#[test]
fn finds_words_however_they_are_dressed() {
    let auditor = auditor(LIST);
    for text in ["赌博", "赌 博", "赌\u{200b}博", "赌.博", "赌😀博", "赌-·-博", "賭博", "賭 。*博"]
    {
        assert_eq!(found(&auditor, &format!("来{text}吧")), [text]);
    }
    assert_eq!(found(&auditor, "赌 - - 博"), Vec::<&str>::new(), "five overlooked characters are too many");
    for text in ["vip", "ＶＩＰ", "V.I.P", "𝐕𝐈𝐏", "🅥🅘🅟", "ⓋⒾⓅ"] {
        assert_eq!(found(&auditor, &format!("尊敬的{text}会员")), [text]);
    }
    for (text, hit) in
        [("第①名第❶", "第①"), ("銷量第壹", "第壹"), ("退订", "退订"), ("no1!", "no1"), ("满意100％", "100％")]
    {
        assert_eq!(found(&auditor, text)[0], hit, "{text}");
    }
}

#[test]
fn latin_words_only_as_whole_words() {
    let auditor = auditor(LIST);
    for text in ["vipers", "evip", "no10", "casino1", "满意2100%", "100"] {
        assert_eq!(found(&auditor, text), Vec::<&str>::new(), "{text}");
    }
    for text in ["vip1", "1vip", "a vip b", "会员VIP", "十100%"] {
        assert_eq!(found(&auditor, text).len(), 1, "{text}");
    }
}

#[test]
fn severity_is_never_hidden_and_allowed_phrases_are_free() {
    let auditor = auditor(LIST);
    let mut scratch = AuditScratch::default();
    let hits: Vec<_> = auditor.audit("最佳选择").into_iter().map(|hit| (hit.severity, hit.span)).collect();
    assert_eq!(
        hits,
        [(Severity::Warn, 0..12), (Severity::Hold, 0..6)],
        "the longer, milder word does not cover"
    );
    assert_eq!(auditor.worst("最佳选择", &mut scratch), Some(Severity::Hold));
    assert_eq!(auditor.worst("您好", &mut scratch), None);
    assert_eq!(auditor.worst("顾客第一", &mut scratch), None);
    assert_eq!(
        auditor.worst("顧客·第①", &mut scratch),
        None,
        "allowed however it is dressed, like the word itself"
    );
    assert_eq!(found(&auditor, "顾客第一，第一"), ["第一"]);
    let hit = &auditor.audit("来赌博")[0];
    assert_eq!(
        (hit.class, hit.severity, hit.word),
        ("gambling", Severity::Block, WordId { list: 0, entry: 0 })
    );
    assert_eq!(auditor.word(hit.word).map(|word| &*word.text), Some("赌博"));
    assert!(Auditor::build(&[]).expect("builds").audit("赌博").is_empty());
}

#[test]
fn list_errors_name_the_line() {
    let refused = |file: &str| WordList::parse("x", file).expect_err(file);
    assert_eq!(refused("#c\n\n赌博\tgambling"), ListError::Columns { line: 3 });
    assert_eq!(refused("赌博\tgambling\tblock\tx"), ListError::Columns { line: 1 });
    assert_eq!(refused("赌博\tgambling\tbloc"), ListError::Severity { line: 1 });
    assert_eq!(refused("最\tx\thold"), ListError::TooShort { line: 1 });
    assert_eq!(refused("a.\tx\thold"), ListError::TooShort { line: 1 });
    assert_eq!(refused(&format!("{}\tx\thold", "赌".repeat(65))), ListError::TooLong { line: 1 });
    let (one, two) = (WordList::parse("a", LIST), WordList::parse("b", &format!("# note\r\n{LIST}")));
    let other = WordList::parse("a", &LIST.replace("block", "warn")).expect("good");
    let (one, two) = (one.expect("good"), two.expect("good"));
    assert_eq!(one.version, two.version, "comments and line ends are not content");
    assert_ne!(one.version, other.version);
    assert_eq!((one.entries.len(), one.allowed.len()), (8, 1));
}

#[test]
fn the_shipped_list_works() {
    let list = seed_list().expect("the shipped list is good");
    let mut seen = std::collections::HashSet::new();
    assert!(list.entries.iter().all(|word| seen.insert(&word.text)), "no word twice");
    let auditor = Auditor::build(&[list]).expect("builds");
    let mut scratch = AuditScratch::default();
    let mut worst = |text| auditor.worst(text, &mut scratch);
    assert_eq!(worst("【鸿雁】张三您好，您的订单已发货，顾客第一，拒收请回复R"), None);
    assert_eq!(worst("全网最低价，史无前例"), Some(Severity::Hold));
    assert_eq!(worst("澳·门·赌·场上线"), Some(Severity::Block));
    assert_eq!(worst("理财产品到期提醒"), Some(Severity::Warn));
}

proptest! {
    #[test]
    fn spans_lie_on_boundaries(text in "[赌博賭最佳选择第一①顾客vipＶＩ100%n.o1 。😀ß\u{200b}㎏]{0,40}") {
        let auditor = auditor(LIST);
        let hits = auditor.audit(&text);
        for hit in &hits {
            prop_assert!(text.get(hit.span.clone()).is_some_and(|span| !span.is_empty()));
        }
        let worst = auditor.worst(&text, &mut AuditScratch::default());
        prop_assert_eq!(worst, hits.iter().map(|hit| hit.severity).max());
    }

    #[test]
    fn any_text_can_be_audited(text in any::<String>()) {
        let auditor = auditor(LIST);
        for hit in auditor.audit(&text) {
            prop_assert!(text.get(hit.span).is_some());
        }
    }

    #[test]
    fn an_inserted_word_is_always_found(before in "[您好，a-z ]{0,10}", after in "[，好1-9 ]{0,10}") {
        let auditor = auditor(LIST);
        let text = format!("{before}赌博{after}");
        prop_assert_eq!(found(&auditor, &text), vec!["赌博"]);
    }
}
