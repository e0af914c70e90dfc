//! Why two runs, or two versions of models, differ: code, data, environment and params, by how much each moves the
//! metric.

mod effect;
mod packages;
mod side;

use std::collections::BTreeMap;

use base::Failure;
use experiments::{RunQuery, View, query};
use serde::Serialize;

use crate::Platform;
use effect::{Effect, Factors, Observed, Way};
use side::Side;
pub use side::SideError;

/// Runs that an estimate looks at, the newest first.
const MOST_RUNS: usize = 5_000;
/// Runs that are read in one go.
const PAGE: usize = 500;

/// What differs between two things, and what of it matters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The first.
    pub left: Subject,
    /// The second.
    pub right: Subject,
    /// The metric that effects are told in, if both have one in common.
    pub metric: Option<MetricPair>,
    /// What differs in what went in, the greatest effect first, those of unknown effect last.
    pub causes: Vec<Cause>,
    /// The metrics of both.
    pub metrics: Vec<MetricPair>,
    /// How many things that went in are the same.
    pub same: usize,
    /// How many other runs the effects are estimated from.
    pub runs: usize,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// `run` or `version`.
    pub kind: String,
    /// Its id, or `MODEL@NUMBER`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The run behind it, if one is known.
    pub run: Option<String>,
    /// The experiment of that run.
    pub experiment: Option<i64>,
}

/// A metric of both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricPair {
    /// Its name.
    pub key: String,
    /// Of the first.
    pub left: Option<f64>,
    /// Of the second.
    pub right: Option<f64>,
    /// The second less the first.
    pub change: Option<f64>,
}

/// Where a cause lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// What the program was.
    Code,
    /// What it read.
    Data,
    /// What it ran in.
    Environment,
    /// What it was told.
    Params,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// Where it lies.
    pub area: Area,
    /// What it is.
    pub name: String,
    /// What it was in the first; nothing where it was not there.
    pub left: Option<String>,
    /// What it was in the second.
    pub right: Option<String>,
    /// What it does to the metric; absent where it is not known.
    pub effect: Option<Estimate>,
    /// How the effect was found, or why it is not known.
    pub why: String,
}

/// What going from the first value to the second does to the metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The change of the metric, in its own unit.
    pub change: f64,
    /// Its standard error, if more than one comparison tells of it.
    pub error: Option<f64>,
    /// How many runs tell of it.
    pub runs: usize,
}

impl Platform {
    /// Compares two things, each given as `run:ID` or `version:MODEL@NUMBER`. Effects are told in `metric`, or in the
    /// metric that both have and that looks most like a measure of quality.
    ///
    /// # Errors
    /// [`SideError`] when one of them is not there or not understood.
    pub async fn differ(
        &self,
        left: &str,
        right: &str,
        metric: Option<&str>,
    ) -> Result<Difference, SideError> {
        let (left, right) = (self.side(left).await?, self.side(right).await?);
        let metrics = pairs(&left, &right);
        let chosen = chosen(&metrics, metric);
        if let (Some(wanted), None) = (metric, &chosen) {
            return Err(SideError::NoMetric { metric: wanted.to_owned() });
        }
        let observed = match &chosen {
            Some(pair) => self.observed(&left, &right, &pair.key).await?,
            None => Vec::new(),
        };
        let effects = effect::effects(&left.factors, &right.factors, &observed);
        let keys = effect::differing(&left.factors, &right.factors);
        let alone = keys.len() == 1 && left.extras == right.extras;
        let mut causes: Vec<Cause> = keys
            .iter()
            .map(|key| {
                let known = effects.get(*key).copied();
                cause(key, &left.factors, &right.factors, known, chosen.as_ref(), alone)
            })
            .collect();
        let extras = effect::differing(&left.extras, &right.extras);
        let own_effect = "effect unknown: it is not recorded with the other runs";
        causes.extend(extras.iter().map(|key| Cause {
            why: own_effect.to_owned(),
            ..cause(key, &left.extras, &right.extras, None, None, false)
        }));
        causes.sort_by(|a, b| {
            let size = |cause: &Cause| cause.effect.map_or(-1.0, |effect| effect.change.abs());
            size(b).total_cmp(&size(a)).then_with(|| (a.area, &a.name).cmp(&(b.area, &b.name)))
        });
        let all = left.factors.len() + left.extras.len();
        let touched = causes.iter().filter(|cause| cause.left.is_some()).count();
        Ok(Difference {
            same: all.saturating_sub(touched),
            left: left.subject,
            right: right.subject,
            metric: chosen,
            causes,
            metrics,
            runs: observed.len(),
        })
    }

