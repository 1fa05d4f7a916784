//! Any provider whose HTTP interface is described by the operator: a request from templates, answers by places.
//!
//! Several messages share a request where the description says so: the answer then has an item for each of them.

mod place;
mod render;

use std::collections::BTreeMap;

use domain::carrier_code::shortened;
use domain::channel::{
    Callback, CallbackAnswer, CallbackRequest, CarrierCode, Inbound, Outgoing, Receipt, ReceiptStatus,
    SettingsFault, SubmitOutcome,
};
use domain::control::{
    ChannelConfig, HttpAnswer, HttpBatch, HttpForm, HttpInbound, HttpReceipts, MOST_BATCH, Provider,
};
use domain::ids::{ChannelId, GatewayId};
use domain::phone::{Country, Phone};
use domain::time::Timestamp;

use self::place::{Document, Place};
use self::render::Renderer;
use super::approved::Templates;
use super::dialect::{
    Dialect, HttpRequest, Job, Prepared, Stamp, UNRENDERED, all, by_status, carrier_id, json_answer, refused,
    taken, uncertain,
};
use super::fault;
use super::sign::{hex, hmac_sha256};

pub(super) struct Form {
    channel: ChannelId,
    gateway: GatewayId,
    access_code: String,
    secret: String,
    method: String,
    renderer: Renderer,
    answer: Answer,
    batch: Option<Batch>,
    receipts: Option<Receipts>,
    inbound: Option<Replies>,
    templates: Option<Templates>,
}

struct Batch {
    most: usize,
    items: Place,
    phone: Option<Place>,
    code: Option<Place>,
}

struct Answer {
    code: Place,
    id: Place,
    form: HttpAnswer,
}

struct Receipts {
    items: Option<Place>,
    id: Place,
    phone: Option<Place>,
    status: Place,
    code: Option<Place>,
    form: HttpReceipts,
    codes: BTreeMap<String, String>,
}

struct Replies {
    items: Option<Place>,
    phone: Place,
    text: Place,
    to: Option<Place>,
    id: Option<Place>,
    reply: String,
}

impl Form {
    pub(super) fn new(config: &ChannelConfig, provider: &Provider) -> Result<Self, SettingsFault> {
        let Some(form) = &provider.http else {
            return Err(fault("/http", "需要描述服务商接口", "the provider's interface has to be described"));
        };
        if config.host.is_empty() {
            return Err(fault("", "缺少主机名", "the host is missing"));
        }
        let method = form.method.to_ascii_uppercase();
        if !["POST", "GET", "PUT"].contains(&method.as_str()) {
            return Err(fault("/http/method", "应为 POST、GET 或 PUT", "POST, GET or PUT is expected"));
        }
        let templates = match provider.templates.is_empty() {
            true => None,
            false => Some(Templates::new(provider, |_| true, ("", ""))?),
        };
        Ok(Self {
            channel: config.id,
            gateway: config.gateway,
            access_code: config.access_code.clone(),
            secret: config.secret.0.clone(),
            method,
            renderer: Renderer::new(config, form, provider)?,
            answer: Answer::new(form)?,
            batch: form.batch.as_ref().map(Batch::new).transpose()?,
            receipts: form.receipts.as_ref().map(|it| Receipts::new(it, &form.answer.codes)).transpose()?,
            inbound: form.inbound.as_ref().map(Replies::new).transpose()?,
            templates,
        })
    }

    fn receipt(&self, receipts: &Receipts, item: &Document, now: Timestamp) -> Option<Read> {
        let id = receipts.id.read(item).filter(|id| !id.is_empty())?;
        let status = receipts.status.read(item)?;
        let said =
            receipts.code.as_ref().and_then(|place| place.read(item)).unwrap_or_else(|| status.clone());
        let status = match &status {
            status if receipts.form.delivered.contains(status) => ReceiptStatus::Delivered,
            status if receipts.form.expired.contains(status) => ReceiptStatus::Expired,
            status if receipts.form.waiting.contains(status) => return Some(Read::Waiting),
            _ => ReceiptStatus::Undelivered,
        };
        let phone = receipts.phone.as_ref().and_then(|place| place.read(item));
        Some(Read::Receipt(Receipt {
            gateway: self.gateway,
            carrier_id: carrier_id(&id),
            phone: phone.and_then(|phone| Phone::parse(&phone, Country::CN).ok()),
            status,
            code: code(&receipts.codes, &said),
            received_at: now,
        }))
    }

