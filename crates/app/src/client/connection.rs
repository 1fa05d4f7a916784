//! Requests to the platform, and what its refusals mean to a person.

use std::time::Duration;

use api::json::ProblemDocument;
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::fs::File;

use super::Target;
use crate::exit::Failure;
use crate::show::Show;

/// Longer than the platform's own limit of a request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A way to the platform.
pub(crate) struct Connection {
    http: reqwest::Client,
    server: String,
    key: String,
    /// For which account, when not for the key's own.
    account: Option<String>,
    pub(crate) show: Show,
    pub(crate) json: bool,
}

impl Connection {
    /// # Errors
    /// When no key is given and the key file cannot be read.
    pub(crate) fn new(target: &Target, show: Show) -> Result<Self, Failure> {
        let key = match &target.key {
            Some(key) => key.clone(),
            None => std::fs::read_to_string(&target.key_file).map_err(|_| {
                let file = target.key_file.display();
                Failure::Input(
                    show.of(
                        &format!("没有密钥：请用 --key、HONGYAN_KEY 或 --key-file（现在找的是 {file}）"),
                        &format!("no key: give --key, HONGYAN_KEY or --key-file (looked for {file})"),
                    )
                    .to_owned(),
                )
            })?,
        };
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| Failure::Other(error.into()))?;
        let server = target.server.trim_end_matches('/').to_owned();
        let key = key.trim().to_owned();
        Ok(Self { http, server, key, account: target.account.clone(), show, json: target.json })
    }

    /// Where a path of the platform is.
    pub(crate) fn address_of(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let language = self.show.of("zh", "en").to_owned();
        let request = self
            .http
            .request(method, format!("{}{path}", self.server))
            .bearer_auth(&self.key)
            .header("Accept-Language", language);
        match &self.account {
            Some(account) => request.header("Hongyan-Account", account),
            None => request,
        }
    }

    /// # Errors
    /// [`Failure`]: unreachable, refused, or an answer that is not understood.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(self.request(Method::GET, path).timeout(TIMEOUT)).await
    }

    /// With its `ETag`, where it has one.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn get_tagged<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(T, Option<String>), Failure> {
        let request = self.request(Method::GET, path).timeout(TIMEOUT);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let tag = response.headers().get(reqwest::header::ETAG).and_then(|tag| tag.to_str().ok());
        let tag = tag.map(str::to_owned);
        Ok((self.read(response).await?, tag))
    }

    /// Puts a document in the place of the one with that tag, or of any.
    ///
    /// # Errors
    /// As [`Self::get`]; refused when somebody changed it meanwhile.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        tag: Option<&str>,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self.request(Method::PUT, path).timeout(TIMEOUT).json(body);
        let request = match tag {
            Some(tag) => request.header(reqwest::header::IF_MATCH, tag),
            None => request,
        };
        self.answer(request).await
    }

    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.request(Method::POST, path).timeout(TIMEOUT).json(body)).await
    }

    /// For an answer without content.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn post_silent(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        let sent = self.request(Method::POST, path).timeout(TIMEOUT).json(body).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() { Ok(()) } else { Err(self.refused(response).await) }
    }

    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.request(Method::PATCH, path).timeout(TIMEOUT).json(body)).await
    }

    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(self.request(Method::DELETE, path).timeout(TIMEOUT)).await
    }

    /// For an answer without content.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn delete_silent(&self, path: &str) -> Result<(), Failure> {
        let sent = self.request(Method::DELETE, path).timeout(TIMEOUT).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() { Ok(()) } else { Err(self.refused(response).await) }
    }

    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        idempotency_key: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self.request(Method::POST, path).timeout(TIMEOUT);
        self.answer(request.header("Idempotency-Key", idempotency_key).json(body)).await
    }

    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn act<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(self.request(Method::POST, path).timeout(TIMEOUT)).await
    }

    /// Sends a file as it is, piece by piece.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn upload<T: DeserializeOwned>(&self, path: &str, file: File) -> Result<T, Failure> {
        let request = self.request(Method::POST, path).header("Content-Type", "application/octet-stream");
        self.answer(request.body(Body::from(file))).await
    }

    /// Writes what comes to `out`, piece by piece.
    ///
    /// # Errors
    /// As [`Self::get`], or when `out` cannot be written.
    pub(crate) async fn download(&self, path: &str, out: &mut impl std::io::Write) -> Result<(), Failure> {
        let response =
            self.request(Method::GET, path).send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let mut response = response;
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            out.write_all(&piece)?;
        }
        out.flush()?;
        Ok(())
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.read(response).await
    }

    async fn read<T: DeserializeOwned>(&self, response: reqwest::Response) -> Result<T, Failure> {
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        response
            .json()
            .await
            .map_err(|error| Failure::Other(anyhow::anyhow!(error).context("unexpected answer")))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let server = &self.server;
        tracing::debug!(%error, "the platform did not answer");
        Failure::Unreachable(
            self.show
                .of(
                    &format!("连不上 {server}：平台启动了吗（hongyan serve）？"),
                    &format!("cannot reach {server}: is the platform running (hongyan serve)?"),
                )
                .to_owned(),
        )
    }

    async fn refused(&self, response: reqwest::Response) -> Failure {
        let status = response.status();
        match response.json::<ProblemDocument>().await {
            Ok(problem) => Failure::Refused(describe(&problem)),
            Err(_) if status == StatusCode::UNAUTHORIZED => {
                Failure::Refused(self.show.of("密钥无效", "the key is not known").to_owned())
            }
            Err(_) => Failure::Refused(format!("HTTP {status}")),
        }
    }
}

/// What is wrong, where, and how to mend it.
fn describe(problem: &ProblemDocument) -> String {
    let mut text = problem.title.clone();
    if let Some(detail) = &problem.detail {
        text.push_str(": ");
        text.push_str(detail);
    }
    if let Some(pointer) = &problem.pointer {
        text.push_str(&format!(" ({pointer})"));
    }
    format!("{text}\n  → {}\n  [{}]", problem.advice, problem.request_id)
}
