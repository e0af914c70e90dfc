//! A version on real traffic: archived requests scored again, beside what was served and what came true.

use base::{Actor, Period, Timestamp};
use checks::model::{InputKind, METRIC_NAMES, Predictor, losses_of, metric_of};
use checks::{CheckResult, Outcome, SampleRow, Severity, Verdict};
use serde::Serialize;
use serde_json::{Map, Value, json};
use stats::{Moments, Part, SliceColumn, SliceLimits, adjusted_p_values, paired_bootstrap, welch};
use tables::{Table, Values};

use crate::proving::{EnginePredictor, SEED, keep_verdict};
use crate::traffic::heard;
use crate::{Error, Platform, specs};

/// How far back requests come from, if nothing is said.
const USUAL: Period = Period::from_days(30);
/// More requests are thinned out evenly.
const MOST_REQUESTS: usize = 200_000;
const MOST_CHANGED: usize = 20;
const MOST_SLICES: usize = 50;
const RESAMPLES: u32 = 1_000;
/// Accepted share of false ones among the parts that are called worse.
const FALSE_DISCOVERY: f64 = 0.01;

/// Which traffic a version is tried on.
#[derive(Debug, Clone, Default)]
pub struct BacktestOrder {
    /// How long before the newest request.
    pub last: Option<Period>,
    /// Requests from this moment on.
    pub from: Option<Timestamp>,
    /// Requests before this moment.
    pub to: Option<Timestamp>,
    /// The metric; that of the `gingham.yaml`, or `mae`.
    pub metric: Option<String>,
}

/// A version beside what was served.
#[derive(Debug, Clone, Serialize)]
pub struct Backtest {
    /// The model.
    pub model: String,
    /// The version that was tried.
    pub version: i64,
    /// The first request's time.
    pub from: Timestamp,
    /// Requests before this time.
    pub to: Timestamp,
    /// The metric.
    pub metric: String,
    /// Requests in that time.
    pub requests: u64,
    /// Requests that were scored again: all, or spread evenly over the time when they are many.
    pub scored: u64,
    /// Those of them whose label has come in.
    pub labelled: u64,
    /// How many each version answered then.
    pub served_by: Vec<ServedBy>,
    /// Inputs of the version that were not archived and count as missing.
    pub not_archived: Vec<String>,
    /// The metric of the version, and of what was served, on the labelled requests.
    pub candidate: Option<f64>,
    /// The same of what was served.
    pub served: Option<f64>,
    /// The difference of the mean loss a request with its 95 % interval; below zero the version is better. Absent for
    /// metrics that are no mean.
    pub interval: Option<stats::Interval>,
    /// Mean and greatest difference of the predictions, labelled or not.
    pub moved: Moved,
    /// Parts of the requests, those where the version loses most first.
    pub slices: Vec<SliceCompared>,
    /// The requests whose prediction changed most.
    pub changed: Vec<Changed>,
    /// In a sentence.
    pub summary: String,
    /// The verdict that keeps it.
    pub verdict: Option<String>,
}

/// How many requests a version answered.
#[derive(Debug, Clone, Serialize)]
pub struct ServedBy {
    /// The version.
    pub version: i64,
    /// The requests.
    pub requests: u64,
}

/// How far predictions moved.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Moved {
    /// The mean of the version's prediction less the one served.
    pub mean: f64,
    /// The mean size of that.
    pub mean_absolute: f64,
    /// The greatest size of that.
    pub greatest: f64,
}

/// The version beside what was served, on a part of the requests.
#[derive(Debug, Clone, Serialize)]
pub struct SliceCompared {
    /// The column.
    pub column: String,
    /// Which of its values, in words.
    pub part: String,
    /// Labelled requests in it.
    pub rows: u64,
    /// The metric of the version.
    pub candidate: Option<f64>,
    /// The metric of what was served.
    pub served: Option<f64>,
    /// Probability of such a difference by chance, over all parts (Benjamini-Hochberg).
    pub adjusted_p_value: Option<f64>,
    /// Whether the version is worse there for certain.
    pub worse: bool,
}

