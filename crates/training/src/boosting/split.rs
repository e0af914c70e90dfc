//! Finds the split of a leaf that takes away the most loss.

use super::bins::{Binned, Feature};

/// What one bin of a histogram sums up: what is left to explain, and of how many rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell {
    pub(super) sum: f64,
    pub(super) rows: u32,
}

impl Cell {
    fn and(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, rows: self.rows + other.rows }
    }

    fn without(self, other: Self) -> Self {
        Self { sum: self.sum - other.sum, rows: self.rows.saturating_sub(other.rows) }
    }

    /// Twice the loss that one value for all these rows takes away.
    fn score(self, l2: f64) -> f64 {
        self.sum * self.sum / (f64::from(self.rows) + l2)
    }
}

/// What a split has to obey.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) l2: f64,
    pub(super) min_leaf_rows: u32,
}

/// Splits on a category are judged as if each side had this many more rows of nothing, and a word
/// needs as many rows to be placed: many words make it easy to find a lucky set.
const CATEGORY_CAUTION: u32 = 10;

/// A question that divides the rows of a leaf.
#[derive(Debug, Clone)]
pub(super) struct Split {
    pub(super) feature: usize,
    pub(super) gain: f64,
    pub(super) left: Cell,
    pub(super) right: Cell,
    /// For each bin of the feature, the one for holes last, whether it goes left.
    pub(super) goes_left: Vec<bool>,
    /// For a number, the last bin of values that goes left.
    pub(super) last_left: Option<usize>,
}

/// The best split of a leaf by one of the `candidates`, the features to look at. Of equal splits
/// the first wins.
pub(super) fn best_split(
    binned: &Binned,
    candidates: &[usize],
    histogram: &[Cell],
    total: Cell,
    rules: Rules,
) -> Option<Split> {
    let mut best: Option<Split> = None;
    for feature in candidates {
        let (Some(start), Some(end)) = (binned.offsets.get(*feature), binned.offsets.get(feature + 1)) else {
            continue;
        };
        let bins = histogram.get(*start..*end).unwrap_or_default();
        let found = match binned.features.get(*feature) {
            Some(Feature::Number { .. }) => by_number(*feature, bins, total, rules),
            Some(Feature::Category { .. }) => by_category(*feature, bins, total, rules),
            None => None,
        };
        if let Some(found) = found
            && best.as_ref().is_none_or(|best| found.gain > best.gain)
        {
            best = Some(found);
        }
    }
    best
}

/// Tries each threshold, with the holes on either side. Without holes here, later ones go with
/// the larger side.
fn by_number(feature: usize, bins: &[Cell], total: Cell, rules: Rules) -> Option<Split> {
    let (holes, values) = bins.split_last()?;
    let parent = total.score(rules.l2);
    let mut best: Option<(f64, usize, bool, Cell)> = None;
    let mut below = Cell::default();
    for (bin, cell) in values.iter().enumerate().take(values.len().saturating_sub(1)) {
        below = below.and(*cell);
        if cell.rows == 0 {
            continue;
        }
        for holes_left in [false, true] {
            if holes_left && holes.rows == 0 {
                continue;
            }
            let left = if holes_left { below.and(*holes) } else { below };
            let right = total.without(left);
            if left.rows < rules.min_leaf_rows || right.rows < rules.min_leaf_rows {
                continue;
            }
            let gain = left.score(rules.l2) + right.score(rules.l2) - parent;
            if best.is_none_or(|best| gain > best.0) {
                best = Some((gain, bin, holes_left, left));
            }
        }
    }
    let (gain, last_left, holes_left, left) = best?;
    let right = total.without(left);
    let holes_left = if holes.rows == 0 { left.rows > right.rows } else { holes_left };
    let mut goes_left: Vec<bool> = (0..values.len()).map(|bin| bin <= last_left).collect();
    goes_left.push(holes_left);
    Some(Split { feature, gain, left, right, goes_left, last_left: Some(last_left) })
}

/// Orders the words (holes count as one) by their mean and tries each place to cut that order,
/// which for squared loss finds the best set there is. Words too rare here stay on the right;
/// words that are not here at all go with the larger side.
fn by_category(feature: usize, bins: &[Cell], total: Cell, rules: Rules) -> Option<Split> {
    let caution = f64::from(CATEGORY_CAUTION);
    let l2 = rules.l2 + caution;
    let mut order: Vec<(f64, usize, Cell)> = bins
        .iter()
        .enumerate()
        .filter(|(_, cell)| cell.rows >= CATEGORY_CAUTION)
        .map(|(bin, cell)| (cell.sum / (f64::from(cell.rows) + caution), bin, *cell))
        .collect();
    order.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let parent = total.score(rules.l2);
    let mut best: Option<(f64, usize, Cell)> = None;
    let mut left = Cell::default();
    for (place, (_, _, cell)) in order.iter().enumerate() {
        left = left.and(*cell);
        let right = total.without(left);
        if left.rows < rules.min_leaf_rows || right.rows < rules.min_leaf_rows {
            continue;
        }
        let gain = left.score(l2) + right.score(l2) - parent;
        if best.is_none_or(|best| gain > best.0) {
            best = Some((gain, place, left));
        }
    }
    let (gain, place, left) = best?;
    let right = total.without(left);
    let mut goes_left: Vec<bool> = bins.iter().map(|cell| cell.rows == 0 && left.rows > right.rows).collect();
    for (_, bin, _) in order.iter().take(place + 1) {
        if let Some(side) = goes_left.get_mut(*bin) {
            *side = true;
        }
    }
    Some(Split { feature, gain, left, right, goes_left, last_left: None })
}
