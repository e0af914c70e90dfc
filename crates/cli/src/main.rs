//! The `gingham` binary.
fn main() {}
