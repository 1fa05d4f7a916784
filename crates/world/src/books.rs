//! The books in memory, double entry: what they hold is compared with the ledger at the end, and never below nothing in between.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use domain::billing::{Book, Flow, Mode, Purse, Room, Terms};
use domain::control::{Balance, Books, ControlError, Granted, Posting, PostingKey, Short};
use domain::ids::{AccountId, CampaignId, PartitionId};
use domain::ledger::{Allowance, Ledger, MessageRecord};
use domain::message::MessageState;
use domain::money::Money;
use domain::time::Timestamp;
use engine::billing::Poster;

use crate::cast;
use crate::control::MemoryControl;
use crate::node::Node;
use crate::world::World;

/// What [`MemoryControl`] knows of money.
#[derive(Default)]
pub(crate) struct Ledgers {
    balances: BTreeMap<(AccountId, Book), Money>,
    grants: BTreeMap<(AccountId, PartitionId), Granted>,
    posted: BTreeMap<PostingKey, Flow>,
    /// Paid although it had been given back already: that may take funds below their credit.
    recovered: BTreeMap<AccountId, Money>,
    /// Accepted without anything that bounds it.
    opened: BTreeMap<AccountId, Money>,
}

impl Ledgers {
    fn of(&self, account: AccountId, book: Book) -> Money {
        self.balances.get(&(account, book)).copied().unwrap_or_default()
    }

    fn transfer(&mut self, account: AccountId, from: Book, to: Book, amount: Money) {
        *self.balances.entry((account, from)).or_default() += -amount;
        *self.balances.entry((account, to)).or_default() += amount;
    }

    /// What is new of a posting, in the order in which it can have happened.
    fn post(&mut self, key: &PostingKey, known: Flow, now: Flow) {
        let account = key.account;
        let purse = match key.purse {
            Purse::Open => Book::Funds,
            Purse::Allowance => Book::Allowance,
            Purse::Hold => Book::Held,
        };
        for (from, to, before, after) in [
            (purse, Book::Reserved, known.reserved, now.reserved),
            (Book::Reserved, Book::Revenue, known.charged, now.charged),
            (Book::Reserved, Book::Funds, known.released, now.released),
            (Book::Revenue, Book::Reserved, known.reopened, now.reopened),
            (Book::Revenue, Book::Funds, known.refunded, now.refunded),
            (Book::Funds, Book::Revenue, known.recovered, now.recovered),
        ] {
            self.transfer(account, from, to, after - before);
        }
        *self.recovered.entry(account).or_default() += now.recovered - known.recovered;
        if key.purse == Purse::Open {
            *self.opened.entry(account).or_default() += now.reserved - known.reserved;
        }
    }

    /// What cannot be: money out of nothing, or a bounded account below its credit.
    fn trouble(&self) -> Option<String> {
        let sum: Money = self.balances.values().copied().sum();
        if sum != Money::ZERO {
            return Some(format!("all books together hold {sum}"));
        }
        for account in (1..=cast::ACCOUNTS).map(AccountId::from_raw) {
            let terms = cast::terms(account);
            if terms.mode != Mode::Bounded {
                continue;
            }
            let recovered = self.recovered.get(&account).copied().unwrap_or_default();
            // Its campaigns here are not counted beforehand, so they are paid by bill.
            let open = self.opened.get(&account).copied().unwrap_or_default();
            let least = -(terms.credit + recovered + open);
            if self.of(account, Book::Funds) < least {
                return Some(format!("{account} is below nothing: its funds passed its credit"));
            }
            if self.of(account, Book::Allowance) < Money::ZERO {
                return Some(format!("{account} is below nothing: more was drawn than was granted"));
            }
        }
        None
    }
}

impl MemoryControl {
    /// The next poster who remembers nothing begins at the beginning.
    fn forget_posted(&self) {
        self.settings(|settings| settings.remove("billing.posted_through"));
    }

