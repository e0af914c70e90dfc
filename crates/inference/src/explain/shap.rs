//! Shapley values of trees, along the paths.

use crate::Error;

/// Deeper trees are not explained: the work grows with the square of the depth, and the stack with it.
const DEEPEST: usize = 256;
/// A leaf asks nothing.
pub(crate) const LEAF: usize = usize::MAX;

/// A node of a tree, laid out for explanations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlatNode {
    /// Which number of the row it asks for; [`LEAF`] for leaves.
    pub(crate) feature: usize,
    /// The child for yes.
    pub(crate) yes: usize,
    /// The child for no.
    pub(crate) no: usize,
    /// Of a leaf what it adds.
    pub(crate) value: f64,
    /// How many rows came here; NaN when the file does not say it.
    pub(crate) cover: f64,
    /// Its place in the engine's own layout.
    pub(crate) place: usize,
}

/// A tree; the first node is its root.
pub(crate) type Flat = Vec<FlatNode>;

/// What explaining needs of an engine: whether a row goes to the first child of one of its nodes.
pub(crate) type SaysYes<'a> = &'a dyn Fn(usize, &[f64]) -> bool;

/// What the inputs add, for each row of `rows` (`width` numbers each). `background` gives the covers where the file
/// has none.
pub(crate) fn shap(
    mut trees: Vec<Flat>,
    says_yes: SaysYes<'_>,
    rows: &[f64],
    background: Option<&[f64]>,
    width: usize,
    offset: f64,
) -> Result<super::Explanation, Error> {
    let refuse = |reason: &str| Error::NotExplainable { reason: reason.to_owned() };
    let known = trees.iter().flatten().all(|node| node.cover.is_finite());
    let covers = if known {
        "file"
    } else {
        let background = background.filter(|rows| !rows.is_empty()).ok_or_else(|| {
            refuse("its file does not say how many rows came to each node, and there are no background rows")
        })?;
        for tree in &mut trees {
            count(tree, says_yes, background, width)?;
        }
        "background"
    };
    let base = offset + trees.iter().map(expected).sum::<f64>();
    let mut found = super::Explanation { base, contributions: Vec::new(), sums: Vec::new(), covers };
    for row in rows.chunks_exact(width.max(1)) {
        let mut added = vec![0.0; width];
        let mut sum = offset;
        for tree in &trees {
            let mut walk = Walk { tree, says_yes, row, added: &mut added };
            walk.down(0, &[], Step { feature: LEAF, zero: 1.0, one: 1.0, weight: 1.0 }, 0)?;
            sum += leaf(tree, says_yes, row);
        }
        found.contributions.push(added);
        found.sums.push(sum);
    }
    Ok(found)
}

fn node(tree: &Flat, at: usize) -> Result<&FlatNode, Error> {
    tree.get(at).ok_or_else(|| Error::NotExplainable { reason: "a node leads nowhere".to_owned() })
}

/// Sends rows through a tree and counts them at each node.
fn count(tree: &mut Flat, says_yes: SaysYes<'_>, rows: &[f64], width: usize) -> Result<(), Error> {
    tree.iter_mut().for_each(|node| node.cover = 0.0);
    for row in rows.chunks_exact(width.max(1)) {
        let mut at = 0;
        loop {
            let Some(node) = tree.get_mut(at) else {
                return Err(Error::NotExplainable { reason: "a node leads nowhere".to_owned() });
            };
            node.cover += 1.0;
            if node.feature == LEAF {
                break;
            }
            at = if says_yes(node.place, row) { node.yes } else { node.no };
        }
    }
    Ok(())
}

/// What the tree adds to a row.
fn leaf(tree: &Flat, says_yes: SaysYes<'_>, row: &[f64]) -> f64 {
    let mut at = 0;
    while let Some(node) = tree.get(at) {
        if node.feature == LEAF {
            return node.value;
        }
        at = if says_yes(node.place, row) { node.yes } else { node.no };
    }
    f64::NAN
}

