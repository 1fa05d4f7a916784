//! What the demonstration says, in one of two languages, in columns that fit wide characters.

use std::io::Write as _;

use domain::currency::Currency;
use domain::money::Money;

/// Width of a label column in terminal cells.
const LABEL_CELLS: usize = 34;
/// Width of a number column in terminal cells.
const NUMBER_CELLS: usize = 10;

/// Where to say it, and in what language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show {
    /// Chinese, else English.
    pub(crate) chinese: bool,
    /// Nothing is said: the output is for a machine.
    pub(crate) quiet: bool,
}

impl Show {
    /// The reader's of two texts.
    pub(crate) fn of<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        if self.chinese { zh } else { en }
    }

    /// A line.
    pub(crate) fn line(&self, text: &str) {
        if !self.quiet {
            // A reader who has gone away is no reason to stop: the server goes on, a command ends anyway.
            let _nobody_listens = writeln!(std::io::stdout(), "{text}");
        }
    }

    /// The reader's of two lines.
    pub(crate) fn say(&self, zh: &str, en: &str) {
        self.line(self.of(zh, en));
    }

    /// A heading, with room above.
    pub(crate) fn head(&self, zh: &str, en: &str) {
        let text = self.of(zh, en);
        self.line("");
        self.line(&format!("── {text} {}", "─".repeat(60_usize.saturating_sub(cells(text)))));
    }

    /// A label with a number, indented by `depth`.
    pub(crate) fn count(&self, depth: usize, label: &str, count: i64) {
        self.row(depth, label, &grouped(count), "");
    }

    /// A label, something right-aligned, and a remark.
    pub(crate) fn row(&self, depth: usize, label: &str, value: &str, remark: &str) {
        let label = format!("{}{label}", "  ".repeat(depth + 1));
        let gap = LABEL_CELLS.saturating_sub(cells(&label)) + NUMBER_CELLS.saturating_sub(cells(value));
        let remark = if remark.is_empty() { String::new() } else { format!("  {remark}") };
        self.line(&format!("{label}{}{value}{remark}", " ".repeat(gap.max(1))));
    }

    /// An amount of money, in the currency in which this process counts.
    pub(crate) fn money(&self, amount: Money) -> String {
        format!("{}{amount}", Currency::installed().sign())
    }
}

/// Prints a value for machines.
///
/// # Errors
/// When the value cannot be written as JSON: a fault of this program.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    // As in `line`: a reader who has gone away is no failure.
    let _nobody_listens = writeln!(std::io::stdout(), "{text}");
    Ok(())
}

/// A number with a comma after every three digits.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many terminal cells a text fills: East Asian wide characters fill two (Unicode UAX 11, the blocks in use here).
pub(crate) fn cells(text: &str) -> usize {
    text.chars()
        .map(|ch| match u32::from(ch) {
            0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
            0xfe30..=0xfe6f | 0xff01..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_fill_two_cells_and_numbers_are_grouped() {
        assert_eq!(cells("鸿雁ab（x）"), 11);
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(-999), "-999");
        assert_eq!(grouped(0), "0");
    }
}
