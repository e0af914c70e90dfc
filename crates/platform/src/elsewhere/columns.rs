//! Many rows at once: their columns are checked as columns, and go to the archive as they came.

use std::collections::HashSet;

use base::Timestamp;
use tables::{Column, ColumnType, Part, Table, Values};
use uuid::Uuid;

use super::read::{self, Columns, OWN, derived_id, feature_name};
use super::{Sent, unusable};
use crate::Error;

/// From so many rows on. Fewer are quicker as rows: a column costs something whatever its length.
pub(super) const FROM_ROWS: usize = 512;

/// Columns that were understood.
pub(super) struct ReadColumns {
    /// With the names that they have in the archive.
    pub(super) rows: Table,
    pub(super) features: Vec<Column>,
    pub(super) output: ColumnType,
    /// Whether every id was made here and now, so that none can have been sent before.
    pub(super) fresh: bool,
}

/// Reads predictions as [`read::predictions`] does, column by column. `None` for rows that have to go one by one: two of
/// their columns mean the same feature.
pub(super) fn predictions(
    model: &str,
    table: &Table,
    sent: &Sent,
    now: Timestamp,
) -> Result<Option<ReadColumns>, Error> {
    let cleared = table.without_nan()?;
    let columns = Columns { model, table: &cleared };
    let rows = cleared.row_count();
    let output = columns.output()?;
    let mut features = Vec::new();
    let mut parts: Vec<(Column, Part<'_>)> = Vec::new();
    let mut taken: HashSet<String> = OWN.iter().map(|name| (*name).to_owned()).collect();
    for column in &cleared.schema().columns {
        if OWN.contains(&column.name.as_str()) || cleared.missing(&column.name)? == rows {
            continue;
        }
        let name = feature_name(&column.name);
        let stored = archive::feature_column(name);
        if !taken.insert(stored.clone()) {
            return Ok(None);
        }
        features.push(Column::new(name, column.kind));
        parts.push((Column::new(stored, column.kind), Part::Of(&cleared, &column.name)));
    }

    let (times, event_times) = columns.event_times(now)?;
    let (ids, fresh) = columns.new_ids(sent, &times)?;
    let text = |word: &str| Part::Same(Values::Text(vec![Some(word.to_owned())]));
    let deployment = sent.deployment.as_deref().unwrap_or("elsewhere");
    let own = [
        ("prediction_id", ColumnType::Text, Part::Each(ids)),
        ("event_time", ColumnType::Time, event_times),
        ("received_time", ColumnType::Time, Part::Same(Values::Time(vec![Some(now.as_micros())]))),
        ("model", ColumnType::Text, text(model)),
        ("version", ColumnType::Int, columns.whole_or("version", sent.version.unwrap_or(0))?),
        ("deployment", ColumnType::Text, columns.word_or("deployment", Some(deployment))?),
        ("variant", ColumnType::Text, columns.word_or("variant", Some("primary"))?),
        ("prediction", output, columns.answers(output)?),
        ("latency_us", ColumnType::Int, columns.whole_or("latency_us", 0)?),
        ("status", ColumnType::Text, columns.word_or("status", Some("ok"))?),
        ("trace_id", ColumnType::Text, columns.word_or("trace_id", None)?),
        ("entity", ColumnType::Text, columns.word_or("entity", None)?),
        ("weight", ColumnType::Real, columns.weights()?),
    ];
    parts.extend(own.map(|(name, kind, part)| (Column::new(name, kind), part)));
    Ok(Some(ReadColumns { rows: Table::assemble(parts, rows)?, features, output, fresh }))
}

impl<'a> Columns<'a> {
    /// Whether the column can be shared as it is: it has that type and a value in each row.
    fn is_whole(&self, name: &str, kind: ColumnType) -> Result<bool, Error> {
        let found = self.table.schema().find(name).is_some_and(|column| column.kind == kind);
        Ok(found && self.table.missing(name)? == 0)
    }

    fn event_times(&self, now: Timestamp) -> Result<(Vec<Option<Timestamp>>, Part<'a>), Error> {
        let times = self.moments("event_time")?;
        if self.is_whole("event_time", ColumnType::Time)? {
            return Ok((times, Part::Of(self.table, "event_time")));
        }
        let each = (0..self.table.row_count())
            .map(|row| Some(read::at(&times, row).unwrap_or(now).as_micros()))
            .collect();
        Ok((times, Part::Each(Values::Time(each))))
    }

    /// The ids as the archive writes them, and whether all were made here.
    fn new_ids(&self, sent: &Sent, times: &[Option<Timestamp>]) -> Result<(Values, bool), Error> {
        let given = self.ids()?;
        let fresh = sent.key.is_none() && given.iter().all(Option::is_none);
        let id = |row: usize| match (read::at(&given, row), &sent.key) {
            (Some(id), _) => id,
            (None, Some(key)) => derived_id(self.model, key, row, read::at(times, row)),
            (None, None) => Uuid::now_v7(),
        };
        let words = (0..self.table.row_count()).map(|row| Some(id(row).to_string())).collect();
        Ok((Values::Text(words), fresh))
    }

    fn answers(&self, output: ColumnType) -> Result<Part<'a>, Error> {
        let none = |row: usize| unusable(self.model, "prediction", format!("row {row} has none"));
        let found = self.table.schema().find("prediction").map(|column| column.kind);
        if self.table.missing("prediction")? > 0 {
            let values = self.table.column("prediction")?;
            let row = (0..values.len()).find(|row| super::cell(&values, *row) == archive::Cell::Null);
            return Err(none(row.unwrap_or(0)));
        }
        if found == Some(ColumnType::Bool) {
            return Ok(Part::Each(Values::Real(self.table.numbers("prediction")?)));
        }
        debug_assert!(output != ColumnType::Text || found == Some(ColumnType::Text), "words stay words");
        Ok(Part::Of(self.table, "prediction"))
    }

    fn whole_or(&self, name: &'static str, usual: i64) -> Result<Part<'a>, Error> {
        if self.is_whole(name, ColumnType::Int)? {
            return Ok(Part::Of(self.table, name));
        }
        let values = self.whole(name)?;
        if values.is_empty() {
            return Ok(Part::Same(Values::Int(vec![Some(usual)])));
        }
        Ok(Part::Each(Values::Int(values.into_iter().map(|value| value.or(Some(usual))).collect())))
    }

    fn word_or(&self, name: &'static str, usual: Option<&str>) -> Result<Part<'a>, Error> {
        let found = self.table.schema().find(name).map(|column| column.kind);
        match (found, usual) {
            (None, Some(usual)) => Ok(Part::Same(Values::Text(vec![Some(usual.to_owned())]))),
            (None, None) => Ok(Part::Missing),
            (Some(ColumnType::Text), None) => Ok(Part::Of(self.table, name)),
            (Some(ColumnType::Text), Some(_)) if self.table.missing(name)? == 0 => {
                Ok(Part::Of(self.table, name))
            }
            _ => {
                let usual = usual.map(str::to_owned);
                let words = self.words(name)?.into_iter().map(|word| word.or_else(|| usual.clone()));
                Ok(Part::Each(Values::Text(words.collect())))
            }
        }
    }

    fn weights(&self) -> Result<Part<'a>, Error> {
        if self.is_whole("weight", ColumnType::Real)? {
            return Ok(Part::Of(self.table, "weight"));
        }
        let weights = self.numbers("weight")?;
        if weights.is_empty() {
            return Ok(Part::Same(Values::Real(vec![Some(1.0)])));
        }
        Ok(Part::Each(Values::Real(weights.into_iter().map(|weight| weight.or(Some(1.0))).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> Table {
        let each = |of: &dyn Fn(usize) -> Option<f64>| Values::Real((0..rows).map(of).collect());
        let words = |of: &dyn Fn(usize) -> Option<String>| Values::Text((0..rows).map(of).collect());
        Table::from_columns(vec![
            (
                "prediction_id".into(),
                words(&|row| (row % 3 == 0).then(|| Uuid::from_u128(row as u128).to_string().to_uppercase())),
            ),
            (
                "event_time".into(),
                words(&|row| (row % 4 > 0).then(|| Timestamp::from_millis(row as i64).to_string())),
            ),
            ("prediction".into(), Values::Bool((0..rows).map(|row| Some(row % 2 == 0)).collect())),
            ("version".into(), each(&|row| (row % 5 > 0).then_some(row as f64))),
            ("status".into(), words(&|row| (row % 6 > 0).then(|| "late".to_owned()))),
            (
                "entity".into(),
                Values::Int((0..rows).map(|row| (row % 7 > 0).then_some(row as i64)).collect()),
            ),
            ("weight".into(), Values::Int((0..rows).map(|row| (row % 8 > 0).then_some(2)).collect())),
            ("trace_id".into(), words(&|row| (row % 9 > 0).then(|| format!("t{row}")))),
            (
                "temp".into(),
                each(&|row| match row % 4 {
                    0 => None,
                    1 => Some(f64::NAN),
                    _ => Some(row as f64 / 2.0),
                }),
            ),
            ("features.weight".into(), Values::Int((0..rows).map(|row| Some(row as i64)).collect())),
            ("empty".into(), Values::Text(vec![None; rows])),
            ("nothing but NaN".into(), each(&|_| Some(f64::NAN))),
        ])
        .unwrap()
    }

    #[test]
    fn columns_are_understood_as_rows_are() {
        let now = Timestamp::from_millis(99);
        for sent in [
            Sent { key: Some("k".into()), ..Sent::default() },
            Sent {
                key: Some("k".into()),
                version: Some(8),
                deployment: Some("edge".into()),
                ..Sent::default()
            },
        ] {
            let table = table(60);
            let rows = read::predictions("m", &table, &sent, now).unwrap();
            let columns = predictions("m", &table, &sent, now).unwrap().unwrap();
            // The row path keeps a column that holds nothing but NaN, without a value: it has no value either.
            let named = |features: &[Column]| -> Vec<String> {
                features
                    .iter()
                    .filter(|one| one.name != "nothing but NaN")
                    .map(|one| format!("{one:?}"))
                    .collect()
            };
            assert_eq!(named(&columns.features), named(&rows.features));
            assert_eq!((columns.output, columns.fresh), (rows.output, rows.fresh));
            let texts = |name: &str| columns.rows.texts(name).unwrap();
            for (row, one) in rows.rows.iter().enumerate() {
                assert_eq!(texts("prediction_id")[row], Some(one.id.to_string()));
                assert_eq!(texts("event_time")[row], Some(one.event_time.to_string()));
                assert_eq!(texts("received_time")[row], Some(one.received_time.to_string()));
                assert_eq!(texts("version")[row], Some(one.version.to_string()));
                assert_eq!(texts("latency_us")[row], Some(one.latency_us.to_string()));
                let words = [
                    ("model", &one.model),
                    ("deployment", &one.deployment),
                    ("variant", &one.variant),
                    ("status", &one.status),
                ];
                for (name, word) in words {
                    assert_eq!(texts(name)[row].as_ref(), Some(word), "{name} of row {row}");
                }
                assert_eq!((&texts("entity")[row], &texts("trace_id")[row]), (&one.entity, &one.trace_id));
                assert_eq!(columns.rows.numbers("weight").unwrap()[row], Some(one.weight));
                let answer = columns.rows.column("prediction").unwrap();
                assert_eq!(super::super::cell(&answer, row), one.prediction);
                for (name, cell) in one.features.iter().filter(|(name, _)| &**name != "nothing but NaN") {
                    let values = columns.rows.column(&archive::feature_column(name)).unwrap();
                    assert_eq!(&super::super::cell(&values, row), cell, "{name} of row {row}");
                }
            }
        }
    }

    #[test]
    fn what_rows_refuse_columns_refuse_in_the_same_words() {
        let now = Timestamp::from_millis(99);
        let replaced = |name: &str, values: Values| table(12).with_column(name, values).unwrap();
        let some = |word: &str| Values::Text(vec![Some(word.to_owned()); 12]);
        for bad in [
            replaced("label", some("1")),
            replaced("prediction_id", some("no id")),
            replaced("event_time", some("yesterday")),
            replaced("version", Values::Real(vec![Some(0.5); 12])),
            replaced("weight", some("heavy")),
            replaced("prediction", Values::Time(vec![Some(1); 12])),
            replaced("prediction", Values::Real((0..12).map(|row| (row != 7).then_some(1.0)).collect())),
            replaced("prediction", Values::Real(vec![Some(f64::NAN); 12])),
            table(12).select(&["temp"]).unwrap(),
        ] {
            let rows = read::predictions("m", &bad, &Sent::default(), now).err().unwrap().to_string();
            let columns = predictions("m", &bad, &Sent::default(), now).err().unwrap().to_string();
            assert_eq!(columns, rows);
        }
    }

    #[test]
    fn two_columns_of_one_feature_go_row_by_row() {
        let twice = table(12).with_column("feature_weight", Values::Int(vec![Some(1); 12])).unwrap();
        assert!(predictions("m", &twice, &Sent::default(), Timestamp::default()).unwrap().is_none());
    }
}