/// The mean of the leaves, weighted by the rows that came to them.
fn expected(tree: &Flat) -> f64 {
    let whole = tree.first().map_or(0.0, |root| root.cover);
    if whole <= 0.0 {
        return tree.iter().filter(|node| node.feature == LEAF).map(|node| node.value).next().unwrap_or(0.0);
    }
    // Shares go down with the children, so that covers that do not add up (hessians) still give weights that do.
    let mut shares = vec![0.0; tree.len()];
    if let Some(root) = shares.first_mut() {
        *root = 1.0;
    }
    let mut sum = 0.0;
    let mut queue = vec![0_usize];
    while let Some(at) = queue.pop() {
        let (Some(node), Some(share)) = (tree.get(at), shares.get(at).copied()) else { continue };
        if node.feature == LEAF {
            sum += share * node.value;
            continue;
        }
        for child in [node.yes, node.no] {
            if let (Some(slot), Some(below)) = (shares.get_mut(child), tree.get(child)) {
                *slot = share * part(below.cover, node.cover);
                queue.push(child);
            }
        }
    }
    sum
}

/// The share of a node's rows that go to a child; a node where no row ever came shares evenly.
fn part(child: f64, node: f64) -> f64 {
    if node > 0.0 { child / node } else { 0.5 }
}

/// One feature on the way to a node.
#[derive(Debug, Clone, Copy)]
struct Step {
    feature: usize,
    /// The share of ways that go on when the feature is not known.
    zero: f64,
    /// Whether the row goes on here.
    one: f64,
    /// The summed weight of all subsets of so many features.
    weight: f64,
}

struct Walk<'a> {
    tree: &'a Flat,
    says_yes: SaysYes<'a>,
    row: &'a [f64],
    added: &'a mut [f64],
}

impl Walk<'_> {
    fn down(&mut self, at: usize, path: &[Step], step: Step, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::NotExplainable { reason: format!("a tree is deeper than {DEEPEST} levels") });
        }
        let mut path = extended(path, step);
        let here = *node(self.tree, at)?;
        if here.feature == LEAF {
            for place in 1..path.len() {
                let Some(step) = path.get(place).copied() else { continue };
                let weight = unwound(&path, place).iter().map(|step| step.weight).sum::<f64>();
                if let Some(added) = self.added.get_mut(step.feature) {
                    *added += weight * (step.one - step.zero) * here.value;
                }
            }
            return Ok(());
        }
        let (hot, cold) =
            if (self.says_yes)(here.place, self.row) { (here.yes, here.no) } else { (here.no, here.yes) };
        let (mut zero, mut one) = (1.0, 1.0);
        // A feature that was asked before counts once, with both answers together.
        if let Some(before) = path.iter().skip(1).position(|step| step.feature == here.feature) {
            if let Some(step) = path.get(before + 1) {
                (zero, one) = (step.zero, step.one);
            }
            path = unwound(&path, before + 1);
        }
        for (child, one) in [(hot, one), (cold, 0.0)] {
            let zero = zero * part(node(self.tree, child)?.cover, here.cover);
            // Nobody comes here, whether the feature is known or not.
            if zero == 0.0 && one == 0.0 {
                continue;
            }
            self.down(child, &path, Step { feature: here.feature, zero, one, weight: 0.0 }, depth + 1)?;
        }
        Ok(())
    }
}

/// The path with one more feature: each subset may now hold it or not.
fn extended(path: &[Step], step: Step) -> Vec<Step> {
    let length = path.len();
    let mut longer = path.to_vec();
    longer.push(Step { weight: if length == 0 { 1.0 } else { 0.0 }, ..step });
    let total = (length + 1) as f64;
    for place in (0..length).rev() {
        let (Some(weight), share) = (longer.get(place).map(|step| step.weight), (place + 1) as f64 / total)
        else {
            continue;
        };
        if let Some(next) = longer.get_mut(place + 1) {
            next.weight += step.one * weight * share;
        }
        if let Some(own) = longer.get_mut(place) {
            own.weight = step.zero * weight * (length - place) as f64 / total;
        }
    }
    longer
}

