//! A review as people look at it: what changes, the verdict, what was said.

use std::collections::{BTreeMap, BTreeSet};

use base::{Event, ObjectRef, PageRequest};
use db::{EventFilter, Read};
use governance::policy::PolicyVerdict;
use governance::reviews::{self, Comment, Exception, OpinionGiven, Review, ReviewFilter, ReviewState};
use registry::Version;
use serde::Serialize;
use serde_json::Value;

use super::carry_out::judge_review;
use super::facts::{card_of, checks_of};
use super::guard::{Guard, guard_of};
use super::tell::Told;
use crate::{Error, Platform};

/// How many events of its history are told.
const HISTORY: usize = 500;
/// How the checks are called whose results are shown as the backtest.
const BACKTEST: &str = "backtest";

/// A review with everything about it.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewView {
    /// The review.
    #[serde(flatten)]
    pub review: Review,
    /// How it stands now, or stood when it ended; absent when no policy guards the alias any more.
    pub standing: Option<PolicyVerdict>,
    /// What people think.
    pub opinions: Vec<OpinionGiven>,
    /// The discussion.
    pub comments: Vec<Comment>,
    /// Overrides that were made for it.
    pub overrides: Vec<Exception>,
    /// Who was told of them, and whether that arrived.
    pub told: Vec<Told>,
    /// The metrics of both versions.
    pub metrics: Vec<MetricChange>,
    /// The fields of the card that differ.
    pub card: Vec<CardChange>,
    /// The newest result of each check, on both versions.
    pub checks: Vec<CheckChange>,
    /// The results of the backtest on real traffic, if there was one.
    pub backtest: Vec<CheckChange>,
    /// What else differs, the greatest effect first; absent when there is nothing to compare with.
    pub changes: Option<Value>,
    /// What happened, oldest first.
    pub history: Vec<Event>,
}

/// A metric of both versions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricChange {
    /// Its name.
    pub key: String,
    /// Of the version that answers now.
    pub before: Option<f64>,
    /// Of the version that is to answer.
    pub after: Option<f64>,
}

/// A field of the card that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardChange {
    /// The field.
    pub field: String,
    /// On the card of the version that answers now.
    pub before: Option<String>,
    /// On the card of the version that is to answer.
    pub after: Option<String>,
}

/// How a check came out on both versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckChange {
    /// The check.
    pub id: String,
    /// On the version that answers now.
    pub before: Option<String>,
    /// On the version that is to answer.
    pub after: Option<String>,
    /// The result on that version, in a sentence.
    pub message: Option<String>,
    /// The verdict that holds it.
    pub verdict: Option<String>,
}

