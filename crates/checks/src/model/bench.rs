//! Evaluating a list of checks of one model.

use std::sync::OnceLock;

use tables::{Query, QueryLimits, Table, Values};

use super::{ModelCheck, ModelCheckKind, ModelInput, Predictor, Rival, Subject, behaviour, fitness, leakage};
use super::{metric, words};
use crate::compile::ROW;
use crate::{CheckResult, Drifts, Outcome, SampleRow, Severity, Verdict};

/// How long a condition may take to be found true or false.
const CONDITION_DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);

/// A name, the figure that goes by it, and the loss of each row.
pub(super) type NamedFigure = (String, Option<f64>, Vec<f64>);

/// Why a check cannot be evaluated.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Failed {
    pub(super) const fn new(message: String) -> Self {
        Self { message, hint: None }
    }

    pub(super) fn hinted(message: String, hint: impl Into<String>) -> Self {
        Self { message, hint: Some(hint.into()) }
    }
}

impl From<tables::Error> for Failed {
    fn from(error: tables::Error) -> Self {
        Self { message: error.to_string(), hint: base::Failure::hint(&error) }
    }
}

/// How a check came out.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) holds: bool,
    pub(super) rows: u64,
    pub(super) failing: u64,
    pub(super) observed: String,
    pub(super) message: String,
    pub(super) sample: Vec<SampleRow>,
    pub(super) vacuous: bool,
}

impl Found {
    pub(super) const fn of(holds: bool, rows: u64, observed: String, message: String) -> Self {
        Self { holds, rows, failing: 0, observed, message, sample: Vec::new(), vacuous: false }
    }

    pub(super) fn nothing(rows: u64, message: String) -> Self {
        Self { vacuous: true, ..Self::of(true, rows, String::new(), message) }
    }
}

/// Evaluates checks of a model, one after another; one that cannot be evaluated comes out as [`Outcome::Error`] and
/// does not disturb the others. `drifts` compares rows for checks of drift; without it those are errors.
///
/// Takes as long as the model needs to predict its rows a few times; run it where waiting is allowed.
pub async fn evaluate_model(
    checks: &[ModelCheck],
    subject: &Subject<'_>,
    drifts: Option<&dyn Drifts>,
) -> Verdict {
    let bench = Bench { subject, own: OnceLock::new(), champion: OnceLock::new(), truth: OnceLock::new() };
    let mut ids = std::collections::HashSet::new();
    let mut results = Vec::with_capacity(checks.len());
    for check in checks {
        let found = if ids.insert(check.id.as_str()) {
            bench.found(check, drifts).await
        } else {
            Err(Failed::new(format!("two checks have the id `{}`", check.id)))
        };
        results.push(result(check, found));
    }
    Verdict::of(subject.rows.row_count() as u64, results)
}

fn result(check: &ModelCheck, found: Result<Found, Failed>) -> CheckResult {
    let blank = |outcome, observed, rows, message| CheckResult {
        check_id: check.id.clone(),
        target: words::target(check),
        severity: check.severity,
        outcome,
        observed,
        expected: words::expected(check),
        rows,
        failing_rows: 0,
        vacuous: false,
        sample: Vec::new(),
        message,
        hint: None,
        reason: check.reason.clone(),
        owner: check.owner.clone(),
    };
    match found {
        Ok(found) => {
            let outcome = match (found.holds, check.severity) {
                (true, _) => Outcome::Pass,
                (false, Severity::Warn) => Outcome::Warn,
                (false, _) => Outcome::Fail,
            };
            CheckResult {
                failing_rows: found.failing,
                vacuous: found.vacuous,
                sample: found.sample,
                ..blank(outcome, found.observed, found.rows, found.message)
            }
        }
        Err(failed) => CheckResult {
            hint: failed.hint,
            ..blank(
                Outcome::Error,
                "not evaluated".to_owned(),
                0,
                format!("cannot be evaluated: {}", failed.message),
            )
        },
    }
}

