//! Ensembles of trees in their three forms.

use std::collections::HashMap;
use std::sync::Arc;

use super::post::{Labels, Rows, Transform, greatest, rows_of};
use super::{Inputs, Kernel, Node, Outputs, Problem};
use crate::explain::shap;
use crate::forest::{Builder, Draft, Forest, Gather, Question, Real};
use crate::onnx::Attributes;
use crate::{Data, Error, Explanation, Tensor};

/// How far the sum of the trees may be from what the operator answers, as a share of it: the operator adds in single
/// precision.
const AGREES_WITHIN: f64 = 1e-4;

/// A checked ensemble with what becomes of its sums.
pub(crate) struct Ensemble {
    trees: Trees,
    targets: usize,
    base: Vec<f64>,
    gather: Gather,
    factor: f64,
    transform: Transform,
    /// The one sum that tells two classes apart, where that is how they are told apart.
    binary: Option<usize>,
    /// Which output of the operator holds what the sums become.
    answer: usize,
}

impl Ensemble {
    /// What the columns of `rows` (`width` numbers each) add to a sum of the trees. `output` is which target or class; the
    /// last when there are not so many. `answers` are the operator's own, which the sums must agree with.
    pub(crate) fn explain(
        &self,
        rows: &[f64],
        background: Option<&[f64]>,
        width: usize,
        output: usize,
        answers: &[Tensor],
    ) -> Result<Explanation, Error> {
        if self.gather != Gather::Add {
            return Err(refused("it takes the least or the greatest of its trees, which is no sum"));
        }
        let target = self.binary.unwrap_or_else(|| output.min(self.targets.saturating_sub(1)));
        let place = if self.binary.is_some() { 0 } else { target };
        let offset = self.base.get(place).copied().unwrap_or(0.0);
        let explained = match &self.trees {
            Trees::Single(forest) => {
                let says_yes = |place: usize, row: &[f64]| forest.goes_yes(place, row);
                shap(forest.flat(target, self.factor), &says_yes, rows, background, width, offset)?
            }
            Trees::Double(forest) => {
                let says_yes = |place: usize, row: &[f64]| forest.goes_yes(place, row);
                shap(forest.flat(target, self.factor), &says_yes, rows, background, width, offset)?
            }
        };
        self.agrees(&explained, target, answers)?;
        Ok(explained)
    }

    /// Whether the sums are what the operator made its answers of, where those can be told from one sum.
    fn agrees(&self, explained: &Explanation, target: usize, answers: &[Tensor]) -> Result<(), Error> {
        let link: fn(f64) -> f64 = match self.transform {
            Transform::None => |sum| sum,
            Transform::Logistic => super::post::logistic,
            _ => return Ok(()),
        };
        // Of two classes the second is the one that the sum speaks for.
        let column = if self.binary.is_some() { 1 } else { target };
        let answers = answers.get(self.answer).map(Tensor::to_numbers).unwrap_or_default();
        let answers = answers.iter().skip(column).step_by(self.targets.max(1));
        let mut found = 0;
        for (sum, answer) in explained.sums.iter().zip(answers) {
            found += 1;
            let expected = link(*sum);
            if (expected - answer).abs() > AGREES_WITHIN * expected.abs().max(1.0) {
                return Err(refused(&format!("its trees sum up to {expected}, and it answers {answer}")));
            }
        }
        if found < explained.sums.len() {
            return Err(refused("it does not answer each row"));
        }
        Ok(())
    }
}

fn refused(reason: &str) -> Error {
    Error::NotExplainable { reason: reason.to_owned() }
}

/// An operator with the trees in it.
pub(crate) type Planted = (Kernel, Arc<Ensemble>);

/// Trees in the precision of their thresholds.
enum Trees {
    Single(Forest<f32>),
    Double(Forest<f64>),
}

impl Trees {
    const fn features(&self) -> usize {
        match self {
            Self::Single(forest) => forest.features(),
            Self::Double(forest) => forest.features(),
        }
    }

    /// The sums of each row.
    fn gather(&self, tensor: &Tensor, gather: Gather, start: &[f64]) -> Result<(Vec<f64>, usize), Problem> {
        let (values, rows, width) = rows_of(tensor)?;
        if width < self.features() {
            return Err(
                format!("the trees ask about column {}, but there are {width}", self.features() - 1).into()
            );
        }
        Ok((
            match (self, values) {
                (Self::Single(forest), Rows::Single(values)) => {
                    single(forest, &values, (rows, width), gather, start)
                }
                (Self::Single(forest), Rows::Double(values)) => {
                    let narrow: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                    single(forest, &narrow, (rows, width), gather, start)
                }
                (Self::Double(forest), values) => {
                    let mut sums = start.repeat(rows);
                    forest.gather(&values.wide(), width, gather, &mut sums);
                    sums
                }
            },
            rows,
        ))
    }
}

