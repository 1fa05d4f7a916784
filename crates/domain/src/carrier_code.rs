//! What a carrier's result code means: from the raw code of an answer or a receipt to a [`Reason`].
//!
//! Codes are not standardised between provinces and gateway makers. The table holds what published lists agree on
//! most often (the status pages of Tencent Cloud, Huawei Cloud and Qiniu, and the CMPP specification); where they
//! differ, the first meaning is taken. The raw code is always kept beside the reason, for the customer's own eyes.

mod book;
mod explain;
mod other_protocols;
mod providers;

use crate::channel::CarrierCode;
use crate::message::Reason;

pub use book::{CodeBook, CodeEntry, CodePattern, CodeScope, CodeTrouble, family};
pub use explain::{CodeLine, CodeMeaning, advise, catalogue, qualified};
pub use providers::{Provider, advice, shortened};

impl CarrierCode {
    /// What the code means; [`Reason::CarrierUnknown`] when it is in no table.
    #[must_use]
    pub fn reason(&self) -> Reason {
        reason(self.as_str())
    }
}

/// What a status of a CMPP receipt (`Stat`), or a bare `SUBMIT_RESP` result written as a number, means.
/// [`Reason::None`] for `DELIVRD`; [`Reason::CarrierUnknown`] for what is in no table.
#[must_use]
pub fn reason(raw: &str) -> Reason {
    // Fields are padded with NUL or blanks, which `CarrierCode` shows as question marks.
    let code = raw.trim_matches(|ch: char| ch.is_whitespace() || ch == '\0' || ch == '?');
    let mut words = WORDS.iter().chain(providers::WORDS);
    if let Some((_, reason)) = words.find(|(word, _)| word.eq_ignore_ascii_case(code)) {
        return *reason;
    }
    if let Some(reason) = providers::reason(code) {
        return reason;
    }
    if code.to_ascii_uppercase().contains("BLACK") {
        return B;
    }
    let letters =
        code.bytes().take_while(u8::is_ascii_alphanumeric).take_while(|b| !b.is_ascii_digit()).count();
    let (prefix, rest) = code.split_at(letters);
    let digits = rest.trim_start_matches([':', '-', '_', ' ']);
    if prefix.is_empty() {
        return digits.parse().map_or(Unlisted, submit_result_reason);
    }
    // A second code behind the first one is of somebody further away.
    let number =
        digits.split(|ch: char| !ch.is_ascii_digit()).next().and_then(|first| first.parse::<u32>().ok());
    if let ("CMPPERR", Some(result)) = (prefix.to_ascii_uppercase().as_str(), number) {
        return submit_result_reason(result);
    }
    let named = |source: &&Source| source.prefixes.iter().any(|p| p.eq_ignore_ascii_case(prefix));
    let Some(source) = sources().find(named) else {
        let word = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(prefix));
        return word.map_or(Unlisted, |(_, reason)| *reason);
    };
    let listed = source.codes.iter().find(|(from, to, _)| number.is_some_and(|n| (*from..=*to).contains(&n)));
    listed.map_or(source.otherwise, |(_, _, reason)| *reason)
}

/// What the `Result` of a CMPP `SUBMIT_RESP` means. 8 is flow control: the answer to it is a slower pace, not a
/// failure. 10 to 13 exist in CMPP 3.0 only; 100 to 199 are the vendors' own.
#[must_use]
pub fn submit_result_reason(result: u32) -> Reason {
    match result {
        0 => Reason::None,
        // Structure, command, length, fee code, too long, service code, fee number, source, sender, fee terminal.
        1 | 2 | 4..=7 | 9..=12 => A,
        // A sequence number seen twice says nothing of the message: the next try has a new one.
        3 => F,
        8 => Reason::Throttled,
        // The destination is not of this network: another channel may reach it.
        13 => P,
        _ => Unlisted,
    }
}

