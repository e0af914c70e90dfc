//! Rows that a version keeps with the outputs that they must have: whoever is to answer for it replays them first.
//!
//! The outputs come from the evaluation of a model that was trained here, from somebody who sends them, or, where only an
//! input example was logged, from the first engine that ran the version: then they say that nothing has changed since.

use std::sync::Arc;

use base::{Actor, Digest, Failure, Kind};
use inference::{Data, Input, Tensor};
use registry::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serving::{Column, Engine as _};

use crate::served::ServedEngine;
use crate::{Error, Platform};

/// The most rows that a version keeps.
pub const MOST_ROWS: usize = 1_000;
/// How many rows of an evaluation or of an example are kept.
pub(crate) const KEPT_ROWS: usize = 32;
const MOST_BYTES: u64 = 64 << 20;
/// The kind under which they are kept with their version.
pub(crate) const EXPECTED: &str = "expected_rows";

/// Elements of one type, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Elements {
    /// Numbers; `null` is missing.
    Numbers(Vec<Option<f64>>),
    /// Words; `null` is missing.
    Words(Vec<Option<String>>),
}

impl Elements {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }
}

/// A column, or an output, by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its elements; an output may have several in a row.
    pub values: Elements,
}

/// Rows with the outputs that they must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRows {
    /// The columns of the rows.
    pub inputs: Vec<Named>,
    /// Those outputs that are compared.
    pub outputs: Vec<Named>,
    /// A number may differ by this share of the expected one, or by this much where that is less than one.
    #[serde(default = "default_tolerance")]
    pub tolerance: f64,
    /// Where the outputs come from.
    #[serde(default)]
    pub source: String,
}

/// Single precision has about seven digits; sums of some hundred trees lose one or two of them.
const fn default_tolerance() -> f64 {
    1e-5
}

impl ExpectedRows {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.inputs.first().map_or(0, |input| input.values.len())
    }

    /// Refuses what cannot be replayed.
    fn check(&self) -> Result<(), String> {
        let rows = self.rows();
        if rows == 0 || rows > MOST_ROWS {
            return Err(format!("between 1 and {MOST_ROWS} rows are kept, these are {rows}"));
        }
        if let Some(input) = self.inputs.iter().find(|input| input.values.len() != rows) {
            return Err(format!("`{}` has {} rows, others have {rows}", input.name, input.values.len()));
        }
        if self.outputs.is_empty() {
            return Err("there are no outputs to compare".to_owned());
        }
        if let Some(output) =
            self.outputs.iter().find(|output| output.values.len() == 0 || output.values.len() % rows != 0)
        {
            return Err(format!("`{}` has {} elements for {rows} rows", output.name, output.values.len()));
        }
        if !(self.tolerance >= 0.0 && self.tolerance < 1.0) {
            return Err(format!("a tolerance lies between 0 and 1, not at {}", self.tolerance));
        }
        Ok(())
    }

    /// The columns in the order of an engine.
    pub(crate) fn columns(&self, engine: &ServedEngine) -> Result<Vec<Column>, inference::Error> {
        let rows = self.rows();
        let column = |field: &serving::InputField| {
            let kept = self.inputs.iter().find(|input| input.name == field.name).map(|input| &input.values);
            Ok(match (kept, field.kind) {
                (None, _) if field.required => {
                    return Err(inference::Error::MissingField { field: field.name.clone() });
                }
                (None, _) => Column::missing(field, rows),
                (Some(Elements::Numbers(values)), serving::FieldKind::Number) => {
                    Column::Numbers(values.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
                }
                (Some(Elements::Words(values)), serving::FieldKind::Category) => {
                    Column::Words(values.clone())
                }
                // A column of holes only has no type of its own.
                (Some(values), _) if values.all_missing() => Column::missing(field, rows),
                (Some(_), kind) => {
                    let (expected, found) = match kind {
                        serving::FieldKind::Number => ("numbers", "words"),
                        serving::FieldKind::Category => ("words", "numbers"),
                    };
                    return Err(inference::Error::WrongType { field: field.name.clone(), expected, found });
                }
            })
        };
        engine.signature().inputs.iter().map(column).collect()
    }

    /// Lets an engine answer the rows. Fails with [`inference::Error::NotAlike`] at the first element that differs.
    pub(crate) fn replay(&self, engine: &ServedEngine) -> Result<(), inference::Error> {
        let outputs = engine.run(&self.columns(engine)?)?;
        for expected in &self.outputs {
            let place = engine.about().outputs.iter().position(|spec| spec.name == expected.name);
            let found = place.and_then(|place| outputs.get(place));
            compare(expected, found, self.rows(), self.tolerance)?;
        }
        Ok(())
    }
}

