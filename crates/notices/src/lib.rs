//! Messages to people and systems: e-mail, chat, pagers, signed webhooks.
//!
//! - [`Notice`] is what is told: what changed, since when, why, what it means, what to do.
//! - [`Target`] is where it goes. Secrets are named (an environment variable or a file), never written down.
//! - [`send()`] sends one notice to one target, once. When to try again is the caller's: [`Error::is_lasting`] says
//!   whether that makes sense, and [`pause_after`] how long to wait.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod bodies;
mod error;
mod mail;
mod notice;
mod secret;
mod send;
mod sign;
mod target;

pub use error::Error;
pub use notice::{Notice, NoticeState};
pub use secret::Secret;
pub use send::{pause_after, post_json, send};
pub use sign::signature;
pub use target::{MailTarget, Notifier, Target};

#[cfg(test)]
mod tests;