    /// The other finished runs of the experiments of both.
    async fn observed(&self, left: &Side, right: &Side, metric: &str) -> Result<Vec<Observed>, SideError> {
        let mut experiments: Vec<i64> =
            [left.subject.experiment, right.subject.experiment].into_iter().flatten().collect();
        experiments.dedup();
        let own = [&left.subject.run, &right.subject.run];
        let mut observed = Vec::new();
        let mut token = None;
        let mut seen = 0;
        while seen < MOST_RUNS && !experiments.is_empty() {
            let query = RunQuery {
                experiments: experiments.clone(),
                filter: query::run_filter("").map_err(experiments::Error::from)?,
                order: Vec::new(),
                view: View::Active,
                limit: PAGE,
                token,
            };
            let page = experiments::search_runs(&self.db, &query).await?;
            seen += page.items.len();
            for run in page.items {
                let value = run.metrics.iter().find(|point| point.key == metric).map(|point| point.value);
                let is_own = own.iter().any(|id| id.as_deref() == Some(run.id.as_str()));
                if let Some(value) = value.filter(|value| value.is_finite() && !is_own) {
                    observed.push(Observed { factors: side::factors_of(&run), metric: value });
                }
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(observed)
    }
}

fn cause(
    key: &str,
    left: &Factors,
    right: &Factors,
    known: Option<Effect>,
    metric: Option<&MetricPair>,
    alone: bool,
) -> Cause {
    let (area, name) = side::area_of(key);
    let total = metric.and_then(|metric| metric.change);
    let (effect, why) = match (known, total) {
        (Some(effect), _) => {
            let why = match effect.way {
                Way::Pairs => format!("{} other runs differ in this and nothing else", effect.runs),
                Way::Regression => format!("regression over {} other runs", effect.runs),
            };
            let Effect { change, error, runs, .. } = effect;
            (Some(Estimate { change, error, runs }), why)
        }
        (None, Some(change)) if alone => {
            let why = "the only thing known to differ; one comparison, so chance is not ruled out";
            (Some(Estimate { change, error: None, runs: 2 }), why.to_owned())
        }
        (None, None) => (None, "effect unknown: the two have no metric in common".to_owned()),
        (None, Some(_)) => (None, "effect unknown: the other runs do not tell it apart".to_owned()),
    };
    Cause { area, name, left: left.get(key).cloned(), right: right.get(key).cloned(), effect, why }
}

fn pairs(left: &Side, right: &Side) -> Vec<MetricPair> {
    let mut both: BTreeMap<&str, (Option<f64>, Option<f64>)> = BTreeMap::new();
    for (key, value) in &left.metrics {
        both.entry(key).or_default().0 = Some(*value);
    }
    for (key, value) in &right.metrics {
        both.entry(key).or_default().1 = Some(*value);
    }
    both.into_iter()
        .map(|(key, (left, right))| MetricPair {
            key: key.to_owned(),
            left,
            right,
            change: left.zip(right).map(|(left, right)| right - left),
        })
        .collect()
}

/// The metric asked for, or of those that both have the one that looks most like a measure on rows not trained on.
fn chosen(metrics: &[MetricPair], wanted: Option<&str>) -> Option<MetricPair> {
    let common = || metrics.iter().filter(|pair| pair.change.is_some_and(f64::is_finite));
    match wanted {
        Some(key) => common().find(|pair| pair.key == key).cloned(),
        None => common().min_by_key(|pair| rank(&pair.key)).cloned(),
    }
}

fn rank(key: &str) -> usize {
    let key = key.to_ascii_lowercase();
    let words = ["test", "eval", "val", "mae", "rmse", "auc", "f1", "accuracy", "score", "loss"];
    words.iter().position(|word| key.contains(word)).unwrap_or(words.len())
        + if key.starts_with("system/") || key.contains("train") { 100 } else { 0 }
}

impl Failure for SideError {
    fn kind(&self) -> base::Kind {
        match self {
            Self::NotUnderstood { .. } => base::Kind::Invalid,
            Self::NoMetric { .. } => base::Kind::NotFound,
            Self::Experiments(error) => error.kind(),
            Self::Registry(error) => error.kind(),
            Self::Db(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotUnderstood { .. } => "difference_of_what",
            Self::NoMetric { .. } => "difference_metric_missing",
            Self::Experiments(error) => error.code(),
            Self::Registry(error) => error.code(),
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotUnderstood { .. } => Some("write `run:ID` or `version:MODEL@NUMBER`".into()),
            Self::NoMetric { .. } => Some("leave it away, and a metric that both have is taken".into()),
            Self::Experiments(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Db(error) => error.hint(),
        }
    }
}

#[cfg(test)]
mod tests;
