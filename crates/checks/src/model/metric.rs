//! Metrics by name, gates of a metric, slices, calibration and fairness.

use serde_json::{Map, Value, json};
use stats::{Part, SliceColumn, SliceLimits, WeakSlice};
use tables::{Table, Values};

use super::bench::{Bench, Failed, Found, NamedFigure};
use super::words::{figure, in_words, share};
use super::{FairnessBound, ModelCheck};
use crate::SampleRow;
use crate::gate::{Comparison, Demand, Evaluated, Others, Rule, Share, metric_gate};
use crate::words::count;

/// The metrics that checks of models know.
pub const METRIC_NAMES: [&str; 16] = crate::gate::METRIC_NAMES;
const RESAMPLES: u32 = 1_000;
const MOST_NAMED: usize = 5;

/// A metric of predictions, rows where either side is not finite left out. Metrics of classifiers want a truth of 0
/// and 1; rows count as called true from a score of 0.5 on. `None` when it is not defined for these rows.
#[must_use]
pub fn metric_of(name: &str, truth: &[f64], predicted: &[f64]) -> Option<f64> {
    if is_of_classes(name) {
        let (scores, truth) = classes(truth, predicted)?;
        return match name {
            "log_loss" => stats::log_loss(&scores, &truth),
            "brier" => stats::brier(&scores, &truth),
            "average_precision" => stats::average_precision(&scores, &truth),
            _ => stats::binary_metrics(&scores, &truth, 0.5)?.get(name),
        }
        .filter(|value| value.is_finite());
    }
    let metrics = stats::regression_metrics(truth, predicted)?;
    match name {
        "mse" => Some(metrics.rmse * metrics.rmse),
        name => metrics.get(name),
    }
    .filter(|value| value.is_finite())
}

/// What each row adds to the mean behind a metric, less being better; empty for metrics that are no mean over rows,
/// and when a row is not finite.
#[must_use]
pub fn losses_of(name: &str, truth: &[f64], predicted: &[f64]) -> Vec<f64> {
    let loss: fn(f64, f64) -> f64 = match name {
        "mae" => |truth, predicted| (truth - predicted).abs(),
        "rmse" | "mse" | "brier" => |truth, predicted| (truth - predicted).powi(2),
        "accuracy" => |truth, predicted| f64::from(u8::from((predicted >= 0.5) != (truth >= 0.5))),
        "log_loss" => |truth, predicted| {
            let kept = predicted.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            -(truth * kept.ln() + (1.0 - truth) * (1.0 - kept).ln())
        },
        _ => return Vec::new(),
    };
    let losses: Vec<f64> =
        truth.iter().zip(predicted).map(|(truth, predicted)| loss(*truth, *predicted)).collect();
    if losses.iter().all(|loss| loss.is_finite()) { losses } else { Vec::new() }
}

fn is_of_classes(name: &str) -> bool {
    ["log_loss", "brier", "accuracy", "precision", "recall", "f1", "roc_auc", "average_precision"]
        .contains(&name)
}

/// Scores and truth of rows where both are finite; `None` when a truth is neither 0 nor 1.
pub(super) fn classes(truth: &[f64], predicted: &[f64]) -> Option<(Vec<f64>, Vec<bool>)> {
    let pairs: Vec<(f64, f64)> = predicted
        .iter()
        .zip(truth)
        .map(|(score, truth)| (*score, *truth))
        .filter(|(score, truth)| score.is_finite() && truth.is_finite())
        .collect();
    let fits = pairs.iter().all(|(_, truth)| *truth == 0.0 || *truth == 1.0);
    fits.then(|| pairs.into_iter().map(|(score, truth)| (score, truth == 1.0)).unzip())
}

/// Why a metric has no value.
fn why_none(name: &str, truth: &[f64], predicted: &[f64]) -> String {
    let finite = truth.iter().zip(predicted).filter(|(truth, score)| truth.is_finite() && score.is_finite());
    let rows = finite.clone().count();
    if rows == 0 {
        return format!("`{name}` has no value: there is no row with both a truth and a prediction");
    }
    if is_of_classes(name) {
        return match classes(truth, predicted) {
            None => format!("`{name}` is for a truth of 0 and 1, and the target holds other numbers"),
            Some((_, truth)) if truth.iter().all(|one| *one) || !truth.iter().any(|one| *one) => {
                format!("`{name}` has no value: all {} rows are of one class", count(rows as u64))
            }
            Some(_) => format!("`{name}` has no value: the model calls no row true"),
        };
    }
    format!("`{name}` has no value over these {} rows", count(rows as u64))
}

