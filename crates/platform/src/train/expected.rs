//! Rows of the evaluation with what the model answered: every engine that is to answer for the version replays them.

use inference::Batch;

use super::candidate::Trained;
use super::prepare::Prepared;
use crate::Error;
use crate::parity::{Elements, ExpectedRows, KEPT_ROWS, Named, kept};
use crate::rows::columns_of;

/// The same model gives the same numbers; what is left is for other machines' mathematics.
const TOLERANCE: f64 = 1e-9;

/// Some rows, spread over those that were judged by.
pub(super) fn rows(trained: &Trained, rows: &Prepared) -> Result<Option<ExpectedRows>, Error> {
    let signature = trained.engine.signature();
    let all = Batch::from_columns(signature, columns_of(signature, &rows.evaluation)?)?;
    if all.rows() == 0 {
        return Ok(None);
    }
    let step = all.rows().div_ceil(KEPT_ROWS).max(1);
    let places: Vec<usize> = (0..all.rows()).step_by(step).collect();
    let some = all.take(&places);
    let answers = trained.engine.predict(&some)?;
    let named = signature.inputs.iter().zip(some.inputs());
    Ok(Some(ExpectedRows {
        inputs: named
            .map(|(field, column)| Named { name: field.name.clone(), values: kept(column.clone()) })
            .collect(),
        outputs: vec![Named {
            name: signature.output.name.clone(),
            values: Elements::Numbers(answers.into_iter().map(Some).collect()),
        }],
        tolerance: TOLERANCE,
        source: "the evaluation".to_owned(),
    }))
}
