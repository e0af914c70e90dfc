//! What can be asked of many runs.

use serde::Deserialize;
use utoipa::IntoParams;

/// Which runs are asked for, and what of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunSearch {
    /// In which experiments, ids or names separated by commas; all of them if absent.
    pub experiment: Option<String>,
    /// Only runs that pass, in MLflow's language: `metrics.mae < 300 and params.trainer = 'linear'`.
    pub filter: Option<String>,
    /// In which order, separated by commas: `metrics.mae asc, start_time desc`.
    pub order_by: Option<String>,
    /// `active` (if absent), `deleted` or `all`.
    pub view: Option<String>,
    /// Only these metrics, params and tags, separated by commas: `metrics.mae, params.trainer`. All of them if absent.
    pub columns: Option<String>,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which two are compared.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DifferenceQuery {
    /// The first: `run:ID` or `version:MODEL@NUMBER`.
    pub left: String,
    /// The second.
    pub right: String,
    /// The metric that effects are told in; one that both have if absent.
    pub metric: Option<String>,
}
