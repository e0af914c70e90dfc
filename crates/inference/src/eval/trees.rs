//! Sums of trees, laid out flat: sixteen bytes a node, siblings side by side.

use super::{Encoder, damaged, finite};
use crate::explain::{Flat, FlatNode, shap};
use crate::{Error, Explanation, LIMITS, Signature, Tree};

/// Marks of a node, in the high bits of its tag; the low bits are the input.
const LEAF: u32 = 1 << 31;
const CATEGORY: u32 = 1 << 30;
const MISSING_LEFT: u32 = 1 << 29;
const INPUT: u32 = MISSING_LEFT - 1;

/// One node. `split` holds the bits of a threshold or of the value of a leaf, or the start and
/// length of a set.
#[derive(Debug, Clone, Copy)]
struct Node {
    split: u64,
    left: u32,
    tag: u32,
}

/// A checked ensemble.
#[derive(Debug)]
pub(crate) struct Trees {
    base: f64,
    roots: Vec<u32>,
    nodes: Vec<Node>,
    /// Bit sets of category codes, one after another.
    sets: Vec<u64>,
}

impl Trees {
    pub(super) fn new(
        signature: &Signature,
        encoder: &Encoder,
        base: f64,
        trees: &[Tree],
    ) -> Result<Self, Error> {
        finite("body.trees.base", &[base])?;
        if trees.len() > LIMITS.trees {
            return Err(Error::TooLarge { what: "trees", found: trees.len(), most: LIMITS.trees });
        }
        let nodes = trees.iter().map(|tree| tree.feature.len()).sum();
        if nodes > LIMITS.nodes {
            return Err(Error::TooLarge { what: "nodes", found: nodes, most: LIMITS.nodes });
        }
        let mut flat = Self {
            base,
            roots: Vec::with_capacity(trees.len()),
            nodes: Vec::with_capacity(nodes),
            sets: Vec::new(),
        };
        for (index, tree) in trees.iter().enumerate() {
            flat.add(signature, encoder, tree, &format!("body.trees.trees[{index}]"))?;
        }
        Ok(flat)
    }

    /// Checks one tree and appends its nodes. That children come after their parent and have one
    /// parent only makes every walk end.
    fn add(
        &mut self,
        signature: &Signature,
        encoder: &Encoder,
        tree: &Tree,
        place: &str,
    ) -> Result<(), Error> {
        let count = tree.feature.len();
        if count == 0 || tree.value.len() != count || tree.left.len() != count {
            return Err(damaged(place, "the lists of nodes are empty or differ in length"));
        }
        finite(place, &tree.value)?;
        let offset = self.nodes.len();
        let mut depths: Vec<Option<usize>> = vec![None; count];
        if let Some(root) = depths.first_mut() {
            *root = Some(0);
        }
        let columns = tree.feature.iter().zip(&tree.value).zip(&tree.left);
        for (index, ((feature, value), left)) in columns.enumerate() {
            let here = || format!("{place}.node[{index}]");
            let Some(depth) = depths.get(index).copied().flatten() else {
                return Err(damaged(here(), "no node leads here"));
            };
            if *feature < 0 {
                if *feature != -1 || *left != 0 {
                    return Err(damaged(here(), "a leaf has feature -1 and no child"));
                }
                self.nodes.push(Node { split: value.to_bits(), left: 0, tag: LEAF });
                continue;
            }
            if depth >= LIMITS.depth {
                return Err(Error::TooLarge {
                    what: "levels in a tree",
                    found: depth + 1,
                    most: LIMITS.depth,
                });
            }
            let input = usize::try_from(*feature).unwrap_or(usize::MAX);
            if input >= signature.inputs.len() {
                return Err(damaged(here(), format!("there is no input {feature}")));
            }
            let left = usize::try_from(*left).unwrap_or(usize::MAX);
            let children = left.checked_add(2).and_then(|end| depths.get_mut(left..end));
            let Some(children) = children.filter(|_| left > index) else {
                return Err(damaged(here(), "its children are not among the nodes after it"));
            };
            for child in children {
                if child.replace(depth + 1).is_some() {
                    return Err(damaged(here(), "its child has another parent too"));
                }
            }
            let (Ok(tag), Ok(left)) = (u32::try_from(input), u32::try_from(offset + left)) else {
                return Err(damaged(here(), "the numbers are too large"));
            };
            self.nodes.push(Node { split: value.to_bits(), left, tag });
        }
        self.add_marks(encoder, tree, offset, place)?;
        let Ok(root) = u32::try_from(offset) else {
            return Err(damaged(place, "there are too many nodes"));
        };
        self.roots.push(root);
        Ok(())
    }

