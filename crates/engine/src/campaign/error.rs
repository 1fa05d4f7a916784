//! What can be wrong with a campaign or with what is asked of it.

use domain::campaign::MAX_CANARY_PEOPLE;
use domain::control::{CampaignError, ControlError, Short};
use domain::currency::Currency;
use domain::ledger::LedgerError;
use domain::money::Money;
use domain::phone::PhoneError;
use domain::template::TemplateError;
use domain::text::{Bilingual, SignatureError};

use crate::fault::Whose;
use crate::import::ImportError;

use super::{MAX_NAME_CHARS, MAX_TEST_NUMBERS};

/// Why something asked of a campaign was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum CampaignTrouble {
    /// The account has no such campaign.
    #[error("no such campaign")]
    NoSuchCampaign,
    /// The account has no such template.
    #[error("no such template")]
    NoSuchTemplate,
    /// There is no such route, or none at all.
    #[error("no such route")]
    NoSuchRoute,
    /// The name is empty or too long.
    #[error("a campaign's name has 1 to {MAX_NAME_CHARS} characters, this one has {chars}")]
    Name {
        /// Its length.
        chars: usize,
    },
    /// The signature cannot be one.
    #[error("the signature: {0}")]
    Signature(#[source] SignatureError),
    /// Neither a text nor a template was given.
    #[error("give a text or a stored template")]
    NoText,
    /// The template does not compile.
    #[error("the template: {0}")]
    Template(#[source] TemplateError),
    /// The template asks for what the audience does not have.
    #[error("the template uses {unknown}, but the audience has only: {known}")]
    UnknownVariables {
        /// Variables without a column, joined.
        unknown: String,
        /// The columns that there are, joined.
        known: String,
    },
    /// The time has passed.
    #[error("the scheduled time has passed")]
    ScheduleInPast,
    /// A test number that is none.
    #[error("test number {place}: {error}")]
    TestNumber {
        /// From 1.
        place: usize,
        /// What is wrong with it.
        error: PhoneError,
    },
    /// More test numbers than anybody tests with.
    #[error("at most {MAX_TEST_NUMBERS} test numbers")]
    TooManyTestNumbers,
    /// No tag was named.
    #[error("name at least one tag")]
    NoTags,
    /// A speed of nothing a second.
    #[error("the speed must be at least one message a second")]
    Speed,
    /// A validity of nothing.
    #[error("messages must be valid for at least a minute")]
    Validity,
    /// A canary of nobody or of all, or one that waits for longer than its messages are of use.
    #[error(
        "a canary has 1 to 99 per cent, or 1 to {MAX_CANARY_PEOPLE} people, and its wait is shorter than the validity"
    )]
    Canary,
    /// A limit that nothing can pass.
    #[error("a limit is at most 10,000 of ten thousand")]
    Limits,
    /// What a resend may be asked for.
    #[error("only undelivered, expired, failed, unknown and uncertain messages can be sent again")]
    ResendStates,
    /// A campaign of the family is not in the ledger yet, so that nobody knows whom it reaches.
    #[error(
        "this campaign, or what was sent again of it before, is still being queued; ask again when it is"
    )]
    ResendWaits,
    /// Nobody has such a failure, or all who have were reached, or may still be.
    #[error("nothing is left to send again")]
    NothingToResend,
    /// A key for repeating the request was used for another one.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// Nobody is in the audience.
    #[error("nobody is in the audience")]
    NobodyThere,
    /// The account has not enough money for all of it, or has reached a limit: nothing was started.
    #[error(
        "this campaign needs {}{needed}: {}",
        Currency::installed().sign(),
        crate::billing::explain_short(*short).en
    )]
    Funds {
        /// What would be held for it.
        needed: Money,
        /// What is left.
        short: Short,
    },
    /// It does not fit the campaign's state.
    #[error(transparent)]
    State(#[from] CampaignError),
    /// A preflight of this campaign is running.
    #[error("a preflight of this campaign is running already")]
    PreflightRuns,
    /// The campaign was edited while its preflight ran.
    #[error("the campaign was changed while its preflight ran; run it again")]
    ChangedMeanwhile,
    /// The audience's file could not be read.
    #[error("the audience's file: {0}")]
    File(#[from] ImportError),
    /// The machine is shutting down.
    #[error("interrupted; ask again")]
    Interrupted,
    /// The control database refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl CampaignTrouble {
    /// Who can mend it.
    #[must_use]
    pub fn whose(&self) -> Whose {
        match self {
            Self::NoSuchCampaign => Whose::NotFound,
            Self::Funds { .. }
            | Self::State(_)
            | Self::PreflightRuns
            | Self::ChangedMeanwhile
            | Self::ResendWaits => Whose::Conflict,
            Self::Interrupted => Whose::Retry,
            Self::File(error) => error.whose(),
            Self::Control(error) => Whose::of_control(error),
            Self::Ledger(error) => Whose::of_ledger(error),
            _ => Whose::Caller,
        }
    }

    /// What to tell the user, with what to do about it.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            Self::NoSuchCampaign => "没有这个任务".into(),
            Self::NoSuchTemplate => "没有这个模板".into(),
            Self::NoSuchRoute => "没有这个路由：请先配置通道和路由".into(),
            Self::Name { chars } => {
                format!("任务名称应为 1 到 {MAX_NAME_CHARS} 个字符，现有 {chars} 个").into()
            }
            Self::Signature(error) => error.explain().zh,
            Self::NoText => "请填写短信内容或选择模板".into(),
            Self::Template(error) => error.explain().zh,
            Self::UnknownVariables { unknown, known } => {
                format!("模板用到了 {unknown}，但受众只有这些列：{known}").into()
            }
            Self::ScheduleInPast => "定时时间已过：请改为将来的时间或立即发送".into(),
            Self::TestNumber { place, error } => {
                format!("第 {place} 个测试号码：{}", error.explain().zh).into()
            }
            Self::TooManyTestNumbers => format!("测试号码最多 {MAX_TEST_NUMBERS} 个").into(),
            Self::NoTags => "请至少选择一个标签".into(),
            Self::Speed => "限速至少为每秒 1 条".into(),
            Self::Validity => "有效期至少 1 分钟".into(),
            Self::Canary => {
                format!("试发应为 1% 到 99%，或 1 到 {MAX_CANARY_PEOPLE} 人，且等待时间短于有效期").into()
            }
            Self::Limits => "上限最多为万分之 10000".into(),
            Self::ResendStates => "只能重发未送达、过期、失败、未知和不确定的消息".into(),
            Self::ResendWaits => "该任务或其先前的重发仍在入队：请稍后再试".into(),
            Self::NothingToResend => "没有可重发的消息：没有这样的失败，或收件人已收到、或仍在发送中".into(),
            Self::KeyReused => "该幂等键已用于另一请求：请换一个".into(),
            Self::NobodyThere => "受众里没有人：请检查文件或标签".into(),
            Self::Funds { needed, short } => {
                let sign = Currency::installed().sign();
                format!("该任务需要 {sign}{needed}：{}", crate::billing::explain_short(*short).zh).into()
            }
            Self::State(error) => {
                format!("任务当前状态（{}）不能执行此操作（{}）", error.from, error.action).into()
            }
            Self::PreflightRuns => "该任务正在预检".into(),
            Self::ChangedMeanwhile => "预检期间任务被修改：请重新预检".into(),
            Self::File(error) => error.explain().zh,
            Self::Interrupted => "操作被中断：请重试".into(),
            Self::Control(ControlError::Full) | Self::Ledger(LedgerError::Full) => {
                "磁盘已满：请清理空间后重试，数据没有丢失".into()
            }
            Self::Control(ControlError::Changed(_)) => "数据刚被他人修改：请刷新后重试".into(),
            Self::Control(_) | Self::Ledger(_) => "存储暂时不可用：请稍后重试".into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}