impl Platform {
    /// Reviews, newest first, a page at a time, each with how it stands if it is open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reviews(
        &self,
        filter: &ReviewFilter,
        page: &PageRequest,
    ) -> Result<base::Page<(Review, Option<PolicyVerdict>)>, Error> {
        let mut read = self.db.read().await?;
        let found = reviews::list_reviews(&mut read, filter, page).await?;
        let mut items = Vec::with_capacity(found.items.len());
        for review in found.items {
            let verdict = self.standing_of(&mut read, &review).await?;
            items.push((review, verdict));
        }
        Ok(base::Page { items, next_cursor: found.next_cursor })
    }

    /// One review with everything about it.
    ///
    /// # Errors
    /// When there is no such review.
    pub async fn review(&self, number: i64) -> Result<ReviewView, Error> {
        let mut read = self.db.read().await?;
        let review = reviews::get_review(&mut read, number).await?;
        let standing = self.standing_of(&mut read, &review).await?;
        let after = registry::get_version(&mut read, &review.model, review.version).await?;
        let before = match review.previous {
            Some(previous) => registry::get_version(&mut read, &review.model, previous).await.ok(),
            None => None,
        };
        let guard = guard_of(&mut read, &review.model, &review.alias).await?;
        let checks = checks_on_both(&mut read, &review).await?;
        let (backtest, checks) = checks.into_iter().partition(|check| check.id.starts_with(BACKTEST));
        let card = match &guard {
            Some(guard) => card_changes(&mut read, guard, before.as_ref(), &after).await?,
            None => Vec::new(),
        };
        let opinions = reviews::opinions(&mut read, number).await?;
        let comments = reviews::comments(&mut read, number).await?;
        let all = reviews::exceptions(&mut read, Some(&review.model), false).await?;
        drop(read);
        let overrides: Vec<Exception> =
            all.into_iter().filter(|exception| exception.review == number).collect();
        let told = self.told(&overrides).await?;
        let changes = match &before {
            Some(before) => self.changes(before, &after).await,
            None => None,
        };
        let filter = EventFilter {
            object: Some(ObjectRef::new("review", number.to_string())),
            ..EventFilter::default()
        };
        Ok(ReviewView {
            standing,
            opinions,
            comments,
            overrides,
            told,
            metrics: metrics_of(before.as_ref(), &after),
            card,
            checks,
            backtest,
            changes,
            history: self.db.events(&filter, HISTORY).await?,
            review,
        })
    }

    async fn standing_of(&self, read: &mut Read, review: &Review) -> Result<Option<PolicyVerdict>, Error> {
        if review.state != ReviewState::Open {
            return Ok(review.verdict.clone());
        }
        let Some(guard) = guard_of(read, &review.model, &review.alias).await? else { return Ok(None) };
        match judge_review(read, &guard, review, None, self.clock.now()).await {
            Ok(verdict) => Ok(Some(verdict)),
            // The version was deleted; the review can still be looked at and closed.
            Err(Error::Registry(registry::Error::VersionNotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Why two versions differ, as `gingham diff` tells it.
    async fn changes(&self, before: &Version, after: &Version) -> Option<Value> {
        let name = |version: &Version| format!("version:{}@{}", version.model, version.number);
        let difference = self.differ(&name(before), &name(after), None).await.ok()?;
        serde_json::to_value(difference).ok()
    }
}

async fn checks_on_both(read: &mut Read, review: &Review) -> Result<Vec<CheckChange>, Error> {
    let after = checks_of(read, &review.model, review.version).await?;
    let before = match review.previous {
        Some(previous) => checks_of(read, &review.model, previous).await?,
        None => BTreeMap::new(),
    };
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |id: &String| {
        let (before, after) = (before.get(id), after.get(id));
        CheckChange {
            id: id.clone(),
            before: before.map(|fact| fact.outcome.clone()),
            after: after.map(|fact| fact.outcome.clone()),
            message: after.map(|fact| fact.message.clone()),
            verdict: after.map(|fact| fact.verdict.clone()),
        }
    };
    Ok(ids.into_iter().map(change).collect())
}

async fn card_changes(
    read: &mut Read,
    guard: &Guard,
    before: Option<&Version>,
    after: &Version,
) -> Result<Vec<CardChange>, Error> {
    let new = card_of(read, &guard.applied.spec, after).await?;
    let old = match before {
        Some(before) => card_of(read, &guard.applied.spec, before).await?,
        None => BTreeMap::new(),
    };
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differing = fields.into_iter().filter(|field| old.get(*field) != new.get(*field));
    let change = |field: &String| CardChange {
        field: field.clone(),
        before: old.get(field).cloned(),
        after: new.get(field).cloned(),
    };
    Ok(differing.map(change).collect())
}

fn metrics_of(before: Option<&Version>, after: &Version) -> Vec<MetricChange> {
    let of = |version: &Version| -> BTreeMap<String, f64> {
        let metrics = version.metrics.as_ref().and_then(Value::as_object);
        let numbers =
            metrics.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_f64()?)));
        numbers.collect()
    };
    let (old, new) = (before.map(of).unwrap_or_default(), of(after));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |key: &String| MetricChange {
        key: key.clone(),
        before: old.get(key).copied(),
        after: new.get(key).copied(),
    };
    keys.into_iter().map(change).collect()
}
