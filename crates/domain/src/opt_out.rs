//! What a reply means: a refusal, a return, a call for help, or something else.
//!
//! Exact words after folding, never parts of sentences: a question about T恤 is no refusal. A lone letter counts only
//! where the last message offered it, because R, T and N are also just letters. Owns the words; refuses to guess at
//! free text, which is for a person or a classifier.

use text::fold::Folder;

/// Whether the last message to this phone was marketing, or told the reader which letter to send.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Offered {
    /// It was, or it did.
    Yes,
    /// Neither, or there was no message.
    No,
}

/// What a reply means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reply {
    /// Send no more.
    OptOut,
    /// Send again.
    OptIn,
    /// Say who you are and how to stop.
    Help,
    /// Anything else.
    Other,
}

/// Longest reply that can be one of the words, in folded bytes. Anything longer is a sentence.
const MAX_FOLDED: usize = 48;

/// Letters that refuse only where they were offered.
const LETTERS: [&str; 3] = ["r", "t", "n"];

const OPT_OUT: [&str; 62] = [
    "td",
    "qx",
    "退订",
    "退",
    "退定",
    "拒收",
    "拒绝",
    "取消",
    "取消订阅",
    "取消关注",
    "停止",
    "停发",
    "别发了",
    "别发",
    "别再发了",
    "不要再发",
    "不要再发了",
    "不要发了",
    "不要发",
    "勿发",
    "勿扰",
    "打扰",
    "勿打扰",
    "拒绝接收",
    "停止发送",
    "屏蔽",
    "td退订",
    "t退订",
    "r退订",
    "n退订",
    "退订td",
    "退订t",
    "退订r",
    "退订n",
    "td拒收",
    "t拒收",
    "r拒收",
    "拒收r",
    "拒收t",
    "我要退订",
    "我退订",
    "退订谢谢",
    "退订吧",
    "退订了",
    "短信退订",
    "tuiding",
    "jushou",
    "stop",
    "stopall",
    "unsubscribe",
    "unsub",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "remove",
    "arret",
    "arrêt",
    "stopsms",
    "pleasestop",
    "nomore",
];
const OPT_IN: [&str; 7] = ["start", "yes", "unstop", "订阅", "恢复订阅", "重新订阅", "恢复"];
const HELP: [&str; 3] = ["help", "info", "帮助"];
/// What people write before the word because the message told them to.
const LEADS: [&str; 7] = ["回复", "回覆", "发送", "reply", "回", "请", "发"];

/// Reads a reply. `offered` is about the last message to the same phone.
pub fn classify(text: &str, offered: Offered) -> Reply {
    let folder = Folder::get();
    let mut folded = String::with_capacity(MAX_FOLDED + 4);
    for ch in text.chars() {
        folder.fold(ch, |part| folded.push(part));
        if folded.len() > MAX_FOLDED {
            return Reply::Other;
        }
    }
    // 回复 may be a lead or, with nothing after it, the whole; so every stage of stripping is a candidate.
    let mut word = folded.as_str();
    loop {
        let reply = meaning(word, offered);
        if reply != Reply::Other {
            return reply;
        }
        match LEADS.iter().find_map(|lead| word.strip_prefix(lead)) {
            Some(rest) if !rest.is_empty() => word = rest,
            _ => break,
        }
    }
    // Impatient fingers: TTT, 退退订.
    let once = without_repeats(word);
    if once == word { Reply::Other } else { meaning(&once, offered) }
}

fn meaning(word: &str, offered: Offered) -> Reply {
    let zeros = word.len() >= 4 && word.bytes().all(|byte| byte == b'0');
    if zeros || OPT_OUT.contains(&word) || (offered == Offered::Yes && LETTERS.contains(&word)) {
        Reply::OptOut
    } else if OPT_IN.contains(&word) {
        Reply::OptIn
    } else if HELP.contains(&word) {
        Reply::Help
    } else {
        Reply::Other
    }
}

fn without_repeats(word: &str) -> String {
    let mut once = String::with_capacity(word.len());
    for ch in word.chars() {
        if !once.ends_with(ch) {
            once.push(ch);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_reachable() {
        let folder = Folder::get();
        for word in OPT_OUT.iter().chain(&OPT_IN).chain(&HELP).chain(&LETTERS) {
            assert_eq!(folder.folded(word), *word, "a word that is not in folded form can never match");
        }
    }

    #[test]
    fn refusals_are_heard() {
        let always = [
            "TD",
            "TD 😀",
            "td。",
            "回复TD",
            "回TD",
            "请回复 TD",
            "ＴＤ",
            "T D",
            "拒 收",
            "拒收",
            "退訂",
            "退订！",
            "退",
            "tuiding",
            "Tui Ding",
            "0000",
            "００００",
            "000000",
            "取消",
            "取消订阅",
            "停止",
            "停发",
            "别发了",
            "不要再发",
            "请不要再发了",
            "勿扰",
            "请勿打扰",
            "TD退订",
            "T退订",
            "回复T退订",
            "退退订订",
            "STOP",
            "Stop.",
            "stop all",
            "STOPALL",
            "Unsubscribe",
            "CANCEL",
            "end",
            "quit",
            "revoke",
            "opt-out",
            "OPT OUT",
            "optout",
            "remove",
            "ARRET",
            "Arrêt",
            "“退订”",
            "【退订】",
            "\u{200b}退订\u{feff}",
            "回覆TD",
            "我要退订",
            "拒绝",
        ];
        for text in always {
            for offered in [Offered::Yes, Offered::No] {
                assert_eq!(classify(text, offered), Reply::OptOut, "{text}");
            }
        }
        for text in ["R", "r", "Ｒ", "r。", " R ", "回复R", "回R", "T", "t!", "N", "Ⓡ", "RRR", "r r"] {
            assert_eq!(classify(text, Offered::Yes), Reply::OptOut, "{text}");
            assert_eq!(classify(text, Offered::No), Reply::Other, "{text}");
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        let others = [
            "",
            " ",
            "REAL",
            "T恤多少钱",
            "好的R17型号",
            "退货怎么办",
            "怎么退订单",
            "请问什么时候到",
            "收到",
            "1",
            "000",
            "00001",
            "RT",
            "好",
            "回复",
            "请",
            "不要停止",
            "不能取消吗",
            "the end of it",
            "😀",
            "123456",
            "Right",
            "no",
            "ok",
        ];
        for text in others {
            assert_eq!(classify(text, Offered::Yes), Reply::Other, "{text}");
        }
        assert_eq!(classify(&"退订".repeat(1000), Offered::Yes), Reply::Other);
    }

    #[test]
    fn returns_and_calls_for_help() {
        for text in ["START", "yes", "Unstop", "恢复订阅", "訂閱"] {
            assert_eq!(classify(text, Offered::No), Reply::OptIn, "{text}");
        }
        for text in ["HELP", "info?", "幫助", "帮助。"] {
            assert_eq!(classify(text, Offered::No), Reply::Help, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_classified(text in any::<String>(), offered: bool) {
            classify(&text, if offered { Offered::Yes } else { Offered::No });
        }

        #[test]
        fn decoration_changes_nothing(gap in "[ 。，!?~\u{200b}😀\"“】]{0,4}") {
            let text = format!("{gap}T{gap}D{gap}");
            prop_assert_eq!(classify(&text, Offered::No), Reply::OptOut);
        }
    }
}