/// A request whose prediction changed.
#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    /// The prediction that was archived.
    pub prediction_id: String,
    /// When the event was.
    pub event_time: Option<Timestamp>,
    /// What was answered.
    pub served: f64,
    /// What the version says.
    pub candidate: f64,
    /// What came true, if that is known.
    pub label: Option<f64>,
    /// The inputs.
    pub inputs: Map<String, Value>,
}

/// Requests with both answers.
struct Scored {
    inputs: Table,
    ids: Vec<Option<String>>,
    times: Vec<Option<i64>>,
    served: Vec<f64>,
    candidate: Vec<f64>,
    labels: Vec<f64>,
}

impl Platform {
    /// Tries a version on archived requests, and keeps what came of it as a verdict of the version: the checks
    /// `backtest` and `backtest-slices`, which fail when the version is worse for certain.
    ///
    /// # Errors
    /// When there is no such version; [`Error::Untestable`] when the model was never asked in that time, an input that
    /// it must have was not archived, or the metric is not known.
    pub async fn backtest(
        &self,
        model: &str,
        number: i64,
        order: &BacktestOrder,
        actor: &Actor,
    ) -> Result<Backtest, Error> {
        let version = self.version(model, number).await?.version;
        let untestable =
            |reason: String| Error::Untestable { model: model.to_owned(), version: number, reason };
        let applied = specs::find(&mut self.db.read().await?, model).await?;
        let metric = order
            .metric
            .clone()
            .or_else(|| applied.as_ref().map(|applied| applied.spec.pipeline.evaluate.metric.clone()));
        let metric = metric.unwrap_or_else(|| "mae".to_owned());
        if !METRIC_NAMES.contains(&metric.as_str()) {
            let near = base::names::nearest(&metric, METRIC_NAMES).unwrap_or("mae");
            return Err(untestable(format!("there is no metric `{metric}`; did you mean `{near}`?")));
        }
        let Some(newest) = self.archive.watermark(model) else {
            return Err(untestable("the model was never asked, so there is no traffic".to_owned()));
        };
        let to = order.to.unwrap_or_else(|| Timestamp::from_micros(newest.as_micros().saturating_add(1)));
        let from = order.from.unwrap_or_else(|| to.minus(order.last.unwrap_or(USUAL)));
        let rows = heard(&self.archive.scored(model, from, to).await?)?;
        let requests = rows.row_count();
        if requests == 0 {
            return Err(untestable(format!("no request is archived from {from} until before {to}")));
        }
        let rows = evenly(&rows)?;
        let engine = EnginePredictor::new(self.engine_of_version(&version).await?);
        let (inputs, not_archived) = inputs_of(&engine, &rows)?;
        let candidate = engine.predict(&inputs).map_err(&untestable)?;
        let served_by = by_version(&rows)?;
        let or_nan = |values: Vec<Option<f64>>| -> Vec<f64> {
            values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()
        };
        let scored = Scored {
            ids: rows.texts("prediction_id")?,
            times: rows.times("event_time")?,
            served: or_nan(rows.numbers("prediction")?),
            labels: or_nan(rows.numbers("label")?),
            candidate,
            inputs,
        };
        let mut found = compared(&scored, &metric);
        found.model = model.to_owned();
        (found.version, found.from, found.to) = (number, from, to);
        (found.requests, found.served_by, found.not_archived) = (requests as u64, served_by, not_archived);
        found.slices = slices(&engine, &scored, &metric)?;
        found.summary = summary(&found);
        let verdict = verdict_of(&found);
        let (model, actor, now) = (model.to_owned(), actor.clone(), self.clock.now());
        let stored = self
            .db
            .write(move |tx| {
                Box::pin(async move { keep_verdict(tx, &model, number, &actor, now, &verdict).await })
            })
            .await?;
        found.verdict = Some(stored.id);
        Ok(found)
    }
}

/// At most [`MOST_REQUESTS`] of the rows, spread evenly.
fn evenly(rows: &Table) -> Result<Table, tables::Error> {
    let count = rows.row_count();
    if count <= MOST_REQUESTS {
        return Ok(rows.clone());
    }
    let place = |row: usize| row * MOST_REQUESTS / count;
    let keep: Vec<bool> = (0..count).map(|row| place(row) != place(row + 1)).collect();
    rows.filter(&keep)
}

