//! Asking an engine, within limits.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::deployment::Loaded;
use crate::engine::{
    Answer, Column, Cost, Engine, EngineFailure, FieldKind, InputField, Output, OutputKind, Values,
};
use crate::rows::Rows;

/// Requests with more rows than this are computed on a thread of their own.
const ROWS_IN_PLACE: usize = 256;

/// Asks the engine of a version. What may take long is computed on a thread of its own and given up after `at_most`;
/// the thread keeps the place until it ends, so that a model that hangs cannot take the server's threads.
pub(crate) async fn predict(
    loaded: &Arc<Loaded>,
    rows: &Arc<Rows>,
    place: &Arc<OwnedSemaphorePermit>,
    at_most: Option<Duration>,
) -> Result<Answer, EngineFailure> {
    if let Some(batcher) = &loaded.batcher {
        return within(at_most, batcher.answer(Arc::clone(rows), Arc::clone(place))).await;
    }
    if loaded.engine.cost() == Cost::Cheap && at_most.is_none() && rows.rows <= ROWS_IN_PLACE {
        return checked(&*loaded.engine, &rows.columns, rows.rows);
    }
    let (engine, rows, place) = (Arc::clone(&loaded.engine), Arc::clone(rows), Arc::clone(place));
    let thread = tokio::task::spawn_blocking(move || {
        let answer = checked(&*engine, &rows.columns, rows.rows);
        drop(place);
        answer
    });
    within(at_most, async {
        thread.await.unwrap_or_else(|_| Err(EngineFailure::internal("the engine broke down")))
    })
    .await
}

async fn within(
    at_most: Option<Duration>,
    work: impl Future<Output = Result<Answer, EngineFailure>>,
) -> Result<Answer, EngineFailure> {
    let Some(at_most) = at_most else { return work.await };
    match tokio::time::timeout(at_most, work).await {
        Ok(answer) => answer,
        Err(_) => Err(EngineFailure::too_slow(at_most.as_millis())),
    }
}

/// What an engine answers, or why that is no answer.
pub(crate) fn checked(engine: &dyn Engine, columns: &[Column], rows: usize) -> Result<Answer, EngineFailure> {
    let answer = std::panic::catch_unwind(AssertUnwindSafe(|| engine.answer(columns)))
        .unwrap_or_else(|_| Err(EngineFailure::internal("the engine broke down")))?;
    let predictions = &answer.predictions;
    if predictions.len() != rows {
        let message = format!("the engine gave {} predictions for {rows} rows", predictions.len());
        return Err(EngineFailure::internal(message));
    }
    let signature = engine.signature();
    let promised: Vec<&Output> = signature.shown.iter().chain(&signature.more_outputs).collect();
    let given: Vec<&Values> = answer.shown.iter().chain(&answer.more).collect();
    if given.len() != promised.len() {
        let message =
            format!("the engine gave {} further outputs instead of {}", given.len(), promised.len());
        return Err(EngineFailure::internal(message));
    }
    for (values, output) in given.into_iter().zip(promised) {
        let expected = rows.saturating_mul(output.width as usize);
        if values.len() != expected {
            let message = format!(
                "the engine gave {} elements of `{}` instead of {expected}",
                values.len(),
                output.name
            );
            return Err(EngineFailure::internal(message));
        }
    }
    // A label that is no number has none to be looked at.
    let words = signature.shown.as_ref().is_some_and(|output| output.kind == OutputKind::Word);
    match predictions.iter().position(|prediction| !prediction.is_finite()) {
        Some(row) if !words => {
            Err(EngineFailure::internal(format!("the prediction for row {row} is not a finite number")))
        }
        _ => Ok(answer),
    }
}

/// Lets an engine answer its warm-up rows; one made-up row when there are none.
pub(crate) fn warm_up(engine: &dyn Engine, rows: Option<&[Column]>) -> Result<(), EngineFailure> {
    let made_up = || {
        let column = |field: &InputField| match field.kind {
            FieldKind::Number => Column::Numbers(vec![0.0; field.width as usize]),
            FieldKind::Category => Column::Words(vec![Some(String::new())]),
        };
        engine.signature().inputs.iter().map(column).collect::<Vec<_>>()
    };
    let columns = rows.map_or_else(|| Cow::Owned(made_up()), Cow::Borrowed);
    let first = engine.signature().inputs.first().map_or(1, |field| field.width.max(1) as usize);
    let rows = columns.first().map_or(0, |column| column.len() / first);
    checked(engine, &columns, rows).map(drop)
}
