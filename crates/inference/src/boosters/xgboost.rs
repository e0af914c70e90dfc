//! Models of XGBoost, from its JSON and binary JSON files.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::objective::{Classes, Link, label_and_probabilities, output_specs};
use super::{bad, ubj};
use crate::explain::shap;
use crate::forest::{Builder, Draft, Forest, Gather, Question};
use crate::{Data, ElementType, Error, Explanation, LIMITS, Tensor, TensorSpec};

const LIBRARY: &str = "XGBoost";

#[derive(Deserialize)]
struct File {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    feature_names: Vec<String>,
    #[serde(default)]
    feature_types: Vec<String>,
    gradient_booster: Booster,
    learner_model_param: ModelParam,
    objective: Objective,
}

#[derive(Deserialize)]
struct Objective {
    name: String,
}

#[derive(Deserialize)]
struct ModelParam {
    base_score: String,
    #[serde(default)]
    num_class: String,
    num_feature: String,
    #[serde(default)]
    num_target: String,
}

#[derive(Deserialize)]
struct Booster {
    name: String,
    #[serde(default)]
    model: Option<Value>,
    /// Where `dart` keeps its trees.
    #[serde(default)]
    gbtree: Option<Inner>,
    #[serde(default)]
    weight_drop: Vec<f32>,
}

#[derive(Deserialize)]
struct Inner {
    model: Value,
}

#[derive(Deserialize)]
struct Trees {
    trees: Vec<Tree>,
    tree_info: Vec<i64>,
}

#[derive(Deserialize)]
struct Linear {
    weights: Vec<f32>,
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<i64>,
    #[serde(deserialize_with = "singles")]
    split_conditions: Vec<f32>,
    #[serde(deserialize_with = "flags")]
    default_left: Vec<bool>,
    #[serde(default, deserialize_with = "singles")]
    sum_hessian: Vec<f32>,
    #[serde(default)]
    split_type: Vec<i64>,
    #[serde(default)]
    categories: Vec<i64>,
    #[serde(default)]
    categories_nodes: Vec<i64>,
    #[serde(default)]
    categories_segments: Vec<i64>,
    #[serde(default)]
    categories_sizes: Vec<i64>,
    #[serde(default)]
    tree_param: TreeParam,
}

#[derive(Deserialize, Default)]
struct TreeParam {
    #[serde(default)]
    size_leaf_vector: String,
}

/// Old releases write true and false, new ones 1 and 0.
fn flags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Number(i64),
    }
    let flags: Vec<Flag> = Vec::deserialize(deserializer)?;
    let truth = |flag: Flag| match flag {
        Flag::Bool(flag) => flag,
        Flag::Number(number) => number != 0,
    };
    Ok(flags.into_iter().map(truth).collect())
}

/// Numbers, where what is no number is NaN.
fn singles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let numbers: Vec<Option<f32>> = Vec::deserialize(deserializer)?;
    Ok(numbers.into_iter().map(|number| number.unwrap_or(f32::NAN)).collect())
}

#[derive(Debug)]
enum Body {
    Forest(Forest<f32>),
    /// Weights by feature, then by group; the last feature is the offset.
    Linear(Vec<f32>),
}

/// A loaded model of XGBoost.
#[derive(Debug)]
pub(crate) struct XgBoost {
    pub(crate) features: usize,
    /// As many as there are features, or none.
    pub(crate) feature_names: Vec<String>,
    pub(crate) outputs: Vec<TensorSpec>,
    body: Body,
    groups: usize,
    base: Vec<f32>,
    link: Link,
    classes: Classes,
    /// `multi:softmax` answers the class itself.
    answers_class: bool,
}

impl XgBoost {
    /// Whether these bytes look like a file of XGBoost.
    pub(crate) fn recognises(bytes: &[u8]) -> bool {
        let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
        let has = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
        head.first() == Some(&b'{') && (has(b"\"learner\"") || has(b"learner\x7b") || has(b"learner{"))
    }

