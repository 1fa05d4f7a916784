//! A channel to a provider in a box, its events, and messages to hand over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::channel::{Channel, ChannelEvent, Inbound, Outgoing, Receipt, SubmitOutcome};
use domain::control::{
    ApprovedTemplate, ChannelConfig, HttpAnswer, HttpForm, HttpInbound, HttpReceipts, Protocol, Provider,
    Secret,
};
use domain::ids::{ChannelId, MessageId};
use gateway::ChannelSettings;
use sim::{Vendor, VendorConfig, VendorHandle, run_vendor};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bench_channel::{Wish, messages, real_settings};

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// The secret part of the callback's address.
pub(crate) const TOKEN: &str = "test-token-0123456789";

pub(crate) struct Counter {
    pub(crate) vendor: VendorHandle,
    pub(crate) channel: Arc<dyn Channel>,
    events: mpsc::Receiver<(ChannelId, ChannelEvent)>,
    settings: ChannelSettings,
    pub(crate) stop: CancellationToken,
    pub(crate) tracker: TaskTracker,
    pub(crate) answers: HashMap<MessageId, Vec<SubmitOutcome>>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) inbound: Vec<Inbound>,
    pub(crate) up: Option<u16>,
    pub(crate) trouble: Option<String>,
}

pub(crate) fn protocol(vendor: Vendor) -> Protocol {
    match vendor {
        Vendor::Aliyun => Protocol::Aliyun,
        Vendor::Tencent => Protocol::Tencent,
        Vendor::Twilio => Protocol::Twilio,
        Vendor::Plain => Protocol::Http,
    }
}

/// The approved templates of each provider that wants some.
pub(crate) fn templates(vendor: Vendor) -> Vec<(String, String)> {
    let all: &[(&str, &str)] = match vendor {
        Vendor::Aliyun => {
            &[("SMS_1", "第${no}位：您的验证码${code}，请勿外传"), ("SMS_2", "第${no}位：活动开始")]
        }
        Vendor::Tencent => &[("1", "第{1}位：您的验证码{2}，请勿外传"), ("2", "活动开始，拒收请回复R")],
        Vendor::Twilio | Vendor::Plain => &[],
    };
    all.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect()
}

/// The form of the provider with an interface of its own making.
pub(crate) fn plain_form() -> HttpForm {
    let body = "account={{ login }}&ts={{ timestamp }}&mobile={{ phone }}&uid={{ id }}&content={{ text|urlencode }}\
                &sign={{ (login ~ secret ~ timestamp ~ phone)|md5 }}";
    HttpForm {
        method: "POST".into(),
        path: "/v2/send".into(),
        headers: [("Content-Type".into(), "application/x-www-form-urlencoded".into())].into(),
        body: body.into(),
        answer: HttpAnswer {
            code: "/code".into(),
            taken: vec!["0".into()],
            id: "$.data.msgid".into(),
            throttled: vec!["108".into()],
            uncertain: vec!["500".into()],
            codes: [("107".to_owned(), "MBBLACK".to_owned())].into(),
        },
        batch: None,
        receipts: Some(HttpReceipts {
            items: Some("/reports".into()),
            id: "/msgid".into(),
            phone: Some("/mobile".into()),
            status: "/status".into(),
            delivered: vec!["DELIVRD".into()],
            expired: vec!["EXPIRED".into()],
            waiting: vec!["ACCEPTD".into()],
            code: None,
            reply: "success".into(),
        }),
        inbound: Some(HttpInbound {
            items: None,
            phone: "/mobile".into(),
            text: "/content".into(),
            to: Some("/ext".into()),
            id: Some("/id".into()),
            reply: "success".into(),
        }),
    }
}

