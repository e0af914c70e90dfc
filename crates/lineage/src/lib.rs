//! Lineage: what came of what, over runs, datasets, versions and whatever other systems tell of.
//!
//! | Module | Subject |
//! | --- | --- |
//! | `graph` | things, steps and neighbourhoods |
//! | `telling` | what is told becomes part of the stored graph, many things in one statement |
//! | `store` | the stored graph; neighbourhoods are read level by level through indexes |
//! | `openlineage` | events of other systems, held to the specification |
//! | `emit` | our events, as others read them |
//! | `outbox` | events on their way, and how far the log is read |

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod emit;
mod error;
mod graph;
mod openlineage;
pub mod outbox;
mod store;
mod telling;
#[cfg(test)]
mod tests;

pub use emit::{RunState, TellDataset, TellJob, TellRun, dataset_event, job_event, run_uuid};
pub use error::Error;
pub use graph::{Edge, Graph, Neighbourhood, Node};
pub use openlineage::graph_of_event;
pub use store::neighbourhood;
pub use telling::put;
