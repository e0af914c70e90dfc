//! From trees as other libraries number their nodes to the flat layout, checked.

use super::{Forest, LEAF, MISSING_YES, Node, Real, SPECIAL, Special, Tree};
use crate::{Error, LIMITS};

/// What an inner node asks.
#[derive(Debug, Clone)]
pub(crate) enum Question<T> {
    /// `x <= t`.
    AtMost(T),
    /// `x < t`.
    Below(T),
    /// `x == t`.
    Equal(T),
    /// The whole number is in the set; the n-th bit stands for n.
    In(Vec<u64>),
    /// `x <= t`, where zero is missing too.
    AtMostZeroMissing(T),
}

/// A node as it is read.
#[derive(Debug, Clone)]
pub(crate) enum Draft<T> {
    /// Weights by target.
    Leaf(Vec<(usize, T)>),
    /// A question.
    Split {
        /// Which number of the row.
        feature: usize,
        /// What is asked.
        question: Question<T>,
        /// Whether a missing value counts as yes.
        missing_yes: bool,
        /// The node for yes.
        yes: usize,
        /// The node for no.
        no: usize,
    },
}

/// Collects trees.
#[derive(Debug)]
pub(crate) struct Builder<T> {
    forest: Forest<T>,
    /// Of the tree that was added last: where each of its nodes lies now, and which it was.
    placed: Vec<(usize, usize)>,
}

impl<T: Real> Builder<T> {
    /// For rows of `features` numbers and `targets` sums.
    pub(crate) fn new(features: usize, targets: usize) -> Result<Self, Error> {
        if features > LIMITS.inputs {
            return Err(Error::TooLarge { what: "inputs", found: features, most: LIMITS.inputs });
        }
        if targets == 0 || targets > LIMITS.outputs {
            return Err(Error::TooLarge { what: "outputs", found: targets, most: LIMITS.outputs });
        }
        let forest = Forest {
            features,
            targets,
            trees: Vec::new(),
            nodes: Vec::new(),
            specials: Vec::new(),
            sets: Vec::new(),
            leaves: Vec::new(),
            weights: Vec::new(),
            covers: Vec::new(),
        };
        Ok(Self { forest, placed: Vec::new() })
    }

    /// Adds a tree. Every node but the root must have exactly one parent, so that every walk ends.
    pub(crate) fn add(&mut self, drafts: &[Draft<T>], root: usize, place: &str) -> Result<(), Error> {
        self.placed.clear();
        let (forest, placed) = (&mut self.forest, &mut self.placed);
        if forest.trees.len() >= LIMITS.trees {
            return Err(Error::TooLarge { what: "trees", found: forest.trees.len() + 1, most: LIMITS.trees });
        }
        let nodes = forest.nodes.len() + drafts.len();
        if nodes > LIMITS.nodes {
            return Err(Error::TooLarge { what: "nodes", found: nodes, most: LIMITS.nodes });
        }
        let target = common_target(drafts);
        let start = forest.nodes.len() as u32;
        // Slots are handed out level by level: (node as read, slot in `forest.nodes`, level).
        let mut queue = std::collections::VecDeque::from([(root, 0usize, 0u32)]);
        let mut seen = vec![false; drafts.len()];
        let blank = Node { split: T::NAN, asks: LEAF, child: 0 };
        forest.nodes.push(blank);
        let mut deepest = 0;
        while let Some((index, slot, level)) = queue.pop_front() {
            let wrong = |reason: String| Error::Damaged { place: format!("{place}.node[{index}]"), reason };
            let Some(draft) = drafts.get(index) else { return Err(wrong("there is no such node".into())) };
            match seen.get_mut(index) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(wrong("it has two parents".into())),
            }
            if level as usize > LIMITS.depth {
                return Err(Error::TooLarge {
                    what: "levels in a tree",
                    found: level as usize,
                    most: LIMITS.depth,
                });
            }
            deepest = deepest.max(level);
            let here = start as usize + slot;
            let node = match draft {
                Draft::Leaf(weights) => {
                    if weights.iter().any(|(target, _)| *target >= forest.targets) {
                        return Err(wrong(format!(
                            "a leaf votes for one of more than {} outputs",
                            forest.targets
                        )));
                    }
                    let split = match (target, weights.first()) {
                        (Some(_), Some((_, weight))) => *weight,
                        (Some(_), None) => T::of(0.0),
                        (None, _) => {
                            let from = forest.weights.len() as u32;
                            forest
                                .weights
                                .extend(weights.iter().map(|(target, weight)| (*target as u32, *weight)));
                            forest.leaves.push((from, forest.weights.len() as u32));
                            T::of_index(forest.leaves.len() as u32 - 1)
                        }
                    };
                    Node { split, asks: LEAF, child: here as u32 }
                }
                Draft::Split { feature, question, missing_yes, yes, no } => {
                    if *feature >= forest.features {
                        return Err(wrong(format!("there is no input {feature}")));
                    }
                    let child = forest.nodes.len();
                    forest.nodes.extend([blank, blank]);
                    queue.push_back((*yes, child - start as usize, level + 1));
                    queue.push_back((*no, child - start as usize + 1, level + 1));
                    let mut asks = *feature as u32;
                    if *missing_yes {
                        asks |= MISSING_YES;
                    }
                    let split = match question {
                        Question::AtMost(threshold) => *threshold,
                        Question::Below(threshold) => threshold.just_below(),
                        special => {
                            asks |= SPECIAL;
                            let special = match special {
                                Question::In(bits) => {
                                    let start = forest.sets.len();
                                    forest.sets.extend(bits);
                                    Special::In { start, words: bits.len() }
                                }
                                Question::AtMostZeroMissing(threshold) => {
                                    Special::AtMostZeroMissing(*threshold)
                                }
                                Question::Equal(value) | Question::AtMost(value) | Question::Below(value) => {
                                    Special::Equal(*value)
                                }
                            };
                            forest.specials.push(special);
                            T::of_index(forest.specials.len() as u32 - 1)
                        }
                    };
                    Node { split, asks, child: child as u32 }
                }
            };
            if let Some(slot) = forest.nodes.get_mut(here) {
                *slot = node;
                placed.push((here, index));
            }
        }
        forest.trees.push(Tree { root: start, depth: deepest, target: target.map(|target| target as u32) });
        Ok(())
    }

    /// Says how many rows came to each node, as it was read, of the tree that was added last.
    pub(crate) fn cover(&mut self, covers: &[f32]) {
        self.forest.covers.resize(self.forest.nodes.len(), f32::NAN);
        for (here, index) in &self.placed {
            if let (Some(slot), Some(cover)) = (self.forest.covers.get_mut(*here), covers.get(*index)) {
                *slot = *cover;
            }
        }
    }

    /// The whole, unless it is too large in sum.
    pub(crate) fn finish(self) -> Result<Forest<T>, Error> {
        let weights = self.forest.weights.len() + self.forest.sets.len();
        let most = LIMITS.nodes * 8;
        if weights > most {
            return Err(Error::TooLarge { what: "weights of leaves", found: weights, most });
        }
        Ok(self.forest)
    }
}

/// The target that all leaves of a tree add to, each with one weight.
fn common_target<T>(drafts: &[Draft<T>]) -> Option<usize> {
    let mut common = None;
    for draft in drafts {
        if let Draft::Leaf(weights) = draft {
            match (weights.as_slice(), common) {
                ([], _) => {}
                ([(target, _)], None) => common = Some(*target),
                ([(target, _)], Some(known)) if *target == known => {}
                _ => return None,
            }
        }
    }
    Some(common.unwrap_or(0))
}
