//! Predictions summed up as they arrive: profiles by version, segment, hour and day, which the watch reads instead of rows.
//!
//! How far a model's table is summed up is the number of a version of it, kept in the same transaction as the sums. So each
//! row is counted once whenever this ends: after a crash the rows of later versions are still to come. When rows were taken
//! out of the table, by erasure or age, its sums are made anew from what is left.

mod view;

use std::collections::BTreeMap;

use archive::Arriving;
use base::Timestamp;
use monitoring::store::{self, ProfileChange, ProfileSource};
use monitoring::{Grain, HOURS_KEPT, Lot, Rows, Shape, StretchKey, StretchProfile, cover};
use stats::{Edges, Sample};
use tables::{Range, Table, Values};

pub use self::view::{ProfileAsked, ProfileView, SegmentView};
use crate::rows::watched_column;
use crate::traffic::heard;
use crate::watch::{features_of, times_of};
use crate::{AppliedSpec, Error, Platform};

/// Rows from which bins are made where there is no reference.
const FIRST_ROWS: usize = 20_000;

/// The sums of a model's predictions as they are now.
pub(crate) struct Summed {
    sources: Vec<ProfileSource>,
    /// Rows that are in no version of the table yet.
    pending: Vec<Table>,
    shape: Shape,
    hours_from: Timestamp,
}

impl Platform {
    /// Sums up what has arrived of a model's predictions.
    ///
    /// # Errors
    /// When archive or database fail; what was not summed up then is next time.
    pub(crate) async fn sum_up(&self, applied: &AppliedSpec) -> Result<Summed, Error> {
        let _turn = self.profiling.lock().await;
        let model = &applied.spec.model;
        let segments =
            applied.spec.monitor.as_ref().map(|monitor| monitor.segments.clone()).unwrap_or_default();
        let source = self.archive.source(model)?;
        let known = store::profile_source(&mut self.db.read().await?, &source).await?;
        let usable = known.as_ref().filter(|known| known.version >= 0 && known.shape.segments == segments);
        let arriving =
            self.archive.arriving(model, usable.map(|known| (source.as_str(), known.version))).await?;
        let newest = self.archive.watermark(model).unwrap_or(Timestamp::from_micros(0));
        let hours_from = newest.window_start(Grain::Day.length()).minus(HOURS_KEPT);
        let state = match usable {
            Some(known) if !arriving.whole => known.clone(),
            _ => {
                let edges = match known {
                    // The same bins as before, so that what others have summed up adds to it.
                    Some(known) => known.shape.edges,
                    None => self.first_edges(applied, &arriving).await?,
                };
                let shape = Shape { edges, segments, values: BTreeMap::new() };
                let begun = ProfileSource { source, model: model.clone(), version: -1, shape, newest };
                self.begin(begun.clone()).await?;
                begun
            }
        };
        let state = self.take_in(applied, state, &arriving, newest, hours_from).await?;
        let sources = store::profile_sources(&mut self.db.read().await?, model).await?;
        Ok(Summed { sources, pending: arriving.pending, shape: state.shape, hours_from })
    }

    async fn begin(&self, begun: ProfileSource) -> Result<(), Error> {
        let written: Result<(), monitoring::Error> =
            self.db.write(move |tx| Box::pin(async move { store::begin_profiles(tx, &begun).await })).await;
        Ok(written?)
    }

    /// Adds the rows that arrived. When all rows are taken in anew that is done lot by lot, and the version is told with
    /// the last; else all lots are one change.
    async fn take_in(
        &self,
        applied: &AppliedSpec,
        mut state: ProfileSource,
        arriving: &Arriving,
        newest: Timestamp,
        hours_from: Timestamp,
    ) -> Result<ProfileSource, Error> {
        let mut sums: BTreeMap<StretchKey, StretchProfile> = BTreeMap::new();
        for number in 0..arriving.lots() {
            let Some(rows) = arriving.lot(number).await? else { break };
            let (shape, found) = sum_of(applied, &rows, state.shape.clone(), hours_from).await?;
            state.shape = shape;
            for (key, profile) in found {
                let grain = key.grain;
                sums.entry(key).or_default().merge(&profile, grain)?;
            }
            if arriving.whole && number + 1 < arriving.lots() {
                let done = std::mem::take(&mut sums);
                state = self.put(state, -1, done, newest, hours_from).await?;
            }
        }
        if sums.is_empty() && state.version == arriving.version {
            return Ok(state);
        }
        self.put(state, arriving.version, sums, newest, hours_from).await
    }

    /// Adds sums to those that are kept, and moves on how far the table is summed up.
    async fn put(
        &self,
        mut state: ProfileSource,
        version: i64,
        sums: BTreeMap<StretchKey, StretchProfile>,
        newest: Timestamp,
        hours_from: Timestamp,
    ) -> Result<ProfileSource, Error> {
        let keys: Vec<&StretchKey> = sums.keys().collect();
        let mut before = store::find_profiles(&mut self.db.read().await?, &state, &keys).await?;
        let packed = blocking(move || {
            sums.into_iter()
                .map(|(key, profile)| {
                    let mut whole = before.remove(&key).unwrap_or_default();
                    whole.merge(&profile, key.grain)?;
                    Ok((key, whole.rows, whole.pack()?))
                })
                .collect::<Result<Vec<_>, monitoring::Error>>()
        })
        .await??;
        let known = state.version;
        state.version = version;
        state.newest = newest;
        let change = ProfileChange { before: known, after: state.clone(), profiles: packed, hours_from };
        let written: Result<(), monitoring::Error> =
            self.db.write(move |tx| Box::pin(async move { store::put_profiles(tx, &change).await })).await;
        written?;
        Ok(state)
    }