/// The archived columns that the model takes, by the model's names, and the names of those that are not there.
pub(crate) fn inputs_of(engine: &EnginePredictor, rows: &Table) -> Result<(Table, Vec<String>), Error> {
    let (mut columns, mut lacking) = (Vec::new(), Vec::new());
    for input in engine.inputs() {
        let renamed = format!("feature_{}", input.name);
        let there = [renamed, input.name.clone()].into_iter().find(|name| rows.schema().find(name).is_some());
        match there {
            Some(name) => columns.push((input.name, rows.column(&name)?)),
            None => {
                let kind = match input.kind {
                    InputKind::Number => tables::ColumnType::Real,
                    InputKind::Word => tables::ColumnType::Text,
                };
                // One that the model must have is then missing, and the model says so by its name.
                columns.push((input.name.clone(), Values::missing(kind, rows.row_count())));
                lacking.push(input.name);
            }
        }
    }
    Ok((Table::from_columns(columns)?, lacking))
}

fn by_version(rows: &Table) -> Result<Vec<ServedBy>, tables::Error> {
    let mut counts = std::collections::BTreeMap::<i64, u64>::new();
    for version in rows.numbers("version")?.into_iter().flatten() {
        #[expect(clippy::cast_possible_truncation, reason = "version numbers are small whole numbers")]
        let version = version as i64;
        *counts.entry(version).or_default() += 1;
    }
    Ok(counts.into_iter().map(|(version, requests)| ServedBy { version, requests }).collect())
}

/// The rows whose label has come in and whose answers are numbers.
fn labelled(scored: &Scored, inside: impl Fn(usize) -> bool) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (mut truth, mut own, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for (row, label) in scored.labels.iter().enumerate() {
        let both = scored.candidate.get(row).zip(scored.served.get(row));
        if let Some((candidate, served)) = both
            && inside(row)
            && [*label, *candidate, *served].iter().all(|value| value.is_finite())
        {
            truth.push(*label);
            own.push(*candidate);
            theirs.push(*served);
        }
    }
    (truth, own, theirs)
}

fn compared(scored: &Scored, metric: &str) -> Backtest {
    let (truth, own, theirs) = labelled(scored, |_| true);
    let interval = paired_bootstrap(
        &losses_of(metric, &truth, &own),
        &losses_of(metric, &truth, &theirs),
        SEED,
        RESAMPLES,
    );
    let differences: Vec<f64> = scored
        .candidate
        .iter()
        .zip(&scored.served)
        .map(|(candidate, served)| candidate - served)
        .filter(|difference| difference.is_finite())
        .collect();
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    Backtest {
        model: String::new(),
        version: 0,
        from: Timestamp::from_micros(0),
        to: Timestamp::from_micros(0),
        metric: metric.to_owned(),
        requests: 0,
        scored: scored.candidate.len() as u64,
        labelled: truth.len() as u64,
        served_by: Vec::new(),
        not_archived: Vec::new(),
        candidate: metric_of(metric, &truth, &own),
        served: metric_of(metric, &truth, &theirs),
        interval,
        moved: Moved {
            mean: Moments::of(&differences).mean,
            mean_absolute: Moments::of(&sizes).mean,
            greatest: sizes.iter().copied().fold(0.0, f64::max),
        },
        slices: Vec::new(),
        changed: changed(scored),
        summary: String::new(),
        verdict: None,
    }
}

/// The requests whose prediction changed most.
fn changed(scored: &Scored) -> Vec<Changed> {
    let size = |row: &usize| {
        let both = scored.candidate.get(*row).zip(scored.served.get(*row));
        both.map_or(f64::NAN, |(candidate, served)| (candidate - served).abs())
    };
    let mut order: Vec<usize> = (0..scored.candidate.len()).filter(|row| size(row) > 0.0).collect();
    order.sort_by(|left, right| size(right).total_cmp(&size(left)));
    order
        .into_iter()
        .take(MOST_CHANGED)
        .filter_map(|row| {
            Some(Changed {
                prediction_id: scored.ids.get(row).cloned().flatten()?,
                event_time: scored.times.get(row).copied().flatten().map(Timestamp::from_micros),
                served: *scored.served.get(row)?,
                candidate: *scored.candidate.get(row)?,
                label: scored.labels.get(row).copied().filter(|label| label.is_finite()),
                inputs: scored.inputs.slice(row, 1).json_rows(1).pop().unwrap_or_default(),
            })
        })
        .collect()
}

