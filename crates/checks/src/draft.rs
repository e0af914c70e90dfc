//! A minimal suite proposed from what is there, with the false alarms it would have given.

use base::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tables::{ColumnType, Query, Table};

use crate::check::Check;
use crate::compile::name;
use crate::{Circumstances, Outcome, Result, evaluate, words};

/// A column with at most so many different values is proposed a set of them.
const MOST_VALUES: u64 = 20;
/// Each value of a proposed set must stand for so many rows on average: fewer say little about the next ones.
const ROWS_PER_VALUE: u64 = 20;
/// A check that would have given more false alarms than this is left out.
const MOST_FALSE_ALARMS: f64 = 0.1;

/// A proposed suite.
#[derive(Debug, Clone, Serialize)]
pub struct Draft {
    /// How many rows it was drawn from.
    pub rows: u64,
    /// In how many parts they came, oldest first.
    pub parts: usize,
    /// What is proposed.
    pub checks: Vec<Drafted>,
    /// What was considered and left out, as it would have given too many false alarms.
    pub left_out: Vec<Drafted>,
}

/// A proposed check.
#[derive(Debug, Clone, Serialize)]
pub struct Drafted {
    /// The check, with the explanation as its reason.
    pub check: Check,
    /// On how many parts the check, drawn from the parts before, was tried.
    pub tried: usize,
    /// On how many of them it failed.
    pub false_alarms: usize,
}

impl Drafted {
    /// The share of parts on which it failed; none if it could not be tried.
    #[must_use]
    pub fn false_alarm_rate(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a handful of parts")]
        let rate = self.false_alarms as f64 / self.tried as f64;
        (self.tried > 0).then_some(rate)
    }
}

/// Proposes checks that hold for all parts. For each part but the first, checks are drawn from the parts before it and
/// tried on it, which gives the false-alarm rate: parts are taken to be good. `from_versions` says that the parts are
/// versions as they came, so that their numbers of rows mean something.
pub async fn draft(parts: &[Table], from_versions: bool, now: Timestamp) -> Result<Draft> {
    let mut counts: std::collections::HashMap<String, (usize, usize)> = std::collections::HashMap::new();
    for (index, part) in parts.iter().enumerate().skip(1) {
        let before = parts.get(..index).unwrap_or_default();
        let checks = propose(before, from_versions).await?;
        let mut circumstances = Circumstances::at(now);
        circumstances.history = before.iter().map(|part| part.row_count() as u64).collect();
        for result in evaluate(&checks, part, &circumstances).await?.results {
            let (tried, failed) = counts.entry(result.check_id).or_default();
            *tried += 1;
            *failed += usize::from(result.outcome != Outcome::Pass);
        }
    }
    let drafted = propose(parts, from_versions).await?.into_iter().map(|check| {
        let (tried, false_alarms) = counts.get(&check.id).copied().unwrap_or_default();
        Drafted { check, tried, false_alarms }
    });
    let (left_out, checks) =
        drafted.partition(|drafted| drafted.false_alarm_rate().is_some_and(|rate| rate > MOST_FALSE_ALARMS));
    let rows = parts.iter().map(|part| part.row_count() as u64).sum();
    Ok(Draft { rows, parts: parts.len(), checks, left_out })
}

/// What is known of a column.
struct Profile {
    name: String,
    kind: ColumnType,
    rows: u64,
    present: u64,
    distinct: u64,
    /// The least and the greatest number or length.
    range: Option<(f64, f64)>,
}

