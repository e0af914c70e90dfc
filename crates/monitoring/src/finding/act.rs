//! What a person can do, as a command and as a call.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::gap::Gap;
use crate::report::{ColumnDrift, RangeBreach, SegmentDrift};
use crate::spec::MonitorSpec;
use crate::window::Window;

/// Something that a person can do about an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// What it does, for a button.
    pub label: String,
    /// The same on the command line.
    pub command: String,
    /// The same over HTTP.
    pub api: ApiCall,
    /// Whether the platform does it by itself.
    #[serde(default)]
    pub automatic: bool,
}

/// A call of the HTTP API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiCall {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The body, when there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<serde_json::Value>,
}

pub(crate) fn retrain(model: &str) -> Act {
    Act {
        label: "Train again on everything known by now".to_owned(),
        command: format!("gingham train {model}"),
        api: ApiCall {
            method: "POST".to_owned(),
            path: format!("/api/v1/models/{model}/train"),
            body: Some(json!({})),
        },
        automatic: false,
    }
}

/// Back to the version that served before, if one did in the windows that are known.
pub(crate) fn roll_back(model: &str, version: i64) -> Act {
    let reason = "an alert says that the version after it is worse";
    Act {
        label: format!("Go back to version {version}, which served before"),
        command: format!("gingham promote {model}@{version} --reason \"{reason}\""),
        api: ApiCall {
            method: "POST".to_owned(),
            path: format!("/api/v1/models/{model}/aliases/champion"),
            body: Some(json!({ "version": version, "reason": reason })),
        },
        automatic: false,
    }
}

/// What a wider rule would have done in the past; nothing is saved by it.
pub(crate) fn widen(model: &str, spec: &MonitorSpec) -> Act {
    let mut wider = spec.clone();
    if let Some(drift) = &mut wider.drift {
        drift.threshold *= 1.5;
    }
    if let Some(performance) = &mut wider.performance {
        performance.worse_than *= 1.25;
    }
    Act {
        label: "Accept more: see how often a wider rule would have fired, then write it into the file"
            .to_owned(),
        command: "gingham rules simulate gingham.yaml".to_owned(),
        api: ApiCall {
            method: "POST".to_owned(),
            path: format!("/api/v1/monitors/{model}/simulate"),
            body: Some(json!({ "monitor": wider })),
        },
        automatic: false,
    }
}

pub(crate) fn open_report(model: &str, window: Window) -> Act {
    Act {
        label: "See the report of the window".to_owned(),
        command: format!("gingham show monitor {model}"),
        api: ApiCall {
            method: "GET".to_owned(),
            path: format!("/api/v1/monitors/{model}/windows/{}/report", window.from),
            body: None,
        },
        automatic: false,
    }
}

pub(crate) fn worst_predictions(model: &str, window: Window) -> Act {
    let query = format!(
        "select event_time, prediction, label from {}.scored where {} and label is not null \
         order by abs(prediction - label) desc limit 50",
        identifier(model),
        within(window)
    );
    sql("See the worst predictions", &query)
}

pub(crate) fn rows_out_of_range(model: &str, breach: &RangeBreach) -> Act {
    let column = identifier(&breach.column);
    let side = if breach.value > breach.training_max { '>' } else { '<' };
    let query = format!(
        "select event_time, {column}, prediction from {}.predictions where {column} {side} {} order by event_time",
        identifier(model),
        (breach.limit * 1e6).round() / 1e6
    );
    sql("See the rows, then correct them at their source", &query)
}

pub(crate) fn around_gap(model: &str, gap: &Gap) -> Act {
    let query = format!(
        "select date_trunc('day', event_time) as day, count(*) as predictions from {}.predictions \
         group by 1 order by 1",
        identifier(model)
    );
    let label = if gap.open {
        "See what arrived, then start the sender of predictions again"
    } else {
        "See what arrived, then send what is missing"
    };
    sql(label, &query)
}

pub(crate) fn for_drift(model: &str, window: Window, breached: &[&ColumnDrift]) -> Act {
    let Some(column) = breached.first().filter(|column| column.column != "prediction") else {
        return open_report(model, window);
    };
    let name = identifier(&column.column);
    let query = format!(
        "select {name}, count(*) as predictions from {}.predictions where {} group by 1 order by 2 desc limit 50",
        identifier(model),
        within(window)
    );
    sql("See the values that came", &query)
}

/// The values of the first column that drifted in a segment, in that segment.
pub(crate) fn for_segment(model: &str, window: Window, part: &SegmentDrift) -> Act {
    let (Some(column), Some((own, value))) =
        (part.columns.iter().find(|column| *column != "prediction"), part.segment.split_once('='))
    else {
        return open_report(model, window);
    };
    let name = identifier(column);
    let query = format!(
        "select {name}, count(*) as predictions from {}.predictions where {} and {} = '{}' \
         group by 1 order by 2 desc limit 50",
        identifier(model),
        within(window),
        identifier(own),
        value.replace('\'', "''")
    );
    sql("See the values that came there", &query)
}

fn sql(label: &str, query: &str) -> Act {
    Act {
        label: label.to_owned(),
        command: format!("gingham sql '{}'", query.replace('\'', r"'\''")),
        api: ApiCall {
            method: "POST".to_owned(),
            path: "/api/v1/sql".to_owned(),
            body: Some(json!({ "query": query, "limit": 1000 })),
        },
        automatic: false,
    }
}

fn within(window: Window) -> String {
    format!("event_time >= '{}' and event_time < '{}'", window.from, window.to)
}

/// A name as SQL reads it back, quoted when it is not a plain lower-case word.
fn identifier(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_a_query() {
        assert_eq!(identifier("rain_1h"), "rain_1h");
        assert_eq!(identifier("a\" or 1=1"), "\"a\"\" or 1=1\"");
        assert_eq!(sql("x", "select 'a'").command, r"gingham sql 'select '\''a'\'''");
    }
}
