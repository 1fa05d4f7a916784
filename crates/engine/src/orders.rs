//! What is asked of single messages after they were accepted.

use domain::ids::{AccountId, MessageId};
use domain::ledger::{Cancelling, Forgetting, LedgerError, Redacting};

use crate::Engine;

impl Engine {
    /// Cancels a message of an account's that still waits. When this answers [`Cancelling::Cancelled`], no channel will have it.
    ///
    /// # Errors
    /// When the ledger refuses; the same may be asked again.
    pub async fn cancel_message(&self, account: AccountId, id: MessageId) -> Result<Cancelling, LedgerError> {
        let partition = self.ledger.partitions().of_message(id);
        let answers = self.ledger.cancel(partition, account, vec![id], self.clock.now()).await?;
        // Whoever sent it may be told at once.
        self.counter.look();
        Ok(answers.into_iter().next().unwrap_or(Cancelling::NoSuch))
    }

    /// Forgets the text of a message of an account's that has ended.
    ///
    /// # Errors
    /// When the ledger refuses; the same may be asked again.
    pub async fn redact_message(
        &self,
        account: AccountId,
        id: MessageId,
        how: Forgetting,
    ) -> Result<Redacting, LedgerError> {
        let partition = self.ledger.partitions().of_message(id);
        let answers = self.ledger.redact(partition, account, vec![id], how, self.clock.now()).await?;
        Ok(answers.into_iter().next().unwrap_or(Redacting::NoSuch))
    }
}