/// The configuration of a channel to a provider on this port.
pub(crate) fn config(vendor: Vendor, port: u16, wish: Wish) -> ChannelConfig {
    let template = |(code, text)| ApprovedTemplate { code, text, sign: None };
    let provider = Provider {
        tls: false,
        app_id: Some("1400000000".into()),
        templates: templates(vendor).into_iter().map(template).collect(),
        callback_token: Some(Secret(TOKEN.into())),
        public_url: Some("https://sms.example.com".into()),
        poll_seconds: (vendor == Vendor::Tencent).then_some(1),
        http: (vendor == Vendor::Plain).then(plain_form),
        ..Provider::default()
    };
    let mut config = Wish { protocol: protocol(vendor), ..wish }.config(port);
    config.login = "AC1".into();
    config.carriers = Vec::new();
    config.provider = Some(Arc::new(provider));
    config
}

impl Counter {
    pub(crate) async fn open(vendor: Vendor) -> Self {
        Self::open_as(vendor, Wish::default(), |_| {}).await
    }

    pub(crate) async fn open_as(vendor: Vendor, wish: Wish, change: impl Fn(&mut ChannelConfig)) -> Self {
        let stop = CancellationToken::new();
        let shop = VendorConfig {
            vendor,
            key: "AC1".into(),
            secret: "secret".into(),
            templates: templates(vendor),
            pushes: false,
        };
        let shop = run_vendor(shop, CancellationToken::new()).await.unwrap();
        let settings = real_settings(wish.response_timeout);
        let mut config = config(vendor, shop.addr().port(), wish);
        change(&mut config);
        let (sender, events) = mpsc::channel(64);
        let tracker = TaskTracker::new();
        let channel = gateway::start(config, settings.clone(), sender, &tracker, &stop).unwrap();
        let (answers, receipts, inbound) = (HashMap::new(), Vec::new(), Vec::new());
        let (up, trouble) = (None, None);
        Self {
            vendor: shop,
            channel,
            events,
            settings,
            stop,
            tracker,
            answers,
            receipts,
            inbound,
            up,
            trouble,
        }
    }

    /// Takes events until something holds.
    pub(crate) async fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                let event = tokio::time::timeout(Duration::from_millis(20), self.events.recv()).await;
                if let Ok(Some((_, event))) = event {
                    self.take(event);
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it took too long");
    }

    fn take(&mut self, event: ChannelEvent) {
        match event {
            ChannelEvent::Submitted(answers) => {
                for answer in answers {
                    self.answers.entry(answer.outgoing.ticket.message).or_default().push(answer.outcome);
                }
            }
            ChannelEvent::Arrived { receipts, inbound, acknowledge } => {
                self.receipts.extend(receipts);
                self.inbound.extend(inbound);
                acknowledge();
            }
            ChannelEvent::Ended => {}
            ChannelEvent::Connections { up, trouble, .. } => {
                self.up = Some(up);
                self.trouble = trouble;
            }
        }
    }

    pub(crate) fn hand_over(&self, batch: Vec<Outgoing>, within_millis: u64) {
        self.channel.submit(batch, self.settings.clock.monotonic_millis() + within_millis);
    }

    /// Sends messages with these texts, and gives their outcomes in order.
    pub(crate) async fn outcomes(&mut self, texts: &[&str]) -> Vec<SubmitOutcome> {
        self.answers.clear();
        let batch = with_texts(texts);
        let ids: Vec<MessageId> = batch.iter().map(|outgoing| outgoing.ticket.message).collect();
        self.hand_over(batch, 2_000);
        self.until(|counter| counter.answers.len() == texts.len()).await;
        ids.iter().map(|id| self.answers[id][0].clone()).collect()
    }

    /// Sends one message.
    pub(crate) async fn outcome(&mut self, text: &str) -> SubmitOutcome {
        self.outcomes(&[text]).await.remove(0)
    }
}

/// Messages to phones of their own with exactly these texts.
pub(crate) fn with_texts(texts: &[&str]) -> Vec<Outgoing> {
    let mut batch = messages(u64::try_from(texts.len()).unwrap(), "");
    for (outgoing, text) in batch.iter_mut().zip(texts) {
        outgoing.text = (*text).into();
    }
    batch
}
