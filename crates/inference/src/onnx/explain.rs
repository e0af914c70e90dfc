//! What the inputs of a graph add to the sum of the trees in it.
//!
//! Scikit-learn's, XGBoost's and LightGBM's models become one tree operator, often behind steps that prepare its columns:
//! casts, scaling, one-hot codes, columns put together. While the graph is computed, it is noted for each column of each
//! value which input it was made from. What the columns of the trees add is then what those inputs add: the parts of one
//! input (its one-hot columns) are added up, so that everything still adds up to the sum of the trees.

use std::collections::HashMap;
use std::sync::Arc;

use super::ops::Ensemble;
use super::plan::{Inputs, Moment, Place, Step};
use super::{OnnxModel, Problem};
use crate::{Error, Explanation, Tensor};

/// Operators that make each column of their result from the same column of what goes in.
const COLUMN_BY_COLUMN: [&str; 40] = [
    "Identity",
    "Dropout",
    "Cast",
    "CastLike",
    "Scaler",
    "Imputer",
    "Binarizer",
    "LabelEncoder",
    "CategoryMapper",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Mod",
    "Max",
    "Min",
    "Pow",
    "Abs",
    "Neg",
    "Exp",
    "Log",
    "Sqrt",
    "Floor",
    "Ceil",
    "Round",
    "Reciprocal",
    "Relu",
    "Sigmoid",
    "Tanh",
    "Sign",
    "Clip",
    "IsNaN",
    "Not",
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "Where",
    "And",
];

/// Which input a column was made from; nothing when it is the same for every row.
type Sources = Vec<Option<usize>>;

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    /// Each of its columns comes from one input at most.
    Columns(Sources),
    /// That cannot be told, because of this step.
    Mixed(String),
}

/// The rows as they reach the trees.
struct Reached {
    rows: Vec<f64>,
    width: usize,
    sources: Sources,
    answers: Vec<Tensor>,
}

fn refused(reason: String) -> Error {
    Error::NotExplainable { reason }
}

impl OnnxModel {
    /// What each input column adds to a sum of the trees, for each row; the columns of all inputs in their order.
    ///
    /// # Errors
    /// [`Error::NotExplainable`] when the graph is no sum of trees over columns that each come from one input.
    pub(crate) fn explain(
        &self,
        rows: Vec<Tensor>,
        background: Option<Vec<Tensor>>,
        output: usize,
    ) -> Result<Explanation, Error> {
        let planted: Vec<&Arc<Ensemble>> =
            self.plan.steps.iter().filter_map(|step| step.trees.as_ref()).collect();
        let [trees] = planted.as_slice() else {
            return Err(refused(match planted.len() {
                0 => "there are no trees in it".to_owned(),
                many => format!("it has {many} ensembles of trees, whose sums become one another's inputs"),
            }));
        };
        let columns = rows.iter().map(width_of).sum();
        let reached = self.reach(rows)?;
        let background = background.map(|rows| self.reach(rows)).transpose()?;
        let background = background.as_ref().map(|reached| reached.rows.as_slice());
        let Reached { rows, width, sources, answers } = reached;
        let mut explained = trees.explain(&rows, background, width, output, &answers)?;
        for added in &mut explained.contributions {
            let mut whole = vec![0.0; columns];
            for (part, source) in added.iter().zip(&sources) {
                match source.and_then(|source| whole.get_mut(source)) {
                    Some(slot) => *slot += part,
                    // A column that is the same for every row adds to what is expected, if to anything.
                    None if part.abs() > f64::EPSILON => {
                        return Err(refused(
                            "a column that no input makes adds to the prediction".to_owned(),
                        ));
                    }
                    None => {}
                }
            }
            *added = whole;
        }
        Ok(explained)
    }

    /// Computes the graph and keeps what reaches the trees, and where it comes from.
    fn reach(&self, given: Vec<Tensor>) -> Result<Reached, Error> {
        let count = given.first().map_or(0, row_count);
        let mut origins: HashMap<usize, Origin> = HashMap::new();
        let mut first = 0;
        for (slot, tensor) in self.plan.inputs.iter().zip(&given) {
            let width = width_of(tensor);
            origins.insert(*slot, Origin::Columns((first..first + width).map(Some).collect()));
            first += width;
        }
        let mut reached: Option<(Vec<f64>, usize, Origin)> = None;
        let mut answers = Vec::new();
        let mut known: Vec<Option<Origin>> = Vec::new();
        let mut picked: Option<Vec<i64>> = None;
        let watched = self.plan.run_watched(given, &mut |step, moment| {
            match moment {
                Moment::Before(inputs) => {
                    known = origins_of(step, &origins);
                    picked = picked_by(step, inputs)?;
                    if step.trees.is_some() {
                        let matrix = inputs.get(0)?;
                        let origin = known.first().cloned().flatten();
                        let origin = origin.unwrap_or(Origin::Columns(Vec::new()));
                        reached = Some((matrix.to_numbers(), width_of(matrix), origin));
                    }
                }
                Moment::After(made) => {
                    if step.trees.is_some() {
                        answers = made.to_vec();
                    }
                    for (tensor, slot) in made.iter().zip(&step.outputs) {
                        if let Some(slot) = slot {
                            origins.insert(*slot, follow(step, &known, picked.as_deref(), tensor, count));
                        }
                    }
                }
            }
            Ok(())
        });
        watched.map_err(|(node, Problem(reason))| Error::NotComputed { node, reason })?;
        match reached {
            None => Err(refused("nothing reaches its trees".to_owned())),
            Some((_, _, Origin::Mixed(step))) => {
                Err(refused(format!("step {step} mixes inputs before they reach the trees")))
            }
            Some((rows, width, Origin::Columns(sources))) if sources.len() == width => {
                Ok(Reached { rows, width, sources, answers })
            }
            Some(_) => Err(refused("the columns that reach its trees cannot be told apart".to_owned())),
        }
    }
}

