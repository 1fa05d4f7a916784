//! What owners ask of single messages.

use std::sync::Arc;

use domain::ledger::{Cancelling, Forgetting, Redacting};

use crate::node::Node;
use crate::world::World;

impl World {
    pub(crate) fn cancel_one(&mut self, node: &Node) {
        let place = self.random.below(10_000);
        let Some((id, account)) = self.model.lock().any_message(place) else { return };
        self.tell(&format!("cancel {id}"));
        let (engine, model) = (Arc::clone(&node.engine), self.model.clone());
        let coverage = Arc::clone(&self.coverage);
        node.spawn(async move {
            let was_out = model.lock().cancel_asked(id);
            let Ok(answer) = engine.cancel_message(account, id).await else { return };
            let word = match answer {
                Cancelling::Cancelled => "cancelled",
                Cancelling::TooLate(_) => "too late to cancel",
                Cancelling::Ended(_) => "ended before it was cancelled",
                Cancelling::NoSuch => "nothing to cancel",
            };
            coverage.lock().unwrap_or_else(std::sync::PoisonError::into_inner).count("order", word);
            model.lock().cancel_answered(id, was_out, answer);
        });
    }

    pub(crate) fn redact_one(&mut self, node: &Node) {
        let place = self.random.below(10_000);
        let Some((id, account)) = self.model.lock().any_message(place) else { return };
        self.tell(&format!("redact {id}"));
        let (engine, model) = (Arc::clone(&node.engine), self.model.clone());
        let coverage = Arc::clone(&self.coverage);
        node.spawn(async move {
            model.lock().redact_asked(id);
            let Ok(answer) = engine.redact_message(account, id, Forgetting::Text).await else { return };
            let word = match answer {
                Redacting::Redacted { .. } => "redacted",
                Redacting::NotEnded(_) => "too early to redact",
                Redacting::NoSuch => "nothing to redact",
            };
            coverage.lock().unwrap_or_else(std::sync::PoisonError::into_inner).count("order", word);
            model.lock().redact_answered(id, answer);
        });
    }
}
