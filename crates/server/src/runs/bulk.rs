//! Changing many runs at once.

use axum::extract::State;
use base::Kind;
use governance::{Action, Object, ObjectKind, decide};
use platform::bulk::{Act, BulkOrder, BulkOutcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::search::numbers;
use crate::app::App;
use crate::extract::{Caller, Json, Path};
use crate::problem::Problem;

/// A change of many runs.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChangeRunsBody {
    /// `tag`, `archive`, `delete` or `restore`.
    #[schema(value_type = String)]
    pub act: Act,
    /// Which runs, in the language of searches.
    pub filter: String,
    /// In which experiments, ids or names separated by commas; all of them if absent.
    pub experiment: Option<String>,
    /// The tag's name, for `tag`.
    pub key: Option<String>,
    /// The tag's value, for `tag`.
    pub value: Option<String>,
    /// How many runs are meant. Without it the runs are only counted.
    pub expected: Option<usize>,
}

/// What was found, and done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedRunsBody {
    /// How many runs fit and are not yet as they shall be.
    pub runs: usize,
    /// Some of them.
    pub some: Vec<NamedRun>,
    /// The id of the change, by which it can be taken back; absent when runs were only counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

/// A run by id and name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NamedRun {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What taking a change back did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UndoneBody {
    /// How many runs the change had touched.
    pub runs: usize,
}

impl From<BulkOutcome> for ChangedRunsBody {
    fn from(outcome: BulkOutcome) -> Self {
        let some = outcome.some.into_iter().map(|(id, name)| NamedRun { id, name }).collect();
        ChangedRunsBody { runs: outcome.runs, some, change: outcome.change }
    }
}

/// Counts the runs that fit, and changes them all if `expected` says how many they are.
#[utoipa::path(post, path = "/api/v1/runs/changes", tag = "runs", request_body = ChangeRunsBody, responses((status = 200, body = ChangedRunsBody)))]
pub(super) async fn change_runs(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<ChangeRunsBody>,
) -> Result<Json<ChangedRunsBody>, Problem> {
    if asked.act == Act::Delete {
        let decision = decide(caller.principal(), Action::Delete, &Object::of(ObjectKind::Run));
        if !decision.allowed {
            return Err(Problem::new(Kind::Denied, "denied", decision.reason));
        }
    }
    let order = BulkOrder {
        act: asked.act,
        filter: asked.filter,
        experiments: numbers(&app, asked.experiment.as_deref()).await?,
        tag: asked.key.map(|key| (key, asked.value.unwrap_or_default())),
        expected: asked.expected,
    };
    Ok(Json(app.platform().change_runs(order, &caller.actor()).await?.into()))
}

/// Takes a change of many runs back: each gets what it had before.
#[utoipa::path(post, path = "/api/v1/runs/changes/{change}/undo", tag = "runs", params(("change" = String, Path)), responses((status = 200, body = UndoneBody)))]
pub(super) async fn undo_change_of_runs(
    State(app): State<App>,
    caller: Caller,
    Path(change): Path<String>,
) -> Result<Json<UndoneBody>, Problem> {
    let runs = app.platform().undo_change_of_runs(&change, &caller.actor()).await?;
    Ok(Json(UndoneBody { runs }))
}
