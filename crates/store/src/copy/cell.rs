//! Rows on their way from one engine to the other, and what tells whether all of them arrived.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A value as both engines know it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// In the order of their table's columns.
pub(super) type Row = Vec<Cell>;

/// How many rows there are, and the sum of their digests: the same whatever their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    digest: u64,
}

impl Sum {
    pub(super) fn add(&mut self, row: &[Cell]) {
        let mut all = Sha256::new();
        for cell in row {
            cell.put(&mut all);
        }
        let whole: [u8; 32] = all.finalize().into();
        let first = whole.first_chunk().copied().map_or(0, u64::from_be_bytes);
        self.digest = self.digest.wrapping_add(first);
        self.rows += 1;
    }
}

impl Cell {
    /// A tag, a length where it varies, and the value: no two rows look alike.
    fn put(&self, all: &mut Sha256) {
        match self {
            Self::Null => all.update([0]),
            Self::Int(value) => {
                all.update([1]);
                all.update(value.to_be_bytes());
            }
            Self::Flag(value) => all.update([2, u8::from(*value)]),
            Self::Text(text) => put_bytes(all, 3, text.as_bytes()),
            Self::Bytes(bytes) => put_bytes(all, 4, bytes),
        }
    }
}

fn put_bytes(all: &mut Sha256, tag: u8, bytes: &[u8]) {
    all.update([tag]);
    all.update((bytes.len() as u64).to_be_bytes());
    all.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[Row]) -> Sum {
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.add(row));
        sum
    }

    #[test]
    fn a_sum_follows_the_rows_and_not_their_order() {
        let (a, b) = (vec![Cell::Int(1), Cell::Text("x".into())], vec![Cell::Null, Cell::Bytes(vec![1])]);
        assert_eq!(sum(&[a.clone(), b.clone()]), sum(&[b.clone(), a.clone()]));
        assert_ne!(sum(&[a.clone(), b.clone()]), sum(&[a.clone(), a.clone()]));
        assert_ne!(
            sum(std::slice::from_ref(&a)),
            sum(&[vec![Cell::Int(1), Cell::Bytes(b"x".to_vec())]]),
            "of another kind"
        );
        let split = |x: &str, y: &str| vec![Cell::Text(x.into()), Cell::Text(y.into())];
        assert_ne!(sum(&[split("ab", "c")]), sum(&[split("a", "bc")]));
        assert_ne!(sum(&[a.clone(), a]), sum(&[b.clone(), b]));
    }
}
