//! The closed lists of words, one to one with the domain's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A list whose variants are the domain's; a variant missing on either side does not compile.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident = $domain:ty { $($variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($variant),+ }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => <$domain>::$variant),+ }
            }
        }
    };
}

words! {
    /// What is exported.
    ExportOf = domain::control::ExportOf { Messages, Contacts, Inbound, Suppressions, Statement }
}
words! {
    /// What the file is.
    ExportFormat = domain::control::ExportFormat { Csv, Xlsx, Parquet }
}
words! {
    /// Where an export is.
    ExportState = domain::control::ExportState { Waiting, Running, Finished, Failed }
}
words! {
    /// How a run of a source is.
    RunState = domain::control::RunState { Waiting, Running, Finished, Unchanged, Failed }
}
words! {
    /// What a message is: law, caps and hours depend on it.
    Category = domain::message::Category { Otp, Notice, Marketing }
}
words! {
    /// Who is sent first.
    Priority = domain::message::Priority { Emergency, Otp, Notice, Marketing }
}
words! {
    /// The mobile network of a phone.
    Carrier = domain::phone::Carrier { Mobile, Unicom, Telecom, Broadnet, Foreign }
}
words! {
    /// Which channel of a step goes first while it has room: by weight, the cheapest, or the one whose messages arrive
    /// most often.
    Pick = domain::control::Pick { Weight, Cost, Quality }
}
words! {
    /// How a text travels.
    Encoding = domain::text::Encoding { Ascii, Gsm7, Ucs2, Gbk }
}
words! {
    /// Where a message is in its life.
    MessageState = domain::message::MessageState {
        Queued, Sending, Submitted, Delivered, Undelivered, Expired, Unknown, Rejected, Cancelled, Failed, Uncertain,
    }
}
words! {
    /// Why a message was not sent, is late, or did not arrive.
    Reason = domain::message::Reason {
        None, Suppressed, NoConsent, Capped, RepeatedText, QuietHours, ValidityPassed, SignatureMissing,
        OptOutTextMissing, ContentBlocked, ContentHeld, MissingVariable, RenderFailed, TextTooLong, InvalidPhone,
        DuplicatePhone, NoRoute, CampaignCancelled, PartsMissing, DeadNumber, UnknownNumber, NumberSuspended, Unreachable, HandsetFault,
        NotSubscribed, CarrierBlacklist, CarrierContent, CarrierSignature, CarrierRate, CarrierAccount, CarrierSystem,
        NumberPorted, CarrierUnknown, Partial, Throttled, ConnectionLost, NoAnswer, NoReceipt, Recalled,
        DeadlinePassed, NoTemplate, CancelledOnRequest,
    }
}
words! {
    /// What a trail entry records.
    TrailEvent = domain::ledger::TrailEvent {
        Accepted, Deferred, Rejected, Claimed, Submitted, Requeued, Failed, Uncertain, PartReceipt, Delivered,
        Undelivered, Expired, Unknown, Cancelled, Redacted, Deleted,
    }
}
words! {
    /// Where a campaign is in its life.
    CampaignState = domain::control::CampaignState {
        Draft, Preflighted, Scheduled, Running, Paused, Finished, Cancelled,
    }
}
words! {
    /// How far a canary is. `sending` and `judged` hold the rest back.
    CanaryPhase = domain::campaign::CanaryPhase { Sending, Judged, Released }
}
words! {
    /// What follows a canary that went well: the rest by itself, or a person looks first.
    CanaryThen = domain::campaign::CanaryThen { GoOn, WaitForPerson }
}
words! {
    /// Why a campaign stopped itself.
    StopRule = domain::campaign::StopRule {
        Failures, OptOuts, Complaints, CanaryToBeJudged, CanaryWithoutReceipts,
    }
}
words! {
    /// Where an import is.
    ImportState = domain::control::ImportState { Uploaded, Running, Finished, Failed }
}
words! {
    /// What a column becomes. `personal` is sealed at rest; `queryable` is plain and usable in segments.
    ColumnUse = domain::control::ColumnUse { Phone, Personal, Queryable, Tags, Ignore }
}
words! {
    /// The legal ground on which marketing may be sent to a person.
    LegalBasis = domain::policy::LegalBasis { Consent, Request, Contract }
}
words! {
    /// Where a suppression came from.
    SuppressionSource = domain::policy::SuppressionSource { OptOut, Complaint, Manual, Carrier }
}
words! {
    /// Who puts the signature at the head of a customer's texts.
    Signing = domain::downstream::Signing { Own, Missing, Always }
}