fn row_count(tensor: &Tensor) -> usize {
    tensor.shape().lengths().first().copied().unwrap_or(1)
}

/// How many elements a row has.
fn width_of(tensor: &Tensor) -> usize {
    tensor.data().len().checked_div(row_count(tensor)).unwrap_or(0)
}

/// What is known of what goes into a step; nothing of constants.
fn origins_of(step: &Step, origins: &HashMap<usize, Origin>) -> Vec<Option<Origin>> {
    let known = |place: &Option<Place>| match place {
        Some(Place::Slot { slot, .. }) => origins.get(slot).cloned(),
        _ => None,
    };
    step.inputs.iter().map(known).collect()
}

/// The columns that a step picks by constant numbers.
fn picked_by(step: &Step, inputs: &Inputs<'_>) -> Result<Option<Vec<i64>>, Problem> {
    let constant = matches!(step.inputs.get(1), Some(Some(Place::Constant(_))));
    let along_columns =
        step.op_type == "ArrayFeatureExtractor" || (step.op_type == "Gather" && matches!(step.axis, 1 | -1));
    if constant && along_columns { inputs.whole_numbers(1) } else { Ok(None) }
}

/// Where the columns of a result come from.
fn follow(
    step: &Step,
    known: &[Option<Origin>],
    picked: Option<&[i64]>,
    made: &Tensor,
    count: usize,
) -> Origin {
    let mixed = || Origin::Mixed(step.name.clone());
    let mut parts: Vec<&Sources> = Vec::with_capacity(known.len());
    for origin in known.iter().flatten() {
        match origin {
            Origin::Columns(sources) => parts.push(sources),
            Origin::Mixed(step) => return Origin::Mixed(step.clone()),
        }
    }
    if row_count(made) != count {
        return mixed();
    }
    let width = width_of(made);
    let first = parts.first().copied();
    let found = match step.op_type.as_str() {
        name if COLUMN_BY_COLUMN.contains(&name) => united(&parts, width),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => first.cloned(),
        "FeatureVectorizer" => Some(parts.into_iter().flatten().copied().collect()),
        "Concat" if matches!(step.axis, 1 | -1) && parts.len() == known.len() => {
            Some(parts.into_iter().flatten().copied().collect())
        }
        // Each column becomes as many as there are words.
        "OneHotEncoder" => first.filter(|sources| !sources.is_empty()).map(|sources| {
            let words = width / sources.len();
            sources.iter().flat_map(|source| std::iter::repeat_n(*source, words)).collect()
        }),
        "ArrayFeatureExtractor" | "Gather" => first.zip(picked).and_then(|(sources, picked)| {
            let pick = |at: &i64| usize::try_from(*at).ok().and_then(|at| sources.get(at).copied());
            picked.iter().map(pick).collect()
        }),
        _ => None,
    };
    found.filter(|sources| sources.len() == width).map_or_else(mixed, Origin::Columns)
}

/// The sources of columns that are computed column by column; nothing when two inputs meet in one.
fn united(parts: &[&Sources], width: usize) -> Option<Sources> {
    (0..width)
        .map(|column| {
            let mut one = None;
            for sources in parts {
                let source = match sources.len() {
                    1 => sources.first(),
                    length if length == width => sources.get(column),
                    _ => None,
                };
                match (one, *source?) {
                    (_, None) => {}
                    (None, found) => one = found,
                    (Some(known), Some(found)) if known == found => {}
                    _ => return None,
                }
            }
            Some(one)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_united_only_when_they_come_from_one_input() {
        let (first, second): (Sources, Sources) = (vec![Some(0), Some(1)], vec![Some(0)]);
        assert_eq!(united(&[&first], 2), Some(first.clone()));
        assert_eq!(united(&[&first, &first], 2), Some(first.clone()));
        assert_eq!(united(&[&first, &second], 2), None, "the second column would come from both");
        assert_eq!(united(&[&vec![None, Some(1)], &second], 2), None);
        assert_eq!(united(&[&vec![None], &second], 1), Some(vec![Some(0)]));
    }
}
