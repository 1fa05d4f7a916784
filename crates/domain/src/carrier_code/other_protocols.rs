//! Codes of SGIP (China Unicom), SMGP (China Telecom) and SMPP. The drivers write the protocol in front, since the same
//! numbers mean other things elsewhere: `SGIP:n` is the error code of a report, `SGIPERR:n` the result of an answer;
//! `UNDELIV:nnn` a telecom report with its cause; `SMGPERR:n` and `SMPPERR:n` the status of an answer; `UNDELIV/nnn` an
//! SMPP receipt, whose cause is the message centre's own and decides nothing.

use super::{A, B, F, K, M, N, O, P, R, S, Source, U, Unlisted};
use crate::message::Reason;

pub(super) const SOURCES: &[Source] = &[
    Source { prefixes: &["SGIP"], codes: UNICOM_REPORTS, otherwise: Unlisted },
    Source { prefixes: &["SGIPERR"], codes: UNICOM_ANSWERS, otherwise: Unlisted },
    Source { prefixes: &["SMGPERR"], codes: TELECOM_ANSWERS, otherwise: Unlisted },
    Source { prefixes: &["SMPPERR"], codes: SMPP_ANSWERS, otherwise: Unlisted },
    Source { prefixes: &["UNDELIV", "EXPIRED"], codes: TELECOM_REPORTS, otherwise: O },
    Source { prefixes: &["REJECTD"], codes: &[(5, 5, B), (6, 6, A), (706, 706, A)], otherwise: K },
];

/// `ErrorCode` of REPORT, as tables agree on most often.
const UNICOM_REPORTS: &[(u32, u32, Reason)] = &[
    (1, 1, N),
    (4, 4, O),
    (5, 5, S),
    (6, 6, A),
    (8, 8, R),
    (9, 9, M),
    (10, 10, O),
    (11, 11, F),
    (12, 12, N),
    (13, 13, S),
    (15, 15, O),
    (17, 17, A),
    (18, 18, U),
    (20, 20, S),
    (21, 23, F),
    (24, 24, B),
    (25, 25, O),
    (26, 26, M),
    (27, 27, U),
    (28, 28, M),
    (29, 29, N),
    (30, 30, U),
    (31, 31, M),
    (32, 32, F),
    (33, 33, R),
    (36, 36, S),
    (38, 40, A),
    (43, 43, M),
    (44, 44, U),
    (45, 45, S),
    (50, 50, K),
    (51, 51, O),
    (52, 52, U),
    (53, 55, O),
    (56, 56, S),
    (61, 61, N),
    (64, 64, O),
    (66, 66, O),
    (67, 67, N),
    (69, 69, B),
    (70, 70, O),
    (72, 72, F),
    (73, 75, A),
    (76, 76, K),
    (77, 77, R),
    (79, 79, M),
    (86, 86, O),
    (88, 88, R),
    (89, 89, O),
    (92, 93, A),
    (95, 95, A),
    (98, 98, A),
    (99, 99, S),
    (104, 104, N),
    (105, 105, O),
    (106, 106, U),
    (108, 108, S),
    (109, 109, N),
    (110, 110, B),
    (118, 118, U),
    (100, 123, A),
    (124, 124, O),
    (182, 182, O),
    (213, 213, O),
    (219, 219, O),
    (221, 221, B),
];

/// `Result` of SUBMIT_RESP (SGIP 1.2 and 1.3).
const UNICOM_ANSWERS: &[(u32, u32, Reason)] = &[
    (1, 8, A),
    // A sequence number seen twice says nothing of the message: the next try has a new one.
    (9, 9, F),
    (10, 10, A),
    (11, 11, F),
    (13, 14, A),
    (17, 17, A),
    (18, 18, U),
    (19, 19, A),
    (21, 23, F),
    (24, 24, A),
    (25, 25, O),
    (26, 26, M),
    (27, 27, U),
    (28, 28, M),
    (29, 29, N),
    (30, 30, U),
    (31, 31, M),
    (32, 32, F),
    (33, 34, R),
    (38, 40, A),
    (77, 77, R),
    (88, 88, R),
    (5_001, 5_021, F),
];

/// `Status` of Submit_Resp (SMGP 3.0.3).
const TELECOM_ANSWERS: &[(u32, u32, Reason)] = &[
    (1, 2, R),
    (10, 11, A),
    (12, 12, F),
    (20, 22, A),
    (30, 36, A),
    (37, 37, O),
    (38, 38, A),
    (39, 39, F),
    (40, 46, A),
    // The destination: the number is none, or not of this network.
    (47, 47, P),
    (48, 49, A),
    (52, 54, A),
    (58, 58, F),
    (73, 73, A),
    (74, 75, R),
    (76, 76, A),
];

/// `Err` of reports: the specification's, and those of practice.
const TELECOM_REPORTS: &[(u32, u32, Reason)] = &[
    (1, 2, O),
    (3, 3, N),
    (4, 4, A),
    (5, 5, B),
    (6, 6, F),
    (7, 7, M),
    (8, 8, U),
    (9, 10, F),
    (163, 163, B),
    (601, 601, N),
    (640, 640, N),
    (612, 612, F),
    (614, 618, F),
    (713, 714, F),
    (765, 765, F),
    (870, 870, F),
    (899, 899, F),
    (999, 999, Unlisted),
];

/// `command_status` of submit_sm_resp (SMPP 3.4, 5.1.3).
const SMPP_ANSWERS: &[(u32, u32, Reason)] = &[
    (0x01, 0x07, A),
    (0x08, 0x08, F),
    (0x0A, 0x0A, A),
    (0x0B, 0x0B, N),
    (0x0C, 0x0F, A),
    (0x14, 0x14, Reason::Throttled),
    (0x45, 0x45, F),
    (0x58, 0x58, Reason::Throttled),
    (0x15, 0x57, A),
    (0x61, 0x63, A),
    (0x64, 0x66, F),
    (0xC0, 0xC4, A),
    (0xFE, 0xFF, F),
];

#[cfg(test)]
mod tests {
    use crate::carrier_code::reason;
    use crate::message::Reason;

    #[test]
    fn the_same_number_means_what_its_protocol_says() {
        for (code, expected) in [
            ("SGIP:1", Reason::UnknownNumber),
            ("SGIPERR:1", Reason::CarrierAccount),
            ("SGIP:5", Reason::NumberSuspended),
            ("SGIP:76", Reason::CarrierContent),
            ("SGIP:250", Reason::CarrierUnknown),
            ("SMGPERR:47", Reason::NumberPorted),
            ("SMGPERR:75", Reason::CarrierRate),
            ("SMPPERR:11", Reason::UnknownNumber),
            ("SMPPERR:88", Reason::Throttled),
            ("SMPPERR:1025", Reason::CarrierUnknown),
            ("UNDELIV:003", Reason::UnknownNumber),
            ("UNDELIV:601", Reason::UnknownNumber),
            ("EXPIRED:760", Reason::Unreachable),
            ("REJECTD:006", Reason::CarrierAccount),
            ("UNDELIV/069", Reason::Unreachable),
            ("REJECTD/012", Reason::CarrierContent),
            ("THROTTLED", Reason::Throttled),
            ("BWLISTS:001", Reason::CarrierBlacklist),
            ("NOROUTE/012", Reason::CarrierSystem),
            ("MK:0012:012", reason("MK:0012")),
        ] {
            assert_eq!(reason(code), expected, "{code}");
        }
    }
}
