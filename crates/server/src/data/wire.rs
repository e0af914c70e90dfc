//! JSON shapes of datasets and verdicts.

use base::{Digest, Timestamp};
use checks::store::StoredVerdict;
use checks::{CheckResult, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tables::Column;
use utoipa::{IntoParams, ToSchema};

/// A named series of versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetBody {
    /// Its name.
    pub name: String,
    /// What its rows are.
    pub description: String,
    /// The number of its newest version; null before the first.
    pub latest_version: Option<i64>,
    /// How many rows the newest version has.
    pub rows_total: u64,
    /// When its first row happened, if rows are timed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// When its last row happened, if rows are timed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who made it.
    pub actor: String,
}

/// A page of datasets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetPage {
    /// The datasets, by name.
    pub items: Vec<DatasetBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// An immutable snapshot of a dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetVersionBody {
    /// The dataset.
    pub dataset: String,
    /// 1, 2, 3 …
    pub number: i64,
    /// The version of the Delta table that holds its rows.
    pub delta_version: i64,
    /// The digest of its schema and all its data files.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// How many rows it has.
    pub rows_total: u64,
    /// How many of them the version before did not have.
    pub rows_added: u64,
    /// Its columns.
    pub schema: SchemaBody,
    /// When its first row happened, if rows are timed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// When its last row happened, if rows are timed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Where the added rows come from.
    pub origin: Value,
    /// A profile of each column of the added rows; lists leave it out.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub profile: Value,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who made it.
    pub actor: String,
}

/// The columns of a table.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SchemaBody {
    /// In order.
    pub columns: Vec<ColumnBody>,
}

/// A column.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ColumnBody {
    /// Its name.
    pub name: String,
    /// `int`, `real`, `text`, `bool` or `time`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether values may be missing.
    pub nullable: bool,
}

/// A page of versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetVersionPage {
    /// The versions, newest first.
    pub items: Vec<DatasetVersionBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A set of check results.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerdictBody {
    /// Its id.
    pub id: String,
    /// What it is about, as `dataset:traffic@2`.
    pub object: String,
    /// When it was given.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// `pass`, `warn`, `fail` or `error`: the worst of the results.
    pub outcome: &'static str,
    /// Whether what was checked must not be used.
    pub blocked: bool,
    /// How many rows were looked at.
    pub rows: u64,
    /// In a sentence.
    pub summary: String,
    /// Each check with what was found.
    pub results: Vec<ResultBody>,
}

/// How one check came out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResultBody {
    /// The check.
    pub check_id: String,
    /// What it is about, in words.
    pub target: String,
    /// How much it matters: `warn`, `error` or `block`.
    pub severity: Value,
    /// `pass`, `warn`, `fail` or `error`.
    pub outcome: &'static str,
    /// What was found, short.
    pub observed: String,
    /// What was to be found, short.
    pub expected: String,
    /// How many rows were in question.
    pub rows: u64,
    /// How many of them did not hold.
    pub failing_rows: u64,
    /// Up to five failing rows.
    #[schema(value_type = Vec<Object>)]
    pub sample: Vec<Map<String, Value>>,
    /// The whole result as a sentence.
    pub message: String,
    /// What may help, when it could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Why the check is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A page of verdicts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerdictPage {
    /// The verdicts, newest first.
    pub items: Vec<VerdictBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which verdicts are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerdictQuery {
    /// Only those about this object, as `dataset:traffic@2`.
    pub object: Option<String>,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Where rows come from.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PushQuery {
    /// Where the rows come from, in words.
    pub origin: Option<String>,
    /// Whether the rows stand in place of those before rather than behind them.
    pub replace: Option<bool>,
}

/// What adding rows brought about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushedBody {
    /// The new version.
    pub version: DatasetVersionBody,
    /// What the checks say of its new rows.
    pub verdict: PushVerdictBody,
}

/// What the checks say of new rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushVerdictBody {
    /// `pass`, `warn`, `fail` or `error`: the worst of the results.
    pub outcome: &'static str,
    /// Whether what was checked must not be used.
    pub blocked: bool,
    /// How many rows were looked at.
    pub rows: u64,
    /// In a sentence.
    pub summary: String,
    /// Each check with what was found.
    pub results: Vec<ResultBody>,
}

/// How many rows are shown.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PreviewQuery {
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// How many rows come before them: 0 if not said.
    pub offset: Option<u64>,
}

/// Some rows of a version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewBody {
    /// Names and types.
    pub columns: Vec<ColumnBody>,
    /// The rows, each with a value a column.
    pub rows: Vec<Vec<Value>>,
    /// Which version they are of.
    pub version: i64,
    /// How many rows come before them.
    pub offset: u64,
    /// How many rows the version has in all.
    pub rows_total: u64,
}

impl From<datasets::Dataset> for DatasetBody {
    fn from(dataset: datasets::Dataset) -> Self {
        DatasetBody {
            name: dataset.name,
            description: dataset.description,
            latest_version: dataset.latest_version,
            rows_total: dataset.rows,
            from: dataset.from,
            to: dataset.to,
            created_at: dataset.created_at,
            actor: dataset.created_by,
        }
    }
}

impl From<datasets::DatasetVersion> for DatasetVersionBody {
    fn from(version: datasets::DatasetVersion) -> Self {
        DatasetVersionBody {
            dataset: version.name,
            number: version.number,
            delta_version: version.delta_version,
            digest: version.digest,
            rows_total: version.rows,
            rows_added: version.rows_added,
            schema: SchemaBody { columns: columns(&version.schema.columns) },
            from: version.from,
            to: version.to,
            origin: version.origin,
            profile: version.profile,
            created_at: version.created_at,
            actor: version.created_by,
        }
    }
}

impl From<StoredVerdict> for VerdictBody {
    fn from(stored: StoredVerdict) -> Self {
        VerdictBody {
            id: stored.id,
            object: format!("{}:{}", stored.object.kind, stored.object.name),
            created_at: stored.created_at,
            actor: stored.actor.as_str().to_owned(),
            outcome: stored.verdict.outcome.word(),
            blocked: stored.verdict.blocked,
            rows: stored.verdict.rows,
            summary: stored.verdict.in_words(),
            results: stored.verdict.results.into_iter().map(ResultBody::from).collect(),
        }
    }
}

impl From<Verdict> for PushVerdictBody {
    fn from(verdict: Verdict) -> Self {
        PushVerdictBody {
            outcome: verdict.outcome.word(),
            blocked: verdict.blocked,
            rows: verdict.rows,
            summary: verdict.in_words(),
            results: verdict.results.into_iter().map(ResultBody::from).collect(),
        }
    }
}

impl From<CheckResult> for ResultBody {
    fn from(result: CheckResult) -> Self {
        ResultBody {
            check_id: result.check_id,
            target: result.target,
            severity: serde_json::json!(result.severity),
            outcome: result.outcome.word(),
            observed: result.observed,
            expected: result.expected,
            rows: result.rows,
            failing_rows: result.failing_rows,
            sample: result.sample.into_iter().map(|row| row.values).collect(),
            message: result.message,
            hint: result.hint,
            reason: result.reason,
            owner: result.owner,
        }
    }
}

/// Columns of a table on the wire.
pub(crate) fn columns(columns: &[Column]) -> Vec<ColumnBody> {
    let body = |column: &Column| ColumnBody {
        name: column.name.clone(),
        kind: column.kind.word(),
        nullable: column.nullable,
    };
    columns.iter().map(body).collect()
}