    /// What became of the message of an item.
    fn one(&self, shared: &Batch, item: &Document, status: u16) -> SubmitOutcome {
        match &shared.code {
            None => self.answer.taken(item),
            // An item without its code says nothing.
            Some(place) => {
                place.read(item).map_or_else(uncertain, |said| self.answer.outcome(Some(said), item, status))
            }
        }
    }

    fn reply(&self, replies: &Replies, item: &Document, now: Timestamp) -> Option<Inbound> {
        let from = Phone::parse(&replies.phone.read(item)?, Country::CN).ok()?;
        let text = replies.text.read(item)?;
        let own = replies.id.as_ref().and_then(|place| place.read(item));
        let own = own.unwrap_or_else(|| item.text().to_owned());
        let id = hmac_sha256(self.secret.as_bytes(), format!("{}\n{own}", from.to_u64()).as_bytes());
        let to = replies.to.as_ref().and_then(|place| place.read(item));
        Some(Inbound {
            gateway: self.gateway,
            channel: self.channel,
            carrier_id: carrier_id(&hex(&id[..16])),
            from,
            to: to.unwrap_or_else(|| self.access_code.clone()).into(),
            text,
            received_at: now,
        })
    }
}

impl Batch {
    fn new(form: &HttpBatch) -> Result<Self, SettingsFault> {
        if !(2..=MOST_BATCH).contains(&form.most) {
            return Err(fault("/http/batch/most", "应为 2 到 200", "a number from 2 to 200 is expected"));
        }
        Ok(Self {
            most: form.most.into(),
            items: Place::parse(&form.items, "/http/batch/items")?,
            phone: Place::optional(form.phone.as_deref(), "/http/batch/phone")?,
            code: Place::optional(form.code.as_deref(), "/http/batch/code")?,
        })
    }

    /// The item of each message, where there is one. Without phones the order tells, if there are as many.
    fn items<'i>(&self, jobs: &[Job], items: &'i [Document]) -> Vec<Option<&'i Document>> {
        let Some(place) = &self.phone else {
            let whole = items.len() == jobs.len();
            return jobs.iter().enumerate().map(|(n, _)| items.get(n).filter(|_| whole)).collect();
        };
        let phone = |item: &Document| place.read(item).and_then(|text| Phone::parse(&text, Country::CN).ok());
        let phones: Vec<Option<Phone>> = items.iter().map(phone).collect();
        let of = |job: &Job| phones.iter().position(|phone| *phone == Some(job.outgoing.phone));
        jobs.iter().map(|job| of(job).and_then(|n| items.get(n))).collect()
    }
}

/// What an item of delivery reports is.
enum Read {
    Receipt(Receipt),
    /// Not known yet.
    Waiting,
}

impl Answer {
    /// What a result's code means, and where it means taken, the id that stands beside it.
    fn outcome(&self, said: Option<String>, beside: &Document, status: u16) -> SubmitOutcome {
        let form = &self.form;
        match said {
            None => by_status(status),
            Some(code) if form.throttled.contains(&code) => SubmitOutcome::Throttled,
            Some(code) if form.uncertain.contains(&code) => uncertain(),
            Some(said) if form.taken.contains(&said) => self.taken(beside),
            Some(_) if status >= 500 => uncertain(),
            Some(said) => refused(code(&form.codes, &said)),
        }
    }

    /// Taken without an id: no receipt could ever name it.
    fn taken(&self, beside: &Document) -> SubmitOutcome {
        self.id.read(beside).filter(|id| !id.is_empty()).map_or_else(uncertain, |id| taken(&id))
    }

    fn new(form: &HttpForm) -> Result<Self, SettingsFault> {
        if form.answer.taken.is_empty() {
            return Err(fault(
                "/http/answer/taken",
                "需要表示“已接收”的代码",
                "the codes that mean taken are needed",
            ));
        }
        Ok(Self {
            code: Place::parse(&form.answer.code, "/http/answer/code")?,
            id: Place::parse(&form.answer.id, "/http/answer/id")?,
            form: form.answer.clone(),
        })
    }
}

