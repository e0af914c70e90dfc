//! Each deployment under an address of its own: a plain typed JSON endpoint with its description, and what MLflow's
//! scoring server answers.

mod csv;
mod describe;
mod invocations;
mod predict;
pub(crate) mod tabular;
#[cfg(test)]
mod tests;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    Routes::new().and(predict::routes()).and(invocations::routes())
}
