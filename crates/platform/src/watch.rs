//! Looking at live data: windows that have ended become reports, reports move alerts, alerts start work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Actor, Period, Timestamp};
use db::Tx;
use inference::Batch;
use monitoring::store::{Moved, earlier_reports, last_window, record_window};
use monitoring::{
    Alert, BusinessValue, Column, MonitorSpec, Reference, Rows, SegmentDrift, Window, WindowInput,
    WindowReport, due_windows, evaluate_window, judge_segments, out_of_range,
};
use pipelines::{Job, NewJob, jobs};
use registry::Version;
use serde::Serialize;
use serde_json::{Value, json};
use tables::Table;
use tokio::sync::watch;

use crate::profiles::Summed;
use crate::rows::{RowRange, columns_of, split_at, watched_column, with_target};
use crate::specs::AppliedSpec;
use crate::traffic::heard;
use crate::train::TrainOrder;
use crate::{Error, Platform, specs};

/// How often live data is looked at.
const EVERY: Duration = Duration::from_secs(60);
/// A model whose newest prediction is older than this is replayed or retired: its time stands still.
const LIVE: Period = Period::from_days(30);

/// Segments of a window that are looked at.
const MOST_SEGMENTS: usize = 60;

/// How many references are kept in memory.
const MOST_REFERENCES: usize = 32;

/// What a look brought about.
#[derive(Debug, Clone, Serialize)]
pub struct Watched {
    /// How many windows were looked at.
    pub windows_evaluated: usize,
    /// Alerts that began to fire.
    pub alerts_opened: Vec<Alert>,
    /// Work that was started.
    pub jobs: Vec<Job>,
    /// Event time up to which everything is known.
    pub watermark: Option<Timestamp>,
}

