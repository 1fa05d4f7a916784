//! The nodes under test: one that is given orders, and others that share its database and its work.

use serde_json::json;

use super::child;
use super::ledger::Place;
use super::process::{Helper, Usage};
use super::server::ServerSetup;

/// Running nodes, each a process.
pub(super) struct Nodes {
    /// The one that is spoken to.
    pub(super) first: Helper,
    others: Vec<Helper>,
}

impl Nodes {
    /// Starts `count` nodes. Only a database can be shared, so there is one where the ledger is kept in files.
    ///
    /// # Errors
    /// When one of them does not start.
    pub(super) async fn start(setup: &ServerSetup, count: u16) -> anyhow::Result<Self> {
        let first = Helper::start("server", setup).await?;
        let mut others = Vec::new();
        for number in 1..count {
            let place = setup.place();
            let data = place.data.with_extension(format!("node{number}"));
            others.push(Helper::start("node", &Place { data, ..place.clone() }).await?);
        }
        Ok(Self { first, others })
    }

    /// What all of them have used so far; of memory, what the largest one had.
    ///
    /// # Errors
    /// When the system does not tell (only Linux does).
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        let mut all = self.first.usage()?;
        for other in &self.others {
            let usage = other.usage()?;
            all.cpu_us += usage.cpu_us;
            all.peak_rss_bytes = all.peak_rss_bytes.max(usage.peak_rss_bytes);
        }
        Ok(all)
    }

    /// Lets them end.
    ///
    /// # Errors
    /// When one fails at its end.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        for other in self.others {
            other.stop().await?;
        }
        self.first.stop().await
    }
}

/// A node that takes its share of the work until its input ends.
///
/// # Errors
/// When it cannot join the others.
pub(super) async fn run(place: &str) -> anyhow::Result<()> {
    let place: Place = serde_json::from_str(place)?;
    let node = super::start_node(&place, false).await?;
    child::say(&json!({}));
    child::serve(async |(): ()| Ok(json!({}))).await?;
    node.stop().await;
    Ok(())
}
