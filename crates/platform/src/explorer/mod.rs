//! Looking through predictions: filters, charts, what is like one of them, labels that are wrong, slices as datasets.

mod filter;

use std::collections::BTreeMap;

use archive::{Cell, Label, Name};
use base::{Actor, NewEvent, ObjectRef, Period, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use stats::Moments;
use tables::{ColumnType, QueryLimits, Schema, Table, Values};
use uuid::Uuid;

use crate::push::Pushed;
use crate::{Error, Platform};

/// How far around a prediction others are looked at for those that are like it.
const AROUND: Period = Period::from_days(90);
/// How many of them at most.
const LOOKED_AT: usize = 20_000;
/// The most rows of a slice.
const MOST_ROWS: usize = 500_000;
/// Bars of a chart.
const BARS: usize = 12;

/// Which predictions are looked at.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// The model.
    pub model: String,
    /// From when on.
    pub from: Option<Timestamp>,
    /// Until before when.
    pub to: Option<Timestamp>,
    /// What must hold, such as `temp > 290 and weather_main = Rain`.
    pub filter: String,
}

/// Predictions by the value of a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceChart {
    /// The column.
    pub column: String,
    /// Predictions in the slice.
    pub rows: u64,
    /// Those with a label.
    pub labelled: u64,
    /// Mean absolute error of those; labels and predictions that are words count 1 where they differ.
    pub error: Option<f64>,
    /// The bars: ranges of equal width, or the most frequent words.
    pub bars: Vec<SliceBar>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceBar {
    /// What it stands for.
    pub label: String,
    /// The filter that leaves only its predictions.
    pub filter: String,
    /// Predictions.
    pub rows: u64,
    /// Those with a label.
    pub labelled: u64,
    /// Mean absolute error of those.
    pub error: Option<f64>,
}

/// A prediction that is like another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Similar {
    /// Its id.
    pub id: String,
    /// When.
    pub event_time: Timestamp,
    /// What was predicted.
    pub prediction: Value,
    /// What came true.
    pub label: Value,
    /// How far its inputs are: numbers in standard deviations, other words and missing values as 1, as a root mean square.
    pub distance: f64,
    /// The inputs that differ most, at most three.
    pub differs: Vec<String>,
}

