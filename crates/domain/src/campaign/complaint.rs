//! Whether a reply complains. Unlike a refusal it is a sentence, so words are looked for anywhere in it. It only counts
//! towards stopping a campaign: nobody is suppressed because of it.

use text::fold::Folder;

/// Octets of a reply that are looked at, folded.
const LOOKED_AT: usize = 600;

/// In folded form. 12321 is where unwanted messages are reported in mainland China, 12300 where telecommunication is.
const WORDS: [&str; 12] = [
    "投诉",
    "举报",
    "骚扰",
    "诈骗",
    "骗子",
    "垃圾短信",
    "12321",
    "12300",
    "工信部",
    "complain",
    "spam",
    "scam",
];

/// Whether a reply complains about what was sent.
#[must_use]
pub fn is_complaint(text: &str) -> bool {
    let folder = Folder::get();
    let mut folded = String::with_capacity(text.len().min(LOOKED_AT) + 4);
    for ch in text.chars() {
        folder.fold(ch, |part| folded.push(part));
        if folded.len() > LOOKED_AT {
            break;
        }
    }
    WORDS.iter().any(|word| folded.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_reachable_and_plain_answers_are_none() {
        let folder = Folder::get();
        for word in WORDS {
            assert_eq!(folder.folded(word), word, "a word that is not in folded form can never match");
        }
        assert!(is_complaint("再发我就投诉到１２３２１！") && is_complaint("This is SPAM"));
        assert!(!is_complaint("R") && !is_complaint("好的，谢谢") && !is_complaint(""));
    }
}