/// Leaves of single precision are added in single precision, tree after tree, as ONNX Runtime does:
/// so that ties between classes are decided alike.
fn single(
    forest: &Forest<f32>,
    values: &[f32],
    (rows, width): (usize, usize),
    gather: Gather,
    start: &[f64],
) -> Vec<f64> {
    let start: Vec<f32> = start.iter().map(|start| *start as f32).collect();
    let mut sums = start.repeat(rows);
    forest.gather(values, width, gather, &mut sums);
    sums.into_iter().map(f64::from).collect()
}

/// Nodes in lists of equal length, as versions 1 to 3 keep them.
struct Listed<'a> {
    trees: &'a [i64],
    nodes: &'a [i64],
    modes: Vec<String>,
    features: &'a [i64],
    values: Vec<f64>,
    yes: &'a [i64],
    no: &'a [i64],
    missing: &'a [i64],
}

impl<'a> Listed<'a> {
    fn of(attributes: Attributes<'a>) -> Result<Self, Problem> {
        let listed = Self {
            trees: attributes.ints("nodes_treeids"),
            nodes: attributes.ints("nodes_nodeids"),
            modes: attributes.texts("nodes_modes")?,
            features: attributes.ints("nodes_featureids"),
            values: attributes.numbers("nodes_values")?,
            yes: attributes.ints("nodes_truenodeids"),
            no: attributes.ints("nodes_falsenodeids"),
            missing: attributes.ints("nodes_missing_value_tracks_true"),
        };
        let count = listed.trees.len();
        let lengths = [
            listed.nodes.len(),
            listed.modes.len(),
            listed.features.len(),
            listed.values.len(),
            listed.yes.len(),
            listed.no.len(),
        ];
        if count == 0 || lengths.iter().any(|length| *length != count) {
            return Err("its lists of nodes are empty or differ in length".into());
        }
        if !listed.missing.is_empty() && listed.missing.len() != count {
            return Err("its list of missing values differs in length".into());
        }
        Ok(listed)
    }

    fn features(&self) -> Result<usize, Problem> {
        let greatest = self.features.iter().zip(&self.modes).filter(|(_, mode)| *mode != "LEAF");
        let greatest = greatest.map(|(feature, _)| *feature).max().unwrap_or(0);
        usize::try_from(greatest)
            .map(|greatest| greatest + 1)
            .map_err(|_| "a feature has a negative number".into())
    }

    /// Builds the trees; `weights` are (tree, node, target, weight).
    fn forest<T: Real>(
        &self,
        targets: usize,
        weights: impl Iterator<Item = (i64, i64, i64, f64)>,
    ) -> Result<Forest<T>, Problem> {
        let mut order: Vec<i64> = Vec::new();
        let mut trees: HashMap<i64, HashMap<i64, usize>> = HashMap::new();
        let mut members: HashMap<i64, Vec<usize>> = HashMap::new();
        for (at, (tree, node)) in self.trees.iter().zip(self.nodes).enumerate() {
            let nodes = trees.entry(*tree).or_insert_with(|| {
                order.push(*tree);
                HashMap::new()
            });
            let local = nodes.len();
            if nodes.insert(*node, local).is_some() {
                return Err(format!("tree {tree} has two nodes {node}").into());
            }
            members.entry(*tree).or_default().push(at);
        }
        let mut leaves: HashMap<(i64, i64), Vec<(usize, T)>> = HashMap::new();
        for (tree, node, target, weight) in weights {
            let target =
                usize::try_from(target).map_err(|_| Problem::from("a leaf votes for a negative class"))?;
            leaves.entry((tree, node)).or_default().push((target, T::of(weight)));
        }
        let mut builder = Builder::new(self.features()?, targets).map_err(|error| problem(&error))?;
        for tree in order {
            let ids = trees.get(&tree).ok_or("a tree is lost")?;
            let mut drafts = Vec::with_capacity(ids.len());
            let mut is_child = vec![false; ids.len()];
            for at in members.get(&tree).into_iter().flatten() {
                drafts.push(self.draft(*at, tree, ids, &mut leaves, &mut is_child)?);
            }
            let root = is_child.iter().position(|child| !child).ok_or("a tree has no root")?;
            builder.add(&drafts, root, &format!("tree[{tree}]")).map_err(|error| problem(&error))?;
        }
        builder.finish().map_err(|error| problem(&error))
    }

