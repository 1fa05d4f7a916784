//! The hongyan binary: configuration, wiring, lifecycle, subcommands.

fn main() {}
