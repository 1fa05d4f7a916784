//! Every metric with its name, its kind, its labels and what it says: no name is written anywhere else.

/// How a metric behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often something took how long.
    Histogram,
}

impl MetricKind {
    /// The word of the exposition format.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A variant without a line that says what it is does not compile.
macro_rules! metrics {
    ($(#[doc = $doc:literal] $variant:ident = $kind:ident, $name:literal, [$($label:literal),*];)+) => {
        /// Everything that is measured.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Metric { $(#[doc = $doc] $variant,)+ }

        impl Metric {
            /// All of them, in the order of the page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As it is exposed.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How it behaves.
            #[must_use]
            pub const fn kind(self) -> MetricKind {
                match self { $(Self::$variant => MetricKind::$kind,)+ }
            }

            /// By what it is told apart.
            #[must_use]
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($label),*],)+ }
            }

            /// What it says, in Chinese and English.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_ascii(),)+ }
            }
        }
    };
}

metrics! {
    /// 已接受并落盘的短信 · Messages accepted and durable
    Accepted = Counter, "hongyan_messages_accepted_total", ["category"];
    /// 因余额不足或限额而未接受的短信 · Messages not accepted because the account was short of money, or at a limit
    Unpaid = Counter, "hongyan_messages_unpaid_total", ["why"];
    /// 余额不足预警线或已用尽的账户（由负责记账的节点统计）· Accounts whose balance is low or exhausted; told by the node that posts
    ShortAccounts = Gauge, "hongyan_accounts_short", ["level"];
    /// 取出时的决定：发送、拒绝、推迟 · What claims decided: to send, to reject, to defer
    Decided = Counter, "hongyan_messages_decided_total", ["verdict"];
    /// 被拒绝发送的短信及原因（接受时或取出时）· Messages that were refused, at acceptance or by a claim, and why
    Rejected = Counter, "hongyan_messages_rejected_total", ["reason"];
    /// 通道应答之后的状态与原因 · States and reasons after channels' answers
    Settled = Counter, "hongyan_messages_settled_total", ["state", "reason"];
    /// 回执所改变的短信（长短信每段一次）· Messages that receipts moved, once for each part
    Reported = Counter, "hongyan_messages_reported_total", ["state", "reason"];
    /// 回执的结果：生效、重复、暂存、未匹配 · What became of receipts: applied, duplicate, held, unmatched
    Receipts = Counter, "hongyan_receipts_total", ["outcome"];
    /// 一次接受一批短信所用的秒数 · Seconds to accept a batch of messages, durably
    AcceptSeconds = Histogram, "hongyan_accept_seconds", [];
    /// 一次取出一批短信所用的秒数 · Seconds to claim a batch of messages
    ClaimSeconds = Histogram, "hongyan_claim_seconds", [];
    /// 一次记录一批应答所用的秒数 · Seconds to settle a batch of answers
    SettleSeconds = Histogram, "hongyan_settle_seconds", [];
    /// 一次记录一批回执所用的秒数 · Seconds to apply a batch of receipts
    ReceiptsSeconds = Histogram, "hongyan_receipts_seconds", [];
    /// 提交到通道应答的秒数（每批抽一条）· Seconds from submit to the channel's answer, of one message per claim
    AnswerSeconds = Histogram, "hongyan_submit_answer_seconds", [];
    /// 等待记录的通道应答 · Answers that wait to be settled
    SettleWaiting = Gauge, "hongyan_settle_waiting", [];
    /// 等待记录的回执 · Receipts that wait to be applied
    ReceiptsWaiting = Gauge, "hongyan_receipts_waiting", [];
    /// 有短信到期的队列（每个分区、每个通路计一个）· Streams with due messages, counted in each partition
    DueStreams = Gauge, "hongyan_due_streams", [];
    /// 最早到期的短信已等待的秒数 · Seconds that the longest due message has waited
    DueSeconds = Gauge, "hongyan_due_oldest_seconds", [];
    /// 没有及时送出的追踪片段 · Spans of traces that were not taken in time
    SpansDropped = Counter, "hongyan_trace_spans_dropped_total", [];
    /// 节点是否可以工作：1 可以 · Whether this node takes work: 1 if so
    Ready = Gauge, "hongyan_ready", [];
    /// 通道是否可用：1 可用 · Whether the channel may claim: 1 if so
    ChannelUp = Gauge, "hongyan_channel_up", ["channel"];
    /// 通道已建立的连接 · Connections of the channel that are up
    ChannelConnections = Gauge, "hongyan_channel_connections", ["channel"];
    /// 通道现在还能接收的短信段 · Parts that the channel could take now
    ChannelFreeParts = Gauge, "hongyan_channel_free_parts", ["channel"];
    /// 交给通道的短信与其应答（通道改动后重新计数）· Messages handed to the channel and its answers; counted anew when it is changed
    ChannelMessages = Counter, "hongyan_channel_messages_total", ["channel", "outcome"];
    /// 通道带来的回执 · Receipts that the channel brought
    ChannelReceipts = Counter, "hongyan_channel_receipts_total", ["channel"];
    /// 通道带来的上行短信 · Inbound messages that the channel brought
    ChannelInbound = Counter, "hongyan_channel_inbound_total", ["channel"];
    /// 回调（webhook）的调用及其结果 · Calls of webhooks and what came of them
    WebhookCalls = Counter, "hongyan_webhook_calls_total", ["outcome"];
    /// 接口现有的连接 · Open connections of the API
    HttpConnections = Gauge, "hongyan_http_connections", [];
    /// 接口拒绝的连接及原因 · Connections that the API refused, and why
    HttpRefused = Counter, "hongyan_http_connections_refused_total", ["why"];
    /// 接口的应答，按状态码的百位 · Answers of the API by the first digit of their status
    HttpAnswers = Counter, "hongyan_http_answers_total", ["class"];
    /// 版本，值恒为 1 · The version; always 1
    Build = Gauge, "hongyan_build_info", ["version"];
    /// 进程占用的物理内存字节 · Resident memory of the process in bytes
    ProcessMemory = Gauge, "process_resident_memory_bytes", [];
    /// 进程用掉的处理器秒数 · Processor time of the process in seconds
    ProcessCpu = Counter, "process_cpu_seconds_total", [];
    /// 进程打开的文件与连接 · Open files and sockets of the process
    ProcessFds = Gauge, "process_open_fds", [];
    /// 进程最多可打开的文件与连接 · Files and sockets that the process may open
    ProcessMaxFds = Gauge, "process_max_fds", [];
}