    pub(crate) fn load(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LIMITS.bytes {
            return Err(Error::TooLarge { what: "bytes", found: bytes.len(), most: LIMITS.bytes });
        }
        // JSON goes on with a quote or white space; binary JSON with a length.
        let is_text = bytes.get(1).is_some_and(|byte| matches!(byte, b'"' | b' ' | b'\n' | b'\r' | b'\t'));
        let file: File = if is_text {
            serde_json::from_slice(bytes)
        } else {
            let text = ubj::to_json(bytes).map_err(|reason| bad(LIBRARY, "the file", reason))?;
            serde_json::from_str(&text)
        }
        .map_err(|error| bad(LIBRARY, "the file", error.to_string()))?;
        Self::of(file.learner)
    }

    fn of(learner: Learner) -> Result<Self, Error> {
        let wrong = |place: &str, reason: &str| bad(LIBRARY, place, reason);
        let count = |name: &str, text: &str| -> Result<usize, Error> {
            if text.is_empty() {
                return Ok(0);
            }
            text.parse().map_err(|_| wrong(&format!("learner_model_param.{name}"), "it is no number"))
        };
        let param = &learner.learner_model_param;
        let features = count("num_feature", &param.num_feature)?;
        let classes = count("num_class", &param.num_class)?;
        let groups = classes.max(count("num_target", &param.num_target)?).max(1);
        if features == 0 || features > LIMITS.inputs {
            return Err(Error::TooLarge { what: "inputs", found: features, most: LIMITS.inputs });
        }
        if groups > LIMITS.outputs {
            return Err(Error::TooLarge { what: "outputs", found: groups, most: LIMITS.outputs });
        }
        if !learner.feature_names.is_empty() && learner.feature_names.len() != features {
            return Err(wrong("feature_names", "there is not one for each feature"));
        }
        let (link, kind, of_base) = link_of(&learner.objective.name)?;
        let base = base_scores(&param.base_score, groups, of_base)?;
        let body = body_of(learner.gradient_booster, features, groups)?;
        let answers_class = learner.objective.name == "multi:softmax";
        let _ = learner.feature_types;
        Ok(Self {
            features,
            feature_names: learner.feature_names,
            outputs: output_specs(kind, groups, ElementType::Float32, answers_class),
            body,
            groups,
            base,
            link,
            classes: kind,
            answers_class,
        })
    }

    /// What it keeps in memory.
    pub(crate) fn bytes(&self) -> usize {
        match &self.body {
            Body::Forest(forest) => forest.bytes(),
            Body::Linear(weights) => weights.len() * 4,
        }
    }

    /// Whether it tells classes apart.
    pub(crate) fn is_classifier(&self) -> bool {
        self.classes != Classes::None
    }

    /// What the inputs add to one of the sums, before the link.
    pub(crate) fn explain(
        &self,
        rows: &[f64],
        background: Option<&[f64]>,
        group: usize,
    ) -> Result<Explanation, Error> {
        let Body::Forest(forest) = &self.body else {
            return Err(Error::NotExplainable { reason: "a linear booster is no sum of trees".to_owned() });
        };
        let offset = self.base.get(group).copied().map_or(0.0, f64::from);
        let says_yes = |place: usize, row: &[f64]| forest.goes_yes(place, row);
        shap(forest.flat(group, 1.0), &says_yes, rows, background, self.features, offset)
    }

    /// How many sums there are.
    pub(crate) const fn groups(&self) -> usize {
        self.groups
    }

