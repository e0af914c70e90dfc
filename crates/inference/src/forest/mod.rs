//! Sums of decision trees, laid out flat: siblings side by side, and the value of a leaf where an
//! inner node has its threshold.
//!
//! All engines that read trees of other libraries build this one. Every question is brought to
//! the form "at most": `x < t` asks the same as `x <= t'` with the number just below `t`, and
//! `x >= t` is the opposite of that. So the way down has no branches but bounds checks that never
//! fail, and eight rows (or eight trees, for a single row) go down side by side.

mod build;
mod walk;

use crate::explain::{Flat, FlatNode};

pub(crate) use build::{Builder, Draft, Question};

/// The numbers that thresholds are made of.
pub(crate) trait Real: Copy + PartialOrd + std::fmt::Debug + Send + Sync + 'static {
    /// Not a number.
    const NAN: Self;
    /// The nearest value of this precision.
    fn of(number: f64) -> Self;
    /// Widened without loss.
    fn wide(self) -> f64;
    /// Whether it is not a number.
    fn is_nan(self) -> bool;
    /// The greatest `t'` such that `x < t` exactly when `x <= t'`; NaN when nothing is below.
    fn just_below(self) -> Self;
    /// A value that carries a list index.
    fn of_index(index: u32) -> Self;
    /// The index that it carries.
    fn index(self) -> usize;
}

impl Real for f32 {
    const NAN: Self = Self::NAN;

    fn of(number: f64) -> Self {
        number as Self
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }

    fn just_below(self) -> Self {
        if self == Self::NEG_INFINITY { Self::NAN } else { self.next_down() }
    }

    fn of_index(index: u32) -> Self {
        Self::from_bits(index)
    }

    fn index(self) -> usize {
        self.to_bits() as usize
    }
}

impl Real for f64 {
    const NAN: Self = Self::NAN;

    fn of(number: f64) -> Self {
        number
    }

    fn wide(self) -> f64 {
        self
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }

    fn just_below(self) -> Self {
        if self == Self::NEG_INFINITY { Self::NAN } else { self.next_down() }
    }

    fn of_index(index: u32) -> Self {
        Self::from_bits(u64::from(index))
    }

    fn index(self) -> usize {
        self.to_bits() as usize
    }
}

/// Numbers that leaf values are added up in.
pub(crate) trait Sum: Copy {
    /// The sum with a leaf value.
    fn plus(self, leaf: f64) -> Self;
    /// The smaller of both.
    fn least(self, leaf: f64) -> Self;
    /// The greater of both.
    fn most(self, leaf: f64) -> Self;
}

impl Sum for f64 {
    fn plus(self, leaf: f64) -> Self {
        self + leaf
    }

    fn least(self, leaf: f64) -> Self {
        self.min(leaf)
    }

    fn most(self, leaf: f64) -> Self {
        self.max(leaf)
    }
}

/// In single precision, for libraries that add so.
impl Sum for f32 {
    fn plus(self, leaf: f64) -> Self {
        self + leaf as Self
    }

    fn least(self, leaf: f64) -> Self {
        self.min(leaf as Self)
    }

    fn most(self, leaf: f64) -> Self {
        self.max(leaf as Self)
    }
}

/// How the leaves of one row become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gather {
    /// They are added to what is there.
    Add,
    /// The smallest counts.
    Least,
    /// The greatest counts.
    Most,
}

/// Marks of a node, in the high bits of `asks`; the low bits are the feature.
const LEAF: u32 = 1 << 31;
/// A missing value goes to the first child.
const MISSING_YES: u32 = 1 << 30;
/// The question is not "at most": see [`Special`].
const SPECIAL: u32 = 1 << 29;
const FEATURE: u32 = SPECIAL - 1;

/// One node. The second child comes right after the first; a leaf is its own child.
#[derive(Debug, Clone, Copy)]
struct Node<T> {
    /// The threshold; of a leaf its value or the index of its weights, of a special question its index.
    split: T,
    asks: u32,
    child: u32,
}

/// A question that a plain comparison cannot ask.
#[derive(Debug, Clone, Copy)]
enum Special<T> {
    Equal(T),
    /// Whether the whole number is in the set that lies at these words.
    In {
        start: usize,
        words: usize,
    },
    /// At most, where zero counts as missing.
    AtMostZeroMissing(T),
}

#[derive(Debug, Clone, Copy)]
struct Tree {
    root: u32,
    depth: u32,
    /// Where its leaves add; `None` when each leaf has its own list of weights.
    target: Option<u32>,
}

/// A checked ensemble.
#[derive(Debug)]
pub(crate) struct Forest<T> {
    features: usize,
    targets: usize,
    trees: Vec<Tree>,
    nodes: Vec<Node<T>>,
    specials: Vec<Special<T>>,
    sets: Vec<u64>,
    /// Per leaf with a list: where its weights begin and end.
    leaves: Vec<(u32, u32)>,
    weights: Vec<(u32, T)>,
    /// How many rows came to each node when it was trained, as the file says; empty when it does not.
    covers: Vec<f32>,
}

impl<T: Real> Forest<T> {
    /// How many numbers a row has at least.
    pub(crate) const fn features(&self) -> usize {
        self.features
    }

    /// How many trees there are.
    pub(crate) const fn trees(&self) -> usize {
        self.trees.len()
    }

    /// What it keeps in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<Node<T>>()
            + self.weights.len() * size_of::<(u32, T)>()
            + self.leaves.len() * 8
            + self.sets.len() * 8
            + self.covers.len() * 4
    }

    /// The trees that add to a target, as explanations take them; leaf values are multiplied by `factor`.
    pub(crate) fn flat(&self, target: usize, factor: f64) -> Vec<Flat> {
        let adds = |tree: &&Tree| tree.target.is_none_or(|own| own as usize == target);
        self.trees.iter().filter(adds).map(|tree| self.flat_tree(tree, target, factor)).collect()
    }

    fn flat_tree(&self, tree: &Tree, target: usize, factor: f64) -> Flat {
        let value = |node: &Node<T>| {
            if tree.target.is_some() {
                return node.split.wide();
            }
            let (from, to) = self.leaves.get(node.split.index()).copied().unwrap_or_default();
            let own = self.weights.get(from as usize..to as usize).unwrap_or_default();
            own.iter().filter(|(of, _)| *of as usize == target).map(|(_, weight)| weight.wide()).sum()
        };
        let mut flat: Flat = Vec::new();
        let mut queue = std::collections::VecDeque::from([tree.root]);
        let mut given = 1;
        while let Some(place) = queue.pop_front() {
            let Some(node) = self.nodes.get(place as usize) else { continue };
            let leaf = node.asks & LEAF != 0;
            flat.push(FlatNode {
                feature: if leaf { usize::MAX } else { (node.asks & FEATURE) as usize },
                yes: given,
                no: given + 1,
                value: if leaf { value(node) * factor } else { 0.0 },
                cover: self.covers.get(place as usize).map_or(f64::NAN, |cover| f64::from(*cover)),
                place: place as usize,
            });
            if !leaf {
                queue.extend([node.child, node.child + 1]);
                given += 2;
            }
        }
        flat
    }
}
