//! Number intelligence: the table of ranges, what is known of one phone, and what leaving dead numbers out saved.
//!
//! Owns the use-cases and the reading of operators' tables. The table is one document of the control database, held in memory
//! and read anew when its mark has changed. Invariant: a file with a mistake changes nothing.

mod cleaning;
mod read;

use std::sync::{Arc, PoisonError, RwLock};

use domain::control::{ControlError, DocumentMark};
use domain::ledger::LedgerError;
use domain::numbers::{NumberMistake, Place, PrefixTable};
use domain::phone::{Carrier, Country, Phone, PhoneKind};
use domain::policy::{Check, Policy};
use domain::text::Bilingual;
use domain::time::Timestamp;

pub use cleaning::{CleaningReport, DeadContact, Skipped};
pub(crate) use read::{Cells, read_table};
pub use read::{MAX_TABLE_BYTES, TableError};

use crate::Engine;
use crate::fault::Whose;

/// The name of the table's document.
const DOCUMENT: &str = "number_ranges";
/// Mistakes that are told at once.
const MISTAKES_TOLD: usize = 5;

/// Why a file of number ranges was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NumbersError {
    #[error(transparent)]
    Table(#[from] TableError),
    /// No range in it.
    #[error("the file holds no range of seven digits")]
    Empty,
    /// What is wrong, by line (or by entry of `phone.dat`).
    #[error("{} mistakes in the file", .0.len())]
    Mistakes(Vec<NumberMistake>),
    #[error("the import was interrupted; repeat it")]
    Interrupted,
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// The table in force.
#[derive(Clone, Debug)]
pub struct NumberTable {
    pub table: Arc<PrefixTable>,
    /// None: no table was ever imported.
    pub mark: Option<DocumentMark>,
}

/// What an import did.
#[derive(Clone, Debug)]
pub struct NumbersImported {
    pub now: NumberTable,
    pub stored_bytes: usize,
    /// Ranges that the numbering plan gives to no person's phone, left out.
    pub outside: u64,
    /// Ranges whose carrier differs from the numbering plan's.
    pub differing: u64,
}

/// Everything that is known of one phone.
#[derive(Clone, PartialEq, Eq)]
pub struct NumberShown {
    pub phone: Phone,
    pub country: Option<Country>,
    pub kind: PhoneKind,
    /// By its range.
    pub carrier: Carrier,
    /// Where a message to it goes now.
    pub heading: Carrier,
    pub place: Option<Place>,
    /// Networks that said that it is not theirs, and when.
    pub not_of: Vec<(Carrier, Timestamp)>,
    /// Days on which it was called dead.
    pub failures: Vec<Timestamp>,
    pub dead_since: Option<Timestamp>,
    /// When it is tried again.
    pub dead_until: Option<Timestamp>,
}

impl NumberShown {
    /// Leaves out what receipts taught, whoever's messages they were about.
    pub fn forget_learned(&mut self) {
        self.heading = self.carrier;
        self.not_of.clear();
        self.failures.clear();
        (self.dead_since, self.dead_until) = (None, None);
    }
}

/// The table as this process holds it.
#[derive(Default)]
pub(crate) struct HeldTable(RwLock<Option<([u8; 32], Arc<PrefixTable>)>>);

impl HeldTable {
    fn of(&self, checksum: &[u8; 32]) -> Option<Arc<PrefixTable>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|(known, _)| known == checksum).map(|(_, table)| Arc::clone(table))
    }

    fn hold(&self, checksum: [u8; 32], table: &Arc<PrefixTable>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some((checksum, Arc::clone(table)));
    }
}

impl NumbersError {
    /// Who can mend it.
    #[must_use]
    pub fn whose(&self) -> Whose {
        match self {
            Self::Interrupted => Whose::Retry,
            Self::Control(error) => Whose::of_control(error),
            Self::Table(_) | Self::Empty | Self::Mistakes(_) => Whose::Caller,
        }
    }

    /// What to tell the user, with what to do about it.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        match self {
            Self::Table(error) => error.explain(),
            Self::Mistakes(mistakes) => {
                let told = mistakes.iter().map(|mistake| (mistake.line, mistake.trouble.explain()));
                told_lines(&told.collect::<Vec<_>>(), "文件未导入，原有号段不变", "nothing was imported; the former table stays")
            }
            Self::Empty => Bilingual {
                zh: "文件里没有 7 位号段：请检查是否为 phone.dat，或带表头 prefix,province,city,carrier 的 CSV".into(),
                en: "no range of seven digits: is it phone.dat, or a CSV with the header prefix,province,city,carrier?".into(),
            },
            Self::Interrupted => Bilingual { zh: "导入被中断：请重试".into(), en: self.to_string().into() },
            Self::Control(_) => {
                Bilingual { zh: "控制库暂时不可用：请稍后重试".into(), en: self.to_string().into() }
            }
        }
    }
}