    /// Answers rows of as many numbers as there are features, where NaN is missing.
    pub(crate) fn run(&self, rows: &[f32]) -> Vec<Tensor> {
        let count = rows.len() / self.features.max(1);
        let mut sums: Vec<f32> = Vec::with_capacity(count * self.groups);
        for _ in 0..count {
            sums.extend_from_slice(&self.base);
        }
        match &self.body {
            Body::Forest(forest) => forest.gather(rows, self.features, Gather::Add, &mut sums),
            Body::Linear(weights) => {
                let groups = self.groups.max(1);
                for (row, sums) in rows.chunks_exact(self.features.max(1)).zip(sums.chunks_exact_mut(groups))
                {
                    let (of_features, offsets) = weights.split_at(weights.len() - groups);
                    for (sum, offset) in sums.iter_mut().zip(offsets) {
                        *sum += offset;
                    }
                    for (value, weights) in row.iter().zip(of_features.chunks_exact(groups)) {
                        if !value.is_nan() {
                            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
                        }
                    }
                }
            }
        }
        sums.chunks_exact_mut(self.groups).for_each(|row| self.link.apply_single(row));
        let wide: Vec<f64> = sums.iter().map(|sum| f64::from(*sum)).collect();
        let mut rest = label_and_probabilities(self.classes, self.groups, &wide, true);
        let prediction = match rest.first().map(Tensor::data) {
            Some(Data::Int64(labels)) if self.answers_class => {
                Some(Tensor::vector(Data::Float32(labels.iter().map(|label| *label as f32).collect())))
            }
            _ if self.groups > 1 => Tensor::matrix(count, self.groups, Data::Float32(sums)),
            _ => Some(Tensor::vector(Data::Float32(sums))),
        };
        let mut outputs: Vec<Tensor> = prediction.into_iter().collect();
        outputs.append(&mut rest);
        outputs
    }
}

/// What a base score, written as an answer, is before the link.
type OfBase = fn(f32) -> f32;

/// What an objective makes of sums, and of the base score that is written as one of its answers.
fn link_of(objective: &str) -> Result<(Link, Classes, OfBase), Error> {
    let as_it_is: OfBase = |base| base;
    Ok(match objective {
        "binary:logistic" => (Link::Logistic { scale: 1.0 }, Classes::Two, |base| -(1.0 / base - 1.0).ln()),
        "reg:logistic" => (Link::Logistic { scale: 1.0 }, Classes::None, |base| -(1.0 / base - 1.0).ln()),
        "binary:logitraw" => (Link::Identity, Classes::None, as_it_is),
        "binary:hinge" => (Link::Step, Classes::Two, as_it_is),
        "multi:softprob" | "multi:softmax" => (Link::Softmax, Classes::Many, as_it_is),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Link::Exponential, Classes::None, f32::ln)
        }
        name if name.starts_with("reg:") || name.starts_with("rank:") => {
            (Link::Identity, Classes::None, as_it_is)
        }
        other => return Err(bad(LIBRARY, "objective.name", format!("the objective `{other}` is not known"))),
    })
}

/// One base score, or since release 3 a list of them.
fn base_scores(text: &str, groups: usize, of_base: OfBase) -> Result<Vec<f32>, Error> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let scores: Option<Vec<f32>> = inner.split(',').map(|score| score.trim().parse().ok()).collect();
    let scores = scores.ok_or_else(|| bad(LIBRARY, "learner_model_param.base_score", "it is no number"))?;
    match scores.as_slice() {
        [only] => Ok(vec![of_base(*only); groups]),
        many if many.len() == groups => Ok(many.iter().map(|score| of_base(*score)).collect()),
        _ => Err(bad(LIBRARY, "learner_model_param.base_score", "there is not one for each group")),
    }
}

