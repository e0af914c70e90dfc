//! Windows of live data, their reports, and alerts.

mod alerts;
mod drift;
mod routes;
mod wire;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    routes::routes().and(alerts::routes()).and(drift::routes())
}
