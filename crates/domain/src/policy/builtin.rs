//! The rules that hold unless an operator's configuration says otherwise: mainland China's law and the carriers'
//! practice as of 2026. The names `CN-R…` are those of the rule catalogue; `HY-R…` are the platform's own.
//!
//! Order 31/2015 (通信短信息服务管理规定) was replaced by Order 74/2026; what is known of the latter comes from articles
//! about it, so its rules are marked as secondary until somebody has read the official text.

use std::borrow::Cow;
use std::time::Duration;

use jiff::civil::time;

use super::local::{Hours, Zone};
use super::rule::{Cap, Check, CountScope, Rule, SourceStatus, Window};
use super::{Policy, PolicyBuilder, RuleId};
use crate::message::Category;
use crate::numbers::DeadNumber;
use crate::time::Timestamp;
use text::Bilingual;

/// 2015-06-30T00:00:00+08:00: Order 31/2015, the first rule for commercial messages, came into force.
const ORDER_31: Timestamp = Timestamp::from_millis(1_435_593_600_000);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Numbers of the built-in rules.
impl RuleId {
    /// A message without a rule behind its fate.
    pub const NONE: Self = Self(0);
    /// Marketing needs a consent.
    pub const CONSENT: Self = Self(1);
    /// Suppressed phones get nothing.
    pub const SUPPRESSION: Self = Self(2);
    /// Marketing says how to refuse.
    pub const OPT_OUT_TEXT: Self = Self(5);
    /// Every text names its sender.
    pub const SIGNATURE: Self = Self(6);
    /// Marketing is sent by day.
    pub const QUIET_HOURS: Self = Self(9);
    /// Forbidden and doubtful words.
    pub const AUDIT: Self = Self(10);
    /// The same text within seconds.
    pub const REPEATED_TEXT: Self = Self(17);
    /// One code a minute.
    pub const OTP_MINUTE: Self = Self(1_601);
    /// Five codes an hour.
    pub const OTP_HOUR: Self = Self(1_602);
    /// Ten codes in 24 hours.
    pub const OTP_DAY: Self = Self(1_603);
    /// Ten notices a minute.
    pub const NOTICE_MINUTE: Self = Self(1_604);
    /// Fifty notices in 24 hours.
    pub const NOTICE_DAY: Self = Self(1_605);
    /// One marketing message a calendar day from one entity.
    pub const MARKETING_DAY: Self = Self(1_606);
    /// Two marketing messages in any 7 days from one entity.
    pub const MARKETING_WEEK: Self = Self(1_607);
    /// Three marketing messages a calendar day from all tenants together.
    pub const MARKETING_OPERATOR_DAY: Self = Self(1_608);
    /// Numbers that carriers call dead again and again get nothing but codes.
    pub const DEAD_NUMBER: Self = Self(9_002);
    /// Too late to be of use.
    pub const VALIDITY: Self = Self(9_001);
}

const EVERY: &[Category] = &[Category::Otp, Category::Notice, Category::Marketing];
const MARKETING: &[Category] = &[Category::Marketing];
/// Whoever asks for a code has the phone in the hand.
const BUT_OTP: &[Category] = &[Category::Notice, Category::Marketing];
const LAW: &str = "工信部令第31号 (2015), 第74号 (2026) 第21条; 广告法 43; 个人信息保护法 13-15";
const FREQUENCY: &str = "limits per number of Aliyun, Tencent Cloud and Huawei Cloud";

