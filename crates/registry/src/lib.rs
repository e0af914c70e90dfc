//! Models, their immutable versions and the aliases that point at them.
//!
//! A version never changes: what a new training run makes is a new version. Aliases such as `champion` move, by
//! compare-and-swap, and each move leaves an event. What versions hold beyond their own words (signature, metrics,
//! dataset versions, …) is JSON here: the rooms that make it know its shape.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod error;
mod names;
mod search;
mod store;
mod types;
mod webhook;

pub use error::Error;
pub use names::{check_alias, check_model_name, in_project, project_and_name};
pub use search::{Column, Filter, Order, Sign, Test, Wanted};
pub use store::*;
pub use types::{
    Alias, AliasMove, Expected, Found, Model, NewModel, NewPromotion, NewVersion, Pointer, Promotion, Stage,
    Version,
};
pub use webhook::{NewWebhook, Subject, Webhook, WebhookChange, WebhookStatus, check_webhook_name};
