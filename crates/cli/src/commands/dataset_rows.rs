//! The rows of a dataset on the server, in the parts in which its versions brought them.

use anyhow::Result;
use serde_json::{Value, json};
use tables::{ColumnType, Table, Values};

use crate::client::Client;
use crate::exit::hinted;
use crate::output::{at, text_at};

/// The most rows that one answer holds.
const MOST_ROWS: usize = 100_000;
/// The most versions that are told apart.
const MOST_VERSIONS: usize = 1_000;

/// The rows in the order of their time, and how many each version brought, oldest first.
pub(super) async fn dataset_rows(client: &Client, dataset: &str) -> Result<(Table, Vec<usize>)> {
    let path = format!("/api/v1/datasets/{dataset}/versions?limit={MOST_VERSIONS}");
    let versions = client.get(&path).await?;
    let mut counts: Vec<usize> = at(&versions, "items")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|version| usize::try_from(at(version, "rows_added").as_u64()?).ok())
        .collect();
    counts.reverse();
    let query = format!("select * from datasets.\"{}\"", dataset.replace('"', "\"\""));
    let answer = client.post("/api/v1/sql", &json!({ "query": query, "limit": MOST_ROWS })).await?;
    if at(&answer, "truncated") == Value::Bool(true) {
        return Err(hinted(
            format!("dataset `{dataset}` has more than {MOST_ROWS} rows, the most that one answer holds"),
            "draft from a file of its rows",
        ));
    }
    Ok((table_of(&answer)?, counts))
}

/// The answer of a query as a table.
fn table_of(answer: &Value) -> Result<Table> {
    let (columns, rows) = (at(answer, "columns"), at(answer, "rows"));
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let columns = columns.as_array().into_iter().flatten().enumerate().map(|(place, column)| {
        let cells = rows.iter().map(|row| row.get(place).unwrap_or(&Value::Null));
        let kind: ColumnType = serde_json::from_value(at(column, "type"))?;
        let values = match kind {
            ColumnType::Int => Values::Int(cells.map(Value::as_i64).collect()),
            ColumnType::Real => Values::Real(cells.map(Value::as_f64).collect()),
            ColumnType::Bool => Values::Bool(cells.map(Value::as_bool).collect()),
            ColumnType::Text => Values::Text(cells.map(|cell| cell.as_str().map(str::to_owned)).collect()),
            ColumnType::Time => {
                let micros = |cell: &Value| Some(base::Timestamp::parse(cell.as_str()?).ok()?.as_micros());
                Values::Time(cells.map(micros).collect())
            }
        };
        Ok((text_at(column, "name"), values))
    });
    Ok(Table::from_columns(columns.collect::<Result<_>>()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_a_table_of_the_same_types() {
        let answer = json!({
            "columns": [{ "name": "n", "type": "int" }, { "name": "at", "type": "time" }, { "name": "w", "type": "text" }],
            "rows": [[1, "1970-01-01T00:00:01Z", null], [null, null, "x"]],
        });
        let table = table_of(&answer).unwrap();
        assert_eq!(table.column("n").unwrap(), Values::Int(vec![Some(1), None]));
        assert_eq!(table.column("at").unwrap(), Values::Time(vec![Some(1_000_000), None]));
        assert_eq!(table.column("w").unwrap(), Values::Text(vec![None, Some("x".into())]));
    }
}