impl Elements {
    fn all_missing(&self) -> bool {
        match self {
            Self::Numbers(values) => values.iter().all(Option::is_none),
            Self::Words(values) => values.iter().all(Option::is_none),
        }
    }

    /// The elements of a tensor.
    fn of(tensor: &Tensor) -> Self {
        match tensor.data() {
            Data::Text(words) => Self::Words(words.iter().cloned().map(Some).collect()),
            _ => Self::Numbers(
                tensor.to_numbers().into_iter().map(|number| (!number.is_nan()).then_some(number)).collect(),
            ),
        }
    }
}

/// Whether two numbers are as near as they must be.
fn near(found: f64, expected: f64, tolerance: f64) -> bool {
    found == expected || (found - expected).abs() <= tolerance * expected.abs().max(1.0)
}

fn compare(
    expected: &Named,
    found: Option<&Tensor>,
    rows: usize,
    tolerance: f64,
) -> Result<(), inference::Error> {
    let different = |row: usize, wanted: String, found: String| inference::Error::NotAlike {
        row,
        output: expected.name.clone(),
        expected: wanted,
        found,
    };
    let width = expected.values.len().checked_div(rows).unwrap_or(1).max(1);
    let Some(found) = found else {
        return Err(different(0, format!("{width} a row"), "not among the outputs".to_owned()));
    };
    let found = Elements::of(found);
    if found.len() != expected.values.len() {
        let elements = found.len().checked_div(rows).unwrap_or(0);
        return Err(different(0, format!("{width} a row"), format!("{elements} a row")));
    }
    let number = |value: Option<f64>| value.map_or_else(|| "missing".to_owned(), |value| value.to_string());
    let word = |value: &Option<String>| {
        value.as_ref().map_or_else(|| "missing".to_owned(), |word| format!("\"{word}\""))
    };
    match (&expected.values, &found) {
        (Elements::Numbers(wanted), Elements::Numbers(found)) => {
            let alike = |(wanted, found): (&Option<f64>, &Option<f64>)| match (wanted, found) {
                (Some(wanted), Some(found)) => near(*found, *wanted, tolerance),
                (wanted, found) => wanted == found,
            };
            if let Some(at) = wanted.iter().zip(found).position(|pair| !alike(pair)) {
                let at_place = |values: &[Option<f64>]| number(values.get(at).copied().flatten());
                return Err(different(at / width, at_place(wanted), at_place(found)));
            }
        }
        (Elements::Words(wanted), Elements::Words(found)) => {
            if let Some((at, (wanted, found))) =
                wanted.iter().zip(found).enumerate().find(|(_, (wanted, found))| wanted != found)
            {
                return Err(different(at / width, word(wanted), word(found)));
            }
        }
        (Elements::Numbers(wanted), Elements::Words(found)) => {
            let found = found.first().map(word).unwrap_or_default();
            return Err(different(0, number(wanted.first().copied().flatten()), found));
        }
        (Elements::Words(wanted), Elements::Numbers(found)) => {
            let wanted = wanted.first().map(word).unwrap_or_default();
            return Err(different(0, wanted, number(found.first().copied().flatten())));
        }
    }
    Ok(())
}

impl Platform {
    /// The rows that a version keeps; `None` when it keeps none.
    ///
    /// # Errors
    /// When database or artifacts fail.
    pub async fn expected_rows(&self, model: &str, version: i64) -> Result<Option<ExpectedRows>, Error> {
        let Some(digest) = self.file_of_version(model, version, EXPECTED).await? else { return Ok(None) };
        let bytes = self.artifacts.read_bytes(digest, MOST_BYTES).await?;
        let rows = serde_json::from_slice(&bytes)
            .map_err(|cause| Error::Stored { what: "expected rows", cause: cause.to_string() })?;
        Ok(Some(rows))
    }

