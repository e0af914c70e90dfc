//! CloudEvents as KServe's logger sends them: a request and its response, joined by id.

use base::{Actor, Period, Timestamp};
use db::{Sql, params};
use serde_json::{Map, Value, json};

use super::{RowsTaken, Sent, table_of_json, unusable};
use crate::{Error, Platform};

/// A half whose other half does not come is thrown away after this.
const MOST_AGE: Period = Period::from_days(1);

/// One event: a request to a model, or its response.
#[derive(Debug, Clone)]
pub struct CloudEvent {
    /// The same for a request and its response.
    pub id: String,
    /// Whether it is the response.
    pub is_response: bool,
    /// The model.
    pub model: String,
    /// When it happened; when it was received, if the event does not say.
    pub time: Option<Timestamp>,
    /// The body, in KServe's protocol version 1 or 2.
    pub data: Value,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTaken {
    /// It waits, durably, for its other half.
    Waiting,
    /// Both halves were there: these predictions are kept.
    Joined(RowsTaken),
}

impl Platform {
    /// Takes an event; answers when it is durable. The same event again changes nothing.
    ///
    /// # Errors
    /// [`Error::RowsUnusable`] when both halves are there and do not fit.
    pub async fn take_cloud_event(&self, event: CloudEvent, actor: &Actor) -> Result<EventTaken, Error> {
        let now = self.clock.now();
        let (part, other_part) = (part(event.is_response), part(!event.is_response));
        let text = event.data.to_string();
        let at = event.time.unwrap_or(now);
        let (model, id) = (event.model.clone(), event.id.clone());
        let written: Result<(), Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "insert into cloud_event_halves (model, id, part, at, received_at, body) \
                         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
                        params![&model, &id, part, at, now, &text],
                    )
                    .await?;
                    tx.execute(
                        "delete from cloud_event_halves where received_at < $1",
                        params![now.minus(MOST_AGE)],
                    )
                    .await?;
                    Ok(())
                })
            })
            .await;
        written?;
        let query = db::SqlText::new("select at, body from cloud_event_halves where model = ")
            .bind(&event.model)
            .push(" and id = ")
            .bind(&event.id)
            .push(" and part = ")
            .bind(other_part);
        let halves = self.db.read().await?.fetch_all_text(query).await?;
        let Some(other) = halves.first() else { return Ok(EventTaken::Waiting) };
        let other_data: Value = other.json("body")?;
        let (request, response, asked) = if event.is_response {
            (other_data, event.data, other.time("at")?)
        } else {
            (event.data, other_data, at)
        };
        let rows = joined(&event.model, &request, &response, asked)?;
        let sent = Sent {
            key: Some(format!("cloudevent:{}", event.id)),
            deployment: Some("kserve".to_owned()),
            ..Sent::default()
        };
        let table = table_of_json(&event.model, &rows)?;
        // Ids come from the event's: if this is broken off and the event comes again, nothing is doubled.
        let taken = self.take_predictions(&event.model, &table, &sent, actor).await?;
        let (model, id) = (event.model, event.id);
        let cleaned: Result<(), Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "delete from cloud_event_halves where model = $1 and id = $2",
                        params![&model, &id],
                    )
                    .await?;
                    Ok(())
                })
            })
            .await;
        cleaned?;
        Ok(EventTaken::Joined(taken))
    }
}

const fn part(is_response: bool) -> &'static str {
    if is_response { "response" } else { "request" }
}

/// The rows of a request with what its response answers.
fn joined(
    model: &str,
    request: &Value,
    response: &Value,
    at: Timestamp,
) -> Result<Vec<Map<String, Value>>, Error> {
    let mut rows = inputs(model, request)?;
    let answers = answers(model, response)?;
    if rows.len() != answers.len() {
        return Err(unusable(
            model,
            "prediction",
            format!("the request has {} rows, the response {}", rows.len(), answers.len()),
        ));
    }
    for (row, answer) in rows.iter_mut().zip(answers) {
        row.insert("prediction".to_owned(), answer);
        row.insert("event_time".to_owned(), json!(at));
    }
    Ok(rows)
}

