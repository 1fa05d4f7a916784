//! The closed list of problems, with their words, statuses, titles and advice.

use axum::http::StatusCode;
use domain::control::Short;

/// The closed list of problems. The word of each is part of the API and never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// No key, or one that is not known.
    Unauthorized,
    /// Known, but not allowed to do this.
    Forbidden,
    /// The account's money does not pay for it.
    InsufficientBalance,
    /// It would pass a limit that the account agreed to.
    LimitReached,
    /// A key that somebody took back.
    KeyRevoked,
    /// A key whose time is over.
    KeyExpired,
    /// A key used from where it may not be used.
    ForeignAddress,
    /// The account, or its parent, is disabled.
    AccountDisabled,
    /// A signed request whose signature does not fit.
    BadSignature,
    /// A signature of another time.
    ClockSkew,
    /// A signature that was used before.
    Replayed,
    /// Login, password or code are wrong.
    WrongPassword,
    /// The password was right; a code is needed too.
    SecondFactorNeeded,
    /// Too many failed attempts.
    LockedOut,
    /// A provider vouches for somebody who is nobody here.
    NotInvited,
    /// A provider's word that is not taken.
    SignInRefused,
    /// A one-time link that was used or has ended.
    LinkGone,
    /// A session that another page uses.
    ForeignPage,
    /// Not the version that `If-Match` names.
    ChangedMeanwhile,
    /// More requests than the limit.
    RateLimited,
    /// Nothing there for this account.
    NotFound,
    /// There is something, but it does not understand the method.
    MethodNotAllowed,
    /// Not JSON.
    InvalidJson,
    /// A field that is unknown, missing or not as it should be.
    InvalidField,
    /// Another media type than the endpoint reads.
    UnsupportedMediaType,
    /// More bytes than the endpoint takes.
    TooLarge,
    /// The state of the thing does not allow it.
    Conflict,
    /// What comes next to a cursor is not kept any more.
    Gone,
    /// An idempotency key that came with another body before.
    IdempotencyMismatch,
    /// A file that cannot be read as a spreadsheet.
    UnreadableFile,
    /// It took too long.
    TimedOut,
    /// Try again.
    Unavailable,
    /// The disk is full.
    DiskFull,
    /// A fault of this installation.
    Internal,
}

impl Kind {
    /// What stands against spending.
    pub(crate) const fn of_short(short: Short) -> Self {
        match short {
            Short::Funds { .. } => Self::InsufficientBalance,
            Short::Daily { .. } | Short::Monthly { .. } => Self::LimitReached,
        }
    }