impl Platform {
    /// The condition of a slice in SQL, with its table.
    ///
    /// # Errors
    /// [`Error::Filter`]; when the archive does not know the model.
    pub fn slice_sql(&self, slice: &Slice) -> Result<(String, String), Error> {
        let schema = self.scored_schema(&slice.model)?;
        let mut conditions = Vec::new();
        conditions.extend(slice.from.map(|from| format!("event_time >= timestamp '{from}'")));
        conditions.extend(slice.to.map(|to| format!("event_time < timestamp '{to}'")));
        conditions.extend(filter::condition(&slice.filter, &schema)?);
        let conditions = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" and ") };
        Ok((format!("\"{}\".scored", slice.model), conditions))
    }

    fn scored_schema(&self, model: &str) -> Result<Schema, Error> {
        let mut schema = self.archive.schema(model)?;
        let output = schema.find("prediction").map_or(ColumnType::Real, |column| column.kind);
        schema.columns.push(tables::Column::new("label", output));
        schema.columns.push(tables::Column::new("label_time", ColumnType::Time));
        Ok(schema)
    }

    /// Predictions of a slice by the value of a column.
    ///
    /// # Errors
    /// As [`Platform::slice_sql`]; when the column is not there.
    pub async fn slice_chart(&self, slice: &Slice, column: &str) -> Result<SliceChart, Error> {
        let (table, conditions) = self.slice_sql(slice)?;
        let schema = self.scored_schema(&slice.model)?;
        let stored = archive::feature_column(column);
        let found = schema.find(column).or_else(|| schema.find(&stored));
        let Some(found) = found else {
            return Err(Error::Filter { reason: format!("there is no column `{column}`") });
        };
        let output = schema.find("prediction").map_or(ColumnType::Real, |column| column.kind);
        let error = if output == ColumnType::Text {
            "case when label is null then null when prediction = label then 0.0 else 1.0 end"
        } else {
            "abs(prediction - label)"
        };
        let name = &found.name;
        let sums = format!(
            "count(*) as n, count(label) as labelled, avg({error}) as error from {table} where {conditions}"
        );
        let whole = self.archive.sql(&format!("select {sums}"), QueryLimits::default()).await?;
        let first = |name: &str| -> Result<Option<f64>, Error> {
            Ok(whole.numbers(name)?.first().copied().flatten())
        };
        let bars = match found.kind {
            ColumnType::Text | ColumnType::Bool => self.word_bars(name, &sums).await?,
            kind => self.number_bars(name, kind, &table, &conditions, error).await?,
        };
        Ok(SliceChart {
            column: column.to_owned(),
            rows: count(first("n")?),
            labelled: count(first("labelled")?),
            error: first("error")?,
            bars,
        })
    }

    async fn word_bars(&self, name: &str, sums: &str) -> Result<Vec<SliceBar>, Error> {
        let sql = format!(
            "select cast(\"{name}\" as varchar) as word, {sums} group by 1 order by n desc, word limit {BARS}"
        );
        let found = self.archive.sql(&sql, QueryLimits::default()).await?;
        let (words, rows) = (found.texts("word")?, found.numbers("n")?);
        let (labelled, errors) = (found.numbers("labelled")?, found.numbers("error")?);
        Ok(words
            .into_iter()
            .zip(rows.into_iter().zip(labelled.into_iter().zip(errors)))
            .map(|(word, (rows, (labelled, error)))| SliceBar {
                filter: match &word {
                    Some(word) => format!("{name} = \"{}\"", word.replace('"', "")),
                    None => format!("{name} is missing"),
                },
                label: word.unwrap_or_else(|| "missing".to_owned()),
                rows: count(rows),
                labelled: count(labelled),
                error,
            })
            .collect())
    }

    async fn number_bars(
        &self,
        name: &str,
        kind: ColumnType,
        table: &str,
        conditions: &str,
        error: &str,
    ) -> Result<Vec<SliceBar>, Error> {
        let value = if kind == ColumnType::Time {
            format!("cast(arrow_cast(\"{name}\", 'Int64') as double)")
        } else {
            format!("cast(\"{name}\" as double)")
        };
        let ends =
            format!("select min({value}) as low, max({value}) as high from {table} where {conditions}");
        let ends = self.archive.sql(&ends, QueryLimits::default()).await?;
        let end =
            |name: &str| -> Result<Option<f64>, Error> { Ok(ends.numbers(name)?.first().copied().flatten()) };
        let (Some(low), Some(high)) = (end("low")?, end("high")?) else { return Ok(Vec::new()) };
        let width = (high - low) / BARS as f64;
        let bin = if width > 0.0 {
            format!("least(cast(floor(({value} - {low:?}) / {width:?}) as bigint), {})", BARS - 1)
        } else {
            "0".to_owned()
        };
        let sql = format!(
            "select {bin} as bin, count(*) as n, count(label) as labelled, avg({error}) as error from {table} \
             where {conditions} and \"{name}\" is not null group by 1 order by 1"
        );
        let found = self.archive.sql(&sql, QueryLimits::default()).await?;
        let (bins, rows) = (found.numbers("bin")?, found.numbers("n")?);
        let (labelled, errors) = (found.numbers("labelled")?, found.numbers("error")?);
        let at = |value: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "times are whole microseconds")]
            if kind == ColumnType::Time {
                Timestamp::from_micros(value as i64).to_string()
            } else {
                format!("{value}")
            }
        };
        Ok(bins
            .into_iter()
            .zip(rows.into_iter().zip(labelled.into_iter().zip(errors)))
            .filter_map(|(bin, (rows, (labelled, error)))| {
                let (from, to) = (low + bin? * width, low + (bin? + 1.0) * width);
                let (from, to) = (rounded(from, width), rounded(to, width));
                Some(SliceBar {
                    label: if kind == ColumnType::Time {
                        at(from)
                    } else {
                        format!("{} to {}", at(from), at(to))
                    },
                    filter: format!("{name} >= {} and {name} <= {}", at(from), at(to)),
                    rows: count(rows),
                    labelled: count(labelled),
                    error,
                })
            })
            .collect())
    }

    /// Predictions of the same model, from a season around it, whose inputs are most like those of `id`.
    ///
    /// # Errors
    /// When the archive fails. `None` when there is no such prediction.
    pub async fn similar(&self, id: Uuid, limit: usize) -> Result<Option<Vec<Similar>>, Error> {
        let Some(found) = self.archive.prediction(id).await? else { return Ok(None) };
        let one = found.prediction;
        let (from, to) = (one.event_time.minus(AROUND), one.event_time.plus(AROUND));
        let sql = format!(
            "select * from \"{}\".scored where event_time >= timestamp '{from}' and event_time < timestamp '{to}' \
             and prediction_id <> '{id}' order by event_time desc limit {LOOKED_AT}",
            one.model
        );
        let limits = QueryLimits { max_rows: LOOKED_AT, ..QueryLimits::default() };
        let others = self.archive.sql(&sql, limits).await?;
        let work = move || nearest(&one.features, &others, limit);
        let found = tokio::task::spawn_blocking(work)
            .await
            .map_err(|cause| Error::Stored { what: "predictions", cause: cause.to_string() })?;
        Ok(Some(found?))
    }

    /// Says that the label of a prediction is wrong, and perhaps what is right: that counts from now on, before every label
    /// from elsewhere. What was recorded stays.
    ///
    /// # Errors
    /// When the archive or the database fails. `None` when there is no such prediction.
    pub async fn flag_label(
        &self,
        id: Uuid,
        right: Option<Value>,
        reason: &str,
        actor: &Actor,
    ) -> Result<Option<()>, Error> {
        let Some(found) = self.archive.prediction(id).await? else { return Ok(None) };
        let (model, now) = (found.prediction.model, self.clock.now());
        let before = found.label.map(|label| format!("{:?}", label.value));
        if let Some(right) = &right {
            let value = match right {
                Value::Number(number) => number.as_f64().map_or(Cell::Null, Cell::Real),
                Value::String(text) => Cell::Text(text.clone()),
                Value::Bool(truth) => Cell::Bool(*truth),
                _ => Cell::Null,
            };
            let label = Label {
                prediction_id: Some(id),
                entity: None,
                event_time: None,
                model: model.clone(),
                value,
                label_time: now,
                received_time: now,
                source: format!("override:{}", actor.as_str()),
            };
            self.archive.append_labels(vec![label]).await?;
        }
        let summary = format!("the label of prediction {id} of `{model}` is wrong: {reason}");
        let event =
            NewEvent::new("label.flagged", actor, ObjectRef::new("prediction", id.to_string()), summary)
                .with(json!({ "model": model, "reason": reason, "before": before, "right": right }));
        let told: Result<(), Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    tx.append_event(event).await?;
                    Ok(())
                })
            })
            .await;
        told?;
        Ok(Some(()))
    }

    /// Keeps the predictions of a slice, with features, answers and labels, as a new version of a dataset.
    ///
    /// # Errors
    /// As [`Platform::slice_sql`] and [`Platform::push_rows`]; when the slice has too many rows.
    pub async fn save_slice(&self, slice: &Slice, dataset: &str, actor: &Actor) -> Result<Pushed, Error> {
        let (table, conditions) = self.slice_sql(slice)?;
        let sql = format!("select * from {table} where {conditions} order by event_time, prediction_id");
        let limits = QueryLimits { max_rows: MOST_ROWS, ..QueryLimits::default() };
        let rows = self.archive.sql(&sql, limits).await?;
        let bounds = [slice.from.map(|at| format!("from {at}")), slice.to.map(|at| format!("to {at}"))];
        let mut origin = vec![format!("predictions of {}", slice.model)];
        origin.extend(bounds.into_iter().flatten());
        if !slice.filter.trim().is_empty() {
            origin.push(format!("where {}", slice.filter.trim()));
        }
        self.push_rows(dataset, rows, &origin.join(" "), actor).await
    }
}

