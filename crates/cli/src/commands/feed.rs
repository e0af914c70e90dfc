//! `feed`: what a year of production looks like, in a minute.
//!
//! Rows go through the real endpoint in the order of their time. A day later their true values
//! arrive as labels, every few weeks the rows themselves become a new dataset version, and at
//! each end of a window the monitor looks at it. Work that an alert starts is waited for, as it
//! would have been done long before the next hour.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base::{Period, Timestamp};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tables::Table;

use super::apply::{push_rows, rows_between};
use super::jobs::wait_for;
use super::predict::inputs_of_table;
use crate::args::FeedArguments;
use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, text_at};
use crate::progress;
use crate::project::Project;

/// How many hours of a day are on their way at the same time.
const IN_FLIGHT: usize = 8;

/// What a feed sends, and how far.
pub(crate) struct Feed<'a> {
    pub(crate) client: &'a Client,
    pub(crate) project: &'a Project,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) push_every: Period,
}

/// What a feed did.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct FeedReport {
    pub(crate) predictions: usize,
    pub(crate) failed: usize,
    pub(crate) labels: usize,
    pub(crate) versions_pushed: usize,
    pub(crate) windows: u64,
    pub(crate) trainings: usize,
    pub(crate) slowest_ms: f64,
    pub(crate) first_failure: Option<String>,
}

struct Sent {
    prediction_id: String,
    at: Timestamp,
    took: Duration,
}

/// Sends the rows of the project's source.
pub(super) async fn feed(client: &Client, arguments: &FeedArguments, json: bool) -> Result<()> {
    let project = Project::read(&arguments.file.file)?;
    let Some(deployment) = &project.spec.deployment else {
        return Err(hinted("this `gingham.yaml` has no `deployment`", "add one, and apply it"));
    };
    let feed = Feed {
        client,
        project: &project,
        from: arguments.from,
        until: arguments.until,
        push_every: arguments.push_every,
    };
    let report = feed.run().await?;
    if json {
        output::json(&serde_json::to_value(&report)?);
        return Ok(());
    }
    output::line(&format!(
        "{} predictions by `{}`, {} failed, {} labels, {} windows looked at, {} trainings",
        report.predictions, deployment.name, report.failed, report.labels, report.windows, report.trainings
    ));
    if let Some(failure) = report.first_failure {
        bail!("the first request that failed: {failure}");
    }
    Ok(())
}

/// The day's rows among all that will be sent, which are in the order of time.
struct Days {
    starts: Vec<(Timestamp, usize, usize)>,
}

impl Days {
    fn of(times: &[Option<i64>]) -> Self {
        let day = Period::from_days(1);
        let mut starts: Vec<(Timestamp, usize, usize)> = Vec::new();
        for (row, time) in times.iter().enumerate() {
            let start = Timestamp::from_micros(time.unwrap_or_default()).window_start(day);
            match starts.last_mut() {
                Some((last, _, rows)) if *last == start => *rows += 1,
                _ => starts.push((start, row, 1)),
            }
        }
        Self { starts }
    }
}

