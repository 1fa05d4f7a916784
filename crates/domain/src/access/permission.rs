//! The closed list of permissions.

use std::fmt;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $word:literal, $of:ident, $zh:literal;)+) => {
        /// One thing that may be done. The word is part of the API and of what is stored: it never changes.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[$doc])* $name,)+
        }

        impl Permission {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its place in a set; lives in memory only.
            pub(super) const fn bit(self) -> u32 {
                match self { $(Self::$name => $bit,)+ }
            }

            /// As it is written everywhere.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The permission of this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|permission| permission.word() == word)
            }

            /// Whether only the operator's own account can hold it.
            #[must_use]
            pub const fn is_operators(self) -> bool {
                match self { $(Self::$name => permissions!(@of $of),)+ }
            }

            /// In Chinese.
            #[must_use]
            pub const fn chinese(self) -> &'static str {
                match self { $(Self::$name => $zh,)+ }
            }
        }
    };
    (@of anybody) => { false };
    (@of operator) => { true };
}

permissions! {
    /// See messages and what became of them.
    ReadMessages = 0, "messages:read", anybody, "查看短信";
    /// Send single messages and batches.
    SendMessages = 1, "messages:send", anybody, "发送短信";
    /// See campaigns, their counts and reports.
    ReadCampaigns = 2, "campaigns:read", anybody, "查看任务";
    /// Write campaigns and count them.
    WriteCampaigns = 3, "campaigns:write", anybody, "编辑任务";
    /// Start, pause, resume and cancel campaigns.
    RunCampaigns = 4, "campaigns:run", anybody, "启动、暂停和取消任务";
    /// Let a campaign go out although its text holds listed words.
    ApproveCampaigns = 5, "campaigns:approve", anybody, "审批任务";
    /// See templates.
    ReadTemplates = 6, "templates:read", anybody, "查看模板";
    /// Write templates.
    WriteTemplates = 7, "templates:write", anybody, "编辑模板";
    /// See contacts, tags and imports.
    ReadContacts = 8, "contacts:read", anybody, "查看联系人";
    /// Add contacts, upload and import files.
    WriteContacts = 9, "contacts:write", anybody, "导入和修改联系人";
    /// See phones and names as they are, not masked.
    RevealPeople = 10, "people:reveal", anybody, "查看完整号码和姓名";
    /// See suppressions.
    ReadSuppressions = 11, "suppressions:read", anybody, "查看退订与黑名单";
    /// Suppress phones and lift suppressions.
    WriteSuppressions = 12, "suppressions:write", anybody, "修改退订与黑名单";
    /// See what phones sent to us.
    ReadInbound = 13, "inbound:read", anybody, "查看上行短信";
    /// See what is paid per part.
    ReadPrices = 14, "prices:read", anybody, "查看价格";
    /// Set what is paid per part.
    WritePrices = 15, "prices:write", operator, "设置价格";
    /// See channels, routes and how they are.
    ReadChannels = 16, "channels:read", operator, "查看通道与路由";
    /// Set up channels and routes.
    WriteChannels = 17, "channels:write", operator, "配置通道与路由";
    /// See customers that connect to us.
    ReadCustomers = 18, "customers:read", operator, "查看下游客户";
    /// Set up customers that connect to us.
    WriteCustomers = 19, "customers:write", operator, "配置下游客户";
    /// See accounts.
    ReadAccounts = 20, "accounts:read", anybody, "查看账户";
    /// Open, change and disable accounts.
    WriteAccounts = 21, "accounts:write", anybody, "开立和停用账户";
    /// Act for another account that one may see.
    ActForAccounts = 22, "accounts:act", anybody, "代其他账户操作";
    /// See keys, never their secrets.
    ReadKeys = 23, "keys:read", anybody, "查看密钥";
    /// Make and revoke keys.
    WriteKeys = 24, "keys:write", anybody, "创建和吊销密钥";
    /// See users and roles.
    ReadUsers = 25, "users:read", anybody, "查看用户和角色";
    /// Invite users, change, disable and reset them.
    WriteUsers = 26, "users:write", anybody, "邀请和修改用户";
    /// Make and change roles.
    WriteRoles = 27, "roles:write", anybody, "编辑角色";
    /// Read who did what.
    ReadAudit = 28, "audit:read", anybody, "查看审计日志";
    /// Lift a suppression or set one for every tenant.
    SuppressForAll = 29, "suppressions:all", operator, "设置全平台黑名单";
    /// See balances, the journal, terms and statements.
    ReadMoney = 40, "money:read", anybody, "查看余额与账单";
    /// Book payments and agree on terms.
    WriteMoney = 41, "money:write", operator, "充值、扣款与设定结算条款";
    /// See what carriers cost and what is left.
    ReadMargins = 42, "margins:read", operator, "查看成本与毛利";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
