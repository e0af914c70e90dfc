//! A page of the archive as one bounded question.

use base::Timestamp;
use uuid::Uuid;

use super::wire::PredictionQuery;
use crate::problem::Problem;

/// Where a page ends: the event time and the id of its last prediction.
pub(super) struct Cursor {
    event_time: Timestamp,
    id: Uuid,
}

impl Cursor {
    /// Reads what [`Cursor::write`] wrote.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let parts =
            text.split_once('_').and_then(|(micros, id)| Some((micros.parse().ok()?, id.parse().ok()?)));
        let (micros, id) = parts.ok_or_else(|| {
            Problem::invalid("invalid_cursor", format!("`{text}` is not a cursor of this list"))
        })?;
        Ok(Cursor { event_time: Timestamp::from_micros(micros), id })
    }

    /// The cursor after a prediction.
    pub(super) fn write(event_time: &str, id: &str) -> Option<String> {
        let event_time = Timestamp::parse(event_time).ok()?;
        Some(format!("{}_{id}", event_time.as_micros()))
    }
}

/// The question for one page, newest event first. Only checked names, numbers, times and ids go into it, and `filter`, a
/// condition that was made of a person's words.
pub(super) fn question(
    asked: &PredictionQuery,
    filter: Option<String>,
    cursor: Option<&Cursor>,
    rows: usize,
) -> Result<String, Problem> {
    let table = match &asked.model {
        Some(model) => {
            base::names::check_name("model", model)
                .map_err(|error| Problem::invalid("invalid_name", error.to_string()))?;
            format!("\"{model}\".scored")
        }
        None => "scored".to_owned(),
    };
    let mut conditions = Vec::new();
    if let Some(from) = asked.from {
        conditions.push(format!("event_time >= timestamp '{from}'"));
    }
    if let Some(to) = asked.to {
        conditions.push(format!("event_time < timestamp '{to}'"));
    }
    if let Some(Cursor { event_time, id }) = cursor {
        conditions.push(format!(
            "(event_time < timestamp '{event_time}' or (event_time = timestamp '{event_time}' and prediction_id < '{id}'))"
        ));
    }
    conditions.extend(filter);
    let condition =
        if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
    Ok(format!("select * from {table}{condition} order by event_time desc, prediction_id desc limit {rows}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_one_question_of_checked_parts() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let cursor = Cursor::read(&Cursor::write("2016-01-04T00:00:00Z", id).unwrap()).unwrap();
        let asked = PredictionQuery {
            model: Some("traffic".into()),
            to: Some(Timestamp::parse("2017-01-01T00:00:00Z").unwrap()),
            ..PredictionQuery::default()
        };
        assert_eq!(
            question(&asked, None, Some(&cursor), 51).unwrap(),
            format!(
                "select * from \"traffic\".scored where event_time < timestamp '2017-01-01T00:00:00Z' and \
                 (event_time < timestamp '2016-01-04T00:00:00Z' or (event_time = timestamp '2016-01-04T00:00:00Z' \
                 and prediction_id < '{id}')) order by event_time desc, prediction_id desc limit 51"
            )
        );
    }

    #[test]
    fn what_is_no_name_or_cursor_never_becomes_part_of_a_question() {
        let asked = PredictionQuery { model: Some("a\".scored; drop".into()), ..PredictionQuery::default() };
        assert_eq!(question(&asked, None, None, 1).err().unwrap().code, "invalid_name");
        assert!(Cursor::read("1_x' or 1=1").is_err());
    }
}