fn body_of(booster: Booster, features: usize, groups: usize) -> Result<Body, Error> {
    let parsed = |error: serde_json::Error| bad(LIBRARY, "gradient_booster.model", error.to_string());
    let missing = || bad(LIBRARY, "gradient_booster.model", "it is missing");
    let value = booster.model.or(booster.gbtree.map(|inner| inner.model)).ok_or_else(missing)?;
    match booster.name.as_str() {
        "gblinear" => {
            let linear: Linear = serde_json::from_value(value).map_err(parsed)?;
            if linear.weights.len() != (features + 1) * groups {
                return Err(bad(
                    LIBRARY,
                    "gradient_booster.model.weights",
                    "there is not one for each feature",
                ));
            }
            Ok(Body::Linear(linear.weights))
        }
        "gbtree" | "dart" => {
            let model: Trees = serde_json::from_value(value).map_err(parsed)?;
            if model.trees.len() != model.tree_info.len() {
                return Err(bad(
                    LIBRARY,
                    "gradient_booster.model.tree_info",
                    "there is not one for each tree",
                ));
            }
            if !booster.weight_drop.is_empty() && booster.weight_drop.len() != model.trees.len() {
                return Err(bad(LIBRARY, "gradient_booster.weight_drop", "there is not one for each tree"));
            }
            let mut builder = Builder::new(features, groups)?;
            for (index, (tree, group)) in model.trees.iter().zip(&model.tree_info).enumerate() {
                let place = format!("trees[{index}]");
                let weight = booster.weight_drop.get(index).copied().unwrap_or(1.0);
                let group = usize::try_from(*group).unwrap_or(usize::MAX);
                builder.add(&drafts(tree, group, weight, &place)?, 0, &place)?;
                if tree.sum_hessian.len() == tree.left_children.len() {
                    builder.cover(&tree.sum_hessian);
                }
            }
            Ok(Body::Forest(builder.finish()?))
        }
        other => Err(bad(LIBRARY, "gradient_booster.name", format!("the booster `{other}` is not known"))),
    }
}

fn drafts(tree: &Tree, group: usize, weight: f32, place: &str) -> Result<Vec<Draft<f32>>, Error> {
    let count = tree.left_children.len();
    let lengths = [
        tree.right_children.len(),
        tree.split_indices.len(),
        tree.split_conditions.len(),
        tree.default_left.len(),
    ];
    if count == 0 || lengths != [count; 4] || !(tree.split_type.is_empty() || tree.split_type.len() == count)
    {
        return Err(bad(LIBRARY, place, "its lists of nodes are empty or differ in length"));
    }
    if tree.tree_param.size_leaf_vector.parse::<usize>().is_ok_and(|size| size > 1) {
        return Err(bad(LIBRARY, place, "leaves that hold lists (`multi_output_tree`) are not supported"));
    }
    let node = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut drafts = Vec::with_capacity(count);
    for index in 0..count {
        let at = |list: &[i64]| list.get(index).copied().unwrap_or(-1);
        let condition = tree.split_conditions.get(index).copied().unwrap_or(f32::NAN);
        let left = at(&tree.left_children);
        if left < 0 {
            drafts.push(Draft::Leaf(vec![(group, condition * weight)]));
            continue;
        }
        let (left, right) = (node(left), node(at(&tree.right_children)));
        let default_left = tree.default_left.get(index).copied().unwrap_or(false);
        let feature = node(at(&tree.split_indices));
        // Categories in the set go to the right.
        drafts.push(if tree.split_type.get(index) == Some(&1) {
            Draft::Split {
                feature,
                question: Question::In(categories(tree, index, place)?),
                missing_yes: !default_left,
                yes: right,
                no: left,
            }
        } else {
            Draft::Split {
                feature,
                question: Question::Below(condition),
                missing_yes: default_left,
                yes: left,
                no: right,
            }
        });
    }
    Ok(drafts)
}

fn categories(tree: &Tree, node: usize, place: &str) -> Result<Vec<u64>, Error> {
    let wrong = || bad(LIBRARY, &format!("{place}.categories"), "they do not fit the nodes");
    let at = tree
        .categories_nodes
        .iter()
        .position(|other| usize::try_from(*other) == Ok(node))
        .ok_or_else(wrong)?;
    let number = |list: &[i64]| list.get(at).and_then(|value| usize::try_from(*value).ok()).ok_or_else(wrong);
    let (from, size) = (number(&tree.categories_segments)?, number(&tree.categories_sizes)?);
    let end = from.checked_add(size).ok_or_else(wrong)?;
    let mut bits: Vec<u64> = Vec::new();
    for category in tree.categories.get(from..end).ok_or_else(wrong)? {
        let category =
            usize::try_from(*category).ok().filter(|category| *category < 1 << 24).ok_or_else(wrong)?;
        if bits.len() <= category / 64 {
            bits.resize(category / 64 + 1, 0);
        }
        if let Some(word) = bits.get_mut(category / 64) {
            *word |= 1 << (category % 64);
        }
    }
    Ok(bits)
}
