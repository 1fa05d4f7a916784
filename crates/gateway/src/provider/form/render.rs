//! Requests from the operator's templates: strict, with a budget of work, and tried once when they are set.

use std::collections::BTreeMap;

use domain::channel::{Outgoing, SettingsFault, Ticket};
use domain::control::{ChannelConfig, HttpForm, Provider};
use domain::ids::{MessageId, PartitionId};
use domain::message::Category;
use domain::phone::Phone;
use domain::text::{Encoding, divide};
use domain::time::Timestamp;
use md5::Md5;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::super::dialect::{Job, Prepared, Stamp};
use super::super::sign::{base64, hex, hmac_sha1, hmac_sha256, percent};
use super::super::{callback_url, fault};
use crate::drivers::form::beijing;

/// Work allowed for one part of a request: a hundred times what a signature over ten fields needs.
const WORK_BUDGET: u64 = 20_000;
/// Longest template of one part.
const MOST_CHARS: usize = 10_000;
/// Longest part of a request that is made from one. Messages that share a request have some kibibytes each.
const MOST_BYTES: usize = 256 << 10;
const MOST_BYTES_SHARED: usize = 1 << 20;
/// Headers of a request.
const MOST_HEADERS: usize = 20;
/// What a template must take without harm: quotes, line breaks, separators, other scripts.
const TRIAL: &str = "【鸿雁】您好\"&=<\n>{}'\\ +%";

pub(super) struct Renderer {
    environment: Environment<'static>,
    /// Each with the name of its template.
    headers: Vec<(String, String)>,
    login: String,
    secret: String,
    access_code: String,
    service_id: String,
    sign: String,
    callback: String,
    /// Several messages share a request.
    shared: bool,
}

/// Target, headers and body.
type Rendered = (String, Vec<(String, String)>, Vec<u8>);

impl Renderer {
    /// # Errors
    /// [`SettingsFault`] at the first template that is not understood, or that a text could break out of.
    pub(super) fn new(
        config: &ChannelConfig,
        form: &HttpForm,
        provider: &Provider,
    ) -> Result<Self, SettingsFault> {
        // What is written for each message of a request may take as much work as for the only one.
        let most = form.batch.as_ref().map_or(1, |batch| u64::from(batch.most.max(1)));
        let mut environment = environment(WORK_BUDGET.saturating_mul(most));
        let mut add = |name: String, source: &str, pointer: String| {
            let odd = |zh: String, en: String| fault(pointer.clone(), zh, en);
            if source.chars().count() > MOST_CHARS {
                return Err(odd("模板过长".to_owned(), "the template is too long".to_owned()));
            }
            environment.add_template_owned(name, source.to_owned()).map_err(|error| {
                let line = error.line().unwrap_or(1);
                odd(
                    format!("模板第 {line} 行有误：{}", error.kind()),
                    format!("line {line} of the template: {}", error.kind()),
                )
            })
        };
        add("target".to_owned(), &form.path, "/http/path".to_owned())?;
        add("body".to_owned(), &form.body, "/http/body".to_owned())?;
        if form.headers.len() > MOST_HEADERS {
            return Err(fault("/http/headers", "最多 20 个请求头", "at most 20 headers are expected"));
        }
        let mut headers = Vec::new();
        for (place, (name, source)) in form.headers.iter().enumerate() {
            let pointer = format!("/http/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_token) || name.eq_ignore_ascii_case("content-length") {
                return Err(fault(pointer, "请求头名称有误", "not a name of a header"));
            }
            add(format!("header {place}"), source, pointer)?;
            headers.push((name.clone(), format!("header {place}")));
        }
        let renderer = Self {
            environment,
            headers,
            login: config.login.clone(),
            secret: config.secret.0.clone(),
            access_code: config.access_code.clone(),
            service_id: config.service_id.clone(),
            sign: provider.sign.clone().unwrap_or_default(),
            callback: callback_url(config, provider).unwrap_or_default(),
            shared: form.batch.is_some(),
        };
        renderer.try_out(provider)?;
        Ok(renderer)
    }

