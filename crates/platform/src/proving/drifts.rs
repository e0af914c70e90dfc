//! Rows of other times, for checks of drift.

use std::collections::{HashMap, HashSet};

use base::{Period, Timestamp};
use checks::model::{ModelCheck, ModelCheckKind};
use checks::{DriftBounds, DriftFound, Drifts};
use datasets::DatasetVersion;
use monitoring::DriftLimits;
use tables::{Scan, Table};

use super::between;
use crate::rows::{RowRange, with_target};
use crate::specs::AppliedSpec;
use crate::{CompareOptions, Error, Named, Platform, compare_rows};

/// How far back rows of the same hours of the week come from.
const SEASON: Period = Period::from_days(56);
/// How much of what is served is looked at.
const LIVE: Period = Period::from_days(7);
const HOUR: i64 = 3_600_000_000;

/// One side of a comparison: the rows, or why there are none.
type Rows = Result<(String, Table), Lacking>;

/// Why there are no rows to compare with.
#[derive(Debug, Clone)]
enum Lacking {
    /// Nothing was there before; that is how everything begins.
    NothingYet(String),
    /// They cannot be had.
    Unknown(String),
}

impl From<String> for Lacking {
    fn from(why: String) -> Self {
        Self::Unknown(why)
    }
}

impl Lacking {
    fn answer(self) -> Result<DriftFound, String> {
        match self {
            Self::NothingYet(why) => Ok(DriftFound::nothing(why)),
            Self::Unknown(why) => Err(why),
        }
    }
}

/// The rows that are checked, and those of other times by name.
#[derive(Debug, Default)]
pub(crate) struct References {
    current: Option<Table>,
    columns: Vec<String>,
    others: HashMap<String, Rows>,
    /// Where the checked rows themselves are others, as rows learnt from are for `previous`.
    instead: HashMap<String, Table>,
}

impl Drifts for References {
    fn compare(&self, against: &str, columns: &[String], bounds: &DriftBounds) -> Result<DriftFound, String> {
        let (name, reference) = match self.others.get(against) {
            Some(Ok(found)) => found,
            Some(Err(why)) => return why.clone().answer(),
            None => return Err(format!("there are no rows `{against}` to compare with")),
        };
        let current = self.instead.get(against).or(self.current.as_ref());
        let current = current.ok_or_else(|| "there are no rows to compare".to_owned())?;
        let columns = if columns.is_empty() { &self.columns } else { columns };
        compared(name, reference, current, columns, bounds)
    }
}

/// Compares two tables as `gingham drift` does.
fn compared(
    name: &str,
    reference: &Table,
    current: &Table,
    columns: &[String],
    bounds: &DriftBounds,
) -> Result<DriftFound, String> {
    let (reference, current) = (Scan::Table(reference.clone()), Scan::Table(current.clone()));
    compared_scans(name, reference, current, columns, bounds)
}

fn compared_scans(
    name: &str,
    reference: Scan,
    current: Scan,
    columns: &[String],
    bounds: &DriftBounds,
) -> Result<DriftFound, String> {
    let usual = DriftLimits::default();
    let limits = DriftLimits {
        shift: bounds.shift.unwrap_or(usual.shift),
        distance: bounds.distance.unwrap_or(usual.distance),
        moved: bounds.moved.unwrap_or(usual.moved),
        missing: bounds.missing.unwrap_or(usual.missing),
        unseen: bounds.unseen.unwrap_or(usual.unseen),
        min_rows: bounds.min_rows.unwrap_or(usual.min_rows),
        ..usual
    };
    let named = |name: &str, rows: Scan| Named { name: name.to_owned(), rows };
    let options = CompareOptions { columns: columns.to_vec(), exact: false, limits };
    let report = compare_rows(&named(name, reference), &named("current", current), &options)
        .map_err(|error| error.to_string())?;
    let (mut drifted, mut not_judged) = (Vec::new(), Vec::new());
    for column in report.columns {
        match column.state {
            monitoring::State::Drift => drifted.push((column.column, column.words)),
            state if !state.is_judged() => not_judged.push(column.words),
            _ => {}
        }
    }
    Ok(DriftFound {
        reference: name.to_owned(),
        judged: report.judged as u64,
        drifted,
        not_judged,
        nothing_yet: None,
    })
}