impl Platform {
    /// Looks at the live data of every model that has a monitor, every minute, until `stop` becomes true.
    pub async fn keep_watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.look_at_all().await {
                tracing::error!(%error, "live data cannot be looked at");
            }
        }
    }

    /// Looks at every monitor once. While predictions come, time is the present, so that silence is noticed.
    async fn look_at_all(&self) -> Result<(), Error> {
        let mut applied = specs::all(&mut self.db.read().await?).await?;
        applied.extend(self.all_elsewhere().await?);
        for applied in &applied {
            let model = &applied.spec.model;
            let Some(newest) = self.archive.watermark(model) else { continue };
            if applied.spec.monitor.is_none() {
                if let Err(error) = self.sum_up(applied).await {
                    tracing::error!(model.name = %model, %error, "predictions of `{model}` cannot be summed up");
                }
                continue;
            }
            let now = self.clock.now();
            let until = if now.since(newest) < LIVE { now.max(newest) } else { newest };
            if let Err(error) = self.evaluate_monitor(model, Some(until)).await {
                tracing::error!(model.name = %model, %error, "the monitor of `{model}` cannot look");
            }
        }
        Ok(())
    }

    /// Looks at the windows of a model's live data that have ended by `until` (the newest prediction when absent),
    /// labels included. Windows that were looked at before are not looked at again.
    ///
    /// # Errors
    /// [`Error::NoMonitor`] when the model has none.
    pub async fn evaluate_monitor(&self, model: &str, until: Option<Timestamp>) -> Result<Watched, Error> {
        let applied = self.applied(model).await?;
        let Some(spec) = applied.spec.monitor.clone() else {
            return Err(Error::NoMonitor { model: model.to_owned() });
        };
        // One look at a time: reports build on the reports before them.
        let _turn = self.watching.lock().await;
        let mut seen =
            Watched { windows_evaluated: 0, alerts_opened: Vec::new(), jobs: Vec::new(), watermark: until };
        let Some(newest) = self.archive.watermark(model) else { return Ok(seen) };
        let summed = self.sum_up(&applied).await?;
        let watermark = until.unwrap_or(newest);
        seen.watermark = Some(watermark);
        let last = last_window(&mut self.db.read().await?, model).await?;
        let first = match last {
            Some(window) => window.to,
            None => self.first_event(model).await?.unwrap_or(newest),
        };
        let due = due_windows(&spec, first, last.map(|window| window.to), watermark);
        let (Some(start), Some(end)) = (due.first(), due.last()) else { return Ok(seen) };
        // One window more, so that the end of a silence is seen. Inputs are not read: they are summed up.
        let last = end.to.plus(spec.window).max(watermark);
        let outcomes = self.archive.outcomes(model, start.from, last, &["variant"]).await?;
        let live = Live::of(&applied, heard(&outcomes)?)?;
        let mut previous = self.last_event_before(model, start.from).await?;
        for window in due {
            let earlier =
                earlier_reports(&mut self.db.read().await?, model, window.from, spec.look_back()).await?;
            let look = Look { window, previous_event: previous, watermark, earlier: &earlier };
            let report = self.report(&applied, &spec, &live, &summed, &look).await?;
            previous = live.last_in(&window).or(previous);
            let moved = self.record(&spec, report, earlier).await?;
            seen.windows_evaluated += 1;
            for moved in moved.into_iter().filter(Moved::began_to_fire) {
                seen.jobs.extend(self.act_on(&applied, &moved.alert).await?);
                seen.alerts_opened.push(moved.alert);
            }
        }
        Ok(seen)
    }

    async fn report(
        &self,
        applied: &AppliedSpec,
        spec: &MonitorSpec,
        live: &Live,
        summed: &Summed,
        look: &Look<'_>,
    ) -> Result<WindowReport, Error> {
        let model = &applied.spec.model;
        let mut rows = live.rows_in(&look.window)?;
        let version = match live.version_in(&look.window) {
            Some(version) => version,
            None => self.serving_version(applied).await?,
        };
        let reference = self.reference(applied, version).await?;
        let range = (look.window.from, look.window.to);
        let profile = self.summed_between(applied, summed, "", range).await?;
        let worth_reading = match (&profile, &reference) {
            (Some(profile), Some(reference)) => out_of_range(spec, profile, reference),
            _ => Vec::new(),
        };
        let mut worth_reading = worth_reading;
        if let Some(rule) = &spec.fairness {
            worth_reading.extend(
                rule.columns.iter().filter(|name| !worth_reading.contains(name)).cloned().collect::<Vec<_>>(),
            );
        }
        if profile.is_none() || !worth_reading.is_empty() {
            // Windows that do not begin and end on the hour, values whose moment is to be told, and groups.
            rows = self.rows_between(applied, range, profile.is_some().then_some(&worth_reading)).await?;
        }
        let business = self.business(applied, spec, range).await?;
        let segments = match (&reference, &profile) {
            (Some(reference), Some(_)) if !spec.segments.is_empty() => {
                let earlier =
                    look.earlier.iter().filter(|report| report.version == version).cloned().collect();
                self.segments_between(applied, summed, spec, reference, (look.window, earlier)).await?
            }
            _ => Vec::new(),
        };
        Ok(evaluate_window(
            spec,
            &WindowInput {
                model,
                version,
                window: look.window,
                rows: &rows,
                profile: profile.as_ref(),
                reference: reference.as_deref(),
                earlier: look.earlier,
                previous_event: look.previous_event,
                next_event: live.first_after(&look.window),
                watermark: look.watermark,
                segments: &segments,
                business: &business,
            },
        ))
    }

    /// The segments of a window against the same segments of the reference.
    async fn segments_between(
        &self,
        applied: &AppliedSpec,
        summed: &Summed,
        spec: &MonitorSpec,
        reference: &Arc<Reference>,
        (window, earlier): (Window, Vec<WindowReport>),
    ) -> Result<Vec<SegmentDrift>, Error> {
        let named = self.segments_within(applied, summed, (window.from, window.to)).await?;
        let mut found = Vec::new();
        for (segment, _) in named.into_iter().take(MOST_SEGMENTS) {
            let range = (window.from, window.to);
            if let Some(profile) = self.summed_between(applied, summed, &segment, range).await? {
                found.push((segment, profile));
            }
        }
        let (spec, reference) = (spec.clone(), Arc::clone(reference));
        let judged = tokio::task::spawn_blocking(move || {
            let earlier: Vec<&WindowReport> = earlier.iter().collect();
            judge_segments(&spec, window, &reference, &found, &earlier)
        });
        judged.await.map_err(|cause| Error::Stored { what: "profiles", cause: cause.to_string() })
    }

    /// The window's figures of the business: a query each over its rows. One that fails says so in its place.
    async fn business(
        &self,
        applied: &AppliedSpec,
        spec: &MonitorSpec,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<BusinessValue>, Error> {
        if spec.business.is_empty() {
            return Ok(Vec::new());
        }
        let rows = heard(&self.archive.scored(&applied.spec.model, from, to).await?)?;
        let tables = tables::Query::new().table("scored", rows);
        let mut found = Vec::with_capacity(spec.business.len());
        for figure in &spec.business {
            let asked = async {
                let answer = tables.run(&figure.sql).await?;
                let first = answer.schema().columns.first().map(|column| column.name.clone());
                let Some(first) = first else { return Ok(None) };
                Ok::<_, tables::Error>(answer.numbers(&first)?.first().copied().flatten())
            };
            let (value, problem) = match asked.await {
                Ok(value) => (value.filter(|value| value.is_finite()), None),
                Err(error) => (None, Some(error.to_string())),
            };
            let beyond = |value: f64| {
                figure.least.is_some_and(|least| value < least)
                    || figure.most.is_some_and(|most| value > most)
            };
            let breached = value.is_some_and(beyond);
            found.push(BusinessValue { name: figure.name.clone(), value, breached, problem });
        }
        Ok(found)
    }

    /// The rows of a window with these inputs, or all of them.
    async fn rows_between(
        &self,
        applied: &AppliedSpec,
        (from, to): (Timestamp, Timestamp),
        inputs: Option<&Vec<String>>,
    ) -> Result<Rows, Error> {
        let model = &applied.spec.model;
        let rows = match inputs {
            None => self.archive.scored(model, from, to).await?,
            Some(inputs) => {
                let columns: Vec<String> = inputs.iter().map(|name| archive::feature_column(name)).collect();
                let also: Vec<&str> = columns.iter().map(String::as_str).chain(["variant"]).collect();
                self.archive.outcomes(model, from, to, &also).await?
            }
        };
        Live::of(applied, heard(&rows)?)?.rows_in(&Window { from, to })
    }

    async fn record(
        &self,
        spec: &MonitorSpec,
        report: WindowReport,
        earlier: Vec<WindowReport>,
    ) -> Result<Vec<Moved>, Error> {
        let spec = spec.clone();
        let recorded: Result<_, monitoring::Error> = self
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { record_window(tx, &spec, &report, &earlier).await })
            })
            .await;
        Ok(recorded?)
    }

    /// What the platform does by itself when an alert begins to fire.
    async fn act_on(&self, applied: &AppliedSpec, alert: &Alert) -> Result<Option<Job>, Error> {
        if alert.automatic != Some(monitoring::Action::Retrain) {
            return Ok(None);
        }
        let model = applied.spec.model.clone();
        let cooldown = applied.spec.retrain.cooldown;
        let (now, at) = (self.clock.now(), alert.updated_at);
        let cause = format!("alert {}: {}", alert.id, alert.title);
        let payload = json!({ "order": TrainOrder { model: model.clone(), until: None }, "event_time": at, "alert": alert.id });
        let queued: Result<_, Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(before) = last_automatic(tx, &model).await?
                        && at.since(before) < cooldown
                    {
                        return Ok(None);
                    }
                    let new = NewJob::new("train", payload, cause, &Actor::platform("monitor"))
                        .about(&model)
                        .only_one(format!("train:{model}"));
                    Ok(Some(jobs::enqueue(tx, &new, now).await?.into_job()))
                })
            })
            .await;
        queued
    }

    pub(crate) async fn serving_version(&self, applied: &AppliedSpec) -> Result<i64, Error> {
        let model = registry::get_model(&mut self.db.read().await?, &applied.spec.model).await?;
        Ok(model.alias(&applied.spec.promotion.alias).or(model.latest_version).unwrap_or(0))
    }

    /// What a version is compared with; kept, as it never changes.
    pub(crate) async fn reference(
        &self,
        applied: &AppliedSpec,
        number: i64,
    ) -> Result<Option<Arc<Reference>>, Error> {
        let key = (applied.spec.model.clone(), number);
        if let Some(reference) = self.references.lock().await.get(&key) {
            return Ok(Some(Arc::clone(reference)));
        }
        let reference = if applied.revision == 0 {
            self.first_week(applied).await?
        } else {
            let found = registry::get_version(&mut self.db.read().await?, &key.0, number).await;
            let Ok(version) = found else { return Ok(None) };
            self.build_reference(applied, &version).await?
        };
        let Some(reference) = reference else { return Ok(None) };
        let reference = Arc::new(reference);
        let mut kept = self.references.lock().await;
        if kept.len() >= MOST_REFERENCES {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&reference));
        Ok(Some(reference))
    }

    async fn build_reference(
        &self,
        applied: &AppliedSpec,
        version: &Version,
    ) -> Result<Option<Reference>, Error> {
        let (Some(range), Some(digest)) = (&version.training_rows, version.digest) else { return Ok(None) };
        let Ok(range) = serde_json::from_value::<RowRange>(range.clone()) else { return Ok(None) };
        let pipeline = &applied.spec.pipeline;
        let prepared = with_target(&self.stored_table(range.table).await?, &pipeline.target)?;
        let end = range.to.map_or(i64::MAX, |to| to.as_micros().saturating_add(1));
        let (training, _) = split_at(&prepared, &pipeline.time, end)?;
        let engine = self.engine(digest).await?;
        let signature = engine.signature();
        let batch = Batch::from_columns(signature, columns_of(signature, &training)?)?;
        let predicted = engine.predict(&batch)?.into_iter().map(Some).collect();
        let columns = signature
            .inputs
            .iter()
            .map(|field| Ok((field.name.clone(), watched_column(&training, &field.name)?)))
            .collect::<Result<_, Error>>()?;
        let rows = Rows::new(times_of(&training, &pipeline.time)?, columns)?.with_predictions(predicted)?;
        Ok(Some(Reference::new(rows, metrics_of(version.metrics.as_ref()))))
    }
}