fn sources() -> impl Iterator<Item = &'static Source> {
    BOXES.iter().chain(other_protocols::SOURCES).chain([&providers::TWILIO])
}

/// One of the boxes on a message's way that may have written the code, and the codes it writes.
struct Source {
    prefixes: &'static [&'static str],
    /// From, to (both inside), meaning; the first that fits decides.
    codes: &'static [(u32, u32, Reason)],
    /// What the prefix alone says.
    otherwise: Reason,
}

/// The class letters of the published tables.
use Reason::{
    CarrierAccount as A, CarrierBlacklist as B, CarrierContent as K, CarrierRate as R, CarrierSignature as G,
    CarrierSystem as F, CarrierUnknown as Unlisted, HandsetFault as M, NotSubscribed as U, NumberPorted as P,
    NumberSuspended as S, UnknownNumber as N, Unreachable as O,
};

/// Plain statuses of the specification, and providers' own words. `UNDELIV` has lost its cause: taking it for an
/// absent phone neither declares a number dead nor forbids another try.
const WORDS: &[(&str, Reason)] = &[
    ("DELIVRD", Reason::None),
    ("EXPIRED", O),
    ("UNDELIV", O),
    ("DELETED", Unlisted),
    ("UNKNOWN", Unlisted),
    ("ACCEPTD", Unlisted),
    ("REJECTD", K),
    ("NOROUTE", F),
    ("BWLIST", B),
    ("BWLISTS", B),
    ("HIGRISK", B),
    ("TUIDING", B),
    ("TD", B),
    ("KEYWORD", K),
    ("SIGFAIL", G),
    ("SIGNERR", G),
    ("NOSEND", G),
    ("NOSEND/00138", G),
    ("BEYONDN", R),
    ("LIMIT", R),
    // Our own word for a long message of which flow control never took the rest.
    ("THROTTLED", Reason::Throttled),
    ("MILIMIT", R),
    ("DISTURB", R),
];

const BOXES: &[Source] = &[
    Source { prefixes: &["MH"], codes: &[(7, 7, P)], otherwise: Unlisted },
    Source { prefixes: &["MK", "MI", "MN", "MJ", "ML", "MM"], codes: SMSC, otherwise: Unlisted },
    // The destination's SMSC, the prepaid platform, the service platform, the next gateway: no answer.
    Source { prefixes: &["MA", "CA", "DA", "IA"], codes: &[], otherwise: F },
    Source { prefixes: &["MB"], codes: SMSC_REFUSAL, otherwise: Unlisted },
    // Taken by the next box, but no report came back.
    Source { prefixes: &["MC", "IC"], codes: &[], otherwise: O },
    Source { prefixes: &["CB"], codes: PREPAID, otherwise: Unlisted },
    Source { prefixes: &["DB"], codes: SERVICE_PLATFORM, otherwise: Unlisted },
    Source {
        prefixes: &["IB"],
        codes: &[(8, 8, R), (9, 9, F), (11, 11, F), (64, 64, F), (70, 70, F), (255, 255, F)],
        otherwise: Unlisted,
    },
    Source { prefixes: &["ID"], codes: GATEWAY, otherwise: Unlisted },
    Source { prefixes: &["NP"], codes: &[], otherwise: P },
    // Our own side, towards the gateway.
    Source { prefixes: &["SA", "SB"], codes: &[], otherwise: F },
    Source { prefixes: &["CJ"], codes: &[(7, 8, K)], otherwise: Unlisted },
    Source { prefixes: &["DI"], codes: &[(9_429, 9_429, G)], otherwise: Unlisted },
    Source { prefixes: &["MX"], codes: &[(3, 3, R), (12, 13, B)], otherwise: Unlisted },
    Source { prefixes: &["TD"], codes: &[], otherwise: B },
];

