//! Stretches without predictions.

use base::{Period, Timestamp};
use serde::{Deserialize, Serialize};

use crate::words;

/// A stretch without predictions that is longer than allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The last prediction before it.
    pub from: Timestamp,
    /// The first one after it, or how far is known if it still lasts.
    pub to: Timestamp,
    /// Whether it still lasts.
    pub open: bool,
    /// What it means, in a sentence.
    pub words: String,
}

impl Gap {
    fn new(from: Timestamp, to: Timestamp, open: bool) -> Self {
        let length = to.since(from).in_words();
        let (from_words, to_words) = (words::moment(from), words::moment(to));
        let words = if open {
            format!("no predictions since {from_words}: {length} so far")
        } else {
            format!("no predictions from {from_words} to {to_words}: {length}")
        };
        Self { from, to, open, words }
    }

    /// How long it is, as far as is known.
    #[must_use]
    pub const fn length(&self) -> Period {
        self.to.since(self.from)
    }
}

/// The gaps between predictions at `times` (in any order).
///
/// `before` is the last prediction before those, `after` the first one after them. Without one after, the silence from
/// the last prediction up to `watermark` counts as a gap that still lasts.
#[must_use]
pub fn find_gaps(
    times: &[Timestamp],
    before: Option<Timestamp>,
    after: Option<Timestamp>,
    watermark: Timestamp,
    longer_than: Period,
) -> Vec<Gap> {
    let mut moments: Vec<Timestamp> = before.into_iter().chain(times.iter().copied()).chain(after).collect();
    moments.sort_unstable();
    let mut gaps: Vec<Gap> = moments
        .iter()
        .zip(moments.iter().skip(1))
        .filter(|(from, to)| to.since(**from) > longer_than)
        .map(|(from, to)| Gap::new(*from, *to, false))
        .collect();
    if let (None, Some(last)) = (after, moments.last())
        && watermark.since(*last) > longer_than
    {
        gaps.push(Gap::new(*last, watermark, true));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_gap_is_found_when_the_next_prediction_comes() {
        let gaps = find_gaps(
            &[],
            Some(at("2014-08-08 01:00:00")),
            Some(at("2015-06-11 20:00:00")),
            at("2015-06-11 20:00:00"),
            Period::from_days(2),
        );
        assert_eq!(gaps.len(), 1);
        assert_eq!(gaps[0].words, "no predictions from 2014-08-08 01:00 to 2015-06-11 20:00: 307 days");
        assert!(!gaps[0].open);
    }

    #[test]
    fn a_gap_is_found_when_the_watermark_passes() {
        let last = at("2014-08-08 01:00:00");
        let gaps = |watermark| find_gaps(&[last], None, None, watermark, Period::from_days(2));
        assert!(gaps(at("2014-08-10 01:00:00")).is_empty());
        assert!(gaps(at("2014-08-10 02:00:00"))[0].open);
    }

    #[test]
    fn hourly_predictions_have_no_gap() {
        let times: Vec<Timestamp> =
            (0..48).map(|hour| at("2014-01-01").plus(Period::from_hours(hour))).collect();
        assert!(find_gaps(&times, None, None, at("2014-01-03"), Period::from_hours(2)).is_empty());
        assert!(find_gaps(&[], None, None, at("2014-01-03"), Period::from_hours(2)).is_empty());
    }
}
