//! Cloud providers in a box: Alibaba Cloud, Tencent Cloud, Twilio, and one with an interface of its own making.
//!
//! Signatures are checked from what the providers publish, by code of its own. What was sent is kept as the handset would
//! show it, so that a test sees whether template and parameters make the text again.

mod aliyun;
mod http;
mod plain;
mod proof;
mod tencent;
mod twilio;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use http::{Received, Reply};

/// Whose interface is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vendor {
    /// Dysmsapi 2017-05-25.
    Aliyun,
    /// SMS 2021-01-11.
    Tencent,
    /// 2010-04-01.
    Twilio,
    /// A form with an MD5 signature, as many smaller providers have: `POST /v2/send`.
    Plain,
}

/// What a provider in a box knows of its one customer.
#[derive(Clone)]
pub struct VendorConfig {
    /// Whose interface.
    pub vendor: Vendor,
    /// The customer's key or account.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// Approved templates: code and text, places as the provider writes them.
    pub templates: Vec<(String, String)>,
    /// Whether receipts and replies are pushed to the callback address; else they wait to be pulled.
    pub pushes: bool,
}

/// What happens to one of the next requests that send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VendorFault {
    /// Nothing.
    Fine,
    /// Answered with this status and nothing that is understood; nothing is taken.
    Status(u16),
    /// The request is refused with this code.
    Request(String),
    /// Its first number is refused with this code, the others are taken.
    Number(String),
    /// Taken, and the answer comes so many milliseconds later.
    Late(u64),
    /// Taken, and the connection is closed instead of an answer.
    Cut,
    /// Taken, and its receipts say that they failed with this code.
    Undelivered(String),
}

/// A message as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct VendorMessage {
    /// E.164 digits.
    pub phone: u64,
    /// The whole text, template and parameters put together.
    pub text: String,
    /// The provider's id of the request or message.
    pub id: String,
}

impl fmt::Debug for VendorMessage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("VendorMessage").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a provider counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VendorCounters {
    /// Requests that send, whatever became of them.
    pub sends: u64,
    /// Requests whose signature or credentials did not fit.
    pub unproven: u64,
    /// Callbacks that were answered as the provider expects.
    pub pushed: u64,
    /// Callbacks that were not, tries of the same one counted each.
    pub push_failures: u64,
    /// Requests for receipts or replies.
    pub pulls: u64,
}

/// What all connections share.
struct Shop {
    config: VendorConfig,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    messages: Vec<VendorMessage>,
    script: VecDeque<VendorFault>,
    counters: VendorCounters,
    callback: Option<String>,
    serial: u64,
    nonces: HashSet<String>,
    /// What waits to be pulled.
    receipts: Vec<serde_json::Value>,
    replies: Vec<serde_json::Value>,
    /// What became of messages, for whoever asks for one: phone, the request's id or the message's own, and what is told.
    details: Vec<(u64, String, serde_json::Value)>,
}

/// A running provider.
pub struct VendorHandle {
    shop: Arc<Shop>,
    addr: SocketAddr,
    stop: CancellationToken,
}

/// Starts a provider on a loopback port of its own.
///
/// # Errors
/// When no port can be had.
pub async fn run_vendor(config: VendorConfig, stop: CancellationToken) -> io::Result<VendorHandle> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let addr = listener.local_addr()?;
    let shop = Arc::new(Shop { config, state: Mutex::default() });
    tokio::spawn(http::serve(listener, Arc::clone(&shop), stop.clone()));
    Ok(VendorHandle { shop, addr, stop })
}

impl VendorHandle {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What was sent, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<VendorMessage> {
        self.shop.state().messages.clone()
    }

    /// What it counted.
    #[must_use]
    pub fn counters(&self) -> VendorCounters {
        self.shop.state().counters
    }

    /// The next requests that send meet these, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = VendorFault>) {
        self.shop.state().script.extend(faults);
    }

    /// Where receipts and replies are pushed to, as the customer set it in the provider's console.
    pub fn call_back(&self, address: String) {
        self.shop.state().callback = Some(address);
    }

    /// A handset answers.
    pub fn reply(&self, phone: u64, text: &str) {
        let shop = &self.shop;
        let push = match shop.config.vendor {
            Vendor::Aliyun => Some(aliyun::reply(shop, phone, text)),
            Vendor::Tencent => tencent::reply(shop, phone, text),
            Vendor::Twilio => twilio::reply(shop, phone, text),
            Vendor::Plain => Some(plain::reply(shop, phone, text)),
        };
        if let Some(push) = push {
            http::push(shop, push, self.stop.clone());
        }
    }
}

/// How long after a message its receipt goes out.
const RECEIPT_AFTER: Duration = Duration::from_millis(20);

impl Shop {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Received) -> Reply {
        match self.config.vendor {
            Vendor::Aliyun => aliyun::answer(self, request),
            Vendor::Tencent => tencent::answer(self, request),
            Vendor::Twilio => twilio::answer(self, request),
            Vendor::Plain => plain::answer(self, request),
        }
    }

    /// A request did not prove whose it is.
    fn unproven(&self, reply: Reply) -> Reply {
        self.state().counters.unproven += 1;
        reply
    }

    /// What happens to this request that sends.
    fn fate(&self) -> VendorFault {
        let mut state = self.state();
        state.counters.sends += 1;
        state.script.pop_front().unwrap_or(VendorFault::Fine)
    }

    fn serial(&self) -> u64 {
        let mut state = self.state();
        state.serial += 1;
        state.serial
    }

    fn take(&self, phone: u64, text: String, id: &str) {
        self.state().messages.push(VendorMessage { phone, text, id: id.to_owned() });
    }

    /// Whether a number was used before.
    fn is_fresh(&self, nonce: &str) -> bool {
        self.state().nonces.insert(nonce.to_owned())
    }

    /// The text that a template makes; none when it is unknown or parameters are missing or too many.
    fn text(&self, sign: &str, template: &str, params: &BTreeMap<String, String>) -> Option<String> {
        let (_, text) = self.config.templates.iter().find(|(code, _)| code == template)?;
        let mut text = text.clone();
        for (name, value) in params {
            let place = format!("{}{{{name}}}", if self.config.vendor == Vendor::Aliyun { "$" } else { "" });
            if !text.contains(&place) || value.is_empty() {
                return None;
            }
            text = text.replace(&place, value);
        }
        (!text.contains("${") && !text.contains("{1}")).then(|| format!("【{sign}】{text}"))
    }
}

impl Drop for VendorHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Digits of a phone in any of the forms that customers write.
fn digits(written: &str) -> u64 {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let digits = if digits.len() == 11 && digits.starts_with('1') && !written.starts_with('+') {
        format!("86{digits}")
    } else {
        digits
    };
    digits.parse().unwrap_or(0)
}

/// Mainland digits without the country's code.
fn national(phone: u64) -> String {
    let digits = phone.to_string();
    digits.strip_prefix("86").map_or_else(|| digits.clone(), str::to_owned)
}
