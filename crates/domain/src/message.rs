//! One message's life: its states, the one table of allowed moves, and the closed list of reasons.

use std::fmt;

macro_rules! coded_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal, $word:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$doc])* $variant = $code,)+ }

        impl $name {
            /// Every value, in order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number under which it is stored.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// From storage.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.code() == code)
            }

            /// The word in API, command line and database: the same everywhere.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// From the word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(crate) use coded_enum;

coded_enum! {
    /// What a message is. Law, caps and hours depend on it.
    Category {
        /// A one-time password or verification code.
        Otp = 1, "otp";
        /// A notice about something the person already has with the sender.
        Notice = 2, "notice";
        /// Introduces or promotes goods, services or opportunities (Order 31/2015).
        Marketing = 3, "marketing";
    }
}

coded_enum! {
    /// Who is claimed first; smaller codes go first.
    Priority {
        /// Life and safety.
        Emergency = 0, "emergency";
        /// Somebody waits at a sign-in page.
        Otp = 1, "otp";
        /// Soon.
        Notice = 2, "notice";
        /// When there is room.
        Marketing = 3, "marketing";
    }
}

impl From<Category> for Priority {
    fn from(category: Category) -> Self {
        match category {
            Category::Otp => Self::Otp,
            Category::Notice => Self::Notice,
            Category::Marketing => Self::Marketing,
        }
    }
}

coded_enum! {
    /// Where a message is in its life.
    MessageState {
        /// Accepted and durable; waits in its lane (perhaps for a later time).
        Queued = 1, "queued";
        /// Claimed by a channel; the carrier may have it at any moment.
        Sending = 2, "sending";
        /// The carrier took every part.
        Submitted = 3, "submitted";
        /// A receipt says the handset has it.
        Delivered = 4, "delivered";
        /// A receipt says it will never arrive.
        Undelivered = 5, "undelivered";
        /// A receipt says the carrier gave up in time.
        Expired = 6, "expired";
        /// No word for 72 hours.
        Unknown = 7, "unknown";
        /// Policy refused it.
        Rejected = 8, "rejected";
        /// Its campaign, or the message itself, was cancelled before it was claimed.
        Cancelled = 9, "cancelled";
        /// The carrier refused it for good, or attempts ran out.
        Failed = 10, "failed";
        /// Process or connection died between write and answer: the carrier may or may not have it.
        Uncertain = 11, "uncertain";
    }
}

impl MessageState {
    /// The one list of allowed moves.
    pub const EDGES: &'static [(Self, Self)] = &[
        (Self::Queued, Self::Sending),
        (Self::Queued, Self::Rejected),
        (Self::Queued, Self::Cancelled),
        (Self::Queued, Self::Delivered), // an earlier attempt's receipt arrived while a retry waited
        (Self::Sending, Self::Submitted),
        (Self::Sending, Self::Queued), // throttled, recalled, or a retry
        (Self::Sending, Self::Failed),
        (Self::Sending, Self::Uncertain),
        (Self::Sending, Self::Delivered), // an earlier attempt's receipt arrived while a retry was out
        (Self::Submitted, Self::Delivered),
        (Self::Submitted, Self::Undelivered),
        (Self::Submitted, Self::Expired),
        (Self::Submitted, Self::Unknown),
        (Self::Submitted, Self::Queued), // a retry after a receipt of failure
        (Self::Uncertain, Self::Queued), // notice and otp may be retried, marked as possible duplicates
        (Self::Uncertain, Self::Submitted), // its answer or one part's receipt came after all
        (Self::Uncertain, Self::Delivered),
        (Self::Uncertain, Self::Undelivered),
        (Self::Uncertain, Self::Expired),
        (Self::Uncertain, Self::Unknown),
        (Self::Failed, Self::Delivered), // some attempt had arrived
        (Self::Undelivered, Self::Delivered),
        (Self::Expired, Self::Delivered),
        (Self::Unknown, Self::Delivered),
        (Self::Unknown, Self::Undelivered),
        (Self::Unknown, Self::Expired),
    ];

    /// Whether a message may move from `self` to `to`.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        Self::EDGES.contains(&(self, to))
    }

    /// Whether nothing of ours will move it on; only a late receipt may correct it.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending | Self::Submitted | Self::Uncertain)
    }
}

