//! Customers whose connections several nodes share: leases under names that older programs do not read. The step finds what a
//! node holds, and its number keeps those programs out.

use super::{NamedStep, index};

pub(super) const STEPS: &[NamedStep] =
    &[("v12_lease_holder", || index("lease_holder", "lease", &["holder"]))];
