//! What a trainer is asked to do, and the way in.

use std::fmt;

use inference::{Batch, ModelFile, Signature};
use serde_json::{Map, Value};

use crate::{Error, Param, boosting, linear, seasonal_naive};

/// The fewest rows that any trainer takes.
const LEAST_ROWS: usize = 2;

/// Rows to learn from, in time order, the oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// What goes in and what is to be predicted.
    pub signature: &'a Signature,
    /// The features.
    pub batch: &'a Batch,
    /// What is to be predicted, a value a row; rows with NaN are left out.
    pub target: &'a [f64],
    /// The parameters of the trainer.
    pub params: &'a Map<String, Value>,
    /// Where chance comes from, if the trainer uses any.
    pub seed: u64,
}

/// Learns a model from rows.
///
/// The same task gives the same model, byte for byte.
pub trait Trainer: fmt::Debug + Send + Sync {
    /// The name by which it is asked for.
    fn name(&self) -> &'static str;

    /// The parameters it takes.
    fn params(&self) -> &'static [Param];

    /// Learns. Callers go through [`train`], which has checked and cleaned the rows.
    fn train(&self, task: &Task<'_>, progress: &mut dyn Progress) -> Result<ModelFile, Error>;
}

/// Hears how a training goes.
pub trait Progress {
    /// The share that is done, from 0 to 1; it never falls.
    fn progress(&mut self, share: f64);

    /// A figure of the training at some step, such as the error on held-out rows after a tree.
    fn metric(&mut self, key: &str, value: f64, step: u64);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn progress(&mut self, _share: f64) {}

    fn metric(&mut self, _key: &str, _value: f64, _step: u64) {}
}

/// All trainers there are.
#[must_use]
pub fn trainers() -> &'static [&'static dyn Trainer] {
    &[&seasonal_naive::SeasonalNaive, &linear::Linear, &boosting::GradientBoosting]
}

/// The trainer called `name`.
#[must_use]
pub fn trainer(name: &str) -> Option<&'static dyn Trainer> {
    trainers().iter().copied().find(|trainer| trainer.name() == name)
}

/// Trains with the trainer called `name`, leaving out rows without a target, and checks the model
/// as if it came from outside. The model carries the trainer, its parameters, the seed and the
/// number of rows.
pub fn train(name: &str, task: &Task<'_>, progress: &mut dyn Progress) -> Result<ModelFile, Error> {
    let Some(trainer) = trainer(name) else {
        let nearest = base::names::nearest(name, trainers().iter().map(|trainer| trainer.name()));
        let nearest = nearest.and_then(trainer_name);
        return Err(Error::UnknownTrainer { name: name.to_owned(), nearest });
    };
    task.signature.check()?;
    let target = || task.signature.output.name.clone();
    if task.target.len() != task.batch.rows() {
        return Err(Error::UnequalRows {
            target: target(),
            rows: task.batch.rows(),
            targets: task.target.len(),
        });
    }
    if let Some(row) = task.target.iter().position(|value| value.is_infinite()) {
        return Err(Error::InfiniteTarget { target: target(), row });
    }
    let usable: Vec<usize> =
        task.target.iter().enumerate().filter(|(_, value)| !value.is_nan()).map(|(row, _)| row).collect();
    if usable.len() < LEAST_ROWS {
        return Err(Error::TooFewRows { target: target(), found: usable.len(), least: LEAST_ROWS });
    }
    progress.progress(0.0);
    let mut model = if usable.len() == task.target.len() {
        trainer.train(task, progress)?
    } else {
        let batch = task.batch.take(&usable);
        let target: Vec<f64> = task.target.iter().copied().filter(|value| !value.is_nan()).collect();
        trainer.train(&Task { batch: &batch, target: &target, ..*task }, progress)?
    };
    model.trained.trainer = trainer.name().to_owned();
    model.trained.seed = task.seed;
    model.trained.rows = usable.len() as u64;
    model.check()?;
    progress.progress(1.0);
    Ok(model)
}

fn trainer_name(name: &str) -> Option<&'static str> {
    trainer(name).map(Trainer::name)
}

#[cfg(test)]
mod tests {
    use base::Failure;
    use inference::{Field, Input, engine_of};
    use serde_json::json;

    use super::*;

    fn check_error(trainer: &str, params: &Value, target: &[f64], expected: &str) {
        let signature =
            Signature { inputs: vec![Field::number("last_week")], output: Field::number("volume") };
        let column = Input::Numbers((0..target.len()).map(|row| row as f64).collect());
        let batch = Batch::from_columns(&signature, vec![("last_week".to_owned(), column)]).unwrap();
        let params = params.as_object().unwrap();
        let task = Task { signature: &signature, batch: &batch, target, params, seed: 0 };
        let error = train(trainer, &task, &mut Silent).unwrap_err();
        assert_eq!(format!("{error}; {}", error.hint().unwrap_or_default()), expected);
    }

    #[test]
    fn wrong_words_get_the_nearest_right_one() {
        let rows = [1.0, 2.0, 3.0];
        check_error(
            "gradient_bosting",
            &json!({}),
            &rows,
            "there is no trainer `gradient_bosting`; did you mean `gradient_boosting`?",
        );
        check_error(
            "zebra",
            &json!({}),
            &rows,
            "there is no trainer `zebra`; the trainers are seasonal_naive, linear, gradient_boosting",
        );
        check_error(
            "gradient_boosting",
            &json!({"leafs": 3}),
            &rows,
            "the trainer `gradient_boosting` has no parameter `leafs`; did you mean `leaves`?",
        );
        check_error(
            "gradient_boosting",
            &json!({"trees": "many"}),
            &rows,
            "the parameter `trees` of the trainer `gradient_boosting` must be a whole number from 1 to 10000, not `\"many\"`; ",
        );
        check_error(
            "seasonal_naive",
            &json!({"column": "lastweek"}),
            &rows,
            "the parameter `column` names the feature `lastweek`, which is no number among the features; did you mean `last_week`?",
        );
        check_error(
            "seasonal_naive",
            &json!({}),
            &rows,
            "the parameter `column` of the trainer `seasonal_naive` must be given, not `null`; ",
        );
    }

    #[test]
    fn there_must_be_rows_with_a_target() {
        check_error(
            "linear",
            &json!({}),
            &[1.0, f64::NAN, f64::NAN],
            "1 rows with a value of `volume` are too few: at least 2 are needed; ",
        );
        check_error(
            "linear",
            &json!({}),
            &[1.0, f64::INFINITY],
            "the target `volume` is infinite in row 1; ",
        );
    }

    #[test]
    fn rows_without_a_target_are_left_out() {
        let signature = Signature { inputs: vec![Field::number("x")], output: Field::number("y") };
        let numbers: Vec<f64> = (0..50).map(f64::from).collect();
        let target: Vec<f64> =
            numbers.iter().map(|x| if x % 5.0 == 0.0 { f64::NAN } else { 2.0 * x }).collect();
        let batch = Batch::from_columns(&signature, vec![("x".to_owned(), Input::Numbers(numbers))]).unwrap();
        for trainer in ["linear", "gradient_boosting"] {
            let params = Map::new();
            let task =
                Task { signature: &signature, batch: &batch, target: &target, params: &params, seed: 7 };
            let model = train(trainer, &task, &mut Silent).unwrap();
            assert_eq!((model.trained.rows, model.trained.seed), (40, 7));
            assert!(engine_of(&model).unwrap().predict(&batch).is_ok());
        }
    }
}
