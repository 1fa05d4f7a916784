//! Which faults there are.

/// What is wrong in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fault {
    /// Nothing: the product as it is.
    #[default]
    None,
    /// Messages are acknowledged before they are committed.
    AcceptBeforeCommit,
    /// Settlements are acknowledged before they are committed, and lost when that fails.
    SettleBeforeCommit,
    /// One settlement of a batch of several is forgotten.
    SettlementForgotten,
    /// Receipts are acknowledged and thrown away.
    ReceiptDropped,
    /// Receipts that match nothing yet are thrown away instead of held.
    EarlyReceiptDropped,
    /// The daily cap of marketing lets one more through.
    CapOffByOne,
    /// Nobody minds the hour.
    QuietHoursForgotten,
    /// Refusals are acknowledged at once and reach the ledger after the next claim: a claim on facts from before.
    StaleFacts,
    /// A refusal by answer is recorded as a message and not as a refusal.
    OptOutLost,
    /// What is claimed for a phone that refuses is not taken back.
    RecallForgotten,
    /// Claims are written whenever there is room, however old they are.
    DeadlineForgotten,
    /// After a restart what was in flight is handed out once more, as if nothing had been.
    DoubleClaim,
    /// Second tries are not marked as possible duplicates.
    MarkForgotten,
    /// Marketing is tried again after an answer that never came.
    MarketingGuessed,
    /// A lane's pause or cancel is acknowledged and not done.
    PauseForgotten,
    /// An older copy of a lane overwrites a newer one.
    VersionForgotten,
    /// Repeated chunks of an audience are taken again.
    ChunkTwice,
    /// In-flight messages are not looked after at a restart.
    RecoveryForgotten,
    /// One counter is off by one.
    TallyMiscounted,
    /// Campaigns are launched whatever their time.
    ScheduleForgotten,
    /// A partition says that it has more of an audience than it has.
    MarkTooFar,
    /// Claims of a partition do not wait for each other: what one took another takes too.
    ClaimWithoutLock,
    /// A node that starts ends the claims of all others as if it were alone.
    OthersRecovered,
    /// What a silent node had in flight is not looked after.
    TakeoverForgotten,
    /// A node goes on claiming after it was taken over.
    FenceForgotten,
    /// What a full disk refused is acknowledged.
    FullIgnored,
    /// Connections acknowledge receipts before they are durable.
    AcknowledgedAtOnce,
    /// The rest of a campaign goes with its canary.
    CanaryForgotten,
    /// A connection takes answers to two parts of one read for each other's.
    AnswersMixedUp,
    /// Nobody minds that a number is dead.
    DeadNumberForgotten,
    /// Messages from phones that refuse nothing are acknowledged and thrown away.
    ChatDropped,
    /// What the books granted does not reach the ledger.
    GrantLost,
    /// Allowances pay for whatever is asked of them.
    DrawUnchecked,
    /// What is posted again is added again.
    PostedTwice,
    /// What did not arrive is not paid back.
    RefundForgotten,
    /// Cancellations of single messages are acknowledged and not done.
    CancelForgotten,
    /// Texts that are to be forgotten are kept.
    RedactionForgotten,
}

impl Fault {
    /// Every deliberate fault.
    pub const ALL: [Self; 37] = [
        Self::AcceptBeforeCommit,
        Self::SettleBeforeCommit,
        Self::SettlementForgotten,
        Self::ReceiptDropped,
        Self::EarlyReceiptDropped,
        Self::CapOffByOne,
        Self::QuietHoursForgotten,
        Self::StaleFacts,
        Self::OptOutLost,
        Self::RecallForgotten,
        Self::DeadlineForgotten,
        Self::DoubleClaim,
        Self::MarkForgotten,
        Self::MarketingGuessed,
        Self::PauseForgotten,
        Self::VersionForgotten,
        Self::ChunkTwice,
        Self::RecoveryForgotten,
        Self::TallyMiscounted,
        Self::ScheduleForgotten,
        Self::MarkTooFar,
        Self::ClaimWithoutLock,
        Self::OthersRecovered,
        Self::TakeoverForgotten,
        Self::FenceForgotten,
        Self::FullIgnored,
        Self::AcknowledgedAtOnce,
        Self::AnswersMixedUp,
        Self::DeadNumberForgotten,
        Self::ChatDropped,
        Self::CanaryForgotten,
        Self::GrantLost,
        Self::DrawUnchecked,
        Self::PostedTwice,
        Self::RefundForgotten,
        Self::CancelForgotten,
        Self::RedactionForgotten,
    ];
}
