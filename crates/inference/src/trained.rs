//! The models that Gingham trains itself.

use std::sync::Arc;

use crate::batch::{Batch, Input, Value};
use crate::columns::Columns;
use crate::engine::{About, Engine};
use crate::eval::{Compiled, Encoder};
use crate::{Data, ElementType, Error, Explanation, FeatureKind, ModelFile, Signature, Tensor, TensorSpec};

/// How many rows are encoded at a time: few enough to stay in the cache.
const BLOCK_ROWS: usize = 256;

/// Loads a model file. Whatever the bytes are, the answer is an engine whose every step is within
/// bounds, or an error that says what is wrong.
pub fn load(bytes: &[u8]) -> Result<Arc<TrainedModel>, Error> {
    engine_of(&ModelFile::from_bytes(bytes)?)
}

/// The engine of a model file that was read already.
pub fn engine_of(file: &ModelFile) -> Result<Arc<TrainedModel>, Error> {
    file.signature.check()?;
    let encoder = Encoder::new(&file.signature, &file.vocabularies)?;
    let body = Compiled::new(file, &encoder)?;
    let (mut about, columns) = told(&file.signature, body.name());
    about.bytes = body.bytes() as u64;
    Ok(Arc::new(TrainedModel { signature: file.signature.clone(), encoder, body, about, columns }))
}

/// How engines tell of such a model.
fn told(signature: &Signature, name: &str) -> (About, Columns) {
    let spec = |name: &str, kind: FeatureKind| {
        let element = match kind {
            FeatureKind::Number => ElementType::Float64,
            FeatureKind::Category => ElementType::Text,
        };
        TensorSpec::new(name, element, vec![None])
    };
    let about = About {
        inputs: signature.inputs.iter().map(|field| spec(&field.name, field.kind)).collect(),
        outputs: vec![spec(&signature.output.name, FeatureKind::Number)],
        ..About::built_in(name)
    };
    let mut columns = Columns::of(&about.inputs, None);
    for (column, field) in columns.fields.iter_mut().zip(&signature.inputs) {
        column.required = field.required;
    }
    (about, columns)
}

/// A loaded model of our own trainers.
///
/// The prediction of a row depends on that row alone, bit for bit, however it is batched.
#[derive(Debug)]
pub struct TrainedModel {
    signature: Signature,
    encoder: Encoder,
    body: Compiled,
    about: About,
    columns: Columns,
}

impl TrainedModel {
    /// What goes in and what comes out.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Predicts each row. Fails when the batch was made for another signature or when a
    /// prediction would not be finite; then there are no predictions at all.
    pub fn predict(&self, batch: &Batch) -> Result<Vec<f64>, Error> {
        let mut predictions = Vec::with_capacity(batch.rows());
        let mut block = Vec::new();
        let mut from = 0;
        while from < batch.rows() {
            let to = (from + BLOCK_ROWS).min(batch.rows());
            self.encoder.encode_block(&self.signature, batch, from, to, &mut block)?;
            self.body.rows(&block, self.signature.inputs.len(), &mut predictions);
            from = to;
        }
        match predictions.iter().position(|prediction| !prediction.is_finite()) {
            Some(row) => Err(Error::NotFiniteOutput { row }),
            None => Ok(predictions),
        }
    }

    /// Predicts one row, given in the order of the signature, without building a batch.
    pub fn predict_row(&self, row: &[Value<'_>]) -> Result<f64, Error> {
        let mut codes = Vec::new();
        self.encoder.encode_row(&self.signature, row, &mut codes)?;
        let prediction = self.body.row(&codes);
        if prediction.is_finite() { Ok(prediction) } else { Err(Error::NotFiniteOutput { row: 0 }) }
    }

    /// What kind of model it is, such as `trees`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.body.name()
    }

    /// Rows of numbers as the evaluator takes them.
    fn encoded(&self, columns: Vec<Input>) -> Result<Vec<f64>, Error> {
        let names = self.signature.inputs.iter().map(|field| field.name.clone());
        let batch = Batch::from_columns(&self.signature, names.zip(columns).collect())?;
        let mut block = Vec::new();
        self.encoder.encode_block(&self.signature, &batch, 0, batch.rows(), &mut block)?;
        Ok(block)
    }

    fn predict_columns(&self, columns: Vec<Input>) -> Result<Vec<Tensor>, Error> {
        let names = self.signature.inputs.iter().map(|field| field.name.clone());
        let batch = Batch::from_columns(&self.signature, names.zip(columns).collect())?;
        Ok(vec![Tensor::vector(Data::Float64(self.predict(&batch)?))])
    }
}

impl Engine for TrainedModel {
    fn about(&self) -> &About {
        &self.about
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn run_columns(&self, columns: Vec<Input>) -> Result<Vec<Tensor>, Error> {
        self.predict_columns(columns)
    }

    fn explain(
        &self,
        columns: Vec<Input>,
        background: Option<Vec<Input>>,
        _output: usize,
    ) -> Result<Explanation, Error> {
        let rows = self.encoded(columns)?;
        let background = background.map(|columns| self.encoded(columns)).transpose()?;
        self.body.explain(&rows, background.as_deref(), self.signature.inputs.len())
    }

    /// An empty text is a missing one.
    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        let inputs = self.about.fit(inputs)?;
        let column = |tensor: Tensor| match tensor.into_data() {
            Data::Text(texts) => {
                Input::Words(texts.into_iter().map(|text| (!text.is_empty()).then_some(text)).collect())
            }
            data => Input::Numbers(Tensor::vector(data).to_numbers()),
        };
        self.predict_columns(inputs.into_iter().map(column).collect())
    }
}