async fn propose(parts: &[Table], from_versions: bool) -> Result<Vec<Check>> {
    let table = Table::concat(parts)?;
    let mut suite = Suite::default();
    let names: Vec<&str> = table.schema().names().collect();
    let columns = table.schema().columns.len();
    suite.add(
        "columns",
        &format!("the rows seen have these {columns} columns"),
        "block",
        json!({ "columns_exist": names }),
    );
    suite.add("rows", "an empty table is not what was seen", "error", json!({ "row_count": [1, null] }));
    if from_versions && parts.len() > 2 {
        let why = "earlier versions, compared with the median of those before them, were within this";
        suite.add("volume", why, "warn", json!({ "volume": volume(parts) }));
    }
    for profile in profiles(&table).await? {
        column(&mut suite, &profile, &table).await?;
    }
    Ok(suite.checks)
}

/// Half and twice what was seen at the extremes, as shares of the median.
fn volume(parts: &[Table]) -> [f64; 2] {
    let counts: Vec<u64> = parts.iter().map(|part| part.row_count() as u64).collect();
    #[expect(clippy::cast_precision_loss, reason = "shares of rows")]
    let usual = crate::shape::median(&counts).unwrap_or(1).max(1) as f64;
    #[expect(clippy::cast_precision_loss, reason = "shares of rows")]
    let share = |count: Option<&u64>| count.copied().unwrap_or(1) as f64 / usual;
    [outward(share(counts.iter().min()) / 2.0, false), outward(share(counts.iter().max()) * 2.0, true)]
}

#[derive(Default)]
struct Suite {
    checks: Vec<Check>,
}

impl Suite {
    /// Adds a check; one that cannot be written down is not proposed.
    fn add(&mut self, id: &str, reason: &str, severity: &str, mut what: Value) {
        if let Value::Object(fields) = &mut what {
            fields.insert("id".into(), json!(crate::import::name(id, &self.checks)));
            fields.insert("reason".into(), json!(reason));
            fields.insert("severity".into(), json!(severity));
        }
        if let Ok(check) = serde_json::from_value::<Check>(what) {
            self.checks.push(check);
        }
    }
}

/// All columns in one scan.
async fn profiles(table: &Table) -> Result<Vec<Profile>> {
    let mut parts = vec!["count(*) as n".to_owned()];
    for (index, column) in table.schema().columns.iter().enumerate() {
        let value = name(&column.name);
        let figure = match column.kind {
            ColumnType::Text => format!("character_length({value})"),
            ColumnType::Real => format!("case when not isnan({value}) then {value} end"),
            ColumnType::Bool | ColumnType::Time => format!("cast({value} as bigint)"),
            ColumnType::Int => value.clone(),
        };
        parts.push(format!(
            "count({value}) as p{index}, count(distinct {value}) as d{index}, \
             cast(min({figure}) as double) as l{index}, cast(max({figure}) as double) as h{index}"
        ));
    }
    let sql = format!("select {} from input", parts.join(", "));
    let found = Query::new().table("input", table.clone()).run(&sql).await?;
    let figure = |name: String| Ok::<_, crate::Error>(found.numbers(&name)?.first().copied().flatten());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of rows")]
    let count = |name: String| Ok::<_, crate::Error>(figure(name)?.unwrap_or_default() as u64);
    let mut profiles = Vec::new();
    for (index, column) in table.schema().columns.iter().enumerate() {
        profiles.push(Profile {
            name: column.name.clone(),
            kind: column.kind,
            rows: count("n".into())?,
            present: count(format!("p{index}"))?,
            distinct: count(format!("d{index}"))?,
            range: figure(format!("l{index}"))?.zip(figure(format!("h{index}"))?),
        });
    }
    Ok(profiles)
}