/// A subset of the rows, with what was true, predicted, and predicted by others.
struct Side<'a> {
    truth: Vec<f64>,
    own: Vec<f64>,
    bench: &'a Bench<'a>,
    keep: Vec<bool>,
}

impl<'a> Side<'a> {
    fn of(bench: &'a Bench<'a>, keep: &[bool]) -> Result<Self, Failed> {
        Ok(Self {
            truth: picked(bench.truth()?, keep),
            own: picked(bench.predictions()?, keep),
            bench,
            keep: keep.to_vec(),
        })
    }

    fn rows(&self) -> u64 {
        self.truth.len() as u64
    }

    /// The metric with the losses of each row.
    fn value(&self, metric: &str) -> Result<f64, Failed> {
        metric_of(metric, &self.truth, &self.own)
            .ok_or_else(|| Failed::new(why_none(metric, &self.truth, &self.own)))
    }

    fn losses(&self, metric: &str) -> Vec<f64> {
        losses_of(metric, &self.truth, &self.own)
    }

    /// The figures of the champion on the same rows; `None` when there is no champion.
    fn champion(&self, metric: &str) -> Result<Option<NamedFigure>, Failed> {
        let Some((name, predicted)) = self.bench.champion()? else { return Ok(None) };
        let predicted = picked(predicted, &self.keep);
        let value = metric_of(metric, &self.truth, &predicted);
        Ok(Some((name.to_owned(), value, losses_of(metric, &self.truth, &predicted))))
    }
}

fn picked(values: &[f64], keep: &[bool]) -> Vec<f64> {
    values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| *value).collect()
}

/// The parts of a column that have enough rows, each with its rows among those asked for.
fn slices(
    bench: &Bench<'_>,
    column: &str,
    keep: &[bool],
    min_rows: u64,
) -> Result<Vec<(String, Vec<bool>)>, Failed> {
    let found = parts_of(bench.rows(), column)?;
    Ok(found
        .into_iter()
        .map(|(part, inside)| {
            let inside: Vec<bool> = inside.iter().zip(keep).map(|(inside, keep)| *inside && *keep).collect();
            (format!("`{column}` is {}", in_words(&part)), inside)
        })
        .filter(|(_, inside)| inside.iter().filter(|inside| **inside).count() as u64 >= min_rows.max(1))
        .collect())
}

/// Parts of a column: each value of one with few different numbers, quarters of others, frequent texts.
fn parts_of(rows: &Table, column: &str) -> Result<Vec<(Part, Vec<bool>)>, Failed> {
    let limits = SliceLimits { most_values: 100, ..SliceLimits::default() };
    if let Values::Text(texts) = rows.column(column).map_err(Failed::from)? {
        return Ok(stats::parts(SliceColumn::Texts(&texts), &limits));
    }
    let numbers = rows.numbers(column).map_err(Failed::from)?;
    let mut different: Vec<f64> =
        numbers.iter().flatten().copied().filter(|value| value.is_finite()).collect();
    different.sort_by(f64::total_cmp);
    different.dedup();
    if different.len() > 31 {
        return Ok(stats::parts(SliceColumn::Numbers(&numbers), &limits));
    }
    Ok(different
        .into_iter()
        .map(|value| {
            let inside = numbers.iter().map(|number| *number == Some(value)).collect();
            (Part::Text(crate::words::figure(value)), inside)
        })
        .collect())
}

/// How one set of rows came out.
struct Judged {
    passed: bool,
    observed: String,
    why: String,
    values: Map<String, Value>,
}

/// A metric against a number, the baselines or the champion.
pub(super) fn gate(
    bench: &Bench<'_>,
    check: &ModelCheck,
    keep: &[bool],
    rule: &Rule,
    each: Option<&str>,
    min_rows: u64,
) -> Result<Found, Failed> {
    on_each(bench, keep, each, min_rows, |side| judged_by_rule(bench, check, rule, side))
}