coded_enum! {
    /// Why a message was not sent, is late, or did not arrive: the closed list, stored and shown.
    Reason {
        /// Nothing to explain.
        None = 0, "none";
        /// The phone opted out or was suppressed by the operator.
        Suppressed = 1, "suppressed";
        /// Marketing without a valid consent for the sending entity.
        NoConsent = 2, "no_consent";
        /// The person would have got more than the frequency cap allows.
        Capped = 3, "capped";
        /// The same text went to the same phone within seconds.
        RepeatedText = 4, "repeated_text";
        /// Outside the hours in which this category may be sent.
        QuietHours = 5, "quiet_hours";
        /// Later than the message is of use.
        ValidityPassed = 6, "validity_passed";
        /// The text lacks the 【signature】 that names the sender.
        SignatureMissing = 7, "signature_missing";
        /// Marketing whose text offers no way to refuse.
        OptOutTextMissing = 8, "opt_out_text_missing";
        /// The text holds words of a blocked class.
        ContentBlocked = 9, "content_blocked";
        /// The text holds words that a person must look at first.
        ContentHeld = 10, "content_held";
        /// A variable of the template has no value for this person.
        MissingVariable = 11, "missing_variable";
        /// The template could not be rendered for this person (work or length bound).
        RenderFailed = 12, "render_failed";
        /// The text is longer than carriers carry.
        TextTooLong = 13, "text_too_long";
        /// Not a phone that can receive messages.
        InvalidPhone = 14, "invalid_phone";
        /// The phone is already in this audience.
        DuplicatePhone = 15, "duplicate_phone";
        /// No route leads to this phone.
        NoRoute = 16, "no_route";
        /// The campaign was cancelled.
        CampaignCancelled = 17, "campaign_cancelled";
        /// A customer sent some parts of a long text and not the others.
        PartsMissing = 18, "parts_missing";
        /// Carriers called the number dead on several days, and nothing since then showed life.
        DeadNumber = 19, "dead_number";
        /// Carrier: no such number.
        UnknownNumber = 20, "unknown_number";
        /// Carrier: the number is suspended, barred or in arrears.
        NumberSuspended = 21, "number_suspended";
        /// Carrier: switched off or out of coverage.
        Unreachable = 22, "unreachable";
        /// Carrier: the handset is full or faulty.
        HandsetFault = 23, "handset_fault";
        /// Carrier: the person or handset takes no such messages.
        NotSubscribed = 24, "not_subscribed";
        /// Carrier: on the carrier's black list.
        CarrierBlacklist = 25, "carrier_blacklist";
        /// Carrier: the content was blocked.
        CarrierContent = 26, "carrier_content";
        /// Carrier: the signature is not filed.
        CarrierSignature = 27, "carrier_signature";
        /// Carrier: rate or quota exceeded.
        CarrierRate = 28, "carrier_rate";
        /// Carrier: our parameters or our account there are wrong.
        CarrierAccount = 29, "carrier_account";
        /// Carrier: a failure between systems.
        CarrierSystem = 30, "carrier_system";
        /// Carrier: the number has moved to another network.
        NumberPorted = 31, "number_ported";
        /// Carrier: a code that is in no table.
        CarrierUnknown = 32, "carrier_unknown";
        /// Some parts of a long message were taken and some refused.
        Partial = 33, "partial";
        /// The carrier asked us to slow down; the attempt does not count.
        Throttled = 34, "throttled";
        /// The connection or the process died between write and answer.
        ConnectionLost = 35, "connection_lost";
        /// The carrier did not answer in time.
        NoAnswer = 36, "no_answer";
        /// No receipt for 72 hours.
        NoReceipt = 37, "no_receipt";
        /// Taken back before it was written to the wire.
        Recalled = 38, "recalled";
        /// The claim was older than its write deadline.
        DeadlinePassed = 39, "deadline_passed";
        /// The channel sends approved templates only, and the text is of none of them; nothing was sent.
        NoTemplate = 40, "no_template";
        /// Whoever sent it took it back while it waited.
        CancelledOnRequest = 41, "cancelled_on_request";
    }
}