    fn draft<T: Real>(
        &self,
        at: usize,
        tree: i64,
        ids: &HashMap<i64, usize>,
        leaves: &mut HashMap<(i64, i64), Vec<(usize, T)>>,
        is_child: &mut [bool],
    ) -> Result<Draft<T>, Problem> {
        let int =
            |list: &[i64]| list.get(at).copied().ok_or_else(|| Problem::from("a list of nodes is too short"));
        let node = int(self.nodes)?;
        let mode = self.modes.get(at).map(String::as_str).unwrap_or_default();
        if mode == "LEAF" {
            return Ok(Draft::Leaf(leaves.remove(&(tree, node)).unwrap_or_default()));
        }
        let missing = self.missing.get(at).is_some_and(|missing| *missing != 0);
        let value = T::of(self.values.get(at).copied().unwrap_or(f64::NAN));
        let mut child = |id: i64| {
            let place = ids.get(&id).copied();
            if let Some(is_child) = place.and_then(|place| is_child.get_mut(place)) {
                *is_child = true;
            }
            place.ok_or_else(|| Problem(format!("tree {tree} has no node {id}")))
        };
        let (yes, no) = (child(int(self.yes)?)?, child(int(self.no)?)?);
        let feature = usize::try_from(int(self.features)?)
            .map_err(|_| Problem::from("a feature has a negative number"))?;
        question(mode, feature, value, missing, yes, no)
    }
}

fn problem(error: &Error) -> Problem {
    Problem(error.to_string())
}

/// An inner node. Questions the other way round swap the children, and with them where missing values go.
fn question<T: Real>(
    mode: &str,
    feature: usize,
    value: T,
    missing: bool,
    yes: usize,
    no: usize,
) -> Result<Draft<T>, Problem> {
    let (question, turned) = match mode {
        "BRANCH_LEQ" => (Question::AtMost(value), false),
        "BRANCH_LT" => (Question::Below(value), false),
        "BRANCH_GTE" => (Question::Below(value), true),
        "BRANCH_GT" => (Question::AtMost(value), true),
        "BRANCH_EQ" => (Question::Equal(value), false),
        "BRANCH_NEQ" => (Question::Equal(value), true),
        other => return Err(format!("the question `{other}` of a node is not known").into()),
    };
    let (missing_yes, yes, no) = if turned { (!missing, no, yes) } else { (missing, yes, no) };
    // NaN is not equal to anything, so "not equal" holds of it.
    let missing_yes = if mode == "BRANCH_NEQ" { false } else { missing_yes };
    Ok(Draft::Split { feature, question, missing_yes, yes, no })
}

/// Whether thresholds are kept in double precision.
fn is_double(attributes: Attributes<'_>, name: &str) -> Result<bool, Problem> {
    Ok(matches!(attributes.tensor(name)?.as_ref().map(Tensor::data), Some(Data::Float64(_))))
}

fn read(attributes: Attributes<'_>, prefix: &str, targets: usize) -> Result<Trees, Problem> {
    let listed = Listed::of(attributes)?;
    let (trees, nodes) =
        (attributes.ints(&format!("{prefix}_treeids")), attributes.ints(&format!("{prefix}_nodeids")));
    let ids = attributes.ints(&format!("{prefix}_ids"));
    let weights = attributes.numbers(&format!("{prefix}_weights"))?;
    if [nodes.len(), ids.len(), weights.len()] != [trees.len(); 3] {
        return Err("its lists of weights differ in length".into());
    }
    let weights = trees
        .iter()
        .zip(nodes)
        .zip(ids)
        .zip(&weights)
        .map(|(((tree, node), id), weight)| (*tree, *node, *id, *weight));
    Ok(if is_double(attributes, "nodes_values_as_tensor")? {
        Trees::Double(listed.forest(targets, weights)?)
    } else {
        Trees::Single(listed.forest(targets, weights)?)
    })
}

/// Numbers in the precision that the trees have; `TreeEnsemble*` of version 3 may be double.
fn numbers(trees: &Trees, double_out: bool, values: Vec<f64>) -> Data {
    match trees {
        Trees::Double(_) if double_out => Data::Float64(values),
        _ => Data::Float32(values.into_iter().map(|value| value as f32).collect()),
    }
}

