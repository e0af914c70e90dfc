//! Long metric histories, drawn with few points.

use std::num::NonZeroUsize;

use serde::Serialize;

use crate::Metric;
use crate::points::Point;

/// The points of one metric, by step, then time, then value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// The metric.
    pub key: String,
    /// Its points, or a choice of them.
    pub points: Vec<Metric>,
    /// Whether points were left out.
    pub sampled: bool,
}

/// Leaves at most `at_most` of the points. The first and the last stay, and of each stretch between the lowest and the
/// highest, so that no spike is lost; points that are not a number stay only where a stretch has nothing else.
pub(crate) fn thin_out(points: Vec<Point>, at_most: NonZeroUsize) -> Vec<Point> {
    let at_most = at_most.get();
    let count = points.len();
    if count <= at_most {
        return points;
    }
    if at_most < 4 {
        let step = count.div_ceil(at_most);
        return points.into_iter().step_by(step).collect();
    }
    let stretches = (at_most - 2) / 2;
    let inner = count - 2;
    let mut keep = vec![0];
    for stretch in 0..stretches {
        let from = 1 + stretch * inner / stretches;
        let to = 1 + (stretch + 1) * inner / stretches;
        let numbers =
            || points.iter().enumerate().take(to).skip(from).filter(|(_, point)| !point.value.is_nan());
        let lowest = numbers().min_by(|a, b| a.1.value.total_cmp(&b.1.value)).map(|(at, _)| at);
        let highest = numbers().max_by(|a, b| a.1.value.total_cmp(&b.1.value)).map(|(at, _)| at);
        match (lowest, highest) {
            (Some(low), Some(high)) if low != high => keep.extend([low.min(high), low.max(high)]),
            (Some(only), _) => keep.push(only),
            _ if from < to => keep.push(from),
            _ => {}
        }
    }
    keep.push(count - 1);
    let mut kept = keep.into_iter().peekable();
    points
        .into_iter()
        .enumerate()
        .filter(|(at, _)| kept.next_if_eq(at).is_some())
        .map(|(_, point)| point)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        (0..).zip(values).map(|(step, value)| Point { step, time: step, value }).collect()
    }

    proptest::proptest! {
        #[test]
        fn extremes_and_ends_stay_and_order_holds(
            values in proptest::collection::vec(-1e6_f64..1e6, 5..600),
            at_most in 4_usize..80,
        ) {
            let before = points(values);
            let after = thin_out(before.clone(), NonZeroUsize::new(at_most).unwrap());
            assert!(after.len() <= at_most.max(1));
            assert!(after.is_sorted_by_key(|point| point.step));
            let low = |of: &[Point]| of.iter().map(|p| p.value).fold(f64::INFINITY, f64::min);
            let high = |of: &[Point]| of.iter().map(|p| p.value).fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(low(&before), low(&after));
            assert_eq!(high(&before), high(&after));
            let step = |point: Option<&Point>| point.map(|point| point.step);
            assert_eq!(step(before.first()), step(after.first()));
            assert_eq!(step(before.last()), step(after.last()));
        }
    }

    #[test]
    fn a_stretch_without_numbers_keeps_a_point() {
        let after = thin_out(points((0..100).map(|_| f64::NAN)), NonZeroUsize::new(10).unwrap());
        assert!(after.len() > 2 && after.len() <= 10);
    }

    #[test]
    fn few_points_stay_as_they_are() {
        assert_eq!(thin_out(points([1.0, 2.0]), NonZeroUsize::new(2).unwrap()).len(), 2);
        assert!(thin_out(points((0..10).map(f64::from)), NonZeroUsize::new(3).unwrap()).len() <= 3);
    }
}
