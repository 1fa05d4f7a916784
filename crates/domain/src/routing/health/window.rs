//! Two counts over a sliding window: what was well and what was not.

/// The window moves on in steps of this part of it.
const BUCKETS: u64 = 10;

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Bucket {
    number: u64,
    well: u64,
    ill: u64,
}

/// Counts of the last `millis`, to a tenth of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Window {
    bucket_millis: u64,
    buckets: [Bucket; BUCKETS as usize],
}

/// What a window holds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Counts {
    pub(super) well: u64,
    pub(super) ill: u64,
}

impl Counts {
    pub(super) fn all(self) -> u64 {
        self.well.saturating_add(self.ill)
    }

    /// Whether at least so many of a hundred are ill, and any is.
    pub(super) fn ill_reach(self, percent: u32) -> bool {
        self.ill > 0 && self.ill.saturating_mul(100) >= self.all().saturating_mul(u64::from(percent))
    }

    /// How many of a hundred are well; none when there are none at all.
    pub(super) fn percent_well(self) -> Option<u8> {
        self.well.saturating_mul(100).checked_div(self.all()).and_then(|percent| u8::try_from(percent).ok())
    }
}

impl Window {
    pub(super) fn new(millis: u64) -> Self {
        Self { bucket_millis: (millis / BUCKETS).max(1), buckets: [Bucket::default(); BUCKETS as usize] }
    }

    pub(super) fn add(&mut self, well: u64, ill: u64, now: u64) {
        let number = now / self.bucket_millis;
        let Some(bucket) = usize::try_from(number % BUCKETS).ok().and_then(|at| self.buckets.get_mut(at))
        else {
            return;
        };
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        bucket.well = bucket.well.saturating_add(well);
        bucket.ill = bucket.ill.saturating_add(ill);
    }

    /// The counts of the window that ends now.
    pub(super) fn counts(&self, now: u64) -> Counts {
        let number = now / self.bucket_millis;
        let fresh = |bucket: &&Bucket| bucket.number + BUCKETS > number && bucket.number <= number;
        self.buckets.iter().filter(fresh).fold(Counts::default(), |sum, bucket| Counts {
            well: sum.well.saturating_add(bucket.well),
            ill: sum.ill.saturating_add(bucket.ill),
        })
    }

    pub(super) fn clear(&mut self) {
        self.buckets = [Bucket::default(); BUCKETS as usize];
    }
}