fn judged_by_rule(
    bench: &Bench<'_>,
    check: &ModelCheck,
    rule: &Rule,
    side: &Side<'_>,
) -> Result<Judged, Failed> {
    let value = side.value(&rule.metric)?;
    let losses = side.losses(&rule.metric);
    let whole = check.where_sql.is_none() && side.keep.iter().all(|keep| *keep);
    let rivals: Vec<NamedFigure> = match rule.demand {
        Demand::Beats { others: Others::Champion, .. } => side.champion(&rule.metric)?.into_iter().collect(),
        Demand::Beats { others: Others::Baselines, .. } => {
            bench.baselines(&rule.metric, &side.keep, whole)?
        }
        _ => Vec::new(),
    };
    let others: Vec<Evaluated<'_>> =
        rivals.iter().map(|(name, value, losses)| Evaluated { name, value: *value, losses }).collect();
    let candidate = Evaluated { name: bench.name(), value: Some(value), losses: &losses };
    let result = metric_gate(rule, &candidate, &others, bench.seed());
    let mut values = Map::new();
    values.insert(rule.metric.clone(), json!(value));
    for Comparison { other, other_value, .. } in &result.comparisons {
        values.insert(format!("{} of {other}", rule.metric), json!(other_value));
    }
    Ok(Judged { passed: result.passed, observed: result.observed, why: result.why, values })
}

/// A metric that may be worse than the champion's by a share at most.
///
/// Worse by more than that counts where it is certain: the 95 % interval of a paired bootstrap over the rows lies
/// on the worse side, for metrics that are a mean over rows.
pub(super) fn no_worse(
    bench: &Bench<'_>,
    keep: &[bool],
    metric: &str,
    by: Share,
    each: Option<&str>,
    min_rows: u64,
) -> Result<Found, Failed> {
    let rule = Rule { metric: metric.to_owned(), demand: Demand::AtMost(0.0), on: None };
    on_each(bench, keep, each, min_rows, |side| {
        let value = side.value(metric)?;
        let Some((name, theirs, losses)) = side.champion(metric)? else {
            return Ok(Judged {
                passed: true,
                observed: figure(value),
                why: "there is no champion yet".to_owned(),
                values: Map::new(),
            });
        };
        let theirs = theirs.ok_or_else(|| Failed::new(format!("{metric} of `{name}` is not a number")))?;
        let (bad, bad_theirs) = (rule.badness(value), rule.badness(theirs));
        let worse = bad > bad_theirs + by.0 * bad_theirs.abs();
        let interval = stats::paired_bootstrap(&side.losses(metric), &losses, bench.seed(), RESAMPLES);
        let certain = interval.is_none_or(|interval| interval.low > 0.0);
        let mut why = format!("{metric} is {}, of `{name}` {}", figure(value), figure(theirs));
        if worse && !certain {
            why.push_str(", which may be chance");
        } else if worse {
            why.push_str(&format!("; at most {} worse is allowed", share(by.0)));
        }
        if let Some(interval) = interval {
            why.push_str(&format!(
                "; difference {} to {} a row with 95 % certainty over {} rows",
                figure(interval.low),
                figure(interval.high),
                count(interval.rows)
            ));
        }
        let values = Map::from_iter([
            (metric.to_owned(), json!(value)),
            (format!("{metric} of {name}"), json!(theirs)),
        ]);
        Ok(Judged { passed: !(worse && certain), observed: figure(value), why, values })
    })
}