/// The path as it would be without the feature at a place: what [`extended`] did, undone.
fn unwound(path: &[Step], place: usize) -> Vec<Step> {
    let last = path.len() - 1;
    let total = (last + 1) as f64;
    let Some(gone) = path.get(place).copied() else { return path.to_vec() };
    let mut weights: Vec<f64> = path.iter().map(|step| step.weight).collect();
    let mut next = weights.get(last).copied().unwrap_or_default();
    for at in (0..last).rev() {
        let Some(weight) = weights.get_mut(at) else { continue };
        if gone.one == 0.0 {
            *weight = *weight * total / (gone.zero * (last - at) as f64);
        } else {
            let before = *weight;
            *weight = next * total / ((at + 1) as f64 * gone.one);
            next = before - *weight * gone.zero * (last - at) as f64 / total;
        }
    }
    let rest = path.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, step)| *step);
    rest.zip(weights).map(|(step, weight)| Step { weight, ..step }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x0 <= 0` and then `x1 <= 0`; leaves 1, 5 and 10.
    fn tree() -> Flat {
        let leaf = |value, place, cover| FlatNode { feature: LEAF, yes: 0, no: 0, value, cover, place };
        vec![
            FlatNode { feature: 0, yes: 1, no: 2, value: 0.0, cover: 8.0, place: 0 },
            FlatNode { feature: 1, yes: 3, no: 4, value: 0.0, cover: 6.0, place: 1 },
            leaf(10.0, 2, 2.0),
            leaf(1.0, 3, 3.0),
            leaf(5.0, 4, 3.0),
        ]
    }

    fn yes(place: usize, row: &[f64]) -> bool {
        row.get(place).is_some_and(|value| *value <= 0.0)
    }

    /// The value when only some features are known: unknown ones go both ways.
    fn known(tree: &Flat, at: usize, row: &[f64], set: u32) -> f64 {
        let here = tree[at];
        if here.feature == LEAF {
            return here.value;
        }
        let both = |child: usize| tree[child].cover / here.cover * known(tree, child, row, set);
        if set >> here.feature & 1 == 1 {
            known(tree, if yes(here.place, row) { here.yes } else { here.no }, row, set)
        } else {
            both(here.yes) + both(here.no)
        }
    }

    #[test]
    fn contributions_are_the_shapley_values_by_their_definition() {
        for row in [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]] {
            let value = |set| known(&tree(), 0, &row, set);
            let first = (value(0b01) - value(0b00) + value(0b11) - value(0b10)) / 2.0;
            let second = (value(0b10) - value(0b00) + value(0b11) - value(0b01)) / 2.0;
            let found = shap(vec![tree(), tree()], &yes, &row, None, 2, 0.5).unwrap();
            assert!((found.base - (0.5 + 2.0 * value(0))).abs() < 1e-12);
            assert!((found.contributions[0][0] - 2.0 * first).abs() < 1e-12, "{found:?}");
            assert!((found.contributions[0][1] - 2.0 * second).abs() < 1e-12, "{found:?}");
            assert!(found.is_additive() && found.covers == "file");
        }
    }

    #[test]
    fn a_feature_that_is_asked_twice_counts_once() {
        let leaf = |value, cover| FlatNode { feature: LEAF, yes: 0, no: 0, value, cover, place: 9 };
        let again = vec![
            FlatNode { feature: 0, yes: 1, no: 2, value: 0.0, cover: 4.0, place: 0 },
            FlatNode { feature: 1, yes: 3, no: 4, value: 0.0, cover: 3.0, place: 1 },
            leaf(1.0, 1.0),
            FlatNode { feature: 0, yes: 5, no: 6, value: 0.0, cover: 2.0, place: 0 },
            leaf(3.0, 1.0),
            leaf(7.0, 1.0),
            leaf(9.0, 1.0),
        ];
        let row = [-1.0, -1.0];
        let found = shap(vec![again.clone()], &yes, &row, None, 2, 0.0).unwrap();
        let value = |set| known(&again, 0, &row, set);
        let first = (value(0b01) - value(0b00) + value(0b11) - value(0b10)) / 2.0;
        assert!((found.contributions[0][0] - first).abs() < 1e-12, "{found:?} {first}");
        assert!(found.is_additive());
    }

    #[test]
    fn covers_come_from_background_rows_where_the_file_has_none() {
        let mut bare = tree();
        bare.iter_mut().for_each(|node| node.cover = f64::NAN);
        let error = shap(vec![bare.clone()], &yes, &[1.0, 1.0], None, 2, 0.0).unwrap_err();
        assert!(error.to_string().contains("background"), "{error}");
        // Rows that never go right at the second question: that leaf has no cover, and nothing is divided by it.
        let background = [-1.0, -1.0, -1.0, -1.0, 1.0, -1.0];
        let found = shap(vec![bare], &yes, &[-1.0, 1.0], Some(&background), 2, 0.0).unwrap();
        assert_eq!(found.covers, "background");
        assert!((found.base - (2.0 * 1.0 + 10.0) / 3.0).abs() < 1e-12, "{found:?}");
        assert!(found.is_additive(), "{found:?}");
    }
}
