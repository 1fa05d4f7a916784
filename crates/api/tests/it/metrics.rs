//! The page of metrics: every one of the engine's is there, what happened is counted, and nobody is named.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use engine::metrics::{Metric, MetricKind};
use serde_json::json;
use tower::ServiceExt as _;

use crate::house::{House, request};

/// Set to anything, the page is written instead of compared.
const UPDATE: &str = "UPDATE_METRICS";
const PHONE: &str = "13800138000";

pub(crate) async fn page(house: &House) -> String {
    let router = api::metrics_router(Arc::clone(&house.engine), Arc::new(|_| {}));
    let answer = router.oneshot(request("GET", "/metrics", Body::empty())).await.unwrap();
    assert_eq!(answer.status(), 200);
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn what_is_accepted_is_counted_and_nobody_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let counted = "hongyan_messages_accepted_total{category=\"notice\"}";
    assert!(page(&house).await.contains(&format!("{counted} 0\n")));
    let message = json!({"phone": PHONE, "text": "您的包裹已到", "signature": "鸿雁", "category": "notice"});
    house.post("/v1/messages", json!({"messages": [message]})).await.ok(202);
    let page = page(&house).await;
    assert!(page.contains(&format!("{counted} 1\n")), "{page}");
    assert!(page.contains("hongyan_accept_seconds_count 1\n"), "{page}");
    assert!(!page.contains(PHONE) && !page.contains("包裹"), "{page}");
    // What the binary adds: what it is, and what the system says of the process.
    let of_the_process = |name: &str| name.starts_with("process_") || name == Metric::Build.name();
    let told: HashSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for metric in Metric::ALL {
        assert_eq!(told.contains(metric.name()), !of_the_process(metric.name()), "{}", metric.name());
    }
    assert!(page.lines().all(|line| line.starts_with("# ")
        || line.rsplit_once(' ').is_some_and(|(_, value)| { value.parse::<f64>().is_ok() })));
}

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let mut current = include_str!("metrics-head.md").to_owned();
    for metric in Metric::ALL {
        let (zh, en) = metric.help().split_once('·').unwrap();
        let (zh, en) = (zh.trim(), en.trim());
        let labels = metric.labels().join(", ");
        let kind = match metric.kind() {
            MetricKind::Counter => "counter 计数",
            MetricKind::Gauge => "gauge 现值",
            MetricKind::Histogram => "histogram 分布",
        };
        current.push_str(&format!("| `{}` | {kind} | {labels} | {zh} | {en} |\n", metric.name()));
    }
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == current,
        "docs/metrics.md is stale: run this test with {UPDATE}=1 and look at the difference"
    );
}