/// Ends of bars as a person would write them: to the thousandth of their width, so that no row falls outside.
fn rounded(value: f64, width: f64) -> f64 {
    if width <= 0.0 {
        return value;
    }
    let step = 10_f64.powf((width / 1_000.0).log10().floor());
    (value / step).round() * step
}

fn count(value: Option<f64>) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    value.map_or(0, |value| value.max(0.0) as u64)
}

/// Those of `others` that are nearest to a row of features.
fn nearest(features: &[(Name, Cell)], others: &Table, limit: usize) -> Result<Vec<Similar>, Error> {
    let rows = others.row_count();
    let mut sums = vec![0.0_f64; rows];
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, cell) in features {
        let column = archive::feature_column(name);
        if others.schema().find(&column).is_none() {
            continue;
        }
        let apart: Vec<f64> = match (cell, others.column(&column)?) {
            (Cell::Text(own), Values::Text(words)) => {
                words.iter().map(|word| f64::from(word.as_deref() != Some(own.as_str()))).collect()
            }
            (cell, _)
                if others.schema().find(&column).is_some_and(|found| found.kind != ColumnType::Text) =>
            {
                let numbers = others.numbers(&column)?;
                let known: Vec<f64> =
                    numbers.iter().flatten().copied().filter(|value| value.is_finite()).collect();
                let spread = Moments::of(&known).population_deviation().filter(|spread| *spread > 0.0);
                let own = match cell {
                    Cell::Real(value) => Some(*value),
                    #[expect(clippy::cast_precision_loss, reason = "distances need not be exact")]
                    Cell::Int(value) | Cell::Time(value) => Some(*value as f64),
                    Cell::Bool(value) => Some(f64::from(*value)),
                    _ => None,
                };
                let far = |value: &Option<f64>| match (own, value) {
                    (Some(own), Some(value)) => {
                        spread.map_or(f64::from(own != *value), |spread| (own - value).abs() / spread)
                    }
                    (None, None) => 0.0,
                    _ => 1.0,
                };
                numbers.iter().map(far).collect()
            }
            (_, Values::Text(words)) => words.iter().map(|word| f64::from(word.is_some())).collect(),
            _ => continue,
        };
        for (sum, apart) in sums.iter_mut().zip(&apart) {
            *sum += apart * apart;
        }
        columns.insert(name.to_string(), apart);
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by(|left, right| {
        let of = |row: &usize| sums.get(*row).copied().unwrap_or(f64::INFINITY);
        of(left).total_cmp(&of(right)).then(left.cmp(right))
    });
    order.truncate(limit);
    let (ids, times) = (others.texts("prediction_id")?, others.times("event_time")?);
    let shown = others.json_rows(rows);
    let inputs = columns.len().max(1) as f64;
    Ok(order
        .into_iter()
        .filter_map(|row| {
            let value =
                |name: &str| shown.get(row).and_then(|row| row.get(name)).cloned().unwrap_or(Value::Null);
            let mut differs: Vec<(&String, f64)> =
                columns.iter().filter_map(|(name, apart)| Some((name, *apart.get(row)?))).collect();
            differs.retain(|(_, apart)| *apart > 0.05);
            differs.sort_by(|left, right| right.1.total_cmp(&left.1));
            Some(Similar {
                id: ids.get(row)?.clone()?,
                event_time: Timestamp::from_micros(times.get(row).copied().flatten()?),
                prediction: value("prediction"),
                label: value("label"),
                distance: (sums.get(row)? / inputs).sqrt(),
                differs: differs.into_iter().take(3).map(|(name, _)| name.clone()).collect(),
            })
        })
        .collect())
}