impl Feed<'_> {
    /// Plays everything and answers what was done.
    pub(crate) async fn run(&self) -> Result<FeedReport> {
        let spec = &self.project.spec;
        let raw = self.project.rows()?;
        let from = self.from.or(spec.data.first_until).map_or(i64::MIN, Timestamp::as_micros);
        let until = self.until.map_or(i64::MAX, Timestamp::as_micros);
        let prepared = self.project.prepared(&raw).await?;
        let rows = rows_between(&prepared, &spec.pipeline.time, from, until)?;
        let times = rows.times(&spec.pipeline.time)?;
        let truth = rows.numbers(&spec.pipeline.target)?;
        let days = Days::of(&times);
        let window = spec.monitor.as_ref().map_or(Period::from_days(7), |monitor| monitor.window);

        let bar = progress::bar(rows.row_count() as u64, "hours go by");
        let mut report = FeedReport::default();
        let mut unlabelled: Vec<(String, Timestamp, f64)> = Vec::new();
        let mut pushed_until = from;
        let mut pushed_at = Timestamp::from_micros(from);
        let mut looked_at = Timestamp::from_micros(from).window_start(window);
        for (day, first, count) in &days.starts {
            bar.set_message(day.date());
            self.label(&mut unlabelled, *day, &mut report).await?;
            if day.since(pushed_at) >= self.push_every {
                self.push(&raw, pushed_until, day.as_micros(), &mut report).await?;
                (pushed_until, pushed_at) = (day.as_micros(), *day);
            }
            if day.window_start(window) > looked_at {
                looked_at = day.window_start(window);
                self.look(*day, &mut report).await?;
            }
            let sent = self.send_day(&rows.slice(*first, *count), &times, *first, &mut report).await?;
            for (offset, sent) in sent.into_iter().enumerate() {
                let Some(sent) = sent else { continue };
                if let Some(Some(truth)) = truth.get(first + offset) {
                    unlabelled.push((sent.prediction_id, sent.at, *truth));
                }
            }
            bar.inc(*count as u64);
        }
        if let Some((last, ..)) = days.starts.last() {
            let end = last.plus(Period::from_days(2));
            self.label(&mut unlabelled, end, &mut report).await?;
            self.push(
                &raw,
                pushed_until,
                until.min(last.plus(Period::from_days(1)).as_micros()),
                &mut report,
            )
            .await?;
            self.look(end, &mut report).await?;
        }
        bar.finish_and_clear();
        Ok(report)
    }

    /// Sends the hours of a day, several at a time; an hour that fails is counted, not repeated.
    async fn send_day(
        &self,
        rows: &Table,
        times: &[Option<i64>],
        first: usize,
        report: &mut FeedReport,
    ) -> Result<Vec<Option<Sent>>> {
        let features = &self.project.spec.pipeline.features;
        let requests: Vec<_> = (0..rows.row_count())
            .map(|row| {
                let at =
                    Timestamp::from_micros(times.get(first + row).copied().flatten().unwrap_or_default());
                Ok((at, inputs_of_table(&rows.slice(row, 1), features)?))
            })
            .collect::<Result<_>>()?;
        let sent: Vec<Result<Sent>> = stream::iter(requests)
            .map(|(at, inputs)| self.send_hour(at, inputs))
            .buffered(IN_FLIGHT)
            .collect()
            .await;
        let mut answers = Vec::with_capacity(sent.len());
        for sent in sent {
            match sent {
                Ok(sent) => {
                    report.predictions += 1;
                    report.slowest_ms = report.slowest_ms.max(sent.took.as_secs_f64() * 1_000.0);
                    answers.push(Some(sent));
                }
                Err(error) => {
                    report.failed += 1;
                    report.first_failure.get_or_insert_with(|| format!("{error:#}"));
                    answers.push(None);
                }
            }
        }
        Ok(answers)
    }

    async fn send_hour(&self, at: Timestamp, mut inputs: Vec<Value>) -> Result<Sent> {
        let deployment = self.project.spec.deployment.as_ref().context("the model has no deployment")?;
        inputs.push(json!({ "name": "event_time", "shape": [1], "datatype": "BYTES", "data": [at] }));
        let body = json!({ "inputs": inputs, "parameters": { "return_prediction_id": true } });
        let started = Instant::now();
        let answer = self.client.post(&format!("/v2/models/{}/infer", deployment.name), &body).await?;
        let took = started.elapsed();
        let outputs = self::at(&answer, "outputs");
        let id = outputs
            .as_array()
            .into_iter()
            .flatten()
            .find(|output| text_at(output, "name") == "prediction_id")
            .and_then(|output| output.get("data")?.get(0)?.as_str().map(str::to_owned))
            .context("the answer carries no prediction id")?;
        Ok(Sent { prediction_id: id, at, took })
    }

    /// Sends the true values of all that happened a day before `now` or earlier.
    async fn label(
        &self,
        unlabelled: &mut Vec<(String, Timestamp, f64)>,
        now: Timestamp,
        report: &mut FeedReport,
    ) -> Result<()> {
        let delay = Period::from_days(1);
        let ready = unlabelled.iter().take_while(|(_, at, _)| at.plus(delay) <= now).count();
        let labels: Vec<Value> = unlabelled
            .drain(..ready)
            .map(|(id, at, truth)| json!({ "prediction_id": id, "value": truth, "label_time": at.plus(delay) }))
            .collect();
        let model = &self.project.spec.model;
        let chunks = labels.chunks(500).map(|chunk| json!({ "model": model, "labels": chunk }));
        stream::iter(chunks.collect::<Vec<_>>())
            .map(|body| async move { self.client.post("/api/v1/labels", &body).await })
            .buffered(2)
            .try_collect::<Vec<_>>()
            .await?;
        report.labels += labels.len();
        Ok(())
    }

    /// The raw rows that have happened since the last push become a dataset version.
    async fn push(&self, raw: &Table, from: i64, until: i64, report: &mut FeedReport) -> Result<()> {
        let data = &self.project.spec.data;
        let rows = rows_between(raw, &data.time, from, until)?;
        if rows.row_count() > 0 {
            let origin = format!("feed of {}", data.source.as_deref().unwrap_or_default());
            push_rows(self.client, &data.dataset, &rows, &origin).await?;
            report.versions_pushed += 1;
        }
        Ok(())
    }

    /// The monitor looks at the windows that have ended; what it starts is waited for.
    async fn look(&self, now: Timestamp, report: &mut FeedReport) -> Result<()> {
        let path = format!("/api/v1/monitors/{}/evaluate", self.project.spec.model);
        let seen = self.client.post(&path, &json!({ "until": now })).await?;
        report.windows += at(&seen, "windows_evaluated").as_u64().unwrap_or(0);
        for job in at(&seen, "jobs").as_array().into_iter().flatten() {
            wait_for(self.client, &text_at(job, "id"), "retraining").await?;
            report.trainings += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_grouped_by_day() {
        let at = |text: &str| Some(Timestamp::parse(text).unwrap().as_micros());
        let days =
            Days::of(&[at("2013-10-02 22:00:00"), at("2013-10-02 23:00:00"), at("2013-10-05 00:00:00")]);
        let counts: Vec<_> =
            days.starts.iter().map(|(day, first, rows)| (day.date(), *first, *rows)).collect();
        assert_eq!(counts, [("2013-10-02".to_owned(), 0, 2), ("2013-10-05".to_owned(), 2, 1)]);
    }
}
