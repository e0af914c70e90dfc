//! Windows of live data, their reports, and alerts.

mod alerts;
mod routes;
mod wire;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    routes::routes().and(alerts::routes())
}
