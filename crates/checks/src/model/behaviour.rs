//! What happens to predictions when inputs change.

use serde_json::{Map, Value, json};
use stats::{Moments, Random};
use tables::{ColumnType, Table, Values};

use super::bench::{Bench, Failed, Found};
use super::metric::metric_of;
use super::words::{figure, share};
use super::{Case, Disturbance, InputKind, ModelCheck, Step, Way};
use crate::gate::{Demand, Rule, Share};
use crate::words::count;
use crate::{SampleRow, Scalar};

const MOST_SAMPLED: usize = 5;

/// The rows asked for, with the number of each from 1.
fn chosen(bench: &Bench<'_>, keep: &[bool]) -> Result<(Table, Vec<u64>), Failed> {
    let numbers: Vec<u64> =
        (1_u64..).zip(keep).filter(|(_, keep)| **keep).map(|(number, _)| number).collect();
    if numbers.is_empty() {
        return Err(Failed::new("no row meets the condition".to_owned()));
    }
    Ok((bench.rows().filter(keep)?, numbers))
}

fn picked(values: &[f64], keep: &[bool]) -> Vec<f64> {
    values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| *value).collect()
}

fn input<'a>(bench: &'a Bench<'_>, column: &str) -> Result<&'a super::ModelInput, Failed> {
    let inputs = bench.inputs();
    inputs.iter().find(|input| input.name == column).ok_or_else(|| {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let hint = match base::names::nearest(column, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the model takes {}", names.join(", ")),
        };
        Failed::hinted(format!("the model has no input `{column}`"), hint)
    })
}

/// A row that did not hold: its inputs beside both predictions.
fn sampled(rows: &Table, place: usize, number: u64, more: &[(&str, Value)]) -> SampleRow {
    let mut values = rows.slice(place, 1).json_rows(1).pop().unwrap_or_default();
    values.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    SampleRow { row: number, values }
}