impl Reason {
    /// For a person: what it means, in Chinese and English.
    #[must_use]
    pub const fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("", ""),
            Self::Suppressed => ("已退订或在黑名单中", "opted out or suppressed"),
            Self::NoConsent => ("没有营销同意记录", "no consent to marketing"),
            Self::Capped => ("超过频次上限", "over the frequency cap"),
            Self::RepeatedText => ("30 秒内重复内容", "same text within 30 seconds"),
            Self::QuietHours => ("不在允许发送的时段", "outside sending hours"),
            Self::ValidityPassed => ("已过有效期", "validity has passed"),
            Self::SignatureMissing => ("缺少签名", "signature missing"),
            Self::OptOutTextMissing => ("缺少退订说明", "opt-out text missing"),
            Self::ContentBlocked => ("含禁用词", "blocked words in the text"),
            Self::ContentHeld => ("含待审词", "words held for review"),
            Self::MissingVariable => ("缺少变量", "a variable has no value"),
            Self::RenderFailed => ("模板渲染失败", "the template could not be rendered"),
            Self::TextTooLong => ("内容过长", "text too long"),
            Self::InvalidPhone => ("号码无效", "not a mobile number"),
            Self::DuplicatePhone => ("号码重复", "duplicate number"),
            Self::NoRoute => ("没有可用路由", "no route"),
            Self::CampaignCancelled => ("任务已撤销", "campaign cancelled"),
            Self::PartsMissing => ("长短信缺少分段", "parts of a long text are missing"),
            Self::DeadNumber => {
                ("多次空号或停机,已停发", "dead number: called so by carriers on several days")
            }
            Self::UnknownNumber => ("空号", "no such number"),
            Self::NumberSuspended => ("停机", "number suspended"),
            Self::Unreachable => ("关机或不在服务区", "switched off or out of coverage"),
            Self::HandsetFault => ("手机存储已满或故障", "handset full or faulty"),
            Self::NotSubscribed => ("用户未开通短信", "number takes no messages"),
            Self::CarrierBlacklist => ("运营商黑名单", "carrier black list"),
            Self::CarrierContent => ("运营商拦截内容", "content blocked by the carrier"),
            Self::CarrierSignature => ("签名未报备", "signature not filed with the carrier"),
            Self::CarrierRate => ("运营商限流", "carrier rate or quota"),
            Self::CarrierAccount => ("通道账号或参数错误", "channel account or parameters wrong"),
            Self::CarrierSystem => ("运营商系统故障", "carrier system failure"),
            Self::NumberPorted => ("携号转网", "number ported to another network"),
            Self::CarrierUnknown => ("运营商未知错误码", "carrier code not in the tables"),
            Self::Partial => ("长短信部分失败", "some parts refused"),
            Self::Throttled => ("通道限速", "throttled by the channel"),
            Self::ConnectionLost => ("连接中断,结果不确定", "connection lost before the answer"),
            Self::NoAnswer => ("通道未应答", "no answer from the carrier"),
            Self::NoReceipt => ("72 小时无回执", "no receipt for 72 hours"),
            Self::Recalled => ("写出前已撤回", "recalled before it was written"),
            Self::DeadlinePassed => ("超过写出时限", "write deadline passed"),
            Self::NoTemplate => {
                ("内容与通道的已审模板都不匹配", "no approved template of the channel fits the text")
            }
            Self::CancelledOnRequest => ("已按发送方要求撤销", "cancelled by its sender while it waited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_are_unique() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert!(
                Reason::ALL[..index].iter().all(|r| r.code() < reason.code() && r.word() != reason.word())
            );
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
        }
    }

    #[test]
    fn every_state_is_reached_and_only_receipts_leave_final_ones() {
        for state in MessageState::ALL {
            let reached =
                *state == MessageState::Queued || MessageState::EDGES.iter().any(|(_, to)| to == state);
            assert!(reached, "{state} is never reached");
        }
        for (from, to) in MessageState::EDGES.iter().filter(|(from, _)| from.is_final()) {
            assert!(to.is_final(), "{from} → {to} would resurrect a finished message");
        }
        assert!(!MessageState::Cancelled.may_become(MessageState::Delivered));
    }
}
