//! What a customer asks about what it sent, answered from the ledger.
//!
//! An id that was answered tells when it was made, so the messages that it belongs to are looked for around that time: first
//! those of one submit, which are made together, then a text whose parts took longer to come.

use std::time::Duration;

use domain::downstream::{ASSEMBLY_AGE, Answer, Customer, Fate, Question, WaitingKind, WaitingPlace, What};
use domain::ids::MessageId;
use domain::ledger::{Cancelling, LedgerError, Sent, SentCounts};
use domain::message::{MessageState, Reason};
use domain::time::Timestamp;
use futures::future::try_join_all;

use super::pump::PAGE;
use crate::Engine;

/// Between the ids of one submit; clocks of nodes differ too.
const TOGETHER: Duration = Duration::from_secs(2);
/// Looks for one count: with the rows of each (`moves::records::PAGE_ROWS`), some two million messages.
const LOOKS: usize = 200;

impl Engine {
    /// See [`domain::downstream::Downstream::ask`].
    pub(super) async fn answer(&self, customer: &Customer, question: &Question) -> Answer {
        let answered = match question {
            Question::Fate { id, source } => self.fate(customer, *id, source).await,
            Question::Cancel { id, source } => self.cancel_sent(customer, *id, source).await,
            Question::Counts { from, until } => self.count_day(customer, *from, *until).await,
        };
        answered.unwrap_or_else(|error| {
            tracing::warn!(customer = %customer.id, %error, "a customer's question could not be answered");
            Answer::Unavailable
        })
    }

    async fn fate(&self, customer: &Customer, id: u128, source: &str) -> Result<Answer, LedgerError> {
        if let Some(sent) = self.sent_as(customer, id, source).await?.first() {
            let record = self.ledger.message(customer.account, sent.message).await?;
            return Ok(record.map_or(Answer::Unknown, |record| {
                let since = record.changed_at().unwrap_or_else(|| record.id.made_at());
                Answer::Fate(Fate { state: record.state, reason: record.reason, since })
            }));
        }
        if self.waits_for_others(customer, id).await? {
            let since = made_at(id).unwrap_or_default();
            return Ok(Answer::Fate(Fate { state: MessageState::Queued, reason: Reason::None, since }));
        }
        Ok(Answer::Unknown)
    }

    /// The whole text, to all phones that the submit named.
    async fn cancel_sent(&self, customer: &Customer, id: u128, source: &str) -> Result<Answer, LedgerError> {
        let sent = self.sent_as(customer, id, source).await?;
        if sent.is_empty() {
            let waits = self.waits_for_others(customer, id).await?;
            return Ok(if waits { Answer::TooLate } else { Answer::Unknown });
        }
        let mut answer = Answer::Cancelled;
        for Sent { message, .. } in sent {
            match self.cancel_message(customer.account, message).await? {
                Cancelling::Cancelled => {}
                Cancelling::TooLate(_) | Cancelling::Ended(_) => answer = Answer::TooLate,
                Cancelling::NoSuch => return Ok(Answer::Unknown),
            }
        }
        Ok(answer)
    }

    async fn count_day(
        &self,
        customer: &Customer,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Answer, LedgerError> {
        let (from, until) = (MessageId::first_at(from), MessageId::first_at(until));
        let (mut counts, mut looks) = (SentCounts::default(), 0);
        for partition in self.ledger.partitions().all() {
            let mut next = Some(from);
            while let Some(from) = next {
                looks += 1;
                if looks > LOOKS {
                    return Ok(Answer::Unavailable);
                }
                let (some, more) = self.ledger.count_sent(partition, customer.id, (from, until)).await?;
                counts = counts.and(some);
                next = more;
            }
        }
        Ok(Answer::Counts(counts))
    }

    async fn sent_as(&self, customer: &Customer, id: u128, source: &str) -> Result<Vec<Sent>, LedgerError> {
        let Some(made) = made_at(id) else { return Ok(Vec::new()) };
        let until = made.plus(TOGETHER);
        for before in [TOGETHER, ASSEMBLY_AGE + TOGETHER] {
            let between = (made.minus(before), until);
            let looks = self
                .ledger
                .partitions()
                .all()
                .map(|partition| self.ledger.sent_as(partition, customer.id, id, between));
            let mut sent: Vec<Sent> = try_join_all(looks).await?.into_iter().flatten().collect();
            if !sent.is_empty() {
                sent.retain(|sent| source.is_empty() || *sent.origin.source == *source);
                sent.sort_by_key(|sent| sent.message);
                return Ok(sent);
            }
        }
        Ok(Vec::new())
    }

    /// Whether it is a part of a text that is not whole.
    async fn waits_for_others(&self, customer: &Customer, id: u128) -> Result<bool, LedgerError> {
        let (Some(made), Ok(item)) = (made_at(id), i64::try_from(id)) else { return Ok(false) };
        let partition = self.ledger.partitions().of_message(MessageId::from_raw(item));
        let (kind, end) = (WaitingKind::Fragment, made.plus(TOGETHER));
        let mut after = WaitingPlace { at: made.minus(TOGETHER), item: i64::MIN };
        loop {
            let page = self.ledger.waiting(partition, customer.id, kind, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(false) };
            if page.iter().any(|row| row.place.item == item && matches!(row.what, What::Fragment { .. })) {
                return Ok(true);
            }
            if last.place.at > end {
                return Ok(false);
            }
            after = last.place;
        }
    }
}

/// When an id of ours was made. SGIP's are the customer's own, and it asks about none.
fn made_at(id: u128) -> Option<Timestamp> {
    i64::try_from(id).ok().filter(|raw| *raw > 0).map(|raw| MessageId::from_raw(raw).made_at())
}