/// The parts of every input, with the metric of both sides.
fn slices(engine: &EnginePredictor, scored: &Scored, metric: &str) -> Result<Vec<SliceCompared>, Error> {
    let limits = SliceLimits { fewest: 30, ..SliceLimits::default() };
    let mut found = Vec::new();
    let mut p_values = Vec::new();
    for input in engine.inputs() {
        let parts = match scored.inputs.column(&input.name)? {
            Values::Text(texts) => stats::parts(SliceColumn::Texts(&texts), &limits),
            _ => stats::parts(SliceColumn::Numbers(&scored.inputs.numbers(&input.name)?), &limits),
        };
        for (part, inside) in parts {
            let (truth, own, theirs) = labelled(scored, |row| inside.get(row).copied().unwrap_or(false));
            if truth.len() < limits.fewest {
                continue;
            }
            let (own_losses, their_losses) =
                (losses_of(metric, &truth, &own), losses_of(metric, &truth, &theirs));
            // The same requests on both sides: what is tested is their mean difference against none.
            let differences: Vec<f64> =
                own_losses.iter().zip(&their_losses).map(|(own, theirs)| own - theirs).collect();
            let worse = Moments::of(&differences).mean > 0.0 && !differences.is_empty();
            let none = vec![0.0; differences.len()];
            let p = welch(&Moments::of(&differences), &Moments::of(&none)).map(|test| test.p_value);
            p_values.push(p);
            found.push(SliceCompared {
                column: input.name.clone(),
                part: in_words(&part),
                rows: truth.len() as u64,
                candidate: metric_of(metric, &truth, &own),
                served: metric_of(metric, &truth, &theirs),
                adjusted_p_value: None,
                worse,
            });
        }
    }
    for (slice, p) in found.iter_mut().zip(adjusted_p_values(&p_values)) {
        slice.worse &= p.is_some_and(|p| p <= FALSE_DISCOVERY);
        slice.adjusted_p_value = p;
    }
    let loss = |slice: &SliceCompared| match (slice.candidate, slice.served) {
        (Some(candidate), Some(served)) => (candidate - served) * slice.rows as f64,
        _ => f64::NEG_INFINITY,
    };
    found.sort_by(|left, right| right.worse.cmp(&left.worse).then(loss(right).total_cmp(&loss(left))));
    found.truncate(MOST_SLICES);
    Ok(found)
}

fn in_words(part: &Part) -> String {
    match part {
        Part::Text(text) => format!("`{text}`"),
        Part::Range { low: None, high: Some(high) } => format!("at most {}", figure(*high)),
        Part::Range { low: Some(low), high: Some(high) } => format!("{} to {}", figure(*low), figure(*high)),
        Part::Range { low: Some(low), high: None } => format!("above {}", figure(*low)),
        Part::Range { low: None, high: None } => "anything".to_owned(),
    }
}