fn inputs(model: &str, request: &Value) -> Result<Vec<Map<String, Value>>, Error> {
    if let Some(instances) = request.get("instances").and_then(Value::as_array) {
        return Ok(instances.iter().map(instance).collect());
    }
    let Some(tensors) = request.get("inputs").and_then(Value::as_array) else {
        return Err(unusable(model, "instances", "the request has neither `instances` nor `inputs`"));
    };
    let mut rows: Vec<Map<String, Value>> = Vec::new();
    for tensor in tensors {
        let name = tensor.get("name").and_then(Value::as_str).unwrap_or("input");
        let (width, data) = flat(model, name, tensor)?;
        for (place, value) in data.into_iter().enumerate() {
            let (row, column) = (place / width, place % width);
            if rows.len() <= row {
                rows.resize_with(row + 1, Map::new);
            }
            let name = if width == 1 { name.to_owned() } else { format!("{name}_{column}") };
            if let Some(row) = rows.get_mut(row) {
                row.insert(name, value);
            }
        }
    }
    Ok(rows)
}

/// A row of protocol version 1: an object by name, a list or a value by place.
fn instance(value: &Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields.clone(),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .map(|(place, value)| (format!("feature_{place}"), value.clone()))
            .collect(),
        value => Map::from_iter([("feature_0".to_owned(), value.clone())]),
    }
}

fn answers(model: &str, response: &Value) -> Result<Vec<Value>, Error> {
    let one = |value: &Value| match value {
        Value::Array(values) => match values.as_slice() {
            [value] if !value.is_array() && !value.is_object() => Ok(value.clone()),
            _ => Err(unusable(model, "prediction", "a row has several answers; one is expected")),
        },
        Value::Object(_) => Err(unusable(model, "prediction", "an answer is an object; a value is expected")),
        value => Ok(value.clone()),
    };
    if let Some(predictions) = response.get("predictions").and_then(Value::as_array) {
        return predictions.iter().map(one).collect();
    }
    let outputs = response.get("outputs").and_then(Value::as_array).map(Vec::as_slice);
    let Some([output, ..]) = outputs else {
        return Err(unusable(model, "predictions", "the response has neither `predictions` nor `outputs`"));
    };
    match flat(model, "prediction", output)? {
        (1, data) => Ok(data),
        _ => Err(unusable(model, "prediction", "a row has several answers; one is expected")),
    }
}

/// The values of a tensor with their number a row.
fn flat(model: &str, name: &str, tensor: &Value) -> Result<(usize, Vec<Value>), Error> {
    fn push(value: &Value, out: &mut Vec<Value>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| push(value, out)),
            value => out.push(value.clone()),
        }
    }
    let mut data = Vec::new();
    push(tensor.get("data").unwrap_or(&Value::Null), &mut data);
    let shape: Vec<usize> = tensor
        .get("shape")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|size| size.as_u64().and_then(|size| usize::try_from(size).ok()))
        .collect();
    let width = shape.iter().skip(1).copied().product::<usize>().max(1);
    let rows = shape.first().copied().unwrap_or(data.len());
    if rows.checked_mul(width) != Some(data.len()) {
        return Err(unusable(
            model,
            name,
            format!("its shape is {shape:?}, but it has {} values", data.len()),
        ));
    }
    Ok((width, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_become_rows() {
        let at = Timestamp::from_micros(0);
        let one = joined("m", &json!({"instances": [[1, 2], [3, 4]]}), &json!({"predictions": [5, [6]]}), at);
        assert_eq!(one.unwrap()[1]["feature_1"], json!(4));
        let two = joined(
            "m",
            &json!({"inputs": [{"name": "x", "shape": [2, 2], "data": [1, 2, 3, 4]}, {"name": "y", "shape": [2], "data": ["a", "b"]}]}),
            &json!({"outputs": [{"name": "p", "shape": [2, 1], "data": [0.5, 0.7]}]}),
            at,
        )
        .unwrap();
        assert_eq!(
            (&two[1]["x_0"], &two[1]["y"], &two[1]["prediction"]),
            (&json!(3), &json!("b"), &json!(0.7))
        );
    }

    #[test]
    fn halves_that_do_not_fit_are_refused() {
        let at = Timestamp::from_micros(0);
        let error = joined("m", &json!({"instances": [1, 2]}), &json!({"predictions": [1]}), at).unwrap_err();
        assert!(error.to_string().contains("the request has 2 rows, the response 1"), "{error}");
        let shape = json!({"inputs": [{"name": "x", "shape": [3], "data": [1]}]});
        assert!(joined("m", &shape, &json!({"predictions": [1]}), at).is_err());
    }
}