/// A subject with what was found out about it once.
pub(super) struct Bench<'a> {
    pub(super) subject: &'a Subject<'a>,
    own: OnceLock<Result<Vec<f64>, Failed>>,
    champion: OnceLock<Result<Vec<f64>, Failed>>,
    truth: OnceLock<Result<Vec<f64>, Failed>>,
}

impl Bench<'_> {
    async fn found(&self, check: &ModelCheck, drifts: Option<&dyn Drifts>) -> Result<Found, Failed> {
        let keep = self.rows_in_question(check).await?;
        match &check.kind {
            ModelCheckKind::Metric { rule, by, min_rows } => {
                metric::gate(self, check, &keep, rule, by.as_deref(), *min_rows)
            }
            ModelCheckKind::NoWorse { metric, by_share, by, min_rows } => {
                metric::no_worse(self, &keep, metric, *by_share, by.as_deref(), *min_rows)
            }
            ModelCheckKind::WeakSlices { at_most } => metric::weak(self, &keep, *at_most),
            ModelCheckKind::Calibration { ece, brier } => metric::calibration(self, &keep, *ece, *brier),
            ModelCheckKind::Fairness { column, metric, bound, threshold, against } => {
                metric::fair(self, &keep, column, metric, *bound, *threshold, *against)
            }
            ModelCheckKind::Overfit { metric, by_share } => metric::overfit(self, metric, *by_share),
            ModelCheckKind::Invariant { column, values, tolerance } => {
                behaviour::invariant(self, check, &keep, column, values, *tolerance)
            }
            ModelCheckKind::Direction { column, step, may, tolerance } => {
                behaviour::direction(self, check, &keep, column, *step, *may, *tolerance)
            }
            ModelCheckKind::Cases { cases } => behaviour::cases(self, cases),
            ModelCheckKind::Parity { with, tolerance } => {
                behaviour::parity(self, check, &keep, with, *tolerance)
            }
            ModelCheckKind::Robust { disturbance, columns, metric, worse_by } => {
                behaviour::robust(self, &keep, *disturbance, columns, metric, *worse_by)
            }
            ModelCheckKind::Leakage { alone, duplicates } => leakage::leakage(self, *alone, *duplicates),
            ModelCheckKind::Latency { rows, p99_ms } => fitness::latency(self, *rows, *p99_ms),
            ModelCheckKind::Size { file_bytes, memory_bytes } => {
                fitness::size(self, *file_bytes, *memory_bytes)
            }
            ModelCheckKind::Consumers => fitness::consumers(self),
            ModelCheckKind::Licences { allow, deny } => fitness::licences(self, allow, deny),
            ModelCheckKind::NoUnsafeFiles => fitness::files(self),
            ModelCheckKind::Drift { against, columns, at_most, bounds } => {
                let drifts = drifts
                    .ok_or_else(|| Failed::new("there is nothing here to compare rows with".to_owned()))?;
                let found = drifts.compare(against, columns, bounds).map_err(Failed::new)?;
                let (holds, observed, message) = found.told(*at_most).map_err(Failed::new)?;
                let mut result = Found::of(holds, self.rows().row_count() as u64, observed, message);
                result.failing = if holds { 0 } else { found.drifted.len() as u64 };
                Ok(result)
            }
        }
    }

    /// Which rows a check is about.
    async fn rows_in_question(&self, check: &ModelCheck) -> Result<Vec<bool>, Failed> {
        let rows = self.rows().row_count();
        let Some(condition) = &check.where_sql else { return Ok(vec![true; rows]) };
        let numbers = (1_i64..).take(rows).map(Some).collect();
        let table = self.rows().with_column(ROW, Values::Int(numbers))?;
        let limits = QueryLimits { timeout: CONDITION_DEADLINE, ..QueryLimits::default() };
        let found = Query::new()
            .table("input", table)
            .limits(limits)
            .run(&format!("select {ROW} from input where ({condition})"))
            .await?;
        let mut keep = vec![false; rows];
        for number in found.numbers(ROW)?.into_iter().flatten() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a row, from 1")]
            if let Some(keep) = keep.get_mut(number as usize - 1) {
                *keep = true;
            }
        }
        Ok(keep)
    }

    pub(super) const fn rows(&self) -> &Table {
        self.subject.rows
    }

    pub(super) const fn name(&self) -> &str {
        self.subject.name
    }

    pub(super) const fn target(&self) -> &str {
        self.subject.target
    }

    pub(super) const fn seed(&self) -> u64 {
        self.subject.seed
    }

    pub(super) fn inputs(&self) -> &[ModelInput] {
        &self.subject.inputs
    }

    pub(super) fn numbers_of(&self, rows: &Table, column: &str) -> Result<Vec<f64>, Failed> {
        let numbers = rows.numbers(column)?;
        Ok(numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect())
    }

    /// The truth of each row, NaN where it is missing.
    pub(super) fn truth(&self) -> Result<&[f64], Failed> {
        kept(&self.truth, || self.numbers_of(self.rows(), self.target()))
    }

    /// What the model predicts of each row.
    pub(super) fn predictions(&self) -> Result<&[f64], Failed> {
        kept(&self.own, || self.predict(self.subject.model, self.rows()))
    }

    /// What the champion predicts of each row; `None` when there is none.
    pub(super) fn champion(&self) -> Result<Option<(&str, &[f64])>, Failed> {
        let Some(champion) = &self.subject.champion else { return Ok(None) };
        let Some(model) = champion.model else {
            let why = format!("`{}` has no model that can be evaluated here", champion.name);
            return Err(Failed::new(why));
        };
        let predicted = kept(&self.champion, || {
            self.predict(model, self.rows()).map_err(|failed| Failed {
                message: format!("`{}` cannot predict these rows: {}", champion.name, failed.message),
                ..failed
            })
        })?;
        Ok(Some((&champion.name, predicted)))
    }

    /// The figures of each baseline, with losses where it can be evaluated.
    pub(super) fn baselines(
        &self,
        metric: &str,
        keep: &[bool],
        whole: bool,
    ) -> Result<Vec<NamedFigure>, Failed> {
        let truth = self.truth()?;
        let picked = |values: &[f64]| -> Vec<f64> {
            values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| *value).collect()
        };
        self.subject
            .baselines
            .iter()
            .map(|Rival { name, model, metrics }| match (model, metrics) {
                (Some(model), _) => {
                    let (truth, own) = (picked(truth), picked(&self.predict(*model, self.rows())?));
                    let losses = metric::losses_of(metric, &truth, &own);
                    Ok((name.clone(), metric::metric_of(metric, &truth, &own), losses))
                }
                (None, Some(metrics)) if whole => {
                    let value = metrics.get(metric).and_then(serde_json::Value::as_f64);
                    Ok((name.clone(), value, Vec::new()))
                }
                _ => {
                    Err(Failed::new(format!("of the baseline `{name}` only figures over all rows are kept")))
                }
            })
            .collect()
    }

    /// The rows learnt from with what the model predicts of them.
    pub(super) fn training_predictions(&self) -> Result<(&Table, Vec<f64>), Failed> {
        let training = self.training()?;
        Ok((training, self.predict(self.subject.model, training)?))
    }

    pub(super) fn training(&self) -> Result<&Table, Failed> {
        self.subject
            .training
            .ok_or_else(|| Failed::new("the rows that it learnt from are not known".to_owned()))
    }

    /// What a model predicts of rows, one number each.
    pub(super) fn predict(&self, model: &dyn Predictor, rows: &Table) -> Result<Vec<f64>, Failed> {
        let predicted = model.predict(rows).map_err(Failed::new)?;
        if predicted.len() == rows.row_count() {
            Ok(predicted)
        } else {
            Err(Failed::new(format!("it gave {} predictions for {} rows", predicted.len(), rows.row_count())))
        }
    }
}

fn kept(
    cell: &OnceLock<Result<Vec<f64>, Failed>>,
    work: impl FnOnce() -> Result<Vec<f64>, Failed>,
) -> Result<&[f64], Failed> {
    cell.get_or_init(work).as_deref().map_err(Clone::clone)
}
