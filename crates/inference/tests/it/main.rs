//! Engines against the libraries whose models they run.
//!
//! `GINGHAM_ENGINE_CASES` names the folder that `python/tests/engines/make_cases.py` fills; `cargo
//! xtask test` makes it. Without it these tests say so and pass, because the models are not there. In the same way
//! `GINGHAM_WORKER_PYTHON` names a Python with pyarrow, pandas and cloudpickle for the tests of workers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod case;
mod explained;
mod hostile;
mod oracle;
mod runtime;
mod workers;