    /// Every kind, for the reference.
    pub const ALL: &'static [Self] = &[
        Self::Unauthorized,
        Self::Forbidden,
        Self::InsufficientBalance,
        Self::LimitReached,
        Self::KeyRevoked,
        Self::KeyExpired,
        Self::ForeignAddress,
        Self::AccountDisabled,
        Self::BadSignature,
        Self::ClockSkew,
        Self::Replayed,
        Self::WrongPassword,
        Self::SecondFactorNeeded,
        Self::LockedOut,
        Self::NotInvited,
        Self::SignInRefused,
        Self::LinkGone,
        Self::ForeignPage,
        Self::ChangedMeanwhile,
        Self::RateLimited,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::InvalidJson,
        Self::InvalidField,
        Self::UnsupportedMediaType,
        Self::TooLarge,
        Self::Conflict,
        Self::Gone,
        Self::IdempotencyMismatch,
        Self::UnreadableFile,
        Self::TimedOut,
        Self::Unavailable,
        Self::DiskFull,
        Self::Internal,
    ];

    /// The last part of the `type`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::InsufficientBalance => "insufficient_balance",
            Self::LimitReached => "limit_reached",
            Self::KeyRevoked => "key_revoked",
            Self::KeyExpired => "key_expired",
            Self::ForeignAddress => "address_not_allowed",
            Self::AccountDisabled => "account_disabled",
            Self::BadSignature => "signature_invalid",
            Self::ClockSkew => "clock_skew",
            Self::Replayed => "signature_replayed",
            Self::WrongPassword => "wrong_password",
            Self::SecondFactorNeeded => "second_factor_needed",
            Self::LockedOut => "locked_out",
            Self::NotInvited => "not_invited",
            Self::SignInRefused => "sign_in_refused",
            Self::LinkGone => "link_gone",
            Self::ForeignPage => "foreign_page",
            Self::ChangedMeanwhile => "changed_meanwhile",
            Self::RateLimited => "rate_limited",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::InvalidJson => "invalid_json",
            Self::InvalidField => "invalid_field",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::TooLarge => "too_large",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::UnreadableFile => "unreadable_file",
            Self::TimedOut => "timed_out",
            Self::Unavailable => "unavailable",
            Self::DiskFull => "disk_full",
            Self::Internal => "internal",
        }
    }

    /// The status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::InsufficientBalance | Self::LimitReached => StatusCode::PAYMENT_REQUIRED,
            Self::KeyRevoked => StatusCode::UNAUTHORIZED,
            Self::KeyExpired => StatusCode::UNAUTHORIZED,
            Self::ForeignAddress => StatusCode::FORBIDDEN,
            Self::AccountDisabled => StatusCode::FORBIDDEN,
            Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::ClockSkew => StatusCode::UNAUTHORIZED,
            Self::Replayed => StatusCode::UNAUTHORIZED,
            Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::SecondFactorNeeded => StatusCode::UNAUTHORIZED,
            Self::NotInvited => StatusCode::FORBIDDEN,
            Self::SignInRefused => StatusCode::UNAUTHORIZED,
            Self::LockedOut => StatusCode::TOO_MANY_REQUESTS,
            Self::LinkGone | Self::Gone => StatusCode::GONE,
            Self::ForeignPage => StatusCode::FORBIDDEN,
            Self::ChangedMeanwhile => StatusCode::PRECONDITION_FAILED,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::InvalidJson => StatusCode::BAD_REQUEST,
            Self::InvalidField | Self::IdempotencyMismatch | Self::UnreadableFile => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What it means, in Chinese and English.
    #[must_use]
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Unauthorized => ("缺少密钥或密钥无效", "Key missing or unknown"),
            Self::Forbidden => ("没有权限", "Not allowed"),
            Self::InsufficientBalance => ("余额不足", "Balance does not suffice"),
            Self::LimitReached => ("已达消费限额", "Spending limit reached"),
            Self::KeyRevoked => ("密钥已吊销", "Key revoked"),
            Self::KeyExpired => ("密钥已过期", "Key expired"),
            Self::ForeignAddress => ("该来源地址不可使用此密钥", "Address not allowed for this key"),
            Self::AccountDisabled => ("账户已停用", "Account disabled"),
            Self::BadSignature => ("签名无效", "Signature invalid"),
            Self::ClockSkew => ("签名时间超出范围", "Signature too old or too new"),
            Self::Replayed => ("签名已使用过", "Signature used before"),
            Self::WrongPassword => ("登录名、密码或验证码不正确", "Login, password or code wrong"),
            Self::SecondFactorNeeded => ("需要两步验证码", "Second factor needed"),
            Self::LockedOut => ("尝试次数过多，暂时锁定", "Too many failed attempts"),
            Self::NotInvited => ("本系统没有这个用户", "Nobody here by this name"),
            Self::SignInRefused => ("登录未被接受", "Sign-in not taken"),
            Self::LinkGone => ("链接已失效", "Link used or ended"),
            Self::ForeignPage => ("请求不是来自本站页面", "Not asked by one of our pages"),
            Self::ChangedMeanwhile => ("已被他人修改", "Changed meanwhile"),
            Self::RateLimited => ("请求过于频繁", "Too many requests"),
            Self::NotFound => ("不存在", "Not found"),
            Self::MethodNotAllowed => ("不支持该方法", "Method not allowed"),
            Self::InvalidJson => ("JSON 格式错误", "Invalid JSON"),
            Self::InvalidField => ("字段有误", "Invalid field"),
            Self::UnsupportedMediaType => ("不支持的内容类型", "Unsupported media type"),
            Self::TooLarge => ("请求体过大", "Body too large"),
            Self::Conflict => ("当前状态不允许", "Conflict with the current state"),
            Self::Gone => ("已不再保留", "No longer kept"),
            Self::IdempotencyMismatch => ("幂等键已用于其他请求", "Idempotency key used with another body"),
            Self::UnreadableFile => ("文件无法读取", "File cannot be read"),
            Self::TimedOut => ("处理超时", "Timed out"),
            Self::Unavailable => ("暂时不可用", "Temporarily unavailable"),
            Self::DiskFull => ("磁盘已满", "Disk full"),
            Self::Internal => ("系统内部错误", "Internal error"),
        }
    }

    /// What to do about it, in Chinese and English.
    pub(super) const fn advice(self) -> (&'static str, &'static str) {
        match self {
            Self::Unauthorized
            | Self::Forbidden
            | Self::InsufficientBalance
            | Self::LimitReached
            | Self::KeyRevoked
            | Self::KeyExpired
            | Self::ForeignAddress
            | Self::AccountDisabled
            | Self::BadSignature
            | Self::ClockSkew
            | Self::Replayed
            | Self::WrongPassword
            | Self::SecondFactorNeeded
            | Self::LockedOut
            | Self::NotInvited
            | Self::SignInRefused
            | Self::LinkGone
            | Self::ForeignPage
            | Self::ChangedMeanwhile => self.advice_on_access(),
            Self::RateLimited => {
                ("请在 Retry-After 秒后重试", "Repeat after as many seconds as Retry-After says")
            }
            Self::NotFound => ("请检查编号和密钥所属账号", "Check the id, and whose key you use"),
            Self::MethodNotAllowed => ("请查看 /docs", "See /docs"),
            Self::InvalidJson => ("请检查该行该列附近的语法", "Look at the syntax near that line and column"),
            Self::InvalidField => {
                ("请按 /docs 修改该字段后重试", "Correct the field as /docs says and repeat")
            }
            Self::UnsupportedMediaType => {
                ("请使用 Content-Type: application/json", "Send Content-Type: application/json")
            }
            Self::TooLarge => ("请拆分后重试", "Split the request and repeat"),
            Self::Conflict => ("请重新读取后再决定", "Read it again and decide anew"),
            Self::Gone => (
                "请用 from=oldest 从最早保留处继续，并核对其间的数据",
                "Go on with from=oldest, and look up what happened in between",
            ),
            Self::IdempotencyMismatch => ("请为新请求换一个键", "Use a new key for a new request"),
            Self::UnreadableFile => ("请修正文件后重新上传", "Correct the file and upload it again"),
            Self::TimedOut => (
                "请求可能已完成：请用同一个 Idempotency-Key 重试",
                "It may have been done: repeat with the same Idempotency-Key",
            ),
            Self::Unavailable => ("请稍后重试", "Repeat in a moment"),
            Self::DiskFull => {
                ("请清理服务器磁盘；数据没有丢失", "Free space on the server's disk; nothing was lost")
            }
            Self::Internal => ("请把请求编号告诉管理员", "Tell the request id to the operator"),
        }
    }

    /// The same about who asks, and what they may and can pay for.
    const fn advice_on_access(self) -> (&'static str, &'static str) {
        match self {
            Self::Unauthorized => (
                "请在 Authorization 头中写 Bearer 和您的密钥",
                "Send your key in the header: Authorization: Bearer hy_…",
            ),
            Self::Forbidden => {
                ("请使用有该权限的密钥或角色", "Use a key or a role that holds the permission")
            }
            Self::InsufficientBalance => (
                "请充值或请运营方提高信用额度，再发送；没有任何短信被接受",
                "Top up, or ask the operator for more credit, and repeat; nothing was taken",
            ),
            Self::LimitReached => (
                "请待限额重新计算后再发，或请运营方提高限额；没有任何短信被接受",
                "Repeat when the limit begins anew, or ask the operator to raise it; nothing was taken",
            ),
            Self::KeyRevoked => ("请使用另一个密钥，或请管理员新建", "Use another key, or let one be made"),
            Self::KeyExpired => ("请管理员新建密钥", "Let a new key be made"),
            Self::ForeignAddress => (
                "请从允许的网段调用，或修改密钥的网段",
                "Call from an allowed network, or let a key be made for this one",
            ),
            Self::AccountDisabled => ("请联系运营方", "Ask the operator"),
            Self::BadSignature => {
                ("请按 docs/access.md 检查待签文本和密钥", "Compare what you sign with docs/access.md")
            }
            Self::ClockSkew => ("请校准时钟后重新签名", "Set your clock and sign again"),
            Self::Replayed => ("请用新的随机数重新签名", "Sign again with a new number"),
            Self::WrongPassword => (
                "请检查后重试；多次失败后需等待",
                "Check and repeat; after several failures you have to wait",
            ),
            Self::SecondFactorNeeded => {
                ("请附上 code 或 recovery_code 重试", "Repeat with code or recovery_code")
            }
            Self::LockedOut => {
                ("请在 Retry-After 秒后重试", "Repeat after as many seconds as Retry-After says")
            }
            Self::NotInvited => (
                "请管理员邀请您（登录名为您的邮箱），或将您的身份关联到已有用户",
                "Let an owner invite you with your e-mail address as login, or link your identity to a user",
            ),
            Self::SignInRefused => ("请从 /v1/session/oidc 重新登录", "Sign in anew from /v1/session/oidc"),
            Self::LinkGone => ("请管理员重新生成链接", "Let a new link be made"),
            Self::ForeignPage => ("请加上 Hongyan-Csrf: 1 请求头", "Send the header Hongyan-Csrf: 1"),
            Self::ChangedMeanwhile => {
                ("请重新读取，用新的 ETag 再改", "Read it again and change it with its new ETag")
            }
            _ => ("", ""),
        }
    }
}
