//! What a channel over a provider's HTTP interface is set with, beyond what every channel has.
//!
//! One document, the same in database and API; it derives its form here, against the rule that the domain knows no
//! serialisation, since two copies by hand of some forty fields would only drift apart. The database seals it whole:
//! request templates may hold credentials.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Secret;

/// Shortest secret part of a callback's address: 16 characters of 6 bits cannot be guessed.
pub const LEAST_TOKEN: usize = 16;
/// Longest one.
pub const MOST_TOKEN: usize = 64;
/// Most messages that a described provider may be sent in one request.
pub const MOST_BATCH: u16 = 200;

/// The settings. [`Provider::default`] sends nothing that needs a template, and takes no callbacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// Whether the provider is spoken to over TLS. Without it everybody on the way reads key and texts.
    #[serde(skip_serializing_if = "is_true")]
    pub tls: bool,
    /// The provider's region, where it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The application at the provider that sends, where it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// The signature of texts that carry none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<String>,
    /// The templates that the provider approved, where it sends no free text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<ApprovedTemplate>,
    /// The secret part of the address that the provider calls; none takes no callbacks.
    #[serde(skip_serializing_if = "Option::is_none", with = "secret")]
    pub callback_token: Option<Secret>,
    /// Where the provider reaches us, such as `https://sms.example.com`, where it has to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Seconds between two questions for receipts and inbound messages; none does not ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_seconds: Option<u32>,
    /// How the provider is spoken to, where that is not built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpForm>,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            tls: true,
            region: None,
            app_id: None,
            sign: None,
            templates: Vec::new(),
            callback_token: None,
            public_url: None,
            poll_seconds: None,
            http: None,
        }
    }
}

impl Provider {
    /// The settings as they may be shown: without the secret part of the callback's address.
    #[must_use]
    pub fn shown(&self) -> Self {
        Self { callback_token: None, ..self.clone() }
    }
}

/// A template that the provider approved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovedTemplate {
    /// The provider's name for it.
    pub code: String,
    /// Its text as approved, without signature; see [`crate::approved`].
    pub text: String,
    /// The signature that it must be sent under; none is the text's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<String>,
}

/// How a provider is spoken to over HTTP: what is sent, and where in its answers things stand.
///
/// A *place* is a JSON pointer (`/data/0/id`), the same as a path (`$.data[0].id`), or `regex:` and an expression whose
/// first group is meant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpForm {
    /// `POST` when left out.
    #[serde(default = "post")]
    pub method: String,
    /// Path and query, a template.
    pub path: String,
    /// Names and templates of values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A template.
    #[serde(default)]
    pub body: String,
    /// How its answer is read.
    pub answer: HttpAnswer,
    /// How several messages share a request; none sends each in its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<HttpBatch>,
    /// How its delivery reports are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts: Option<HttpReceipts>,
    /// How its inbound messages are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound: Option<HttpInbound>,
}

/// How the answer to a message is read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAnswer {
    /// The place of the result's code.
    pub code: String,
    /// The codes that mean: taken.
    pub taken: Vec<String>,
    /// The place of the id that receipts name the message by; in an item of the batch, where there is one.
    pub id: String,
    /// The codes that ask for a slower pace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throttled: Vec<String>,
    /// Codes that say nothing of whether the message was taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncertain: Vec<String>,
    /// The provider's codes as codes of the catalogue (`DELIVRD`, `MK:0001`), where those mean the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<String, String>,
}

/// How several messages share a request. Its templates are given `messages`, a list with what else stands for the one message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpBatch {
    /// Most messages of one request, from 2 to [`MOST_BATCH`].
    pub most: u16,
    /// In the answer: the place of the list with an item for each message.
    pub items: String,
    /// In an item: the phone; left out, the items are in the order of the messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// In an item: its own result's code; left out, the answer's holds for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// How delivery reports are read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpReceipts {
    /// The place of the list of them; left out, the whole is the list, or the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<String>,
    /// In an item: the message's id.
    pub id: String,
    /// In an item: the phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// In an item: what became of it.
    pub status: String,
    /// The statuses that mean: delivered.
    pub delivered: Vec<String>,
    /// The statuses that mean: given up in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<String>,
    /// The statuses that mean: not known yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
    /// In an item: the code that says why; left out, it is the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What a callback is answered when everything is kept.
    #[serde(default = "ok")]
    pub reply: String,
}

/// How inbound messages are read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpInbound {
    /// The place of the list of them; left out, the whole is the list, or the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<String>,
    /// In an item: the sender.
    pub phone: String,
    /// In an item: the text.
    pub text: String,
    /// In an item: the number written to; left out, the access code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// In an item: what is the same when the provider sends it again; left out, all of the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What a callback is answered when everything is kept.
    #[serde(default = "ok")]
    pub reply: String,
}

fn post() -> String {
    "POST".into()
}

fn ok() -> String {
    "OK".into()
}

fn is_true(flag: &bool) -> bool {
    *flag
}

mod secret {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::control::Secret;

    pub(super) fn serialize<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
        match secret {
            Some(Secret(text)) => to.serialize_some(text),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Secret))
    }
}
