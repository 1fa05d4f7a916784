//! The helper's side of the conversation: orders in, answers out, one line of JSON each.

use std::io::{self, Write as _};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Says something to the process that started this one.
pub(super) fn say(answer: &Value) {
    let mut out = std::io::stdout().lock();
    // Nobody listening is no news: the end of the input follows.
    let _ = writeln!(out, "{answer}").and_then(|()| out.flush());
}

/// Answers orders until the input ends. An order that fails is answered with `error`.
///
/// # Errors
/// When the input cannot be read.
pub(super) async fn serve<O: DeserializeOwned>(
    mut answer: impl AsyncFnMut(O) -> anyhow::Result<Value>,
) -> anyhow::Result<()> {
    let mut orders = lines_of_input();
    while let Some(line) = orders.recv().await {
        let line = line?;
        let answered = match serde_json::from_str(&line) {
            Ok(order) => answer(order).await,
            Err(error) => Err(error.into()),
        };
        say(&answered.unwrap_or_else(|error| json!({ "error": format!("{error:#}") })));
    }
    Ok(())
}

/// The input line by line, read by a thread of its own: nothing else can wait for it without holding up the rest.
fn lines_of_input() -> mpsc::Receiver<io::Result<String>> {
    // Orders come one at a time, each after the answer to the one before.
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
