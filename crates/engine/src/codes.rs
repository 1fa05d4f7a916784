//! The operator's own lines of the catalogue of carriers' codes.

use std::ops::ControlFlow;

use domain::carrier_code::{CodeBook, CodeEntry, CodePattern, CodeScope, CodeTrouble};
use domain::message::Reason;
use domain::text::Bilingual;

use crate::Engine;
use crate::numbers::{Cells, TableError, read_table, told_lines};

/// Mistakes after which the reading stops.
const MAX_MISTAKES: usize = 20;

/// Why a file of codes was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CodesError {
    #[error(transparent)]
    Table(#[from] TableError),
    /// By line.
    #[error("{} mistakes in the file", .0.len())]
    Mistakes(Vec<(u64, CodeTrouble)>),
}

impl CodesError {
    /// What to tell the user, with what to do about it.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        match self {
            Self::Table(error) => error.explain(),
            Self::Mistakes(mistakes) => {
                let told = mistakes.iter().map(|(line, trouble)| (*line, trouble.explain()));
                told_lines(&told.collect::<Vec<_>>(), "码表未生效", "the file is not in force")
            }
        }
    }
}

/// Reads a table with the header `scope,code,reason,zh,en,advice_zh,advice_en`, of which `code` and `reason` are needed.
///
/// # Errors
/// [`CodesError`], with the lines of the first mistakes.
pub fn read_codes(bytes: Vec<u8>) -> Result<CodeBook, CodesError> {
    let columns: [&[&str]; 7] = [
        &["code", "错误码"],
        &["reason", "原因"],
        &["scope", "范围"],
        &["zh", "中文"],
        &["en", "英文"],
        &["advice_zh", "中文建议"],
        &["advice_en", "英文建议"],
    ];
    let (mut entries, mut lines, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
    read_table(bytes, &columns, 2, &mut |cells| {
        match entry(cells) {
            Ok(entry) => {
                entries.push(entry);
                lines.push(cells.line());
            }
            Err(trouble) => mistakes.push((cells.line(), trouble)),
        }
        if mistakes.len() < MAX_MISTAKES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if !mistakes.is_empty() {
        return Err(CodesError::Mistakes(mistakes));
    }
    CodeBook::new(entries).map_err(|(place, trouble)| {
        CodesError::Mistakes(vec![(lines.get(place).copied().unwrap_or_default(), trouble)])
    })
}

fn entry(cells: &Cells<'_>) -> Result<CodeEntry, CodeTrouble> {
    if cells.is_broken() {
        return Err(CodeTrouble::Row);
    }
    CodeEntry {
        scope: CodeScope::from_word(cells.get(2)).ok_or(CodeTrouble::Scope)?,
        pattern: CodePattern::from_text(cells.get(0)).ok_or(CodeTrouble::Pattern)?,
        reason: Reason::from_word(cells.get(1)).ok_or(CodeTrouble::Reason)?,
        said: words(cells.get(3), cells.get(4)),
        advice: words(cells.get(5), cells.get(6)),
    }
    .checked()
}

fn words(zh: &str, en: &str) -> Option<Bilingual> {
    let some = !zh.is_empty() || !en.is_empty();
    some.then(|| Bilingual { zh: zh.to_owned().into(), en: en.to_owned().into() })
}

impl Engine {
    /// What carriers' codes mean here: the built-in tables with the operator's own lines over them.
    #[must_use]
    pub fn codes(&self) -> CodeBook {
        self.dispatch().map(|dispatch| dispatch.retry().codes.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::channel::CarrierCode;

    #[test]
    fn a_table_is_read_and_its_mistakes_have_lines() {
        let good =
            "scope,code,reason,zh,en\n,ZZ:0001,unknown_number,空号,nobody\nsgip,SGIP:99,carrier_rate,,\n";
        let book = read_codes(good.as_bytes().to_vec()).unwrap();
        assert_eq!(book.reason(None, CarrierCode::new(b"ZZ:0001")), Reason::UnknownNumber);
        assert_eq!(book.entries().len(), 2);
        let bad = "code,reason,scope,zh,en\nA:1,unknown_number,,,\nA:2,late,,,\n,unreachable,,,\nA:3,unreachable,moon,,\nA:4,unreachable,,只有中文,\n";
        let Err(CodesError::Mistakes(mistakes)) = read_codes(bad.as_bytes().to_vec()) else {
            panic!("refused")
        };
        let expected = [
            (3, CodeTrouble::Reason),
            (4, CodeTrouble::Pattern),
            (5, CodeTrouble::Scope),
            (6, CodeTrouble::Words),
        ];
        assert_eq!(mistakes, expected);
        let twice = "code,reason\nA:1,unreachable\na:1,carrier_rate\n";
        let error = read_codes(twice.as_bytes().to_vec()).err().unwrap();
        assert!(error.explain().zh.contains("第 3 行") && error.explain().en.contains("line 3"));
    }
}
