//! What a training process and the one that started it say to each other.
//!
//! The parent writes one [`Job`] as JSON to the child's standard input; the child writes one
//! [`Message`] a line to its standard output, `Done` or `Error` last. A child that ends without
//! either has crashed. Lines that are no message are log lines.

use std::path::PathBuf;

use base::Digest;
use inference::{Batch, Importance, Input, Signature};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Progress, Task, train};

/// What to train, on which file, and where the model goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The trainer.
    pub trainer: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// Where chance comes from.
    #[serde(default)]
    pub seed: u64,
    /// The features, and the target as output.
    pub signature: Signature,
    /// The training rows in time order: a Parquet file with the features and the target.
    pub train_parquet: PathBuf,
    /// Where the model file is to be written.
    pub model_file: PathBuf,
}

/// What a training process says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The share that is done, from 0 to 1.
    Progress(f64),
    /// A figure at a step.
    Metric {
        /// Its name.
        key: String,
        /// Its value.
        value: f64,
        /// The step, counted from 1.
        step: u64,
    },
    /// The model file is there, whole.
    Done(Done),
    /// There is no model.
    Error(Problem),
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The hash of the model file.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// The rows that were learnt from.
    pub rows: u64,
    /// The parameters, defaults included.
    pub params: Map<String, Value>,
    /// Figures of the training.
    pub figures: std::collections::BTreeMap<String, f64>,
    /// How much each feature helped.
    pub importance: Vec<Importance>,
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// The stable word of the failure.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Job {
    /// Reads a job.
    pub fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::NotAJob { reason: error.to_string() })
    }
}

impl Message {
    /// The message in a line, if it is one.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// The line to write, without its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The last message of a training that failed.
    #[must_use]
    pub fn failed(failure: &dyn base::Failure) -> Self {
        Self::Error(Problem {
            code: failure.code().to_owned(),
            message: failure.to_string(),
            hint: failure.hint(),
        })
    }
}

/// Trains and gives the bytes of the model file with what to say about them; the caller writes
/// the bytes and then says [`Message::Done`]. `columns` are the features by name, rows in time
/// order, `target` a value a row. On the way, progress (each hundredth once) and metrics are
/// given to `emit`.
pub fn run_job(
    job: &Job,
    columns: Vec<(String, Input)>,
    target: &[f64],
    emit: &mut dyn FnMut(&Message),
) -> Result<(Vec<u8>, Done), Error> {
    let batch = Batch::from_columns(&job.signature, columns)?;
    let task = Task { signature: &job.signature, batch: &batch, target, params: &job.params, seed: job.seed };
    let model = train(&job.trainer, &task, &mut Telling { emit, hundredths: None })?;
    let bytes = model.to_bytes()?;
    let done = Done {
        digest: Digest::of(&bytes),
        bytes: bytes.len() as u64,
        rows: model.trained.rows,
        params: model.trained.params,
        figures: model.trained.figures,
        importance: model.trained.importance,
    };
    Ok((bytes, done))
}

struct Telling<'a> {
    emit: &'a mut dyn FnMut(&Message),
    hundredths: Option<u32>,
}

impl Progress for Telling<'_> {
    fn progress(&mut self, share: f64) {
        let hundredths = (share.clamp(0.0, 1.0) * 100.0) as u32;
        if self.hundredths.is_none_or(|told| hundredths > told) {
            self.hundredths = Some(hundredths);
            (self.emit)(&Message::Progress(f64::from(hundredths) / 100.0));
        }
    }

    fn metric(&mut self, key: &str, value: f64, step: u64) {
        if value.is_finite() {
            (self.emit)(&Message::Metric { key: key.to_owned(), value, step });
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Failure;
    use inference::{Field, load};
    use serde_json::json;

    use super::*;

    fn job() -> Job {
        let text = json!({
            "trainer": "gradient_boosting",
            "params": {"trees": 30},
            "seed": 1,
            "signature": Signature { inputs: vec![Field::number("x")], output: Field::number("y") },
            "train_parquet": "train.parquet",
            "model_file": "model.json",
        });
        Job::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn messages_are_lines_of_json() {
        let check = |message: &Message, line: &str| {
            assert_eq!(message.to_line(), line);
            assert_eq!(Message::parse(line).as_ref(), Some(message));
        };
        check(&Message::Progress(0.4), r#"{"progress":0.4}"#);
        check(
            &Message::Metric { key: "validation_mae".to_owned(), value: 1.5, step: 3 },
            r#"{"metric":{"key":"validation_mae","value":1.5,"step":3}}"#,
        );
        check(
            &Message::failed(&Job::parse("{").unwrap_err()),
            r#"{"error":{"code":"training_job_invalid","message":"this is no training job: EOF while parsing an object at line 1 column 1"}}"#,
        );
        assert_eq!(Message::parse("warming up"), None);
    }

    #[test]
    fn a_job_yields_a_model_and_tells_each_hundredth_once() {
        let x: Vec<f64> = (0..300).map(f64::from).collect();
        let target: Vec<f64> = x.iter().map(|x| if *x > 99.0 { 1.0 } else { 0.0 }).collect();
        let mut shares = Vec::new();
        let columns = vec![("x".to_owned(), Input::Numbers(x))];
        let (bytes, done) = run_job(&job(), columns, &target, &mut |message| {
            if let Message::Progress(share) = message {
                shares.push(*share);
            }
        })
        .unwrap();
        assert_eq!(done.digest, Digest::of(&bytes));
        assert!(load(&bytes).is_ok());
        assert!(shares.windows(2).all(|pair| pair[0] < pair[1]) && shares.len() > 10, "{shares:?}");
        assert_eq!(shares.last(), Some(&1.0));
        assert!(matches!(Message::parse(&Message::Done(done).to_line()), Some(Message::Done(_))));
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let error = run_job(&job(), vec![("z".to_owned(), Input::Numbers(vec![1.0]))], &[1.0], &mut |_| ());
        assert_eq!(error.unwrap_err().code(), "field_unknown");
    }
}