pub(super) fn regressor(node: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(planted_regressor(node)?.0)
}

pub(super) fn planted_regressor(node: &Node<'_>) -> Result<Planted, Problem> {
    let attributes = node.attributes;
    let targets = usize::try_from(attributes.int("n_targets", 1))
        .map_err(|_| Problem::from("its targets cannot be"))?;
    let trees = read(attributes, "target", targets)?;
    let base = attributes.numbers("base_values")?;
    if !base.is_empty() && base.len() != targets {
        return Err("it has another number of base values than of targets".into());
    }
    let function = attributes.text("aggregate_function", "SUM")?;
    finish_regression(trees, targets, base, &function, Transform::of(attributes)?, false)
}

fn finish_regression(
    trees: Trees,
    targets: usize,
    base: Vec<f64>,
    function: &str,
    transform: Transform,
    double_out: bool,
) -> Result<Planted, Problem> {
    let count = match &trees {
        Trees::Single(forest) => forest.trees(),
        Trees::Double(forest) => forest.trees(),
    };
    let (gather, start, factor) = match function {
        // Negative zero is what stays where no leaf says anything: adding any leaf ends it.
        "SUM" => (Gather::Add, -0.0, 1.0),
        "AVERAGE" => (Gather::Add, -0.0, 1.0 / count.max(1) as f64),
        "MIN" => (Gather::Least, f64::INFINITY, 1.0),
        "MAX" => (Gather::Most, f64::NEG_INFINITY, 1.0),
        other => return Err(format!("the aggregate `{other}` is not known").into()),
    };
    let starts = vec![start; targets];
    let made =
        Arc::new(Ensemble { trees, targets, base, gather, factor, transform, binary: None, answer: 0 });
    let ensemble = Arc::clone(&made);
    let kernel: Kernel = Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (mut sums, rows) = ensemble.trees.gather(inputs.get(0)?, gather, &starts)?;
        for row in sums.chunks_exact_mut(targets) {
            for (place, sum) in row.iter_mut().enumerate() {
                let untouched = sum.to_bits() == start.to_bits();
                *sum = if untouched && targets > 1 {
                    0.0
                } else {
                    let sum = if untouched { 0.0 } else { *sum };
                    sum * factor + ensemble.base.get(place).copied().unwrap_or(0.0)
                };
            }
            transform.apply(row);
        }
        super::one(Tensor::matrix(rows, targets, numbers(&ensemble.trees, double_out, sums)))
    });
    Ok((kernel, made))
}

pub(super) fn classifier(node: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(planted_classifier(node)?.0)
}

pub(super) fn planted_classifier(node: &Node<'_>) -> Result<Planted, Problem> {
    let attributes = node.attributes;
    let labels = Labels::of(attributes, "classlabels_int64s", "classlabels_strings")?;
    let classes = labels.len();
    let ids = attributes.ints("class_ids");
    let trees = read(attributes, "class", classes.max(1))?;
    let weights = attributes.numbers("class_weights")?;
    let one_sided = classes == 2 && ids.first().is_some_and(|first| ids.iter().all(|id| id == first));
    let binary = Binary {
        one_score: one_sided,
        target: ids.first().and_then(|id| usize::try_from(*id).ok()).unwrap_or(0),
        all_positive: weights.iter().all(|weight| *weight >= 0.0),
    };
    let base = attributes.numbers("base_values")?;
    if (classes == 2 && !one_sided) || (one_sided && base.len() == 2) {
        // ONNX Runtime answers these otherwise than the standard says; it shall do so itself.
        return Err(
            "two classes that each have scores or base values of their own are left to ONNX Runtime".into()
        );
    }
    if classes == 0 || (!base.is_empty() && base.len() != classes && !(classes == 2 && base.len() == 1)) {
        return Err("its labels and base values do not fit together".into());
    }
    let transform = Transform::of(attributes)?;
    let starts = vec![0.0; classes];
    let made = Arc::new(Ensemble {
        trees,
        targets: classes,
        base,
        gather: Gather::Add,
        factor: 1.0,
        transform,
        binary: one_sided.then_some(binary.target),
        answer: 1,
    });
    let ensemble = Arc::clone(&made);
    let kernel: Kernel = Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let base = &ensemble.base;
        let (mut sums, rows) = ensemble.trees.gather(inputs.get(0)?, Gather::Add, &starts)?;
        let mut chosen = Vec::with_capacity(rows);
        for row in sums.chunks_exact_mut(classes) {
            chosen.push(if binary.one_score {
                binary.finish(row, base, transform)
            } else {
                row.iter_mut().zip(base).for_each(|(sum, base)| *sum += base);
                let best = greatest(row);
                transform.apply(row);
                best
            });
        }
        let scores = Tensor::matrix(rows, classes, numbers(&ensemble.trees, false, sums));
        Ok(vec![labels.pick(&chosen)?, scores.ok_or("the shapes do not fit")?])
    });
    Ok((kernel, made))
}