/// Judges all rows asked for, or each part of a column.
fn on_each(
    bench: &Bench<'_>,
    keep: &[bool],
    each: Option<&str>,
    min_rows: u64,
    judge: impl Fn(&Side<'_>) -> Result<Judged, Failed>,
) -> Result<Found, Failed> {
    let Some(column) = each else {
        let side = Side::of(bench, keep)?;
        if side.rows() == 0 {
            return Err(Failed::new("no row meets the condition".to_owned()));
        }
        let judged = judge(&side)?;
        return Ok(Found::of(judged.passed, side.rows(), judged.observed, judged.why));
    };
    let parts = slices(bench, column, keep, min_rows)?;
    if parts.is_empty() {
        return Err(Failed::new(format!("no part of `{column}` has {min_rows} rows or more")));
    }
    let (total, mut rows, mut worst) = (parts.len(), 0, Vec::new());
    let mut places = 0;
    for (name, inside) in parts {
        let side = Side::of(bench, &inside)?;
        rows += side.rows();
        let judged = judge(&side)
            .map_err(|failed| Failed { message: format!("where {name}: {}", failed.message), ..failed })?;
        if !judged.passed {
            places += 1;
            let first = inside.iter().position(|inside| *inside).unwrap_or_default() as u64 + 1;
            worst.push((first, side.rows(), name, judged));
        }
    }
    let observed = format!("{places} of {total} parts fail");
    let message = match worst.first() {
        None => format!("all {total} parts of `{column}` hold"),
        Some(_) => {
            let named: Vec<String> = worst
                .iter()
                .take(3)
                .map(|(_, _, name, judged)| format!("where {name}: {}", judged.why))
                .collect();
            format!("{observed}: {}", named.join("; "))
        }
    };
    let mut found = Found::of(places == 0, rows, observed, message);
    found.failing = worst.iter().map(|(_, rows, ..)| rows).sum();
    found.sample = worst
        .into_iter()
        .take(MOST_NAMED)
        .map(|(row, rows, name, mut judged)| {
            judged.values.insert("part".to_owned(), json!(name));
            judged.values.insert("rows".to_owned(), json!(rows));
            SampleRow { row, values: judged.values }
        })
        .collect();
    Ok(found)
}

/// Parts of the rows in which the model is clearly worse than elsewhere.
pub(super) fn weak(bench: &Bench<'_>, keep: &[bool], at_most: Share) -> Result<Found, Failed> {
    let errors: Vec<Option<f64>> = bench
        .truth()?
        .iter()
        .zip(bench.predictions()?)
        .zip(keep)
        .map(|((truth, predicted), keep)| keep.then(|| (truth - predicted).abs()))
        .collect();
    enum Column {
        Numbers(Vec<Option<f64>>),
        Texts(Vec<Option<String>>),
    }
    let mut columns = Vec::new();
    for input in bench.inputs() {
        let Ok(values) = bench.rows().column(&input.name) else { continue };
        let column = match values {
            Values::Text(texts) => Column::Texts(texts),
            _ => Column::Numbers(bench.rows().numbers(&input.name).map_err(Failed::from)?),
        };
        columns.push((input.name.as_str(), column));
    }
    let columns: Vec<(&str, SliceColumn<'_>)> = columns
        .iter()
        .map(|(name, column)| {
            let column = match column {
                Column::Numbers(values) => SliceColumn::Numbers(values),
                Column::Texts(values) => SliceColumn::Texts(values),
            };
            (*name, column)
        })
        .collect();
    let weak = stats::weak_slices(&errors, &columns, &SliceLimits::default());
    let rows = errors.iter().flatten().count() as u64;
    let told = |slice: &WeakSlice| {
        format!(
            "where `{}` is {} the mean error is {}, elsewhere {}: {} of all error",
            slice.column,
            in_words(&slice.part),
            figure(slice.mean),
            figure(slice.elsewhere),
            share(slice.surplus_share)
        )
    };
    let bad: Vec<&WeakSlice> = weak.iter().filter(|slice| slice.surplus_share > at_most.0).collect();
    let observed = match weak.first() {
        None => "no weak part".to_owned(),
        Some(first) => format!("{} of all error", share(first.surplus_share)),
    };
    let message = match (bad.as_slice(), weak.first()) {
        ([], None) => "no part of the rows is clearly worse than the others".to_owned(),
        ([], Some(first)) => told(first),
        (bad, _) => bad.iter().take(3).map(|slice| told(slice)).collect::<Vec<_>>().join("; "),
    };
    let mut found = Found::of(bad.is_empty(), rows, observed, message);
    found.failing = bad.first().map_or(0, |slice| slice.rows);
    Ok(found)
}

/// Whether probabilities mean what they say.
pub(super) fn calibration(
    bench: &Bench<'_>,
    keep: &[bool],
    ece: Option<f64>,
    brier: Option<f64>,
) -> Result<Found, Failed> {
    let side = Side::of(bench, keep)?;
    let Some((scores, truth)) = classes(&side.truth, &side.own) else {
        return Err(Failed::new(
            "calibration is for a truth of 0 and 1, and the target holds other numbers".into(),
        ));
    };
    let found_ece = stats::expected_calibration_error(&scores, &truth).ok_or_else(|| {
        Failed::new(
            "calibration is for probabilities: there are none, or predictions are not between 0 and 1".into(),
        )
    })?;
    let found_brier = stats::brier(&scores, &truth).unwrap_or(f64::NAN);
    let mut holds = true;
    let mut parts = Vec::new();
    for (name, found, most) in [("calibration error", found_ece, ece), ("Brier score", found_brier, brier)] {
        let Some(most) = most else { continue };
        holds &= found <= most;
        parts.push(format!("the {name} is {}, at most {} is asked for", figure(found), figure(most)));
    }
    let observed = format!("calibration error {}, Brier {}", figure(found_ece), figure(found_brier));
    Ok(Found::of(holds, scores.len() as u64, observed, parts.join("; ")))
}

/// Whether groups are treated alike.
pub(super) fn fair(
    bench: &Bench<'_>,
    keep: &[bool],
    column: &str,
    metric: &str,
    bound: FairnessBound,
    threshold: f64,
    against: stats::Against,
) -> Result<Found, Failed> {
    let groups = words_of(bench.rows(), column)?;
    let (truth, scores) = (bench.truth()?, bench.predictions()?);
    let rows: Vec<(f64, f64, String)> = truth
        .iter()
        .zip(scores)
        .zip(groups)
        .zip(keep)
        .filter(|(((truth, score), group), keep)| {
            **keep && truth.is_finite() && score.is_finite() && group.is_some()
        })
        .map(|(((truth, score), group), _)| (*truth, *score, group.unwrap_or_default()))
        .collect();
    if rows.iter().any(|(truth, ..)| *truth != 0.0 && *truth != 1.0) {
        return Err(Failed::new(
            "fairness is for a truth of 0 and 1, and the target holds other numbers".into(),
        ));
    }
    let truth: Vec<bool> = rows.iter().map(|row| row.0 == 1.0).collect();
    let called: Vec<bool> = rows.iter().map(|row| row.1 >= threshold).collect();
    let groups: Vec<String> = rows.into_iter().map(|row| row.2).collect();
    let Some(fairness) = stats::fairness(&truth, &called, &groups) else {
        return Err(Failed::new(format!("no row has a truth, a prediction and a `{column}`")));
    };
    if fairness.groups.len() < 2 {
        return Err(Failed::new(format!("`{column}` has one group only, and nothing to compare it with")));
    }
    let found = fairness
        .get(metric, against)
        .ok_or_else(|| Failed::new(format!("`{metric}` has no value: it would be 0 divided by 0")))?;
    let (holds, asked) = match bound {
        FairnessBound::AtMost(most) => (found <= most, format!("at most {}", figure(most))),
        FairnessBound::AtLeast(least) => (found >= least, format!("at least {}", figure(least))),
    };
    let mut message = format!("{metric} over `{column}` is {}, {asked} is asked for", figure(found));
    if let Some((most, least)) = fairness.extremes() {
        let rate = |group: &stats::Group| {
            group.selection_rate.map_or_else(String::new, |rate| {
                format!(
                    "{} of `{}` ({} to {}, {} rows)",
                    share(rate.value),
                    group.name,
                    share(rate.low),
                    share(rate.high),
                    count(rate.rows)
                )
            })
        };
        message.push_str(&format!(": called true are {} and {}", rate(most), rate(least)));
    }
    for warning in fairness.warnings.iter().take(3) {
        message.push_str(&format!("; {warning}"));
    }
    let mut result = Found::of(holds, truth.len() as u64, figure(found), message);
    result.sample = fairness
        .groups
        .iter()
        .take(MOST_NAMED)
        .enumerate()
        .map(|(place, group)| SampleRow {
            row: place as u64 + 1,
            values: json!(group).as_object().cloned().unwrap_or_default(),
        })
        .collect();
    Ok(result)
}

/// A column as words, whatever it holds.
fn words_of(rows: &Table, column: &str) -> Result<Vec<Option<String>>, Failed> {
    Ok(match rows.column(column).map_err(Failed::from)? {
        Values::Text(texts) => texts,
        Values::Bool(truths) => {
            truths.into_iter().map(|truth| truth.map(|truth| truth.to_string())).collect()
        }
        _ => {
            let numbers = rows.numbers(column).map_err(Failed::from)?;
            numbers.into_iter().map(|number| number.map(crate::words::figure)).collect()
        }
    })
}

/// Whether the metric on the rows learnt from is much better than on others.
pub(super) fn overfit(bench: &Bench<'_>, metric: &str, by: Share) -> Result<Found, Failed> {
    let everything = vec![true; bench.rows().row_count()];
    let own = Side::of(bench, &everything)?.value(metric)?;
    let (training, predicted) = bench.training_predictions()?;
    let truth = bench.numbers_of(training, bench.target())?;
    let learnt = metric_of(metric, &truth, &predicted)
        .ok_or_else(|| Failed::new(why_none(metric, &truth, &predicted)))?;
    let rule = Rule { metric: metric.to_owned(), demand: Demand::AtMost(0.0), on: None };
    let (bad, base) = (rule.badness(own), rule.badness(learnt));
    let holds = bad <= base + by.0 * base.abs();
    let message = format!(
        "{metric} is {} on rows learnt from and {} on rows to judge by; at most {} worse is allowed",
        figure(learnt),
        figure(own),
        share(by.0)
    );
    let observed = format!("{} against {}", figure(own), figure(learnt));
    Ok(Found::of(holds, everything.len() as u64, observed, message))
}
