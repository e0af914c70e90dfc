//! Changing many runs at once: first counted, then done, and taken back if it was a mistake.

use std::collections::BTreeMap;

use base::{Actor, Failure, Kind, NewEvent, ObjectRef, Timestamp};
use db::{Sql, SqlText, Tx, params};
use experiments::{Batch, Lifecycle, RunQuery, View, query};
use serde::{Deserialize, Serialize};

use crate::Platform;

/// Runs that one change may touch.
pub const MOST_RUNS: usize = 10_000;
/// The tag of runs that are kept but no longer shown.
pub const ARCHIVED_TAG: &str = "gingham.archived";
/// Runs that are shown of those that fit.
const SHOWN: usize = 10;
/// Runs that are read or written in one go.
const CHUNK: usize = 500;

/// What is done to each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Write a tag.
    Tag,
    /// Keep it, and no longer show it.
    Archive,
    /// Put it into the bin.
    Delete,
    /// Take it out of the bin, or out of the archive.
    Restore,
}

impl Act {
    const fn word(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Archive => "archive",
            Self::Delete => "delete",
            Self::Restore => "restore",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "archive" => Self::Archive,
            "delete" => Self::Delete,
            "restore" => Self::Restore,
            _ => Self::Tag,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct BulkOrder {
    /// What is done.
    pub act: Act,
    /// To which runs, in the language of searches.
    pub filter: String,
    /// In which experiments; all of them if none is named.
    pub experiments: Vec<i64>,
    /// The tag's name and value.
    pub tag: Option<(String, String)>,
    /// How many runs the one who asks thinks there are; nothing only counts.
    pub expected: Option<usize>,
}

/// What was found, and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulkOutcome {
    /// How many runs fit and are not yet as they shall be.
    pub runs: usize,
    /// Some of them: id and name.
    pub some: Vec<(String, String)>,
    /// The change, if it was made; by it the change can be taken back.
    pub change: Option<String>,
}

/// A failure of a change of many runs.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// Other runs fit than the one who asks has seen.
    #[error("{found} runs fit, not {expected}")]
    Count {
        /// How many there are.
        found: usize,
        /// How many were expected.
        expected: usize,
    },
    /// More runs than one change may touch.
    #[error("more than {most} runs fit: a change touches at most so many")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// The tag is missing.
    #[error("a tag is needed to write one")]
    TagMissing,
    /// There is no such change.
    #[error("there is no change `{change}` of many runs")]
    NoChange {
        /// Its id.
        change: String,
    },
    /// It was taken back before.
    #[error("change `{change}` was taken back already")]
    Undone {
        /// Its id.
        change: String,
    },
    /// The runs.
    #[error(transparent)]
    Experiments(#[from] experiments::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Failure for BulkError {
    fn kind(&self) -> Kind {
        match self {
            Self::Count { .. } | Self::Undone { .. } => Kind::Conflict,
            Self::TooMany { .. } => Kind::TooLarge,
            Self::TagMissing => Kind::Invalid,
            Self::NoChange { .. } => Kind::NotFound,
            Self::Experiments(error) => error.kind(),
            Self::Db(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Count { .. } => "bulk_count_differs",
            Self::TooMany { .. } => "bulk_too_many",
            Self::TagMissing => "bulk_tag_missing",
            Self::NoChange { .. } => "bulk_change_not_found",
            Self::Undone { .. } => "bulk_change_undone",
            Self::Experiments(error) => error.code(),
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Count { .. } => Some("look at the runs again, then give the number that you see".into()),
            Self::TooMany { .. } => Some("narrow the filter, and go on in parts".into()),
            Self::TagMissing => Some("give the tag's name and value".into()),
            Self::NoChange { .. } => Some("`gingham log --kind 'runs.*'` tells the changes".into()),
            Self::Undone { .. } => None,
            Self::Experiments(error) => error.hint(),
            Self::Db(error) => error.hint(),
        }
    }
}

/// A run that is changed, and what stood there before.
struct Touched {
    id: String,
    name: String,
    before: Option<String>,
}

impl Platform {
    /// Counts the runs that fit, and changes them if as many were expected.
    ///
    /// # Errors
    /// [`BulkError::Count`] when other runs fit than expected; then nothing is changed.
    pub async fn change_runs(&self, order: BulkOrder, actor: &Actor) -> Result<BulkOutcome, BulkError> {
        let mut order = order;
        match order.act {
            Act::Tag if order.tag.is_none() => return Err(BulkError::TagMissing),
            Act::Tag => {}
            Act::Archive => order.tag = Some((ARCHIVED_TAG.to_owned(), self.clock.now().to_string())),
            Act::Delete | Act::Restore => order.tag = None,
        }
        let touched = self.fitting(&order).await?;
        let some = touched.iter().take(SHOWN).map(|run| (run.id.clone(), run.name.clone())).collect();
        let runs = touched.len();
        let Some(expected) = order.expected else { return Ok(BulkOutcome { runs, some, change: None }) };
        if expected != runs {
            return Err(BulkError::Count { found: runs, expected });
        }
        if runs == 0 {
            return Ok(BulkOutcome { runs, some, change: None });
        }
        let (id, now, actor) = (base::id::new_hex_id(), self.clock.now(), actor.clone());
        let change = id.clone();
        self.db
            .write::<_, BulkError, _>(move |tx| {
                Box::pin(async move { make(tx, &id, &order, &touched, &actor, now).await })
            })
            .await?;
        Ok(BulkOutcome { runs, some, change: Some(change) })
    }

    /// The runs that fit and are not yet as they shall be.
    async fn fitting(&self, order: &BulkOrder) -> Result<Vec<Touched>, BulkError> {
        let view = match order.act {
            Act::Restore => View::All,
            Act::Tag | Act::Archive | Act::Delete => View::Active,
        };
        let filter = query::run_filter(&order.filter).map_err(experiments::Error::from)?;
        let experiments = if order.experiments.is_empty() {
            self.all_experiments().await?
        } else {
            order.experiments.clone()
        };
        let mut touched = Vec::new();
        let mut token = None;
        loop {
            let (filter, order_by) = (filter.clone(), Vec::new());
            let query = RunQuery {
                experiments: experiments.clone(),
                filter,
                order: order_by,
                view,
                limit: CHUNK,
                token,
            };
            let page = experiments::search_runs(&self.db, &query).await?;
            touched.extend(page.items.into_iter().filter_map(|run| to_touch(order, run)));
            if touched.len() > MOST_RUNS {
                return Err(BulkError::TooMany { most: MOST_RUNS });
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(touched);
            }
        }
    }

    /// The numbers of all experiments of the project `default`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn all_experiments(&self) -> Result<Vec<i64>, experiments::Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let query = experiments::ExperimentQuery {
                project: None,
                filter: query::experiment_filter("")?,
                order: Vec::new(),
                view: View::All,
                limit: 1_000,
                token,
            };
            let page = experiments::search_experiments(&mut self.db.read().await?, &query).await?;
            found.extend(page.items.iter().map(|experiment| experiment.id));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Takes a change back: each run gets what it had before. Answers how many runs were changed.
    ///
    /// # Errors
    /// [`BulkError::NoChange`] and [`BulkError::Undone`].
    pub async fn undo_change_of_runs(&self, change: &str, actor: &Actor) -> Result<usize, BulkError> {
        let (change, actor, now) = (change.to_owned(), actor.clone(), self.clock.now());
        self.db
            .write::<_, BulkError, _>(move |tx| Box::pin(async move { undo(tx, &change, &actor, now).await }))
            .await
    }
}

/// The run with what stands there now, unless it is already as it shall be.
fn to_touch(order: &BulkOrder, run: experiments::Run) -> Option<Touched> {
    let deleted = run.lifecycle == Lifecycle::Deleted;
    let archived = run.tags.get(ARCHIVED_TAG);
    let before = match (order.act, &order.tag) {
        (Act::Archive, _) if archived.is_some() => return None,
        (Act::Tag | Act::Archive, Some((key, value))) => {
            let before = run.tags.get(key);
            if before == Some(value) {
                return None;
            }
            before.cloned()
        }
        (Act::Restore, _) if !deleted && archived.is_none() => return None,
        // Of a run taken out of the archive its mark is kept; one out of the bin had none to lose.
        (Act::Restore, _) if !deleted => archived.cloned(),
        _ => None,
    };
    Some(Touched { id: run.id, name: run.name, before })
}

async fn make(
    tx: &mut Tx,
    id: &str,
    order: &BulkOrder,
    touched: &[Touched],
    actor: &Actor,
    now: Timestamp,
) -> Result<(), BulkError> {
    let (key, value) = order.tag.clone().unzip();
    tx.execute(
        "insert into bulk_changes (id, act, filter, tag_key, tag_value, actor, at) values ($1, $2, $3, $4, $5, $6, $7)",
        params![id, order.act.word(), &order.filter, key, value, actor.as_str(), now],
    )
    .await?;
    for runs in touched.chunks(CHUNK / 5) {
        let mut text = SqlText::new("insert into bulk_change_runs (change_id, run, before) values ");
        for (index, run) in runs.iter().enumerate() {
            text = text.push(if index == 0 { "(" } else { ", (" });
            text = text.bind(id).push(", ").bind(&run.id).push(", ").bind(run.before.clone()).push(")");
        }
        tx.execute_text(text).await?;
    }
    for run in touched {
        match (order.act, &order.tag) {
            (Act::Delete, _) => experiments::delete_run(tx, &run.id, actor, now).await?,
            (Act::Restore, _) if run.before.is_some() => {
                experiments::delete_run_tag(tx, &run.id, ARCHIVED_TAG).await?;
            }
            (Act::Restore, _) => experiments::restore_run(tx, &run.id, actor).await?,
            (Act::Tag | Act::Archive, Some((key, value))) => {
                let batch = Batch { tags: vec![(key.clone(), value.clone())], ..Batch::default() };
                experiments::log_batch(tx, &run.id, batch).await?;
            }
            (Act::Tag | Act::Archive, None) => {}
        }
    }
    let facts = serde_json::json!({"runs": touched.len(), "act": order.act.word(), "filter": order.filter});
    let summary = format!("{} runs changed at once: {}", touched.len(), order.act.word());
    tx.append_event(event("runs.changed", actor, id, summary).with(facts)).await?;
    Ok(())
}

async fn undo(tx: &mut Tx, change: &str, actor: &Actor, now: Timestamp) -> Result<usize, BulkError> {
    let Some(row) = tx
        .fetch_optional("select act, tag_key, undone_at from bulk_changes where id = $1", params![change])
        .await?
    else {
        return Err(BulkError::NoChange { change: change.to_owned() });
    };
    if row.opt_time("undone_at")?.is_some() {
        return Err(BulkError::Undone { change: change.to_owned() });
    }
    let (act, key) = (Act::of(&row.text("act")?), row.opt_text("tag_key")?);
    let rows = tx
        .fetch_all(
            "select run, before from bulk_change_runs where change_id = $1 order by run",
            params![change],
        )
        .await?;
    let mut touched: BTreeMap<String, Option<String>> = BTreeMap::new();
    for row in &rows {
        touched.insert(row.text("run")?, row.opt_text("before")?);
    }
    for (run, before) in &touched {
        let outcome = match (act, &key, before) {
            (Act::Delete, _, _) => experiments::restore_run(tx, run, actor).await,
            (Act::Restore, _, None) => experiments::delete_run(tx, run, actor, now).await,
            (Act::Restore, _, Some(mark)) => experiments::set_run_tag(tx, run, ARCHIVED_TAG, mark).await,
            (Act::Tag | Act::Archive, Some(key), Some(value)) => {
                experiments::set_run_tag(tx, run, key, value).await
            }
            (Act::Tag | Act::Archive, Some(key), None) => experiments::delete_run_tag(tx, run, key).await,
            (Act::Tag | Act::Archive, None, _) => Ok(()),
        };
        match outcome {
            // Someone has changed the run since then; there is nothing left to take back.
            Err(
                experiments::Error::TagNotFound { .. }
                | experiments::Error::RunDeleted { .. }
                | experiments::Error::RunNotFound { .. },
            ) => {}
            other => other?,
        }
    }
    tx.execute("update bulk_changes set undone_at = $1 where id = $2", params![now, change]).await?;
    let summary = format!("change of {} runs taken back", touched.len());
    tx.append_event(event("runs.undone", actor, change, summary)).await?;
    Ok(touched.len())
}

fn event(kind: &str, actor: &Actor, id: &str, summary: String) -> NewEvent {
    NewEvent::new(kind, actor, ObjectRef::new("bulk_change", id), summary)
}

#[cfg(test)]
mod tests;