/// Results of a check of single rows.
fn of_rows(
    check: &ModelCheck,
    rows: &Table,
    numbers: &[u64],
    failing: &[(usize, Vec<(&'static str, Value)>)],
    what: &str,
) -> Found {
    let total = numbers.len() as u64;
    let failed = failing.len() as u64;
    let held = (total - failed) as f64 / total as f64;
    let observed = format!("{} of {} rows fail", count(failed), count(total));
    let message = if failed == 0 {
        format!("all {} rows hold: {what}", count(total))
    } else {
        format!(
            "{observed}: {what} does not hold, first of row {}",
            numbers.get(failing.first().map_or(0, |(place, _)| *place)).copied().unwrap_or_default()
        )
    };
    let mut found = Found::of(held >= check.mostly, total, observed, message);
    found.failing = failed;
    found.sample = failing
        .iter()
        .take(MOST_SAMPLED)
        .map(|(place, more)| sampled(rows, *place, numbers.get(*place).copied().unwrap_or_default(), more))
        .collect();
    found
}

/// A column of one value.
fn constant(kind: InputKind, value: Option<&Scalar>, rows: usize) -> Result<Values, Failed> {
    let misfit =
        |value: &Scalar| Failed::new(format!("`{value}` is not what this input holds: {}", kind.words()));
    Ok(match (kind, value) {
        (InputKind::Number, None) => Values::missing(ColumnType::Real, rows),
        (InputKind::Word, None) => Values::missing(ColumnType::Text, rows),
        #[expect(clippy::cast_precision_loss, reason = "a value on a page")]
        (InputKind::Number, Some(Scalar::Int(value))) => Values::Real(vec![Some(*value as f64); rows]),
        (InputKind::Number, Some(Scalar::Real(value))) => Values::Real(vec![Some(*value); rows]),
        (InputKind::Number, Some(Scalar::Bool(value))) => {
            Values::Real(vec![Some(f64::from(u8::from(*value))); rows])
        }
        (InputKind::Word, Some(Scalar::Text(value))) => Values::Text(vec![Some(value.clone()); rows]),
        (InputKind::Word, Some(value @ (Scalar::Int(_) | Scalar::Real(_) | Scalar::Bool(_)))) => {
            Values::Text(vec![Some(value.to_string()); rows])
        }
        (_, Some(value)) => return Err(misfit(value)),
    })
}

/// Predictions do not change whatever a column is.
pub(super) fn invariant(
    bench: &Bench<'_>,
    check: &ModelCheck,
    keep: &[bool],
    column: &str,
    values: &[Option<Scalar>],
    tolerance: f64,
) -> Result<Found, Failed> {
    let kind = input(bench, column)?.kind;
    let (rows, numbers) = chosen(bench, keep)?;
    let before = picked(bench.predictions()?, keep);
    let mut worst: Vec<Option<(f64, f64, &Option<Scalar>)>> = vec![None; numbers.len()];
    for value in values {
        let changed = rows.with_column(column, constant(kind, value.as_ref(), rows.row_count())?)?;
        let after = bench.predict(bench.subject.model, &changed)?;
        for ((worst, before), after) in worst.iter_mut().zip(&before).zip(&after) {
            let change = (after - before).abs();
            // A change that is no number is one, too.
            let same = change <= tolerance;
            if !same && worst.is_none_or(|(known, ..)| change > known) {
                *worst = Some((change, *after, value));
            }
        }
    }
    let failing: Vec<(usize, Vec<(&'static str, Value)>)> = worst
        .into_iter()
        .enumerate()
        .filter_map(|(place, worst)| {
            let (_, after, value) = worst?;
            let more = vec![
                ("prediction", json!(before.get(place))),
                ("changed_to", json!(value)),
                ("prediction_then", json!(after)),
            ];
            Some((place, more))
        })
        .collect();
    let what = format!("the prediction stays within {} whatever `{column}` is", figure(tolerance));
    Ok(of_rows(check, &rows, &numbers, &failing, &what))
}

/// Predictions move one way only when a column moves.
pub(super) fn direction(
    bench: &Bench<'_>,
    check: &ModelCheck,
    keep: &[bool],
    column: &str,
    step: Step,
    may: Way,
    tolerance: f64,
) -> Result<Found, Failed> {
    if input(bench, column)?.kind != InputKind::Number {
        return Err(Failed::new(format!("`{column}` holds words, which have no direction")));
    }
    let (rows, numbers) = chosen(bench, keep)?;
    let before = picked(bench.predictions()?, keep);
    let values = rows.numbers(column)?;
    let moved: Vec<Option<f64>> = values
        .iter()
        .map(|value| {
            value.map(|value| match step {
                Step::Plus(by) => value + by,
                Step::Times(by) => value * by,
                Step::To(to) => to,
            })
        })
        .collect();
    let after =
        bench.predict(bench.subject.model, &rows.with_column(column, Values::Real(moved.clone()))?)?;
    let mut in_question = 0_u64;
    let mut failing = Vec::new();
    for (place, ((from, to), (before, after))) in
        values.iter().zip(&moved).zip(before.iter().zip(&after)).enumerate()
    {
        let (Some(from), Some(to)) = (from, to) else { continue };
        // A value that did not move says nothing.
        if from == to {
            continue;
        }
        in_question += 1;
        let change = after - before;
        let holds = match may {
            Way::NotLower => change >= -tolerance,
            Way::NotHigher => change <= tolerance,
            Way::Higher => change > tolerance,
            Way::Lower => change < -tolerance,
        };
        if !holds {
            let more = vec![
                ("prediction", json!(before)),
                ("moved_to", json!(to)),
                ("prediction_then", json!(after)),
            ];
            failing.push((place, more));
        }
    }
    if in_question == 0 {
        return Ok(Found::nothing(0, format!("nothing to check: no value of `{column}` moves")));
    }
    let what = super::words::expected(check);
    let mut found = of_rows(check, &rows, &numbers, &failing, &what);
    found.rows = in_question;
    found.holds = (in_question - failing.len() as u64) as f64 / in_question as f64 >= check.mostly;
    found.observed = format!("{} of {} rows fail", count(failing.len() as u64), count(in_question));
    Ok(found)
}

/// Simple cases.
pub(super) fn cases(bench: &Bench<'_>, cases: &[Case]) -> Result<Found, Failed> {
    for (place, case) in cases.iter().enumerate() {
        for name in case.inputs.keys() {
            input(bench, name).map_err(|failed| Failed {
                message: format!("case {}: {}", place + 1, failed.message),
                ..failed
            })?;
        }
    }
    let columns = bench
        .inputs()
        .iter()
        .map(|input| {
            let each: Vec<Values> = cases
                .iter()
                .map(|case| constant(input.kind, case.inputs.get(&input.name).and_then(Option::as_ref), 1))
                .collect::<Result<_, _>>()?;
            let values = match input.kind {
                InputKind::Number => Values::Real(each.into_iter().flat_map(reals).collect()),
                InputKind::Word => Values::Text(each.into_iter().flat_map(texts).collect()),
            };
            Ok((input.name.clone(), values))
        })
        .collect::<Result<Vec<_>, Failed>>()?;
    let rows = Table::from_columns(columns)?;
    let predicted = bench.predict(bench.subject.model, &rows)?;
    let mut wrong = Vec::new();
    for (place, (case, predicted)) in cases.iter().zip(&predicted).enumerate() {
        let (low, high) = case.between;
        let inside = low.is_none_or(|low| *predicted >= low) && high.is_none_or(|high| *predicted <= high);
        if !inside || !predicted.is_finite() {
            let name = case.name.clone().unwrap_or_else(|| format!("case {}", place + 1));
            let bounds = crate::Bounds { low, high };
            wrong.push((place, name, *predicted, bounds));
        }
    }
    let total = cases.len() as u64;
    let observed = format!("{} of {} cases are wrong", wrong.len(), total);
    let message = if wrong.is_empty() {
        format!("all {total} cases are right")
    } else {
        let told: Vec<String> = wrong
            .iter()
            .take(3)
            .map(|(_, name, predicted, bounds)| {
                format!("{name}: predicted {}, expected {bounds}", figure(*predicted))
            })
            .collect();
        format!("{observed}: {}", told.join("; "))
    };
    let mut found = Found::of(wrong.is_empty(), total, observed, message);
    found.failing = wrong.len() as u64;
    found.sample = wrong
        .iter()
        .take(MOST_SAMPLED)
        .map(|(place, _, predicted, _)| {
            sampled(&rows, *place, *place as u64 + 1, &[("prediction", json!(predicted))])
        })
        .collect();
    Ok(found)
}

fn reals(values: Values) -> Vec<Option<f64>> {
    if let Values::Real(values) = values { values } else { vec![None] }
}

fn texts(values: Values) -> Vec<Option<String>> {
    if let Values::Text(values) = values { values } else { vec![None] }
}

/// Another artefact on the same rows.
pub(super) fn parity(
    bench: &Bench<'_>,
    check: &ModelCheck,
    keep: &[bool],
    with: &str,
    tolerance: f64,
) -> Result<Found, Failed> {
    let artefacts = &bench.subject.artefacts;
    let (_, other) = artefacts.iter().find(|(name, _)| name == with).ok_or_else(|| {
        Failed::hinted(
            format!("there is no artefact `{with}` to compare with"),
            "`with` is `served`, `champion`, another alias, or the number of a version",
        )
    })?;
    let Some(model) = other.model else {
        return Err(Failed::new(format!("`{}` has no model that can be evaluated here", other.name)));
    };
    let (rows, numbers) = chosen(bench, keep)?;
    let own = picked(bench.predictions()?, keep);
    let theirs = bench.predict(model, &rows)?;
    let mut greatest = 0.0_f64;
    let failing: Vec<(usize, Vec<(&'static str, Value)>)> = own
        .iter()
        .zip(&theirs)
        .enumerate()
        .filter_map(|(place, (own, theirs))| {
            let difference = (own - theirs).abs();
            greatest = greatest.max(difference);
            // NaN on both sides is the same answer; on one side it never is.
            let same = difference <= tolerance || (own.is_nan() && theirs.is_nan());
            (!same).then(|| (place, vec![("prediction", json!(own)), ("other_prediction", json!(theirs))]))
        })
        .collect();
    let what = format!("the prediction is that of {}, within {}", other.name, figure(tolerance));
    let mut found = of_rows(check, &rows, &numbers, &failing, &what);
    found.observed = format!("{}, at most {} apart", found.observed, figure(greatest));
    Ok(found)
}

/// The metric when some values are missing or disturbed.
pub(super) fn robust(
    bench: &Bench<'_>,
    keep: &[bool],
    disturbance: Disturbance,
    columns: &[String],
    metric: &str,
    worse_by: Share,
) -> Result<Found, Failed> {
    let (rows, numbers) = chosen(bench, keep)?;
    let truth = picked(bench.truth()?, keep);
    let before = metric_of(metric, &truth, &picked(bench.predictions()?, keep))
        .ok_or_else(|| Failed::new(format!("`{metric}` has no value on these rows")))?;
    let chosen_columns: Vec<&str> = if columns.is_empty() {
        bench.inputs().iter().map(|input| input.name.as_str()).collect()
    } else {
        columns
            .iter()
            .map(|column| input(bench, column).map(|input| input.name.as_str()))
            .collect::<Result<_, _>>()?
    };
    let mut random = Random::new(bench.seed());
    let mut disturbed = rows.clone();
    let mut touched = 0;
    for column in chosen_columns {
        if input(bench, column)?.required && matches!(disturbance, Disturbance::Nulls(_)) {
            continue;
        }
        let Ok(values) = rows.column(column) else { continue };
        let values = match (disturbance, values) {
            (Disturbance::Nulls(nulls), Values::Text(texts)) => {
                Values::Text(texts.into_iter().map(|text| text.filter(|_| random.unit() >= nulls)).collect())
            }
            (Disturbance::Nulls(nulls), _) => Values::Real(
                rows.numbers(column)?
                    .into_iter()
                    .map(|number| number.filter(|_| random.unit() >= nulls))
                    .collect(),
            ),
            // Words have no noise.
            (Disturbance::Noise(_), Values::Text(_)) => continue,
            (Disturbance::Noise(noise), _) => {
                let numbers = rows.numbers(column)?;
                let finite: Vec<f64> = numbers.iter().flatten().copied().filter(|n| n.is_finite()).collect();
                let spread = Moments::of(&finite).population_deviation().unwrap_or_default();
                Values::Real(
                    numbers
                        .into_iter()
                        .map(|number| number.map(|number| number + noise * spread * random.normal()))
                        .collect(),
                )
            }
        };
        disturbed = disturbed.with_column(column, values)?;
        touched += 1;
    }
    if touched == 0 {
        return Err(Failed::new("none of the columns can be disturbed so".to_owned()));
    }
    let predicted = bench.predict(bench.subject.model, &disturbed)?;
    let after = metric_of(metric, &truth, &predicted)
        .ok_or_else(|| Failed::new(format!("`{metric}` has no value on the disturbed rows")))?;
    let rule = Rule { metric: metric.to_owned(), demand: Demand::AtMost(0.0), on: None };
    let (bad, base) = (rule.badness(after), rule.badness(before));
    let what = match disturbance {
        Disturbance::Nulls(nulls) => format!("{} of the values of {touched} columns missing", share(nulls)),
        Disturbance::Noise(noise) => format!("noise of {} of the spread in {touched} columns", share(noise)),
    };
    let message = format!(
        "{metric} is {} and becomes {} with {what}; at most {} worse is allowed",
        figure(before),
        figure(after),
        share(worse_by.0)
    );
    let observed = format!("{} becomes {}", figure(before), figure(after));
    let holds = bad <= base + worse_by.0 * base.abs();
    let mut found = Found::of(holds, numbers.len() as u64, observed, message);
    found.sample = vec![SampleRow {
        row: 1,
        values: Map::from_iter([("before".to_owned(), json!(before)), ("after".to_owned(), json!(after))]),
    }];
    Ok(found)
}
