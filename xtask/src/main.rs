//! Set-up, checks, tests, benchmarks and the demo.
fn main() {}