/// A rule of the house, in one line.
fn rule(
    id: RuleId,
    name: &'static str,
    (zh, en): (&'static str, &'static str),
    categories: &[Category],
    check: Check,
    (source, source_status): (&'static str, SourceStatus),
) -> Rule {
    Rule {
        id,
        name: Cow::Borrowed(name),
        title: Bilingual { zh: Cow::Borrowed(zh), en: Cow::Borrowed(en) },
        categories: categories.to_vec(),
        check,
        valid_from: None,
        valid_to: None,
        source: Cow::Borrowed(source),
        source_status,
    }
}

/// Every built-in rule.
pub(super) fn rules() -> Vec<Rule> {
    let mut rules = duties();
    rules.extend(caps());
    rules
}

fn daytime() -> Hours {
    Hours::new(time(8, 0, 0, 0), time(20, 0, 0, 0), Zone::china())
        .expect("eight o'clock in the morning comes before eight in the evening")
}

fn since_order_31(rule: Rule) -> Rule {
    Rule { valid_from: Some(ORDER_31), ..rule }
}

fn dead_number() -> Rule {
    rule(
        RuleId::DEAD_NUMBER,
        "HY-R02",
        (
            "多次回执为空号或停机的号码不再发送",
            "a number that carriers called dead on several days gets nothing",
        ),
        BUT_OTP,
        Check::DeadNumber(DeadNumber::default()),
        ("platform; list cleaning as carriers ask for it", SourceStatus::Operator),
    )
}

fn duties() -> Vec<Rule> {
    use SourceStatus::{Operator, Practice, Primary, Secondary};
    vec![
        rule(
            RuleId::VALIDITY,
            "HY-R01",
            ("过了有效期的短信不再发送", "a message is not sent when it is too late to be of use"),
            EVERY,
            Check::Validity,
            ("platform", Operator),
        ),
        dead_number(),
        rule(
            RuleId::SUPPRESSION,
            "CN-R02",
            ("已退订或被屏蔽的号码不再发送", "phones that opted out or are suppressed get nothing"),
            EVERY,
            Check::Suppression,
            ("消费者权益保护法 29; 网络交易监督管理办法 16", Primary),
        ),
        since_order_31(rule(
            RuleId::CONSENT,
            "CN-R01",
            ("营销短信须有用户同意", "marketing needs the person's consent"),
            MARKETING,
            Check::Consent,
            (LAW, Secondary),
        )),
        rule(
            RuleId::SIGNATURE,
            "CN-R06",
            ("短信须以【签名】开头", "a text begins with the 【signature】 of its sender"),
            EVERY,
            Check::SignatureRequired,
            ("广告法 43; carriers' filing of signatures", Practice),
        ),
        since_order_31(rule(
            RuleId::OPT_OUT_TEXT,
            "CN-R05",
            ("营销短信须写明退订方式", "marketing says how to refuse"),
            MARKETING,
            Check::OptOutTextRequired,
            (LAW, Secondary),
        )),
        rule(
            RuleId::AUDIT,
            "CN-R10",
            ("内容不得含违禁词,待审词须人工确认", "no forbidden words; doubtful ones wait for a person"),
            EVERY,
            Check::Audit,
            ("电信条例 56, 61; 广告法 9", Primary),
        ),
        rule(
            RuleId::QUIET_HOURS,
            "CN-R09",
            ("营销短信只在当地 08:00-20:00 发送", "marketing is sent from 08:00 to 20:00 local time"),
            MARKETING,
            Check::QuietHours(daytime()),
            ("the narrowest hours among Chinese vendors (Aliyun)", Practice),
        ),
        rule(
            RuleId::REPEATED_TEXT,
            "CN-R17",
            ("同一号码 30 秒内不重复发送相同内容", "the same text goes to a phone once in 30 seconds"),
            EVERY,
            Check::RepeatedText(30 * SECOND),
            ("Tencent Cloud", Practice),
        ),
    ]
}

fn caps() -> Vec<Rule> {
    use Category::{Marketing, Notice, Otp};
    use CountScope::{Entity, Operator};
    use Window::{CalendarDays, Rolling};
    let cap = |id, name, title, category: Category, max, window, scope| {
        let check = Check::Cap(Cap { max, window, scope });
        rule(id, name, title, &[category], check, (FREQUENCY, SourceStatus::Practice))
    };
    let today = || CalendarDays(1, Zone::china());
    let minute = ("每分钟条数上限", "so many in a minute");
    let hour = ("每小时条数上限", "so many in an hour");
    let day = ("24 小时条数上限", "so many in 24 hours");
    vec![
        cap(RuleId::OTP_MINUTE, "CN-R16-O1", minute, Otp, 1, Rolling(MINUTE), Entity),
        cap(RuleId::OTP_HOUR, "CN-R16-O2", hour, Otp, 5, Rolling(HOUR), Entity),
        cap(RuleId::OTP_DAY, "CN-R16-O3", day, Otp, 10, Rolling(DAY), Entity),
        cap(RuleId::NOTICE_MINUTE, "CN-R16-N1", minute, Notice, 10, Rolling(MINUTE), Entity),
        cap(RuleId::NOTICE_DAY, "CN-R16-N2", day, Notice, 50, Rolling(DAY), Entity),
        cap(
            RuleId::MARKETING_DAY,
            "CN-R16-M1",
            ("同一主体每个自然日条数上限", "so many a calendar day from one legal entity"),
            Marketing,
            1,
            today(),
            Entity,
        ),
        cap(
            RuleId::MARKETING_WEEK,
            "CN-R16-M2",
            ("同一主体任意 7 天条数上限", "so many in any 7 days from one legal entity"),
            Marketing,
            2,
            Rolling(7 * DAY),
            Entity,
        ),
        cap(
            RuleId::MARKETING_OPERATOR_DAY,
            "CN-R16-M3",
            ("全平台每个自然日条数上限", "so many a calendar day from all tenants together"),
            Marketing,
            3,
            today(),
            Operator,
        ),
    ]
}

impl Policy {
    /// The defaults for mainland China, without word lists and without entity groups.
    #[must_use]
    pub fn builtin() -> Self {
        PolicyBuilder::builtin().build().expect("the built-in rules have distinct ids and sensible windows")
    }
}