    /// # Errors
    /// The part that could not be rendered, and why.
    pub(super) fn render(&self, batch: &[Job], stamp: &Stamp) -> Result<Rendered, (String, Error)> {
        let values = self.values(batch, stamp);
        let most = if self.shared { MOST_BYTES_SHARED } else { MOST_BYTES };
        let part = |name: &str, values: &Value| {
            let template = self.environment.get_template(name);
            let rendered = template.and_then(|template| template.render(values));
            match rendered {
                Ok(text) if text.len() > most => {
                    Err((name.to_owned(), Error::new(ErrorKind::InvalidOperation, "too long")))
                }
                Ok(text) => Ok(text),
                Err(error) => Err((name.to_owned(), error)),
            }
        };
        let body = part("body", &values)?;
        let target = part("target", &values)?;
        if !is_target(&target) {
            return Err(("target".to_owned(), Error::new(ErrorKind::BadSerialization, "not a path")));
        }
        // A header may be a signature of the body.
        let with_body = context! { body => body.clone(), target => target.clone(), ..values };
        let mut headers = Vec::new();
        for (name, template) in &self.headers {
            let value = part(template, &with_body)?;
            let value = value.trim().to_owned();
            if value.chars().any(char::is_control) {
                return Err((template.clone(), Error::new(ErrorKind::BadSerialization, "a line break")));
            }
            headers.push((name.clone(), value));
        }
        Ok((target, headers, body.into_bytes()))
    }

    /// What templates may name: what is the same for a whole request, and the message, or the list of those that share it.
    fn values(&self, batch: &[Job], stamp: &Stamp) -> Value {
        let at = stamp.now.to_jiff();
        let local = beijing(stamp.now);
        let common = context! {
            login => self.login.as_str(),
            secret => self.secret.as_str(),
            service_id => self.service_id.as_str(),
            callback_url => self.callback.as_str(),
            nonce => stamp.nonce.as_str(),
            timestamp => at.as_second(),
            millis => at.as_millisecond(),
            utc => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            local => local.strftime("%Y%m%d%H%M%S").to_string(),
        };
        let mut messages = batch.iter().map(|job| self.message(job));
        if self.shared {
            return context! { messages => messages.collect::<Vec<_>>(), ..common };
        }
        let message = messages.next().unwrap_or_default();
        context! { ..message, ..common }
    }

    /// What templates may name of one message.
    fn message(&self, Job { outgoing, prepared }: &Job) -> Value {
        let phone = outgoing.phone;
        let (signature, content) = divide(&outgoing.text);
        let sign = if prepared.sign.is_empty() { signature.unwrap_or(&self.sign) } else { &prepared.sign };
        let national = phone.national_cn().map(|text| text.as_str().to_owned());
        let digits = phone.digits().as_str().to_owned();
        let params: BTreeMap<String, String> = prepared.params.iter().cloned().collect();
        let list: Vec<String> = prepared.params.iter().map(|(_, value)| value.clone()).collect();
        context! {
            phone => national.unwrap_or_else(|| digits.clone()),
            e164 => phone.e164().as_str(),
            digits => digits,
            text => &*outgoing.text,
            content => content,
            sign => sign,
            template => prepared.template.as_str(),
            params => params,
            values => list,
            extension => outgoing.extension.as_deref().unwrap_or(""),
            sender => format!("{}{}", self.access_code, outgoing.extension.as_deref().unwrap_or("")),
            id => format!("{}-{}", outgoing.ticket.message, outgoing.ticket.attempt),
        }
    }