impl Receipts {
    fn new(form: &HttpReceipts, codes: &BTreeMap<String, String>) -> Result<Self, SettingsFault> {
        if form.delivered.is_empty() {
            return Err(fault(
                "/http/receipts/delivered",
                "需要表示“已送达”的状态",
                "the statuses that mean delivered are needed",
            ));
        }
        Ok(Self {
            items: Place::optional(form.items.as_deref(), "/http/receipts/items")?,
            id: Place::parse(&form.id, "/http/receipts/id")?,
            phone: Place::optional(form.phone.as_deref(), "/http/receipts/phone")?,
            status: Place::parse(&form.status, "/http/receipts/status")?,
            code: Place::optional(form.code.as_deref(), "/http/receipts/code")?,
            form: form.clone(),
            codes: codes.clone(),
        })
    }
}

impl Replies {
    fn new(form: &HttpInbound) -> Result<Self, SettingsFault> {
        Ok(Self {
            items: Place::optional(form.items.as_deref(), "/http/inbound/items")?,
            phone: Place::parse(&form.phone, "/http/inbound/phone")?,
            text: Place::parse(&form.text, "/http/inbound/text")?,
            to: Place::optional(form.to.as_deref(), "/http/inbound/to")?,
            id: Place::optional(form.id.as_deref(), "/http/inbound/id")?,
            reply: form.reply.clone(),
        })
    }
}

/// A code of the provider as one of the catalogue, where the operator said which it is.
fn code(codes: &BTreeMap<String, String>, said: &str) -> CarrierCode {
    shortened(None, codes.get(said).map_or(said, String::as_str))
}

fn plain(status: u16, body: &str) -> CallbackAnswer {
    if body.starts_with('{') {
        return json_answer(status, body);
    }
    CallbackAnswer { status, content_type: "text/plain", body: body.to_owned() }
}

impl Dialect for Form {
    fn most(&self) -> usize {
        self.batch.as_ref().map_or(1, |batch| batch.most)
    }

    fn prepare(&self, outgoing: &Outgoing) -> Result<Prepared, CarrierCode> {
        self.templates.as_ref().map_or_else(|| Ok(Prepared::default()), |all| all.of(&outgoing.text))
    }

    fn request(&self, batch: &[Job], stamp: &Stamp) -> Result<HttpRequest, CarrierCode> {
        if batch.is_empty() {
            return Err(CarrierCode::default());
        }
        let rendered = self.renderer.render(batch, stamp);
        let (target, headers, body) = rendered.map_err(|_| CarrierCode::new(UNRENDERED))?;
        Ok(HttpRequest { method: self.method.clone(), target, headers, body })
    }

    fn answer(&self, batch: &[Job], status: u16, body: &[u8]) -> Vec<SubmitOutcome> {
        let document = Document::new(body, "");
        if status == 429 {
            return all(batch, &SubmitOutcome::Throttled);
        }
        let said = self.answer.code.read(&document);
        let taken = said.as_ref().is_some_and(|said| self.answer.form.taken.contains(said));
        match &self.batch {
            // An answer may be nothing but the list.
            Some(shared) if taken || (said.is_none() && status < 300) => {
                let items = Place::items(Some(&shared.items), &document);
                let each = shared.items(batch, &items).into_iter();
                each.map(|item| item.map_or_else(uncertain, |item| self.one(shared, item, status))).collect()
            }
            _ => all(batch, &self.answer.outcome(said, &document, status)),
        }
    }

    fn called(&self, request: &CallbackRequest, now: Timestamp) -> Callback {
        let content_type = request.header("content-type").unwrap_or("");
        let document = match request.body.is_empty() {
            true => Document::of_form(request.query().as_bytes()),
            false => Document::new(&request.body, content_type),
        };
        let mut understood = None;
        let (mut receipts, mut inbound) = (Vec::new(), Vec::new());
        if let Some(form) = &self.receipts {
            for read in
                Place::items(form.items.as_ref(), &document).iter().filter_map(|i| self.receipt(form, i, now))
            {
                understood = Some(form.form.reply.as_str());
                if let Read::Receipt(receipt) = read {
                    receipts.push(receipt);
                }
            }
        }
        if let Some(form) = self.inbound.as_ref().filter(|_| understood.is_none()) {
            let items = Place::items(form.items.as_ref(), &document);
            inbound.extend(items.iter().filter_map(|item| self.reply(form, item, now)));
            understood = (!inbound.is_empty()).then_some(form.reply.as_str());
        }
        match understood {
            Some(reply) => Callback::Arrived { receipts, inbound, answer: plain(200, reply) },
            None => Callback::Refused(plain(400, "not understood")),
        }
    }
}