/// Causes of an SMSC behind the gateways that write MK (undelivered), MI (expired) and MN (rejected).
const SMSC: &[(u32, u32, Reason)] = &[
    (0, 1, N),
    (2, 2, O),
    (3, 3, N),
    (4, 5, S),
    (6, 7, U),
    (8, 10, O),
    (11, 12, N),
    (13, 13, S),
    (14, 14, K),
    (15, 15, M),
    (16, 16, U),
    (17, 17, M),
    (18, 18, R),
    (19, 19, N),
    (20, 20, A),
    (21, 21, F),
    (22, 22, M),
    (23, 24, O),
    (25, 25, K),
    (29, 29, O),
    (30, 37, F),
    (40, 41, O),
    (45, 46, F),
    (48, 50, O),
    (51, 53, R),
    (54, 54, O),
    (55, 55, R),
    (56, 58, F),
    (61, 62, R),
    (63, 69, F),
    (72, 72, O),
    (73, 73, N),
    (75, 75, N),
    (76, 76, O),
    (77, 77, M),
    (79, 79, R),
    (82, 82, O),
    (90, 90, O),
    (94, 94, S),
    (115, 116, K),
    (150, 150, O),
    (192, 192, R),
    (194, 194, F),
    (196, 196, S),
    (200, 200, K),
    (208, 209, M),
    (210, 210, N),
    (1_004, 1_004, K),
];

/// The destination's SMSC answered with an error.
const SMSC_REFUSAL: &[(u32, u32, Reason)] = &[
    (7, 8, F),
    (10, 10, A),
    (11, 11, N),
    (19, 19, R),
    (88, 88, R),
    (1_026, 1_026, R),
    (1_041, 1_041, R),
    (1_042, 1_042, O),
    (1_043, 1_043, N),
    (1_040, 1_047, S),
    (1_049, 1_049, P),
    (1_070, 1_070, R),
    (1_073, 1_075, A),
    (1_076, 1_077, B),
    (1_078, 1_078, F),
    (1_079, 1_079, K),
    (1_083, 1_083, K),
];

/// The prepaid platform.
const PREPAID: &[(u32, u32, Reason)] = &[
    (1, 1, N),
    (5, 5, S),
    (7, 7, S),
    (13, 13, S),
    (16, 16, S),
    (18, 18, S),
    (22, 22, S),
    (47, 47, S),
    (53, 53, N),
];

/// The carrier's service-management platform (DSMP, MISC).
const SERVICE_PLATFORM: &[(u32, u32, Reason)] = &[
    (10, 10, R),
    (100, 101, N),
    (102, 103, S),
    (108, 108, S),
    (104, 119, U),
    (139, 139, R),
    (140, 141, B),
    (142, 143, R),
    (144, 146, B),
    (164, 164, B),
    (309, 309, B),
    (505, 505, F),
    (9_001, 9_001, F),
    (9_007, 9_007, R),
];