    /// Renders a text that holds everything a text may hold, and looks whether it stayed where it belongs.
    fn try_out(&self, provider: &Provider) -> Result<(), SettingsFault> {
        let pointer = |part: &str| match part.strip_prefix("header ").and_then(|n| n.parse::<usize>().ok()) {
            Some(place) => format!("/http/headers/{}", self.headers[place].0),
            None if part == "target" => "/http/path".to_owned(),
            None => "/http/body".to_owned(),
        };
        let Some((batch, stamp)) = trial(provider, self.shared) else { return Ok(()) };
        let (_, headers, body) = self.render(&batch, &stamp).map_err(|(part, error)| {
            let (kind, line) = (error.kind(), error.line().unwrap_or(1));
            if part == "target" && kind == ErrorKind::BadSerialization {
                return fault(
                    "/http/path",
                    "应以 / 开头，变量要经过 urlencode 过滤器",
                    "a path begins with /, and values in it go through the filter urlencode",
                );
            }
            let zh = format!("模板第 {line} 行无法渲染：{kind}");
            fault(pointer(&part), zh, format!("line {line} of the template cannot be rendered: {kind}"))
        })?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let media = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let media = media.map_or("", |(_, value)| value.as_str());
        if media.contains("json") && serde_json::from_str::<serde_json::Value>(&body).is_err() {
            return Err(fault(
                "/http/body",
                "请求体不是有效的 JSON：变量要经过 json 过滤器",
                "the body is not valid JSON: values in it go through the filter json",
            ));
        }
        if media.contains("form-urlencoded") && !body.is_ascii() {
            return Err(fault(
                "/http/body",
                "变量要经过 urlencode 过滤器",
                "values in a form go through the filter urlencode",
            ));
        }
        Ok(())
    }
}

/// A message that holds everything that a message may hold; two of them where several share a request.
fn trial(provider: &Provider, shared: bool) -> Option<(Vec<Job>, Stamp)> {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let ticket = Ticket { message: MessageId::from_raw(1), attempt: 1, claim: 1, partition: PartitionId(0) };
    // 13800138000, the number that stands in every manual.
    let phone = Phone::from_u64(8_613_800_138_000)?;
    let outgoing = Outgoing {
        ticket,
        phone,
        text: TRIAL.into(),
        encoding: Encoding::Ucs2,
        parts: 1,
        category: Category::Notice,
        extension: Some("1".into()),
        valid_until: now,
        carry_until: now,
        possible_duplicate: false,
    };
    let places = provider.templates.first().and_then(|t| domain::approved::Pattern::parse(&t.text).ok());
    let names = places.iter().flat_map(|pattern| pattern.places());
    let prepared = Prepared {
        alike: String::new(),
        template: provider.templates.first().map_or_else(String::new, |template| template.code.clone()),
        sign: "鸿雁".to_owned(),
        params: names.map(|name| (name.to_owned(), TRIAL.to_owned())).collect(),
    };
    let job = Job { outgoing, prepared };
    let batch = vec![job; if shared { 2 } else { 1 }];
    Some((batch, Stamp { now, nonce: "0".repeat(32) }))
}

/// Strict, fuelled, with the filters that providers' requests are made with.
fn environment(work: u64) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(work));
    environment.remove_global("debug");
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("urlencode", |text: String| percent(&text));
    environment.add_filter("json", |text: Value| {
        serde_json::to_string(&text)
            .map_err(|_| Error::new(ErrorKind::BadSerialization, "not a value of JSON"))
    });
    environment.add_filter("base64", |text: String| base64(text.as_bytes()));
    environment.add_filter("md5", |text: String, form: Option<String>| {
        written(&Md5::digest(text.as_bytes()), form.as_deref())
    });
    environment.add_filter("sha1", |text: String, form: Option<String>| {
        written(&Sha1::digest(text.as_bytes()), form.as_deref())
    });
    environment.add_filter("sha256", |text: String, form: Option<String>| {
        written(&Sha256::digest(text.as_bytes()), form.as_deref())
    });
    environment.add_filter("hmac_sha1", |text: String, key: String, form: Option<String>| {
        written(&hmac_sha1(key.as_bytes(), text.as_bytes()), form.as_deref())
    });
    environment.add_filter("hmac_sha256", |text: String, key: String, form: Option<String>| {
        written(&hmac_sha256(key.as_bytes(), text.as_bytes()), form.as_deref())
    });
    environment
}

/// Octets as lower-case hexadecimal digits, or as `base64`.
fn written(bytes: &[u8], form: Option<&str>) -> Result<String, Error> {
    match form {
        None | Some("hex") => Ok(hex(bytes)),
        Some("base64") => Ok(base64(bytes)),
        Some(_) => Err(Error::new(ErrorKind::InvalidOperation, "hex or base64 is expected")),
    }
}

/// Whether it can stand in the first line of a request (RFC 9112 §3.2.1).
fn is_target(target: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    target.starts_with('/') && target.bytes().all(fits)
}
