//! Models of LightGBM, from its text files.

use std::collections::HashMap;

use super::bad;
use super::objective::{Classes, Link, label_and_probabilities, output_specs};
use crate::explain::shap;
use crate::forest::{Builder, Draft, Forest, Gather, Question};
use crate::{Data, ElementType, Error, Explanation, LIMITS, Tensor, TensorSpec};

const LIBRARY: &str = "LightGBM";

/// A loaded model of LightGBM.
#[derive(Debug)]
pub(crate) struct LightGbm {
    pub(crate) features: usize,
    pub(crate) feature_names: Vec<String>,
    /// The words of columns that were categories in pandas; their place is the number that the trees ask about.
    pub(crate) words: Vec<Option<Vec<String>>>,
    pub(crate) outputs: Vec<TensorSpec>,
    forest: Forest<f64>,
    groups: usize,
    factor: f64,
    link: Link,
    classes: Classes,
}

type Lines<'a> = HashMap<&'a str, &'a str>;

impl LightGbm {
    /// Whether these bytes look like a file of LightGBM.
    pub(crate) fn recognises(bytes: &[u8]) -> bool {
        bytes.starts_with(b"tree\n") || bytes.starts_with(b"tree\r\n")
    }

    pub(crate) fn load(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LIMITS.bytes {
            return Err(Error::TooLarge { what: "bytes", found: bytes.len(), most: LIMITS.bytes });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad(LIBRARY, "the file", "it is not UTF-8"))?;
        let (trees, tail) = text.split_once("end of trees").unwrap_or((text, ""));
        let mut parts = trees.split("\nTree=");
        let head = lines(parts.next().unwrap_or_default());
        let number = |key: &str| -> Result<usize, Error> {
            let value = head.get(key).ok_or_else(|| bad(LIBRARY, key, "it is missing"))?;
            value.trim().parse().map_err(|_| bad(LIBRARY, key, "it is no number"))
        };
        let features = number("max_feature_idx")?.saturating_add(1);
        let groups = number("num_tree_per_iteration")?;
        if groups == 0 || groups > LIMITS.outputs {
            return Err(Error::TooLarge { what: "outputs", found: groups, most: LIMITS.outputs });
        }
        let feature_names: Vec<String> = head
            .get("feature_names")
            .map(|names| names.split(' ').map(str::to_owned).collect())
            .unwrap_or_default();
        if feature_names.len() != features {
            return Err(bad(LIBRARY, "feature_names", "there is not one for each feature"));
        }
        let (link, classes) = link_of(head.get("objective").copied().unwrap_or("regression"), groups)?;
        let mut builder = Builder::new(features, groups)?;
        let mut count = 0usize;
        for part in parts {
            let place = format!("Tree={count}");
            let lines = lines(part);
            let drafts = drafts(&lines, count % groups, &place)?;
            builder.add(&drafts, 0, &place)?;
            let mut covers: Vec<f32> = numbers(&lines, "internal_count", &place)?;
            covers.extend(numbers::<f32>(&lines, "leaf_count", &place)?);
            if covers.len() == drafts.len() {
                builder.cover(&covers);
            } else if drafts.len() == 1 {
                builder.cover(&[1.0]);
            }
            count += 1;
        }
        if count == 0 {
            return Err(bad(LIBRARY, "the file", "it has no trees"));
        }
        let average = trees.lines().any(|line| line.trim() == "average_output");
        let infos: Vec<&str> =
            head.get("feature_infos").map(|infos| infos.split(' ').collect()).unwrap_or_default();
        Ok(Self {
            features,
            feature_names,
            words: words(tail, &infos, features),
            outputs: output_specs(classes, groups, ElementType::Float64, false),
            forest: builder.finish()?,
            groups,
            factor: if average { 1.0 / (count / groups).max(1) as f64 } else { 1.0 },
            link,
            classes,
        })
    }

    /// What it keeps in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.forest.bytes()
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
        let says_yes = |place: usize, row: &[f64]| self.forest.goes_yes(place, row);
        shap(self.forest.flat(group, self.factor), &says_yes, rows, background, self.features, 0.0)
    }

    /// How many sums there are.
    pub(crate) const fn groups(&self) -> usize {
        self.groups
    }

    /// Answers rows of as many numbers as there are features, where NaN is missing.
    pub(crate) fn run(&self, rows: &[f64]) -> Vec<Tensor> {
        let count = rows.len() / self.features.max(1);
        let mut sums = vec![0.0f64; count * self.groups];
        self.forest.gather(rows, self.features, Gather::Add, &mut sums);
        for row in sums.chunks_exact_mut(self.groups) {
            row.iter_mut().for_each(|sum| *sum *= self.factor);
            self.link.apply(row);
        }
        let rest = label_and_probabilities(self.classes, self.groups, &sums, false);
        let prediction = if self.groups > 1 {
            Tensor::matrix(count, self.groups, Data::Float64(sums))
        } else {
            Some(Tensor::vector(Data::Float64(sums)))
        };
        prediction.into_iter().chain(rest).collect()
    }
}

fn lines(part: &str) -> Lines<'_> {
    part.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect()
}

