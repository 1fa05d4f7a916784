//! Where ids go on when a process starts.
//!
//! Ids are made before their messages are durable, and some are promised to a caller before. If the clock stands behind
//! the newest message, ids follow that message closely; two lives of a node that both begin there, with nothing committed
//! in between, would make the same ones. So each start reserves some time of ids for itself, and writes down how far.

use std::time::Duration;

use domain::control::{Control, ControlError};
use domain::ids::IdGenerator;
use domain::time::Timestamp;

/// The setting that keeps it, in milliseconds.
const MARK: &str = "ids_after";
/// What one life may use before the clock has caught up; 1 ms is one sequence of ids for each slot.
const RESERVED: Duration = Duration::from_secs(1);

/// Lets ids begin after everything that an earlier life may have made: its newest message, and what it had reserved.
///
/// # Errors
/// When the control database refuses; then nothing may be made.
pub async fn begin_ids(
    ids: &IdGenerator,
    control: &dyn Control,
    newest: Option<Timestamp>,
) -> Result<(), ControlError> {
    let mark =
        control.setting(MARK).await?.and_then(|millis| millis.parse().ok()).map(Timestamp::from_millis);
    let begin = newest.max(mark).unwrap_or_default().plus(RESERVED);
    control.put_setting(MARK, &begin.millis().to_string()).await?;
    ids.start_after(begin);
    Ok(())
}
