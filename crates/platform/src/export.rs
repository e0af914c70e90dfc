//! The archive of a model handed out part by part, so that it never lies in memory as a whole.

use archive::Archive;
use base::Timestamp;
use std::sync::Arc;
use tables::{QueryLimits, Table};

use crate::{Error, Platform};

/// Parts have about so many rows; an hour is never divided.
const PART_ROWS: i64 = 20_000;
const HOUR_US: i64 = 3_600_000_000;

/// Predictions with their labels, from the oldest to the newest.
#[derive(Debug)]
pub struct Export {
    archive: Arc<Archive>,
    model: String,
    known_by: Option<Timestamp>,
    /// The first and the end of each part, last part first.
    parts: Vec<(i64, i64)>,
}

impl Platform {
    /// The predictions of a model about moments in `[from, to)` with their labels; as the archive would have answered
    /// at `known_by`, if that is given.
    ///
    /// # Errors
    /// When the archive does not know the model.
    pub async fn export(
        &self,
        model: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        known_by: Option<Timestamp>,
    ) -> Result<Export, Error> {
        self.archive.schema(model)?;
        let (from, to) =
            (from.map_or(i64::MIN, Timestamp::as_micros), to.map_or(i64::MAX, Timestamp::as_micros));
        let query = format!(
            "select date_trunc('hour', event_time) as hour, cast(count(*) as bigint) as n from \"{model}\".predictions \
             group by 1 order by 1"
        );
        let limits = QueryLimits { max_rows: 10_000_000, ..QueryLimits::default() };
        let hours = self.archive.sql(&query, limits).await?;
        let mut parts: Vec<(i64, i64)> = Vec::new();
        let mut rows = i64::MAX;
        let counts = hours.numbers("n")?;
        for (hour, count) in hours.times("hour")?.into_iter().zip(counts) {
            let (Some(hour), Some(count)) = (hour, count) else { continue };
            let end = hour.saturating_add(HOUR_US);
            if end <= from || hour >= to {
                continue;
            }
            #[expect(clippy::cast_possible_truncation, reason = "a number of rows")]
            let count = count as i64;
            match parts.last_mut() {
                Some(part) if rows.saturating_add(count) <= PART_ROWS => part.1 = end.min(to),
                _ => {
                    parts.push((hour.max(from), end.min(to)));
                    rows = 0;
                }
            }
            rows = rows.saturating_add(count);
        }
        parts.reverse();
        Ok(Export { archive: Arc::clone(&self.archive), model: model.to_owned(), known_by, parts })
    }
}

impl Export {
    /// No rows, with the columns of all parts.
    ///
    /// # Errors
    /// When the archive fails.
    pub async fn header(&self) -> Result<Table, Error> {
        let start = Timestamp::from_micros(0);
        Ok(self.archive.scored_known_by(&self.model, start, start, self.known_by).await?)
    }

    /// The next part; none after the last.
    ///
    /// # Errors
    /// When the archive fails.
    pub async fn next(&mut self) -> Result<Option<Table>, Error> {
        let Some((from, to)) = self.parts.pop() else { return Ok(None) };
        let (from, to) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
        Ok(Some(self.archive.scored_known_by(&self.model, from, to, self.known_by).await?))
    }
}