    /// An account pays something in.
    pub(crate) fn top_up(&self, account: AccountId, amount: Money) {
        self.with_books(|books| books.transfer(account, Book::Cash, Book::Funds, amount));
    }

    fn with_books<T>(&self, act: impl FnOnce(&mut Ledgers) -> T) -> T {
        let (done, trouble) = {
            let mut books = self.books();
            (act(&mut books), books.trouble())
        };
        if let Some(trouble) = trouble {
            self.model.lock().violation(trouble);
        }
        done
    }
}

#[async_trait]
impl Books for MemoryControl {
    async fn terms(&self, account: AccountId) -> Result<Terms, ControlError> {
        Ok(cast::terms(account))
    }

    async fn balance(&self, account: AccountId) -> Result<Balance, ControlError> {
        let books = self.books();
        let [funds, allowance, held, reserved] =
            [Book::Funds, Book::Allowance, Book::Held, Book::Reserved].map(|book| books.of(account, book));
        Ok(Balance { funds, allowance, held, reserved })
    }

    async fn room(&self, account: AccountId, _: Timestamp) -> Result<Room, ControlError> {
        let funds = self.books().of(account, Book::Funds);
        Ok(Room::of(&cast::terms(account), funds, Money::ZERO, Money::ZERO))
    }

    async fn grant(
        &self,
        account: AccountId,
        partition: PartitionId,
        least: Money,
        most: Money,
        _: Timestamp,
    ) -> Result<Result<Granted, Short>, ControlError> {
        self.linger().await;
        let outcome = self.with_books(|books| {
            let left = books.of(account, Book::Funds) + cast::terms(account).credit;
            if left < least {
                return Err(Short::Funds { left });
            }
            let amount = most.min(left).max(least);
            books.transfer(account, Book::Funds, Book::Allowance, amount);
            let granted = books.grants.entry((account, partition)).or_default();
            granted.granted += amount;
            Ok(*granted)
        });
        self.linger().await;
        Ok(outcome)
    }

    async fn grants(&self, account: AccountId) -> Result<Vec<(PartitionId, Granted)>, ControlError> {
        let of = |((whose, partition), granted): (&(AccountId, PartitionId), &Granted)| {
            (*whose == account).then_some((*partition, *granted))
        };
        Ok(self.books().grants.iter().filter_map(of).collect())
    }

    async fn returned(
        &self,
        account: AccountId,
        partition: PartitionId,
        returned: Money,
        _: Timestamp,
    ) -> Result<(), ControlError> {
        self.with_books(|books| {
            let known = books.grants.entry((account, partition)).or_default();
            let new = (returned - known.returned).max(Money::ZERO);
            known.returned += new;
            books.transfer(account, Book::Allowance, Book::Funds, new);
        });
        Ok(())
    }

    async fn hold(
        &self,
        _: AccountId,
        _: CampaignId,
        _: Money,
        _: Timestamp,
    ) -> Result<Result<(), Short>, ControlError> {
        Err(ControlError::Unavailable("campaigns of the simulated world are not counted".to_owned()))
    }

    async fn end_hold(&self, _: AccountId, _: CampaignId, _: Timestamp) -> Result<(), ControlError> {
        Ok(())
    }

    async fn holds(&self) -> Result<Vec<(AccountId, CampaignId)>, ControlError> {
        Ok(Vec::new())
    }

    async fn posted(&self, partition: PartitionId, from_hour: i64) -> Result<Vec<PostingKey>, ControlError> {
        self.linger().await;
        let is_asked = |key: &&PostingKey| key.partition == partition && key.hour >= from_hour;
        Ok(self.with_books(|books| books.posted.keys().filter(is_asked).copied().collect()))
    }

    async fn post(&self, postings: &[Posting], _: Timestamp) -> Result<(), ControlError> {
        self.linger().await;
        self.with_books(|books| {
            for Posting { key, flow, .. } in postings {
                let known = books.posted.get(key).copied().unwrap_or_default();
                let mut told = *flow;
                if self.fault.forgets_refunds() {
                    told.refunded = Money::ZERO;
                }
                let from = if self.fault.posts_twice() { Flow::default() } else { known };
                books.post(key, from, told);
                books.posted.insert(*key, told);
            }
        });
        Ok(())
    }
}

