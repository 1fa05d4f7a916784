//! Seeded chance: every decision comes from a hash of what it is about, so runs can be repeated whatever the interleaving.

/// The 95 % point of the standard normal distribution.
const Z_95: f64 = 1.644_853_627;
/// 2⁻⁵³, the step of a double between 0 and 1.
const STEP: f64 = 1.0 / 9_007_199_254_740_992.0;

/// A stream of chance for one decision or a few that belong together (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice for `what` number `number` under a seed.
    pub(crate) fn new(seed: u64, what: u64, number: u64) -> Self {
        Self(mix(seed ^ mix(what ^ mix(number))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Evenly in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * STEP
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// An index below `length`, 0 for an empty range.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        ((u128::from(self.next()) * length as u128) >> 64) as usize
    }

    /// A value of the log-normal distribution with this median and spread (`sigma` of the logarithm).
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }
}

/// The `sigma` of a log-normal distribution with this median and 95 % point; 0 when they are not in order.
pub(crate) fn sigma(median: f64, p95: f64) -> f64 {
    if median > 0.0 && p95 > median { (p95 / median).ln() / Z_95 } else { 0.0 }
}

/// Spreads a number over all 64 bits.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Things with weights.
#[derive(Debug, Clone)]
pub(crate) struct Mix<T> {
    /// Cumulative weights.
    choices: Vec<(f64, T)>,
}

impl<T: Copy> Mix<T> {
    pub(crate) fn new(weighted: impl IntoIterator<Item = (T, f64)>) -> Self {
        let mut sum = 0.0;
        let choices = weighted
            .into_iter()
            .map(|(choice, weight)| {
                sum += weight.max(0.0);
                (sum, choice)
            })
            .collect();
        Self { choices }
    }

    /// One of the choices; `None` when there are none.
    pub(crate) fn pick(&self, dice: &mut Dice) -> Option<T> {
        let (sum, last) = *self.choices.last()?;
        let point = dice.unit() * sum;
        Some(self.choices.iter().find(|(upto, _)| point < *upto).map_or(last, |(_, choice)| *choice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delays_have_the_asked_median_and_95_percent_point() {
        let sigma = sigma(3000.0, 60_000.0);
        let mut dice = Dice::new(1, 2, 3);
        let mut delays: Vec<f64> = (0..40_000).map(|_| dice.log_normal(3000.0, sigma)).collect();
        delays.sort_by(f64::total_cmp);
        assert!((delays[20_000] / 3000.0 - 1.0).abs() < 0.05, "median {}", delays[20_000]);
        assert!((delays[38_000] / 60_000.0 - 1.0).abs() < 0.1, "p95 {}", delays[38_000]);
    }

    #[test]
    fn shares_and_weights_are_kept() {
        let mix = Mix::new([('a', 3.0), ('b', 1.0)]);
        let mut dice = Dice::new(7, 0, 0);
        let picks = (0..40_000).filter(|_| mix.pick(&mut dice) == Some('a')).count();
        assert!((29_000..31_000).contains(&picks), "{picks}");
        let hits = (0..100_000).filter(|_| dice.chance(0.01)).count();
        assert!((850..1150).contains(&hits), "{hits}");
        assert_eq!(Mix::<char>::new([]).pick(&mut dice), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_chance() {
        assert_eq!(Dice::new(1, 2, 3).next(), Dice::new(1, 2, 3).next());
        assert_ne!(Dice::new(1, 2, 3).next(), Dice::new(1, 2, 4).next());
        assert_ne!(Dice::new(1, 2, 3).next(), Dice::new(2, 2, 3).next());
    }
}