/// A number with at most four digits after the point.
pub(crate) fn figure(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn summary(found: &Backtest) -> String {
    let Backtest { metric, labelled, scored, .. } = found;
    let (Some(candidate), Some(served)) = (found.candidate, found.served) else {
        return format!(
            "{scored} requests scored; none has a label, so only predictions are compared: they move by {} on average",
            figure(found.moved.mean_absolute)
        );
    };
    let sure = match found.interval {
        Some(interval) if interval.high < 0.0 => "better for certain",
        Some(interval) if interval.low > 0.0 => "worse for certain",
        Some(_) => "no clear difference",
        None => "compared without an interval",
    };
    let parts = found.slices.iter().filter(|slice| slice.worse).count();
    let parts = if parts > 0 { format!("; worse in {parts} parts") } else { String::new() };
    format!(
        "{metric} {} against {} of what was served, on {labelled} labelled of {scored} requests: {sure}{parts}",
        figure(candidate),
        figure(served)
    )
}

/// What is kept as evidence.
fn verdict_of(found: &Backtest) -> Verdict {
    let blank = |id: &str, outcome, observed: String, expected: &str, message: String| CheckResult {
        check_id: id.to_owned(),
        target: format!("traffic from {} until before {}", found.from, found.to),
        severity: Severity::Error,
        outcome,
        observed,
        expected: expected.to_owned(),
        rows: found.labelled,
        failing_rows: 0,
        vacuous: found.labelled == 0,
        sample: Vec::new(),
        message,
        hint: None,
        reason: None,
        owner: None,
    };
    let certain = found.interval.is_some_and(|interval| interval.low > 0.0);
    let outcome = if certain { Outcome::Fail } else { Outcome::Pass };
    let observed = found.candidate.map_or_else(|| "no labels".to_owned(), figure);
    let mut whole =
        blank("backtest", outcome, observed, "not worse than what was served", found.summary.clone());
    whole.sample = (1_u64..)
        .zip(&found.changed)
        .take(5)
        .map(|(row, changed)| SampleRow {
            row,
            values: json!(changed).as_object().cloned().unwrap_or_default(),
        })
        .collect();
    let worse: Vec<&SliceCompared> = found.slices.iter().filter(|slice| slice.worse).collect();
    let message = if worse.is_empty() {
        "no part of the traffic is worse for certain".to_owned()
    } else {
        let told: Vec<String> = worse
            .iter()
            .take(3)
            .map(|slice| {
                let number = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), figure);
                format!(
                    "where `{}` is {}: {} {} against {} on {} requests",
                    slice.column,
                    slice.part,
                    found.metric,
                    number(slice.candidate),
                    number(slice.served),
                    slice.rows
                )
            })
            .collect();
        told.join("; ")
    };
    let outcome = if worse.is_empty() { Outcome::Pass } else { Outcome::Fail };
    let observed = format!("{} parts worse", worse.len());
    let mut parts = blank("backtest-slices", outcome, observed, "no part worse for certain", message);
    parts.failing_rows = worse.iter().map(|slice| slice.rows).max().unwrap_or_default();
    Verdict::of(found.scored, vec![whole, parts])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(candidate: impl Fn(usize) -> f64) -> Scored {
        let rows = 400;
        let noise = |row: usize| ((row * 7_919) % 101) as f64 / 101.0 - 0.5;
        Scored {
            inputs: Table::from_columns(vec![(
                "x".into(),
                Values::Real((0..rows).map(|row| Some(row as f64)).collect()),
            )])
            .unwrap(),
            ids: (0..rows).map(|row| Some(format!("id-{row}"))).collect(),
            times: (0..rows).map(|row| Some(row as i64)).collect(),
            served: (0..rows).map(|row| row as f64 + 1.0).collect(),
            labels: (0..rows)
                .map(|row| if row % 4 == 0 { f64::NAN } else { row as f64 + noise(row) })
                .collect(),
            candidate: (0..rows).map(candidate).collect(),
        }
    }

    #[test]
    fn a_better_version_is_better_for_certain_and_what_changed_most_is_named() {
        let found = compared(&scored(|row| if row == 17 { 30.0 } else { row as f64 }), "mae");
        assert_eq!((found.scored, found.labelled), (400, 300));
        assert!(found.interval.unwrap().high < 0.0, "{:?}", found.interval);
        assert_eq!(found.changed[0].prediction_id, "id-17");
        assert!(summary(&found).contains("better for certain"), "{}", summary(&found));
        assert_eq!(verdict_of(&found).outcome, Outcome::Pass);
    }

    #[test]
    fn a_worse_version_fails() {
        let found = compared(&scored(|row| row as f64 + 2.0), "mae");
        let verdict = verdict_of(&found);
        assert_eq!((verdict.results[0].check_id.as_str(), verdict.outcome), ("backtest", Outcome::Fail));
        assert!(!verdict.blocked, "a backtest is evidence; a policy decides");
    }

    #[test]
    fn without_labels_only_predictions_are_compared() {
        let mut rows = scored(|row| row as f64);
        rows.labels = vec![f64::NAN; 400];
        let found = compared(&rows, "mae");
        assert_eq!((found.candidate, found.labelled), (None, 0));
        assert!(summary(&found).contains("none has a label"));
        assert!(verdict_of(&found).results[0].vacuous);
    }
}
