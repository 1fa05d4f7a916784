//! The simulation as a test: the product holds, equal seeds tell equal stories, and each deliberate fault is found.

mod faults;
mod seeds;