/// The gateway's own decisions.
const GATEWAY: &[(u32, u32, Reason)] = &[
    (8, 8, R),
    (4, 12, A),
    (13, 13, P),
    (20, 20, S),
    (21, 21, N),
    (43, 43, A),
    (44, 49, R),
    (55, 55, A),
    (61, 61, A),
    (63, 68, A),
    (69, 69, B),
    (70, 73, F),
    (76, 76, K),
    (77, 77, R),
    (96, 97, B),
    (101, 103, A),
    (111, 111, G),
    (140, 141, B),
    (142, 143, R),
    (311, 311, R),
    (318, 318, K),
    (6_150, 6_153, F),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_that_support_desks_meet_daily() {
        let cases = [
            ("DELIVRD", Reason::None),
            ("MK:0000", Reason::UnknownNumber),
            ("MK:0012", Reason::UnknownNumber),
            ("MK:0005", Reason::NumberSuspended),
            ("MI:0024", Reason::Unreachable),
            ("MN:0017", Reason::HandsetFault),
            ("mk:0036", Reason::CarrierSystem),
            ("MK0025", Reason::CarrierContent),
            ("MK:78", Reason::CarrierUnknown),
            ("MA:0054", Reason::CarrierSystem),
            ("MC:0055", Reason::Unreachable),
            ("MB:1041", Reason::CarrierRate),
            ("MB:1042", Reason::Unreachable),
            ("MB:1044", Reason::NumberSuspended),
            ("MB:1049", Reason::NumberPorted),
            ("MB:1077", Reason::CarrierBlacklist),
            ("CA:0051", Reason::CarrierSystem),
            ("CB:0007", Reason::NumberSuspended),
            ("DA:0054", Reason::CarrierSystem),
            ("DB:0101", Reason::UnknownNumber),
            ("DB:0108", Reason::NumberSuspended),
            ("DB:0109", Reason::NotSubscribed),
            ("DB:0141", Reason::CarrierBlacklist),
            ("DB:0142", Reason::CarrierRate),
            ("DB:9007", Reason::CarrierRate),
            ("IA:0053", Reason::CarrierSystem),
            ("IB:0008", Reason::CarrierRate),
            ("IC:0151", Reason::Unreachable),
            ("ID:0012", Reason::CarrierAccount),
            ("ID:0013", Reason::NumberPorted),
            ("ID:0076", Reason::CarrierContent),
            ("ID:0111", Reason::CarrierSignature),
            ("ID:0318", Reason::CarrierContent),
            ("NP:1243", Reason::NumberPorted),
            ("MH:0007", Reason::NumberPorted),
            ("SIGFAIL", Reason::CarrierSignature),
            ("DI:9429", Reason::CarrierSignature),
            ("MBBLACK", Reason::CarrierBlacklist),
            ("CJ:0008", Reason::CarrierContent),
            ("BEYONDN", Reason::CarrierRate),
            ("UNDELIV", Reason::Unreachable),
            ("REJECTD", Reason::CarrierContent),
            ("EXPIRED", Reason::Unreachable),
            ("CMPPERR:8", Reason::Throttled),
            ("RT:0148", Reason::CarrierUnknown),
            ("", Reason::CarrierUnknown),
            ("MK", Reason::CarrierUnknown),
        ];
        for (code, reason) in cases {
            assert_eq!(CarrierCode::new(code.as_bytes()).reason(), reason, "{code}");
        }
        assert_eq!(CarrierCode::new(b"UNDELIV\0\0").reason(), Reason::Unreachable, "padded fields are read");
    }

    #[test]
    fn submit_results_are_read_as_numbers_too() {
        assert_eq!(submit_result_reason(0), Reason::None);
        assert_eq!(submit_result_reason(8), Reason::Throttled);
        assert_eq!(submit_result_reason(13), Reason::NumberPorted);
        for ours in [1, 2, 4, 5, 6, 7, 9, 10, 11, 12] {
            assert_eq!(submit_result_reason(ours), Reason::CarrierAccount);
        }
        assert_eq!(submit_result_reason(150), Reason::CarrierUnknown);
        assert_eq!(reason("8"), Reason::Throttled);
        assert_eq!(reason("9"), Reason::CarrierAccount);
    }

    #[test]
    fn later_lines_of_a_table_are_not_hidden_by_accident() {
        for source in sources() {
            for (index, (from, to, _)) in source.codes.iter().enumerate() {
                assert!(from <= to);
                let hidden = source.codes[..index].iter().any(|(f, t, _)| f <= from && to <= t);
                assert!(!hidden, "{:?} {from}", source.prefixes);
            }
        }
    }

    proptest! {
        #[test]
        fn any_code_has_a_reason(code in ".{0,20}", raw in proptest::collection::vec(any::<u8>(), 0..20)) {
            prop_assert!(Reason::ALL.contains(&reason(&code)));
            prop_assert!(Reason::ALL.contains(&CarrierCode::new(&raw).reason()));
        }
    }
}
