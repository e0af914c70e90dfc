//! Profiles, drift and test statistics: pure functions.