async fn column(suite: &mut Suite, profile: &Profile, table: &Table) -> Result<()> {
    let Profile { name: column, kind, rows, present, distinct, range } = profile;
    let id = |what: &str| format!("{column}-{what}");
    if *present == 0 {
        return Ok(());
    }
    missing(suite, profile);
    if present == distinct
        && present == rows
        && *rows >= 100
        && matches!(kind, ColumnType::Int | ColumnType::Text)
    {
        let why = format!("each of {} rows has a value of its own", words::count(*rows));
        suite.add(&id("unique"), &why, "error", json!({ "unique": [column] }));
    }
    if *distinct <= MOST_VALUES && present / distinct.max(&1) >= ROWS_PER_VALUE {
        if matches!(kind, ColumnType::Int | ColumnType::Text) {
            let values = values(column, table).await?;
            let why = format!("{} rows have only these {distinct} values", words::count(*present));
            suite.add(
                &id("known"),
                &why,
                "warn",
                json!({ "column": column, "in_set": values, "mostly": 0.99 }),
            );
        }
        return Ok(());
    }
    match (kind, range) {
        (ColumnType::Int | ColumnType::Real, Some((low, high))) => {
            let room = (high - low) / 10.0;
            let least = if *low >= 0.0 {
                0.0_f64.max(outward(low - room, false))
            } else {
                outward(low - room, false)
            };
            let most = if *high <= 0.0 {
                0.0_f64.min(outward(high + room, true))
            } else {
                outward(high + room, true)
            };
            let why = format!(
                "seen are {} to {}; a tenth of that is left as room",
                words::figure(*low),
                words::figure(*high)
            );
            suite.add(&id("range"), &why, "error", json!({ "column": column, "between": [least, most] }));
        }
        (ColumnType::Text, Some((low, high))) if (low - high).abs() < 0.5 && *present >= 100 => {
            let why = format!("all of {} texts are as long as that", words::count(*present));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length")]
            let length = *low as u64;
            suite.add(&id("length"), &why, "error", json!({ "column": column, "length": [length, length] }));
        }
        (ColumnType::Time, _) if rises(column, table)? => {
            let why = "every time is at or after that of the row before";
            suite.add(&id("rises"), why, "warn", json!({ "column": column, "increasing": true }));
        }
        _ => {}
    }
    Ok(())
}

/// Rows without a value: none where none were seen, else as many as chance may bring, by three standard errors.
fn missing(suite: &mut Suite, profile: &Profile) {
    let Profile { name: column, rows, present, .. } = profile;
    if present == rows {
        let why = format!("no value is missing in {} rows", words::count(*rows));
        suite.add(&format!("{column}-there"), &why, "error", json!({ "column": column, "not_null": true }));
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share of rows")]
    let (share, n) = ((rows - present) as f64 / *rows as f64, *rows as f64);
    let most = outward(share + 3.0 * (share * (1.0 - share) / n).sqrt() + 0.01, true);
    if most < 1.0 {
        let why = format!("{} % of {} rows have no value", words::figure(share * 100.0), words::count(*rows));
        suite.add(
            &format!("{column}-missing"),
            &why,
            "warn",
            json!({ "column": column, "null_share": [null, most] }),
        );
    }
}

/// A bound with two digits, never nearer to the rest than before.
fn outward(value: f64, up: bool) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(value.abs().log10().floor() - 1.0);
    let steps = value / scale;
    let rounded = if up { steps.ceil() } else { steps.floor() } * scale;
    // Takes the dust of the multiplication away.
    format!("{rounded:.12e}").parse().unwrap_or(rounded)
}

async fn values(column: &str, table: &Table) -> Result<Vec<Value>> {
    let value = name(column);
    let sql = format!("select distinct {value} as value from input where {value} is not null order by value");
    let found = Query::new().table("input", table.select(&[column])?).run(&sql).await?;
    Ok(found.json_arrays(found.row_count()).into_iter().flatten().collect())
}

fn rises(column: &str, table: &Table) -> Result<bool> {
    let times: Vec<i64> = table.times(column)?.into_iter().flatten().collect();
    Ok(times.is_sorted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_rounded_away_from_the_values() {
        assert_eq!(outward(10_234.0, true), 11_000.0);
        assert_eq!(outward(10_234.0, false), 10_000.0);
        assert_eq!(outward(-0.123, false), -0.13);
        assert_eq!(outward(0.033, true), 0.033);
    }
}
