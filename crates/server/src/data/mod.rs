//! Datasets, their versions, and verdicts of checks.

mod points;
mod routes;
mod rows;
mod verdicts;
mod wire;

use crate::routes::Routes;

pub(crate) use wire::{ColumnBody, VerdictBody, columns};

pub(crate) fn routes() -> Routes {
    routes::routes().and(rows::routes()).and(points::routes()).and(verdicts::routes())
}
