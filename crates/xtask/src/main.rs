//! Checks and generators of the repository; no runtime code.

fn main() {}
