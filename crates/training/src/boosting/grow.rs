//! Grows one tree, always at the leaf where a split helps most.

use inference::{Tree, round_short};

use super::bins::{Binned, Feature};
use super::split::{Cell, Rules, Split, best_split};

/// One node of a grown tree, in bins.
#[derive(Debug)]
enum Node {
    Leaf { value: f64 },
    Inner { feature: usize, goes_left: Vec<bool>, last_left: Option<usize>, left: usize },
}

/// A tree in terms of bins, and what its splits gained.
#[derive(Debug)]
pub(super) struct Grown {
    nodes: Vec<Node>,
    /// By feature, how much loss its splits took away.
    pub(super) gains: Vec<f64>,
}

/// What stays the same from tree to tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) leaves: usize,
    pub(super) learning_rate: f64,
    pub(super) rules: Rules,
}

/// A leaf that may still be split. Its rows are a stretch of the order of rows.
struct Open {
    node: usize,
    start: usize,
    end: usize,
    total: Cell,
    histogram: Vec<Cell>,
    best: Option<Split>,
}

/// Room that is used again for each tree.
#[derive(Debug)]
pub(super) struct Workshop {
    order: Vec<u32>,
    aside: Vec<u32>,
}

impl Workshop {
    /// Room for the first `rows` rows.
    pub(super) fn new(rows: usize) -> Self {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        Self { order: (0..rows).collect(), aside: Vec::new() }
    }

    /// Grows a tree towards `residuals`, and takes away from them what it explains.
    pub(super) fn grow(
        &mut self,
        binned: &Binned,
        candidates: &[usize],
        residuals: &mut [f64],
        shape: Shape,
    ) -> Grown {
        self.order.sort_unstable();
        let mut grown =
            Grown { nodes: vec![Node::Leaf { value: 0.0 }], gains: vec![0.0; binned.features.len()] };
        let histogram = histogram_of(binned, &self.order, residuals);
        let total = self.order.iter().fold(Cell::default(), |total, row| Cell {
            sum: total.sum + residuals.get(*row as usize).copied().unwrap_or_default(),
            rows: total.rows + 1,
        });
        let least_gain = 1e-9 * residuals.iter().map(|residual| residual * residual).sum::<f64>();
        let find = |histogram: &[Cell], total: Cell| {
            best_split(binned, candidates, histogram, total, shape.rules)
                .filter(|split| split.gain > least_gain)
        };
        let best = find(&histogram, total);
        let mut open = vec![Open { node: 0, start: 0, end: self.order.len(), total, histogram, best }];
        while open.len() < shape.leaves {
            let Some(place) = most_promising(&open) else { break };
            let leaf = open.swap_remove(place);
            let Some(split) = leaf.best else { break };
            let middle = self.part(binned, leaf.start, leaf.end, &split);
            let rows = |start: usize, end: usize| self.order.get(start..end).unwrap_or_default();
            let (left, right) = (rows(leaf.start, middle), rows(middle, leaf.end));
            // Only the smaller side is counted; the larger is what remains.
            let (left_bins, right_bins) = if left.len() <= right.len() {
                let counted = histogram_of(binned, left, residuals);
                let rest = remaining(leaf.histogram, &counted);
                (counted, rest)
            } else {
                let counted = histogram_of(binned, right, residuals);
                (remaining(leaf.histogram, &counted), counted)
            };
            let first = grown.nodes.len();
            grown.nodes.extend([Node::Leaf { value: 0.0 }, Node::Leaf { value: 0.0 }]);
            if let Some(gain) = grown.gains.get_mut(split.feature) {
                *gain += split.gain;
            }
            let (best_left, best_right) = (find(&left_bins, split.left), find(&right_bins, split.right));
            open.push(Open {
                node: first,
                start: leaf.start,
                end: middle,
                total: split.left,
                histogram: left_bins,
                best: best_left,
            });
            open.push(Open {
                node: first + 1,
                start: middle,
                end: leaf.end,
                total: split.right,
                histogram: right_bins,
                best: best_right,
            });
            if let Some(node) = grown.nodes.get_mut(leaf.node) {
                let Split { feature, goes_left, last_left, .. } = split;
                *node = Node::Inner { feature, goes_left, last_left, left: first };
            }
        }
        for leaf in &open {
            let mean = leaf.total.sum / (f64::from(leaf.total.rows) + shape.rules.l2);
            let value = round_short(shape.learning_rate * mean);
            for row in self.order.get(leaf.start..leaf.end).unwrap_or_default() {
                if let Some(residual) = residuals.get_mut(*row as usize) {
                    *residual -= value;
                }
            }
            if let Some(node) = grown.nodes.get_mut(leaf.node) {
                *node = Node::Leaf { value };
            }
        }
        grown
    }

