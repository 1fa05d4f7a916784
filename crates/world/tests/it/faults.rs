//! Every deliberate fault is found, and soon.

use world::{Fault, Options, simulate};

/// Seeds within which a fault must be found.
const WITHIN: u64 = 60;
const STEPS: usize = 1_000;

/// The failure that a fault leads to names what it should.
fn finds(fault: Fault, expected: &[&str]) {
    let report = simulate(&Options { fault, first_seed: 500, ..Options::new(WITHIN, STEPS) });
    let failure = report.failures.first();
    let failure = failure.unwrap_or_else(|| panic!("{fault:?} was not found within {WITHIN} seeds"));
    println!("{fault:?}: after {} seeds: {}", report.seeds, failure.what);
    assert!(
        expected.iter().any(|words| failure.what.contains(words)),
        "{fault:?} was found by something else: {failure}"
    );
}

macro_rules! faults {
    ($($name:ident: $fault:ident => $($words:literal)|+;)+) => {$(
        #[test]
        fn $name() {
            finds(Fault::$fault, &[$($words),+]);
        }
    )+

        #[test]
        fn every_fault_has_its_test() {
            assert_eq!([$(Fault::$fault),+].len(), Fault::ALL.len());
        }
    };
}

faults! {
    accepting_before_the_commit: AcceptBeforeCommit => "was acknowledged and is gone";
    settling_before_the_commit: SettleBeforeCommit => "is unknown although its delivery" | "is still sending" | "nothing is on its way";
    a_forgotten_settlement: SettlementForgotten => "is still sending" | "although its delivery was acknowledged" | "nothing is on its way";
    a_dropped_receipt: ReceiptDropped => "although its delivery was acknowledged";
    a_dropped_early_receipt: EarlyReceiptDropped => "although its delivery was acknowledged";
    a_cap_off_by_one: CapOffByOne => "over a cap of 1";
    forgotten_quiet_hours: QuietHoursForgotten => "outside sending hours";
    stale_facts: StaleFacts => "after a refusal was acknowledged";
    a_lost_opt_out: OptOutLost => "after a refusal was acknowledged";
    a_forgotten_recall: RecallForgotten => "after a refusal was acknowledged";
    a_forgotten_deadline: DeadlineForgotten => "after its claim began";
    a_double_claim: DoubleClaim => "a second time" | "of a lane that was" | "although this try" | "while it was out already" | "after its validity";
    a_forgotten_mark: MarkForgotten => "without being marked";
    guessed_marketing: MarketingGuessed => "it is marketing" | "marked as a possible duplicate";
    // A lane that begins paused is not known at all then, and takes no rows.
    a_forgotten_pause: PauseForgotten => "of a lane that was" | "and its lane is" | "was acknowledged and is gone";
    a_forgotten_version: VersionForgotten => "of a lane that was" | "and its lane is";
    a_chunk_taken_twice: ChunkTwice => "became two messages";
    a_forgotten_recovery: RecoveryForgotten => "is still sending" | "nothing is on its way";
    a_miscounted_tally: TallyMiscounted => "the tallies of";
    a_forgotten_schedule: ScheduleForgotten => "before its campaign's time";
    a_mark_too_far: MarkTooFar => "was acknowledged and is gone";
    a_claim_without_lock: ClaimWithoutLock => "while it was out already" | "although this try";
    others_recovered: OthersRecovered => "while it was out already" | "a second time";
    a_forgotten_takeover: TakeoverForgotten => "is still sending" | "nothing is on its way";
    an_ignored_full_disk: FullIgnored => "was acknowledged and is gone";
    acknowledging_at_once: AcknowledgedAtOnce => "although its delivery was acknowledged";
    mixed_up_answers: AnswersMixedUp => "no carrier" | "although its delivery" | "a second time" | "is undelivered";
    a_forgotten_dead_number: DeadNumberForgotten => "although its number was dead";
    dropped_chat: ChatDropped => "showed life and is still called dead";
    a_forgotten_canary: CanaryForgotten => "before its canary was judged";
    a_lost_grant: GrantLost => "and the ledger";
    an_unchecked_draw: DrawUnchecked => "and the ledger" | "below nothing";
    a_posting_that_is_added_twice: PostedTwice => "earned" | "below nothing" | "and the ledger";
    a_forgotten_refund: RefundForgotten => "earned";
    a_forgotten_cancellation: CancelForgotten => "after its cancellation was acknowledged" | "was cancelled and is" | "was cancelled while";
    a_forgotten_redaction: RedactionForgotten => "was redacted and has its text" | "as if it were not";
    a_forgotten_fence: FenceForgotten => "after it had been taken over";
}