/// The first mistakes of a file with their lines, in both languages.
pub(crate) fn told_lines(mistakes: &[(u64, Bilingual)], zh_end: &str, en_end: &str) -> Bilingual {
    let more = mistakes.len().saturating_sub(MISTAKES_TOLD);
    let first = mistakes.iter().take(MISTAKES_TOLD);
    let (zh, en): (Vec<String>, Vec<String>) = first
        .map(|(line, said)| (format!("第 {line} 行：{}", said.zh), format!("line {line}: {}", said.en)))
        .unzip();
    let zh_more = if more > 0 { format!("；另有 {more} 处") } else { String::new() };
    let en_more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Bilingual {
        zh: format!("{}{zh_more}。{zh_end}", zh.join("；")).into(),
        en: format!("{}{en_more}. {en_end}", en.join("; ")).into(),
    }
}

impl Engine {
    /// The table of number ranges; an empty one when none was imported.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn numbers(&self) -> Result<Arc<PrefixTable>, ControlError> {
        Ok(self.number_table().await?.table)
    }

    /// The table of number ranges with its mark.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn number_table(&self) -> Result<NumberTable, ControlError> {
        if let Some(known) = self.catalog.number_table() {
            return Ok(known);
        }
        let age = self.catalog.age();
        let table = match self.control.document_mark(DOCUMENT).await? {
            None => NumberTable { table: Arc::new(PrefixTable::empty()), mark: None },
            Some(mark) => match self.held_numbers.of(&mark.checksum) {
                Some(table) => NumberTable { table, mark: Some(mark) },
                None => self.read_numbers().await?,
            },
        };
        self.catalog.keep_number_table(age, &table);
        Ok(table)
    }

    async fn read_numbers(&self) -> Result<NumberTable, ControlError> {
        let odd = ControlError::Inconsistent { table: "document", column: "content" };
        let Some(document) = self.control.document(DOCUMENT).await? else { return Err(odd) };
        let mark = document.mark;
        let unpacked = self.settings.heavy_work.run(move || PrefixTable::unpack(&document.content)).await;
        let table = Arc::new(unpacked.flatten().ok_or(odd)?);
        self.held_numbers.hold(mark.checksum, &table);
        Ok(NumberTable { table, mark: Some(mark) })
    }

    /// Reads a file of number ranges (`phone.dat`, CSV or XLSX) and puts it in place of the table before, for every node.
    ///
    /// # Errors
    /// [`NumbersError`]: then nothing has changed.
    pub async fn import_numbers(&self, bytes: Vec<u8>) -> Result<NumbersImported, NumbersError> {
        let reading = self.settings.heavy_work.run(move || {
            let (ranges, source) = read::ranges(bytes)?;
            let (outside, differing) = (ranges.outside, ranges.differing);
            let table = ranges.into_table(&source);
            if table.is_empty() {
                return Err(NumbersError::Empty);
            }
            let packed = table.pack();
            Ok((table, packed, outside, differing))
        });
        let (table, packed, outside, differing) = reading.await.ok_or(NumbersError::Interrupted)??;
        let mark = self.control.put_document(DOCUMENT, &packed, self.clock.now()).await?;
        let table = Arc::new(table);
        self.held_numbers.hold(mark.checksum, &table);
        self.catalog.forget();
        tracing::info!(ranges = table.len(), version = mark.version, "number ranges were imported");
        let now = NumberTable { table, mark: Some(mark) };
        Ok(NumbersImported { now, stored_bytes: packed.len(), outside, differing })
    }

    /// Everything that is known of one phone.
    ///
    /// # Errors
    /// When storage refuses.
    pub async fn show_number(&self, phone: Phone) -> Result<NumberShown, LedgerError> {
        let table = self.numbers().await.map_err(|error| LedgerError::Unavailable(error.to_string()))?;
        let partition = self.ledger.partitions().of(phone.slot());
        let facts = self.ledger.facts(partition, vec![phone]).await?.into_iter().next().unwrap_or_default();
        let (now, number) = (self.clock.now(), facts.number);
        let rule = dead_rule(&self.policy());
        let dead_since = rule.and_then(|rule| number.dead_since(&rule, now));
        let carrier = table.carrier(phone);
        Ok(NumberShown {
            phone,
            country: phone.country(),
            kind: phone.kind(),
            carrier,
            heading: number.carrier(carrier, now),
            place: table.place(phone).cloned(),
            dead_until: dead_since.zip(rule).map(|(since, rule)| since.plus(rule.kept)),
            dead_since,
            failures: number.failures,
            not_of: number.not_of,
        })
    }
}

/// The rule about dead numbers that is in force, if there is one.
pub(crate) fn dead_rule(policy: &Policy) -> Option<domain::numbers::DeadNumber> {
    policy.rules().iter().find_map(|rule| match &rule.check {
        Check::DeadNumber(dead) => Some(*dead),
        _ => None,
    })
}