/// Two classes with one score between them.
#[derive(Debug, Clone, Copy)]
struct Binary {
    one_score: bool,
    target: usize,
    all_positive: bool,
}

impl Binary {
    fn finish(self, row: &mut [f64], base: &[f64], transform: Transform) -> usize {
        let score = row.get(self.target).copied().unwrap_or(0.0) + base.first().copied().unwrap_or(0.0);
        let chosen = usize::from(score > if self.all_positive { 0.5 } else { 0.0 });
        let pair = match (transform, self.all_positive) {
            (Transform::Logistic, _) => [super::post::logistic(-score), super::post::logistic(score)],
            (_, true) => [1.0 - score, score],
            (_, false) => [-score, score],
        };
        row.iter_mut().zip(pair).for_each(|(slot, score)| *slot = score);
        chosen
    }
}

/// `TreeEnsemble` of ai.onnx.ml 5.
pub(super) fn general(node: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(planted_general(node)?.0)
}

pub(super) fn planted_general(node: &Node<'_>) -> Result<Planted, Problem> {
    let attributes = node.attributes;
    let targets = usize::try_from(attributes.int("n_targets", 1))
        .map_err(|_| Problem::from("its targets cannot be"))?;
    let splits = attributes.tensor("nodes_splits")?.ok_or("its `nodes_splits` are missing")?;
    let double = matches!(splits.data(), Data::Float64(_));
    let trees = if double {
        Trees::Double(general_forest(attributes, &splits, targets)?)
    } else {
        Trees::Single(general_forest(attributes, &splits, targets)?)
    };
    let function = match attributes.int("aggregate_function", 1) {
        0 => "AVERAGE",
        1 => "SUM",
        2 => "MIN",
        3 => "MAX",
        other => return Err(format!("the aggregate {other} is not known").into()),
    };
    let transform = match attributes.int("post_transform", 0) {
        0 => Transform::None,
        1 => Transform::Softmax,
        2 => Transform::Logistic,
        3 => Transform::SoftmaxZero,
        4 => Transform::Probit,
        other => return Err(format!("the transform {other} is not known").into()),
    };
    finish_regression(trees, targets, Vec::new(), function, transform, true)
}

