//! What is served over HTTP beside the platform's own work: the API with its limits and its certificate, and the metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::{Admission, ApiState, MoreMetrics, ServeOptions, Tls};
use domain::time::Clock;
use engine::Engine;
use engine::metrics::{Metric, Page};
use engine::traces::{SPAN_BATCHES, Tracer};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::TracesConfig;
use crate::traces::Exporter;

/// Between two looks whether the certificate was renewed.
const RENEWAL: Duration = Duration::from_secs(60);
/// Ticks of `/proc` are hundredths of a second on every Linux architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// How a node serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serving {
    pub(crate) options: ServeOptions,
    /// Where metrics are told, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) traces: TracesConfig,
    /// Over whom people may sign in besides here, and what that one's word may do.
    pub(crate) oidc: Option<(oidc::Settings, Admission)>,
}

/// Lets people sign in over the provider that is set, if one is.
///
/// # Errors
/// When TLS cannot be set up on this machine.
pub(crate) fn sign_in_over(
    oidc: Option<(oidc::Settings, Admission)>,
    state: &ApiState,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<()> {
    let Some((settings, admission)) = oidc else { return Ok(()) };
    let issuer = settings.issuer.clone();
    let fetch = Arc::new(gateway::DocumentsHttp::new()?);
    let client = oidc::Client::new(settings, fetch, Arc::clone(clock))?;
    state.set_oidc(api::Oidc { client, issuer, admission });
    Ok(())
}

/// Starts to serve the API on `listener`, and the metrics where they should be. Where those are, if their address was
/// free: nobody stays without messages because of them.
pub(crate) async fn start(
    serving: Serving,
    listener: TcpListener,
    (engine, state): (&Arc<Engine>, ApiState),
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Option<SocketAddr> {
    if let Some(tls) = &serving.options.tls {
        tracker.spawn(keep_renewed(Arc::clone(tls), stop.clone()));
    }
    let beside = vendors::router(&state);
    tracker.spawn(api::serve(listener, (state, beside), serving.options, stop.clone()));
    let address = serving.metrics?;
    match TcpListener::bind(address).await {
        Ok(listener) => {
            let address = listener.local_addr().ok();
            let more: MoreMetrics = Arc::new(process);
            tracker.spawn(api::serve_metrics(listener, Arc::clone(engine), more, stop.clone()));
            address
        }
        Err(error) => {
            tracing::warn!(%address, %error, "metrics are not served");
            None
        }
    }
}

/// Starts to trace messages, if somebody takes the traces. Ends with `stop`, when what has come by then is exported.
///
/// # Errors
/// When the system has no room for a client.
pub(crate) fn trace(
    traces: &TracesConfig,
    engine: &Engine,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    if let Some(endpoint) = &traces.otlp_endpoint {
        let exporter = Exporter::new(endpoint)?;
        let (sender, spans) = mpsc::channel(SPAN_BATCHES);
        engine.set_tracer(Tracer::new(traces.sample_per_million, sender));
        tracker.spawn(exporter.run(spans, stop.clone()));
    }
    Ok(())
}

/// Reads the certificate again on SIGHUP, and when its files were written.
async fn keep_renewed(tls: Arc<Tls>, stop: CancellationToken) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        let reloaded = tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => tls.reload().map(|()| true),
            () = tokio::time::sleep(RENEWAL) => tls.reload_if_written(),
        };
        match reloaded {
            Ok(true) => tracing::info!("the certificate was read again"),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "the renewed certificate cannot be used; the former one stays");
            }
        }
    }
}

/// What the system says of this process; what it does not say is left out.
fn process(page: &mut Page) {
    page.family(Metric::Build, [([env!("CARGO_PKG_VERSION")], 1.0)]);
    let facts = [
        (Metric::ProcessMemory, resident_bytes()),
        (Metric::ProcessCpu, cpu_seconds()),
        (Metric::ProcessFds, open_files()),
        (Metric::ProcessMaxFds, most_files().map(|most| most as f64)),
    ];
    for (metric, fact) in facts {
        if let Some(fact) = fact {
            page.single(metric, fact);
        }
    }
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<f64>().ok()? * 1_024.0)
}

/// User and system time: the fields 14 and 15, counted after the name in brackets, which may contain anything.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    Some(
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND,
    )
}

fn open_files() -> Option<f64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as f64)
}

/// How many files and sockets this process may open; unknown elsewhere than on Linux.
pub(crate) fn most_files() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let mut page = Page::default();
        process(&mut page);
        let text = page.into_text();
        for metric in [Metric::ProcessMemory, Metric::ProcessCpu, Metric::ProcessFds, Metric::ProcessMaxFds] {
            let value = text.lines().find_map(|line| line.strip_prefix(metric.name())).expect("on Linux");
            assert!(value.trim().parse::<f64>().is_ok_and(|value| value >= 0.0), "{text}");
        }
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
    }
}