/// One window, and what is known around it.
struct Look<'a> {
    window: Window,
    previous_event: Option<Timestamp>,
    watermark: Timestamp,
    /// Reports of the windows before it.
    earlier: &'a [WindowReport],
}

/// The event time of the newest retraining that an alert started.
async fn last_automatic(tx: &mut Tx, model: &str) -> Result<Option<Timestamp>, Error> {
    let filter =
        pipelines::JobFilter { model: Some(model.to_owned()), kind: Some("train".to_owned()), state: None };
    let page = jobs::list(tx, &filter, &base::PageRequest::first(50)).await?;
    Ok(page
        .items
        .iter()
        .filter_map(|job| {
            job.payload.get("event_time")?.as_str().and_then(|text| Timestamp::parse(text).ok())
        })
        .max())
}

pub(crate) fn metrics_of(metrics: Option<&Value>) -> BTreeMap<String, f64> {
    let fields = metrics.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

pub(crate) fn times_of(table: &Table, time: &str) -> Result<Vec<Timestamp>, tables::Error> {
    Ok(table.times(time)?.into_iter().map(|at| Timestamp::from_micros(at.unwrap_or_default())).collect())
}

/// The inputs that are watched, with the columns of archived rows that hold them.
pub(crate) fn features_of(applied: &AppliedSpec, table: &Table) -> Vec<(String, String)> {
    let is_there = |name: &str| table.schema().find(name).is_some();
    let features = applied.spec.pipeline.features.iter();
    features
        .filter_map(|name| {
            let column = archive::feature_column(name);
            is_there(&column).then(|| (name.clone(), column))
        })
        .collect()
}

/// Adds what was predicted and what came true, as numbers or as words.
pub(crate) fn with_outcomes(rows: Rows, table: &Table) -> Result<Rows, Error> {
    let is_words =
        |name: &str| table.schema().find(name).is_some_and(|column| column.kind == tables::ColumnType::Text);
    if is_words("prediction") {
        let truths = if is_words("label") { table.texts("label")? } else { vec![None; table.row_count()] };
        return Ok(rows.with_words(table.texts("prediction")?, truths)?);
    }
    Ok(rows.with_predictions(table.numbers("prediction")?)?.with_labels(table.numbers("label")?)?)
}

/// Archived predictions with their labels, in the order of their time.
pub(crate) struct Live {
    table: Table,
    times: Vec<Timestamp>,
    versions: Vec<Option<f64>>,
    features: Vec<(String, String)>,
}

impl Live {
    pub(crate) fn of(applied: &AppliedSpec, table: Table) -> Result<Self, Error> {
        let features = features_of(applied, &table);
        let (times, versions) = (times_of(&table, "event_time")?, table.numbers("version")?);
        Ok(Self { table, times, versions, features })
    }

    fn indices<'a>(&'a self, window: &'a Window) -> impl Iterator<Item = usize> + 'a {
        self.times.iter().enumerate().filter(|(_, at)| window.holds(**at)).map(|(index, _)| index)
    }

    fn last_in(&self, window: &Window) -> Option<Timestamp> {
        self.indices(window).filter_map(|index| self.times.get(index).copied()).max()
    }

    fn first_after(&self, window: &Window) -> Option<Timestamp> {
        self.times.iter().copied().filter(|at| *at >= window.to).min()
    }

    /// The version that made the window's last prediction.
    fn version_in(&self, window: &Window) -> Option<i64> {
        let last = self.indices(window).max_by_key(|index| self.times.get(*index))?;
        #[expect(clippy::cast_possible_truncation, reason = "version numbers are small whole numbers")]
        self.versions.get(last).copied().flatten().map(|version| version as i64)
    }

    pub(crate) fn rows_in(&self, window: &Window) -> Result<Rows, Error> {
        let keep: Vec<bool> = self.times.iter().map(|at| window.holds(*at)).collect();
        let table = self.table.filter(&keep)?;
        let columns: Vec<(String, Column)> = self
            .features
            .iter()
            .map(|(name, column)| Ok((name.clone(), watched_column(&table, column)?)))
            .collect::<Result<_, Error>>()?;
        with_outcomes(Rows::new(times_of(&table, "event_time")?, columns)?, &table)
    }
}
