//! The simulation as a test: the product holds, equal seeds tell equal stories, and each deliberate fault is found.

#[cfg(debug_assertions)]
mod faults;
mod seeds;