impl Platform {
    /// Gathers the rows that checks of drift of a version, by model and number, name.
    pub(crate) async fn references_for(
        &self,
        checks: &[ModelCheck],
        about: (&str, i64),
        applied: Option<&AppliedSpec>,
        rows: &Table,
        training: Option<&Table>,
        columns: Vec<String>,
    ) -> Result<References, Error> {
        let mut found = References { current: Some(rows.clone()), columns, ..References::default() };
        let wanted: HashSet<&str> = checks
            .iter()
            .filter_map(|check| match &check.kind {
                ModelCheckKind::Drift { against, .. } => Some(against.as_str()),
                _ => None,
            })
            .collect();
        let learnt = || {
            training
                .cloned()
                .ok_or_else(|| Lacking::from("the rows that it learnt from are not known".to_owned()))
        };
        let time = applied.map(|applied| applied.spec.pipeline.time.as_str());
        for against in wanted {
            let other: Rows = match against {
                "training" => learnt().map(|rows| ("the rows it learnt from".to_owned(), rows)),
                "champion" | "previous" => {
                    let other = self.other_training(about, applied, against).await?;
                    if let Some(training) = training {
                        found.instead.insert(against.to_owned(), training.clone());
                    }
                    other
                }
                "season" => match (learnt(), time) {
                    (Ok(rows_then), Some(time)) => season(&rows_then, rows, time)?,
                    (Err(why), _) => Err(why),
                    (_, None) => Err("which column says when a row happened is not known".to_owned().into()),
                },
                "live" => {
                    if let Some(training) = training {
                        found.instead.insert(against.to_owned(), training.clone());
                    }
                    self.live_rows(about.0).await?
                }
                _ => continue,
            };
            found.others.insert(against.to_owned(), other);
        }
        Ok(found)
    }

    /// The rows that the champion, or the version before, learnt from.
    async fn other_training(
        &self,
        (name, own): (&str, i64),
        applied: Option<&AppliedSpec>,
        which: &str,
    ) -> Result<Rows, Error> {
        let Some(applied) = applied else {
            return Ok(Err("no `gingham.yaml` says which column is the time".to_owned().into()));
        };
        let mut read = self.db.read().await?;
        let model = registry::get_model(&mut read, name).await?;
        let number = match which {
            "previous" => own.checked_sub(1).filter(|number| *number > 0),
            _ => model.alias(&applied.spec.promotion.alias).filter(|number| *number != own),
        };
        let Some(number) = number else {
            return Ok(Err(Lacking::NothingYet(format!("there is no {which} version yet"))));
        };
        let Ok(other) = registry::get_version(&mut read, name, number).await else {
            return Ok(Err(format!("version {number} is not registered here (any more)").into()));
        };
        drop(read);
        let range = other.training_rows.and_then(|range| serde_json::from_value::<RowRange>(range).ok());
        let Some(range) = range else {
            return Ok(Err(format!("the rows that version {number} learnt from are not known").into()));
        };
        let pipeline = &applied.spec.pipeline;
        let prepared = with_target(&self.stored_table(range.table).await?, &pipeline.target)?;
        let rows = between(&prepared, &pipeline.time, &range)?;
        Ok(Ok((format!("the rows that version {number} learnt from"), rows)))
    }

    /// What was asked of the model of late.
    async fn live_rows(&self, model: &str) -> Result<Rows, Error> {
        let Some(newest) = self.archive.watermark(model) else {
            return Ok(Err(Lacking::NothingYet("the model was never asked".to_owned())));
        };
        let until = Timestamp::from_micros(newest.as_micros().saturating_add(1));
        let rows = self.archive.scored(model, newest.minus(LIVE), until).await?;
        Ok(Ok((format!("what was asked in the 7 days before {newest}"), rows)))
    }
}

/// The rows of eight weeks before the first of `now` whose hour of the week `now` has.
fn season(then: &Table, now: &Table, time: &str) -> Result<Rows, tables::Error> {
    let hour_of_week = |at: i64| at.div_euclid(HOUR).rem_euclid(24 * 7);
    let times = now.times(time)?;
    let Some(first) = times.iter().flatten().min().copied() else {
        return Ok(Err("the rows have no times".to_owned().into()));
    };
    let hours: HashSet<i64> = times.into_iter().flatten().map(hour_of_week).collect();
    let since = Timestamp::from_micros(first).minus(SEASON).as_micros();
    let keep: Vec<bool> = then
        .times(time)?
        .into_iter()
        .map(|at| at.is_some_and(|at| at >= since && at < first && hours.contains(&hour_of_week(at))))
        .collect();
    let rows = then.filter(&keep)?;
    Ok(Ok(("the same hours of the week in the eight weeks before".to_owned(), rows)))
}