    /// Puts the rows that go left before the others, both in their order; gives the border.
    fn part(&mut self, binned: &Binned, start: usize, end: usize, split: &Split) -> usize {
        self.aside.clear();
        let mut border = start;
        for place in start..end {
            let Some(row) = self.order.get(place).copied() else { break };
            let bin = binned.row(row as usize).get(split.feature).copied().unwrap_or_default();
            if split.goes_left.get(usize::from(bin)).copied().unwrap_or_default() {
                if let Some(cell) = self.order.get_mut(border) {
                    *cell = row;
                }
                border += 1;
            } else {
                self.aside.push(row);
            }
        }
        for (cell, row) in self.order.iter_mut().skip(border).zip(&self.aside) {
            *cell = *row;
        }
        border
    }
}

/// The leaf whose split gains most; of equal ones that with the lowest node.
fn most_promising(open: &[Open]) -> Option<usize> {
    let gain = |leaf: &Open| leaf.best.as_ref().map(|split| split.gain);
    let candidates =
        open.iter().enumerate().filter_map(|(place, leaf)| Some((gain(leaf)?, leaf.node, place)));
    candidates
        .max_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(&left.1)))
        .map(|found| found.2)
}

fn histogram_of(binned: &Binned, rows: &[u32], residuals: &[f64]) -> Vec<Cell> {
    let mut cells = vec![Cell::default(); binned.all_bins()];
    for row in rows {
        let residual = residuals.get(*row as usize).copied().unwrap_or_default();
        for (bin, offset) in binned.row(*row as usize).iter().zip(&binned.offsets) {
            if let Some(cell) = cells.get_mut(offset + usize::from(*bin)) {
                cell.sum += residual;
                cell.rows += 1;
            }
        }
    }
    cells
}

fn remaining(mut whole: Vec<Cell>, part: &[Cell]) -> Vec<Cell> {
    for (cell, part) in whole.iter_mut().zip(part) {
        cell.sum -= part.sum;
        cell.rows -= part.rows;
    }
    whole
}

impl Grown {
    /// What the tree adds to a row.
    pub(super) fn value(&self, row: &[u8]) -> f64 {
        let mut place = 0;
        loop {
            match self.nodes.get(place) {
                None => return 0.0,
                Some(Node::Leaf { value }) => return *value,
                Some(Node::Inner { feature, goes_left, left, .. }) => {
                    let bin = row.get(*feature).copied().unwrap_or_default();
                    let goes_left = goes_left.get(usize::from(bin)).copied().unwrap_or_default();
                    place = left + usize::from(!goes_left);
                }
            }
        }
    }

    /// The tree as the model file has it.
    pub(super) fn to_tree(&self, features: &[Feature]) -> Tree {
        let mut tree = Tree::default();
        for (index, node) in self.nodes.iter().enumerate() {
            let index = index as u64;
            match node {
                Node::Leaf { value } => {
                    tree.feature.push(-1);
                    tree.value.push(*value);
                    tree.left.push(0);
                }
                Node::Inner { feature, goes_left, last_left, left } => {
                    tree.feature.push(i64::try_from(*feature).unwrap_or(i64::MAX));
                    tree.left.push(*left as u64);
                    if goes_left.last().copied().unwrap_or_default() {
                        tree.missing_left.push(index);
                    }
                    let threshold = match (features.get(*feature), last_left) {
                        (Some(Feature::Number { cuts }), Some(bin)) => cuts.get(*bin).copied(),
                        _ => None,
                    };
                    tree.value.push(threshold.unwrap_or_default());
                    if last_left.is_none() {
                        let words = goes_left.len().saturating_sub(1);
                        let left = goes_left.iter().take(words).enumerate().filter(|(_, left)| **left);
                        tree.sets.insert(index, left.map(|(code, _)| code as u64).collect());
                    }
                }
            }
        }
        tree
    }
}