/// What an objective makes of sums; its parameters follow its name.
fn link_of(objective: &str, groups: usize) -> Result<(Link, Classes), Error> {
    let mut words = objective.split_whitespace();
    let name = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    let scale =
        rest.iter().find_map(|word| word.strip_prefix("sigmoid:")).and_then(|scale| scale.parse().ok());
    let scale: f64 = scale.unwrap_or(1.0);
    Ok(match name {
        "binary" => (Link::Logistic { scale }, Classes::Two),
        "cross_entropy" | "xentropy" => (Link::Logistic { scale: 1.0 }, Classes::None),
        "cross_entropy_lambda" | "xentlambda" => (Link::Softplus, Classes::None),
        "multiclass" | "softmax" if groups > 1 => (Link::Softmax, Classes::Many),
        "multiclassova" | "ova" if groups > 1 => (Link::Logistic { scale }, Classes::Many),
        "poisson" | "gamma" | "tweedie" => (Link::Exponential, Classes::None),
        "regression" | "regression_l2" if rest.contains(&"sqrt") => (Link::SignedSquare, Classes::None),
        "regression" | "regression_l1" | "regression_l2" | "huber" | "fair" | "quantile" | "mape"
        | "lambdarank" | "rank_xendcg" | "custom" | "none" => (Link::Identity, Classes::None),
        other => return Err(bad(LIBRARY, "objective", format!("the objective `{other}` is not known"))),
    })
}

/// Numbers separated by spaces.
fn numbers<T: std::str::FromStr>(lines: &Lines<'_>, key: &str, place: &str) -> Result<Vec<T>, Error> {
    let text = lines.get(key).copied().unwrap_or_default();
    let parsed: Option<Vec<T>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    parsed.ok_or_else(|| bad(LIBRARY, &format!("{place}.{key}"), "it holds something that is no number"))
}

/// Inner nodes first, then the leaves.
fn drafts(lines: &Lines<'_>, group: usize, place: &str) -> Result<Vec<Draft<f64>>, Error> {
    let leaves: Vec<f64> = numbers(lines, "leaf_value", place)?;
    if numbers::<i64>(lines, "is_linear", place)?.first().is_some_and(|linear| *linear != 0) {
        return Err(bad(LIBRARY, place, "linear models in leaves (`linear_tree`) are not supported"));
    }
    let features: Vec<usize> = numbers(lines, "split_feature", place)?;
    let thresholds: Vec<f64> = numbers(lines, "threshold", place)?;
    let kinds: Vec<u32> = numbers(lines, "decision_type", place)?;
    let (left, right) =
        (numbers::<i64>(lines, "left_child", place)?, numbers::<i64>(lines, "right_child", place)?);
    let boundaries: Vec<usize> = numbers(lines, "cat_boundaries", place)?;
    let sets: Vec<u32> = numbers(lines, "cat_threshold", place)?;
    let inner = features.len();
    if leaves.len() != inner + 1 || [thresholds.len(), kinds.len(), left.len(), right.len()] != [inner; 4] {
        return Err(bad(LIBRARY, place, "its lists of nodes differ in length"));
    }
    // Leaves are counted from -1 downwards.
    let child = |number: i64| {
        let leaf =
            |number: i64| usize::try_from(!number).map_or(usize::MAX, |leaf| leaf.saturating_add(inner));
        usize::try_from(number).unwrap_or_else(|_| leaf(number))
    };
    let mut drafts: Vec<Draft<f64>> = Vec::with_capacity(inner + leaves.len());
    for ((((feature, threshold), kind), left), right) in
        features.iter().zip(&thresholds).zip(&kinds).zip(&left).zip(&right)
    {
        let (is_category, default_left, missing) = (kind & 1 != 0, kind & 2 != 0, kind >> 2 & 3);
        let (question, missing_yes) = if is_category {
            let wrong = || bad(LIBRARY, &format!("{place}.cat_threshold"), "it does not fit the nodes");
            let set = *threshold as usize;
            let (Some(from), Some(to)) = (boundaries.get(set), boundaries.get(set + 1)) else {
                return Err(wrong());
            };
            let words = sets.get(*from..*to).ok_or_else(wrong)?;
            let bits = words.chunks(2).map(|pair| match pair {
                [low, high] => u64::from(*high) << 32 | u64::from(*low),
                [low] => u64::from(*low),
                _ => 0,
            });
            // A missing category is in no set.
            (Question::In(bits.collect()), false)
        } else {
            match missing {
                // Missing values count as zero.
                0 => (Question::AtMost(*threshold), 0.0 <= *threshold),
                1 => (Question::AtMostZeroMissing(*threshold), default_left),
                _ => (Question::AtMost(*threshold), default_left),
            }
        };
        drafts.push(Draft::Split {
            feature: *feature,
            question,
            missing_yes,
            yes: child(*left),
            no: child(*right),
        });
    }
    drafts.extend(leaves.iter().map(|leaf| Draft::Leaf(vec![(group, *leaf)])));
    // A tree of one leaf has no inner nodes, so that leaf is the first node and the root.
    Ok(drafts)
}

/// The words that pandas had for categories, by feature; they are listed for categorical columns only.
fn words(tail: &str, infos: &[&str], features: usize) -> Vec<Option<Vec<String>>> {
    let none = || vec![None; features];
    let listed = tail.lines().find_map(|line| line.trim().strip_prefix("pandas_categorical:"));
    let listed: Option<Vec<Vec<serde_json::Value>>> = listed.and_then(|text| serde_json::from_str(text).ok());
    let Some(listed) = listed.filter(|listed| !listed.is_empty()) else { return none() };
    let is_category = |info: &str| info != "none" && !info.starts_with('[');
    if infos.len() != features || infos.iter().filter(|info| is_category(info)).count() != listed.len() {
        return none();
    }
    let mut lists = listed.into_iter();
    infos
        .iter()
        .map(|info| {
            let list = is_category(info).then(|| lists.next()).flatten()?;
            // Numbers that were categories stay numbers only where they are their own places.
            Some(
                list.iter()
                    .map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned))
                    .collect(),
            )
        })
        .collect()
}