fn general_forest<T: Real>(
    attributes: Attributes<'_>,
    splits: &Tensor,
    targets: usize,
) -> Result<Forest<T>, Problem> {
    let splits = splits.to_numbers();
    let modes = attributes.tensor("nodes_modes")?.ok_or("its `nodes_modes` are missing")?.to_numbers();
    let features = attributes.ints("nodes_featureids");
    let (yes, no) = (attributes.ints("nodes_truenodeids"), attributes.ints("nodes_falsenodeids"));
    let (yes_leafs, no_leafs) = (attributes.ints("nodes_trueleafs"), attributes.ints("nodes_falseleafs"));
    let missing = attributes.ints("nodes_missing_value_tracks_true");
    let leaf_targets = attributes.ints("leaf_targetids");
    let leaf_weights =
        attributes.tensor("leaf_weights")?.ok_or("its `leaf_weights` are missing")?.to_numbers();
    let members =
        attributes.tensor("membership_values")?.map(|tensor| tensor.to_numbers()).unwrap_or_default();
    let mut sets = members.split(|member| member.is_nan());
    let count = features.len();
    if [yes.len(), no.len(), yes_leafs.len(), no_leafs.len(), splits.len(), modes.len()] != [count; 6]
        || leaf_targets.len() != leaf_weights.len()
    {
        return Err("its lists of nodes or leaves differ in length".into());
    }
    // Inner nodes first, then the leaves.
    let mut drafts = Vec::with_capacity(count + leaf_targets.len());
    for at in 0..count {
        let int = |list: &[i64]| list.get(at).copied().unwrap_or(0);
        let child = |node: i64, is_leaf: i64| {
            let node = usize::try_from(node).map_err(|_| Problem::from("a node has a negative number"))?;
            Ok::<_, Problem>(if is_leaf != 0 { count + node } else { node })
        };
        let (yes, no) = (child(int(yes), int(yes_leafs))?, child(int(no), int(no_leafs))?);
        let feature =
            usize::try_from(int(features)).map_err(|_| Problem::from("a feature has a negative number"))?;
        let missing = int(missing) != 0;
        let value = T::of(splits.get(at).copied().unwrap_or(f64::NAN));
        let mode = modes.get(at).copied().unwrap_or(-1.0) as i64;
        drafts.push(match mode {
            6 => {
                let members = sets.next().unwrap_or_default();
                Draft::Split { feature, question: member_question(members)?, missing_yes: missing, yes, no }
            }
            0..=5 => {
                let names = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];
                let name =
                    usize::try_from(mode).ok().and_then(|mode| names.get(mode)).copied().unwrap_or_default();
                question(name, feature, value, missing, yes, no)?
            }
            other => return Err(format!("the question {other} of a node is not known").into()),
        });
    }
    for (target, weight) in leaf_targets.iter().zip(&leaf_weights) {
        let target =
            usize::try_from(*target).map_err(|_| Problem::from("a leaf votes for a negative target"))?;
        drafts.push(Draft::Leaf(vec![(target, T::of(*weight))]));
    }
    let greatest = features.iter().copied().max().unwrap_or(0);
    let mut builder =
        Builder::new(usize::try_from(greatest).unwrap_or(0) + 1, targets).map_err(|error| problem(&error))?;
    for root in attributes.ints("tree_roots") {
        let root = usize::try_from(*root).map_err(|_| Problem::from("a root has a negative number"))?;
        // A tree whose root leads to the same leaf on both sides is that leaf.
        let (root, part) = match drafts.get(root) {
            Some(Draft::Split { yes, no, .. }) if yes == no && *yes >= count => {
                (*yes, reachable(&drafts, *yes))
            }
            _ => (root, reachable(&drafts, root)),
        };
        let (local, drafts) = renumbered(&drafts, &part, root)?;
        builder.add(&drafts, local, &format!("tree[{root}]")).map_err(|error| problem(&error))?;
    }
    builder.finish().map_err(|error| problem(&error))
}

fn member_question<T>(members: &[f64]) -> Result<Question<T>, Problem> {
    let mut bits: Vec<u64> = Vec::new();
    for member in members {
        if !(0.0..1e6).contains(member) || member.fract() != 0.0 {
            return Err("a set of a node has members that are no small whole numbers".into());
        }
        let place = *member as usize;
        if bits.len() <= place / 64 {
            bits.resize(place / 64 + 1, 0);
        }
        if let Some(word) = bits.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }
    Ok(Question::In(bits))
}

/// The nodes that a root leads to, each once; a cycle ends where it began and is refused by the builder.
fn reachable<T>(drafts: &[Draft<T>], root: usize) -> Vec<usize> {
    let mut seen = std::collections::HashSet::from([root]);
    let mut open = vec![root];
    let mut found = Vec::new();
    while let Some(at) = open.pop() {
        found.push(at);
        if let Some(Draft::Split { yes, no, .. }) = drafts.get(at) {
            for child in [*yes, *no] {
                if seen.insert(child) {
                    open.push(child);
                }
            }
        }
    }
    found
}

fn renumbered<T: Clone>(
    drafts: &[Draft<T>],
    part: &[usize],
    root: usize,
) -> Result<(usize, Vec<Draft<T>>), Problem> {
    let local: HashMap<usize, usize> =
        part.iter().enumerate().map(|(local, global)| (*global, local)).collect();
    let find =
        |global: usize| local.get(&global).copied().ok_or_else(|| Problem::from("a node leads nowhere"));
    let mut made = Vec::with_capacity(part.len());
    for global in part {
        made.push(match drafts.get(*global) {
            None => return Err("a node leads nowhere".into()),
            Some(Draft::Split { feature, question, missing_yes, yes, no }) => Draft::Split {
                feature: *feature,
                question: question.clone(),
                missing_yes: *missing_yes,
                yes: find(*yes)?,
                no: find(*no)?,
            },
            Some(leaf) => leaf.clone(),
        });
    }
    Ok((find(root)?, made))
}