/// What new rows of a dataset are compared with.
#[derive(Debug)]
pub(crate) struct DatasetDrifts {
    /// The new rows.
    pub(crate) rows: Table,
    /// The rows before, with the newest version, if there is one.
    pub(crate) before: Option<(DatasetVersion, Table)>,
    /// The column of times.
    pub(crate) time: Option<String>,
    /// The rows that the model in production learnt from, as they came in.
    pub(crate) training_until: Option<Timestamp>,
}

impl DatasetDrifts {
    fn reference(&self, against: &str) -> Rows {
        let Some((version, before)) = &self.before else {
            return Err(Lacking::NothingYet("there are no rows before these".to_owned()));
        };
        let told = |error: tables::Error| Lacking::from(error.to_string());
        let time = || {
            let lacking = || Lacking::from("which column says when a row happened is not known".to_owned());
            self.time.as_deref().ok_or_else(lacking)
        };
        match against {
            "previous" => {
                let added = usize::try_from(version.rows_added).unwrap_or(usize::MAX).min(before.row_count());
                let rows = before.slice(before.row_count() - added, added);
                Ok((format!("the rows of version {}", version.number), rows))
            }
            "season" => season(before, &self.rows, time()?).map_err(told)?,
            "training" => {
                let Some(until) = self.training_until else {
                    return Err(Lacking::NothingYet("no model has learnt from these rows".to_owned()));
                };
                let (rows, _) = split(before, time()?, until).map_err(told)?;
                Ok((format!("the rows up to {until}, which the model in production learnt from"), rows))
            }
            window => {
                let bounds = window
                    .split_once("..")
                    .and_then(|(from, to)| Some((Timestamp::parse(from).ok()?, Timestamp::parse(to).ok()?)));
                let Some((from, to)) = bounds else {
                    let why = format!(
                        "`{window}` names no rows: write `previous`, `season`, `training` or `FROM..TO`"
                    );
                    return Err(why.into());
                };
                let (until, _) = split(before, time()?, to).map_err(told)?;
                let (_, rows) = split(&until, time()?, from).map_err(told)?;
                Ok((format!("the rows from {from} until before {to}"), rows))
            }
        }
    }
}

fn split(rows: &Table, time: &str, at: Timestamp) -> Result<(Table, Table), tables::Error> {
    crate::rows::split_at(rows, time, at.as_micros())
}

impl Drifts for DatasetDrifts {
    fn compare(&self, against: &str, columns: &[String], bounds: &DriftBounds) -> Result<DriftFound, String> {
        let (name, reference) = match self.reference(against) {
            Ok(found) => found,
            Err(lacking) => return lacking.answer(),
        };
        if reference.row_count() == 0 {
            return Err(format!("{name} are none"));
        }
        compared(&name, &reference, &self.rows, columns, bounds)
    }
}

/// Rows in files beside other files, as `gingham test` has them: `against` names another source.
#[derive(Debug)]
pub struct SourceDrifts {
    /// The rows that are checked.
    pub rows: checks::Rows,
    /// The other sources by name.
    pub others: Vec<(String, checks::Rows)>,
}

impl Drifts for SourceDrifts {
    fn compare(&self, against: &str, columns: &[String], bounds: &DriftBounds) -> Result<DriftFound, String> {
        let Some((name, other)) = self.others.iter().find(|(name, _)| name == against) else {
            let names: Vec<&str> = self.others.iter().map(|(name, _)| name.as_str()).collect();
            return Err(format!(
                "there is no source `{against}`, only {}; `previous`, `season` and `training` are known to a server",
                if names.is_empty() { "this one".to_owned() } else { names.join(", ") }
            ));
        };
        compared_scans(&format!("source `{name}`"), scan(other), scan(&self.rows), columns, bounds)
    }
}

fn scan(rows: &checks::Rows) -> Scan {
    match rows {
        checks::Rows::Table(table) => Scan::Table(table.clone()),
        checks::Rows::Parquet { path, .. } => Scan::Parquet(path.clone()),
    }
}
