//! Chance from a seed: the same on every machine and for ever, so that a failing seed can be told to somebody else.

/// A generator (splitmix64). Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A generator of its own for one part of the world, so that what one part draws does not move the others.
    pub(crate) fn split(&mut self) -> Self {
        Self::new(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when there is none below it.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.next()) * bound as u128;
        (wide >> u64::BITS) as usize
    }

    /// From `low` up to and including `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = u128::from(high.saturating_sub(low)) + 1;
        low + ((u128::from(self.next()) * span) >> u64::BITS) as u64
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, permille: u32) -> bool {
        self.below(1_000) < permille as usize
    }

    /// One of some; `None` of nothing.
    pub(crate) fn pick<'a, T>(&mut self, some: &'a [T]) -> Option<&'a T> {
        some.get(self.below(some.len()))
    }

    /// The place of one of some weights, as often as it weighs.
    pub(crate) fn weighed(&mut self, weights: impl Iterator<Item = u32> + Clone) -> Option<usize> {
        let sum: u32 = weights.clone().sum();
        let mut left = self.below(sum as usize) as u32;
        for (place, weight) in weights.enumerate() {
            if left < weight {
                return Some(place);
            }
            left -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_even_enough_and_repeats() {
        let mut random = Random::new(7);
        let drawn: Vec<usize> = (0..1_000).map(|_| random.below(10)).collect();
        assert!((0..10).all(|n| drawn.iter().filter(|d| **d == n).count() > 60));
        let mut other = Random::new(7);
        assert_eq!(drawn, (0..1_000).map(|_| other.below(10)).collect::<Vec<_>>());
        assert_eq!(other.weighed([0, 5, 0].into_iter()), Some(1));
        assert_eq!((other.between(3, 3), other.below(0), other.pick::<u8>(&[])), (3, 0, None));
    }
}