    /// Sets the missing-left marks and the sets of the tree whose nodes begin at `offset`.
    fn add_marks(&mut self, encoder: &Encoder, tree: &Tree, offset: usize, place: &str) -> Result<(), Error> {
        let Self { nodes, sets, .. } = self;
        let nodes = nodes.get_mut(offset..).unwrap_or_default();
        let inner = |index: u64| usize::try_from(index).unwrap_or(usize::MAX);
        for index in &tree.missing_left {
            match nodes.get_mut(inner(*index)) {
                Some(node) if node.tag & LEAF == 0 => node.tag |= MISSING_LEFT,
                _ => {
                    return Err(damaged(
                        format!("{place}.missing_left"),
                        format!("node {index} asks nothing"),
                    ));
                }
            }
        }
        for (index, codes) in &tree.sets {
            let here = || format!("{place}.sets.{index}");
            let Some(node) = nodes.get_mut(inner(*index)).filter(|node| node.tag & LEAF == 0) else {
                return Err(damaged(here(), "the node asks nothing"));
            };
            let Some(words) = encoder.vocabulary_len((node.tag & INPUT) as usize) else {
                return Err(damaged(here(), "the input is no category"));
            };
            let mut bits = Vec::new();
            for code in codes {
                let code = inner(*code);
                if code > words {
                    return Err(damaged(here(), format!("the vocabulary has no code {code}")));
                }
                if bits.len() <= code / 64 {
                    bits.resize(code / 64 + 1, 0u64);
                }
                if let Some(word) = bits.get_mut(code / 64) {
                    *word |= 1 << (code % 64);
                }
            }
            let (Ok(start), Ok(len)) = (u32::try_from(sets.len()), u32::try_from(bits.len())) else {
                return Err(damaged(here(), "there are too many sets"));
            };
            node.split = u64::from(start) << 32 | u64::from(len);
            node.tag |= CATEGORY;
            sets.extend(bits);
        }
        for (index, node) in nodes.iter().enumerate() {
            let category = encoder.vocabulary_len((node.tag & INPUT) as usize).is_some();
            if node.tag & (LEAF | CATEGORY) == 0 && category {
                return Err(damaged(format!("{place}.node[{index}]"), "a category needs a set"));
            }
        }
        Ok(())
    }

    /// What it keeps in memory.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<Node>() + self.sets.len() * 8 + self.roots.len() * 4
    }

    /// What the inputs add; `background` says how often rows go each way.
    pub(super) fn explain(
        &self,
        rows: &[f64],
        background: Option<&[f64]>,
        width: usize,
    ) -> Result<Explanation, Error> {
        let says_yes = |place: usize, row: &[f64]| self.goes_left(place, row);
        let trees = self.roots.iter().map(|root| self.flat(*root)).collect();
        shap(trees, &says_yes, rows, background, width, self.base)
    }

    /// A tree as explanations take it.
    fn flat(&self, root: u32) -> Flat {
        let mut flat: Flat = Vec::new();
        let mut queue = std::collections::VecDeque::from([root]);
        let mut given = 1;
        while let Some(place) = queue.pop_front() {
            let Some(node) = self.nodes.get(place as usize) else { continue };
            let leaf = node.tag & LEAF != 0;
            flat.push(FlatNode {
                feature: if leaf { usize::MAX } else { (node.tag & INPUT) as usize },
                yes: given,
                no: given + 1,
                value: if leaf { f64::from_bits(node.split) } else { 0.0 },
                cover: f64::NAN,
                place: place as usize,
            });
            if !leaf {
                queue.extend([node.left, node.left + 1]);
                given += 2;
            }
        }
        flat
    }

    fn goes_left(&self, place: usize, row: &[f64]) -> bool {
        let Some(node) = self.nodes.get(place) else { return false };
        let value = row.get((node.tag & INPUT) as usize).copied().unwrap_or(f64::NAN);
        if node.tag & CATEGORY != 0 {
            return self.category_goes_left(node, value);
        }
        value <= f64::from_bits(node.split) || (value.is_nan() && node.tag & MISSING_LEFT != 0)
    }

    pub(super) fn row(&self, row: &[f64]) -> f64 {
        self.roots.iter().fold(self.base, |sum, root| sum + self.leaf(*root, row))
    }

    /// Goes tree by tree, so that a tree stays in the cache for the whole block; each row still
    /// adds its trees in their order, as [`Trees::row`] does.
    pub(super) fn rows(&self, block: &[f64], width: usize, predictions: &mut Vec<f64>) {
        let start = predictions.len();
        predictions.extend(block.chunks_exact(width).map(|_| self.base));
        let sums = predictions.get_mut(start..).unwrap_or_default();
        for root in &self.roots {
            for (sum, row) in sums.iter_mut().zip(block.chunks_exact(width)) {
                *sum += self.leaf(*root, row);
            }
        }
    }

    fn leaf(&self, root: u32, row: &[f64]) -> f64 {
        let mut place = root;
        loop {
            // Both are within bounds by the checks above; NaN would be refused as a prediction.
            let Some(node) = self.nodes.get(place as usize) else { return f64::NAN };
            if node.tag & LEAF != 0 {
                return f64::from_bits(node.split);
            }
            let Some(value) = row.get((node.tag & INPUT) as usize) else { return f64::NAN };
            let goes_left = if node.tag & CATEGORY != 0 {
                self.category_goes_left(node, *value)
            } else {
                *value <= f64::from_bits(node.split) || (value.is_nan() && node.tag & MISSING_LEFT != 0)
            };
            place = node.left + u32::from(!goes_left);
        }
    }

    fn category_goes_left(&self, node: &Node, code: f64) -> bool {
        if code.is_nan() {
            return node.tag & MISSING_LEFT != 0;
        }
        let (start, len) = ((node.split >> 32) as usize, node.split as u32 as usize);
        let code = code as usize;
        code / 64 < len && self.sets.get(start + code / 64).is_some_and(|word| word >> (code % 64) & 1 == 1)
    }
}
