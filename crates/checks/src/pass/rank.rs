//! Exact quantiles in bounded memory: values are counted by their leading bits, and only those are looked at again
//! that share them with the value in question.

use super::asked::{number_at, place};
use super::{Asked, Ended, Found, Look};

/// So many values at most are kept to be sorted.
const MOST_KEPT: usize = 1 << 16;

/// How many bits of a value are told apart in one going-over.
const STEP: u32 = 16;

/// Between two values quantiles are taken at millionths of their distance, as the query engine does.
const MILLION: f64 = 1_000_000.0;

/// The median or another quantile of a column.
#[derive(Debug)]
pub(super) struct RankLook {
    column: usize,
    /// Nothing for the median.
    at: Option<f64>,
    rows: u64,
    /// All values, while there are few.
    few: Option<Vec<i64>>,
    counts: Vec<u64>,
    searches: Vec<Search>,
}

/// The search for the value of one rank.
#[derive(Debug)]
struct Search {
    /// The leading bits of the value, as far as they are known.
    lead: u64,
    known_bits: u32,
    /// Its rank among the values that share them.
    rank: u64,
    /// Counts by the next bits, or the values themselves.
    found: Narrowed,
}

#[derive(Debug)]
enum Narrowed {
    Counts(Vec<u64>),
    Values(Vec<u64>),
    Value(u64),
}

/// As a number without a sign of the same order.
const fn unsigned(place: i64) -> u64 {
    place.cast_unsigned() ^ (1 << 63)
}

/// The next sixteen bits after those that are known.
const fn leading(value: u64, known_bits: u32) -> usize {
    ((value << known_bits) >> (64 - STEP)) as usize
}

impl RankLook {
    pub(super) const fn median(column: usize) -> Self {
        Self { column, at: None, rows: 0, few: Some(Vec::new()), counts: Vec::new(), searches: Vec::new() }
    }

    pub(super) const fn quantile(column: usize, at: f64) -> Self {
        Self {
            column,
            at: Some(at),
            rows: 0,
            few: Some(Vec::new()),
            counts: Vec::new(),
            searches: Vec::new(),
        }
    }

    /// The ranks of the two values it lies between.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank"
    )]
    fn ranks(&self) -> (u64, u64) {
        let last = self.rows.saturating_sub(1);
        match self.at {
            None => (last / 2, self.rows / 2),
            Some(at) => {
                let rank = at * last as f64;
                (rank.floor() as u64, (rank.ceil() as u64).min(last))
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rank")]
    fn between(&self, low: f64, high: f64) -> f64 {
        let (lower, upper) = self.ranks();
        if lower == upper {
            return low;
        }
        match self.at {
            None => (low + high) / 2.0,
            Some(at) => {
                let part = at * (self.rows - 1) as f64 - lower as f64;
                low + (high - low) * ((part * MILLION).floor() / MILLION)
            }
        }
    }

    fn count(&mut self, values: impl Iterator<Item = u64>) {
        if self.counts.is_empty() {
            self.counts = vec![0; 1 << STEP];
        }
        for value in values {
            if let Some(count) = self.counts.get_mut(leading(value, 0)) {
                *count += 1;
            }
        }
    }

    fn found(&self, low: i64, high: i64) -> Ended {
        let value = Some(self.between(number_at(low), number_at(high)));
        Ended::Found(Found { rows: self.rows, value, first: Vec::new() })
    }
}

impl Search {
    /// Narrows it down by how often each of the next bits comes.
    fn narrow(lead: u64, known_bits: u32, rank: u64, counts: &[u64]) -> Self {
        let mut before = 0;
        for (next, count) in counts.iter().enumerate() {
            if rank < before + count {
                let lead = (lead << STEP) | next as u64;
                let known_bits = known_bits + STEP;
                let found = match known_bits {
                    64 => Narrowed::Value(lead),
                    _ if *count <= MOST_KEPT as u64 => Narrowed::Values(Vec::new()),
                    _ => Narrowed::Counts(vec![0; 1 << STEP]),
                };
                return Self { lead, known_bits, rank: rank - before, found };
            }
            before += count;
        }
        // There are as many values as were counted.
        Self { lead, known_bits, rank, found: Narrowed::Value(0) }
    }

    fn see(&mut self, value: u64) {
        if value >> (64 - self.known_bits) != self.lead {
            return;
        }
        match &mut self.found {
            Narrowed::Counts(counts) => {
                if let Some(count) = counts.get_mut(leading(value, self.known_bits)) {
                    *count += 1;
                }
            }
            Narrowed::Values(values) => values.push(value),
            Narrowed::Value(_) => {}
        }
    }

    fn end(&mut self) {
        match &mut self.found {
            Narrowed::Counts(counts) => *self = Self::narrow(self.lead, self.known_bits, self.rank, counts),
            Narrowed::Values(values) => {
                values.sort_unstable();
                let at = usize::try_from(self.rank).unwrap_or_default();
                self.found = Narrowed::Value(values.get(at).copied().unwrap_or_default());
            }
            Narrowed::Value(_) => {}
        }
    }

    const fn value(&self) -> Option<i64> {
        match self.found {
            Narrowed::Value(value) => Some((value ^ (1 << 63)).cast_signed()),
            _ => None,
        }
    }
}

impl Look for RankLook {
    fn see(&mut self, asked: &Asked<'_>) {
        let values = asked.numbers(self.column);
        if !self.searches.is_empty() {
            for value in values.iter().map(|value| unsigned(place(*value))) {
                self.searches.iter_mut().for_each(|search| search.see(value));
            }
            return;
        }
        self.rows += values.len() as u64;
        if let Some(few) = &mut self.few {
            few.extend(values.iter().map(|value| place(*value)));
            if few.len() <= MOST_KEPT {
                return;
            }
        }
        match self.few.take() {
            Some(few) => self.count(few.into_iter().map(unsigned)),
            None => self.count(values.iter().map(|value| unsigned(place(*value)))),
        }
    }

    fn end(&mut self) -> Ended {
        let (lower, upper) = self.ranks();
        if let Some(mut few) = self.few.take() {
            few.sort_unstable();
            let value = |rank: u64| few.get(usize::try_from(rank).ok()?).copied();
            return match (value(lower), value(upper)) {
                (Some(low), Some(high)) => self.found(low, high),
                _ => Ended::Found(Found::default()),
            };
        }
        if self.searches.is_empty() {
            let counts = std::mem::take(&mut self.counts);
            self.searches = [lower, upper].map(|rank| Search::narrow(0, 0, rank, &counts)).into();
        } else {
            self.searches.iter_mut().for_each(Search::end);
        }
        match self.searches.iter().map(Search::value).collect::<Option<Vec<_>>>().as_deref() {
            Some([low, high]) => self.found(*low, *high),
            _ => Ended::Again,
        }
    }
}