    /// Keeps rows with a version, in place of those that it kept. They hold from its next deployment on.
    ///
    /// # Errors
    /// When there is no such version, or the rows cannot be replayed.
    pub async fn keep_expected_rows(
        &self,
        version: &Version,
        rows: &ExpectedRows,
        actor: &Actor,
    ) -> Result<Digest, Error> {
        rows.check().map_err(|reason| Error::ExpectedRows { reason })?;
        let digest = self.store_expected_rows(rows).await?;
        let (model, number, now) = (version.model.clone(), version.number, self.clock.now());
        let actor = actor.clone();
        let put: Result<(), registry::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    registry::put_version_file(tx, (&model, number), EXPECTED, digest, &actor, now).await
                })
            })
            .await;
        put?;
        Ok(digest)
    }

    /// What is kept with a version; nothing where the version is registered elsewhere, as on a serving replica.
    pub(crate) async fn file_of_version(
        &self,
        model: &str,
        version: i64,
        kind: &str,
    ) -> Result<Option<Digest>, Error> {
        match registry::version_file(&mut self.db.read().await?, model, version, kind).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            found => Ok(found?),
        }
    }

    pub(crate) async fn store_expected_rows(&self, rows: &ExpectedRows) -> Result<Digest, Error> {
        let text = serde_json::to_vec(rows)
            .map_err(|cause| Error::Stored { what: "expected rows", cause: cause.to_string() })?;
        Ok(self.artifacts.put_bytes(text).await?.digest)
    }

    /// The parity gate: an engine answers the rows of its version as it must, or it does not take traffic. Answers the
    /// rows, to warm up with. A version that keeps none but has an example keeps what this engine answers to it.
    pub(crate) async fn replayed(
        &self,
        version: &Version,
        engine: &Arc<ServedEngine>,
    ) -> Result<Option<Vec<Column>>, Error> {
        let kept = self.expected_rows(&version.model, version.number).await?;
        let (rows, is_new) = match kept {
            Some(rows) => (rows, false),
            None => match self.first_rows(version, engine).await? {
                Some(rows) => (rows, true),
                None => return Ok(None),
            },
        };
        let columns = rows.columns(engine)?;
        if is_new {
            match self.keep_expected_rows(version, &rows, &Actor::platform("deploy")).await {
                Err(error) if error.kind() != Kind::NotFound => return Err(error),
                _ => return Ok(Some(columns)),
            }
        }
        let asked = Arc::clone(engine);
        let replayed = tokio::task::spawn_blocking(move || rows.replay(&asked)).await;
        replayed.unwrap_or_else(|error| {
            Err(inference::Error::EngineFailed { engine: "any", reason: error.to_string() })
        })?;
        Ok(Some(columns))
    }

    /// What this engine answers to the example that was logged with a version.
    async fn first_rows(
        &self,
        version: &Version,
        engine: &Arc<ServedEngine>,
    ) -> Result<Option<ExpectedRows>, Error> {
        let Some(tree) = version.artifact.filter(|_| version.flavor == "mlflow") else { return Ok(None) };
        let names: Vec<String> = engine.signature().inputs.iter().map(|field| field.name.clone()).collect();
        let Some(example) = self.example_of(tree, &names).await? else { return Ok(None) };
        let inputs =
            names.into_iter().zip(example).map(|(name, column)| Named { name, values: kept(column) });
        let mut rows = ExpectedRows {
            inputs: inputs.collect(),
            outputs: Vec::new(),
            tolerance: default_tolerance(),
            source: format!("what the engine `{}` answered first to the input example", engine.name()),
        };
        let Ok(columns) = rows.columns(engine) else { return Ok(None) };
        let asked = Arc::clone(engine);
        let answered = tokio::task::spawn_blocking(move || asked.run(&columns)).await;
        // An example that the engine cannot answer is the model's affair, and is no expectation.
        let Ok(Ok(outputs)) = answered else { return Ok(None) };
        let names = engine.about().outputs.iter().map(|spec| spec.name.clone());
        rows.outputs =
            names.zip(&outputs).map(|(name, tensor)| Named { name, values: Elements::of(tensor) }).collect();
        Ok(rows.check().is_ok().then_some(rows))
    }
}

/// A column as it is kept.
pub(crate) fn kept(column: Input) -> Elements {
    match column {
        Input::Numbers(values) => {
            Elements::Numbers(values.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect())
        }
        Input::Words(words) => Elements::Words(words),
    }
}

