//! Sends spans to a collector: OTLP over HTTP in JSON, batch by batch, with the client that the program has anyway.
//!
//! Invariants: nothing of the platform waits for a collector; what it does not take is dropped, counted and told once
//! in a while.

use std::time::Duration;

use engine::traces::Span;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How long spans are gathered before they are sent.
const GATHER: Duration = Duration::from_secs(2);
/// Spans of one request at most.
const MOST_SPANS: usize = 1_000;
/// How long a collector may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Failures are told so often: the first, and each so many-th after it.
const TOLD_EACH: u64 = 60;
/// `SPAN_KIND_INTERNAL` and `STATUS_CODE_ERROR` of OTLP (opentelemetry-proto, trace/v1).
const INTERNAL: u8 = 1;
const ERROR: u8 = 2;

/// Where spans go.
pub(crate) struct Exporter {
    client: Client,
    url: String,
    failures: u64,
}

impl Exporter {
    /// For the collector at `endpoint`, such as `http://127.0.0.1:4318`.
    ///
    /// # Errors
    /// When the system has no room for a client.
    pub(crate) fn new(endpoint: &str) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(TIME_LIMIT).no_proxy().build()?;
        Ok(Self { client, url: format!("{}/v1/traces", endpoint.trim_end_matches('/')), failures: 0 })
    }

    /// Exports what comes until nobody sends any more, or, with what has come by then, until `stop`.
    pub(crate) async fn run(mut self, mut spans: mpsc::Receiver<Vec<Span>>, stop: CancellationToken) {
        let mut waiting: Vec<Span> = Vec::new();
        loop {
            let is_over = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    while let Ok(batch) = spans.try_recv() {
                        waiting.extend(batch);
                    }
                    true
                }
                () = gather(&mut spans, &mut waiting) => spans.is_closed() && spans.is_empty(),
            };
            for piece in waiting.chunks(MOST_SPANS) {
                self.send(piece).await;
            }
            waiting.clear();
            if is_over {
                return;
            }
        }
    }

    async fn send(&mut self, spans: &[Span]) {
        let sent = self.client.post(&self.url).json(&document(spans)).send().await;
        let refused = match sent.and_then(reqwest::Response::error_for_status) {
            Ok(_) => return,
            // The address is the operator's, who may have put a password into it.
            Err(error) => error.without_url(),
        };
        if self.failures.is_multiple_of(TOLD_EACH) {
            tracing::warn!(error = %refused, spans = spans.len(), "traces could not be exported");
        }
        self.failures += 1;
    }
}

/// Waits for spans, and then for their company.
async fn gather(spans: &mut mpsc::Receiver<Vec<Span>>, waiting: &mut Vec<Span>) {
    let Some(first) = spans.recv().await else { return };
    waiting.extend(first);
    let more = async {
        while waiting.len() < MOST_SPANS
            && let Some(batch) = spans.recv().await
        {
            waiting.extend(batch);
        }
    };
    let _gathered_long_enough = tokio::time::timeout(GATHER, more).await;
}

/// A request of OTLP/HTTP in its JSON form: ids in hexadecimal, instants in nanoseconds as text.
fn document(spans: &[Span]) -> Value {
    let spans: Vec<Value> = spans.iter().map(one).collect();
    let version = env!("CARGO_PKG_VERSION");
    let resource = [attribute("service.name", "hongyan"), attribute("service.version", version)];
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": { "name": "hongyan", "version": version }, "spans": spans }],
    }] })
}

fn one(span: &Span) -> Value {
    let nanos = |at: domain::time::Timestamp| format!("{}000000", at.millis());
    let attributes: Vec<Value> = span.attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    let mut written = json!({
        "traceId": hex(&span.trace),
        "spanId": hex(&span.id),
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": nanos(span.begin),
        "endTimeUnixNano": nanos(span.end),
        "attributes": attributes,
    });
    if let Some(parent) = span.parent {
        written["parentSpanId"] = json!(hex(&parent));
    }
    if span.failed {
        written["status"] = json!({ "code": ERROR });
    }
    written
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn a_span_is_written_as_the_protocol_says() {
        let span = Span {
            trace: [0xab; 16],
            id: [1; 8],
            parent: Some([2; 8]),
            name: "settle",
            begin: Timestamp::from_millis(1_500),
            end: Timestamp::from_millis(1_501),
            attributes: vec![("hongyan.state", "failed".to_owned())],
            failed: true,
        };
        let written = document(&[span]);
        let span = &written["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"], "ab".repeat(16));
        assert_eq!(
            (&span["spanId"], &span["parentSpanId"]),
            (&json!("01".repeat(8)), &json!("02".repeat(8)))
        );
        assert_eq!(span["startTimeUnixNano"], "1500000000");
        assert_eq!(span["status"]["code"], ERROR);
        assert_eq!(span["attributes"][0], attribute("hongyan.state", "failed"));
    }
}