words! {
    /// How an account pays.
    PayMode = domain::billing::Mode { Open, Bounded }
}
words! {
    /// When a message is paid for.
    Charge = domain::billing::Charge { Submitted, Refunded, Delivered }
}
words! {
    /// Why money moved.
    TransferKind = domain::billing::TransferKind {
        TopUp, Withdrawal, Grant, GrantReturned, Hold, HoldReturned, Accepted, Charged, Released, Reopened, Refunded,
        Recovered,
    }
}

/// How far a suppression reaches: the whole platform, or the legal entity's group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Operator,
    Entity,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(value: impl Serialize) -> String {
        serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn words_are_the_same_as_everywhere_else() {
        use domain::{campaign, control, ledger, message, phone, policy, text};
        message::Category::ALL.iter().for_each(|v| assert_eq!(word(Category::from(*v)), v.word()));
        message::Priority::ALL.iter().for_each(|v| assert_eq!(word(Priority::from(*v)), v.word()));
        message::MessageState::ALL.iter().for_each(|v| assert_eq!(word(MessageState::from(*v)), v.word()));
        message::Reason::ALL.iter().for_each(|v| assert_eq!(word(Reason::from(*v)), v.word()));
        ledger::TrailEvent::ALL.iter().for_each(|v| assert_eq!(word(TrailEvent::from(*v)), v.word()));
        control::CampaignState::ALL.iter().for_each(|v| assert_eq!(word(CampaignState::from(*v)), v.word()));
        campaign::CanaryPhase::ALL.iter().for_each(|v| assert_eq!(word(CanaryPhase::from(*v)), v.word()));
        campaign::CanaryThen::ALL.iter().for_each(|v| assert_eq!(word(CanaryThen::from(*v)), v.word()));
        campaign::StopRule::ALL.iter().for_each(|v| assert_eq!(word(StopRule::from(*v)), v.word()));
        control::ImportState::ALL.iter().for_each(|v| assert_eq!(word(ImportState::from(*v)), v.word()));
        control::Pick::ALL.iter().for_each(|v| assert_eq!(word(Pick::from(*v)), v.word()));
        control::ColumnUse::ALL.iter().for_each(|v| assert_eq!(word(ColumnUse::from(*v)), v.word()));
        domain::downstream::Signing::ALL.iter().for_each(|v| assert_eq!(word(Signing::from(*v)), v.word()));
        domain::billing::Mode::ALL.iter().for_each(|v| assert_eq!(word(PayMode::from(*v)), v.word()));
        domain::billing::Charge::ALL.iter().for_each(|v| assert_eq!(word(Charge::from(*v)), v.word()));
        let kinds = domain::billing::TransferKind::ALL;
        kinds.iter().for_each(|v| assert_eq!(word(TransferKind::from(*v)), v.word()));
        policy::LegalBasis::ALL.iter().for_each(|v| assert_eq!(word(LegalBasis::from(*v)), v.word()));
        policy::SuppressionSource::ALL
            .iter()
            .for_each(|v| assert_eq!(word(SuppressionSource::from(*v)), v.word()));
        phone::Carrier::ALL.iter().for_each(|v| assert_eq!(word(Carrier::from(*v)), v.as_str()));
        text::Encoding::ALL.iter().for_each(|v| assert_eq!(word(Encoding::from(*v)), v.as_str()));
    }
}