/// The first rows of an example as MLflow logs it, for columns of these names: a table split into columns and data, or
/// rows of a tensor.
pub(crate) fn example_rows(example: &Value, names: &[String]) -> Option<Vec<Input>> {
    let rows: Vec<Vec<&Value>> = match (example.get("columns"), example.get("data"), example.get("inputs")) {
        (Some(columns), Some(data), _) => {
            let columns: Vec<&str> = columns.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
            let places: Vec<usize> = names
                .iter()
                .map(|name| columns.iter().position(|column| column == name))
                .collect::<Option<_>>()?;
            data.as_array()?.iter().take(KEPT_ROWS).map(|row| picked(row, &places)).collect::<Option<_>>()?
        }
        (None, Some(data), _) | (_, None, Some(data)) => {
            let rows = data.as_array()?.iter().take(KEPT_ROWS).map(flat);
            rows.map(|row| Some(row).filter(|row| row.len() == names.len())).collect::<Option<_>>()?
        }
        _ => return None,
    };
    (!rows.is_empty()).then(|| {
        (0..names.len()).map(|place| column(rows.iter().filter_map(|row| row.get(place).copied()))).collect()
    })
}

/// The cells of a row at these places.
fn picked<'a>(row: &'a Value, places: &[usize]) -> Option<Vec<&'a Value>> {
    let row = row.as_array()?;
    places.iter().map(|place| row.get(*place)).collect()
}

/// The elements of a row of a tensor.
fn flat(row: &Value) -> Vec<&Value> {
    match row {
        Value::Array(parts) => parts.iter().flat_map(flat).collect(),
        one => vec![one],
    }
}

fn column<'a>(values: impl Iterator<Item = &'a Value> + Clone) -> Input {
    if values.clone().any(Value::is_string) {
        return Input::Words(values.map(|value| value.as_str().map(str::to_owned)).collect());
    }
    let number = |value: &Value| match value {
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        other => other.as_f64().unwrap_or(f64::NAN),
    };
    Input::Numbers(values.map(number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(expected: Elements, found: Data, tolerance: f64) -> String {
        let named = Named { name: "y".into(), values: expected };
        let found = Tensor::vector(found);
        compare(&named, Some(&found), 3, tolerance)
            .err()
            .map_or_else(|| "alike".into(), |error| error.to_string())
    }

    #[test]
    fn a_difference_names_row_output_expected_and_found() {
        let numbers = |values: [f64; 3]| Elements::Numbers(values.into_iter().map(Some).collect());
        let words = |values: [&str; 3]| Elements::Words(values.map(|word| Some(word.to_owned())).into());
        let close = Data::Float64(vec![1.0, 2.0 + 1e-7, 3.0]);
        assert_eq!(differs(numbers([1.0, 2.0, 3.0]), close.clone(), 1e-6), "alike");
        assert_eq!(
            differs(numbers([1.0, 2.5, 3.0]), close, 1e-6),
            "row 1 of the stored rows: `y` is 2.0000001, it was 2.5"
        );
        let found = Data::Text(vec!["a".into(), "b".into(), "b".into()]);
        assert_eq!(
            differs(words(["a", "b", "c"]), found.clone(), 0.0),
            "row 2 of the stored rows: `y` is \"b\", it was \"c\""
        );
        assert_eq!(
            differs(numbers([1.0; 3]), found, 0.0),
            "row 0 of the stored rows: `y` is \"a\", it was 1"
        );
        let nothing = Data::Float64(vec![f64::NAN; 3]);
        assert_eq!(differs(Elements::Numbers(vec![None; 3]), nothing, 0.0), "alike");
        let two = Elements::Numbers(vec![Some(1.0); 6]);
        assert_eq!(
            differs(two, Data::Float64(vec![1.0; 3]), 0.0),
            "row 0 of the stored rows: `y` is 1 a row, it was 2 a row"
        );
    }

    #[test]
    fn examples_of_tables_and_of_tensors_are_read() {
        let names = ["a".to_owned(), "w".to_owned()];
        let table = serde_json::json!({"columns": ["w", "a"], "data": [["x", 1], [null, 2.5]]});
        let expected = vec![Input::Numbers(vec![1.0, 2.5]), Input::Words(vec![Some("x".into()), None])];
        assert_eq!(example_rows(&table, &names), Some(expected));
        let tensor = serde_json::json!({"inputs": [[[1], [2]], [[3], [4]]]});
        let expected = vec![Input::Numbers(vec![1.0, 3.0]), Input::Numbers(vec![2.0, 4.0])];
        assert_eq!(example_rows(&tensor, &names), Some(expected));
        assert_eq!(example_rows(&serde_json::json!({"columns": ["a"], "data": [[1]]}), &names), None);
    }
}