    /// Bins by what the version in service was trained on; where that is not known, by the first rows there are.
    async fn first_edges(
        &self,
        applied: &AppliedSpec,
        arriving: &Arriving,
    ) -> Result<BTreeMap<String, Edges>, Error> {
        let version = if applied.revision == 0 { 0 } else { self.serving_version(applied).await? };
        if let Some(reference) = self.reference(applied, version).await? {
            return blocking(move || edges_of(reference.rows())).await;
        }
        let first = match arriving.lot(0).await? {
            Some(rows) => Some(rows),
            None => arriving.pending.first().cloned(),
        };
        let Some(first) = first else { return Ok(BTreeMap::new()) };
        let lot = lot_of(applied, &heard(&first)?.slice(0, FIRST_ROWS))?;
        blocking(move || edges_of(&lot.rows)).await
    }

    /// The sums over `[from, to)` in a segment (empty for all), pending rows included; `None` when they are not kept so
    /// finely.
    pub(crate) async fn summed_between(
        &self,
        applied: &AppliedSpec,
        summed: &Summed,
        segment: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Option<StretchProfile>, Error> {
        let Some(parts) = cover(from, to) else { return Ok(None) };
        let too_fine = |(grain, from, _): &(Grain, Timestamp, Timestamp)| {
            *grain == Grain::Hour && *from < summed.hours_from
        };
        if parts.iter().any(too_fine) {
            return Ok(None);
        }
        let mut whole = StretchProfile::default();
        for (grain, from, to) in parts {
            let mut read = self.db.read().await?;
            let stored =
                store::profiles_within(&mut read, &self.unpacked, &summed.sources, segment, grain, from, to)
                    .await?;
            for stored in stored {
                whole.merge(&stored.profile, Grain::Day)?;
            }
        }
        for (key, profile) in pending_between(applied, summed, (from, to)).await? {
            if key.segment == segment {
                whole.merge(&profile, Grain::Day)?;
            }
        }
        Ok(Some(whole))
    }

    /// The segments that had predictions in `[from, to)`, pending rows included, and how many: the greatest first.
    pub(crate) async fn segments_within(
        &self,
        applied: &AppliedSpec,
        summed: &Summed,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<(String, u64)>, Error> {
        let model = &applied.spec.model;
        let stored = store::segments_within(&mut self.db.read().await?, model, from, to).await?;
        let mut rows: BTreeMap<String, u64> = stored.into_iter().collect();
        for (key, profile) in pending_between(applied, summed, (from, to)).await? {
            if !key.segment.is_empty() {
                *rows.entry(key.segment).or_default() += profile.rows;
            }
        }
        let mut named: Vec<(String, u64)> = rows.into_iter().collect();
        named.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        Ok(named)
    }
}

/// The sums by day of the rows in `[from, to)` that are in no version of the table yet.
async fn pending_between(
    applied: &AppliedSpec,
    summed: &Summed,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<(StretchKey, StretchProfile)>, Error> {
    let window = Range::Time { from: from.as_micros(), to: to.as_micros() };
    let nothing_finer = Timestamp::from_micros(i64::MAX);
    let mut sums = Vec::new();
    for rows in &summed.pending {
        let rows = rows.within("event_time", &window)?;
        if rows.row_count() > 0 {
            let (_, found) = sum_of(applied, &rows, summed.shape.clone(), nothing_finer).await?;
            sums.extend(found);
        }
    }
    Ok(sums)
}

async fn sum_of(
    applied: &AppliedSpec,
    rows: &Table,
    mut shape: Shape,
    hours_from: Timestamp,
) -> Result<(Shape, BTreeMap<StretchKey, StretchProfile>), Error> {
    let lot = lot_of(applied, &heard(rows)?)?;
    let sums = blocking(move || lot.sum_up(&mut shape, hours_from).map(|found| (shape, found))).await?;
    Ok(sums?)
}

/// Rows of the archive as they are summed up.
fn lot_of(applied: &AppliedSpec, rows: &Table) -> Result<Lot, Error> {
    let columns = features_of(applied, rows)
        .into_iter()
        .map(|(name, column)| Ok((name, watched_column(rows, &column)?)))
        .collect::<Result<_, Error>>()?;
    let predictions = rows.column("prediction")?;
    let (words, numbers) = match predictions {
        Values::Text(words) => (Some(words), vec![None; rows.row_count()]),
        _ => (None, rows.numbers("prediction")?),
    };
    #[expect(clippy::cast_possible_truncation, reason = "version numbers are small whole numbers")]
    let version = |version: Option<f64>| version.map_or(0, |version| version as i64);
    Ok(Lot {
        rows: Rows::new(times_of(rows, "event_time")?, columns)?.with_predictions(numbers)?,
        words,
        versions: rows.numbers("version")?.into_iter().map(version).collect(),
        ids: rows.texts("prediction_id")?.into_iter().map(Option::unwrap_or_default).collect(),
        latencies: rows.numbers("latency_us")?,
    })
}

fn edges_of(rows: &Rows) -> BTreeMap<String, Edges> {
    let numbers = rows.columns().iter().filter_map(|(name, column)| match column {
        monitoring::Column::Numbers(values) => Some((name.as_str(), values.as_slice())),
        monitoring::Column::Texts(_) => None,
    });
    numbers
        .chain([("prediction", rows.predictions())])
        .filter_map(|(name, values)| {
            Some((name.to_owned(), Edges::from_reference(&Sample::of_present(values))?))
        })
        .collect()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|cause| Error::Stored { what: "profiles", cause: cause.to_string() })
}
