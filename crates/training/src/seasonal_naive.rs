//! The baseline that every model has to beat: the same value as a season ago.

use std::collections::BTreeMap;

use inference::{Body, FORMAT, Fallback, FeatureKind, Input, ModelFile, SeasonalMean, Trained, round_short};

use crate::params::Params;
use crate::{Error, Param, Progress, Task, Trainer};

/// The most values of the fallback feature that get a mean of their own.
const MOST_MEANS: usize = 10_000;

/// Predicts the value of one feature, such as the volume a week before. Where it is missing it
/// predicts the training mean of the rows with the same `fallback` feature, or else of all rows.
#[derive(Debug)]
pub(crate) struct SeasonalNaive;

const PARAMS: &[Param] = &[
    Param { name: "column", meaning: "the feature whose value is the prediction; must be given" },
    Param {
        name: "fallback",
        meaning: "where the column is missing, the mean of the rows with this feature alike is predicted \
                  (default: `hour`, if there is such a number)",
    },
];

impl Trainer for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal_naive"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn train(&self, task: &Task<'_>, _progress: &mut dyn Progress) -> Result<ModelFile, Error> {
        let mut params = Params::new(self.name(), PARAMS, task.params)?;
        let column = params.required_word("column")?;
        numbers_of(task, "column", &column)?;
        params.settle("column", &column);
        let is_number = |name: &str| {
            task.signature.inputs.iter().any(|field| field.name == name && field.kind == FeatureKind::Number)
        };
        let fallback = match params.word("fallback")? {
            Some(name) => Some(name),
            None => Some("hour".to_owned()).filter(|name| is_number(name)),
        };
        let fallback = match fallback {
            None => None,
            Some(name) => {
                let means = means_by(numbers_of(task, "fallback", &name)?, task.target);
                params.settle("fallback", &name);
                Some(Fallback { column: name, means })
            }
        };
        let mean = round_short(task.target.iter().sum::<f64>() / task.target.len().max(1) as f64);
        Ok(ModelFile {
            format: FORMAT,
            signature: task.signature.clone(),
            vocabularies: BTreeMap::new(),
            body: Body::SeasonalNaive { column, fallback, mean },
            trained: Trained { params: params.into_used(), ..Trained::default() },
        })
    }
}

fn numbers_of<'a>(task: &Task<'a>, param: &'static str, name: &str) -> Result<&'a [f64], Error> {
    let position = task.signature.position(name);
    match position.and_then(|position| task.batch.inputs().get(position)) {
        Some(Input::Numbers(values)) => Ok(values),
        _ => Err(Error::NoSuchFeature {
            name: param,
            feature: name.to_owned(),
            nearest: task.signature.nearest(name).map(str::to_owned),
        }),
    }
}

fn means_by(values: &[f64], target: &[f64]) -> Vec<SeasonalMean> {
    let mut rows: Vec<(f64, f64)> =
        values.iter().copied().zip(target.iter().copied()).filter(|(value, _)| !value.is_nan()).collect();
    // -0 and 0 are one value here, as they are for a reader of the file.
    for (value, _) in &mut rows {
        *value += 0.0;
    }
    rows.sort_by(|left, right| left.0.total_cmp(&right.0));
    rows.chunk_by(|left, right| left.0 == right.0)
        .filter_map(|alike| {
            let (value, _) = alike.first()?;
            let mean = alike.iter().map(|(_, target)| target).sum::<f64>() / alike.len() as f64;
            Some(SeasonalMean { value: *value, mean: round_short(mean) })
        })
        .take(MOST_MEANS)
        .collect()
}
