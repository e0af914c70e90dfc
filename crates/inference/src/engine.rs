//! What every engine promises, and how a stored model becomes one.

use std::fmt;
use std::sync::Arc;

use crate::batch::{Batch, Value};
use crate::eval::{Compiled, Encoder};
use crate::{Error, ModelFile, Signature};

/// How many rows are encoded at a time: few enough to stay in the cache.
const BLOCK_ROWS: usize = 256;

/// A loaded model.
///
/// Engines hold no state between calls; calls from many threads do not disturb each other. The
/// prediction of a row depends on that row alone, bit for bit, however it is batched.
pub trait Engine: fmt::Debug + Send + Sync {
    /// What goes in and what comes out.
    fn signature(&self) -> &Signature;

    /// Predicts each row. Fails when the batch was made for another signature or when a
    /// prediction would not be finite; then there are no predictions at all.
    fn predict(&self, batch: &Batch) -> Result<Vec<f64>, Error>;

    /// Predicts one row, given in the order of the signature, without building a batch.
    fn predict_row(&self, row: &[Value<'_>]) -> Result<f64, Error>;

    /// What kind of engine it is, such as `trees`.
    fn name(&self) -> &'static str;
}

/// Loads a model file. Whatever the bytes are, the answer is an engine whose every step is within
/// bounds, or an error that says what is wrong.
pub fn load(bytes: &[u8]) -> Result<Arc<dyn Engine>, Error> {
    engine_of(&ModelFile::from_bytes(bytes)?)
}

/// The engine of a model file that was read already.
pub fn engine_of(file: &ModelFile) -> Result<Arc<dyn Engine>, Error> {
    file.signature.check()?;
    let encoder = Encoder::new(&file.signature, &file.vocabularies)?;
    let body = Compiled::new(file, &encoder)?;
    Ok(Arc::new(Native { signature: file.signature.clone(), encoder, body }))
}

/// Our own evaluator.
#[derive(Debug)]
struct Native {
    signature: Signature,
    encoder: Encoder,
    body: Compiled,
}

impl Engine for Native {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, batch: &Batch) -> Result<Vec<f64>, Error> {
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

    fn predict_row(&self, row: &[Value<'_>]) -> Result<f64, Error> {
        let mut codes = Vec::new();
        self.encoder.encode_row(&self.signature, row, &mut codes)?;
        let prediction = self.body.row(&codes);
        if prediction.is_finite() { Ok(prediction) } else { Err(Error::NotFiniteOutput { row: 0 }) }
    }

    fn name(&self) -> &'static str {
        self.body.name()
    }
}
