//! Datasets, their versions, and verdicts of checks.

mod routes;
mod verdicts;
mod wire;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    routes::routes().and(verdicts::routes())
}
