//! JSON shapes of windows and alerts.

use std::collections::BTreeMap;

use ::monitoring::{Act, Alert, State, Transition, WindowSummary};
use base::{Period, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::pipelines::JobBody;

/// A model's monitor with its windows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MonitorBody {
    /// The model.
    pub model: String,
    /// The `monitor` part of its `gingham.yaml`.
    pub spec: Value,
    /// Its windows, oldest first.
    pub windows: Vec<WindowBody>,
    /// Where the page of windows before these ends; absent when these are the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A window of event time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WindowBody {
    /// Its beginning, which belongs to it.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Its end, which does not.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// The version that was watched.
    pub version: i64,
    /// Predictions.
    pub rows: u64,
    /// Those whose label has arrived.
    pub labelled: u64,
    /// Share of labels that has arrived.
    pub maturity: Option<f64>,
    /// How it stands: `ok`, `warn`, `drift`, `degraded`, `not_enough_data` or `no_reference`.
    #[schema(value_type = String)]
    pub state: State,
    /// All metrics: `mae`, `rmse`, `bias`, `wape` and more.
    #[schema(value_type = Option<Object>)]
    pub metric: Option<stats::RegressionMetrics>,
    /// The deciding metric in the version's evaluation.
    pub reference_metric: Option<f64>,
    /// How the inputs and predictions stand altogether.
    #[schema(value_type = String)]
    pub drift_state: State,
    /// The column that differs most for its threshold.
    pub worst: Option<WorstBody>,
    /// How much each column differs, by name.
    pub drift: BTreeMap<String, f64>,
    /// What each column's difference has to reach to matter, by name.
    pub drift_thresholds: BTreeMap<String, f64>,
}

/// The column that differs most for its threshold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorstBody {
    /// The column.
    pub column: String,
    /// Which statistic.
    pub statistic: String,
    /// Its value.
    pub value: f64,
    /// Its threshold.
    pub threshold: f64,
}

/// Up to when windows are to be looked at.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evaluate {
    /// Windows that have ended by then, labels included; the newest prediction if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// What a look brought about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Evaluated {
    /// How many windows were looked at.
    pub windows_evaluated: usize,
    /// Alerts that began to fire.
    pub alerts_opened: Vec<AlertBody>,
    /// Work that was started.
    pub jobs: Vec<JobBody>,
    /// Event time up to which everything is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub watermark: Option<Timestamp>,
}

/// Something that needs an act, or needed one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertBody {
    /// Its id.
    pub id: String,
    /// Names the cause: the same cause is the same alert.
    pub fingerprint: String,
    /// The model.
    pub model: String,
    /// The version that served.
    pub version: i64,
    /// `performance`, `drift`, `gap`, `value_range` or `data_check`.
    pub kind: &'static str,
    /// How bad it is.
    pub severity: &'static str,
    /// `pending`, `firing`, `acknowledged`, `resolved`, `silenced` or `expired`.
    pub state: &'static str,
    /// One line.
    pub title: String,
    /// What changed.
    pub what_changed: String,
    /// Event time from which on.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The likely cause.
    pub cause: String,
    /// What it means.
    pub impact: String,
    /// What to do first.
    #[schema(value_type = Object)]
    pub action: Act,
    /// What else can be done.
    #[schema(value_type = Vec<Object>)]
    pub more_actions: Vec<Act>,
    /// Figures behind the words.
    pub details: Value,
    /// Event time at which it was first seen.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// Event time of the last window in which it was looked at.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Event time at which it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    /// Until when it is silenced.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub silenced_until: Option<Timestamp>,
    /// How it got where it stands, oldest first; empty in lists.
    pub history: Vec<TransitionBody>,
}

/// One move of an alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransitionBody {
    /// Event time.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The state before; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'static str>,
    /// The state after.
    pub state: &'static str,
    /// Who moved it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertPage {
    /// The alerts, newest first.
    pub items: Vec<AlertBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which alerts are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertQuery {
    /// Only those in these states, separated by commas; `open` stands for all that are not over.
    pub state: Option<String>,
    /// Only those of this model.
    pub model: Option<String>,
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Why somebody acts on an alert.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertAct {
    /// Why, in words.
    #[serde(default)]
    pub reason: String,
    /// Until when it is silenced; for that act only.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// How long a silence lasts when nobody says.
pub(super) const USUAL_SILENCE: Period = Period::from_days(7);

impl From<WindowSummary> for WindowBody {
    fn from(summary: WindowSummary) -> Self {
        WindowBody {
            from: summary.window.from,
            to: summary.window.to,
            version: summary.version,
            rows: summary.rows,
            labelled: summary.labelled,
            maturity: summary.maturity,
            state: summary.state,
            metric: summary.metric,
            reference_metric: summary.reference_metric,
            drift_state: summary.drift_state,
            drift: summary.drift,
            drift_thresholds: summary.drift_thresholds,
            worst: summary.worst.map(|worst| WorstBody {
                column: worst.column,
                statistic: worst.statistic,
                value: worst.value,
                threshold: worst.threshold,
            }),
        }
    }
}

impl From<Alert> for AlertBody {
    fn from(alert: Alert) -> Self {
        AlertBody {
            id: alert.id,
            fingerprint: alert.fingerprint,
            model: alert.model,
            version: alert.version,
            kind: alert.kind.as_str(),
            severity: alert.severity.as_str(),
            state: alert.state.as_str(),
            title: alert.title,
            what_changed: alert.what_changed,
            since: alert.since,
            cause: alert.cause,
            impact: alert.impact,
            action: alert.suggested_action,
            more_actions: alert.more_actions,
            details: alert.details,
            opened_at: alert.opened_at,
            updated_at: alert.updated_at,
            closed_at: alert.closed_at,
            silenced_until: alert.silenced_until,
            history: alert.history.into_iter().map(TransitionBody::from).collect(),
        }
    }
}

impl From<Transition> for TransitionBody {
    fn from(step: Transition) -> Self {
        TransitionBody {
            at: step.at,
            from: step.from.map(::monitoring::AlertState::as_str),
            state: step.to.as_str(),
            actor: step.actor,
            reason: step.reason,
        }
    }
}

/// Which messages are wanted.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct NoticeQuery {
    /// Only of this alert.
    pub alert: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// Which report is wanted.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct ReportQuery {
    /// `json` (the default), `html` or `markdown`.
    pub format: Option<String>,
    /// Only windows that end after this time.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Only windows that begin before this time.
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
}

/// Which stretch is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProfileQuery {
    /// From when on; the last seven days if not said.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Until when; until the newest prediction if not said.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Only predictions of this segment, as `COLUMN=VALUE`.
    pub segment: Option<String>,
}
