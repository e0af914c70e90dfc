//! Counts and extremes.

use tables::Lane;

use super::asked::{number_at, place};
use super::{Asked, Ended, Found, Look};

/// How many rows meet the condition.
#[derive(Debug, Default)]
pub(super) struct CountLook {
    rows: u64,
}

impl Look for CountLook {
    fn see(&mut self, asked: &Asked<'_>) {
        self.rows += asked.met().count();
    }

    fn end(&mut self) -> Ended {
        Ended::Found(Found::failing(self.rows, self.rows, Vec::new()))
    }
}

/// The share of rows without a value.
#[derive(Debug)]
pub(super) struct MissingLook {
    column: usize,
    rows: u64,
    there: u64,
}

impl MissingLook {
    pub(super) const fn new(column: usize) -> Self {
        Self { column, rows: 0, there: 0 }
    }
}

impl Look for MissingLook {
    fn see(&mut self, asked: &Asked<'_>) {
        self.rows += asked.met().count();
        self.there += asked.there(&[self.column]).count();
    }

    fn end(&mut self) -> Ended {
        #[expect(clippy::cast_precision_loss, reason = "a share of rows")]
        let missing = (self.rows > 0).then(|| 1.0 - self.there as f64 / self.rows as f64);
        Ended::Found(Found { rows: self.rows, value: missing, first: Vec::new() })
    }
}

/// The least or the greatest value of a column of numbers or times.
#[derive(Debug)]
pub(super) struct ExtremeLook {
    column: usize,
    least: bool,
    rows: u64,
    /// As whole number of the same order.
    found: Option<i64>,
    real: bool,
}

impl ExtremeLook {
    pub(super) const fn least(column: usize) -> Self {
        Self { column, least: true, rows: 0, found: None, real: false }
    }

    pub(super) const fn greatest(column: usize) -> Self {
        Self { column, least: false, rows: 0, found: None, real: false }
    }

    fn keep(&mut self, places: impl Iterator<Item = i64>) {
        let found = if self.least { places.min() } else { places.max() };
        self.found = match (self.found, found, self.least) {
            (Some(known), Some(new), true) => Some(known.min(new)),
            (Some(known), Some(new), false) => Some(known.max(new)),
            (known, new, _) => known.or(new),
        };
    }
}

impl Look for ExtremeLook {
    fn see(&mut self, asked: &Asked<'_>) {
        let question = asked.there(&[self.column]);
        self.rows += question.count();
        match asked.lane(self.column) {
            Some(Lane::Int(values) | Lane::Time(values)) => {
                self.keep(question.pick(values).iter().copied());
            }
            Some(Lane::Real(values)) => {
                self.real = true;
                self.keep(question.pick(values).iter().map(|value| place(*value)));
            }
            _ => {}
        }
    }

    fn end(&mut self) -> Ended {
        #[expect(clippy::cast_precision_loss, reason = "the nearest real number is meant")]
        let value = self.found.map(|found| if self.real { number_at(found) } else { found as f64 });
        Ended::Found(Found { rows: self.rows, value, first: Vec::new() })
    }
}
