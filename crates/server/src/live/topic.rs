//! What is known of a watched run, and the frames that tell what changed.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use base::Timestamp;
use experiments::{Metric, Run};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, watch};

use crate::app::App;
use crate::problem::Problem;
use crate::runs::RunBody;

/// Frames that are kept for those who were cut off.
const KEPT: usize = 512;
/// Points of one metric in one frame; a longer stretch is thinned, lowest and highest kept.
const MOST_POINTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(399);
/// Metrics in one frame; a run that logs more shows the newest value of the rest.
const MOST_METRICS: usize = 200;

/// What one look found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The run goes on.
    Going,
    /// The run is over, and all of it was told.
    Over,
}

/// Something that watchers are told.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Its number in this topic.
    pub(super) number: u64,
    /// `snapshot`, `points`, `state` or `end`.
    pub(super) kind: &'static str,
    /// The body as JSON.
    pub(super) body: std::sync::Arc<str>,
}

/// A watched run.
pub(super) struct Topic {
    run: String,
    /// Names this topic: numbers of another one mean nothing here.
    epoch: String,
    frames: broadcast::Sender<Frame>,
    closed: watch::Sender<bool>,
    inner: Mutex<Inner>,
}

struct Inner {
    last: Run,
    kept: VecDeque<Frame>,
    next: u64,
    quiet: u8,
}

impl Topic {
    pub(super) async fn of(app: &App, run: &str) -> Result<Self, Problem> {
        let last = experiments::get_run(&mut app.db().read().await?, run).await?;
        let inner = Inner { last, kept: VecDeque::new(), next: 1, quiet: 0 };
        Ok(Self {
            run: run.to_owned(),
            epoch: base::id::new_hex_id().chars().take(12).collect(),
            frames: broadcast::Sender::new(KEPT),
            closed: watch::Sender::new(false),
            inner: Mutex::new(inner),
        })
    }

    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    pub(super) fn watchers(&self) -> usize {
        self.frames.receiver_count()
    }

    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// The frames from now on, and what comes before them: those after `seen`, or a snapshot where they are not kept.
    pub(super) fn subscribe(
        &self,
        seen: Option<u64>,
    ) -> (Vec<Frame>, broadcast::Receiver<Frame>, watch::Receiver<bool>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let frames = self.frames.subscribe();
        let oldest = inner.kept.front().map_or(inner.next, |frame| frame.number);
        let first = match seen {
            Some(seen) if seen + 1 >= oldest && seen < inner.next => {
                inner.kept.iter().filter(|frame| frame.number > seen).cloned().collect()
            }
            // The end is told to those, too, who come between it and the closing of the topic.
            _ => {
                let end = inner.kept.back().filter(|frame| frame.kind == "end").cloned();
                std::iter::once(inner.snapshot()).chain(end).collect()
            }
        };
        (first, frames, self.closed.subscribe())
    }

    /// Looks at the run and tells what changed since the last look.
    pub(super) async fn look(&self, app: &App) -> Result<Look, Problem> {
        let mut read = app.db().read().await?;
        let now = experiments::get_run(&mut read, &self.run).await?;
        let before = self.inner.lock().unwrap_or_else(PoisonError::into_inner).last.clone();
        let mut points = Map::new();
        for metric in changed(&before, &now) {
            let stretch = if points.len() < MOST_METRICS {
                new_points(&mut read, &self.run, &before, metric).await?
            } else {
                vec![metric.clone()]
            };
            points.insert(metric.key.clone(), stretch.iter().map(point).collect());
        }
        drop(read);
        let state = state(&before, &now);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let over = now.status.is_over();
        let quiet = points.is_empty() && state.is_none();
        inner.last = now;
        inner.quiet = if quiet { inner.quiet.saturating_add(1) } else { 0 };
        if !points.is_empty() {
            self.tell(&mut inner, "points", &json!({ "metrics": points }));
        }
        if let Some(state) = state {
            self.tell(&mut inner, "state", &state);
        }
        // A client may log a last point right after it has said that it ended.
        if over && inner.quiet >= 2 {
            let status = inner.last.status.word();
            self.tell(&mut inner, "end", &json!({ "status": status }));
            return Ok(Look::Over);
        }
        Ok(Look::Going)
    }

    fn tell(&self, inner: &mut Inner, kind: &'static str, body: &impl Serialize) {
        let body = serde_json::to_string(body).unwrap_or_default().into();
        let frame = Frame { number: inner.next, kind, body };
        inner.next += 1;
        if inner.kept.len() == KEPT {
            inner.kept.pop_front();
        }
        inner.kept.push_back(frame.clone());
        // Nobody listening is no failure.
        let _ = self.frames.send(frame);
    }
}

impl Inner {
    fn snapshot(&self) -> Frame {
        let body = json!({ "run": RunBody::from(self.last.clone()) });
        Frame { number: self.next - 1, kind: "snapshot", body: body.to_string().into() }
    }
}

/// The newest points that are not those of before.
fn changed<'a>(before: &'a Run, now: &'a Run) -> impl Iterator<Item = &'a Metric> {
    let old: BTreeMap<&str, &Metric> =
        before.metrics.iter().map(|metric| (metric.key.as_str(), metric)).collect();
    now.metrics.iter().filter(move |metric| {
        old.get(metric.key.as_str()).is_none_or(|old| {
            (old.step, old.time) != (metric.step, metric.time)
                || old.value.to_bits() != metric.value.to_bits()
        })
    })
}

/// The points after the newest one of before. Of a metric that always logs the same step only the newest point is new
/// here: its whole history would have to be read for the others.
async fn new_points(
    read: &mut db::Read,
    run: &str,
    before: &Run,
    newest: &Metric,
) -> Result<Vec<Metric>, Problem> {
    let old = before.metrics.iter().find(|metric| metric.key == newest.key);
    let from = match old {
        Some(old) if old.step >= newest.step => return Ok(vec![newest.clone()]),
        Some(old) => old.step,
        None => i64::MIN,
    };
    let series =
        experiments::metric_series(read, run, &newest.key, MOST_POINTS, Some((from, newest.step))).await?;
    let is_new = |point: &Metric| {
        old.is_none_or(|old| {
            (point.step, point.time) > (old.step, old.time)
                || ((point.step, point.time) == (old.step, old.time) && point.value > old.value)
        })
    };
    Ok(series.points.into_iter().filter(is_new).collect())
}

/// A point as `[step, time, value]`; the value is null where it is not a number.
fn point(metric: &Metric) -> Value {
    let value = metric.value.is_finite().then_some(metric.value);
    json!([metric.step, Timestamp::as_millis(metric.time), value])
}

/// What changed in a run besides its metrics.
fn state(before: &Run, now: &Run) -> Option<Value> {
    let mut state = Map::new();
    if before.status != now.status || before.end_time != now.end_time {
        state.insert("status".into(), json!(now.status.word()));
        state.insert("end_time".into(), json!(now.end_time));
    }
    if before.name != now.name {
        state.insert("name".into(), json!(now.name));
    }
    let fresh = |old: &BTreeMap<String, String>, new: &BTreeMap<String, String>| -> Map<String, Value> {
        let differs = new.iter().filter(|(key, value)| old.get(*key) != Some(value));
        differs.map(|(key, value)| (key.clone(), json!(value))).collect()
    };
    for (word, fresh) in
        [("params", fresh(&before.params, &now.params)), ("tags", fresh(&before.tags, &now.tags))]
    {
        if !fresh.is_empty() {
            state.insert(word.into(), Value::Object(fresh));
        }
    }
    (!state.is_empty()).then_some(Value::Object(state))
}
