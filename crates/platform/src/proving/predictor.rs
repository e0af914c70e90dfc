//! Engines as checks of models take them.

use std::sync::Arc;

use checks::model::{InputKind, ModelInput, Predictor};
use inference::{ElementType, Engine, Input, Tensor};
use tables::{Table, Values};

/// A loaded engine.
pub(crate) struct EnginePredictor {
    engine: Arc<dyn Engine>,
    /// Rows are asked for one by one, in the way that serving hands them over.
    one_by_one: bool,
}

impl EnginePredictor {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, one_by_one: false }
    }

    /// The same model asked as requests ask it: each row alone, missing values as missing.
    pub(crate) fn as_served(&self) -> Self {
        Self { engine: Arc::clone(&self.engine), one_by_one: true }
    }

    pub(crate) fn inputs(&self) -> Vec<ModelInput> {
        inputs_of(self.engine.as_ref())
    }

    pub(crate) fn output(&self) -> &str {
        let about = self.engine.about();
        about.outputs.get(about.primary).map_or("prediction", |output| output.name.as_str())
    }

    /// What it keeps in memory, where the engine says so.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        Some(self.engine.about().bytes).filter(|bytes| *bytes > 0)
    }

    fn run(&self, rows: &Table) -> Result<Vec<f64>, String> {
        let columns = columns_for(self.engine.as_ref(), rows)?;
        let outputs = self.engine.run_columns(columns).map_err(|error| error.to_string())?;
        numbers(self.engine.as_ref(), &outputs, rows.row_count())
    }
}

impl Predictor for EnginePredictor {
    fn predict(&self, rows: &Table) -> Result<Vec<f64>, String> {
        if !self.one_by_one {
            return self.run(rows);
        }
        let mut all = Vec::with_capacity(rows.row_count());
        for row in 0..rows.row_count() {
            all.extend(self.run(&rows.slice(row, 1))?);
        }
        Ok(all)
    }
}

/// The columns of rows as an engine takes them; an error says in words what does not fit.
pub(crate) fn columns_for(engine: &dyn Engine, rows: &Table) -> Result<Vec<Input>, String> {
    let fields = engine.columns().fields.iter();
    fields.map(|field| column(rows, &field.name, field.element_type, field.required)).collect()
}

fn inputs_of(engine: &dyn Engine) -> Vec<ModelInput> {
    let kind = |element| if element == ElementType::Text { InputKind::Word } else { InputKind::Number };
    let fields = engine.columns().fields.iter();
    fields
        .map(|field| ModelInput {
            name: field.name.clone(),
            kind: kind(field.element_type),
            required: field.required,
        })
        .collect()
}

fn column(rows: &Table, name: &str, element: ElementType, required: bool) -> Result<Input, String> {
    let count = rows.row_count();
    if rows.schema().find(name).is_none() {
        return match (required, element) {
            (true, _) => Err(format!("the rows have no column `{name}`, which the model must have")),
            (false, ElementType::Text) => Ok(Input::Words(vec![None; count])),
            (false, _) => Ok(Input::Numbers(vec![f64::NAN; count])),
        };
    }
    let values = rows.column(name).map_err(|error| error.to_string())?;
    match (element, values) {
        (ElementType::Text, Values::Text(texts)) => Ok(Input::Words(texts)),
        (ElementType::Text, values) if values.all_missing() => Ok(Input::Words(vec![None; count])),
        (ElementType::Text, _) => Err(format!("column `{name}` holds no words, which the model takes")),
        (_, Values::Text(texts)) if texts.iter().all(Option::is_none) => {
            Ok(Input::Numbers(vec![f64::NAN; count]))
        }
        (_, Values::Text(_)) => Err(format!("column `{name}` holds words, the model takes numbers")),
        _ => {
            let numbers = rows.numbers(name).map_err(|error| error.to_string())?;
            Ok(Input::Numbers(numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect()))
        }
    }
}

/// One number a row: of a classifier the probability of its last class, of others the prediction.
fn numbers(engine: &dyn Engine, outputs: &[Tensor], rows: usize) -> Result<Vec<f64>, String> {
    let about = engine.about();
    let place = about.scores.unwrap_or(about.primary);
    let output = outputs.get(place).ok_or_else(|| "the model has no output".to_owned())?;
    let numbers = output.to_numbers();
    let width = numbers.len().checked_div(rows).unwrap_or(0);
    let last = |row: &[f64]| row.last().copied().unwrap_or(f64::NAN);
    Ok(if width > 1 { numbers.chunks_exact(width).map(last).collect() } else { numbers })
}
