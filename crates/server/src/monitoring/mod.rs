//! Windows of live data, their reports, and alerts.

mod alertmanager;
mod alerts;
mod drift;
mod figures;
mod notifiers;
mod profiles;
mod reports;
mod routes;
mod wire;

pub(crate) use figures::figures;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    routes::routes()
        .and(alerts::routes())
        .and(drift::routes())
        .and(notifiers::routes())
        .and(profiles::routes())
        .and(reports::routes())
        .and(alertmanager::routes())
}