impl World {
    /// Compares the books with the ledger, when everything has been posted.
    pub(crate) fn inspect_books(&mut self, records: &[MessageRecord]) -> Result<(), String> {
        let Some(storage) = &self.storage else { return Ok(()) };
        let reader = Arc::clone(&storage.reader);
        let mut left: BTreeMap<AccountId, Money> = BTreeMap::new();
        for partition in reader.partitions().all() {
            for (account, allowance) in self.look(all_allowances(&*reader, partition))? {
                *left.entry(account).or_default() += allowance.left();
            }
        }
        let mut earned: BTreeMap<AccountId, Money> = BTreeMap::new();
        for record in records {
            if is_paid(record.account, record.state) {
                *earned.entry(record.account).or_default() += record.price;
            }
        }
        let books = self.control.books();
        for account in (1..=cast::ACCOUNTS).map(AccountId::from_raw) {
            let of = |sums: &BTreeMap<AccountId, Money>| sums.get(&account).copied().unwrap_or_default();
            let (here, there) = (books.of(account, Book::Allowance), of(&left));
            if here != there {
                return Err(format!(
                    "{account} has allowances of {here} by the books and the ledger says {there}"
                ));
            }
            let (here, there) = (books.of(account, Book::Revenue), of(&earned));
            if here != there {
                return Err(format!("{account} earned {here} by the books, and its messages say {there}"));
            }
            let open = books.of(account, Book::Reserved);
            if open != Money::ZERO {
                return Err(format!("{account} has {open} reserved and nothing is on its way"));
            }
        }
        Ok(())
    }

    /// Somebody posts, as the poster's loop does.
    pub(crate) fn post(&self, node: &Node) {
        let (engine, poster) = (Arc::clone(&node.engine), Arc::clone(&node.poster));
        let duty = Arc::clone(&self.control.duty);
        node.spawn(async move {
            let Ok(_only_one_at_a_time) = duty.try_lock() else { return };
            let _tried_again_by_the_next = engine.post_round(&mut *poster.lock().await).await;
        });
    }

    /// Everything is posted by somebody who remembers nothing; set when that is done, with what went wrong.
    pub(crate) fn post_last(&self, node: &Node) -> Arc<OnceLock<Result<(), String>>> {
        let (engine, done) = (Arc::clone(&node.engine), Arc::default());
        let outcome: Arc<OnceLock<Result<(), String>>> = Arc::clone(&done);
        let (control, duty) = (Arc::clone(&self.control), Arc::clone(&self.control.duty));
        node.spawn(async move {
            // Whoever stood still while it posted ends first.
            let _only_one_at_a_time = duty.lock().await;
            control.forget_posted();
            let posted = engine.post_round(&mut Poster::default()).await;
            let _only_once = outcome.set(posted.map_err(|error| error.to_string()));
        });
        done
    }

    /// Accounts pay something in, as they like.
    pub(crate) fn top_ups(&mut self) {
        for number in 2..=cast::ACCOUNTS {
            if self.random.chance(300) {
                let amount = Money::from_micros(self.random.between(100_000, 3_000_000) as i64);
                self.control.top_up(AccountId::from_raw(number), amount);
            }
        }
    }
}

async fn all_allowances(
    ledger: &dyn Ledger,
    partition: PartitionId,
) -> Result<Vec<(AccountId, Allowance)>, String> {
    ledger.allowances(partition).await.map_err(|error| error.to_string())
}

/// What each account has agreed, in words of its own.
fn is_paid(account: AccountId, end: MessageState) -> bool {
    use MessageState::{Delivered, Expired, Undelivered, Unknown};
    match account.raw() {
        1 => matches!(end, Delivered | Undelivered | Expired | Unknown),
        2 => matches!(end, Delivered | Unknown),
        _ => end == Delivered,
    }
}
