//! Facts about the public functions: golden values of scipy and scikit-learn, and properties.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod golden;
mod properties;
mod stored;
