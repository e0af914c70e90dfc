//! The way down.

use super::{FEATURE, Forest, Gather, LEAF, MISSING_YES, Node, Real, SPECIAL, Special, Sum, Tree};

/// How many rows, or trees, go down side by side.
const LANES: usize = 8;

impl<T: Real> Forest<T> {
    /// Adds what the trees say of each row of `rows` (`width` numbers each, at least as many as
    /// the forest asks for) to `sums` (as many a row as there are targets).
    pub(crate) fn gather<S: Sum>(&self, rows: &[T], width: usize, gather: Gather, sums: &mut [S]) {
        if width == 0 || width < self.features {
            return;
        }
        if rows.len() == width {
            self.one_row(rows, gather, sums);
        } else {
            for tree in &self.trees {
                self.tree_over_rows(*tree, rows, width, gather, sums);
            }
        }
    }

    /// Eight trees at a time; their leaves are still added in their order.
    fn one_row<S: Sum>(&self, row: &[T], gather: Gather, sums: &mut [S]) {
        let mut groups = self.trees.chunks_exact(LANES);
        for group in &mut groups {
            let mut at = [0u32; LANES];
            let mut depth = 0;
            for (at, tree) in at.iter_mut().zip(group) {
                *at = tree.root;
                depth = depth.max(tree.depth);
            }
            self.descend(&mut at, depth, |_| row);
            for (at, tree) in at.iter().zip(group) {
                self.add_leaf(*at, *tree, gather, sums);
            }
        }
        for tree in groups.remainder() {
            let leaf = self.leaf_of(*tree, row);
            self.add_leaf(leaf, *tree, gather, sums);
        }
    }

    fn tree_over_rows<S: Sum>(&self, tree: Tree, rows: &[T], width: usize, gather: Gather, sums: &mut [S]) {
        let mut blocks = rows.chunks_exact(width * LANES);
        let mut sums = sums.chunks_exact_mut(self.targets);
        for block in &mut blocks {
            let mut at = [tree.root; LANES];
            self.descend(&mut at, tree.depth, |lane| block.get(lane * width..).unwrap_or_default());
            for (at, sums) in at.iter().zip(&mut sums) {
                self.add_leaf(*at, tree, gather, sums);
            }
        }
        for (row, sums) in blocks.remainder().chunks_exact(width).zip(&mut sums) {
            let leaf = self.leaf_of(tree, row);
            self.add_leaf(leaf, tree, gather, sums);
        }
    }

    #[inline(always)]
    fn descend<'a>(&self, at: &mut [u32; LANES], depth: u32, row: impl Fn(usize) -> &'a [T]) {
        if self.specials.is_empty() {
            for _ in 0..depth {
                let mut all_leaves = LEAF;
                for (lane, at) in at.iter_mut().enumerate() {
                    let Some(node) = self.nodes.get(*at as usize) else { continue };
                    all_leaves &= node.asks;
                    *at = next(node, row(lane));
                }
                if all_leaves != 0 {
                    break;
                }
            }
        } else {
            for (lane, at) in at.iter_mut().enumerate() {
                *at = self.descend_slowly(*at, row(lane));
            }
        }
    }

    fn leaf_of(&self, tree: Tree, row: &[T]) -> u32 {
        if !self.specials.is_empty() {
            return self.descend_slowly(tree.root, row);
        }
        let mut at = tree.root;
        for _ in 0..tree.depth {
            let Some(node) = self.nodes.get(at as usize) else { break };
            if node.asks & LEAF != 0 {
                break;
            }
            at = next(node, row);
        }
        at
    }

    fn descend_slowly(&self, root: u32, row: &[T]) -> u32 {
        let mut at = root;
        while let Some(node) = self.nodes.get(at as usize) {
            if node.asks & LEAF != 0 {
                break;
            }
            at = if node.asks & SPECIAL == 0 {
                next(node, row)
            } else {
                let value = row.get((node.asks & FEATURE) as usize).copied().unwrap_or(T::NAN);
                node.child + u32::from(!self.says_yes(node, value))
            };
        }
        at
    }

    /// Whether a row goes to the first child of the node at a place.
    pub(crate) fn goes_yes(&self, place: usize, row: &[f64]) -> bool {
        let Some(node) = self.nodes.get(place) else { return false };
        let value = T::of(row.get((node.asks & FEATURE) as usize).copied().unwrap_or(f64::NAN));
        if node.asks & SPECIAL != 0 {
            return self.says_yes(node, value);
        }
        value <= node.split || (value.is_nan() && node.asks & MISSING_YES != 0)
    }

    fn says_yes(&self, node: &Node<T>, value: T) -> bool {
        let missing = node.asks & MISSING_YES != 0;
        match self.specials.get(node.split.index()) {
            Some(Special::Equal(wanted)) => value == *wanted || (value.is_nan() && missing),
            Some(Special::In { start, words }) => {
                let number = value.wide();
                if number.is_nan() {
                    return missing;
                }
                // Truncated as a cast in C does it; below zero nothing is in the set.
                if number <= -1.0 || number >= (words * 64) as f64 {
                    return false;
                }
                let place = number as usize;
                let word = self.sets.get(start + place / 64).copied().unwrap_or(0);
                word >> (place % 64) & 1 == 1
            }
            Some(Special::AtMostZeroMissing(threshold)) => {
                let zero = value.wide().abs() <= f64::from(1e-35_f32);
                if zero || value.is_nan() { missing } else { value <= *threshold }
            }
            None => missing,
        }
    }

    #[inline(always)]
    fn add_leaf<S: Sum>(&self, leaf: u32, tree: Tree, gather: Gather, sums: &mut [S]) {
        let Some(node) = self.nodes.get(leaf as usize) else { return };
        let mut add = |target: u32, weight: T| {
            if let Some(sum) = sums.get_mut(target as usize) {
                *sum = match gather {
                    Gather::Add => sum.plus(weight.wide()),
                    Gather::Least => sum.least(weight.wide()),
                    Gather::Most => sum.most(weight.wide()),
                };
            }
        };
        if let Some(target) = tree.target {
            add(target, node.split);
        } else if let Some((from, to)) = self.leaves.get(node.split.index()) {
            for (target, weight) in self.weights.get(*from as usize..*to as usize).unwrap_or_default() {
                add(*target, *weight);
            }
        }
    }
}

/// The next node: the first child for yes, the one after it for no; a leaf leads to itself.
#[inline(always)]
fn next<T: Real>(node: &Node<T>, row: &[T]) -> u32 {
    let leaf = node.asks & LEAF != 0;
    let Some(value) = row.get((node.asks & FEATURE) as usize) else { return node.child };
    let yes = (*value <= node.split) | leaf | (value.is_nan() & (node.asks & MISSING_YES != 0));
    node.child + u32::from(!yes)
}
