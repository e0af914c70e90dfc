//! What is known of a model's inputs over any stretch of time, from what was kept of them.

use std::time::Instant;

use base::{Period, Timestamp};
use monitoring::store;
use monitoring::{
    ComparedColumn, DriftLimits, DriftReport, Grain, Reference, StretchProfile, Window, judge_columns,
};
use serde::Serialize;
use stats::{Profile, ProfiledColumn, SideProfile, compare_numbers, compare_texts};

use super::{Summed, blocking};
use crate::{AppliedSpec, Error, Platform};

/// Stretches that one view shows at most.
const MOST_POINTS: usize = 2_000;

/// What is asked of the profiles of a model.
#[derive(Debug, Clone, Default)]
pub struct ProfileAsked {
    /// From when on; the hour that it is in. The last seven days when absent.
    pub from: Option<Timestamp>,
    /// Until when; the end of the hour that it is in.
    pub to: Option<Timestamp>,
    /// Which segment, as `COLUMN=VALUE`; all predictions when absent.
    pub segment: Option<String>,
}

/// Inputs, predictions and latency over a stretch of time, against what the version in service was trained on.
#[derive(Debug, Clone, Serialize)]
pub struct ProfileView {
    /// The model.
    pub model: String,
    /// The stretch.
    #[serde(flatten)]
    pub window: Window,
    /// The segment; empty for all.
    pub segment: String,
    /// Predictions in it.
    pub rows: u64,
    /// Those without a value.
    pub failed: u64,
    /// How long they took, in microseconds.
    pub latency: Option<SideProfile>,
    /// Each column judged.
    pub drift: DriftReport,
    /// How many predictions each hour or day had.
    pub volume: Vec<VolumePoint>,
    /// The segments with their predictions, most first.
    pub segments: Vec<SegmentView>,
    /// How long it took, rows that were still to be summed up included.
    pub elapsed_ms: f64,
}

/// Predictions of an hour or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VolumePoint {
    /// When it begins.
    pub at: Timestamp,
    /// How long it is.
    pub grain: Grain,
    /// Predictions.
    pub rows: u64,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SegmentView {
    /// As `COLUMN=VALUE`.
    pub segment: String,
    /// Its predictions.
    pub rows: u64,
}

impl Platform {
    /// Inputs, predictions and latency of a model between two moments, from what was kept of them; no archived row is read
    /// again. Begins and ends on the hour, on the day where hours are not kept any more.
    ///
    /// # Errors
    /// When the model is not known, or has no predictions.
    pub async fn profile_view(&self, model: &str, asked: &ProfileAsked) -> Result<ProfileView, Error> {
        let started = Instant::now();
        let applied = self.applied(model).await?;
        let newest = self.archive.watermark(model).unwrap_or_else(|| self.clock.now());
        let summed = self.sum_up(&applied).await?;
        let window = stretch(asked, newest, summed.hours_from);
        let segment = asked.segment.clone().unwrap_or_default();
        let range = (window.from, window.to);
        let whole = self.summed_between(&applied, &summed, &segment, range).await?.unwrap_or_default();
        let reference = self.reference(&applied, self.version_for(&applied).await?).await?;
        let volume = self.volume(&summed, &segment, window).await?;
        let segments = self.segments_within(&applied, &summed, range).await?;
        let named = format!("{model}@{}..{}", window.from, window.to);
        let latency = whole.latency.as_ref().map(side);
        let (rows, failed) = (whole.rows, whole.failed);
        let drift = blocking(move || compared(&named, reference.as_deref(), &whole)).await?;
        Ok(ProfileView {
            model: model.to_owned(),
            window,
            segment,
            rows,
            failed,
            latency,
            drift,
            volume,
            segments: segments.into_iter().map(|(segment, rows)| SegmentView { segment, rows }).collect(),
            elapsed_ms: started.elapsed().as_secs_f64() * 1e3,
        })
    }

    async fn version_for(&self, applied: &AppliedSpec) -> Result<i64, Error> {
        if applied.revision == 0 { Ok(0) } else { self.serving_version(applied).await }
    }

    async fn volume(
        &self,
        summed: &Summed,
        segment: &str,
        window: Window,
    ) -> Result<Vec<VolumePoint>, Error> {
        let hours = window.to.since(window.from).as_hours();
        let grain =
            if hours <= 24.0 * 8.0 && window.from >= summed.hours_from { Grain::Hour } else { Grain::Day };
        let from = window.from.window_start(grain.length());
        let mut read = self.db.read().await?;
        let stored =
            store::volumes_within(&mut read, &summed.sources, segment, grain, from, window.to).await?;
        Ok(stored.into_iter().take(MOST_POINTS).map(|(at, rows)| VolumePoint { at, grain, rows }).collect())
    }
}

/// The stretch that is asked for, on the hour or on the day.
fn stretch(asked: &ProfileAsked, newest: Timestamp, hours_from: Timestamp) -> Window {
    let hour = Grain::Hour.length();
    let end = asked.to.unwrap_or_else(|| newest.plus(Period::from_micros(1)));
    let from = asked.from.unwrap_or_else(|| end.minus(Period::from_days(7)));
    let grain = if from.window_start(hour) < hours_from { Grain::Day.length() } else { hour };
    let up = |at: Timestamp| {
        let down = at.window_start(grain);
        if down == at { at } else { down.plus(grain) }
    };
    let from = from.window_start(grain);
    Window { from, to: up(end).max(from.plus(grain)) }
}

fn side(profile: &Profile) -> SideProfile {
    match ProfiledColumn::from(profile) {
        ProfiledColumn::Numbers(column) => SideProfile::from(&*column),
        ProfiledColumn::Texts(column) => SideProfile::from(&*column),
    }
}

/// Every column of both sides compared and judged.
fn compared(named: &str, reference: Option<&Reference>, now: &StretchProfile) -> DriftReport {
    let seen = reference.map(Reference::profiled).unwrap_or_default();
    let mut columns: Vec<ComparedColumn> = Vec::new();
    for (name, then) in seen {
        let Some(now) = now.columns.get(name) else {
            columns.push((name.clone(), Err(format!("`{name}` is in the reference only"))));
            continue;
        };
        let compared = match (then, ProfiledColumn::from(now)) {
            (ProfiledColumn::Numbers(then), ProfiledColumn::Numbers(now)) => Ok(compare_numbers(then, &now)),
            (ProfiledColumn::Texts(then), ProfiledColumn::Texts(now)) => Ok(compare_texts(then, &now)),
            _ => Err(format!("`{name}` holds numbers on one side and words on the other")),
        };
        columns.push((name.clone(), compared));
    }
    for (name, column) in &now.columns {
        if !seen.iter().any(|(own, _)| own == name) {
            // Against nothing: its own figures are there to be looked at, and it is called without a reference.
            let only = match ProfiledColumn::from(column) {
                ProfiledColumn::Numbers(now) => compare_numbers(&Default::default(), &now),
                ProfiledColumn::Texts(now) => compare_texts(&Default::default(), &now),
            };
            columns.push((name.clone(), Ok(only)));
        }
    }
    let then = if reference.is_some() { "what the version in service was trained on" } else { "nothing" };
    judge_columns(then, named, columns, DriftLimits::default())
}
