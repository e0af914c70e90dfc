//! `predict`: rows in, predictions out, over the Open Inference Protocol.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tables::{Table, Values};

use crate::args::PredictArguments;
use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at};
use crate::project::read_table;

const ROWS_PER_REQUEST: usize = 1_000;

/// Asks a deployment and prints its predictions.
pub(super) async fn predict(client: &Client, arguments: &PredictArguments, json: bool) -> Result<()> {
    let deployment = arguments.deployment.as_deref().unwrap_or_default();
    let path = format!("/v2/models/{deployment}/infer");
    let mut answers = Vec::new();
    if let Some(row) = &arguments.row {
        answers.push(client.post(&path, &json!({ "inputs": inputs_of_row(row)? })).await?);
    }
    if let Some(file) = &arguments.file {
        let table = read_table(file)?;
        for start in (0..table.row_count()).step_by(ROWS_PER_REQUEST) {
            let rows = table.slice(start, ROWS_PER_REQUEST.min(table.row_count() - start));
            answers.push(client.post(&path, &json!({ "inputs": inputs_of_table(&rows, &[])? })).await?);
        }
    }
    for answer in answers {
        if json {
            output::json(&answer);
            continue;
        }
        let data = at(&answer, "outputs")
            .as_array()
            .and_then(|outputs| outputs.first().map(|first| at(first, "data")));
        for value in data.as_ref().and_then(Value::as_array).into_iter().flatten() {
            output::line(&value.to_string());
        }
    }
    Ok(())
}

fn inputs_of_row(row: &str) -> Result<Vec<Value>> {
    let fields: Map<String, Value> = serde_json::from_str(row).map_err(|error| {
        hinted(format!("the row is not a JSON object: {error}"), r#"such as {"hour": 8, "temp": 281.5}"#)
    })?;
    // A field that is null is one that is not known, as if it had been left out.
    let known = fields.into_iter().filter(|(_, value)| !value.is_null());
    Ok(known
        .map(|(name, value)| input(&name, if value.is_string() { "BYTES" } else { "FP64" }, &[value]))
        .collect())
}

/// The named columns of a table (all of them when none is named) as inputs of a request.
pub(crate) fn inputs_of_table(table: &Table, names: &[String]) -> Result<Vec<Value>> {
    let all: Vec<String> = table.schema().names().map(str::to_owned).collect();
    let names = if names.is_empty() { &all } else { names };
    names
        .iter()
        .map(|name| {
            let values = table.column(name).with_context(|| format!("column `{name}`"))?;
            let (datatype, data): (_, Vec<Value>) = match values {
                Values::Text(texts) => ("BYTES", texts.into_iter().map(Value::from).collect()),
                Values::Time(times) => {
                    let written = |at| base::Timestamp::from_micros(at).to_string();
                    ("BYTES", times.into_iter().map(|at| Value::from(at.map(written))).collect())
                }
                Values::Int(_) | Values::Real(_) | Values::Bool(_) => {
                    ("FP64", table.numbers(name)?.into_iter().map(Value::from).collect())
                }
            };
            Ok(input(name, datatype, &data))
        })
        .collect()
}

/// One input: words travel as BYTES, numbers as FP64, and a null is a missing value of either.
fn input(name: &str, datatype: &str, data: &[Value]) -> Value {
    json!({ "name": name, "shape": [data.len()], "datatype": datatype, "data": data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_get_their_datatype() {
        let inputs = inputs_of_row(r#"{"hour": 8, "weather": "Clear", "temp": null}"#).unwrap();
        let types: Vec<_> = inputs.iter().map(|input| output::text_at(input, "datatype")).collect();
        let names: Vec<_> = inputs.iter().map(|input| output::text_at(input, "name")).collect();
        let of = |name: &str| names.iter().position(|other| other == name).map(|at| types[at].as_str());
        assert_eq!(of("hour"), Some("FP64"));
        assert_eq!(of("weather"), Some("BYTES"));
        assert_eq!(of("temp"), None);
    }
}
