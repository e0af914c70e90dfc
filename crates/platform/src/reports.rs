//! What is known of a watched model over a stretch of time, and what a rule would have done in it.

use std::collections::BTreeMap;

use base::{PageRequest, Timestamp};
use monitoring::store::{self, AlertFilter};
use monitoring::{
    Foresight, MonitorSpec, MonitoringReport, Rows, Simulation, WeakSegment, Window, WindowReport,
    WindowSummary, foresee, simulate, weak_segments,
};

use crate::watch::{Live, metrics_of};
use crate::{AppliedSpec, Error, Platform};

/// Windows that are looked at for what is foreseen.
const FORESEEN: usize = 26;
/// Windows of a report or a simulation at most.
const MOST_WINDOWS: usize = 1_000;
/// Rows that are read for what is foreseen at most.
const MOST_ROWS: usize = 2_000_000;

impl Platform {
    /// The state of a model's monitor, from `from` to `to` (all windows when absent).
    ///
    /// # Errors
    /// When the model has no monitor.
    pub async fn monitoring_report(
        &self,
        model: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<MonitoringReport, Error> {
        let (applied, spec) = self.watched(model).await?;
        let windows = self.windows_between(model, from, to).await?;
        let newest = windows.iter().rev().find(|window| window.rows > 0).or(windows.last());
        let latest = match newest {
            Some(summary) => {
                Some(store::get_report(&mut self.db.read().await?, model, summary.window.from).await?)
            }
            None => None,
        };
        let (foresight, weak) = match &latest {
            Some(latest) => self.foresight(&applied, &spec, &windows, latest).await?,
            None => (None, Vec::new()),
        };
        let filter = AlertFilter { model: Some(model.to_owned()), ..AlertFilter::default() };
        let page = PageRequest::first(100);
        let found = store::list_alerts(&mut self.db.read().await?, &filter, &page).await?;
        let within = |at: Timestamp| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
        let alerts = found
            .items
            .into_iter()
            .filter(|alert| within(alert.opened_at) || within(alert.updated_at))
            .collect();
        Ok(MonitoringReport {
            model: model.to_owned(),
            written_at: self.clock.now(),
            windows,
            latest,
            weak_segments: weak,
            foresight,
            alerts,
        })
    }

    /// How often a monitor would have fired over the windows that have been judged.
    ///
    /// # Errors
    /// When the monitor cannot be as it is written; when the model has none yet.
    pub async fn simulate_monitor(&self, model: &str, spec: &MonitorSpec) -> Result<Simulation, Error> {
        spec.check()?;
        self.applied(model).await?;
        let mut read = self.db.read().await?;
        let end = Timestamp::from_micros(i64::MAX);
        let reports: Vec<WindowReport> = store::earlier_reports(&mut read, model, end, MOST_WINDOWS).await?;
        let mut evaluations = BTreeMap::new();
        for report in &reports {
            if evaluations.contains_key(&report.version) {
                continue;
            }
            let found = registry::get_version(&mut read, model, report.version).await;
            let metrics = found.ok().map(|version| metrics_of(version.metrics.as_ref())).unwrap_or_default();
            evaluations.insert(report.version, metrics);
        }
        Ok(simulate(spec, &reports, &evaluations))
    }

    async fn watched(&self, model: &str) -> Result<(AppliedSpec, MonitorSpec), Error> {
        let applied = self.applied(model).await?;
        let spec = applied.spec.monitor.clone();
        let spec = spec.ok_or_else(|| Error::NoMonitor { model: model.to_owned() })?;
        Ok((applied, spec))
    }

    async fn windows_between(
        &self,
        model: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Vec<WindowSummary>, Error> {
        let page = PageRequest::first(MOST_WINDOWS);
        let found = store::list_windows(&mut self.db.read().await?, model, &page).await?;
        let within = |window: &Window| {
            from.is_none_or(|from| window.to > from) && to.is_none_or(|to| window.from < to)
        };
        let mut windows: Vec<WindowSummary> =
            found.items.into_iter().filter(|summary| within(&summary.window)).collect();
        windows.reverse();
        Ok(windows)
    }

    /// What is foreseen for the newest windows, and where the latest is weak.
    async fn foresight(
        &self,
        applied: &AppliedSpec,
        spec: &MonitorSpec,
        windows: &[WindowSummary],
        latest: &WindowReport,
    ) -> Result<(Option<Foresight>, Vec<WeakSegment>), Error> {
        let skipped = windows.len().saturating_sub(FORESEEN);
        let newest: Vec<&WindowSummary> = windows.iter().skip(skipped).collect();
        let rows: u64 = newest.iter().map(|summary| summary.rows).sum();
        let (Some(first), Some(last)) = (newest.first(), newest.last()) else {
            return Ok((None, Vec::new()));
        };
        if rows > MOST_ROWS as u64 {
            return Ok((None, Vec::new()));
        }
        let archived = self.archive.scored(&applied.spec.model, first.window.from, last.window.to).await?;
        let live = Live::of(applied, archived)?;
        let cut: Vec<(Window, Rows)> = newest
            .iter()
            .map(|summary| Ok((summary.window, live.rows_in(&summary.window)?)))
            .collect::<Result<_, Error>>()?;
        let weak = live.rows_in(&latest.window)?;
        let min_rows = spec.min_rows;
        let work = move || (foresee(&cut, min_rows), weak_segments(&weak));
        match tokio::task::spawn_blocking(work).await {
            Ok((foresight, weak)) => Ok((Some(foresight), weak)),
            Err(cause) => Err(Error::Stored { what: "foresight", cause: cause.to_string() }),
        }
    }
}
